"""Splits of one file: all of them are the file, neighbours are one range, each alone says where it began and ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hostile_fakes
import hostile_state
import vxtap
from build import Pcapng, pcap, ticks
from compare import DATA, columns_of
from hostile_state import datagram, every, plain
from ranges import borders, places, see
from unit.conftest import T0, capture, frame

CASES = {**hostile_fakes.CASES, **hostile_state.CASES}
LAB = sorted(path.name for path in DATA.glob("*.pcap*"))


def save(data: bytes, folder: Path) -> Path:
    (folder / "big.pcap").write_bytes(data)
    return folder / "big.pcap"


# ---------------------------------------------------------------- all of them


@pytest.mark.parametrize("name", CASES)
def test_all_splits_of_what_is_hostile(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    path = save(case.data, tmp_path)
    part = max(100, len(case.data) // 200)
    for size in list(case.splits or places(case.data))[::4]:
        for frames in ("all", "decapsulated"):
            how: Any = case.how | {"frames": frames}
            wanted = see(path, 1 << 16, workers=1, **how)
            splits = vxtap.plan(path, split=size)
            if wanted.error is None:
                assert columns_of(vxtap.read(splits, **how)) == columns_of(wanted.rows)
                assert columns_of(vxtap.read(splits, workers=2, split=part, **how)) == columns_of(wanted.rows)
            else:
                with pytest.raises(type(wanted.error)) as caught:
                    vxtap.read(splits, **how)
                assert str(caught.value) == str(wanted.error)


@pytest.mark.parametrize("name", LAB)
@pytest.mark.parametrize("size", [700, "10kB"])
def test_all_splits_as_one_capture(name: str, size: Any) -> None:
    """`open` of a list gives batches, books and inner frames of the file."""
    path = DATA / name
    splits = vxtap.plan(path, split=size)
    how: dict[str, Any] = {"tunnels": "none"} if name.endswith("-src.pcap") else {}
    with vxtap.open(path, workers=1, **how) as one, vxtap.open(splits, workers=2, **how) as several:
        wanted = np.concatenate(list(one.batches(100)))
        rows = np.concatenate(list(several.batches(100)))
        assert columns_of(rows) == columns_of(wanted)
        for mine, theirs in zip(rows[::5], wanted[::5], strict=True):
            assert bytes(several.inner(mine)) == bytes(one.inner(theirs))
        assert several.report == one.report


@pytest.mark.parametrize(
    "data", [b"", capture(1)[:10], b"no capture", capture(0), capture(4)[:-1], capture(4) + bytes(5), capture(4)[:41]]
)
@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
def test_ends(data: bytes, size: int, tmp_path: Path) -> None:
    path = save(data, tmp_path)
    wanted = see(path, 10, workers=1)
    found = see(vxtap.plan(path, split=size), 10)
    assert columns_of(found.rows) == columns_of(wanted.rows)
    assert (type(found.error), str(found.error)) == (type(wanted.error), str(wanted.error))
    assert found.report.truncated_tail == wanted.report.truncated_tail


# ---------------------------------------------------------------- one of them


def joined(path: Path, size: int | str, **how: Any) -> tuple[list[np.ndarray], list[vxtap.Report]]:
    """What each split of a file gives alone, of those that have a record."""
    seen = [see(split, 1 << 16, **how) for split in vxtap.plan(path, split=size)]
    assert [one.error for one in seen if one.error] == []
    return [one.rows for one in seen], [one.report for one in seen]


@pytest.mark.parametrize("size", [2000, 4096, "30kB"])
@pytest.mark.parametrize("name", LAB)
def test_splits_join(name: str, size: Any) -> None:
    """Of a file that nobody made to mislead: one begins where the one before ended, and what each frame says that is
    about itself alone is what it says in the whole file.
    """
    path = DATA / name
    alone: dict[str, Any] = {"frames": "all", "once": False}
    whole = see(path, 1 << 16, workers=1, **alone)
    rows, reports = joined(path, size, **alone)
    there = [report for report in reports if report.frames]
    assert there[0].began == 0
    assert [report.began for report in there[1:]] == [report.ended for report in there[:-1]]
    assert there[-1].ended == whole.report.ended
    assert sum(report.frames for report in reports) == whole.report.frames
    before = np.cumsum([0, *(len(each) for each in rows[:-1])])
    found = np.concatenate([each["frame"] + at for each, at in zip(rows, before.astype("u8"), strict=True)])
    assert found.tolist() == whole.rows["frame"].tolist()
    both = np.concatenate(rows)
    assert columns_of(both[["ts", "interface"]]) == columns_of(whole.rows[["ts", "interface"]])
    settled = ~np.isin(both["status"], vxtap.Status.FRAGMENT_LOST) & (whole.rows["flags"] & vxtap.Flag.REASSEMBLED == 0)
    settled &= ~np.isin(whole.rows["status"], [vxtap.Status.FRAGMENT_JOINED, vxtap.Status.FRAGMENT_LOST])
    names = [column for column in vxtap.PACKET.names or () if column != "frame"]
    assert [column for column in names if (both[column] != whole.rows[column])[settled].any()] == []


def test_a_split_holds_the_records_that_begin_in_it(tmp_path: Path) -> None:
    """One that begins at the very start of a range is of that range, one a byte before is not."""
    data = capture(30)
    path, size = save(data, tmp_path), borders(data)[0] - 24
    numbers = [vxtap.read(split)["sport"].tolist() for split in vxtap.plan(path, split=24 + size)]
    at = [24, *borders(data)[:-1]]
    wanted = [[1000 + i for i in range(30) if at[i] // (24 + size) == number] for number in range(len(numbers))]
    assert numbers == wanted
    rows = vxtap.read(vxtap.plan(path, split=24 + size)[1])
    assert rows["frame"].tolist() == list(range(1, len(rows) + 1))
    assert columns_of(rows[["offset"]]) == columns_of(vxtap.read(path)[["offset"]][1 : 1 + len(rows)])


@pytest.mark.parametrize("size", [1000, 20_000])
def test_splits_in_which_no_record_begins(size: int, tmp_path: Path) -> None:
    path = save(pcap(every([frame(i, 60_000) for i in range(4)])), tmp_path)
    rows, reports = joined(path, size)
    assert sum(map(len, rows)) == 4
    for report in reports:
        assert report.frames in (0, 1)
        assert report.frames or report.ended <= report.began
    there = [report for report in reports if report.frames]
    assert [report.began for report in there[1:]] == [report.ended for report in there[:-1]]


def test_interfaces_of_the_beginning_are_known(tmp_path: Path) -> None:
    file = Pcapng(">").idb().idb(tsresol=9)
    for i in range(200):
        file.epb(plain(i), ticks(T0 + i * 1000, 9), 1)
    rows, _ = joined(save(bytes(file), tmp_path), 3000)
    assert len(rows) > 8
    whole = vxtap.read(bytes(file))
    for name in ("ts", "interface", "vni", "sport"):
        assert np.concatenate(rows)[name].tolist() == whole[name].tolist()


# ---------------------------------------------------------------- some of them


def halves(tmp_path: Path) -> list[vxtap.Split]:
    """Three splits, with the halves of a datagram in the second and the third one."""
    one = datagram(1)
    data = pcap(every([*(plain(i) for i in range(20)), one[0], *(plain(i) for i in range(20, 40)), one[1]]))
    place = data.index(one[0]) + 100
    assert place < 2 * (place // 2 + 1) < data.index(one[1])
    splits = vxtap.plan(save(data, tmp_path), split=place // 2 + 1)
    assert data.index(one[0]) > splits[1].start
    return splits


def test_neighbours_are_one_range(tmp_path: Path) -> None:
    splits = halves(tmp_path)
    joins = [bool((vxtap.read(one)["flags"] & vxtap.Flag.REASSEMBLED).any()) for one in splits]
    assert not any(joins)
    rows = vxtap.read(splits[1:])
    assert (rows["flags"] & vxtap.Flag.REASSEMBLED != 0).sum() == 1
    whole = vxtap.read(tmp_path / "big.pcap", workers=1)
    first = len(vxtap.read(splits[0]))
    assert rows["frame"].tolist() == (whole["frame"][first:] - first).tolist()
    assert rows["offset"].tolist() == whole["offset"][first:].tolist()
    for count in (2, 3):
        assert columns_of(vxtap.read(splits[1:], workers=count, split=500)) == columns_of(rows)


def test_those_that_are_no_neighbours_are_read_alone(tmp_path: Path) -> None:
    splits = vxtap.plan(save(capture(60), tmp_path), split=2000)
    assert len(splits) > 3
    for some in ([splits[2], splits[0]], [splits[0], splits[2]], [splits[1], splits[1]]):
        wanted = np.concatenate([vxtap.read(one) for one in some])
        assert columns_of(vxtap.read(some)) == columns_of(wanted)


@pytest.mark.parametrize("how", [{"columns": ["ts", "frame", "offset"]}, {"frames": "all"}, {"vni": 9}])
def test_options_of_a_read(how: dict[str, Any], tmp_path: Path) -> None:
    path = save(hostile_state.CASES["interleaved"].data, tmp_path)
    splits = vxtap.plan(path, split=777)
    assert columns_of(vxtap.read(splits, **how)) == columns_of(vxtap.read(path, workers=1, **how))
    assert list(vxtap.read(splits[3], **how).dtype.names or ()) == list(vxtap.read(path, **how).dtype.names or ())


@pytest.mark.parametrize("name", [name for name in LAB if name.endswith(".pcap") and not name.startswith("07")])
def test_decap_of_splits(name: str, tmp_path: Path) -> None:
    """All of them give the inner capture of the file, and one after the other the frames of it."""
    path, whole, part = DATA / name, tmp_path / "whole.pcap", tmp_path / "part.pcap"
    alone: dict[str, Any] = {"once": False}
    splits = vxtap.plan(path, split=3000)
    wanted = vxtap.decap(path, whole)
    assert vxtap.decap(splits, part) == wanted
    assert part.read_bytes() == whole.read_bytes()
    wanted = vxtap.decap(path, whole, **alone)
    if wanted.skipped["fragment_joined"] or wanted.skipped["fragment_lost"]:
        return
    found = b""
    for split in splits:
        vxtap.decap(split, part, **alone)
        found += part.read_bytes()[24:]
    assert found == whole.read_bytes()[24:]
    assert sum(vxtap.info(split, once=False).report.frames for split in splits) == wanted.frames
