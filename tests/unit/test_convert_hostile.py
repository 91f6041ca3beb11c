"""Names, folders and manifests that somebody else has made: they end no run, and lose nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import vxtap
from cli.conftest import capture
from convert import states, tree


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two captures."""
    root = tmp_path / "in"
    root.mkdir()
    (root / "a.pcap").write_bytes(capture(3))
    (root / "b.pcap").write_bytes(capture(4))
    return root


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.mark.parametrize("partition", [None, "vni"])
def test_a_folder_whose_name_is_no_text(partition: Any, folder: Path, out: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    odd = folder / os.fsdecode(b"d\xff")
    odd.mkdir()
    (odd / "c.pcap").write_bytes(capture(5))
    report = vxtap.convert(folder, out, partition=partition)
    assert states(report) == {"a.pcap": "done", "b.pcap": "done", "c.pcap": "done"}
    name = next(name for name in tree(out) if name.endswith("c.pcap.parquet"))
    assert "d\udcff" in name
    with open(out / name, "rb") as file:
        assert parquet.ParquetFile(file).metadata.num_rows == 5
    assert states(vxtap.convert(folder, out, partition=partition)) == dict.fromkeys(
        ("a.pcap", "b.pcap", "c.pcap"), "skipped"
    )
