"""The set-up this library is for, with real parts: what a machine sent and got against what two collectors have of it.

A kernel mirrors a machine's frames into VXLAN, a load balancer spreads them, tcpdump records on either end.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import oracle_files
import vxtap
from lab.network import DEADLINE, FABRIC, GATEWAY, VNI, Network, lacking, until
from lab.recording import Recorded, recording
from vxtap.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.needs_root,
    pytest.mark.skipif(bool(lacking()), reason=f"the network cannot be built here: {lacking()}"),
]
PAGE = 1000  # bytes, in one segment: connections then take turns, so that it is decided who came first
BIG_PAGE = 200_000
CONNECTIONS = 60
HOLE = 10.0  # seconds
AROUND = 3.0  # before and after it, each: less than five in all tell no rate


@dataclass(frozen=True)
class Frame:
    """One frame of a capture: nanoseconds, bytes, and the collector that has it."""

    ts: int
    data: bytes
    collector: int = 0


def plain(path: Path) -> list[Frame]:
    """The frames of a capture that has no tunnel in it, without this library."""
    capture = oracle_files.read_capture(path.read_bytes())
    assert capture.fault is None
    return [Frame(frame.ts or 0, frame.data) for frame in capture.frames]


def mirrored(recorded: Recorded) -> list[Frame]:
    """The inner frames that the collectors have, in the order of their times."""
    found = []
    for number, path in enumerate(recorded.collectors):
        with vxtap.open(path) as capture:
            found += [Frame(int(row["ts"].astype("i8")), bytes(frame), number) for row, frame in capture.frames()]
    return sorted(found, key=lambda frame: frame.ts)


def contents(frames: list[Frame]) -> list[bytes]:
    return [frame.data for frame in frames]


def tcp_bytes(frames: list[Frame]) -> dict[bytes, set[int]]:
    """For each direction of each connection, the sequence numbers whose bytes the frames carry."""
    carried: dict[bytes, set[int]] = {}
    for frame in frames:
        if frame.data[12:14] == b"\x08\x00" and frame.data[23] == 6:  # IPv4 without options, TCP
            (total,), (seq,) = struct.unpack(">H", frame.data[16:18]), struct.unpack(">L", frame.data[38:42])
            size = total - 20 - (frame.data[46] >> 4) * 4
            carried.setdefault(frame.data[26:38], set()).update((seq + at) % 2**32 for at in range(size))
    return carried


def lost(recorded: Recorded) -> int:
    """Bytes of TCP that the source saw and no collector has."""
    mirror = tcp_bytes(mirrored(recorded))
    return sum(len(sent - mirror.get(way, set())) for way, sent in tcp_bytes(plain(recorded.source)).items())


def compare(recorded: Recorded) -> tuple[bool, dict[str, Any]]:
    """Whether the mirror is complete, and all that is told of it; the command's status has to say the same."""
    found = vxtap.compare(recorded.source, recorded.collectors)
    status = main(["compare", "--quiet", "--strict", str(recorded.source), *map(str, recorded.collectors)])
    assert status == (0 if found.complete else 1)
    return found.complete, found.to_dict()


@contextmanager
def mirroring(folder: Path, *directions: str, offload: bool = False) -> Iterator[tuple[Network, Recorded]]:
    """A network whose source is mirrored and recorded while the block lasts."""
    with Network() as network:
        for machine in ("source", "web"):
            network.offload(machine, "eth0", on=offload)
        network.mirror(*directions)
        with recording(network, folder) as recorded:
            yield network, recorded


# ---------------------------------------------------------------- a page, and sixty connections at once


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Both directions mirrored; the kernel gives each direction of a connection an outer port of its own."""
    with mirroring(tmp_path_factory.mktemp("busy"), "egress", "ingress") as (network, recorded):
        network.load(1, PAGE)
        network.load(CONNECTIONS, PAGE)
    return recorded


def test_the_mirror_has_what_the_source_saw(busy: Recorded) -> None:
    """What the other tests build on: each frame, none twice, and its order by the collectors' clocks alone."""
    source = plain(busy.source)
    assert len(source) > 6 * CONNECTIONS
    assert contents(mirrored(busy)) == contents(source)
    rows = vxtap.read([str(path) for path in busy.collectors])
    assert set(rows["vni"]) == {VNI["source"]}
    assert {vxtap.format_ip(address) for address in rows["outer_src"]} == {FABRIC}
    assert set(rows["source"]) == {0, 1}
    assert len(set(rows["flow"][rows["proto"] == 6])) == 1 + CONNECTIONS


@pytest.mark.parametrize("dedup", [None, "2ms"])
def test_merged_is_what_the_source_saw(busy: Recorded, dedup: str | None, tmp_path: Path) -> None:
    """The same frames in the same order; no two of them are sights of one, however alike they are."""
    source = plain(busy.source)
    report = vxtap.merge(busy.collectors, tmp_path / "inner.pcap", dedup=dedup)
    assert contents(plain(tmp_path / "inner.pcap")) == contents(source)
    assert report.written == report.decapsulated == len(source)
    assert (report.late, report.duplicates) == (0, 0)
    assert [one.decapsulated > 0 for one in report.sources] == [True, True]


def test_rows_are_those_of_the_source(busy: Recorded) -> None:
    """Every column of the inner frame, however it was reached."""
    source = vxtap.read(busy.source, tunnels="none")
    with vxtap.merge([*busy.collectors]) as merged:
        rows = np.concatenate(list(merged.batches()))
    assert len(rows) == len(source)
    for name in (
        "caplen",
        "wirelen",
        "eth_src",
        "src",
        "proto",
        "ip_id",
        "sport",
        "tcp_flags",
        "tcp_seq",
        "payload_len",
    ):
        assert rows[name].tolist() == source[name].tolist(), name


def test_compared_it_is_complete(busy: Recorded) -> None:
    complete, told = compare(busy)
    size = sum(map(len, tcp_bytes(plain(busy.source)).values()))
    assert complete
    expected = {"source_bytes": size, "mirror_bytes": size, "missing_bytes": 0, "connections": 1 + CONNECTIONS}
    assert told["tcp"] == told["tcp"] | expected
    assert told["packets"]["matched"] > 0
    assert {told["packets"][name] for name in ("only_source", "only_mirror", "truncated")} == {0}


def test_in_good_health(busy: Recorded) -> None:
    found = vxtap.health(busy.collectors)
    assert (found.holes, found.edges, found.one_way["count"], found.conversations["missing_bytes"]) == ([], [], 0, 0)
    assert found.problems == [problem for problem in found.problems if problem["finding"] == "unreachable"]
    assert sum(row["packets"] for row in found.tunnels) == len(plain(busy.source))
    assert {(row["outer_src"], row["vni"]) for row in found.tunnels} == {(FABRIC, VNI["source"])}


def test_connections_are_split_over_the_collectors(busy: Recorded) -> None:
    """Each direction has an outer port of its own, and goes where that leads."""
    rows = vxtap.read([*busy.collectors])
    rows = rows[rows["proto"] == 6]
    seen_by = [set(rows["source"][rows["flow"] == flow]) for flow in np.unique(rows["flow"])]
    split = sum(len(sources) == 2 for sources in seen_by)
    found = vxtap.health(busy.collectors)
    assert 0 < split <= found.conversations["split"] <= split + 1  # and the datagram that marks the end
    assert [row["packets"] > 0 for row in found.collectors] == [True, True]
    assert sum(row["packets_share"] for row in found.collectors) == pytest.approx(1, abs=0.001)


# ---------------------------------------------------------------- super-segments


@pytest.fixture(scope="module")
def offloaded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """The source leaves cutting and sums to its network card, as machines do; what is mirrored has passed that."""
    with mirroring(tmp_path_factory.mktemp("offloaded"), "egress", "ingress", offload=True) as (network, recorded):
        network.load(3, BIG_PAGE)
    return recorded


def test_the_mirror_has_the_bytes_of_super_segments(offloaded: Recorded) -> None:
    source, mirror = plain(offloaded.source), mirrored(offloaded)
    assert max(map(len, contents(source))) > 1514 >= max(map(len, contents(mirror)))
    assert tcp_bytes(mirror) == tcp_bytes(source)
    assert sum(map(len, tcp_bytes(source).values())) > 3 * BIG_PAGE


def test_merged_has_the_bytes_of_super_segments(offloaded: Recorded, tmp_path: Path) -> None:
    vxtap.merge(offloaded.collectors, tmp_path / "inner.pcap")
    merged = plain(tmp_path / "inner.pcap")
    assert tcp_bytes(merged) == tcp_bytes(plain(offloaded.source))
    assert [frame.ts for frame in merged] == sorted(frame.ts for frame in merged)


def test_compared_super_segments_are_complete(offloaded: Recorded) -> None:
    complete, told = compare(offloaded)
    assert complete
    assert (told["tcp"]["missing_bytes"], told["tcp"]["connections"]) == (0, 3)


# ---------------------------------------------------------------- both ends mirrored


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """The web server is mirrored, too: each frame is seen from two vantage points, on any of the collectors."""
    with mirroring(tmp_path_factory.mktemp("twice"), "egress", "ingress") as (network, recorded):
        network.mirror("egress", "ingress", machine="web")
        network.load(CONNECTIONS, PAGE)
    return recorded


def test_merged_has_each_frame_once(twice: Recorded, tmp_path: Path) -> None:
    source = plain(twice.source)
    assert Counter(contents(mirrored(twice))) == Counter(contents(source) * 2)
    report = vxtap.merge(twice.collectors, tmp_path / "inner.pcap", dedup="100ms")
    assert contents(plain(tmp_path / "inner.pcap")) == contents(source)
    assert (report.written, report.duplicates) == (len(source), len(source))


# ---------------------------------------------------------------- ten seconds without a mirror


def grow(recorded: Recorded) -> None:
    """Wait until both collectors have recorded some connections more."""
    wanted = {path: path.stat().st_size + 20_000 for path in recorded.collectors}
    until(lambda: all(path.stat().st_size > size for path, size in wanted.items()), "both collectors see the mirror")


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Connections all the time, the mirror taken away for a while."""
    with (
        mirroring(tmp_path_factory.mktemp("interrupted"), "egress", "ingress") as (network, recorded),
        network.steadily(PAGE),
    ):
        grow(recorded)
        time.sleep(AROUND)
        network.stop_mirror()
        time.sleep(HOLE)
        network.mirror("egress", "ingress")
        time.sleep(AROUND)
        grow(recorded)
    return recorded


def test_a_hole(interrupted: Recorded) -> None:
    source, mirror = plain(interrupted.source), mirrored(interrupted)
    missing = Counter(contents(source)) - Counter(contents(mirror))
    assert missing.total() > 100
    assert not Counter(contents(mirror)) - Counter(contents(source))


def test_compared_a_hole_is_a_loss(interrupted: Recorded) -> None:
    complete, told = compare(interrupted)
    assert not complete
    assert told["tcp"]["missing_bytes"] == lost(interrupted) > 0
    assert told["one_way"] == ""


def test_a_hole_is_told_of(interrupted: Recorded) -> None:
    """One, of that tunnel source over both collectors, between the frames that the mirror was taken away between."""
    times = [frame.ts for frame in mirrored(interrupted)]
    length, begin = max((after - before, before) for before, after in pairwise(times))
    assert length > HOLE * 1e9
    found = vxtap.health(interrupted.collectors)
    assert len(found.holes) == 1
    hole = found.holes[0]
    assert (hole["outer_src"], hole["vni"]) == (FABRIC, VNI["source"])
    assert hole["seconds"] == pytest.approx(length / 1e9)
    assert np.datetime64(hole["begin"].rstrip("Z"), "ns").astype(int) == begin
    assert "hole" in {problem["finding"] for problem in found.problems}


# ---------------------------------------------------------------- egress only


@pytest.fixture(scope="module")
def one_way(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """What the source sent is mirrored, what it got is not. It speaks to two others: the one in common is it."""
    with mirroring(tmp_path_factory.mktemp("one_way"), "egress") as (network, recorded):
        network.mark("source", GATEWAY, "hello", answered=False)
        network.load(CONNECTIONS, PAGE)
    return recorded


def test_egress_only(one_way: Recorded) -> None:
    sent = [frame for frame in plain(one_way.source) if frame.data[6:12] == bytes.fromhex("000d3a000036")]
    assert contents(mirrored(one_way)) == contents(sent)


def test_compared_what_came_in_is_missing(one_way: Recorded) -> None:
    complete, told = compare(one_way)
    assert not complete
    assert told["tcp"]["missing_bytes"] == lost(one_way) > CONNECTIONS * PAGE
    assert told["one_way"] == "egress"


def test_one_way_conversations_are_told_of(one_way: Recorded) -> None:
    """All of them, and that TCP of them was answered by what is not there."""
    found = vxtap.health(one_way.collectors)
    told = found.one_way
    assert told["answered"] == CONNECTIONS
    assert told["count"] == told["egress"] == found.conversations["count"]
    assert found.holes == []
    assert "one_way" in {problem["finding"] for problem in found.problems}


# ---------------------------------------------------------------- the network itself


BUILDER = """
import signal, time
from lab.network import Network

signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell may have told it to ignore
with Network() as network:
    print(*(space.pid for space in network.spaces.values()), flush=True)
    time.sleep(60)
"""


def runs(process: str) -> bool:
    """Whether it does; one that has ended stays in the list until its new parent asks for it."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left(number: signal.Signals) -> None:
    """Not by Ctrl-C, not even by what a process cannot answer."""
    command = [sys.executable, "-c", BUILDER]
    where = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(command, env=where, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as builder:
        assert builder.stdout is not None
        processes = builder.stdout.readline().split()
        assert len(processes) == 6
        assert all(runs(process) for process in processes)
        builder.send_signal(number)
        builder.wait(DEADLINE)
    until(lambda: not any(runs(process) for process in processes), "the keepers of the namespaces are gone")
