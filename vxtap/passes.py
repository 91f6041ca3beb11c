"""One pass over a source: windows of bytes into rows, with the end of the file and its faults told apart."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from vxtap import _core
from vxtap.enums import Status
from vxtap.errors import TruncatedError, VxtapError, fault
from vxtap.report import Report, take_stock
from vxtap.source import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from vxtap.options import Options
    from vxtap.source import Source

#: What the core wants next, as the plain integers that it gives.
MORE_INPUT, MORE_OUTPUT = Status.MORE_INPUT.value, Status.MORE_OUTPUT.value
_MORE_HISTORY = Status.MORE_HISTORY.value
_OK, _NOT_CAPTURE = Status.OK.value, Status.NOT_CAPTURE.value
#: Seed of the core's hash tables: nobody outside can aim at a slot.
SEED = int.from_bytes(os.urandom(8), "little")


def describe_bytes(data: bytes) -> str:
    """Show the first bytes of something for people: as hex, and as text where they are."""
    text = data.decode("ascii", "replace") if data.isascii() else ""
    return f"it starts with {data.hex(' ')}" + (f" ({text!r})" if text.isprintable() and text else "")


class Pass:
    """A window and the core's books of it, moved on together.

    Attributes
    ----------
    window : Window
        Where the bytes are.
    books : vxtap._core.Pass
        The core's state and counts.
    error : VxtapError or OSError or None
        Why reading stopped before the end; raised by whoever reads once all before it was delivered.
    ended : bool
        Nothing more comes.
    """

    def __init__(self, source: Source, books: _core.Pass, *, strict: bool) -> None:
        self.books = books
        self.error: VxtapError | OSError | None = None
        self.ended = False
        self.tail = 0
        self._draining = False
        self._strict = strict
        self._lock = threading.Lock()
        self.window = Window(source)
        books.can_recall = self.window.origin.memory is not None

    def begin(self) -> None:
        """Bring in the first bytes, which tell a compressed source."""
        with self.alone():
            if not self.window.begun and not self.ended:
                self.more()

    def more(self) -> bool:
        """Bring in more bytes, or, once at their end or at an error, have the core give what still waits in it.

        Returns False where there is nothing more of either kind.
        """
        if self._draining:
            self.ended = True
            return False
        try:
            if self.window.more():
                self.books.can_recall = self.window.origin.can_seek
                return True
        except (OSError, VxtapError) as error:
            self._drain(error)
            return True
        self._end()
        self._drain(self.error)
        return True

    def _drain(self, error: VxtapError | OSError | None) -> None:
        """Nothing more comes in; fragments may be waiting for others."""
        self.error = error
        self._draining = True
        self.books.drain()

    def _end(self) -> None:
        status, self.tail = self.books.end(self.window.left)
        if status != _OK:
            found = f"it has {self.window.left:,} bytes" if self.window.left else ""
            if self.window.origin.is_cut:
                found = "its compressed data ends early"
            self.error = fault(self.window.origin.name, status, 0, 0, found)
        elif self._strict and (self.tail or self.window.origin.is_cut):
            offset = self.books.offset + self.window.left - self.tail
            what = f"a record, of which {self.tail:,} bytes are there" if self.tail else "its compressed data"
            where = f"{self.window.origin.name}: byte {offset:,}, after frame {self.books.frames:,}"
            self.error = TruncatedError(f"{where}: the file ends within {what}", Status.CUT_HEADER.value, offset)

    def moved(self, status: int, used: int) -> None:
        """The core has consumed bytes, and says what it wants; a fault ends the input."""
        self.window.start += used
        if status in (MORE_INPUT, MORE_OUTPUT):
            return
        if status == _MORE_HISTORY:
            self._recall()
            return
        found = describe_bytes(self.window.first_bytes()) if status == _NOT_CAPTURE else ""
        self._drain(fault(self.window.origin.name, status, self.books.fault_offset, self.books.frames, found))

    def _recall(self) -> None:
        """Bring back bytes that have been passed: what has changed meanwhile in a file is not worth an error here."""
        origin = self.window.origin
        offset, length = self.books.history
        if origin.memory is not None:
            self.books.recall(origin.memory[offset : offset + length])
            return
        data = None
        with suppress(OSError):
            data = origin.read_at(offset, length)
        self.books.recall(data or b"")

    def report(self) -> Report:
        """The books so far."""
        done = self.books.offset + (self.window.left if self.ended else 0)
        return take_stock(self.books, done, self.tail, truncated=self.ended and self.window.origin.is_cut)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Move the pass on in one thread at a time: windows and books belong together."""
        if not self._lock.acquire(blocking=False):
            raise RuntimeError(f"{self.window.origin.name}: a capture is read by one thread at a time")
        try:
            yield
        finally:
            self._lock.release()

    def close(self) -> None:
        """Let go of the source."""
        self.window.origin.close()


class RowPass(Pass):
    """A pass that gives rows."""

    books: _core.Scanner

    def __init__(
        self,
        source: Source,
        options: Options,
        copies: list[tuple[int, int, int]],
        row_size: int,
        *,
        level: int,
        number: int = 0,
        census: bool = False,
    ) -> None:
        scanner = _core.Scanner(
            options.wanted,
            source=number,
            level=level,
            skipped_rows=options.frames == "all",
            columns=copies,
            row_size=row_size,
            census=census,
            seed=SEED,
        )
        super().__init__(source, scanner, strict=options.strict)

    def fill(
        self, rows: Buffer, row: int, *, one_window: bool = False, pieces: Buffer | None = None
    ) -> tuple[int, bool]:
        """Fill a buffer of rows from row `row` on.

        Parameters
        ----------
        rows : Buffer
            Writable memory, aligned to 8 bytes.
        row : int
            The first row to write.
        one_window : bool
            Stop, once there is a row, where more bytes would have to be read: the window still holds the rows' frames.
        pieces : Buffer, optional
            Writable memory for the inner frames that are in no window in one piece (see `vxtap.pieces`); where it is
            full, so is the buffer of rows.

        Returns
        -------
        int
            The next free row.
        bool
            Whether a buffer is full; if not, the pass has ended, or stopped for `one_window`.
        """
        with self.alone():
            return self._fill(rows, row, one_window, pieces)

    def _fill(self, rows: Buffer, row: int, one_window: bool, pieces: Buffer | None) -> tuple[int, bool]:
        begin = row
        self.books.begin_pieces()
        while not self.ended:
            window = self.window
            status, used, made = self.books.scan(window.buffer, window.start, window.end, rows, row, pieces)
            self.moved(status, used)
            row += made
            if status == MORE_OUTPUT:
                return row, True
            if status == MORE_INPUT and ((one_window and row > begin) or not self.more()):
                break
        return row, False
