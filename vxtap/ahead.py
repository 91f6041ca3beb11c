"""Unpacking what comes next while what there is gets parsed: a thread of its own."""

from __future__ import annotations

import threading
import weakref
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Compressed bytes of a file from which on a thread is worth its start.
LARGE = 1 << 20
# Bytes that are read before there is a thread: a look at the beginning of a file has no use for one.
_BEFORE = 1 << 20
# Bytes of a portion, and portions that may wait: 4 MiB in all.
_PORTION, _PORTIONS = 512 << 10, 8
# Threads at a time in all: many sources side by side keep all cores busy anyway, and each thread takes memory.
_THREADS = threading.BoundedSemaphore(8)

_Portion = list[bytes] | BaseException | None


class Ahead:
    """A reader that reads ahead in a thread of its own, some portions at most; what goes wrong comes in its turn.

    The thread begins when a megabyte was read, and ends at the end, with `close`, or with this object. Where there are
    too many already, reading is done by whoever asks, and so where none is to be had.

    Parameters
    ----------
    read : callable
        Gives the next bytes, at most as many as it is told; none at the end.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._count = 0
        self._pieces: list[memoryview] = []  # the next one last
        self._portions: SimpleQueue[_Portion] = SimpleQueue()
        self._room: SimpleQueue[bool] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._end: Callable[[], object] = _nothing
        self._last: BaseException | None = None
        self._ended = False

    def readinto(self, buffer: memoryview, /) -> int:
        """Read what is there now, at least a byte: how many, 0 at the end."""
        if self._thread is None and not (self._count >= _BEFORE and self._start()):
            data = self._read(len(buffer))
            buffer[: len(data)] = data
            self._count += len(data)
            return len(data)
        count = 0
        while count < len(buffer) and (self._pieces or self._next(wait=not count)):
            piece = self._pieces.pop()
            part = piece[: len(buffer) - count]
            buffer[count : count + len(part)] = part
            count += len(part)
            if len(part) < len(piece):
                self._pieces.append(piece[len(part) :])
        if not count and self._last is not None:
            raise self._last
        return count

    def _next(self, *, wait: bool) -> bool:
        """Take the next portion; False at the end, and where it is not there and is not to be waited for."""
        if self._ended:
            return False
        try:
            portion = self._portions.get(block=wait)
        except Empty:
            return False
        if not isinstance(portion, list):
            self._last, self._ended = portion, True
            return False
        self._pieces = [memoryview(piece) for piece in reversed(portion)]
        self._room.put(True)
        return True

    def _start(self) -> bool:
        if not _THREADS.acquire(blocking=False):
            return False
        stop = threading.Event()
        for _ in range(_PORTIONS):
            self._room.put(True)
        work = self._read, self._portions, self._room, stop
        self._end = weakref.finalize(self, _stop, stop, self._room)
        self._thread = threading.Thread(target=_work, args=work, name="vxtap ahead", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # none is to be had: not asked again soon
            _THREADS.release()
            self._thread, self._count = None, 0
        return self._thread is not None

    def close(self) -> None:
        """End the thread: nobody uses what is read by the time this comes back."""
        self._end()
        if self._thread is not None and self._thread.ident is not None:  # a signal may come before it is there
            self._thread.join()


def _work(
    read: Callable[[int], bytes], portions: SimpleQueue[_Portion], room: SimpleQueue[bool], stop: threading.Event
) -> None:
    """What the thread does. It holds nothing of its reader, so that one which nobody closes can go."""
    try:
        while room.get() and not stop.is_set():
            if not _fetch(read, portions, stop):
                break
    finally:
        _THREADS.release()


def _fetch(read: Callable[[int], bytes], portions: SimpleQueue[_Portion], stop: threading.Event) -> bool:
    """Read a portion; False at the end."""
    pieces: list[bytes] = []
    count = 0
    last: BaseException | None = None
    data = b"-"
    try:
        while data and count < _PORTION and not stop.is_set():
            data = read(_PORTION - count)
            pieces.append(data)
            count += len(data)
    except BaseException as error:  # raised in the thread that reads what comes before it
        last, data = error, b""
    portions.put(pieces)
    if not data:
        portions.put(last)
    return len(data) > 0


def _stop(stop: threading.Event, room: SimpleQueue[bool]) -> None:
    stop.set()
    room.put(False)


def _nothing() -> None:
    pass
