"""Compressed captures, unpacked as they are read."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Protocol

from vxtap.blocks import DamagedError, RefusedError
from vxtap.codecs import MAGIC, SKIPPABLE, codec_of, is_cut, is_skippable, missing
from vxtap.enums import Status
from vxtap.errors import FormatError, UnsupportedError, VxtapError

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from vxtap.codecs import Codec, Decoder

#: Bytes read at a time. 64 to 256 KiB stay in the processor's cache while they are parsed; larger blocks are slower.
BLOCK = 256 << 10
# Bytes of a member that are fed first; then twice as many, and so on: what lies behind the end of a small member is
# not handed on to be given back.
_FIRST = 512
_ZEROS = re.compile(rb"\0*")


class Reader(Protocol):
    """What a source is read through: like `io.RawIOBase.readinto`."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Read what is there now into `buffer`: how many bytes, 0 at the end."""


class _Prefixed(io.RawIOBase):
    """A reader of which the first bytes were read already."""

    def __init__(self, prefix: Buffer, reader: Reader) -> None:
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


class Unpacked:
    """What a compressed source holds, member after member; what comes before a damage is not lost.

    Padding with zeros is passed over, as some writers fill blocks, and so are skippable frames.

    Parameters
    ----------
    name : str
        Of the source.
    start : buffer
        What was read of it already.
    reader : Reader
        Of the rest.
    at_once : bool
        All of it is there: `readinto` fills buffers. Else it gives what has come, and does not wait for more.

    Attributes
    ----------
    cut : bool
        It has ended within a member.
    codec : Codec or None
        The compression, once that is known.
    """

    def __init__(self, name: str, start: Buffer, reader: Reader, *, at_once: bool = False) -> None:
        self._name = name
        self._at_once = at_once
        self._late: VxtapError | OSError | None = None  # what went wrong behind what was given last
        self._file = _Prefixed(start, reader)
        self._packed = b""  # read last
        self._at = 0  # in that: what lies behind was fed to no decoder yet
        self._step = _FIRST  # bytes that are fed next
        self._skip = 0  # bytes of a skippable frame that are still to come
        self._decoder: Decoder | None = None
        self._offset = 0
        self._error: FormatError | None = None
        self.cut = False
        self.codec: Codec | None = None

    def readinto(self, buffer: memoryview, /) -> int:
        """Read what is there now: how many bytes, 0 at the end."""
        late, self._late = self._late, None
        if late is not None:
            raise late
        done, data = 0, b"-"
        while data and done < len(buffer) and (self._at_once or not done):
            try:
                data = self.read(min(len(buffer) - done, BLOCK))  # lz4 takes memory for as much as it is asked for
            except (VxtapError, OSError) as error:
                if not done:
                    raise
                self._late, data = error, b""
            buffer[done : done + len(data)] = data
            done += len(data)
        return done

    def read(self, size: int) -> bytes:
        """Read what is there now, at most `size` bytes; none at the end.

        Raises
        ------
        FormatError
            At a damage, after all before it was given.
        UnsupportedError
            For what is not unpacked here: the message says what does.
        """
        while True:
            if self._error is not None:
                raise self._error
            if self._decoder is None and not self._next():
                return b""
            assert self._decoder is not None
            data = self._unpack(self._decoder, size)
            if data:
                self._offset += len(data)
                return data
            if self._decoder.eof:
                self._at -= len(self._decoder.unused)
                self._decoder = None
            elif self._error is None and not self._feed(self._decoder):
                self.cut = True
                return b""

    def _unpack(self, decoder: Decoder, size: int) -> bytes:
        try:
            return decoder.read(size)
        except DamagedError as error:
            self._error = self._damaged(str(error), len(error.data))
            return error.data
        except RefusedError as error:
            raise self._refused(f" {error}:") from None

    def _feed(self, decoder: Decoder) -> bool:
        if self._at == len(self._packed) and not self._more():
            return False
        end = min(self._at + self._step, len(self._packed))
        decoder.feed(self._packed[self._at : end])
        self._at = end
        self._step = min(2 * self._step, BLOCK)
        return True

    def _more(self) -> bool:
        data = self._file.read(BLOCK)
        if data is None:
            raise BlockingIOError(f"{self._name}: nothing to read yet, and the file object does not wait for it")
        self._packed = self._packed[self._at :] + data
        self._at = 0
        return len(data) > 0

    def _next(self) -> bool:
        """Go on with the next member; False at the end."""
        while True:
            passed = min(self._skip, len(self._packed) - self._at)
            self._skip -= passed
            self._at += passed
            if not self._skip and (zeros := _ZEROS.match(self._packed, self._at)):
                self._at = zeros.end()
            if len(self._packed) - self._at < SKIPPABLE and self._more():  # no member is shorter
                continue
            head = self._packed[self._at : self._at + SKIPPABLE]
            if not head:
                self.cut = self._skip > 0
                return False
            if is_cut(head):
                self.cut = True
                return False
            if not is_skippable(head):
                break
            if len(head) < SKIPPABLE:
                self.cut = True
                return False
            self._skip = SKIPPABLE + int.from_bytes(head[MAGIC:], "little")
        self._begin(head)
        return True

    def _begin(self, head: bytes) -> None:
        """Have a decoder for the member that begins here."""
        codec = codec_of(head)
        if codec is None:
            before = "a skippable frame" if self.codec is None else f"{self.codec.name}"
            raise self._damaged(f"{before}, and nothing that is known behind it")
        self.codec = codec
        if codec.decoder is None:
            raise self._refused(":")
        try:
            decoder = codec.decoder()
        except ImportError:
            raise self._refused(f": {missing(codec)}, or") from None
        self._step = _FIRST
        self._feed(decoder)
        self._decoder = decoder

    def _damaged(self, reason: str, more: int = 0) -> FormatError:
        offset = self._offset + more
        kind = self.codec.name if self.codec else "lz4 or zstd"
        where = f"{self._name}: byte {offset:,} of what is compressed"
        message = f"{where}: the compressed data is damaged ({kind}): {reason}"
        return FormatError(message, Status.BAD_COMPRESSED, offset)

    def _refused(self, why: str) -> UnsupportedError:
        assert self.codec is not None
        name = self.codec.name
        advice = f"unpack it on the way in, '{name} -dc FILE | vxtap decap - -o OUT'"
        return UnsupportedError(f"{self._name}: compressed with {name}{why} {advice}")
