"""Which columns a table has, and how they look: the record's fields as Arrow has them, one rule a kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vxtap import _columns, _facts
from vxtap._version import __version__
from vxtap.errors import OptionError
from vxtap.extras import need
from vxtap.forms import ADDRESSES
from vxtap.layout import PACKET, Projection
from vxtap.options import Options
from vxtap.tables import COLUMNS, DEFAULT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    import pyarrow as pa

# What becomes of a field, by its kind in numpy: a shape of the core's. Of addresses, by how they are asked for.
_NUMBERS = {"M8[ns]": "TIME", "u1": "BYTE", "u2": "SHORT", "u4": "INT", "u8": "LONG"}
_RULES = {
    "text": {**_NUMBERS, "V16": "IP_TERM", "V6": "MAC_TERM"},
    "binary": {**_NUMBERS, "V16": "IP", "V6": "MAC"},
}
# So many columns are copied out of the record while it is parsed; more of them cost less where it is kept whole.
_FEW = 6
_FIELDS = {name: (kind, unit, text) for name, kind, _, _, _, unit, text in _facts.fields()}
_SHAPES = _columns.shapes()


def chosen(columns: Iterable[str] | None) -> tuple[str, ...]:
    """Tell which columns are asked for.

    Parameters
    ----------
    columns : iterable of str, or "all", optional
        None is `DEFAULT_COLUMNS`, "all" is every one.

    Returns
    -------
    tuple of str
        In the order in which they were given.

    Raises
    ------
    OptionError
        For a name that no column has, or one given twice.
    """
    return DEFAULT_COLUMNS if columns is None else Options(columns=columns).column_names or COLUMNS


def other_of(name: str) -> str:
    """Name the other one of a pair of addresses.

    Parameters
    ----------
    name : str
        Of a column of addresses, such as `src`.

    Returns
    -------
    str
        Such as `dst`.
    """
    return name.replace("src", "dst") if name.endswith("src") else name.replace("dst", "src")


def _is_address(name: str) -> bool:
    return _FIELDS[name][0].startswith("V")


class Shape:
    """The columns of a table, and the rows that they are made from.

    Parameters
    ----------
    columns : iterable of str, or "all", optional
        Names of the record's columns, in order; None for `vxtap.tables.DEFAULT_COLUMNS`.
    addresses : {"text", "binary"}
        Addresses as text in a dictionary, or as 16 or 6 bytes in network order.
    dtype : numpy.dtype, optional
        Of rows that are there already, which have these columns: `vxtap.PACKET`, or a projection of it.

    Attributes
    ----------
    columns : tuple of str
        Their names.
    projection : Projection
        For a pass that gives such rows. It can have more columns: whether an address is none is told by its pair.
    dtype : numpy.dtype
        Of the rows.
    layout : list of (int, int, int)
        For the core: place of a column in a row, of the other one of its pair, number of its shape.

    Raises
    ------
    OptionError
        For columns that are not there, or are not the record's.
    """

    def __init__(
        self,
        columns: Iterable[str] | None = None,
        *,
        addresses: str = "text",
        dtype: np.dtype[np.void] | None = None,
    ) -> None:
        if addresses not in ADDRESSES:
            raise OptionError(f"addresses: expected 'text' or 'binary', got {addresses!r}")
        self.columns = chosen(columns)
        self.addresses = addresses
        self.projection = _projection(self.columns)
        self.dtype = self.projection.dtype if dtype is None else _checked(dtype, self.columns)
        self.shapes = [_RULES[addresses][_FIELDS[name][0]] for name in self.columns]
        fields: Any = self.dtype.fields
        self.layout = [
            (fields[name][1], fields[other_of(name) if other_of(name) in fields else name][1], _SHAPES[shape][0])
            for name, shape in zip(self.columns, self.shapes, strict=True)
        ]

    @property
    def widths(self) -> list[tuple[int, bool, bool]]:
        """Of each column: bytes of a value, whether there may be none, whether it has a dictionary."""
        return [_SHAPES[shape][1:] for shape in self.shapes]

    @property
    def schema(self) -> pa.Schema:
        """The schema of the table: each field tells its unit and its meaning, the whole what made it."""
        pa = need("pyarrow", extra="arrow")
        types = arrow_types()
        fields = []
        for name, shape in zip(self.columns, self.shapes, strict=True):
            _, unit, text = _FIELDS[name]
            fields.append(pa.field(name, types[shape], _SHAPES[shape][2], {"unit": unit, "meaning": text}))
        return pa.schema(fields, {"vxtap": __version__})


def _projection(columns: tuple[str, ...]) -> Projection:
    others = [other_of(name) for name in columns if _is_address(name)]
    needed = (*columns, *(name for name in others if name not in columns))
    return Projection(needed) if len(needed) <= _FEW else Projection.whole(needed)


def _checked(dtype: np.dtype[np.void], columns: tuple[str, ...]) -> np.dtype[np.void]:
    """The dtype of rows, if they are the record's."""
    theirs: Any = dtype.fields or {}
    ours: Any = PACKET.fields
    for name in columns:
        if name not in theirs:
            raise OptionError(f"expected rows of vxtap.read with a column {name!r}: there are {', '.join(theirs)}")
    for name in theirs:
        if name in ours and theirs[name][0] != ours[name][0]:
            raise OptionError(f"expected rows of vxtap.read: {name!r} is {theirs[name][0]}, not {ours[name][0]}")
    return dtype


def arrow_types() -> dict[str, pa.DataType]:
    """The Arrow type of each shape."""
    pa = need("pyarrow", extra="arrow")
    text = pa.dictionary(pa.int32(), pa.utf8())
    return {
        "TIME": pa.timestamp("ns", "UTC"),
        "BYTE": pa.int16(),
        "SHORT": pa.int32(),
        "INT": pa.int64(),
        "LONG": pa.int64(),
        "IP": pa.binary(16),
        "MAC": pa.binary(6),
        "IP_TERM": text,
        "MAC_TERM": text,
    }
