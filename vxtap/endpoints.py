"""Conversations as whole keys, and numbers for them: what packets have in common, over whole columns at a time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vxtap.groups import group

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]

TCP = 6
#: Words of a key: both addresses, and of TCP the ports; the lesser end first.
WORDS = 5
_MULTIPLIERS = np.frombuffer(os.urandom(8 * (WORDS + 1)), np.uint64) | np.uint64(1)
_SHIFT = np.uint64(32)


def mix(words: list[Array]) -> Array:
    """A keyed 64-bit hash of each row of some u8 columns."""
    found = np.full(len(words[0]), _MULTIPLIERS[-1])
    for word, multiplier in zip(words, _MULTIPLIERS, strict=False):
        found ^= word
        found *= multiplier
        found ^= found >> _SHIFT
        found *= _MULTIPLIERS[-1]
        found ^= found >> _SHIFT
    return found


def unique_keys(keys: Array) -> tuple[Array, Array]:
    """Tell the different rows of an (n, words) array of u8: where each stands first, and which one each row is."""
    return group(list(keys.T))


class Index:
    """Keys that can be looked up."""

    def __init__(self, keys: Array) -> None:
        self.keys = keys[unique_keys(keys)[0]]
        hashes = mix(list(self.keys.T))
        order = np.argsort(hashes, kind="stable")
        self.keys, self._hashes = self.keys[order], hashes[order]

    def has(self, keys: Array) -> Array:
        """Tell which of the keys are among these."""
        found = np.zeros(len(keys), np.bool_)
        hashes = mix(list(keys.T))
        at, end = (np.searchsorted(self._hashes, hashes, side) for side in ("left", "right"))
        for _ in range(int((end - at).max(initial=0))):  # one, unless two keys have the same hash
            left = at < end
            found[left] |= (self.keys[at[left]] == keys[left]).all(axis=1)
            at = at + left
        return found


class Ends(NamedTuple):
    """The two ends of packets."""

    keys: Array  # (n, WORDS) u8, the same for both directions
    swapped: Array  # the packet goes from the greater end to the lesser


def _words(column: Array) -> Array:
    return np.ascontiguousarray(column).view(np.uint64).reshape(-1, 2)


def ends_of(rows: Array) -> Ends:
    """Take the ends of rows of dtype `vxtap.PACKET`; ports are those of TCP, all other packets have none."""
    src, dst = _words(rows["src"]), _words(rows["dst"])
    ports = rows["proto"] == TCP
    sport, dport = (np.where(ports, rows[name], 0).astype(np.uint64) for name in ("sport", "dport"))
    swapped = src[:, 0] > dst[:, 0]
    same = src[:, 0] == dst[:, 0]
    swapped |= same & (src[:, 1] > dst[:, 1])
    same &= src[:, 1] == dst[:, 1]
    swapped |= same & (sport > dport)
    keys = np.empty((len(rows), WORDS), np.uint64)
    keys[:, :2] = np.where(swapped[:, None], dst, src)
    keys[:, 2:4] = np.where(swapped[:, None], src, dst)
    low, high = np.where(swapped, dport, sport), np.where(swapped, sport, dport)
    keys[:, 4] = ports.astype(np.uint64) << np.uint64(32) | low << np.uint64(16) | high
    return Ends(keys, swapped)


def addresses_of(keys: Array) -> tuple[Array, Array]:
    """The two addresses of keys, as V16 columns: that of the lesser end first."""
    halves = np.ascontiguousarray(keys[:, :4])
    both = halves.view("V16").reshape(-1, 2)
    return both[:, 0].copy(), both[:, 1].copy()


def ports_of(keys: Array) -> tuple[Array, Array]:
    """The two ports of keys, as u2 columns."""
    word = keys[:, 4]
    return (word >> np.uint64(16)).astype(np.uint16), word.astype(np.uint16)
