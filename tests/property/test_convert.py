"""Folders of any captures, converted by any number of threads to any number of files: the rows of one read of each."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

import vxtap
from columns import check
from convert import last, tree
from strategies import captures
from vxtap import parquet
from vxtap.convert_report import Converted

COLUMNS = ("ts", "frame", "vni", "src", "dst", "outer_src", "eth_dst", "flow")


def read(path: Path) -> tuple[Any, vxtap.Report, str]:
    """All rows before a fault, the books, and what the fault is."""
    with vxtap.open(path, workers=1) as opened:
        rows, fault = [np.zeros(0, vxtap.PACKET)], ""
        try:
            rows += list(opened.batches())
        except vxtap.VxtapError as error:
            fault = str(error)
        return np.concatenate(rows), opened.report, fault


def table(one: Converted, partition: str | None) -> pa.Table:
    """All rows of an input's outputs, in the order of the capture."""
    files = [pq.ParquetFile(path).read() for path in one.outputs]
    for i, (found, path) in enumerate(zip(files, one.outputs, strict=True)):
        if partition == "vni":
            vni = int(Path(path).parent.name.removeprefix("vni="))
            files[i] = found.add_column(2, "vni", pa.array([vni] * len(found), pa.int64()))
    whole = pa.concat_tables([found.select(COLUMNS) for found in files], promote_options="permissive")
    return whole.sort_by("frame")


@st.composite
def folders(draw: st.DrawFn) -> dict[str, bytes]:
    """Captures by names, compressed or not, some cut or damaged."""
    found = {}
    for i, data in enumerate(draw(st.lists(captures(), min_size=1, max_size=4))):
        zipped = draw(st.booleans())
        found[f"{'ab'[i % 2]}/{i}"] = gzip.compress(data, 1) if zipped else data
    return found


@settings(max_examples=25)
@given(
    files=folders(),
    workers=st.integers(1, 4),
    row_group=st.integers(1, 5),
    groups=st.integers(1, 3),
    partition=st.sampled_from([None, None, "day", "vni"]),
)
def test_any_folder(files: dict[str, bytes], workers: int, row_group: int, groups: int, partition: Any) -> None:
    how: dict[str, Any] = {"workers": workers, "row_group": row_group, "partition": partition, "columns": COLUMNS}
    width = sum(width for width, _, _ in parquet.Shape(COLUMNS).widths)
    with tempfile.TemporaryDirectory() as name:
        root, out = Path(name) / "in", Path(name) / "out"
        for path, data in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
        with patch.object(parquet, "_PART", groups * row_group * width * (1 if partition is None else 2)):
            report = vxtap.convert([root, *(root / path for path in files)], out, **how)
        assert sorted(one.input for one in report.files) == sorted(str(root / path) for path in files)
        for one in report.files:
            rows, books, fault = read(Path(one.input))
            assert (one.state, fault in one.error) == ("failed" if fault else "done", True)
            assert one.report is not None
            assert {**one.report.to_dict(), "bytes_out": 0} == books.to_dict()
            check_outputs(one, rows, row_group * groups, partition)
        outputs = [str(Path(path).relative_to(out)) for path in report.outputs]
        assert tree(out) == sorted(outputs)
        assert {line["state"] for line in last(out).values()} <= {"done", "failed"}
        again = vxtap.convert([root, *(root / path for path in files)], out, **how)
        assert {one.input for one in again.skipped} == {one.input for one in report.done}


def check_outputs(one: Converted, rows: Any, most: int, partition: str | None) -> None:
    """Each file has as many rows as fit, and all together are the rows."""
    if not one.outputs:
        assert not len(rows)
        return
    counts = [pq.ParquetFile(path).metadata.num_rows for path in one.outputs]
    if partition is None:
        assert counts == [min(most, len(rows) - at) for at in range(0, len(rows), most)] or counts == [0]
    found = table(one, partition)
    rows = rows[np.argsort(rows["frame"], kind="stable")]
    check(found, rows)
