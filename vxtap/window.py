"""The bytes of a source that are in memory while they are parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vxtap.codecs import MAGIC
from vxtap.compressed import BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable

    from vxtap.source import Origin


class Window:
    """The bytes of a source that are in memory: ``buffer[start:end]`` have not been consumed yet.

    For a buffer that is all of it, without a copy. For anything else it is a block of about `BLOCK` bytes that is
    used again and again, and grows only where one record is larger, as its bytes arrive.

    Attributes
    ----------
    renew : callable or None
        Gives another block to go on in, for one and the number of bytes that are left in it; None for the same one.
    """

    def __init__(self, origin: Origin, block: int = BLOCK) -> None:
        self._block = memoryview(bytearray(block))
        self.renew: Callable[[memoryview, int], memoryview] | None = None
        self.turn(origin, 0)

    def turn(self, origin: Origin, offset: int) -> None:
        """Go on with the start of another source, which stands at `offset` in the capture."""
        self.origin = origin
        self.start = 0
        self.end = 0
        self.offset = offset  # of buffer[0] in the (decompressed) capture
        self.begun = False
        self.buffer: memoryview = self._block
        if origin.memory is not None:
            self._begin_memory(origin.memory)

    def _begin_memory(self, memory: memoryview) -> None:
        self.begun = True
        if not self.origin.unpack(memory):
            self.buffer = memory
            self.end = len(memory)

    @property
    def left(self) -> int:
        """Bytes that are here and not consumed."""
        return self.end - self.start

    def more(self) -> bool:
        """Bring more bytes in behind those that are left; False at the end of the source."""
        if self.origin.memory is not None:
            return False
        if self.start:
            self._move()
        if self.end == len(self.buffer):
            larger = memoryview(bytearray(2 * len(self.buffer)))
            larger[: self.end] = self.buffer
            self.buffer = self._block = larger
        count = self.origin.readinto(self.buffer[self.end :])
        self.end += count
        if not self.begun and (self.end >= MAGIC or not count):
            self.begun = self.end >= MAGIC  # a file that is followed may still be at its beginning
            if self.origin.unpack(bytes(self.buffer[: self.end])):
                self.begun = True
                self.end = 0
                return self.more()
        return count > 0

    def _move(self) -> None:
        """Bring what is left to the beginning of a block."""
        left, block = self.left, self._block
        if self.renew is not None:
            block = self.renew(block, left)
        block[:left] = self.buffer[self.start : self.end]
        self.buffer = self._block = block
        self.offset += self.start
        self.start, self.end = 0, left

    def jump(self, offset: int) -> None:
        """Go on at another byte of the capture, in a source that can be read again and is not compressed."""
        self.begun = True
        if self.origin.memory is not None:
            self.start = offset - self.offset
            return
        self.origin.seek(offset - self.offset + self.origin.tell() - self.end)
        self.start = self.end = 0
        self.offset = offset

    def first_bytes(self, count: int = 8) -> bytes:
        """What the next record starts with, for messages."""
        return bytes(self.buffer[self.start : min(self.end, self.start + count)])

    def view(self, offset: int, count: int) -> memoryview | None:
        """Bytes of the capture that lie in the window, without a copy; None where they are not here."""
        at = offset - self.offset
        return self.buffer[at : at + count] if at >= 0 and at + count <= self.end else None
