"""Duplicates that are marked rather than dropped, and what a merge knows of its sources after a census."""

from __future__ import annotations

import numpy as np

import vxtap
from build import ICMP, TCP, eth, icmp, ipv4, pcap, tcp, udp, vxlan
from vxtap.merging import Merged

MS = 1_000_000
NONE = np.uint32(0)


def frame(seq: int, vni: int = 7) -> bytes:
    return eth(ipv4(udp(vxlan(eth(ipv4(tcp(b"data", seq=seq), TCP)), vni))))


def capture(*times: int, vni: int = 7) -> bytes:
    """Packets whose sequence numbers are their places."""
    return pcap([(ts * MS, frame(seq, vni)) for seq, ts in enumerate(times)])


def rows_of(sources: list[bytes], dedup: str | None = "2ms", *, mark: bool = True) -> np.ndarray:
    with Merged(sources, vxtap.Options(dedup=dedup), mark=mark) as merged:
        rows = np.concatenate(list(merged.batches(3)))
        report = merged.report
    assert report.written + report.duplicates == report.decapsulated
    assert report.written == rows.size - np.count_nonzero(rows["flags"] & vxtap.Flag.DUPLICATE)
    return rows


def test_duplicates_are_rows_with_a_flag() -> None:
    rows = rows_of([capture(10, 20, 30), capture(11, 21, 39)])
    marked = (rows["flags"] & vxtap.Flag.DUPLICATE) != NONE
    assert rows["source"].tolist() == [0, 1, 0, 1, 0, 1]
    assert marked.tolist() == [False, True, False, True, False, False]


def test_the_others_are_those_of_a_merge_that_drops() -> None:
    sources = [capture(10, 20, 30, 40), capture(11, 20, 39, 41, vni=8)]
    marked, dropped = rows_of(sources), rows_of(sources, mark=False)
    np.testing.assert_array_equal(marked[(marked["flags"] & vxtap.Flag.DUPLICATE) == NONE], dropped)
    assert dropped.size == 5


def test_nothing_is_marked_unless_it_is_looked_for() -> None:
    rows = rows_of([capture(10), capture(10)], None)
    assert rows.size == 2
    assert not (rows["flags"] & vxtap.Flag.DUPLICATE).any()


def test_a_census_of_each_source() -> None:
    quote = ipv4(udp(b"", dport=4789))
    refused = pcap([(10 * MS, eth(ipv4(icmp(quote, 3, 3), ICMP)))])
    with Merged([capture(10, 20), refused], census=True) as merged:
        assert sum(batch.size for batch in merged.batches()) == 2
        assert [run.books.unreachables for run in merged.passes] == [0, 1]
        assert merged.error is None
