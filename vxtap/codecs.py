"""Compressions: the one table of them, and what packs and unpacks each."""

from __future__ import annotations

import sys
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from vxtap.blocks import Blocks, DamagedError, lz4_blocks, zstd_blocks

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from vxtap.blocks import Decompressor

#: Memory that a zstd frame may ask for, as a power of 2: what `zstd -d` takes where nobody asks for more.
WINDOW_LOG = 27

_GZIP_MEMBER = 16 + zlib.MAX_WBITS  # for zlib: a gzip header, the data, a checksum
# Levels. Of zlib one that is half as fast again as its default, 6, for 1 % more bytes; of isal the one that packs as
# zlib's 1 does, at six times its speed; of zstd and lz4 the default.
_ZLIB_LEVEL, _ISAL_LEVEL, _ZSTD_LEVEL = 4, 2, 3


class Decoder(Protocol):
    """What unpacks one gzip member, or one frame of the others."""

    @property
    def eof(self) -> bool:
        """Whether it has come to the end."""

    @property
    def unused(self) -> bytes:
        """What was fed and lies behind the end."""

    def feed(self, data: bytes) -> None:
        """Take more of what is packed, after all before it was read."""

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none where it has to be fed, or is at the end. Raises `DamagedError`."""


class Encoder(Protocol):
    """What packs an output."""

    def pack(self, data: Buffer) -> bytes:
        """Take more: what is packed of it now."""

    def settle(self) -> bytes:
        """Have everything so far come out: what was still held back."""

    def finish(self) -> bytes:
        """The end of it."""


class Codec(NamedTuple):
    """A compression.

    Attributes
    ----------
    name : str
        Of the format, and of the program that unpacks it.
    magic : bytes
        What it starts with.
    suffix : str
        Of files.
    decoder : callable or None
        Makes what unpacks the next member; None where it is not read.
    encoder : callable or None
        Makes what packs an output; None where none is written.
    """

    name: str
    magic: bytes
    suffix: str
    decoder: Callable[[], Decoder] | None = None
    encoder: Callable[[], Encoder] | None = None


class _Inflate:
    """A gzip member. What comes before a damage is not lost."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP_MEMBER)
        self._input = b""

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def unused(self) -> bytes:
        return self._member.unused_data

    def feed(self, data: bytes) -> None:
        self._input = data

    def read(self, size: int) -> bytes:
        if self._member.eof:  # zlib gives what is behind the end as unused, and as unconsumed too
            return b""
        before = self._member.copy() if self._input else self._member
        try:
            data = self._member.decompress(self._input, size)
        except zlib.error as error:
            raise DamagedError(str(error), _salvage(before, self._input)) from None
        self._input = self._member.unconsumed_tail
        return data


def _salvage(member: zlib._Decompress, packed: bytes) -> bytes:
    """What a member holds before its damage, found byte by byte: zlib gives nothing of a call that fails."""
    parts: list[bytes] = []
    try:
        for i in range(len(packed)):
            parts.append(member.decompress(packed[i : i + 1]))
    except zlib.error:
        pass
    return b"".join(parts)


class _Gzip:
    """Packs as gzip, by isal where that is installed."""

    def __init__(self) -> None:
        self._library: Any = zlib
        level = _ZLIB_LEVEL
        try:
            from isal import isal_zlib
        except ImportError:
            pass
        else:
            self._library, level = isal_zlib, _ISAL_LEVEL
        self._member = self._library.compressobj(level, self._library.DEFLATED, _GZIP_MEMBER)

    def pack(self, data: Buffer) -> bytes:
        packed: bytes = self._member.compress(data)
        return packed

    def settle(self) -> bytes:
        packed: bytes = self._member.flush(self._library.Z_SYNC_FLUSH)
        return packed

    def finish(self) -> bytes:
        packed: bytes = self._member.flush()
        return packed


class _Zstd:
    """Packs as zstd, with a checksum as the program does."""

    def __init__(self) -> None:
        self._library = _zstd_library()
        options = self._library.CompressionParameter
        self._frame = self._library.ZstdCompressor(
            options={options.compression_level: _ZSTD_LEVEL, options.checksum_flag: 1}
        )

    def pack(self, data: Buffer) -> bytes:
        packed: bytes = self._frame.compress(data)
        return packed

    def settle(self) -> bytes:
        packed: bytes = self._frame.flush(self._frame.FLUSH_BLOCK)
        return packed

    def finish(self) -> bytes:
        packed: bytes = self._frame.flush(self._frame.FLUSH_FRAME)
        return packed


class _Lz4:
    """Packs as lz4, with a checksum as the program does."""

    def __init__(self) -> None:
        library = _lz4_library()
        self._frame = library.LZ4FrameCompressor(
            block_size=library.BLOCKSIZE_MAX1MB, content_checksum=True, auto_flush=True
        )
        self._begin: bytes = self._frame.begin()

    def pack(self, data: Buffer) -> bytes:
        begin, self._begin = self._begin, b""
        packed: bytes = self._frame.compress(data)
        return begin + packed

    def settle(self) -> bytes:
        return b""  # nothing is held back

    def finish(self) -> bytes:
        end: bytes = self._frame.flush()
        return self._begin + end


def _zstd_library() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


def _lz4_library() -> Any:
    import lz4.frame

    return lz4.frame


def _zstd_decoder() -> Decoder:
    library = _zstd_library()
    frame: Decompressor = library.ZstdDecompressor(options={library.DecompressionParameter.window_log_max: WINDOW_LOG})
    return Blocks(frame, zstd_blocks(1 << WINDOW_LOG), library.ZstdError)


def _lz4_decoder() -> Decoder:
    frame: Decompressor = _lz4_library().LZ4FrameDecompressor()
    return Blocks(frame, lz4_blocks(), RuntimeError)


GZIP = Codec("gzip", b"\x1f\x8b", ".gz", _Inflate, _Gzip)
#: All that are told apart by what a file starts with; the last ones are not read.
CODECS = (
    GZIP,
    Codec("zstd", b"\x28\xb5\x2f\xfd", ".zst", _zstd_decoder, _Zstd),
    Codec("lz4", b"\x04\x22\x4d\x18", ".lz4", _lz4_decoder, _Lz4),
    Codec("lz4", b"\x02\x21\x4c\x18", ".lz4"),  # as lz4 wrote before it had frames, and `lz4 -l` does
    Codec("xz", b"\xfd7zX", ".xz"),
    Codec("bzip2", b"BZh", ".bz2"),
)
#: Bytes that tell.
MAGIC = 4
#: Bytes in front of the content of a skippable frame, which zstd and lz4 have in common: programs put what they like
#: there, such as an index.
SKIPPABLE = 8


def codec_of(start: bytes) -> Codec | None:
    """The compression of what starts so."""
    return next((codec for codec in CODECS if start.startswith(codec.magic)), None)


def is_skippable(start: bytes) -> bool:
    """Whether a skippable frame starts so."""
    return start[1:MAGIC] == b"\x2a\x4d\x18" and start[0] >> 4 == 5


def is_cut(start: bytes) -> bool:
    """Whether these few bytes are less than the start of something compressed, and could be that of it."""
    begins = any(codec.magic.startswith(start) for codec in CODECS)
    return len(start) < MAGIC and (begins or (start[0] >> 4 == 5 and b"\x2a\x4d\x18".startswith(start[1:])))


def is_compressed(start: bytes) -> bool:
    """Whether this is the start of something compressed."""
    return codec_of(start) is not None or is_skippable(start)


def codec_of_name(path: str) -> Codec | None:
    """The compression that the name of a file stands for."""
    return next((codec for codec in CODECS if path.lower().endswith(codec.suffix)), None)


def missing(codec: Codec) -> str:
    """What to say and do where there is no library for it."""
    return f"the library for {codec.name} is not installed: pip install 'vxtap[compress]'"
