"""Lengths of inner frames, against the MTU: what fits where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vxtap.enums import Flag, Tunnel

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]
    Packets = np.ndarray[tuple[int], np.dtype[np.void]]

_ETHERNET, _TAG = 14, 4
_IPV4, _IPV6, _UDP = 20, 40, 8
# Bytes of a tunnel header behind UDP or IP, those that are always there.
_HEADERS = {
    Tunnel.VXLAN: _UDP + 8,
    Tunnel.VXLAN_GPE: _UDP + 8,
    Tunnel.GENEVE: _UDP + 8,
    Tunnel.GRE: 4,
    Tunnel.NVGRE: 8,
    Tunnel.ERSPAN_I: 4,
    Tunnel.ERSPAN_II: 16,
    Tunnel.ERSPAN_III: 20,
}
_LOW, _HIGH = (63, 127, 255, 511, 1023), (9018, 65535)
_MAPPED = np.frombuffer(bytes(10) + b"\xff\xff", np.uint8)


def outer_lengths(rows: Packets) -> Array:
    """The lengths of the outer IP packets, before anybody cut them into fragments; without options.

    Parameters
    ----------
    rows : numpy.ndarray
        With `wirelen`, `tunnel` and `outer_src`.

    Returns
    -------
    numpy.ndarray of i8
        In bytes.
    """
    headers = np.zeros(256, np.int64)
    for tunnel, size in _HEADERS.items():
        headers[tunnel] = size
    source = np.ascontiguousarray(rows["outer_src"]).view(np.uint8).reshape(-1, 16)
    v4 = (source[:, : _MAPPED.size] == _MAPPED).all(axis=1)
    lengths: Array = rows["wirelen"].astype(np.int64) + headers[rows["tunnel"]] + np.where(v4, _IPV4, _IPV6)
    return lengths


class Lengths:
    """A histogram of inner frames.

    Parameters
    ----------
    mtu : int
        Bytes of an IP packet that the networks carry, inside and outside.

    Attributes
    ----------
    longest, longest_outer : int
        The longest inner frame and outer packet.
    """

    def __init__(self, mtu: int) -> None:
        self._mtu = mtu
        self._full = mtu + _ETHERNET
        full = {self._full - 1, self._full, self._full + _TAG}
        self._edges = sorted({edge for edge in _LOW if edge < self._full - 1} | full | set(_HIGH))
        self._counts = np.zeros(len(self._edges) + 1, np.int64)
        self._above = self._above_tagged = self._outer_above = self._reassembled = 0
        self.longest = self.longest_outer = 0

    def take(self, rows: Packets) -> None:
        """Count rows in."""
        if not rows.size:
            return
        lengths, outer = rows["wirelen"], outer_lengths(rows)
        self._counts += np.bincount(np.searchsorted(self._edges, lengths), minlength=self._counts.size)
        self._above += int(np.count_nonzero(lengths > self._full))
        self._above_tagged += int(np.count_nonzero(lengths > self._full + _TAG))
        self._outer_above += int(np.count_nonzero(outer > self._mtu))
        self._reassembled += int(np.count_nonzero(rows["flags"] & np.uint32(Flag.REASSEMBLED)))
        self.longest = max(self.longest, int(lengths.max()))
        self.longest_outer = max(self.longest_outer, int(outer.max()))

    def to_dict(self) -> dict[str, Any]:
        """Return all of it for people and JSON; bins without frames at the upper end are left out."""
        lows = [0, *(edge + 1 for edge in self._edges)]
        highs = [*self._edges, None]
        bins = [
            {"from": low, "to": high, "frames": count}
            for low, high, count in zip(lows, highs, self._counts.tolist(), strict=True)
            if low <= self.longest
        ]
        return {
            "mtu": self._mtu,
            "bins": bins,
            "longest": self.longest,
            "above_untagged": self._above,
            "above_tagged": self._above_tagged,
            "longest_outer": self.longest_outer,
            "outer_above_mtu": self._outer_above,
            "reassembled": self._reassembled,
        }
