"""How columns are written into Parquet files, by whoever writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows of a row group where nobody says how many.
ROW_GROUP = 1 << 18
#: For the files' columns: little is gained by more, and time lost.
COMPRESSION, LEVEL = "zstd", 1
# Columns of which each value is near the one before: those are written as differences.
_STEADY = ("ts", "frame", "offset")
# Columns of which hardly a value comes twice, and which a dictionary makes larger.
_DISTINCT = ("flow", "tcp_seq", "tcp_ack")


def writer_options(schema: pa.Schema, compression: str = COMPRESSION) -> dict[str, Any]:
    """Choose how a file is written, by what is known of the columns: arguments of `pyarrow.parquet.ParquetWriter`."""
    steady = [name for name in _STEADY if name in schema.names]
    return {
        "compression": compression,
        "compression_level": LEVEL if compression == COMPRESSION else None,
        "use_dictionary": [name for name in schema.names if name not in (*_STEADY, *_DISTINCT)] or False,
        "column_encoding": dict.fromkeys(steady, "DELTA_BINARY_PACKED") or None,
    }
