"""Clock offsets between collectors, from what they saw: causality of TCP, and packets that several of them have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vxtap.evidence import bounds_of
from vxtap.happenings import COLUMNS, MOST_SIGHTS, MOST_STEPS, Happenings
from vxtap.timelines import Timeline, trace

Array = np.ndarray[Any, np.dtype[Any]]

#: Columns of PACKET that `Evidence.take` needs.
columns = COLUMNS


@dataclass(slots=True, kw_only=True)
class Offset:
    """What the clock of one source shows too much, against that of another one.

    Attributes
    ----------
    source : int
        Whose clock.
    relative_to : int or None
        Against whose: the first source of those that are tied together. None where nothing ties this one to any other.
    offset_ns : int or None
        To be subtracted from the source's times, in the middle of the time; None: unknown.
    low_ns, high_ns : int or None
        The interval in which it lies, by all that was seen. Where the clock drifts, in the middle of the time.
    pairs : int
        Bounds that tell about this clock.
    conflicts : int
        Those among them that were dropped since the others contradict them.
    drift_ppm : float or None
        How much faster than the other the clock runs, over the whole time, in millionths; 0 where nothing contradicts
        an offset that stays. None: unknown.
    knots : list of (int, int)
        Nanoseconds since 1970 by the source's own clock, and the offset then; in between it is a straight line, outside
        it stays. Empty: unknown.
    """

    source: int
    relative_to: int | None = None
    offset_ns: int | None = None
    low_ns: int | None = None
    high_ns: int | None = None
    pairs: int = 0
    conflicts: int = 0
    drift_ppm: float | None = None
    knots: list[tuple[int, int]] = field(default_factory=list)

    @property
    def known(self) -> bool:
        """Whether the offset is known."""
        return self.offset_ns is not None

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON; numbers of nanoseconds."""
        return {
            "source": self.source,
            "known": self.known,
            "relative_to": self.relative_to,
            "offset_ns": self.offset_ns,
            "low_ns": self.low_ns,
            "high_ns": self.high_ns,
            "pairs": self.pairs,
            "conflicts": self.conflicts,
            "drift_ppm": self.drift_ppm,
            "knots": [list(knot) for knot in self.knots],
        }

    def __str__(self) -> str:
        """One line for people."""
        if self.offset_ns is None or self.low_ns is None or self.high_ns is None:
            return f"source {self.source}: unknown, nothing bounds it from both sides"
        if self.relative_to == self.source:
            return f"source {self.source}: the others of its group are relative to it"
        drift = f", drifts by {self.drift_ppm:+.3f} ppm" if self.drift_ppm else ""
        false = f", {self.conflicts:,} contradicted" if self.conflicts else ""
        return (
            f"source {self.source}: {self.offset_ns / 1e6:+.6f} ms against source {self.relative_to},"
            f" between {self.low_ns / 1e6:+.6f} and {self.high_ns / 1e6:+.6f}{drift}; {self.pairs:,} bounds{false}"
        )


class Clocks:
    """The offsets of all sources.

    Attributes
    ----------
    offsets : list of Offset
        One a source, in their order.
    sampled : bool
        Whether there was so much to look at that only a sample was kept.
    """

    def __init__(self, offsets: list[Offset], *, sampled: bool = False) -> None:
        self.offsets = offsets
        self.sampled = sampled

    @property
    def known(self) -> bool:
        """Whether the offsets of all sources against the first one are known."""
        return len(self.offsets) < 2 or all(one.relative_to == 0 for one in self.offsets)

    @property
    def unknown(self) -> list[int]:
        """Sources of which nothing is known, whose times stay as they are."""
        return [one.source for one in self.offsets if not one.known]

    def knots(self, source: int) -> tuple[Array, Array]:
        """Return the times (i8, ns, by the source's own clock) and offsets (i8, ns) of a source.

        Where the offset is unknown, there is one knot with the offset 0.
        """
        knots = np.array(self.offsets[source].knots or [(0, 0)], np.int64)
        return knots[:, 0].copy(), knots[:, 1].copy()

    def offsets_at(self, source: int, times: Array) -> Array:
        """What the clock of a source shows too much at times of its own.

        Parameters
        ----------
        source : int
            Whose clock.
        times : numpy.ndarray
            M8[ns], or i8 in nanoseconds.

        Returns
        -------
        numpy.ndarray
            i8, nanoseconds; 0 where it is unknown.
        """
        at, offsets = self.knots(source)
        own = np.asarray(times).astype("M8[ns]").view(np.int64)
        if len(at) == 1:
            return np.full(own.shape, offsets[0], np.int64)
        # Floats hold the time since the first knot, and what is beyond the first offset, but not whole times.
        beyond = np.interp(own - at[0], at - at[0], offsets - offsets[0])
        found: Array = offsets[0] + np.rint(beyond).astype(np.int64)
        return found

    def correct(self, source: int, times: Array) -> Array:
        """Return times of a source (M8[ns]) by the common clock; NaT stays NaT."""
        own = np.asarray(times).astype("M8[ns]")
        timed = np.where(np.isnat(own), np.datetime64(0, "ns"), own)
        corrected: Array = own - self.offsets_at(source, timed).view("m8[ns]")
        return corrected

    def to_dict(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        return {"known": self.known, "sampled": self.sampled, "offsets": [one.to_dict() for one in self.offsets]}

    def __str__(self) -> str:
        """A line for each source."""
        return "\n".join(map(str, self.offsets))


class Evidence:
    """What tells how far the clocks of sources are apart, gathered batch by batch in bounded memory.

    Parameters
    ----------
    count : int
        Of sources.
    most_steps, most_sights : int
        How many happenings are kept at the most; beyond that, those of a sample of all packets.
    """

    def __init__(self, count: int, *, most_steps: int = MOST_STEPS, most_sights: int = MOST_SIGHTS) -> None:
        self._count = count
        self._seen = Happenings(count, most_steps, most_sights)

    def take(self, batch: Array) -> None:
        """Look at a batch of packets.

        Parameters
        ----------
        batch : numpy.ndarray
            Structured, with the columns `columns` at least; `source` says whose each row is. Sources in any order, rows
            of one source roughly in the order of time.
        """
        if self._count > 1:
            self._seen.take(batch)

    def solve(self) -> Clocks:
        """Estimate the offsets from what was seen so far."""
        traced = trace(self._count, bounds_of(self._seen), self._seen.first, self._seen.last)
        offsets = []
        for source, line in enumerate(traced.lines):
            one = Offset(source=source, pairs=int(traced.pairs[source]), conflicts=int(traced.conflicts[source]))
            if line is not None:
                _fill(one, line, int(traced.roots[source]))
            offsets.append(one)
        return Clocks(offsets, sampled=bool(self._seen.steps.level or self._seen.sights.level))


def _fill(one: Offset, line: Timeline, root: int) -> None:
    one.relative_to = root
    one.offset_ns, one.low_ns, one.high_ns = line.middle, line.low, line.high
    one.drift_ppm = line.slope * 1e6
    one.knots = list(zip(line.times.tolist(), line.offsets.tolist(), strict=True))
