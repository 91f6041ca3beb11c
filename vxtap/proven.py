"""Ranges of captures that are read apart from each other, and give together what one pass gives.

Where they begin is found before (`prove`): at records. Whoever reads one (`read`) begins some way before it, to know
which fragments and first sights came there, and proves afterwards that this was far enough, or goes further back. It
has to end at the very byte at which the next one begins. So the first range, which begins where the file does, proves
the beginning of the second, and so on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from vxtap import _parts
from vxtap._version import __version__
from vxtap.attempts import Attempt, RangeRows, check_end, looked_with
from vxtap.borders import find_borders
from vxtap.errors import OptionError, UnsupportedError
from vxtap.layout import Projection
from vxtap.options import Options, parse_split
from vxtap.passes import RowPass, files_of
from vxtap.rotation import TIME
from vxtap.stores import Store, find
from vxtap.strips import Dropped, Kept, Strip, counter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vxtap.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """A range of a capture: all records from one true record to another one. `prove` finds them.

    It can be pickled, and holds no open file.

    Attributes
    ----------
    store : Store
        The capture.
    number : int
        Of the range, counted over all captures.
    source : int
        Of the source, for the column `source`.
    begin, end : int
        Bytes of the capture: where the first record begins, and the one that is not part of it.
    last : bool
        It goes to the end of the capture.
    packed : bool
        It is a whole capture, compressed: read from its start to its end, one after the other.
    warm : int
        The record before it where reading begins.
    framing, after : bytes
        What holds at its begin, and has to hold at its end.
    before : int or None
        Frames of the capture before it, where they were counted.
    looked : str
        With which options all of the capture was looked at before; empty where it was not.
    traced : bool
        Then: fragments in it need no more than what is read from `warm` on.
    sights : int or None
        And: what stands for its second sights.
    version : str
        Of the vxtap that found it: framings are its own.
    """

    store: Store
    number: int
    source: int
    begin: int = 0
    end: int
    last: bool = True
    packed: bool = False
    warm: int = 0
    framing: bytes = field(default=b"", repr=False)
    after: bytes = field(default=b"", repr=False)
    before: int | None = 0
    looked: str = field(default="", repr=False)
    traced: bool = False
    sights: int | None = None
    version: str = __version__

    @property
    def name(self) -> str:
        """The range, for people."""
        return f"{self.store.name}: bytes {self.begin:,} to {self.end:,}"


# ---------------------------------------------------------------- finding them


def prove(
    sources: Source | list[Source] | tuple[Source, ...],
    options: Options,
    *,
    split: int | str = "128MB",
    storage_options: Mapping[str, object] | None = None,
    whole: bool | None = None,
) -> list[Proven]:
    """Find ranges of captures that can be read apart.

    Of each border a few hundred KiB around it are read. Of a pcapng all is, unless `whole` says otherwise: interfaces
    can be declared anywhere in it.

    Parameters
    ----------
    sources : str or os.PathLike, or a list of those
        Paths, addresses that fsspec knows, or either with a wildcard. Each file is a capture of its own.
    options : Options
        With which they will be read.
    split : int or str
        Bytes of a range, about.
    storage_options : mapping, optional
        For fsspec.
    whole : bool, optional
        Pass all headers of the files, rather than look around the borders: False for pcapng files that declare all
        interfaces at their beginning, which whoever reads a range checks; True for files in which no borders can be
        told otherwise.

    Returns
    -------
    list of Proven
        In order. A compressed file is one.

    Raises
    ------
    OptionError
        For what has no path.
    OSError
        For what is not there.
    FormatError, UnsupportedError
        For what is no capture.
    """
    size = parse_split(split)
    found: list[Proven] = []
    for store, number in find_all(sources, storage_options):
        found += prove_one(store, number, options, size, whole=whole)
    return numbered(found)


def find_all(
    sources: Source | list[Source] | tuple[Source, ...], storage_options: Mapping[str, object] | None = None
) -> list[tuple[Store, int]]:
    """Find the captures of some sources, each with the number of its source."""
    given = sources if isinstance(sources, list | tuple) else [sources]
    if any(isinstance(one, list | tuple) for one in given):
        raise OptionError("ranges are of one file each: a rotated set is a list of files, or a wildcard")
    return [(store, number) for number, one in enumerate(given) for store in find(one, storage_options)]


def prove_one(store: Store, source: int, options: Options, split: int, *, whole: bool | None = None) -> list[Proven]:
    """Find the ranges of one capture, numbered from 0."""
    if store.is_packed():
        return [Proven(store=store, number=0, source=source, end=store.size, packed=True)]
    borders, head = find_borders(store, split, options, whole=whole)
    first = Proven(store=store, number=0, source=source, end=store.size, after=head)
    found, with_what = [first], looked_with(options)
    for border in borders:
        found[-1] = replace(found[-1], end=border.at, last=False, after=border.framing)
        begun = replace(first, begin=border.at, warm=border.warm, framing=border.framing, before=border.frames)
        looked = "" if border.sights is None else with_what
        found.append(replace(begun, looked=looked, traced=border.traced, sights=border.sights))
    return numbered(found)


def numbered(ranges: list[Proven]) -> list[Proven]:
    """Give ranges their numbers, in order."""
    return [replace(one, number=number) for number, one in enumerate(ranges)]


def count(proven: Proven) -> int:
    """Count the frames of a range by their headers alone.

    Raises
    ------
    UnsupportedError
        Where it does not end where the next one begins.
    """
    reader = proven.store.open()
    try:
        scanner = counter()
        if proven.begin:
            _parts.assume(scanner, proven.framing, proven.begin)
        strip = Strip(reader, proven.store.size, proven.store.block, scanner)
        status = strip.scan(0 if proven.last else proven.end, Dropped(TIME[1]), border=True)
        check_end(proven, scanner, status)
        return scanner.frames
    finally:
        reader.close()


def with_counts(ranges: list[Proven], counts: list[int]) -> list[Proven]:
    """Tell ranges how many frames come before them in their captures, from the numbers of their own."""
    found, before = [], 0
    for proven, frames in zip(ranges, counts, strict=True):
        before = before if proven.begin else 0
        found.append(replace(proven, before=before))
        before += frames
    return found


def without_counts(ranges: list[Proven]) -> list[Proven]:
    """Have frames count within each range."""
    return [replace(one, before=None) for one in ranges]


# ---------------------------------------------------------------- reading one


def read(proven: Proven, options: Options, projection: Projection | None = None) -> RangeRows:
    """Read a range.

    Parameters
    ----------
    proven : Proven
        One of those that `prove` found.
    options : Options
        What is to be read of it.
    projection : Projection, optional
        Columns of the rows, by default those of the options.

    Returns
    -------
    RangeRows

    Raises
    ------
    UnsupportedError
        For a file that has changed, and where the range turns out not to be one: a payload looks like a capture, or
        interfaces are declared within the file.
    FormatError, OSError
        For a damaged or unreadable file.
    """
    if proven.version != __version__:
        raise UnsupportedError(f"{proven.name}: was found by vxtap {proven.version}, this is {__version__}")
    check_options(options)
    projection, wanted = _with_offset(projection or Projection(options.column_names), options)
    if proven.packed:
        return _as_wanted(_read_packed(proven, options, projection), wanted)
    reader = proven.store.open()
    reread, warm = 0, proven.warm
    try:
        while True:
            attempt = Attempt(proven, options, projection, reader, warm)
            further = attempt.run()
            reread += attempt.strip.taken
            if further is None:
                result = attempt.result(max(0, reread - (proven.end - proven.begin)))
                return _as_wanted(result, wanted)
            warm = further
    finally:
        reader.close()


def check_options(options: Options) -> None:
    """Raise for what ranges cannot be asked for."""
    if options.frames == "all":
        raise OptionError("frames: a range has rows for decapsulated frames only")
    if options.program is not None and "frame" in options.program.columns:
        raise OptionError("where: a range does not know how many frames come before it: ask for something but 'frame'")


def _with_offset(projection: Projection, options: Options) -> tuple[Projection, np.dtype[np.void] | None]:
    """Have a column more where rows can come late, which are told by where their frame lies: and what is wanted."""
    names = projection.dtype.names or ()
    if not options.partial or "offset" in names:
        return projection, None
    return Projection((*names, "offset")), projection.dtype


def _as_wanted(result: RangeRows, dtype: np.dtype[np.void] | None) -> RangeRows:
    if dtype is None:
        return result
    rows = np.zeros(len(result.rows), dtype)
    for name in dtype.names or ():
        rows[name] = result.rows[name]
    return result._replace(rows=rows)


def _read_packed(proven: Proven, options: Options, projection: Projection) -> RangeRows:
    proven.store.open().close()  # it is the one that was found
    stream = proven.store.stream()
    run = RowPass(
        files_of(stream, options),
        options,
        projection.copies,
        projection.dtype.itemsize,
        level=projection.level,
        number=proven.source,
    )
    kept = Kept(projection)
    try:
        full = True
        while full:
            kept.count, full = run.fill(kept.buffer, kept.count)
            if full:
                kept.full()
        if run.error is not None:
            raise run.error
        return RangeRows(kept.array(), run.report(), 0)
    finally:
        run.close()
        if not isinstance(stream, str):
            stream.close()
