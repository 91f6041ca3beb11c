"""A capture that is read in batches, or frame by frame."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vxtap.enums import Flag, Status
from vxtap.errors import OptionError, UnsupportedError
from vxtap.layout import Projection
from vxtap.options import DEFAULT_PORTS, Options, only_outer
from vxtap.parts import rows_in
from vxtap.passes import files_of
from vxtap.pieces import Pieces, Rejoiner
from vxtap.ranges import pass_over, threads_of
from vxtap.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType
    from typing import Unpack

    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from vxtap.options import Numbers, OuterOptions
    from vxtap.source import Sources
    from vxtap.window import Window

    Packets = np.ndarray[tuple[int], np.dtype[np.void]]

#: Rows of a batch where nobody says how many: 11 MiB of whole records.
BATCH = 1 << 16


class Capture:
    """An opened capture, read once from its start to its end. `vxtap.open` makes one.

    Frames come out through `batches` or `frames`; what is behind them is gone. Use it as a context manager, or call
    `close`.

    Attributes
    ----------
    dtype : numpy.dtype
        Of the rows: `vxtap.PACKET`, or the columns asked for.
    """

    def __init__(self, source: Sources, options: Options) -> None:
        projection = Projection(options.column_names)
        self.dtype = projection.dtype
        self._options = options
        self._pieces = Pieces()
        self._rejoiner: Rejoiner | None = None
        files = files_of(source, options, rereadable=True)
        # Rows of fragments are corrected as long as they are at hand: in a batch, which is no range.
        threads = 1 if options.frames == "all" else threads_of(options, files)
        self._pass = pass_over(files, options, projection, threads=threads, number=files.number)

    def batches(self, size: int = BATCH) -> Iterator[Packets]:
        """Give the rows in order, some at a time, in bounded memory.

        Parameters
        ----------
        size : int
            Rows of a batch at most. From a pipe or a compressed file a batch is what one block of bytes gives (at most
            this many), so that rows come as soon as they are there and `inner` can serve them.

        Yields
        ------
        numpy.ndarray
            Of `dtype`, at least one row, memory of its own.

        Raises
        ------
        FormatError, OSError
            For a damaged or unreadable file, after all rows before the fault have been given.
        """
        size = _check_size(size)
        self._pass.begin()
        while rows := self._batch(size, None):
            yield rows[0]
        self._finish()

    def _batch(self, size: int, one_window: bool | None) -> list[Packets]:
        """The next batch in a list, or an empty list at the end."""
        # Pages that no row lands on cost nothing, and padding is always zero.
        rows = np.zeros(min(size, self._most_rows()), self.dtype)
        memory = memoryview(rows.view(np.uint8))
        count, _ = self._pass.fill(memory, 0, one_window=one_window, pieces=self._pieces.room())
        self._pieces.filled(self._pass.books.pieces_used)
        return [rows[:count]] if count else []

    def _most_rows(self) -> int:
        """No more rows than this are still to come: small captures are read in little memory."""
        size = self._pass.files.size
        if size is None or self._pass.files.waits:
            return sys.maxsize
        left = max(0, size - self._pass.books.offset)
        return rows_in(left)

    def to_arrow(self, *, addresses: Literal["text", "binary"] = "text") -> pa.Table:
        """Give all rows that are left as an Arrow table.

        Parameters
        ----------
        addresses : {"text", "binary"}
            As for `vxtap.scan`, which reads in bounded memory.

        Returns
        -------
        pyarrow.Table
            The columns of this capture, as docs/arrow.md has them, in chunks of 65,536 rows.

        Raises
        ------
        FormatError, OSError
            For a damaged or unreadable file. Nothing is returned then: `batches` gives the rows before the fault.
        UnsupportedError
            Where pyarrow is not installed.
        """
        from vxtap.frames import table_of  # only here, and below: others need no pyarrow

        return table_of(self._pass, self.dtype, addresses)

    def to_pandas(self, *, addresses: Literal["text", "binary"] = "text", categories: bool = False) -> pd.DataFrame:
        """Give all rows that are left as a data frame of pandas.

        Parameters
        ----------
        addresses : {"text", "binary"}
            Addresses as strings, or as bytes in network order.
        categories : bool
            Texts as categories, which take less memory and time.

        Returns
        -------
        pandas.DataFrame
            The columns of this capture: times as ``datetime64[ns, UTC]``, numbers as ``int16`` to ``int64``.

        Raises
        ------
        FormatError, OSError
            As `to_arrow`.
        UnsupportedError
            Where pandas or pyarrow is not installed.
        """
        from vxtap.extras import need
        from vxtap.frames import pandas_frame

        need("pandas", extra="pandas")
        need("pyarrow", extra="pandas")
        return pandas_frame(self.to_arrow(addresses=addresses), categories=categories)

    def to_polars(self, *, addresses: Literal["text", "binary"] = "text") -> pl.DataFrame:
        """Give all rows that are left as a data frame of polars; `vxtap.polars.scan` gives a lazy one.

        Parameters
        ----------
        addresses : {"text", "binary"}
            Addresses as strings, or as bytes in network order.

        Returns
        -------
        polars.DataFrame
            The columns of this capture: times as ``Datetime("ns", "UTC")``, numbers as ``Int16`` to ``Int64``.

        Raises
        ------
        FormatError, OSError
            As `to_arrow`.
        UnsupportedError
            Where polars or pyarrow is not installed.
        """
        from vxtap.extras import need
        from vxtap.frames import polars_frame

        need("polars", extra="polars")
        need("pyarrow", extra="polars")
        return polars_frame(self.to_arrow(addresses=addresses))

    def _finish(self) -> None:
        if self._pass.error is not None:
            raise self._pass.error

    def frames(self) -> Iterator[tuple[np.void, memoryview]]:
        """Give every row with the bytes of its inner frame, to hand to another library.

        Yields
        ------
        row : numpy.void
            A row of `dtype`, which must have `offset`, `caplen` and `flags`.
        frame : memoryview
            Its inner frame, `caplen` bytes, without a copy: valid until the next row is asked for. ``bytes(frame)``
            keeps it.

        Raises
        ------
        OptionError
            Where the columns asked for lack `offset`, `caplen` or `flags`.
        FormatError, OSError
            As `batches`.
        """
        self._need_place(self.dtype)
        window = self._pass.window
        while rows := self._batch(BATCH, True):
            for row, offset, count in zip(rows[0], rows[0]["offset"].tolist(), rows[0]["caplen"].tolist(), strict=True):
                yield row, self._here(window, row, offset, count)
        self._finish()

    def _here(self, window: Window, row: np.void, offset: int, count: int) -> memoryview:
        view = self._pieces.find(offset)
        if view is None and not self._is_joined(row):
            view = window.view(offset, count)
        if view is None and window.origin.can_seek:  # of a batch that was read by several threads, and not to its end
            view = self.inner(row)
        if view is None:
            raise RuntimeError("frames() and batches() of one capture were mixed: the frame has been passed")
        return view.toreadonly()

    def _is_joined(self, row: np.void) -> bool:
        """Whether the row's inner frame was put together from fragments. Frames that were skipped are in one piece."""
        if self._options.frames == "all" and ("status" not in (row.dtype.names or ()) or row["status"] != Status.OK):
            return False
        return bool(row["flags"] & Flag.REASSEMBLED)

    def __iter__(self) -> Iterator[Packets]:
        """Iterate over `batches`."""
        return self.batches()

    def _need_place(self, dtype: np.dtype[Any], *more: str) -> None:
        missing = {"offset", "caplen", "flags", *more} - set(dtype.names or ())
        if missing:
            raise OptionError(f"columns: {', '.join(sorted(missing))} say where a frame is, and must be among them")

    def inner(self, row: np.void) -> memoryview:
        """Return the bytes of a row's inner frame.

        Parameters
        ----------
        row : numpy.void
            One row of this capture, with `offset`, `caplen` and `flags`. With ``frames="all"`` it needs `status` too:
            of a skipped frame the whole frame is returned.

        Returns
        -------
        memoryview
            `caplen` bytes, read-only. Over a buffer it is a view of that and keeps it alive. Over an uncompressed
            file it is memory of its own, read again where needed; nothing is mapped, so a file that is truncated
            meanwhile raises and does not kill the process. Over a pipe or a compressed file it is a view of memory
            that the next batch overwrites. A frame that was put together from fragments is memory of its own too (of
            a pipe such a view); one of an earlier batch is found by reading the source again from its start.

        Raises
        ------
        UnsupportedError
            For a row of an earlier batch of a pipe or a compressed file: those bytes are gone.
        OptionError
            For anything but one row with these columns.
        """
        if not isinstance(row, np.void):
            raise OptionError(f"expected one row, such as batch[0], got {type(row).__name__}")
        self._need_place(row.dtype, *(("status",) if self._options.frames == "all" else ()))
        offset, count = int(row["offset"]), int(row["caplen"])
        window, origin = self._pass.window, self._pass.window.origin
        if origin.closed:
            raise ValueError(f"{origin.name}: is closed")
        again = origin.can_seek
        piece = self._pieces.find(offset)
        if piece is not None:
            return memoryview(bytes(piece)) if again else piece
        joined = self._is_joined(row)
        here = None if joined else window.view(offset, count)
        if here is not None:
            return memoryview(bytes(here)) if again and origin.memory is None else here.toreadonly()
        return self._rejoin(offset, count) if joined else self._pass.files.read_at(offset, count).toreadonly()

    def _rejoin(self, offset: int, count: int) -> memoryview:
        files = self._pass.files
        files.check_again(offset)
        self._rejoiner = self._rejoiner or Rejoiner(files, self._options)
        data = self._rejoiner.find(offset)
        if data is None or len(data) < count:
            raise UnsupportedError(f"{files.name}: byte {offset:,}: the file has become shorter since it was read")
        return data

    @property
    def report(self) -> Report:
        """What has become of every frame read so far: with several threads, of a few more than there were rows for."""
        return self._pass.report()

    def close(self) -> None:
        """Close the file, if it was opened here."""
        if self._rejoiner is not None:
            self._rejoiner.close()
        self._pass.close()

    def __enter__(self) -> Capture:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _check_size(size: int) -> int:
    if not isinstance(size, int | np.integer) or size < 1:
        raise OptionError(f"size: expected a number of rows, at least 1, got {size!r}")
    return int(size)


def open(
    source: Sources,
    *,
    ports: Numbers = DEFAULT_PORTS,
    vni: Numbers | None = None,
    columns: Iterable[str] | None = None,
    frames: Literal["decapsulated", "all"] = "decapsulated",
    strict: bool = False,
    follow: bool = False,
    workers: int | None = None,
    split: int | str | None = None,
    **outer: Unpack[OuterOptions],
) -> Capture:
    """Open a capture to read it in batches or frame by frame.

    Parameters
    ----------
    source : str, os.PathLike, buffer or binary file object, or a list of those
        A pcap or pcapng file, compressed (gzip, zstd, lz4) or not; '-' is standard input; a buffer (bytes, bytearray,
        memoryview, mmap, array) is read in place and kept alive as long as the capture and the frames taken from it. A
        list, or a text with a wildcard (``"x.pcap*"``, where no file has that very name), is a rotated set: read in the
        order of the first times as one capture, in which `frame` and `offset` count on through the files.
    ports : int or iterable of int
        UDP destination ports that are taken for VXLAN.
    vni : int or iterable of int, optional
        Only these; frames of others are counted as ``filtered``.
    columns : iterable of str, or "all", optional
        Only these columns of the record, in this order: less is parsed, and less is stored. By default all.
    frames : {"decapsulated", "all"}
        With "all", skipped frames are rows too.
    strict : bool
        Raise `TruncatedError` at the end of a capture that was cut within a record (of a set: after all its files, for
        the first one that was cut).
    follow : bool
        At the end of a file wait for more of it, as ``tail -F`` does, until it is rotated away and the next one has
        begun: the file that has its path now, or a further one that a wildcard matches. Batches come as soon as there
        are whole frames. `KeyboardInterrupt` passes through. Not for buffers and compressed files; a pipe is just
        read.
    workers, split, where, tunnels, depth, once, partial, fragment_timeout, fragment_memory
        Threads, a predicate, other tunnels, tunnels in tunnels, second sights, fragments: see `vxtap.Options`.

    Returns
    -------
    Capture

    Raises
    ------
    OptionError
        For options that make no sense.
    OSError
        For a file that cannot be opened.

    Examples
    --------
    >>> with vxtap.open("nva.pcap") as capture:
    ...     for row, frame in capture.frames():
    ...         print(row["vni"], len(frame))
    """
    own: dict[str, Any] = {"columns": columns, "frames": frames, "strict": strict, "follow": follow}
    return Capture(source, Options(ports=ports, vni=vni, workers=workers, split=split, **own, **only_outer(outer)))
