"""Threads that do jobs side by side, and help each other with the large ones."""

from __future__ import annotations

import threading
from collections import deque
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType


class Abandoned(BaseException):
    """The job is not wanted any more: whatever it has begun is taken back on the way out."""


class Job(Protocol):
    """Something to do, in one thread or several."""

    def wants_help(self) -> bool:
        """Whether another thread would find something to do."""

    def work(self, check: Callable[[], None]) -> None:
        """Do as much of it as there is for one thread, calling `check` now and then, which may raise `Abandoned`."""

    def finish(self) -> None:
        """All threads are done with it: end it."""

    def abandon(self) -> None:
        """It was begun, and is not to be finished: take back what it has made."""


J = TypeVar("J", bound=Job)


class _Begun(Generic[J]):
    """A job that has been begun: how many threads are at it, and whether none has left it undone."""

    def __init__(self, job: J) -> None:
        self.job = job
        self.hands = 1
        self.whole = True


class Crew(Generic[J]):
    """Some threads for many jobs; a context, at the end of which no thread is left and no job half done.

    A thread takes the next job; where there is none left, it helps with one that has been begun. So there are never
    more jobs under way than threads, and a single large one has them all.

    Parameters
    ----------
    jobs : iterable of Job
        In this order; a thread takes one when it begins it.
    count : int
        Threads.
    """

    def __init__(self, jobs: Iterable[J], count: int) -> None:
        self._waiting = deque(jobs)
        self._begun: list[_Begun[J]] = []
        self._changed = threading.Condition()
        self._done: SimpleQueue[J | BaseException] = SimpleQueue()
        self._left = len(self._waiting)
        self._stopping = False
        self._threads = [threading.Thread(target=self._run, name=f"vxtap crew {i}") for i in range(count)]

    def results(self, interval: float | None) -> Iterator[J | None]:
        """Give the jobs as they are finished, and None every `interval` seconds meanwhile.

        What went wrong beside the jobs' own errors is raised.
        """
        while self._left:
            try:
                done = self._done.get(timeout=interval)
            except Empty:
                yield None
                continue
            if isinstance(done, BaseException):
                raise done
            self._left -= 1
            yield done

    def _check(self) -> None:
        if self._stopping:
            raise Abandoned

    def _take(self) -> _Begun[J] | None:
        """A job to begin or to help with; None where there is nothing more to do, now and later."""
        with self._changed:
            while not self._stopping:
                if self._waiting:
                    self._begun.append(_Begun(self._waiting.popleft()))
                    return self._begun[-1]
                for one in self._begun:
                    if one.job.wants_help():
                        one.hands += 1
                        return one
                if not self._begun:
                    break
                self._changed.wait()
            return None

    def _run(self) -> None:
        while (one := self._take()) is not None:
            try:
                self._work(one)
            except BaseException as error:  # raised in the thread that waits for the jobs
                self._stop()
                self._done.put(error)

    def _work(self, one: _Begun[J]) -> None:
        whole = False
        try:
            one.job.work(self._check)
            whole = True
        except Abandoned:
            pass
        finally:
            with self._changed:
                one.hands -= 1
                one.whole = one.whole and whole
                last = not one.hands
                if last:
                    self._begun.remove(one)
                self._changed.notify_all()
            if last and not one.whole:
                one.job.abandon()
        if last and one.whole:
            one.job.finish()
            self._done.put(one.job)

    def _stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def __enter__(self) -> Crew[J]:
        for i, thread in enumerate(self._threads):
            try:
                thread.start()
            except BaseException as error:
                if i and isinstance(error, RuntimeError):  # no more threads are to be had
                    break
                self.__exit__(None, None, None)
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the threads; where jobs are left, those are abandoned."""
        self._stop()
        signal: BaseException | None = None
        for thread in self._threads:
            while thread.is_alive():
                try:
                    thread.join()
                except BaseException as another:  # a second signal: what is under way is taken back all the same
                    signal = another
        if signal is not None:
            raise signal
