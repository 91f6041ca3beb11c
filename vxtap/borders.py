"""Where in a file ranges begin that are read apart: at records, and how anybody can know that they are some."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vxtap import _parts
from vxtap.errors import fault
from vxtap.rotation import TIME
from vxtap.stores import read
from vxtap.strips import AT_STOP, MORE_INPUT, OK, Dropped, Strip, counter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vxtap.stores import Reader, Store

#: Bytes before a border that are read ahead of a range: what they leave in memory is mostly all that matters there.
WARM = 256 << 10
# Bytes behind a border in which chains of headers have to go on, and those of a window at most.
_BEHIND, _MOST = 64 << 10, 4 << 20
# The beginning of a file is read for its framing, up to here; files no larger than the second are read as a whole.
_HEAD, _SMALL = 256 << 10, 1 << 20
_PCAPNG = 2


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
    """

    warm: int
    at: int
    framing: bytes
    frames: int | None


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
            told = f"it starts with {found.hex(' ')}" if found else ""
            raise fault(store.name, ended if ended != OK else status, 0, 0, told)
        self.framing = _parts.framing_of(scanner)
        self.several = scanner.format[0] == _PCAPNG
        self.interfaces = len(scanner.interfaces()[0])


def walk(store: Store, reader: Reader, places: Iterable[int]) -> list[Border]:
    """Find borders by passing all headers from the start of the file: the first record at each place, or behind it."""
    scanner = counter()
    strip = Strip(reader, store.size, store.block, scanner)
    rows = Dropped(TIME[1])
    wanted = set(places)
    warm, found = {0: 0}, []
    for stop in sorted({*wanted, *(max(place - WARM, 0) for place in wanted)} - {0}):
        if strip.scan(stop, rows) != AT_STOP:
            break
        warm[stop] = scanner.offset
        if stop in wanted:
            found.append((stop, scanner.offset, _parts.framing_of(scanner), scanner.frames))
    return [Border(warm[max(stop - WARM, 0)], at, framing, frames) for stop, at, framing, frames in found]


def look(store: Store, reader: Reader, head: Head, place: int) -> Border | None:
    """Find one border by what lies around it, None where that leaves a doubt.

    Every chain of headers that goes through a window around it has met the others before it, so the one that is true
    has too.
    """
    size = WARM + _BEHIND
    while size <= _MOST:
        start = max(place + _BEHIND - size, 0)
        warm = meeting(reader, head.framing, start, size)
        if warm is not None and warm <= place:
            scanner = counter()
            _parts.assume(scanner, head.framing, warm)
            strip = Strip(reader, store.size, _BEHIND, scanner)
            if strip.scan(place, Dropped(TIME[1])) == AT_STOP:
                return Border(warm, scanner.offset, head.framing, None)
        size *= 4
    return None


def meeting(reader: Reader, framing: bytes, start: int, size: int) -> int | None:
    """Where in so many bytes from `start` on everything that may be a record leads to; None where there is no such."""
    books = counter()
    _parts.assume(books, framing, start)
    at = _parts.find_meeting(books, read(reader, start, size), start)
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


def find_borders(store: Store, split: int, *, whole: bool | None = None) -> tuple[list[Border], bytes]:
    """Find the borders of ranges of about `split` bytes, and the framing at the end of what was seen, where all was.

    Parameters
    ----------
    store : Store
        An uncompressed capture.
    split : int
        Bytes of a range.
    whole : bool, optional
        Pass all headers of the file rather than look around each border. By default of a pcapng, whose interfaces may be
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
        found = [] if whole else [look(store, reader, head, place) for place in places]
        there = [one for one in found if one is not None]
        if whole or len(there) < len(found):
            there = walk(store, reader, places)
    finally:
        reader.close()
    unique = {border.at: border for border in there if 0 < border.at < store.size}
    return [unique[at] for at in sorted(unique)], head.framing
