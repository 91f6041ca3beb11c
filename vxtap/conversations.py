"""Conversations: one row for all packets between two ends (`flows`), also in a stream (`FlowTable`)."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from vxtap import _flows
from vxtap.errors import OptionError, VxtapError
from vxtap.layout import FLOW, PACKET
from vxtap.merging import Merged
from vxtap.options import DEFAULT_PORTS, IDLE, Options, OuterOptions, only_outer, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import SupportsIndex, Unpack

    from vxtap.merge_report import MergeReport
    from vxtap.options import Duration, Numbers
    from vxtap.source import Source, Sources

    Array = np.ndarray[Any, np.dtype[Any]]
    Packets = np.ndarray[tuple[int], np.dtype[np.void]]
    Flows = np.ndarray[tuple[int], np.dtype[np.void]]

#: How many conversations can go on at a time.
MOST = _flows.MAX_FLOWS
# Packets that are put in order at a time, and rows that are fetched at a time.
_BATCH, _ROWS = 1 << 16, 1 << 12
_SEED = int.from_bytes(os.urandom(8), "little")


def _check_most(value: SupportsIndex) -> int:
    try:
        most = operator.index(value)
    except TypeError:
        raise OptionError(f"most: expected a number of conversations, got {value!r}") from None
    if isinstance(value, bool) or not 1 <= most <= MOST:
        raise OptionError(f"most: {value!r} is not within 1 to {MOST:,}")
    return most


def _whole_rows(packets: Array) -> Iterator[Packets]:
    """The packets as pieces of memory that hold the record and nothing else."""
    names = getattr(getattr(packets, "dtype", None), "names", None) or ()
    missing = [name for name in PACKET.names or () if name not in names]
    if missing:
        raise OptionError(
            f"flows: expected rows with all columns of vxtap.PACKET, {missing[0]!r} is missing: read without `columns`"
        )
    flat = packets.reshape(-1)
    if flat.dtype == PACKET and flat.flags.c_contiguous and flat.ctypes.data % 8 == 0:
        yield flat
        return
    for at in range(0, flat.size, _BATCH):  # np.concatenate leaves out the record's padding
        rows = np.zeros(min(_BATCH, flat.size - at), PACKET)
        for name in PACKET.names or ():
            rows[name] = flat[name][at : at + _BATCH]
        yield rows


def _joined(parts: list[Flows]) -> Flows:
    """The parts one after the other. Not by np.concatenate, which leaves out the padding of rows."""
    rows = np.empty(sum(map(len, parts)), FLOW)
    at = 0
    for part in parts:
        rows[at : at + len(part)] = part
        at += len(part)
    return rows


class FlowTable:
    """Conversations out of batches of packets, in bounded memory.

    A conversation is given as a row when it ends: after `idle` seconds of silence, when another connection begins
    between its ports, or when more than `most` go on at a time (then the one that was silent for longest). `rest` gives
    the others.

    Parameters
    ----------
    idle : float or str
        Silence on the clock of the capture, in seconds or as text such as '2.5s'.
    most : int
        Conversations that go on at a time, at most 2^20. The memory, about 360 bytes for each, grows as it is needed.

    Raises
    ------
    OptionError
        For options that make no sense.

    Examples
    --------
    >>> table = FlowTable()
    >>> with vxtap.open("nva.pcap") as capture:
    ...     for batch in capture.batches():
    ...         finished = table.take(batch)
    ... others = table.rest()
    """

    def __init__(self, *, idle: Duration = IDLE, most: SupportsIndex = MOST) -> None:
        self._table = _flows.Table(seed=_SEED, idle=parse_duration(idle, "idle"), most=_check_most(most))

    def take(self, packets: Array) -> Flows:
        """Take packets, and give the conversations that are over by now.

        Parameters
        ----------
        packets : numpy.ndarray
            Rows with all columns of `vxtap.PACKET`, in the order of their times; slightly out of order will do. Rows
            whose `status` is not OK are skipped, and those without IP counted.

        Returns
        -------
        numpy.ndarray
            Of dtype `vxtap.FLOW`, memory of its own, in the order in which they ended; mostly empty.

        Raises
        ------
        OptionError
            Where a column is missing.
        """
        found = [rows for piece in _whole_rows(packets) if piece.size for rows in self._take(piece)]
        return _joined(found)

    def _take(self, packets: Packets) -> Iterator[Flows]:
        memory, done = memoryview(packets.view(np.uint8)), 0
        while done < packets.size:
            rows = np.zeros(_ROWS, FLOW)
            done, made = self._table.add(memory, done, memoryview(rows.view(np.uint8)))
            yield rows[:made]

    def rest(self) -> Flows:
        """Give all that are still going on, the one that was silent for longest first; the table is empty then.

        Returns
        -------
        numpy.ndarray
            Of dtype `vxtap.FLOW`, memory of its own.
        """
        rows = np.zeros(self._table.open, FLOW)
        self._table.end(memoryview(rows.view(np.uint8)) if rows.size else bytearray())
        return rows

    def __len__(self) -> int:
        """How many are going on."""
        return self._table.open

    @property
    def packets(self) -> int:
        """Packets that were taken: those of conversations, and those that were not."""
        return self._table.counts[0]

    @property
    def not_ip(self) -> int:
        """Packets without IP (ARP, ...), which belong to no conversation."""
        return self._table.counts[1]

    @property
    def skipped(self) -> int:
        """Rows of frames that were not decapsulated, which ``frames="all"`` gives."""
        return self._table.counts[2]


def _in_order(packets: Packets) -> Iterator[Packets]:
    """The packets in the order of their times, those without one last; as they are where they are in order."""
    times = packets["ts"].reshape(-1)
    timed = times[~np.isnat(times)]  # with NaT, every comparison is false
    if not (timed[1:] < timed[:-1]).any():
        yield packets
        return
    order = np.argsort(times, kind="stable")
    for at in range(0, order.size, _BATCH):
        yield packets.reshape(-1)[order[at : at + _BATCH]]


def _is_rows(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.names is not None


def _are_sources(value: object) -> bool:
    """Whether this is something to read, rather than packets that were read."""
    if isinstance(value, list | tuple):
        return not all(map(_is_rows, value))
    is_object = isinstance(value, str | bytes | bytearray | memoryview | os.PathLike | np.ndarray)
    return is_object or hasattr(value, "read") or not isinstance(value, Iterable)


def _check_of_rows(options: Options) -> None:
    """Options of sources say nothing of rows that are there."""
    usual = Options()
    for name in ("ports", "vni", "dedup", *OuterOptions.__annotations__):
        if getattr(options, name) != getattr(usual, name):
            raise OptionError(f"{name}: is for sources, and these are rows: give it to what reads them")


class Conversations:
    """The conversations of sources, given as they end. Use it as a context manager, and iterate once.

    Parameters
    ----------
    sources : a source, or a list of sources
        As for `vxtap.merge`; they are read in time order, in bounded memory.
    options : Options
        How they are read.
    idle, most
        As for `flows`.
    """

    def __init__(self, sources: Any, options: Options, *, idle: Duration = IDLE, most: SupportsIndex = MOST) -> None:
        self.table = FlowTable(idle=idle, most=most)
        self._merged = Merged(sources, options)
        #: Conversations given so far.
        self.count = 0
        #: What was wrong with a source, after all that could be read of it and of the others was given.
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[Flows]:
        """Give rows of dtype `vxtap.FLOW`, some at a time. Where a source is damaged, `error` tells it in the end."""
        try:
            for batch in self._merged.batches(_BATCH):
                yield from self._count(self.table.take(batch))
        except (VxtapError, OSError) as error:
            if error is not self._merged.error:  # it came from whoever takes the rows
                raise
            self.error = error
        yield from self._count(self.table.rest())

    def _count(self, rows: Flows) -> Iterator[Flows]:
        self.count += len(rows)
        if len(rows):
            yield rows

    @property
    def report(self) -> MergeReport:
        """What has become of every frame of the sources."""
        return self._merged.report

    def __enter__(self) -> Conversations:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._merged.close()


#: What conversations can be ordered by: those with most of it first, of times the earliest.
ORDERS = ("bytes", "packets", "first", "last", "rtt", "missing", "retransmitted")


def _rank(rows: Flows, by: str) -> Array:
    """A number for each row: the lower, the earlier it comes."""
    if by in ("first", "last", "rtt"):
        times: Array = rows[by].astype(np.int64)
        times = -times if by == "rtt" else times
        times[np.isnat(rows[by])] = np.iinfo(np.int64).max
        return times
    amounts: Array = rows[f"{by}_out"] + rows[f"{by}_in"]
    return ~amounts  # unsigned: the most is the least of these


def best(parts: Iterable[Flows], by: str, top: int | None = None) -> Flows:
    """Give all conversations, or the first `top`, in an order: with `top` in bounded memory.

    Parameters
    ----------
    parts : iterable of numpy.ndarray
        Of dtype `vxtap.FLOW`.
    by : str
        One of `ORDERS`.
    top : int, optional
        Rows at most.

    Returns
    -------
    numpy.ndarray
        Of dtype `vxtap.FLOW`; of equal ones, that which ended first comes first.
    """
    kept: list[Flows] = []
    size = 0
    for rows in parts:
        kept.append(rows)
        size += len(rows)
        if top is not None and size > 2 * top + _ROWS:
            kept = [_first(_joined(kept), by, top)]
            size = top
    return _first(_joined(kept), by, top)


def _first(rows: Flows, by: str, top: int | None) -> Flows:
    return rows[np.argsort(_rank(rows, by), kind="stable")[:top]]


def flows(
    packets: Array | Iterable[Array] | Source | list[Sources] | tuple[Sources, ...],
    *,
    idle: Duration = IDLE,
    most: SupportsIndex = MOST,
    dedup: Duration | None = None,
    ports: Numbers = DEFAULT_PORTS,
    vni: Numbers | None = None,
    **outer: Unpack[OuterOptions],
) -> Flows:
    """Give one row for every conversation: who, when, how much each way, and what of it is missing.

    A conversation is what two ends say to each other in one VNI; docs/flows.md has the columns and rules.

    Parameters
    ----------
    packets : numpy.ndarray, iterable of numpy.ndarray, or sources
        Rows with all columns of `vxtap.PACKET`, which are sorted by time where they are not in order; or batches of
        them, which are taken as they come (an opened capture gives such); or one source or a list of sources as for
        `vxtap.read`, which are merged in time order and read in bounded memory.
    idle : float or str
        Silence, in seconds or as text such as '2.5s', after which a conversation ends: what comes later is another row,
        with `continued` set.
    most : int
        Conversations that can go on at a time, at most 2^20. When there are more, the one that was silent for longest
        is given as if it were idle.
    dedup : float or str, optional
        For sources: drop what another vantage point has seen before, see `vxtap.merge`. Without it a packet that was
        mirrored at both of its ends counts twice, and its bytes as retransmitted.
    ports, vni, where, tunnels, depth, once, partial, fragment_timeout, fragment_memory
        For sources: see `vxtap.Options`.

    Returns
    -------
    numpy.ndarray
        Of dtype `vxtap.FLOW`, memory of its own, in the order of `first`. Packets without IP are in no row:
        `vxtap.conversations.FlowTable` counts them.

    Raises
    ------
    OptionError
        For options that make no sense, or rows that lack a column.
    FormatError, OSError
        As `vxtap.read`.

    Examples
    --------
    >>> vxtap.flows(["nva1.pcap", "nva2.pcap"])["one_way"]
    """
    options = Options(ports=ports, vni=vni, dedup=dedup, **only_outer(outer))
    if not _is_rows(packets) and _are_sources(packets):
        with Conversations(packets, options, idle=idle, most=most) as found:
            rows = best(found, "first")
            if found.error is not None:
                raise found.error
            return rows
    _check_of_rows(options)
    table = FlowTable(idle=idle, most=most)
    batches = _in_order(packets) if isinstance(packets, np.ndarray) else packets
    return best([*map(table.take, batches), table.rest()], "first")  # type: ignore[arg-type]
