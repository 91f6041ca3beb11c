"""Files that change while they are read: whole records up to the change, and a word about it."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import vxtap
from build import pcap
from rotated import batches, numbers, part, write
from unit.conftest import BLOCK, T0, capture, frame, inner_frame

RECORD = 16 + len(frame(10000))
COUNT = 3 * BLOCK // RECORD


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A capture of three blocks."""
    found = tmp_path / "in.pcap"
    found.write_bytes(pcap([(T0, frame(10000 + i)) for i in range(COUNT)]))
    return found


def read_around(path: Path, change: Callable[[], object]) -> tuple[int, vxtap.Report, Exception | None]:
    """Begin to read a file, let something happen to it, read on: frames, report, error."""
    with vxtap.open(path) as opened:
        first = next(opened.batches(10))
        assert len(first) == 10
        change()
        found, error = batches(opened, 1000)
        return 10 + len(found), opened.report, error


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def replace(path: Path) -> None:
    path.with_suffix(".new").write_bytes(capture(1))
    path.with_suffix(".new").replace(path)


def write_in_place(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)
    os.utime(path, ns=(0, 1))  # clocks may be coarser than this test is quick


def test_file_that_stays_as_it_is(path: Path, tmp_path: Path) -> None:
    for source in (path, path.read_bytes(), path.open("rb")):
        report = vxtap.decap(source, tmp_path / "out")
        assert (report.decapsulated, report.changed) == (COUNT, "")
        if not isinstance(source, Path | bytes):
            source.close()
    assert report.to_dict()["changed"] == ""


def test_truncated(path: Path) -> None:
    """To less than was read already, and to more, in the middle of a record."""
    size = path.stat().st_size
    for left in (1000, 24 + 2 * (COUNT // 3 + 100) * RECORD + 30):
        frames, report, error = read_around(path, lambda left=left: os.truncate(path, left))  # type: ignore[misc]
        read = max((left - 24) // RECORD, (BLOCK - 24) // RECORD)
        assert (frames, report.frames, error) == (read, read, None)
        assert report.changed == (f"{path}: it became shorter while it was read: {left:,} of {size:,} bytes are left")
        assert report.truncated_tail == max(left, BLOCK) - 24 - read * RECORD
        path.write_bytes(pcap([(T0, frame(10000 + i)) for i in range(COUNT)]))


def test_appended(path: Path) -> None:
    size = path.stat().st_size
    frames, report, error = read_around(path, lambda: append(path, capture(5)[24:]))
    assert (frames, error) == (COUNT + 5, None)
    sizes = f"from {size:,} to {path.stat().st_size:,} bytes"
    assert report.changed == f"{path}: it grew while it was read, {sizes}, all of which have been read"
    assert str(report).endswith(" decapsulated; the input changed while it was read")


def test_replaced_and_removed(path: Path) -> None:
    """The old one is read to its end."""
    frames, report, error = read_around(path, lambda: replace(path))
    assert (frames, error) == (COUNT, None)
    assert report.changed == f"{path}: another file took its name while it was read: what was read is the old one"
    path.write_bytes(capture(COUNT))
    frames, report, error = read_around(path, path.unlink)
    assert (frames, error) == (COUNT, None)
    assert report.changed == f"{path}: it was removed or renamed while it was read: what was read is the old one"


def test_written_anew_in_place(path: Path) -> None:
    """What is read then makes no sense, and the error says why that may be."""
    at = 24 + 2 * (COUNT // 3) * RECORD
    frames, report, error = read_around(path, lambda: write_in_place(path, at, b"\xff" * (path.stat().st_size - at)))
    assert frames == report.frames == 2 * (COUNT // 3)
    assert isinstance(error, vxtap.FormatError)
    assert error.offset == at
    assert report.changed == f"{path}: it was written to while it was read"
    assert str(error).endswith(f"(it is damaged from here on); {report.changed}")


def test_written_to_without_harm(path: Path) -> None:
    data = path.read_bytes()
    frames, report, error = read_around(path, lambda: write_in_place(path, 0, data[:24]))
    assert (frames, error) == (COUNT, None)
    assert report.changed == f"{path}: it was written to while it was read"


def test_damage_without_a_change(path: Path) -> None:
    append(path, b"\xff" * 16)
    with vxtap.open(path) as opened:
        error = batches(opened, 1000)[1]
        assert str(error).endswith("(it is damaged from here on)")
        assert opened.report.changed == ""


def test_compressed(tmp_path: Path) -> None:
    """The bytes of the file count, not those that it holds."""
    path = tmp_path / "in.pcap.gz"
    data = pcap([(T0, frame(0, 1000)[:-1000] + os.urandom(1000)) for _ in range(1000)])
    path.write_bytes(gzip.compress(data))
    with vxtap.open(path) as opened:
        next(opened.batches(10))
        os.truncate(path, path.stat().st_size - 1000)
        _, error = batches(opened, 1000)
        assert error is None
        assert opened.report.truncated
        assert "it became shorter while it was read" in opened.report.changed
    assert vxtap.info(path).report.changed == ""


def test_file_object(path: Path) -> None:
    with path.open("rb") as file, vxtap.open(file) as opened:
        next(opened.batches(10))
        append(path, capture(1)[24:])
        assert batches(opened, 1000)[1] is None
        assert "it grew while it was read" in opened.report.changed


def test_growth_that_came_too_late(tmp_path: Path) -> None:
    """A writer that goes on just after the end was seen."""
    path = tmp_path / "in.pcap"
    path.write_bytes(capture(1))
    stat = os.stat
    grown: list[bool] = []

    def late(*args: object, **how: object) -> os.stat_result:
        if args[0] == str(path) and not grown:
            grown.append(True)
            append(path, capture(2)[24:])
        return stat(*args, **how)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch, vxtap.open(path) as opened:
        patch.setattr(os, "stat", late)
        assert batches(opened) == ([0], None)
        late_bytes = f"; the last {2 * (16 + len(frame(0)))} came too late"
        assert opened.report.changed.endswith(late_bytes)


def test_files_of_a_set(tmp_path: Path) -> None:
    """Some are told by name, all are counted."""
    pattern = write(tmp_path, **{str(i): part(10 * i, 2) for i in range(9)})
    with vxtap.open(pattern) as opened:
        rows = opened.batches(1)
        assert numbers(next(rows)) == [0]
        for i in range(1, 9):
            append(tmp_path / f"x.pcap{i}", part(10 * i + 2, 1)[24:])
        assert sum(map(len, rows)) == 2 + 8 * 3 - 1
        assert opened.report.changed == ""  # before their turn
    changed = vxtap.open(pattern)
    next(changed.batches(1))
    with changed as opened:
        for batch in opened.batches(1):
            name = tmp_path / f"x.pcap{int(batch[0]['sport'] - 1000) // 10}"
            os.utime(name, ns=(0, int(batch[0]["frame"])))
        told = opened.report.changed
    assert [part.split(": ")[0] for part in told.split("; ")[:-1]] == [str(tmp_path / f"x.pcap{i}") for i in range(5)]
    assert told.endswith("; and 4 more files changed")


def test_fault_in_a_file_that_shrank_within_its_header(tmp_path: Path) -> None:
    """An error too says what has happened."""
    path = tmp_path / "in.pcap"
    path.write_bytes(capture(3))
    with vxtap.open(path) as opened:
        os.truncate(path, 10)
        with pytest.raises(vxtap.TruncatedError, match=r"it has 10 bytes; .*in\.pcap: it became shorter"):
            next(opened.batches())


def test_inner_bytes_are_those_of_the_file(path: Path) -> None:
    """Nothing is mapped: a row whose bytes are gone raises, one whose bytes are there is served."""
    with vxtap.open(path) as opened:
        rows = [row for batch in opened.batches(1000) for row in batch]
        os.truncate(path, 1000)
        assert bytes(opened.inner(rows[0])) == inner_frame(10000)
        with pytest.raises(vxtap.UnsupportedError, match="the file has become shorter"):
            opened.inner(rows[1000])
