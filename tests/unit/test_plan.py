"""Plans: byte ranges of files that go to other threads, processes and machines, alone or together."""

from __future__ import annotations

import gzip
import io
import math
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hostile_fakes
import hostile_state
import vxtap
from build import Pcapng, pcap
from compare import DATA, columns_of
from hostile_state import datagram, every, plain
from ranges import see
from rotated import write
from unit.conftest import capture

CASES = {**hostile_fakes.CASES, **hostile_state.CASES}
LAB = sorted(path.name for path in DATA.glob("*.pcap*"))
MARK = "big.pcap"


def save(data: bytes, folder: Path) -> Path:
    (folder / MARK).write_bytes(data)
    return folder / MARK


def report_of(source: Any, **how: Any) -> vxtap.Report:
    return see(source, 1 << 16, **how).report


# ---------------------------------------------------------------- began and ended


@pytest.mark.parametrize("data", [capture(0), capture(30), bytes(Pcapng().idb().epb(plain(1), 1).unknown(5, bytes(8)))])
def test_a_report_tells_where_records_began_and_ended(data: bytes, tmp_path: Path) -> None:
    """Of a whole file that is all of it, however it is read."""
    for source in (save(data, tmp_path), data, io.BytesIO(data), gzip.compress(data)):
        report = report_of(source)
        assert (report.began, report.ended) == (0, len(data))
    assert (vxtap.info(data).report.began, vxtap.info(data).report.ended) == (0, len(data))


def test_began_and_ended_of_nothing_read() -> None:
    assert (vxtap.Report().began, vxtap.Report().ended) == (0, 0)
    with vxtap.open(capture(3)) as opened:
        assert opened.report.began == 0


def test_a_cut_record_is_behind_the_last() -> None:
    report = report_of(capture(3)[:-5])
    assert report.ended + report.truncated_tail == len(capture(3)) - 5
    assert report.truncated_tail


# ---------------------------------------------------------------- what a plan is


@pytest.mark.parametrize("size", [1, 100, 999, 1000, 1001, 7777, 1 << 40])
def test_splits_cover_the_file(size: int, tmp_path: Path) -> None:
    path = save(capture(50), tmp_path)
    splits = vxtap.plan(path, split=size)
    assert all(isinstance(split, vxtap.Split) for split in splits)
    assert {split.path for split in splits} == {str(path)}
    assert {split.source for split in splits} == {0}
    assert [split.start for split in splits] == [i * size for i in range(math.ceil(len(capture(50)) / size))]
    assert [split.stop for split in splits] == [*[split.start for split in splits[1:]], None]


@pytest.mark.parametrize("text", ["1KB", "1000", "1000b", "1.0kB"])
def test_size_as_text(text: str, tmp_path: Path) -> None:
    path = save(capture(50), tmp_path)
    assert vxtap.plan(path, split=text) == vxtap.plan(path, split=vxtap.options.parse_size(text, "split"))


def test_one_split_by_default(tmp_path: Path) -> None:
    assert [(one.start, one.stop) for one in vxtap.plan(save(capture(9), tmp_path))] == [(0, None)]


def test_splits_are_values(tmp_path: Path) -> None:
    """Frozen, equal to their copies, fit for a set, and the same after a journey."""
    path = save(capture(50), tmp_path)
    splits = vxtap.plan(path, split=1000)
    assert splits == vxtap.plan(str(path), split=1000) == pickle.loads(pickle.dumps(splits))
    assert len(set(splits)) == len(splits)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(splits[1], protocol)) == splits[1]
    for name in ("path", "start", "stop", "source"):
        with pytest.raises(AttributeError):
            setattr(splits[0], name, 1)
    assert MARK in repr(splits[1])
    assert "1000" in repr(splits[1])


def test_nothing_is_walked_before(tmp_path: Path) -> None:
    """Planning takes as long for a file of terabytes, of which most was never written."""
    path = save(capture(50), tmp_path)
    os.truncate(path, 1 << 42)
    splits = vxtap.plan(path, split="1GiB")
    assert len(splits) == 1 << 12
    assert splits[-1].start == (1 << 42) - (1 << 30)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (0, "split: expected at least 1 byte, got 0"),
        (-1, "split: expected at least 1 byte, got -1"),
        ("much", "split: expected a size such as 16MiB, got 'much'"),
        (1.5, "split: expected a size in bytes, got 1.5"),
        (True, "split: expected a size in bytes, got True"),
    ],
)
def test_sizes_that_are_none(split: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(vxtap.OptionError, match=f"^{message}"):
        vxtap.plan(save(capture(1), tmp_path), split=split)


def test_what_has_no_name_cannot_be_planned(tmp_path: Path) -> None:
    """A buffer or a file object does not go to another process; the message says what does."""
    path = save(capture(1), tmp_path)
    with path.open("rb") as file:
        for source in (capture(1), bytearray(capture(1)), memoryview(capture(1)), io.BytesIO(capture(1)), file):
            for sources in (source, [path, source]):
                with pytest.raises(vxtap.OptionError, match="path"):
                    vxtap.plan(sources, split=10)


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        vxtap.plan(tmp_path / "gone", split=10)
    assert caught.value.filename == str(tmp_path / "gone")
    with pytest.raises(FileNotFoundError):
        vxtap.plan(str(tmp_path / "gone*"), split=10)
    path = save(capture(9), tmp_path)
    splits = vxtap.plan(path, split=100)
    path.unlink()
    for source in (splits, splits[1]):
        with pytest.raises(FileNotFoundError) as caught:
            vxtap.read(source)
        assert caught.value.filename == str(path)


# ---------------------------------------------------------------- sources


def test_several_sources(tmp_path: Path) -> None:
    """Their numbers are those of a read, of a split alone too."""
    paths = [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    for number, path in enumerate(paths):
        path.write_bytes(capture(10 + 20 * number))
    splits = vxtap.plan(paths, split=1000)
    assert sorted({split.source for split in splits}) == [0, 1, 2]
    assert [split.source for split in splits] == sorted(split.source for split in splits)
    wanted = vxtap.read(paths, workers=1)
    assert columns_of(vxtap.read(splits)) == columns_of(wanted)
    assert columns_of(vxtap.read(splits, workers=3, split=100)) == columns_of(wanted)
    assert set(vxtap.read(splits[-1])["source"].tolist()) == {2}


@pytest.mark.parametrize("kind", ["wildcard", "list", "beside others"])
def test_rotated_sets(kind: str, tmp_path: Path) -> None:
    frames = every([one for i in range(1, 7) for one in datagram(i, 3)])
    pattern = write(tmp_path, _1=pcap(frames[:4]), _2=gzip.compress(pcap(frames[4:11])), _3=pcap(frames[11:]))
    files = [tmp_path / "x.pcap3", tmp_path / "x.pcap1", tmp_path / "x.pcap2"]
    sources: Any = {"wildcard": pattern, "list": [files], "beside others": [tmp_path / "x.pcap1", pattern, files]}[kind]
    wanted = vxtap.read(sources, frames="all", workers=1)
    splits = pickle.loads(pickle.dumps(vxtap.plan(sources, split=500)))
    assert columns_of(vxtap.read(splits, frames="all")) == columns_of(wanted)
    assert len(wanted)


def test_compressed_files_are_one_split(tmp_path: Path) -> None:
    path = save(gzip.compress(capture(500), mtime=0), tmp_path)
    splits = vxtap.plan(path, split=100)
    assert [(split.start, split.stop) for split in splits] == [(0, None)]
    for source in (splits, splits[0]):
        assert columns_of(vxtap.read(source)) == columns_of(vxtap.read(capture(500)))


def test_pipe(tmp_path: Path) -> None:
    """It is one split, too, and nothing of it is read before its time."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    feed = os.open(pipe, os.O_RDWR)
    try:
        splits = vxtap.plan(pipe, split=10)
        assert [(split.path, split.start, split.stop) for split in splits] == [(str(pipe), 0, None)]
    finally:
        os.close(feed)


# ---------------------------------------------------------------- between plan and read


def read_in_batches(source: Any) -> None:
    with vxtap.open(source) as opened:
        list(opened.batches())


def test_file_that_became_shorter(tmp_path: Path) -> None:
    path = save(capture(100), tmp_path)
    splits = vxtap.plan(path, split=1000)
    os.truncate(path, 2500)
    for source in (splits, splits[-1], splits[4]):
        for ask in (vxtap.read, read_in_batches):
            with pytest.raises(vxtap.UnsupportedError, match=MARK):
                ask(source)


def test_file_that_was_written_on(tmp_path: Path) -> None:
    """The last split goes to the end of the file that there is now."""
    path = save(capture(100), tmp_path)
    splits = vxtap.plan(path, split=1000)
    with path.open("ab") as file:
        file.write(capture(150)[len(capture(100)) :])
    assert columns_of(vxtap.read(splits)) == columns_of(vxtap.read(capture(150)))
    assert vxtap.read(splits[-1])["sport"].tolist()[-1] == 1000 + 149


def test_file_that_was_replaced(tmp_path: Path) -> None:
    path = save(capture(100), tmp_path)
    splits = vxtap.plan(path, split=1000)
    other = tmp_path / "other"
    other.write_bytes(capture(100)[:-1] + b"?")
    assert other.stat().st_size == path.stat().st_size
    other.replace(path)
    for source in (splits, splits[1]):
        for ask in (vxtap.read, read_in_batches):
            with pytest.raises(vxtap.UnsupportedError, match=MARK):
                ask(source)


# ---------------------------------------------------------------- elsewhere


def test_another_process(tmp_path: Path) -> None:
    """A split that was sent there gives the same rows."""
    path = save(capture(300), tmp_path)
    splits = vxtap.plan(path, split=5000)
    script = "import pickle, sys, vxtap; sys.stdout.buffer.write(vxtap.read(pickle.load(sys.stdin.buffer)).tobytes())"
    place = {"PYTHONPATH": str(Path(vxtap.__file__).parents[1])}
    for source in (splits[2], splits[1:4]):
        ran = subprocess.run(
            [sys.executable, "-c", script],
            input=pickle.dumps(source),
            check=True,
            capture_output=True,
            env=os.environ | place,
            timeout=60,
        )
        assert columns_of(np.frombuffer(ran.stdout, vxtap.PACKET)) == columns_of(vxtap.read(source))
