"""Two threads for one output: the same bytes, the same errors, and nothing that stays behind."""

from __future__ import annotations

import errno
import io
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import vxtap
from build import Pcapng, eth, ipv4, pcap, udp, vxlan
from unit.conftest import T0, capture
from vxtap import rewrite, sink
from vxtap.pipeline import BLOCKS, Pipeline

SMALL = 4096  # bytes of a block here: a few frames
MANY = 2000


@pytest.fixture(autouse=True)
def _threads_end() -> Iterator[None]:
    """None outlives its call, whatever became of that."""
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrite, "BLOCK", SMALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for outputs: what is in it in the end was left there."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.pcap"
    path.write_bytes(capture(MANY))
    assert path.stat().st_size > 20 * SMALL
    return path


class Watched(io.FileIO):
    """A file that tells which threads have written to it, and does to every write what the test wants."""

    writers: set[int]
    meddle: Callable[[int], int | None]  # of bytes to be written: how many are, None for all
    writes: int

    def write(self, data: Any) -> int:
        if not self.writable():
            return 0
        Watched.writers.add(threading.get_ident())
        Watched.writes += 1
        count = Watched.meddle(len(data))
        return super().write(data if count is None else data[:count])


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> type[Watched]:
    Watched.writers, Watched.writes = set(), 0
    Watched.meddle = staticmethod(lambda _size: None)
    monkeypatch.setattr(sink.io, "FileIO", Watched)
    return Watched


HERE = threading.get_ident


# ---------------------------------------------------------------- the same bytes


def arp(size: int) -> bytes:
    """A frame that is not decapsulated."""
    return bytes(12) + b"\x08\x06" + bytes(i % 251 for i in range(size))


def large(size: int) -> bytes:
    """A mirrored frame of BIG TCP's kind (lengths 0)."""
    inner = eth(ipv4(bytes(i % 253 for i in range(size)), 17, total=0))
    return eth(ipv4(udp(vxlan(inner), length=0), total=0))


def frames(data: list[bytes]) -> bytes:
    return pcap([(T0 + i * 1000, one) for i, one in enumerate(data)])


def tunnels() -> bytes:
    """Every frame has a tunnel of its own, and so a new interface in a pcapng output: more than was consumed."""
    return frames([eth(ipv4(udp(vxlan(eth(ipv4(b"", 17)), vni)))) for vni in range(3000)])


LAST = capture(MANY)
CASES: dict[str, tuple[bytes, dict[str, Any]]] = {
    "plain": (LAST, {}),
    "pcapng": (LAST, {"format": "pcapng"}),
    "cut": (LAST[:-7], {}),
    "empty": (pcap(), {}),
    "kept": (frames([arp(i % 90) for i in range(MANY)]), {"keep_others": True}),
    "kept large": (frames([arp(9000), *[arp(20)] * 500] * 3), {"keep_others": True}),
    "large": (frames([large(300), large(9000), *[large(100)] * 500, large(70_000), large(5)] * 3), {}),
    "larger and larger": (frames([large(1 << i) for i in range(18)] + [large(100)] * 300), {}),
    "tunnels": (tunnels(), {"format": "pcapng"}),
    "blocks": (bytes(Pcapng().idb().epb(large(6000)).epb(large(60)).epb(large(6000))), {}),
}


@pytest.mark.parametrize("case", CASES)
def test_same_output(case: str, tmp_path: Path, watched: type[Watched]) -> None:
    data, options = CASES[case]
    (tmp_path / "in").write_bytes(data)
    made = []
    for workers in (1, 2, 7):
        watched.writers.clear()
        report = vxtap.decap(tmp_path / "in", tmp_path / "out", workers=workers, **options)
        made.append(((tmp_path / "out").read_bytes(), report.to_dict()))
        assert report.bytes_out == len(made[-1][0])
        assert (watched.writers == {HERE()}) == (workers == 1 or case == "empty")
    assert made[0] == made[1] == made[2]
    in_memory = io.BytesIO()
    vxtap.decap(data, in_memory, **options)
    assert in_memory.getvalue() == made[0][0]


def test_several_files(tmp_path: Path, watched: type[Watched]) -> None:
    """A rotated set: what one file ends with is still being written when the next one begins."""
    for i in range(5):
        (tmp_path / f"in{i}").write_bytes(capture(30 + i) if i != 2 else b"")
    made = []
    for workers in (1, 2):
        vxtap.decap(str(tmp_path / "in*"), tmp_path / "out", workers=workers)
        made.append((tmp_path / "out").read_bytes())
    assert made[0] == made[1]
    assert len(watched.writers) == 2


def test_damage_in_the_middle(tmp_path: Path, source: Path) -> None:
    """What comes before it is written."""
    data = capture(MANY)
    source.write_bytes(data + b"\xff" * 16 + data[24:])
    with pytest.raises(vxtap.FormatError, match=f"frames written: {MANY:,}"):
        vxtap.decap(source, tmp_path / "out", workers=2)
    assert len(vxtap.read(tmp_path / "out", frames="all", strict=True)) == MANY


def test_short_writes(tmp_path: Path, source: Path, watched: type[Watched]) -> None:
    """A disk may take less than it was given."""
    vxtap.decap(source, tmp_path / "expected", workers=1)
    for workers in (1, 2):
        watched.meddle = staticmethod(lambda size: max(1, size // 3))
        vxtap.decap(source, tmp_path / "out", workers=workers)
        assert (tmp_path / "out").read_bytes() == (tmp_path / "expected").read_bytes()


# ---------------------------------------------------------------- who writes


def test_default(tmp_path: Path, source: Path, watched: type[Watched], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two where there are several cores and much to read."""

    def threads(cores: int, large: int) -> int:
        watched.writers.clear()
        monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(cores)), raising=False)
        monkeypatch.setattr(rewrite, "_LARGE", large)
        vxtap.decap(source, tmp_path / "out")
        return len(watched.writers - {HERE()})

    size = source.stat().st_size
    assert [threads(2, size), threads(2, size + 1), threads(1, size)] == [1, 0, 0]


def test_one_where_somebody_waits(tmp_path: Path, source: Path, watched: type[Watched]) -> None:
    """Pipes, devices, and objects that may not like another thread."""
    vxtap.decap(source, os.devnull, workers=2)
    vxtap.decap(source.read_bytes(), tmp_path / "x", workers=2)
    with source.open("rb") as file:
        vxtap.decap(io.BytesIO(file.read()), tmp_path / "x", workers=2)
    with watched(tmp_path / "object", "wb") as target:
        vxtap.decap(source, target, workers=2)
    assert watched.writers == {HERE()}
    with watched(source) as file:
        vxtap.decap(file, tmp_path / "x", workers=2)
    assert len(watched.writers) == 2


@pytest.mark.parametrize("workers", [0, -1, True, "2", 1.5, 1025])
def test_workers_that_make_no_sense(workers: Any, tmp_path: Path, source: Path) -> None:
    with pytest.raises(vxtap.OptionError, match="workers"):
        vxtap.decap(source, tmp_path / "out", workers=workers)


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize("at", [1, 2, 5])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EPIPE])
def test_failing_write(number: int, at: int, folder: Path, source: Path, watched: type[Watched]) -> None:
    """It is raised as with one thread, and soon: nothing is read on for long, nor written behind it."""

    def meddle(_size: int) -> None:
        if watched.writes >= at:
            raise OSError(number, os.strerror(number))

    watched.meddle = staticmethod(meddle)
    seen: list[int] = []
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        vxtap.decap(source, folder / "x.pcap", workers=2, progress=lambda done, _total: seen.append(done))
    assert (caught.value.errno, caught.value.filename) == (number, str(folder / "x.pcap"))
    assert watched.writes == at
    assert len(seen) <= 2 * at + BLOCKS + 2  # a block can be two writes
    assert list(folder.iterdir()) == []


def test_failing_write_at_the_end(folder: Path, source: Path, watched: type[Watched]) -> None:
    """The last piece is smaller than a page, and written by who commits."""
    vxtap.decap(source, folder / "x.pcap", workers=2)
    last = watched.writes
    (folder / "x.pcap").unlink()
    watched.writes = 0

    def meddle(_size: int) -> None:
        if watched.writes == last:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    watched.meddle = staticmethod(meddle)
    with pytest.raises(OSError, match=os.strerror(errno.EDQUOT)) as caught:
        vxtap.decap(source, folder / "x.pcap", workers=2)
    assert caught.value.filename == str(folder / "x.pcap")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
def test_interrupted(error: type[BaseException], folder: Path, source: Path, watched: type[Watched]) -> None:
    """While a write is under way: that one ends, those that wait behind it are not done, nothing is left."""
    begun, go_on = threading.Event(), threading.Event()

    def meddle(_size: int) -> None:
        begun.set()
        assert go_on.wait(20)

    def progress(done: int, _total: int | None) -> None:
        if done > 2 * SMALL and begun.wait(20):  # a page is full
            threading.Timer(0.01, go_on.set).start()
            raise error

    watched.meddle = staticmethod(meddle)
    with pytest.raises(error):
        vxtap.decap(source, folder / "x.pcap", workers=2, progress=progress)
    go_on.wait(20)
    while any(isinstance(one, threading.Timer) for one in threading.enumerate()):
        threading.Event().wait(0.001)
    assert watched.writes == 1
    assert list(folder.iterdir()) == []


def test_second_signal_waits_for_the_write(source: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """An impatient Ctrl-C in the clean-up: it is raised once the thread has ended."""
    given: list[Pipeline] = []

    class Impatient:
        """What the clean-up waits at."""

        def __init__(self, inner: Any) -> None:
            self.inner, self.left = inner, 1

        def set(self) -> None:
            self.inner.set()

        def is_set(self) -> bool:
            return not self.left and self.inner.is_set()

        def wait(self) -> None:
            if self.left:
                self.left = 0
                raise KeyboardInterrupt
            self.inner.wait()

    enter = Pipeline.__enter__

    def entered(pipeline: Pipeline) -> Pipeline:
        given.append(pipeline)
        pipeline._ended = Impatient(pipeline._ended)  # type: ignore[assignment]
        return enter(pipeline)

    monkeypatch.setattr(Pipeline, "__enter__", entered)
    with pytest.raises(KeyboardInterrupt):
        vxtap.decap(source, folder / "x.pcap", workers=2)
    assert list(folder.iterdir()) == []


def test_no_thread_to_be_had(source: Path, folder: Path, watched: type[Watched], monkeypatch: Any) -> None:
    """As where a container limits processes: one does it."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert vxtap.decap(source, folder / "x.pcap", workers=2).decapsulated == MANY
    assert watched.writers == {HERE()}


# ---------------------------------------------------------------- memory


def test_large_records_do_not_stay(tmp_path: Path) -> None:
    """Blocks go round; one that has grown for a record is let go, and there is one of those at a time."""
    with sink.Sink(tmp_path / "out") as out, Pipeline(out, 100) as pipeline:
        blocks = {id(first := memoryview(bytearray(100)))}
        block = first
        for _ in range(5 * BLOCKS):
            pipeline.write(block[:10])
            block = pipeline.renew(block, 7)
            blocks.add(id(block))
        assert len(blocks) == BLOCKS
        grown = memoryview(bytearray(400))
        pipeline.write(grown[:300])
        assert pipeline.renew(grown, 60) is grown
        assert out.size == 5 * BLOCKS * 10 + 300  # waited for: nothing of it is under way
        assert len(pipeline.renew(grown, 50)) == 100
