"""Where in a file ranges begin that are read apart: at records, and how anybody can know that they are some."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from vxtap import _core, _parts
from vxtap.errors import fault
from vxtap.passes import SEED, describe_bytes
from vxtap.rotation import TIME
from vxtap.stores import read
from vxtap.strips import AT_STOP, MORE_INPUT, OK, Dropped, Strip, counter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vxtap.options import Options
    from vxtap.stores import Reader, Store

#: Bytes before a border that are read ahead of a range: what they leave in memory is mostly all that matters there.
WARM = 256 << 10
# Bytes behind a border in which chains of headers have to go on, and those of a window at most.
_BEHIND, _MOST = 64 << 10, 4 << 20
# The beginning of a file is read for its framing, up to here; files no larger than the second are read as a whole.
_HEAD, _SMALL = 256 << 10, 1 << 20
_PCAPNG = 2
# Requests to a store at a time.
_AT_ONCE = 16
# Bytes between two places of a file at which is noted what its fragments need.
_STEP = 1 << 20
# So many more, so far apart, lie before each border, and so many frames are passed to come to where no datagram is
# incomplete.
_STOPS, _APART = 16, 4 << 10


class Border(NamedTuple):
    """Where a range begins.

    Attributes
    ----------
    warm : int
        A record before it, from which on is read.
    at : int
        Its first record.
    framing : bytes
        What holds there.
    frames : int or None
        How many there are before it, where all of those have been seen.
    traced : bool
        All fragments up to the next border have been seen: none of them needs more than what is read.
    sights : int or None
        Stands for the second sights from here to the next border, where they have been seen.
    """

    warm: int
    at: int
    framing: bytes
    frames: int | None = None
    traced: bool = False
    sights: int | None = None


class Head:
    """The beginning of a capture.

    Attributes
    ----------
    framing : bytes
        What holds behind it.
    several : bool
        It is of a format in which what holds can change.

    Raises
    ------
    FormatError, UnsupportedError
        For what is no capture.
    """

    def __init__(self, store: Store, reader: Reader) -> None:
        scanner = counter()
        strip = Strip(reader, store.size, store.block, scanner)
        status = strip.scan(min(store.size, _HEAD), Dropped(TIME[1]))
        ended = strip.ended[0] if status == MORE_INPUT else OK
        if scanner.format[0] == 0 or (ended != OK and not scanner.frames):
            found = strip.first_bytes()
            told = describe_bytes(found) if found else ""
            raise fault(store.name, ended if ended != OK else status, 0, 0, told)
        self.framing = _parts.framing_of(scanner)
        self.several = scanner.format[0] == _PCAPNG
        self.interfaces = len(scanner.interfaces()[0])


class _Stop(NamedTuple):
    """Where the walk came to, for one place: a record, and what is known there.

    `earliest` is of the fragments since the stop before it; the other counts are of all since the start.
    """

    at: int
    framing: bytes
    frames: int
    sights: int
    earliest: int | None
    pushed: int


def walk(store: Store, reader: Reader, places: Iterable[int], options: Options) -> list[Border]:
    """Find borders by passing the whole file: the first record at each place, or behind it.

    How far back ranges have to begin is known then too, as far as it is fragments that say so.
    """
    wanted = set(places)
    scanner = _core.Scanner(
        options.wanted, source=0, level=0, skipped_rows=False, columns=[TIME], row_size=TIME[1], seed=SEED
    )
    strip, rows = Strip(reader, store.size, store.block, scanner), Dropped(TIME[1])
    ahead = {place - WARM - i * _APART for place in wanted for i in range(_STOPS)}
    ask = sorted(one for one in {*wanted, *ahead, *range(0, store.size, _STEP)} if one > 0)
    stops, found = [_Stop(0, b"", 0, 0, *_parts.trace(scanner))], []
    for stop, following in zip([*ask, 0], [*ask[1:], store.size, 0], strict=True):
        status = strip.scan(stop, rows)
        if stop not in wanted:
            _pass_fragments(strip, rows, following)
        framing, (earliest, pushed) = _parts.framing_of(scanner), _parts.trace(scanner)
        framing = stops[-1].framing if framing == stops[-1].framing else framing  # one of millions that are equal
        sights, pushed = _parts.sights_digest(scanner), stops[-1].pushed + pushed
        stops.append(_Stop(scanner.offset, framing, scanner.frames, sights, earliest, pushed))
        if status != AT_STOP:
            break
        if stop in wanted:
            found.append(len(stops) - 1)
    ends = [*found, len(stops) - 1][1:]
    return [_border(stops, i, end) for i, end in zip(found, ends, strict=True)]


def _pass_fragments(strip: Strip, rows: Dropped, limit: int) -> None:
    """Go on to a record at which no datagram that has begun lately is incomplete, if that is not far."""
    scanner = strip.scanner
    for _ in range(_STOPS):
        frames = scanner.frames
        if scanner.offset >= limit or not _parts.is_open(scanner, max(frames - _STOPS, 1), frames + 1, False):
            return
        if strip.scan(scanner.offset + 1, rows) != AT_STOP:
            return


def _earliest(stops: list[_Stop]) -> float:
    """The first frame that fragments depend on, and behind all others where there is none."""
    return min((one.earliest for one in stops if one.earliest is not None), default=math.inf)


def _border(stops: list[_Stop], i: int, end: int) -> Border:
    """The border at stop `i` of a range that goes on to stop `end`."""
    warm = i
    while warm and stops[warm].at > stops[i].at - WARM:
        warm -= 1
    while (frames := _earliest(stops[warm + 1 : end + 1])) <= stops[warm].frames:
        while stops[warm].frames >= frames:
            warm -= 1
    at, framing, frames_before, sights, _, _ = stops[i]
    sights = (stops[end].sights - sights) % (1 << 64)
    return Border(stops[warm].at, at, framing, frames_before, traced=not stops[end].pushed, sights=sights)


def look(store: Store, reader: Reader, head: Head, place: int) -> Border | None:
    """Find one border by what lies around it, None where that leaves a doubt.

    Every chain of headers that goes through a window around it has met the others before it, so the one that is true
    has too.
    """
    size = WARM
    while size <= _MOST:
        start = max(place - size, 0)
        warm = meeting(reader, head.framing, start, place - start)
        if warm is not None and warm <= place:
            scanner = counter()
            _parts.assume(scanner, head.framing, warm)
            strip = Strip(reader, store.size, _BEHIND, scanner)
            if strip.scan(place, Dropped(TIME[1])) == AT_STOP:
                return Border(warm, scanner.offset, head.framing)
        size *= 4
    return None


def meeting(reader: Reader, framing: bytes, start: int, size: int) -> int | None:
    """Where everything that may be a record in so many bytes from `start` on leads to; None where there is no such."""
    books = counter()
    _parts.assume(books, framing, start)
    at = _parts.find_meeting(books, read(reader, start, size + _BEHIND), start, size)
    return None if at is None else start + at


def find_warm(reader: Reader, framing: bytes, place: int, stop: int) -> int:
    """Find a record at `place` or not far behind it, and before `stop`: from there is read; 0, the start, at worst."""
    size = WARM
    while place > 0 and size <= _MOST:
        at = meeting(reader, framing, place, size)
        if at is not None and at < stop:
            return at
        size *= 4
    return 0


def find_borders(
    store: Store, split: int, options: Options, *, whole: bool | None = None
) -> tuple[list[Border], bytes]:
    """Find the borders of ranges of about `split` bytes.

    Parameters
    ----------
    store : Store
        An uncompressed capture.
    options : Options
        With which it will be read.
    split : int
        Bytes of a range.
    whole : bool, optional
        Pass all of the file rather than look around each border. By default of a pcapng, whose interfaces may be
        declared anywhere, and of a small file.

    Returns
    -------
    list of Border
        In order, no two at one record, none at the start or the end.
    bytes
        The framing at the start of records of the file.
    """
    places = range(split, store.size, split)
    reader = store.open()
    try:
        head = Head(store, reader)
        if whole is None:
            whole = head.several or store.size <= _SMALL
        found = [] if whole else _look_at_all(store, reader, head, places)
        there = [border for border in found if border]
        if whole or len(there) < len(found):
            there = walk(store, reader, places, options)
    finally:
        reader.close()
    return _without_empty([border for border in there if 0 < border.at < store.size]), head.framing


def _look_at_all(store: Store, reader: Reader, head: Head, places: Iterable[int]) -> list[Border | None]:
    """Look at several at once, where each has to be waited for."""
    if not store.is_far:
        return [look(store, reader, head, place) for place in places]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda place: look(store, reader, head, place), places))


def _without_empty(borders: list[Border]) -> list[Border]:
    """Of several borders at one record, behind which ranges would hold nothing, the last one: it knows of most."""
    return list({border.at: border for border in borders}.values())
