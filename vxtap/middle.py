"""Beginning to read in the middle of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vxtap import _core, _parts
from vxtap.enums import Status
from vxtap.errors import fault
from vxtap.parts import Place, Scratch, find_record
from vxtap.rotation import NOTHING, TIME

if TYPE_CHECKING:
    from vxtap.rotation import Rotation
    from vxtap.window import Window

# The beginning of a file is read for its framing, up to here.
_HEAD = 256 << 10
_AT_STOP, _MORE_INPUT, _OK = Status.AT_STOP.value, Status.MORE_INPUT.value, Status.OK.value


def begin_at(books: _core.Pass, files: Rotation, window: Window) -> bool:
    """Have books that are empty begin with the first record that seems to begin where the files are read from.

    The framing is that of the beginning of the file, as far as it is read for that: interfaces that are declared later
    are not known. Returns False where no record was found to begin there and before the end of what is read.

    Raises
    ------
    FormatError, UnsupportedError
        For what is no capture, or is damaged at its beginning.
    """
    place = Place(files.origin, 0)
    byte, stop = files.begin, min(files.limit or place.end, place.end)
    head = _core.Scanner(NOTHING, source=0, level=0, skipped_rows=True, columns=[TIME], row_size=TIME[1])
    head.stop = min(byte, _HEAD)
    status, _ = place.scan(head, Scratch(_HEAD, TIME[1]))
    if status not in (_AT_STOP, _MORE_INPUT):
        raise fault(files.origin.name, status, head.fault_offset, head.frames, "")
    if status == _MORE_INPUT and (ended := head.end(0)[0]) != _OK:
        raise fault(files.origin.name, ended, 0, 0, "")
    found = head.offset if status == _AT_STOP and head.stop == byte else find_record(place, head, byte, stop)
    framing = _parts.framing_of(head)
    there = found is not None and found < stop
    _parts.assume(books, framing, found if there else byte)  # type: ignore[arg-type]
    window.jump(books.offset)
    return there
