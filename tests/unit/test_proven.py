"""Ranges that are read apart: bundled and hostile captures, and everything that has to be refused."""

from __future__ import annotations

import gzip
import pickle
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hostile_fakes
import hostile_state
import vxtap
from apart import changed, counted, differences, narrow, read_apart
from build import NANO, SLL2, Pcapng, pcap, sll2, ticks
from compare import DATA
from hostile_state import MS, SECOND, US, datagram, every, packet, plain
from ranges import places
from unit.conftest import T0
from vxtap import attempts, borders, proven
from vxtap.layout import Projection
from vxtap.options import Options

CASES = {**hostile_fakes.CASES, **hostile_state.CASES}
# Datagrams of which all fragments come twice, or that take the number of one that was lost: only who has looked at all
# of the file can know. And a record that is larger than all windows here.
ONLY_WHOLE = {
    "a part of a complete one again",
    "the same beginning, another end",
    "overlap",
    "refused first",
    "refused until the time is up",
    "crowded out",
}
SLOW = {"more interfaces than are remembered", "more than are remembered"}


def save(data: bytes, folder: Path) -> Path:
    (folder / "in.pcap").write_bytes(data)
    return folder / "in.pcap"


def assert_alike(path: Path, split: int | str, *, whole: bool | None = None, refused: bool = False, **how: Any) -> bool:
    """Whether it was read, and not refused where that is right too."""
    found = read_apart(path, split, whole=whole, **how)
    if refused and isinstance(found.error, vxtap.UnsupportedError):
        return False
    lines = differences(path, found, **how)
    assert not lines, f"split={split}:\n" + "\n".join(lines[:10])
    return True


# ---------------------------------------------------------------- the same as one pass


@pytest.mark.parametrize("whole", [None, False, True])
@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("*.pcap*")))
def test_captures_of_the_lab(name: str, whole: bool | None) -> None:
    assert_alike(DATA / name, 2048, whole=whole)
    with narrow():
        assert_alike(DATA / name, 9000, whole=whole)
        assert_alike(DATA / name, 33_333, whole=whole, partial=True)


@pytest.mark.parametrize("name", sorted(set(CASES) - SLOW))
def test_hostile(name: str, tmp_path: Path) -> None:
    """Ranges of files that are looked at as a whole before are those of one pass, wherever they begin."""
    case = CASES[name]
    path = save(case.data, tmp_path)
    splits = list(case.splits or places(case.data))[::4]
    with narrow():
        for split in splits:
            assert_alike(path, split, whole=True, **case.how)


@pytest.mark.parametrize("name", sorted(set(CASES) - SLOW - ONLY_WHOLE))
def test_hostile_windows(name: str, tmp_path: Path) -> None:
    """Where little around a border is seen, a payload can be taken for a capture: that is told, and nothing wrong."""
    case = CASES[name]
    path = save(case.data, tmp_path)
    splits = list(case.splits or places(case.data))[1::6]
    with narrow():
        for split in splits:
            assert_alike(path, split, whole=False, refused=True, **case.how)


@pytest.mark.parametrize("name", ["by chance", "interleaved", "all at one time"])
def test_without_proof_it_would_be_wrong(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts.Attempt, "_doubt", lambda self, incomplete: None)
    monkeypatch.setattr(attempts.Attempt, "_begins_in_doubt", lambda self: False)
    case = CASES[name]
    path = save(case.data, tmp_path)
    with narrow(1):
        found = [read_apart(path, split, whole=False, **case.how) for split in places(case.data)]
    assert any(one.error or differences(path, one, **case.how) for one in found)


@pytest.mark.parametrize("source", [lambda path: path.write_bytes(b""), lambda path: path.write_bytes(b"no capture")])
def test_what_is_no_capture(source: Any, tmp_path: Path) -> None:
    source(tmp_path / "x")
    with pytest.raises(vxtap.FormatError, match="x: "):
        proven.prove(tmp_path / "x", Options(), split=100)


def test_damaged(tmp_path: Path) -> None:
    """The range with the damage raises what one pass does, at the same place."""
    data = pcap(every([plain(i) for i in range(30)]))
    path = save(data + b"\xff" * 40, tmp_path)
    found = read_apart(path, 1000)
    assert isinstance(found.error, vxtap.FormatError)
    assert found.error.offset == len(data)
    with pytest.raises(vxtap.FormatError, match=re.escape(str(found.error))):
        vxtap.read(path)


@pytest.mark.parametrize("size", [25, 40, 2000, 2001, 2015])
def test_cut(size: int, tmp_path: Path) -> None:
    path = save(pcap(every([plain(i) for i in range(30)]))[:size], tmp_path)
    assert_alike(path, 300)
    found = read_apart(path, 300, strict=True)
    assert (type(found.error) is vxtap.TruncatedError) == bool(vxtap.info(path).report.truncated_tail)


# ---------------------------------------------------------------- how far back


def test_little_is_read_twice(tmp_path: Path) -> None:
    """Of a capture without fragments on one interface, what lies just before each border."""
    path = save(pcap(every([plain(i) for i in range(20_000)], 100 * US)), tmp_path)
    found = read_apart(path, "500KB", whole=False)
    assert not differences(path, found)
    assert len(found.ranges) > 4
    assert found.reread <= len(found.ranges) * borders.WARM


def lossy(count: int = 2000) -> bytes:
    """A capture in which half of the datagrams lack their end; a second goes by in a few frames."""
    frames = [one for i in range(count) for one in datagram(i % 0xFFFF)[: 1 + i % 2]]
    return pcap(every(frames, 100 * MS))


def test_lost_fragments_are_looked_for_as_long_as_they_wait(tmp_path: Path) -> None:
    path = save(lossy(), tmp_path)
    how: dict[str, Any] = {"fragment_timeout": 5}
    with narrow():
        found = read_apart(path, 60_000, whole=False, **how)
    assert not differences(path, found, **how)
    (begun,) = {min(part.reread for part in found.parts[2:-1])}
    bytes_of_a_second = len(lossy()) / 300
    assert 2 * 5 * bytes_of_a_second < begun < 60_000 + 8 * 5 * bytes_of_a_second


def test_fragments_far_apart(tmp_path: Path) -> None:
    """The first fragment lies half a minute and many frames before the second."""
    one, two = datagram(7), datagram(8)
    frames = [(T0, one[0]), (T0 + US, two[0])]
    frames += [(T0 + i * 10 * MS, plain(i)) for i in range(1, 2990)]
    frames += [(T0 + 29_950 * MS, one[1]), (T0 + 31 * SECOND, two[1]), (T0 + 32 * SECOND, plain(1))]
    path = save(pcap(frames), tmp_path)
    for whole in (False, True):
        with narrow():
            found = read_apart(path, 50_000, whole=whole)
        assert not differences(path, found)
        assert found.parts[-1].report.decapsulated == len(found.parts[-1].rows) > 1


def test_second_sights_across_borders(tmp_path: Path) -> None:
    """Everything is recorded on two interfaces, half a millisecond apart, with others between."""
    sights = [(T0 + i * 20 * US + k * 500 * US, 2 + k, i) for i in range(3000) for k in range(2)]
    data = pcap([(ts, sll2(packet(i), index=index)) for ts, index, i in sorted(sights)], SLL2, magic=NANO)
    path = save(data, tmp_path)
    for whole in (False, True):
        with narrow():
            found = read_apart(path, 40_000, whole=whole)
        assert not differences(path, found)
        assert sum(part.report.skipped["second_sight"] for part in found.parts) == 3000
        assert found.reread < 3 * len(data)


def test_the_same_packet_all_the_time(tmp_path: Path) -> None:
    """Which are second sights depends on the first packet of all."""
    draw = random.Random(1)
    sights = [(T0 + i * 300 * US + draw.randrange(200) * US, 2 + draw.randrange(3)) for i in range(600)]
    path = save(pcap([(ts, sll2(packet(1), index=index)) for ts, index in sights], SLL2, magic=NANO), tmp_path)
    for whole in (False, True):
        with narrow():
            assert_alike(path, 9000, whole=whole)


def test_too_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where that would mean to read most of a large file for every range, it is refused."""
    monkeypatch.setattr(attempts, "_FAR", 10_000)
    draw = random.Random(1)
    sights = [(T0 + i * 300 * US, 2 + draw.randrange(3)) for i in range(900)]
    path = save(pcap([(ts, sll2(packet(1), index=index)) for ts, index in sights], SLL2, magic=NANO), tmp_path)
    with narrow():
        found = read_apart(path, 30_000, whole=False)
        assert "whole=True" in str(found.error)
        assert_alike(path, 30_000, whole=True)


# ---------------------------------------------------------------- pcapng


def late(declare: bool = True) -> bytes:
    """An interface that is declared in the middle."""
    file = Pcapng().idb(tsresol=6)
    for i in range(400):
        if i == 200 and declare:
            file.idb(tsresol=9)
        file.epb(plain(i), ticks(T0 + i * MS, 9 if i > 200 and declare else 6), int(i > 200 and declare))
    return bytes(file)


def test_interfaces_that_are_declared_late(tmp_path: Path) -> None:
    path = save(late(), tmp_path)
    assert_alike(path, 7000)
    error = read_apart(path, 7000, whole=False).error
    assert isinstance(error, vxtap.UnsupportedError)
    assert "whole=True" in str(error)


def test_interfaces_that_are_declared_first(tmp_path: Path) -> None:
    path = save(late(declare=False), tmp_path)
    with narrow():
        assert_alike(path, 7000, whole=False)


# ---------------------------------------------------------------- what is refused


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return save(pcap(every([plain(i) for i in range(200)])), tmp_path)


@pytest.fixture
def ranges(path: Path) -> list[proven.Proven]:
    return counted(proven.prove(path, Options(), split=5000))


def test_a_border_that_is_none(ranges: list[proven.Proven]) -> None:
    """Whoever ends there, or begins, tells."""
    for by in (-1, 3):
        with pytest.raises(vxtap.UnsupportedError, match="payload looks like a capture"):
            proven.read(changed(ranges[1], end=ranges[1].end + by), Options())
        with pytest.raises(vxtap.UnsupportedError, match="no record begins at byte"):
            proven.read(changed(ranges[2], begin=ranges[2].begin + by), Options())
        with pytest.raises(vxtap.UnsupportedError, match="payload looks like a capture"):
            proven.count(changed(ranges[1], end=ranges[1].end + by))


def test_a_file_that_has_changed(path: Path, ranges: list[proven.Proven]) -> None:
    data = path.read_bytes()
    path.write_bytes(data + data[24:])
    assert len(proven.read(ranges[-1], Options()).rows) == len(vxtap.read(data)) - int(ranges[-1].before or 0)
    path.write_bytes(data[:-1])
    with pytest.raises(vxtap.UnsupportedError, match=r"has become shorter: .* plan again"):
        proven.read(ranges[0], Options())
    path.unlink()
    with pytest.raises(FileNotFoundError):
        proven.read(ranges[0], Options())


def test_another_vxtap(ranges: list[proven.Proven]) -> None:
    with pytest.raises(vxtap.UnsupportedError, match=r"found by vxtap 0\.0\.1"):
        proven.read(changed(ranges[0], version="0.0.1"), Options())


@pytest.mark.parametrize(
    ("how", "why"), [({"frames": "all"}, "decapsulated frames only"), ({"where": "frame < 5"}, "asks? for something")]
)
def test_options_that_make_no_sense(ranges: list[proven.Proven], how: dict[str, Any], why: str) -> None:
    with pytest.raises(vxtap.OptionError, match=why):
        proven.read(ranges[0], Options(**how))


@pytest.mark.parametrize("source", [b"bytes", "-", [["a", "b"]], ""])
def test_what_has_no_path(source: Any) -> None:
    with pytest.raises(vxtap.OptionError):
        proven.prove(source, Options())


# ---------------------------------------------------------------- what there is


def test_options(path: Path) -> None:
    for how in ({"where": "sport == 1 or dport == 2"}, {"vni": 7}, {"partial": True}, {"columns": ["ts", "src"]}):
        assert_alike(path, 4000, **how)
    assert_alike(path, 4000, columns=["vni"], partial=True)  # of which rows that come late cannot be told


def test_a_projection(path: Path, ranges: list[proven.Proven]) -> None:
    rows = proven.read(ranges[1], Options(), Projection(("vni", "frame"))).rows
    assert rows.dtype.names == ("vni", "frame")
    assert rows["frame"][0] == int(ranges[1].before or 0) + 1


def test_frames_count_within_a_range(ranges: list[proven.Proven]) -> None:
    for one in proven.without_counts(ranges):
        rows = proven.read(one, Options(columns=["frame"])).rows
        assert rows["frame"].tolist() == list(range(1, len(rows) + 1))


def test_compressed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(path.read_bytes()))
    (one,) = proven.prove(tmp_path / "x.gz", Options(), split=100)
    assert one.packed
    result = proven.read(one, Options())
    assert result.rows.tobytes() == vxtap.read(path).tobytes()
    assert result.report.frames == 200


def test_several(path: Path, tmp_path: Path) -> None:
    """Each file is a capture of its own; those of a wildcard have one source number."""
    (tmp_path / "b.pcap").write_bytes(path.read_bytes()[: 24 + 16 + len(plain(0))])
    found = proven.prove([path, str(tmp_path / "*.pcap")], Options(), split=5000)
    assert [one.number for one in found] == list(range(len(found)))
    assert {(Path(one.store.url).name, one.source) for one in found} == {("in.pcap", 0), ("b.pcap", 1), ("in.pcap", 1)}
    assert np.unique(proven.read(found[-1], Options()).rows["source"]).tolist() == [1]


def test_pickle(ranges: list[proven.Proven]) -> None:
    again = pickle.loads(pickle.dumps(ranges))
    assert again == ranges
    assert proven.read(again[1], Options()).rows.tobytes() == proven.read(ranges[1], Options()).rows.tobytes()


def test_report(path: Path, ranges: list[proven.Proven]) -> None:
    reports = [proven.read(one, Options()).report for one in ranges]
    assert [(one.began, one.ended) for one in reports] == [(one.begin, one.end) for one in ranges]
    assert sum(one.bytes_in for one in reports) == path.stat().st_size
    assert all(one.decapsulated + sum(one.skipped.values()) == one.frames for one in reports)
    assert min(one.first_ns or 0 for one in reports) == T0
