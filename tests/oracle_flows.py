"""Conversations, as the oracle sees them: written from docs/flows.md, in plain Python, slow and obvious.

Sequence numbers are integers that do not wrap around here, and what was not seen is a list of intervals.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from talks import ACK, FIN, ICMP, ICMPV6, NAT, RST, SYN, TCP, address

Packet = dict[str, Any]
Interval = tuple[int, int]

REACH = 1 << 30
HOLES = 4
INNER_FRAGMENT = 16
ASKED = {
    ICMP: {8: 0, 10: 9, 13: 14, 15: 16, 17: 18},
    ICMPV6: {128: 129, 130: 131, 133: 134, 135: 136, 139: 140, 144: 145},
}
ANSWER = {proto: pairs | {b: a for a, b in pairs.items()} for proto, pairs in ASKED.items()}


def signed(number: int) -> int:
    """A difference of sequence numbers, -2^31 to 2^31 - 1."""
    number %= 1 << 32
    return number - (1 << 32) if number >= 1 << 31 else number


def without(intervals: list[Interval], start: int, end: int) -> list[Interval]:
    """The intervals, but for what lies within [start, end)."""
    found = []
    for a, b in intervals:
        found += [(a, min(b, start))] if a < start else []
        found += [(max(a, end), b)] if b > end else []
    return [(a, b) for a, b in found if a < b]


def size(intervals: list[Interval]) -> int:
    return sum(b - a for a, b in intervals)


@dataclass
class Stream:
    """What one end sent. Positions count from the first number on, and do not wrap around."""

    begun: bool = False
    zero: int = 0  # the number that has position 0
    low: int = 0
    next: int = 0
    unseen: list[Interval] = field(default_factory=list)
    given_up: int = 0
    retransmitted: int = 0

    @property
    def missing(self) -> int:
        return self.given_up + size(self.unseen)

    def number(self, position: int) -> int:
        return (self.zero + position) % (1 << 32)

    def distance(self, number: int) -> int:
        return signed(number - self.number(self.next))

    def stop(self) -> None:
        self.given_up += size(self.unseen)
        self.unseen = []
        self.begun = False

    def forget(self, low: int) -> None:
        """What lies before `low` is not looked at any more."""
        kept = without(self.unseen, -(1 << 80), low)
        self.given_up += size(self.unseen) - size(kept)
        self.unseen, self.low = kept, low

    def skip_to(self, position: int) -> None:
        last = self.unseen[-1] if self.unseen else (-1, -1)
        if last[1] == self.next:
            self.unseen[-1] = (last[0], position)
        else:
            self.unseen.append((self.next, position))
        self.next = position

    def limit(self) -> None:
        if len(self.unseen) > HOLES:
            self.forget(self.unseen[0][1])
        self.forget(max(self.low, self.next - REACH))

    def add(self, number: int, length: int, *, probe: bool = False) -> None:
        away = self.distance(number)
        if not self.begun or abs(away) > REACH:
            self.stop()
            self.begun, self.zero, self.low, self.next = True, number, 0, length
            return
        start = self.next + away
        if away > 0:
            self.skip_to(start)
            self.limit()
        known = max(start, self.low), min(start + length, self.next)
        if known[0] < known[1]:
            kept = without(self.unseen, *known)
            filled = size(self.unseen) - size(kept)
            self.unseen = kept
            self.retransmitted += 0 if probe else known[1] - known[0] - filled
        self.next = max(self.next, start + length)
        self.limit()

    def acked(self, number: int) -> None:
        away = self.distance(number)
        if self.begun and 0 < away <= REACH:
            self.skip_to(self.next + away)
            self.limit()


@dataclass
class Side:
    packets: int = 0
    bytes: int = 0
    payload: int = 0
    flags: int = 0
    stream: Stream = field(default_factory=Stream)


def is_whole(one: Packet) -> bool:
    return bool(
        one["payload"] and one["tcp_flags"] and not one["flags"] & INNER_FRAGMENT and one["payload_len"] < REACH
    )


def ends_of(one: Packet) -> tuple[tuple[bytes, int], tuple[bytes, int], bool]:
    """The two ends, the sender first, and whether an answer would belong to the same conversation."""
    sport, dport, answered = one["sport"], one["dport"], True
    fragment = one["flags"] & INNER_FRAGMENT and not sport and not dport
    if one["proto"] in ANSWER and not fragment:
        answered = sport in ANSWER[one["proto"]]
        dport = ANSWER[one["proto"]].get(sport, dport)
    return (address(one["src"]), sport), (address(one["dst"]), dport), answered


class Conversation:
    """One, after its first packet."""

    def __init__(self, one: Packet, *, continued: bool) -> None:
        self.src, self.dst, _ = ends_of(one)
        self.one, self.continued = one, continued
        self.sides = {self.src: Side(), self.dst: Side()}
        self.first = self.last = self.rtt = NAT
        self.touched = NAT
        self.tunnels: list[str] = []
        self.collectors = 0
        self.ways: set[str] = set()
        self.opened = False  # a SYN told who opened it
        self.syn: tuple[int, int] | None = None  # time, number that the answer has to acknowledge
        self.syn_ack: int | None = None

    def is_over(self, one: Packet) -> bool:
        """Whether this is a SYN of another connection."""
        if one["proto"] != TCP or not is_whole(one) or one["tcp_flags"] & (SYN | RST) != SYN:
            return False
        stream = self.sides[ends_of(one)[0]].stream
        return stream.begun and stream.number(stream.low) not in (one["tcp_seq"], (one["tcp_seq"] + 1) % (1 << 32))

    def add(self, one: Packet, now: int) -> None:
        sender, other, _ = ends_of(one)
        self.touched = now
        if one["ts"] != NAT:
            self.first = one["ts"] if self.first == NAT else min(self.first, one["ts"])
            self.last = max(self.last, one["ts"])
        if one["outer_src"] not in self.tunnels:
            self.tunnels.append(one["outer_src"])
        self.collectors |= 1 << min(one["source"], 63)
        self.ways |= {"egress"} if one["outer_src"] == one["src"] else set()
        self.ways |= {"ingress"} if one["outer_src"] == one["dst"] else set()
        side = self.sides[sender]
        side.packets += 1
        side.bytes += one["wirelen"]
        side.payload += one["payload_len"]
        if one["proto"] == TCP:
            self.add_segment(one, sender, other)

    def add_segment(self, one: Packet, sender: tuple[bytes, int], other: tuple[bytes, int]) -> None:
        flags, side = one["tcp_flags"], self.sides[sender]
        side.flags |= flags
        if not is_whole(one):
            side.stream.stop()
            return
        if flags & RST:
            return
        self.shake_hands(one, sender, other)
        number, length = one["tcp_seq"], one["payload_len"] + bool(flags & SYN) + bool(flags & FIN)
        stream = side.stream
        if flags & SYN and stream.begun and stream.number(stream.low - 1) == number:
            stream.low -= 1
            number, length = (number + 1) % (1 << 32), length - 1
        probe = one["payload_len"] <= 1 and not flags & (SYN | FIN) and stream.distance(number) == -1
        stream.add(number, length, probe=probe)
        if flags & ACK:
            self.sides[other].stream.acked(one["tcp_ack"])

    def shake_hands(self, one: Packet, sender: tuple[bytes, int], other: tuple[bytes, int]) -> None:
        syn, ack = one["tcp_flags"] & SYN, one["tcp_flags"] & ACK
        behind = (one["tcp_seq"] + 1) % (1 << 32)
        if syn and not self.opened:
            self.opened = True
            self.src, self.dst = (other, sender) if ack else (sender, other)
            self.syn = None if ack else (one["ts"], behind)
        elif self.syn and self.syn_ack is None:
            if syn and ack and sender != self.src and one["tcp_ack"] == self.syn[1]:
                self.syn_ack = behind
        elif self.syn and ack and not syn and sender == self.src and one["tcp_ack"] == self.syn_ack:
            if NAT not in (self.syn[0], one["ts"]) and one["ts"] >= self.syn[0]:
                self.rtt = one["ts"] - self.syn[0]
            self.syn = None

    def row(self, ended: int) -> dict[str, Any]:
        out, into = self.sides[self.src], self.sides[self.dst] if self.src != self.dst else Side()
        one_way = 0 if out.packets and into.packets else {("egress",): 1, ("ingress",): 2}.get(tuple(self.ways), 3)
        pairs = {
            "packets": (out.packets, into.packets),
            "bytes": (out.bytes, into.bytes),
            "payload": (out.payload, into.payload),
            "retransmitted": (out.stream.retransmitted, into.stream.retransmitted),
            "missing": (out.stream.missing, into.stream.missing),
            "tcp_flags": (out.flags, into.flags),
        }
        found = {
            f"{name}_{way}": value
            for name, both in pairs.items()
            for way, value in zip(("out", "in"), both, strict=True)
        }
        found |= {"first": self.first, "last": self.last, "rtt": self.rtt, "vni": self.one["vni"]}
        found |= {"src": self.src[0], "sport": self.src[1], "dst": self.dst[0], "dport": self.dst[1]}
        found |= {"proto": self.one["proto"], "tunnel_src": address(self.tunnels[0])}
        found |= {"tunnel_srcs": min(len(self.tunnels), 5), "collectors": self.collectors}
        return found | {"one_way": one_way, "continued": int(self.continued), "ended": ended}


class Table:
    """All of them: `rows` in the order in which they ended."""

    def __init__(self, idle: int, most: int) -> None:
        self.idle, self.most = idle, most
        self.open: OrderedDict[Any, Conversation] = OrderedDict()  # by silence, the longest first
        self.left: set[Any] = set()
        self.rows: list[dict[str, Any]] = []
        self.not_ip = 0
        self.now = NAT

    def end(self, key: Any, ended: int) -> None:
        if ended in (1, 2):
            self.left.add(key)
        self.rows.append(self.open.pop(key).row(ended))

    def end_idle(self) -> None:
        while self.open:
            key, oldest = next(iter(self.open.items()))
            if oldest.touched == NAT:
                oldest.touched = self.now
            if abs(self.now - oldest.touched) <= self.idle:
                return
            self.end(key, 1)

    def take(self, one: Packet) -> None:
        if not one["src"] and not one["dst"]:
            self.not_ip += 1
            return
        if one["ts"] != NAT:
            self.now = one["ts"]
            self.end_idle()
        a, b, answered = ends_of(one)
        key = (one["vni"], one["proto"], *(sorted((a, b)) if answered else (a, b, "alone")))
        new_connection = key in self.open and self.open[key].is_over(one)
        if new_connection:
            self.end(key, 3)
        if key not in self.open:
            if len(self.open) == self.most:
                self.end(next(iter(self.open)), 2)
            self.open[key] = Conversation(one, continued=key in self.left and not new_connection)
        self.open.move_to_end(key)
        self.open[key].add(one, self.now)

    def rest(self) -> None:
        while self.open:
            self.end(next(iter(self.open)), 0)


def flows(packets: list[Packet], idle: int, most: int) -> Table:
    """The table after all packets."""
    table = Table(idle, most)
    for one in packets:
        table.take(one)
    table.rest()
    return table
