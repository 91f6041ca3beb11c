"""Unpacking what comes next while what there is gets parsed: a thread of its own."""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from vxtap.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    #: A block and the bytes in it; what has gone wrong; or None at the end.
    Filled: TypeAlias = "SimpleQueue[tuple[memoryview, int] | BaseException | None]"
    Free: TypeAlias = "SimpleQueue[memoryview | None]"

# Bytes that are read before there is a thread: a look at the beginning of a file has no use for one.
_BEFORE = 1 << 20
# Bytes of a block, and how many blocks go round: those of two cores stay in a cache that they share.
_BLOCK, _BLOCKS = 256 << 10, 8
# Threads at a time in all: many sources side by side keep all cores busy anyway, and each thread takes memory.
_MOST = 8
_THREADS = threading.BoundedSemaphore(_MOST)


def _renew() -> None:
    """In a forked process there are no threads, whatever was taken for them."""
    global _THREADS  # noqa: PLW0603
    _THREADS = threading.BoundedSemaphore(_MOST)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


class Ahead:
    """A reader that reads ahead in a thread of its own, some blocks at most; what goes wrong comes in its turn.

    The thread begins when a megabyte was read, and ends at the end, with `close`, or with this object. Where there are
    too many already, reading is done by whoever asks, and so where none is to be had.

    Parameters
    ----------
    readinto : callable
        Reads the next bytes into a buffer: how many, 0 at the end.
    """

    def __init__(self, readinto: Callable[[memoryview], int]) -> None:
        self._readinto = readinto
        self._count = 0
        self._block = memoryview(b"")
        self._at = self._end = 0  # of what is left in the block
        self._filled: Filled = SimpleQueue()
        self._free: Free = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stop: Callable[[], object] = _nothing
        self._error: BaseException | None = None
        self._ended = False
        self._process = os.getpid()

    def readinto(self, buffer: memoryview, /) -> int:
        """Read what is there now, at least a byte: how many, 0 at the end.

        Raises
        ------
        UnsupportedError
            In a process that was forked behind the begin of the thread, which is not there.
        """
        if self._thread is not None and os.getpid() != self._process:
            raise UnsupportedError(
                "a compressed capture was half read when this process was forked, and what unpacks it is not here:"
                " open it again, or read with workers=1"
            )
        if self._thread is None and not (self._count >= _BEFORE and self._start()):
            count = self._readinto(buffer)
            self._count += count
            return count
        done = 0
        while done < len(buffer) and (self._at < self._end or self._next(wait=not done)):
            count = min(len(buffer) - done, self._end - self._at)
            buffer[done : done + count] = self._block[self._at : self._at + count]
            done += count
            self._at += count
        if not done and self._error is not None:
            raise self._error
        return done

    def _next(self, *, wait: bool) -> bool:
        """Take the next block; False at the end, and where it is not there and is not to be waited for."""
        if self._block:
            self._free.put(self._block)
            self._block = memoryview(b"")
        if self._ended:
            return False
        try:
            found = self._filled.get(block=wait)
        except Empty:
            return False
        if not isinstance(found, tuple):
            self._error, self._ended = found, True
            return False
        self._at = 0
        self._block, self._end = found
        return True

    def _start(self) -> bool:
        if not _THREADS.acquire(blocking=False):
            return False
        slot = [_THREADS]
        stop, free = threading.Event(), self._free
        work = self._readinto, self._filled, free, stop, slot
        thread = threading.Thread(target=_work, args=work, name="vxtap ahead", daemon=True)
        try:
            for _ in range(_BLOCKS):
                free.put(memoryview(bytearray(_BLOCK)))
            self._process = os.getpid()
            self._stop = weakref.finalize(self, _end, stop, free)
            thread.start()
        except BaseException as error:  # a signal too, which may come when the thread has begun
            stop.set()
            free.put(None)
            if thread.ident is not None:
                thread.join()
            _give_back(slot)
            self._free, self._count = SimpleQueue(), 0  # not asked again soon
            if not isinstance(error, RuntimeError):  # none is to be had
                raise
            return False
        self._thread = thread
        return True

    def close(self) -> None:
        """End the thread: nobody uses what is read by the time this comes back."""
        self._stop()
        if self._thread is not None:
            self._thread.join()


def _give_back(slot: list[threading.BoundedSemaphore]) -> None:
    """End what a thread counts for, once."""
    with suppress(IndexError):
        slot.pop().release()


def _work(
    readinto: Callable[[memoryview], int],
    filled: Filled,
    free: Free,
    stop: threading.Event,
    slot: list[threading.BoundedSemaphore],
) -> None:
    """What the thread does. It holds nothing of its reader, so that one which nobody closes can go."""
    try:
        while (block := free.get()) is not None and not stop.is_set():
            if not _fill(readinto, block, filled):
                break
    finally:
        _give_back(slot)


def _fill(readinto: Callable[[memoryview], int], block: memoryview, filled: Filled) -> bool:
    """Fill a block; False at the end."""
    count = more = 0
    last: BaseException | None = None
    try:
        while count < len(block) and (more := readinto(block[count:])):
            count += more
    except BaseException as error:  # raised in the thread that reads what comes before it
        last, more = error, 0
    filled.put((block, count))
    if not more:
        filled.put(last)
    return more > 0


def _end(stop: threading.Event, free: Free) -> None:
    stop.set()
    free.put(None)


def _nothing() -> None:
    pass
