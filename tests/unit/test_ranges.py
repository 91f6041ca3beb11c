"""Reading by ranges: the cases that go wrong where a range is believed, every kind of source, errors, and threads."""

from __future__ import annotations

import gzip
import io
import mmap
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hostile_fakes
import hostile_state
import vxtap
from build import MICRO, Pcapng, eth, ipv4, pcap, udp, vxlan
from compare import DATA, columns_of, see
from hostile_state import SECOND, Case, datagram, every, plain
from ranges import Truth, assert_alike, borders, places, read_apart, told
from rotated import part, part_ng, write
from unit.conftest import T0, OnlyRead, capture, frame, inner_frame
from vxtap import _facts

CASES: dict[str, Case] = {**hostile_fakes.CASES, **hostile_state.CASES}
# What these are about is not in rows, or in the order of rows that only `partial` gives.
ORDER = {"waiting at the end", "lost by a later clock", "behind one that is not due", "lost all the time"}
BOOKS = {"before 1970", "lost after a second"}


def save(data: bytes, folder: Path) -> Path:
    (folder / "in.pcap").write_bytes(data)
    return folder / "in.pcap"


def splits_of(case: Case) -> list[int]:
    return list(case.splits or places(case.data))


# ---------------------------------------------------------------- the cases


@pytest.mark.parametrize("name", CASES)
def test_hostile(name: str, tmp_path: Path) -> None:
    """A range begins at every place where it may go wrong."""
    case = CASES[name]
    path = save(case.data, tmp_path)
    assert_alike(lambda: path, splits_of(case), **case.how)


@pytest.mark.parametrize("name", hostile_state.CASES)
def test_hostile_in_small_batches(name: str, tmp_path: Path) -> None:
    """First fragments that go on alone come when it is time for them, with every frame's row or without."""
    case = CASES[name]
    path = save(case.data, tmp_path)
    for frames, size in (("decapsulated", 3), ("all", 5)):
        how = case.how | {"partial": True, "frames": frames, "size": size}
        assert_alike(lambda: path, splits_of(case)[::3], (2,), **how)


@pytest.mark.parametrize("name", sorted(set(CASES) - ORDER - BOOKS))
def test_the_cases_are_hostile(name: str) -> None:
    """A reader that believes the first chain of headers, or knows nothing of earlier ranges, gets them wrong."""
    case = CASES[name]
    rows = columns_of(see(case.data, **case.how).rows)
    believe = name in hostile_fakes.CASES
    wrong = [split for split in splits_of(case) if columns_of(read_apart(case.data, split, believe=believe, **case.how)) != rows]
    assert len(wrong) > len(splits_of(case)) // 8


@pytest.mark.parametrize("name", sorted(ORDER))
def test_the_order_is_hostile(name: str) -> None:
    case = CASES[name]
    how = case.how | {"partial": True, "frames": "decapsulated"}
    rows = see(case.data, **how).rows["frame"].tolist()
    assert any(read_apart(case.data, at, believe=False, **how)["frame"].tolist() != rows for at in borders(case.data))


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("*.pcap*")))
def test_captures_of_the_lab(name: str) -> None:
    assert_alike(lambda: DATA / name, (700, 2048, "10KB", 33_333), size=50)


def test_threads_in_any_order(tmp_path: Path) -> None:
    """Whichever range is ready first, rows come in the order of the file."""
    path = save(hostile_state.CASES["by chance"].data, tmp_path)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        assert_alike(lambda: path, [157, 1000] * 10, (2, 8, 1024))
    finally:
        sys.setswitchinterval(interval)


def test_frames_larger_than_ranges(tmp_path: Path) -> None:
    """As offload makes them: most ranges have no record that begins in them."""
    frames = [frame(i, 0 if i % 2 else 60_000) for i in range(6)]
    path = save(pcap(every(frames)), tmp_path)
    assert_alike(lambda: path, (1000, 999, 4096, 60_000, 60_094), size=1)
    large = eth(ipv4(udp(vxlan(inner_frame(1, 1 << 20)), length=0), total=0))
    path = save(pcap(every([frame(1), large, frame(2), large, frame(3)])), tmp_path)
    assert_alike(lambda: path, (10_000, 1 << 20))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_ranges_of_one_byte(count: int, tmp_path: Path) -> None:
    path = save(capture(count), tmp_path)
    assert_alike(lambda: path, (1, 2, 3), (2, 1024, 3))


# ---------------------------------------------------------------- ends and errors


CUT = pcap(every([*datagram(1), plain(2), *datagram(3)[:1]]))
CUT_NG = bytes(Pcapng().idb().epb(plain(1), 5).unknown(0xBAD, bytes(40)).shb(">").idb().epb(plain(2), 9).spb(plain(3)))


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("data", [CUT, CUT_NG], ids=["pcap", "pcapng"])
def test_cut_anywhere(data: bytes, strict: bool, tmp_path: Path) -> None:
    """Where nothing but a part of a header is left, too."""
    path = tmp_path / "cut"
    for size in [*range(60), *range(60, len(data), 9)]:
        path.write_bytes(data[:size])
        assert_alike(lambda: path, (64, 7 + size // 2), strict=strict)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no capture at all, and long enough for some ranges of it",
        b"\x28\xb5\x2f\xfd" + bytes(100),
        pcap(every([plain(1)] * 5), version=(2, 5)),
        pcap(every([plain(i) for i in range(5)])) + b"\xff" * 300,
        pcap(every([plain(i) for i in range(5)])) + bytes(300),
        bytes(Pcapng().idb().epb(plain(1)).epb(plain(2)).junk(b"\x0a\x0d\x0d\x0a\x1c\0\0\0" + bytes(20)).epb(plain(3))),
        bytes(Pcapng().idb().epb(plain(1)).epb(plain(2)).junk(bytes(5)).epb(plain(3)).epb(plain(4))),
        bytes(Pcapng().idb().epb(plain(1)).unknown(6, bytes(8)).epb(plain(3)).epb(plain(4))),
        bytes(Pcapng(bare=True).idb().epb(plain(1)).epb(plain(2))),
    ],
    ids=lambda data: f"{len(data)}-{data[:4].hex()}",
)
def test_faults(data: bytes, tmp_path: Path) -> None:
    """The same rows before, the same error with the same words, in whatever range it is."""
    path = save(data, tmp_path)
    assert_alike(lambda: path, (16, 50, 100, 217, len(data) + 1, *borders_of(data)), (2, 3, 1), size=2)


def borders_of(data: bytes) -> list[int]:
    return borders(data) if data[:4] in (MICRO.to_bytes(4, "little"), b"\x0a\x0d\x0d\x0a") else []


def test_number_of_the_frame_before_a_fault(tmp_path: Path) -> None:
    """It is that of the file, though nobody counted from its start."""
    path = save(capture(500) + b"\xff" * 16, tmp_path)
    with pytest.raises(vxtap.FormatError, match=f"byte {len(capture(500)):,}, after frame 500: ") as caught:
        vxtap.read(path, workers=2, split=1000)
    assert caught.value.offset == len(capture(500))


def test_missing_file(tmp_path: Path) -> None:
    for ask in (vxtap.read, vxtap.open):
        with pytest.raises(FileNotFoundError) as caught:
            ask(tmp_path / "gone", workers=2, split=100)
        assert caught.value.filename == str(tmp_path / "gone")
        with pytest.raises(IsADirectoryError):
            ask(tmp_path, workers=2, split=100)


# ---------------------------------------------------------------- sources of all kinds


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


@pytest.mark.parametrize("split", [100, 777, 5000])
def test_inner(split: int, tmp_path: Path) -> None:
    """Of the current batch and of earlier ones, in one piece or joined, in any order."""
    path = save(STREAM, tmp_path)
    with vxtap.open(path, workers=1) as one:
        wanted = {int(row["frame"]): bytes(inner) for row, inner in one.frames()}
    with vxtap.open(path, workers=2, split=split) as opened:
        rows = []
        for batch in opened.batches(3):
            assert {int(row["frame"]): bytes(opened.inner(row)) for row in batch}.items() <= wanted.items()
            rows += list(batch)
        assert {int(row["frame"]): bytes(opened.inner(row)) for row in rows[::-1]} == wanted
    with vxtap.open(path, workers=2, split=split) as opened:
        assert {int(row["frame"]): bytes(inner) for row, inner in opened.frames()} == wanted


def test_inner_of_a_buffer_is_a_view(tmp_path: Path) -> None:
    data = bytearray(capture(50))
    with vxtap.open(data, workers=2, split=500) as opened:
        row = next(opened.batches())[0]
        inner = opened.inner(row)
        data[int(row["offset"])] ^= 0xFF
        assert inner[0] == data[int(row["offset"])]


# ---------------------------------------------------------------- options, threads, and files that change


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
                for _ in opened.batches(10):
                    1 / 0


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
        try:
            found += list(batches)
        except vxtap.VxtapError as error:
            assert str(path) in str(error)
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


def test_errors_are_told_the_same_way() -> None:
    """The comparison of these tests sees a difference in each thing that an error says."""
    one = vxtap.FormatError("text", 3, 7)
    others = [vxtap.FormatError("other", 3, 7), vxtap.FormatError("text", 4, 7), vxtap.FormatError("text", 3, 8)]
    others += [vxtap.TruncatedError("text", 3, 7)]  # type: ignore[list-item]
    assert told(one) == told(vxtap.FormatError("text", 3, 7))
    assert all(told(other) != told(one) for other in others)


def test_the_least_memory_is_small_enough() -> None:
    """The case about it fills it."""
    how = hostile_state.CASES["the oldest go"]
    assert how.how == {"fragment_memory": _facts.FRAGMENT_MEMORY}
    assert see(how.data, **how.how).report.skipped["fragment_lost"]
    assert not see(how.data).report.skipped["fragment_lost"]


def test_truth_sees_every_difference(tmp_path: Path) -> None:
    """A row, a place, a count: what differs is told."""
    truth = Truth(lambda: save(capture(9), tmp_path))
    truth.make = lambda: save(capture(8), tmp_path)
    assert {line.split(":")[0].split()[0] for line in truth.differences(workers=1)} == {"read", "batches", "report"}
