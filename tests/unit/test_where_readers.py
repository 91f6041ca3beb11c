"""`where` in all that reads captures: rows, inner captures, merges; ranges, fragments, late rows, plain captures."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vxtap
from build import TCP, eth, ipv4, pcap, tcp, udp, vxlan
from build_fragments import fragments
from vxtap.options import Options, OuterOptions
from vxtap.ranges import threads_of
from vxtap.rotation import Rotation

DATA = Path(__file__).parent.parent / "data"
CURL, LB = DATA / "01-curl-nva1.pcap", [DATA / "02-lb-asym-nva1.pcap", DATA / "02-lb-asym-nva2.pcap"]
T0 = 1_700_000_000 * 10**9
PORTS = (80, 443, 8080, 53)


def inner(dport: int = 80, size: int = 4) -> bytes:
    return eth(ipv4(tcp(bytes(size), dport=dport), TCP))


def mirrored(dport: int = 80, vni: int = 7) -> bytes:
    return eth(ipv4(udp(vxlan(inner(dport), vni))))


SOURCES: dict[str, Callable[[], Any]] = {
    "buffer": CURL.read_bytes,
    "file": lambda: CURL,
    "object": lambda: io.BytesIO(CURL.read_bytes()),
}
TCP_ONLY = "proto == tcp and payload_len > 0"


@pytest.mark.parametrize("source", SOURCES)
def test_every_reader_takes_it(source: str) -> None:
    make = SOURCES[source]
    rows = vxtap.read(CURL)
    count = int(((rows["proto"] == 6) & (rows["payload_len"] > 0)).sum())
    left_out = {"filtered": len(rows) - count, "not_udp": 8}
    assert 0 < count < len(rows)
    assert len(vxtap.read(make(), where=TCP_ONLY)) == count
    with vxtap.open(make(), where=TCP_ONLY, columns=["ts"]) as capture:
        assert sum(len(batch) for batch in capture) == count
        assert capture.report.skipped == left_out
    report = vxtap.decap(make(), io.BytesIO(), where=TCP_ONLY)
    assert (report.decapsulated, report.skipped) == (count, left_out)
    assert vxtap.info(make(), where=TCP_ONLY).report.skipped == left_out
    assert vxtap.merge([make()], io.BytesIO(), where=TCP_ONLY).written == count
    with vxtap.merge([make(), CURL], where=TCP_ONLY) as merged:
        assert sum(len(batch) for batch in merged) == 2 * count
    flows = vxtap.flows(make(), where=TCP_ONLY)
    assert int((flows["packets_out"] + flows["packets_in"]).sum()) == count
    assert vxtap.health([make()], where=TCP_ONLY).report.skipped == left_out
    assert "where" in OuterOptions.__annotations__


def test_compare_filters_the_mirror_only() -> None:
    source = DATA / "02-lb-asym-src.pcap"
    all_of, none_of = vxtap.compare(source, LB), vxtap.compare(source, LB, where="vni == 12345")
    assert none_of.source_bytes == all_of.source_bytes > 0
    assert (all_of.complete, none_of.complete) == (True, False)
    assert none_of.mirror_bytes == 0


def test_clocks_are_aligned_by_all_packets() -> None:
    """What is left out is left out of what is merged only."""
    with vxtap.merge(LB, align=True) as plain, vxtap.merge(LB, align=True, where="dport < 0") as merged:
        assert list(merged) == []
        list(plain)
        assert merged.report.offsets == plain.report.offsets


def test_frames_and_inner_frames(tmp_path: Path) -> None:
    """Those put together again are found, whichever source of several they are of."""
    path = tmp_path / "x.pcap"
    packets = [fragments(ipv4(udp(vxlan(inner(port, 600)))), [400, 400], ident=port) for port in range(1, 300)]
    path.write_bytes(pcap([(T0 + i, eth(one)) for i, one in enumerate(part for parts in packets for part in parts)]))
    where = "dport & 1 and frame > 100 and source == 0"
    with vxtap.open(path, where=where, columns=["offset", "caplen", "flags", "dport"]) as capture:
        rows = np.concatenate(list(capture.batches(20)))
        assert len(rows) == 125
        assert all(bytes(capture.inner(row)) == inner(int(row["dport"]), 600) for row in rows)


def test_numbers_of_frames_need_one_thread(tmp_path: Path) -> None:
    """A thread that reads a range counts from 0."""
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([(T0 + i, mirrored(i)) for i in range(5000)]))
    for where, threads in (("frame > 2500", 1), ("frame > -1 or dport > 2499", 1), ("dport > 2499", 3), (None, 3)):
        options = Options(workers=3, where=where)
        with closing(Rotation(path)) as files:
            assert threads_of(options, files) == threads
        rows = vxtap.read(path, workers=3, split=20_000, where=where)
        assert rows.tolist() == vxtap.read(path, workers=1, where=where).tolist()
    assert vxtap.read(path, workers=3, split=20_000, where="frame > 2500")["frame"].tolist() == list(range(2501, 5001))


def test_late_rows() -> None:
    """The first fragment of a datagram that is given up is asked about when it is."""
    first = {port: eth(fragments(ipv4(udp(vxlan(inner(port, 600)))), [400, 400], ident=port)[0]) for port in (80, 443)}
    data = pcap([(T0, first[80]), (T0 + 1, first[443]), (T0 + 2, mirrored(53))])
    where = "dport == 443 and flags & truncated or dport == 53"
    with vxtap.open(data, partial=True, where=where) as capture:
        rows = np.concatenate(list(capture.batches()))
        assert rows["dport"].tolist() == [53, 443]
        assert capture.report.skipped == {"filtered": 1}
    every = vxtap.read(data, partial=True, where=where, frames="all")
    assert every["status"].tolist() == [vxtap.Status.FILTERED, vxtap.Status.OK, vxtap.Status.OK]
    assert every["caplen"][0] == len(first[80])
    assert vxtap.read(data, partial=True, where=where, frames="all", columns=["status"])["status"].tolist()[0] == (
        vxtap.Status.FILTERED
    )
    report = vxtap.decap(data, io.BytesIO(), partial=True, where=where)
    assert (report.decapsulated, report.skipped) == (2, {"filtered": 1})
    with vxtap.open(data, partial=True, where=where, frames="all") as capture:  # the row of the frame is gone by then
        statuses = [int(status) for batch in capture.batches(1) for status in batch["status"]]
        assert statuses == [vxtap.Status.FRAGMENT_JOINED] * 2 + [vxtap.Status.OK] * 2
        assert capture.report.skipped == {"filtered": 1}


def test_plain_captures() -> None:
    data = pcap([(T0, inner(port)) for port in PORTS])
    assert vxtap.read(data, where="dport < 100", tunnels="none")["dport"].tolist() == [80, 53]
    rows = vxtap.read(data, where="dport < 100", tunnels="none", frames="all")
    assert rows["status"].tolist() == [0, vxtap.Status.FILTERED, vxtap.Status.FILTERED, 0]
    assert rows["dport"].tolist() == [80, 0, 0, 53]
    assert rows["caplen"].tolist() == [len(inner())] * 4


def test_nothing_of_it_is_loaded_without_it() -> None:
    """And with it no numpy, and of what reads addresses and times only what it needs."""
    code = "import sys, vxtap.options as o; {}; print(*({{'numpy', 'vxtap.where', 'ipaddress'}} & set(sys.modules)))"
    for made, loaded in (
        ("o.Options()", ""),
        ("o.Options(where='vni == 7 and ts > 2026-11-24')", "vxtap.where"),
    ):
        line = [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n" + code.format(made)]
        assert subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip() == loaded
