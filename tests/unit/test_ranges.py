"""Reading by ranges: the cases that go wrong where a range is believed, every kind of source, errors, and threads."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import hostile_fakes
import hostile_state
import vxtap
from build import MICRO, Pcapng, eth, ipv4, pcap, udp, vxlan
from compare import DATA, columns_of, see
from hostile_state import Case, datagram, every, plain
from ranges import Truth, assert_alike, be_eager, borders, count_joins, places, read_apart, told
from unit.conftest import capture, frame, inner_frame
from vxtap import _facts

CASES: dict[str, Case] = {**hostile_fakes.CASES, **hostile_state.CASES}
# What these are about is not in rows, or in the order of rows that only `partial` gives.
ORDER = {"waiting at the end", "lost by a later clock", "behind one that is not due", "lost all the time"}
BOOKS = {"before 1970", "lost after a second", "waiting at the end of a range"}
# Two go wrong only where a range is taken over and leaves a wrong memory behind; two did while what was noted of
# repeated fragments depended on memory; one takes long to be found wrong.
SPARED = {
    "repeated",
    "repeated, and memory that has grown",
    "a table that is too small",
    "the clock of a range that was taken over",
    "more interfaces than are remembered",
}
LARGE = {"more interfaces than are remembered", "more than are remembered", "hashes that were put off"}


def save(data: bytes, folder: Path) -> Path:
    (folder / "in.pcap").write_bytes(data)
    return folder / "in.pcap"


def splits_of(case: Case) -> list[int]:
    return list(case.splits or places(case.data))


# ---------------------------------------------------------------- the cases


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("eager", [True, False], ids=["eager", "patient"])
def test_hostile(name: str, eager: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A range begins at every place where it may go wrong."""
    case = CASES[name]
    path = save(case.data, tmp_path)
    if eager:
        be_eager(monkeypatch)
    assert_alike(lambda: path, splits_of(case)[:: 1 if eager else 3], **case.how)


@pytest.mark.parametrize("name", sorted(set(hostile_state.CASES) - LARGE))
def test_hostile_in_small_batches(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First fragments that go on alone come when it is time for them, with every frame's row or without."""
    be_eager(monkeypatch)
    case = CASES[name]
    path = save(case.data, tmp_path)
    for frames, size in (("decapsulated", 3), ("all", 5)):
        how = case.how | {"partial": True, "frames": frames, "size": size}
        assert_alike(lambda: path, splits_of(case)[::3], (2,), **how)


@pytest.mark.parametrize("name", sorted(set(CASES) - ORDER - BOOKS - SPARED))
def test_the_cases_are_hostile(name: str) -> None:
    """A reader that believes the first chain of headers, or knows nothing of earlier ranges, gets them wrong."""
    case = CASES[name]
    rows = columns_of(see(case.data, **case.how).rows)
    believe = name in hostile_fakes.CASES
    apart = [read_apart(case.data, split, believe=believe, **case.how) for split in splits_of(case)]
    assert sum(columns_of(found) != rows for found in apart) > len(apart) // 8


@pytest.mark.parametrize("name", sorted(ORDER))
def test_the_order_is_hostile(name: str) -> None:
    case = CASES[name]
    how = case.how | {"partial": True, "frames": "decapsulated"}
    rows = see(case.data, **how).rows["frame"].tolist()
    assert any(read_apart(case.data, at, believe=False, **how)["frame"].tolist() != rows for at in borders(case.data))


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("*.pcap*")))
def test_captures_of_the_lab(name: str) -> None:
    assert_alike(lambda: DATA / name, (700, 2048, "10KB", 33_333), size=50)


CALM = {
    "plain": capture(3000),
    "fragments that are soon complete": hostile_state.calm_fragments(),
    "second sights side by side": hostile_state.calm_sights(),
    "two sections": hostile_fakes.calm_sections(),
}


@pytest.mark.parametrize("name", CALM)
def test_calm(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of captures as they are, many a range joins: not all of them are read again."""
    joins = count_joins(monkeypatch)
    path = save(CALM[name], tmp_path)
    sizes = [len(CALM[name]) // parts for parts in (5, 6, 7, 8, 9, 11)]
    wanted = columns_of(vxtap.read(path, workers=1))
    assert all(columns_of(vxtap.read(path, workers=2, split=size)) == wanted for size in sizes)
    assert sum(joins) > 2, joins
    for frames in ("decapsulated", "all"):
        assert_alike(lambda: path, sizes, size=100, frames=frames)


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


# ---------------------------------------------------------------- what these tests see


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
