"""Finding captures: files, folders and wildcards; by content, each once, and never what was written."""

from __future__ import annotations

import bz2
import gzip
import os
from pathlib import Path

import pytest

from build import Pcapng, pcap
from vxtap.errors import OptionError, UnsupportedError
from vxtap.inputs import Found, find_inputs, why_no_capture

CAPTURE = pcap([(0, b"a frame of any kind")])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Captures by all kinds of names, and other things."""
    root = tmp_path / "captures"
    (root / "b" / "c").mkdir(parents=True)
    (root / "x.pcap2").write_bytes(CAPTURE)
    (root / "x.pcap10").write_bytes(CAPTURE)
    (root / "b" / "no suffix").write_bytes(bytes(Pcapng()))
    (root / "b" / "c" / "old.gz").write_bytes(gzip.compress(CAPTURE))
    (root / "notes.pcap").write_text("not what its name says")
    (root / "empty").write_bytes(b"")
    (root / "three").write_bytes(CAPTURE[:3])
    (root / ".hidden.pcap").write_bytes(CAPTURE)
    return root


def names(found: Found) -> list[str]:
    return [os.path.relpath(one.path, found.base) for one in found.inputs]


def left(found: Found) -> dict[str, str]:
    return {os.path.relpath(one.path, found.base): one.why for one in found.left_out}


def test_folder(folder: Path) -> None:
    found = find_inputs(folder)
    assert names(found) == ["b/c/old.gz", "b/no suffix", "x.pcap2", "x.pcap10"]
    assert left(found) == {"empty": "it is empty", "notes.pcap": "it is no capture", "three": "it has only 3 bytes"}
    assert (found.base, found.failed) == (str(folder), [])


@pytest.mark.parametrize(
    ("pattern", "expected", "base"),
    [
        ("captures/x.pcap*", ["x.pcap2", "x.pcap10"], "captures"),
        ("captures/**/*.gz", ["b/c/old.gz"], "captures"),
        ("captures/*", ["b/c/old.gz", "b/no suffix", "x.pcap2", "x.pcap10"], "captures"),
        ("capt?res/b", ["captures/b/c/old.gz", "captures/b/no suffix"], "."),
    ],
)
def test_wildcards(pattern: str, expected: list[str], base: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    found = find_inputs(pattern)
    assert names(found) == expected
    assert found.base == os.path.abspath(base)


def test_a_wildcard_that_is_the_name_of_a_file(folder: Path) -> None:
    (folder / "x[1]").write_bytes(CAPTURE)
    assert names(find_inputs(folder / "x[1]")) == ["x[1]"]


def test_a_wildcard_that_matches_nothing_fails_beside_others(folder: Path) -> None:
    found = find_inputs([folder / "nix*", folder / "x.pcap2"])
    assert names(found) == ["x.pcap2"]
    ((path, error),) = found.failed
    assert path == str(folder / "nix*")
    assert isinstance(error, FileNotFoundError)


def test_what_is_named_is_an_input_whatever_it_holds(folder: Path) -> None:
    found = find_inputs([folder, folder / "notes.pcap", folder / "gone.pcap"])
    assert names(found)[0] == "notes.pcap"
    assert "notes.pcap" not in left(found)
    assert [(path, type(error)) for path, error in found.failed] == [(str(folder / "gone.pcap"), FileNotFoundError)]


def test_each_file_once(folder: Path) -> None:
    os.link(folder / "x.pcap2", folder / "y.pcap")
    (folder / "z.pcap").symlink_to(folder / "x.pcap10")
    found = find_inputs([folder, folder / "b", folder / "x.pcap2", folder / "x.pcap*"])
    assert names(found) == ["x.pcap2", "b/c/old.gz", "b/no suffix", "x.pcap10"]
    same = "it is the same file as "
    assert {name: why for name, why in left(found).items() if why.startswith(same)} == {
        "y.pcap": f"{same}{folder / 'x.pcap2'}",
        "z.pcap": f"{same}{folder / 'x.pcap10'}",
    }


def test_links_that_lead_in_circles(folder: Path) -> None:
    (folder / "b" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "self").symlink_to("self")
    (folder / "nowhere").symlink_to("gone")
    found = find_inputs(folder)
    assert names(found) == ["b/c/old.gz", "b/no suffix", "x.pcap2", "x.pcap10"]
    assert left(found)["nowhere"] == "it is a link to nothing, or was removed"
    assert [os.path.basename(path) for path, _ in found.failed] == ["self"]


@pytest.mark.parametrize("pattern", ["", "/*", "/**"])
def test_the_destination_is_not_looked_into(pattern: str, folder: Path) -> None:
    dest = folder / "b" / "c" / "out"
    dest.mkdir()
    (dest / "written.pcap").write_bytes(CAPTURE)
    found = find_inputs(f"{folder}{pattern}", str(dest))
    assert sorted(names(found)) == ["b/c/old.gz", "b/no suffix", "x.pcap10", "x.pcap2"]


def test_a_destination_that_is_asked_for_is_looked_into_but_for_what_was_written(folder: Path) -> None:
    (folder / "written.pcap").write_bytes(CAPTURE)
    found = find_inputs(folder, str(folder), {str(folder / "written.pcap")})
    assert names(found) == ["b/c/old.gz", "b/no suffix", "x.pcap2", "x.pcap10"]


def test_what_cannot_be_unpacked_is_told_where_its_name_says_that_it_is_a_capture(folder: Path) -> None:
    for name in ("more.pcap.bz2", "readme.bz2"):
        (folder / name).write_bytes(bz2.compress(b"whatever"))
    found = find_inputs(folder)
    ((path, error),) = found.failed
    assert path == str(folder / "more.pcap.bz2")
    assert isinstance(error, UnsupportedError)
    assert left(found)["readme.bz2"].startswith("compressed with bzip2")


def test_pipes(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert left(find_inputs(folder))["pipe"] == "it is no regular file"
    with pytest.raises(OptionError, match="files are converted, with names: for a pipe there is 'vxtap decap'"):
        find_inputs(folder / "pipe")


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ([], "nothing was named"),
        ("", "a path is empty"),
        ("-", "for a pipe there is decap"),
        ([b"x"], "expected paths of files and folders to convert, got bytes"),
        ([3], "expected paths of files and folders to convert, got int"),
    ],
)
def test_what_can_be_no_input(paths: list[object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        find_inputs(paths)  # type: ignore[arg-type]


def test_why_no_capture(tmp_path: Path) -> None:
    cases = {
        b"": "it is empty",
        CAPTURE[:4]: "",
        CAPTURE: "",
        gzip.compress(CAPTURE): "",
        gzip.compress(b"text in it"): "it is no capture",
        b"\n\r\r\ntext that starts like pcapng": "it is no capture",
    }
    for data, why in cases.items():
        (tmp_path / "x").write_bytes(data)
        assert why_no_capture(str(tmp_path / "x")) == why
