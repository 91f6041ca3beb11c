"""Where an output goes: a file that is whole or absent, a descriptor, or a file object."""

from __future__ import annotations

import io
import os
import stat
import tempfile
from typing import TYPE_CHECKING, BinaryIO

from vxtap.errors import OptionError
from vxtap.source import printable

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Buffer

    #: What `vxtap.decap` writes to.
    Target = str | os.PathLike[str] | BinaryIO


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
        Bytes written so far.
    """

    def __init__(self, target: Target) -> None:
        self.name = "standard output"
        self.size = 0
        self._path: str | None = None  # the name that the finished file will take
        self._beside: str | None = None
        self._close = True
        if not isinstance(target, str | os.PathLike):
            if not hasattr(target, "write"):
                raise OptionError(f"expected a path or a binary file object to write to, got {type(target).__name__}")
            self.name = str(getattr(target, "name", type(target).__name__))
            self._file: BinaryIO | io.FileIO = target
            self._close = False
        elif os.fspath(target) == "-":
            if os.isatty(1):
                raise OptionError("standard output is a terminal: redirect it, or name a file")
            self._file = io.FileIO(1, "w", closefd=False)
        else:
            path = os.fsdecode(os.fspath(target))
            self.name = printable(path)
            self._file = self._open(path)

    def _open(self, path: str) -> io.FileIO:
        path = os.path.realpath(path)  # a link stays one: its target is written
        try:
            mode = os.stat(path).st_mode
        except FileNotFoundError:
            mode = stat.S_IFREG
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(21, os.strerror(21), self.name)
        if not stat.S_ISREG(mode):
            return io.FileIO(path, "w")
        folder, base = os.path.split(path)
        try:
            handle, self._beside = tempfile.mkstemp(prefix=f".{base[:100]}.", suffix=".part", dir=folder)
        except OSError as error:
            raise type(error)(error.errno, error.strerror, self.name) from None
        self._path = path
        os.fchmod(handle, (stat.S_IMODE(mode) or 0o666 & ~_umask()))
        return io.FileIO(handle, "w")

    def write(self, data: Buffer) -> None:
        """Write all of it."""
        view = memoryview(data).cast("B")
        try:
            while view:
                count = self._file.write(view)
                if count is None:
                    raise BlockingIOError(f"{self.name}: cannot write now, and the file object does not wait")
                self.size += count
                view = view[count:]
        except OSError as error:
            if error.filename is None and error.errno is not None:
                error.filename = self.name
            raise

    def commit(self) -> None:
        """All is written: close, and let the file take its name."""
        if self._close:
            self._file.close()
        else:
            self._file.flush()
        if self._beside is not None and self._path is not None:
            os.replace(self._beside, self._path)
            self._beside = None

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing behind that was not committed."""
        if self._close:
            self._file.close()
        if self._beside is not None:
            os.unlink(self._beside)
            self._beside = None


def _umask() -> int:
    """The process's mask; it can be read only by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
