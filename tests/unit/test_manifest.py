"""The manifest: lines that are whole or do not count, one run at a time, and what need not be done again."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from vxtap.inputs import Input
from vxtap.manifest import MANIFEST, Entry, Manifest


@pytest.fixture
def one(tmp_path: Path) -> Input:
    (tmp_path / "in").write_bytes(b"some bytes")
    return Input(str(tmp_path / "in"), (tmp_path / "in").stat())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "out"
    path.mkdir()
    return path


def entry(one: Input, **changes: Any) -> Entry:
    """That it was done, with an output of three bytes."""
    known: dict[str, Any] = {
        "input": one.path,
        "to": "pcap",
        "state": "done",
        "size": one.stat.st_size,
        "mtime_ns": one.stat.st_mtime_ns,
        "options": "some",
        "outputs": {"a/x.pcap": 3},
    }
    return Entry(**{**known, **changes})


def write_output(folder: Path) -> None:
    (folder / "a").mkdir(exist_ok=True)
    (folder / "a" / "x.pcap").write_bytes(b"abc")


def test_what_was_done_is_valid_for_the_next_run(one: Input, folder: Path) -> None:
    write_output(folder)
    with Manifest(str(folder)) as manifest:
        assert manifest.still_valid(one, "pcap", "some") is None
        manifest.add(entry(one))
        assert manifest.still_valid(one, "pcap", "some") is not None
    known = Manifest(str(folder))
    assert known.still_valid(one, "pcap", "some") == entry(one)
    assert known.still_valid(one, "pcapng", "some") is None
    assert known.still_valid(one, "pcap", "other") is None
    assert known.written == {str(folder / "a" / "x.pcap")}


@pytest.mark.parametrize(
    "changes", [{"state": "failed", "error": "why"}, {"size": 9}, {"mtime_ns": 1}, {"outputs": {"a/x.pcap": 4}}]
)
def test_what_has_changed_or_failed_is_not(changes: dict[str, Any], one: Input, folder: Path) -> None:
    write_output(folder)
    with Manifest(str(folder)) as manifest:
        manifest.add(entry(one))
        manifest.add(entry(one, **changes))
        assert manifest.still_valid(one, "pcap", "some") is None


def test_an_output_that_is_gone_or_another_ones_by_now(one: Input, folder: Path) -> None:
    write_output(folder)
    with Manifest(str(folder)) as manifest:
        manifest.add(entry(one))
        manifest.add(entry(one, input="another"))
        assert manifest.still_valid(one, "pcap", "some") is None
        assert manifest.earlier((one.path, "pcap")) == []
        manifest.add(entry(one))
        assert manifest.still_valid(one, "pcap", "some") is not None
        os.unlink(folder / "a" / "x.pcap")
        assert manifest.still_valid(one, "pcap", "some") is None


@pytest.mark.parametrize("cut", [1, 2, 30])
def test_a_line_that_was_cut_does_not_count_nor_harm_the_next(cut: int, one: Input, folder: Path) -> None:
    write_output(folder)
    with Manifest(str(folder)) as manifest:
        manifest.add(entry(one))
        manifest.add(entry(one, input="another", outputs={}))
    path = folder / MANIFEST
    path.write_bytes(path.read_bytes()[:-cut])
    with Manifest(str(folder)) as manifest:
        manifest.add(entry(one, input="third", outputs={}))
    known = Manifest(str(folder))
    assert known.still_valid(one, "pcap", "some") is not None
    assert path.read_bytes().count(b"\n") == 3
    third = Input("third", one.stat)
    assert known.still_valid(third, "pcap", "some") is not None


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"3", b"\xff", b'{"input": 3}', b'"text"', b"{" * 10_000])
def test_lines_that_are_none(line: bytes, one: Input, folder: Path) -> None:
    write_output(folder)
    with Manifest(str(folder)) as manifest:
        manifest.add(entry(one))
    path = folder / MANIFEST
    path.write_bytes(line + b"\n" + path.read_bytes() + line)
    assert Manifest(str(folder)).still_valid(one, "pcap", "some") is not None


def test_one_run_at_a_time(folder: Path) -> None:
    with Manifest(str(folder)), pytest.raises(OSError, match="another conversion writes into this folder") as caught:
        Manifest(str(folder)).__enter__()
    assert caught.value.errno == errno.EBUSY
    with Manifest(str(folder)):
        pass


def test_names_that_are_no_text(one: Input, folder: Path) -> None:
    path = os.fsdecode(os.fsencode(one.path) + b"\xff")
    strange = Input(path, one.stat)
    with Manifest(str(folder)) as manifest:
        manifest.add(entry(one, input=path, outputs={}))
    assert Manifest(str(folder)).still_valid(strange, "pcap", "some") is not None


@pytest.mark.parametrize("name", ["/x.pcap", "../x.pcap", "a/../../x.pcap"])
def test_an_output_that_lies_elsewhere(name: str, one: Input, folder: Path) -> None:
    """No conversion writes such a line, and what it names would be removed."""
    with Manifest(str(folder)) as manifest:
        manifest.add(entry(one, outputs={name: 3}))
    assert Manifest(str(folder)).earlier((one.path, "pcap")) == []


def test_a_line_that_says_nothing_new(one: Input, folder: Path) -> None:
    """Whether it does is seen but for the time that it took; that an output was another's in between is new."""
    path = folder / MANIFEST
    for name, seconds, count in ((one.path, 1.0, 1), (one.path, 2.0, 1), ("other", 1.0, 2), (one.path, 1.0, 3)):
        with Manifest(str(folder)) as manifest:
            manifest.add(entry(one, input=name, seconds=seconds))
        assert path.read_bytes().count(b"\n") == count
    assert Manifest(str(folder)).owner("a/x.pcap") == (one.path, "pcap")


def test_announced(one: Input, folder: Path) -> None:
    """What was announced must be done again, and its outputs are known."""
    write_output(folder)
    with Manifest(str(folder)) as manifest:
        manifest.add(entry(one))
        manifest.announce(entry(one), {"a/x.pcap": 3, "a/y.pcap": 3})
    known = Manifest(str(folder))
    assert known.still_valid(one, "pcap", "some") is None
    assert known.earlier((one.path, "pcap")) == ["a/x.pcap", "a/y.pcap"]
