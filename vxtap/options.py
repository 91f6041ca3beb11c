"""What a caller can ask for, checked in one place for the library and the command alike."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, SupportsIndex

from vxtap import _core
from vxtap.errors import OptionError
from vxtap.tables import COLUMNS

#: The port that IANA assigned to VXLAN.
DEFAULT_PORTS = (4789,)
MAX_VNI = 0xFFFFFF

Numbers = SupportsIndex | Iterable[SupportsIndex]


def _numbers(value: Numbers, what: str, low: int, high: int) -> tuple[int, ...]:
    """One number or several, as a sorted tuple without repetition."""
    try:
        if isinstance(value, bool | bytes | bytearray):
            raise TypeError
        items: Iterable[SupportsIndex] = value if isinstance(value, Iterable) else (value,)
        numbers = sorted({operator.index(item) for item in items})
    except TypeError:
        raise OptionError(f"{what}: expected a number or several, got {value!r}") from None
    for number in numbers:
        if not low <= number <= high:
            raise OptionError(f"{what}: {number} is not within {low} to {high}")
    return tuple(numbers)


def _columns(value: Iterable[str] | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    try:
        columns = (value,) if isinstance(value, str) else tuple(value)
    except TypeError:
        raise OptionError(f"columns: expected names of columns, got {value!r}") from None
    if not columns:
        raise OptionError("columns: none were asked for")
    for name in columns:
        if name not in COLUMNS:
            import difflib  # only for the hint: the command starts without it

            close = difflib.get_close_matches(str(name), COLUMNS, 1)
            hint = f": did you mean {close[0]!r}?" if close else f": there are {', '.join(COLUMNS)}"
            raise OptionError(f"columns: there is no {name!r}{hint}")
    if len(set(columns)) < len(columns):
        raise OptionError(f"columns: {', '.join(columns)} names one twice")
    return columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a reader or a rewriter is to do.

    Parameters
    ----------
    ports : int or iterable of int
        UDP destination ports that are taken for VXLAN; 4789 by default, 8472 is what Linux and flannel use.
    vni : int or iterable of int, optional
        Only these network identifiers; frames of others are counted as ``filtered``.
    columns : iterable of str, optional
        Only these columns of the record, in this order.
    frames : {"decapsulated", "all"}
        With "all", skipped frames are rows too, and `status` says why.
    strict : bool
        Raise `TruncatedError` for a capture that ends within a record, after all whole records were delivered.
    keep_others : bool
        Write frames that are not decapsulated as they are. Needs pcapng output, where they have an interface of their
        own.
    format : {"pcap", "pcapng"}, optional
        Of the output.
    follow : bool
        At the end of a file, wait for more of it, or for the file that takes its place.

    Raises
    ------
    OptionError
        For anything that makes no sense, naming the option.
    """

    ports: Numbers = field(default=DEFAULT_PORTS)
    vni: Numbers | None = None
    columns: Iterable[str] | None = None
    frames: Literal["decapsulated", "all"] = "decapsulated"
    strict: bool = False
    keep_others: bool = False
    format: Literal["pcap", "pcapng"] | None = None
    follow: bool = False

    def __post_init__(self) -> None:
        ports = _numbers(self.ports, "ports", 1, 0xFFFF)
        if not ports:
            raise OptionError("ports: none were given")
        if len(ports) > _core.MAX_PORTS:
            raise OptionError(f"ports: {len(ports)} are more than {_core.MAX_PORTS}")
        object.__setattr__(self, "ports", ports)
        vni = None if self.vni is None else _numbers(self.vni, "vni", 0, MAX_VNI)
        if vni == ():
            raise OptionError("vni: none were given")
        object.__setattr__(self, "vni", vni)
        object.__setattr__(self, "columns", _columns(self.columns))
        if self.frames not in ("decapsulated", "all"):
            raise OptionError(f"frames: expected 'decapsulated' or 'all', got {self.frames!r}")
        if self.format not in (None, "pcap", "pcapng"):
            raise OptionError(f"format: expected 'pcap' or 'pcapng', got {self.format!r}")
        if self.keep_others and self.format == "pcap":
            raise OptionError("keep_others: needs pcapng output, which has room for several link types")

    @property
    def wanted(self) -> dict[str, tuple[int, ...]]:
        """What the core is told: ports and VNIs, sorted."""
        return {"ports": self.ports, "vnis": self.vni or ()}  # type: ignore[dict-item]

    @property
    def column_names(self) -> tuple[str, ...] | None:
        """The columns as a tuple, None for all."""
        return self.columns  # type: ignore[return-value]
