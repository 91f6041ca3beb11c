"""Ranges of captures that are read apart from each other, and give together what one pass gives.

Where they begin is found before (`prove`): at records. Whoever reads one (`read`) begins some way before it, to know
which fragments and first sights came there, and proves afterwards that this was far enough, or goes further back. It
has to end at the very byte at which the next one begins. So the first range, which begins where the file does, proves
the beginning of the second, and so on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vxtap import _core, _parts
from vxtap._version import __version__
from vxtap.borders import find_borders, find_warm
from vxtap.enums import Status
from vxtap.errors import OptionError, TruncatedError, UnsupportedError, fault
from vxtap.layout import Projection
from vxtap.options import Options, parse_split
from vxtap.passes import SEED, RowPass, describe_bytes, files_of
from vxtap.report import Report, by_reason
from vxtap.rotation import TIME
from vxtap.stores import Store, find
from vxtap.strips import AT_STOP, MORE_INPUT, OK, Dropped, Kept, Strip, Times, counter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vxtap.capture import Packets
    from vxtap.source import Source
    from vxtap.stores import Reader

# How far is read ahead for the rest of datagrams that begin in a range.
_AHEAD = (64 << 10, 256 << 10, 1 << 20)
# Nanoseconds that lie between two sights of a packet at most, and a bit more.
_SIGHT = 1_000_001
_LOST, _OVERLAP, _JOINED = Status.FRAGMENT_LOST.value, Status.FRAGMENT_OVERLAP.value, Status.FRAGMENT_JOINED.value
_FOREVER = (1 << 63) - 1
_NOT_CAPTURE = Status.NOT_CAPTURE.value


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
    traced : str
        With which options all fragments of the capture were looked at before: then no more than `warm` is needed for
        them. Empty where they were not.
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
    framing: bytes = b""
    after: bytes = b""
    before: int | None = 0
    traced: str = ""
    version: str = __version__

    @property
    def name(self) -> str:
        """The range, for people."""
        return f"{self.store.name}: bytes {self.begin:,} to {self.end:,}"


class RangeRows(NamedTuple):
    """What a range holds.

    Attributes
    ----------
    rows : numpy.ndarray
        One a decapsulated frame, in order; `frame` counts within the range, or the capture where frames were counted.
    report : Report
        Of its frames. Fragments that have not become a frame in it are counted as lost only where it is known by its
        end.
    reread : int
        Bytes that were read beside its own: before it, behind it, and its own once more.
    """

    rows: Packets
    report: Report
    reread: int


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


def prove_one(
    store: Store, source: int, options: Options, split: int, *, whole: bool | None = None
) -> list[Proven]:
    """Find the ranges of one capture, numbered from 0."""
    if store.is_packed():
        return [Proven(store=store, number=0, source=source, end=store.size, packed=True)]
    borders, head = find_borders(store, split, options, whole=whole)
    first = Proven(store=store, number=0, source=source, end=store.size, after=head)
    found = [first]
    for border in borders:
        found[-1] = replace(found[-1], end=border.at, last=False, after=border.framing)
        begun = replace(first, begin=border.at, warm=border.warm, framing=border.framing, before=border.frames)
        found.append(replace(begun, traced=_traced_with(options) if border.traced else ""))
    return numbered(found)


def _traced_with(options: Options) -> str:
    """The options on which it depends what becomes of fragments."""
    return repr({name: value for name, value in options.wanted.items() if name not in ("vnis", "where", "partial")})


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
        _check_end(proven, scanner, status)
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


def read(proven: Proven, options: Options) -> RangeRows:
    """Read a range.

    Parameters
    ----------
    proven : Proven
        One of those that `prove` found.
    options : Options
        What is to be read of it.

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
    if options.frames == "all":
        raise OptionError("frames: a range has rows for decapsulated frames only")
    if proven.packed:
        return _read_packed(proven, options)
    reader = proven.store.open()
    reread, warm = 0, proven.warm
    try:
        while True:
            attempt = _Attempt(proven, options, reader, warm)
            further = attempt.run()
            reread += attempt.strip.taken
            if further is None:
                return attempt.result(max(0, reread - (proven.end - proven.begin)))
            warm = further
    finally:
        reader.close()


def _read_packed(proven: Proven, options: Options) -> RangeRows:
    proven.store.open().close()  # it is the one that was found
    projection = Projection(options.column_names)
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


def _check_end(proven: Proven, scanner: _core.Scanner, status: int) -> None:
    """Whether a range that has been read ends where the next one begins, with what holds there."""
    if status == MORE_INPUT and proven.last:
        return
    if status in (AT_STOP, MORE_INPUT) and scanner.offset != proven.end:
        raise UnsupportedError(
            f"{proven.name}: no record ends at byte {proven.end:,}: there a payload looks like a capture:"
            " find the ranges again with whole=True"
        )
    if status == AT_STOP and _parts.framing_of(scanner) != proven.after:
        raise UnsupportedError(
            f"{proven.name}: interfaces are declared in it, of which the next range knows nothing:"
            " find the ranges again with whole=True"
        )
    if status not in (AT_STOP, MORE_INPUT):
        raise fault(proven.store.name, status, scanner.fault_offset, scanner.frames + (proven.before or 0))


class _Attempt:
    """A range, read from some record before it on."""

    def __init__(self, proven: Proven, options: Options, reader: Reader, warm: int) -> None:
        self._proven = proven
        self._options = options
        self._reader = reader
        self._warm = warm
        self._projection, self._hidden = _projection_of(options)
        kind = {"source": proven.source, "level": self._projection.level, "skipped_rows": False, "seed": SEED}
        size = self._projection.dtype.itemsize
        scanner = _core.Scanner(options.wanted, columns=self._projection.copies, row_size=size, **kind)  # type: ignore[arg-type]
        self._scanner = scanner
        self.strip = Strip(reader, proven.store.size, proven.store.block, scanner)
        self._rows = Kept(self._projection)
        self._times: Times | None = None
        self._tail = 0
        if warm:
            self._times = Times(reader, proven.framing, warm)
            _parts.assume(scanner, proven.framing, warm)
            _parts.doubt(scanner, min(self._times.before + _SIGHT, _FOREVER) if self._times.known else _FOREVER)

    def run(self) -> int | None:
        """Read it. None where it is proven, else the record from which on it has to be read once more."""
        proven, scanner = self._proven, self._scanner
        if proven.begin and not self._come_to_begin():
            return 0
        self._frames = scanner.frames
        self._outcomes = scanner.outcomes
        _parts.begin_times(scanner)
        status = self.strip.scan(0 if proven.last else proven.end, self._rows, border=True)
        if proven.last and status == MORE_INPUT:
            self._take_stock()
            incomplete = self._is_open(alone=False)
            self._end()
            return self._doubt(incomplete=incomplete)
        self._check(status)
        self._take_stock()
        self._look_ahead()
        return self._doubt(incomplete=self._is_open(alone=False))

    def _come_to_begin(self) -> bool:
        """Read up to the range; False where that began at no record, or within other interfaces."""
        proven, scanner = self._proven, self._scanner
        status = self.strip.scan(proven.begin, Dropped(self._projection.dtype.itemsize), border=True)
        there = status == AT_STOP and scanner.offset == proven.begin and _parts.framing_of(scanner) == proven.framing
        if not there and not self._warm:
            raise UnsupportedError(
                f"{proven.name}: no record begins at byte {proven.begin:,}: find the ranges again with whole=True"
            )
        return there

    def _check(self, status: int) -> None:
        if status not in (AT_STOP, MORE_INPUT):
            before = (self._proven.before or 0) + self._scanner.frames - self._frames
            found = describe_bytes(self.strip.first_bytes()) if status == _NOT_CAPTURE else ""
            raise fault(self._proven.store.name, status, self._scanner.fault_offset, before, found)
        _check_end(self._proven, self._scanner, status)

    def _end(self) -> None:
        """The capture ends here."""
        scanner = self._scanner
        status, self._tail = self.strip.end(self._rows)
        if status != OK:
            raise fault(self._proven.store.name, status, 0, 0, "")
        if self._tail and self._options.strict:
            message = f"{self._proven.store.name}: byte {scanner.offset:,}: the file ends within a record"
            raise TruncatedError(message, Status.CUT_HEADER.value, scanner.offset)

    def _is_open(self, *, alone: bool) -> bool:
        return _parts.is_open(self._scanner, self._frames + 1, self._last + 1, alone)

    def _take_stock(self) -> None:
        scanner = self._scanner
        self._last = scanner.frames
        self._first_ns, self._last_ns, self._timeless = scanner.times
        self._done = scanner.outcomes
        self._ended = scanner.offset

    def _look_ahead(self) -> None:
        """Read on for the rest of the datagrams that begin here, as far as it matters."""
        end, size = self._proven.end, self._proven.store.size
        rows = self._rows if self._options.partial else Dropped(self._projection.dtype.itemsize)
        far = 0
        for far in _AHEAD:
            if not self._is_open(alone=False):
                return
            if self._scan_ahead(end + far, rows):
                break
        while self._options.partial and self._is_open(alone=True):
            far *= 2
            if self._scan_ahead(end + far, rows) and end + far >= size:
                if self._is_open(alone=False):
                    self._unfinished = True
                self.strip.end(rows)
                return

    _unfinished = False

    def _scan_ahead(self, stop: int, rows: Kept | Dropped) -> bool:
        """Read some way on; whether nothing more is to be had."""
        return self.strip.scan(stop, rows) != AT_STOP

    def _doubt(self, *, incomplete: bool) -> int | None:
        """None where nothing of what came before this was read can matter; else where to begin then."""
        times, proven, scanner = self._times, self._proven, self._scanner
        if times is None:
            return None
        outcomes = scanner.outcomes
        fragments = outcomes[_JOINED] + outcomes[_LOST] + outcomes[_OVERLAP] > 0
        clock = fragments and not times.known
        lost = incomplete or self._unfinished or outcomes[_LOST] + outcomes[_OVERLAP] > 0
        lost = lost and proven.traced != _traced_with(self._options)
        sights = _parts.doubted(scanner) >= proven.begin
        if not (lost or clock or sights):
            return None
        need = 2 * self._options.wanted["fragment_timeout"] if lost else 2 * _SIGHT if sights else 0
        timed = self._last - self._frames > self._timeless
        if timed and times.known and not sights and times.before + need < self._first_ns:
            return None
        return self._further(need if timed else 0)

    def _further(self, need: int) -> int:
        """Find a record that lies so much time before the range, and twice as far before it as this time."""
        proven, distance = self._proven, max(self._proven.begin - self._warm, 16 << 10)
        while distance < proven.begin:
            distance *= 2
            warm = find_warm(self._reader, proven.framing, proven.begin - distance, self._warm)
            times = Times(self._reader, proven.framing, warm) if warm else None
            if times is None or (times.known and times.before + need < self._first_ns):
                return warm
        return 0

    def result(self, reread: int) -> RangeRows:
        """What has been read, once it is proven."""
        proven = self._proven
        rows = self._rows.array()
        if self._hidden or self._options.partial:
            at = rows["offset"]
            rows = rows[(at >= proven.begin) & ((at < proven.end) | proven.last)]
        if self._hidden:
            rows = _without_offset(rows, self._options)
        if "frame" in (rows.dtype.names or ()):
            with np.errstate(over="ignore"):
                rows["frame"] += np.uint64(((proven.before or 0) - self._frames) & ((1 << 64) - 1))
        return RangeRows(rows, self._report(len(rows)), reread)

    def _report(self, decapsulated: int) -> Report:
        frames = self._last - self._frames
        counts = [max(0, done - before) for done, before in zip(self._done, self._outcomes, strict=True)]
        rest = max(0, frames - decapsulated - sum(counts[1:]) + counts[_JOINED] + counts[_LOST] + counts[_OVERLAP])
        for reason in (_LOST, _OVERLAP, _JOINED):
            counts[reason] = rest if reason == _JOINED else min(counts[reason], rest)
            rest -= counts[reason]
        timed = frames > self._timeless
        return Report(
            frames=frames,
            decapsulated=decapsulated,
            skipped=by_reason(counts),
            bytes_in=self._ended - self._proven.begin + self._tail,
            first_ns=self._first_ns if timed else None,
            last_ns=self._last_ns if timed else None,
            no_time=self._timeless,
            truncated_tail=self._tail,
            truncated=self._tail > 0,
            began=self._proven.begin,
            ended=self._ended,
        )


def _projection_of(options: Options) -> tuple[Projection, bool]:
    """The columns, and whether one was added: rows that come late are told by where their frame lies."""
    names = options.column_names
    if not options.partial or names is None or "offset" in names:
        return Projection(names), False
    return Projection((*names, "offset")), True


def _without_offset(rows: Packets, options: Options) -> Packets:
    found = np.zeros(len(rows), Projection(options.column_names).dtype)
    for name in found.dtype.names or ():
        found[name] = rows[name]
    return found


