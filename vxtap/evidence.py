"""From what happened to bounds: how far the clock of one source can be ahead of another's.

If something on source i comes before something on source j, then ``offset_j - offset_i <= time_j - time_i``, where the
offset of a source is what its clock shows too much. Every such pair is one bound, from one side.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vxtap.constraints import Bounds, joined
from vxtap.happenings import Happenings

Array = np.ndarray[Any, np.dtype[Any]]

_HOP = 1_000_000  # ns: what a way between two places may take, where nothing tells which comes first
_SURE, _FEWEST = 0.9, 4  # share, and number, of neighbours that have to agree on which place comes first
_LAGS = 3  # of sources that saw a packet, each is compared with this many others at most
_PAIRS = 16  # of packets and acknowledgements on many sources, this many pairs at least


def _runs(*columns: Array) -> tuple[Array, Array]:
    """Start and length of the runs of equal rows."""
    count = len(columns[0])
    new = np.ones(count, bool)
    new[1:] = False
    for column in columns:
        new[1:] |= column[1:] != column[:-1]
    starts = np.nonzero(new)[0]
    return starts, np.diff(np.append(starts, count))


def _crossed(packets: Array, acks: Array) -> tuple[Array, Array, Array]:
    """Pair up each group's packets with its acknowledgements: group, number of the packet, of the acknowledgement.

    All pairs where they are few; where many sources saw both, some of each.
    """
    pairs = np.minimum(packets * acks, _PAIRS + 4 * (packets + acks))
    group = np.repeat(np.arange(len(pairs)), pairs)
    number = np.arange(len(group)) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    packet = number % packets[group]
    return group, packet, (packet + number // packets[group]) % acks[group]


def of_steps(steps: Array) -> Bounds:
    """Bounds from acknowledgements: each comes after the data it acknowledges.

    Parameters
    ----------
    steps : numpy.ndarray
        Of dtype `STEP`; the first of its kind in each source.

    Returns
    -------
    Bounds
        Data that were sent again, with one sight on one source and another on another, tell nothing and are left out.
    """
    rows = steps[np.lexsort((steps["time"], steps["acks"], steps["key"]))]
    starts, counts = _runs(rows["key"])
    if not len(rows):
        return Bounds(*(np.empty(0, np.int64) for _ in range(4)))
    acks = np.add.reduceat(rows["acks"].astype(np.int64), starts)
    packets = counts - acks
    # The packets of a group come first; all of them have to be one packet.
    other = ~rows["acks"] & (rows["packet"] != np.repeat(rows["packet"][starts], counts))
    good = (acks > 0) & (packets > 0) & (np.add.reduceat(other.astype(np.int64), starts) == 0)
    starts, packets, acks = starts[good], packets[good], acks[good]
    group, packet, ack = _crossed(packets, acks)
    before, after = rows[starts[group] + packet], rows[starts[group] + packets[group] + ack]
    bounds = _following(before, after)
    return bounds.where(bounds.first != bounds.second)


def _following(before: Array, after: Array) -> Bounds:
    return Bounds(
        before["source"].astype(np.int64),
        after["source"].astype(np.int64),
        before["time"],
        after["time"] - before["time"],
    )


def _pairs_of_sights(sights: Array) -> tuple[Array, Array]:
    """The same packet on two sources, where each has it once."""
    rows = sights[np.lexsort((sights["source"], sights["key"]))]
    starts, counts = _runs(rows["key"], rows["source"])
    rows = rows[starts[counts == 1]]
    here = [np.nonzero(rows["key"][lag:] == rows["key"][:-lag])[0] for lag in range(1, _LAGS + 1)]
    left = np.concatenate(here)
    right = np.concatenate([which + lag for lag, which in enumerate(here, 1)])
    return rows[left], rows[right]


def _known_order(left: Array, right: Array) -> Array:
    """1 where the left sight is earlier on the packet's way, -1 where it is later, 0 where nothing says."""
    by_ttl = np.sign(left["ttl"].astype(np.int64) - right["ttl"])
    by_end = left["at_sender"].astype(np.int64) - right["at_sender"]
    by_end += right["at_receiver"].astype(np.int64) - left["at_receiver"]
    order: Array = np.where(by_ttl * by_end < 0, 0, np.sign(by_ttl + by_end))
    return order


def of_sights(sights: Array) -> Bounds:
    """Bounds from packets that two sources have seen.

    Parameters
    ----------
    sights : numpy.ndarray
        Of dtype `SIGHT`.
    """
    left, right = _pairs_of_sights(sights)
    order = _known_order(left, right)
    unknown = order == 0
    sure = [_following(left[order > 0], right[order > 0]), _following(right[order < 0], left[order < 0])]
    return joined([*sure, *_by_both_directions(left[unknown], right[unknown])])


def _by_both_directions(left: Array, right: Array) -> list[Bounds]:
    """Bounds where no packet tells by itself which place is the nearer one to its sender.

    Of two hosts' packets, those of one direction pass one place first, those of the other direction the other: what
    they took differs, by twice the way between the places. Neighbours in time are compared, so that drift plays no
    part. Where they do not agree, or only one direction is there, both places may be the same, or either be first: the
    offset lies about what is observed, as far away as such differences go, and a hop.
    """
    order = np.lexsort((left["time"], left["hosts"], right["place"], left["place"], right["source"], left["source"]))
    left, right = left[order], right[order]
    if not len(left):
        return []
    starts, counts = _runs(left["source"], right["source"], left["place"], right["place"], left["hosts"])
    group = np.repeat(np.arange(len(starts)), counts)
    took = right["time"] - left["time"]
    inside = group[1:] == group[:-1]
    change = np.where(inside, took[1:] - took[:-1], 0)
    turned = inside & (left["forth"][1:] != left["forth"][:-1])
    signs = np.where(turned, np.sign(change) * np.where(left["forth"][1:], 1, -1), 0)
    compared = np.bincount(group[1:][turned], minlength=len(starts))
    sums = np.bincount(group[1:], signs, minlength=len(starts))
    agree = (np.abs(sums) >= (2 * _SURE - 1) * compared) & (compared >= _FEWEST)
    agree &= left["place"][starts] != right["place"][starts]
    first = np.where(left["forth"], 1, -1) * np.where(agree, np.sign(sums), 0)[group]
    near = first == 0
    wide = _widths(np.abs(change), inside, group, len(starts))[group][near]
    sure = [_following(left[first > 0], right[first > 0]), _following(right[first < 0], left[first < 0])]
    here, there = _following(left[near], right[near]), _following(right[near], left[near])
    return [*sure, here.wider(wide), there.wider(wide)]


def _widths(changes: Array, inside: Array, group: Array, count: int) -> Array:
    """How far observed differences go, by group: twice what nine in ten neighbours differ at most, and a hop."""
    wide = np.zeros(count, np.int64)
    groups, changes = group[1:][inside], changes[inside]
    if len(groups):
        order = np.lexsort((changes, groups))
        starts, counts = _runs(groups[order])
        wide[groups[order][starts]] = changes[order][starts + (9 * (counts - 1)) // 10]
    return 2 * wide + _HOP


def bounds_of(happenings: Happenings) -> Bounds:
    """All bounds that the happenings give."""
    return joined([of_steps(happenings.steps.rows()), of_sights(happenings.sights.rows())])
