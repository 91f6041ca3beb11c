"""Rotated sets: several files as one capture, in the order of their times."""

from __future__ import annotations

import gzip
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vxtap
from build import ARP, MICRO, NANO, SLL2, Pcapng, arp, eth, pcap, sll2
from rotated import SECOND, batches, numbers, part, part_ng, write
from unit.conftest import T0, OnlyRead, capture, frame, inner_frame
from vxtap.rotation import natural

# ---------------------------------------------------------------- order, and counting on


def test_order_is_that_of_the_first_times(tmp_path: Path) -> None:
    pattern = write(tmp_path, a=part(6), b=part(0), c=part(3))
    rows = vxtap.read(pattern)
    assert numbers(rows) == list(range(9))
    assert rows["frame"].tolist() == list(range(1, 10))
    assert set(rows["source"].tolist()) == {0}


def test_ties_are_in_natural_order(tmp_path: Path) -> None:
    pattern = write(tmp_path, _10=part(6, at=0), _9=part(3, at=0), _1=part(0, at=0))
    assert numbers(vxtap.read(pattern)) == list(range(9))
    assert numbers(vxtap.read([[tmp_path / "x.pcap10", tmp_path / "x.pcap1", tmp_path / "x.pcap9"]])) == list(range(9))
    assert sorted(["x10y2", "x9", "x10y10", "x"], key=natural) == ["x", "x9", "x10y2", "x10y10"]


def test_file_without_a_time_stays_behind_its_neighbour(tmp_path: Path) -> None:
    timeless = bytes(Pcapng().idb().spb(frame(3)))
    pattern = write(tmp_path, _1=part(2, 1), _2=timeless, _3=part(0, 2))
    assert numbers(vxtap.read(pattern)) == [0, 1, 2, 3]


def test_offsets_count_as_if_files_were_laid_end_to_end(tmp_path: Path) -> None:
    parts = [part(0), part_ng(3), part(6)[:-5]]
    pattern = write(tmp_path, _1=parts[0], _2=gzip.compress(parts[1]), _3=parts[2], _4=part(9))
    whole = b"".join([*parts, part(9)])
    with vxtap.open(pattern) as opened:
        rows = np.concatenate(list(opened.batches()))
        report = opened.report
    for row in rows:
        at = int(row["offset"])
        assert whole[at : at + int(row["caplen"])] == inner_frame(int(row["sport"]) - 1000)
    assert numbers(rows) == [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11]
    assert rows["frame"].tolist() == list(range(1, 12))
    assert (report.frames, report.files, report.bytes_in) == (11, 4, len(whole))
    assert report.truncated_tail == 16 + len(frame(8)) - 5


@pytest.mark.parametrize("kind", ["list", "tuple", "wildcards"])
def test_sets_by_list(kind: str, tmp_path: Path) -> None:
    write(tmp_path, a1=part(0), a2=part(3), b1=part(6))
    named: Any = {
        "list": [tmp_path / "x.pcapb1", str(tmp_path / "x.pcapa1"), tmp_path / "x.pcapa2"],
        "tuple": (tmp_path / "x.pcapb1", tmp_path / "x.pcapa1", tmp_path / "x.pcapa2"),
        "wildcards": [tmp_path / "x.pcapb?", str(tmp_path / "x.pcapa[12]")],
    }[kind]
    with vxtap.open(named) as opened:
        assert batches(opened) == (list(range(9)), None)
    assert vxtap.info(named).report.frames == 9
    assert vxtap.decap(named, tmp_path / "out").decapsulated == 9
    assert numbers(vxtap.read([named])) == list(range(9))


def test_sources_and_sets_within_them(tmp_path: Path) -> None:
    pattern = write(tmp_path, _1=part(0), _2=part(3))
    rows = vxtap.read([part(6), pattern, [part(9), part(12)]])
    assert numbers(rows) == [6, 7, 8, *range(6), *range(9, 15)]
    assert rows["source"].tolist() == [0] * 3 + [1] * 6 + [2] * 6
    assert rows["frame"].tolist() == [1, 2, 3, *range(1, 7), *range(1, 7)]


def test_members_of_any_kind(tmp_path: Path) -> None:
    """Objects are looked at and stand where they stood; one that can be read only once keeps its place in the list."""
    (tmp_path / "last").write_bytes(b"junk" + part(9))
    with (tmp_path / "last").open("rb") as file:
        file.seek(4)
        members = [file, io.BytesIO(part(3)), part(0), gzip.compress(part(6)), bytearray(part(12))]
        with vxtap.open(members) as opened:
            for batch in opened.batches(2):
                for row in batch:
                    assert bytes(opened.inner(row)) == inner_frame(int(row["sport"]) - 1000)
            assert opened.report.frames == 15
            assert numbers(batch)[-1] == 14
        assert not file.closed
    assert numbers(vxtap.read([[OnlyRead(part(3)), OnlyRead(part(0))]])) == [3, 4, 5, 0, 1, 2]


def test_pipe_in_a_set(tmp_path: Path) -> None:
    """It is read once, and not looked at before its turn."""
    reader, writer = os.pipe()
    os.write(writer, part(3))
    os.close(writer)
    (tmp_path / "a").write_bytes(part(0))
    assert numbers(vxtap.read([[tmp_path / "a", f"/dev/fd/{reader}"]])) == list(range(6))
    os.close(reader)


# ---------------------------------------------------------------- wildcards


def test_wildcard_that_matches_nothing(tmp_path: Path) -> None:
    pattern = str(tmp_path / "no*.pcap")
    for ask in (lambda: vxtap.open(pattern), lambda: vxtap.read([capture(1), [pattern]]), lambda: vxtap.info(pattern)):
        with pytest.raises(FileNotFoundError, match="no file matches this wildcard") as caught:
            ask()
        assert caught.value.filename == pattern


def test_file_of_that_very_name_is_no_wildcard(tmp_path: Path) -> None:
    (tmp_path / "x[1].pcap").write_bytes(part(0))
    (tmp_path / "x1.pcap").write_bytes(part(3))
    assert numbers(vxtap.read(str(tmp_path / "x[1].pcap"))) == [0, 1, 2]
    (tmp_path / "x[1].pcap").unlink()
    assert numbers(vxtap.read(str(tmp_path / "x[1].pcap"))) == [3, 4, 5]


def test_wildcard_names_files(tmp_path: Path) -> None:
    (tmp_path / "x.pcap-folder").mkdir()
    assert numbers(vxtap.read(write(tmp_path, _1=part(0)))) == [0, 1, 2]


def test_no_set(tmp_path: Path) -> None:
    with pytest.raises(vxtap.OptionError, match="of no files"):
        vxtap.open([])
    with pytest.raises(vxtap.OptionError, match="a list of files, not of lists"):
        vxtap.read([[part(0), [part(3)]]])
    with pytest.raises(FileNotFoundError) as caught:
        vxtap.open([part(0), str(tmp_path / "gone")])
    assert caught.value.filename == str(tmp_path / "gone")


# ---------------------------------------------------------------- ends of files


def test_cut_files_are_normal(tmp_path: Path) -> None:
    cut = part_ng(3)[:-3]
    pattern = write(tmp_path, _1=part(0)[:-1], _2=cut, _3=gzip.compress(part(6))[:-9], _4=part(9)[:10], _5=part(12))
    report = vxtap.decap(pattern, tmp_path / "out")
    size = 16 + len(frame(0))
    assert report.frames == 2 + 2 + len(vxtap.read(tmp_path / "x.pcap3")) + 3
    assert report.truncated
    tails = [size - 1, len(part_ng(0, 1)) - len(part_ng(0, 0)) - 3, vxtap.info(tmp_path / "x.pcap3").report, 10]
    tails[2] = tails[2].truncated_tail
    assert report.truncated_tail == sum(tails)
    assert f"in 5 files: {report.decapsulated} decapsulated; {sum(tails):,} bytes of cut records" in str(report)


def test_strict_is_told_at_the_end_of_the_first_cut_file(tmp_path: Path) -> None:
    pattern = write(tmp_path, _1=part(0), _2=part(3)[:-1], _3=part(6)[:-7])
    with vxtap.open(pattern, strict=True) as opened:
        found, error = batches(opened)
    assert found == [0, 1, 2, 3, 4, 6, 7]
    assert isinstance(error, vxtap.TruncatedError)
    last = len(part(3, 2))
    assert error.offset == last
    assert str(error).startswith(f"{tmp_path / 'x.pcap2'}: byte {last:,}, after frame 5: the file ends within a record")


@pytest.mark.parametrize("format", ["pcap", "pcapng"])
def test_damage_is_told_with_its_file_and_byte(format: str, tmp_path: Path) -> None:
    bad = part(3, 2) + b"\xff" * 16 if format == "pcap" else part_ng(3, 2) + b"\x06\0\0\0\x08\0\0\0"
    pattern = write(tmp_path, _1=part(0)[:-1], _2=bad, _3=part(6))
    at = len(bad) - (16 if format == "pcap" else 8)
    with vxtap.open(pattern) as opened:
        found, error = batches(opened)
        assert opened.report.frames == 4
    assert found == [0, 1, 3, 4]
    assert isinstance(error, vxtap.FormatError)
    assert error.offset == at
    assert str(error).startswith(f"{tmp_path / 'x.pcap2'}: byte {at:,}, after frame 4: ")
    with pytest.raises(vxtap.FormatError, match=r"frames written: 4$"):
        vxtap.decap(pattern, tmp_path / "out")
    inner = [(T0 + i * SECOND, inner_frame(i)) for i in (0, 1, 3, 4)]
    assert (tmp_path / "out").read_bytes() == pcap(inner)


def test_file_that_is_none(tmp_path: Path) -> None:
    """What is no capture, and what cannot be opened, is told when its turn comes."""
    pattern = write(tmp_path, _1=part(0), _2=b"no capture", _3=part(6))
    with vxtap.open(pattern) as opened:
        found, error = batches(opened)
    assert (found, str(error).split(": ")[0]) == ([0, 1, 2], str(tmp_path / "x.pcap2"))
    write(tmp_path, _2=part(3))
    with vxtap.open(pattern) as opened:
        (tmp_path / "x.pcap2").unlink()
        found, error = batches(opened)
    assert found == [0, 1, 2]
    assert isinstance(error, FileNotFoundError)
    assert error.filename == str(tmp_path / "x.pcap2")


def test_empty_files_are_told(tmp_path: Path) -> None:
    pattern = write(tmp_path, _1=b"", _2=part(0), _3=part(3), _4=b"")
    report = vxtap.decap(pattern, tmp_path / "out")
    assert (report.decapsulated, report.truncated, report.files) == (6, False, 4)
    assert report.empty_files == [str(tmp_path / "x.pcap1"), str(tmp_path / "x.pcap4")]
    assert report.to_dict()["empty_files"] == report.empty_files
    assert vxtap.decap(part(0), tmp_path / "out").empty_files == []


@pytest.mark.parametrize("last", [b"", part(0)[:20]])
def test_set_of_nothing(last: bytes, tmp_path: Path) -> None:
    pattern = write(tmp_path, _1=b"", _2=last)
    with pytest.raises(vxtap.TruncatedError, match=r"x\.pcap2: the file"):
        vxtap.read(pattern)


# ---------------------------------------------------------------- interfaces and clocks


def test_interfaces_count_on(tmp_path: Path) -> None:
    other = {"snaplen": 96}
    parts = [part(0), part(3), part(6, **other), part_ng(9, interfaces=2), part_ng(12), part(15), part(18), b""]
    pattern = write(tmp_path, **{str(i): data for i, data in enumerate(parts)})
    assert vxtap.read(pattern)["interface"].tolist() == [*[0] * 6, *[1] * 3, *[3] * 3, *[4] * 3, *[5] * 6]
    rows = vxtap.info(pattern).interfaces
    assert [(row["number"], row["frames"]) for row in rows] == [(0, 6), (1, 3), (2, 0), (3, 3), (4, 3), (5, 6)]
    assert vxtap.info(pattern).format == "mixed"
    assert vxtap.info(pattern).details == "little-endian, version 2.4, microseconds; little-endian, version 1.0"


@pytest.mark.parametrize(
    "differs",
    [{"magic": NANO}, {"linktype": SLL2}, {"snaplen": 9}],
    ids=lambda one: next(iter(one)),
)
def test_another_interface(differs: dict[str, int], tmp_path: Path) -> None:
    pattern = write(tmp_path, _1=part(0), _2=part(3, **differs), _3=part(6), _4=part(9, order=">"))
    rows = vxtap.read(pattern, frames="all", columns=["interface", "status"])
    assert rows["status"].tolist()[:3] == [0] * 3
    assert len(vxtap.info(pattern).interfaces) == 3
    if "linktype" not in differs:
        assert rows["interface"].tolist() == [0] * 3 + [1] * 3 + [2] * 6


def test_link_type_is_that_of_the_file(tmp_path: Path) -> None:
    cooked = pcap([(T0 + 3 * SECOND, sll2(frame(3)[14:]))], SLL2)
    assert numbers(vxtap.read(write(tmp_path, _1=part(0), _2=cooked, _3=part(6)))) == [0, 1, 2, 3, 6, 7, 8]


@pytest.mark.parametrize("fine", [part(3, magic=NANO), part_ng(3, tsresol=9), gzip.compress(part(3, magic=NANO))])
def test_output_has_the_finest_clock_of_the_set(fine: bytes, tmp_path: Path) -> None:
    pattern = write(tmp_path, _1=part(0), _2=fine)
    report = vxtap.decap(pattern, tmp_path / "out")
    assert report.times_rounded == 0
    assert (tmp_path / "out").read_bytes()[:4] == NANO.to_bytes(4, "little")
    vxtap.decap(write(tmp_path, _2=part(3)), tmp_path / "out")
    assert (tmp_path / "out").read_bytes()[:4] == MICRO.to_bytes(4, "little")


def test_kept_frames_of_rotated_files_share_an_interface(tmp_path: Path) -> None:
    noise = [pcap([(T0 + i * SECOND, eth(arp(), ARP))]) for i in range(5)]
    pattern = write(tmp_path, **{str(i): data for i, data in enumerate(noise)})
    vxtap.decap(pattern, tmp_path / "out", keep_others=True)
    assert [(row["name"], row["frames"]) for row in vxtap.info(tmp_path / "out").interfaces] == [("kept", 5)]
