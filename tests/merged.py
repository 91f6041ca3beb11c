"""Calling `vxtap.merge` in tests: into memory, whatever stops it, and its report in the oracle's terms."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any, NamedTuple

import numpy as np

import oracle_merge
import vxtap
import written
from build import pcap
from collectors import MS
from compare import address
from oracle_inner import Row
from unit.conftest import T0, frame


class Done(NamedTuple):
    """What one call of `merge` left."""

    out: bytes
    report: Any
    error: Exception | None

    @property
    def packets(self) -> list[written.Packet]:
        return written.parse(self.out).packets

    @property
    def times(self) -> list[int]:
        return [packet.ns for packet in self.packets]


def merge(sources: Any, **how: Any) -> Done:
    """Merge into memory; pcapng, since a classic file has one resolution for all, unless told otherwise."""
    out = io.BytesIO()
    try:
        report = vxtap.merge(sources, out, **{"format": "pcapng"} | how)
    except vxtap.VxtapError as error:
        return Done(out.getvalue(), None, error)
    return Done(out.getvalue(), report, None)


def rows_of(sources: Any, size: int = 1 << 16, **how: Any) -> tuple[np.ndarray, Any]:
    """The rows that come without an output, and the report."""
    with vxtap.merge(sources, **how) as merged:
        batches = list(merged.batches(size))
        assert all(batch.dtype == vxtap.PACKET and 0 < len(batch) <= size for batch in batches)
        rows = np.concatenate(batches) if batches else np.empty(0, vxtap.PACKET)
        return rows, merged.report


def vantage(point: Any) -> oracle_merge.Vantage:
    """A vantage point of a report as the oracle calls it."""
    return address(point.outer_src), point.vni, point.source


def pairs(report: Any) -> Counter[tuple[oracle_merge.Vantage, oracle_merge.Vantage]]:
    """How many duplicates each pair of vantage points had: whose sight was kept, whose was dropped."""
    found = {(vantage(pair.first), vantage(pair.second)): pair.count for pair in report.pairs}
    assert len(found) == len(report.pairs), "a pair stands there twice"
    return Counter(found)


def oracle_rows(sources: list[bytes]) -> list[Row]:
    """The oracle's rows of several captures in the order of merging."""
    return oracle_merge.in_order([oracle_merge.rows_of(data, number) for number, data in enumerate(sources)])


def assert_sums(report: Any, sources: int) -> None:
    """What a report says of itself has to add up."""
    assert len(report.sources) == sources
    for each in report.sources:
        assert each.decapsulated + sum(each.skipped.values()) == each.frames
    assert report.decapsulated == sum(each.decapsulated for each in report.sources)
    assert report.decapsulated == report.written + report.duplicates
    assert report.duplicates == sum(pair.count for pair in report.pairs) + report.other_pairs
    assert 0 <= report.late <= report.written
    for pair in report.pairs:
        assert pair.delay.min <= pair.delay.median <= pair.delay.p99 <= pair.delay.max


# ---------------------------------------------------------------- frames with numbers


def seen(*numbered: tuple[int, int], **how: Any) -> bytes:
    """A capture of frames given as (milliseconds after the start, number)."""
    return pcap([(T0 + ts * MS, frame(number)) for ts, number in numbered], **how)


def numbers(packets: list[written.Packet]) -> list[int]:
    """Which frames they are."""
    return [int.from_bytes(packet.data[34:36], "big") - 1000 for packet in packets]


def merged(sources: Any, **how: Any) -> list[int]:
    done = merge(sources, **how)
    assert done.error is None
    return numbers(done.packets)
