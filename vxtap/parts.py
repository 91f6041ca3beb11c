"""A range of a file, read by itself: without knowing what came before it.

Where its first record begins is a guess, and fragments and second sights may go back to frames that nobody has seen
here. So a part knows what it started from, and whoever has read the file up to there can tell whether that holds.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from vxtap import _parts
from vxtap.compressed import BLOCK
from vxtap.enums import Status

if TYPE_CHECKING:
    from vxtap import _core
    from vxtap.source import Origin

# Bytes in which a record is looked for: at first, and at most.
_LOOK, _MOST_LOOK = 64 << 10, 1 << 20
# Bytes of the shortest record or packet block there is; rows that may come late, of fragments that are given up.
_LEAST_RECORD, _LATE_ROWS = 16, 1 << 10
# Rows that a range has room for: as many bytes of them as of the file, where that is not few, and so few that what is
# remembered of as many packets for second sights is less than a MiB. Where there are more, the part ends early.
_FEW_ROWS, _MOST_ROWS = 1 << 12, 16_000
_MORE_INPUT, _MORE_OUTPUT = Status.MORE_INPUT.value, Status.MORE_OUTPUT.value
_AT_STOP, _MORE_HISTORY = Status.AT_STOP.value, Status.MORE_HISTORY.value


def rows_in(size: int) -> int:
    """No more rows than this come out of so many bytes."""
    return size // _LEAST_RECORD + _LATE_ROWS


class Scratch:
    """Memory to read a range in: a block of the file, and rows. Of the rows only what is written to costs anything."""

    def __init__(self, size: int, row_size: int) -> None:
        rows = min(rows_in(size), max(_FEW_ROWS, size // row_size), _MOST_ROWS)
        self.block = np.empty(BLOCK, np.uint8)
        self.rows = np.zeros(rows * row_size, np.uint8)


class Place:
    """The bytes of one file of a capture, for any thread: a regular file that is open, or a buffer.

    Attributes
    ----------
    start : int
        Where it starts in the capture.
    end : int
        Where it ended when it was opened.
    """

    def __init__(self, origin: Origin, start: int) -> None:
        assert origin.size is not None
        self.start = start
        self.end = start + origin.size
        self._origin = origin

    def read(self, offset: int, count: int) -> bytes | memoryview:
        """Bytes of the capture, fewer at the end of the file."""
        return self._origin.read_at(offset - self.start, count) or b""

    def scan(self, scanner: _core.Scanner, scratch: Scratch) -> tuple[int, int]:
        """Scan from where the scanner stands up to its stop, or the end of the file: what it wants then, and rows."""
        block, rows = scratch.block, scratch.rows
        row, status = 0, _MORE_HISTORY
        while status == _MORE_HISTORY:
            if self._origin.memory is not None:
                at = scanner.offset - self.start
                status, _, made = scanner.scan(self._origin.memory, at, self.end - self.start, rows, row)
            else:
                status, made = _parts.scan_file(scanner, self._origin.descriptor, self.start, block, rows, row)
            row += made
            if status == _MORE_HISTORY:
                scanner.recall(self.read(*scanner.history))
        return status, row


class Part:
    """One range of a file, and what was made of it.

    Parameters
    ----------
    place : Place
        The file.
    span : (int, int)
        It has the records that begin from the first byte of the capture to before the second.
    ahead : int
        How many bytes before it are read too, for what they leave in memory.
    framing : bytes
        What the file's framing is thought to be there.
    scanner : vxtap._core.Scanner
        A new one.
    scratch : Scratch
        Memory to read it in, whose first `count` rows are those of the range then.

    Attributes
    ----------
    begin : int
        Where its first record was found to begin; -1 where nothing came of it.
    """

    def __init__(
        self,
        place: Place,
        span: tuple[int, int],
        *,
        ahead: int,
        framing: bytes,
        scanner: _core.Scanner,
        scratch: Scratch,
    ) -> None:
        self.start, self.stop = span
        self.begin = -1
        self.count = 0
        self.scanner = scanner
        self.scratch = scratch
        self.cancelled = False
        self._place = place
        self._ahead = ahead
        self._framing = framing
        self._known = _parts.Known(scanner)
        self._done = threading.Event()
        self._error: BaseException | None = None

    def read(self) -> None:
        """Read it; called once, in any thread."""
        try:
            if not self.cancelled:
                self._read()
        except (OSError, MemoryError):  # whoever reads the range in its place meets it again
            pass
        except BaseException as error:
            self._error = error
        finally:
            self._done.set()

    def wait(self) -> None:
        """Wait until it has been read. What went wrong in a way that nobody foresaw is raised here."""
        self._done.wait()
        if self._error is not None:
            raise self._error

    def same_framing(self, whole: _core.Scanner) -> bool:
        """Whether the framing that holds there is the one that it began with."""
        return _parts.framing_of(whole) == self._framing

    def join(self, whole: _core.Scanner) -> bool:
        """Make it a part of the whole, which stands where it begins; False where it may have been read wrong."""
        return self.same_framing(whole) and self._known.join(whole)

    def _read(self) -> None:
        scanner = self.scanner
        scanner.can_recall = True
        _parts.assume(scanner, self._framing, self.start)
        found = find_record(self._place, scanner, max(self.start - self._ahead, self._place.start), self.stop)
        if found is None:
            return
        _parts.assume(scanner, self._framing, found)
        stop, tries = self.start, 0
        while scanner.offset < stop or self._known.waits:
            if scanner.offset >= stop:  # with fragments on the way: go on, by a few frames and then by more
                stop = scanner.offset + 1 + tries * tries
                tries += 1
            if stop >= self.stop or self._scan(stop)[0] != _AT_STOP:
                return
        self._framing = _parts.framing_of(scanner)
        self._known.begin()
        begin = scanner.offset
        status, self.count = self._scan(self.stop)
        if status in (_AT_STOP, _MORE_INPUT, _MORE_OUTPUT):
            self.begin = begin

    def _scan(self, stop: int) -> tuple[int, int]:
        self.scanner.stop = stop
        return self._place.scan(self.scanner, self.scratch)


def find_record(place: Place, books: _core.Pass, start: int, stop: int) -> int | None:
    """Where, from `start` to before `stop`, the first record seems to begin; None where none does.

    `books` has the framing of the file.
    """
    count = _LOOK
    while True:
        data = place.read(start, count)
        last = start + len(data) >= place.end
        at = _parts.find_record(books, data, start - place.start, last)
        if at is not None and start + at < stop:
            return start + at
        if at is not None or last or len(data) < count or count >= min(stop - start, _MOST_LOOK):
            return None
        count *= 4
