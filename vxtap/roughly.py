"""Clocks on one time line, roughly: how far each is from a neighbour's, and how fast they drift apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vxtap.constraints import Bounds, fewest_wrong

Array = np.ndarray[Any, np.dtype[Any]]

#: ns: in less no drift shows.
LEAST_SPAN = 10_000_000_000
_STEEPEST = 2e-4  # 200 ppm: what is looked for, in stages, each over a part of what the one before has found best
_STAGES, _FINER = 4, 16
_MOST_OF_A_SIDE = 500  # bounds that are looked at for that
_ROUNDS = 2
_TELLING, _FEWEST_TELLING = 0.03, 3  # a drift explains that share of the bounds, and as many, that nothing steady does


@dataclass(slots=True)
class Lines:
    """What each clock shows too much: ``base``, and on the common line's grid what is ``beyond`` that; nanoseconds.

    Attributes
    ----------
    base : numpy.ndarray
        i8, one a source.
    start : int
        Where the grid begins on the common line.
    grid : numpy.ndarray
        f8, from 0 on, rising.
    beyond : numpy.ndarray
        f8, ``(sources, len(grid))``; straight lines in between.
    """

    base: Array
    start: int = 0
    grid: Array = field(default_factory=lambda: np.array([0.0, 1.0]))
    beyond: Array = field(default_factory=lambda: np.zeros((0, 2)))

    def common(self, source: Array, time: Array) -> Array:
        """Times of the sources' clocks on the common line, from its start."""
        since: Array = time - self.base[source] - self.start
        for one, beyond in enumerate(self.beyond):
            if beyond.any():
                which = source == one
                own = since[which]
                since[which] = own - np.rint(np.interp(own, self.grid + beyond, beyond)).astype(np.int64)
        return since

    def of(self, bounds: Bounds) -> tuple[Array, Array]:
        """Times and limits of bounds on the common line."""
        time = self.common(bounds.first, bounds.time)
        return time, self.common(bounds.second, bounds.time + bounds.limit) - time


def roots_of(count: int, bounds: Bounds) -> Array:
    """The first source of each group, a group being those that bound each other both ways, over any others."""
    reach = np.eye(count, dtype=bool)
    reach[bounds.first, bounds.second] = True
    for _ in range(count.bit_length()):
        reach = (reach.astype(np.float32) @ reach.astype(np.float32)) > 0
    roots: Array = (reach & reach.T).argmax(axis=1)
    return roots


def _tree(count: int, bounds: Bounds, roots: Array) -> list[tuple[int, int]]:
    """From each group's first source to all others, over the pairs with the most bounds, two-sided ones first."""
    weight = np.zeros((count, count), np.int64)
    np.add.at(weight, (bounds.first, bounds.second), 1)
    both = np.where((weight > 0) & (weight.T > 0), bounds.size, 0)
    weight = weight + weight.T + both
    reached: list[int] = np.unique(roots).tolist()
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


def base_of(count: int, bounds: Bounds, roots: Array) -> Array:
    """How far each clock is from that of its group's first source: along a tree, the median of all bounds."""
    base = np.zeros(count, np.int64)
    for parent, child in _tree(count, bounds, roots):
        rows, above = _between(bounds, parent, child)
        base[child] = base[parent] + int(np.median(np.where(above, bounds.limit[rows], -bounds.limit[rows])))
    return base


def slopes_of(lines: Lines, bounds: Bounds, roots: Array) -> Array:
    """How fast each clock drifts from that of its group's first source, nanoseconds a nanosecond: along the tree."""
    count = len(roots)
    slopes = np.zeros(count)
    edges = [(parent, child, *_between(bounds, parent, child)) for parent, child in _tree(count, bounds, roots)]
    for _ in range(_ROUNDS):
        known = Lines(lines.base, lines.start, lines.grid, slopes[:, None] * lines.grid)
        change = np.zeros(count)
        for parent, child, rows, above in edges:
            if 0 < above.sum() < len(above):
                time, limit = known.of(bounds.where(rows))
                change[child] = change[parent] + _slope(time, above, np.where(above, limit, -limit))
            else:
                change[child] = change[parent]
        slopes = slopes + change
    return slopes


def _slope(time: Array, above: Array, value: Array) -> float:
    """How fast a number drifts by its bounds from above and below: the slope that contradicts the fewest of them.

    0 where a steady number explains nearly as many.
    """
    if int(time.max() - time.min()) < LEAST_SPAN:
        return 0.0
    time, above, value = (column[_some(above)] for column in (time, above, value))
    away = time - float(time.mean())
    best, step = 0.0, _STEEPEST
    for _ in range(_STAGES):
        slopes = best + np.arange(-_FINER, _FINER + 1) * (step / _FINER)
        wrong = np.array([_wrong(above, value - slope * away) for slope in slopes])
        best, step = float(np.median(slopes[wrong == wrong.min()])), 2 * step / _FINER
    steady, drifting = _wrong(above, value), _wrong(above, value - best * away)
    telling = steady - drifting >= max(_FEWEST_TELLING, _TELLING * len(time))
    return best if telling and 2 * drifting <= steady else 0.0


def _some(above: Array) -> Array:
    """A part of the bounds from each side, evenly spread."""
    sides = [np.nonzero(above == side)[0] for side in (False, True)]
    return np.concatenate([rows[:: len(rows) // _MOST_OF_A_SIDE + 1] for rows in sides])


def _wrong(above: Array, value: Array) -> int:
    """How many bounds no number agrees with, at the least."""
    low, high = fewest_wrong(value[above], value[~above])
    return int((value[above] < high).sum() + (value[~above] > low).sum())
