"""A capture -> Parquet files: one thread at a time reads, and all write what they have read."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from vxtap.batches import check_size, record_batches
from vxtap.converting import Conversion
from vxtap.encoding import ROW_GROUP, writer_options
from vxtap.errors import OptionError, VxtapError
from vxtap.extras import need
from vxtap.forms import PARTITIONS
from vxtap.hive import divide, without_key
from vxtap.passes import files_of
from vxtap.ranges import pass_over
from vxtap.shapes import Shape
from vxtap.sink import beside
from vxtap.targets import part_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pyarrow as pa

    from vxtap.passes import RowPass

# Bytes of columns that a thread holds: whole row groups of so many at most become a file. What is divided into folders
# is there twice meanwhile.
_PART = 96 << 20
# Bytes that are written at once: every write of pyarrow goes through Python.
_BUFFER = 256 << 10


def check_details(
    columns: Iterable[str] | str | None = None,
    addresses: str = "text",
    partition: str | None = None,
    row_group: int | None = None,
) -> dict[str, Any]:
    """Check what is asked of Parquet files, and say it in one way."""
    need("pyarrow", extra="arrow")
    shape = Shape(columns, addresses=addresses)
    if partition is not None:
        column = PARTITIONS.get(partition)
        if column is None:
            raise OptionError(f"partition: expected {' or '.join(map(repr, PARTITIONS))}, got {partition!r}")
        if column not in shape.columns:
            raise OptionError(f"partition: {partition!r} needs the column {column!r} among the columns")
        if not without_key(shape.columns, partition):
            raise OptionError(f"partition: {partition!r} leaves no column for the files")
    rows = ROW_GROUP if row_group is None else check_size(row_group, "row_group")
    return {"columns": shape.columns, "addresses": addresses, "partition": partition, "row_group": rows}


class _Written(NamedTuple):
    """A file that waits for its name: the number of the part, the folder of the partition, its size."""

    part: int
    folder: str
    size: int = 0


class ParquetConversion(Conversion):
    """A conversion to Parquet files, each of as many rows, whoever writes it: one where that is enough."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        details = self._recipe.details
        self._shape = Shape(details["columns"], addresses=details["addresses"])
        self._partition: str | None = details["partition"]
        self._rows: int = details["row_group"]
        width = sum(width for width, _, _ in self._shape.widths)
        room = _PART if self._partition is None else _PART // 2
        self._groups = max(1, room // (self._rows * width))
        self._reading = threading.Lock()
        self._run: RowPass | None = None
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._parts = 0
        self._ended = False
        self._failed = False  # not for what the capture is: nothing is kept
        self._written: dict[str, _Written] = {}

    def wants_help(self) -> bool:
        """While there is more to read."""
        return not self._ended

    def work(self, check: Callable[[], None]) -> None:
        """Read a part, write it while others read, and so on to the end."""
        self.begin()
        try:
            while (part := self._read(check)) is not None:
                self._write(*part, check)
        except (VxtapError, OSError, MemoryError, ImportError) as error:  # a library that comes late finds no room
            self._ended = self._failed = True
            self.fail(error)

    def _read(self, check: Callable[[], None]) -> tuple[int, list[pa.RecordBatch]] | None:
        """The next part, a list of row groups; None where there is no more."""
        with self._reading:
            if self._ended:
                return None
            if self._run is None:
                self._open()
            batches: list[pa.RecordBatch] = []
            try:
                while len(batches) < self._groups and (batch := next(self._batches, None)) is not None:
                    batches.append(batch)
                    self._advance()
                    check()
            except VxtapError as error:  # of the capture: what comes before the fault is kept
                self.fail(error)
                self._ended = True
            self._ended = self._ended or len(batches) < self._groups
            nothing = self.error is not None and self._run is not None and not self._run.books.frames
            if not batches and (self._parts or nothing):
                return None
            self._parts += 1
            return self._parts - 1, batches

    def _open(self) -> None:
        options = self._recipe.options
        self._run = pass_over(files_of(self.input.path, options), options, self._shape.projection, threads=1)
        self._batches = record_batches(self._run, self._shape, self._rows)

    def _advance(self) -> None:
        raw = self._run.files.origin.raw if self._run is not None else None
        if raw is not None and not raw.closed:
            self.bytes_read = min(raw.tell(), self.input.stat.st_size)

    def _write(self, number: int, batches: list[pa.RecordBatch], check: Callable[[], None]) -> None:
        schema = self._shape.schema
        schema = schema.with_metadata(
            {**schema.metadata, "vxtap.capture": os.fsencode(os.path.basename(self.input.path))}
        )
        if self._partition is None:
            self._write_file(number, "", schema, _drain(batches), check)
            return
        for folder, table in divide(batches, schema, self._partition):
            groups = table.to_batches(max_chunksize=self._rows)
            self._write_file(number, folder, table.schema, groups, check)

    def _write_file(
        self, number: int, folder: str, schema: pa.Schema, groups: Iterable[pa.RecordBatch], check: Callable[[], None]
    ) -> None:
        path = beside(self._place.path(os.path.join(folder, self._stem)))
        self._written[path] = _Written(number, folder)  # before it is there, so that it is taken back
        try:
            parquet = need("pyarrow.parquet", extra="arrow")
            # pyarrow takes a path for a URI, in UTF-8: a file that is open already has any name.
            with (
                open(path, "wb", buffering=_BUFFER) as file,
                parquet.ParquetWriter(file, schema, **writer_options(schema)) as writer,
            ):
                for group in groups:
                    writer.write_batch(group)
                    del group
                    check()
            self._written[path] = _Written(number, folder, os.stat(path).st_size)
        except OSError as error:  # nobody knows of the file beside the target
            where = os.path.join(self._place.manifest.folder, folder, f"{self._stem}.parquet")
            raise OSError(error.errno, os.strerror(error.errno) if error.errno else str(error), where) from None

    def finish(self) -> None:
        """Let all files take their names; where one cannot, none does."""
        self._close()
        if self._run is not None:
            self.report = self._run.report()
        if self._failed or (self.error is not None and not isinstance(self.error, VxtapError)):
            self._discard()
        else:
            self._commit()
        self.end()

    def _commit(self) -> None:
        folder, names = self._place.manifest.folder, {}
        several = self._parts > 1
        for path, one in sorted(self._written.items(), key=lambda item: item[1]):
            name = part_name(self._stem, one.part, "parquet") if several else f"{self._stem}.parquet"
            names[path] = os.path.join(one.folder, name)
        sizes = {names[path]: one.size for path, one in self._written.items()}
        try:
            for name in names.values() if several else ():
                self._place.check_free(name, self._stem, self.entry.key)
            self._place.manifest.announce(self.entry, {name: sizes[name] for name in names.values()})
            for path, name in names.items():
                target = os.path.join(folder, name)
                os.replace(path, target)
                self._written[target] = self._written.pop(path)
        except (OSError, OptionError) as error:
            self._discard()
            self.error = None  # more than that the capture is damaged: nothing is kept
            self.fail(error)
            return
        self._written.clear()
        self.entry.outputs = {name: sizes[name] for name in names.values()}
        if self.report is not None:
            self.report.bytes_out = sum(sizes.values())
        if self.error is not None and names:
            first = os.path.join(folder, next(iter(names.values())))
            self.error.args = (f"{self.error}; what came before it is in {first}", *self.error.args[1:])

    def abandon(self) -> None:
        """Remove what was written."""
        self._close()
        self._discard()

    def _close(self) -> None:
        if self._run is not None:
            self._run.close()

    def _discard(self) -> None:
        for path in self._written:
            with contextlib.suppress(OSError):
                os.unlink(path)
        self._written.clear()


def _drain(batches: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """One after the other, each let go of before the next."""
    batches.reverse()
    while batches:
        yield batches.pop()
