"""Pipes, signals and terminals: the command in a process of its own, stopped or watched in the middle of its work."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import vxtap
from build import Pcapng, pcap
from cli.conftest import DEADLINE, T0, capture, frame, inner_frame, inner_rows, listing
from cli.live import feed, read_exactly, wait_until_read
from vxtap.cli import main, progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.conftest import Command, Spawn


# ---------------------------------------------------------------- live


def test_every_record_is_passed_on_at_once(spawn: Spawn) -> None:
    """Nothing waits for a full block, or for the next record."""
    live = spawn("decap", "-", "-o", "-", "-q", stdin=subprocess.PIPE)
    feed(live, capture(0))
    sent = pcap()
    for i in range(5):
        feed(live, capture(5)[24 + i * len(frame()) + i * 16 :][: 16 + len(frame())])
        sent += pcap([(T0 + i * 1000, inner_frame(i))])[24:]
    assert read_exactly(live.stdout, len(sent)) == sent
    for i in range(5, 8):
        feed(live, pcap([(T0, frame(i))])[24:])
        record = pcap([(T0, inner_frame(i))])[24:]
        assert read_exactly(live.stdout, len(record)) == record
    out, err = live.communicate(timeout=DEADLINE)
    assert (out, err, live.returncode) == (b"", b"", 0)


def test_records_that_come_in_pieces(spawn: Spawn) -> None:
    """A whole record is passed on while a piece of the next one is there."""
    live = spawn("decap", "-", "-o", "-", "-q", stdin=subprocess.PIPE)
    data = capture(3)
    second = 24 + 16 + len(frame())
    for piece in (data[:10], data[10:30], data[30 : second + 7]):
        feed(live, piece)
    whole = pcap([(T0, inner_frame(0))])
    assert read_exactly(live.stdout, len(whole)) == whole
    feed(live, data[second + 7 :])
    out, err = live.communicate(timeout=DEADLINE)
    assert whole + out == pcap([(T0 + i * 1000, inner_frame(i)) for i in range(3)])
    assert (err, live.returncode) == (b"", 0)


def test_live_pcapng(spawn: Spawn) -> None:
    live = spawn("decap", "-", "-o", "-", "-q", "--format", "pcapng", stdin=subprocess.PIPE)
    feed(live, bytes(Pcapng().idb().epb(frame(0), 5)))
    block = bytes(Pcapng(bare=True).epb(inner_frame(0), 5))
    out = read_exactly(live.stdout, 44 + 48 + len(block))
    while not out.endswith(block) and (more := read_exactly(live.stdout, 4)):  # the name of the interface
        out += more
    assert out.endswith(block)
    feed(live, bytes(Pcapng(bare=True).epb(frame(1), 6)))
    block = bytes(Pcapng(bare=True).epb(inner_frame(1), 6))
    assert read_exactly(live.stdout, len(block)) == block


def test_reader_gives_rows_of_a_pipe_at_once() -> None:
    """The same for the library: a batch is what came with one read."""
    reader, writer = os.pipe()
    with open(reader, "rb", buffering=0) as file, vxtap.open(file) as opened:
        batches = opened.batches()
        os.write(writer, capture(2))
        assert next(batches)["frame"].tolist() == [1, 2]
        os.write(writer, pcap([(T0, frame())])[24:])
        assert next(batches)["frame"].tolist() == [3]
        assert opened.report.frames == 3
        os.close(writer)
        assert list(batches) == []


# ---------------------------------------------------------------- signals


def test_closed_pipe(tmp_path: Path, spawn: Spawn) -> None:
    """As in `vxtap decap IN -o - | head -c 10`: ended by SIGPIPE, without a word."""
    (tmp_path / "in.pcap").write_bytes(capture(20_000))
    for command in (("decap", "in.pcap", "-o", "-"), ("decap", "in.pcap", "-o", "-", "--format", "pcapng")):
        process = spawn(*command)
        assert len(read_exactly(process.stdout, 10)) == 10
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(DEADLINE) == -signal.SIGPIPE


def test_closed_pipe_of_a_report(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(capture())
    reader, writer = os.pipe()
    os.close(reader)
    line = [sys.executable, "-m", "vxtap", "info", "in.pcap"]
    ran = subprocess.run(
        line, check=False, env=environment, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, timeout=DEADLINE
    )
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (-signal.SIGPIPE, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(number: signal.Signals, spawn: Spawn, folder: Path) -> None:
    """Ended by the signal, with no output and no temporary file left, and without a word."""
    (folder / "old.pcap").write_bytes(b"before")
    process = spawn("decap", "-", "-o", "out/old.pcap", stdin=subprocess.PIPE)
    feed(process, capture(2)[:-5])
    wait_until_read(process)
    assert len(listing(folder)) == 2
    process.send_signal(number)
    assert process.wait(DEADLINE) == -number
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert listing(folder) == ["old.pcap"]
    assert (folder / "old.pcap").read_bytes() == b"before"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_handlers_are_put_back(number: signal.Signals, vx: Command, tmp_path: Path) -> None:
    before = signal.getsignal(number)
    (tmp_path / "in.pcap").write_bytes(capture())
    assert vx("info", tmp_path / "in.pcap").status == 0
    assert vx("info", tmp_path / "no.pcap").status == 3
    assert signal.getsignal(number) is before


# ---------------------------------------------------------------- closed standard streams


def test_without_standard_output(shell: Command, tmp_path: Path, folder: Path) -> None:
    """Services are started so; what needs no standard output works without."""
    (tmp_path / "in.pcap").write_bytes(capture())
    ran = shell(">&-", "decap", "in.pcap", "-o", "out/x.pcap")
    assert "Traceback" not in ran.err
    assert ran.status == 0
    assert len(inner_rows(folder / "x.pcap")) == 3
    ran = shell(">&-", "decap", "in.pcap", "-o", "-")
    assert ran.status in (2, 3)
    assert ran.err.startswith("vxtap: ")
    assert ran.err.count("\n") == 1
    assert (tmp_path / "in.pcap").read_bytes() == capture()


def test_without_standard_error(shell: Command, tmp_path: Path, folder: Path) -> None:
    """Talk that has no place to go does not end up among the data."""
    (tmp_path / "in.pcap").write_bytes(capture())
    expected = pcap([(T0 + i * 1000, inner_frame(i)) for i in range(3)])
    ran = shell("2>&-", "decap", "in.pcap", "-o", "-")
    assert ran.status == 0
    assert ran.out.encode("latin-1") == expected
    ran = shell("2>&-", "decap", "in.pcap", "-o", "out/x.pcap")
    assert (ran.status, ran.out) == (0, "")
    assert (folder / "x.pcap").read_bytes() == expected
    assert shell("2>&-", "info", "no.pcap").status == 3


# ---------------------------------------------------------------- terminals


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of one: what a person sees, and what a program has."""
    person, program = pty.openpty()
    attributes = termios.tcgetattr(program)
    attributes[1] &= ~termios.OPOST  # newlines stay as they are
    termios.tcsetattr(program, termios.TCSANOW, attributes)
    yield person, program
    os.close(person)
    os.close(program)


def seen(person: int) -> str:
    text = b""
    while select.select([person], [], [], 0)[0]:
        text += os.read(person, 1 << 16)
    return text.decode()


def test_standard_input_is_a_terminal(process: Command, folder: Path) -> None:
    with terminal() as (_, program):
        for command in (("decap", "-", "-o", "out/x.pcap"), ("info", "-")):
            ran = process(*command, stdin=program)
            assert (ran.status, ran.out) == (2, "")
            assert ran.err == "vxtap: standard input is a terminal: pipe a capture into it\n"
    assert listing(folder) == []


def test_standard_output_is_a_terminal(process: Command, tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(capture())
    with terminal() as (person, program):
        ran = process("decap", "in.pcap", "-o", "-", stdout=program)
        assert seen(person) == ""
    assert ran.status == 2
    assert ran.err == "vxtap: standard output is a terminal: redirect it, or name a file\n"


@contextmanager
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Standard error of this process is a terminal: what a person sees of it."""
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_INTERACTIVE", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    with terminal() as (person, program), os.fdopen(os.dup(program), "w") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        yield person


def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any job takes long enough for a bar."""
    monkeypatch.setattr(progress, "_DELAY", 0)
    monkeypatch.setattr(progress, "_INTERVAL", 0)


def test_bar_of_a_slow_job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slow(monkeypatch)
    (tmp_path / "in.pcap").write_bytes(capture(3000))  # two blocks
    with screen(monkeypatch) as person:
        assert main(["decap", str(tmp_path / "in.pcap"), "-o", str(tmp_path / "x.pcap")]) == 0
        text = seen(person)
    assert "\x1b[" in text
    assert "decap" in text.split("3,000 frames")[0]
    assert text.split("\x1b[2K")[-1].startswith("3,000 frames: 3,000 decapsulated")


def test_no_bar_of_a_fast_job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(capture())
    with screen(monkeypatch) as person:
        assert main(["decap", str(tmp_path / "in.pcap"), "-o", str(tmp_path / "x.pcap")]) == 0
        text = seen(person)
    assert text.startswith("3 frames: 3 decapsulated")
    assert "\x1b" not in text


def test_no_bar_when_quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slow(monkeypatch)
    (tmp_path / "in.pcap").write_bytes(capture(3000))
    with screen(monkeypatch) as person:
        assert main(["decap", "-q", str(tmp_path / "in.pcap"), "-o", str(tmp_path / "x.pcap")]) == 0
        assert seen(person) == ""


def test_bar_is_taken_away_before_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slow(monkeypatch)
    (tmp_path / "in.pcap").write_bytes(capture(3000) + b"\xff" * 16)
    with screen(monkeypatch) as person:
        assert main(["decap", str(tmp_path / "in.pcap"), "-o", str(tmp_path / "x.pcap")]) == 3
        text = seen(person)
    assert text.split("\x1b[2K")[-1].startswith(f"vxtap: {tmp_path / 'in.pcap'}: byte ")


def test_no_bar_in_a_file(monkeypatch: pytest.MonkeyPatch, vx: Command, tmp_path: Path) -> None:
    slow(monkeypatch)
    (tmp_path / "in.pcap").write_bytes(capture(3000))
    ran = vx("decap", tmp_path / "in.pcap", "-o", tmp_path / "x.pcap")
    assert ran.err.startswith("3,000 frames: 3,000 decapsulated")
    assert "\x1b" not in ran.err
