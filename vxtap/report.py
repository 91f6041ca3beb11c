"""What became of every frame of a capture."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vxtap import _facts
from vxtap.tables import OUTCOMES

if TYPE_CHECKING:
    import numpy as np

    from vxtap._core import Pass

_SECOND = 1_000_000_000
_IP_TEXT = 39


def iso_time(ns: int | None) -> str | None:
    """ISO 8601 UTC with nanoseconds, of nanoseconds since 1970; None stays None."""
    if ns is None:
        return None
    from datetime import UTC, datetime  # only here: most runs of the command print no time

    seconds, fraction = divmod(ns, _SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def ip_text(address: bytes) -> str:
    """One address as text, without numpy."""
    text = bytearray(4 * _IP_TEXT)
    _facts.format_addresses(address, 16, 1, 16, text, _IP_TEXT)
    return "".join(map(chr, memoryview(text).cast("I"))).rstrip("\0")


@dataclass(slots=True, kw_only=True)
class Report:
    """The books of one pass: ``decapsulated + sum(skipped.values()) == frames``, always.

    Attributes
    ----------
    frames : int
        In the capture, as far as it was read.
    decapsulated : int
        Frames whose inner frame was delivered.
    skipped : Counter of str
        The others by reason, the slugs of docs/record.md; reasons that did not occur are absent (and count 0).
    kept : Counter of str
        With ``keep_others``: why the frames that are counted as ``skipped["kept"]`` were not decapsulated.
    bytes_in, bytes_out : int
        Read (decompressed), and written (0 where nothing is; of a compressed output: compressed).
    bytes_unpacked : int
        What was written before it was compressed; `bytes_out` where it is not compressed.
    first_ns, last_ns : int or None
        Earliest and latest time of a frame, in nanoseconds since 1970 UTC.
    no_time : int
        Frames without a time.
    truncated_tail : int
        Bytes behind the last whole record (of each file): the capture was cut there, or is still being written.
    truncated : bool
        The capture ends early: within a record, or within its compressed data.
    files : int
        How many there were: more than one for a rotated set.
    empty_files : list of str
        Files of a rotated set that held nothing.
    changed : str
        What has changed about the files while they were read, in words; empty where nothing has.
    began, ended : int
        Where in the capture the first record that was read begins (a whole file: 0), and the last one ends.
    times_rounded, times_lost : int
        Written times that lost digits (a finer interface appeared after a classic pcap was begun), or that the output
        has no way to hold (no time, or one outside of its years), written as 0.
    """

    frames: int = 0
    decapsulated: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    bytes_in: int = 0
    bytes_out: int = 0
    bytes_unpacked: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    no_time: int = 0
    truncated_tail: int = 0
    truncated: bool = False
    files: int = 1
    empty_files: list[str] = field(default_factory=list)
    changed: str = ""
    began: int = 0
    ended: int = 0
    times_rounded: int = 0
    times_lost: int = 0

    @property
    def first(self) -> np.datetime64 | None:
        """Earliest time as ``datetime64[ns]``."""
        return _datetime64(self.first_ns)

    @property
    def last(self) -> np.datetime64 | None:
        """Latest time as ``datetime64[ns]``."""
        return _datetime64(self.last_ns)

    def add(self, other: Report) -> None:
        """Count the report of another source in."""
        for name in ("frames", "decapsulated", "bytes_in", "no_time", "truncated_tail", "files"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.skipped += other.skipped
        self.kept += other.kept
        self.truncated = self.truncated or other.truncated
        self.empty_files += other.empty_files
        self.changed = "; ".join(filter(None, (self.changed, other.changed)))
        first = [time for time in (self.first_ns, other.first_ns) if time is not None]
        last = [time for time in (self.last_ns, other.last_ns) if time is not None]
        self.first_ns, self.last_ns = min(first, default=None), max(last, default=None)

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON; times as ISO 8601 UTC with nanoseconds."""
        return {
            "frames": self.frames,
            "decapsulated": self.decapsulated,
            "skipped": dict(self.skipped),
            "kept": dict(self.kept),
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "bytes_unpacked": self.bytes_unpacked,
            "first": iso_time(self.first_ns),
            "last": iso_time(self.last_ns),
            "no_time": self.no_time,
            "truncated_tail": self.truncated_tail,
            "truncated": self.truncated,
            "files": self.files,
            "empty_files": self.empty_files,
            "changed": self.changed,
            "began": self.began,
            "ended": self.ended,
            "times_rounded": self.times_rounded,
            "times_lost": self.times_lost,
        }

    def __str__(self) -> str:
        """One line for people."""
        skipped = "".join(f", {count:,} {reason}" for reason, count in self.skipped.most_common())
        tail = f"; the last {self.truncated_tail:,} bytes are a cut record" if self.truncated_tail else ""
        if self.truncated and not tail:
            tail = "; the compressed data ends early"
        elif tail and self.files > 1:
            tail = f"; {self.truncated_tail:,} bytes of cut records"
        files = f" in {self.files:,} files" if self.files > 1 else ""
        changed = "; the input changed while it was read" if self.changed else ""
        return f"{self.frames:,} frames{files}: {self.decapsulated:,} decapsulated{skipped}{tail}{changed}"


def _datetime64(ns: int | None) -> np.datetime64 | None:
    import numpy as np  # only here, so that the command starts without it

    return None if ns is None else np.datetime64(ns, "ns")


def by_reason(counts: list[int]) -> Counter[str]:
    """Counts in the core's order by their slugs, without 'decapsulated' and without zeros."""
    return Counter({slug: n for slug, n in zip(OUTCOMES[1:], counts[1:], strict=True) if n})


def take_stock(books: Pass, bytes_in: int, tail: int = 0, *, truncated: bool = False) -> Report:
    """Read the core's books."""
    outcomes = books.outcomes
    first, last, no_time = books.times
    timed = books.frames > no_time
    return Report(
        frames=books.frames,
        decapsulated=outcomes[0],
        skipped=by_reason(outcomes),
        kept=by_reason(books.kept),
        bytes_in=bytes_in,
        first_ns=first if timed else None,
        last_ns=last if timed else None,
        no_time=no_time,
        truncated_tail=tail,
        truncated=truncated or tail > 0,
    )
