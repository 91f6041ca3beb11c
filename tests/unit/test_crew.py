"""Threads that do jobs side by side: each is done once, helped with while it wants that, and ended or taken back."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from vxtap.crew import Crew


class Shares:
    """A job of some shares, each of which a thread takes; `fails` at one of them."""

    def __init__(self, count: int, *, fails: int = -1, waits: threading.Event | None = None) -> None:
        self.left = list(range(count))
        self.fails, self.waits = fails, waits
        self.lock = threading.Lock()
        self.did: list[int] = []
        self.threads: set[int] = set()
        self.ends: list[str] = []

    def wants_help(self) -> bool:
        return bool(self.left)

    def work(self, check: Callable[[], None]) -> None:
        self.threads.add(threading.get_ident())
        while True:
            with self.lock:
                if not self.left:
                    return
                share = self.left.pop(0)
            if share == self.fails:
                raise ValueError("a mistake")
            while self.waits is not None and not self.waits.wait(0.001):
                check()
            check()
            with self.lock:
                self.did.append(share)

    def finish(self) -> None:
        assert not self.left
        self.ends.append("finished")

    def abandon(self) -> None:
        self.ends.append("abandoned")


@pytest.mark.parametrize("count", [1, 2, 5])
def test_every_job_once(count: int) -> None:
    jobs = [Shares(i % 4) for i in range(40)]
    with Crew(jobs, count) as crew:
        done = [job for job in crew.results(None) if job is not None]
    assert {id(job) for job in done} == {id(job) for job in jobs}
    for job in jobs:
        assert (sorted(job.did), job.ends) == (list(range(len(job.did))), ["finished"])


def test_a_large_job_has_all_threads() -> None:
    """A share waits until three threads have taken one."""
    together = threading.Barrier(3)

    class Together(Shares):
        def work(self, check: Callable[[], None]) -> None:
            with self.lock:
                first = threading.get_ident() not in self.threads
                if self.left:
                    self.left.pop()
            if first:
                self.threads.add(threading.get_ident())
                together.wait(10)

    job = Together(3)
    with Crew([job], 3) as crew:
        assert list(crew.results(None)) == [job]
    assert (len(job.threads), job.ends) == (3, ["finished"])


def test_no_jobs() -> None:
    with Crew([], 2) as crew:
        assert list(crew.results(None)) == []


def test_a_word_now_and_then() -> None:
    go = threading.Event()
    with Crew([Shares(1, waits=go)], 1) as crew:
        results = crew.results(0.001)
        assert next(results) is None
        go.set()
        assert any(job is not None for job in results)


def test_left_early() -> None:
    """What is under way is taken back, what waits is not begun, what is done stays."""
    never = threading.Event()
    jobs = [Shares(1), Shares(1, waits=never), Shares(3, waits=never), Shares(1)]
    with Crew(jobs, 2) as crew:
        assert next(crew.results(None)) is jobs[0]
    ends = [job.ends for job in jobs]
    assert ends[0] == ["finished"]
    assert ends[1] == ["abandoned"]
    assert ends[2] in (["abandoned"], [])
    assert ends[3] == []
    assert not any(thread.name.startswith("vxtap crew") for thread in threading.enumerate())


@pytest.mark.parametrize("count", [1, 3])
def test_a_mistake_ends_all_and_is_told(count: int) -> None:
    never = threading.Event()
    jobs = [Shares(4, fails=2), Shares(1, waits=never)]
    with pytest.raises(ValueError, match="a mistake"), Crew(jobs, count) as crew:
        list(crew.results(None))
    assert jobs[0].ends == ["abandoned"]
    assert jobs[1].ends in (["abandoned"], [])


def test_threads_that_are_not_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """One does it all; where there is not even one, that is told."""
    start, began = threading.Thread.start, []

    def only(most: int) -> Callable[[threading.Thread], None]:
        def few(thread: threading.Thread) -> None:
            if len(began) == most:
                raise RuntimeError("can't start new thread")
            began.append(thread)
            start(thread)

        return few

    monkeypatch.setattr(threading.Thread, "start", only(1))
    jobs = [Shares(3), Shares(2)]
    with Crew(jobs, 4) as crew:
        assert len(list(crew.results(None))) == 2
    began.clear()
    monkeypatch.setattr(threading.Thread, "start", only(0))
    with pytest.raises(RuntimeError, match="can't start"), Crew([Shares(1)], 4):
        pass
