"""Packets by tunnel and collector: how many, how large, from when to when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vxtap.enums import Flag, Tunnel
from vxtap.groups import group
from vxtap.report import ip_text, iso_time

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]
    Packets = np.ndarray[tuple[int], np.dtype[np.void]]

#: Tunnels that are told apart; the others share one line, so that spoofed addresses cost no memory.
MOST = 4096
_KEY = ("outer_src", "outer_dst", "vni", "source", "tunnel")
_NAT = np.iinfo(np.int64).min
_LATEST = np.iinfo(np.int64).max

Origin = tuple[bytes, int]  # (tunnel source, VNI)


class TunnelBooks:
    """The books of every tunnel at every collector.

    Attributes
    ----------
    origins : list of (bytes, int)
        Tunnel source and VNI of each origin: over all destinations and collectors.
    """

    def __init__(self) -> None:
        self.origins: list[Origin] = []
        self._ids: dict[tuple[Any, ...], int] = {}
        self._origin_ids: dict[Origin, int] = {}
        self._origin_of = np.full(MOST + 1, -1, np.int64)
        self._packets, self._bytes, self._duplicates = (np.zeros(MOST + 1, np.int64) for _ in range(3))
        self._first, self._last = np.full(MOST + 1, _LATEST), np.full(MOST + 1, _NAT)

    def take(self, rows: Packets) -> Array:
        """Count rows in.

        Returns
        -------
        numpy.ndarray of int
            For each row the number of its origin, an index into `origins`; -1 for tunnels beyond `MOST`.
        """
        first, inverse = group([rows[name] for name in _KEY])
        keys = rows[list(_KEY)][first].tolist()
        ids = np.array([self._find(key) for key in keys], np.int64)[inverse]
        marked = (rows["flags"] & np.uint32(Flag.DUPLICATE)) != 0
        size = MOST + 1
        self._packets += np.bincount(ids, minlength=size)
        self._bytes += np.bincount(ids, rows["wirelen"], size).astype(np.int64)
        self._duplicates += np.bincount(ids[marked], minlength=size)
        times = rows["ts"].astype(np.int64)
        timed = times != _NAT
        np.minimum.at(self._first, ids[timed], times[timed])
        np.maximum.at(self._last, ids[timed], times[timed])
        found: Array = self._origin_of[ids]
        return found

    def _find(self, key: tuple[Any, ...]) -> int:
        number = self._ids.get(key)
        if number is None:
            if len(self._ids) == MOST:
                return MOST
            number = self._ids[key] = len(self._ids)
            origin = (key[0], key[2])
            if origin not in self._origin_ids:
                self._origin_ids[origin] = len(self.origins)
                self.origins.append(origin)
            self._origin_of[number] = self._origin_ids[origin]
        return number

    @property
    def other(self) -> int:
        """Packets of tunnels beyond those that are told apart."""
        return int(self._packets[MOST])

    def rows(self) -> list[dict[str, Any]]:
        """The tunnels for people and JSON, in the order of VNI, addresses and collector."""
        found = []
        for (src, dst, vni, source, tunnel), i in self._ids.items():
            timed = self._last[i] != _NAT
            row = {
                "tunnel": Tunnel(tunnel).name,
                "vni": vni,
                "outer_src": ip_text(src),
                "outer_dst": ip_text(dst),
                "collector": source,
                "packets": int(self._packets[i]),
                "bytes": int(self._bytes[i]),
                "duplicates": int(self._duplicates[i]),
                "first": iso_time(int(self._first[i])) if timed else None,
                "last": iso_time(int(self._last[i])) if timed else None,
            }
            found.append(((vni, src, dst, source, tunnel), row))
        return [row for _, row in sorted(found, key=lambda one: one[0])]
