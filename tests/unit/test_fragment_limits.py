"""Fragments whose lengths lie, the time that any frame tells, several sources, and memory that is not there."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

import build
import compare
import vxtap
from build import eth, ipv4, ipv6, pcap, udp, vxlan
from build_fragments import fragments
from unit.conftest import T0, inner_frame

SECOND = 10**9
DATAGRAM = ipv4(udp(vxlan(inner_frame(1, 40))), ident=7)
FIRST, LAST = (eth(piece) for piece in fragments(DATAGRAM, [48]))
PLAIN = eth(ipv4(udp(vxlan(inner_frame(2, 40)))))


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("offset", [0, 1, 8191])
def test_a_length_on_the_wire_that_wraps(family: int, offset: int) -> None:
    """Without a length in the IP header the record's counts, and that can be anything up to 2^32 - 1."""
    wire = 2**32 - offset * 8 + 42
    if family == 4:
        frame = eth(ipv4(bytes(8), total=0, offset=offset))
    else:
        extensions = [build.ext_fragment(offset, ident=1)]
        frame = eth(ipv6(bytes(8), extensions=extensions, length=0), build.IPV6)
    for length in {min(wire, 2**32 - 1), 2**32 - 1, 2**31, 65535 + 42}:
        compare.assert_same(pcap([(T0, frame, length)]))


def test_a_second_source_keeps_its_rows() -> None:
    """A fragment that is given up corrects no rows where they are not one a frame."""
    one = pcap([(T0 + i, PLAIN) for i in range(5)])
    other = pcap([(T0, PLAIN), (T0 + 1, PLAIN), (T0 + 2, FIRST)])
    for frames in ("decapsulated", "all"):
        rows = vxtap.read([one, other], frames=frames)
        alone = vxtap.read(other, frames=frames)
        assert rows["status"].tolist() == [0] * 5 + alone["status"].tolist()


def test_any_frame_tells_the_time() -> None:
    """What has waited too long is given up when it has, not when the next fragment comes."""
    frames = [(T0, FIRST), *((T0 + i * SECOND, PLAIN) for i in range(1, 60))]
    numbers = vxtap.read(pcap(frames), partial=True)["frame"].tolist()
    assert numbers == [*range(2, 32), 1, *range(32, 61)]
    with vxtap.open(pcap([*frames, (T0 + 61 * SECOND, LAST)])) as capture:
        assert sum(map(len, capture.batches())) == 59
        assert capture.report.skipped == Counter(fragment_lost=2)


@pytest.mark.parametrize("timeout", [1e300, 10**400, np.int64(3), np.float32(3)])
def test_long_times_and_numbers_of_other_kinds(timeout: float) -> None:
    how = {"fragment_timeout": timeout, "depth": np.int64(2), "tunnels": iter(["vxlan", "geneve"])}
    rows = vxtap.read(pcap([(T0, FIRST), (T0 + SECOND, LAST)]), **how)
    assert rows["flags"].tolist() == [vxtap.Flag.REASSEMBLED]


def test_no_memory() -> None:
    """What was read before is delivered, then it is said; nothing is read twice."""
    script = """
import resource
import build, vxtap
from build import eth, ipv4, pcap, udp, vxlan
inner = build.eth(build.arp(), build.ARP)
good = [(i, eth(ipv4(udp(vxlan(inner))))) for i in range(10)]
# 40,000 datagrams that are never complete, of more memory than there is
bad = [(100 + i, eth(ipv4(bytes(64), offset=0, more=True, ident=i % 65536, src=bytes([10, i >> 16, 0, 1]))))
       for i in range(40_000)]
data = pcap(good + bad)
vxtap.read(data[:1000])
with open("/proc/self/statm") as file:
    size = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (48 << 20), resource.RLIM_INFINITY))
with vxtap.open(data, fragment_memory="2GiB") as capture:
    rows = 0
    try:
        for batch in capture.batches(): rows += len(batch)
    except MemoryError as error:
        report = capture.report
        print(rows, report.decapsulated, sum(report.skipped.values()) + report.decapsulated == report.frames, error)
"""
    paths = [path for path in sys.path if path]
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{script}"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.stdout.startswith("10 10 True "), ran.stderr
    assert "no memory for what has to be remembered" in ran.stdout
