"""From bounds between clocks to what each clock showed too much, over time.

First roughly: how far each clock is from its neighbour's, and how fast they drift apart, which puts all bounds on one
time line, good enough to say in which minute they are. Then finely: the bounds of each minute against each other. Where
a clock did not run evenly, once more, with what was found taken out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vxtap.constraints import NONE, Bounds, loosened, tightest
from vxtap.corridor import Course, course
from vxtap.roughly import LEAST_SPAN, Lines, base_of, roots_of, slopes_of

Array = np.ndarray[Any, np.dtype[Any]]

_MINUTE = 60_000_000_000
_ENOUGH = 8  # bounds of a source, on average: minutes with fewer are taken together
_PARTS = 4  # of a short time, for drift to show
_ROUNDS = 3
_RESIDUE = 5e-6  # drift that may be left, where minutes are not taken one by one
_SAME = 2.0  # ns: knots that lie that near to a straight line are not needed


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


@dataclass(slots=True)
class _Minutes:
    """Where each source's offset lies on the line, minute by minute: surely, by the fewest false bounds, and loosely.

    `whole` has the same for all minutes in one, for sources that no minute bounds.
    """

    middles: Array
    tight: tuple[Array, Array]
    loose: tuple[Array, Array]
    whole: tuple[Array, Array] | None
    dropped: Array

    def of(self, source: int, center: float, *, steady: bool) -> Course | None:
        """The way of one source; None where nothing bounds it from both sides."""
        low, high = (side[:, source] for side in self.tight)
        both = (low > -NONE) & (high < NONE)
        if both.any():
            loose = self.loose[0][both, source], self.loose[1][both, source]
            return course(self.middles[both], (low[both], high[both]), loose, center, steady=steady)
        if self.whole is None or self.whole[0][source] <= -NONE or self.whole[1][source] >= NONE:
            return None
        ends = self.whole[0][source : source + 1], self.whole[1][source : source + 1]
        return course(np.array([center]), ends, ends, center)


def _minutes(lines: Lines, bounds: Bounds, roots: Array) -> _Minutes:
    """Put the bounds on the line, and tighten them."""
    time, limit = lines.of(bounds)
    bounds = replace(bounds, limit=limit)
    bins = len(lines.grid) - 2
    # In floats: many minutes times the nanoseconds of days are more than 64 bits.
    bin = np.clip((time * (bins / (float(lines.grid[-1]) + 1))).astype(np.int64), 0, bins - 1)
    low, high, dropped = tightest(roots, bins, bin, bounds)
    found = _Minutes(lines.grid[1:-1], (low, high), (low, high), None, dropped)
    if dropped.any():
        kept = loosened(len(roots), bin, bounds, dropped)
        found.loose = tightest(roots, bins, bin[kept], bounds.where(kept))[:2]
    if not ((low > -NONE) & (high < NONE)).any(axis=0).all():
        away = np.abs(time - round(lines.grid[-1]) // 2)
        wider = bounds.wider(np.rint(away * _RESIDUE).astype(np.int64))
        least, greatest, also = tightest(roots, 1, time * 0, wider)
        found.whole, found.dropped = (least[0], greatest[0]), dropped | also
    return found


def _grid(lines: Lines, bounds: Bounds) -> tuple[int, Array]:
    """Where the line starts, and on it: the beginning, the middles of the minutes, the end."""
    time, limit = lines.of(bounds)
    start = int(min(time.min(), (time + limit).min()))
    span = max(1, int(max(time.max(), (time + limit).max())) - start)
    wanted = max(round(span / _MINUTE), _PARTS if span >= LEAST_SPAN else 1)
    bins = max(1, min(wanted, bounds.size // (_ENOUGH * len(lines.base))))
    return start, np.concatenate([[0.0], (np.arange(bins) + 0.5) * (span / bins), [float(span)]])


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
    lines = Lines(base_of(count, bounds, roots))
    lines.start, lines.grid = _grid(lines, bounds)
    lines.beyond = slopes_of(lines, bounds, roots)[:, None] * lines.grid
    center = float(lines.grid[-1]) / 2
    for _ in range(_ROUNDS):
        minutes = _minutes(lines, bounds, roots)
        ways = [minutes.of(source, center, steady=not lines.beyond[source].any()) for source in range(count)]
        before = lines.beyond
        lines.beyond = before + np.array([0 * lines.grid if way is None else way.at(lines.grid) for way in ways])
        if all(way is None or way.level for way in ways):
            break
    alone = np.bincount(roots, minlength=count)[roots] == 1
    for source, way in enumerate(ways):
        if way is not None and not alone[source]:
            found.lines[source] = _line(lines, source, way, (int(first[source]), int(last[source])))
    for side in (bounds.first, bounds.second):
        found.pairs += np.bincount(side, minlength=count)
        found.conflicts += np.bincount(side[minutes.dropped], minlength=count)
    return found


def _line(lines: Lines, source: int, way: Course, ends: tuple[int, int]) -> Timeline:
    """Knots by the source's own clock; where it runs evenly, from its beginning to its end."""
    grid, values = lines.grid, lines.beyond[source]
    base, start = int(lines.base[source]), lines.start
    slope = float((values[-1] - values[0]) / (grid[-1] - grid[0]))
    middle = base + round(float(np.interp(way.center, grid, values)))
    if np.abs(values - values[0] - slope * (grid - grid[0])).max() <= _SAME:
        if abs(values[-1] - values[0]) <= _SAME:
            grid, values, slope = np.array([way.center]), values[:1], 0.0
        else:
            own = [(end - start - base - float(values[0])) / (1 + slope) for end in ends]  # on the line
            grid = np.array([min(0.0, own[0]), max(float(grid[-1]), own[1])])
            values = values[0] + slope * grid
    offsets = base + np.rint(values).astype(np.int64)
    times = start + np.rint(grid).astype(np.int64) + offsets
    low, high = (middle + round(end - way.middle) for end in (way.low, way.high))
    return Timeline(times, offsets, middle, low, high, slope)
