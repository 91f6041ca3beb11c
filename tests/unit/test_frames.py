"""Captures as tables and data frames: what their columns hold, and of which type."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import vxtap
from columns import WIDER, check, expected, mixed
from compare import DATA
from unit.conftest import capture
from vxtap import arrow
from vxtap.tables import COLUMNS, DEFAULT_COLUMNS

NVA = DATA / "02-lb-asym-nva1.pcap"
SOME = [NVA, DATA / "11-dumpcap-any-nva1.pcapng", mixed()]


def check_pandas(frame: pd.DataFrame, rows: Any, addresses: str = "text") -> None:
    assert len(frame) == len(rows)
    for name in frame.columns:
        column = frame[name]
        if rows.dtype[name].kind == "M":
            assert str(column.dtype) == "datetime64[ns, UTC]"
            values = [None if pd.isna(one) else one.value for one in column]
        else:
            values = [None if one is None or one is pd.NA or one != one else one for one in column]  # noqa: PLR0124
        if rows.dtype[name].kind == "u":
            assert column.dtype == WIDER[rows.dtype[name].itemsize]
        assert values == expected(rows, name, addresses), name


def check_polars(frame: pl.DataFrame, rows: Any, addresses: str = "text") -> None:
    assert frame.height == len(rows)
    for name, kind in frame.schema.items():
        column = frame[name]
        if rows.dtype[name].kind == "M":
            assert kind == pl.Datetime("ns", "UTC")
            column = column.cast(pl.Int64)
        elif rows.dtype[name].kind == "u":
            assert kind == {1: pl.Int16, 2: pl.Int32, 4: pl.Int64, 8: pl.Int64}[rows.dtype[name].itemsize]
        else:
            assert kind == (pl.String if addresses == "text" else pl.Binary)
        assert column.to_list() == expected(rows, name, addresses), name


@pytest.mark.parametrize("addresses", ["text", "binary"])
@pytest.mark.parametrize("source", SOME, ids=["ethernet", "cooked", "mixed"])
def test_frames_of_captures(source: Any, addresses: Any) -> None:
    rows = vxtap.read(source)
    with vxtap.open(source) as opened:
        table = opened.to_arrow(addresses=addresses)
        assert table.schema == arrow.schema("all", addresses=addresses)
        check(table, rows, addresses)
        assert opened.to_arrow(addresses=addresses).num_rows == 0  # all has been read
    with vxtap.open(source) as opened:
        check_pandas(opened.to_pandas(addresses=addresses), rows, addresses)
    with vxtap.open(source) as opened:
        check_polars(opened.to_polars(addresses=addresses), rows, addresses)
    with vxtap.scan(source, addresses=addresses) as scan:
        check_pandas(scan.to_pandas(), rows, addresses)
    with vxtap.scan(source, addresses=addresses, batch_size=50) as scan:
        check_polars(scan.to_polars(), rows, addresses)


def test_categories() -> None:
    rows = vxtap.read([NVA, mixed()])
    frame = vxtap.scan([NVA, mixed()], batch_size=100).to_pandas(categories=True)
    assert tuple(frame.columns) == DEFAULT_COLUMNS
    assert str(frame["src"].dtype) == "category"
    check_pandas(frame, rows)
    with vxtap.open(NVA, columns=["dst", "vni"]) as opened:
        assert list(map(str, opened.to_pandas(categories=True).dtypes)) == ["category", "int64"]


def test_the_rest_of_a_capture() -> None:
    """What batches have given is gone; columns are those of the capture."""
    with vxtap.open(capture(50), columns=["sport", "ts"]) as opened:
        first = next(opened.batches(20))
        table = opened.to_arrow()
        assert opened.report.frames == 50
    assert table.schema.names == ["sport", "ts"]
    assert [*first["sport"].tolist(), *table["sport"].to_pylist()] == [1000 + i for i in range(50)]
    with vxtap.open(capture(3), frames="all") as opened:
        assert tuple(opened.to_polars().columns) == COLUMNS


def test_skipped_frames() -> None:
    rows = vxtap.read(DATA / "20-noise-nva1.pcap", frames="all")
    with vxtap.open(DATA / "20-noise-nva1.pcap", frames="all") as opened:
        check(opened.to_arrow(), rows)


@pytest.mark.parametrize("ask", ["to_arrow", "to_pandas", "to_polars"])
def test_a_fault_gives_nothing(ask: str) -> None:
    with vxtap.open(capture(5) + b"\xff" * 16) as opened, pytest.raises(vxtap.FormatError, match="after frame 5"):
        getattr(opened, ask)()


def test_empty_frames() -> None:
    nothing = vxtap.read(capture(0))
    check_polars(vxtap.open(capture(0)).to_polars(), nothing)
    check_pandas(vxtap.open(capture(0)).to_pandas(), nothing)
    assert vxtap.open(capture(0)).to_polars().schema == vxtap.open(capture(1)).to_polars().schema


@pytest.mark.parametrize(
    ("call", "missing", "extra"),
    [
        ("vxtap.open({0}).to_arrow()", "pyarrow", "arrow"),
        ("vxtap.open({0}).to_pandas()", "pandas", "pandas"),
        ("vxtap.open({0}).to_polars()", "polars", "polars"),
        ("vxtap.scan({0}).to_polars()", "polars", "polars"),
        ("vxtap.scan({0}).to_pandas()", "pandas", "pandas"),
        ("vxtap.scan({0})", "pyarrow", "arrow"),
        ("vxtap.arrow.schema()", "pyarrow", "arrow"),
        ("vxtap.polars.scan({0})", "polars", "polars"),
        ("vxtap.polars.scan({0})", "pyarrow", "polars"),
        ("vxtap.open({0}).to_pandas()", "pyarrow", "pandas"),
        ("vxtap.open({0}).to_polars()", "pyarrow", "polars"),
    ],
)
def test_what_is_missing_is_named(call: str, missing: str, extra: str) -> None:
    code = f"import sys, vxtap; sys.modules[{missing!r}] = None\n"
    code += f"try: {call.format(repr(str(NVA)))}\nexcept vxtap.UnsupportedError as error: print(error)"
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout == f"{missing} is needed for this, and not installed: pip install 'vxtap[{extra}]'\n"


def test_what_a_library_lacks_itself_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vxtap.extras import need

    (tmp_path / "half_a_library.py").write_text("import no_such_thing_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_thing_at_all"):
        need("half_a_library", extra="arrow")
    assert need("numpy", extra="arrow") is np
