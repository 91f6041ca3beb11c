"""Files read by ranges: what one worker gives, every difference from that, and a reader that proves nothing.

That reader is what reading by ranges would be without its proofs: it takes the first chain of plausible headers of a
range for records, and knows nothing of what came before. Where it gives the right rows, a capture tests nothing.
"""

from __future__ import annotations

import itertools
import operator
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest

import compare
import vxtap.parts
import vxtap.ranges
from build import KUZNETZOV, MICRO, NANO
from compare import Seen, columns_of

Make = Callable[[], Any]  # a source that was not read yet

WORKERS = (2, 3)
CHAIN = 3  # headers that have to be plausible one after the other
SECTION = b"\x0a\x0d\x0d\x0a"
PACKET_BLOCKS = (2, 3, 6)
MOST, MOST_SEARCHED = 4 << 20, 10_000


# ---------------------------------------------------------------- one worker, and several


def told(error: Exception | None) -> Any:
    """All that an error says."""
    if error is None:
        return None
    return type(error), str(error), getattr(error, "status", None), getattr(error, "offset", None)


def read(source: Any, **how: Any) -> tuple[np.ndarray | None, Any]:
    """What `vxtap.read` returns, or what it raises."""
    try:
        return vxtap.read(source, **how), None
    except (vxtap.VxtapError, OSError) as error:
        return None, told(error)


def see(source: Any, size: int, **how: Any) -> Seen:
    """What `batches` gives, none of them too long or empty, and with whatever stopped it."""
    error: Exception | None = None
    batches: list[np.ndarray] = []
    with vxtap.open(source, **how) as capture:
        try:
            batches.extend(capture.batches(size))
        except (vxtap.VxtapError, OSError) as stopped:
            error = stopped
        assert all(0 < len(batch) <= size for batch in batches)
        assert all(batch.dtype == capture.dtype for batch in batches)
        rows = np.concatenate(batches) if batches else np.empty(0, capture.dtype)
        return Seen(rows, capture.report, error)


def row_differences(what: str, found: np.ndarray, wanted: np.ndarray) -> list[str]:
    """The columns in which two arrays differ, and the first row that does."""
    if found.dtype != wanted.dtype:
        return [f"{what}: dtype {found.dtype}, one worker {wanted.dtype}"]
    lines = [] if len(found) == len(wanted) else [f"{what}: {len(found)} rows, one worker {len(wanted)}"]
    most = min(len(found), len(wanted))
    theirs = columns_of(wanted[:most])
    for name, mine in columns_of(found[:most]).items():
        if mine != theirs[name]:
            at = next(i for i in range(most) if found[name][i].tobytes() != wanted[name][i].tobytes())
            lines.append(f"{what}: row {at} {name}: {found[name][at]!r}, one worker {wanted[name][at]!r}")
    return lines


class Truth:
    """What one worker gives of a source: all at once with every frame, and in batches.

    Where a row of a fragment is handed out before anybody knows what becomes of it depends on batches; where every
    frame has a row, those are compared as far as they do not depend on that.
    """

    def __init__(self, make: Make, size: int = 1 << 16, frames: str = "decapsulated", **how: Any) -> None:
        self.make, self.size, self.frames, self.how = make, size, frames, how
        self.rows, self.told = read(make(), workers=1, frames="all", **how)
        self.seen = see(make(), size, workers=1, frames=frames, **how)

    def differences(self, **ranges: Any) -> list[str]:
        """Everything in which reading by ranges differs."""
        rows, error = read(self.make(), frames="all", **self.how, **ranges)
        lines = [] if error == self.told else [f"read raised {error}, one worker {self.told}"]
        if rows is not None and self.rows is not None:
            lines += row_differences("read", rows, self.rows)
        return lines + self._of_batches(see(self.make(), self.size, frames=self.frames, **self.how, **ranges))

    def _of_batches(self, found: Seen) -> list[str]:
        wanted = self.seen
        settle = compare.settled if self.frames == "all" else np.asarray
        lines = row_differences("batches", settle(found.rows), settle(wanted.rows))
        if told(found.error) != told(wanted.error):
            lines.append(f"batches raised {told(found.error)}, one worker {told(wanted.error)}")
        mine, theirs = found.report, wanted.report
        if wanted.error is not None:  # how much had been read by then depends on blocks
            mine, theirs = replace(mine, bytes_in=0), replace(theirs, bytes_in=0)
        return lines if mine == theirs else [*lines, f"report {mine}, one worker {theirs}"]


def assert_alike(make: Make, splits: Iterable[int | str], workers: Iterable[int] = WORKERS, **how: Any) -> None:
    """By whatever ranges, with one number of workers after the other, it is what one worker gives."""
    truth = Truth(make, **how)
    for split, count in zip(splits, itertools.cycle(workers), strict=False):
        lines = truth.differences(workers=count, split=split)
        assert not lines, f"workers={count}, split={split}:\n" + "\n".join(lines[:10])


def be_eager(patch: pytest.MonkeyPatch) -> None:
    """Have every range tried, the first as large as the others, whatever came of those before it."""
    patch.setattr(vxtap.ranges, "_MOST_PATIENCE", 0)
    patch.setattr(vxtap.ranges, "_HEAD", vxtap.ranges.MOST)


def count_joins(patch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each range that was tried from now on could be proven to join what came before it."""
    found: list[bool] = []
    join = vxtap.parts.Part.join

    def note(part: vxtap.parts.Part, whole: Any) -> bool:
        found.append(join(part, whole))
        return found[-1]

    patch.setattr(vxtap.parts.Part, "join", note)
    return found


# ---------------------------------------------------------------- framing, as a reader may guess at it


class Framing(NamedTuple):
    """How records follow each other in a file, from some place on."""

    data: bytes
    head: int  # what comes before the first packet
    order: str
    record: int = 0  # bytes of a classic record's header; 0 for pcapng
    pick: Callable[[tuple[int, int]], int] = min  # the captured one of two lengths

    def walk(self, at: int) -> Iterator[int]:
        """Where the record or block at a place ends, and the one behind it, as far as they are whole and sound."""
        framing = self
        while True:
            if not self.record and self.data[at : at + 4] == SECTION:
                framing = framing._replace(order=order_of(self.data, at))
            end = framing.classic(at) if self.record else framing.block(at)
            if end is None or end > len(self.data):
                return
            yield end
            at = end

    def classic(self, at: int) -> int | None:
        """The end of a record, which may lie behind that of the file."""
        if at + self.record > len(self.data):
            return None
        caplen = self.pick(struct.unpack_from(self.order + "II", self.data, at + 8))
        return at + self.record + caplen if caplen <= MOST else None

    def block(self, at: int) -> int | None:
        """The end of a block whose two lengths agree."""
        if at + 12 > len(self.data):
            return None
        (total,) = struct.unpack_from(self.order + "I", self.data, at + 4)
        if total < 12 or total % 4 or at + total > len(self.data):
            return None
        (again,) = struct.unpack_from(self.order + "I", self.data, at + total - 4)
        return at + total if again == total else None

    def is_plausible(self, at: int) -> bool:
        """Whether a few records follow each other from there, or to the end of the file."""
        ends = list(itertools.islice(self.walk(at), CHAIN))
        return len(ends) == CHAIN or (ends or [at])[-1] == len(self.data)

    def find(self, start: int, stop: int) -> Iterator[int]:
        """The places in a range that look like a record."""
        return (at for at in range(start, min(stop, len(self.data))) if self.is_plausible(at))


def order_of(data: bytes, at: int) -> str:
    """The byte order that a section header gives."""
    return "<" if data[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"


def framing_of(data: bytes) -> Framing:
    """Read the start of a capture."""
    if data[:4] == SECTION:
        framing = Framing(data, 0, order_of(data, 0))
        starts = [0, *framing.walk(0)]
        kinds = [struct.pack(framing.order + "I", kind) for kind in PACKET_BLOCKS]
        packets = (at for at in starts if data[at : at + 4] in kinds)
        return framing._replace(head=next(packets, len(data)))
    order = next(order for order in "<>" if struct.unpack_from(order + "I", data)[0] in (MICRO, NANO, KUZNETZOV))
    magic, major, minor = struct.unpack_from(order + "IHH", data)
    which = 1 if major == 543 or minor < 3 else 0
    pick = min if (major, minor) == (2, 3) else operator.itemgetter(which)
    return Framing(data, 24, order, 24 if magic == KUZNETZOV else 16, pick)


def borders(data: bytes) -> list[int]:
    """Where records or blocks end in truth, as far as they are whole and sound."""
    framing = framing_of(data)
    return list(framing.walk(framing.head if framing.record else 0))


def places(data: bytes, most: int = 16) -> list[int]:
    """Sizes for ranges of which one begins at, or next to, a place where something may begin, true or not."""
    framing = framing_of(data)
    true = borders(data)
    found = set(framing.find(1, len(data))) if len(data) < MOST_SEARCHED else set()
    found |= {at + by for at in true for by in (-1, 0, 1)}
    sizes = sorted(at for at in found if 0 < at < len(data))
    return sizes[:: len(sizes) // most + 1]


# ---------------------------------------------------------------- a reader that proves nothing


def parts(data: bytes, split: int, *, believe: bool) -> Iterator[tuple[int, int]]:
    """The records of each range: from its first plausible one on (`believe`), or from its first true one."""
    framing = framing_of(data)
    true = [framing.head, *(place for place in borders(data) if place > framing.head)]
    for start in range(0, len(data), split):
        stop = start + split
        if believe and start > framing.head:
            at = next(framing.find(start, stop), None)
        else:
            at = next((place for place in true if start <= place < stop), None)
        if at is None:
            continue
        end = at
        for after in framing.walk(at):
            if end >= stop:
                break
            end = after
        yield at, len(data) if stop >= len(data) else end


def read_apart(data: bytes, split: int, *, believe: bool, **how: Any) -> np.ndarray:
    """The rows of ranges that know nothing of each other, numbered and placed as in the whole file."""
    head, frames, found = data[: framing_of(data).head], 0, []
    for at, end in parts(data, split, believe=believe):
        seen = compare.see(head + data[at:end], **how)
        seen.rows["offset"] += np.uint64(at) - np.uint64(len(head))
        seen.rows["frame"] += np.uint64(frames)
        frames += seen.report.frames
        found.append(seen.rows)
    return np.concatenate(found) if found else compare.see(data, **how).rows[:0]
