"""Reading by ranges: sources of every kind, rotated sets, and inner frames."""

from __future__ import annotations

import gzip
import io
import mmap
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hostile_state
import vxtap
from build import pcap
from compare import columns_of
from hostile_state import SECOND, datagram, every
from ranges import assert_alike
from rotated import part, part_ng, write
from unit.conftest import OnlyRead, capture


def save(data: bytes, folder: Path) -> Path:
    (folder / "in.pcap").write_bytes(data)
    return folder / "in.pcap"


STREAM = hostile_state.CASES["interleaved"].data


def junk_before(data: bytes, folder: Path, **how: Any) -> Any:
    (folder / "late").write_bytes(b"junk!" + data)
    file = (folder / "late").open("rb", **how)
    file.seek(5)
    return file


def piped(data: bytes) -> str:
    reader, writer = os.pipe()
    threading.Thread(target=lambda: (os.write(writer, data), os.close(writer))).start()
    return f"/dev/fd/{reader}"


def mapped(data: bytes, folder: Path) -> mmap.mmap:
    with save(data, folder).open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


SOURCES: dict[str, Callable[[bytes, Path], Any]] = {
    "text": lambda data, folder: str(save(data, folder)),
    "bytes": lambda data, _: data,
    "bytearray": lambda data, _: bytearray(data),
    "memoryview": lambda data, _: memoryview(b"x" + data)[1:],
    "mmap": mapped,
    "array": lambda data, _: np.frombuffer(data, np.uint8),
    "BytesIO": lambda data, _: io.BytesIO(data),
    "file": lambda data, folder: save(data, folder).open("rb"),
    "file that stands behind something": junk_before,
    "raw file": lambda data, folder: junk_before(data, folder, buffering=0),
    "only read": lambda data, _: OnlyRead(data, 100),
    "pipe": lambda data, _: piped(data),
    "gzip": lambda data, _: gzip.compress(data, mtime=0),
    "gzip file": lambda data, folder: save(gzip.compress(data, mtime=0), folder),
}


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Any]]:
    """The same capture as often as it is asked for; file objects are closed in the end."""
    made: list[Any] = []

    def make() -> Any:
        made.append(SOURCES[request.param](STREAM, tmp_path))
        return made[-1]

    yield make
    for one in made:
        if isinstance(one, io.IOBase):
            one.close()


def test_sources(source: Callable[[], Any]) -> None:
    wanted = vxtap.read(STREAM, frames="all")
    rows = vxtap.read(source(), frames="all", workers=3, split=500)
    assert columns_of(rows) == columns_of(wanted)
    with vxtap.open(source(), workers=2, split=700) as opened:
        found = np.concatenate(list(opened.batches(4)))
        assert opened.report == vxtap.info(STREAM).report
    assert columns_of(found) == columns_of(wanted[wanted["status"] == 0])


def test_file_object_whose_place_was_looked_at(tmp_path: Path) -> None:
    """What a file object holds back in its buffer is read as well."""
    with junk_before(STREAM, tmp_path) as file:
        file.seek(0)
        assert file.read(5) == b"junk!"
        rows = vxtap.read(file, workers=2, split=333)
        assert not file.closed
    assert columns_of(rows) == columns_of(vxtap.read(STREAM))


def test_several_sources(tmp_path: Path) -> None:
    path = save(STREAM, tmp_path)
    sources = [path, capture(30), io.BytesIO(STREAM), [part(0), part(3)]]
    rows = vxtap.read(sources, workers=3, split=900, frames="all")
    sources[2] = STREAM
    assert columns_of(rows) == columns_of(vxtap.read(sources, frames="all", workers=1))
    assert sorted(set(rows["source"].tolist())) == [0, 1, 2, 3]


@pytest.mark.parametrize("split", [64, 100, 333, 1000, 10_000])
def test_rotated_sets(split: int, tmp_path: Path) -> None:
    """Their files share fragments and sights, count on, and each has framing of its own."""
    frames = every([one for i in range(1, 6) for one in datagram(i, 3)], SECOND)
    cut = [pcap(frames[:4]), pcap(frames[4:9], order=">"), pcap(frames[9:])[:-3]]
    numbered = {f"_{number}": data for number, data in enumerate(cut)}
    ng = [part_ng(20, 4), gzip.compress(part_ng(30, 3, interfaces=2)), part_ng(40, 3, tsresol=9), b"", part_ng(50)[:20]]
    numbered |= {f"_{3 + number}": data for number, data in enumerate(ng)}
    pattern = write(tmp_path, **numbered)
    for frames_too in ("decapsulated", "all"):
        assert_alike(lambda: pattern, (split,), (2,), size=4, frames=frames_too)
    files = sorted(tmp_path.glob("x.pcap*"))
    with vxtap.open(files, workers=2, split=split) as some, vxtap.open(pattern, workers=1) as one:
        for mine, theirs in zip(some.frames(), one.frames(), strict=True):
            assert bytes(mine[1]) == bytes(theirs[1])


def test_set_with_damage(tmp_path: Path) -> None:
    pattern = write(tmp_path, _1=part(0, 9), _2=part(10, 9) + b"\xff" * 40, _3=part(20, 9))
    assert_alike(lambda: pattern, (50, 333, 1000), size=3)


# ---------------------------------------------------------------- inner frames


CALM = hostile_state.calm_fragments()


@pytest.mark.parametrize("split", [100, 777, 130_000])
@pytest.mark.parametrize("data", [STREAM, CALM], ids=["interleaved", "calm"])
def test_inner(data: bytes, split: int, tmp_path: Path) -> None:
    """Of the current batch and of earlier ones, in one piece or joined, in any order."""
    path = save(data, tmp_path)
    with vxtap.open(path, workers=1) as one:
        wanted = {int(row["frame"]): bytes(inner) for row, inner in one.frames()}
    with vxtap.open(path, workers=2, split=split) as opened:
        rows = []
        for batch in opened.batches(3):
            assert {int(row["frame"]): bytes(opened.inner(row)) for row in batch}.items() <= wanted.items()
            rows += list(batch)
        some = rows[:: -(1 + len(rows) // 30)]  # each of them reads the source once more
        assert {int(row["frame"]): bytes(opened.inner(row)) for row in some}.items() <= wanted.items()
        assert len(rows) == len(wanted)
    with vxtap.open(path, workers=2, split=split) as opened:
        assert {int(row["frame"]): bytes(inner) for row, inner in opened.frames()} == wanted


def test_inner_of_a_buffer_is_a_view(tmp_path: Path) -> None:
    data = bytearray(capture(50))
    with vxtap.open(data, workers=2, split=500) as opened:
        row = next(opened.batches())[0]
        inner = opened.inner(row)
        data[int(row["offset"])] ^= 0xFF
        assert inner[0] == data[int(row["offset"])]
