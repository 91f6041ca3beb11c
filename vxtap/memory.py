"""Memory for rows whose number nobody knows beforehand."""

from __future__ import annotations

import contextlib
import mmap

import numpy as np

_HUGE_PAGES = getattr(mmap, "MADV_HUGEPAGE", None)


class Rows:
    """Rows in anonymous memory that grows without being copied, and ends as an array of just what was written.

    Pages are touched only when a row lands in them, so asking for too much costs address space and nothing else. Huge
    pages, where the system has them, save most of the page faults, which otherwise cost as much as parsing.

    Attributes
    ----------
    count : int
        Rows written so far.
    """

    def __init__(self, dtype: np.dtype[np.void], capacity: int) -> None:
        self._dtype = dtype
        self.count = 0
        self._memory = self._allocate(max(capacity, 1))

    def _allocate(self, rows: int) -> mmap.mmap:
        # Private: a shared mapping cannot grow, and touching what was added would kill the process.
        memory = mmap.mmap(-1, rows * self._dtype.itemsize, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if _HUGE_PAGES is not None:
            memory.madvise(_HUGE_PAGES)
        return memory

    @property
    def buffer(self) -> mmap.mmap:
        """The memory, to be filled from row `count` on."""
        return self._memory

    @property
    def capacity(self) -> int:
        """Rows that there is room for."""
        return len(self._memory) // self._dtype.itemsize

    def reserve(self, rows: int, least: int) -> None:
        """Have room for `rows` in all, or, where the system does not give that, for `least`."""
        for wanted in (rows, least):
            if wanted <= self.capacity or self._grow(wanted):
                return
        raise MemoryError(f"{self.count:,} rows are read, and there is no room for {least:,}")

    def _grow(self, rows: int) -> bool:
        try:
            self._memory.resize(rows * self._dtype.itemsize)  # moves page tables, not bytes
        except SystemError:  # a system that cannot: copy
            larger = self._allocate(rows)
            used = self.count * self._dtype.itemsize
            larger[:used] = self._memory[:used]
            self._memory = larger
        except OSError:
            return False
        return True

    def array(self) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        """The rows written, without a copy; memory behind them goes back to the system."""
        if self.count == 0:
            return np.empty(0, self._dtype)
        with contextlib.suppress(SystemError, OSError):  # where it cannot shrink: the rest was never touched
            self._memory.resize(self.count * self._dtype.itemsize)
        return np.frombuffer(self._memory, self._dtype, self.count)
