"""Following a capture that is still being written, and the files that it is rotated into."""

from __future__ import annotations

import os
import select
import signal
import stat
import time
from typing import TYPE_CHECKING

from vxtap.changes import what_changed
from vxtap.compressed import BLOCK
from vxtap.errors import OptionError, UnsupportedError
from vxtap.rotation import Look, Rotation, look, matches, natural, path_of
from vxtap.source import Origin, printable

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from vxtap.source import Source, Sources

#: Seconds between two looks at a file that is waited for.
PAUSE = 0.1
# Looking for new files takes at most a tenth of the time, however many there are.
_SPARE = 10

# Files that are remembered as read although nothing names them any more.
_MOST_DONE = 1 << 14

# A file by what outlives a new name and later writes: device, number, time of the first frame.
_Identity = tuple[int, int, int | None]


class Stop:
    """A wish to end, which a signal can express: the first one is noted, the second does what it did before.

    Used as a context around the job. Signals reach only the main thread: in another one nothing is caught.
    """

    def __init__(self, *signals: int) -> None:
        self.wanted = False
        self._signals = signals
        self._before: dict[int, object] = {}

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.wanted = True
        signal.signal(number, self._before[number])  # type: ignore[arg-type]

    def __enter__(self) -> Stop:
        try:
            for number in self._signals:
                before = signal.getsignal(number)
                if before not in (None, signal.SIG_IGN):  # what is ignored, as under nohup, stays so
                    self._before[number] = before
                    signal.signal(number, self._note)
        except ValueError:  # not the main thread
            self._before.clear()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]


class Followed(Rotation):
    """The files of a capture, of which the last is waited for, and then the one that comes after it.

    That is a file with something in it that the paths or wildcards given name, and that was not read before. A
    compressed one is none: it is what was read, packed by whoever rotates.
    """

    waits = True

    def __init__(self, sources: Sources, stop: Stop | None, *, rereadable: bool = False) -> None:
        self._stop = stop or Stop()
        given = list(sources) if isinstance(sources, list | tuple) else [sources]
        if any(path_of(one) is None and _is_buffer(one) for one in given):
            raise OptionError("follow: a buffer does not grow: give the path of a file")
        self._names = [path for path in map(path_of, given) if path is not None and path != "-"]
        self._looks: dict[tuple[int, int], tuple[tuple[int, int], Look]] = {}
        self._done: set[_Identity] = set()
        self._next_search = 0.0
        self._shorter = False
        super().__init__(sources, rereadable=rereadable)
        last = self._waiting[-1] if self._waiting else self.origin.path
        if isinstance(last, str | os.PathLike) and look(last).compressed:
            self.close()
            raise _compressed(os.fsdecode(os.fspath(last)))

    @property
    def stopped(self) -> bool:
        """Whether somebody wanted an end."""
        return self._stop.wanted

    @property
    def size(self) -> None:
        """Nobody knows how much will come."""

    def ready(self) -> bool:
        """Wait until a pipe has something, so that a wish to end is heard; False where that came first."""
        pipe = self.origin.pipe
        while pipe is not None and not self.stopped:
            if select.select([pipe], [], [], PAUSE)[0]:
                break
        return not self.stopped

    def wait(self) -> bool:
        """Wait until the current file has grown: True. It has not where the next file has begun, or all is to end."""
        raw = self.origin.raw
        if raw is None:
            return False
        if self.origin.is_compressed:
            if not self._waiting:
                raise _compressed(self.origin.name)
            return False
        while not self.stopped:
            more = os.fstat(raw.fileno()).st_size - raw.tell()
            self._shorter = more < 0
            if more:
                return more > 0
            if self._waiting or self._search():
                # Whoever has begun the next file has done with this one: what it holds now is all.
                return os.fstat(raw.fileno()).st_size > raw.tell()
            time.sleep(PAUSE)
        return False

    def next(self, start: int) -> bool:
        """Go on with the next file."""
        if self.stopped or self._shorter or not self._waiting:
            return False
        if self.origin.path is not None and self.origin.stat is not None and self.origin.raw is not None:
            found = _look_at(self.origin.raw.fileno())
            self._done.add((self.origin.stat.st_dev, self.origin.stat.st_ino, found.first))
        return super().next(start)

    def what_changed(self, *, at_end: bool) -> str:
        """Growing and being rotated away are expected; becoming shorter is not."""
        return what_changed(self.origin, at_end=at_end) if self._shorter else ""

    def _search(self) -> bool:
        """Look for a next file, and open it."""
        begin = time.monotonic()
        if begin < self._next_search:
            return False
        candidates = self._candidates()
        end = time.monotonic()
        self._next_search = end + _SPARE * (end - begin)
        for path in candidates:
            try:
                self._waiting.append(Origin(path))
            except OSError:  # gone again, or not ours yet
                continue
            return True
        return False

    def _candidates(self) -> list[str]:
        """Paths of files that are new, in the order in which they are to be read."""
        looks: dict[tuple[int, int], tuple[tuple[int, int], Look]] = {}
        new: list[tuple[int, list[str | int], str]] = []
        for path in self._named():
            try:
                there = os.stat(path)
                if not stat.S_ISREG(there.st_mode) or not there.st_size or self._is_current(there):
                    continue
                node, version = (there.st_dev, there.st_ino), (there.st_mtime_ns, there.st_size)
                known = self._looks.get(node)
                looks[node] = known if known is not None and known[0] == version else (version, _look_into(path))
            except OSError:
                continue
            found = looks[node][1]
            if not found.compressed and (*node, found.first) not in self._done:
                new.append((found.first or 0, natural(path), path))
        self._looks = looks
        if len(self._done) > _MOST_DONE:
            self._done = {one for one in self._done if one[:2] in looks}
        return [path for _, _, path in sorted(new)]

    def _named(self) -> list[str]:
        found: list[str] = []
        for name in self._names:
            files = matches(name)
            found += [name] if files is None else files
        return found

    def _is_current(self, there: os.stat_result) -> bool:
        return self.origin.stat is not None and os.path.samestat(there, self.origin.stat)


def _look_at(handle: int) -> Look:
    """Look at the beginning of a file, and no further than that: it says the same however much is behind it."""
    return look(os.pread(handle, 2 * BLOCK, 0))


def _look_into(path: str) -> Look:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _look_at(handle)
    finally:
        os.close(handle)


def _is_buffer(source: Source) -> bool:
    try:
        memoryview(source)  # type: ignore[arg-type]
    except TypeError:
        return False
    except (ValueError, BufferError):
        return True
    return True


def _compressed(name: str) -> UnsupportedError:
    return UnsupportedError(f"{printable(name)}: follow: is compressed, and only plain captures can be followed")
