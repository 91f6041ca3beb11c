"""Merging with clocks that differ: what two collectors saw comes back in the order in which it was sent."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vxtap
from compare import DATA

FIRST, SECOND, SOURCE = (DATA / f"02-lb-asym-{name}.pcap" for name in ("nva1", "nva2", "src"))
HEADER, RECORD = 24, struct.Struct("<IIII")
WHO = ["ip_id", "sport", "dport", "tcp_seq", "tcp_ack", "tcp_flags", "payload_len"]


def shifted(path: Path, micros: int) -> bytes:
    """The capture as a collector whose clock is so much ahead would have written it."""
    data = bytearray(path.read_bytes())
    at = HEADER
    while at < len(data):
        seconds, fraction, captured, wire = RECORD.unpack_from(data, at)
        time = divmod(seconds * 1_000_000 + fraction + micros, 1_000_000)
        RECORD.pack_into(data, at, *time, captured, wire)
        at += RECORD.size + captured
    return bytes(data)


def sequence(rows: np.ndarray) -> list[tuple[int, ...]]:
    """The TCP packets, each by what tells it from others."""
    return [tuple(row) for row in rows[rows["proto"] == 6][WHO].tolist()]


SENT = sequence(vxtap.read(SOURCE, tunnels="none"))


@pytest.mark.parametrize("micros", [0, 2_000, -2_000, 3_600_000_000])
def test_the_order_of_the_source_comes_back(micros: int) -> None:
    sources = [FIRST, shifted(SECOND, micros)]
    out = io.BytesIO()
    report = vxtap.merge(sources, out, align=True)
    assert report.written == len(vxtap.read(FIRST)) + len(vxtap.read(SECOND))
    assert sequence(vxtap.read(out.getvalue(), tunnels="none")) == SENT
    (first, second) = report.offsets
    assert first["known"]
    assert second["low_ns"] <= micros * 1000 <= second["high_ns"]
    with vxtap.merge(sources, align=True) as merged:
        assert sequence(np.concatenate(list(merged.batches(100)))) == SENT


def test_without_it_the_order_is_lost() -> None:
    out = io.BytesIO()
    vxtap.merge([FIRST, shifted(SECOND, 2_000)], out)
    rows = vxtap.read(out.getvalue(), tunnels="none")
    assert sorted(sequence(rows)) == sorted(SENT)
    assert sequence(rows) != SENT


def test_what_nothing_bounds_is_unknown() -> None:
    """Two captures that have no connection in common keep their times."""
    other = DATA / "03-lb-mixed-nva1.pcap"
    out = io.BytesIO()
    report = vxtap.merge([FIRST, other], out, align=True)
    assert not report.offsets[1]["known"]
    assert "unknown" in report.offsets[1]["text"]
    assert (vxtap.read(out.getvalue(), tunnels="none")["ts"] == np.sort(vxtap.read([FIRST, other])["ts"])).all()
    json.dumps(report.to_dict())


def test_pipes_are_refused(tmp_path: Path) -> None:
    """Before anything is written."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for source in ("-", pipe, io.BytesIO(FIRST.read_bytes())):
        with pytest.raises(vxtap.OptionError, match=r"align: .* can be read only once"):
            vxtap.merge([SECOND, source], tmp_path / "out.pcap", align=True)
    assert not (tmp_path / "out.pcap").exists()
    command = [sys.executable, "-m", "vxtap", "merge", "--align", "-", str(SECOND), "-o", str(tmp_path / "out.pcap")]
    ran = subprocess.run(command, input=b"", capture_output=True, check=False)
    assert ran.returncode == 2
    assert b"can be read only once" in ran.stderr
