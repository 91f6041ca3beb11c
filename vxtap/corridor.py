"""A way through a corridor: minute by minute between a floor and a ceiling; straight where it can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from vxtap.constraints import NONE

Array = np.ndarray[Any, np.dtype[Any]]

_STEEPEST = 2e-4  # 200 ppm: no clock drifts more, beside what has been taken out before
_GOLDEN = (5**0.5 - 1) / 2
_STEPS = 60
_ENOUGH = 0.5  # of the widest passage: a level one that has as much is preferred
_WIDE = 2  # times the median: a minute so wide tells nothing that its neighbours do not


@dataclass(slots=True)
class Course:
    """Where the way is in the center of the time: middle, least and greatest; and its slope, or its knots.

    Attributes
    ----------
    center, middle, low, high, slope : float
        Nanoseconds, and nanoseconds a nanosecond.
    times, values : numpy.ndarray or None
        The knots of a way that is not straight.
    """

    center: float
    middle: float
    low: float
    high: float
    slope: float = 0.0
    times: Array | None = None
    values: Array | None = None

    @property
    def level(self) -> bool:
        """Whether it is straight, without a slope."""
        return self.times is None and not self.slope

    def at(self, times: Array) -> Array:
        """Where it is at some times; outside of its knots it goes on as between the outermost two."""
        if self.times is None or self.values is None:
            straight: Array = self.middle + self.slope * (times - self.center)
            return straight
        knots, values = self.times, self.values
        found = np.interp(times, knots, values)
        for outside, one, next in ((times < knots[0], 0, 1), (times > knots[-1], -1, -2)):
            slope = (values[next] - values[one]) / (knots[next] - knots[one])
            found[outside] = values[one] + slope * (times[outside] - knots[one])
        return found


class _Corridor:
    """What straight ways there are, each given by its slope."""

    def __init__(self, away: Array, low: Array, high: Array) -> None:
        self._away, self._low, self._high = away, low, high

    def floor(self, slope: float) -> float:
        """The least that a way of this slope can be in the center."""
        return float((self._low - slope * self._away).max())

    def ceiling(self, slope: float) -> float:
        """The greatest."""
        return float((self._high - slope * self._away).min())

    def room(self, slope: float) -> float:
        """What is in between: negative where there is no way."""
        return self.ceiling(slope) - self.floor(slope)

    def ends(self, inside: float) -> tuple[float, float]:
        """The least and the greatest that any way can be in the center, one of slope `inside` being possible."""
        slopes = [_border(self.room, inside, outside) for outside in (-_STEEPEST, _STEEPEST)]
        return self.floor(_peak(lambda at: -self.floor(at), *slopes)), self.ceiling(_peak(self.ceiling, *slopes))


def _peak(value: Callable[[float], float], left: float, right: float) -> float:
    """Where a concave function is greatest (golden section)."""
    for _ in range(_STEPS):
        one, other = right - _GOLDEN * (right - left), left + _GOLDEN * (right - left)
        if value(one) >= value(other):
            right = other
        else:
            left = one
    return (left + right) / 2


def _border(value: Callable[[float], float], inside: float, outside: float) -> float:
    """The farthest point towards `outside` where a concave function is not negative, as it is not at `inside`."""
    if value(outside) >= 0:
        return outside
    for _ in range(_STEPS):
        half = (inside + outside) / 2
        inside, outside = (half, outside) if value(half) >= 0 else (inside, half)
    return inside


def _or_else(loose: tuple[Array, Array], tight: tuple[Array, Array]) -> tuple[Array, Array]:
    """Loose bounds as floats, infinite where there are none; the tight ones of a side that has none at all."""
    low, high = (np.where(np.abs(side) < NONE, side, np.copysign(np.inf, side)) for side in loose)
    return low if np.isfinite(low).any() else tight[0], high if np.isfinite(high).any() else tight[1]


def course(
    times: Array, tight: tuple[Array, Array], loose: tuple[Array, Array], center: float, *, steady: bool = True
) -> Course:
    """Find a way.

    Parameters
    ----------
    times : numpy.ndarray
        Of the minutes' middles, rising, in nanoseconds.
    tight : (numpy.ndarray, numpy.ndarray)
        Floor and ceiling of each, in nanoseconds: there the way leads through if it can.
    loose : (numpy.ndarray, numpy.ndarray)
        The same, farther out or `NONE`: for `low` and `high`, and for a straight way if there is none else.
    center : float
        Of the time.
    steady : bool
        A level way is preferred where it leaves at least half as much room to both sides as any does.

    Returns
    -------
    Course
        A straight one where there is one, with as much room to both sides as can be; `low` and `high` are the least and
        the greatest that any straight way has in the center. Otherwise the middle of each minute, but for minutes much
        wider than others, which only pull up what passes below them, and down what passes above.
    """
    wide = _or_else(loose, tight)
    if len(times) == 1:
        return Course(center, float(tight[0][0] + tight[1][0]) / 2, float(wide[0][0]), float(wide[1][0]))
    outer = _Corridor(times - center, *wide)
    for corridor in (_Corridor(times - center, *tight), outer):
        slope = _peak(corridor.room, -_STEEPEST, _STEEPEST)
        room, level = corridor.room(slope), corridor.room(0.0)
        if max(room, level) < 0:
            continue
        if level >= room or (steady and level >= _ENOUGH * room):
            slope = 0.0
        middle = (corridor.floor(slope) + corridor.ceiling(slope)) / 2
        low, high = outer.ends(slope)
        return Course(center, middle, min(low, middle), max(high, middle), slope)
    return _pieces(times, tight, wide, center)


def _pieces(times: Array, tight: tuple[Array, Array], wide: tuple[Array, Array], center: float) -> Course:
    """From minute to minute."""
    width = tight[1] - tight[0]
    narrow = width <= _WIDE * np.median(width)
    middles = (tight[0] + tight[1]) / 2
    values = np.clip(np.interp(times, times[narrow], middles[narrow]), *tight)
    middle = float(np.interp(center, times, values))
    ends = []
    for side in wide:
        there = np.isfinite(side)
        ends.append(float(np.interp(center, times[there], side[there])))
    return Course(center, middle, min(ends[0], middle), max(ends[1], middle), 0.0, times, values)
