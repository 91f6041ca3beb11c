"""Captures on a cluster: dask data frames whose partitions are ranges of captures, and Parquet written by ranges."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from vxtap import proven
from vxtap.batches import batches_of
from vxtap.encoding import COMPRESSION, ROW_GROUP, writer_options
from vxtap.errors import OptionError
from vxtap.extras import need
from vxtap.options import DEFAULT_PORTS, Options, cores_at_hand, only_outer, parse_split
from vxtap.shapes import Shape
from vxtap.tables import DEFAULT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TypeVar, Unpack

    import dask.dataframe as dd
    import pandas as pd
    import pyarrow as pa

    from vxtap.options import Numbers, OuterOptions
    from vxtap.proven import Proven
    from vxtap.source import Source

    _Result = TypeVar("_Result")

__all__ = ["Written", "convert", "ranges", "read", "table"]

#: The column that tells the number of the range that a row is from.
SPLIT = "split"


class Written(NamedTuple):
    """A file that was written, of one range.

    Attributes
    ----------
    path : str
        Where it is.
    source : int
        Number of the source.
    capture : str
        The capture.
    begin, end : int
        The bytes of the capture that it holds.
    frames, rows : int
        How many frames there are, and how many of them were decapsulated.
    reread : int
        Bytes that were read to prove the range, beside its own.
    """

    path: str
    source: int
    capture: str
    begin: int
    end: int
    frames: int
    rows: int
    reread: int


def ranges(
    sources: Source | list[Source] | tuple[Source, ...],
    options: Options | None = None,
    *,
    split: int | str = "128MB",
    numbers: bool = False,
    storage_options: Mapping[str, object] | None = None,
    whole: bool | None = None,
) -> list[Proven]:
    """Find ranges of captures that can be read apart, for whoever is to read them: dask, Spark, Ray, or a queue.

    Where a client of `distributed` is active, its workers do it, a file each; else threads here.

    Parameters
    ----------
    sources, split, storage_options, whole
        As for `vxtap.proven.prove`.
    options : Options, optional
        With which they will be read.
    numbers : bool
        Have `frame` count from the start of each capture: all headers are read once more for that, in parallel.

    Returns
    -------
    list of Proven
        In order. They can be pickled; `table` reads one.
    """
    options = options or Options()
    proven.check_options(options)
    stores = proven.find_all(sources, storage_options)
    prove = partial(_prove, options=options, split=parse_split(split), whole=whole)
    found = proven.numbered([one for part in _everywhere(prove, stores) for one in part])
    if not numbers:
        return proven.without_counts(found)
    if any(one.before is None for one in found):
        found = proven.with_counts(found, _everywhere(proven.count, found))
    return found


def _prove(there: tuple[Any, int], *, options: Options, split: int, whole: bool | None) -> list[Proven]:
    return proven.prove_one(*there, options, split, whole=whole)


def _everywhere(function: Callable[[Any], _Result], things: Sequence[Any]) -> list[_Result]:
    """Do something with each of many: on the cluster, where one is active, or in threads."""
    client = None
    with suppress(ImportError, ValueError):
        from distributed import get_client

        client = get_client()
    if client is not None:
        found: list[_Result] = client.gather(client.map(function, things, pure=False))
        return found
    with ThreadPoolExecutor(min(len(things), 4 * cores_at_hand())) as pool:
        return list(pool.map(function, things))


def table(
    one: Proven,
    options: Options | None = None,
    *,
    columns: Iterable[str] | None = None,
    addresses: Literal["text", "binary"] = "text",
) -> pa.Table:
    """Read a range as an Arrow table.

    Parameters
    ----------
    one : Proven
        One of `ranges`.
    options : Options, optional
        Those with which it was found, or others.
    columns, addresses
        As for `vxtap.scan`; `split` is a column too.

    Returns
    -------
    pyarrow.Table
        One row a decapsulated frame that the range holds.

    Raises
    ------
    UnsupportedError
        Where the file has changed, or the range turns out not to be one.
    FormatError, OSError
        For a damaged or unreadable file.
    """
    pa = need("pyarrow", extra="dask")
    shape, names = _shape_of(columns, addresses)
    result = proven.read(one, options or Options(), shape.projection)
    found = pa.Table.from_batches(batches_of(result.rows, shape), shape.schema)
    if SPLIT in names:
        found = found.append_column(SPLIT, pa.repeat(pa.scalar(one.number, pa.int32()), len(result.rows)))
    return found.select(names)


def _names(columns: Iterable[str] | None) -> list[str]:
    if columns is None:
        return [*DEFAULT_COLUMNS, SPLIT]
    if columns == "all":
        return [*Shape("all").columns, SPLIT]
    return [columns] if isinstance(columns, str) else list(columns)


def _shape_of(columns: Iterable[str] | None, addresses: str) -> tuple[Shape, list[str]]:
    names = _names(columns)
    ours = [name for name in names if name != SPLIT]
    return Shape(ours or ["caplen"], addresses=addresses), names  # one column at least, for the number of rows


def _schema_of(shape: Shape, names: list[str]) -> pa.Schema:
    pa = need("pyarrow", extra="dask")
    schema = shape.schema.append(pa.field(SPLIT, pa.int32(), nullable=False))
    return pa.schema([schema.field(name) for name in names], schema.metadata)


def _frame_of(found: pa.Table) -> pd.DataFrame:
    """A data frame on the memory of Arrow; texts as dask has them."""
    pd, pa = need("pandas", extra="dask"), need("pyarrow", extra="dask")
    text = pd.StringDtype("pyarrow")
    for i, field in enumerate(found.schema):
        if pa.types.is_dictionary(field.type):
            found = found.set_column(i, field.name, found.column(i).cast(pa.string()))
    return found.to_pandas(types_mapper=lambda kind: text if kind == pa.string() else pd.ArrowDtype(kind))


def _partition(one: Proven, columns: list[str] | None = None, *, options: Options, addresses: Any) -> pd.DataFrame:
    return _frame_of(table(one, options, columns=columns, addresses=addresses))


def read(
    sources: Source | list[Source] | tuple[Source, ...],
    *,
    columns: Iterable[str] | None = None,
    split: int | str = "128MB",
    addresses: Literal["text", "binary"] = "text",
    numbers: bool = False,
    storage_options: Mapping[str, object] | None = None,
    whole: bool | None = None,
    ports: Numbers = DEFAULT_PORTS,
    vni: Numbers | None = None,
    **outer: Unpack[OuterOptions],
) -> dd.DataFrame:
    """Read captures as a dask data frame, one partition a range of a capture.

    What is read now is what finds the ranges. All rows together are those of `vxtap.read` of each file.

    Parameters
    ----------
    sources : str or os.PathLike, or a list of those
        As for `vxtap.proven.prove`; the column `source` is the place in the list.
    columns : iterable of str, or "all", optional
        As for `vxtap.scan`, and `split`, the number of the range. What is not used later is not parsed.
    split : int or str
        Bytes of a range, about.
    addresses : {"text", "binary"}
        Addresses as text, or as 16 bytes (MACs: 6).
    numbers : bool
        Have `frame` count from the start of each capture, for which all headers are read once; by default it counts
        within each range, and (`split`, `frame`) names a frame.
    storage_options, whole
        As for `vxtap.proven.prove`.
    ports, vni, tunnels, depth, where, once, partial, fragment_timeout, fragment_memory
        As for `vxtap.open`.

    Returns
    -------
    dask.dataframe.DataFrame
        On memory of Arrow: times are ``timestamp[ns, UTC]``, texts ``string``, the rest integers.

    Raises
    ------
    OptionError, OSError, FormatError
        As `vxtap.proven.prove`. What is wrong in a range is raised when that is computed.
    UnsupportedError
        Where a library is missing.

    Examples
    --------
    >>> packets = vxtap.dask.read("captures/*.pcap", columns=["vni", "wirelen"])
    >>> packets.groupby("vni").wirelen.sum().compute()
    """
    dask_frames = need("dask.dataframe", extra="dask")
    options = Options(ports=ports, vni=vni, **only_outer(outer))
    shape, names = _shape_of(columns, addresses)
    there = ranges(sources, options, split=split, numbers=numbers, storage_options=storage_options, whole=whole)
    meta = _frame_of(_schema_of(shape, names).empty_table())
    how = {"columns": names, "options": options, "addresses": addresses}
    return dask_frames.from_map(_partition, there, meta=meta, label="vxtap", **how)


# ---------------------------------------------------------------- Parquet


def convert(
    sources: Source | list[Source] | tuple[Source, ...],
    dest: str | os.PathLike[str],
    *,
    columns: Iterable[str] | None = None,
    split: int | str = "128MB",
    addresses: Literal["text", "binary"] = "text",
    numbers: bool = False,
    compression: str = COMPRESSION,
    storage_options: Mapping[str, object] | None = None,
    whole: bool | None = None,
    ports: Numbers = DEFAULT_PORTS,
    vni: Numbers | None = None,
    **outer: Unpack[OuterOptions],
) -> list[Written]:
    """Write captures as Parquet, one file a range, on as many machines as there are.

    Files are called ``part-000000.parquet`` and so on, in the order of the captures. Those on a file system are there
    whole or not at all, and one that is written twice, since a worker was lost, is the same.

    Parameters
    ----------
    sources, columns, split, addresses, numbers, whole, ports, vni, tunnels, depth, where, once, partial
        As for `read`.
    dest : str or os.PathLike
        A folder, or an address that fsspec knows; without files of that name.
    compression : str
        As Parquet knows it.
    storage_options : mapping, optional
        For fsspec, of the sources and of `dest`.

    Returns
    -------
    list of Written
        One a file, in order.

    Raises
    ------
    OptionError
        Where `dest` has such files already.
    UnsupportedError, FormatError, OSError
        As `table`, for the first range that fails.
    """
    dask = need("dask", extra="dask")
    options = Options(ports=ports, vni=vni, **only_outer(outer))
    names = [name for name in _names(columns) if columns is not None or name != SPLIT]
    _shape_of(names, addresses)  # wrong names are told now
    system, folder = need("fsspec", extra="dask").core.url_to_fs(os.fspath(dest), **(storage_options or {}))
    if system.glob(f"{folder}/part-*.parquet"):
        raise OptionError(f"dest: {dest} has files part-*.parquet already: name another folder")
    there = ranges(sources, options, split=split, numbers=numbers, storage_options=storage_options, whole=whole)
    system.makedirs(folder, exist_ok=True)
    how = {"columns": names, "options": options, "addresses": addresses, "compression": compression}
    tasks = [dask.delayed(_write, pure=False)(one, system, folder, how) for one in there]
    return list(dask.compute(*tasks))


def _write(one: Proven, system: Any, folder: str, how: Mapping[str, Any]) -> Written:
    need("pyarrow", extra="dask")
    shape, names = _shape_of(how["columns"], how["addresses"])
    result = proven.read(one, how["options"], shape.projection)
    path = f"{folder}/part-{one.number:06d}.parquet"
    beside = f"{folder}/.{os.urandom(4).hex()}-part-{one.number:06d}"
    try:
        with system.open(beside, "wb") as file, _writer(file, one, shape, names, how["compression"]) as writer:
            _write_rows(writer, one, result.rows, shape)
        system.mv(beside, path)
    except BaseException:
        with suppress(OSError):
            system.rm(beside)
        raise
    return Written(
        path=system.unstrip_protocol(path).removeprefix("file://"),
        source=one.source,
        capture=one.store.url,
        begin=one.begin,
        end=one.end,
        frames=result.report.frames,
        rows=len(result.rows),
        reread=result.reread,
    )


def _writer(file: Any, one: Proven, shape: Shape, names: list[str], compression: str) -> Any:
    schema = _schema_of(shape, names)
    schema = schema.with_metadata(schema.metadata | {"capture": one.store.url})
    return need("pyarrow.parquet", extra="dask").ParquetWriter(file, schema, **writer_options(schema, compression))


def _write_rows(writer: Any, one: Proven, rows: Any, shape: Shape) -> None:
    pa = need("pyarrow", extra="dask")
    for batch in batches_of(rows, shape, ROW_GROUP):
        arrays = {field.name: batch.column(i) for i, field in enumerate(batch.schema)}
        arrays[SPLIT] = pa.repeat(pa.scalar(one.number, pa.int32()), batch.num_rows)
        there = [arrays[name] for name in writer.schema.names]
        writer.write_batch(pa.record_batch(there, schema=writer.schema), ROW_GROUP)
