"""Captures as Arrow tables: record batches in bounded memory, for pyarrow, DuckDB, polars, pandas and Parquet."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from vxtap.batches import BATCH, check_size, from_rows, record_batches
from vxtap.extras import need
from vxtap.forms import ADDRESSES
from vxtap.options import DEFAULT_PORTS, Options, only_outer
from vxtap.passes import files_of
from vxtap.ranges import pass_over, threads_of
from vxtap.report import Report
from vxtap.shapes import Shape
from vxtap.splits import each_source
from vxtap.tables import DEFAULT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType
    from typing import Literal, Unpack

    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from vxtap.options import Numbers, OuterOptions
    from vxtap.passes import RowPass
    from vxtap.source import Source, Sources

__all__ = ["ADDRESSES", "BATCH", "DEFAULT_COLUMNS", "Scan", "Shape", "from_rows", "record_batches", "scan", "schema"]


def schema(columns: Iterable[str] | None = None, *, addresses: Literal["text", "binary"] = "text") -> pa.Schema:
    """Tell how tables look, without reading anything.

    Parameters
    ----------
    columns, addresses
        As for `vxtap.scan`.

    Returns
    -------
    pyarrow.Schema
        Each field's metadata has its ``unit`` and ``meaning``, the schema's the version of vxtap.
    """
    return Shape(columns, addresses=addresses).schema


class Scan:
    """Captures that are read as record batches, once, from the first one's start to the last one's end.

    `vxtap.scan` makes one. Iterate over it, or hand it to whatever takes Arrow data (it has `__arrow_c_stream__`): one
    of the two, since what has been read is gone. Use it as a context manager, or call `close`, where it is not read to
    the end.

    Attributes
    ----------
    schema : pyarrow.Schema
        Of all batches.
    """

    def __init__(
        self,
        sources: Source | list[Sources] | tuple[Sources, ...],
        options: Options,
        shape: Shape,
        batch_size: int = BATCH,
    ) -> None:
        self.schema = shape.schema
        self._shape = shape
        self._options = options
        self._batch_size = check_size(batch_size)
        self._waiting = deque(each_source(sources))
        self._reports: list[Report] = []
        self._run: RowPass | None = None
        self._closed = self._ended = False
        self._next()  # so that a wrong path is told here
        self._batches = self._read()

    def _next(self) -> None:
        """Open the next source, if there is one."""
        self._run = None
        if self._waiting:
            source, number = self._waiting.popleft()
            files = files_of(source, self._options)
            threads = threads_of(self._options, files)
            self._run = pass_over(files, self._options, self._shape.projection, number=number, threads=threads)

    def _read(self) -> Iterator[pa.RecordBatch]:
        while self._run is not None:
            try:
                yield from record_batches(self._run, self._shape, self._batch_size)
            finally:
                self._leave()
            self._next()

    def _leave(self) -> None:
        """Close what is read, and keep its books."""
        if self._run is not None:
            self._reports.append(self._run.report())
            self._run.close()
            self._run = None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Iterate over what has not been read yet.

        Raises
        ------
        ValueError
            Where the scan has been read to its end, or closed.
        """
        self._check()
        return self

    def __next__(self) -> pa.RecordBatch:
        """Give the next batch.

        Raises
        ------
        FormatError, OSError
            For a damaged or unreadable file, after all rows before the fault have been given.
        """
        if self._closed:
            raise ValueError("the scan is closed")
        try:
            return next(self._batches)
        except BaseException:
            self._ended = True
            raise

    def _check(self) -> None:
        if self._closed:
            raise ValueError("the scan is closed")
        if self._ended:
            raise ValueError("the scan has been read to its end, and is read only once: call vxtap.scan again")

    def reader(self) -> pa.RecordBatchReader:
        """Give the batches as Arrow's own reader, for libraries that know that one.

        Returns
        -------
        pyarrow.RecordBatchReader
            Of what has not been read yet; it reads as it is asked.
        """
        pa = need("pyarrow", extra="arrow")
        return pa.RecordBatchReader.from_batches(self.schema, iter(self))

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the batches to another library (the Arrow PyCapsule interface); see `reader`."""
        return self.reader().__arrow_c_stream__(requested_schema)

    def read_all(self) -> pa.Table:
        """Read all batches that are left.

        Returns
        -------
        pyarrow.Table
            One chunk a batch.

        Raises
        ------
        FormatError, OSError
            For a damaged or unreadable file. Nothing is returned then: iterate for the rows before the fault.
        """
        return need("pyarrow", extra="arrow").Table.from_batches(list(self), self.schema)

    def to_pandas(self, *, categories: bool = False) -> pd.DataFrame:
        """Read all that is left into a data frame of pandas.

        Parameters
        ----------
        categories : bool
            Texts as categories, which take less memory and time.

        Returns
        -------
        pandas.DataFrame
            As `Capture.to_pandas` gives it.

        Raises
        ------
        FormatError, OSError
            As `read_all`.
        UnsupportedError
            Where pandas is not installed.
        """
        from vxtap.frames import pandas_frame  # only here, and below: others need no data frames

        need("pandas", extra="pandas")
        return pandas_frame(self.read_all(), categories=categories)

    def to_polars(self) -> pl.DataFrame:
        """Read all that is left into a data frame of polars.

        Returns
        -------
        polars.DataFrame
            As `Capture.to_polars` gives it.

        Raises
        ------
        FormatError, OSError
            As `read_all`.
        UnsupportedError
            Where polars is not installed.
        """
        from vxtap.frames import polars_frame

        need("polars", extra="polars")
        return polars_frame(self.read_all())

    @property
    def report(self) -> Report:
        """What has become of every frame read so far, of all sources together."""
        reports = [*self._reports, *([] if self._run is None else [self._run.report()])]
        if len(reports) == 1:
            return reports[0]
        total = Report(files=0)
        for one in reports:
            total.add(one)
        return total

    def close(self) -> None:
        """Close the file that is open, if it was opened here."""
        self._closed = True
        self._leave()

    def __enter__(self) -> Scan:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def prepared(
    columns: Iterable[str] | None,
    addresses: str,
    *,
    ports: Numbers = DEFAULT_PORTS,
    vni: Numbers | None = None,
    strict: bool = False,
    workers: int | None = None,
    split: int | str | None = None,
    **outer: Unpack[OuterOptions],
) -> tuple[Shape, Options]:
    """Check what a scan is asked for, before anything is opened.

    Parameters
    ----------
    columns, addresses, ports, vni, strict, workers, split
        As for `scan`.
    **outer
        The other options of `scan`.

    Returns
    -------
    tuple of (Shape, Options)
        How its tables look, and how captures are read for them.

    Raises
    ------
    OptionError
        For options that make no sense.
    UnsupportedError
        Where pyarrow is not installed.
    """
    need("pyarrow", extra="arrow")
    shape = Shape(columns, addresses=addresses)
    own: dict[str, Any] = {"columns": shape.columns, "strict": strict}
    return shape, Options(ports=ports, vni=vni, workers=workers, split=split, **own, **only_outer(outer))


def scan(
    sources: Source | list[Sources] | tuple[Sources, ...],
    *,
    ports: Numbers = DEFAULT_PORTS,
    vni: Numbers | None = None,
    columns: Iterable[str] | None = None,
    addresses: Literal["text", "binary"] = "text",
    batch_size: int = BATCH,
    strict: bool = False,
    workers: int | None = None,
    split: int | str | None = None,
    **outer: Unpack[OuterOptions],
) -> Scan:
    """Read captures as Arrow record batches, in bounded memory.

    Parameters
    ----------
    sources : as for `vxtap.read`
        Several are read one after the other; the column `source` tells them apart. From a pipe, batches come as rows
        are there.
    ports, vni, strict, workers, split
        As for `vxtap.open`.
    columns : iterable of str, or "all", optional
        Names of the record's columns, in this order: less is parsed, and less is stored. By default those of
        `vxtap.arrow.DEFAULT_COLUMNS`.
    addresses : {"text", "binary"}
        Addresses as text in a dictionary (each distinct one of a batch is written once), or as 16 bytes (MACs: 6) in
        network order, IPv4 as ``::ffff:a.b.c.d``.
    batch_size : int
        Rows of a batch, at most 2^24: all have as many but the last one of a source.
    where, tunnels, depth, once, partial, fragment_timeout, fragment_memory
        As for `vxtap.open`.

    Returns
    -------
    Scan
        To iterate over, or to be handed to pyarrow, DuckDB, polars or pandas.

    Raises
    ------
    OptionError
        For options that make no sense.
    OSError
        For a file that cannot be opened.
    UnsupportedError
        Where pyarrow is not installed.

    Examples
    --------
    >>> for batch in vxtap.scan("nva.pcap", columns=["ts", "vni", "src", "dst"]):
    ...     print(batch.num_rows)
    """
    given: dict[str, Any] = {"ports": ports, "vni": vni, "strict": strict, "workers": workers, "split": split}
    shape, options = prepared(columns, addresses, **given, **outer)
    return Scan(sources, options, shape, batch_size)
