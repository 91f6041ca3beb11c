"""Where an output goes: a file that is whole or absent, a descriptor, or a file object."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import stat
import sys
from typing import TYPE_CHECKING, BinaryIO

from vxtap.errors import OptionError
from vxtap.source import printable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from typing_extensions import Buffer

    from vxtap.source import Sources

    #: What `vxtap.decap` writes to.
    Target = str | os.PathLike[str] | BinaryIO


# Paths that name something open already: writing to it is what is meant, not taking its place.
_DESCRIPTOR = re.compile(r"/dev/(fd/\d+|std(out|err))|/proc/(self|\d+)/fd/\d+")

_PAGE = 4096


class Sink:
    """An output, used as a context: `commit` makes it whole; leaving without that takes it back.

    A path is written to a file beside it, which takes its name when committed. What already stands there and is no
    regular file (a pipe, a device such as /dev/full) is written to directly, and so are '-' (standard output) and file
    objects.

    Attributes
    ----------
    name : str
        For messages.
    size : int
        Bytes of the output so far.
    whole_pages : bool
        Nobody looks at the file until it is whole: write pages of it, and keep back what does not fill one.
    """

    def __init__(self, target: Target) -> None:
        self.name = "standard output"
        self.size = 0
        self.whole_pages = False
        self._held = bytearray()
        self._path: str | None = None  # the name that the finished file will take
        self._beside: str | None = None
        self._close = True
        self._own = True
        self._target: str | None = None
        self._file: BinaryIO | io.FileIO | None = None
        if not isinstance(target, str | os.PathLike):
            if not hasattr(target, "write"):
                raise OptionError(f"expected a path or a binary file object to write to, got {type(target).__name__}")
            if isinstance(target, io.TextIOBase):
                raise OptionError("expected a file object opened in binary mode to write to, got one for text")
            self.name = printable(str(getattr(target, "name", type(target).__name__)))
            self._file = target
            self._own = self._close = False
        elif os.fspath(target) == "-":
            if sys.stdout is None:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF), self.name)
            if os.isatty(1):
                raise OptionError("standard output is a terminal: redirect it, or name a file")
            self._file = io.FileIO(1, "w", closefd=False)
        else:
            self._target = os.fsdecode(os.fspath(target))
            if not self._target:
                raise OptionError("the name of the output is empty")
            self.name = printable(self._target)

    def _open(self, path: str) -> io.FileIO:
        mode: int | None = None
        with contextlib.suppress(FileNotFoundError):
            mode = os.stat(path).st_mode
        if path.endswith(os.sep) or (mode is not None and stat.S_ISDIR(mode)):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if (mode is not None and not stat.S_ISREG(mode)) or _DESCRIPTOR.fullmatch(path):
            return io.FileIO(path, "w")
        return self._open_beside(os.path.realpath(path), mode)  # a link stays one: its target is written

    def _open_beside(self, path: str, mode: int | None) -> io.FileIO:
        self._path = path
        # Named by us before it exists: a signal may come between its making and the next line.
        self._beside = os.path.join(os.path.dirname(path), f".vxtap.{os.urandom(8).hex()}.part")
        try:
            handle = os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise self._named(error) from None
        if mode is not None:  # of the file whose place it takes
            os.fchmod(handle, stat.S_IMODE(mode))
        return io.FileIO(handle, "w")

    def _named(self, error: OSError) -> OSError:
        """The same about the target: nobody knows of the file beside it."""
        return type(error)(error.errno, error.strerror, self.name)

    @property
    def unpacked(self) -> int:
        """Bytes given to `write` so far; `size` is another number where the output is compressed."""
        return self.size

    @property
    def is_own_file(self) -> bool:
        """Whether this is a regular file that was opened here: writing to it never waits for anybody."""
        return self._own and self._file is not None and stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)

    def write(self, data: Buffer) -> None:
        """Write all of it."""
        view = memoryview(data).cast("B")
        self.size += len(view)
        if self.whole_pages and self._beside is not None and view:
            view = self._whole_pages(view)
        self._put(view)

    def settle(self) -> None:
        """Wait until all is written, as it always is here; see `vxtap.pipeline`."""

    def _whole_pages(self, data: memoryview) -> memoryview:
        """What fills pages: to write one in two parts costs more. The rest waits for what comes next, or `commit`."""
        if self._held:
            room = _PAGE - len(self._held)
            self._held += data[:room]
            data = data[room:]
            if len(self._held) < _PAGE:
                return data
            self._put(memoryview(self._held))
            self._held = bytearray()
        whole = len(data) - len(data) % _PAGE
        self._held += data[whole:]
        return data[:whole]

    def _put(self, view: memoryview) -> None:
        assert self._file is not None
        try:
            while view:
                count = self._file.write(view)
                if count is None:
                    raise BlockingIOError(f"{self.name}: cannot write now, and the file object does not wait")
                if not 0 < count <= len(view):
                    raise OSError(errno.EIO, f"write() said that it wrote {count} of {len(view)} bytes", self.name)
                view = view[count:]
        except OSError as error:
            if error.filename is None and error.errno is not None:
                error.filename = self.name
            raise

    def commit(self) -> None:
        """All is written: close, and let the file take its name."""
        assert self._file is not None
        if not self._close:
            getattr(self._file, "flush", lambda: None)()
            return
        self._put(memoryview(self._held))
        try:
            self._file.close()  # where some file systems tell at last that there was no room
            if self._beside is not None and self._path is not None:
                os.replace(self._beside, self._path)
        except OSError as error:
            raise self._named(error) from None
        self._beside = None

    def __enter__(self) -> Sink:
        """Open a path only here, so that nothing is left behind by a signal before there is somebody to clean up."""
        try:
            if self._target is not None:
                self._file = self._open(self._target)
        except BaseException:
            self._take_back()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing behind that was not committed."""
        self._take_back()

    def _take_back(self) -> None:
        with contextlib.suppress(OSError):  # what failed first is what is told
            if self._close and self._file is not None:
                self._file.close()
        if self._beside is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._beside)
            self._beside = None


def is_input(source: Sources, stats: Iterable[os.stat_result], target: Target) -> bool:
    """Whether a target is what is read: the very file object, or one of the files, of which `stats` tell."""
    if not isinstance(target, str | os.PathLike):
        members = source if isinstance(source, list | tuple) else [source]
        if any(target is one for one in members):
            return True
    return is_same_file(stats, target)


def is_same_file(sources: Iterable[os.stat_result], target: Target) -> bool:
    """Whether a target is one of these very regular files: by its path, as standard output, or as a file object."""
    try:
        if not isinstance(target, str | os.PathLike):
            there = os.fstat(target.fileno())
        elif os.fspath(target) == "-":
            if sys.stdout is None:  # closed: what was opened first may have its number
                return False
            there = os.fstat(1)
        else:
            there = os.stat(target)
    except (OSError, AttributeError):  # not there yet, or no file at all
        return False
    return stat.S_ISREG(there.st_mode) and any(os.path.samestat(source, there) for source in sources)
