"""Compressed data of every kind, as the libraries themselves make it."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable

import lz4.frame

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SKIPPED = b"\x5a\x2a\x4d\x18\x05\0\0\0hello"  # a skippable frame


def gz(data: bytes) -> bytes:
    return gzip.compress(data, 1, mtime=0)


def zst(data: bytes) -> bytes:
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


def lz(data: bytes) -> bytes:
    packed: bytes = lz4.frame.compress(data, content_checksum=True)
    return packed


#: By the suffix of a file.
PACK: dict[str, Callable[[bytes], bytes]] = {".gz": gz, ".zst": zst, ".lz4": lz}
UNPACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".zst": zstd.decompress,
    ".lz4": lz4.frame.decompress,
}
NAMES = {".gz": "gzip", ".zst": "zstd", ".lz4": "lz4"}
