"""Captures as lazy frames of polars: columns and rows that a query does not ask for are not read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from vxtap import arrow
from vxtap.batches import BATCH, check_size
from vxtap.extras import need
from vxtap.frames import polars_frame, polars_schema
from vxtap.options import DEFAULT_PORTS
from vxtap.pushdown import where_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Unpack

    import polars as pl

    from vxtap.options import Numbers, OuterOptions
    from vxtap.source import Source, Sources


def scan(
    sources: Source | list[Sources] | tuple[Sources, ...],
    *,
    columns: Iterable[str] | None = "all",
    addresses: Literal["text", "binary"] = "text",
    batch_size: int | None = None,
    ports: Numbers = DEFAULT_PORTS,
    vni: Numbers | None = None,
    strict: bool = False,
    workers: int | None = None,
    split: int | str | None = None,
    **outer: Unpack[OuterOptions],
) -> pl.LazyFrame:
    """Read captures as a lazy frame.

    Nothing is read before the query is run, and each run reads anew. Only the columns that it needs are parsed;
    conditions are looked at before rows are made, as far as `where` can say them; with ``head`` reading stops early.

    Parameters
    ----------
    sources : as for `vxtap.scan`
        What can be read only once, as a pipe, serves one run.
    columns : iterable of str, or "all", optional
        What the frame has: every column of the record, since those that are not asked for cost nothing. None is what
        `vxtap.scan` gives by default.
    addresses : {"text", "binary"}
        Addresses as strings, or as bytes in network order.
    batch_size : int, optional
        Rows that are read at a time, where polars does not say.
    ports, vni, strict, workers, split, where, tunnels, depth, once, partial, fragment_timeout, fragment_memory
        As for `vxtap.scan`.

    Returns
    -------
    polars.LazyFrame
        Times in UTC, numbers as signed integers, addresses as strings.

    Raises
    ------
    OptionError
        For options that make no sense; at once.
    FormatError, OSError
        For a damaged or unreadable file, when the query is run.
    UnsupportedError
        Where polars or pyarrow is not installed.

    Examples
    --------
    >>> packets = vxtap.polars.scan("nva.pcap")
    >>> packets.filter(vni=7).group_by("src").len().collect()
    """
    plugins = need("polars.io.plugins", extra="polars")
    need("pyarrow", extra="polars")
    given: dict[str, Any] = {"ports": ports, "vni": vni, "strict": strict, "workers": workers, "split": split, **outer}
    shape, _ = arrow.prepared(columns, addresses, **given)
    most = BATCH if batch_size is None else check_size(batch_size)
    reader = _reader(sources, shape.columns, most, {"addresses": addresses, **given})
    made: pl.LazyFrame = plugins.register_io_source(reader, schema=polars_schema(shape))
    return made


def _reader(sources: Any, columns: tuple[str, ...], most: int, asked: Any) -> Callable[..., Iterator[pl.DataFrame]]:
    """What polars calls for each run of a query."""

    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, size: int | None
    ) -> Iterator[pl.DataFrame]:
        names = columns if with_columns is None else tuple(with_columns)
        yield from _read(sources, names, predicate, n_rows, size=size or most, asked=asked)

    return source


def _read(
    sources: Any, names: tuple[str, ...], predicate: pl.Expr | None, n_rows: int | None, *, size: int, asked: Any
) -> Iterator[pl.DataFrame]:
    """Frames of the rows that are asked for. `n_rows` counts those before the predicate."""
    wanted = names or ("vni",)  # whose rows are counted at least
    if predicate is not None:
        wanted = (*names, *(name for name in predicate.meta.root_names() if name not in names))
        if n_rows is None:
            asked = {**asked, "where": where_of(predicate, asked.get("where"))}
    left = n_rows
    if left is not None:
        size = max(1, min(size, left))
    with arrow.scan(sources, columns=wanted, batch_size=size, **asked) as batches:
        while left is None or left > 0:
            batch = next(batches, None)
            if batch is None:
                return
            frame = polars_frame(batch if left is None else batch.slice(0, left))
            left = None if left is None else left - batch.num_rows
            frame = frame if predicate is None else frame.filter(predicate)
            yield frame.select(names)
