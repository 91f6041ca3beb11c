"""Traffic of a machine, what its own capture and a mirror make of it, and what a comparison of the two has to find.

The reference is plain Python over single bytes and single packets; it knows the truth and needs no clocks.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import build

T0 = 1_700_000_000_000_000_000
US, MS = 1000, 1_000_000
HOST, PEER = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 9])
OTHERS = bytes([10, 7, 7, 7]), bytes([10, 7, 7, 8])
MSS = 20
GAP = 5 * MS  # around the times at which a capture begins or ends, nothing happens
SYN, ACK = 0x02, 0x10
Byte = tuple[int, bool, int, int]  # connection, direction, use of its ports, place in the stream


class Data(NamedTuple):
    """A range of a stream."""

    connection: int
    back: bool
    use: int
    place: int
    length: int

    def bytes(self) -> list[Byte]:
        return [(*self[:3], self.place + i) for i in range(self.length)]


@dataclass
class Sent:
    """Something on the wire."""

    ts: int
    packet: bytes
    data: Data | None = None
    pieces: list[tuple[bytes, Data | None]] = field(default_factory=list)  # as the mirror has it
    opens: bool = False  # a SYN: where all of them are lost, nobody can tell a second use of the same ports
    seen: bool = True  # in the source's own capture
    mirrored: list[bool] = field(default_factory=list)  # each piece


@dataclass
class Expected:
    """What the comparison has to find."""

    tcp: Counter[str] = field(default_factory=Counter)
    packets: Counter[str] = field(default_factory=Counter)
    missing: list[tuple[int, int]] = field(default_factory=list)  # (sequence number, length)


class Traffic:
    """A machine at work; all that is random comes from `rng`."""

    def __init__(self, rng: random.Random) -> None:
        """Nothing has been sent."""
        self.rng, self.now, self.ident, self.sent = rng, T0, 0, []  # type: ignore[var-annotated]
        self.isn: dict[tuple[int, bool, int], int] = {}
        self.uses: Counter[int] = Counter()
        self.ends: Counter[tuple[int, bool, int]] = Counter()

    def ip(self, payload: bytes, proto: int, *, back: bool = False, fresh: bool = True) -> bytes:
        """An IPv4 packet, with an identification of its own unless it is to be like others."""
        self.ident += fresh
        src, dst = (PEER, HOST) if back else (HOST, PEER)
        return build.eth(build.ipv4(payload, proto, src=src, dst=dst, ident=self.ident % 65536 if fresh else 0))

    def put(self, packet: bytes, **more: Any) -> None:
        self.now += self.rng.randrange(1, 300) * US
        self.sent.append(Sent(self.now, packet, **more))

    def datagram(self, *, alike: bool) -> None:
        """UDP; some are the very same as others."""
        text = b"again" if alike else self.rng.randbytes(8)
        back = self.rng.random() < 0.5
        self.put(self.ip(build.udp(text, 53, 1053), build.UDP, back=back, fresh=not alike))

    def segment(self, data: Data, flags: int = ACK) -> bytes:
        """A TCP packet, with the bytes that belong there."""
        connection, back, use, place, length = data
        ports = (1000 + connection, 443)
        seq = (self.isn[data[:3]] + 1 + place - (flags == SYN)) % 2**32
        text = bytes((place + i + use) % 251 for i in range(length))
        tcp = build.tcp(text, *(reversed(ports) if back else ports), seq=seq, flags=flags)
        return self.ip(tcp, build.TCP, back=back)

    def begin(self, connection: int, use: int) -> None:
        """Open a connection, both SYNs of which the source sees."""
        for back in (False, True):
            first = self.rng.choice([5, 2**31, 2**32 - 30, self.rng.randrange(2**32)])
            before = self.isn.get((connection, back, use - 1))
            self.isn[connection, back, use] = (first + (first == before)) % 2**32  # one of its own
            self.put(self.segment(Data(connection, back, use, 0, 0), SYN), opens=True)

    def send(self, data: Data) -> None:
        """A packet at the source, which the network card may divide."""
        whole = self.segment(data)
        step = MSS if self.rng.random() < 0.7 else data.length
        pieces = []
        for at in range(0, data.length, step):
            part = data._replace(place=data.place + at, length=min(step, data.length - at))
            pieces.append((whole if part == data else self.segment(part), part))
        self.put(whole, data=data, pieces=pieces)

    def acknowledge(self, connection: int, back: bool, use: int) -> None:
        self.put(self.segment(Data(connection, back, use, 0, 0)))

    def work(self, steps: int) -> None:
        """Do all of this for a while."""
        rng, uses, ends = self.rng, self.uses, self.ends
        for _ in range(steps):
            connection, back = rng.randrange(3), rng.random() < 0.5
            if connection not in uses or rng.random() < 0.03:
                self.now += GAP  # packets of the earlier use are gone by then
                uses[connection] += 1
                self.begin(connection, uses[connection])
                self.now += GAP
            key = (connection, back, uses[connection])
            what = rng.random()
            if what < 0.5:
                again = rng.randrange(ends[key] + 1) if rng.random() < 0.2 else ends[key]
                data = Data(*key, again, rng.randrange(1, 5 * MSS))
                ends[key] = max(ends[key], again + data.length)
                self.send(data)
            elif what < 0.7:
                self.acknowledge(*key)
            else:
                self.datagram(alike=what > 0.85)


def lose(traffic: Traffic, loss: float, own_loss: float) -> None:
    """Lose some of it in the mirror, and some in the source's capture; what opens a connection is seen there."""
    rng = traffic.rng
    for one in traffic.sent:
        one.pieces = one.pieces or [(one.packet, None)]
        one.mirrored = [rng.random() >= loss for _ in one.pieces]
        one.seen = one.opens or rng.random() >= own_loss


def captures(traffic: Traffic, skew: int, begin: int, end: int) -> tuple[bytes, bytes]:
    """The source's capture, and the mirror's from `begin` to `end`, whose clock is off by `skew`.

    Other machines' packets say that it was recording then.
    """
    rng = traffic.rng
    source = [(one.ts, one.packet) for one in traffic.sent if one.seen]
    others = build.eth(build.ipv4(build.udp(b"x", 1, 2), src=OTHERS[0], dst=OTHERS[1]))
    mirror = [(ts + skew, others) for ts in (begin, end)]
    for one in traffic.sent:
        delay = rng.randrange(20, 200) * US
        for (packet, _), there in zip(one.pieces, one.mirrored, strict=True):
            delay += rng.randrange(5) * US
            if there:
                mirror.append((one.ts + delay + skew, packet))
    outer = [
        (ts, build.sll2(build.ipv4(build.udp(build.vxlan(packet, 7)), src=bytes([10, 1, 1, 1]))))
        for ts, packet in sorted(mirror)
    ]
    return build.pcap(source, magic=build.NANO), build.pcap(outer, build.SLL2, magic=build.NANO)


def expected(traffic: Traffic, begin: int, end: int) -> Expected:
    """What has to be found, byte by byte and packet by packet."""
    sent, within, seen = Counter[Byte](), set[Byte](), Counter[Byte]()
    here, here_within, there = Counter[bytes](), Counter[bytes](), Counter[bytes]()
    for one in traffic.sent:
        inside = begin < one.ts < end
        if one.seen and one.data:
            sent.update(one.data.bytes())
            within.update(one.data.bytes() if inside else ())
        elif one.seen:
            here[one.packet] += 1
            here_within[one.packet] += inside
        for (packet, data), mirrored in zip(one.pieces, one.mirrored, strict=True):
            if mirrored and data:
                seen.update(data.bytes())
            elif mirrored:
                there[packet] += 1
    result = Expected()
    compared = within | set(seen)
    result.tcp["source_bytes"] = len(compared & set(sent))
    result.tcp["mirror_bytes"] = len(seen)
    lost = sorted(within - set(seen))
    result.tcp["missing_bytes"] = len(lost)
    result.tcp["only_mirror_bytes"] = len(set(seen) - set(sent))
    result.tcp["source_repeated"] = sum(sent[each] - 1 for each in compared & set(sent))
    result.tcp["mirror_repeated"] = sum(count - 1 for count in seen.values())
    for number, each in enumerate(lost):
        if not number or lost[number - 1] != (*each[:3], each[3] - 1):
            result.missing.append(((traffic.isn[each[:3]] + 1 + each[3]) % 2**32, 0))
        seq, length = result.missing[-1]
        result.missing[-1] = (seq, length + 1)
    result.packets["matched"] = sum((here_within & there).values())
    result.packets["only_source"] = sum((here_within - there).values())
    result.packets["only_mirror"] = sum((there - here_within).values())
    return result
