"""Rows divided into the folders of a hive: by day, or by VNI."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from vxtap.extras import need
from vxtap.forms import PARTITIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

# What a folder is called whose rows have no value; that is how readers know it.
_NONE = "__HIVE_DEFAULT_PARTITION__"
_DAY = 86_400_000_000_000
_NO_DAY = np.iinfo(np.int64).min


def without_key(columns: Iterable[str], partition: str) -> list[str]:
    """The columns that stay in the files: the folder's name tells the VNI."""
    return [name for name in columns if name != partition]


def _keys(batch: pa.RecordBatch, partition: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """What each row is divided by: its VNI, or days since 1970."""
    column = batch.column(PARTITIONS[partition])
    if partition == "vni":
        return np.asarray(column)
    pa = need("pyarrow", extra="arrow")
    times = column.cast(pa.int64()).fill_null(_NO_DAY)
    return np.asarray(times) // _DAY


def _folder(key: int, partition: str) -> str:
    if partition == "vni":
        return f"vni={key}"
    return f"day={_NONE if key == _NO_DAY // _DAY else np.datetime64(key, 'D')}"


def divide(batches: Sequence[pa.RecordBatch], schema: pa.Schema, partition: str) -> Iterator[tuple[str, pa.Table]]:
    """Divide rows by the day of their times (UTC), or by their VNIs.

    Parameters
    ----------
    batches : sequence of pyarrow.RecordBatch
        The rows.
    schema : pyarrow.Schema
        Theirs, with the metadata that files are to have.
    partition : {"day", "vni"}
        What by.

    Yields
    ------
    folder : str
        Such as ``day=2026-11-24``.
    table : pyarrow.Table
        Its rows in order, without the column that the folder tells.
    """
    pa = need("pyarrow", extra="arrow")
    keys = np.concatenate([_keys(batch, partition) for batch in batches] or [np.empty(0, np.int64)])
    if not len(keys):
        return
    table = pa.Table.from_batches(batches, schema).select(without_key(schema.names, partition)).unify_dictionaries()
    first = int(keys[0])
    if (keys == first).all():
        yield _folder(first, partition), table
        return
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    borders = [0, *(np.flatnonzero(np.diff(ordered)) + 1).tolist(), len(keys)]
    for begin, end in pairwise(borders):
        rows = table.take(pa.array(order[begin:end]))
        columns = [_with_its_own_texts(column.combine_chunks()) for column in rows.columns]
        yield _folder(int(ordered[begin]), partition), pa.table(columns, schema=table.schema)


def _with_its_own_texts(column: pa.Array) -> pa.Array:
    """A column of which the dictionary has no more than its rows use: all of it would be in their file."""
    pa = need("pyarrow", extra="arrow")
    if not pa.types.is_dictionary(column.type):
        return column
    used = column.indices.dictionary_encode()
    return pa.DictionaryArray.from_arrays(used.indices, column.dictionary.take(used.dictionary))
