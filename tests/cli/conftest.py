"""The command in this process and in one of its own, and captures that are damaged in every way there is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vxtap
from build import TCP, Pcapng, eth, ipv4, pcap, tcp, udp, vxlan
from vxtap.cli import main

T0 = 1_700_000_000_123_456_000
DEADLINE = 20  # seconds after which something hangs


def inner_frame(i: int = 0) -> bytes:
    """What a machine sent; `i` tells it from others."""
    return eth(ipv4(tcp(b"payload %3d" % i, sport=1000 + i), TCP))


def frame(i: int = 0, *, vni: int = 7, dport: int = 4789) -> bytes:
    """The same as the tap mirrored it."""
    return eth(ipv4(udp(vxlan(inner_frame(i), vni), dport=dport)))


def capture(count: int = 3, **how: Any) -> bytes:
    """A classic capture of some mirrored frames."""
    return pcap([(T0 + i * 1000, frame(i)) for i in range(count)], **how)


def blocks() -> Pcapng:
    """A pcapng file of two mirrored frames, to go on with."""
    return Pcapng().idb().epb(frame(0)).epb(frame(1))


def inner_rows(path: Path) -> np.ndarray[Any, np.dtype[np.void]]:
    """A row for every frame of an inner capture, which is whole."""
    return vxtap.read(path, frames="all", strict=True)


def listing(folder: Path) -> list[str]:
    """What is in a folder, files that hide too."""
    return sorted(path.name for path in folder.iterdir())


HUGE = (bytes(8) + b"\xff" * 8).ljust(40, b"\0")  # the header of a record of 4 GiB
LATER = b"\x06\0\0\0"  # what a pcapng frame behind the fault starts with


@dataclass(frozen=True)
class Fault:
    """A file that cannot be read on from some byte: what is said of it, and how many frames come before."""

    name: str
    data: bytes
    status: str
    message: str
    offset: int
    frames: int = 0


def _pcapng_fault(name: str, bad: Pcapng, status: str, message: str) -> Fault:
    """Two frames, then what `bad` holds, then a frame that must not be reached."""
    data = bytes(blocks())
    text = f"byte {len(data):,}, after frame 2: {message} (it is damaged from here on)"
    if status in ("SHORT_BLOCK", "LONG_BLOCK", "BAD_MAGIC"):
        text = text.removesuffix(" (it is damaged from here on)")
    return Fault(name, data + bytes(bad) + bytes(Pcapng(bare=True).epb(frame(2))), status, text, len(data), 2)


def _bare() -> Pcapng:
    return Pcapng(bare=True)


NO_MAGIC = "not a capture: it starts with no pcap or pcapng magic"
CONTRADICTION = "a pcapng block whose lengths contradict each other"
FAULTS = [
    Fault("empty", b"", "EMPTY", "the file is empty (the collector may have failed to start)", 0),
    Fault(
        "23 bytes of a header", capture()[:23], "CUT_HEADER", "the file ends within its own header: it has 23 bytes", 0
    ),
    Fault("3 bytes", capture()[:3], "CUT_HEADER", "the file ends within its own header: it has 3 bytes", 0),
    Fault("cut section", bytes(Pcapng())[:20], "CUT_HEADER", "the file ends within its own header: it has 20 bytes", 0),
    Fault("23 zeros", bytes(23), "NOT_CAPTURE", f"{NO_MAGIC}: it starts with 00 00 00 00 00 00 00 00", 0),
    Fault(
        "text",
        b"Hello, world\n",
        "NOT_CAPTURE",
        f"{NO_MAGIC}: it starts with 48 65 6c 6c 6f 2c 20 77 ('Hello, w')",
        0,
    ),
    Fault(
        "4 GiB first", pcap() + HUGE, "BAD_RECORD", "byte 24, after frame 0: a record length beyond all captures", 24
    ),
    Fault(
        "4 GiB later",
        capture() + HUGE + capture()[24:],
        "BAD_RECORD",
        f"byte {len(capture())}, after frame 3: a record length beyond all captures (it is damaged from here on)",
        len(capture()),
        3,
    ),
    Fault(
        "version", pcap(version=(3, 0)), "BAD_VERSION", "a version of the file format that nothing is known about", 0
    ),
    Fault("section version", bytes(Pcapng(bare=True).shb(version=(2, 0))), "BAD_VERSION", "a version of the file", 0),
    Fault(
        "block before section",
        bytes(Pcapng()).replace(b"\x4d\x3c\x2b\x1a", b"\x4d\x3c\x2b\x1b"),
        "BAD_MAGIC",
        "a pcapng section without a byte-order magic",
        0,
    ),
    _pcapng_fault("trailing length", _bare().unknown(1, bytes(8), trailer=24), "BAD_BLOCK", CONTRADICTION),
    _pcapng_fault("trailing length of a frame", _bare().unknown(6, bytes(24), trailer=8), "BAD_BLOCK", CONTRADICTION),
    _pcapng_fault(
        "trailing length of a skipped one", _bare().unknown(5, bytes(8), trailer=8), "BAD_BLOCK", CONTRADICTION
    ),
    _pcapng_fault("length 8", _bare().unknown(6, total=8), "BAD_BLOCK", CONTRADICTION),
    _pcapng_fault("odd length", _bare().unknown(5, bytes(8), total=21), "BAD_BLOCK", CONTRADICTION),
    _pcapng_fault(
        "byte-order magic",
        _bare().unknown(0x0A0D0D0A, bytes(16)),
        "BAD_MAGIC",
        "a pcapng section without a byte-order magic",
    ),
    _pcapng_fault(
        "short frame block", _bare().unknown(6, bytes(16)), "SHORT_BLOCK", "a pcapng block too short for its"
    ),
    _pcapng_fault("short interface", _bare().unknown(1, bytes(4)), "SHORT_BLOCK", "a pcapng block too short for its"),
    _pcapng_fault(
        "17 MiB frame block",
        _bare().junk(LATER + (17 << 20).to_bytes(4, "little")),
        "LONG_BLOCK",
        "a pcapng block longer than any reader takes",
    ),
]


@pytest.fixture(params=FAULTS, ids=lambda fault: fault.name)
def fault(request: pytest.FixtureRequest) -> Fault:
    found: Fault = request.param
    return found


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    status: int
    out: str
    err: str


Command = Callable[..., Ran]


@pytest.fixture
def vx(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command in this process."""

    def run(*args: object) -> Ran:
        capsys.readouterr()
        try:
            status = main([str(arg) for arg in args])
        except SystemExit as end:  # argparse
            status = int(end.code or 0)
        out, err = capsys.readouterr()
        return Ran(status, out, err)

    return run


@pytest.fixture
def environment() -> dict[str, str]:
    """For a process of its own: it finds the vxtap that is tested, from any folder."""
    return {**os.environ, "PYTHONPATH": str(Path(vxtap.__file__).parent.parent)}


Spawn = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def spawn(environment: dict[str, str], tmp_path: Path) -> Iterator[Spawn]:
    """Start the command in a process of its own, in the test's folder; it is ended with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*args: object, **how: Any) -> subprocess.Popen[bytes]:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
        line = [sys.executable, "-m", "vxtap", *map(str, args)]
        started.append(subprocess.Popen(line, env=environment, cwd=tmp_path, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def process(spawn: Spawn) -> Command:
    """Run the command in a process of its own, to its end."""

    def run(*args: object, input: bytes | None = None, **how: Any) -> Ran:
        if input is not None:
            how["stdin"] = subprocess.PIPE
        started = spawn(*args, **how)
        out, err = started.communicate(input, timeout=DEADLINE)
        return Ran(started.returncode, (out or b"").decode("latin-1"), (err or b"").decode())

    return run


@pytest.fixture
def shell(environment: dict[str, str], tmp_path: Path) -> Command:
    """Run the command in a process of its own with a redirection as a shell writes it."""

    def run(redirection: str, *args: object) -> Ran:
        script = f'exec "$@" {redirection}'
        line = ["sh", "-c", script, "sh", sys.executable, "-m", "vxtap", *map(str, args)]
        ran = subprocess.run(
            line,
            check=False,
            env=environment,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DEADLINE,
        )
        return Ran(ran.returncode, ran.stdout.decode("latin-1"), ran.stderr.decode())

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for outputs: what is in it in the end was left there."""
    path = tmp_path / "out"
    path.mkdir()
    return path
