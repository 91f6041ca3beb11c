"""Ended in the middle of a job: by a signal, or because nobody reads on. No half target, no temporary file, no word."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from build import pcap
from cli.conftest import DEADLINE, T0, capture, frame, inner_frame, inner_rows, listing
from cli.live import feed, read_exactly, wait_until_read

if TYPE_CHECKING:
    from cli.conftest import Spawn

HALF = capture(2)[:-5]  # a record is there, and a piece of the next
BEFORE = b"before"
ENDINGS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
each_ending = pytest.mark.parametrize("number", ENDINGS, ids=lambda number: number.name)


def end(process: subprocess.Popen[bytes]) -> tuple[int, bytes, bytes]:
    """The exit status as a shell's parent sees it, and what was still said."""
    out, err = process.communicate(timeout=DEADLINE)
    return process.returncode, out, err


def caught(process: subprocess.Popen[bytes]) -> int:
    """The signals that a process has a handler for, as a mask."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"^SigCgt:\s*(\w+)$", status, re.MULTILINE)
    return int(found[1], 16) if found else 0


# ---------------------------------------------------------------- signals


@each_ending
@pytest.mark.parametrize("options", [(), ("--format", "pcapng", "--keep-others")], ids=["pcap", "pcapng"])
@pytest.mark.parametrize("there", [False, True], ids=["new", "old"])
def test_decap_to_a_path(
    there: bool, options: tuple[str, ...], number: signal.Signals, spawn: Spawn, folder: Path
) -> None:
    """The target is absent, or as it was."""
    if there:
        (folder / "x.pcap").write_bytes(BEFORE)
    process = spawn("decap", "-", "-o", "out/x.pcap", *options, stdin=subprocess.PIPE)
    feed(process, HALF)
    wait_until_read(process)
    assert any(name.endswith(".part") for name in listing(folder))
    process.send_signal(number)
    assert end(process) == (-number, b"", b"")
    assert listing(folder) == ["x.pcap"] * there
    assert not there or (folder / "x.pcap").read_bytes() == BEFORE


@each_ending
def test_decap_to_standard_output(number: signal.Signals, spawn: Spawn, tmp_path: Path) -> None:
    """What was complete has been passed on, and nothing comes behind it."""
    process = spawn("decap", "-", "-o", "-", stdin=subprocess.PIPE)
    feed(process, HALF)
    whole = pcap([(T0, inner_frame(0))])
    assert read_exactly(process.stdout, len(whole)) == whole
    process.send_signal(number)
    assert end(process) == (-number, b"", b"")
    assert listing(tmp_path) == []


@each_ending
def test_decap_to_a_reader_that_does_not_read(number: signal.Signals, spawn: Spawn, tmp_path: Path) -> None:
    """The command waits in a write."""
    (tmp_path / "in.pcap").write_bytes(capture(20_000))
    process = spawn("decap", "in.pcap", "-o", "-")
    assert select.select([process.stdout], [], [], DEADLINE)[0]
    process.send_signal(number)
    status, out, err = end(process)
    assert (status, err) == (-number, b"")
    assert len(out) < len(capture(20_000)) // 2


@each_ending
@pytest.mark.parametrize("options", [(), ("--json",)], ids=["text", "json"])
def test_info(options: tuple[str, ...], number: signal.Signals, spawn: Spawn) -> None:
    process = spawn("info", "-", *options, stdin=subprocess.PIPE)
    feed(process, HALF)
    wait_until_read(process)
    process.send_signal(number)
    assert end(process) == (-number, b"", b"")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc that tells of handlers")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_before_there_is_a_byte(number: signal.Signals, spawn: Spawn, folder: Path, tmp_path: Path) -> None:
    """The input is a named pipe that nobody writes to: the command waits for it to open."""
    os.mkfifo(tmp_path / "in")
    process = spawn("decap", "in", "-o", "out/x.pcap")
    last = time.monotonic() + DEADLINE
    while not caught(process) & 1 << (number - 1):
        assert time.monotonic() < last
        select.select([], [], [], 0.002)
    process.send_signal(number)
    assert end(process) == (-number, b"", b"")
    assert listing(folder) == []


@pytest.mark.parametrize("second", ENDINGS, ids=lambda number: number.name)
def test_impatience(second: signal.Signals, environment: dict[str, str], folder: Path, tmp_path: Path) -> None:
    """A second signal, while the first one is being cleaned up after, does not stop that."""
    code = (
        "import os, signal, sys\n"
        "unlink = os.unlink\n"
        f"os.unlink = lambda path: (signal.raise_signal({second.value}), unlink(path))\n"
        "from vxtap.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    line = [sys.executable, "-c", code, "decap", "-", "-o", "out/x.pcap"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(line, env=environment, cwd=tmp_path, **pipes) as process:
        feed(process, HALF)
        wait_until_read(process)
        process.send_signal(signal.SIGTERM)
        assert end(process) == (-signal.SIGTERM, b"", b"")
    assert listing(folder) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_signals_that_were_ignored_stay_so(
    number: signal.Signals, environment: dict[str, str], folder: Path, tmp_path: Path
) -> None:
    """As `nohup` and a shell's `&` start a job."""
    script = f"trap '' {number.name.removeprefix('SIG')}; exec \"$@\""
    line = ["sh", "-c", script, "sh", sys.executable, "-m", "vxtap", "decap", "-", "-q", "-o", "out/x.pcap"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(line, env=environment, cwd=tmp_path, **pipes) as process:
        feed(process, HALF)
        wait_until_read(process)
        process.send_signal(number)
        assert process.stdin is not None
        process.stdin.write(capture(2)[-5:])
        assert end(process) == (0, b"", b"")
    assert len(inner_rows(folder / "x.pcap")) == 2


# ---------------------------------------------------------------- nobody reads on


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_reader_goes_away_in_the_middle(form: str, spawn: Spawn, tmp_path: Path) -> None:
    """Noticed with the next record, and then without a word."""
    process = spawn("decap", "-", "-o", "-", "--format", form, stdin=subprocess.PIPE)
    feed(process, capture(1))
    assert len(read_exactly(process.stdout, 24)) == 24
    assert process.stdout is not None
    process.stdout.close()
    feed(process, pcap([(T0, frame(1))])[24:])
    assert process.wait(DEADLINE) == -signal.SIGPIPE
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert listing(tmp_path) == []


@pytest.mark.parametrize("command", [("info", "-"), ("info", "-", "--json"), ("decap", "-", "-o", "out/x", "--json")])
def test_reader_of_a_report_goes_away(command: tuple[str, ...], spawn: Spawn, folder: Path) -> None:
    """The capture itself was whole by then, and stays."""
    process = spawn(*command, stdin=subprocess.PIPE)
    feed(process, capture(2))
    wait_until_read(process)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(DEADLINE) == -signal.SIGPIPE
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert listing(folder) == ["x"] * ("out/x" in command)
    assert "out/x" not in command or len(inner_rows(folder / "x")) == 2


def test_nobody_listens(spawn: Spawn, folder: Path) -> None:
    """Talk is no part of the job: standard error may go away."""
    process = spawn("decap", "-", "-o", "out/x.pcap", stdin=subprocess.PIPE)
    feed(process, capture(2))
    wait_until_read(process)
    assert process.stderr is not None
    process.stderr.close()
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(DEADLINE) == 0
    assert listing(folder) == ["x.pcap"]
    assert len(inner_rows(folder / "x.pcap")) == 2


def test_writer_goes_away(spawn: Spawn, folder: Path, tmp_path: Path) -> None:
    """A source that ends within a record is a capture that was cut: what is whole is written."""
    os.mkfifo(tmp_path / "in")
    process = spawn("decap", "in", "-o", "out/x.pcap")
    with (tmp_path / "in").open("wb") as file:
        file.write(HALF)
    status, out, err = end(process)
    assert (status, out) == (0, b"")
    assert b"2 frames" not in err
    assert f"the last {len(HALF) - len(capture(1))} bytes are a cut record".encode() in err
    assert listing(folder) == ["x.pcap"]
    assert len(inner_rows(folder / "x.pcap")) == 1
