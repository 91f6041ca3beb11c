"""Files that are read by ranges, over generated captures: whatever ranges and workers, it is what one worker gives."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
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
from compare import columns_of
from ranges import borders, read, read_apart
from strategies_ranges import BATCHES, WORKERS, Ranged, nested, ranged
from strategies_tunnels import options
from trickle import Trickle
from vxtap import _facts

Write = Callable[[bytes], Callable[[], Path]]

FRAMES = st.sampled_from(["all", "decapsulated"])
MEMORY = st.sampled_from([{}, {}, {"fragment_memory": _facts.FRAGMENT_MEMORY}])
OPTIONS = st.builds(lambda some, memory, frames: some | memory | {"frames": frames}, options(), MEMORY, FRAMES)
ANY = ranged(strategies.captures())
TRAFFIC = ranged(strategies.traffic())
NESTED = ranged(nested())


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Put a capture into a file, always the same one: what one worker says of it has its name."""
    path = tmp_path_factory.mktemp("ranges") / "x.pcap"

    def put(data: bytes) -> Callable[[], Path]:
        path.write_bytes(data)
        return lambda: path

    return put


@pytest.fixture(scope="module", autouse=True)
def eager() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        ranges.be_eager(patch)
        yield


def assert_as_one(make: Callable[[], Any], it: Ranged, workers: int, size: int, **how: Any) -> None:
    ranges.assert_alike(make, it.splits, [workers], size=size, **how)


@settings(max_examples=settings().max_examples // 2)
@given(ANY, WORKERS, BATCHES, OPTIONS)
def test_any_capture(write: Write, it: Ranged, workers: int, size: int, how: dict[str, Any]) -> None:
    assert_as_one(write(it.data), it, workers, size, **how)


@given(TRAFFIC, WORKERS, BATCHES, OPTIONS)
def test_traffic(write: Write, it: Ranged, workers: int, size: int, how: dict[str, Any]) -> None:
    """Fragments and second sights on both sides of borders."""
    assert_as_one(write(it.data), it, workers, size, **how)


@given(NESTED, WORKERS, BATCHES, FRAMES)
def test_captures_in_captures(write: Write, it: Ranged, workers: int, size: int, frames: str) -> None:
    assert_as_one(write(it.data), it, workers, size, frames=frames, partial=bool(size % 2))


@settings(max_examples=settings().max_examples // 3)
@given(NESTED, WORKERS, st.lists(st.sampled_from(vxtap.PACKET.names or ()), min_size=1, unique=True))
def test_columns(write: Write, it: Ranged, workers: int, columns: list[str]) -> None:
    assert_as_one(write(it.data), it, workers, 100, columns=columns)


@settings(max_examples=settings().max_examples // 3)
@given(ANY, WORKERS, st.sampled_from([bytes, bytearray, io.BytesIO, lambda data: Trickle(data, [7, 100])]))
def test_other_sources(it: Ranged, workers: int, make: Callable[[bytes], Any]) -> None:
    assert_as_one(lambda: make(it.data), it, workers, 1 << 16)


@settings(max_examples=settings().max_examples // 3)
@given(st.one_of(ANY, NESTED), WORKERS)
def test_inner(write: Write, it: Ranged, workers: int) -> None:
    """The frame of every row is found while its batch is the current one, and when all is over."""
    path = write(it.data)()
    with vxtap.open(path, workers=1) as one, vxtap.open(path, workers=workers, split=it.splits[-1]) as two:
        try:
            wanted = {int(row["frame"]): bytes(one.inner(row)) for batch in one.batches(5) for row in batch}
        except vxtap.VxtapError:
            return
        found, rows = {}, []
        for batch in two.batches(5):
            rows.extend(batch)
            found |= {int(row["frame"]): bytes(two.inner(row)) for row in batch}
        assert found == wanted
        assert {int(row["frame"]): bytes(two.inner(row)) for row in rows[::7]}.items() <= wanted.items()


# ---------------------------------------------------------------- plans


def plan_of(path: Path, size: int) -> list[Any]:
    """The splits of a file; of what is no capture a plan may be refused, and then the file itself says why."""
    try:
        return list(vxtap.plan(path, split=size))
    except (vxtap.FormatError, vxtap.UnsupportedError):
        return [path]


@settings(max_examples=settings().max_examples // 2)
@given(st.one_of(ANY, NESTED), FRAMES, st.booleans())
def test_all_splits_are_the_file(write: Write, it: Ranged, frames: Any, partial: bool) -> None:
    """Those of hostile captures too: what lies side by side is one range, and that of all of them is the file."""
    path = write(it.data)()
    how: Any = {"frames": frames, "partial": partial}
    rows, error = read(path, workers=1, **how)
    for more in ({}, {"workers": 2, "split": 1 + it.splits[-1] // 2}):
        found, why = read(plan_of(path, it.splits[-1]), **more, **how)
        assert why == error
        assert rows is None or (found is not None and columns_of(found) == columns_of(rows))


@settings(max_examples=settings().max_examples // 3)
@given(st.one_of(ANY, NESTED))
def test_a_split_alone(write: Write, it: Ranged) -> None:
    """Of what is hostile it may be anything, but something: the books hold, places are within the file."""
    for split in plan_of(write(it.data)(), it.splits[-1]):
        seen = compare.see(split)
        report = seen.report
        assert report.decapsulated + sum(report.skipped.values()) == report.frames == len(seen.rows)
        assert seen.rows["frame"].tolist() == list(range(1, report.frames + 1))
        assert seen.error is None or isinstance(seen.error, vxtap.FormatError | vxtap.UnsupportedError)
        if seen.error is None:
            assert split.start <= report.began <= report.ended <= len(it.data) or not report.frames
            assert np.all((seen.rows["offset"] >= report.began) & (seen.rows["offset"] <= report.ended))


def test_the_captures_are_hostile() -> None:
    """Most of what is drawn above misleads who believes in the first chain of headers, or in a state of its own."""
    drawn: list[bool] = []

    @settings(max_examples=100)
    @given(NESTED)
    def draw(it: Ranged) -> None:
        if len(it.data) > 40 and borders(it.data):
            apart = read_apart(it.data, it.splits[-1], believe=True)
            drawn.append(columns_of(apart) != columns_of(compare.see(it.data).rows))

    draw()
    assert sum(drawn) > len(drawn) // 2 > 5
