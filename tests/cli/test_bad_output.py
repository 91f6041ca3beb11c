"""Outputs: whole or absent, never onto an input, and whatever stood there before a failure stands there after it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import vxtap
from cli.conftest import HUGE, capture, inner_rows, listing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.conftest import Command

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(
    not (FULL.is_char_device() and os.access(FULL, os.W_OK)), reason="no /dev/full to write to"
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.pcap"
    path.write_bytes(capture())
    return path


@pytest.fixture
def umask() -> Iterator[None]:
    """One that is not everybody's."""
    before = os.umask(0o027)
    yield
    os.umask(before)


# ---------------------------------------------------------------- places that cannot be written


def test_folder_that_is_not_there(vx: Command, process: Command, source: Path, folder: Path) -> None:
    target = folder / "no" / "x.pcap"
    ran = vx("decap", source, "-o", target)
    assert (ran.status, ran.out, ran.err) == (3, "", f"vxtap: {target}: No such file or directory\n")
    ran = process("decap", source, "-o", target)
    assert (ran.status, ran.out, ran.err) == (3, "", f"vxtap: {target}: No such file or directory\n")
    with pytest.raises(FileNotFoundError) as caught:
        vxtap.decap(source, target)
    assert caught.value.filename == str(target)
    assert listing(folder) == []


def test_folder_that_is_a_file(vx: Command, source: Path, folder: Path) -> None:
    (folder / "file").write_bytes(b"")
    ran = vx("decap", source, "-o", folder / "file" / "x.pcap")
    assert (ran.status, ran.err) == (3, f"vxtap: {folder / 'file' / 'x.pcap'}: Not a directory\n")


def test_output_is_a_folder(vx: Command, source: Path, folder: Path) -> None:
    ran = vx("decap", source, "-o", folder)
    assert (ran.status, ran.out, ran.err) == (3, "", f"vxtap: {folder}: Is a directory\n")
    with pytest.raises(IsADirectoryError):
        vxtap.decap(source, folder)
    assert listing(folder) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission(vx: Command, source: Path, folder: Path) -> None:
    folder.chmod(0o500)
    ran = vx("decap", source, "-o", folder / "x.pcap")
    assert (ran.status, ran.err) == (3, f"vxtap: {folder / 'x.pcap'}: Permission denied\n")


@needs_full
def test_full_disk(vx: Command, process: Command, source: Path) -> None:
    ran = vx("decap", source, "-o", FULL)
    assert (ran.status, ran.out, ran.err) == (3, "", "vxtap: /dev/full: No space left on device\n")
    assert process("decap", source, "-o", FULL) == ran
    with pytest.raises(OSError, match="No space left") as caught:
        vxtap.decap(source, FULL)
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(FULL)
    with FULL.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left") as caught:
        vxtap.decap(source, file)
    assert caught.value.errno == errno.ENOSPC
    assert FULL.is_char_device()


@needs_full
def test_full_disk_behind_standard_output(shell: Command, source: Path) -> None:
    ran = shell(">/dev/full", "decap", source, "-o", "-")
    assert (ran.status, ran.err) == (3, "vxtap: standard output: No space left on device\n")
    for command in (("info", source), ("decap", source, "--json", "-q", "-o", "out.pcap")):
        ran = shell(">/dev/full", *command)
        assert ran.status == 3
        assert ran.err.endswith("No space left on device\n")
        assert ran.err.count("\n") == 1


def test_null_device_stays_one(vx: Command, source: Path) -> None:
    assert vx("decap", source, "-o", os.devnull).status == 0
    assert vxtap.decap(source, os.devnull).decapsulated == 3
    assert Path(os.devnull).is_char_device()


# ---------------------------------------------------------------- onto an input


def test_onto_the_input(vx: Command, process: Command, source: Path, tmp_path: Path) -> None:
    """The same path, and every other name of the same file."""
    (tmp_path / "hard.pcap").hardlink_to(source)
    (tmp_path / "soft.pcap").symlink_to(source)
    before = listing(tmp_path)
    for name in ("in.pcap", "hard.pcap", "soft.pcap", "../" + tmp_path.name + "/in.pcap"):
        target = tmp_path / name
        ran = vx("decap", source, "-o", target)
        assert (ran.status, ran.out) == (2, "")
        assert ran.err == f"vxtap: {source}: is the input, and would be overwritten\n"
        with pytest.raises(vxtap.OptionError, match="is the input, and would be overwritten"):
            vxtap.decap(source, target)
        with source.open("rb") as file, pytest.raises(vxtap.OptionError, match="is the input"):
            vxtap.decap(file, target)
    assert process("decap", "in.pcap", "-o", "./hard.pcap").status == 2
    assert source.read_bytes() == capture()
    assert listing(tmp_path) == before


def test_onto_standard_input(process: Command, source: Path) -> None:
    with source.open("rb") as file:
        ran = process("decap", "-", "-o", source, stdin=file)
    assert (ran.status, ran.err) == (2, "vxtap: standard input: is the input, and would be overwritten\n")
    assert source.read_bytes() == capture()


@pytest.mark.parametrize("redirection", [">>in.pcap", "1<>in.pcap"])
def test_standard_output_onto_the_input(redirection: str, shell: Command, source: Path) -> None:
    """As `cat` refuses it; what a shell has emptied before (>) is an empty file."""
    ran = shell(redirection, "decap", "in.pcap", "-o", "-")
    assert source.read_bytes() == capture()
    assert (ran.status, ran.err) == (2, "vxtap: in.pcap: is the input, and would be overwritten\n")


def test_file_object_onto_the_input(source: Path) -> None:
    with source.open("r+b", buffering=0) as file, pytest.raises(vxtap.OptionError, match="is the input"):
        vxtap.decap(source, file)
    with source.open("r+b") as file, pytest.raises(vxtap.OptionError, match="is the input"):
        vxtap.decap(file, source)
    assert source.read_bytes() == capture()


# ---------------------------------------------------------------- what is left behind


def test_existing_target_is_untouched_by_a_failure(vx: Command, tmp_path: Path, folder: Path) -> None:
    target = folder / "x.pcap"
    target.write_bytes(b"before")
    inode = target.stat().st_ino
    for name, data in (("empty", b""), ("text", b"some text"), ("damaged", capture(0) + HUGE)):
        (tmp_path / name).write_bytes(data)
        assert vx("decap", tmp_path / name, "-o", target).status == 3
        assert (target.read_bytes(), target.stat().st_ino) == (b"before", inode)
    assert vx("decap", tmp_path / "missing", "-o", target).status == 3
    assert vx("decap", tmp_path / "text", "-o", target, "--keep-others").status == 2
    assert target.read_bytes() == b"before"
    assert listing(folder) == ["x.pcap"]


class Broken:
    """A source that fails after its first bytes, as a network file system can."""

    def __init__(self) -> None:
        self._parts = [capture()]

    def read(self, _size: int = -1) -> bytes:
        if self._parts:
            return self._parts.pop()
        raise OSError(errno.EIO, "Input/output error")


def test_failing_source_leaves_nothing(folder: Path) -> None:
    """The frames before it are rows for who reads, but an output would be whole only by chance."""
    with pytest.raises(OSError, match="Input/output error"):
        vxtap.decap(Broken(), folder / "x.pcap")  # type: ignore[arg-type]
    assert listing(folder) == []
    with vxtap.open(Broken()) as opened:  # type: ignore[arg-type]
        rows = []
        with pytest.raises(OSError, match="Input/output error"):  # noqa: PT012
            for batch in opened.batches():
                rows += batch["frame"].tolist()
    assert rows == [1, 2, 3]


def test_failing_callback_leaves_nothing(source: Path, folder: Path) -> None:
    def progress(_done: int, _total: int | None) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        vxtap.decap(source, folder / "x.pcap", progress=progress)
    assert listing(folder) == []


def test_target_appears_when_it_is_whole(source: Path, folder: Path) -> None:
    seen = []

    def progress(done: int, total: int | None) -> None:
        seen.append((done, total, (folder / "x.pcap").exists()))

    vxtap.decap(source, folder / "x.pcap", progress=progress)
    assert seen[-1] == (source.stat().st_size, source.stat().st_size, False)
    assert listing(folder) == ["x.pcap"]


# ---------------------------------------------------------------- names, links and modes


def test_link_stays_a_link(source: Path, folder: Path) -> None:
    (folder / "there").mkdir()
    real = folder / "there" / "real.pcap"
    for first in (True, False):  # a link to nothing yet, then to a file
        if first:
            (folder / "link.pcap").symlink_to(real)
        vxtap.decap(source, folder / "link.pcap")
        assert (folder / "link.pcap").readlink() == real
        assert len(inner_rows(real)) == 3
    assert listing(folder) == ["link.pcap", "there"]
    assert listing(folder / "there") == ["real.pcap"]


@pytest.mark.usefixtures("umask")
def test_mode_of_a_new_output(vx: Command, source: Path, folder: Path) -> None:
    assert vx("decap", source, "-o", folder / "x.pcap").status == 0
    assert stat.S_IMODE((folder / "x.pcap").stat().st_mode) == 0o640
    assert os.umask(0o027) == 0o027


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755], ids=oct)
def test_mode_of_an_old_output_is_kept(mode: int, source: Path, folder: Path) -> None:
    target = folder / "x.pcap"
    target.write_bytes(b"before")
    target.chmod(mode)
    vxtap.decap(source, target)
    assert stat.S_IMODE(target.stat().st_mode) == mode
    assert len(inner_rows(target)) == 3


def test_long_name(source: Path, folder: Path) -> None:
    """A name as long as the file system has room for."""
    name = "x" * 250 + ".pcap"
    vxtap.decap(source, folder / name)
    assert listing(folder) == [name]


def test_file_objects(source: Path, folder: Path) -> None:
    """They are written to from where they stand, and stay open."""
    with (folder / "x.pcap").open("wb") as file:
        report = vxtap.decap(source, file)
        assert not file.closed
        assert file.tell() == report.bytes_out
    assert len(inner_rows(folder / "x.pcap")) == 3
    with pytest.raises(vxtap.OptionError, match="expected a path or a binary file object to write to, got int"):
        vxtap.decap(source, 1)  # type: ignore[arg-type]


def test_output_to_a_descriptor_by_name(shell: Command, source: Path) -> None:
    """What a shell's >(...) passes, and /dev/stdout: a pipe that has a name."""
    if not Path("/dev/fd").exists():
        pytest.skip("no /dev/fd here")
    expected = shell("", "decap", source, "-q", "-o", "-")
    assert expected.status == 0
    for name in ("/dev/stdout", "/dev/fd/1"):
        assert shell("", "decap", source, "-q", "-o", name) == expected
