"""`where=`: whatever is asked of the columns, those rows come that a slow reader of the predicate takes, in every way.

Bundled captures are held against `vxtap.read` without a predicate, generated ones against the oracle of whole captures.
"""

from __future__ import annotations

import contextlib
import gzip
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import compare
import expect
import oracle
import oracle_merge
import ranges
import strategies
import vxtap
import written
from compare import columns_of
from merged import assert_sums, merge, rows_of
from oracle_predicates import mask
from strategies_merge import Case, cases, merges
from strategies_packets import Draw
from strategies_predicates import (
    BUNDLED,
    EVERYTHING,
    Predicate,
    bundled,
    bytes_of,
    holds,
    of_bundled,
    of_times,
    predicates,
    source_of,
)
from strategies_tunnels import options
from trickle import Trickle

COLUMNS = st.lists(st.sampled_from(vxtap.PACKET.names or ()), min_size=1, max_size=4, unique=True)
SIZES = st.sampled_from([1, 2, 5, 1 << 16])
BLOCKS = st.lists(st.integers(1, 300), min_size=1, max_size=4)
EXAMPLES = settings().max_examples
WINDOW = "10s"


def same(found: np.ndarray, wanted: np.ndarray) -> None:
    """The same rows; if not, in which columns they differ, and where first."""
    assert not (lines := ranges.row_differences("read", found, wanted)), "\n".join(lines[:10])


class Asked(NamedTuple):
    """A capture, how it is to be read, and what is asked of its rows."""

    data: bytes
    how: dict[str, Any]
    asked: list[Predicate]


@st.composite
def asked(
    draw: Draw, captures: st.SearchStrategy[bytes], extra: tuple[str, ...] = ("frame", "source"), most: int = 2
) -> Asked:
    """A generated capture and predicates on its rows."""
    data, how = draw(captures), draw(OPTIONS)
    try:
        rows = vxtap.read(data, **how)
    except vxtap.VxtapError:
        rows = np.empty(0, vxtap.PACKET)
    few = draw(st.lists(predicates(rows, extra, depth=2), min_size=1, max_size=most))
    return Asked(data, how, few)


OPTIONS = options()
ANY = asked(strategies.captures())


# ---------------------------------------------------------------- rows


@settings(max_examples=2 * EXAMPLES)
@given(of_bundled(), st.booleans())
def test_bundled(it: tuple[str, Predicate], partial: bool) -> None:
    """`read` gives the rows for which it holds, first fragments that are given up among them."""
    name, predicate = it
    rows = bundled(name, partial=partial)
    same(vxtap.read(source_of(name), where=predicate.text, partial=partial), rows[mask(predicate.tree, rows)])


@settings(max_examples=EXAMPLES // 2)
@given(of_times(bundled(EVERYTHING)))
def test_times(predicate: Predicate) -> None:
    """Where one frame has no time."""
    rows = bundled(EVERYTHING)
    same(vxtap.read(source_of(EVERYTHING), where=predicate.text), rows[mask(predicate.tree, rows)])


def test_the_predicates_tell_rows_apart() -> None:
    """Many of those above hold for some rows only."""
    some: list[bool] = []

    @settings(max_examples=EXAMPLES)
    @given(of_bundled())
    def draw(it: tuple[str, Predicate]) -> None:
        there = mask(it[1].tree, bundled(it[0]))
        some.append(bool(there.any()) and not there.all())

    draw()
    assert sum(some) > len(some) / 5


@settings(max_examples=EXAMPLES // 2)
@given(of_bundled(), COLUMNS)
def test_other_columns(it: tuple[str, Predicate], columns: list[str]) -> None:
    """The columns that it names need not be among those that are asked for."""
    name, predicate = it
    rows = bundled(name)
    found = vxtap.read(source_of(name), where=predicate.text, columns=columns)
    assert columns_of(found) == columns_of(rows[columns][mask(predicate.tree, rows)])


@settings(max_examples=EXAMPLES // 2)
@given(of_bundled(), st.booleans())
def test_all_frames(it: tuple[str, Predicate], partial: bool) -> None:
    """Frames for which it does not hold have the rows of frames whose VNI was not asked for; of a first fragment that
    is given up only the status changes.
    """
    name, predicate = it
    how: dict[str, Any] = {"frames": "all", "partial": partial}
    rows, others = bundled(name, **how), bundled(name, vni=0xFFFFFE, **how)
    out = (rows["status"] == vxtap.Status.OK) & ~mask(predicate.tree, rows)
    wanted = rows.copy()
    wanted[out] = others[out]
    wanted["status"][out] = vxtap.Status.FILTERED
    same(vxtap.read(source_of(name), where=predicate.text, **how), wanted)
    seen = compare.see(source_of(name), where=predicate.text, **how)
    assert columns_of(seen.rows) == columns_of(wanted)
    assert seen.report.skipped["filtered"] == out.sum()
    assert seen.report.decapsulated + sum(seen.report.skipped.values()) == seen.report.frames == len(rows)


def outcome(it: Asked, predicate: Predicate, **how: Any) -> oracle.Result:
    """What the oracle makes of a capture."""
    return oracle.decode(it.data, where=holds(predicate.tree), **compare.oracle_options(**it.how, **how))


def fits(it: Asked, predicate: Predicate, result: oracle.Result, **how: Any) -> None:
    """Rows, books and faults are the oracle's."""
    lines = compare.differences(it.data, result=result, where=predicate.text, **it.how, **how)
    assert not lines, "\n".join([repr(predicate.text), *lines[:10]])


def assert_in_pieces(it: Asked, predicate: Predicate, result: oracle.Result, blocks: list[int]) -> None:
    """The same as at once; but that a first fragment is not wanted may be known only when its row has been given."""
    late = [row["frame"] for row in result.rows if row["status"] == "filtered" and row["comes"][1] != oracle.LAST]
    rows, reports = [], []
    for source in (Trickle(it.data, blocks), it.data):
        seen = compare.see(source, where=predicate.text, **it.how)
        rows.append(compare.settled(seen.rows))
        rows[-1]["status"][np.isin(rows[-1]["frame"], late)] = vxtap.Status.FRAGMENT_JOINED
        reports.append((replace(seen.report, bytes_in=0), type(seen.error)))  # how much was read depends on blocks
    same(*rows)
    assert reports[0] == reports[1]


def assert_inner(it: Asked, predicate: Predicate, result: oracle.Result) -> None:
    """The inner frame of each row that is there."""
    wanted = {row["frame"]: row["inner"] for row in result.rows if row["status"] == "decapsulated"}
    found = {}
    with vxtap.open(it.data, where=predicate.text, **it.how) as capture, contextlib.suppress(vxtap.VxtapError):
        for row, frame in capture.frames():
            found[int(row["frame"])] = bytes(frame)
    assert found == wanted


@settings(max_examples=EXAMPLES // 3)
@given(ANY, BLOCKS, SIZES, st.sampled_from([[7], [0, 501], [0xFFFFFF]]))
def test_generated(it: Asked, blocks: list[int], size: int, vni: list[int]) -> None:
    """Late frames, plain captures and every kind of tunnel, however little comes at a time, and beside `vni`."""
    for predicate in it.asked:
        result = outcome(it, predicate)
        fits(it, predicate, result)
        assert_in_pieces(it, predicate, result, blocks)
        assert_inner(it, predicate, result)
        how = it.how | {"where": predicate.text, "frames": "decapsulated"}
        assert columns_of(compare.see(it.data, size=size, **how).rows) == columns_of(compare.see(it.data, **how).rows)
        if it.how["tunnels"] != ("none",):
            fits(it, predicate, outcome(it, predicate, vni=vni), vni=vni)


@settings(max_examples=EXAMPLES // 4)
@given(of_bundled(("frame",)), st.sampled_from([1, 2]))
def test_compressed(path: Path, it: tuple[str, Predicate], workers: int) -> None:
    """What the columns say does not depend on how the file is stored."""
    name, predicate = it
    path.write_bytes(gzip.compress(bytes_of(name), 1))
    rows = bundled(name)
    same(vxtap.read(path, where=predicate.text, workers=workers), rows[mask(predicate.tree, rows)])


@settings(max_examples=EXAMPLES // 4)
@given(of_bundled(("frame",)), st.integers(1, 40))
def test_scan(it: tuple[str, Predicate], size: int) -> None:
    """Record batches of the rows that are left, in order."""
    pytest.importorskip("pyarrow")
    name, predicate = it
    rows = bundled(name)
    with vxtap.scan(source_of(name), where=predicate.text, columns=["frame"], batch_size=size) as scan:
        found = scan.read_all()["frame"].to_pylist()
    assert found == rows["frame"][mask(predicate.tree, rows)].tolist()


@settings(max_examples=EXAMPLES // 4)
@given(st.data())
def test_sources(data: st.DataObject) -> None:
    """Each of several knows its number."""
    names = data.draw(st.lists(st.sampled_from(BUNDLED), min_size=2, max_size=3))
    paths = [source_of(name) for name in names]
    rows = vxtap.read(paths)
    predicate = data.draw(predicates(rows, ("source", "source", "frame")))
    same(vxtap.read(paths, where=predicate.text), rows[mask(predicate.tree, rows)])


# ---------------------------------------------------------------- ranges


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file, whatever is in it."""
    return tmp_path_factory.mktemp("where") / "x.pcap"


@pytest.fixture
def eager() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        ranges.be_eager(patch)
        yield


@pytest.mark.usefixtures("eager")
@settings(max_examples=EXAMPLES // 2)
@given(of_bundled(("offset",)), st.integers(100, 9000), st.sampled_from([2, 3]))
def test_ranges_of_bundled(it: tuple[str, Predicate], split: int, workers: int) -> None:
    name, predicate = it
    rows = bundled(name)
    found = vxtap.read(source_of(name), where=predicate.text, workers=workers, split=split)
    same(found, rows[mask(predicate.tree, rows)])


@pytest.mark.usefixtures("eager")
@settings(max_examples=EXAMPLES // 4)
@given(st.one_of(asked(strategies.traffic(), ("offset",), 1), ANY), st.integers(1, 9))
def test_ranges(path: Path, it: Asked, parts: int) -> None:
    """By ranges it is what one worker gives: rows, report and error; `frame` counts from the file's start."""
    path.write_bytes(it.data)
    split = max(1, len(it.data) // (4 * parts))
    ranges.assert_alike(lambda: path, [split, 2 * split], [2], where=it.asked[0].text, **it.how)


@settings(max_examples=EXAMPLES // 3)
@given(of_bundled(("frame", "frame", "offset")), st.integers(300, 9000))
def test_splits(path: Path, it: tuple[str, Predicate], split: int) -> None:
    """Splits that lie side by side are one range, and it is the file's; one alone has numbers of its own."""
    name, predicate = it
    path.write_bytes(bytes_of(name))
    splits = list(vxtap.plan(path, split=split))
    same(vxtap.read(splits, where=predicate.text), vxtap.read(path, where=predicate.text))
    alone = splits[len(splits) // 2]
    rows = vxtap.read(alone)
    same(vxtap.read(alone, where=predicate.text), rows[mask(predicate.tree, rows)])


# ---------------------------------------------------------------- what is written


FORMS = st.sampled_from([{"format": "pcap"}, {"format": "pcapng"}, {"format": "pcapng", "keep_others": True}])


@settings(max_examples=EXAMPLES // 3)
@given(ANY, FORMS, st.booleans())
def test_decap(it: Asked, form: dict[str, Any], ethernet: bool) -> None:
    """Just those inner frames are written, whatever the form; others are not kept either."""
    tree, text = it.asked[0]
    out = io.BytesIO()
    try:
        report = vxtap.decap(it.data, out, where=text, ethernet=ethernet, **form, **it.how)
    except vxtap.VxtapError:
        if not out.getvalue():
            return
        report = None
    keep = form.get("keep_others", False)
    how = {"form": form["format"], "keep": keep, "ethernet": ethernet, "where": holds(tree)}
    wanted = expect.expected(it.data, **how, **compare.oracle_options(**it.how))
    assert not written.difference(written.parse(out.getvalue()), wanted.file)
    if report is not None:
        assert report.decapsulated + sum(report.skipped.values()) == report.frames
        assert report.kept == wanted.kept
        counts = outcome(it, it.asked[0]).counts
        assert report.skipped["filtered"] == counts.get("filtered", 0)


@settings(max_examples=EXAMPLES // 4)
@given(of_bundled(), st.sampled_from([1, 2]), st.sampled_from(["pcap", "pcapng"]))
def test_decap_of_bundled(path: Path, it: tuple[str, Predicate], workers: int, form: Any) -> None:
    """From path to path, with one thread or two: the frames that `open` gives."""
    name, predicate = it
    with vxtap.open(source_of(name)) as capture:
        frames = [bytes(frame) for _, frame in capture.frames()]
    wanted = [frame for frame, there in zip(frames, mask(predicate.tree, bundled(name)), strict=True) if there]
    report = vxtap.decap(source_of(name), path, where=predicate.text, workers=workers, format=form)
    assert [packet.data for packet in written.parse(path.read_bytes()).packets] == wanted
    assert report.decapsulated == len(wanted)


# ---------------------------------------------------------------- several collectors


@st.composite
def asked_merges(draw: Draw) -> tuple[list[Case], Predicate]:
    """The sources of a merge, and a predicate on the rows of all of them."""
    cases = draw(merges(4, timeless=False))
    return cases, draw(predicates(rows_of(inputs(cases), window=WINDOW)[0], ("frame", "source", "source")))


def inputs(cases: list[Case]) -> list[Any]:
    """Files, and lists of files that are rotated sets."""
    return [case.files[0] if len(case.files) == 1 else case.files for case in cases]


@settings(max_examples=EXAMPLES // 4)
@given(asked_merges(), SIZES)
def test_merge_rows(it: tuple[list[Case], Predicate], size: int) -> None:
    """The rows for which it holds, each source with its number; what is left out is told of each source."""
    cases, (tree, text) = it
    rows, before = rows_of(inputs(cases), window=WINDOW)
    found, report = rows_of(inputs(cases), size, window=WINDOW, where=text)
    assert columns_of(found) == columns_of(rows[mask(tree, rows)])
    assert_sums(report, len(cases))
    filtered = [each.skipped["filtered"] for each in report.sources]
    left = [one.decapsulated - other.decapsulated for one, other in zip(before.sources, report.sources, strict=True)]
    assert filtered == left


@settings(max_examples=EXAMPLES // 5)
@given(asked_merges(), st.sampled_from([None, 2]))
def test_merge_duplicates(it: tuple[list[Case], Predicate], workers: int | None) -> None:
    """Duplicates are told among the rows for which it holds."""
    cases, (tree, text) = it
    sources = [filter(holds(tree), oracle_merge.rows_of(case.whole, number)) for number, case in enumerate(cases)]
    wanted = oracle_merge.dedup(oracle_merge.in_order(map(list, sources)), 2_000_000).kept
    done = merge([case.whole for case in cases], window=WINDOW, dedup="2ms", where=text, workers=workers)
    assert done.error is None
    assert [(packet.ns, packet.data) for packet in done.packets] == [(row["ts"], row["inner"]) for row in wanted]


@settings(max_examples=EXAMPLES // 4)
@given(st.data())
def test_rotated(data: st.DataObject) -> None:
    """Files of a set are one capture: its frames are counted on."""
    files = data.draw(cases()).files
    rows = vxtap.read([files])
    predicate = data.draw(predicates(rows, ("frame", "frame")))
    same(vxtap.read([files], where=predicate.text), rows[mask(predicate.tree, rows)])


# ---------------------------------------------------------------- what is told of captures


@settings(max_examples=EXAMPLES // 4)
@given(of_bundled())
def test_info(it: tuple[str, Predicate]) -> None:
    """Its report, and the tunnels of what is left."""
    name, predicate = it
    rows = bundled(name)
    rows = rows[mask(predicate.tree, rows)]
    info = vxtap.info(source_of(name), where=predicate.text)
    assert info.report.decapsulated == len(rows)
    assert sum(tunnel["frames"] for tunnel in info.tunnels) == len(rows)
    assert {tunnel["vni"] for tunnel in info.tunnels} == set(rows["vni"].tolist())


@settings(max_examples=EXAMPLES // 4)
@given(of_bundled())
def test_flows(it: tuple[str, Predicate]) -> None:
    """The conversations of the rows for which it holds."""
    name, predicate = it
    rows = bundled(name)
    found = vxtap.flows(source_of(name), where=predicate.text)
    assert columns_of(found) == columns_of(vxtap.flows(rows[mask(predicate.tree, rows)]))
