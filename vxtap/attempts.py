"""One range of a capture, read from some way before it on, and how it is known whether that was far enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vxtap import _core, _parts
from vxtap.borders import find_warm
from vxtap.enums import Status
from vxtap.errors import TruncatedError, UnsupportedError, fault
from vxtap.passes import SEED, describe_bytes
from vxtap.report import Report, by_reason
from vxtap.strips import AT_STOP, MORE_INPUT, OK, Dropped, Kept, Strip, Times

if TYPE_CHECKING:
    from vxtap.capture import Packets
    from vxtap.layout import Projection
    from vxtap.options import Options
    from vxtap.proven import Proven
    from vxtap.stores import Reader

# How far is read ahead for the rest of datagrams that begin in a range.
_AHEAD = (64 << 10, 256 << 10, 1 << 20)
# Nanoseconds that lie between two sights of a packet at most, and a bit more.
_SIGHT = 1_000_001
# Bytes that are read back in search of a place from which on all is known, again and again.
_FAR = 1 << 30
_FOREVER = (1 << 63) - 1
_LOST, _OVERLAP, _JOINED = Status.FRAGMENT_LOST.value, Status.FRAGMENT_OVERLAP.value, Status.FRAGMENT_JOINED.value
_NOT_CAPTURE = Status.NOT_CAPTURE.value


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


def looked_with(options: Options) -> str:
    """The options on which it depends what becomes of fragments and second sights."""
    return repr({name: value for name, value in options.wanted.items() if name not in ("vnis", "where", "partial")})


def check_end(proven: Proven, scanner: _core.Scanner, status: int) -> None:
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


class Attempt:
    """A range, read from some record before it on."""

    def __init__(self, proven: Proven, options: Options, projection: Projection, reader: Reader, warm: int) -> None:
        self._proven = proven
        self._options = options
        self._projection = projection
        self._reader = reader
        self._warm = warm
        self._unfinished = False
        self._looked = proven.looked == looked_with(options)
        self._scanner = scanner = _core.Scanner(
            options.wanted,
            source=proven.source,
            level=projection.level,
            skipped_rows=False,
            columns=projection.copies,
            row_size=projection.dtype.itemsize,
            seed=SEED,
        )
        self.strip = Strip(reader, proven.store.size, proven.store.block, scanner)
        self._rows = Kept(projection)
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
        self._sights_before = _parts.sights_digest(scanner)
        if self._begins_in_doubt():
            return self._further(2 * _SIGHT)
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

    def _begins_in_doubt(self) -> bool:
        """Whether the first packets of the range could be second sights of what came before anything was read."""
        if self._times is None or not _parts.looks_at_sights(self._scanner):
            return False
        times = Times(self._reader, self._proven.framing, self._proven.begin)
        self._first_ns = times.least
        latest = self._times.before
        if not self._looked:  # else it is known what the second sights are, and nobody has to doubt
            latest = max(latest, _parts.doubted(self._scanner)[1])
        return not times.known or times.least <= latest + _SIGHT

    def _check(self, status: int) -> None:
        if status not in (AT_STOP, MORE_INPUT):
            before = (self._proven.before or 0) + self._scanner.frames - self._frames
            found = describe_bytes(self.strip.first_bytes()) if status == _NOT_CAPTURE else ""
            raise fault(self._proven.store.name, status, self._scanner.fault_offset, before, found)
        check_end(self._proven, self._scanner, status)

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
        self._sights = _parts.sights_digest(scanner)
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
        lost = incomplete or self._unfinished or _parts.last_lost(scanner) > self._frames
        lost = lost and not (self._looked and proven.traced)
        sights = _parts.doubted(scanner)[0] >= proven.begin
        if self._looked:
            sights = (self._sights - self._sights_before) % (1 << 64) != proven.sights
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
        if distance > _FAR and not self._looked:
            raise UnsupportedError(
                f"{proven.name}: cannot be told from what lies up to {distance:,} bytes before it: packets that are the"
                " same byte for byte follow each other all the time, or the clock stands still or goes back:"
                " find the ranges again with whole=True"
            )
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
        if self._options.partial:
            at = rows["offset"]
            rows = rows[(at >= proven.begin) & ((at < proven.end) | proven.last)]
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
