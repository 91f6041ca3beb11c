"""File objects that give as little as they like at a time, as pipes and sockets do."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Trickle(io.RawIOBase):
    """The bytes of a capture, so many at a read: `sizes` in turn, again and again."""

    def __init__(self, data: bytes, sizes: Iterable[int]) -> None:
        super().__init__()
        self._data = memoryview(data)
        self._sizes = itertools.cycle(sizes)
        self.reads = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer).cast("B")
        count = min(next(self._sizes), len(view), len(self._data))
        view[:count] = self._data[:count]
        self._data = self._data[count:]
        self.reads += 1
        return count
