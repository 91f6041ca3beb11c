"""A conversion that is ended in the middle, or has no room: what is done stays, and nothing is half."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.conftest import DEADLINE, capture, inner_rows
from cli.live import read_exactly
from convert import last, tree
from vxtap.manifest import MANIFEST

if TYPE_CHECKING:
    from cli.conftest import Command

ENDINGS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
# The command, which says so and waits where it writes the outputs of slow.pcap, until all is to be abandoned.
SLOW = """
import sys, threading
from vxtap import crew, sink
stopping, stop = threading.Event(), crew.Crew._stop

def slowly(write, is_slow):
    def slow(self, data):
        write(self, data)
        if is_slow(self):
            print("busy", flush=True)
            stopping.wait(20)
    return slow

crew.Crew._stop = lambda self: (stop(self), stopping.set())
sink.Sink.write = slowly(sink.Sink.write, lambda self: "slow" in self.name)
if "parquet" in sys.argv:
    from pyarrow.parquet import ParquetWriter
    name = lambda self: self.schema.metadata[b"vxtap.capture"]
    ParquetWriter.write_batch = slowly(ParquetWriter.write_batch, lambda self: name(self) == b"slow.pcap")
from vxtap.cli import main
sys.exit(main(sys.argv[1:]))
"""

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Start:
    """Start a conversion of two captures, and wait until one is done and the other one is under way."""
    (tmp_path / "in").mkdir()
    for name in ("done.pcap", "slow.pcap"):
        (tmp_path / "in" / name).write_bytes(capture(3))

    def run(form: str = "pcap") -> subprocess.Popen[bytes]:
        line = [sys.executable, "-c", SLOW, "convert", "in", "-o", "out/there", "--to", form, "-j", "2"]
        process = subprocess.Popen(
            line,
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        assert read_exactly(process.stdout, 5) == b"busy\n"
        end = time.monotonic() + DEADLINE
        while b'"done"' not in (tmp_path / "out" / "there" / MANIFEST).read_bytes():
            assert time.monotonic() < end
            time.sleep(0.002)
        return process

    return run


@pytest.mark.parametrize("form", ["pcap", "parquet"])
@pytest.mark.parametrize("number", ENDINGS, ids=lambda number: number.name)
def test_signals(number: signal.Signals, form: str, start: Start, vx: Command, tmp_path: Path) -> None:
    out = tmp_path / "out" / "there"
    with start(form) as process:
        assert any(name.endswith(".part") for name in tree(out))
        process.send_signal(number)
        said, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, err) == (-number, b"")
    assert said.replace(b"busy\n", b"") == b""
    assert tree(out) == ["done.pcap" if form == "pcap" else "done.pcap.parquet"]
    assert {name: line["state"] for name, line in last(out).items()} == {"done.pcap": "done"}
    ran = vx("convert", tmp_path / "in", "-o", out, "--to", form)
    assert ran.status == 0
    assert "1 of 2 files converted, 1 done before" in ran.err
    assert len(tree(out)) == 2


def test_killed(start: Start, vx: Command, tmp_path: Path) -> None:
    """Nobody could clean up; the next run does what is not done, and is not kept out."""
    out = tmp_path / "out" / "there"
    with start() as process:
        process.kill()
        process.wait(DEADLINE)
    assert list(last(out)) == ["done.pcap"]
    assert "slow.pcap" not in tree(out)
    assert "1 of 2 files converted, 1 done before" in vx("convert", tmp_path / "in", "-o", out, "--to", "pcap").err
    assert len(inner_rows(out / "slow.pcap")) == 3


def test_two_at_once(start: Start, vx: Command, tmp_path: Path) -> None:
    out = tmp_path / "out" / "there"
    with start() as process:
        ran = vx("convert", tmp_path / "in", "-o", out, "--to", "pcap")
        process.terminate()
        process.communicate(timeout=DEADLINE)
    assert ran.status == 3
    assert ran.err == (
        f"vxtap: {out}: another conversion writes into this folder: wait for its end, or choose another folder\n"
    )


def test_no_room(environment: dict[str, str], tmp_path: Path) -> None:
    """By `ulimit -f`: what fits is done; where a disk is full, nothing more is tried."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.pcap").write_bytes(capture(3))
    (tmp_path / "in" / "b.pcap").write_bytes(capture(20_000))
    script = 'ulimit -f 64; trap "" XFSZ; exec "$@"'
    line = ["sh", "-c", script, "sh", sys.executable, "-m", "vxtap", "convert", "in", "-o", "out", "--to", "pcap", "-q"]
    ran = subprocess.run(line, env=environment, cwd=tmp_path, capture_output=True, timeout=DEADLINE, check=False)
    assert (ran.returncode, ran.stdout) == (3, b"")
    assert ran.stderr.decode() == f"vxtap: {tmp_path}/in/b.pcap: {tmp_path}/out/b.pcap: File too large\n"
    assert tree(tmp_path / "out") == ["a.pcap"]
    assert last(tmp_path / "out")["b.pcap"]["state"] == "failed"
