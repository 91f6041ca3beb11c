"""Rotated sets for tests: files of which each goes on where the one before it ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import vxtap
from build import Pcapng, pcap, ticks
from unit.conftest import T0, frame

SECOND = 10**9


def part(first: int, count: int = 3, *, at: int | None = None, **how: Any) -> bytes:
    """A pcap of the frames `first`, `first` + 1, ...: a second later each, or from the second `at` on."""
    at = first if at is None else at
    return pcap([(T0 + (at + i) * SECOND, frame(first + i)) for i in range(count)], **how)


def part_ng(first: int, count: int = 3, *, interfaces: int = 1, tsresol: int = 6) -> bytes:
    """The same as pcapng, whose frames are of the last interface."""
    file = Pcapng()
    for _ in range(interfaces):
        file.idb(tsresol=tsresol)
    for i in range(first, first + count):
        file.epb(frame(i), ticks(T0 + i * SECOND, tsresol), interfaces - 1)
    return bytes(file)


def write(folder: Path, **files: bytes) -> str:
    """Files x.pcapNAME in a folder: the wildcard that names them."""
    for name, data in files.items():
        (folder / f"x.pcap{name.removeprefix('_')}").write_bytes(data)
    return str(folder / "x.pcap*")


def numbers(rows: np.ndarray) -> list[int]:
    """Which frames they are, by what `inner_frame` made of the number."""
    return [int(port) - 1000 for port in rows["sport"]]


def batches(opened: vxtap.Capture, size: int = 2) -> tuple[list[int], Exception | None]:
    """What comes before an error, and the error."""
    found: list[int] = []
    try:
        for batch in opened.batches(size):
            found += numbers(batch)
    except (vxtap.VxtapError, OSError) as error:
        return found, error
    return found, None
