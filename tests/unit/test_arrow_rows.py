"""Arrow tables of rows that are there, and of what others give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import vxtap
from columns import check, mixed
from vxtap import arrow
from vxtap.batches import batches_of


def test_many_addresses() -> None:
    """Dictionaries grow within a batch, and begin anew with the next one."""
    rows = np.zeros(8000, vxtap.PACKET)
    numbers = np.arange(len(rows), dtype=">u8")
    rows["src"] = np.stack([numbers // 3, numbers * 7 % 1000], 1).view("V16").ravel()
    rows["dst"] = rows["src"][::-1]
    rows["eth_src"] = rows["eth_dst"] = np.zeros(1, "V6")
    rows["eth_src"][::2] = np.frombuffer(b"abcdef", "V6")
    check(arrow.from_rows(rows, columns=["src", "dst", "eth_src", "eth_dst"]), rows)
    shape = arrow.Shape(["src"], dtype=rows.dtype)
    for size in (30, 1000, 5000):
        parts = list(batches_of(rows, shape, size))
        assert [len(part) for part in parts[:-1]] == [size] * (len(rows) // size - (len(rows) % size == 0))
        check(pa.Table.from_batches(parts), rows)
        assert all(len(part["src"].dictionary) == len(set(part["src"].to_pylist()) - {None}) for part in parts)


def test_from_rows() -> None:
    rows = vxtap.read(mixed())
    check(arrow.from_rows(rows), rows)
    check(arrow.from_rows(rows, addresses="binary"), rows, "binary")
    check(arrow.from_rows(rows[::-2]), rows[::-2])
    check(arrow.from_rows(rows.reshape(2, -1)), rows)
    check(arrow.from_rows(rows[:0]), rows[:0])
    check(arrow.from_rows(rows[["dst", "vni", "src"]]), rows)
    check(arrow.from_rows(rows, columns=["dst"]), rows)
    assert arrow.from_rows(rows).schema == arrow.schema("all")
    some = vxtap.read(mixed(), columns=["vni", "proto", "src"])
    table = arrow.from_rows(some)
    assert table.schema.names == ["vni", "proto", "src"]
    check(table, some)  # without `dst`, a source of zeros is none


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros(3), "expected rows of vxtap.read, got ndarray"),
        ([1], "expected rows of vxtap.read, got list"),
        (np.zeros(3, [("vin", "u4")]), "columns: there is no 'vin': did you mean 'vni'?"),
        (np.zeros(3, [("vni", "u8")]), "expected rows of vxtap.read: 'vni' is uint64, not uint32"),
        (np.zeros(3, [("vni", ">u4")]), "expected rows of vxtap.read: 'vni' is >u4, not uint32"),
    ],
)
def test_from_what_is_no_rows(rows: Any, message: str) -> None:
    with pytest.raises(vxtap.OptionError) as caught:
        arrow.from_rows(rows)
    assert str(caught.value).startswith(message)


def test_from_rows_without_a_column() -> None:
    with pytest.raises(vxtap.OptionError, match=r"expected rows of vxtap\.read with a column 'ts': there are vni"):
        arrow.from_rows(np.zeros(3, [("vni", "u4")]), columns=["ts"])


class Given:
    """A run that is none of vxtap's: rows by the piece, and an error behind them."""

    live = False

    def __init__(self, rows: Any, piece: int, error: Exception | None = None) -> None:
        self.rows, self.piece, self.error, self.at = rows, piece, error, 0

    def fill(self, buffer: Any, row: int, *, one_window: bool) -> tuple[int, bool]:
        room = np.frombuffer(buffer, self.rows.dtype)[row:]
        count = min(len(room), len(self.rows) - self.at, self.piece)
        room[:count] = self.rows[self.at : self.at + count]
        self.at += count
        return row + count, self.at < len(self.rows)


@pytest.mark.parametrize("piece", [1, 5, 1000])
def test_any_run(piece: int) -> None:
    shape = arrow.Shape(["src", "ts"])
    rows = vxtap.read(mixed(10), columns=shape.projection.dtype.names)
    batches = list(arrow.record_batches(Given(rows, piece), shape, 16))
    assert [len(batch) for batch in batches] == [16, 16, 8]
    check(pa.Table.from_batches(batches), rows)
    given = arrow.record_batches(Given(rows, piece, OSError("gone")), shape, 64)
    assert len(next(given)) == 40
    with pytest.raises(OSError, match="gone"):
        next(given)
