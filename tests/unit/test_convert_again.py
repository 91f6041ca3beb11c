"""What a folder is left with, run after run: every row once, and every input told once, whatever has happened."""

from __future__ import annotations

import errno
import gzip
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import vxtap
from cli.conftest import FAULTS, capture
from convert import last, lines, states, tree
from vxtap import parquet
from vxtap.manifest import Entry, Manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two captures, of 3 and 4 frames."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.pcap").write_bytes(capture(3))
    (tmp_path / "in" / "x.pcap0").write_bytes(capture(4))
    return tmp_path / "in"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_again(folder: Path, out: Path) -> None:
    """All is done, though nothing has changed; an output that somebody has spoiled is whole again."""
    first = vxtap.convert([folder], out, to="pcap")
    (path,) = first.done[0].outputs
    whole = Path(path).read_bytes()
    Path(path).write_bytes(bytes(len(whole)))
    assert set(states(vxtap.convert([folder], out, to="pcap")).values()) == {"skipped"}
    assert set(states(vxtap.convert([folder], out, to="pcap", again=True)).values()) == {"done"}
    assert (Path(path).read_bytes(), len(tree(out))) == (whole, 2)
    assert set(states(vxtap.convert([folder], out, to="pcap")).values()) == {"skipped"}


def test_no_rows_any_more(folder: Path, out: Path) -> None:
    """What is done and has no outputs by now leaves none of those that it had."""
    vxtap.convert(folder / "a.pcap", out)
    assert tree(out) == ["a.pcap.parquet"]
    report = vxtap.convert(folder / "a.pcap", out, partition="day", where="vni == 99999")
    assert (states(report), tree(out)) == ({"a.pcap": "done"}, [])


@pytest.mark.parametrize("form", ["pcap", "parquet"])
def test_ended_before_the_manifest_has_it(form: Any, folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has its name by then is known to the next run, which writes others in its place."""
    add = Manifest.add

    def fails(self: Manifest, entry: Entry) -> None:
        if entry.state == "done":
            raise OSError(errno.EIO, os.strerror(errno.EIO), self.path)
        add(self, entry)

    with monkeypatch.context() as patched:
        patched.setattr(Manifest, "add", fails)
        with pytest.raises(OSError, match="_manifest"):
            vxtap.convert(folder / "a.pcap", out, to=form)
    (left,) = tree(out)
    assert last(out)["a.pcap"]["state"] == "writing"
    assert list(last(out)["a.pcap"]["outputs"].items()) == [(left, (out / left).stat().st_size)]
    vxtap.convert(folder, out, to=form, **({"partition": "vni"} if form == "parquet" else {}))
    assert [name for name in tree(out) if "a.pcap" in name] == ["vni=7/a.pcap.parquet" if form == "parquet" else left]
    assert set(states(vxtap.convert(folder, out, to=form, vni=7)).values()) == {"done"}


@pytest.mark.parametrize("form", ["pcap", "parquet"])
def test_no_output_that_the_manifest_does_not_name(
    form: Any, folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it cannot be written to, nothing takes its name."""

    def fails(self: Manifest, entry: Entry) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)

    monkeypatch.setattr(Manifest, "add", fails)
    with pytest.raises(OSError, match="No space left"):
        vxtap.convert(folder / "a.pcap", out, to=form)
    assert tree(out) == []


def test_what_was_not_found_is_in_the_manifest(folder: Path, out: Path) -> None:
    """Once, however often it fails; and what comes later is converted."""
    (folder / "cap.xz").write_bytes(b"\xfd7zXZ\x00" + bytes(60))
    (folder / "a.pcap").write_bytes(b"no capture")
    for _ in range(3):
        report = vxtap.convert([folder, folder / "a.pcap", folder / "gone.pcap"], out, to="pcap")
        assert len(report.failed) == 3
        failed = {name: line["error"] for name, line in last(out).items() if line["state"] == "failed"}
        assert failed == {os.path.basename(one.input): one.error for one in report.failed}
        assert [line["state"] for line in lines(out)].count("failed") == 3
    (folder / "gone.pcap").write_bytes(capture(1))
    assert states(vxtap.convert([folder / "gone.pcap"], out, to="pcap")) == {"gone.pcap": "done"}


@pytest.mark.parametrize("form", ["pcap", "parquet"])
def test_what_fails_in_the_same_way_has_one_line(form: Any, folder: Path, out: Path) -> None:
    """Also a damaged capture, of which something was written."""
    (folder / "a.pcap").write_bytes(next(one for one in FAULTS if one.name == "4 GiB later").data)
    counts = []
    for _ in range(3):
        assert len(vxtap.convert(folder / "a.pcap", out, to=form).failed) == 1
        counts.append(len(lines(out)))
    assert counts == [2, 2, 2]
    (folder / "a.pcap").write_bytes(capture(1))
    assert states(vxtap.convert(folder / "a.pcap", out, to=form)) == {"a.pcap": "done"}
    assert last(out)["a.pcap"]["state"] == "done"


# ---------------------------------------------------------------- names that look like those of parts


@pytest.mark.parametrize("form", ["pcap", "pcapng", "parquet"])
@pytest.mark.parametrize("number", ["20261124", "1124", "00001"])
def test_a_number_is_no_part(number: str, form: Any, folder: Path, out: Path) -> None:
    """Beside one another, and one after the other."""
    (folder / f"a-{number}.pcap").write_bytes(capture(1))
    for _ in range(2):
        report = vxtap.convert(folder / "a.pcap", out, to=form)
        report = vxtap.convert(folder, out, to=form)
        assert not report.failed
        assert len(tree(out)) == 3
    assert len(report.skipped) == 3


def test_a_number_that_can_be_a_part(folder: Path, out: Path) -> None:
    (folder / "x.pcap0-0001").write_bytes(capture(1))
    assert len(vxtap.convert(folder, out, to="pcap").done) == 3
    with (folder / "x.pcap0").open("ab") as file:
        file.truncate(1 << 20)
    assert len(vxtap.convert(folder, out, to="pcap").files) == 3
    with pytest.raises(vxtap.OptionError, match=r"x\.pcap0-0001 and .*x\.pcap0 would both be written to"):
        vxtap.convert(folder, out)
    vxtap.convert(folder / "x.pcap0-0001", out)
    with pytest.raises(vxtap.OptionError, match=r"x\.pcap0: its output x\.pcap0-0001\.parquet is that of"):
        vxtap.convert(folder / "x.pcap0", out)


@pytest.mark.parametrize("partition", [None, "vni"])
@pytest.mark.parametrize("both", [True, False])
def test_more_parts_than_one_could_know(
    both: bool, partition: Any, folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compressed capture has so many that one would be that of another input: it fails, and the other one stays."""
    (folder / "b").write_bytes(gzip.compress(capture(9)))
    (folder / "b-0001").write_bytes(capture(1))
    monkeypatch.setattr(parquet, "_PART", 1)
    vxtap.convert(folder / "b-0001", out, partition=partition, row_group=5)
    report = vxtap.convert(folder if both else folder / "b", out, partition=partition, row_group=5)
    (failed,) = report.failed
    assert (os.path.basename(failed.input), failed.outputs) == ("b", {})
    assert "b-0001.parquet would be one, which is that of another input" in failed.error
    assert [name for name in tree(out) if "b" in name] == ["vni=7/b-0001.parquet" if partition else "b-0001.parquet"]
    assert sum(pq.read_metadata(out / name).num_rows for name in tree(out)) == (8 if both else 1)


def test_folders_that_look_like_those_of_a_hive(folder: Path, out: Path) -> None:
    for name in ("day=1", "day=2"):
        (folder / name).mkdir()
        (folder / name / "a.pcap").write_bytes(capture(1))
    for form in ("pcap", "parquet"):
        assert len(vxtap.convert(folder, out / form, to=form).done) == 4
        assert len(vxtap.convert(folder, out / form, to=form).skipped) == 4
