"""What tells about clocks, out of batches of packets, as few numbers each: in bounded memory, by sampling.

Two tables are kept. *Steps* of TCP connections: a packet that takes up sequence numbers, or one that acknowledges them;
both have the same key, made of the connection, the direction and the sequence number where the data end. *Sights* of
packets, whose key is what a router does not change. The key decides what is dropped when there is too much, so that
what belongs together stays or goes together, whichever source it comes from.

The hash has no secret: who can craft packets that collide can craft packets that lie as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vxtap.enums import Flag

Array = np.ndarray[Any, np.dtype[Any]]

#: Columns of PACKET that are looked at.
COLUMNS = (
    "ts",
    "source",
    "flags",
    "vni",
    "ip_id",
    "tcp_seq",
    "tcp_ack",
    "payload_len",
    "outer_src",
    "src",
    "dst",
    "sport",
    "dport",
    "tcp_flags",
    "proto",
    "ttl",
)
#: `packet`: of a step, 32 bits of the sight's key; the same data sent again have another.
STEP = np.dtype([("key", "u8"), ("time", "i8"), ("packet", "u4"), ("source", "u2"), ("acks", "?"), ("syn", "?")])
#: `place`: tunnel source and VNI; `hosts`: both addresses, in any order; `forth`: sent by the lower one.
SIGHT = np.dtype(
    [
        ("key", "u8"),
        ("time", "i8"),
        ("place", "u8"),
        ("hosts", "u8"),
        ("source", "u2"),
        ("ttl", "u1"),
        ("forth", "?"),
        ("at_sender", "?"),
        ("at_receiver", "?"),
    ]
)
MOST_STEPS, MOST_SIGHTS = 1 << 19, 1 << 18  # 12 and 10 MB

_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_TCP = 6
_UNFIT = int(Flag.INNER_FRAGMENT | Flag.MALFORMED_INNER | Flag.NO_TIME)
_ODD = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
_SYN_LEVELS = 4  # the sample holds sixteen times as many handshakes as it would without preferring them


def _mixed(*parts: Array) -> Array:
    """Hash columns of numbers, row by row."""
    value = np.full(len(parts[0]), 0x5851F42D4C957F2D, np.uint64)
    for part in parts:
        value ^= part.astype(np.uint64)
        value *= _ODD
        value ^= value >> _HALF
        value *= _ODD
    return value ^ (value >> _HALF)


def _words(column: Array) -> tuple[Array, Array]:
    """Both halves of addresses."""
    halves = np.ascontiguousarray(column).view(np.uint64).reshape(-1, 2)
    return halves[:, 0], halves[:, 1]


def _same(left: tuple[Array, Array], right: tuple[Array, Array]) -> Array:
    both: Array = (left[0] == right[0]) & (left[1] == right[1])
    return both


class Sample:
    """Rows of one table, of which a share remains that depends on their keys only.

    Attributes
    ----------
    level : int
        How often the sample was halved.
    """

    def __init__(self, dtype: np.dtype[Any], most: int) -> None:
        self.level = 0
        self._most = most
        self._rows = np.empty(0, dtype)
        self._new: list[Array] = []
        self._count = 0

    def wanted(self, keys: Array, syn: Array | None = None) -> Array:
        """Which rows belong to the sample."""
        if not self.level:
            return np.ones(len(keys), bool)
        found: Array = keys <= np.uint64((1 << 64 - self.level) - 1)
        if syn is not None:
            found |= syn & (keys <= np.uint64((1 << 64 - max(0, self.level - _SYN_LEVELS)) - 1))
        return found

    def _syn(self, rows: Array) -> Array | None:
        return rows["syn"] if "syn" in (rows.dtype.names or ()) else None

    def take(self, rows: Array) -> None:
        """Add rows; halve the sample while there are too many."""
        self._new.append(rows)
        self._count += len(rows)
        if self._count > self._most:
            self._settle()
            while len(self._rows) > self._most // 2:
                self.level += 1
                self._rows = self._rows[self.wanted(self._rows["key"], self._syn(self._rows))]
            self._count = len(self._rows)

    def _settle(self) -> None:
        """Bring together what came; of steps the first of a kind in each source says it all."""
        rows = np.concatenate([self._rows, *self._new])
        self._new = []
        if self._syn(rows) is not None:
            kind = _mixed(rows["key"], rows["source"], rows["acks"])
            order = np.lexsort((rows["time"], kind))
            kind = kind[order]
            rows = rows[order[np.concatenate([np.ones(min(1, len(kind)), bool), kind[1:] != kind[:-1]])]]
        self._rows = rows

    def rows(self) -> Array:
        """All that is held."""
        self._settle()
        self._count = len(self._rows)
        return self._rows


class Happenings:
    """Both tables, and when each source began and ended.

    Parameters
    ----------
    count : int
        Of sources.
    """

    def __init__(self, count: int, most_steps: int = MOST_STEPS, most_sights: int = MOST_SIGHTS) -> None:
        self.steps = Sample(STEP, most_steps)
        self.sights = Sample(SIGHT, most_sights)
        self.first = np.full(count, np.iinfo(np.int64).max)
        self.last = np.full(count, np.iinfo(np.int64).min)

    def take(self, batch: Array) -> None:
        """Look at packets: a structured array with `COLUMNS` at least."""
        rows = batch[((batch["flags"] & _UNFIT) == 0) & (batch["proto"] != 0) & ~np.isnat(batch["ts"])]
        if not len(rows):
            return
        times = rows["ts"].astype("M8[ns]").view(np.int64)
        np.minimum.at(self.first, rows["source"], times)
        np.maximum.at(self.last, rows["source"], times)
        src, dst = _words(rows["src"]), _words(rows["dst"])
        ends = _mixed(*src, rows["sport"]), _mixed(*dst, rows["dport"])
        whole = (rows["proto"] == _TCP) & (rows["tcp_flags"] != 0)
        keys = _mixed(*ends, rows["proto"], rows["tcp_seq"], rows["tcp_ack"], rows["tcp_flags"], rows["payload_len"])
        keys = _mixed(keys, rows["ip_id"])
        self._take_steps(rows, times, whole, ends, keys)
        # Without an identification two equal datagrams may well be two.
        unlike = whole | ((rows["proto"] != _TCP) & (rows["ip_id"] != 0))
        self._take_sights(rows, times, unlike, (src, dst), keys)

    def _take_steps(self, rows: Array, times: Array, whole: Array, ends: tuple[Array, Array], packets: Array) -> None:
        bits = rows["tcp_flags"]
        syn, fin = (bits & _SYN) != 0, (bits & _FIN) != 0
        length = rows["payload_len"] + syn + fin
        sound = whole & ((bits & _RST) == 0)
        end = (rows["tcp_seq"] + length).astype(np.uint32)
        sent, acked = sound & (length > 0), sound & ((bits & _ACK) != 0)
        for acks, which, way, number in ((False, sent, ends, end), (True, acked, ends[::-1], rows["tcp_ack"])):
            keys = _mixed(way[0][which], way[1][which], rows["vni"][which], number[which])
            opens = syn[which] & (acked[which] == acks)
            keep = self.steps.wanted(keys, opens)
            found = np.empty(int(keep.sum()), STEP)
            found["key"], found["syn"], found["acks"] = keys[keep], opens[keep], acks
            found["time"] = times[which][keep]
            found["packet"] = packets[which][keep] & np.uint64(0xFFFFFFFF)
            found["source"] = rows["source"][which][keep]
            self.steps.take(found)

    def _take_sights(
        self, rows: Array, times: Array, unlike: Array, addresses: tuple[tuple[Array, Array], ...], keys: Array
    ) -> None:
        which = np.nonzero(unlike & self.sights.wanted(keys))[0]
        rows = rows[which]
        src, dst = ((high[which], low[which]) for high, low in addresses)
        outer = _words(rows["outer_src"])
        hosts = _mixed(*src), _mixed(*dst)
        found = np.empty(len(rows), SIGHT)
        found["key"], found["time"] = keys[which], times[which]
        found["place"] = _mixed(*outer, rows["vni"])
        found["hosts"] = hosts[0] ^ hosts[1]
        found["source"], found["ttl"] = rows["source"], rows["ttl"]
        found["forth"] = hosts[0] < hosts[1]
        found["at_sender"], found["at_receiver"] = _same(src, outer), _same(dst, outer)
        self.sights.take(found)
