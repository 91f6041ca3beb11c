"""The benchmarks as modules, and a small capture of theirs."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
PACKETS = 300


@pytest.fixture(scope="module")
def suite() -> Iterator[types.SimpleNamespace]:
    """The suite's modules, which are scripts and find each other by their folder."""
    names = "cases check compressed contest data environments forms measure pair peers picture report run"
    before = set(sys.modules)
    sys.path[:0] = [str(BENCHMARKS), str(BENCHMARKS / "peers")]
    try:
        yield types.SimpleNamespace(
            **{name: __import__(name) for name in [*names.split(), "tables", "targets", "texts", "traffic"]}
        )
    finally:
        del sys.path[:2]
        for name in set(sys.modules) - before:
            if str(BENCHMARKS) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("captures")


@pytest.fixture(scope="module")
def capture(suite: types.SimpleNamespace, folder: Path) -> Path:
    return suite.data.ensure("imix", packets=PACKETS, folder=folder)


@pytest.fixture
def meter(suite: types.SimpleNamespace, tmp_path: Path) -> object:
    return suite.measure.Meter(tmp_path / "out.pcap", 1)
