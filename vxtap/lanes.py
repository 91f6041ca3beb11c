"""Several sources, read side by side into one sequence: what a merge is fed with."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from vxtap import _facts
from vxtap._merge import Merger
from vxtap.errors import OptionError
from vxtap.passes import MORE_INPUT, SEED, RowPass, files_of
from vxtap.pieces import Pieces

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from vxtap.clocks import Clocks
    from vxtap.errors import VxtapError
    from vxtap.options import Options
    from vxtap.source import Source, Sources

#: Rows of a source that are read at a time: those of a block of small frames.
_ROWS = 1 << 11
# Bytes that packets may be held in until it is known which comes next: all of them, and more for each source.
_POOL, _POOL_EACH = 32 << 20, 256 << 10
_FINE = 6  # an if_tsresol above this one has digits below a microsecond
# How deep inner frames are parsed: for what is written as it is, and for rows.
_SHALLOW, _DEEP = 0, max(field[4] for field in _facts.fields())


def list_of(sources: Source | list[Sources] | tuple[Sources, ...]) -> list[Sources]:
    """Several sources as a list, one as a list of one; a list in the list is a rotated set."""
    found: list[Sources] = list(sources) if isinstance(sources, list | tuple) else [sources]
    if not found:
        raise OptionError("no sources were given")
    check_once(found)
    return found


def check_once(sources: list[Sources]) -> None:
    """Refuse what can be read only once, and is there twice."""
    parts = [part for one in sources for part in (one if isinstance(one, list | tuple) else [one])]
    if sum(isinstance(part, str) and part == "-" for part in parts) > 1:
        raise OptionError("'-' was given twice: standard input can be read once")
    objects = [part for part in parts if hasattr(part, "read")]
    if len({id(one) for one in objects}) < len(objects):
        raise OptionError("a file object was given twice: it is read once, to its end")


class Lane:
    """One source on its way into a merge."""

    def __init__(self, source: Sources, options: Options, number: int, level: int, *, census: bool = False) -> None:
        files = files_of(source, options)
        self.number = number
        self.run = RowPass(files, options, [], _facts.ROW_SIZE, level=level, number=number, census=census)
        self._rows = memoryview(bytearray(_ROWS * _facts.ROW_SIZE))
        self._pieces = Pieces()
        self._at = self._end = 0  # of the rows that are at hand
        self._piece = self._pieces_end = 0
        self._begun = False

    def feed(self, merger: Merger) -> None:
        """Give the merge the rows that it had no room for, or the next ones, or tell that there are no more."""
        if self._at == self._end and not self._read():
            merger.ended(self.number)
            return
        if not self._begun:
            self._begun = True
            merger.set_fine(self.number, self.fine)
        window = self.run.window
        taken, self._piece = merger.push(
            self.number,
            self._rows,
            self._at,
            self._end,
            window.buffer,
            window.end,
            window.offset,
            self._pieces.memory,
            self._piece,
            self._pieces_end,
        )
        self._at += taken

    def _read(self) -> bool:
        pieces = self._pieces.room()
        self._end, _ = self.run.fill(self._rows, 0, one_window=True, pieces=pieces)
        self._at = self._piece = 0
        self._pieces_end = self.run.books.pieces_used
        self._pieces.filled(self._pieces_end)
        return self._end > 0

    @property
    def fine(self) -> bool:
        """Whether the source has a clock finer than microseconds, as far as it is known."""
        return self.run.files.fine or any(interface[3] > _FINE for interface in self.run.books.interfaces()[0])

    @property
    def is_live(self) -> bool:
        """Whether it may be long until more comes: of a pipe."""
        return self.run.files.size is None


def _clocks_of(sources: list[Sources], options: Options) -> Clocks | None:
    if not options.align:
        return None
    from vxtap.alignment import align  # only here: it takes numpy, and reads everything once more

    return align(sources, options)


class Lanes:
    """All of them, and the merge that they feed.

    Attributes
    ----------
    lanes : list of Lane
        One a source.
    merger : vxtap._merge.Merger
        What puts them in order.
    clocks : Clocks or None
        With `align`: what is known of the sources' clocks, which is taken into account.
    """

    def __init__(
        self,
        sources: list[Sources],
        options: Options,
        *,
        frames: bool,
        rows: bool = True,
        identify: bool = False,
        mark: bool = False,
        census: bool = False,
    ) -> None:
        level = _DEEP if rows else _SHALLOW
        self.clocks = _clocks_of(sources, options)
        with ExitStack() as opened:
            self.lanes: list[Lane] = []
            for number, source in enumerate(sources):
                lane = Lane(source, options, number, level, census=census)
                opened.callback(lane.run.close)
                self.lanes.append(lane)
            self.merger = Merger(
                len(self.lanes),
                window=options.window_ns,
                memory=_POOL + len(self.lanes) * _POOL_EACH,
                seed=SEED,
                frames=frames,
                dedup=options.dedup_ns,
                identify=identify,
                mark=mark,
            )
            if self.clocks is not None:
                for one in self.clocks.offsets:
                    if one.knots:
                        self.merger.set_clock(one.source, one.knots)
            self._opened = opened.pop_all()
        self.total = self._total()

    def _total(self) -> int | None:
        sizes = [lane.run.files.size for lane in self.lanes]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    @property
    def done(self) -> int:
        """Bytes that have been read."""
        return sum(lane.run.books.offset for lane in self.lanes)

    def begin(self) -> None:
        """Read the first packets of every source: then its clock is known."""
        for lane in self.lanes:
            lane.feed(self.merger)

    def take(self, give: Callable[[Buffer], tuple[int, int]], target: memoryview, size: int) -> tuple[int, bool]:
        """Fill `target` with what comes next, by a method of the merger that counts in items of `size` bytes.

        Returns
        -------
        int
            How many items.
        bool
            Whether more may come.
        """
        made = 0
        while True:
            status, count = give(target[made * size :])
            made += count
            if status != MORE_INPUT:
                return made, True
            wanted = self.merger.wanted
            if wanted is None:
                return made, False
            if made and self.lanes[wanted].is_live:
                return made, True
            self.lanes[wanted].feed(self.merger)

    @property
    def error(self) -> VxtapError | OSError | MemoryError | None:
        """What the first source that could not be read to its end has met."""
        return next((lane.run.error for lane in self.lanes if lane.run.error is not None), None)

    def close(self) -> None:
        """Let go of all sources."""
        self._opened.close()
