"""A way through a corridor: minute by minute between a floor and a ceiling; straight where it can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_STEEPEST = 2e-4  # 200 ppm: no clock drifts more, beside what has been taken out before
_GOLDEN = (5**0.5 - 1) / 2
_STEPS = 60
_ENOUGH = 0.5  # of the widest passage: a lesser slope that has as much is preferred
_WIDE = 2  # times the median: a minute so wide tells nothing that its neighbours do not


@dataclass(slots=True)
class Course:
    """Knots, and where the way is in the center of the time: middle, least and greatest."""

    times: Array
    values: Array
    center: float
    middle: float
    low: float
    high: float
    slope: float = 0.0


def _peak(value: Callable[[float], float], left: float, right: float) -> float:
    """Where a concave function is greatest (golden section)."""
    for _ in range(_STEPS):
        one, other = right - _GOLDEN * (right - left), left + _GOLDEN * (right - left)
        if value(one) >= value(other):
            right = other
        else:
            left = one
    return (left + right) / 2


def _border(value: Callable[[float], float], inside: float, outside: float, least: float) -> float:
    """The farthest point towards `outside` where a concave function is not below `least`, as it is at `inside`."""
    if value(outside) >= least:
        return outside
    for _ in range(_STEPS):
        half = (inside + outside) / 2
        inside, outside = (half, outside) if value(half) >= least else (inside, half)
    return inside


def course(times: Array, low: Array, high: Array, center: float) -> Course:
    """Find a way.

    Parameters
    ----------
    times : numpy.ndarray
        Of the minutes' middles, rising, in nanoseconds.
    low, high : numpy.ndarray
        Floor and ceiling of each, in nanoseconds.
    center : float
        Of the time.

    Returns
    -------
    Course
        A straight one where there is one: the least slope that leaves at least half as much room to both sides as any
        does; `low` and `high` are the least and the greatest that any straight way has in the center. Otherwise the
        middle of each minute, but for minutes much wider than others, which only pull up what passes below them, and
        down what passes above.
    """
    if len(times) == 1:
        ends = float(low[0]), float(high[0])
        return Course(times, np.array([sum(ends) / 2]), center, sum(ends) / 2, *ends)
    away = times - center

    def floor(slope: float) -> float:
        return float((low - slope * away).max())

    def ceiling(slope: float) -> float:
        return float((high - slope * away).min())

    def room(slope: float) -> float:
        return ceiling(slope) - floor(slope)

    steep = _peak(room, -_STEEPEST, _STEEPEST)
    if room(0.0) >= room(steep):
        steep = 0.0
    if room(steep) < 0:
        return _pieces(times, low, high, center)
    enough = _ENOUGH * room(steep)
    slope = 0.0 if room(0.0) >= enough else _border(room, steep, 0.0, enough)
    ends = _border(room, steep, -_STEEPEST, 0.0), _border(room, steep, _STEEPEST, 0.0)
    least = floor(_peak(lambda at: -floor(at), *ends))
    most = ceiling(_peak(ceiling, *ends))
    middle = (floor(slope) + ceiling(slope)) / 2
    outer = times[[0, -1]] if slope else np.array([center])
    return Course(
        outer, middle + slope * (outer - center), center, middle, min(least, middle), max(most, middle), slope
    )


def _pieces(times: Array, low: Array, high: Array, center: float) -> Course:
    """From minute to minute."""
    width = high - low
    narrow = width <= _WIDE * np.median(width)
    middles = (low + high) / 2
    values = np.clip(np.interp(times, times[narrow], middles[narrow]), low, high)
    slope = float((values[-1] - values[0]) / (times[-1] - times[0]))
    middle, least, most = (float(np.interp(center, times, one)) for one in (values, low, high))
    return Course(times, values, center, middle, min(least, middle), max(most, middle), slope)
