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
    """All that is left of a run whose rows are of this dtype."""
    shape = Shape(dtype.names, addresses=addresses, dtype=dtype)
    return need("pyarrow", extra="arrow").Table.from_batches(record_batches(run, shape), shape.schema)


def pandas_frame(table: pa.Table, *, categories: bool) -> pd.DataFrame:
    """A table for pandas, addresses as strings or categories."""
    pa = need("pyarrow", extra="pandas")
    if not categories:
        texts = [field.with_type(pa.utf8()) if _is_text(field) else field for field in table.schema]
        table = table.cast(pa.schema(texts))
    return table.to_pandas()


def _is_text(field: pa.Field) -> bool:
    return bool(need("pyarrow", extra="arrow").types.is_dictionary(field.type))


def polars_frame(data: pa.Table | pa.RecordBatch) -> pl.DataFrame:
    """A table or batch for polars, addresses as strings."""
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
    """What polars makes of columns, without any rows."""
    pa = need("pyarrow", extra="polars")
    return polars_frame(pa.Table.from_batches([], shape.schema)).schema
