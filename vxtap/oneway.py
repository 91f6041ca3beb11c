"""Conversations: how many there are, how they lie over the collectors, and of which only one direction was mirrored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vxtap.address import in_network
from vxtap.layout import FLOW
from vxtap.report import ip_text, iso_time

if TYPE_CHECKING:
    from vxtap.tunnel_books import Origin

    Array = np.ndarray[Any, np.dtype[Any]]
    Flows = np.ndarray[tuple[int], np.dtype[np.void]]

#: One-way conversations that are listed: those with the most packets.
MOST_LISTED = 20
#: What FLOW's `one_way` says.
EGRESS, INGRESS, SOME_WAY = 1, 2, 3
WAYS = {EGRESS: "egress", INGRESS: "ingress", SOME_WAY: "unknown"}
_TCP, _ACK, _RST = 6, 0x10, 0x04
# Not routed in the Internet: RFC 6890 and its like.
_PRIVATE = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.168.0.0/16", "198.18.0.0/15", "240.0.0.0/4", "::/127", "fc00::/7", "fe80::/10"),
)
_ECHOES = {1: (8, 0), 58: (128, 129)}  # types of ICMP and ICMPv6
_TO_MANY = ("224.0.0.0/4", "255.255.255.255/32", "ff00::/8")


def _within(addresses: Array, networks: tuple[str, ...]) -> Array:
    found = np.zeros(addresses.shape, np.bool_)
    for network in networks:
        found |= in_network(addresses, network)
    return found


def is_public(addresses: Array) -> Array:
    """Tell which addresses are routed in the Internet.

    Parameters
    ----------
    addresses : numpy.ndarray of V16

    Returns
    -------
    numpy.ndarray of bool
    """
    return ~_within(addresses, _PRIVATE + _TO_MANY)


def _packets(rows: Flows) -> Array:
    total: Array = rows["packets_out"] + rows["packets_in"]
    return total


class ConversationBooks:
    """The books of all conversations.

    What nobody answers has no other direction, and is not one-way: what is sent to many (multicast, broadcast), and
    ICMP messages other than echoes.
    """

    def __init__(self) -> None:
        self._all = self._split = self._alone = self._public = self._answered = 0
        self._packets = self._bytes = self._missing = self._payload = 0
        self._ways = dict.fromkeys(WAYS, 0)
        self._top = np.empty(0, FLOW)

    def take(self, rows: Flows, machines: dict[Origin, set[bytes]]) -> None:
        """Count rows in.

        Parameters
        ----------
        rows : numpy.ndarray
            Of dtype `vxtap.FLOW`; `one_way` is written where `machines` knows more.
        machines : dict
            The addresses of mirrored machines, by tunnel source and VNI.
        """
        if not rows.size:
            return
        collectors = rows["collectors"]
        self._all += rows.size
        self._split += int(np.count_nonzero(collectors & (collectors - np.uint64(1))))
        alone = (rows["one_way"] != 0) & _is_for_nobody(rows)
        self._alone += int(np.count_nonzero(alone))
        both = rows[rows["one_way"] == 0]
        self._missing += int(both["missing_out"].sum() + both["missing_in"].sum())
        self._payload += int(both["payload_out"].sum() + both["payload_in"].sum())
        self._take_one_way(rows[(rows["one_way"] != 0) & ~alone].copy(), machines)

    def _take_one_way(self, rows: Flows, machines: dict[Origin, set[bytes]]) -> None:
        if not rows.size:
            return
        self._resolve(rows, machines)
        for way in WAYS:
            self._ways[way] += int(np.count_nonzero(rows["one_way"] == way))
        peers = np.where(rows["packets_out"] > 0, rows["dst"], rows["src"])
        self._public += int(np.count_nonzero((rows["one_way"] != INGRESS) & is_public(peers)))
        self._answered += int(np.count_nonzero(_is_answered(rows)))
        self._packets += int(_packets(rows).sum())
        self._bytes += int(rows["bytes_out"].sum() + rows["bytes_in"].sum())
        top = np.concatenate([self._top, rows])
        self._top = top[np.lexsort((top["first"], -_packets(top).astype(np.int64)))[:MOST_LISTED]]

    @staticmethod
    def _resolve(rows: Flows, machines: dict[Origin, set[bytes]]) -> None:
        """Find out which way goes what nobody knew, by the addresses of the mirrored machine."""
        unknown = np.flatnonzero(rows["one_way"] == SOME_WAY) if machines else np.empty(0, np.int64)
        names = ["tunnel_src", "vni", "src", "dst", "packets_out"]
        for i, (origin, vni, src, dst, out) in zip(unknown.tolist(), rows[names][unknown].tolist(), strict=True):
            own = machines.get((origin, vni), ())
            if (src in own) != (dst in own):
                rows["one_way"][i] = EGRESS if (src in own) == bool(out) else INGRESS

    def to_dict(self) -> dict[str, Any]:
        """Return the counts for people and JSON."""
        return {"count": self._all, "split": self._split, "missing_bytes": self._missing, "payload": self._payload}

    def one_way(self) -> dict[str, Any]:
        """Those of which one direction was seen."""
        count = sum(self._ways.values())
        return {
            "count": count,
            "share": round(count / max(1, self._all), 4),
            "packets": self._packets,
            "bytes": self._bytes,
            **{name: self._ways[way] for way, name in WAYS.items()},
            "answered": self._answered,
            "public": self._public,
            "unanswerable": self._alone,
            "top": [_as_dict(row) for row in self._top],
        }


def _is_for_nobody(rows: Flows) -> Array:
    """What nobody answers."""
    found = _within(rows["dst"], _TO_MANY) | _within(rows["src"], _TO_MANY)
    for proto, echoes in _ECHOES.items():
        found |= (rows["proto"] == proto) & ~np.isin(rows["sport"], echoes)
    return found


def _is_answered(rows: Flows) -> Array:
    """TCP of which one direction acknowledges what the other sent: so that must exist, and was not mirrored."""
    flags = rows["tcp_flags_out"] | rows["tcp_flags_in"]
    answered: Array = (rows["proto"] == _TCP) & (flags & _ACK != 0) & ((flags & _RST == 0) | (_packets(rows) > 1))
    return answered


def _as_dict(row: np.void) -> dict[str, Any]:
    """A conversation as it was sent: from whom packets were seen comes first."""
    swap = not row["packets_out"]
    src, dst = ("dst", "src") if swap else ("src", "dst")
    sport, dport = ("dport", "sport") if swap else ("sport", "dport")
    return {
        "vni": int(row["vni"]),
        "proto": int(row["proto"]),
        "src": ip_text(row[src].tobytes()),
        "sport": int(row[sport]),
        "dst": ip_text(row[dst].tobytes()),
        "dport": int(row[dport]),
        "way": WAYS[int(row["one_way"])],
        "packets": int(row["packets_out"] + row["packets_in"]),
        "bytes": int(row["bytes_out"] + row["bytes_in"]),
        "outer_src": ip_text(row["tunnel_src"].tobytes()),
        "first": iso_time(int(row["first"].astype("M8[ns]").astype(np.int64)))
        if row["first"] == row["first"]
        else None,
    }
