"""Outer fragments in the library: memory and time, blocks and batches, and inner frames that lie in no one piece."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import compare
import vxtap
from build import eth, ipv4, pcap, udp, vxlan
from build_fragments import fragments
from unit.conftest import BLOCK, T0, OnlyRead, frame, inner_frame
from vxtap import _facts

SECOND = 10**9
FIRST_SIZE = 64  # of the data of a first fragment
LEAST = _facts.FRAGMENT_MEMORY
ROOM = 64  # small datagrams that wait in so little memory
OK, JOINED, LOST = vxtap.Status.OK, vxtap.Status.FRAGMENT_JOINED, vxtap.Status.FRAGMENT_LOST


def save(data: bytes, path: Path) -> Path:
    (path / "in.pcap").write_bytes(data)
    return path / "in.pcap"


# What was read of a source can be had again, or not.
AGAIN: dict[str, Callable[[bytes, Path], Any]] = {
    "file": save,
    "buffer": lambda data, _: data,
}
ONCE: dict[str, Callable[[bytes, Path], Any]] = {
    "pipe": lambda data, _: OnlyRead(data, BLOCK),
    "few bytes": lambda data, _: OnlyRead(data, 700),
    "gzip": lambda data, _: io.BytesIO(gzip.compress(data)),
}
SOURCES = AGAIN | ONCE


def pair(i: int, size: int = 20, dport: int = 4789) -> tuple[bytes, bytes]:
    """A mirrored frame in two fragments."""
    packet = ipv4(udp(vxlan(inner_frame(i, size), 7), dport=dport), ident=i % 0x10000, src=bytes([10, 1, i >> 16, 1]))
    first, second = fragments(packet, [FIRST_SIZE])
    return eth(first), eth(second)


def capture(frames: list[bytes], step: int = 1000) -> bytes:
    return pcap([(T0 + i * step, one) for i, one in enumerate(frames)])


def books(source: Any, **how: Any) -> dict[str, int]:
    """Counts of all outcomes, which have to add up."""
    with vxtap.open(source, **how) as opened:
        rows = sum(len(batch) for batch in opened.batches())
        report = opened.report
    assert rows == report.decapsulated == report.frames - sum(report.skipped.values())
    return {name: count for name, count in {"decapsulated": rows, **report.skipped}.items() if count}


# ---------------------------------------------------------------- memory


def test_the_oldest_goes() -> None:
    """A hundred wait where there is no room for them: the last are joined, the others lost, and their rests."""
    pairs = [pair(i) for i in range(100)]
    data = capture([first for first, _ in pairs] + [second for _, second in reversed(pairs)])
    assert books(data) == {"decapsulated": 100, "fragment_joined": 100}
    gone = 100 - ROOM
    assert books(data, fragment_memory=LEAST) == {
        "decapsulated": ROOM,
        "fragment_joined": ROOM,
        "fragment_lost": 2 * gone,
    }
    rows = vxtap.read(data, fragment_memory=LEAST)
    assert rows["sport"].tolist() == [1000 + i for i in reversed(range(gone, 100))]
    rows = vxtap.read(data, fragment_memory=LEAST, partial=True)
    cut = rows[rows["flags"] & vxtap.Flag.TRUNCATED != 0]
    assert cut["frame"].tolist() == list(range(1, gone + 1))


def test_who_completes_the_oldest_needs_no_room() -> None:
    """Memory is full, and what comes fits what is there already: nothing has to go."""
    pairs = [pair(i) for i in range(ROOM)]
    data = capture([first for first, _ in pairs] + [pairs[0][1]])
    assert books(data, fragment_memory=LEAST) == {"decapsulated": 1, "fragment_joined": 1, "fragment_lost": ROOM - 1}


def test_thousands_that_are_never_finished() -> None:
    """They push each other out, and nothing that is finished in time."""
    count, frames = 5000, []
    for i in range(count):
        frames += [pair(i)[0], *pair(count + i)]
    data = capture(frames)
    wanted = {"decapsulated": count, "fragment_joined": count, "fragment_lost": count}
    for memory in (LEAST, "1M", "16M"):
        assert books(data, fragment_memory=memory) == wanted
    assert books(data, fragment_memory=LEAST, partial=True) == {"decapsulated": 2 * count, "fragment_joined": count}


def test_a_datagram_as_large_as_they_get() -> None:
    """It fits the least memory, also where others wait."""
    inner = inner_frame(1, 65000)
    packet = ipv4(udp(vxlan(inner)), ident=1)
    large = [eth(one) for one in fragments(packet, [1480] * (len(packet) // 1480))]
    data = capture([*(pair(i)[0] for i in range(50)), *reversed(large)])
    found = books(data, fragment_memory=LEAST)
    assert (found["decapsulated"], found["fragment_joined"]) == (1, len(large) - 1)
    with vxtap.open(data, fragment_memory=LEAST) as opened:
        assert [bytes(one) for _, one in opened.frames()] == [inner]


# ---------------------------------------------------------------- time


@pytest.mark.parametrize(
    ("how", "limit"), [({}, 30.0), ({"fragment_timeout": 2.5}, 2.5), ({"fragment_timeout": 0}, 0.0)]
)
def test_time_out(how: dict[str, Any], limit: float) -> None:
    """On the clock of the capture: exactly so long they wait."""
    for late in (0, 1000):
        first, second = pair(1)
        data = pcap([(T0, first), (T0 + int(limit * SECOND) + late, second)])
        assert books(data, **how) == ({"fragment_lost": 2} if late else {"decapsulated": 1, "fragment_joined": 1})


def test_the_clock_may_go_back() -> None:
    first, second = pair(1)
    data = pcap([(T0 + 100 * SECOND, first), (T0, second)])
    assert books(data) == {"decapsulated": 1, "fragment_joined": 1}


def test_partial_comes_when_time_is_up() -> None:
    """Between the rows of the frames that tell it, with its own number and time."""
    lost, other, last = pair(1)[0], pair(2), pair(3)
    data = pcap([(T0, lost), (T0 + SECOND, frame(9)), *((T0 + 40 * SECOND, one) for one in (*other, *last))])
    rows = vxtap.read(data, partial=True)
    assert rows["frame"].tolist() == [2, 1, 4, 6]
    assert rows["ts"].astype("i8").tolist()[1] == T0
    rows = vxtap.read(data, partial=True, fragment_timeout=60)
    assert rows["frame"].tolist() == [2, 4, 6, 1]


# ---------------------------------------------------------------- blocks and batches


def interleaved() -> tuple[bytes, dict[int, bytes]]:
    """Pairs whose halves lie within one block of a stream, or a block apart; and the inner frame of each frame."""
    frames: list[bytes] = []
    inner: dict[int, bytes] = {}
    far = [pair(i, 1400) for i in range(20)]
    frames += [first for first, _ in far]
    for i in range(200):
        frames += [*pair(100 + i, 1400), frame(1000 + i, 1000)]
        inner[len(frames) - 1] = inner_frame(100 + i, 1400)
        inner[len(frames)] = inner_frame(1000 + i, 1000)
    for i, (_, second) in enumerate(far):
        frames.append(second)
        inner[len(frames)] = inner_frame(i, 1400)
    return capture(frames), inner


DATA, INNER = interleaved()


def test_the_data_crosses_blocks() -> None:
    assert len(DATA) > 2 * BLOCK


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
@pytest.mark.parametrize("kind", SOURCES)
def test_rows(kind: str, size: int, tmp_path: Path) -> None:
    """The oracle's, however the bytes come and however many are asked for."""
    compare.assert_same(DATA, SOURCES[kind](DATA, tmp_path), size=size)


@pytest.mark.parametrize("kind", SOURCES)
def test_frames(kind: str, tmp_path: Path) -> None:
    with vxtap.open(SOURCES[kind](DATA, tmp_path)) as opened:
        assert {int(row["frame"]): bytes(one) for row, one in opened.frames()} == INNER


@pytest.mark.parametrize("size", [3, 100, 1 << 16])
@pytest.mark.parametrize("kind", SOURCES)
def test_inner_of_the_current_batch(kind: str, size: int, tmp_path: Path) -> None:
    found: dict[int, bytes] = {}
    with vxtap.open(SOURCES[kind](DATA, tmp_path)) as opened:
        for batch in opened.batches(size):
            for row in batch:
                one = opened.inner(row)
                assert one.readonly
                found[int(row["frame"])] = bytes(one)
    assert found == INNER


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("kind", AGAIN)
def test_inner_of_earlier_batches(kind: str, order: int, tmp_path: Path) -> None:
    """Found again from the start of the source, in any order."""
    with vxtap.open(AGAIN[kind](DATA, tmp_path)) as opened:
        rows = np.concatenate(list(opened.batches(50)))[::order]
        step = 1 if order > 0 else 40  # backwards each of them reads the source once more
        found = {int(row["frame"]): bytes(opened.inner(row)) for row in rows[::step]}
    assert found == {number: INNER[number] for number in found}
    assert len(found) == len(INNER) // step + (len(INNER) % step > 0)


@pytest.mark.parametrize("kind", ONCE)
def test_what_came_through_a_pipe_is_gone(kind: str, tmp_path: Path) -> None:
    with vxtap.open(ONCE[kind](DATA, tmp_path)) as opened:
        joined = None
        for batch in opened.batches():
            whole = batch[batch["flags"] & vxtap.Flag.REASSEMBLED != 0]
            joined = whole[0] if joined is None and len(whole) else joined
        assert joined is not None
        with pytest.raises(vxtap.UnsupportedError, match="ask for inner frames before the next batch"):
            opened.inner(joined)


def test_inner_of_a_file_that_became_shorter(tmp_path: Path) -> None:
    path = save(DATA, tmp_path)
    with vxtap.open(path) as opened:
        rows = np.concatenate(list(opened.batches(50)))
        joined = rows[rows["flags"] & vxtap.Flag.REASSEMBLED != 0]
        with path.open("r+b") as file:
            file.truncate(BLOCK)
        with pytest.raises(vxtap.UnsupportedError, match="the file has become shorter"):
            opened.inner(joined[-1])
        assert bytes(opened.inner(joined[0])) == INNER[int(joined[0]["frame"])]


def test_inner_of_partial_rows(tmp_path: Path) -> None:
    """The inner frame of a first fragment that went on alone lies in one piece, wherever its row comes."""
    pairs = [pair(i, 1400) for i in range(300)]
    data = capture([first for first, _ in pairs])
    whole = {i + 1: inner_frame(i, 1400)[: FIRST_SIZE - 16] for i in range(300)}
    for make in AGAIN.values():
        with vxtap.open(make(data, tmp_path), partial=True) as opened:
            rows = np.concatenate(list(opened.batches(64)))
            assert {int(row["frame"]): bytes(opened.inner(row)) for row in rows} == whole
    for make in SOURCES.values():
        with vxtap.open(make(data, tmp_path), partial=True) as opened:
            assert {int(row["frame"]): bytes(one) for row, one in opened.frames()} == whole


# ---------------------------------------------------------------- rows of skipped frames


@pytest.mark.parametrize(
    "columns", [None, ["offset", "caplen", "flags", "frame"], ["flags", "status", "caplen", "offset", "frame"]]
)
@pytest.mark.parametrize("kind", SOURCES)
def test_frames_of_all(kind: str, columns: list[str] | None, tmp_path: Path) -> None:
    """Of a skipped frame it is the whole frame, also of one that completes what is no tunnel."""
    first, second = pair(1)
    other = pair(2, dport=9)
    frames = [first, frame(3, dport=9), *other, second]
    data = capture(frames)
    wanted = [*frames[:4], inner_frame(1)]
    with vxtap.open(SOURCES[kind](data, tmp_path), frames="all", columns=columns) as opened:
        assert [bytes(one) for _, one in opened.frames()] == wanted
    with vxtap.open(SOURCES[kind](data, tmp_path), frames="all", columns=columns) as opened:
        if "status" in opened.dtype.names:
            assert [bytes(opened.inner(row)) for batch in opened.batches() for row in batch] == wanted
        else:
            with pytest.raises(vxtap.OptionError, match=r"^columns: status say where a frame is"):
                opened.inner(next(opened.batches())[0])


def test_whole_frames_of_earlier_batches(tmp_path: Path) -> None:
    """Of one that completes what is no tunnel it is the frame as it lies in the file."""
    other = pair(2, dport=9)
    with vxtap.open(save(capture([*other, *pair(3)]), tmp_path), frames="all") as opened:
        rows = np.concatenate(list(opened.batches(1)))
        assert rows["flags"][1] & vxtap.Flag.REASSEMBLED
        assert [bytes(opened.inner(row)) for row in rows[:2]] == list(other)
        assert bytes(opened.inner(rows[3])) == inner_frame(3)


def test_statuses_are_settled_within_a_batch() -> None:
    """What is not known when a row is handed out is `FRAGMENT_JOINED` there; the report knows better in the end."""
    data = capture([pair(1)[0], *pair(2), pair(3)[1]])
    assert vxtap.read(data, frames="all")["status"].tolist() == [LOST, JOINED, OK, LOST]
    with vxtap.open(data, frames="all") as opened:
        assert [batch["status"].tolist() for batch in opened.batches(3)] == [[JOINED, JOINED, OK], [LOST]]
        assert dict(opened.report.skipped) == {"fragment_lost": 2, "fragment_joined": 1}


@pytest.mark.parametrize("name", ["frame", "vni", "status", "sport", "caplen", "flags"])
def test_one_column(name: str) -> None:
    """Rows that are corrected later are whole rows, whatever is stored of them."""
    data = capture([pair(1)[0], *pair(2), pair(3)[1], frame(4)])
    for how in ({}, {"frames": "all"}, {"partial": True}, {"frames": "all", "partial": True}):
        whole = vxtap.read(data, **how)  # type: ignore[arg-type]
        assert vxtap.read(data, columns=[name], **how)[name].tolist() == whole[name].tolist()  # type: ignore[arg-type]
