"""A disk that is full, or fails, in the middle of a job: exit status 3, one line that says where, and nothing half."""

from __future__ import annotations

import ctypes
import errno
import io
import mmap
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

import vxtap
from cli.conftest import DEADLINE, Ran, capture, inner_rows, listing
from cli.test_bad_output import needs_full
from vxtap import sink

if TYPE_CHECKING:
    from cli.conftest import Command

BEFORE = b"before"
NO_SPACE = "No space left on device"
IN_A_NAMESPACE = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() else [])]
MANY = 12_000  # frames: more than a file system of 64 KiB has room for, and more than a block


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.pcap"
    path.write_bytes(capture(MANY))
    return path


@pytest.fixture(params=[1, 2], ids=["alone", "two"])
def workers(request: pytest.FixtureRequest) -> int:
    """One thread, or one that reads and one that writes."""
    found: int = request.param
    return found


# ---------------------------------------------------------------- a file system that is full


Small = Callable[..., Ran]


@pytest.fixture
def small(environment: dict[str, str], tmp_path: Path) -> Small:
    """Run commands of a shell with a small file system of their own in the folder `disk`; a last line lists it."""
    (tmp_path / "disk").mkdir()

    def run(script: str, options: str = "size=64k") -> Ran:
        if shutil.which("unshare") is None:
            pytest.skip("no unshare, to mount where nobody else sees it")
        mount = f"mount -t tmpfs -o {options} none disk || exit 77"
        listed = "echo; ls -A disk | sort | xargs"
        lines = f"{mount}\n{script}\nstatus=$?\n{listed}\nexit $status"
        line = [*IN_A_NAMESPACE, "sh", "-c", lines]
        how = {"env": environment, "cwd": tmp_path, "timeout": DEADLINE}
        done = subprocess.run(line, check=False, capture_output=True, text=True, **how)
        if done.returncode == 77 or done.stderr.startswith("unshare"):
            pytest.skip(f"cannot mount a file system: {done.stderr.strip()}")
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


def vxtap_command(*args: object) -> str:
    return shlex.join([sys.executable, "-m", "vxtap", *map(str, args)])


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize("options", [(), ("--keep-others", "--format", "pcapng")], ids=["pcap", "pcapng"])
def test_no_room(options: tuple[str, ...], workers: int, small: Small) -> None:
    """It is full in the middle: what was there stays, and there is room again."""
    decap = vxtap_command("decap", "in.pcap", "-o", "disk/x.pcap", "--workers", workers, *options)
    ran = small(decap)
    assert (ran.status, ran.out) == (3, "\n\n")
    assert ran.err == f"vxtap: disk/x.pcap: {NO_SPACE}\n"
    ran = small(f"printf before > disk/x.pcap\n{decap}\nstatus=$?\ncat disk/x.pcap\n(exit $status)")
    assert (ran.status, ran.out) == (3, "before\nx.pcap\n")
    assert ran.err == f"vxtap: disk/x.pcap: {NO_SPACE}\n"


@pytest.mark.usefixtures("source")
def test_no_room_for_another_file(small: Small) -> None:
    """Not a byte can be written, since there is no place for a name."""
    ran = small(vxtap_command("decap", "in.pcap", "-o", "disk/x.pcap"), "nr_inodes=1")
    assert (ran.status, ran.out, ran.err) == (3, "\n\n", f"vxtap: disk/x.pcap: {NO_SPACE}\n")


@pytest.mark.usefixtures("source")
def test_no_room_behind_standard_output(workers: int, small: Small) -> None:
    """Then the half file is the shell's, which made it; the status tells."""
    ran = small(f"{vxtap_command('decap', 'in.pcap', '-o', '-', '--workers', workers)} > disk/x.pcap")
    assert (ran.status, ran.out, ran.err) == (3, "\nx.pcap\n", f"vxtap: standard output: {NO_SPACE}\n")
    ran = small(f"head -c 65536 /dev/zero > disk/full\n{vxtap_command('info', 'in.pcap')} > disk/x")
    assert (ran.status, ran.out, ran.err) == (3, "\nfull x\n", f"vxtap: standard output: {NO_SPACE}\n")


@pytest.mark.usefixtures("source")
def test_room_for_the_capture_but_not_for_the_talk(small: Small) -> None:
    """The job is done and says so by its status, though there is no room for its report."""
    fill = "head -c 65536 /dev/zero > disk/full"
    ran = small(f"{fill}\n{vxtap_command('decap', 'in.pcap', '-o', 'x.pcap')} 2> disk/talk")
    assert (ran.status, ran.out, ran.err) == (0, "\nfull talk\n", "")


def test_file_size_limit(workers: int, source: Path, folder: Path) -> None:
    """The same by `ulimit -f`, which needs nobody's permission."""
    for there in (False, True):
        if there:
            (folder / "x.pcap").write_bytes(BEFORE)
        script = f"ulimit -f 64\n{vxtap_command('decap', source, '-o', folder / 'x.pcap', '--workers', workers)}"
        ran = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=DEADLINE, check=False)
        assert (ran.returncode, ran.stdout) == (3, "")
        assert ran.stderr == f"vxtap: {folder / 'x.pcap'}: File too large\n"
        assert listing(folder) == ["x.pcap"] * there
        assert not there or (folder / "x.pcap").read_bytes() == BEFORE


@needs_full
def test_full_at_the_very_end(shell: Command, tmp_path: Path) -> None:
    """All that is written is the header of an empty capture."""
    (tmp_path / "in.pcap").write_bytes(capture(0))
    for target in ("/dev/full", "-"):
        ran = shell(">/dev/full", "decap", "in.pcap", "-o", target)
        name = "standard output" if target == "-" else target
        assert (ran.status, ran.err) == (3, f"vxtap: {name}: {NO_SPACE}\n")


class ClosesBadly(io.FileIO):
    """A file on a disk that tells only at the end that it was full, as network file systems do."""

    def close(self) -> None:
        tells = not self.closed and self.writable()
        super().close()
        if tells:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_full_at_closing(
    workers: int, vx: Command, source: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink.io, "FileIO", ClosesBadly)
    target = folder / "x.pcap"
    ran = vx("decap", source, "-o", target, "--workers", workers)
    assert (ran.status, ran.out, ran.err) == (3, "", f"vxtap: {target}: {NO_SPACE}\n")
    assert listing(folder) == []


def test_failing_twice(workers: int, source: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails first is told, and the file is gone all the same."""
    monkeypatch.setattr(sink.io, "FileIO", ClosesBadly)

    def progress(_done: int, _total: int | None) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        vxtap.decap(source, folder / "x.pcap", workers=workers, progress=progress)
    assert listing(folder) == []


# ---------------------------------------------------------------- a disk that fails, and things that vanish


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[IO[bytes]]:
    """A capture of which the system reads the first part, and then says EIO.

    It is the memory of this process: a mapping of a file that has become shorter, whose second half is no longer there.
    """
    if not Path("/proc/self/mem").exists():
        pytest.skip("no /proc/self/mem to read from")
    half = 16 * mmap.PAGESIZE
    with (tmp_path / "memory").open("w+b") as file, open("/proc/self/mem", "rb", buffering=0) as memory:
        file.write(capture(MANY)[: 2 * half])
        file.flush()
        with mmap.mmap(file.fileno(), 2 * half) as mapped:
            start = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
            file.truncate(half)
            memory.seek(start)
            yield memory


WHOLE_IN_HALF = (16 * mmap.PAGESIZE - 24) // (len(capture(1)) - 24)


def test_input_fails_in_the_middle(process: Command, failing: IO[bytes], folder: Path) -> None:
    (folder / "x.pcap").write_bytes(BEFORE)
    ran = process("decap", "-", "-o", "out/x.pcap", stdin=failing)
    assert (ran.status, ran.out, ran.err) == (3, "", "vxtap: standard input: Input/output error\n")
    assert listing(folder) == ["x.pcap"]
    assert (folder / "x.pcap").read_bytes() == BEFORE


def test_input_fails_behind_a_pipe(process: Command, failing: IO[bytes], tmp_path: Path) -> None:
    """What was whole has been passed on."""
    ran = process("decap", "-", "-o", "-", stdin=failing)
    assert (ran.status, ran.err) == (3, "vxtap: standard input: Input/output error\n")
    (tmp_path / "out.pcap").write_bytes(ran.out.encode("latin-1"))
    assert len(inner_rows(tmp_path / "out.pcap")) == WHOLE_IN_HALF


def test_info_of_an_input_that_fails(process: Command, failing: IO[bytes]) -> None:
    """What came before is told."""
    ran = process("info", "-", stdin=failing)
    assert ran.status == 3
    assert f"{WHOLE_IN_HALF:,}" in ran.out
    assert ran.err == "vxtap: standard input: Input/output error\n"


def test_rows_of_an_input_that_fails(failing: IO[bytes]) -> None:
    rows = 0
    with vxtap.open(failing) as opened:
        with pytest.raises(OSError, match="Input/output error") as caught:  # noqa: PT012
            for batch in opened.batches(100):
                rows += len(batch)
        assert opened.report.frames == rows == WHOLE_IN_HALF
    assert caught.value.errno == errno.EIO


def in_the_middle(job: Callable[[], object]) -> Callable[[int, int | None], None]:
    """A progress callback that does something after the first block."""
    jobs = [job]

    def progress(done: int, total: int | None) -> None:
        assert total is not None
        if jobs:
            assert done < total
            jobs.pop()()

    return progress


def test_source_vanishes(workers: int, source: Path, folder: Path) -> None:
    """Who has a file open keeps it."""
    report = vxtap.decap(source, folder / "x.pcap", workers=workers, progress=in_the_middle(source.unlink))
    assert (report.frames, report.truncated) == (MANY, False)
    assert len(inner_rows(folder / "x.pcap")) == MANY


def test_source_is_cut(workers: int, source: Path, folder: Path) -> None:
    """Somebody empties the file: what has been read is written, and the rest is not made up."""
    report = vxtap.decap(
        source, folder / "x.pcap", workers=workers, progress=in_the_middle(lambda: os.truncate(source, 0))
    )
    assert 0 < report.frames < MANY
    assert report.truncated
    assert len(inner_rows(folder / "x.pcap")) == report.frames


def test_folder_of_the_target_vanishes(workers: int, source: Path, folder: Path) -> None:
    """The message names the target, not a file that nobody knows of."""
    with pytest.raises(FileNotFoundError) as caught:
        vxtap.decap(source, folder / "x.pcap", workers=workers, progress=in_the_middle(lambda: shutil.rmtree(folder)))
    assert caught.value.filename == str(folder / "x.pcap")
    assert not folder.exists()


def test_target_becomes_a_folder(workers: int, source: Path, folder: Path) -> None:
    with pytest.raises(IsADirectoryError) as caught:
        vxtap.decap(source, folder / "x.pcap", workers=workers, progress=in_the_middle((folder / "x.pcap").mkdir))
    assert caught.value.filename == str(folder / "x.pcap")
    assert listing(folder) == ["x.pcap"]
