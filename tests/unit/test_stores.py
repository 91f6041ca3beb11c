"""Where captures lie: files and what fsspec reaches, found, told apart and read."""

from __future__ import annotations

import os
import pickle
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

import vxtap
from apart import differences, read_apart
from compare import DATA
from vxtap import proven, stores
from vxtap.options import Options

CAPTURE = DATA / "02-lb-asym-nva1.pcap"


@pytest.fixture
def bucket() -> Iterator[str]:
    """A folder in a store of this process."""
    system, name = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"
    for path in ("x10.pcap", "x2.pcap", "other.txt"):
        system.pipe(f"{name}/{path}", CAPTURE.read_bytes())
    yield f"memory:/{name}"
    system.rm(name, recursive=True)


def test_a_file(tmp_path: Path) -> None:
    (store,) = stores.find(CAPTURE)
    assert store.size == CAPTURE.stat().st_size
    assert not store.is_far
    assert pickle.loads(pickle.dumps(store)) == store
    assert stores.find(f"file://{CAPTURE}") == [store]
    reader = store.open()
    assert stores.read(reader, 24, 16) == CAPTURE.read_bytes()[24:40]
    assert stores.read(reader, store.size - 3, 100) == CAPTURE.read_bytes()[-3:]
    assert stores.read(reader, store.size + 3, 100) == b""
    reader.close()


def test_an_object(bucket: str) -> None:
    (store,) = stores.find(f"{bucket}/x2.pcap")
    assert store.is_far
    assert store.block > 1 << 20
    reader = pickle.loads(pickle.dumps(store)).open()
    assert stores.read(reader, store.size - 3, 100) == CAPTURE.read_bytes()[-3:]
    assert stores.read(reader, store.size, 1) == b""


def test_wildcards(bucket: str, tmp_path: Path) -> None:
    """In natural order."""
    found = stores.find(f"{bucket}/x*.pcap")
    assert [one.url.rpartition("/")[2] for one in found] == ["x2.pcap", "x10.pcap"]
    for name in ("y10.pcap", "y9.pcap"):
        (tmp_path / name).write_bytes(b"")
    assert [os.path.basename(one.url) for one in stores.find(str(tmp_path / "y*"))] == ["y9.pcap", "y10.pcap"]
    for nothing in (f"{bucket}/z*", str(tmp_path / "z*")):
        with pytest.raises(FileNotFoundError):
            stores.find(nothing)


def test_what_is_not_there(bucket: str, tmp_path: Path) -> None:
    for gone in (f"{bucket}/gone", str(tmp_path / "gone")):
        with pytest.raises(FileNotFoundError):
            stores.find(gone)
    with pytest.raises(IsADirectoryError):
        stores.find(tmp_path)
    with pytest.raises(vxtap.UnsupportedError, match="nowhere"):
        stores.find("nowhere://x")


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(vxtap.OptionError, match="no file cannot be read in ranges"):
        stores.find(tmp_path / "pipe")


def test_an_object_that_has_changed(bucket: str) -> None:
    (store,) = stores.find(f"{bucket}/x2.pcap")
    fsspec.filesystem("memory").pipe(f"{bucket.removeprefix('memory:/')}/x2.pcap", CAPTURE.read_bytes())
    with pytest.raises(vxtap.UnsupportedError, match="not the file that was looked at: plan again"):
        store.open()


def test_a_file_that_was_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(CAPTURE.read_bytes())
    (store,) = stores.find(path)
    os.utime(path, ns=(0, 1))
    with pytest.raises(vxtap.UnsupportedError, match="not the file that was looked at"):
        store.open()


def test_compressed() -> None:
    assert not stores.find(CAPTURE)[0].is_packed()


@pytest.mark.parametrize("whole", [None, False])
def test_ranges_of_an_object(bucket: str, whole: bool | None) -> None:
    found = read_apart(f"{bucket}/x10.pcap", 9000, whole=whole)
    assert len(found.ranges) > 5
    assert not differences(CAPTURE, found)


def test_only_the_range_is_read(monkeypatch: pytest.MonkeyPatch, bucket: str) -> None:
    """Of an object what joining needs, and the bytes of the range."""
    asked = []
    readinto = stores._FarReader.readinto

    def note(self: stores._FarReader, offset: int, buffer: memoryview) -> int:
        asked.append((offset, offset + len(buffer)))
        return readinto(self, offset, buffer)

    ranges = proven.prove(f"{bucket}/x2.pcap", Options(), split=20_000)
    monkeypatch.setattr(stores._FarReader, "readinto", note)
    proven.count(ranges[1])
    assert asked == [(ranges[1].begin, ranges[1].end)]
