"""Inner frames that lie nowhere in one piece: those put together from fragments, kept for one batch or found again."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

from vxtap.passes import RowPass
from vxtap.rotation import Rotation
from vxtap.splits import Stretch

if TYPE_CHECKING:
    from vxtap.options import Options
    from vxtap.source import Origin

#: Bytes of such frames in a batch, at first (more than any one datagram has), and where a batch made much of them.
LEAST, MOST = 128 << 10, 4 << 20
_HEADER = struct.Struct("<QQ")
_ROWS = 1 << 12


class Pieces:
    """The memory that the core copies them to, and where each one is, by the column `offset`."""

    def __init__(self) -> None:
        self.memory = memoryview(bytearray(LEAST))
        self._used = 0
        self._places: dict[int, tuple[int, int]] | None = None

    def room(self) -> memoryview:
        """The memory for a new batch, which ends where it is full: larger, where the last batch used much of it."""
        if self._used > len(self.memory) // 2 and len(self.memory) < MOST:
            self.memory = memoryview(bytearray(2 * len(self.memory)))
        self._used = 0
        return self.memory

    def filled(self, used: int) -> None:
        """The core has filled `used` bytes for a new batch."""
        self._used = used
        self._places = None

    def find(self, offset: int) -> memoryview | None:
        """The frame of the row with this offset, a view that the next batch overwrites; None where it is not here."""
        if not self._used:
            return None
        if self._places is None:
            self._places = dict(self._list())
        start, length = self._places.get(offset, (0, -1))
        return None if length < 0 else self.memory[start : start + length].toreadonly()

    def _list(self) -> list[tuple[int, tuple[int, int]]]:
        places, at = [], 0
        while at < self._used:
            offset, length = _HEADER.unpack_from(self.memory, at)
            at += _HEADER.size
            places.append((offset, (at, length)))
            at += length + -length % 8
        return places


class _Again:
    """A source that can be read at any place, from its start once more."""

    def __init__(self, origin: Origin) -> None:
        self.name = origin.name
        self._origin = origin
        self._at = 0

    def read(self, size: int) -> bytes | memoryview:
        data = self._origin.read_at(self._at, size) or b""
        self._at += len(data)
        return data


class Rejoiner:
    """Finds the reassembled frames of batches that are past, by reading the source again up to there.

    Asked in the order of the capture, it reads that once (or, of a set, once more where files have been added).
    """

    def __init__(self, files: Rotation, options: Options) -> None:
        self._files = files
        self._options = replace(options, follow=False, strict=False)
        self._pass = self._begin()

    def close(self) -> None:
        """Let go of what was opened for it."""
        self._pass.close()

    def _begin_again(self) -> None:
        self.close()
        self._pass = self._begin()

    def _begin(self) -> RowPass:
        from vxtap.layout import Projection  # only here: the command merges without numpy

        projection = Projection(("offset",))
        known = [_Again(one) if one.memory is None else one.memory for one in self._files.origins]
        again = Rotation(known)  # type: ignore[arg-type]
        if isinstance(self._files, Stretch):  # it begins where that begins
            again = Stretch(self._files.splits)
        self._known = len(known)
        self._rows = bytearray(_ROWS * projection.dtype.itemsize)
        self._pieces = Pieces()
        self._from = 0
        size = projection.dtype.itemsize
        return RowPass(again, self._options, projection.copies, size, level=projection.level, number=self._files.number)

    def find(self, offset: int) -> memoryview | None:
        """The frame of the row with this offset; None where there is no such frame any more."""
        if offset < self._from or self._known < len(self._files.origins):
            self._begin_again()
        found = self._search(offset)
        if found is None and self._pass.ended:  # a file that is followed may have grown since
            self._begin_again()
            found = self._search(offset)
        return found

    def _search(self, offset: int) -> memoryview | None:
        while (found := self._pieces.find(offset)) is None:
            self._from = self._pass.books.offset
            if self._pass.ended or self._from > offset:
                return None
            self._pass.fill(self._rows, 0, pieces=self._pieces.room())
            self._pieces.filled(self._pass.books.pieces_used)
        return memoryview(bytes(found))
