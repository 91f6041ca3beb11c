"""`where`, over bundled and generated captures: what comes out is what a mask over all rows leaves, whoever reads."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import compare
import ranges
import strategies
import vxtap
import written
from oracle_where import Rule, Sample, rules
from strategies_ranges import Ranged, ranged
from strategies_tunnels import options
from vxtap import where

DATA = Path(__file__).parent.parent / "data"
BUNDLED = sorted(path.name for path in DATA.glob("*.pcap*"))
CAPTURES, TRAFFIC, OPTIONS = strategies.captures(), strategies.traffic(), options()
NAMES = st.sampled_from(vxtap.PACKET.names or ())
FILTERED, LOST = vxtap.Status.FILTERED.value, vxtap.Status.FRAGMENT_LOST.value


@pytest.fixture(scope="module")
def eager() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        ranges.be_eager(patch)
        yield


def rows_of(data: Any, **how: Any) -> np.ndarray | None:
    """All rows; None for what is no capture, or is damaged."""
    try:
        return vxtap.read(data, **how)
    except vxtap.VxtapError:
        return None


def masked(rows: np.ndarray, rule: Rule) -> np.ndarray:
    """The rows for which it holds; those of skipped frames are not asked about."""
    return rows[rule.holds(rows)]


def unused_vni(rows: np.ndarray) -> int:
    return next(vni for vni in range(1 << 24) if vni not in set(rows["vni"].tolist()))


def assert_all(data: Any, rule: Rule, how: dict[str, Any]) -> None:
    """Rows of all frames: those that are left out look as if a VNI had been asked for that they do not have."""
    every = vxtap.read(data, frames="all", **how)
    found = vxtap.read(data, frames="all", where=rule.text, **how)
    wanted = every.copy()
    out = (every["status"] == 0) & ~rule.holds(every)
    if vxtap.Options(**how).wanted["plain"]:
        assert (found["status"] == np.where(out, FILTERED, every["status"])).all()
        return
    other = vxtap.read(data, frames="all", **{**how, "vni": unused_vni(every)})
    wanted[out] = other[out]
    late = out & (other["status"] == LOST)  # first fragments, which say no VNI before they are given up
    wanted["status"][late] = FILTERED
    assert found.tolist() == wanted.tolist()


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled(name: str) -> None:
    data = (DATA / name).read_bytes()[: 1 << 16]
    rows = vxtap.read(data)

    @settings(max_examples=max(5, settings().max_examples // 8))
    @given(rules(Sample(rows)))
    def check(rule: Rule) -> None:
        kept = masked(rows, rule)
        assert vxtap.read(data, where=rule.text).tolist() == kept.tolist()
        assert set(where.parse(rule.text).columns) == rule.columns
        assert_all(data, rule, {})

    check()


@given(st.data(), st.one_of(CAPTURES, TRAFFIC), OPTIONS)
def test_generated(drawn: st.DataObject, data: bytes, how: dict[str, Any]) -> None:
    rows = rows_of(data, **how)
    if rows is None:
        return
    rule = drawn.draw(rules(Sample(rows)))
    assert vxtap.read(data, where=rule.text, **how).tolist() == masked(rows, rule).tolist()
    assert_all(data, rule, how)


@settings(max_examples=settings().max_examples // 2)
@given(st.data(), st.one_of(CAPTURES, TRAFFIC), OPTIONS, st.lists(NAMES, min_size=1, max_size=3, unique=True))
def test_columns(drawn: st.DataObject, data: bytes, how: dict[str, Any], columns: list[str]) -> None:
    """What it looks at need not be among the columns that are asked for; and every frame is in the books."""
    rows = rows_of(data, **how)
    if rows is None:
        return
    rule = drawn.draw(rules(Sample(rows)))
    kept = masked(rows, rule)
    with vxtap.open(data, columns=columns, where=rule.text, **how) as capture:
        found = list(capture.batches(7))
    assert [row for batch in found for row in batch.tolist()] == kept[columns].tolist()
    with vxtap.open(data, **how) as plain:
        list(plain.batches())
    report, all_of = capture.report, plain.report
    assert report.decapsulated == len(kept) == all_of.decapsulated - (len(rows) - len(kept))
    assert report.decapsulated + sum(report.skipped.values()) == report.frames == all_of.frames
    assert report.skipped - all_of.skipped == ({"filtered": len(rows) - len(kept)} if len(kept) < len(rows) else {})


@settings(max_examples=settings().max_examples // 2)
@given(st.data(), TRAFFIC, OPTIONS, st.sampled_from(("pcap", "pcapng")))
def test_decap(drawn: st.DataObject, data: bytes, how: dict[str, Any], form: str) -> None:
    """An inner capture has the frames of the rows."""
    rows = rows_of(data, **how)
    if rows is None:
        return
    rule = drawn.draw(rules(Sample(rows)))
    out = io.BytesIO()
    report = vxtap.decap(data, out, where=rule.text, format=form, ethernet=form == "pcap", **how)
    with vxtap.open(data, where=rule.text, **how) as capture:
        frames = [bytes(frame) for _, frame in capture.frames()]
    if form == "pcapng":
        place = report.skipped["no_ethernet"]
        assert len(frames) == report.decapsulated + place
        if not place:
            assert [packet.data for packet in written.parse(out.getvalue()).packets] == frames
    else:
        assert [packet.data[-len(frame) :] for packet, frame in zip(packets_of(out), frames, strict=True)] == frames


def packets_of(out: io.BytesIO) -> list[written.Packet]:
    return list(written.parse(out.getvalue()).packets)


@settings(max_examples=settings().max_examples // 4)
@given(st.data(), ranged(st.one_of(CAPTURES, TRAFFIC)), OPTIONS, st.sampled_from((2, 3)))
def test_ranges(eager: None, drawn: st.DataObject, it: Ranged, how: dict[str, Any], workers: int) -> None:
    """By several threads it is what one gives."""
    rows = rows_of(it.data, **how)
    if rows is None:
        return
    rule = drawn.draw(rules(Sample(rows)))
    ranges.assert_alike(lambda: it.data, it.splits, [workers], where=rule.text, **how)


@settings(max_examples=settings().max_examples // 4)
@given(st.data(), TRAFFIC, OPTIONS)
def test_merge(drawn: st.DataObject, data: bytes, how: dict[str, Any]) -> None:
    """Each source of a merge by itself: of the same rows twice, those that are left come out twice."""
    rows = rows_of(data, **how)
    if rows is None:
        return
    rule = drawn.draw(rules(Sample(rows)))
    if "source" in rule.columns:
        return
    kept = masked(rows, rule)
    with vxtap.merge([data, data], where=rule.text, **how) as merged:
        found = [row for batch in merged.batches() for row in batch]
    for source in (0, 1):
        frames = sorted(int(row["frame"]) for row in found if row["source"] == source)
        assert frames == sorted(kept["frame"].tolist())
    assert [one.skipped["filtered"] for one in merged.report.sources] == 2 * [
        len(rows) - len(kept) + compare.see(data, **how).report.skipped["filtered"]
    ]
