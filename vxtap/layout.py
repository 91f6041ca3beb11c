"""The record, and the row of a conversation, as numpy knows them."""

from __future__ import annotations

import numpy as np

from vxtap import _facts, _flows

_FIELDS = _facts.fields()

#: One row a decapsulated frame; docs/record.md has the columns. Native byte order, addresses in network order.
PACKET: np.dtype[np.void] = np.dtype(
    {
        "names": [field[0] for field in _FIELDS],
        "formats": [field[1] for field in _FIELDS],
        "offsets": [field[2] for field in _FIELDS],
        "itemsize": _facts.ROW_SIZE,
    }
)

#: One row a conversation; docs/flows.md has the columns.
FLOW: np.dtype[np.void] = np.dtype(
    {
        "names": [field[0] for field in _flows.fields()],
        "formats": [field[1] for field in _flows.fields()],
        "offsets": [field[2] for field in _flows.fields()],
        "itemsize": _flows.ROW_SIZE,
    }
)

_LEVELS = {name: level for name, _, _, _, level, _, _ in _FIELDS}
_EVERYTHING = max(_LEVELS.values())


class Projection:
    """Some columns of the record, or all of them: how rows look, and how the core fills them.

    Attributes
    ----------
    dtype : numpy.dtype
        Of a row: the columns in the order asked for, aligned; `PACKET` for all.
    copies : list of (int, int, int)
        For the core: offset in the record, size, offset in the row. Empty for whole records.
    level : int
        How deep frames must be parsed for these columns.
    """

    def __init__(self, columns: tuple[str, ...] | None) -> None:
        self.dtype: np.dtype[np.void] = PACKET
        self.copies: list[tuple[int, int, int]] = []
        self.level = _EVERYTHING
        if columns is None:
            return
        formats = {field[0]: field[1] for field in _FIELDS}
        offsets = {field[0]: (field[2], field[3]) for field in _FIELDS}
        self.dtype = np.dtype([(name, formats[name]) for name in columns], align=True)
        places = self.dtype.fields
        assert places is not None
        self.copies = [(*offsets[name], places[name][1]) for name in columns]
        self.level = max(_LEVELS[name] for name in columns)

    @classmethod
    def whole(cls, columns: tuple[str, ...]) -> Projection:
        """Whole records, parsed no further than these columns need: the others hold anything."""
        made = cls(None)
        made.level = max(_LEVELS[name] for name in columns)
        return made
