"""Reading: every kind of source, batches and frames, and inner bytes."""

from __future__ import annotations

import array
import gzip
import io
import mmap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vxtap
from build import Pcapng, pcap
from unit.conftest import BLOCK, T0, OnlyRead, capture, frame, inner_frame

# Every kind of source there is: data and a path that has it -> what is read.
SOURCES: dict[str, Callable[[bytes, Path], Any]] = {
    "text path": lambda _, path: str(path),
    "PathLike": lambda _, path: path,
    "bytes": lambda data, _: data,
    "bytearray": lambda data, _: bytearray(data),
    "memoryview": lambda data, _: memoryview(b"x" + data)[1:],
    "memoryview of words": lambda data, _: memoryview(data + bytes(-len(data) % 4)).cast("I"),
    "mmap": lambda _, path: _mapped(path),
    "array": lambda data, _: array.array("B", data),
    "numpy": lambda data, _: np.frombuffer(data, np.uint8),
    "BytesIO": lambda data, _: io.BytesIO(data),
    "raw file": lambda _, path: path.open("rb", buffering=0),
    "buffered file": lambda _, path: path.open("rb"),
    "random access file": lambda _, path: path.open("r+b"),
    "gzip file": lambda data, _: gzip.open(io.BytesIO(gzip.compress(data))),  # noqa: SIM115
    "gzip path": lambda data, path: _gzipped(data, path),  # noqa: PLW0108
    "gzip bytes": lambda data, _: gzip.compress(data),
    "only read()": lambda data, _: OnlyRead(data),
    "one byte at a time": lambda data, _: OnlyRead(data, 1),
}


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _gzipped(data: bytes, path: Path) -> Path:
    path.with_suffix(".gz").write_bytes(gzip.compress(data))
    return path.with_suffix(".gz")


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Fifty frames, from any kind of source."""
    path = tmp_path / "in.pcap"
    path.write_bytes(capture(50))
    made = SOURCES[request.param](capture(50), path)
    yield made
    if hasattr(made, "close") and not isinstance(made, mmap.mmap):
        assert not getattr(made, "closed", False)  # what was passed in stays open
        made.close()


# ---------------------------------------------------------------- sources


def test_read(source: Any) -> None:
    assert (vxtap.read(source) == vxtap.read(capture(50))).all()


def test_frames(source: Any) -> None:
    with vxtap.open(source) as opened:
        found = [(int(row["frame"]), bytes(frame)) for row, frame in opened.frames()]
        assert opened.report.decapsulated == 50
    assert found == [(i + 1, inner_frame(i)) for i in range(50)]


def test_inner_of_the_current_batch(source: Any) -> None:
    with vxtap.open(source) as opened:
        for batch in opened.batches(7):
            for row in batch:
                inner = opened.inner(row)
                assert inner.readonly
                assert bytes(inner) == inner_frame(int(row["frame"]) - 1)


def test_file_object_that_stands_elsewhere(tmp_path: Path) -> None:
    """It is read from where it stands, and `offset` counts from there."""
    path = tmp_path / "in.bin"
    path.write_bytes(b"something else" + capture(3000))
    for buffering in (0, -1):
        with path.open("rb", buffering=buffering) as file:
            file.seek(14)
            with vxtap.open(file) as opened:
                rows = np.concatenate(list(opened.batches(100)))
                assert (rows["offset"] == vxtap.read(capture(3000))["offset"]).all()
                assert bytes(opened.inner(rows[0])) == inner_frame(0)
                assert bytes(opened.inner(rows[-1])) == inner_frame(2999)


@pytest.mark.parametrize("source", [5, None, 1.5, object(), {"a": 1}])
def test_no_source(source: Any) -> None:
    with pytest.raises(vxtap.OptionError, match="expected a path, a buffer or a binary file object, got "):
        vxtap.open(source)


def test_buffer_in_pieces() -> None:
    with pytest.raises(vxtap.OptionError, match="bytes do not lie together"):
        vxtap.open(memoryview(capture(1))[::2])
    with pytest.raises(vxtap.OptionError, match="bytes do not lie together"):
        vxtap.read(np.zeros((8, 8), np.uint8)[:, 1])


def test_text_file(tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_text("text")
    with (tmp_path / "in.pcap").open() as file, pytest.raises(vxtap.OptionError, match="opened in binary mode"):
        vxtap.read(file)  # type: ignore[arg-type]
    with pytest.raises(vxtap.OptionError, match=r"opened in binary mode, its read\(\) gave str"):
        vxtap.read(io.StringIO("text"))  # type: ignore[arg-type]


def test_file_object_that_does_not_wait() -> None:
    class Nothing:
        def readinto(self, _buffer: memoryview) -> None:
            return None

        def read(self, _size: int = -1) -> None:
            return None

    with pytest.raises(BlockingIOError, match="nothing to read yet"):
        vxtap.read(Nothing())  # type: ignore[arg-type]


def test_several_sources(tmp_path: Path) -> None:
    """One after the other, told apart by `source`; `frame` starts again in each."""
    (tmp_path / "a.pcap").write_bytes(capture(2))
    for sources in ([tmp_path / "a.pcap", capture(3)], (str(tmp_path / "a.pcap"), io.BytesIO(capture(3)))):
        rows = vxtap.read(sources)
        assert rows["source"].tolist() == [0, 0, 1, 1, 1]
        assert rows["frame"].tolist() == [1, 2, 1, 2, 3]
    assert vxtap.read([]).shape == (0,)
    with pytest.raises(vxtap.FormatError):
        vxtap.read([capture(2), b"x" * 30])


# ---------------------------------------------------------------- batches


@pytest.mark.parametrize("size", [1, 2, 7, 50, 51, 1 << 20])
def test_batches(size: int, tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(capture(50))
    for source in (tmp_path / "in.pcap", capture(50)):
        with vxtap.open(source) as opened:
            batches = list(opened.batches(size))
        assert [len(batch) for batch in batches] == [size] * (50 // size) + ([50 % size] if 50 % size else [])
        assert (np.concatenate(batches) == vxtap.read(source)).all()


def test_batches_own_their_memory() -> None:
    data = bytearray(capture(20))
    with vxtap.open(data) as opened:
        batches = list(opened.batches(5))
    before = [batch.copy() for batch in batches]
    data[:] = bytes(len(data))
    for batch, copy in zip(batches, before, strict=True):
        assert batch.flags.writeable
        assert (batch == copy).all()
        batch["vni"] = 1
    assert not any(np.shares_memory(one, other) for one in batches for other in batches if one is not other)
    rows = vxtap.read(capture(2))
    rows["vni"] = 9
    assert rows["vni"].tolist() == [9, 9]


@pytest.mark.parametrize("size", [0, -1, 1.5, "7", None])
def test_batches_of_no_size(size: Any) -> None:
    with vxtap.open(capture(1)) as opened, pytest.raises(vxtap.OptionError, match="size: expected a number of rows"):
        next(opened.batches(size))


def test_batches_go_on_where_others_stopped() -> None:
    """A capture is read once; both ways of reading share its place."""
    with vxtap.open(capture(10)) as opened:
        assert next(opened.batches(3))["frame"].tolist() == [1, 2, 3]
        assert next(opened.batches(np.int64(2)))["frame"].tolist() == [4, 5]
        rest = [int(row["frame"]) for row, _ in opened.frames()]
        assert rest == [6, 7, 8, 9, 10]
        assert list(opened.batches()) == []


def test_columns() -> None:
    whole = vxtap.read(capture(5))
    assert vxtap.read(capture(5), columns="all").tobytes() == vxtap.read(capture(5)).tobytes()
    with vxtap.open(capture(5), columns="all") as opened:
        assert opened.dtype == vxtap.PACKET
    rows = vxtap.read(capture(5), columns=["dport", "ts", "src", "vni"])
    assert rows.dtype.names == ("dport", "ts", "src", "vni")
    for name in rows.dtype.names:
        assert (rows[name] == whole[name]).all()
    with vxtap.open(capture(5), columns=("vni",)) as opened:
        assert opened.dtype.names == ("vni",)
        assert next(opened.batches())["vni"].tolist() == [7] * 5


def test_empty_captures() -> None:
    for data in (pcap(), bytes(Pcapng()), bytes(Pcapng().idb())):
        rows = vxtap.read(data)
        assert (rows.shape, rows.dtype) == ((0,), vxtap.PACKET)
        assert vxtap.read(data, columns=["ts"]).dtype == np.dtype([("ts", "M8[ns]")])
        with vxtap.open(data) as opened:
            assert list(opened.batches()) == list(opened.frames()) == []
            assert (opened.report.frames, opened.report.first) == (0, None)


def test_skipped_frames_are_rows_where_asked_for() -> None:
    data = pcap([(T0, frame(0)), (T0, frame(1, dport=1)), (T0, b"short")])
    rows = vxtap.read(data, frames="all")
    assert rows["status"].tolist() == [vxtap.Status.OK, vxtap.Status.OTHER_PORT, vxtap.Status.MALFORMED]
    with vxtap.open(data, frames="all") as opened:
        assert [bytes(inner) for _, inner in opened.frames()] == [inner_frame(0), frame(1, dport=1), b"short"]


# ---------------------------------------------------------------- inner frames


def test_inner_over_a_buffer_is_a_view() -> None:
    data = bytearray(capture(3))
    with vxtap.open(data) as opened:
        rows = next(opened.batches())
        views = [opened.inner(row) for row in rows]
    assert [bytes(view) for view in views] == [inner_frame(i) for i in range(3)]
    assert np.shares_memory(np.frombuffer(views[1], np.uint8), np.frombuffer(data, np.uint8))
    data[int(rows[1]["offset"])] = 0xEE
    assert views[1][0] == 0xEE
    with pytest.raises(BufferError):
        data.append(0)


def test_inner_keeps_its_buffer_alive() -> None:
    with vxtap.open(capture(3)) as opened:
        view = opened.inner(next(opened.batches())[2])
    del opened
    assert bytes(view) == inner_frame(2)


def test_inner_of_earlier_batches(tmp_path: Path) -> None:
    """From a file they are read again; what came through a pipe is gone, and says so."""
    data = capture(5000)
    (tmp_path / "in.pcap").write_bytes(data)
    with vxtap.open(tmp_path / "in.pcap") as opened:
        batches = list(opened.batches(1000))
        assert bytes(opened.inner(batches[0][0])) == inner_frame(0)
        assert bytes(opened.inner(batches[-1][-1])) == inner_frame(4999)
    for source in (io.BytesIO(data), gzip.compress(data), OnlyRead(data, BLOCK)):
        with vxtap.open(source) as opened:  # type: ignore[arg-type]
            first = None
            for batch in opened.batches():
                first = batch[0] if first is None else first
                assert bytes(opened.inner(batch[-1])) == inner_frame(int(batch[-1]["frame"]) - 1)
            assert first is not None
            with pytest.raises(vxtap.UnsupportedError, match="ask for inner frames before the next batch"):
                opened.inner(first)


def test_inner_of_a_file_that_became_shorter(tmp_path: Path) -> None:
    path = tmp_path / "in.pcap"
    path.write_bytes(capture(5000))
    with vxtap.open(path) as opened:
        batches = list(opened.batches(1000))
        with path.open("r+b") as file:
            file.truncate(100)
        with pytest.raises(vxtap.UnsupportedError, match="the file has become shorter"):
            opened.inner(batches[1][0])


def test_inner_needs_its_place() -> None:
    for columns, missing in ((["vni", "caplen", "flags"], "offset"), (["offset", "caplen"], "flags")):
        with vxtap.open(capture(1), columns=columns) as opened:
            row = next(opened.batches())[0]
            with pytest.raises(vxtap.OptionError, match=rf"^columns: {missing} say"):
                opened.inner(row)
            with pytest.raises(vxtap.OptionError, match=rf"^columns: {missing} say"):
                next(opened.frames())
    everything = r"^columns: caplen, flags, offset say"
    with vxtap.open(capture(1), columns=["vni"]) as opened, pytest.raises(vxtap.OptionError, match=everything):
        next(opened.frames())
    with vxtap.open(capture(1), columns=["caplen", "offset", "flags"]) as opened:
        assert [bytes(frame) for _, frame in opened.frames()] == [inner_frame(0)]


def test_inner_of_a_cut_frame() -> None:
    data = pcap([(T0, frame(0)[:70], len(frame(0)))])
    with vxtap.open(data) as opened:
        row, inner = next(opened.frames())
        assert bytes(inner) == inner_frame(0)[:20]
        assert (int(row["caplen"]), int(row["wirelen"])) == (20, len(inner_frame(0)))
