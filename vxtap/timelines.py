"""From bounds between clocks to what each clock showed too much, over time.

First roughly: how far each clock is from its neighbour's, and how fast they drift apart, which puts all bounds on one
time line, good enough to say in which minute they are. Then finely: the bounds of each minute against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vxtap.constraints import NONE, fewest_wrong, tightest
from vxtap.corridor import Course, course
from vxtap.evidence import Bounds

Array = np.ndarray[Any, np.dtype[Any]]

_MINUTE = 60_000_000_000
_LEAST_SPAN = 10_000_000_000  # ns: in less no drift shows
_PIECES, _FEWEST_PIECES = 48, 4  # of the time, to find the drift between two clocks
_ROUNDS = 2
_RESIDUE = 5e-6  # drift that may be left, where minutes are not taken one by one


@dataclass(slots=True)
class Rough:
    """What all clocks show too much, roughly: ``base + slope * (time on the common line - start)``."""

    base: Array
    slope: Array
    start: int = 0

    def common(self, source: Array, time: Array) -> Array:
        """Times of the sources' clocks on the common line."""
        since = time - self.base[source]
        gone: Array = np.rint(self.slope[source] * (since - self.start)).astype(np.int64)
        return since - gone

    def own(self, source: int, since: Array) -> tuple[Array, Array]:
        """The other way round, for nanoseconds since the start: times of the source's clock, and offsets there."""
        elapsed = since / (1 - self.slope[source])
        offset = self.base[source] + np.rint(self.slope[source] * elapsed).astype(np.int64)
        return self.base[source] + self.start + np.rint(elapsed).astype(np.int64), offset


@dataclass(slots=True)
class Timeline:
    """A clock: knots of its own time and its offset there, and the interval in the middle of the time."""

    times: Array
    offsets: Array
    middle: int
    low: int
    high: int
    slope: float


@dataclass(slots=True)
class Timelines:
    """Of all sources; None where nothing bounds one from both sides."""

    roots: Array
    lines: list[Timeline | None]
    pairs: Array
    conflicts: Array


def roots_of(count: int, bounds: Bounds) -> Array:
    """The first source of each group, a group being those that bound each other both ways, over any others."""
    reach = np.eye(count, dtype=bool)
    reach[bounds.first, bounds.second] = True
    for _ in range(max(1, count.bit_length())):
        reach = (reach.astype(np.float32) @ reach.astype(np.float32)) > 0
    roots: Array = (reach & reach.T).argmax(axis=1)
    return roots


def _tree(count: int, bounds: Bounds, roots: Array) -> list[tuple[int, int]]:
    """From each group's first source to all others, over the pairs with the most bounds."""
    weight = np.zeros((count, count), np.int64)
    np.add.at(weight, (bounds.first, bounds.second), 1)
    both = np.where((weight > 0) & (weight.T > 0), count * len(bounds.limit), 0)  # these pairs first
    weight = np.where(weight + weight.T > 0, weight + weight.T + both, 0)
    reached = np.unique(roots).tolist()
    edges: list[tuple[int, int]] = []
    waiting = np.ones(count, bool)
    waiting[reached] = False
    while waiting.any():
        choice = np.where(waiting, weight[reached], -1)
        parent, child = np.unravel_index(int(choice.argmax()), choice.shape)
        edges.append((reached[int(parent)], int(child)))
        waiting[child] = False
        reached.append(int(child))
    return edges


def _between(bounds: Bounds, parent: int, child: int) -> tuple[Array, Array]:
    """Bounds of two sources: which rows, and whether from above as the child's offset to the parent's."""
    above = (bounds.first == parent) & (bounds.second == child)
    rows = np.nonzero(above | ((bounds.first == child) & (bounds.second == parent)))[0]
    return rows, above[rows]


def _slope(time: Array, above: Array, value: Array) -> float:
    """How fast a number drifts by its bounds from above and below: the median slope between pieces of the time."""
    span = int(time.max() - time.min())
    if span < _LEAST_SPAN:
        return 0.0
    piece = ((time - time.min()) * (_PIECES / (span + 1))).astype(np.int64)
    order = np.argsort(piece, kind="stable")
    edges = np.searchsorted(piece[order], np.arange(_PIECES + 1))
    points = []
    for start, end in zip(edges[:-1], edges[1:], strict=True):
        rows = order[start:end]
        up = above[rows]
        if up.any() and not up.all():
            points.append((float(time[rows].mean()), sum(fewest_wrong(value[rows][up], value[rows][~up])) / 2))
    if len(points) < _FEWEST_PIECES:
        return 0.0
    at, level = np.array(points).T
    left, right = np.triu_indices(len(at), 1)
    far = at[right] - at[left] >= (at[-1] - at[0]) / 4
    slope = float(np.median((level[right] - level[left])[far] / (at[right] - at[left])[far]))
    center = float(time.mean())
    return slope if _wrong(above, value - slope * (time - center)) * 2 <= _wrong(above, value) - 1 else 0.0


def _wrong(above: Array, value: Array) -> int:
    """How many bounds no number agrees with, at the least."""
    low, high = fewest_wrong(value[above], value[~above])
    return int((value[above] < low).sum() + (value[~above] > high).sum())


def _roughly(count: int, bounds: Bounds, roots: Array) -> Rough:
    """Put the clocks on one line, each against one that lies nearer to its group's first."""
    rough = Rough(np.zeros(count, np.int64), np.zeros(count))
    edges = [(parent, child, *_between(bounds, parent, child)) for parent, child in _tree(count, bounds, roots)]
    for parent, child, rows, above in edges:
        value = np.where(above, bounds.limit[rows], -bounds.limit[rows])
        rough.base[child] = rough.base[parent] + int(np.median(value)) if len(rows) else 0
    rough.start = int(np.min(rough.common(bounds.first, bounds.time)))
    for _ in range(_ROUNDS):
        fixed, change = rough.slope.copy(), np.zeros(count)
        for parent, child, rows, above in edges:
            time, limit = _on_line(rough, bounds.where(rows))
            mixed = 0 < above.sum() < len(above)
            change[child] = change[parent] + (_slope(time, above, np.where(above, limit, -limit)) if mixed else 0.0)
        rough.slope = fixed + change
    return rough


def _on_line(rough: Rough, bounds: Bounds) -> tuple[Array, Array]:
    """Times and limits of bounds on the common line."""
    time = rough.common(bounds.first, bounds.time)
    return time, rough.common(bounds.second, bounds.time + bounds.limit) - time


def trace(count: int, bounds: Bounds, first: Array, last: Array) -> Timelines:
    """Find out what each clock showed too much.

    Parameters
    ----------
    count : int
        Of sources.
    bounds : Bounds
        Between them.
    first, last : numpy.ndarray
        When each source began and ended, by its own clock.
    """
    roots = roots_of(count, bounds)
    found = Timelines(roots, [None] * count, np.zeros(count, np.int64), np.zeros(count, np.int64))
    bounds = bounds.where(roots[bounds.first] == roots[bounds.second])
    if not bounds.size:
        return found
    rough = _roughly(count, bounds, roots)
    time, limit = _on_line(rough, bounds)
    start, span = int(time.min()), int(time.max() - time.min())
    bins = max(1, round(span / _MINUTE))
    bin = (time - start) * bins // (span + 1)
    low, high, dropped = tightest(roots, bins, bin, bounds.first, bounds.second, limit)
    middles = (start - rough.start) + (np.arange(bins) + 0.5) * (span / bins)
    both = (low > -NONE) & (high < NONE)
    lows, highs = low[0], high[0]
    if not both.any(axis=0).all():
        lows, highs, also = _in_one(roots, bounds, time, limit)
        dropped |= also
    for source in range(count):
        if (roots == roots[source]).sum() == 1:
            continue
        which = both[:, source]
        if which.any():
            way = course(middles[which], low[which, source], high[which, source], float(np.median(middles)))
        elif lows[source] > -NONE and highs[source] < NONE:
            ends = lows[source : source + 1], highs[source : source + 1]
            way = course(np.array([float(np.median(middles))]), *ends, float(np.median(middles)))
        else:
            continue
        found.lines[source] = _line(rough, source, way, first, last)
    for side in (bounds.first, bounds.second):
        found.pairs += np.bincount(side, minlength=count)
        found.conflicts += np.bincount(side[dropped], minlength=count)
    return found


def _in_one(roots: Array, bounds: Bounds, time: Array, limit: Array) -> tuple[Array, Array, Array]:
    """All minutes at once, where no single one bounds a source: with what clocks may drift until the middle."""
    away = np.abs(time - (int(time.min()) + int(time.max())) // 2)
    wider = limit + np.rint(away * _RESIDUE).astype(np.int64)
    low, high, dropped = tightest(roots, 1, bounds.first * 0, bounds.first, bounds.second, wider)
    return low[0], high[0], dropped


def _line(rough: Rough, source: int, way: Course, first: Array, last: Array) -> Timeline:
    """Knots by the source's own clock, up to its beginning and end where it drifts."""
    times, offsets = rough.own(source, way.times)
    offsets = offsets + np.rint(way.values).astype(np.int64)
    slope = float(rough.slope[source]) + way.slope
    if slope and first[source] <= last[source]:
        early, late = int(first[source]), int(last[source])
        ends = ((early, 0, early < times[0]), (late, -1, late > times[-1]))
        added = [(at, int(offsets[k]) + round(slope * (at - int(times[k])))) for at, k, outside in ends if outside]
        times = np.append(times, [at for at, _ in added]).astype(np.int64)
        offsets = np.append(offsets, [value for _, value in added]).astype(np.int64)
        order = np.argsort(times, kind="stable")
        times, offsets = times[order], offsets[order]
    _, center = rough.own(source, np.array([way.center]))
    middle, low, high = (int(center[0]) + round(value) for value in (way.middle, way.low, way.high))
    return Timeline(times, offsets, middle, low, high, slope)
