"""Holes in time: silences of a tunnel source that its own traffic makes improbable.

What is improbable is decided once all is known, by two rules, both of which must hold:

* Were the source's bursts independent of each other, as many as it had a second, fewer than one in a hundred captures
  like this one would hold such a silence: ``bursts * exp(-rate * seconds) < 0.01``. A burst is all that comes within a
  twentieth of `gap`, so that packets that come in trains count once, and the rate is that outside of the silence. Of a
  tunnel that carries a keep-alive now and then, no silence is a hole; nor of one that was seen for less than `gap`
  outside of the silence, or with fewer than ten bursts, since that is no rate.
* The silence is more than three times as long as the longest usual one: the fourth longest, or, of a source that was
  seen for long, the one with as many longer ones as it was seen for periods of ten minutes. A source that is silent
  for half a minute again and again has no hole of half a minute.

A single time that is wrong by years, as broken clocks make them, counts for nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from vxtap.report import ip_text, iso_time

if TYPE_CHECKING:
    from vxtap.tunnel_books import Origin

    Array = np.ndarray[Any, np.dtype[Any]]

#: Holes that are listed; the rest is counted.
MOST_LISTED = 1000
IMPROBABLE = math.log(0.01)
UNUSUAL = 3
_BURSTS_A_GAP, _FEWEST_BURSTS = 20, 10
_TRIPLE = 3
_KEPT = 64  # longest silences of a source
_FEWEST_HOLES, _HOLE_EVERY = 3, 600 * 10**9
_NS = 1_000_000_000
_NAT = np.iinfo(np.int64).min


class Silences:
    """What is known of the silences of one source.

    Attributes
    ----------
    first, last : int
        Times of its first and last packet, in nanoseconds.
    bursts : int
        How many there were.
    """

    def __init__(self, slot: int, near: int) -> None:
        self.first = self.last = 0
        self.bursts = 0
        self._slot = slot
        self._near = near
        self._pending = np.empty(0, np.int64)
        self._lengths = np.empty(0, np.int64)
        self._starts = np.empty(0, np.int64)
        self._least = 0

    def take(self, times: Array) -> None:
        """Count packets in, in nanoseconds and about in order.

        Of three in a row the middle time counts, so that a single wrong one, as broken clocks make them, is no silence.
        """
        raw = np.concatenate([self._pending, times])
        self._pending = raw[-2:]
        if raw.size < _TRIPLE:
            return
        sure = np.sort(np.stack([raw[:-2], raw[1:-1], raw[2:]]), axis=0)[1]
        if not self.bursts and abs(int(raw[0]) - int(raw[1])) <= self._near:
            sure = np.concatenate([raw[:1], sure])
        self._count(sure)

    def settle(self) -> None:
        """No more come: the last one counts if the one before it is near; of fewer than three, all do."""
        left = self._pending
        if self.bursts and left.size:
            near = abs(int(left[1]) - int(left[0])) <= self._near
            left = left[1:] if near else left[:0]
        if left.size:
            self._count(left)
        self._pending = left[:0]

    def _count(self, times: Array) -> None:
        if not self.bursts:
            self.first = self.last = int(times[0])
            self.bursts = 1
        times = np.maximum.accumulate(np.concatenate([[self.last], times]))
        self.last = int(times[-1])
        slots = times // self._slot
        self.bursts += int(np.count_nonzero(slots[1:] != slots[:-1]))
        lengths = np.diff(times)
        at = np.flatnonzero(lengths > self._least)
        if at.size:
            self._keep(lengths[at], times[at])

    def _keep(self, lengths: Array, starts: Array) -> None:
        lengths, starts = np.concatenate([self._lengths, lengths]), np.concatenate([self._starts, starts])
        order = np.argsort(-lengths, kind="stable")[:_KEPT]
        self._lengths, self._starts = lengths[order], starts[order]
        if order.size == _KEPT:
            self._least = int(self._lengths[-1])

    @property
    def usual(self) -> int:
        """The longest usual silence, in nanoseconds; 0 of a source with few packets."""
        rank = min(max(_FEWEST_HOLES, (self.last - self.first) // _HOLE_EVERY), _KEPT - 1)
        return int(self._lengths[rank]) if rank < self._lengths.size else 0

    def rate(self, silence: int, least: int) -> float:
        """Bursts a second, outside of this silence; 0 where that is not known, of fewer than `least` nanoseconds."""
        seen = self.last - self.first - silence
        return self.bursts / seen * _NS if seen >= least and self.bursts >= _FEWEST_BURSTS else 0.0

    def longest(self) -> list[tuple[int, int]]:
        """The longest silences: (begin, nanoseconds), the longest first."""
        return list(zip(self._starts.tolist(), self._lengths.tolist(), strict=True))


class Holes:
    """The silences of all sources, and which of them are holes.

    Parameters
    ----------
    gap : int
        Nanoseconds that a hole has at least.
    """

    def __init__(self, gap: int) -> None:
        self._gap = gap
        self._slot = max(1, gap // _BURSTS_A_GAP)
        self._sources: dict[int, Silences] = {}

    def take(self, origins: Array, times: Array) -> None:
        """Count packets in.

        Parameters
        ----------
        origins : numpy.ndarray of int
            Whose they are; below 0: nobody's.
        times : numpy.ndarray of M8[ns]
            In order, or nearly.
        """
        ns = times.astype(np.int64)
        known = (origins >= 0) & (ns != _NAT)
        origins, ns = origins[known], ns[known]
        if not ns.size:
            return
        order = np.argsort(origins, kind="stable")
        origins, ns = origins[order], ns[order]
        starts = np.flatnonzero(np.diff(origins, prepend=-1))
        for origin, part in zip(origins[starts].tolist(), np.split(ns, starts[1:]), strict=True):
            if origin not in self._sources:
                self._sources[origin] = Silences(self._slot, self._gap)
            self._sources[origin].take(part)

    def _judge(self, one: Silences, begin: int, length: int, usual: int) -> dict[str, Any] | None:
        """A silence as a hole, if it is one. Before the source's first packet and behind its last it is its too."""
        inside = begin >= one.first and begin < one.last
        rate = one.rate(length if inside else 0, self._gap)
        expected = math.log(one.bursts) - rate * length / _NS  # the logarithm of how many such silences there would be
        if length <= self._gap or length <= UNUSUAL * usual or expected >= IMPROBABLE:
            return None
        return {
            "begin": iso_time(begin),
            "end": iso_time(begin + length),
            "seconds": length / _NS,
            "bursts_per_second": round(rate, 3),
            "usual_seconds": usual / _NS,
        }

    def _settle(self) -> None:
        for one in self._sources.values():
            one.settle()

    def rows(self, origins: list[Origin]) -> tuple[list[dict[str, Any]], int]:
        """The holes, longest first, and how many more there are; then no more packets come."""
        self._settle()
        found = []
        for origin, one in self._sources.items():
            usual = one.usual
            for begin, length in one.longest():
                hole = self._judge(one, begin, length, usual)
                if hole is None:
                    break
                found.append((-length, begin, {**_named(origins[origin]), **hole}))
        found.sort(key=lambda row: (row[0], row[1], row[2]["outer_src"], row[2]["vni"]))
        return [row[2] for row in found[:MOST_LISTED]], max(0, len(found) - MOST_LISTED)

    def edges(self, origins: list[Origin]) -> tuple[list[dict[str, Any]], int]:
        """Sources that begin late or end early, as the others show: as holes, with `what`; and how many more."""
        self._settle()
        if not self._sources:
            return [], 0
        begin = min(one.first for one in self._sources.values())
        end = max(one.last for one in self._sources.values())
        found = []
        for origin, one in self._sources.items():
            usual = one.usual
            for what, at, length in (("begins", begin, one.first - begin), ("ends", one.last, end - one.last)):
                edge = self._judge(one, at, length, usual)
                if edge is not None:
                    found.append((at, what, {**_named(origins[origin]), "what": what, **edge}))
        found.sort(key=lambda row: (row[0], row[1], row[2]["outer_src"], row[2]["vni"]))
        return [row[2] for row in found[:MOST_LISTED]], max(0, len(found) - MOST_LISTED)


def _named(origin: Origin) -> dict[str, Any]:
    return {"outer_src": ip_text(origin[0]), "vni": origin[1]}
