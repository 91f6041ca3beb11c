"""The lab's two collectors, one of them with a wrong clock: the merged order is the source machine's own again."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import pytest

import vxtap
from compare import LAB
from vxtap import clocks

pytestmark = [
    pytest.mark.needs_lab,
    pytest.mark.skipif(not LAB.is_dir(), reason="the lab's captures are not beside the checkout (VXTAP_LAB)"),
]
COLUMNS = [*clocks.columns]
SHIFTS = [0, 2_000_000, -2_000_000, 3_600_000_000_000, -86_400_000_000_000]

Key = tuple[bytes, int, int, int, int, int, int]


def in_source(name: str) -> Iterator[Key]:
    """The TCP packets of a capture of Ethernet frames in their order, read by hand."""
    data = (LAB / name).read_bytes()
    at = 24
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at + 8)
        frame = data[at + 16 : at + 16 + size]
        at += 16 + size
        if frame[12:14] == b"\x08\0" and frame[23] == 6:
            length, ip_id = struct.unpack_from(">HH", frame, 16)
            start = 14 + 4 * (frame[14] & 15)
            sport, dport, seq, ack, place = struct.unpack_from(">HHIIB", frame, start)
            yield frame[26:30], ip_id, sport, dport, seq, ack, 14 + length - start - 4 * (place >> 4)


def in_rows(rows: np.ndarray) -> list[Key]:
    names = ("ip_id", "sport", "dport", "tcp_seq", "tcp_ack", "payload_len")
    return [(bytes(row["src"])[12:], *(int(row[name]) for name in names)) for row in rows if row["proto"] == 6]


def mirrored(case: str, shift: int) -> np.ndarray:
    """Both collectors' rows, the second with a clock that shows too much."""
    rows = vxtap.read([LAB / f"{case}-nva1.pcap", LAB / f"{case}-nva2.pcap"], columns=COLUMNS)
    rows["ts"][rows["source"] == 1] += np.timedelta64(shift, "ns")
    return rows


def estimated(rows: np.ndarray) -> clocks.Clocks:
    evidence = clocks.Evidence(2)
    evidence.take(rows)
    return evidence.solve()


def in_order(rows: np.ndarray, found: clocks.Clocks) -> np.ndarray:
    times = np.empty(len(rows), "M8[ns]")
    for source in range(2):
        which = rows["source"] == source
        times[which] = found.correct(source, rows["ts"][which])
    ordered: np.ndarray = rows[np.argsort(times, kind="stable")]
    return ordered


@pytest.mark.parametrize("shift", SHIFTS)
def test_connections_spread_over_both(shift: int) -> None:
    wanted = list(in_source("02-lb-asym-src.pcap"))
    rows = mirrored("02-lb-asym", shift)
    found = estimated(rows)
    one = found.offsets[1]
    assert found.known
    assert one.low_ns is not None
    assert one.high_ns is not None
    assert one.low_ns <= shift <= one.high_ns
    assert one.high_ns - one.low_ns <= 10_000
    assert one.conflicts == 0
    assert len(wanted) == 720
    assert in_rows(in_order(rows, found)) == wanted
    if shift:
        assert in_rows(rows[np.argsort(rows["ts"], kind="stable")]) != wanted


@pytest.mark.parametrize("shift", SHIFTS)
def test_connections_wholly_on_one(shift: int) -> None:
    rows = mirrored("02b-lb-sym", shift)
    found = estimated(rows)
    assert found.unknown == [0, 1]
    assert (in_order(rows, found)["ts"] == np.sort(rows["ts"])).all()


@pytest.mark.parametrize("case", ["03-lb-mixed", "07-mtu1500-frag"])
def test_other_mixtures(case: str) -> None:
    """Few connections on both: wider, and right."""
    one = estimated(mirrored(case, 2_000_000)).offsets[1]
    assert one.low_ns is not None
    assert one.high_ns is not None
    assert one.low_ns <= 2_000_000 <= one.high_ns
    assert one.high_ns - one.low_ns < 500_000
