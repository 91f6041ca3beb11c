"""Rows beside what tshark says of the same frames, and outputs that tshark has to read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import compare
import vxtap
from compare import CORPORA, DATA, LAB

from .differences import DIFFERENCES, Difference
from .fields import COLUMNS, run, tunnels

pytestmark = [
    pytest.mark.needs_tshark,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not in PATH"),
]
PORTS = (4789, 8472)
BUNDLED = compare.captures_in(DATA)
FILES = {path.name: path for folder in (CORPORA / "vxlan", LAB, DATA) for path in compare.captures_in(folder)}


def unequal(path: Path) -> dict[tuple[int, str], str]:
    """All (frame, column) in which the two differ, and how."""
    theirs = tunnels(path, PORTS)
    rows = compare.see(path, ports=PORTS, frames="decapsulated").rows
    ours = {row["frame"]: row for row in compare.plain(rows)}
    found: dict[tuple[int, str], str] = {}
    for frame in sorted(theirs.keys() ^ ours.keys()):
        found[frame, "frame"] = "vxtap only" if frame in ours else "tshark only"
    for frame in sorted(theirs.keys() & ours.keys()):
        for column in COLUMNS:
            mine, other = ours[frame][column], theirs[frame][column]
            if mine != other:
                found[frame, column] = f"vxtap {mine!r}, tshark {other!r}"
    return found


def explains(difference: Difference, frame: int, column: str) -> bool:
    return difference.column == column and difference.frame in (None, frame)


@pytest.mark.parametrize("name", FILES)
def test_rows(name: str) -> None:
    found = unequal(FILES[name])
    known = [difference for difference in DIFFERENCES if difference.file == name]
    new = {at: how for at, how in found.items() if not any(explains(difference, *at) for difference in known)}
    gone = [difference for difference in known if not any(explains(difference, *at) for at in found)]
    assert not new
    assert not gone
