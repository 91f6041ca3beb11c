"""Packets of two sides that are the same ones, whole columns at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vxtap.endpoints import mix
from vxtap.observed import DATA

if TYPE_CHECKING:
    from vxtap.observed import Observed

    Array = np.ndarray[Any, np.dtype[Any]]


class Pairs(NamedTuple):
    """The same packets: their rows on the one side and on the other."""

    source: Array
    mirror: Array


def _once(keys: Array) -> tuple[Array, Array]:
    """The keys that occur once, in rising order, and where."""
    found, first, counts = np.unique(keys, return_index=True, return_counts=True)
    alone = counts == 1
    return found[alone], first[alone]


def _pair_single(source: Array, mirror: Array) -> Pairs:
    one, one_at = _once(source)
    other, other_at = _once(mirror)
    _, at, there = np.intersect1d(one, other, assume_unique=True, return_indices=True)
    return Pairs(one_at[at], other_at[there])


def content_of(side: Observed) -> Array:
    """A key for what a packet is, with the bytes of its payload that are here."""
    return mix([side["identity"], side["digest"], side["captured"].astype(np.uint64)])


def pair_unmistakable(source: Observed, mirror: Observed) -> Pairs:
    """The packets that each side has seen once: they can be told from all others whenever they were seen.

    Where the payload was cut, so that no packet is the same with it, it is left out.
    """
    found = _pair_single(content_of(source), content_of(mirror))
    return found if len(found.source) else _pair_single(source["identity"], mirror["identity"])


class _Crowd(NamedTuple):
    """Packets of both sides, of which some may be the same."""

    keys: Array
    ts: Array  # on one clock
    mirror: Array
    row: Array


def _groups(crowd: _Crowd, tolerance: int | None) -> Array:
    """Number the packets that are alike and, with a tolerance, follow each other that closely."""
    order = np.lexsort((crowd.ts, crowd.keys))
    keys, ts = crowd.keys[order], crowd.ts[order]
    new = np.append(False, keys[1:] != keys[:-1])
    if tolerance is not None:
        new[1:] |= ts[1:] - ts[:-1] > tolerance
    groups = np.empty(len(order), np.int64)
    groups[order] = np.cumsum(new)
    return groups


def _ranks(groups: Array) -> Array:
    """How many of the same group come before each, of groups in rising order."""
    begins = np.flatnonzero(np.append(True, groups[1:] != groups[:-1])) if len(groups) else groups
    found: Array = np.arange(len(groups)) - np.repeat(begins, np.diff(np.append(begins, len(groups))))
    return found


def _pair_in_order(crowd: _Crowd, tolerance: int | None) -> tuple[Array, Array]:
    """Pair the first of a group on the one side with the first on the other, the second with the second: places."""
    groups = _groups(crowd, tolerance) * 2 + crowd.mirror
    order = np.lexsort((crowd.ts, groups))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = _ranks(groups[order])
    order = np.lexsort((groups, ranks, groups // 2))
    one, other = order[:-1], order[1:]
    same = (groups[one] + 1 == groups[other]) & (groups[one] % 2 == 0) & (ranks[one] == ranks[other])
    return one[same], other[same]


def _pair_and_leave(crowd: _Crowd, tolerance: int | None, captured: Array | None) -> tuple[Pairs, Array]:
    """Pair them; and which are left. With `captured`, only those that differ in it."""
    one, other = _pair_in_order(crowd, tolerance)
    if captured is not None:
        differ = captured[one] != captured[other]
        one, other = one[differ], other[differ]
    left = np.ones(len(crowd.keys), np.bool_)
    left[one] = left[other] = False
    return Pairs(crowd.row[one], crowd.row[other]), left


def pair_packets(source: Observed, mirror: Observed, mirror_ts: Array, tolerance: int | None) -> Pairs:
    """Pair the packets that are the same, each with one at most; all but those of TCP with data.

    Parameters
    ----------
    source, mirror : Observed
    mirror_ts : numpy.ndarray of int64
        Times of all the mirror's packets on the source's clock.
    tolerance : int or None
        How far those of the same packet can be apart, in nanoseconds; None where that is not known.

    Returns
    -------
    Pairs
        Rows with the same identity whose payload is the same; or, where one has captured less of it than the other, of
        which that is not known. Of several that are alike those are paired that are near in time, then those that are
        left in order of time.
    """
    one, other = np.flatnonzero(~source.has(DATA)), np.flatnonzero(~mirror.has(DATA))
    rows = np.concatenate([one, other])
    ts = np.concatenate([source["ts"][one], mirror_ts[other]])
    side = np.arange(len(rows)) >= len(one)
    content = np.concatenate([content_of(source)[one], content_of(mirror)[other]])
    identity = np.concatenate([source["identity"][one], mirror["identity"][other]])
    captured = np.concatenate([source["captured"][one], mirror["captured"][other]])
    left = np.arange(len(rows))
    found = []
    for keys, lengths in ((content, None), (identity, captured)):
        for limit in (tolerance, None) if tolerance is not None else (None,):
            crowd = _Crowd(keys[left], ts[left], side[left], rows[left])
            pairs, rest = _pair_and_leave(crowd, limit, None if lengths is None else lengths[left])
            left = left[rest]
            found.append(pairs)
    return Pairs(*(np.concatenate([pairs[i] for pairs in found]) for i in range(2)))
