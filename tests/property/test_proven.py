"""Ranges that are read apart, over generated captures: together they are what one pass gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import strategies
import vxtap
from apart import differences, narrow, read_apart
from strategies_ranges import Ranged, nested, ranged
from strategies_tunnels import options
from vxtap import _facts

MEMORY = st.sampled_from([{}, {}, {"fragment_memory": _facts.FRAGMENT_MEMORY}])
OPTIONS = st.builds(lambda some, memory: some | memory, options(), MEMORY)
ANY = ranged(strategies.captures())
TRAFFIC = ranged(strategies.traffic())
NESTED = ranged(nested())
WARM = st.sampled_from([1, 200, 200, 1000])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    return tmp_path_factory.mktemp("proven") / "x.pcap"


def check(path: Path, it: Ranged, warm: int, how: dict[str, Any], *, whole: bool) -> list[vxtap.VxtapError]:
    """Compare, by each size of ranges; returns what was refused, which is not wrong."""
    path.write_bytes(it.data)
    refused = []
    for split in it.splits:
        with narrow(warm):
            found = read_apart(path, split, whole=whole, **how)
        if isinstance(found.error, vxtap.UnsupportedError):
            refused.append(found.error)
            continue
        lines = differences(path, found, **how)
        assert not lines, f"split={split}:\n" + "\n".join(lines[:10])
    return refused


@settings(max_examples=settings().max_examples // 4)
@given(ANY, WARM, OPTIONS)
def test_any_capture(path: Path, it: Ranged, warm: int, how: dict[str, Any]) -> None:
    check(path, it, warm, how, whole=True)


@settings(max_examples=settings().max_examples // 2)
@given(TRAFFIC, WARM, OPTIONS)
def test_traffic(path: Path, it: Ranged, warm: int, how: dict[str, Any]) -> None:
    """Fragments and second sights on both sides of borders."""
    assert not check(path, it, warm, how, whole=True)


@settings(max_examples=settings().max_examples // 4)
@given(NESTED, WARM, st.booleans())
def test_captures_in_captures(path: Path, it: Ranged, warm: int, partial: bool) -> None:
    assert not check(path, it, warm, {"partial": partial}, whole=True)
