"""One input on its way to its outputs: what all forms of outputs have in common, and inner captures as one."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from vxtap.errors import OptionError, VxtapError
from vxtap.manifest import Entry
from vxtap.options import Options
from vxtap.rewrite import run_decap
from vxtap.source import printable
from vxtap.targets import foreign, stems_of_output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vxtap.forms import Form
    from vxtap.inputs import Input
    from vxtap.manifest import Key, Manifest
    from vxtap.report import Report


# Where these come from there is no room for the next file either.
_FATAL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
# Options that change how a job is done, and not what comes out; `format` says what `to` says.
_HOW = ("workers", "split", "follow", "dedup", "window", "align", "format", "frames")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How inputs are converted: the same for all of a run.

    Attributes
    ----------
    to : {"pcap", "pcapng", "parquet"}
        The form of the outputs.
    options : Options
        How captures are read.
    details : dict
        What only this form has.
    """

    to: Form
    options: Options
    details: dict[str, Any]

    @property
    def digest(self) -> str:
        """The same for all recipes that make the same outputs of an input."""
        import hashlib  # only here, as whatever not every run needs
        import json

        told = {name: value for name, value in asdict(self.options).items() if name not in _HOW}
        text = json.dumps([self.to, told, self.details], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Place:
    """The folder that is written to: it makes folders in it, and takes those back that stay empty.

    Attributes
    ----------
    manifest : Manifest
        Of the folder.
    stems : set of str
        What the outputs of this run begin with, all inputs together.
    again : bool
        Whether outputs may take the places of files that the manifest does not name.
    """

    def __init__(self, manifest: Manifest, stems: Iterable[str], *, again: bool = False) -> None:
        self.manifest = manifest
        self.again = again
        self.stems = set(stems)
        self._made: set[str] = set()
        self._lock = threading.Lock()

    def path(self, name: str) -> str:
        """Where an output goes; the folder is there then."""
        path = os.path.join(self.manifest.folder, name)
        with self._lock:
            self._make(os.path.dirname(path))
        return path

    def _make(self, folder: str) -> None:
        if os.path.isdir(folder):
            return
        self._make(os.path.dirname(folder))
        os.mkdir(folder)
        self._made.add(folder)

    def check_free(self, name: str, stem: str, key: Key) -> None:
        """Raise `OptionError` where an output is another input's, or nobody's: there are more than one could know."""
        owner = self.manifest.owner(name)
        path = os.path.join(self.manifest.folder, name)
        if owner is None and not self.again and os.path.lexists(path):
            raise foreign(key[0], path)
        earlier = owner is not None and owner != key and os.path.exists(owner[0])
        if earlier or not self.stems.isdisjoint({*stems_of_output(name, key[1])} - {stem}):
            raise OptionError(
                f"it becomes so many files that {printable(name)} would be one, which is that of another input:"
                " convert it into a folder of its own"
            )

    def tidy(self) -> None:
        """Remove the folders that were made for nothing."""
        for folder in sorted(self._made, key=len, reverse=True):
            with contextlib.suppress(OSError):
                os.rmdir(folder)


class Conversion:
    """The conversion of one input. Subclasses say how it is done; see `vxtap.crew.Job`.

    Attributes
    ----------
    input : Input
        What is converted.
    bytes_read : int
        Of the input, as far as that is known while it is read.
    entry : Entry
        What the manifest says in the end.
    report : Report or None
        The books; None of what failed before there were any.
    error : Exception or None
        Why it failed.
    """

    def __init__(self, one: Input, stem: str, recipe: Recipe, digest: str, place: Place) -> None:
        self.input = one
        self.bytes_read = 0
        self.report: Report | None = None
        self.error: Exception | None = None
        self._stem = stem
        self._recipe = recipe
        self._place = place
        self._began: float | None = None
        self.entry = Entry(input=one.path, to=recipe.to, state="failed", options=digest)
        self.entry.size, self.entry.mtime_ns = one.stat.st_size, one.stat.st_mtime_ns

    def wants_help(self) -> bool:
        """Whether there is work for another thread."""
        raise NotImplementedError

    def work(self, check: Callable[[], None]) -> None:
        """Do a share."""
        raise NotImplementedError

    def finish(self) -> None:
        """All threads have done their shares: let the outputs take their names, and tell the manifest."""
        raise NotImplementedError

    def abandon(self) -> None:
        """Leave nothing behind."""
        raise NotImplementedError

    def begin(self) -> None:
        """A thread is there; told by each, and the first one counts."""
        if self._began is None:
            self._began = time.monotonic()

    def fail(self, error: Exception) -> None:
        """Note what went wrong with this input; what would go wrong with all others is raised."""
        if isinstance(error, OSError) and error.errno in _FATAL:
            raise error
        if self.error is None:
            self.error = error

    def end(self) -> None:
        """All is done, or has failed: say so."""
        self.entry.state = "done" if self.error is None else "failed"
        self.entry.error = "" if self.error is None else error_text(self.error, self.input.path)
        self.entry.counts = self.report.to_dict() if self.report is not None else {}
        self.entry.seconds = round(time.monotonic() - (self._began or time.monotonic()), 3)
        if self.entry.outputs or self.error is None:
            self._remove_earlier()
        self._place.manifest.add(self.entry)
        self.bytes_read = self.input.stat.st_size

    def _remove_earlier(self) -> None:
        """Outputs of an earlier run whose places have not been taken: there were more of them, or with other names."""
        manifest = self._place.manifest
        for name in manifest.earlier(self.entry.key):
            if name not in self.entry.outputs:
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(manifest.folder, name))
                manifest.forget(name)


def error_text(error: BaseException, path: str) -> str:
    """What went wrong with an input, in a line; of another file it is said which one."""
    if isinstance(error, OSError):
        named = error.filename2 or error.filename  # of two, a hidden file was to take the place of the second
        other = named if isinstance(named, str | bytes) else None
        where = "" if other is None or os.fsdecode(other) == path else f"{printable(os.fsdecode(other))}: "
        return f"{where}{error.strerror or error}"
    return str(error) or type(error).__name__


class DecapConversion(Conversion):
    """A conversion to an inner capture."""

    def wants_help(self) -> bool:
        """One thread reads and writes it."""
        return False

    def work(self, check: Callable[[], None]) -> None:
        """Do all of it."""
        self.begin()
        name = f"{self._stem}.{self._recipe.to}"
        target = os.path.join(self._place.manifest.folder, name)

        def advance(done: int, _total: int | None) -> None:
            self.bytes_read = min(done, self.input.stat.st_size)  # of a compressed file more comes out
            check()

        def announce(size: int) -> None:
            self._place.manifest.announce(self.entry, {name: size})

        before = _identity(target)
        try:
            self._place.path(name)
            options = self._recipe.options
            self.report = run_decap(self.input.path, target, options, advance, announce=announce).report
        except (VxtapError, OSError, MemoryError, ImportError) as error:
            self.fail(error)
        if _identity(target) not in (None, before):  # of a damaged capture, what came before the damage
            self.entry.outputs = {name: os.stat(target).st_size}

    def finish(self) -> None:
        """Tell the manifest."""
        self.end()

    def abandon(self) -> None:
        """Nothing is left: `vxtap.sink` has seen to that."""


def _identity(path: str) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        there = os.stat(path)
        return there.st_dev, there.st_ino
    return None
