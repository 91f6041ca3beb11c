"""How long packets took from the source to the mirror, on two clocks, and which part of each side the other one saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from vxtap.matching import Pairs
    from vxtap.observed import Observed

    Array = np.ndarray[Any, np.dtype[Any]]

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
# Clocks are taken to drift only where packets are seen over this long; jitter looks like drift over less.
_LEAST_TO_DRIFT = 10 * SECOND
_BINS = 60
# What is farther than this from the middle is no delay, but two packets that only look the same.
_MOST_JITTER = SECOND
# Data that is later or earlier than this was sent twice, and each side has seen it once: a super-segment takes 50 ms at
# 10 Mbit/s.
_MOST_OF_DATA = SECOND // 20
_LEAST_TOLERANCE = SECOND // 1000

#: One row for each source of the mirror; times in nanoseconds, from the source's clock to that of the mirror's source.
DELAY = np.dtype(
    [
        ("source", "u4"),
        ("packets", "u8"),
        ("min", "m8[ns]"),
        ("median", "m8[ns]"),
        ("p99", "m8[ns]"),
        ("max", "m8[ns]"),
        ("drift", "m8[ns]"),  # a minute; NaT where it cannot be told
    ]
)


class Clock(NamedTuple):
    """The clock of one source of the mirror, seen from the source: delay = offset + slope * (time - start) + jitter."""

    start: int
    offset: int
    slope: float
    least: int  # of the jitter
    most: int

    def at(self, ts: Array) -> Array:
        """The usual delay of packets sent at these times of the source's clock."""
        moved: Array = np.rint((ts - self.start) * self.slope).astype(np.int64) + self.offset
        return moved

    def back(self, ts: Array) -> Array:
        """Times of the mirror's clock, on the source's."""
        found: Array = ts - self.at(ts - self.offset)
        return found


SAME = Clock(0, 0, 0.0, 0, 0)


def _slope(ts: Array, delay: Array) -> float:
    """What the delay grows by, a nanosecond: the middle of the slopes between the middles of parts of the time."""
    span = int(ts[-1]) - int(ts[0])
    if span < _LEAST_TO_DRIFT:
        return 0.0
    since = (ts - ts[0]).view(np.uint64).astype(np.float64)  # unsigned: of broken times, centuries apart, too
    part = (since * (_BINS / (span + 1))).astype(np.int64)
    begins = np.flatnonzero(np.append(True, part[1:] != part[:-1]))
    times = [float(np.median(group)) for group in np.split(since, begins[1:])]
    middles = [float(np.median(group)) for group in np.split(delay - delay[0], begins[1:])]
    one, other = np.triu_indices(len(times), 1)
    if not len(one):
        return 0.0
    run, rise = (np.array(values)[other] - np.array(values)[one] for values in (times, middles))
    return float(np.median(rise / run))


def clock_of(ts: Array, delay: Array) -> tuple[Clock, Array]:
    """Fit a clock to delays.

    Parameters
    ----------
    ts, delay : numpy.ndarray of int64
        Times of the source's clock in rising order, and delays; at least one.

    Returns
    -------
    Clock
    numpy.ndarray of bool
        Which of them are delays.
    """
    start, slope = int(ts[0]), _slope(ts, delay)
    offset = int(np.median(delay - delay[0] - (ts - start) * slope)) + int(delay[0])
    clock = Clock(start, offset, slope, 0, 0)
    jitter = delay - clock.at(ts)
    near = np.abs(jitter) <= _MOST_JITTER
    if not near.any():
        near[:] = True
    return clock._replace(least=int(jitter[near].min()), most=int(jitter[near].max())), near


def clocks_of(source: Observed, mirror: Observed, pairs: Pairs, sources: int) -> tuple[list[Clock | None], Array]:
    """Look at the packets that both sides have seen: the clock of each source of the mirror, and rows of dtype `DELAY`.

    One of which nothing is known has no clock and no row.
    """
    clocks: list[Clock | None] = []
    rows = np.empty(sources, DELAY)
    count = 0
    for number in range(sources):
        of = mirror["source"][pairs.mirror] == number
        ts = source["ts"][pairs.source[of]]
        if not len(ts):
            clocks.append(None)
            continue
        order = np.argsort(ts, kind="stable")
        delay = (mirror["ts"][pairs.mirror[of]] - ts)[order]
        ts = ts[order]
        clock, near = clock_of(ts, delay)
        clocks.append(clock)
        seen = np.sort(delay[near])
        middle, late = seen[(len(seen) - 1) // 2], seen[int(np.ceil(0.99 * len(seen))) - 1]
        drift = round(clock.slope * MINUTE) if ts[-1] - ts[0] >= _LEAST_TO_DRIFT else np.iinfo(np.int64).min
        rows[count] = (number, len(seen), seen[0], middle, late, seen[-1], np.timedelta64(drift, "ns"))
        count += 1
    return clocks, rows[:count]


def widened(clocks: list[Clock | None], source: Observed, mirror: Observed, pairs: Pairs) -> list[Clock | None]:
    """Let data say how early or late it came, too: the last piece of a super-segment comes later than a packet does."""
    found: list[Clock | None] = []
    for number, clock in enumerate(clocks):
        of = mirror["source"][pairs.mirror] == number
        ts = source["ts"][pairs.source[of]]
        if clock is None or not len(ts):
            found.append(clock)
            continue
        jitter = mirror["ts"][pairs.mirror[of]] - ts - clock.at(ts)
        jitter = jitter[np.abs(jitter) <= _MOST_OF_DATA]
        least, most = jitter.min(initial=clock.least), jitter.max(initial=clock.most)
        found.append(clock._replace(least=int(least), most=int(most)))
    return found


def on_the_source_s_clock(mirror: Observed, clocks: list[Clock | None]) -> Array:
    """Times of the mirror's packets without the usual delay; a source without a clock has that of the others."""
    known = [clock for clock in clocks if clock]
    other = known[0] if known else SAME
    ts = mirror["ts"].copy()
    for number, clock in enumerate(clocks):
        of = mirror["source"] == number
        ts[of] = (clock or other).back(ts[of])
    return ts


def tolerance_of(clocks: list[Clock | None]) -> int | None:
    """How far two sights of a packet can be apart, on one clock, and more; None where nothing is known."""
    spread = max((clock.most - clock.least for clock in clocks if clock), default=None)
    return None if spread is None else max(2 * spread, _LEAST_TOLERANCE)


class Span(NamedTuple):
    """Which packets the other side has to have: those that it was there to see."""

    source: Array
    mirror: Array
    first: int | None  # on the source's clock
    last: int | None


def _bounds(reports: Any, number: int) -> tuple[int, int]:
    report = reports.sources[number]
    return report.first_ns or 0, report.last_ns or 0


def line_up(source: Observed, mirror: Observed, clocks: list[Clock | None]) -> Span:
    """Find what lies outside of the time that both sides were recorded.

    A packet of the source lies within it where one source of the mirror had begun by the time of the least delay, and
    one had not ended by that of the largest: what none of them recorded in between is a hole. Of the mirror, likewise.
    With no delay known, everything lies within.
    """
    ts = source["ts"]
    unknown = not any(clocks)
    begun_by, open_at = np.full(len(ts), unknown), np.full(len(ts), unknown)
    begins, ends = [], []
    first, last = source.reports.first_ns or 0, source.reports.last_ns or 0
    there = np.ones(len(mirror), np.bool_)
    for number, clock in enumerate(clocks):
        if clock is None:
            continue
        begun, ended = _bounds(mirror.reports, number)
        seen = ts + clock.at(ts)
        begun_by |= seen + clock.least >= begun
        open_at |= seen + clock.most <= ended
        of = mirror["source"] == number
        sent = clock.back(mirror["ts"][of])
        there[of] = (sent - clock.most >= first) & (sent - clock.least <= last)
        edges = clock.back(np.array([begun, ended]))
        begins.append(max(first, int(edges[0])))
        ends.append(min(last, int(edges[1])))
    return Span(begun_by & open_at, there, min(begins, default=None), max(ends, default=None))
