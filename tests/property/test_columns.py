"""Columns of rows that hold anything at all, beside what numpy and Python make of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

import vxtap
from columns import check
from vxtap import arrow
from vxtap.batches import batches_of
from vxtap.tables import COLUMNS

# Few bytes, so that addresses are alike, differ in one place, and are zero.
NAT = np.datetime64("NaT", "ns")


@st.composite
def rows(draw: st.DrawFn) -> Any:
    """Records of random bytes, of which some columns are zero, some times none and some rows alike."""
    count = draw(st.integers(0, 40))
    seed, least = draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([0, 0xF0, 0xFF]))
    chance = np.random.default_rng(seed)
    made = np.zeros(count, vxtap.PACKET)
    values = chance.integers(0, 256, (count, vxtap.PACKET.itemsize), np.uint8)
    made.view(np.uint8).reshape(count, vxtap.PACKET.itemsize)[:] = np.where(values >= least, values, 0)
    for name in draw(st.sets(st.sampled_from(COLUMNS))):
        made[name][chance.random(count) < 0.5] = np.zeros(1, vxtap.PACKET[name])
    made["ts"][chance.random(count) < draw(st.sampled_from([0, 0.1, 1]))] = NAT
    if count:
        made = made[chance.integers(0, count, count)]
    return made


@given(
    rows=rows(),
    columns=st.lists(st.sampled_from(COLUMNS), min_size=1, unique=True),
    addresses=st.sampled_from(["text", "binary"]),
    size=st.integers(1, 50),
)
def test_any_rows(rows: Any, columns: list[str], addresses: Any, size: int) -> None:
    check(arrow.from_rows(rows, columns=columns, addresses=addresses), rows, addresses)
    shape = arrow.Shape(columns, addresses=addresses, dtype=rows.dtype)
    batches = list(batches_of(rows, shape, size))
    assert [len(batch) for batch in batches] == [min(size, len(rows) - at) for at in range(0, len(rows), size)]
    check(pa.Table.from_batches(batches, shape.schema), rows, addresses)
    check(arrow.from_rows(rows[columns], addresses=addresses), rows[columns], addresses)
