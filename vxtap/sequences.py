"""Where the data of TCP packets lies: all streams of two sides laid out on one line, byte by byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vxtap.matching import Pairs
from vxtap.observed import DATA, SWAPPED, SYN

if TYPE_CHECKING:
    from vxtap.observed import Observed

    Array = np.ndarray[Any, np.dtype[Any]]

_SEQUENCES = 1 << 32
# A SYN this little before the data that was seen ahead of it begins their connection, and not another one.
_NEAR = 1 << 20


class Layout(NamedTuple):
    """Packets with data of both sides: bytes `start` to `end` of the line, on which no two streams meet.

    A stream is one direction of one connection; a conversation has several where its ports were used again.
    """

    mirror: Array  # which side it is of
    row: Array  # and where there
    start: Array
    end: Array
    base: Array  # of each stream, where it begins on the line: rising
    talk: Array  # and its conversation,
    swapped: Array  # direction,
    use: Array  # the how-manieth use of its ports it is,
    first_seq: Array  # and the sequence number at its base

    def stream_at(self, place: Array) -> Array:
        """Which stream a byte of the line is of."""
        found: Array = np.searchsorted(self.base, place, "right") - 1
        return found


class _Sorted(NamedTuple):
    """Packets of TCP that have data or a SYN, by stream and time."""

    mirror: Array
    row: Array
    key: Array
    seq: Array
    length: Array
    syn: Array


def _sort(source: Observed, mirror: Observed, mirror_ts: Array) -> _Sorted:
    rows = [np.flatnonzero(side["kind"] & np.uint8(DATA | SYN)) for side in (source, mirror)]
    both = list(zip((source, mirror), rows, strict=True))
    kind = np.concatenate([side["kind"][at] for side, at in both])
    key = np.concatenate([side["talk"][at] for side, at in both]).astype(np.int64) * 2 + (kind & SWAPPED)
    ts = np.concatenate([source["ts"][rows[0]], mirror_ts[rows[1]]])
    order = np.lexsort((ts, key))
    length = np.concatenate([side["length"][at] for side, at in both]).astype(np.int64)
    return _Sorted(
        mirror=(np.arange(len(key)) >= len(rows[0]))[order],
        row=np.concatenate(rows)[order],
        key=key[order],
        seq=np.concatenate([side["seq"][at] for side, at in both]).astype(np.int64)[order],
        length=np.where(kind & DATA != 0, length, 0)[order],
        syn=(kind & SYN != 0)[order],
    )


def _wrapped(difference: Array) -> Array:
    """Differences of sequence numbers: the nearer way round."""
    found: Array = (difference + _SEQUENCES // 2) % _SEQUENCES - _SEQUENCES // 2
    return found


def _begins(packets: _Sorted) -> Array:
    """Where streams begin: with another conversation or direction, or with a SYN of another sequence number."""
    new = np.append(True, packets.key[1:] != packets.key[:-1])
    at = np.flatnonzero(packets.syn)
    key, seq = packets.key[at], packets.seq[at]
    again = np.append(False, (key[1:] == key[:-1]) & (seq[1:] == seq[:-1]))
    first = np.append(True, key[1:] != key[:-1])
    before = np.maximum(at - 1, 0)
    ahead = _wrapped(packets.seq[before] - seq)
    ours = first & ~new[at] & (ahead > 0) & (ahead < _NEAR)  # the data came before the SYN by a hair
    new[at[~again & ~ours]] = True
    return np.flatnonzero(new)


def _uses(key: Array) -> Array:
    """Of streams in order of their key, how many of the same come before each."""
    begins = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
    return np.arange(len(key)) - np.repeat(begins, np.diff(np.append(begins, len(key))))


def lay_out(source: Observed, mirror: Observed, mirror_ts: Array) -> Layout:
    """Lay out the data of both sides; sequence numbers go on where 32 bits end.

    Parameters
    ----------
    source, mirror : Observed
        With conversations numbered alike.
    mirror_ts : numpy.ndarray of int64
        Times of the mirror's packets on the source's clock: both sides are followed together.
    """
    packets = _sort(source, mirror, mirror_ts)
    if not len(packets.key):
        none = np.empty(0, np.int64)
        return Layout(none.astype(np.bool_), none, none, none, none, none, none.astype(np.bool_), none, none)
    begins = _begins(packets)
    step = np.append(0, _wrapped(np.diff(packets.seq)))
    step[begins] = 0
    place = np.cumsum(step)
    counts = np.diff(np.append(begins, len(place)))
    place -= np.repeat(place[begins], counts)
    start = place + packets.syn  # a SYN takes a number of its own
    end = start + packets.length
    low, high = np.minimum.reduceat(place, begins), np.maximum.reduceat(end, begins)
    base = np.cumsum(np.append(0, (high - low + 1)[:-1]))
    shift = np.repeat(base - low, counts)
    data = packets.length > 0
    key = packets.key[begins]
    return Layout(
        mirror=packets.mirror[data],
        row=packets.row[data],
        start=(start + shift)[data],
        end=(end + shift)[data],
        base=base,
        talk=key // 2,
        swapped=key % 2 == 1,
        use=_uses(key),
        first_seq=(packets.seq[begins] + low) % _SEQUENCES,
    )


def _alone(start: Array, end: Array) -> Array:
    """Of ranges in order of their start, those that share no byte with another."""
    reach = np.maximum.accumulate(end)
    after = np.append(True, reach[:-1] <= start[1:])
    before = np.append(start[1:] >= end[:-1], True)
    found: Array = after & before
    return found


def pair_data(layout: Layout) -> Pairs:
    """Pair data that each side has seen once, the mirror's in pieces perhaps: for the times that they were seen."""
    rows = []
    for side in (~layout.mirror, layout.mirror):
        at = np.flatnonzero(side)
        at = at[np.argsort(layout.start[at], kind="stable")]
        rows.append(at[_alone(layout.start[at], layout.end[at])] if len(at) else at)
    one, other = rows
    if not len(one):
        return Pairs(one, one)
    at = np.searchsorted(layout.start[one], layout.start[other], "right") - 1
    known = (at >= 0) & (layout.end[other] <= layout.end[one[at]])
    return Pairs(layout.row[one[at[known]]], layout.row[other[known]])
