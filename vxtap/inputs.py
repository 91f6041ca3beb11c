"""Finding captures: in folders and by wildcards, recognised by what they hold and not by their names."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from vxtap import _core
from vxtap.enums import Status
from vxtap.errors import OptionError, VxtapError
from vxtap.manifest import MANIFEST, Manifest
from vxtap.rotation import NOTHING, TIME, natural
from vxtap.source import Origin, printable
from vxtap.window import Window

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

_WILD = frozenset("*?[")
# What a look at a file reads: enough for the header of any.
_FIRST_BLOCK = 4 << 10
_MORE_INPUT = Status.MORE_INPUT.value
_NO_CAPTURE = {Status.NOT_CAPTURE.value, Status.BAD_MAGIC.value}
_LEAST = 4  # bytes that tell a format


class Input(NamedTuple):
    """A file to convert: its path from the root, and what the file system knew of it when it was found."""

    path: str
    stat: os.stat_result

    @property
    def identity(self) -> tuple[int, int]:
        """The same for every name that a file has."""
        return self.stat.st_dev, self.stat.st_ino


class LeftOut(NamedTuple):
    """A file of a folder or a wildcard that is not converted, and why."""

    path: str
    why: str


@dataclass(slots=True)
class Found:
    """What there is under some paths.

    Attributes
    ----------
    inputs : list of Input
        Files to convert, each once, in the order in which they were named, and in natural order within a folder.
    failed : list of (str, Exception)
        What was named, or lies in a folder, and cannot be looked at.
    left_out : list of LeftOut
        Files of folders and wildcards that are no captures, or that are there by another name.
    base : str
        The deepest folder that holds all that was asked for.
    """

    inputs: list[Input] = field(default_factory=list)
    failed: list[tuple[str, Exception]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    base: str = ""


def why_no_capture(path: str) -> str:
    """Look at the first bytes of a file, through its compression: why it is no capture, or nothing where it is one.

    Raises `VxtapError` or `OSError` for what cannot be looked into.
    """
    origin = Origin(path)
    try:
        books = _core.Scanner(NOTHING, source=0, level=0, skipped_rows=True, columns=[TIME], row_size=TIME[1])
        window = Window(origin, _FIRST_BLOCK)
        while window.left < _LEAST and window.more():
            pass
        if window.left < _LEAST:
            return "it is empty" if not window.left else f"it has only {window.left} bytes"
        status, _, _ = books.scan(window.buffer, window.start, window.end, bytearray(TIME[1]), 0)
        return "it is no capture" if status in _NO_CAPTURE and not books.offset else ""
    finally:
        origin.close()


def _is_named_so(path: str) -> bool:
    """Whether a file's name says that it is a capture: it cannot be looked into, and must not be left out quietly."""
    return "cap" in os.path.basename(path).lower()


def _fixed_part(pattern: str) -> str:
    """The folder that all files which a wildcard can match lie in."""
    parts = pattern.split(os.sep)
    known = next(i for i, part in enumerate(parts) if not _WILD.isdisjoint(part))
    return os.sep.join(parts[:known]) or os.sep


class _Search:
    """One search under several paths."""

    def __init__(self, dest: str | None, outputs: Collection[str]) -> None:
        self.found = Found()
        self._dest = None if dest is None else os.path.realpath(dest)
        self._outputs = set(outputs)
        self._looks_in_dest = False
        self._names: dict[tuple[int, int], str] = {}  # of the files that are inputs
        self._folders: set[tuple[int, int]] = set()

    def begin(self, path: str) -> None:
        """Look under another path: in the destination only where that is what was asked for."""
        self._looks_in_dest = self._is_in_dest(os.path.realpath(path))

    def _is_in_dest(self, path: str) -> bool:
        return self._dest is not None and (path == self._dest or path.startswith(os.path.join(self._dest, "")))

    def _is_own(self, path: str) -> bool:
        """Whether a file or folder is what the job itself writes."""
        real = os.path.realpath(path)
        return real in self._outputs or (self._is_in_dest(real) and not self._looks_in_dest)

    def named(self, path: str) -> None:
        """A file that was named is an input, whatever it holds."""
        try:
            known = os.stat(path)
        except OSError as error:
            self.found.failed.append((path, error))
            return
        if not stat.S_ISREG(known.st_mode):
            raise OptionError(f"{printable(path)}: files are converted, with names: for a pipe there is 'vxtap decap'")
        self._take(Input(path, known))

    def folder(self, path: str, *, named: bool = False) -> None:
        """All captures in a folder and in those within it, each folder once: links can lead in circles.

        What has been converted into a folder is not converted once more, unless it is that folder which was named.
        """
        try:
            known = os.stat(path)
            if self._is_own(path) or (known.st_dev, known.st_ino) in self._folders:
                return
            self._folders.add((known.st_dev, known.st_ino))
            with os.scandir(path) as entries:
                names = sorted((one.name for one in entries if not one.name.startswith(".")), key=natural)
        except OSError as error:
            self.found.failed.append((path, error))
            return
        if MANIFEST in names:
            names.remove(MANIFEST)
            if not named and not self._read_manifest(path):
                return
        for name in names:
            self.met(os.path.join(path, name))

    def _read_manifest(self, folder: str) -> bool:
        """What was written into a folder is no input; where nobody can tell what that was, nothing in it is."""
        try:
            self._outputs |= Manifest(folder).written
        except OSError as error:
            self.found.failed.append((folder, error))
            return False
        return True

    def met(self, path: str) -> None:
        """What a folder or a wildcard has: a folder, a capture, or something else."""
        try:
            known = os.stat(path)
            if stat.S_ISDIR(known.st_mode):
                self.folder(path)
                return
            if self._is_own(path):
                return
            if (known.st_dev, known.st_ino) in self._names:
                self._take(Input(path, known))
                return
            why = why_no_capture(path) if stat.S_ISREG(known.st_mode) else "it is no regular file"
        except FileNotFoundError:
            self.found.left_out.append(LeftOut(path, "it is a link to nothing, or was removed"))
        except VxtapError as error:
            if _is_named_so(path):
                self.found.failed.append((path, error))
            else:
                self.found.left_out.append(LeftOut(path, str(error).removeprefix(f"{printable(path)}: ")))
        except OSError as error:
            self.found.failed.append((path, error))
        else:
            if why:
                self.found.left_out.append(LeftOut(path, why))
            else:
                self._take(Input(path, known))

    def _take(self, one: Input) -> None:
        first = self._names.setdefault(one.identity, one.path)
        if len(self._names) > len(self.found.inputs):
            self.found.inputs.append(one)
        elif one.path != first:
            self.found.left_out.append(LeftOut(one.path, f"it is the same file as {printable(first)}"))


def _paths_of(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> Iterator[str]:
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    for one in given:
        if not isinstance(one, str | os.PathLike):
            raise OptionError(f"expected paths of files and folders to convert, got {type(one).__name__}")
        path = os.fsdecode(os.fspath(one))
        if path in ("", "-"):
            raise OptionError("'-': files are converted: for a pipe there is decap" if path else "a path is empty")
        yield os.path.abspath(path)


def find_inputs(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    dest: str | None = None,
    outputs: Collection[str] = (),
) -> Found:
    """Find the captures that some paths name.

    Parameters
    ----------
    paths : str, os.PathLike, or several of those
        A file is taken as it is. Of a folder all captures in it and below are taken, and so are all files that match a
        wildcard (``**`` for any folders), each recognised by its first bytes, through its compression. Hidden files
        and folders are left out. Links are followed.
    dest : str, optional
        The folder that is written to: it is not looked into, unless what was asked for lies in it.
    outputs : collection of str
        Real paths of what was written earlier, which is not found again.

    Returns
    -------
    Found

    Raises
    ------
    OptionError
        For what can be no input at all.
    """
    search, bases = _Search(dest, outputs), []
    given = list(_paths_of(paths))
    wild = {path for path in given if not _WILD.isdisjoint(path) and not os.path.lexists(path)}
    # What is named is taken by that name, whatever else finds it.
    for path in sorted(given, key=lambda path: path in wild or os.path.isdir(path)):
        bases.append(_fixed_part(path) if path in wild else path if os.path.isdir(path) else os.path.dirname(path))
        search.begin(bases[-1])
        if path in wild:
            _by_wildcard(search, path)
        elif os.path.isdir(path):
            search.folder(path, named=True)
        else:
            search.named(path)
    if not given:
        raise OptionError("nothing was named to convert")
    search.found.base = os.path.commonpath(bases)
    return search.found


def _by_wildcard(search: _Search, pattern: str) -> None:
    import glob  # only here: the command starts without it

    matched = sorted(glob.glob(pattern, recursive=True), key=natural)
    if not matched:
        error = FileNotFoundError(errno.ENOENT, "no file matches this wildcard", pattern)
        search.found.failed.append((pattern, error))
    for path in matched:
        search.met(path)
