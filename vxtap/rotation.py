"""A rotated set: files that are one capture, and the order in which they are read."""

from __future__ import annotations

import bisect
import errno
import os
import re
import stat
import sys
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from vxtap import _core, _facts
from vxtap.changes import what_changed
from vxtap.enums import Status
from vxtap.errors import OptionError, UnsupportedError, VxtapError
from vxtap.source import Origin, printable
from vxtap.window import Window

if TYPE_CHECKING:
    from vxtap.source import Source, Sources

_WILD = frozenset("*?[")
_NUMBERS = re.compile(r"([0-9]+)")
# Files that can be looked back to where nobody asks for inner frames: those of the last millisecond.
_BEHIND = 8
# What a look at a file reads first: enough for its header and a frame.
_FIRST_BLOCK = 4 << 10
_MORE_INPUT = Status.MORE_INPUT.value
_FINE = 6  # an if_tsresol above this one has digits below a microsecond
_NAT = -(1 << 63)
TIME = next((offset, size, 0) for name, _, offset, size, *_ in _facts.fields() if name == "ts")
#: For a scanner that looks for no tunnel: every frame is a row, and the time its only column.
NOTHING: _core.Wanted = {
    "ports": (),
    "vnis": (),
    "gre": 0,
    "depth": 1,
    "once": False,
    "partial": False,
    "plain": False,
    "where": None,
    "fragment_timeout": 0,
    "fragment_memory": _facts.FRAGMENT_MEMORY,
}


def natural(path: str) -> list[str | int]:
    """A key to sort names by, in which x.pcap2 comes before x.pcap10."""
    return [int(part) if i % 2 else part for i, part in enumerate(_NUMBERS.split(path))]


def path_of(source: Source) -> str | None:
    """The text of a path, None for anything else."""
    return os.fsdecode(os.fspath(source)) if isinstance(source, str | os.PathLike) else None


def matches(pattern: str) -> list[str] | None:
    """The files that a wildcard names, in natural order; None where the text is none, or a file has that very name."""
    if _WILD.isdisjoint(pattern) or os.path.lexists(pattern):
        return None
    import glob  # only here: the command starts without it

    return sorted((path for path in glob.glob(pattern) if not os.path.isdir(path)), key=natural)


def expand(sources: Sources) -> list[Source]:
    """Name the members of a set; a wildcard that matches nothing is a file that is not found."""
    members: list[Source] = []
    for one in sources if isinstance(sources, list | tuple) else [sources]:
        if isinstance(one, list | tuple):
            raise OptionError("a rotated set is a list of files, not of lists")
        path = path_of(one)
        found = None if path is None else matches(path)
        if found == []:
            raise FileNotFoundError(errno.ENOENT, "no file matches this wildcard", path)
        members += [one] if found is None else found
    if not members:
        raise OptionError("a rotated set of no files")
    return members


class Look(NamedTuple):
    """What is known of a file after a look at its beginning."""

    first: int | None = None  # time of its first frame
    fine: bool = False  # a clock finer than microseconds
    compressed: bool = False
    size: int | None = None
    stat: os.stat_result | None = None


def _look_into(origin: Origin) -> Look:
    """Read up to the first frame. What is wrong with a file is told when its turn comes."""
    books = _core.Scanner(NOTHING, source=0, level=0, skipped_rows=True, columns=[TIME], row_size=TIME[1])
    row = bytearray(TIME[1])
    made = 0
    try:
        window = Window(origin, _FIRST_BLOCK)
        while not made:
            status, used, made = books.scan(window.buffer, window.start, window.end, row, 0)
            window.start += used
            if not made and (status != _MORE_INPUT or not window.more()):
                break
    except VxtapError:
        pass
    first = int.from_bytes(row, sys.byteorder, signed=True)
    fine = any(interface[3] > _FINE for interface in books.interfaces()[0])
    return Look(first if made and first != _NAT else None, fine, origin.is_compressed, origin.size, origin.stat)


def look(source: Source) -> Look:
    """Look at the beginning of what can be read twice; a pipe tells nothing."""
    path = path_of(source)
    if path is not None and (path == "-" or not stat.S_ISREG(os.stat(path).st_mode)):
        return Look()
    origin = Origin(source)
    try:
        if path is not None or origin.memory is not None:
            return _look_into(origin)
        if not getattr(source, "seekable", bool)():
            return Look(stat=origin.stat)
        place = source.tell()  # type: ignore[union-attr]
        try:
            return _look_into(origin)
        finally:
            source.seek(place)  # type: ignore[union-attr]
    finally:
        origin.close()


def in_order(members: list[Source], looks: list[Look]) -> list[int]:
    """The order of reading: by first time; a file without one stays behind the file that its name puts it behind.

    Where there is anything but files with names (a pipe, a file object, a buffer), the order of the list takes the
    place of names.
    """
    order = list(range(len(members)))
    names = [path for one, path in zip(looks, map(path_of, members), strict=True) if path is not None and one.stat]
    if len(names) == len(members):
        order.sort(key=lambda i: natural(names[i]))
    keys: dict[int, int] = {}
    last = _NAT
    for i in order:
        first = looks[i].first
        last = keys[i] = last if first is None else first
    return sorted(order, key=keys.__getitem__)


def _name_of(sources: Sources, first: Origin, count: int) -> str:
    if isinstance(sources, list | tuple):
        return f"{first.name} and {count - 1:,} more"
    return f"{printable(path_of(sources) or '')}: {count:,} files"


def _gone(origin: Origin, offset: int) -> UnsupportedError:
    return UnsupportedError(
        f"{origin.name}: byte {offset:,} has been passed and cannot be read again:"
        " ask for inner frames before the next batch"
    )


class Rotation:
    """The files of one capture, one after the other. Of a single one nothing is looked at ahead.

    Attributes
    ----------
    name : str
        For people: of the file, or of the set.
    origin : Origin
        The file that is read now.
    several : bool
        Whether there can be more than one.
    start : int
        Where the current file starts in the capture.
    waits : bool
        Where a file ends, more of it may come.
    count : int
        Files opened so far.
    fine : bool
        A look has found a clock finer than microseconds.
    number : int
        Of the source, where it brings one along.
    begin : int
        The byte of the first file from which on records are read.
    """

    waits = False
    number = 0
    begin = 0

    @property
    def limit(self) -> int:
        """Where in the capture reading ends, once it is known to be in the current file; 0 where it is not."""
        return 0

    def __init__(self, sources: Sources, *, rereadable: bool = False, ahead: bool = False) -> None:
        members = expand(sources)
        self.several = len(members) > 1
        members, looks = self._look(members, sources)
        order = in_order(members, looks) if looks else [0]
        self._waiting: deque[Source | Origin] = deque(members[i] for i in order)
        self._rereadable = rereadable
        self._ahead = ahead
        self.count = 0
        self._starts: list[int] = []
        self._origins: list[Origin] = []
        self.fine = any(one.fine for one in looks)
        self._take(0)
        self._stats = [one.stat for one in looks] or [self.origin.stat]
        self._sizes = [one.size for one in looks]
        self.name = self.origin.name if not looks else _name_of(sources, self.origin, len(looks))

    def _look(self, members: list[Source], asked: Sources) -> tuple[list[Source], list[Look]]:
        """Look at the files, where there are several; what a wildcard named and is gone already is left out."""
        given = asked if isinstance(asked, list | tuple) else [asked]
        there, looks = [], []
        for member in members if self.several else ():
            try:
                looks.append(look(member))
                there.append(member)
            except FileNotFoundError:
                if any(member is one for one in given):
                    raise
        return there or members, looks

    def _take(self, start: int) -> None:
        """Open the next member, whose bytes count from `start`."""
        source = self._waiting.popleft()
        self.origin = source if isinstance(source, Origin) else Origin(source)
        self.origin.ahead = self._ahead
        self.count += 1
        self.start = start
        if not self._rereadable:
            del self._starts[:-_BEHIND], self._origins[:-_BEHIND]
        self._starts.append(start)
        self._origins.append(self.origin)

    @property
    def stopped(self) -> bool:
        """Whether nothing more is to be read, although there may be more."""
        return False

    def wait(self) -> bool:
        """The current file is at its end: wait until it has grown, where that is wanted; False where it has not."""
        return False

    def ready(self) -> bool:
        """Wait until a pipe has something, where something else may happen first; False where it has."""
        return True

    def next(self, start: int) -> bool:
        """Go on with the next file of the set, whose bytes count from `start`; False where there is none."""
        if not self._waiting:
            return False
        self.origin.leave()
        self._take(start)
        return True

    def what_changed(self, *, at_end: bool) -> str:
        """What has happened to the current file since it was opened."""
        return what_changed(self.origin, at_end=at_end)

    @property
    def size(self) -> int | None:
        """Bytes in all, where that is known before reading."""
        if not self.several:
            return self.origin.size
        known = [size for size in self._sizes if size is not None]
        return sum(known) if len(known) == len(self._sizes) else None

    @property
    def stats(self) -> list[os.stat_result]:
        """Of all files, as far as they are files."""
        return [one for one in self._stats if one is not None]

    @property
    def origins(self) -> list[Origin]:
        """The files up to the current one, of which earlier ones were left."""
        return self._origins

    def again(self, offset: int, count: int) -> bytes | memoryview:
        """Bytes that have been passed, over the borders of files; fewer where they cannot be had any more."""
        parts: list[bytes | memoryview] = []
        at = bisect.bisect_right(self._starts, offset) - 1
        while count and 0 <= at < len(self._origins):
            end = self._starts[at + 1] if at + 1 < len(self._starts) else offset + count
            wanted = min(count, end - offset)
            try:
                parts.append(self._origins[at].read_at(offset - self._starts[at], wanted) or b"")
            except OSError:
                break
            if len(parts[-1]) < wanted:
                break
            at, offset, count = at + 1, offset + wanted, count - wanted
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def check_again(self, offset: int) -> None:
        """Raise where not all bytes up to there can be had again."""
        for start, origin in zip(self._starts, self._origins, strict=True):
            if start <= offset and not origin.can_seek:
                raise _gone(origin, offset - start)

    def read_at(self, offset: int, count: int) -> memoryview:
        """Bytes of the capture that have been passed, of whichever file they are in."""
        at = bisect.bisect_right(self._starts, offset) - 1
        origin = self._origins[at]
        if not origin.can_seek:
            raise _gone(origin, offset - self._starts[at])
        data = origin.read_at(offset - self._starts[at], count)
        where = f"{origin.name}: byte {offset - self._starts[at]:,}"
        if data is None:
            raise UnsupportedError(f"{where}: another file has taken its name since it was read")
        if len(data) < count:
            raise UnsupportedError(f"{where}: the file has become shorter since it was read")
        return memoryview(data)

    def close(self) -> None:
        """Close what is open."""
        for one in (self.origin, *self._waiting):
            if isinstance(one, Origin):
                one.close()
