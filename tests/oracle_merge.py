"""The merging half of the oracle: several captures in one order of time, and which packets were seen twice.

Written from the rules alone, on the oracle's rows; slow on purpose: every sight is compared with every packet before
it. `naive` is the rule that everybody writes first, without vantage points, to show what it does to retransmissions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import oracle
import oracle_inner
from oracle_inner import ICMP, ICMPV6, IPV4, IPV6, SCTP, TCP, UDP, Row, View

Vantage = tuple[bytes, int, int]  # the tunnel's source, VNI, number of the source
CHECKSUMS = {TCP: 16, UDP: 6, SCTP: 8, ICMP: 2, ICMPV6: 2}


class Same(NamedTuple):
    """What two sights of one packet have in common."""

    identity: tuple[Any, ...]
    payload: bytes  # as far as it was captured


# ---------------------------------------------------------------- order


def rows_of(data: bytes, source: int = 0, **how: Any) -> list[Row]:
    """The decapsulated frames of a capture in the order in which they come."""
    rows = [row for row in oracle.decode(data, **how).rows if row["status"] == "decapsulated"]
    return [row | {"source": source} for row in sorted(rows, key=lambda row: row["comes"])]


def in_order(sources: Iterable[Sequence[Row]]) -> list[Row]:
    """By time; equal times by source, then by place in the source. Without a time: behind the frame before it."""
    keyed = []
    for source, rows in enumerate(sources):
        last = float("-inf")
        for place, row in enumerate(rows):
            last = last if row["ts"] is None else row["ts"]
            keyed.append(((last, source, place), row))
    return [row for _, row in sorted(keyed, key=lambda pair: pair[0])]


def late(times: Iterable[int | None]) -> int:
    """How many frames were written although a later one had been written before."""
    found, latest = 0, float("-inf")
    for ts in times:
        if ts is not None:
            found += ts < latest
            latest = max(latest, ts)
    return found


# ---------------------------------------------------------------- what a packet is known by


def same(row: Row) -> Same:
    """Addresses, protocol, IP id, the L4 header without its checksum, payload length; then the payload's bytes."""
    frame = View(row["inner"], 0, row["wirelen"])
    if "INNER_RAW" in row["flags"]:
        ethertype, packet = row["ethertype"], frame
    else:
        ethertype, packet = oracle_inner.inner_ethernet(frame, {"flags": set(), "ethertype": 0})
    if row["src"] == bytes(16) == row["dst"]:
        return Same((ethertype, packet.wire), packet.raw(0, packet.left))
    piece, proto, header = l4_header(ethertype, packet, row)
    start = row["payload"]
    payload = row["inner"][start : start + row["payload_len"]]
    return Same((row["src"], row["dst"], proto, row["ip_id"], piece, header, row["payload_len"]), payload)


def l4_header(ethertype: int, packet: View, row: Row) -> tuple[Any, int, bytes]:
    """Which piece of a datagram it is, the protocol, and the L4 header with zeros for the checksum."""
    if ethertype == IPV4:
        fragment = packet.number(6, 2) & 0x3FFF
        piece = (fragment & 0x1FFF) * 8, bool(fragment & 0x2000)
        behind = packet.skip((packet.number(0, 1) & 15) * 4)
    else:
        assert ethertype == IPV6
        chain = oracle_inner.extensions(packet.number(6, 1), oracle_inner.ipv6_payload(packet))
        piece = (chain.piece.offset, chain.piece.more) if chain.piece else (0, False)
        behind = chain.view
    header = bytearray(row["inner"][behind.pos : row["payload"]])
    at = CHECKSUMS.get(row["proto"])
    if at is not None and len(header) >= at + 2:
        header[at : at + 2] = bytes(2)
    return piece, row["proto"], bytes(header)


def alike(one: bytes, other: bytes) -> bool:
    """Whether two payloads are the same as far as both were captured."""
    both = min(len(one), len(other))
    return one[:both] == other[:both]


def vantage(row: Row) -> Vantage:
    """Where a sight was taken."""
    return row["outer_src"], row["vni"], row["source"]


# ---------------------------------------------------------------- duplicates


@dataclass
class Instance:
    """A packet that was kept, and who has seen it."""

    ts: int
    payloads: list[bytes]  # of all its sights: two that equal a cut one may differ from each other
    first: Vantage
    seen: set[Vantage] = field(default_factory=set)


class Merged(NamedTuple):
    """What is written, and what is told of it."""

    kept: list[Row]
    dropped: list[Row]
    delays: dict[tuple[Vantage, Vantage], list[int]]  # of the first sight's vantage point and the other's


def dedup(rows: Iterable[Row], within: int) -> Merged:
    """The rule: a sight belongs to the earliest packet within reach that its vantage point has not seen yet."""
    known: dict[Any, list[Instance]] = {}
    merged = Merged([], [], {})
    for row in rows:
        if row["ts"] is None:  # nobody can say when: it is nobody's duplicate
            merged.kept.append(row)
            continue
        looks, mine = same(row), vantage(row)
        instances = known.setdefault(looks.identity, [])
        for one in instances:
            near = abs(row["ts"] - one.ts) <= within
            if near and mine not in one.seen and all(alike(looks.payload, payload) for payload in one.payloads):
                one.seen.add(mine)
                one.payloads.append(looks.payload)
                merged.dropped.append(row)
                merged.delays.setdefault((one.first, mine), []).append(row["ts"] - one.ts)
                break
        else:
            instances.append(Instance(row["ts"], [looks.payload], mine, {mine}))
            merged.kept.append(row)
    return merged


def naive(rows: Iterable[Row], within: int) -> list[Row]:
    """What is kept by a rule that ignores vantage points: the same again within the window is a duplicate."""
    known: dict[Any, list[tuple[int, bytes]]] = {}
    kept = []
    for row in rows:
        looks = same(row)
        before = known.setdefault(looks.identity, [])
        if row["ts"] is None:
            kept.append(row)
        elif not any(abs(row["ts"] - ts) <= within and alike(looks.payload, payload) for ts, payload in before):
            before.append((row["ts"], looks.payload))
            kept.append(row)
    return kept


def pairs(merged: Merged) -> Counter[tuple[Vantage, Vantage]]:
    """How many duplicates each pair of vantage points had."""
    return Counter({pair: len(delays) for pair, delays in merged.delays.items()})
