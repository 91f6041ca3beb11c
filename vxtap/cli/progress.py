"""A progress bar, on a terminal and for jobs that take a while."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

#: Seconds before anything is shown, and between two updates.
_DELAY, _INTERVAL = 0.5, 0.1


class Bar:
    """Shows bytes, rate and time left on standard error; nothing where that is no terminal, or `quiet`.

    Attributes
    ----------
    wanted : bool
        Something is shown, once a job takes a while.
    """

    def __init__(self, title: str, *, quiet: bool) -> None:
        self._title = title
        self.wanted = not quiet and sys.stderr is not None and sys.stderr.isatty()
        self._next = time.monotonic() + _DELAY
        self._progress: Any = None
        self._task: Any = None

    def advance(self, done: int, total: int | None, title: str = "") -> None:
        """`done` bytes of `total` have been read; the title may say more by now."""
        if not self.wanted or time.monotonic() < self._next:
            return
        if self._progress is None:
            self._start(total)
        self._progress.update(self._task, completed=done, description=title or self._title)
        self._next = time.monotonic() + _INTERVAL

    def _start(self, total: int | None) -> None:
        # Only here: the library takes as long to import as a small capture takes to convert.
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self._progress = Progress(
            "{task.description}",
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
            transient=True,
        )
        self._task = self._progress.add_task(self._title, total=total)
        self._progress.start()

    def stop(self) -> None:
        """Take the bar off the screen."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
            self.wanted = False

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
