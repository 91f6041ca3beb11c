"""A command that is watched while it works: fed through a pipe, with what it says read as it comes."""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import termios
import time
from typing import IO

from cli.conftest import DEADLINE


def read_exactly(stream: IO[bytes] | None, count: int) -> bytes:
    """Bytes that are there before the deadline; fewer at the end of the stream."""
    assert stream is not None
    data = b""
    end = time.monotonic() + DEADLINE
    while len(data) < count and select.select([stream], [], [], max(0, end - time.monotonic()))[0]:
        part = os.read(stream.fileno(), count - len(data))
        if not part:
            break
        data += part
    return data


def feed(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(data)
    process.stdin.flush()


def wait_until_read(process: subprocess.Popen[bytes]) -> None:
    """All that was fed has been taken out of the pipe: the command waits for more."""
    assert process.stdin is not None
    end = time.monotonic() + DEADLINE
    while fcntl.ioctl(process.stdin, termios.FIONREAD, bytes(4)) != bytes(4):
        assert time.monotonic() < end, "the command did not read its input"
        select.select([], [], [], 0.002)
