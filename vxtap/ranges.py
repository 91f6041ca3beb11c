"""One file, read by several threads in ranges, each of which counts once it is proven to join what came before it.

One pass, the whole, goes through the file in order. Where it comes to the beginning of a part that a thread has read,
and would have made the same of it, it takes that over and goes on behind it; where that cannot be proven, it reads the
range itself. What comes out is what one thread gives, always.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING

import numpy as np

from vxtap import _parts
from vxtap.options import cores_at_hand
from vxtap.parts import Part, Place, Scratch
from vxtap.passes import RowPass

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from vxtap.layout import Projection
    from vxtap.options import Options
    from vxtap.rotation import Rotation
    from vxtap.source import Origin

#: Bytes of a file that a thread takes at a time, where nobody says how many; more than the second are never taken.
SPLIT, MOST = 4 << 20, 16 << 20
# Files below this size are read by one thread, where nobody says how many do: threads need some time to get going.
_SMALL = 256 << 20
# The whole reads so many bytes first, for the framing that parts rest on.
_HEAD = 64 << 10
# Bytes that are read ahead of a part, once one has failed for want of them.
_WARM = 256 << 10
# Threads where nobody says how many: the one that joins what they have read cannot keep up with many more.
_THREADS = 3
# Parts at a time, at least: their rows are memory.
_PARTS = 3
# Bytes of a framing, of a capture of hundreds of interfaces, from which on a part must be longer.
_LONG = 64 << 10
# With two threads the whole reads one range of so many itself, where its rows are to stay: about as much work as it has
# with the others, whose rows it copies there.
_OWN = 3
# Where parts do not join, the next ranges are read by the whole before it is tried again: 2 to this power, at most.
_MOST_PATIENCE = 6


def threads_of(options: Options, files: Rotation) -> int:
    """How many threads are to read these files."""
    if options.follow or files.size is None:
        return 1
    if options.program is not None and "frame" in options.program.columns:  # which a part counts from 0
        return 1
    if options.workers is not None:
        return options.workers
    return min(cores_at_hand(), _THREADS) if files.size - files.begin >= _SMALL else 1


class Threads:
    """Threads that read parts, begun when there is something to read. They end with this object, or before."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._tasks: SimpleQueue[Part | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        weakref.finalize(self, _end, self._tasks, self._threads)

    def submit(self, part: Part) -> None:
        """Have a part read, after those before it; here and now, where no thread is to be had."""
        if len(self._threads) < self._count:
            thread = threading.Thread(target=_work, args=(self._tasks,), name="vxtap", daemon=True)
            try:
                thread.start()
                self._threads.append(thread)
            except RuntimeError:
                self._count = len(self._threads)
        if self._threads:
            self._tasks.put(part)
        else:
            part.read()

    def close(self) -> None:
        """End them all; what has been submitted is read before."""
        threads = list(self._threads)
        _end(self._tasks, self._threads)
        for thread in threads:
            thread.join()


def _work(tasks: SimpleQueue[Part | None]) -> None:
    """What a thread does. It holds nothing but the queue, so that a pass which nobody closes can go."""
    while (part := tasks.get()) is not None:
        part.read()
        del part


def _end(tasks: SimpleQueue[Part | None], threads: list[threading.Thread]) -> None:
    for _ in threads:
        tasks.put(None)
    threads.clear()


class Ranges:
    """The parts of the file that is being read, as far as they have been handed out.

    Attributes
    ----------
    active : bool
        There are parts, or there will be.
    """

    def __init__(self, run: RowPass, row_size: int, split: int, threads: int) -> None:
        self.active = False
        self._run = run
        self._row_size = row_size
        self._split = split
        self._most = max(threads, _PARTS)
        self._closed = False
        self._own = _OWN if threads == 2 else 0
        self._threads = Threads(threads - 1)  # and the one that joins what they have read
        self._spare: list[Scratch] = []
        self._parts: deque[Part | int] = deque()  # an int: the end of a range that the whole reads itself
        self._handed = 0
        self._place: Place | None = None
        self._next = 0  # where the next part starts
        self._framing = b""
        self._ahead = self._patience = 0

    def begin(self, place: Place) -> None:
        """Hand out parts from where the run stands, at the beginning of a file, to its end."""
        self._place = place
        self._next = self._run.books.offset
        self._ahead = self._patience = 0
        self.active = True

    def first(self) -> Part | int | None:
        """The next part, read; or the end of a range that is the whole's; None where all the rest of the file is."""
        self._hand_out()
        if not self._parts:
            self.active = False
            return None
        part = self._parts.popleft()
        if isinstance(part, Part):
            part.wait()
        return part

    def put_back(self, part: Part) -> None:
        """The whole has to read some more before it can take the part over."""
        self._parts.appendleft(part)

    def done(self, part: Part, *, joined: bool) -> None:
        """A part has been dealt with: its rows are needed no more."""
        self._spare.append(part.scratch)
        if joined:
            self._patience = 0

    def refused(self, part: Part) -> int:
        """A part did not join. Those behind it are read anew, from where the whole is to read to: the byte."""
        place = self._place
        assert place is not None
        skip = (1 << self._patience) - 1
        self._patience = min(self._patience + 1, _MOST_PATIENCE)
        if part.begin >= 0 and part.same_framing(self._run.books):
            self._ahead = min(max(_WARM, 2 * self._ahead), self._split)
        self.done(part, joined=False)
        self.drop()
        self._framing = b""
        self._next = min(max(part.stop, self._run.books.offset) + skip * self._split, place.end)
        return self._next

    def drop(self) -> None:
        """Wait for what is being read, and forget it."""
        parts = [part for part in self._parts if isinstance(part, Part)]
        self._parts.clear()
        for part in parts:
            part.cancelled = True
        for part in parts:
            part.wait()
            self.done(part, joined=False)

    def give_up(self) -> None:
        """The rest of the file is the whole's."""
        self.drop()
        self.active = False

    def close(self) -> None:
        """End the threads; nothing is handed out any more."""
        self._closed = True
        for part in self._parts:
            if isinstance(part, Part):
                part.cancelled = True
        self._parts.clear()
        self._threads.close()

    def _hand_out(self) -> None:
        place = self._place
        if self._closed or place is None:
            return
        self._framing = self._framing or _parts.framing_of(self._run.books)
        if len(self._framing) > max(self._split, _LONG):
            return
        while self._next < place.end and sum(isinstance(part, Part) for part in self._parts) < self._most:
            stop = min(self._next + self._split, place.end)
            if self._own and self._handed % self._own == 0:
                self._parts.append(stop)
            else:
                span = self._next, stop
                scratch = self._spare.pop() if self._spare else Scratch(self._split, self._row_size)
                part = Part(
                    place,
                    span,
                    ahead=self._ahead,
                    framing=self._framing,
                    scanner=self._run.scanner(),
                    scratch=scratch,
                )
                self._threads.submit(part)
                self._parts.append(part)
            self._handed += 1
            self._next = stop


class RangedPass(RowPass):
    """A pass that gives rows, for which several threads read."""

    def __init__(
        self, files: Rotation, options: Options, projection: Projection, *, number: int = 0, threads: int
    ) -> None:
        self._dtype = projection.dtype
        super().__init__(files, options, projection.copies, self._dtype.itemsize, level=projection.level, number=number)
        self._split = min(SPLIT if options.split is None else int(options.split), MOST)
        self._ranges = Ranges(self, self._dtype.itemsize, self._split, threads)
        self._origin: Origin | None = None  # for which ranges are planned
        self._part: Part | None = None  # of which the rows have not all been given
        self._given = 0

    def close(self) -> None:
        """Let go of the source, after all threads have."""
        try:
            self._ranges.close()
        finally:
            super().close()

    def _fill(self, rows: Buffer, row: int, one_window: bool | None, pieces: Buffer | None) -> tuple[int, bool]:
        while True:
            row, full = self._give(rows, row)
            if full:
                return row, True
            if one_window:  # the window must hold what is given
                self._ranges.give_up()
                self.books.stop = self.limit
            elif self._origin is None:
                self._plan()
            row, full = super()._fill(rows, row, one_window, pieces)
            if not self.at_stop:
                if self.ended:
                    self._ranges.close()
                return row, full
            try:
                self._at_stop()
            except MemoryError:
                self._ranges.give_up()
                self.books.stop = self.limit

    def _turn(self) -> bool:
        self._ranges.give_up()  # they read the file that is left here
        turned = super()._turn()
        if turned and self._origin is not None:
            self._plan()
        return turned

    def _plan(self) -> None:
        """Where a file begins: whether ranges of it are read by others, and where the whole stops first."""
        self._origin = origin = self.files.origin
        known = origin.memory is not None or origin.path is not None
        if known and origin.size is not None and not self.files.waits:
            self.books.stop = self._nearest(self.books.offset + min(_HEAD, self._split))

    def _nearest(self, stop: int) -> int:
        return min(stop, self.limit) if self.limit else stop

    def _at_stop(self) -> None:
        """The whole has come to where a part should begin, or to the end of what it reads itself."""
        ranges, origin, books = self._ranges, self.files.origin, self.books
        if not ranges.active:
            if origin.is_compressed or books.offset >= self.limit > 0:
                books.stop = self.limit
                return
            place = Place(origin, self.files.start)
            place.end = self._nearest(place.end)
            ranges.begin(place)
        part = ranges.first()
        if part is None:
            books.stop = self.limit
        elif isinstance(part, int):
            books.stop = part
        elif part.begin < 0 or part.begin < books.offset:
            books.stop = ranges.refused(part)
        elif part.begin > books.offset:
            ranges.put_back(part)
            books.stop = part.begin
        else:
            self._join(part)

    def _join(self, part: Part) -> None:
        before = self.books.frames
        try:
            joined = part.join(self.books)
        except MemoryError:  # some of it may have been taken over: nothing that follows would be right
            self._fail(MemoryError(f"{self.files.origin.name}: no memory for what has to be remembered of its frames"))
            self.at_stop = False
            return
        if not joined:
            self.books.stop = self._ranges.refused(part)
            return
        self.window.jump(self.books.offset)
        if part.count and "frame" in (self._dtype.names or ()):
            part.scratch.rows[: part.count * self._dtype.itemsize].view(self._dtype)["frame"] += np.uint64(before)
        self._part, self._given = part, 0

    def _give(self, rows: Buffer, row: int) -> tuple[int, bool]:
        """Give rows of a part that has been joined: the next free row, and whether there was no room for more."""
        part = self._part
        if part is None:
            return row, False
        size = self._dtype.itemsize
        room = memoryview(rows).nbytes // size - row
        count = min(room, part.count - self._given)
        if count:
            to = np.frombuffer(rows, np.uint8, count * size, row * size)
            np.copyto(to, part.scratch.rows[self._given * size : (self._given + count) * size])
        self._given += count
        if self._given < part.count:
            return row + count, True
        self._part = None
        self._ranges.done(part, joined=True)
        return row + count, False


def pass_over(files: Rotation, options: Options, projection: Projection, *, threads: int, number: int = 0) -> RowPass:
    """A pass over these files that gives rows, by one thread or several."""
    if threads > 1:
        return RangedPass(files, options, projection, number=number, threads=threads)
    return RowPass(files, options, projection.copies, projection.dtype.itemsize, level=projection.level, number=number)
