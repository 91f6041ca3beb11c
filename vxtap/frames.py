"""Arrow tables -> data frames of pandas and polars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vxtap.batches import record_batches
from vxtap.extras import need
from vxtap.shapes import Shape

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from vxtap.batches import Run


def table_of(run: Run, dtype: np.dtype[np.void], addresses: str) -> pa.Table:
    """Read all that is left of a run into a table.

    Parameters
    ----------
    run : Run
        As for `vxtap.batches.record_batches`.
    dtype : numpy.dtype
        Of its rows: `vxtap.PACKET`, or some of its columns.
    addresses : {"text", "binary"}
        As for `vxtap.scan`.

    Returns
    -------
    pyarrow.Table
        One chunk a batch, memory of its own.

    Raises
    ------
    UnsupportedError
        Where pyarrow is not installed.
    Exception
        `run.error`.
    """
    shape = Shape(dtype.names, addresses=addresses, dtype=dtype)
    return need("pyarrow", extra="arrow").Table.from_batches(record_batches(run, shape), shape.schema)


def pandas_frame(table: pa.Table, *, categories: bool) -> pd.DataFrame:
    """Make a data frame of pandas.

    Parameters
    ----------
    table : pyarrow.Table
        Its dictionaries are addresses as text.
    categories : bool
        Leave them so: as categories. If not, they become strings.

    Returns
    -------
    pandas.DataFrame
        Times as ``datetime64[ns, UTC]``, numbers as ``int16`` to ``int64``; a copy, where pyarrow needs one.
    """
    pa = need("pyarrow", extra="pandas")
    if not categories:
        texts = [field.with_type(pa.utf8()) if _is_text(field) else field for field in table.schema]
        table = table.cast(pa.schema(texts))
    return table.to_pandas()


def _is_text(field: pa.Field) -> bool:
    return bool(need("pyarrow", extra="arrow").types.is_dictionary(field.type))


def polars_frame(data: pa.Table | pa.RecordBatch) -> pl.DataFrame:
    """Make a data frame of polars.

    Parameters
    ----------
    data : pyarrow.Table or pyarrow.RecordBatch
        Its dictionaries are addresses as text, and become strings.

    Returns
    -------
    polars.DataFrame
        Times as ``Datetime("ns", "UTC")``, numbers as ``Int16`` to ``Int64``; it may share memory with `data`.
    """
    pl = need("polars", extra="polars")
    pa = need("pyarrow", extra="polars")
    batches = data.to_batches() if isinstance(data, pa.Table) else [data]
    return pl.concat(map(_one_frame, batches or [pa.RecordBatch.from_pylist([], data.schema)]))


def _one_frame(batch: pa.RecordBatch) -> pl.DataFrame:
    pl = need("polars", extra="polars")
    return pl.DataFrame([_series(name, column) for name, column in zip(batch.schema.names, batch.columns, strict=True)])


def _series(name: str, column: Any) -> pl.Series:
    """A column. Addresses by picking their texts, which is five times as fast as polars' own conversion."""
    pl = need("polars", extra="polars")
    if not hasattr(column, "dictionary"):
        return pl.Series(name, pl.from_arrow(column))
    return pl.Series(name, pl.from_arrow(column.dictionary)).gather(pl.from_arrow(column.indices))


def polars_schema(shape: Shape) -> pl.Schema:
    """Tell what polars makes of columns, without any rows.

    Parameters
    ----------
    shape : Shape
        What the columns are.

    Returns
    -------
    polars.Schema
        The schema of what `polars_frame` makes of them.
    """
    pa = need("pyarrow", extra="polars")
    return polars_frame(pa.Table.from_batches([], shape.schema)).schema
