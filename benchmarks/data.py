"""Captures to measure with: the same bytes on every machine, made fast and in little memory.

    python benchmarks/data.py imix --packets 1000000 -o imix.pcap

Three shapes, all classic pcap, little-endian, microseconds, about 99 % VXLAN and 1 % other UDP, TCP and ARP:

    imix    Ethernet outside; inner frames of 64, 594 and 1514 bytes as 7 : 4 : 1
    mtu     Linux cooked v2 (SLL2, 276) outside; inner frames of 1514 bytes
    flood   Ethernet outside; inner frames of 64 bytes

The inner packets are IPv4 with TCP or UDP, both directions of 384 flows in six VNIs. Lengths and IPv4 header
checksums are right, TCP and UDP checksums are 0. Every value is a hash of the packet's number, so a smaller
file is a prefix of a larger one, and neither numpy's version nor the size of a chunk changes a byte.
"""

import argparse
import hashlib
import json
import mmap
import os
import struct
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

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

#: (shape, packets) -> sha256 of the file; `write` refuses to leave anything else
PINNED: dict[tuple[str, int], str] = {
    ("imix", 50_000): "968e96687eb4ed0b88134841020ef71f68d1f3be83c8afdd02543a7390ebd2b1",
    ("imix", 200_000): "41ea0fa5fccd9719c1d2dc8e057d601cd3e1f5bb48e55ac37bb2832a34c588b2",
    ("imix", 1_000_000): "733d302cf015fdc66f62c0f840f6fb0629f618343398cdef7e2c4432b64eb07e",
    ("imix", 3_000_000): "fe09beda167997d52116fd791f76f6976d065f8fbbd3a55421e3c43de733a131",
    ("mtu", 50_000): "4275674c31bd2c29d9937a2113a8dc4ae8936902ae6964b50565b589342f7d93",
    ("mtu", 250_000): "56b452ec4107a836db382c8d81786097af791bfd02fe7e2ad667d0f1c70e0f33",
    ("flood", 200_000): "af3cf7f6bc50d5b8a1872ef30b03da4bed115d8a6deb2ac5b1a05aaee64faa91",
    ("flood", 1_000_000): "c6b79a84556eecd53e138b3c68cdc27a2e8f6d0fae994ac79d708204eaee60b8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is in a generated file, known from making it."""

    shape: str
    packets: int
    bytes: int
    sha256: str
    decapsulated: int  # the VXLAN packets among them
    inner_bytes: int
    inner_sha256: str  # of the inner frames, one after the other
    clock: int  # sum of the VXLAN packets' times, in microseconds
    vni_sum: int


@dataclass(frozen=True, slots=True)
class Chunk:
    records: list[bytes]  # record headers included
    inner: bytes
    decapsulated: int
    clock: int
    vni_sum: int


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

    def fill_inner(self, rows: U8, flow: U64, hashed: U64, tcp: bool) -> None:
        at = self.inner
        client = np.uint64(0x0A5A0000) + flow
        server = np.uint64(0x0A5B0000) + self.flow_server[flow]
        ports = np.uint64(32768) + flow * np.uint64(7), np.full(len(rows), 443 if tcp else 4433, np.uint64)
        back = hashed & np.uint64(1) == 1
        source, target = np.where(back, server, client), np.where(back, client, server)
        local = np.uint64(0x020000000000)  # a host's MAC: locally administered, its address in the low bytes
        put(rows, at, 6, local + target)
        put(rows, at + 6, 6, local + source)
        put(rows, at + 18, 2, hashed >> np.uint64(48))
        put(rows, at + 26, 4, source)
        put(rows, at + 30, 4, target)
        put_ip_checksum(rows, at + 14)
        put(rows, at + 34, 2, np.where(back, ports[1], ports[0]))
        put(rows, at + 36, 2, np.where(back, ports[0], ports[1]))
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
            int(tunnelled.sum()),
            int((number[tunnelled] * np.uint64(4)).sum()) + int(tunnelled.sum()) * START * 1_000_000,
            int(self.flow_vni[flow[tunnelled]].sum()),
        )


def write(shape: str, target: Path, *, packets: int | None = None, size: int | None = None) -> Facts:
    """Make a file of `packets` packets, or of what fits into `size` bytes; its facts go beside it as JSON."""
    maker = Maker(shape)
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, maker.linktype)
    file_hash, inner_hash = hashlib.sha256(header), hashlib.sha256()
    total, made, tunnelled, inner, clock, vnis = len(header), 0, 0, 0, 0, 0
    part = target.with_name(target.name + ".part")
    with part.open("wb", buffering=0) as out:
        out.write(header)
        while packets is None or made < packets:
            wanted = CHUNK if packets is None else min(CHUNK, packets - made)
            chunk = maker.chunk(made, wanted, None if size is None else size - total)
            block = b"".join(chunk.records)
            if out.write(block) != len(block):
                raise OSError(f"{target}: no space left")
            file_hash.update(block)
            inner_hash.update(chunk.inner)
            total, made = total + len(block), made + len(chunk.records)
            tunnelled, inner = tunnelled + chunk.decapsulated, inner + len(chunk.inner)
            clock, vnis = clock + chunk.clock, vnis + chunk.vni_sum
            if len(chunk.records) < wanted:
                break
        os.fsync(out.fileno())  # so that no write-back disturbs what is measured next
    facts = Facts(
        shape=shape,
        packets=made,
        bytes=total,
        sha256=file_hash.hexdigest(),
        decapsulated=tunnelled,
        inner_bytes=inner,
        inner_sha256=inner_hash.hexdigest(),
        clock=clock,
        vni_sum=vnis,
    )
    pinned = PINNED.get((shape, made), facts.sha256)
    if facts.sha256 != pinned:
        part.unlink()
        raise AssertionError(f"{shape} {made}: sha256 {facts.sha256}, expected {pinned}")
    sidecar(target).write_text(json.dumps(asdict(facts), indent=1) + "\n")
    part.replace(target)
    return facts


def sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def facts_of(path: Path) -> Facts:
    """The facts that `write` left beside a file."""
    return Facts(**json.loads(sidecar(path).read_text()))


def ensure(shape: str, *, packets: int, folder: Path | None = None) -> Path:
    """A file of this shape and size, made only if it is not there yet."""
    folder = folder or Path(tempfile.gettempdir()) / "vxtap-benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{shape}-{packets}.pcap"
    if path.exists() and sidecar(path).exists():
        facts = facts_of(path)
        if path.stat().st_size == facts.bytes and PINNED.get((shape, packets), facts.sha256) == facts.sha256:
            return path
    write(shape, path, packets=packets)
    return path


def inner_of(path: Path) -> tuple[int, int, str, int]:
    """Read an inner capture with `struct` alone: frames, bytes, their sha256, sum of times in µs."""
    frames = octets = clock = 0
    hashed = hashlib.sha256()
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw,
        memoryview(raw) as view,
    ):
        magic, linktype = struct.unpack_from("<I16xI", view)
        if magic != 0xA1B2C3D4 or linktype != ETHERNET:
            raise AssertionError(f"{path.name}: magic {magic:#x}, link type {linktype}")
        at, end, unpack = 24, len(view), struct.Struct("<IIII").unpack_from
        while at < end:
            seconds, micros, caplen, wirelen = unpack(view, at)
            if caplen != wirelen or at + RECORD + caplen > end:
                raise AssertionError(f"{path.name}: frame {frames + 1}: {caplen} bytes of {wirelen}")
            hashed.update(view[at + RECORD : at + RECORD + caplen])
            at += RECORD + caplen
            frames, octets, clock = frames + 1, octets + caplen, clock + seconds * 1_000_000 + micros
    return frames, octets, hashed.hexdigest(), clock


def check_inner(path: Path, facts: Facts) -> None:
    """Raise unless `path` holds exactly the inner frames, in order and with their times."""
    found = inner_of(path)
    expected = (facts.decapsulated, facts.inner_bytes, facts.inner_sha256, facts.clock)
    if found != expected:
        raise AssertionError(f"{path.name}: frames, bytes, sha256, clock are {found}, expected {expected}")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Make a capture to measure with.")
    parser.add_argument("shape", choices=SHAPES)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--packets", type=int, default=None, help="default: 1000000")
    size.add_argument("--bytes", type=int, default=None, help="as many packets as fit into this many bytes")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    packets = 1_000_000 if options.packets is None and options.bytes is None else options.packets
    facts = write(options.shape, options.output, packets=packets, size=options.bytes)
    print(json.dumps(asdict(facts), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
