"""`vxtap convert`: exit status, what is said where, and that other formats of talk agree."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from build import pcap
from cli.conftest import T0, capture, frame, inner_rows
from convert import last, tree
from vxtap.cli import main, progress
from vxtap.tables import COLUMNS, DEFAULT_COLUMNS

if TYPE_CHECKING:
    from cli.conftest import Command


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    """Two captures, and what is none."""
    root = tmp_path / "in"
    root.mkdir()
    (root / "a.pcap").write_bytes(capture(2))
    (root / "b.pcap").write_bytes(capture(3))
    (root / "c.txt").write_text("text")
    return root


def test_text(vx: Command, captures: Path, folder: Path) -> None:
    ran = vx("convert", captures, "-o", folder, "--to", "pcap", "-j", 2)
    assert (ran.status, ran.out) == (0, "")
    size = sum((folder / name).stat().st_size for name in ("a.pcap", "b.pcap"))
    assert ran.err.splitlines() == [
        f"left out: {captures}/c.txt: it is no capture",
        "2 of 2 files converted; 5 frames: 5 decapsulated",
        f"{folder}: {size:,} bytes",
    ]
    assert len(inner_rows(folder / "b.pcap")) == 3


def test_parquet(vx: Command, captures: Path, folder: Path) -> None:
    """What is asked for by default, and by options."""
    assert vx("convert", captures, "-o", folder, "-q").status == 0
    assert pq.read_schema(folder / "a.pcap.parquet").names == list(DEFAULT_COLUMNS)
    how = ("--columns", "ts, vni,src", "--addresses", "binary", "--partition", "vni", "--row-group", 2)
    assert vx("convert", captures, "-o", folder, *how).status == 0
    assert tree(folder) == ["vni=7/a.pcap.parquet", "vni=7/b.pcap.parquet"]
    file = pq.ParquetFile(folder / "vni=7" / "b.pcap.parquet")
    assert file.schema_arrow.names == ["ts", "src"]
    assert (file.metadata.num_rows, file.num_row_groups) == (3, 2)
    assert vx("convert", captures, "-o", folder, "-q", "--columns", "all").status == 0
    assert len(pq.read_schema(folder / "a.pcap.parquet").names) == len(COLUMNS)


def test_a_bar_on_a_terminal(vx: Command, captures: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many files there are and have failed, on standard error."""
    screen = io.StringIO()
    screen.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "_DELAY", 0)
    monkeypatch.setattr(progress, "_INTERVAL", 0)
    main(["convert", str(captures), str(captures / "c.txt"), "-o", str(folder), "--to", "pcap"])
    assert re.search(r"convert 3/3 files, 1 failed", screen.getvalue())


def test_quiet(vx: Command, captures: Path, folder: Path) -> None:
    ran = vx("convert", captures, "-o", folder, "--to", "pcap", "-q")
    assert (ran.status, ran.out, ran.err) == (0, "", "")
    ran = vx("convert", captures, captures / "c.txt", "-o", folder, "--to", "pcap", "-q")
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith(f"vxtap: {captures}/c.txt: not a capture")
    assert ran.err.count("\n") == 1


def test_json(vx: Command, captures: Path, folder: Path) -> None:
    ran = vx("convert", captures, "-o", folder, "--to", "pcapng", "--json")
    found = json.loads(ran.out)
    counts = {name: found[name] for name in ("done", "failed", "unchanged", "frames", "decapsulated", "skipped")}
    assert counts == {"done": 2, "failed": 0, "unchanged": 0, "frames": 5, "decapsulated": 5, "skipped": {}}
    assert found["left_out"] == [{"path": f"{captures}/c.txt", "why": "it is no capture"}]
    assert [one["input"] for one in found["files"]] == [f"{captures}/a.pcap", f"{captures}/b.pcap"]
    for one in found["files"]:
        line = last(folder)[os.path.basename(one["input"])]
        assert one["report"] == line["counts"]
        assert list(one["outputs"].values()) == list(line["outputs"].values())
    again = json.loads(vx("convert", captures, "-o", folder, "--to", "pcapng", "--json").out)
    assert [one["state"] for one in again["files"]] == ["skipped", "skipped"]


def test_failures_are_told_and_the_rest_is_done(vx: Command, captures: Path, folder: Path) -> None:
    (captures / "a.pcap").write_bytes(capture(2) + bytes(8) + b"\xff" * 32)
    ran = vx("convert", captures, captures / "gone", "-o", folder, "--to", "pcap")
    assert ran.status == 3
    assert "1 of 3 files converted, 2 failed" in ran.err
    assert f"vxtap: {captures}/gone: No such file or directory\n" in ran.err
    assert re.search(rf"^vxtap: {captures}/a\.pcap: byte \d+, after frame 2: .*damaged", ran.err, re.MULTILINE)
    assert tree(folder) == ["a.pcap", "b.pcap"]


def test_strict(vx: Command, captures: Path, folder: Path) -> None:
    """Done, but something was found."""
    assert vx("convert", captures, "-o", folder, "--to", "pcap", "--strict").status == 0
    (captures / "b.pcap").write_bytes(capture(3)[:-1])
    assert vx("convert", captures, "-o", folder, "--to", "pcap", "--strict").status == 1
    (captures / "b.pcap").write_bytes(pcap([(T0, frame(dport=8472))]))
    ran = vx("convert", captures, "-o", folder, "--to", "pcap", "--strict")
    assert ran.status == 1
    assert f"{captures}/b.pcap: 0 of 1 frames on port 4789: 'vxtap info' tells which other ports" in ran.err


@pytest.fixture
def there(captures: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of both, being there."""
    monkeypatch.chdir(captures.parent)
    return captures.parent


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        (("in", "-o", "in", "--to", "pcap"), 2, "its output would overwrite it"),
        (("in/c.txt*", "-o", "out", "--to", "pcap"), 3, "vxtap: in/c.txt*: no capture was found"),
        (("-", "-o", "out", "--to", "pcap"), 2, "for a pipe there is decap"),
        (("in", "-o", "out", "--to", "pcap", "--partition", "day"), 2, "partition: is about Parquet files"),
        (("in", "-o", "in/c.txt", "--to", "pcap"), 3, "outputs are written into a folder, and this is none"),
        (("in", "-o", "out", "--to", "csv"), 2, "invalid choice: 'csv'"),
        (("in",), 2, "the following arguments are required: -o/--output"),
    ],
)
def test_refused(args: tuple[str, ...], status: int, message: str, vx: Command, there: Path) -> None:
    before = tree(there)
    ran = vx("convert", *args)
    assert (ran.status, ran.out) == (status, "")
    assert message in ran.err
    assert tree(there) == before


def test_names_that_are_no_text(vx: Command, captures: Path, folder: Path) -> None:
    name = os.fsdecode(b"\xff\n.pcap")
    (captures / name).write_bytes(capture(1))
    ran = vx("convert", captures, "-o", folder, "--to", "pcap", "--json")
    assert ran.status == 0
    assert name in tree(folder)
    (captures / name).write_bytes(b"no capture")
    ran = vx("convert", captures / name, "-o", folder, "--to", "pcap")
    assert ran.status == 3
    assert ran.err.count("\n") == len(ran.err.splitlines())
    assert "\\udcff\\n.pcap: not a capture" in ran.err


def test_again(vx: Command, captures: Path, folder: Path) -> None:
    for how, text in (((), "2 of 2 files converted;"), ((), "0 of 2 files"), (("--again",), "2 of 2 files converted;")):
        assert text in vx("convert", captures, "-o", folder, "--to", "pcap", *how).err


def test_strict_is_about_the_data_set(vx: Command, captures: Path, folder: Path) -> None:
    """What an earlier run has found counts in the next one, too, and is told apart."""
    (captures / "b.pcap").write_bytes(pcap([(T0, frame(dport=8472))]))
    for how in ((), (), ("--again",)):
        ran = vx("convert", captures, "-o", folder, "--to", "pcap", "--strict", "--json", *how)
        found = json.loads(ran.out)
        now = {name: found[name] for name in ("frames", "decapsulated", "skipped")}
        counts = {"frames": 3, "decapsulated": 2, "skipped": {"other_port": 1}}
        nothing = {"frames": 0, "decapsulated": 0, "skipped": {}}
        before = found["unchanged"] == 2
        assert (now, found["before"]) == ((nothing, counts) if before else (counts, nothing))
        assert [one["before"] is not None for one in found["files"]] == [before] * 2
        assert ran.status == 1
    (captures / "b.pcap").unlink()
    assert vx("convert", captures, "-o", folder, "--to", "pcap", "--strict").status == 0


def test_many_lines(vx: Command, captures: Path, folder: Path) -> None:
    """Of each kind some, and how many more there are."""
    for i in range(12):
        (captures / f"{i}.txt").write_text("text")
    for i in range(13):
        (captures / f"{i}.pcap").write_bytes(pcap([(T0, frame(dport=8472))]))
    err = vx("convert", captures, "-o", folder, "--to", "pcap").err
    assert (err.count(": it is no capture"), err.count(" frames on port 4789")) == (10, 10)
    assert "\n... and 3 more files that were left out: see --json\n" in err
    assert "\n... and 3 more hints: see --json\n" in err
