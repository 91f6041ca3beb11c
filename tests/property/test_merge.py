"""What `vxtap.merge` writes and gives, against the oracle's order and its rule for duplicates."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import compare
import oracle_merge
import strategies
import vxtap
import written
from collectors import MS
from expect import tunnel_name
from merged import assert_sums, merge, oracle_rows, pairs, rows_of
from oracle_inner import Row
from strategies_merge import Case, many, merges
from trickle import Trickle

WINDOW = "10s"  # more than any capture here lasts
WITHIN = {"1ns": 1, "1ms": MS, "2ms": 2 * MS, "3s": 3000 * MS}
MERGES = merges()
SIZES = st.sampled_from([1, 2, 5, 1 << 16])
IN_ROWS = sorted(set(vxtap.PACKET.names or ()) - {"offset"})  # which counts over the files of a set


def inputs(cases: list[Case]) -> list[Any]:
    """What `merge` takes: a file, or the list of files of a rotated set."""
    return [case.files[0] if len(case.files) == 1 else case.files for case in cases]


def wanted_rows(cases: list[Case]) -> list[Row]:
    return oracle_rows([case.whole for case in cases])


def as_written(rows: list[Row]) -> list[tuple[int, bytes, int]]:
    """Time, bytes and length of rows in a file; one without a time has 0 there."""
    return [(row["ts"] or 0, row["inner"], row["wirelen"]) for row in rows]


def assert_rows(rows: np.ndarray, wanted: list[Row]) -> None:
    lines = compare.row_differences(rows[IN_ROWS], wanted)
    assert not lines, "\n".join(lines[:20])


# ---------------------------------------------------------------- order


@given(MERGES, st.sampled_from(["pcap", "pcapng"]))
def test_written_in_order(cases: list[Case], form: str) -> None:
    """Frames in the order of their times, each as its source has it; a reader of the tests' own reads them back."""
    done = merge(inputs(cases), window=WINDOW, format=form)
    assert done.error is None
    wanted = wanted_rows(cases)
    found = [(packet.ns, packet.data, packet.wirelen) for packet in done.packets]
    assert found == as_written(wanted)
    assert (done.report.written, done.report.late, done.report.bytes_out) == (len(wanted), 0, len(done.out))
    assert_sums(done.report, len(cases))


@given(MERGES, SIZES)
def test_rows_in_order(cases: list[Case], size: int) -> None:
    """All columns, `source` among them."""
    rows, report = rows_of(inputs(cases), size, window=WINDOW)
    assert_rows(rows, wanted_rows(cases))
    assert_sums(report, len(cases))


@given(MERGES, st.lists(st.integers(1, 200), min_size=1, max_size=4), SIZES)
def test_in_pieces(cases: list[Case], sizes: list[int], size: int) -> None:
    """However little of a source comes at a time."""
    whole = [case.whole for case in cases]
    trickles: Any = [Trickle(data, sizes) for data in whole]
    rows, _ = rows_of(trickles, size, window=WINDOW, dedup="2ms")
    assert compare.columns_of(rows) == compare.columns_of(rows_of(whole, window=WINDOW, dedup="2ms")[0])
    trickles = [Trickle(data, sizes) for data in whole]
    assert merge(trickles, window=WINDOW).out == merge(whole, window=WINDOW).out


@given(MERGES)
def test_reports_of_sources(cases: list[Case]) -> None:
    """Each is what reading that source alone reports."""
    report = merge(inputs(cases), window=WINDOW).report
    for number, each in enumerate(report.sources):
        with vxtap.open(inputs(cases)[number]) as capture:
            for _ in capture.batches():
                pass
            alone = capture.report
        assert (each.frames, each.decapsulated, each.skipped) == (alone.frames, alone.decapsulated, alone.skipped)
        assert (each.bytes_in, each.first_ns, each.last_ns) == (alone.bytes_in, alone.first_ns, alone.last_ns)
        assert (each.no_time, each.files, each.truncated_tail) == (alone.no_time, alone.files, alone.truncated_tail)


@given(MERGES)
def test_interfaces(cases: list[Case]) -> None:
    """In pcapng each tunnel of each source has an interface of its own, which is named so."""
    done = merge(inputs(cases), window=WINDOW)
    out, wanted = written.parse(done.out), wanted_rows(cases)
    keys = [(row["source"], row["vni"], row["outer_src"], row["outer_dst"]) for row in wanted]
    numbers = [packet.interface for packet in out.packets]
    assert len(set(zip(numbers, keys, strict=True))) == len(set(numbers)) == len(set(keys)) == len(out.interfaces)
    for packet, row in zip(out.packets, wanted, strict=True):
        assert out.interfaces[packet.interface].name.startswith(tunnel_name(row))


@given(merges(disorder=40 * MS), st.sampled_from(["0ms", "1ms", "5ms", "10ms"]), SIZES)
def test_beyond_the_window(cases: list[Case], window: str, size: int) -> None:
    """Whatever the window: all is written once, what is within it is in order, and the report counts what is not."""
    rows, report = rows_of(inputs(cases), size, window=window)
    wanted = wanted_rows(cases)
    keys = list(zip(rows["source"].tolist(), rows["frame"].tolist(), strict=True))
    assert sorted(keys) == sorted((row["source"], row["frame"]) for row in wanted)
    times = [row["ts"] for row in compare.plain(rows[["ts"]])]
    assert report.late == oracle_merge.late(times)
    assert report.late <= len(beyond(cases, int(window[:-2]) * MS))
    assert_sums(report, len(cases))
    done = merge(inputs(cases), window=window)
    by_key = {(row["source"], row["frame"]): row for row in wanted}
    assert [packet.data for packet in done.packets] == [by_key[key]["inner"] for key in keys]


def beyond(cases: list[Case], window: int) -> list[Row]:
    """Frames that come more than the window behind a later one of their own source: no others can be late."""
    found = []
    for number, case in enumerate(cases):
        latest = 0
        for row in oracle_merge.rows_of(case.whole, number):
            if row["ts"] is not None:
                found += [row] if row["ts"] < latest - window else []
                latest = max(latest, row["ts"])
    return found


# ---------------------------------------------------------------- duplicates


@settings(max_examples=3 * settings().max_examples)
@given(merges(timeless=False), st.sampled_from(sorted(WITHIN)), SIZES)
def test_duplicates(cases: list[Case], dedup: str, size: int) -> None:
    """The rule, in rows and in a file, with the counts of each pair of vantage points."""
    wanted = oracle_merge.dedup(wanted_rows(cases), WITHIN[dedup])
    rows, report = rows_of(inputs(cases), size, window=WINDOW, dedup=dedup)
    assert_rows(rows, wanted.kept)
    done = merge(inputs(cases), window=WINDOW, dedup=dedup)
    found = [(packet.ns, packet.data, packet.wirelen) for packet in done.packets]
    assert found == as_written(wanted.kept)
    for each in (report, done.report):
        assert (each.written, each.duplicates, each.late) == (len(wanted.kept), len(wanted.dropped), 0)
        assert pairs(each) == oracle_merge.pairs(wanted)
        assert_sums(each, len(cases))


def test_many_sights() -> None:
    """Thousands of sights of few packets within one window; more pairs of vantage points than are told apart."""
    rng = random.Random(1)
    cases = [many(rng) for _ in range(6)]
    wanted = oracle_merge.dedup(oracle_rows(cases), 3 * MS)
    rows, report = rows_of(cases, dedup="3ms", window=WINDOW)
    assert_rows(rows, wanted.kept)
    assert_sums(report, 6)
    assert len(wanted.dropped) > 1500
    every = oracle_merge.pairs(wanted)
    assert len(every) > len(report.pairs) > 100
    assert pairs(report) == Counter({pair: every[pair] for pair in pairs(report)})


# ---------------------------------------------------------------- whatever captures may hold


@given(st.lists(strategies.captures(), min_size=1, max_size=4), SIZES, st.sampled_from([None, "2ms"]))
def test_hostile(sources: list[bytes], size: int, dedup: str | None) -> None:
    """Nothing is lost or made up: each source's rows are those of reading it alone, up to its fault."""
    alone = [compare.see(data, frames="decapsulated") for data in sources]
    rows, error = [], None
    try:
        with vxtap.merge(sources, dedup=dedup) as merged:
            try:
                rows.extend(merged.batches(size))
            except vxtap.VxtapError as stopped:
                error = stopped
            report = merged.report
    except vxtap.VxtapError:
        assert any(seen.error is not None for seen in alone)
        return
    assert (error is None) == all(seen.error is None for seen in alone)
    if any(seen.error is not None and not seen.report.frames for seen in alone):
        return  # one of them is no capture at all
    assert_sums(report, len(sources))
    together = np.concatenate(rows) if rows else np.empty(0, vxtap.PACKET)
    assert report.written == len(together)
    for number, seen in enumerate(alone):
        mine = together[together["source"] == number]["frame"].tolist()
        theirs = seen.rows["frame"].tolist()
        assert not Counter(mine) - Counter(theirs)
        assert dedup is not None or sorted(mine) == sorted(theirs)
    assert report.late == oracle_merge.late(row["ts"] for row in compare.plain(together[["ts"]]))
