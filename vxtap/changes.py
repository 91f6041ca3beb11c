"""Files that change while they are read: what can be said of that, from one look when reading ends."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vxtap.source import Origin


def what_changed(origin: Origin, *, at_end: bool) -> str:
    """Tell what has happened to a regular file since it was opened; an empty text where nothing has.

    Parameters
    ----------
    origin : Origin
        It is still open.
    at_end : bool
        It has been read to its end; otherwise up to a fault.

    Returns
    -------
    str
        The file, and what became of it.
    """
    if origin.raw is None or origin.stat is None or origin.raw.closed:
        return ""
    named = _stat(origin.path)
    moved = ""
    if named is not None and os.path.samestat(named, origin.stat):
        now = named  # the usual case costs this one look
    else:
        now = os.fstat(origin.raw.fileno())
        if origin.path is not None:
            how = "it was removed or renamed" if named is None else "another file took its name"
            moved = f"{how} while it was read: what was read is the old one"
    written = _what_was_written(origin.stat, now, origin.raw.tell(), at_end=at_end)
    found = "; ".join(part for part in (moved, written) if part)
    return f"{origin.name}: {found}" if found else ""


def _stat(path: str | None) -> os.stat_result | None:
    try:
        return None if path is None else os.stat(path)
    except OSError:
        return None


def _what_was_written(before: os.stat_result, now: os.stat_result, read: int, *, at_end: bool) -> str:
    if not before.st_size and not now.st_size:  # such as /proc has: they do not tell how long they are
        return ""
    most = max(before.st_size, read)
    if now.st_size < most:
        return f"it became shorter while it was read: {now.st_size:,} of {most:,} bytes are left"
    if now.st_size > before.st_size:
        late = now.st_size - read
        rest = f"; the last {late:,} came too late" if late else ", all of which have been read"
        return f"it grew while it was read, from {before.st_size:,} to {now.st_size:,} bytes{rest if at_end else ''}"
    if now.st_mtime_ns != before.st_mtime_ns:
        return "it was written to while it was read"
    return ""
