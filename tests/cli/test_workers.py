"""`--workers`: two threads for one output, as the command runs them; signals and disks meet them in the middle."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.conftest import DEADLINE, capture, inner_rows, listing
from cli.live import read_exactly

if TYPE_CHECKING:
    from cli.conftest import Command

MANY = 30_000  # frames, in more than one block
ENDINGS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]

# A command whose every write says so, and then takes as long as a slow disk.
SLOW = """
import io, os, sys, time

class File(io.FileIO):
    def write(self, data):
        os.write(1, b'.')
        time.sleep(0.2)
        return super().write(data)

io.FileIO = File
from vxtap.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.pcap"
    path.write_bytes(capture(MANY))
    return path


def test_same_output(vx: Command, source: Path, folder: Path) -> None:
    for workers in (1, 2):
        ran = vx("decap", source, "-o", folder / f"{workers}.pcap", "--workers", workers)
        assert ran.status == 0
    assert (folder / "1.pcap").read_bytes() == (folder / "2.pcap").read_bytes()
    assert len(inner_rows(folder / "2.pcap")) == MANY


@pytest.mark.parametrize("workers", ["0", "-1", "1025"])
def test_no_number_of_workers(workers: str, vx: Command, source: Path, folder: Path) -> None:
    ran = vx("decap", source, "-o", folder / "x.pcap", "--workers", workers)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == f"vxtap: workers: {workers} is not within 1 to 1024\n"
    assert listing(folder) == []


def test_to_standard_output(process: Command, source: Path, tmp_path: Path) -> None:
    """A pipe, and a file that a shell has made."""
    expected = process("decap", source, "-o", "-", "-q", "--workers", "1").out
    assert process("decap", source, "-o", "-", "-q", "--workers", "2").out == expected
    with (tmp_path / "out.pcap").open("wb") as file:
        assert process("decap", source, "-o", "-", "-q", "--workers", "2", stdout=file).status == 0
    assert (tmp_path / "out.pcap").read_bytes().decode("latin-1") == expected


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize("number", ENDINGS, ids=lambda number: number.name)
@pytest.mark.parametrize("there", [False, True], ids=["new", "old"])
def test_signal_during_a_write(
    there: bool, number: signal.Signals, environment: dict[str, str], folder: Path, tmp_path: Path
) -> None:
    """It ends as with one thread: no output, no temporary file, no word, by the signal."""
    if there:
        (folder / "x.pcap").write_bytes(b"before")
    line = [sys.executable, "-c", SLOW, "decap", "in.pcap", "-o", "out/x.pcap", "--workers", "2"]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(line, env=environment, cwd=tmp_path, **pipes) as process:
        assert read_exactly(process.stdout, 1) == b"."
        assert any(name.endswith(".part") for name in listing(folder))
        process.send_signal(number)
        out, err = process.communicate(timeout=DEADLINE)
        assert (process.returncode, out, err) == (-number, b"", b"")
    assert listing(folder) == ["x.pcap"] * there
    assert not there or (folder / "x.pcap").read_bytes() == b"before"
