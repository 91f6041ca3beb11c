"""What one side of a comparison has seen, packet by packet, in columns as narrow as they get: 55 bytes a packet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vxtap.address import in_network
from vxtap.endpoints import TCP, WORDS, Index, ends_of, unique_keys
from vxtap.enums import Flag, Tunnel
from vxtap.merging import Merged

if TYPE_CHECKING:
    from vxtap.merge_report import MergeReport
    from vxtap.options import Options

    Array = np.ndarray[Any, np.dtype[Any]]

#: Bits of the column `kind`: from the greater end to the lesser; TCP with data, to be compared by its sequence numbers;
#: with a SYN; cut by a snaplen; not IP.
SWAPPED, DATA, SYN, CUT, NOT_IP = 1, 2, 4, 8, 16
_COLUMNS = {
    "ts": "i8",  # nanoseconds since 1970
    "frame": "u8",
    "identity": "u8",
    "digest": "u8",
    "captured": "u4",  # bytes of the payload
    "length": "u4",  # of the payload on the wire
    "wire": "u4",  # of the whole inner frame
    "seq": "u4",
    "talk": "u4",  # which conversation: a row of `keys`
    "source": "u2",
    "kind": "u1",
}
_ETH, _IPV4, _IPV6, _SYN = 14, 0x0800, 0x86DD, 0x0002
# What VXLAN over Ethernet adds to a frame on the wire.
_AROUND = {False: 50, True: 70}
_TUNNELS = (Tunnel.VXLAN, Tunnel.VXLAN_GPE)


@dataclass(slots=True)
class Observed:
    """One side: columns of the packets that can be compared, and counts of the others.

    Attributes
    ----------
    columns : dict of str to numpy.ndarray
        One entry a packet each, in order of time.
    keys : numpy.ndarray of u8, (conversations, WORDS)
        The conversations.
    elsewhere : int
        Packets that are not between two machines of the source: other machines' traffic, or the loopback's.
    unreadable : int
        Packets that are cut within their headers.
    timeless : int
        Packets without a time.
    around : int
        Bytes that the tunnels' headers add on the wire, where they are VXLAN's.
    reports : MergeReport
        The books of all sources of this side.
    """

    reports: MergeReport
    columns: dict[str, Array] = field(default_factory=dict)
    keys: Array = field(default_factory=lambda: np.empty((0, WORDS), np.uint64))
    elsewhere: int = 0
    unreadable: int = 0
    timeless: int = 0
    around: int = 0

    def __getitem__(self, name: str) -> Array:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.columns["ts"])

    def has(self, bit: int) -> Array:
        """Tell which packets have a bit of `kind`."""
        found: Array = self.columns["kind"] & np.uint8(bit) != 0
        return found


def pairs_of(keys: Array) -> Array:
    """Of conversations, the pairs of addresses."""
    pairs = keys.copy()
    pairs[:, 4] = 0
    return pairs


def _cut_in_headers(rows: Array) -> Array:
    """Packets of IP of which not all headers are there: nothing is known to be the same as they."""
    cut = rows["flags"] & np.uint32(Flag.TRUNCATED) != 0
    ip = (rows["ethertype"] == _IPV4) | (rows["ethertype"] == _IPV6)
    found: Array = cut & ip & ((rows["payload"] == 0) | (rows["payload"] > rows["caplen"]))
    return found


def _kind(rows: Array, swapped: Array, keys: Array) -> Array:
    whole = rows["flags"] & np.uint32(Flag.INNER_FRAGMENT) == 0
    tcp = (rows["proto"] == TCP) & whole
    kind = swapped.astype(np.uint8)
    kind |= np.where(tcp & (rows["payload_len"] > 0), np.uint8(DATA), np.uint8(0))
    kind |= np.where(tcp & (rows["tcp_flags"] & _SYN != 0), np.uint8(SYN), np.uint8(0))
    kind |= np.where(rows["flags"] & np.uint32(Flag.TRUNCATED) != 0, np.uint8(CUT), np.uint8(0))
    kind |= np.where(keys[:, :4].any(axis=1), np.uint8(0), np.uint8(NOT_IP))
    return kind


def _captured(rows: Array) -> Array:
    """Bytes of the payload that are here: of what is not IP, all behind the link header."""
    header = np.where(rows["flags"] & np.uint32(Flag.INNER_RAW) != 0, 0, _ETH)
    start = np.where(rows["payload"] > 0, rows["payload"], header).astype(np.int64)
    left = rows["caplen"].astype(np.int64) - start
    most = np.where(rows["payload"] > 0, rows["payload_len"], rows["caplen"]).astype(np.int64)
    found: Array = np.clip(left, 0, most)
    return found


def _around(rows: Array) -> int:
    """What the outer headers of rows take on the wire."""
    rows = rows[np.isin(rows["tunnel"], _TUNNELS)]
    four = int(in_network(rows["outer_src"], "0.0.0.0/0").sum())
    return four * _AROUND[False] + (len(rows) - four) * _AROUND[True]


def _columns(rows: Array, keys: Array, swapped: Array, talk: Array) -> dict[str, Array]:
    values = {
        "ts": rows["ts"].view(np.int64) if rows["ts"].flags.c_contiguous else rows["ts"].astype(np.int64),
        "captured": _captured(rows),
        "length": rows["payload_len"],
        "wire": rows["wirelen"],
        "seq": rows["tcp_seq"],
        "talk": talk,
        "kind": _kind(rows, swapped, keys),
        **{name: rows[name] for name in ("frame", "identity", "digest", "source")},
    }
    return {name: values[name].astype(kind) for name, kind in _COLUMNS.items()}


class _Collector:
    """Batches on their way into columns."""

    def __init__(self, within: Index | None) -> None:
        self.within = within
        self.parts: list[dict[str, Array]] = []
        self.keys: list[Array] = []
        self.count = self.elsewhere = self.unreadable = self.timeless = self.around = 0

    def add(self, rows: Array) -> None:
        timeless = np.isnat(rows["ts"])
        self.timeless += int(timeless.sum())
        rows = rows[~timeless]
        unreadable = _cut_in_headers(rows)
        ends = ends_of(rows)
        here = self._here(rows, ends.keys)
        self.unreadable += int((unreadable & here).sum())
        self.elsewhere += int((~here).sum())
        here &= ~unreadable
        rows, keys, swapped = rows[here], ends.keys[here], ends.swapped[here]
        self.around += _around(rows)
        first, talk = unique_keys(keys)
        self.parts.append(_columns(rows, keys, swapped, talk + self.count))
        self.keys.append(keys[first])
        self.count += len(first)

    def _here(self, rows: Array, keys: Array) -> Array:
        """What takes part: between addresses of the other side, and no loopback. What is not IP always does."""
        if self.within is None:
            local: Array = in_network(rows["src"], "127.0.0.0/8") | in_network(rows["src"], "::1/128")
            return ~local
        return self.within.has(pairs_of(keys)) | ~keys[:, :4].any(axis=1)

    def columns(self) -> dict[str, Array]:
        """All of it; the parts are given up on the way."""
        columns = {}
        for name, kind in _COLUMNS.items():
            columns[name] = np.concatenate([np.empty(0, kind), *(part.pop(name) for part in self.parts)])
        order = np.argsort(columns["ts"], kind="stable")
        for name in columns:
            columns[name] = columns[name][order]
        return columns


def observe(sources: Any, options: Options, within: Index | None = None) -> Observed:
    """Read one side.

    Parameters
    ----------
    sources : as for `vxtap.merge`
    options : Options
    within : Index, optional
        The address pairs that count; packets between others are elsewhere.

    Returns
    -------
    Observed

    Raises
    ------
    FormatError, OSError
        For a source that is damaged or cannot be read.
    """
    found = _Collector(within)
    with Merged(sources, options, identity=True) as merged:
        for rows in merged.batches():
            found.add(rows)
        reports = merged.report
    columns = found.columns()
    keys = np.concatenate([np.empty((0, WORDS), np.uint64), *found.keys])
    first, number = unique_keys(keys)
    columns["talk"] = number.astype(np.uint32)[columns["talk"]]
    return Observed(
        reports=reports,
        columns=columns,
        keys=keys[first],
        elsewhere=found.elsewhere,
        unreadable=found.unreadable,
        timeless=found.timeless,
        around=found.around,
    )


def join_talks(one: Observed, other: Observed) -> Array:
    """Number the conversations of two sides alike: the keys of all."""
    keys = np.concatenate([one.keys, other.keys])
    first, number = unique_keys(keys)
    one.columns["talk"] = number[: len(one.keys)].astype(np.uint32)[one.columns["talk"]]
    other.columns["talk"] = number[len(one.keys) :].astype(np.uint32)[other.columns["talk"]]
    one.keys = other.keys = keys[first]
    return one.keys
