"""How the files of a capture ended: cut, empty, or changed while they were read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vxtap.enums import Status
from vxtap.errors import TruncatedError

if TYPE_CHECKING:
    from vxtap import _core
    from vxtap.rotation import Rotation

_OK, _EMPTY = Status.OK.value, Status.EMPTY.value
# Of a set of thousands that all changed, a few are told by name.
_MOST_NOTES = 5


class Ends:
    """The sum over all files that have been read to their ends.

    Attributes
    ----------
    formats : dict
        What the core says of the files' formats, each kind once, in the order of its first sight.
    tail : int
        Bytes behind the last whole records.
    truncated : bool
        A file was cut, within a record or its compressed data.
    cut : TruncatedError or None
        What to say of the first one of those.
    empty : list of str
        Names of empty files.
    compressions : dict
        Names of the files' compressions, each once.
    """

    def __init__(self) -> None:
        self.formats: dict[tuple[int, bool, int, int, int, int], None] = {}
        self.tail = 0
        self.truncated = False
        self.cut: TruncatedError | None = None
        self.empty: list[str] = []
        self.compressions: dict[str, None] = {}
        self._notes: list[str] = []
        self._more_notes = 0

    def take(self, books: _core.Pass, files: Rotation, left: int) -> int:
        """Take the current file into account, which ends with `left` bytes unconsumed: OK, or EMPTY or CUT_HEADER."""
        status, tail = books.end(left)
        origin = files.origin
        self.tail += tail
        if origin.compression:
            self.compressions[origin.compression] = None
        if status == _OK:
            self.formats[books.format] = None
        elif status == _EMPTY:
            self.empty.append(origin.name)
        if tail or origin.is_cut:
            self.truncated = True
            if self.cut is None:
                offset = books.offset - files.start + left - tail
                what = f"a record, of which {tail:,} bytes are there" if tail else "its compressed data"
                where = f"{origin.name}: byte {offset:,}, after frame {books.frames:,}"
                message = f"{where}: the file ends within {what}"
                self.cut = TruncatedError(message, Status.CUT_HEADER.value, offset)
        self.note(files, at_end=True)
        return status

    def note(self, files: Rotation, *, at_end: bool) -> str:
        """What has changed about the current file, remembered for the report."""
        note = files.what_changed(at_end=at_end)
        if note and note not in self._notes:
            if len(self._notes) < _MOST_NOTES:
                self._notes.append(note)
            else:
                self._more_notes += 1
        return note

    @property
    def changed(self) -> str:
        """What has changed about the files while they were read, in words."""
        more = [f"and {self._more_notes:,} more files changed"] if self._more_notes else []
        return "; ".join(self._notes + more)
