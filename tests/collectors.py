"""Traffic between two machines whose NICs are both tapped, as collectors record it; and what was really sent.

A and B talk, perhaps over a router. The tap of the sender sees a packet as it leaves, that of the receiver as it
arrives: later, with other MAC addresses, TTL, DSCP and checksums. Either tap may miss it. `World.sent` is the truth.

One thing is left out, since nobody can decide it from what the collectors hold: that of packets which are the same to
the last bit and near in time some were seen only here and others only there. Then two packets look just like two sights
of one. So of such a group one tap, chosen at random, misses none that anybody saw (`Traffic.groups`).
"""

from __future__ import annotations

import random
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import build
from build import ARP, ETHERNET, ICMP, ICMPV6, IP6_A, IP6_B, IP_A, IP_B, IPV4, IPV6, MICRO, NANO, SLL2, TCP, UDP
from build_fragments import fragments

Key = tuple[int, bytes]  # ethertype and the packet as it was sent: the same for packets that are the same
US, MS, SECOND = 10**3, 10**6, 10**9
START = 1_700_000_000 * SECOND
DELAY, JITTER = 200 * US, 10 * US
A, B, MIDDLE = "A", "B", "M"
OUTERS = {A: bytes([192, 0, 2, 1]), B: bytes([192, 0, 2, 2]), MIDDLE: bytes([192, 0, 2, 3])}
ROUTER = bytes.fromhex("0200000000ff")
SYN, ACK, PSH, FIN = 0x02, 0x10, 0x08, 0x01
MSS_OPTION = bytes.fromhex("020405b4")


class Sent(NamedTuple):
    """A packet that left one of the two machines."""

    ts: int
    ethertype: int
    packet: bytes  # without a link header
    to_b: bool

    @property
    def key(self) -> Key:
        return self.ethertype, self.packet


class Tap(NamedTuple):
    """A vantage point, or several where a balancer spreads its mirror: the end of it, and where the mirror goes."""

    end: str
    collectors: tuple[int, ...]
    vni: int = 7
    outer: bytes = b""  # the tunnel's source: that of the end, unless it is given
    snaplen: int = 262144
    clock: int = 0  # nanoseconds that its collector's clock is ahead


class Form(NamedTuple):
    """What kind of file a collector writes."""

    form: str = "pcap"
    linktype: int = ETHERNET
    nano: bool = False


class World(NamedTuple):
    """What the collectors hold, and what was sent of it."""

    sources: list[bytes]
    sent: list[Sent]
    keys: dict[tuple[bytes, int], Key]  # of an inner frame as it was captured, and its length on the wire
    sights: int

    def count(self) -> Counter[Key]:
        """How often each packet was sent."""
        return Counter(packet.key for packet in self.sent)


# ---------------------------------------------------------------- what is sent


class Traffic:
    """Conversations, each with a clock of its own, at random places in time."""

    def __init__(self, seed: int, *, ids: bool = True, v6: bool = False, span: int = 50 * MS) -> None:
        """`ids`: IP ids are counted, else all are 0."""
        self.random = random.Random(seed)
        self.ids, self.v6, self.span = ids, v6, span
        self.next_id = 1
        self.next_port = 40_000
        self.now = START
        self.sent: list[Sent] = []

    def begin(self) -> int:
        """Start a conversation: another port, another time."""
        self.now = START + self.random.randrange(self.span)
        self.next_port += 1
        return self.next_port

    def wait(self, at_least: int = 20 * US, at_most: int = 400 * US) -> None:
        self.now += self.random.randint(at_least, at_most)

    def send(self, packet: bytes, *, to_b: bool, ethertype: int = 0) -> bytes:
        ethertype = ethertype or (IPV6 if packet[0] >> 4 == 6 else IPV4)
        self.sent.append(Sent(self.now, ethertype, packet, to_b))
        self.wait()
        return packet

    def ip(self, payload: bytes, proto: int, *, to_b: bool) -> bytes:
        """An IP packet of its own."""
        if self.v6:
            return build.ipv6(payload, proto, src=IP6_A if to_b else IP6_B, dst=IP6_B if to_b else IP6_A)
        self.next_id += 1
        src, dst = (IP_A, IP_B) if to_b else (IP_B, IP_A)
        return build.ipv4(payload, proto, src=src, dst=dst, ident=self.next_id if self.ids else 0)

    def tcp(self, port: int, seq: int, ack: int, data: bytes = b"", *, to_b: bool = True, **how: Any) -> bytes:
        ends = {"sport": port, "dport": 443} if to_b else {"sport": 443, "dport": port}
        segment = build.tcp(data, seq=seq, ack=ack, **ends, **{"flags": ACK | PSH, **how})
        return self.send(self.ip(segment, TCP, to_b=to_b), to_b=to_b)

    def noise(self, size: int) -> bytes:
        return self.random.randbytes(size)

    def connection(self, segments: int = 6, *, again: int = 0, probes: int = 0, size: int = 1200) -> None:
        """A handshake and data; of the data some is sent again after `again`, and `probes` keep it alive."""
        port, mine, other = self.begin(), self.random.getrandbits(30), self.random.getrandbits(30)
        self.tcp(port, mine, 0, flags=SYN, options=MSS_OPTION)
        self.tcp(port, other, mine + 1, to_b=False, flags=SYN | ACK, options=MSS_OPTION)
        mine, other = mine + 1, other + 1
        self.tcp(port, mine, other, flags=ACK)
        for number in range(segments):
            data, to_b = self.noise(self.random.randint(1, size)), self.random.random() < 0.5
            seq, ack = (mine, other) if to_b else (other, mine)
            self.tcp(port, seq, ack, data, to_b=to_b)
            if again and number % 2 == 0:
                self.wait(again, again)
                self.tcp(port, seq, ack, data, to_b=to_b)
            mine, other = mine + len(data) * to_b, other + len(data) * (not to_b)
            self.tcp(port, other if to_b else mine, mine if to_b else other, to_b=not to_b, flags=ACK)
        for _ in range(probes):
            self.wait(300 * US, 900 * US)
            self.tcp(port, mine - 1, other, flags=ACK)
            self.tcp(port, other, mine, to_b=False, flags=ACK)

    def lookup(self, times: int = 1) -> None:
        """A DNS query, and its answer; resolvers ask the same again, and get the same again."""
        port = self.begin()
        question = self.noise(2) + b"\1\0\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1"
        for _ in range(times):
            self.send(self.ip(build.udp(question, port, 53), UDP, to_b=True), to_b=True)
        answer = question + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + self.noise(4)
        for _ in range(times):
            self.send(self.ip(build.udp(answer, 53, port), UDP, to_b=False), to_b=False)

    def ping(self, count: int = 4) -> None:
        self.begin()
        ident = self.random.getrandbits(16)
        proto, kinds = (ICMPV6, (128, 129)) if self.v6 else (ICMP, (8, 0))
        for number in range(count):
            for kind, to_b in zip(kinds, (True, False), strict=True):
                echo = build.icmp(self.noise(56), kind, rest=ident << 16 | number)
                self.send(self.ip(echo, proto, to_b=to_b), to_b=to_b)

    def arp(self, times: int = 2) -> None:
        """Asked again before the answer came."""
        self.begin()
        for _ in range(times):
            self.send(build.arp(IP_A, IP_B), to_b=True, ethertype=ARP)
        self.send(build.arp(IP_B, IP_A), to_b=False, ethertype=ARP)

    def fragmented(self) -> None:
        """A datagram that its sender had to cut."""
        port = self.begin()
        whole = self.ip(build.udp(self.noise(3000), port, 2049), UDP, to_b=True)
        for piece in fragments(whole, [1400, 1400], ident=self.random.getrandbits(16)):
            self.send(piece, to_b=True)

    def groups(self, reach: int) -> Iterator[list[Sent]]:
        """Packets that are the same and near each other; most are alone."""
        alike: dict[Key, list[Sent]] = {}
        for packet in sorted(self.sent, key=lambda packet: packet.ts):
            group = alike.setdefault(packet.key, [])
            if group and packet.ts - group[-1].ts > reach:
                yield group
                group = alike[packet.key] = []
            group.append(packet)
        yield from alike.values()


# ---------------------------------------------------------------- what a router does


def routed(packet: bytes) -> bytes:
    """One hop further: TTL, DSCP and ECN, and all checksums are others."""
    changed = bytearray(packet)
    if packet[0] >> 4 == 6:
        changed[:2] = struct.pack(">H", 0x6000 | 0x2B << 4)
        changed[7] -= 1
        proto, at = packet[6], 40
    else:
        changed[1], changed[8] = 0x2B, packet[8] - 1
        proto, at = packet[9], 20
        changed[10:12] = bytes(2)
        changed[10:12] = struct.pack(">H", build.checksum(bytes(changed[:20])))
        if struct.unpack_from(">H", packet, 6)[0] & 0x1FFF:
            return bytes(changed)  # behind a later fragment's header is data
    where = {TCP: 16, UDP: 6}.get(proto)
    if where is not None:
        changed[at + where : at + where + 2] = b"\xbe\xef"
    return bytes(changed)


def frame(packet: Sent, *, arrived: bool, hop: bool) -> bytes:
    """A packet with its Ethernet header, where it leaves or where it arrives."""
    macs = [build.MAC_A, build.MAC_B] if packet.to_b else [build.MAC_B, build.MAC_A]
    if packet.ethertype == ARP or not hop:
        return build.eth(packet.packet, packet.ethertype, src=macs[0], dst=macs[1])
    if not arrived:
        return build.eth(packet.packet, packet.ethertype, src=macs[0], dst=ROUTER)
    padded = build.eth(routed(packet.packet), packet.ethertype, src=ROUTER, dst=macs[1])
    return padded.ljust(60, b"\0")  # a router of metal sends no frame that is shorter


# ---------------------------------------------------------------- what is recorded


class Record(NamedTuple):
    """A mirrored frame as its collector got it."""

    ts: int
    outer: bytes
    snaplen: int


def mirrored(tap: Tap, inner: bytes, collector: int, port: int) -> bytes:
    """The frame in its tunnel."""
    tunnel = build.udp(build.vxlan(inner, tap.vni), sport=port)
    return build.eth(build.ipv4(tunnel, src=tap.outer or OUTERS[tap.end], dst=bytes([198, 51, 100, collector])))


def written(records: Sequence[Record], form: Form, disorder: int, rng: random.Random) -> bytes:
    """A collector's capture, a little out of order where it has several cores."""
    ordered = sorted(records, key=lambda record: record.ts + rng.randint(0, disorder))
    frames: list[build.Record] = []
    for record in ordered:
        whole = record.outer if form.linktype == ETHERNET else build.sll2(record.outer[14:])
        frames.append((record.ts, whole[: record.snaplen], len(whole)))
    if form.form == "pcap":
        return build.pcap(frames, form.linktype, magic=NANO if form.nano else MICRO)
    file = build.Pcapng().idb(form.linktype, tsresol=9 if form.nano else 6)
    for ts, data, *wirelen in frames:
        file.epb(data, build.ticks(ts, 9 if form.nano else 6), wirelen=wirelen[0])
    return bytes(file)


class Recording:
    """The taps and collectors while traffic passes them."""

    def __init__(self, taps: Sequence[Tap], forms: Sequence[Form], rng: random.Random, *, hop: bool) -> None:
        self.taps, self.forms, self.random, self.hop = taps, forms, rng, hop
        self.records: list[list[Record]] = [[] for _ in forms]
        self.keys: dict[tuple[bytes, int], Key] = {}

    def see(self, tap: Tap, packet: Sent) -> None:
        """A tap mirrors a packet, later where it arrives than where it leaves."""
        passed = {A: not packet.to_b, B: packet.to_b}.get(tap.end)
        delay = DELAY // 2 if passed is None else DELAY * passed
        ts = packet.ts + delay + tap.clock + self.random.randint(-JITTER, JITTER)
        inner = frame(packet, arrived=passed is not False, hop=self.hop)
        port = 49_152 + sum(packet.packet[-40:]) % 1000
        # A balancer keeps a conversation together: by addresses and ports, in both directions.
        collector = tap.collectors[sum(packet.packet[12:24]) % len(tap.collectors)]
        self.records[collector].append(Record(ts, mirrored(tap, inner, collector, port), tap.snaplen))
        outer = 56 if self.forms[collector].linktype == SLL2 else 50
        seen = (inner[: max(tap.snaplen - outer, 0)], len(inner))
        assert self.keys.setdefault(seen, packet.key) == packet.key, "two packets that look the same"


def record(
    traffic: Traffic,
    taps: Sequence[Tap],
    *,
    within: int = 2 * MS,
    loss: float = 0,
    hop: bool = False,
    disorder: int = 0,
    forms: Sequence[Form] = (Form(), Form()),
) -> World:
    """What the collectors hold of some traffic; `within` is how far apart packets have to be to be told apart."""
    recording = Recording(taps, forms, traffic.random, hop=hop)
    sent, sights = [], 0
    reach = within + 2 * (DELAY + JITTER + max(abs(tap.clock) for tap in taps))
    for group in traffic.groups(reach):
        whole = traffic.random.choice(taps)
        for packet in group:
            if traffic.random.random() < loss / 4:
                continue  # nobody saw it, so nobody can be asked for it
            sent.append(packet)
            for tap in taps:
                if tap is whole or traffic.random.random() >= loss:
                    recording.see(tap, packet)
                    sights += 1
    pairs = zip(recording.records, forms, strict=True)
    sources = [written(records, form, disorder, traffic.random) for records, form in pairs]
    return World(sources, sent, recording.keys, sights)
