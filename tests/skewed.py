"""Packets as several collectors with wrong clocks have them: connections made up, taps placed, sights spread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vxtap import clocks
from vxtap.layout import Projection

US, MS, SECOND, MINUTE, HOUR = 10**3, 10**6, 10**9, 60 * 10**9, 3600 * 10**9
START = 1_700_000_000 * SECOND
ROW = Projection(clocks.columns).dtype
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
CLIENT, SERVER = bytes(10) + b"\xff\xff\x0a\0\0\x01", bytes(10) + b"\xff\xff\x0a\0\0\x02"
FABRIC = bytes(10) + b"\xff\xff\x0a\x5a\x02\x11"

Clock = Callable[[int], int]  # what it shows too much, in nanoseconds, at a true time


@dataclass(frozen=True)
class Packet:
    """One, with the true time at which its sender sent it."""

    time: int
    forth: bool  # from client to server
    flags: int
    seq: int
    ack: int
    length: int = 0
    sport: int = 40000
    ip_id: int = 0
    proto: int = 6
    hosts: tuple[bytes, bytes] = (CLIENT, SERVER)


def connection(
    rng: np.random.Generator, start: int, sport: int, *, ways: tuple[int, int] = (50 * US, 50 * US), rounds: int = 3
) -> list[Packet]:
    """A handshake, requests and responses, the end. An answer comes when what it answers has passed, and its way took.

    `ways` are the least that the answers of the server and of the client take.
    """
    seqs = [int(one) for one in rng.integers(0, 1 << 32, 2)]
    acks = [0, 0]
    packets: list[Packet] = []
    now = start

    def send(forth: bool, flags: int, length: int = 0) -> None:
        nonlocal now
        me, other = (0, 1) if forth else (1, 0)
        now += ways[not forth] + int(rng.exponential(200 * US)) if packets else 0
        packets.append(Packet(now, forth, flags, seqs[me], acks[me], length, sport, int(rng.integers(1, 1 << 16))))
        seqs[me] = (seqs[me] + length + bool(flags & SYN) + bool(flags & FIN)) % (1 << 32)
        acks[other] = seqs[me]

    send(True, SYN)
    send(False, SYN | ACK)
    send(True, ACK)
    for _ in range(rounds):
        send(True, PSH | ACK, int(rng.integers(1, 1000)))
        send(False, PSH | ACK, int(rng.integers(1, 1000)))
    for forth in (True, False):
        send(forth, FIN | ACK)
    send(True, ACK)
    # As with ways of (out, back): what follows in the same direction waits as well, which only makes bounds wider.
    return packets


def traffic(seed: int, count: int, span: int, **how: Any) -> list[Packet]:
    """Connections spread over a time, one port each."""
    rng = np.random.default_rng(seed)
    starts = np.sort(rng.integers(0, span, count))
    return [one for k, at in enumerate(starts) for one in connection(rng, START + int(at), 1024 + k, **how)]


@dataclass(frozen=True)
class Sight:
    """A packet at a collector."""

    packet: Packet
    source: int
    later: int = 0  # than sent
    vni: int = 7
    outer: bytes = FABRIC
    ttl: int = 64


def by_direction(packets: Iterable[Packet], sources: int) -> Iterator[Sight]:
    """A balancer's work: each direction of each connection goes to some collector."""
    for one in packets:
        chosen = (one.sport * 2 + one.forth) * 2654435761
        yield Sight(one, (chosen >> 7) % sources)


def steady(offset: int, ppm: float = 0.0) -> Clock:
    """A clock that is off, and runs off."""
    return lambda time: offset + round((time - START) * ppm * 1e-6)


def rows(sights: Iterable[Sight], shows: list[Clock]) -> np.ndarray:
    """What the collectors recorded, in the order of the true times."""
    seen = sorted(sights, key=lambda one: one.packet.time + one.later)
    out = np.zeros(len(seen), ROW)
    for row, one in zip(out, seen, strict=True):
        packet, time = one.packet, one.packet.time + one.later
        row["ts"] = np.datetime64(time + shows[one.source](time), "ns")
        row["source"], row["vni"], row["ttl"], row["proto"] = one.source, one.vni, one.ttl, packet.proto
        row["outer_src"] = np.void(one.outer)
        src, dst = packet.hosts if packet.forth else packet.hosts[::-1]
        row["src"], row["dst"] = np.void(src), np.void(dst)
        ports = (packet.sport, 443) if packet.forth else (443, packet.sport)
        row["sport"], row["dport"] = ports
        row["flow"] = (packet.sport * 0x9E3779B97F4A7C15) % (1 << 64)
        row["tcp_flags"], row["tcp_seq"], row["tcp_ack"] = packet.flags, packet.seq, packet.ack
        row["payload_len"], row["ip_id"] = packet.length, packet.ip_id
    return out


def solved(table: np.ndarray, count: int, size: int = 1 << 16, **how: Any) -> clocks.Clocks:
    """Offsets from rows in batches, source by source as files are read."""
    evidence = clocks.Evidence(count, **how)
    for source in range(count):
        own = table[table["source"] == source]
        for start in range(0, len(own), size):
            evidence.take(own[start : start + size])
    return evidence.solve()


def truth(shows: list[Clock], source: int, root: int, time: int) -> int:
    """How far apart two clocks are."""
    return shows[source](time) - shows[root](time)


def without(packets: list[Packet], which: set[int]) -> list[Packet]:
    return [one for k, one in enumerate(packets) if k not in which]


def again(packet: Packet, later: int) -> Packet:
    """The same data sent again, as another packet."""
    return replace(packet, time=packet.time + later, ip_id=packet.ip_id + 1)


def check(found: clocks.Clocks, shows: list[Clock], time: int = START, near: int = 100 * US) -> None:
    """All is known, and the truth is in the interval and near its middle."""
    assert found.known
    assert found.unknown == []
    for one in found.offsets:
        assert one.relative_to == 0
        assert one.offset_ns is not None
        assert one.low_ns is not None
        assert one.high_ns is not None
        wanted = truth(shows, one.source, 0, time)
        assert one.low_ns <= wanted <= one.high_ns, str(one)
        assert abs(one.offset_ns - wanted) <= near, str(one)


def errors(table: np.ndarray, sights: list[Sight], found: clocks.Clocks, shows: list[Clock], source: int) -> np.ndarray:
    """How far corrected times are from true ones, beside what the clock of source 0 shows too much."""
    seen = sorted(one.packet.time + one.later for one in sights if one.source == source)
    corrected = found.correct(source, table["ts"][table["source"] == source]).view("i8")
    off: np.ndarray = corrected - np.array([time + shows[0](time) for time in seen])
    return off
