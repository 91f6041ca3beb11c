"""Packets to measure with: hashes of their own numbers, so the same on every machine.

Three shapes, about 99 % VXLAN and 1 % other UDP, TCP and ARP:

    imix    Ethernet outside; inner frames of 64, 594 and 1514 bytes as 7 : 4 : 1
    mtu     Linux cooked v2 (SLL2, 276) outside; inner frames of 1514 bytes
    flood   Ethernet outside; inner frames of 64 bytes

The inner packets are IPv4 with TCP or UDP, both directions of 384 flows in six VNIs. Lengths and IPv4 header
checksums are right, TCP and UDP checksums are 0. Every value is a hash of the packet's number, so a smaller
file is a prefix of a larger one, and neither numpy's version nor the size of a chunk changes a byte.
"""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
U64 = NDArray[np.uint64]

SEED = 0x7678746170
GOLDEN = 0x9E3779B97F4A7C15
CHUNK = 16384  # packets made at a time
START = 1_760_000_000  # the first packet's time; the others follow every four microseconds
FLOWS = 384
VNIS = 6
POOL = 65536  # bytes that payloads are cut from

RECORD = 16
ETHERNET, SLL2 = 1, 276
TCP, UDP = 6, 17

#: shape -> outer link type, inner sizes, how many in twelve packets have each size
SHAPES: dict[str, tuple[int, tuple[int, ...], tuple[int, ...]]] = {
    "imix": (ETHERNET, (64, 594, 1514), (7, 4, 1)),
    "mtu": (SLL2, (1514,), (12,)),
    "flood": (ETHERNET, (64,), (12,)),
}


#: what is known of every VXLAN packet, and what every reader of fields has to find
FIELDS = np.dtype(
    [("ts", "<u8"), ("vni", "<u4"), ("src", "<u4"), ("dst", "<u4"), ("proto", "u1"), ("sport", "<u2"), ("dport", "<u2")]
)


#: a predicate, as vxtap's `where` takes it, that about one packet in a hundred fulfils: what eight of the clients send
FEW = "src in 10.90.0.0/29"


def few(fields: NDArray[np.void]) -> NDArray[np.bool_]:
    """Which rows of `FIELDS` fulfil `FEW`."""
    return fields["src"] & np.uint32(0xFFFFFFF8) == 0x0A5A0000


@dataclass(frozen=True, slots=True)
class Chunk:
    records: list[bytes]  # record headers included
    inner: bytes
    fields: NDArray[np.void]


def bits(lane: int, first: int, count: int) -> U64:
    """64 hashed bits for each of the numbers first, first + 1, ...: splitmix64, one lane for each use."""
    seed = (SEED + lane * 0xD1342543DE82EF95) % 2**64
    word = np.arange(first + 1, first + 1 + count, dtype=np.uint64) * np.uint64(GOLDEN) + np.uint64(seed)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


def draw(lane: int, first: int, count: int, below: int) -> U64:
    return (bits(lane, first, count) >> np.uint64(16)) % np.uint64(below)


def put(rows: U8, at: int, width: int, values: U64, order: str = ">") -> None:
    """Store one integer of `width` bytes in every row, big-endian unless told otherwise."""
    octets = values.astype(f"{order}u8").view(np.uint8).reshape(-1, 8)
    rows[:, at : at + width] = octets[:, 8 - width :] if order == ">" else octets[:, :width]


def put_ip_checksum(rows: U8, at: int) -> None:
    words = np.ascontiguousarray(rows[:, at : at + 20]).view(">u2")
    total = words.sum(axis=1, dtype=np.uint64)
    for _ in range(2):
        total = (total & np.uint64(0xFFFF)) + (total >> np.uint64(16))
    put(rows, at + 10, 2, np.uint64(0xFFFF) - total)


def ipv4(length: int, proto: int, ttl: int) -> bytes:
    return struct.pack(">BBHHHBBH8x", 0x45, 0, length, 0, 0x4000, ttl, proto, 0)


def udp(sport: int, dport: int, length: int) -> bytes:
    return struct.pack(">HHHH", sport, dport, length, 0)


def tcp(sport: int, dport: int) -> bytes:
    return struct.pack(">HHIIBBHHH", sport, dport, 0, 0, 0x50, 0x10, 64240, 0, 0)


def link(linktype: int, ethertype: int) -> bytes:
    if linktype == SLL2:
        return struct.pack(">HHIHBB8s", ethertype, 0, 2, 1, 0, 6, b"\x02\x00\x0a\x50\x00\x04")
    return b"\x02\x00\x0a\x50\x01\x04\x02\x00\x0a\x50\x00\x04" + struct.pack(">H", ethertype)


def record(frame: bytes) -> U8:
    """A record with the time still missing, as a row to copy."""
    return np.frombuffer(struct.pack("<8xII", len(frame), len(frame)) + frame, np.uint8)


def vxlan_row(linktype: int, size: int, proto: int) -> U8:
    above = tcp(0, 0) if proto == TCP else udp(0, 0, size - 34)
    inner = (bytes(12) + b"\x08\x00" + ipv4(size - 14, proto, 62) + above).ljust(size, b"\0")
    outer = ipv4(36 + size, UDP, 64) + udp(0, 4789, 16 + size) + b"\x08" + bytes(7)
    return record(link(linktype, 0x0800) + outer + inner)


def other_rows(linktype: int) -> list[U8]:
    """A DNS query, a TCP segment and an ARP request of the collector itself."""
    query = b"\x12\x34\x01\x00\x00\x01" + bytes(6) + b"\x05vxtap\x04test\x00\x00\x01\x00\x01"
    arp = struct.pack(">HHBBH6sI6xI", 1, 0x0800, 6, 4, 1, b"\x02\x00\x0a\x50\x00\x04", 0x0A500004, 0x0A500104)
    ip = link(linktype, 0x0800)
    return [
        record(ip + ipv4(28 + len(query), UDP, 64) + udp(40000, 53, 8 + len(query)) + query),
        record(ip + ipv4(440, TCP, 64) + tcp(22, 50022) + bytes(400)),
        record(link(linktype, 0x0806) + arp + bytes(18 if linktype == ETHERNET else 0)),
    ]


class Maker:
    """The tables of one shape, and the packets made from them."""

    def __init__(self, shape: str) -> None:
        self.linktype, self.sizes, self.shares = SHAPES[shape]
        self.outer = RECORD + len(link(self.linktype, 0))  # where the outer IPv4 header starts in a record
        self.inner = self.outer + 36
        self.rows = [vxlan_row(self.linktype, size, proto) for size in self.sizes for proto in (TCP, UDP)]
        self.vxlan_kinds = len(self.rows)
        self.rows += other_rows(self.linktype)
        self.pool = bits(1, 0, POOL // 8).astype("<u8").view(np.uint8)
        flow = np.arange(FLOWS, dtype=np.uint64)
        self.flow_udp = draw(2, 0, FLOWS, 4) == 0
        self.flow_vni = (flow % np.uint64(VNIS)) * np.uint64(1111) + np.uint64(5001)
        self.flow_server = flow // np.uint64(16)

    def kinds(self, first: int, count: int, flow: U64) -> U64:
        """Which row each packet is made from."""
        pick = draw(3, first, count, 1200)
        size = np.repeat(np.arange(len(self.sizes), dtype=np.uint64), self.shares)[pick % np.uint64(12)]
        kind = size * np.uint64(2) + self.flow_udp[flow]
        return np.where(pick < 12, np.uint64(self.vxlan_kinds) + pick // np.uint64(4), kind)

    def fill(self, kind: int, number: U64, flow: U64, hashed: U64) -> list[bytes]:
        """The records of one kind, in order."""
        template = self.rows[kind]
        rows = np.empty((len(number), len(template)), np.uint8)
        rows[:] = template
        put(rows, 0, 4, np.uint64(START) + number // np.uint64(250_000), "<")
        put(rows, 4, 4, number % np.uint64(250_000) * np.uint64(4), "<")
        if kind < self.vxlan_kinds:
            self.fill_outer(rows, number, flow)
            self.fill_inner(rows, flow, hashed, tcp=kind % 2 == 0)
        elif self.outer + 28 < len(template) and template[self.outer] == 0x45:
            put(rows, self.outer + 12, 8, np.full(len(rows), 0x0A5000040A500104, np.uint64))
            put_ip_checksum(rows, self.outer)
        return rows.view(f"V{len(template)}").ravel().tolist()

    def fill_outer(self, rows: U8, number: U64, flow: U64) -> None:
        at = self.outer
        put(rows, at + 4, 2, number)
        put(rows, at + 12, 4, np.uint64(0x0A500010) + flow % np.uint64(VNIS))
        put(rows, at + 16, 4, np.full(len(rows), 0x0A500104, np.uint64))
        put_ip_checksum(rows, at)
        put(rows, at + 20, 2, np.uint64(49152) + flow)
        put(rows, at + 32, 3, self.flow_vni[flow])

    def ends(self, flow: U64, hashed: U64) -> tuple[U64, U64, U64, U64]:
        """Source, destination and their ports: half of the packets go back to the client."""
        client = np.uint64(0x0A5A0000) + flow
        server = np.uint64(0x0A5B0000) + self.flow_server[flow]
        high = np.uint64(32768) + flow * np.uint64(7)
        low = np.where(self.flow_udp[flow], np.uint64(4433), np.uint64(443))
        back = hashed & np.uint64(1) == 1
        source, target = np.where(back, server, client), np.where(back, client, server)
        return source, target, np.where(back, low, high), np.where(back, high, low)

    def fill_inner(self, rows: U8, flow: U64, hashed: U64, tcp: bool) -> None:
        at = self.inner
        source, target, sport, dport = self.ends(flow, hashed)
        local = np.uint64(0x020000000000)  # a host's MAC: locally administered, its address in the low bytes
        put(rows, at, 6, local + target)
        put(rows, at + 6, 6, local + source)
        put(rows, at + 18, 2, hashed >> np.uint64(48))
        put(rows, at + 26, 4, source)
        put(rows, at + 30, 4, target)
        put_ip_checksum(rows, at + 14)
        put(rows, at + 34, 2, sport)
        put(rows, at + 36, 2, dport)
        if tcp:
            put(rows, at + 38, 8, hashed * np.uint64(GOLDEN))
        payload = at + (54 if tcp else 42)
        width = rows.shape[1] - payload
        rows[:, payload:] = sliding_window_view(self.pool, width)[hashed % np.uint64(POOL - width)]

    def chunk(self, first: int, count: int, room: int | None) -> Chunk:
        """Packets first, first + 1, ...: `count` of them, or as many as fit into `room` bytes."""
        flow = draw(4, first, count, FLOWS)
        kinds = self.kinds(first, count, flow)
        if room is not None:
            lengths = np.array([len(row) for row in self.rows])[kinds]
            count = int(np.searchsorted(lengths.cumsum(), room, side="right"))
            flow, kinds = flow[:count], kinds[:count]
        number = np.arange(first, first + count, dtype=np.uint64)
        hashed = bits(5, first, count)
        parts = []
        for kind in range(len(self.rows)):
            mine = np.flatnonzero(kinds == kind)
            parts.append(iter(self.fill(kind, number[mine], flow[mine], hashed[mine])))
        order = kinds.tolist()
        records = [next(parts[kind]) for kind in order]
        tunnelled = kinds < self.vxlan_kinds
        inside = zip(records, order, strict=True)
        return Chunk(
            records,
            b"".join([record[self.inner :] for record, kind in inside if kind < self.vxlan_kinds]),
            self.fields(number[tunnelled], flow[tunnelled], hashed[:count][tunnelled]),
        )

    def fields(self, number: U64, flow: U64, hashed: U64) -> NDArray[np.void]:
        """What a reader has to find in these VXLAN packets."""
        found = np.empty(len(number), FIELDS)
        found["ts"] = np.uint64(START * 1_000_000) + number * np.uint64(4)
        found["vni"] = self.flow_vni[flow]
        found["proto"] = np.where(self.flow_udp[flow], UDP, TCP)
        found["src"], found["dst"], found["sport"], found["dport"] = self.ends(flow, hashed)
        return found
