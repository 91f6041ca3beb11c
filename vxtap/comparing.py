"""Is a mirror complete? A source's own capture beside what collectors recorded of its mirror."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vxtap.address import format_ip
from vxtap.comparison import Comparison, Side
from vxtap.delays import clocks_of, line_up, on_the_source_s_clock, tolerance_of, widened
from vxtap.endpoints import Index, addresses_of, unique_keys
from vxtap.lanes import check_once, list_of
from vxtap.matching import pair_packets, pair_unmistakable
from vxtap.observed import CUT, DATA, NOT_IP, SWAPPED, join_talks, observe, pairs_of
from vxtap.options import DEFAULT_PORTS, Options, only_outer
from vxtap.sequences import lay_out, pair_data
from vxtap.streams import compare_streams
from vxtap.tunnels import PLAIN

if TYPE_CHECKING:
    from typing import Unpack

    from vxtap.delays import Span
    from vxtap.matching import Pairs
    from vxtap.observed import Observed
    from vxtap.options import Duration, Numbers, OuterOptions
    from vxtap.source import Source, Sources

    Array = np.ndarray[Any, np.dtype[Any]]
    _Inputs = Source | list[Sources] | tuple[Sources, ...]

#: One row for each time in which nothing of two or more packets in a row is in the mirror; times of the source's clock.
HOLE = np.dtype([("first", "M8[ns]"), ("last", "M8[ns]"), ("packets", "u8"), ("bytes", "u8")])
_LEAST_HOLE = 2


class _Packets(NamedTuple):
    """What became of packets that are compared one by one."""

    matched: int
    truncated: int
    only_source: Array  # rows
    only_mirror: Array
    outside_source: int
    outside_mirror: int
    elsewhere: int
    in_source: Array  # rows that count: matched or lost
    in_mirror: Array


def compare_packets(source: Observed, mirror: Observed, pairs: Pairs, span: Span) -> _Packets:
    """Compare all but TCP data packet by packet.

    A frame of the mirror without IP says nothing of whose it is: one that does not match is elsewhere.
    """
    cut = mirror.has(CUT)[pairs.mirror] & (mirror["captured"][pairs.mirror] < source["captured"][pairs.source])
    left, left_there = ~source.has(DATA), ~mirror.has(DATA)
    left[pairs.source] = left_there[pairs.mirror] = False
    not_ip = left_there & mirror.has(NOT_IP)
    left_there &= ~not_ip
    only_source, only_mirror = np.flatnonzero(left & span.source), np.flatnonzero(left_there & span.mirror)
    return _Packets(
        matched=len(pairs.source),
        truncated=int(cut.sum()),
        only_source=only_source,
        only_mirror=only_mirror,
        outside_source=int(left.sum()) - len(only_source),
        outside_mirror=int(left_there.sum()) - len(only_mirror),
        elsewhere=int(not_ip.sum()),
        in_source=np.concatenate([pairs.source, only_source]),
        in_mirror=np.concatenate([pairs.mirror, only_mirror]),
    )


def holes_of(source: Observed, span: Span, lost: Array) -> Array:
    """Find packets in a row that the mirror has nothing of: rows of dtype `HOLE`, in order of time.

    Parameters
    ----------
    source : Observed
    span : Span
    lost : numpy.ndarray of bool
        Packets of the source that are missing, in whole or in part.
    """
    at = np.flatnonzero(span.source)
    gone = lost[at]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], gone, [False]]).astype(np.int8)))
    begins, ends = edges[::2], edges[1::2]
    enough = ends - begins >= _LEAST_HOLE
    begins, ends = begins[enough], ends[enough]
    rows = np.zeros(len(begins), HOLE)
    sizes = np.append(0, np.cumsum(source["wire"][at], dtype=np.int64))
    times = source["ts"][at].view("M8[ns]")
    rows["first"], rows["last"] = times[begins], times[ends - 1]
    rows["packets"], rows["bytes"] = ends - begins, sizes[ends] - sizes[begins]
    return rows


def _directions(side: Observed, rows: Array, keys: Array) -> Array:
    """Packets from each end of each conversation: [:, 0] from the lesser end, [:, 1] from the greater."""
    talk = side["talk"][rows].astype(np.int64) * 2 + (side["kind"][rows] & SWAPPED)
    return np.bincount(talk, minlength=2 * len(keys)).reshape(-1, 2)


def machine_of(source: Observed, mirror: Observed, keys: Array, rows: tuple[Array, Array]) -> tuple[str, str]:
    """The source machine's address, and the only direction that the mirror has of it, if it has one only."""
    sent, seen = _directions(source, rows[0], keys), _directions(mirror, rows[1], keys)
    ends = np.concatenate(addresses_of(keys)) if len(keys) else np.empty(0, "V16")
    words = ends.view(np.uint64).reshape(-1, 2)
    if not sent.sum():
        return "", ""
    first, number = unique_keys(words)
    each = words[first]
    weight = np.bincount(number, np.tile(sent.sum(axis=1), 2))
    weight[~each.any(axis=1)] = 0  # what is not IP
    # Of two that only talk to each other, nobody knows which it is: the lower one.
    most = int(np.lexsort((each[:, 1].byteswap(), each[:, 0].byteswap(), -weight))[0])
    lesser, greater = (number == most).reshape(2, -1)
    out = [int(counts[lesser, 0].sum() + counts[greater, 1].sum()) for counts in (sent, seen)]
    back = [int(counts[lesser, 1].sum() + counts[greater, 0].sum()) for counts in (sent, seen)]
    one_way = ""
    if out[1] and back[0] and not back[1]:
        one_way = "egress"
    elif back[1] and out[0] and not out[1]:
        one_way = "ingress"
    return str(format_ip(each[most].tobytes())), one_way


def _side(side: Observed, rows: Array, outside: int, elsewhere: int) -> Side:
    return Side(
        packets=len(rows),
        bytes=int(side["wire"][rows].sum(dtype=np.int64)),
        data_packets=int(side.has(DATA)[rows].sum()),
        outside=outside,
        elsewhere=side.elsewhere + elsewhere,
        unreadable=side.unreadable,
        no_time=side.timeless,
        report=side.reports,
    )


def _time(ns: int | None) -> np.datetime64 | None:
    return None if ns is None else np.datetime64(ns, "ns")


def compare_sides(source: Observed, mirror: Observed) -> Comparison:
    """Compare what two sides have seen."""
    keys = join_talks(source, mirror)
    pairs = pair_unmistakable(source, mirror)
    clocks, delays = clocks_of(source, mirror, pairs, len(mirror.reports.sources))
    mirror_ts = on_the_source_s_clock(mirror, clocks)
    layout = lay_out(source, mirror, mirror_ts)
    span = line_up(source, mirror, widened(clocks, source, mirror, pair_data(layout)))
    streams = compare_streams(layout, source, mirror, span)
    packets = compare_packets(source, mirror, pair_packets(source, mirror, mirror_ts, tolerance_of(clocks)), span)
    lost = streams.lost.copy()
    lost[packets.only_source] = True
    rows = [
        np.concatenate([packets.in_source, streams.source_rows]),
        np.concatenate([packets.in_mirror, streams.mirror_rows]),
    ]
    machine, one_way = machine_of(source, mirror, keys, (rows[0], rows[1]))
    sums = {name: int(streams.connections[name].sum()) for name in _SUMS}
    truncated = packets.truncated + streams.cut
    lacks = sums["missing_bytes"] or len(packets.only_source) or truncated
    return Comparison(
        complete=bool(len(rows[0])) and not lacks,
        **sums,
        matched=packets.matched,
        only_source=len(packets.only_source),
        only_mirror=len(packets.only_mirror),
        truncated=truncated,
        one_way=one_way,
        machine=machine,
        around=mirror.around,
        first=_time(span.first),
        last=_time(span.last),
        connections=streams.connections,
        missing=streams.missing,
        delays=delays,
        holes=holes_of(source, span, lost),
        source=_side(source, rows[0], packets.outside_source + _outside(source, streams.source_rows), 0),
        mirror=_side(
            mirror, rows[1], packets.outside_mirror + _outside(mirror, streams.mirror_rows), packets.elsewhere
        ),
    )


_SUMS = (
    "source_bytes",
    "mirror_bytes",
    "missing_bytes",
    "only_mirror_bytes",
    "source_repeated",
    "mirror_repeated",
)


def _outside(side: Observed, rows: Array) -> int:
    """Packets with data that are not among these."""
    return int(side.has(DATA).sum()) - len(rows)


def compare_captures(source: _Inputs, mirror: _Inputs, ours: Options, theirs: Options) -> Comparison:
    """Compare captures, each side with options of its own."""
    check_once([*list_of(source), *list_of(mirror)])
    own = observe(source, ours)
    return compare_sides(own, observe(mirror, theirs, Index(pairs_of(own.keys))))


def compare(
    source: _Inputs,
    mirror: _Inputs,
    *,
    dedup: Duration | None = None,
    ports: Numbers = DEFAULT_PORTS,
    vni: Numbers | None = None,
    strict: bool = False,
    **outer: Unpack[OuterOptions],
) -> Comparison:
    """Tell whether a mirror is complete.

    Parameters
    ----------
    source : a source, or a list of sources
        A plain capture of the machine that is mirrored, on Ethernet or any other link layer. What its network card
        sends and receives in super-segments, the mirror may have in pieces of any size.
    mirror : a source, or a list of sources
        What the collectors recorded: a capture each. All of them together are compared.
    dedup : float or str, optional
        As for `vxtap.merge`: the mirror has packets twice, since both of their ends are mirrored.
    ports, vni, where, tunnels, depth, partial, fragment_timeout, fragment_memory
        As for `vxtap.open`, of the mirror: what `where` leaves out there is missing then.
    once, strict
        As for `vxtap.open`, of all captures.

    Returns
    -------
    Comparison
        Its arrays are its own. Memory while it works grows with the packets of both sides, by about 200 bytes for each.

    Raises
    ------
    OptionError, OSError
        As `vxtap.merge`.
    FormatError
        For a source that is no capture or is damaged.

    Examples
    --------
    >>> found = vxtap.compare("source-vm.pcap", ["nva1.pcap", "nva2.pcap"])
    >>> found.complete, found.missing_bytes, found.only_source
    """
    theirs = Options(ports=ports, vni=vni, strict=strict, dedup=dedup, **only_outer(outer))
    return compare_captures(source, mirror, Options(tunnels=PLAIN, once=theirs.once, strict=strict), theirs)
