"""What frames know of each other: fragments in any order, second sights, and rows that come late."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import build
import compare
import oracle
import strategies_traffic
import vxtap
from build_fragments import fragments
from strategies_packets import inner_frames
from strategies_tunnels import options
from trickle import Trickle

TRAFFIC = strategies_traffic.traffic_captures()
OPTIONS = options()
BLOCKS = st.lists(st.integers(1, 200), min_size=1, max_size=6)
STEP = 1000


@settings(max_examples=2 * settings().max_examples)
@given(TRAFFIC, OPTIONS)
def test_oracle(data: bytes, how: dict[str, Any]) -> None:
    compare.assert_same(data, **how)


@settings(max_examples=2 * settings().max_examples)
@given(TRAFFIC, OPTIONS)
def test_late_rows(data: bytes, how: dict[str, Any]) -> None:
    """A first fragment that goes on alone comes when it is given up, as a row of its own like any other."""
    result = oracle.decode(data, **compare.oracle_options(**how))
    wanted = [row for row in result.rows if row["status"] == "decapsulated"]
    rows = compare.see(data, frames="decapsulated", **how).rows
    assert not compare.row_differences(compare.by_frame(rows), wanted)
    assert rows["frame"].tolist() == [row["frame"] for row in sorted(wanted, key=lambda row: row["comes"])]


@given(TRAFFIC, st.integers(1, 3), OPTIONS)
def test_small_batches(data: bytes, size: int, how: dict[str, Any]) -> None:
    """What was handed out stays as it was; the books are right all the same."""
    result = oracle.decode(data, **compare.oracle_options(**how))
    seen = compare.see(data, size=size, **how)
    assert not compare.report_differences(seen.report, result, len(data))
    final = {row["frame"]: row["status"] for row in result.rows}
    for row in compare.plain(seen.rows):
        assert row["status"] in (final[row["frame"]], "fragment_joined")


@given(TRAFFIC, BLOCKS, OPTIONS)
def test_blocks(data: bytes, sizes: list[int], how: dict[str, Any]) -> None:
    """Also where a fragment's bytes have left the block before the datagram is complete."""
    compare.assert_same(data, Trickle(data, sizes), **how)


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[Counter[bytes], list[bytes], list[bytes]]:
    """Inner frames, and the fragments of their datagrams in two orders; some are there twice."""
    inner = draw(st.lists(inner_frames(), min_size=1, max_size=4))
    around: Any = draw(st.sampled_from([build.ipv4, build.ipv6]))
    pieces: list[bytes] = []
    twice: list[bytes] = []
    for ident, frame in enumerate(inner, 1):
        packet = around(build.udp(build.vxlan(frame)))
        parts = fragments(packet, draw(strategies_traffic.SIZES), ident=ident)
        pieces += parts
        if len(parts) > 1 and draw(st.booleans()):  # a packet in one piece would be another one the second time
            twice.append(draw(st.sampled_from(parts)))
    pieces += twice
    return Counter(inner), draw(st.permutations(pieces)), draw(st.permutations(pieces))


def inner_of(packets: list[bytes], how: dict[str, Any]) -> Counter[bytes]:
    """The inner frames of a capture of IP packets."""
    data = build.pcap([(at * STEP, packet) for at, packet in enumerate(packets)], build.RAW)
    found: Counter[bytes] = Counter()
    with vxtap.open(data, **how) as capture, suppress(vxtap.VxtapError):
        for _, frame in capture.frames():
            found[bytes(frame)] += 1
    return found


@given(shuffled(), st.booleans())
def test_order(case: tuple[Counter[bytes], list[bytes], list[bytes]], partial: bool) -> None:
    """The order of fragments does not matter, where they do not overlap."""
    inner, one, other = case
    assert inner_of(one, {"partial": partial}) == inner_of(other, {"partial": partial}) == inner
