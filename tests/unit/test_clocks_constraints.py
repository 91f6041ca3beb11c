"""The numbers behind the clocks: constraints against brute force, and ways through corridors."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vxtap.constraints import NONE, Bounds, fewest_wrong, loosened, tightest
from vxtap.corridor import course

small = st.lists(st.integers(-20, 20), min_size=1, max_size=8)


def bounds_of(table: list[tuple[int, int, int]]) -> Bounds:
    first, second, limit = np.array(table, np.int64).reshape(-1, 3).T
    return Bounds(first, second, first * 0, limit)


def consistent(count: int, table: list[tuple[int, int, int]]) -> bool:
    """Whether offsets exist that keep all bounds: by relaxing until nothing changes."""
    offsets = [0] * count
    for _ in range(count + 1):
        before = list(offsets)
        for one, other, limit in table:
            offsets[other] = min(offsets[other], offsets[one] + limit)
        if offsets == before:
            return True
    return False


@given(small, small)
def test_fewest_wrong(upper: list[int], lower: list[int]) -> None:
    def wrong(value: int) -> tuple[Fraction, int]:
        above, below = sum(one < value for one in upper), sum(one > value for one in lower)
        return Fraction(above, len(upper)) + Fraction(below, len(lower)), above + below

    least = min(wrong(value) for value in range(-21, 22))
    best = [value for value in {*upper, *lower} if wrong(value) == least]
    assert fewest_wrong(np.array(upper), np.array(lower)) == (min(best), max(best))


tables = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(-5, 20)).filter(lambda one: one[0] != one[1]),
    max_size=25,
)


@given(tables)
def test_what_remains_is_consistent_and_nothing_is_dropped_without_need(table: list[tuple[int, int, int]]) -> None:
    roots = np.zeros(5, np.int64)
    low, high, dropped = tightest(roots, 1, np.zeros(len(table), np.int64), bounds_of(table))
    kept = [one for one, gone in zip(table, dropped, strict=True) if not gone]
    assert consistent(5, kept)
    assert dropped.any() == (not consistent(5, table))
    if kept and not dropped.any():  # the shortest paths, by trying all
        for source in range(1, 5):
            for one, other, found in ((0, source, high[0, source]), (source, 0, -low[0, source])):
                assert found == shortest(kept, one, other)


def shortest(table: list[tuple[int, int, int]], start: int, end: int) -> int:
    edges: dict[tuple[int, int], int] = {}
    for one, other, limit in table:
        edges[one, other] = min(edges.get((one, other), NONE), limit)
    best = NONE
    others = [k for k in range(5) if k not in (start, end)]
    for length in range(4):
        for via in itertools.permutations(others, length):
            way = [start, *via, end]
            best = min(best, sum(edges.get(step, NONE) for step in itertools.pairwise(way)))
    return best if best < NONE // 2 else NONE


@pytest.mark.parametrize("seed", range(5))
def test_cycles_lose_what_is_false(seed: int) -> None:
    """Eight sources, true bounds all around, one in fifty is false by far: those are dropped and hardly others."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 8, 2000)
    second = (first + rng.integers(1, 8, 2000)) % 8
    limit = rng.integers(50, 1000, 2000)
    false = rng.random(2000) < 0.02
    bounds = Bounds(first, second, first * 0, np.where(false, limit - 200_000, limit))
    low, high, dropped = tightest(np.zeros(8, np.int64), 1, first * 0, bounds)
    assert dropped[false].all()
    assert dropped[~false].sum() <= 2
    assert (low[0] <= 0).all()
    assert (high[0] >= 0).all()


def test_minutes_stand_alone() -> None:
    table = [(0, 1, 10), (1, 0, 5), (0, 1, 30), (1, 0, -20), (0, 1, 7), (1, 0, -9), (1, 0, -8)]
    low, high, dropped = tightest(np.zeros(2, np.int64), 4, np.array([0, 0, 2, 2, 3, 3, 3]), bounds_of(table))
    assert low[:, 1].tolist() == [-5, -NONE, 20, 9]
    assert high[:, 1].tolist() == [10, NONE, 30, NONE]
    assert dropped.tolist() == [False] * 4 + [True, False, False]


def test_loosened() -> None:
    table = [(0, 1, limit) for limit in (5, 1, 4, 2, 3)] + [(1, 0, 9)]
    dropped = np.array([False, True, False, True, False, False])
    assert loosened(2, np.zeros(6, np.int64), bounds_of(table), dropped).tolist() == [True] + [False] * 4 + [True]


MINUTE = 60e9


def way(low: list[float], high: list[float], **how: bool):
    times = np.arange(len(low)) * MINUTE
    tight = np.array(low), np.array(high)
    return course(times, tight, tight, float(times.mean()), **how)


def test_level_where_that_is_possible() -> None:
    found = way([-50, -40, -60], [40, 60, 50])
    assert (found.slope, found.middle) == (0, 0)
    assert found.level
    assert found.low == pytest.approx(-40)
    assert found.high == pytest.approx(45)  # a way that rises


def test_straight_where_that_is_possible() -> None:
    found = way([900, 1900, 2900, 3900], [1100, 2100, 3100, 4100])
    assert found.slope * MINUTE == pytest.approx(1000)
    assert found.middle == pytest.approx(2500)
    assert (found.low, found.high) == pytest.approx((2400, 2600))
    assert found.at(np.array([0, MINUTE])) == pytest.approx([1000, 2000])


def test_in_pieces_where_it_has_to_be() -> None:
    """The wide minute in the middle only keeps what passes it within its bounds."""
    found = way([90, 90, 0, 990, 990], [110, 110, 400, 1010, 1010])
    assert found.times is not None
    assert found.at(np.arange(5) * MINUTE).tolist() == [100, 100, 400, 1000, 1000]
    assert found.at(np.array([-MINUTE, 5 * MINUTE])).tolist() == [100, 1000]


def test_loose_bounds_are_for_the_interval_only() -> None:
    tight = np.array([-10]), np.array([30])
    found = course(np.array([0.0]), tight, (np.array([-NONE]), np.array([80])), 0.0)
    assert (found.low, found.middle, found.high) == (-10, 10, 80)
