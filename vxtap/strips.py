"""A scanner and the bytes of one file of a store, moved on together from any place to any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vxtap import _core, _parts
from vxtap.enums import Status
from vxtap.memory import Rows
from vxtap.rotation import NOTHING, TIME
from vxtap.stores import read

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from vxtap.layout import Projection
    from vxtap.stores import Reader

AT_STOP, MORE_INPUT, OK = Status.AT_STOP.value, Status.MORE_INPUT.value, Status.OK.value
_MORE_OUTPUT, _MORE_HISTORY = Status.MORE_OUTPUT.value, Status.MORE_HISTORY.value
_FIRST_ROWS = 1 << 12
_NAT = -(1 << 63)
# Bytes whose frames tell what time it is; at most, where frames are large.
_LOOK, _LOOK_MORE = 64 << 10, 1 << 20
# Nanoseconds by which clocks of captures are said to go back: some microseconds is what they do.
_SLACK = 1_000_000


class Kept:
    """Rows that are kept, in memory that grows."""

    def __init__(self, projection: Projection) -> None:
        self._rows = Rows(projection.dtype, _FIRST_ROWS)
        self.buffer: Buffer = self._rows.buffer
        self.count = 0

    def full(self) -> None:
        """Have room for more."""
        self._rows.count = self.count
        self._rows.reserve(4 * self.count, 2 * self.count)
        self.buffer = self._rows.buffer

    def array(self) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        """All of them."""
        self._rows.count = self.count
        return self._rows.array()


class Dropped:
    """Rows that nobody wants."""

    def __init__(self, row_size: int) -> None:
        self.buffer: Buffer = np.zeros(_FIRST_ROWS * row_size, np.uint8)
        self.count = 0

    def full(self) -> None:
        """Begin again."""
        self.count = 0


class Strip:
    """A scanner and the file that it reads, in blocks.

    Parameters
    ----------
    reader : Reader
        The file.
    size : int
        Bytes of it.
    block : int
        Bytes that are read at a time.
    scanner : vxtap._core.Scanner
        One that stands where reading begins.

    Attributes
    ----------
    taken : int
        Bytes that were read.
    """

    def __init__(self, reader: Reader, size: int, block: int, scanner: _core.Scanner) -> None:
        self.scanner = scanner
        self.taken = 0
        self._reader = reader
        self._size = size
        self._block = block
        self._buffer = memoryview(bytearray(min(block, max(size, 64))))
        self._start = self._end = 0
        scanner.can_recall = True

    def scan(self, stop: int, rows: Kept | Dropped, *, border: bool = False) -> int:
        """Scan up to a byte, or, where that is 0, to the end of the file: what the scanner wants then.

        With `border` no record lies across that byte, and none behind it is read.
        """
        scanner = self.scanner
        scanner.stop = stop
        limit = stop if stop and border else self._size
        while True:
            status, used, made = scanner.scan(self._buffer, self._start, self._end, rows.buffer, rows.count)
            self._start += used
            rows.count += made
            if status == _MORE_OUTPUT:
                rows.full()
            elif status == _MORE_HISTORY:
                scanner.recall(self._again(*scanner.history))
            elif status != MORE_INPUT or not self._more(limit):
                return status

    def end(self, rows: Kept | Dropped) -> tuple[int, int]:
        """The file ends here: what is wrong with that (OK: nothing), and bytes behind the last whole record.

        Datagrams that still wait are given up.
        """
        status, tail = self.ended
        self.scanner.drain()
        wants = _MORE_OUTPUT
        while wants == _MORE_OUTPUT:
            wants, _, made = self.scanner.scan(b"", 0, 0, rows.buffer, rows.count)
            rows.count += made
            if wants == _MORE_OUTPUT:
                rows.full()
        return status, tail

    @property
    def ended(self) -> tuple[int, int]:
        """What would be wrong if the file ended here, and bytes behind the last whole record."""
        return self.scanner.end(self._end - self._start)

    def first_bytes(self, count: int = 8) -> bytes:
        """What the next record starts with, for messages."""
        return bytes(self._buffer[self._start : min(self._end, self._start + count)])

    def _more(self, limit: int) -> bool:
        left = self._end - self._start
        offset = self.scanner.offset + left
        if offset >= limit:
            return False
        buffer = self._buffer
        if left == len(buffer):
            buffer = memoryview(bytearray(2 * len(buffer)))
        buffer[:left] = self._buffer[self._start : self._end]
        self._buffer = buffer
        count = self._reader.readinto(offset, buffer[left : left + min(len(buffer) - left, limit - offset)])
        self._start, self._end = 0, left + count
        self.taken += count
        return count > 0

    def _again(self, offset: int, count: int) -> bytes | memoryview:
        """Bytes that were passed: they may still be here."""
        at = self._start - (self.scanner.offset - offset)
        if at >= 0 and at + count <= self._end:
            return self._buffer[at : at + count]
        return read(self._reader, offset, count)


def header_scanner() -> _core.Scanner:
    """One that looks for no tunnel, and gives the time of every frame."""
    return _core.Scanner(NOTHING, source=0, level=0, skipped_rows=True, columns=[TIME], row_size=TIME[1])


def counter() -> _core.Scanner:
    """One that looks for no tunnel, and gives nothing: frames are counted."""
    return _core.Scanner(NOTHING, source=0, level=0, skipped_rows=False, columns=[TIME], row_size=TIME[1])


class Times:
    """The times of the first frames from some record on, as many as lie in a few KiB.

    Attributes
    ----------
    known : bool
        The first frame has one.
    first, least : int
        The first, and the earliest.
    before : int
        What comes before them is not later than this, where it is no more out of order than they are.
    """

    def __init__(self, reader: Reader, framing: bytes, at: int) -> None:
        rows = np.zeros(_LOOK_MORE // 16 + 1, np.int64)
        made = 0
        for size in (_LOOK, _LOOK_MORE):
            if made:
                break
            scanner = header_scanner()
            if at:
                _parts.assume(scanner, framing, at)
            data = read(reader, at, size)
            made = scanner.scan(data, 0, len(data), rows, 0)[2]
        times = [time for time in rows[:made].tolist() if time != _NAT]
        self.known = made > 0 and int(rows[0]) != _NAT
        self.first = self.before = times[0] if times else 0
        self.least = min(times, default=0)
        latest, back = self.first, 0
        for time in times:
            latest = max(latest, time)
            back = max(back, latest - time)
        self.before += max(_SLACK, 2 * back)
