"""Where the bytes of a capture come from: a path, a buffer, a file object, standard input; compressed or not."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from vxtap.codecs import MAGIC, is_compressed
from vxtap.compressed import Unpacked
from vxtap.errors import OptionError, UnsupportedError

if TYPE_CHECKING:
    from typing import TypeAlias

    from typing_extensions import Buffer

    from vxtap.ahead import Ahead
    from vxtap.compressed import Reader

    #: One input.
    Source: TypeAlias = "str | os.PathLike[str] | Buffer | BinaryIO | Split"
    #: What `vxtap.open` takes: one, or the files of a rotated set (and a text may be a wildcard for those).
    Sources: TypeAlias = Source | list[Source] | tuple[Source, ...]

# Compressed bytes of a file from which on a thread is worth its start.
_LARGE = 1 << 20


def printable(text: str) -> str:
    """Text from outside, fit for a terminal: what does not print (control codes, broken UTF-8) shows as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A byte range of a file: the records that begin in it. `vxtap.plan` makes them.

    `vxtap.read`, `vxtap.open` and `vxtap.decap` take one in the place of a path, or a list of them. It can be pickled,
    and holds no open file.

    Attributes
    ----------
    path : str
        The file.
    start : int
        The first byte.
    stop : int or None
        The byte behind the last; None: all up to the end of the file, wherever that is when it is read.
    source : int
        Number of the source that it belongs to, for the column `source`.
    size, time, node : int
        Of the file when it was planned: bytes, nanoseconds of its last change, inode. Another file is refused.
    """

    path: str
    start: int
    stop: int | None
    source: int = 0
    size: int | None = None
    time: int | None = None
    node: int | None = None

    def check(self) -> None:
        """Raise where the file is not the one that was planned; that it has grown since is fine."""
        if self.size is None:
            return
        now = os.stat(self.path)
        if now.st_size < self.size:
            what = f"it has become shorter since it was planned: {now.st_size:,} of {self.size:,} bytes are left"
        elif now.st_ino != self.node and (now.st_mtime_ns, now.st_size) != (self.time, self.size):
            what = "it is not the file that was planned"
        else:
            return
        raise UnsupportedError(f"{printable(self.path)}: {what}: plan again")

    def is_before(self, other: Split) -> bool:
        """Whether the other one begins where this one ends: in the same file, or in the next one of a rotated set."""
        if self.source != other.source:
            return False
        if self.path == other.path and self.stop is not None:
            return self.stop == other.start
        return self.path != other.path and self.stop is None and other.start == 0


class _FileObject:
    """Any binary file object, by whichever method it has that does not wait for a full buffer."""

    def __init__(self, file: BinaryIO) -> None:
        self._readinto = getattr(file, "readinto1", None) or getattr(file, "readinto", None)
        self._read = file.read

    def readinto(self, buffer: memoryview, /) -> int | None:
        if self._readinto is not None:
            count: int | None = self._readinto(buffer)
            return count
        data = self._read(len(buffer))
        if not isinstance(data, bytes | bytearray | memoryview):
            raise OptionError(f"expected a file object opened in binary mode, its read() gave {type(data).__name__}")
        view = memoryview(data).cast("B")
        buffer[: len(view)] = view[: len(buffer)]
        return len(view)


class Origin:
    """An opened source.

    Attributes
    ----------
    name : str
        For messages.
    memory : memoryview or None
        All of it, where it was given as a buffer.
    size : int or None
        Bytes in all, where that is known before reading.
    stat : os.stat_result or None
        Of a file when it was opened, to tell whether an output is the same one, and whether it has changed.
    path : str or None
        Of a regular file that was opened here.
    raw : io.FileIO or None
        A regular file that stands where reading has come to.
    ahead : bool
        Whether a thread of its own may unpack what is compressed.
    """

    def __init__(self, source: Source) -> None:
        self.name = "standard input"
        self.memory: memoryview | None = None
        self.size: int | None = None
        self.stat: os.stat_result | None = None
        self.path: str | None = None
        self.raw: io.FileIO | None = None
        self.ahead = False
        self.closed = False
        self._reader: Reader | None = None
        self._unpacked: Unpacked | None = None
        self._ahead: Ahead | None = None
        self._owned: io.FileIO | None = None
        self._base = 0
        if isinstance(source, str | os.PathLike):
            self._open_path(source)
        elif not self._open_buffer(source):  # first: an mmap has a read() too
            self._open_file(source)  # type: ignore[arg-type]

    def _open_path(self, source: str | os.PathLike[str]) -> None:
        path = os.fsdecode(os.fspath(source))
        if not path:
            raise OptionError("the name of the input is empty")
        if path == "-":
            if sys.stdin is None:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF), self.name)
            if os.isatty(0):
                raise OptionError("standard input is a terminal: pipe a capture into it")
            file = io.FileIO(0, closefd=False)
        else:
            self.name = printable(path)
            file = io.FileIO(path)
        self._owned = file
        self._reader = file
        self._measure(file)
        if path != "-" and self.raw is not None:
            self.path = path

    def _open_file(self, file: BinaryIO) -> None:
        if not hasattr(file, "read"):
            raise OptionError(f"expected a path, a buffer or a binary file object, got {type(file).__name__}")
        name = getattr(file, "name", None)
        self.name = printable(name) if isinstance(name, str) else type(file).__name__
        raw = getattr(file, "raw", file)
        self._reader = _FileObject(file)
        if not isinstance(raw, io.FileIO):
            return
        self.stat = os.fstat(raw.fileno())
        if isinstance(file, io.FileIO | io.BufferedReader):
            self._measure(raw, file)

    def _measure(self, raw: io.FileIO, file: BinaryIO | io.FileIO | None = None) -> None:
        """What the file system knows. A regular file can be read again at any place."""
        self.stat = os.fstat(raw.fileno())
        if stat.S_ISREG(self.stat.st_mode):
            self._base = (file or raw).tell()
            self.size = max(0, self.stat.st_size - self._base)
            self.raw = raw

    def _open_buffer(self, source: object) -> bool:
        try:
            view = memoryview(source)  # type: ignore[arg-type]
        except TypeError:
            return False
        except (ValueError, BufferError) as error:
            raise OptionError(f"the {type(source).__name__} does not give its bytes: {error}") from None
        if "O" in view.format:
            raise OptionError("the buffer holds Python objects, not the bytes of a capture")
        if not view.c_contiguous:
            raise OptionError("the buffer's bytes do not lie together: pass a contiguous one")
        self.name = f"{type(source).__name__} of {view.nbytes:,} bytes"
        self.memory = view.cast("B") if view.nbytes else memoryview(b"")
        self.size = view.nbytes
        return True

    def readinto(self, buffer: memoryview) -> int:
        """Read what is there now: how many bytes, 0 at the end."""
        if self._reader is None:
            raise ValueError(f"{self.name}: is closed")
        try:
            count = self._reader.readinto(buffer)
        except OSError as error:
            if error.filename is None and error.errno is not None:
                error.filename = self.name
            raise
        if count is None:
            raise BlockingIOError(f"{self.name}: nothing to read yet, and the file object does not wait for it")
        if not 0 <= count <= len(buffer):
            raise OSError(errno.EIO, f"readinto() said that it read {count} bytes into {len(buffer)}", self.name)
        return count

    def unpack(self, start: Buffer) -> bool:
        """Look at the first bytes: of what is compressed, read on unpacked. True where they have to be read again."""
        if not is_compressed(bytes(memoryview(start)[:MAGIC])):
            return False
        rest: Reader = io.BytesIO() if self.memory is not None else self._reader  # type: ignore[assignment]
        at_once = self.memory is not None or self.raw is not None
        self._reader = self._unpacked = Unpacked(self.name, start, rest, at_once=at_once)
        if self.ahead and self._owned is not None and self.raw is not None and (self.size or 0) >= _LARGE:
            from vxtap.ahead import Ahead  # only here: most captures are not compressed, or small

            self._reader = self._ahead = Ahead(self._unpacked.readinto)
        self.memory = None
        self.size = None
        return True

    def read_at(self, offset: int, count: int) -> bytes | memoryview | None:
        """Bytes at any place, fewer behind the end; None where there is no way back: `can_seek` tells.

        A file that was left is opened once more; another one that has its name by now gives None too.
        """
        if self.memory is not None:
            return self.memory[offset : offset + count]
        if self.raw is None or self._unpacked is not None:
            return None
        if not self.raw.closed:
            return os.pread(self.raw.fileno(), count, self._base + offset)
        if self.path is None:
            return None
        with io.FileIO(self.path) as file:
            same = self.stat is not None and os.path.samestat(self.stat, os.fstat(file.fileno()))
            return os.pread(file.fileno(), count, offset) if same else None

    @property
    def can_seek(self) -> bool:
        """Whether what was read can be had again; that of a buffer is never gone."""
        return self.memory is not None or (self.raw is not None and self._unpacked is None)

    @property
    def is_live(self) -> bool:
        """Whether bytes come as they please: a pipe, a terminal, a socket."""
        return self.stat is not None and not stat.S_ISREG(self.stat.st_mode)

    @property
    def is_compressed(self) -> bool:
        """Whether what is read comes decompressed; known once the first bytes have been read."""
        return self._unpacked is not None

    @property
    def compression(self) -> str:
        """The name of the compression; empty where there is none, or it is not known yet."""
        return self._unpacked.codec.name if self._unpacked is not None and self._unpacked.codec is not None else ""

    @property
    def pipe(self) -> int | None:
        """The descriptor of a pipe or the like that was opened here, on which one can wait for bytes."""
        return self._owned.fileno() if self._owned is not None and self.raw is None else None

    @property
    def is_cut(self) -> bool:
        """Whether compressed data ended early, as it does while it is being written."""
        return self._unpacked is not None and self._unpacked.cut

    @property
    def descriptor(self) -> int:
        """Of a file that can be read at any place."""
        assert self.raw is not None
        return self.raw.fileno()

    def tell(self) -> int:
        """Where the next byte that is read lies in the source; only for what can be read again."""
        assert self.raw is not None
        return self.raw.tell() - self._base

    def seek(self, place: int) -> None:
        """Read on at another place of it."""
        assert self.raw is not None
        self.raw.seek(self._base + place)

    def leave(self) -> None:
        """Nothing more is read on from here; `read_at` still works."""
        if self._ahead is not None:
            self._ahead.close()
        if self._owned is not None:
            self._owned.close()
        self._reader = None

    def close(self) -> None:
        """Close what was opened here; a file object that was passed in stays open."""
        self.leave()
        self.closed = True
