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
from vxtap.groups import words_of

Array = np.ndarray[Any, np.dtype[Any]]

#: Columns of PACKET that are looked at.
COLUMNS = (
    "ts",
    "flow",
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
MOST_STEPS, MOST_SIGHTS = 1 << 18, 1 << 17  # 6 and 5 MB, and several times that while they are sorted

_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_TCP = 6
_UNFIT = int(Flag.INNER_FRAGMENT | Flag.MALFORMED_INNER | Flag.NO_TIME)
_ODD = np.uint64(0x9E3779B97F4A7C15)
_HALF, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)
_MOST_LEVELS = 31
_END = 1 << 62  # ns, in 2116: no clock shows more, and differences of times before it keep within 64 bits
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


def _lots(number: Array, flows: Array) -> Array:
    """32 bits by which is decided what stays in the sample: cheap, the same for both directions of a conversation."""
    lots: Array = (number ^ flows.astype(np.uint32)) * np.uint32(0x9E3779B1)
    lots ^= lots >> np.uint32(15)
    return lots * np.uint32(0x85EBCA6B)


def _keys(lots: Array, *parts: Array) -> Array:
    """The lots, and below them 32 bits of all the rest."""
    keys: Array = (lots.astype(np.uint64) << _HALF) | (_mixed(*parts) & _LOW)
    return keys


def _times(rows: Array) -> Array:
    times: Array = rows["ts"].astype("M8[ns]").view(np.int64)
    return times


def _ends(rows: Array) -> tuple[Array, Array]:
    """Sender and receiver: address and port."""
    return _mixed(*words_of(rows["src"]), rows["sport"]), _mixed(*words_of(rows["dst"]), rows["dport"])


def _packets(rows: Array, ends: tuple[Array, Array]) -> Array:
    """What a router does not change."""
    names = ("proto", "tcp_seq", "tcp_ack", "tcp_flags", "payload_len", "ip_id")
    return _mixed(*ends, *(rows[name] for name in names))


def _same(left: list[Array], right: list[Array]) -> Array:
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

    def wanted(self, lots: Array, syn: Array | None = None) -> Array:
        """Which rows belong to the sample."""
        if not self.level:
            return np.ones(len(lots), bool)
        found: Array = lots < np.uint32(1 << 32 - self.level)
        if syn is not None:
            found |= syn & (lots <= np.uint32((1 << 32 - max(0, self.level - _SYN_LEVELS)) - 1))
        return found

    def _syn(self, rows: Array) -> Array | None:
        return rows["syn"] if "syn" in (rows.dtype.names or ()) else None

    def take(self, rows: Array) -> None:
        """Add rows; halve the sample while there are too many."""
        self._new.append(rows)
        self._count += len(rows)
        if self._count > self._most:
            self._settle()
            while len(self._rows) > self._most // 2 and self.level < _MOST_LEVELS:
                self.level += 1
                lots = (self._rows["key"] >> _HALF).astype(np.uint32)
                self._rows = self._rows[self.wanted(lots, self._syn(self._rows))]
            self._rows = self._rows[: self._most]  # who crafts packets of one lot gets no more memory
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
        sound = ((batch["flags"] & _UNFIT) == 0) & (batch["proto"] != 0) & ~np.isnat(batch["ts"])
        all_times = _times(batch)
        sound &= (all_times >= 0) & (all_times < _END)
        for source in np.unique(batch["source"][sound]):
            times = batch["ts"][sound & (batch["source"] == source)].astype("M8[ns]").view(np.int64)
            self.first[source] = min(self.first[source], times.min())
            self.last[source] = max(self.last[source], times.max())
        whole = sound & (batch["proto"] == _TCP) & (batch["tcp_flags"] != 0)
        self._take_steps(batch, np.nonzero(whole & ((batch["tcp_flags"] & _RST) == 0))[0])
        # Without an identification two equal datagrams may well be two.
        self._take_sights(batch, np.nonzero(whole | (sound & (batch["proto"] != _TCP) & (batch["ip_id"] != 0)))[0])

    def _take_steps(self, batch: Array, which: Array) -> None:
        bits = batch["tcp_flags"][which]
        syn, acked = (bits & _SYN) != 0, (bits & _ACK) != 0
        length = batch["payload_len"][which] + syn + ((bits & _FIN) != 0)
        end = (batch["tcp_seq"][which] + length).astype(np.uint32)
        flows = batch["flow"][which]
        for acks, these, number in ((False, length > 0, end), (True, acked, batch["tcp_ack"][which])):
            opens = syn & (acked == acks)
            lots = _lots(number, flows)
            kept = np.nonzero(these & self.steps.wanted(lots, opens))[0]
            rows = batch[which[kept]]
            ends = _ends(rows)
            found = np.empty(len(rows), STEP)
            found["key"] = _keys(lots[kept], *(ends[::-1] if acks else ends), rows["vni"])
            found["time"], found["source"] = _times(rows), rows["source"]
            found["packet"] = _packets(rows, ends) & _LOW
            found["acks"], found["syn"] = acks, opens[kept]
            self.steps.take(found)

    def _take_sights(self, batch: Array, which: Array) -> None:
        lots = _lots(batch["tcp_seq"][which] ^ (batch["ip_id"][which] << 16), batch["flow"][which])
        kept = np.nonzero(self.sights.wanted(lots))[0]
        rows = batch[which[kept]]
        src, dst, outer = (words_of(rows[name]) for name in ("src", "dst", "outer_src"))
        hosts = _mixed(*src), _mixed(*dst)
        found = np.empty(len(rows), SIGHT)
        found["key"], found["time"] = _keys(lots[kept], _packets(rows, _ends(rows))), _times(rows)
        found["place"] = _mixed(*outer, rows["vni"])
        found["hosts"] = hosts[0] ^ hosts[1]
        found["source"], found["ttl"] = rows["source"], rows["ttl"]
        found["forth"] = hosts[0] < hosts[1]
        found["at_sender"], found["at_receiver"] = _same(src, outer), _same(dst, outer)
        self.sights.take(found)
