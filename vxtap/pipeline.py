"""Writing while the next block is read: a thread of its own for an output, and the blocks that go round."""

from __future__ import annotations

from functools import partial
from queue import SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Buffer

    from vxtap.sink import Sink

#: Blocks in all: one that is filled, one that is written, and two that wait where one side is slow for a moment.
BLOCKS = 4


class Pipeline:
    """A sink that writes in a thread of its own, in the order in which it was told; a context around the job.

    What was given to `write` must stay as it is until `settle` says that all is written, or until its block comes
    round again (`renew`). What goes wrong in the thread is raised by the next call of any kind; nothing is written
    behind it. The thread ends with the context; where that is left by an error, what was not begun is not written.
    Where no thread is to be had, entering raises `RuntimeError`.

    Parameters
    ----------
    sink : Sink
        Open, and used by nobody else until the end.
    size : int
        Bytes of a block.
    """

    def __init__(self, sink: Sink, size: int) -> None:
        self._sink = sink
        self._size = size
        self._jobs: SimpleQueue[tuple[Buffer, Callable[[], None]] | None] = SimpleQueue()
        self._free: SimpleQueue[memoryview] = SimpleQueue()
        for _ in range(BLOCKS - 1):  # one more is in the window
            self._free.put(memoryview(bytearray(size)))
        self._reached: SimpleQueue[None] = SimpleQueue()
        self._ended = Event()
        self._error: BaseException | None = None
        self._stopping = False
        self._thread = Thread(target=self._work, name="vxtap writer")

    def write(self, data: Buffer) -> None:
        """Have all of it written."""
        self._check()
        self._jobs.put((data, _nothing))

    def settle(self) -> None:
        """Wait until all is written."""
        self._jobs.put((b"", self._tell))
        self._reached.get()
        self._check()

    def renew(self, block: memoryview, left: int) -> memoryview:
        """Another block to go on in, for the `left` bytes that are not done with; this one comes back once written."""
        if len(block) == self._size:
            self._jobs.put((b"", partial(self._free.put, block)))
            block = self._free.get()
        else:  # it grew for a large record; of those there is one at a time
            self.settle()
            if left <= self._size // 2:
                block = memoryview(bytearray(self._size))
        self._check()
        return block

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _tell(self) -> None:
        self._reached.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            data, then = job
            try:
                if self._error is None and not self._stopping:
                    self._sink.write(data)
            except BaseException as error:  # raised in the thread that asked for it
                self._error = error
            then()
        self._ended.set()

    def __enter__(self) -> Pipeline:
        try:
            self._thread.start()
        except BaseException:
            self._jobs.put(None)  # a signal came: the thread may be there
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the thread: whoever closes the output comes after it."""
        self._stopping = True
        self._jobs.put(None)
        signal: BaseException | None = None
        while not self._ended.is_set():
            try:
                self._ended.wait()
            except BaseException as another:  # a second signal: the write that is under way ends all the same
                signal = another
        self._thread.join()
        if signal is not None:
            raise signal


def _nothing() -> None:
    pass
