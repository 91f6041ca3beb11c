"""Names, folders and manifests that somebody else has made: they end no run, and lose nothing."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import vxtap
from cli.conftest import capture
from convert import states, tree
from vxtap.errors import OptionError
from vxtap.manifest import MANIFEST, Entry, Manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two captures."""
    root = tmp_path / "in"
    root.mkdir()
    (root / "a.pcap").write_bytes(capture(3))
    (root / "b.pcap").write_bytes(capture(4))
    return root


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.mark.parametrize("partition", [None, "vni"])
def test_a_folder_whose_name_is_no_text(partition: Any, folder: Path, out: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    odd = folder / os.fsdecode(b"d\xff")
    odd.mkdir()
    (odd / "c.pcap").write_bytes(capture(5))
    report = vxtap.convert(folder, out, partition=partition)
    assert states(report) == {"a.pcap": "done", "b.pcap": "done", "c.pcap": "done"}
    name = next(name for name in tree(out) if name.endswith("c.pcap.parquet"))
    assert "d\udcff" in name
    with open(out / name, "rb") as file:
        assert parquet.ParquetFile(file).metadata.num_rows == 5
    assert states(vxtap.convert(folder, out, partition=partition)) == dict.fromkeys(
        ("a.pcap", "b.pcap", "c.pcap"), "skipped"
    )


def _line(folder: Path, name: str) -> bytes:
    entry = Entry(input=str(folder / "a.pcap"), to="pcap", state="done", outputs={name: 1})
    return json.dumps(asdict(entry)).encode()


@pytest.mark.parametrize("name", ["", "a\0b", "\ud800", "/etc/x", "../in/b.pcap", MANIFEST, f"./{MANIFEST}"])
def test_lines_with_names_that_no_output_has(name: str, folder: Path, out: Path) -> None:
    out.mkdir()
    (out / MANIFEST).write_bytes(_line(folder, name) + b"\n")
    assert Manifest(str(out)).owners == {}
    assert states(vxtap.convert(folder, out, to="pcap")) == {"a.pcap": "done", "b.pcap": "done"}
    assert (out / MANIFEST).read_bytes().startswith(_line(folder, name))
    assert tree(folder) == ["a.pcap", "b.pcap"]


@pytest.mark.parametrize("line", [b"[" * 200_000, b'{"a":' * 200_000, b"9" * 10_000])
def test_lines_that_are_none(line: bytes, folder: Path, out: Path) -> None:
    out.mkdir()
    (out / MANIFEST).write_bytes(line + b"\n" + _line(folder, "some") + b"\n")
    assert list(Manifest(str(out)).owners) == ["some"]


@pytest.mark.parametrize("name", ["a\0b", "\ud800", 7, None])
def test_lines_about_inputs_that_no_file_is(name: Any, out: Path) -> None:
    out.mkdir()
    known = {**asdict(Entry(input="", to="pcap", state="done", outputs={"x": 1})), "input": name}
    (out / MANIFEST).write_text(json.dumps(known) + "\n")
    assert Manifest(str(out)).owners == {}


@pytest.mark.parametrize("kind", [os.mkfifo, os.mkdir])
def test_a_manifest_that_is_no_file(kind: Any, folder: Path, out: Path) -> None:
    out.mkdir()
    kind(out / MANIFEST)
    with pytest.raises(OSError, match=r"regular file.*remove it"):
        vxtap.convert(folder, out, to="pcap")
    assert os.listdir(out) == [MANIFEST]


def test_a_folder_of_inputs_whose_manifest_is_a_pipe(folder: Path, out: Path) -> None:
    """Which of its files are outputs cannot be told, so none is an input; the others are converted."""
    (folder / "sub").mkdir()
    (folder / "sub" / "c.pcap").write_bytes(capture(5))
    os.mkfifo(folder / "sub" / MANIFEST)
    report = vxtap.convert(folder, out, to="pcap")
    assert states(report) == {"a.pcap": "done", "b.pcap": "done", "sub": "failed"}
    assert "regular file" in report.failed[0].error


@pytest.mark.parametrize("dest", ["", b""])
def test_a_destination_without_a_name(dest: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(OptionError, match="the name of the output is empty"):
        vxtap.convert(folder, dest, to="pcap")
    assert sorted(os.listdir(folder)) == ["a.pcap", "b.pcap"]


@pytest.mark.parametrize("form", ["pcap", "parquet"])
def test_a_folder_in_the_place_of_an_output(form: Any, folder: Path, out: Path) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    name = "a.pcap" if form == "pcap" else "a.pcap.parquet"
    (out / name).mkdir(parents=True)
    report = vxtap.convert(folder, out, to=form)
    assert states(report) == {"a.pcap": "failed", "b.pcap": "done"}
    assert report.failed[0].error == f"{out / name}: Is a directory"


def test_a_library_that_cannot_be_loaded(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("vxtap.parquet")

    def fails(schema: Any) -> Any:
        raise ImportError("libx.so: failed to map segment from shared object")

    monkeypatch.setattr(parquet, "writer_options", fails)
    report = vxtap.convert(folder, out)
    assert {one.error for one in report.failed} == {"libx.so: failed to map segment from shared object"}
    assert states(report) == {"a.pcap": "failed", "b.pcap": "failed"}
    assert tree(out) == []


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.pcap", {"to": "pcap"}),
        ("a.pcap.parquet", {}),
        ("a.pcap-0000.parquet", {}),
        ("vni=7/a.pcap.parquet", {"partition": "vni"}),
        ("sub/c.pcap", {"to": "pcap"}),
    ],
)
def test_a_file_that_is_not_vxtaps(name: str, how: dict[str, Any], folder: Path, out: Path) -> None:
    """It stays, and nothing is done, until it is said that it may go."""
    if "to" not in how:
        pytest.importorskip("pyarrow")
    (folder / "sub").mkdir()
    (folder / "sub" / "c.pcap").write_bytes(capture(5))
    theirs = out / name
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"mine")
    with pytest.raises(OptionError, match=f"{name}, which no manifest names: choose another.*remove it.*--again"):
        vxtap.convert(folder, out, **how)
    assert (tree(out), theirs.read_bytes(), (out / MANIFEST).exists()) == ([name], b"mine", False)
    assert not vxtap.convert(folder, out, again=True, **how).failed
    assert ("-0000" in name) == (theirs.read_bytes() == b"mine")


@pytest.mark.parametrize("name", ["day=1/a.pcap.parquet", "a.pcap.parquet", "a.pcap.pcap", "vni=7/a.pcap.PARQUET"])
def test_a_file_that_is_in_nobodys_way(name: str, folder: Path, out: Path) -> None:
    pytest.importorskip("pyarrow")
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    (out / name).write_bytes(b"mine")
    assert not vxtap.convert(folder, out, partition="vni").failed
    assert (out / name).read_bytes() == b"mine"


def test_a_part_that_is_not_vxtaps(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a compressed capture it is known late how many parts there are: it fails alone."""
    monkeypatch.setattr(pytest.importorskip("vxtap.parquet"), "_PART", 1)
    (folder / "b.pcap").write_bytes(gzip.compress(capture(9)))
    out.mkdir()
    (out / "b.pcap-0001.parquet").write_bytes(b"mine")
    report = vxtap.convert(folder, out, row_group=5)
    assert states(report) == {"a.pcap": "done", "b.pcap": "failed"}
    assert "b.pcap-0001.parquet, which no manifest names" in report.failed[0].error
    assert tree(out) == ["a.pcap.parquet", "b.pcap-0001.parquet"]
    assert (out / "b.pcap-0001.parquet").read_bytes() == b"mine"


def test_a_lost_manifest(folder: Path, out: Path) -> None:
    vxtap.convert(folder, out, to="pcap")
    (out / MANIFEST).unlink()
    with pytest.raises(OptionError, match="no manifest names"):
        vxtap.convert(folder, out, to="pcap")
    assert states(vxtap.convert(folder, out, to="pcap", again=True)) == {"a.pcap": "done", "b.pcap": "done"}
    assert states(vxtap.convert(folder, out, to="pcap")) == {"a.pcap": "skipped", "b.pcap": "skipped"}


@pytest.mark.parametrize("counts", [{"frames": "3"}, {"decapsulated": [3]}, {"skipped": {"arp": "3"}}, {"kept": [3]}])
def test_counts_that_are_none(counts: dict[str, Any], folder: Path, out: Path) -> None:
    """Such an input is done again, and the books of all are whole."""
    vxtap.convert(folder / "a.pcap", out, to="pcap")
    known = [json.loads(line) for line in (out / MANIFEST).read_text().splitlines()]
    known[-1]["counts"].update(counts)
    (out / MANIFEST).write_text("".join(json.dumps(line) + "\n" for line in known))
    report = vxtap.convert(folder / "a.pcap", out, to="pcap")
    assert states(report) == {"a.pcap": "done"}
    assert report.to_dict()["before"]["frames"] == 0
