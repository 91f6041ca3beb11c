"""The bytes of TCP on two sides: what of them the mirror has, lacks, or has more than once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vxtap.endpoints import addresses_of, ports_of
from vxtap.observed import CUT

if TYPE_CHECKING:
    from vxtap.delays import Span
    from vxtap.observed import Observed
    from vxtap.sequences import Layout

    Array = np.ndarray[Any, np.dtype[Any]]

#: One row for each direction of each connection with data; bytes are of its payload.
CONNECTION = np.dtype(
    [
        ("connection", "u4"),  # the same for both directions
        ("src", "V16"),
        ("dst", "V16"),
        ("sport", "u2"),
        ("dport", "u2"),
        ("first", "M8[ns]"),  # packet with data at the source
        ("last", "M8[ns]"),
        ("source_packets", "u8"),
        ("mirror_packets", "u8"),
        ("source_bytes", "u8"),  # different ones
        ("mirror_bytes", "u8"),
        ("missing_bytes", "u8"),  # at the source, not in the mirror
        ("only_mirror_bytes", "u8"),
        ("source_repeated", "u8"),  # bytes sent once more
        ("mirror_repeated", "u8"),
    ]
)
#: One row for each range of bytes that the mirror lacks.
MISSING = np.dtype(
    [
        ("row", "u4"),  # of `connections`
        ("seq", "u4"),  # sequence number of the first
        ("length", "u8"),
        ("first", "M8[ns]"),  # when the source sent or received them, its first packet and its last
        ("last", "M8[ns]"),
    ]
)
_NEVER = np.iinfo(np.int64)


class Streams(NamedTuple):
    """What became of the data."""

    connections: Array
    missing: Array
    lost: Array  # which packets of the source held bytes that are missing
    source_rows: Array  # packets with bytes that were compared
    mirror_rows: Array
    cut: int  # packets of the mirror that lack bytes which the source has


class Sweep(NamedTuple):
    """A line cut where ranges begin or end."""

    at: Array
    length: Array
    depths: list[Array]  # of each kind of range, how many cover it


def sweep(start: Array, end: Array, kinds: list[Array]) -> Sweep:
    """Cut the line at every end of a range, and count the ranges of some kinds over each piece."""
    places = np.concatenate([start, end])
    order = np.argsort(places, kind="stable")
    places = places[order]
    length = np.diff(places)
    real = np.flatnonzero(length)
    depths = []
    for kind in kinds:
        change = np.concatenate([kind.astype(np.int8), -kind.astype(np.int8)])[order]
        depths.append(np.cumsum(change, dtype=np.int32)[:-1][real])
    return Sweep(places[:-1][real], length[real], depths)


def runs_of(line: Sweep, pieces: Array) -> tuple[Array, Array]:
    """Join pieces that touch: where each run begins, and where it ends."""
    at = np.flatnonzero(pieces)
    if not len(at):
        return at, at
    begin, end = line.at[at], line.at[at] + line.length[at]
    new = np.append(True, begin[1:] != end[:-1])
    last = np.append(new[1:], True)
    return begin[new], end[last]


def _touched(start: Array, end: Array, begins: Array, ends: Array) -> tuple[Array, Array]:
    """Of ranges, the runs that each shares bytes with: from the first to before the second."""
    return np.searchsorted(ends, start, "right"), np.searchsorted(begins, end, "left")


def _expand(low: Array, high: Array) -> tuple[Array, Array]:
    """Pairs of a range and each of its runs."""
    counts = np.maximum(high - low, 0)
    which = np.repeat(np.arange(len(low)), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts) + low[which]


def _times(ts: Array, index: Array, count: int) -> tuple[Array, Array]:
    """The first and the last time for each index; NaT for one that has none."""
    first, last = np.full(count, _NEVER.max), np.full(count, _NEVER.min)
    np.minimum.at(first, index, ts)
    np.maximum.at(last, index, ts)
    first[first == _NEVER.max] = _NEVER.min
    return first.view("M8[ns]"), last.view("M8[ns]")


def _count_cut(layout: Layout, source: Observed, mirror: Observed) -> int:
    """Packets of the mirror that a snaplen has cut, and that lack bytes which the source has."""
    row = layout.row
    captured = np.empty(len(row), np.int64)
    captured[~layout.mirror] = source["captured"][row[~layout.mirror]]
    captured[layout.mirror] = mirror["captured"][row[layout.mirror]]
    here = layout.start + captured
    cut = layout.mirror & (here < layout.end)
    cut[layout.mirror] &= mirror["kind"][row[layout.mirror]] & CUT != 0
    if not cut.any():
        return 0
    start = np.concatenate([layout.start, layout.start[layout.mirror]])
    end = np.concatenate([here, layout.end[layout.mirror]])
    side = np.concatenate([layout.mirror.astype(np.int8), np.full(int(layout.mirror.sum()), 2, np.int8)])
    line = sweep(start, end, [side == 0, side == 1, side == 2])
    begins, ends = runs_of(line, (line.depths[0] > 0) & (line.depths[1] == 0) & (line.depths[2] > 0))
    low, high = _touched(here[cut], layout.end[cut], begins, ends)
    return int((high > low).sum())


def _number(layout: Layout) -> Array:
    """Number connections: both directions of the same use of the same ports."""
    most = int(layout.use.max(initial=0)) + 1
    found: Array = np.unique(layout.talk * most + layout.use, return_inverse=True)[1].reshape(-1)
    return found


def _connections(layout: Layout, keys: Array, line: Sweep, sums: dict[str, Array]) -> Array:
    """Rows for all streams, without their packets and times."""
    rows = np.zeros(len(layout.base), CONNECTION)
    of = layout.stream_at(line.at)
    for name, each in sums.items():
        rows[name] = np.bincount(of, each, len(rows)).astype(np.uint64)
    lesser, greater = addresses_of(keys[layout.talk])
    low, high = ports_of(keys[layout.talk])
    back = layout.swapped
    rows["src"], rows["dst"] = np.where(back, greater, lesser), np.where(back, lesser, greater)
    rows["sport"], rows["dport"] = np.where(back, high, low), np.where(back, low, high)
    rows["connection"] = _number(layout)
    return rows


def compare_streams(layout: Layout, source: Observed, mirror: Observed, span: Span) -> Streams:
    """Compare the data byte by byte.

    A byte is compared where it was sent within the span, or is on both sides. It is missing where the source has it in
    a packet within the span, and the mirror in none.
    """
    here, there = ~layout.mirror, layout.mirror
    within = np.empty(len(layout.row), np.bool_)
    within[here], within[there] = span.source[layout.row[here]], span.mirror[layout.row[there]]
    line = sweep(layout.start, layout.end, [here, there, here & within, there & within])
    sent, seen, sent_within, seen_within = line.depths
    missing, more = (sent_within > 0) & (seen == 0), (seen_within > 0) & (sent == 0)
    compared = (sent_within > 0) | (seen_within > 0) | ((sent > 0) & (seen > 0))
    length = line.length * compared
    sums = {
        "source_bytes": length * (sent > 0),
        "mirror_bytes": length * (seen > 0),
        "missing_bytes": length * missing,
        "only_mirror_bytes": length * more,
        "source_repeated": length * np.maximum(sent - 1, 0),
        "mirror_repeated": length * np.maximum(seen - 1, 0),
    }
    rows = _connections(layout, source.keys, line, sums)
    low, high = _touched(layout.start, layout.end, *runs_of(line, compared))
    counted = high > low
    of = layout.stream_at(layout.start)
    rows["source_packets"] = np.bincount(of[here & counted], minlength=len(rows))
    rows["mirror_packets"] = np.bincount(of[there & counted], minlength=len(rows))
    rows["first"], rows["last"] = _times(source["ts"][layout.row[here & counted]], of[here & counted], len(rows))
    found, lost = _missing(layout, source, here & within, *runs_of(line, missing))
    one, other = layout.row[here & counted], layout.row[there & counted]
    return _renumbered(Streams(rows, found, lost, one, other, _count_cut(layout, source, mirror)))


def _missing(layout: Layout, source: Observed, here: Array, begins: Array, ends: Array) -> tuple[Array, Array]:
    """Rows for the ranges that are missing, and which packets of the source held them."""
    rows = np.zeros(len(begins), MISSING)
    rows["row"] = of = layout.stream_at(begins)
    rows["seq"] = (layout.first_seq[of] + begins - layout.base[of]) % (1 << 32)
    rows["length"] = ends - begins
    at = np.flatnonzero(here)
    which, run = _expand(*_touched(layout.start[at], layout.end[at], begins, ends))
    rows["first"], rows["last"] = _times(source["ts"][layout.row[at[which]]], run, len(rows))
    lost = np.zeros(len(source), np.bool_)
    lost[layout.row[at[which]]] = True
    return rows, lost


def _renumbered(found: Streams) -> Streams:
    """Leave out streams without data that was compared; connections count from 0 in order of their first packet."""
    kept = np.flatnonzero(found.connections["source_bytes"] + found.connections["mirror_bytes"])
    rows = found.connections[kept]
    place = np.zeros(len(found.connections), np.int64)
    place[kept] = np.arange(len(kept))
    found.missing["row"] = place[found.missing["row"]]
    rows["connection"] = np.unique(rows["connection"], return_inverse=True)[1].reshape(-1)
    return found._replace(connections=rows)
