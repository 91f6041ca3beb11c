"""Random topologies: an interval is given wherever one can be, and the true offset lies in it."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from skewed import MS, SECOND, START, US, Clock, Packet, Sight, again, rows, solved, steady, traffic, truth

skews = st.one_of(st.integers(-(10**6), 10**6), st.integers(-(10**17), 10**17))


@st.composite
def collectors(draw: st.DrawFn) -> tuple[list[Sight], list[Clock], int]:
    """Connections of which each direction lies on one source, drawn; with or without data sent again."""
    count = draw(st.integers(2, 7))
    connections = draw(st.integers(1, 12))
    ways = draw(st.tuples(st.integers(0, 50 * MS), st.integers(0, 50 * MS)))
    packets = traffic(draw(st.integers(0, 1000)), connections, draw(st.integers(1, 300)) * SECOND, ways=ways)
    if draw(st.booleans()):
        packets = [two for one in packets for two in ([one, again(one, 200 * MS)] if one.length % 3 == 1 else [one])]
    side = st.integers(0, count - 1)
    homes = draw(st.lists(st.tuples(side, side), min_size=connections, max_size=connections))
    shows = [steady(draw(skews)) for _ in range(count)]
    return [Sight(one, homes[one.sport - 1024][one.forth]) for one in packets], shows, count


def tied(sights: list[Sight], count: int) -> np.ndarray:
    """Who bounds whom, both ways, over any others: each connection here has answers in both directions."""
    homes: dict[int, set[int]] = {}
    for one in sights:
        homes.setdefault(one.packet.sport, set()).add(one.source)
    reach = np.eye(count, dtype=bool)
    for group in homes.values():
        for one in group:
            reach[one, list(group)] = True
    for _ in range(count):
        reach = reach @ reach
    return reach


@given(collectors(), st.integers(1, 50))
def test_true_offsets_lie_in_the_intervals(case: tuple[list[Sight], list[Clock], int], size: int) -> None:
    sights, shows, count = case
    clocks = solved(rows(sights, shows), count, size)
    reach = tied(sights, count)
    for one in clocks.offsets:
        group = np.nonzero(reach[one.source])[0]
        assert one.known == (len(group) > 1)
        assert one.relative_to == (group[0] if one.known else None)
        assert one.conflicts == 0
        if one.offset_ns is not None:
            assert one.low_ns is not None
            assert one.high_ns is not None
            assert one.low_ns <= truth(shows, one.source, int(group[0]), START) <= one.high_ns
            assert one.low_ns <= one.offset_ns <= one.high_ns


@given(collectors(), skews)
def test_what_is_added_to_a_clock_is_added_to_its_offset(case: tuple[list[Sight], list[Clock], int], more: int) -> None:
    sights, shows, count = case
    before = solved(rows(sights, shows), count)
    moved: list[Clock] = [*shows[:-1], lambda time: shows[-1](time) + more]
    for one, other in zip(before.offsets, solved(rows(sights, moved), count).offsets, strict=True):
        assert (one.relative_to, one.pairs) == (other.relative_to, other.pairs)
        if one.offset_ns is not None and other.offset_ns is not None:
            wanted = more if one.source == count - 1 and one.relative_to != one.source else 0
            assert abs(other.offset_ns - one.offset_ns - wanted) <= 2


@given(st.lists(st.tuples(*[st.integers(0, 2)] * 3, *[st.integers(0, 40)] * 4), max_size=60), st.integers(1, 3))
def test_any_packets_at_all(made: list[tuple[int, ...]], count: int) -> None:
    """Few values, so that much collides: no contradiction breaks it."""
    sights: list[Any] = [
        Sight(Packet(START + time * US, bool(time % 2), flags, seq, ack, length, 1, ip_id), min(source, count - 1))
        for source, length, ip_id, time, flags, seq, ack in made
    ]
    clocks = solved(rows(sights, [steady(0)] * count), count)
    for one in clocks.offsets:
        if one.offset_ns is not None and one.low_ns is not None and one.high_ns is not None:
            assert one.low_ns <= one.offset_ns <= one.high_ns
            assert abs(one.offset_ns) < SECOND
