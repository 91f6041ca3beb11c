"""Difference constraints: of bounds between any two, the tightest ones between all; and which to drop if they conflict.

A constraint is ``offset[j] - offset[i] <= limit[i, j]``. Limits add up along paths, so the tightest are the shortest
paths (Floyd and Warshall), and a cycle of negative length is a contradiction. A bound can be false: where the first
transmission of data was not captured, its acknowledgement seems to come before the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

#: No bound. Three of these still fit into 64 bits, and all offsets are less than a quarter.
NONE = 1 << 60
_FAR = NONE // 2
_AT_ONCE = 1 << 20  # cells of matrices that are worked on together


@dataclass(frozen=True, slots=True)
class Bounds:
    """One row a bound: ``offset[second] - offset[first] <= limit`` at `time`, by the clock of `first`; nanoseconds."""

    first: Array
    second: Array
    time: Array
    limit: Array

    @property
    def size(self) -> int:
        """How many there are."""
        return int(self.limit.size)

    def where(self, which: Array) -> Bounds:
        """Some of the rows."""
        return Bounds(self.first[which], self.second[which], self.time[which], self.limit[which])

    def wider(self, by: Array) -> Bounds:
        """The same with other limits."""
        return Bounds(self.first, self.second, self.time, self.limit + by)


def joined(parts: list[Bounds]) -> Bounds:
    """Several tables as one."""
    names = ("first", "second", "time", "limit")
    return Bounds(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def fewest_wrong(upper: Array, lower: Array) -> tuple[int, int]:
    """Where a number lies by bounds of which some are false: between the values that contradict the fewest.

    Counted are shares of each side, since one side may have a handshake to tell and the other a long download whose
    bounds are false by a little here and there; of equal shares the fewer in number.

    Parameters
    ----------
    upper, lower : numpy.ndarray
        Bounds from above and from below, at least one of each.

    Returns
    -------
    tuple of int
        The least and the greatest of the best values. Bounds from below that are more than the least are to be
        dropped, and those from above that are less than the greatest.
    """
    values = np.concatenate([upper, lower])
    above = np.searchsorted(np.sort(upper), values, "left")
    below = len(lower) - np.searchsorted(np.sort(lower), values, "right")
    wrong = (above * len(lower) + below * len(upper)) * len(values) + above + below
    best = values[wrong == wrong.min()]
    return int(best.min()), int(best.max())


def _contradicting_pairs(cell: Array, upper: Array, value: Array) -> Array:
    """Which bounds to drop so that those of each cell (two sources, in one minute) agree with each other."""
    dropped = np.zeros(len(cell), bool)
    if not len(cell):
        return dropped
    order = np.argsort(cell, kind="stable")
    starts = np.nonzero(np.append(True, np.diff(cell[order]) != 0))[0]
    least = np.minimum.reduceat(np.where(upper, value, NONE)[order], starts)
    most = np.maximum.reduceat(np.where(upper, -NONE, value)[order], starts)
    ends = np.append(starts[1:], len(cell))
    for at in np.nonzero(least < most)[0]:
        rows = order[starts[at] : ends[at]]
        above, numbers = upper[rows], value[rows]
        low, high = fewest_wrong(numbers[above], numbers[~above])
        dropped[rows] = np.where(above, numbers < high, numbers > low)
    return dropped


def _paths(limits: Array) -> Array:
    """Floyd and Warshall on a stack of matrices, in place; True for those with a contradiction, which are left."""
    count = limits.shape[1]
    wrong = np.zeros(len(limits), bool)
    for via in range(count):
        np.minimum(limits, limits[:, :, via, None] + limits[:, None, via, :], out=limits)
        diagonal = limits[:, np.arange(count), np.arange(count)]
        bad = (diagonal < 0).any(axis=1)
        if bad.any():  # left alone from here on: its numbers would double with each step
            wrong |= bad
            limits[bad] = NONE
    limits[limits > _FAR] = NONE
    return wrong


def _cycle(limits: Array) -> list[int] | None:
    """A cycle of negative length, in order, or None (Bellman and Ford)."""
    count = len(limits)
    distance = np.zeros(count, np.int64)
    before = np.full(count + 1, count)  # the last one stands for none, and is its own predecessor
    places = np.arange(count)
    while True:
        ways = distance[:, None] + limits
        best = ways.argmin(axis=0)
        reached = ways[best, places]
        nearer = reached < distance
        if not nearer.any():
            return None
        before[:-1][nearer] = best[nearer]
        distance = np.minimum(distance, reached)
        back = before
        for _ in range(count.bit_length()):
            back = back[back]
        if (back < count).any():  # so many steps back, and still not at the beginning
            break
    cycle = [int(back[back < count][0])]
    while (at := int(before[cycle[-1]])) != cycle[0]:
        cycle.append(at)
    return cycle[::-1]


def _contradicting_cycles(count: int, bounds: Bounds) -> Array:
    """Which bounds of one minute to drop so that no cycle contradicts itself: each time the least one in the cycle.

    Offsets are near 0 here, as far as they are known before, and true bounds are hardly below them. Where an edge goes
    on to contradict, more of its bounds go at a time.
    """
    dropped = np.zeros(bounds.size, bool)
    edge = bounds.first * count + bounds.second
    order = np.lexsort((bounds.limit, edge))
    edge, limit = edge[order], bounds.limit[order]
    starts = np.nonzero(np.append(True, np.diff(edge) != 0))[0]
    begun = dict(zip(edge[starts].tolist(), starts.tolist(), strict=True))
    ends = dict(zip(begun, [*starts[1:].tolist(), len(edge)], strict=True))
    at = dict(begun)
    limits = np.full((count, count), NONE)
    limits.flat[edge[starts]] = limit[starts]
    np.fill_diagonal(limits, 0)
    while (cycle := _cycle(limits)) is not None:
        edges = [one * count + other for one, other in zip(cycle, [*cycle[1:], cycle[0]], strict=True)]
        worst = min(edges, key=lambda one: int(limits.flat[one]))
        next = min(at[worst] + max(1, (at[worst] - begun[worst]) // 4), ends[worst])
        dropped[order[at[worst] : next]] = True
        at[worst] = next
        limits.flat[worst] = limit[next] if next < ends[worst] else NONE
    return dropped


def tightest(roots: Array, bins: int, bin: Array, bounds: Bounds) -> tuple[Array, Array, Array]:
    """Tighten bounds over all paths, minute by minute.

    Parameters
    ----------
    roots : numpy.ndarray
        Of each source, the one to which its offset is relative.
    bins : int
        How many minutes there are.
    bin : numpy.ndarray
        The minute of each bound.
    bounds : Bounds
        Between the sources.

    Returns
    -------
    low, high : numpy.ndarray
        ``(bins, sources)``: where the offsets lie; ``-NONE`` and `NONE` where nothing bounds them.
    dropped : numpy.ndarray
        Which bounds were false.
    """
    count = len(roots)
    upper = bounds.first < bounds.second
    near, far = np.minimum(bounds.first, bounds.second), np.maximum(bounds.first, bounds.second)
    values = np.where(upper, bounds.limit, -bounds.limit)
    dropped = _contradicting_pairs((bin * count + near) * count + far, upper, values)
    at_once = max(1, _AT_ONCE // count**2)
    low, high = np.empty((bins, count), np.int64), np.empty((bins, count), np.int64)
    order = np.argsort(bin, kind="stable")
    edges = np.searchsorted(bin[order], np.arange(bins + 1))
    for start in range(0, bins, at_once):
        end = min(start + at_once, bins)
        rows = order[edges[start] : edges[end]]
        rows = rows[~dropped[rows]]
        limits = _stacked(end - start, count, bin[rows] - start, bounds.where(rows))
        for wrong in np.nonzero(_paths(limits))[0]:
            rows = order[edges[start + wrong] : edges[start + wrong + 1]]
            rows = rows[~dropped[rows]]
            dropped[rows] = _contradicting_cycles(count, bounds.where(rows))
            rows = rows[~dropped[rows]]
            again = _stacked(1, count, rows * 0, bounds.where(rows))
            _paths(again)
            limits[wrong] = again[0]
        low[start:end] = -limits[:, np.arange(count), roots]
        high[start:end] = limits[:, roots, np.arange(count)]
    return low, high, dropped


def loosened(count: int, bin: Array, bounds: Bounds, dropped: Array) -> Array:
    """Which bounds remain if of every two sources' bounds in a minute as many again are dropped as were false.

    What is false by a little, since mirrored packets take longer now and then, comes in numbers, and those that were
    not false enough to contradict any other are still there.
    """
    edge = (bin * count + bounds.first) * count + bounds.second
    order = np.lexsort((bounds.limit, edge))
    starts = np.nonzero(np.append(True, np.diff(edge[order]) != 0))[0]
    counts = np.diff(np.append(starts, len(order)))
    rank = np.arange(len(order)) - np.repeat(starts, counts)
    kept = np.empty(len(order), bool)
    kept[order] = rank >= 2 * np.repeat(np.add.reduceat(dropped[order].astype(np.int64), starts), counts)
    return kept


def _stacked(bins: int, count: int, bin: Array, bounds: Bounds) -> Array:
    """Matrices of bounds, one a minute."""
    limits = np.full((bins, count, count), NONE)
    np.minimum.at(limits, (bin, bounds.first, bounds.second), bounds.limit)
    limits[:, np.arange(count), np.arange(count)] = 0
    return limits
