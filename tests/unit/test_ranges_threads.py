"""Reading by ranges: options, the threads that do it, and files that change meanwhile."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hostile_state
import vxtap
from compare import columns_of
from unit.conftest import capture


def save(data: bytes, folder: Path) -> Path:
    (folder / "in.pcap").write_bytes(data)
    return folder / "in.pcap"


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"workers": 0}, "workers: 0 is not within 1 to 1024"),
        ({"workers": 1025}, "workers: 1025 is not within 1 to 1024"),
        ({"workers": "2"}, "workers: expected a number"),
        ({"split": 0}, "split: expected at least 1 byte, got 0"),
        ({"split": -5}, "split: expected at least 1 byte, got -5"),
        ({"split": "much"}, "split: expected a size such as 16MiB, got 'much'"),
        ({"split": True}, "split: expected a size in bytes, got True"),
    ],
)
def test_options(how: dict[str, Any], message: str) -> None:
    for ask in (vxtap.read, vxtap.open):
        with pytest.raises(vxtap.OptionError, match=f"^{message}"):
            ask(capture(1), **how)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[threading.Thread]]:
    """The threads that are started from now on; none of them may be left in the end."""
    found: list[threading.Thread] = []
    start = threading.Thread.start

    def note(thread: threading.Thread) -> None:
        found.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", note)
    yield found
    deadline = time.monotonic() + 20
    while any(thread.is_alive() for thread in found) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert [thread.name for thread in found if thread.is_alive()] == []


def test_threads_do_it(started: list[threading.Thread], tmp_path: Path) -> None:
    """Otherwise all of this would be tested with one worker alone."""
    path = save(capture(2000), tmp_path)
    for how in ({"workers": 1, "split": 1000}, {}):
        assert len(vxtap.read(path, **how)) == 2000  # type: ignore[arg-type]
        assert not started
    assert len(vxtap.read(path, workers=3, split=1000)) == 2000
    assert 0 < len(started) <= 3
    started.clear()
    with vxtap.open(path, workers=2, split=1000) as opened:
        assert sum(map(len, opened.batches(100))) == 2000
    assert 0 < len(started) <= 2


def divide_by_nothing(opened: vxtap.Capture) -> None:
    for batch in opened.batches(10):
        divmod(len(batch), 0)


@pytest.mark.parametrize("end", ["closed", "dropped", "not begun", "fault", "error"])
def test_no_thread_is_left(end: str, started: list[threading.Thread], tmp_path: Path) -> None:
    path = save(capture(3000) + (b"\xff" * 16 + capture(3000)[24:] if end == "fault" else b""), tmp_path)
    if end == "dropped":
        opened = vxtap.open(path, workers=3, split=1000)
        assert len(next(opened.batches(10))) == 10
        opened.close()
        return
    with vxtap.open(path, workers=3, split=1000) as opened:
        if end == "closed":
            assert len(next(opened.batches(10))) == 10
        elif end == "fault":
            with pytest.raises(vxtap.FormatError):
                list(opened.batches(100))
        elif end == "error":
            with pytest.raises(ZeroDivisionError):
                divide_by_nothing(opened)


def test_books_while_reading(tmp_path: Path) -> None:
    """They hold at any time, and never know less than has been handed out."""
    path = save(hostile_state.CASES["by chance"].data, tmp_path)
    with vxtap.open(path, workers=2, split=1000) as opened:
        rows = last = 0
        for batch in opened.batches(7):
            rows, report = rows + len(batch), opened.report
            assert report.decapsulated + sum(report.skipped.values()) == report.frames
            assert report.decapsulated >= rows
            assert report.frames >= max(last, int(batch["frame"][-1]))
            last = report.frames


def test_one_thread_at_a_time(tmp_path: Path) -> None:
    """A capture that is read by ranges is asked for batches by one thread, as ever: nothing is given twice or lost."""
    path = save(capture(5000), tmp_path)
    found: list[int] = []

    def take(batches: Iterator[Any]) -> None:
        try:
            for batch in batches:
                found.extend(batch["frame"].tolist())
        except (RuntimeError, ValueError):
            pass

    with vxtap.open(path, workers=2, split=5000) as opened:
        threads = [threading.Thread(target=take, args=(opened.batches(10),)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for batch in opened.batches(10):
            found.extend(batch["frame"].tolist())
    assert sorted(found) == list(range(1, 5001))


@pytest.mark.parametrize("left", [24, 1000, 100_000])
def test_file_that_becomes_shorter(left: int, tmp_path: Path) -> None:
    """What is given is the start of what was there, and it is told; nothing crashes."""
    data = capture(5000)
    path = save(data, tmp_path)
    with vxtap.open(path, workers=2, split=20_000) as opened:
        batches = opened.batches(100)
        found = [next(batches)]
        os.truncate(path, left)
        with suppress(vxtap.VxtapError):
            found.extend(batches)
        rows = np.concatenate(found)
        assert columns_of(rows) == columns_of(vxtap.read(data)[: len(rows)])
        assert len(rows) == 5000 or opened.report.changed


def test_file_that_grows(tmp_path: Path) -> None:
    data = capture(1000)
    path = save(data, tmp_path)
    with vxtap.open(path, workers=2, split=10_000) as opened:
        batches = opened.batches(100)
        found = [next(batches)]
        with path.open("ab") as file:
            file.write(capture(2000)[len(data) :])
        rows = np.concatenate([*found, *batches])
    assert 1000 <= len(rows) <= 2000
    assert columns_of(rows) == columns_of(vxtap.read(capture(2000))[: len(rows)])
