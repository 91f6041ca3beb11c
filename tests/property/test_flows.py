"""Conversations beside the oracle's, on traffic in which everything happens that can."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import oracle_flows
import vxtap
from strategies_packets import Draw
from talks import ACK, FIN, ICMP, ICMPV6, RST, SECOND, SYN, UDP, A, B, C, packet, plain, rows_of
from vxtap.conversations import FlowTable

HOSTS = (A, B, C, "2001:db8::1")
TUNNELS = ("192.0.2.1", "192.0.2.2", A, B, "192.0.2.5", "192.0.2.6", "2001:db8::9")
STEPS = st.sampled_from([0, 0.000001, 0.001, 0.001, 0.1, 1, 5, 10, 11, -0.00002, -1, -30])
# Where numbers begin: anywhere, and so that they wrap around soon.
STARTS = st.sampled_from([0, 1, 1000, 2**31 - 50, 2**32 - 1, 2**32 - 200])
OFFSETS = st.one_of(st.integers(0, 400), st.sampled_from([-1, 2**29, 2**30, 2**30 + 1, 2**31 - 1, 2**31, 2**32 - 1]))
FLAGS = st.sampled_from([ACK, ACK, ACK, ACK, SYN, SYN | ACK, FIN | ACK, RST, RST | ACK, 0])


@st.composite
def other_packets(draw: Draw, at: float | None) -> dict[str, Any]:
    """Of anything but TCP."""
    proto = draw(st.sampled_from([UDP, ICMP, ICMPV6, 47]))
    src, dst = draw(st.sampled_from(HOSTS)), draw(st.sampled_from(HOSTS))
    if draw(st.integers(0, 9)) == 0:
        return packet(at, "", "", proto=0, sport=0, dport=0, flags=0)
    ports: dict[str, int] = {"sport": 0, "dport": 0}
    if proto == UDP:
        ports = {name: draw(st.sampled_from([0, 53, 1000])) for name in ports}
    if proto in (ICMP, ICMPV6):
        ports = {"sport": draw(st.sampled_from([0, 3, 8, 9, 10, 128, 129, 1])), "dport": draw(st.integers(0, 4))}
    marks = draw(st.sampled_from([0, 0, 0, oracle_flows.INNER_FRAGMENT]))
    return packet(at, src, dst, proto=proto, length=draw(st.integers(0, 90)), marks=marks, **ports)


@st.composite
def segments(draw: Draw, at: float | None, starts: dict[str, int]) -> dict[str, Any]:
    """Of one of three connections: few numbers, so that what comes again, late or never is common."""
    src, dst = draw(st.sampled_from([(A, B), (B, A), (A, B), (B, A), (A, C), (A, A)]))
    client = src == A
    sport, dport = (1000, 80) if client else (80, 1000)
    seq = starts[src] + draw(OFFSETS)
    ack = starts[dst] + draw(OFFSETS)
    marks = draw(st.sampled_from([0] * 15 + [oracle_flows.INNER_FRAGMENT]))
    more = {"payload": 0} if draw(st.integers(0, 15)) == 0 else {}
    return packet(
        at,
        src,
        dst,
        sport=sport,
        dport=dport,
        seq=seq % 2**32,
        ack=ack % 2**32,
        flags=draw(FLAGS),
        length=draw(st.sampled_from([0, 0, 1, 1, 10, 20, 50, 100])),
        marks=marks,
        **more,
    )


@st.composite
def traffic(draw: Draw) -> list[dict[str, Any]]:
    """Packets, mostly in order."""
    starts = {host: draw(STARTS) for host in HOSTS}
    at, found = 0.0, []
    for _ in range(draw(st.integers(0, 60))):
        at += draw(STEPS)
        when = None if draw(st.integers(0, 19)) == 0 else at
        one = draw(segments(when, starts)) if draw(st.integers(0, 3)) else draw(other_packets(when))
        one["vni"] = draw(st.sampled_from([7, 7, 7, 8]))
        one["outer_src"] = draw(st.sampled_from(TUNNELS[: draw(st.sampled_from([1, 3, 7]))]))
        one["source"] = draw(st.sampled_from([0, 1, 62, 63, 64, 2**32 - 1]))
        found.append(one)
    return found


def lengths(found: list[int]) -> list[int]:
    return found or [1]


def take(table: FlowTable, packets: list[dict[str, Any]], sizes: list[int]) -> list[dict[str, Any]]:
    """What the library makes of them, in batches of these sizes in turn."""
    found, rows, at, turn = [], rows_of(packets), 0, 0
    while at < len(rows):
        size = sizes[turn % len(sizes)]
        found += plain(table.take(rows[at : at + size]))
        at, turn = at + size, turn + 1
    return found + plain(table.rest())


def assert_same(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    """All alike, but for `continued`, which may be forgotten: of two conversations with one place for it."""
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours["continued"] <= theirs["continued"]
        assert ours | {"continued": 0} == theirs | {"continued": 0}


@settings(max_examples=5 * settings().max_examples)
@given(traffic(), st.sampled_from([1, 10, 120]), st.sampled_from([1, 2, 3, 5, 100]), st.lists(st.integers(1, 9)))
def test_oracle(packets: list[dict[str, Any]], idle: int, most: int, sizes: list[int]) -> None:
    """Whatever the batches are."""
    wanted = oracle_flows.flows(packets, idle * SECOND, most)
    table = FlowTable(idle=idle, most=most)
    assert_same(take(table, packets, lengths(sizes)), wanted.rows)
    assert (table.packets, table.not_ip, len(table)) == (len(packets), wanted.not_ip, 0)


@st.composite
def transfers(draw: Draw) -> list[dict[str, Any]]:
    """One direction of a connection: segments that are lost, repeated and swapped, and the ACKs of the other end."""
    start, sent = draw(STARTS), 0
    lengths = draw(st.sampled_from([(1, 10, 100, 1460), (1, 100, 2**28, 2**29)]))  # the latter soon wrap around
    found = [packet(0, seq=(start - 1) % 2**32, flags=SYN)] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 80))):
        length = draw(st.sampled_from(lengths))
        one = packet(0, seq=(start + sent) % 2**32, length=length)
        if draw(st.integers(0, 3)):
            found.append(one)
        if draw(st.integers(0, 9)) == 0 and found:
            found.append(draw(st.sampled_from(found)))
        if draw(st.integers(0, 9)) == 0:
            found.append(packet(0, B, A, sport=80, dport=1000, seq=5, ack=(start + sent) % 2**32))
        sent += length
    order = draw(st.permutations(range(len(found)))) if draw(st.booleans()) else range(len(found))
    for at, number in enumerate(order):
        found[number] = found[number] | {"ts": found[number]["ts"] + at}
    return sorted(found, key=lambda one: one["ts"])


@settings(max_examples=3 * settings().max_examples)
@given(transfers())
def test_bytes_of_a_transfer(packets: list[dict[str, Any]]) -> None:
    wanted = oracle_flows.flows(packets, SECOND, 10)
    assert_same(take(FlowTable(idle=1), packets, [7]), wanted.rows)


@given(traffic())
def test_the_order_of_an_array_does_not_matter(packets: list[dict[str, Any]]) -> None:
    """`flows` sorts by time; packets of one time stay as they are."""
    packets = [one | {"ts": i} for i, one in enumerate(packets)]
    rows = rows_of(packets)
    shuffled = rows[np.random.default_rng(len(rows)).permutation(len(rows))]
    assert plain(vxtap.flows(shuffled)) == plain(vxtap.flows(rows))


@given(traffic())
def test_nothing_is_lost(packets: list[dict[str, Any]]) -> None:
    """Every packet is in a row, or counted."""
    table = FlowTable(idle=1, most=2)
    found = take(table, packets, [5])
    assert sum(row["packets_out"] + row["packets_in"] for row in found) + table.not_ip == len(packets)
    assert sum(row["bytes_out"] + row["bytes_in"] for row in found) == sum(
        one["wirelen"] for one in packets if one["src"]
    )
