"""Rows -> Arrow record batches, without a copy of what the core writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vxtap import _columns
from vxtap.errors import OptionError
from vxtap.extras import need
from vxtap.passes import SEED
from vxtap.shapes import Shape, arrow_types

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa
    from typing_extensions import Buffer

    Packets = np.ndarray[Any, np.dtype[np.void]]

#: Rows of a batch where nobody says how many.
BATCH = 1 << 16
#: Rows that are turned into columns at a time: they stay in the cache between being parsed and that.
BLOCK = 1 << 11
#: No batch has more rows than this: where the texts of its addresses begin is told in 32 bits.
MOST = 1 << 24
# Rows of an array that become a batch.
_ROWS = 1 << 20


class Run(Protocol):
    """What gives rows: `vxtap.passes.RowPass`, or anything like it."""

    @property
    def error(self) -> Exception | None:
        """Why reading stopped before the end: raised once all rows before it have been given."""

    @property
    def live(self) -> bool:
        """Whether rows are handed on as they come, since more may be long in coming."""

    def fill(self, rows: Buffer, row: int, *, one_window: bool) -> tuple[int, bool]:
        """Fill `rows` from row `row` on: the next free one, and whether it is full.

        If it is not, the end was reached; or, with `one_window`, there is at least one and more would be waited for.
        """


class Builder:
    """The columns of a batch, of which there is one at a time.

    Parameters
    ----------
    shape : Shape
        What the columns are, and what the rows.
    capacity : int
        Rows of a batch at most.

    Attributes
    ----------
    rows : int
        Of the batch so far.
    """

    def __init__(self, shape: Shape, capacity: int) -> None:
        self._pa = need("pyarrow", extra="arrow")
        self._schema = shape.schema
        self._widths = shape.widths
        self._types = [arrow_types()[name] for name in shape.shapes]
        self._columns = _columns.Columns(shape.layout, shape.dtype.itemsize, SEED)
        self._capacity = capacity
        self._memory: list[Any] = []
        self.rows = 0

    def add(self, rows: Buffer, count: int) -> None:
        """Take the first `count` rows of a buffer, for which there is room."""
        if not self._memory:
            self._begin()
        self._columns.add(rows, count, self._memory)
        self.rows += count

    def _begin(self) -> None:
        allocate, capacity = self._pa.allocate_buffer, self._capacity
        for width, has_nulls, _ in self._widths:
            self._memory.append(allocate(width * capacity, resizable=True))
            self._memory.append(allocate((capacity + 7) // 8, resizable=True) if has_nulls else None)
        self._columns.begin()

    def take(self) -> pa.RecordBatch:
        """The batch; the next rows begin another one."""
        nulls = self._columns.nulls
        arrays = [self._array(i, nulls[i]) for i in range(len(self._widths))]
        self._memory, self.rows = [], 0
        return self._pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _array(self, i: int, nulls: int) -> pa.Array:
        width, _, has_terms = self._widths[i]
        values, valid = self._memory[2 * i], self._memory[2 * i + 1]
        if self.rows < self._capacity:  # give back what was not needed
            values.resize(width * self.rows, shrink_to_fit=True)
        if nulls and self.rows < self._capacity:
            valid.resize((self.rows + 7) // 8, shrink_to_fit=True)
        buffers = [valid if nulls else None, values]
        if has_terms:
            terms = self._terms(i)
            return self._pa.DictionaryArray.from_buffers(self._types[i], self.rows, buffers, terms, nulls)
        return self._pa.Array.from_buffers(self._types[i], self.rows, buffers, nulls)

    def _terms(self, i: int) -> pa.StringArray:
        count, most = self._columns.terms_of(i)
        offsets, text = self._pa.allocate_buffer(4 * count + 4), self._pa.allocate_buffer(most, resizable=True)
        text.resize(self._columns.format(i, offsets, text), shrink_to_fit=True)
        return self._pa.StringArray.from_buffers(count, offsets, text)


def record_batches(run: Run, shape: Shape, batch_size: int = BATCH) -> Iterator[pa.RecordBatch]:
    """Give the rows of a run as record batches, in order and in bounded memory.

    Parameters
    ----------
    run : Run
        Gives rows of `shape.dtype`, by its method `fill`: one that `vxtap.ranges.pass_over` made for
        `shape.projection`, or anything like it.
    shape : Shape
        What the columns are.
    batch_size : int
        Rows of a batch, at most 2^24: all have as many but the last one; those of a live source are handed on as rows
        come.

    Yields
    ------
    pyarrow.RecordBatch
        Of `shape.schema`, at least one row, memory of its own.

    Raises
    ------
    Exception
        `run.error`, after all rows before it.
    """
    builder = Builder(shape, check_size(batch_size))
    size = shape.dtype.itemsize
    block = np.zeros(min(BLOCK, batch_size), shape.dtype)
    memory = memoryview(block.view(np.uint8))
    full = True
    while full:
        room = min(block.size, batch_size - builder.rows)
        live = run.live
        count, full = run.fill(memory[: room * size], 0, one_window=live)
        if count:
            builder.add(memory, count)
        if builder.rows == batch_size or (builder.rows and not full):
            yield builder.take()
        full = full or (live and count > 0)
    if run.error is not None:
        raise run.error


def batches_of(rows: Packets, shape: Shape, batch_size: int = _ROWS) -> Iterator[pa.RecordBatch]:
    """Give rows that are there as record batches.

    Parameters
    ----------
    rows : numpy.ndarray
        Of `shape.dtype`.
    shape : Shape
        What the columns are.
    batch_size : int
        Rows of a batch at most.

    Yields
    ------
    pyarrow.RecordBatch
        Memory of its own.
    """
    builder = Builder(shape, min(batch_size, max(rows.size, 1)))
    flat = np.ascontiguousarray(rows.reshape(-1))
    memory, size = memoryview(flat.view(np.uint8)), flat.dtype.itemsize
    for begin in range(0, flat.size, batch_size):
        end = min(begin + batch_size, flat.size)
        for at in range(begin, end, BLOCK):  # blocks stay in the cache from one column to the next
            builder.add(memory[at * size :], min(BLOCK, end - at))
        yield builder.take()


def from_rows(rows: Packets, *, columns: Iterable[str] | None = None, addresses: str = "text") -> pa.Table:
    """Turn rows of `vxtap.read`, or batches of an opened capture, into an Arrow table.

    Parameters
    ----------
    rows : numpy.ndarray
        Of dtype `vxtap.PACKET`, or of some of its columns; any shape.
    columns : iterable of str, optional
        Only these, in this order; by default all that the rows have.
    addresses : {"text", "binary"}
        As for `vxtap.scan`.

    Returns
    -------
    pyarrow.Table
        Memory of its own, in chunks of 2^20 rows.

    Raises
    ------
    OptionError
        For an array that holds something else.
    """
    pa = need("pyarrow", extra="arrow")
    names = getattr(getattr(rows, "dtype", None), "names", None)
    if not names:
        raise OptionError(f"expected rows of vxtap.read, got {type(rows).__name__}")
    shape = Shape(names if columns is None else columns, addresses=addresses, dtype=rows.dtype)
    return pa.Table.from_batches(batches_of(rows, shape), shape.schema)


def check_size(size: int, what: str = "batch_size") -> int:
    """Check how many rows a batch may have, or whatever is made of one.

    Parameters
    ----------
    size : int
        As it was given.
    what : str
        The name of the option, for the message.

    Returns
    -------
    int
        The same, of Python's own type.

    Raises
    ------
    OptionError
        For anything but a number from 1 to `MOST`.
    """
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or not 1 <= size <= MOST:
        raise OptionError(f"{what}: expected a number of rows, 1 to {MOST:,}, got {size!r}")
    return int(size)
