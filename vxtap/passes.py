"""One pass over a source: windows of bytes into rows, with the end of the file and its faults told apart."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vxtap import _core
from vxtap.compressed import BLOCK
from vxtap.ends import Ends
from vxtap.enums import Status
from vxtap.errors import OptionError, VxtapError, fault
from vxtap.options import cores_at_hand
from vxtap.report import Report, take_stock
from vxtap.rotation import Rotation
from vxtap.splits import Stretch, splits_of, together
from vxtap.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from vxtap.follow import Stop
    from vxtap.options import Options
    from vxtap.source import Sources

#: What the core wants next, as the plain integers that it gives.
MORE_INPUT, MORE_OUTPUT, AT_STOP = Status.MORE_INPUT.value, Status.MORE_OUTPUT.value, Status.AT_STOP.value
#: What the border could not give: memory.
_MORE_MEMORY = {Status.MORE_INTERFACES.value, Status.MORE_SIGHTS.value, Status.MORE_FRAGMENTS.value}
_MORE_HISTORY, _NOT_CAPTURE = Status.MORE_HISTORY.value, Status.NOT_CAPTURE.value
#: Seed of the core's hash tables: nobody outside can aim at a slot.
SEED = int.from_bytes(os.urandom(8), "little")


def describe_bytes(data: bytes) -> str:
    """Show the first bytes of something for people: as hex, and as text where they are."""
    text = data.decode("ascii", "replace") if data.isascii() else ""
    return f"it starts with {data.hex(' ')}" + (f" ({text!r})" if text.isprintable() and text else "")


def files_of(source: Sources, options: Options, *, stop: Stop | None = None, rereadable: bool = False) -> Rotation:
    """Open a source for a pass: a single one, or a rotated set, to its end or followed."""
    splits = splits_of(source)
    ahead = options.workers != 1 and cores_at_hand() > 1
    if splits is not None:
        if options.follow:
            raise OptionError("follow: a split of a file has an end: give the path of a file")
        if len(together(splits)) > 1:
            raise OptionError("these splits do not lie side by side, and are no one capture: give them one by one")
        return Stretch(splits, rereadable=rereadable, ahead=ahead)
    if not options.follow:
        return Rotation(source, rereadable=rereadable, ahead=ahead)
    from vxtap.follow import Followed  # only here: most runs do not wait

    return Followed(source, stop, rereadable=rereadable)


class Pass:
    """A window and the core's books of it, moved on together.

    Attributes
    ----------
    window : Window
        Where the bytes are.
    books : vxtap._core.Pass
        The core's state and counts.
    files : Rotation
        What is read, one or several, in order.
    error : VxtapError, OSError, MemoryError or None
        Why reading stopped before the end; raised by whoever reads once all before it was delivered.
    ended : bool
        Nothing more comes.
    at_stop : bool
        The core has come to the byte where it was told to stop.
    began : int
        The byte of the capture with which it began.
    """

    def __init__(self, files: Rotation, books: _core.Pass, *, strict: bool, block: int = BLOCK) -> None:
        self.books = books
        self.files = files
        self.error: VxtapError | OSError | MemoryError | None = None
        self.ended = False
        self.at_stop = False
        self.began = 0
        books.stop = files.limit
        self.ends = Ends()
        self._draining = False
        self._strict = strict
        self._lock = threading.Lock()
        self.window = Window(files.origin, block)
        books.can_recall = files.origin.can_seek
        if files.begin:
            self._begin_in_the_middle()

    @property
    def limit(self) -> int:
        """The byte of the capture where the pass ends, once that is known; 0: it goes to the end."""
        return self.files.limit

    @property
    def live(self) -> bool:
        """Whether rows should be handed on as they come, since more may be long in coming."""
        return self.files.waits or self.files.origin.is_live

    def _begin_in_the_middle(self) -> None:
        from vxtap.middle import begin_at  # only here: most runs begin at the beginning

        try:
            if not begin_at(self.books, self.files, self.window):
                self._drain(None)
        except (OSError, VxtapError) as error:
            self._drain(error)
        self.began = self.books.offset

    def begin(self) -> None:
        """Bring in the first bytes, which tell a compressed source."""
        with self.alone():
            if not self.window.begun and not self.ended:
                self.more()

    def more(self) -> bool:
        """Bring in more bytes, of the next file where one ends; in the end have the core give what still waits in it.

        Returns False where there is nothing more of either kind.
        """
        if self._draining:
            self.ended = True
            return False
        try:
            while not self._draining:
                if self.files.ready():
                    if self.window.more():
                        self.books.can_recall = self.files.origin.can_seek
                        return True
                    if self.files.wait():
                        continue
                if self._turn() and self.window.left:  # a buffer is there at once
                    return True
        except (OSError, VxtapError) as error:
            self._fail(error)
        return True

    def _turn(self) -> bool:
        """The file is at its end: go on with the next one, or end the input."""
        left = self.window.left
        status = self.ends.take(self.books, self.files, left)
        if self.files.next(self.books.offset + left):
            self.books.next_file(left)
            self.window.turn(self.files.origin, self.books.offset)
            self.books.stop = self.files.limit
            self.books.can_recall = self.files.origin.can_seek
            return True
        if not self.ends.formats and not self.files.stopped:
            found = f"it has {left:,} bytes" if left else ""
            if self.files.origin.is_cut:
                found = "its compressed data ends early"
            self._fail(fault(self.files.origin.name, status, 0, 0, found))
        else:
            self._drain(self.ends.cut if self._strict else None)
        return False

    def moved(self, status: int, used: int) -> None:
        """The core has consumed bytes, and says what it wants; a fault ends the input."""
        self.window.start += used
        self.at_stop = status == AT_STOP
        if self.at_stop and self.limit and self.books.offset >= self.limit:
            self.at_stop = False
            self._drain(None)
        if status in (MORE_INPUT, MORE_OUTPUT, AT_STOP):
            return
        if status == _MORE_HISTORY:
            self.books.recall(self.files.again(*self.books.history))
            return
        if status in _MORE_MEMORY:
            self._fail(MemoryError(f"{self.files.origin.name}: no memory for what has to be remembered of its frames"))
            return
        found = describe_bytes(self.window.first_bytes()) if status == _NOT_CAPTURE else ""
        self._fail(fault(self.files.origin.name, status, self.books.fault_offset, self.books.frames, found))

    def _fail(self, error: VxtapError | OSError | MemoryError) -> None:
        """End the input at a fault; where the file was written to meanwhile, that explains it."""
        note = self.ends.note(self.files, at_end=False)
        if note and isinstance(error, VxtapError):
            error.args = (f"{error}; {note}", *error.args[1:])
        self._drain(error)

    def _drain(self, error: VxtapError | OSError | MemoryError | None) -> None:
        """Nothing more comes in; fragments may be waiting for others."""
        self.error = error
        self._draining = True
        self.books.drain()

    def report(self) -> Report:
        """The books so far."""
        done = self.books.offset
        report = take_stock(self.books, done - self.began, self.ends.tail, truncated=self.ends.truncated)
        if self.ended and not (self.limit and done >= self.limit):
            report.bytes_in += self.window.left
        report.began, report.ended = self.began, done
        report.files = self.files.count
        report.empty_files = list(self.ends.empty) if self.files.several else []
        report.changed = self.ends.changed
        return report

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Move the pass on in one thread at a time: windows and books belong together."""
        if not self._lock.acquire(blocking=False):
            raise RuntimeError(f"{self.files.origin.name}: a capture is read by one thread at a time")
        try:
            yield
        finally:
            self._lock.release()

    def close(self) -> None:
        """Let go of the source."""
        self.files.close()


class RowPass(Pass):
    """A pass that gives rows."""

    books: _core.Scanner

    def __init__(
        self,
        files: Rotation,
        options: Options,
        copies: list[tuple[int, int, int]],
        row_size: int,
        *,
        level: int,
        number: int = 0,
        census: bool = False,
    ) -> None:
        self._wanted = options.wanted
        self._kind: dict[str, Any] = {
            "source": number,
            "level": level,
            "skipped_rows": options.frames == "all",
            "columns": copies,
            "row_size": row_size,
            "seed": SEED,
        }
        super().__init__(files, self.scanner(census=census), strict=options.strict)

    def scanner(self, *, census: bool = False) -> _core.Scanner:
        """One that has not begun, for rows like those of this pass."""
        return _core.Scanner(self._wanted, census=census, **self._kind)

    def fill(
        self, rows: Buffer, row: int, *, one_window: bool | None = False, pieces: Buffer | None = None
    ) -> tuple[int, bool]:
        """Fill a buffer of rows from row `row` on.

        Parameters
        ----------
        rows : Buffer
            Writable memory, aligned to 8 bytes.
        row : int
            The first row to write.
        one_window : bool or None
            Stop, once there is a row, where more bytes would have to be read: the window still holds the rows' frames.
            None: where those could not be read again, or where more bytes may not be there yet.
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
            self.books.begin_pieces()
            return self._fill(rows, row, one_window, pieces)

    def _fill(self, rows: Buffer, row: int, one_window: bool | None, pieces: Buffer | None) -> tuple[int, bool]:
        begin = row
        at_once = self.files.waits if one_window is None else one_window
        while not self.ended:
            window = self.window
            status, used, made = self.books.scan(window.buffer, window.start, window.end, rows, row, pieces)
            self.moved(status, used)
            row += made
            if status == MORE_OUTPUT:
                return row, True
            if self.at_stop:
                break
            if status != MORE_INPUT:
                continue
            stop = at_once or (one_window is None and not self.files.origin.can_seek)
            if (stop and row > begin) or not self.more():
                break
        return row, False
