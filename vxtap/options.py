"""What a caller can ask for, checked in one place for the library and the command alike."""

from __future__ import annotations

import math
import numbers
import operator
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, TypedDict

from vxtap import _facts
from vxtap.errors import OptionError
from vxtap.tables import COLUMNS
from vxtap.tunnels import VXLAN, find_tunnels

if TYPE_CHECKING:
    from vxtap._core import Wanted
    from vxtap.where import Program

#: The port that IANA assigned to VXLAN.
DEFAULT_PORTS = (4789,)
#: Within how long a source may be out of order; how long after another vantage point's sight one is a duplicate; what
#: silence can be a hole; what ends a conversation, and how many go on at a time.
WINDOW, DEDUP, GAP, IDLE = "10ms", "2ms", "5s", "120s"
MOST_FLOWS = 1 << 20
#: The MTU of Ethernet where nobody says otherwise: bytes of an IP packet.
ETHERNET_MTU = 1500
MAX_VNI = 0xFFFFFF
_MAX_KEY = 0xFFFFFFFF  # of GRE, which stands in the same column
_MAX_MEMORY = 1 << 40
_MAX_WORKERS = 1024
_NS = 1_000_000_000
_LONGEST = ((1 << 63) - 1) // _NS  # seconds, in 64 bits of nanoseconds
_UNITS = ("", "k", "m", "g")
_SIZE = re.compile(r"(\d{1,15}(?:\.\d+)?)\s*([kmg]?)(b|ib)?", re.ASCII)

_DURATION = re.compile(r"(\d{1,12}(?:\.\d+)?)\s*(ns|us|µs|ms|s|m|h)?", re.ASCII)
_DURATIONS = {"ns": 1, "us": 1000, "µs": 1000, "ms": 1_000_000, "s": _NS, "m": 60 * _NS, "h": 3600 * _NS}

Numbers = SupportsIndex | Iterable[SupportsIndex]
Duration = float | str


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


def _number(value: Numbers, what: str, low: int, high: int) -> int:
    found = _numbers(value, what, low, high)
    if len(found) != 1:
        raise OptionError(f"{what}: expected one number, got {value!r}")
    return found[0]


def _columns(value: Iterable[str] | None) -> tuple[str, ...] | None:
    if value is None or (isinstance(value, str) and value == "all"):
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


def parse_size(value: int | str, what: str) -> int:
    """A number of bytes: as such, or as text with a unit: '16MiB' and '16M' are 2^24, '16MB' is 16 * 10^6."""
    if isinstance(value, str):
        found = _SIZE.fullmatch(value.strip().lower())
        if found is None:
            raise OptionError(f"{what}: expected a size such as 16MiB, got {value!r}")
        number, unit, kind = found.groups()
        return int(float(number) * (1000 if kind == "b" else 1024) ** _UNITS.index(unit))
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise OptionError(f"{what}: expected a size in bytes, got {value!r}") from None


def cores_at_hand() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parse_split(value: int | str) -> int:
    """Read the size of a range of a file: a number of bytes, or text such as '256MB'."""
    size = parse_size(value, "split")
    if size < 1:
        raise OptionError(f"split: expected at least 1 byte, got {value!r}")
    return size


def _nanoseconds(value: float, what: str) -> int:
    # A time span of numpy, which is not imported here, is a number to `numbers`.
    is_number = isinstance(value, numbers.Real) and type(value).__name__ not in ("bool", "timedelta64")
    if not is_number or not value >= 0 or value == math.inf:
        raise OptionError(f"{what}: expected seconds, got {value!r}")
    return int(min(value, _LONGEST) * _NS)


def parse_duration(value: Duration, what: str) -> int:
    """Nanoseconds of a duration: a number of seconds, or text with a unit: '2ms', '1.5s', '10us'."""
    if not isinstance(value, str):
        return _nanoseconds(value, what)
    found = _DURATION.fullmatch(value.strip())
    if found is None:
        raise OptionError(f"{what}: expected a duration such as 2ms, got {value!r}")
    number, unit = found.groups()
    return min(round(float(number) * _DURATIONS[unit or "s"]), _LONGEST * _NS)


class OuterOptions(TypedDict, total=False):
    """Options of everything that reads captures, about what is taken of them; see `Options`."""

    where: str | None
    tunnels: Iterable[str]
    depth: int
    once: bool
    partial: bool
    fragment_timeout: float
    fragment_memory: int | str


def only_outer(given: Mapping[str, object]) -> Any:
    """What a function was given beside its own options: those, since others mean something to other functions only."""
    for name in given:
        if name not in OuterOptions.__annotations__:
            there = ", ".join(OuterOptions.__annotations__)
            raise TypeError(f"unexpected keyword argument {name!r}: beside those of its own there are {there}")
    return given


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a reader or a rewriter is to do.

    Parameters
    ----------
    ports : int or iterable of int
        UDP destination ports that are taken for VXLAN; 4789 by default, 8472 is what Linux and flannel use.
    vni : int or iterable of int, optional
        Only these network identifiers; frames of others are counted as ``filtered``.
    where : str, optional
        Only frames for whose record this holds, such as ``src in 10.90.0.0/24 and dport == 443``; others are counted as
        ``filtered``. docs/where.md tells what it can say.
    tunnels : str or iterable of str
        What is looked for: 'vxlan' (the default), 'vxlan-gpe', 'geneve', 'gre', 'nvgre', 'erspan'. One over UDP can
        name a port: 'geneve:47101'. Or 'none' alone, for a plain capture: every frame is itself the inner frame, and
        `ports` and `depth` mean nothing.
    depth : int
        How many tunnels within each other are followed, at most 8. The default, 1, takes the outermost.
    once : bool
        Drop the second sight of a packet that was recorded on two interfaces of the collector (``second_sight``): for
        SLL2 captures, and pcapng ones with several interfaces.
    partial : bool
        Of a datagram whose later fragments are missing, take what the first one holds of the inner frame, rather than
        count it as ``fragment_lost``.
    fragment_timeout : float
        Seconds, on the clock of the capture, that fragments wait for the rest of their datagram.
    fragment_memory : int or str
        Memory for fragments that wait, in bytes or as text such as '16MiB'; when it is full the oldest go.
    columns : iterable of str, or "all", optional
        Only these columns of the record, in this order.
    frames : {"decapsulated", "all"}
        With "all", skipped frames are rows too, and `status` says why.
    strict : bool
        Raise `TruncatedError` for a capture that ends within a record, after all whole records were delivered.
    keep_others : bool
        Write frames that are not decapsulated as they are. Needs pcapng output, where they have an interface of their
        own.
    ethernet : bool
        Write inner frames without Ethernet behind an Ethernet header that is made up. Without it those that start with
        IP need pcapng, which has link types for both; the rest is left out (``no_ethernet``).
    format : {"pcap", "pcapng"}, optional
        Of the output.
    follow : bool
        At the end of a file, wait for more of it, or for the file that takes its place.
    workers : int, optional
        Threads that work on one file; by default as many as there are cores at hand, up to 3, and 1 for a small file.
    split : int or str, optional
        Bytes of a file that a thread takes at a time, as such or as text such as '4MiB'; never more than 16 MiB.
    dedup : float or str, optional
        Of several sources: drop what another vantage point has seen at most this long before, in seconds or as text
        such as '2ms'.
    window : float or str
        Of several sources: within how long each may itself be out of order.
    align : bool
        Of several sources: find out how far apart their clocks are, and correct the times.

    Raises
    ------
    OptionError
        For anything that makes no sense, naming the option.
    """

    ports: Numbers = field(default=DEFAULT_PORTS)
    vni: Numbers | None = None
    where: str | None = None
    tunnels: Iterable[str] = (VXLAN,)
    depth: int = 1
    once: bool = True
    partial: bool = False
    fragment_timeout: float = 30
    fragment_memory: int | str = 16 << 20
    columns: Iterable[str] | None = None
    frames: Literal["decapsulated", "all"] = "decapsulated"
    strict: bool = False
    keep_others: bool = False
    ethernet: bool = False
    format: Literal["pcap", "pcapng"] | None = None
    follow: bool = False
    workers: int | None = None
    split: int | str | None = None
    dedup: Duration | None = None
    window: Duration = WINDOW
    align: bool = False

    def __post_init__(self) -> None:
        ports = _numbers(self.ports, "ports", 1, 0xFFFF)
        if not ports:
            raise OptionError("ports: none were given")
        object.__setattr__(self, "ports", ports)
        self._check_outer(ports)
        vni = None if self.vni is None else _numbers(self.vni, "vni", 0, self._max_vni(ports))
        if vni == ():
            raise OptionError("vni: none were given")
        if vni is not None and find_tunnels(self.tunnels, ports).plain:
            raise OptionError("vni: without tunnels there is none")
        object.__setattr__(self, "vni", vni)
        object.__setattr__(self, "columns", _columns(self.columns))
        _ = self.program
        self._check_work()
        if self.frames not in ("decapsulated", "all"):
            raise OptionError(f"frames: expected 'decapsulated' or 'all', got {self.frames!r}")
        if self.format not in (None, "pcap", "pcapng"):
            raise OptionError(f"format: expected 'pcap' or 'pcapng', got {self.format!r}")
        if self.keep_others and self.format == "pcap":
            raise OptionError("keep_others: needs pcapng output, which has room for several link types")

    def _check_outer(self, ports: tuple[int, ...]) -> None:
        with suppress(TypeError):  # which find_tunnels tells
            names = (self.tunnels,) if isinstance(self.tunnels, str) else tuple(self.tunnels)
            object.__setattr__(self, "tunnels", names)
        find_tunnels(self.tunnels, ports)
        object.__setattr__(self, "depth", _number(self.depth, "depth", 1, _facts.MAX_DEPTH))
        _nanoseconds(self.fragment_timeout, "fragment_timeout")
        memory = parse_size(self.fragment_memory, "fragment_memory")
        if not _facts.FRAGMENT_MEMORY <= memory <= _MAX_MEMORY:
            raise OptionError(
                f"fragment_memory: {memory:,} bytes are not within {_facts.FRAGMENT_MEMORY:,} to {_MAX_MEMORY:,}"
            )
        object.__setattr__(self, "fragment_memory", memory)

    def _check_work(self) -> None:
        if self.workers is not None:
            object.__setattr__(self, "workers", _number(self.workers, "workers", 1, _MAX_WORKERS))
        if self.split is not None:
            object.__setattr__(self, "split", parse_split(self.split))
        parse_duration(self.window, "window")
        if self.dedup is not None and not parse_duration(self.dedup, "dedup"):
            raise OptionError(f"dedup: expected a duration above 0, got {self.dedup!r}")

    def _max_vni(self, ports: tuple[int, ...]) -> int:
        return _MAX_KEY if find_tunnels(self.tunnels, ports).gre else MAX_VNI

    @property
    def program(self) -> Program | None:
        """What `where` is for the core."""
        if self.where is None:
            return None
        from vxtap.where import parse  # only here: most runs take all frames

        return parse(self.where)

    @property
    def wanted(self) -> Wanted:
        """What the core is told."""
        program = self.program
        kinds = find_tunnels(self.tunnels, self.port_numbers)
        return {
            "ports": kinds.ports,
            "vnis": self.vni or (),  # type: ignore[typeddict-item]
            "gre": kinds.gre,
            "plain": kinds.plain,
            "where": None if program is None else (program.tests, program.words, program.level),
            "depth": self.depth,
            "once": self.once,
            "partial": self.partial,
            "fragment_timeout": _nanoseconds(self.fragment_timeout, "fragment_timeout"),
            "fragment_memory": self.fragment_memory,  # type: ignore[typeddict-item]
        }

    @property
    def dedup_ns(self) -> int | None:
        """The window for duplicates in nanoseconds, None where they are not looked for."""
        return None if self.dedup is None else parse_duration(self.dedup, "dedup")

    @property
    def window_ns(self) -> int:
        """The window for disorder in nanoseconds."""
        return parse_duration(self.window, "window")

    @property
    def port_numbers(self) -> tuple[int, ...]:
        """The ports as a tuple, sorted."""
        return self.ports  # type: ignore[return-value]

    @property
    def column_names(self) -> tuple[str, ...] | None:
        """The columns as a tuple, None for all."""
        return self.columns  # type: ignore[return-value]
