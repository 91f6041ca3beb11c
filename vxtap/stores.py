"""Where the bytes of captures lie that are read in ranges, here or elsewhere: files, and whatever fsspec reaches."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from vxtap.codecs import MAGIC, is_compressed
from vxtap.compressed import BLOCK
from vxtap.errors import OptionError, UnsupportedError
from vxtap.extras import need
from vxtap.rotation import matches, natural, path_of
from vxtap.source import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vxtap.source import Source

# Bytes that are asked for at a time: a request to a store costs some 10 ms.
_FAR_BLOCK = 8 << 20
_WILD = frozenset("*?[")
# What tells one content of an object from another, as the stores call it, the best first.
_TAGS = (
    "ETag",
    "etag",
    "md5Hash",
    "md5",
    "checksum",
    "generation",
    "mtime",
    "LastModified",
    "last_modified",
    "created",
)


class Reader(Protocol):
    """An opened file of a store."""

    def readinto(self, offset: int, buffer: memoryview, /) -> int:
        """Read into a buffer from a place on: how many bytes, fewer only at the end."""

    def close(self) -> None:
        """Let go of it."""


def read(reader: Reader, offset: int, count: int) -> bytes:
    """Bytes at a place, fewer at the end of the file."""
    buffer = bytearray(max(count, 0))
    return bytes(memoryview(buffer)[: reader.readinto(offset, memoryview(buffer))])


class _FileReader:
    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def readinto(self, offset: int, buffer: memoryview, /) -> int:
        done = 0
        while done < len(buffer) and (count := os.preadv(self._fd, [buffer[done:]], offset + done)):
            done += count
        return done

    def close(self) -> None:
        os.close(self._fd)


class _FarReader:
    """An object of a store. What `readinto` asks for is one request."""

    def __init__(self, system: Any, path: str, size: int) -> None:
        self._system = system
        self._path = path
        self._size = size

    def readinto(self, offset: int, buffer: memoryview, /) -> int:
        end = min(offset + len(buffer), self._size)
        if offset >= end:
            return 0
        data = self._system.cat_file(self._path, start=offset, end=end)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """One capture in a store: what is needed to read it here or elsewhere. It can be pickled.

    Attributes
    ----------
    url : str
        A path, or an address such as ``s3://bucket/nva.pcap``.
    size : int
        Bytes, when it was found.
    tag : str
        What tells this content from another one: the store's own mark, or the time of the last change.
    options : dict
        For fsspec: where the store is, and who asks.
    """

    url: str
    size: int
    tag: str
    options: Mapping[str, Any] = field(default_factory=dict, hash=False, repr=False)

    @property
    def name(self) -> str:
        """The name for people."""
        return printable(self.url)

    @property
    def is_far(self) -> bool:
        """Whether every read of it has to be waited for."""
        return _is_far(self.url)

    @property
    def block(self) -> int:
        """Bytes that are best read at a time."""
        return _FAR_BLOCK if _is_far(self.url) else BLOCK

    def open(self) -> Reader:
        """Open it to read at any place.

        Raises
        ------
        UnsupportedError
            Where it is not what was found: its content is another one.
        OSError
            Where it is gone.
        """
        now = _find(self.url, self.options)
        if now.size < self.size:
            what = f"it has become shorter: {now.size:,} of {self.size:,} bytes are left"
        elif now.tag != self.tag and (_is_far(self.url) or now.size == self.size):
            what = "it is not the file that was looked at"
        elif _is_far(self.url):
            system, path = _system_of(self.url, self.options)
            return _FarReader(system, path, self.size)
        else:
            return _FileReader(self.url)
        raise UnsupportedError(f"{self.name}: {what}: plan again")

    def stream(self) -> str | BinaryIO:
        """Something to read from its start to its end: a path or a file object."""
        if not _is_far(self.url):
            return self.url
        system, path = _system_of(self.url, self.options)
        return cast("BinaryIO", system.open(path, "rb", block_size=_FAR_BLOCK))

    def is_packed(self) -> bool:
        """Whether it is compressed, by its first bytes."""
        reader = self.open()
        try:
            start = read(reader, 0, MAGIC)
        finally:
            reader.close()
        return is_compressed(start)


def _is_far(url: str) -> bool:
    return "://" in url


def _system_of(url: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    fsspec = need("fsspec", extra="dask")
    try:
        system, path = fsspec.core.url_to_fs(url, **options)
    except (ImportError, ValueError) as error:  # which says what to install, or that nobody knows the protocol
        raise UnsupportedError(f"{printable(url)}: {error}") from None
    return system, path


def _find(url: str, options: Mapping[str, Any]) -> Store:
    if not _is_far(url):
        there = os.stat(url)
        if not stat.S_ISREG(there.st_mode):
            if stat.S_ISDIR(there.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), url)
            raise OptionError(f"{printable(url)}: expected a file: what is no file cannot be read in ranges")
        return Store(url=url, size=there.st_size, tag=str(there.st_mtime_ns), options={})
    system, path = _system_of(url, options)
    info = system.info(path)
    tag = next((f"{key} {info[key]}" for key in _TAGS if info.get(key)), "")
    return Store(url=url, size=int(info["size"]), tag=tag, options=dict(options))


def _expand(url: str, options: Mapping[str, Any]) -> list[str]:
    if not _is_far(url):
        found = matches(url)
        if found == []:
            raise FileNotFoundError(errno.ENOENT, "no file matches this wildcard", url)
        return [url] if found is None else found
    if _WILD.isdisjoint(url):
        return [url]
    system, path = _system_of(url, options)
    there = sorted(system.glob(path), key=natural)
    if not there:
        raise FileNotFoundError(errno.ENOENT, "no object matches this wildcard", url)
    return [system.unstrip_protocol(one) for one in there]


def find(source: Source, options: Mapping[str, Any] | None = None) -> list[Store]:
    """Find the captures that a path, an address or a wildcard names.

    Parameters
    ----------
    source : str or os.PathLike
        A path, an address that fsspec knows (``s3://``, ``az://``, ``memory://``, ``file://``), or either with a
        wildcard.
    options : mapping, optional
        For fsspec, as its ``storage_options``.

    Returns
    -------
    list of Store
        Of a wildcard in natural order of the names.

    Raises
    ------
    OptionError
        For what has no path.
    OSError
        For what is not there.
    UnsupportedError
        For an address for which a package is missing.
    """
    url = path_of(source)
    if not url or url == "-":
        raise OptionError("expected paths or addresses of captures: what has none cannot be read elsewhere")
    url = url.removeprefix("file://")
    options = dict(options or {})
    return [_find(one, options) for one in _expand(url, options)]
