"""Compressed captures, decompressed as they are read: gzip."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING, Protocol

from vxtap.enums import Status
from vxtap.errors import FormatError

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: Bytes read at a time. 64 to 256 KiB stay in the processor's cache while they are parsed; larger blocks are slower.
BLOCK = 256 << 10

GZIP = b"\x1f\x8b"
_GZIP_MEMBER = 16 + zlib.MAX_WBITS  # for zlib: a gzip header, the data, a checksum


class Reader(Protocol):
    """What a source is read through: like `io.RawIOBase.readinto`."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Read what is there now into `buffer`: how many bytes, 0 at the end."""


class _Prefixed(io.RawIOBase):
    """A reader of which the first bytes were read already."""

    def __init__(self, prefix: bytes, reader: Reader) -> None:
        self._prefix = memoryview(prefix)
        self._reader = reader

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int | None:
        view = memoryview(buffer).cast("B")
        if not self._prefix:
            return self._reader.readinto(view)
        count = min(len(view), len(self._prefix))
        view[:count] = self._prefix[:count]
        self._prefix = self._prefix[count:]
        return count


class Gunzip:
    """The decompressed bytes of a gzip file, member after member; what comes before a damage is not lost."""

    def __init__(self, name: str, prefix: bytes, reader: Reader) -> None:
        self._name = name
        self._file = _Prefixed(prefix, reader)
        self._member = zlib.decompressobj(_GZIP_MEMBER)
        self._input = b""
        self._offset = 0
        self._error: zlib.error | None = None
        self._whole = True  # at a place where a file may end
        self.cut = False  # it ended elsewhere

    def readinto(self, buffer: memoryview, /) -> int:
        """Read what is there now: how many bytes, 0 at the end."""
        data = b""
        while not data:
            if self._error is not None:
                where = f"{self._name}: byte {self._offset:,} of what is compressed"
                message = f"{where}: the gzip file is damaged: {self._error}"
                raise FormatError(message, Status.BAD_GZIP, self._offset)
            if not self._input and not self._member.unconsumed_tail:
                self._input = self._file.read(BLOCK) or b""
                if not self._input:
                    return self._end()
            data = self._inflate(len(buffer))
        buffer[: len(data)] = data
        self._offset += len(data)
        return len(data)

    def _inflate(self, size: int) -> bytes:
        """At most `size` bytes more of the member, or of the next one."""
        packed, self._input = self._member.unconsumed_tail + self._input, b""
        if self._whole:
            packed = packed.lstrip(b"\0")  # some writers pad to blocks
            if not packed:
                return b""
        self._whole = False
        before = self._member.copy()
        try:
            data = self._member.decompress(packed, size)
        except zlib.error as error:
            self._error = error
            return _salvage(before, packed)
        if self._member.eof:
            self._input = self._member.unused_data
            self._member = zlib.decompressobj(_GZIP_MEMBER)
            self._whole = True
        return data

    def _end(self) -> int:
        self.cut = not self._whole
        return 0


def _salvage(member: zlib._Decompress, packed: bytes) -> bytes:
    """What a member holds before its damage, found byte by byte: zlib gives nothing of a call that fails."""
    data = b""
    try:
        for i in range(len(packed)):
            data += member.decompress(packed[i : i + 1])
    except zlib.error:
        pass
    return data
