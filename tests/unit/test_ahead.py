"""Reading ahead: the same bytes in the same order, errors in their turn, and no thread that stays behind."""

from __future__ import annotations

import gc
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import vxtap
from packed import PACK
from unit.conftest import capture
from vxtap import ahead, passes, source
from vxtap.ahead import Ahead

NOISE = random.Random(3).randbytes(6 << 20)
FRAMES = 20_000


def ours() -> int:
    return sum(thread.name == "vxtap ahead" for thread in threading.enumerate())


@pytest.fixture(autouse=True)
def _threads_end() -> Iterator[None]:
    """None outlives its call, whatever became of that, and all can begin again."""
    assert ours() == 0
    yield
    assert ours() == 0
    taken = [ahead._THREADS.acquire(blocking=False) for _ in range(9)]
    assert taken == [True] * 8 + [False]
    for _ in range(8):
        ahead._THREADS.release()


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads begin at once, for small files too, however many cores there are."""
    monkeypatch.setattr(ahead, "_BEFORE", 1)
    monkeypatch.setattr(ahead, "_BLOCK", 10_000)
    monkeypatch.setattr(source, "_LARGE", 1)
    monkeypatch.setattr(passes, "cores_at_hand", lambda: 2)


@pytest.fixture(params=PACK)
def packed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"in.pcap{request.param}"
    path.write_bytes(PACK[request.param](PLAIN))
    return path


PLAIN = capture(FRAMES)


class Source:
    """Gives bytes, some at a time, and notes which threads asked; or raises at the end."""

    def __init__(self, data: bytes, step: int, error: BaseException | None = None) -> None:
        self._data, self._step, self._error = memoryview(data), step, error
        self.threads: list[int] = []

    def readinto(self, buffer: memoryview) -> int:
        self.threads.append(threading.get_ident())
        count = min(len(buffer), self._step, len(self._data))
        if not count and self._error is not None:
            raise self._error
        buffer[:count] = self._data[:count]
        self._data = self._data[count:]
        return count


def drain(reader: Ahead, size: int) -> bytes:
    buffer = memoryview(bytearray(size))
    return b"".join(iter(lambda: bytes(buffer[: reader.readinto(buffer)]), b""))


# ---------------------------------------------------------------- the reader


@pytest.mark.parametrize("size", [1000, 1 << 18, 1 << 20, 3 << 20])
@pytest.mark.parametrize("step", [999, 1 << 17, 1 << 30])
def test_the_same_bytes(size: int, step: int) -> None:
    given = Source(NOISE, step)
    reader = Ahead(given.readinto)
    assert drain(reader, size) == NOISE
    assert reader.readinto(memoryview(bytearray(10))) == 0
    assert len(set(given.threads)) == 2
    assert given.threads[0] == threading.get_ident()
    reader.close()


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), vxtap.UnsupportedError("refused"), MemoryError()])
def test_errors_come_in_their_turn(error: BaseException) -> None:
    reader = Ahead(Source(NOISE, 100_000, error).readinto)
    buffer = memoryview(bytearray(70_000))
    found = 0
    for _ in range(2):
        with pytest.raises(type(error)) as caught:  # noqa: PT012
            while True:
                found += reader.readinto(buffer)
        assert caught.value is error
        assert found == len(NOISE)
    reader.close()


def test_a_look_at_the_beginning_starts_no_thread() -> None:
    given = Source(NOISE, 1 << 16)
    reader = Ahead(given.readinto)
    buffer = memoryview(bytearray(4096))
    for _ in range(100):
        reader.readinto(buffer)
    assert set(given.threads) == {threading.get_ident()}
    reader.close()


def test_only_so_much_is_read_ahead() -> None:
    given = Source(bytes(64 << 20), 1 << 30)
    reader = Ahead(given.readinto)
    buffer = memoryview(bytearray(1 << 20))
    reader.readinto(buffer)
    reader.readinto(buffer)
    until(lambda: len(given.threads) >= 1 + 8)
    time.sleep(0.02)
    assert len(given.threads) <= 1 + 8 + 4  # blocks that go round, and those that were taken
    reader.close()


def until(true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(0.001)


def test_closed_in_the_middle() -> None:
    reader = Ahead(Source(NOISE, 1000).readinto)
    buffer = memoryview(bytearray(1 << 20))
    reader.readinto(buffer)
    for _ in range(1100):
        reader.readinto(buffer[:1000])
    assert ours() == 1
    reader.close()
    reader.close()


def test_forgotten_in_the_middle() -> None:
    """A thread does not keep its reader alive."""
    reader = Ahead(Source(bytes(64 << 20), 1 << 30).readinto)
    for _ in range(3):
        reader.readinto(memoryview(bytearray(1 << 20)))
    del reader
    gc.collect()
    until(lambda: ours() == 0)


def test_no_thread_is_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    given = Source(NOISE, 1 << 17)
    reader = Ahead(given.readinto)
    assert drain(reader, 1 << 18) == NOISE
    assert set(given.threads) == {threading.get_ident()}
    reader.close()


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_a_signal_while_a_thread_begins(
    error: type[BaseException], begun: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it counted for is given back (see the fixture above), and reading goes on without it."""
    begin = threading.Thread.start

    def start(self: threading.Thread) -> None:
        if begun:
            begin(self)
        raise error

    given = Source(NOISE, 1 << 17)
    reader = Ahead(given.readinto)
    buffer = memoryview(bytearray(1 << 20))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(error):  # noqa: PT012
            for _ in range(20):
                reader.readinto(buffer)
    assert ours() == 0
    assert reader.readinto(buffer) > 0
    reader.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.usefixtures("early")
def test_a_forked_process_has_no_thread(packed: Path) -> None:
    """It is told so, rather than to wait for ever, and can open the file anew."""
    with vxtap.open(packed) as opened:
        batches = opened.batches(10)
        found = sum(len(next(batches)) for _ in range(200))
        assert ours() == 1
        child = os.fork()
        if not child:
            os._exit(in_the_child(packed, batches))
        killer = threading.Timer(20, os.kill, (child, signal.SIGKILL))
        killer.start()
        status = os.waitpid(child, 0)[1]
        killer.cancel()
        assert os.waitstatus_to_exitcode(status) == 0
        assert found + sum(map(len, batches)) == FRAMES


def test_there_are_many_already() -> None:
    readers = [Ahead(Source(NOISE, 1 << 20).readinto) for _ in range(12)]
    buffer = memoryview(bytearray(1 << 20))
    for _ in range(2):
        for reader in readers:
            reader.readinto(buffer)
    assert ours() == 8
    assert all(len(drain(reader, 1 << 20)) >= 4 << 20 for reader in readers)
    for reader in readers:
        reader.close()


def in_the_child(path: Path, batches: Iterator[Any]) -> int:
    """What goes wrong there, as an exit status."""
    try:
        for _ in batches:
            pass
        return 1
    except vxtap.UnsupportedError as error:
        if "open it again" not in str(error):
            return 2
    except BaseException:
        return 3
    taken = [ahead._THREADS.acquire(blocking=False) for _ in range(9)]
    return 0 if taken == [True] * 8 + [False] and len(vxtap.read(path, workers=1)) == FRAMES else 4


# ---------------------------------------------------------------- captures


@pytest.mark.usefixtures("early")
@pytest.mark.parametrize("workers", [None, 1, 2])
def test_what_comes_out_is_the_same(packed: Path, workers: int | None, tmp_path: Path) -> None:
    assert (vxtap.read(packed, workers=workers) == vxtap.read(PLAIN)).all()
    reports = [
        vxtap.decap(one, tmp_path / name, workers=workers) for one, name in ((packed, "a.pcap"), (PLAIN, "b.pcap"))
    ]
    assert (tmp_path / "a.pcap").read_bytes() == (tmp_path / "b.pcap").read_bytes()
    assert reports[0].to_dict() == reports[1].to_dict()


@pytest.mark.usefixtures("early")
def test_who_reads_ahead(packed: Path, tmp_path: Path) -> None:
    """Files do, unless they ask for one worker; pipes and file objects do not, nor what is followed."""
    with vxtap.open(packed) as opened:
        batches = opened.batches(10)
        for _ in range(200):
            next(batches)
        assert ours() == 1
    assert ours() == 0
    for workers, one in ((1, packed), (2, packed.read_bytes()), (2, packed.open("rb"))):
        with vxtap.open(one, workers=workers) as opened:
            for _ in zip(range(500), opened.batches(10), strict=False):
                pass
            assert ours() == 0
        if hasattr(one, "close"):
            one.close()
    read, write = os.pipe()
    thread = threading.Thread(target=lambda: (os.write(write, packed.read_bytes()[:60_000]), os.close(write)))
    thread.start()
    with os.fdopen(read, "rb", buffering=0) as pipe, vxtap.open(pipe, workers=2) as opened:
        for _ in opened.batches(10):
            assert ours() == 0
    thread.join()


@pytest.mark.usefixtures("early")
def test_damage_and_cuts_are_told_as_without(packed: Path) -> None:
    data = packed.read_bytes()
    packed.write_bytes(data[: len(data) // 2])
    found = []
    for workers in (1, 2):
        with vxtap.open(packed, workers=workers) as opened:
            found.append((sum(map(len, opened.batches())), opened.report.to_dict()))
    assert found[0] == found[1]
    assert found[0][1]["truncated"]
    packed.write_bytes(data + data[:4] + b"\x08" * 60)
    messages = []
    for workers in (1, 2):
        with vxtap.open(packed, workers=workers) as opened:
            rows = 0
            with pytest.raises(vxtap.FormatError) as caught:  # noqa: PT012
                for batch in opened.batches():
                    rows += len(batch)
            messages.append((rows, str(caught.value)))
    assert messages[0] == messages[1]
    assert messages[0][0] == FRAMES


@pytest.mark.usefixtures("early")
def test_sets_and_merges(tmp_path: Path) -> None:
    third = len(PLAIN) // 3
    for i, pack in enumerate(PACK.values()):
        (tmp_path / f"x.pcap{i}").write_bytes(pack(PLAIN[:24] + b"" if i else PLAIN[: 3 * third]))
    rows = vxtap.read(str(tmp_path / "x.pcap*"))
    assert len(rows) == len(vxtap.read(PLAIN[: 3 * third]))
    report = vxtap.merge([tmp_path / "x.pcap0"] * 3, tmp_path / "y.pcap")
    assert report.written == 3 * len(rows)


@pytest.mark.usefixtures("early")
def test_left_in_the_middle_by_an_error(packed: Path, tmp_path: Path) -> None:
    def interrupt(done: int, _total: int | None) -> None:
        if done > 200_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vxtap.decap(packed, tmp_path / "x.pcap", progress=interrupt)
    assert not (tmp_path / "x.pcap").exists()
