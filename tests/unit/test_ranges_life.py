"""Reading by ranges: how threads and memory come and go, and what else a capture is asked for meanwhile."""

from __future__ import annotations

import gc
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hostile_state
import vxtap
import vxtap.parts
import vxtap.ranges
from build import NANO, pcap
from compare import columns_of
from hostile_state import datagram, plain
from ranges import count_joins
from unit.conftest import T0, capture

FRAMES, SPLIT = 3000, 20_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "in.pcap").write_bytes(capture(FRAMES))
    return tmp_path / "in.pcap"


def ours() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "vxtap"]


def wait_for_none() -> None:
    deadline = time.monotonic() + 20
    while ours() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert ours() == []


# ---------------------------------------------------------------- threads


def test_a_capture_that_nobody_closes_leaves_no_thread(path: Path) -> None:
    """Neither one that was read to its end nor one that was left in the middle."""
    opened = vxtap.open(path, workers=3, split=SPLIT)
    assert sum(len(batch) for batch in opened.batches(500)) == FRAMES
    wait_for_none()
    half = vxtap.open(path, workers=3, split=SPLIT)
    batches = half.batches(500)
    next(batches)
    half._pass.files.close()  # the file alone, of which Python would say that nobody closed it
    del half, batches
    gc.collect()
    wait_for_none()
    opened.close()


def test_a_closed_capture_starts_no_threads(path: Path) -> None:
    opened = vxtap.open(path, workers=2, split=SPLIT)
    batches = opened.batches(100)
    next(batches)
    opened.close()
    with pytest.raises(ValueError, match=r"in\.pcap: is closed"):
        list(batches)
    assert ours() == []


@pytest.mark.parametrize("most", [0, 1])
def test_where_no_more_threads_are_to_be_had(most: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that there is does it."""
    start, started = threading.Thread.start, []

    def refuse(thread: threading.Thread) -> None:
        if len(started) >= most:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert columns_of(vxtap.read(path, workers=3, split=SPLIT)) == columns_of(vxtap.read(path, workers=1))
    assert len(started) == most


# ---------------------------------------------------------------- memory


def test_where_there_is_no_memory_for_parts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread needs less, and does it; asking again gives no other answer."""

    def refuse(*_: Any) -> None:
        raise MemoryError

    wanted = columns_of(vxtap.read(path, workers=1))
    monkeypatch.setattr(vxtap.ranges, "Scratch", refuse)
    assert columns_of(vxtap.read(path, workers=2, split=SPLIT)) == wanted
    with vxtap.open(path, workers=2, split=SPLIT) as opened:
        assert columns_of(np.concatenate(list(opened.batches(100)))) == wanted


def test_a_part_with_more_rows_than_there_is_room_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends early, and what follows is the whole's."""
    monkeypatch.setattr(vxtap.parts, "_FEW_ROWS", 10)
    monkeypatch.setattr(vxtap.parts, "_MOST_ROWS", 10)
    assert columns_of(vxtap.read(path, workers=3, split=SPLIT)) == columns_of(vxtap.read(path, workers=1))


def test_what_may_have_been_taken_over_in_part_is_not_read_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> bool:
        raise MemoryError

    monkeypatch.setattr(vxtap.parts.Part, "join", refuse)
    with pytest.raises(MemoryError, match=r"in\.pcap: no memory"):
        vxtap.read(path, workers=3, split=SPLIT)


# ---------------------------------------------------------------- a capture and its rows


@pytest.mark.parametrize("size", [100, 777])
def test_frames_behind_batches(size: int, path: Path) -> None:
    """A capture of which some batches were taken goes on frame by frame, with the right bytes."""
    with vxtap.open(path, workers=1) as one:
        wanted = [bytes(frame) for _, frame in one.frames()]
    with vxtap.open(path, workers=3, split=SPLIT) as opened:
        batches = opened.batches(size)
        first = [next(batches) for _ in range(4)]
        found = [bytes(frame) for _, frame in opened.frames()]
    assert found == wanted[sum(map(len, first)) :]


def test_the_number_of_a_split(path: Path) -> None:
    """It is the source's, however the split is read."""
    last = next(split for split in vxtap.plan([path, path], split=SPLIT) if split.source == 1)
    with vxtap.open(last) as opened:
        batches = np.concatenate(list(opened.batches()))
    assert set(batches["source"].tolist()) == set(vxtap.read(last)["source"].tolist()) == {1}


def test_frames_of_a_split_that_were_put_together(tmp_path: Path) -> None:
    """Those of past batches are found again as they were found: from where the split begins."""
    halves = datagram(1)
    there = [(T0 + i, half) for i, half in enumerate(halves)]
    before = [*there, *((T0 + 1000 * i, plain(i)) for i in range(1, 400))]
    again = [(T0 + 10**9 + i, half) for i, half in enumerate(halves)]
    after = [(T0 + 2 * 10**9 + 1000 * i, plain(i)) for i in range(400)]
    path = tmp_path / "in.pcap"
    path.write_bytes(pcap([*before, *again, *after], 1, magic=NANO))
    second = vxtap.plan(path, split=len(pcap(before, 1, magic=NANO)) - 300)[1]
    with vxtap.open(second) as opened:
        batches = opened.batches(200)
        rows = next(batches)
        next(batches)
        joined = rows[rows["flags"] & vxtap.Flag.REASSEMBLED != 0]
        assert len(joined) == 1
        with vxtap.open(path) as whole:
            frames = {int(row["offset"]): bytes(frame) for row, frame in whole.frames()}
        assert bytes(opened.inner(joined[0])) in frames.values()


def test_a_file_that_ends_within_what_looks_like_records(tmp_path: Path) -> None:
    """Nobody reads it any more when the next one of a set begins."""
    fake = capture(400)[24:]
    cut = capture(300) + T0.to_bytes(8, "little") + (3_000_000).to_bytes(4, "little") * 2 + fake
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for place, data in zip(paths, (cut, capture(300), capture(300)), strict=True):
        place.write_bytes(data)
    wanted = vxtap.read([list(map(str, paths))], workers=1)
    found = vxtap.read([list(map(str, paths))], workers=3, split=3000)
    assert columns_of(found) == columns_of(wanted)


def test_one_datagram_does_not_end_reading_by_ranges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Complete datagrams are remembered for ever; parts that have no fragments do not care."""
    joined = count_joins(monkeypatch)
    frames = hostile_state.every([*datagram(1), *(plain(i) for i in range(2000))])
    path = tmp_path / "in.pcap"
    path.write_bytes(pcap(frames, 1, magic=NANO))
    vxtap.read(path, workers=3, split=SPLIT)
    assert len(joined) > 5
    assert all(joined)
