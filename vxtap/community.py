"""The Community ID of conversations: the label that Zeek, Suricata and Arkime log too."""

from __future__ import annotations

import hashlib
import operator
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import numpy as np

from vxtap.errors import OptionError

if TYPE_CHECKING:
    from typing import SupportsIndex

    Array = np.ndarray[Any, np.dtype[Any]]

_ICMP, _TCP, _UDP, _ICMPV6, _SCTP = 1, 6, 17, 58, 132
_WITH_PORTS = (_ICMP, _TCP, _UDP, _ICMPV6, _SCTP)
_NEEDED = ("src", "dst", "proto", "sport", "dport")
_MAPPED = bytes(10) + b"\xff\xff"  # before an IPv4 address
_TEXT = "U30"  # '1:' and 20 bytes in base64
# ICMP types that ask and those that answer, as Zeek pairs them.
_PAIRS = {
    _ICMP: ((8, 0), (10, 9), (13, 14), (15, 16), (17, 18)),
    _ICMPV6: ((128, 129), (130, 131), (133, 134), (135, 136), (139, 140), (144, 145)),
}
_COUNTERPARTS = {proto: dict([*pairs, *((b, a) for a, b in pairs)]) for proto, pairs in _PAIRS.items()}
# What an ID is made from, as one key: without padding, so that equal keys are equal bytes.
_TUPLE = np.dtype([("src", "V16"), ("dst", "V16"), ("sport", ">u2"), ("dport", ">u2"), ("proto", "u1")])


def _id_of(key: bytes, seed: bytes) -> str:
    """One ID, by version 1 of the specification, of a `_TUPLE`."""
    src, dst, sport, dport, proto = key[:16], key[16:32], key[32:34], key[34:36], key[36]
    turns = True
    if src == dst == bytes(16):
        return ""
    if proto in _COUNTERPARTS:  # of messages that none answers, each direction has an ID of its own
        other = _COUNTERPARTS[proto].get(int.from_bytes(sport))
        turns = other is not None
        dport = dport if other is None else other.to_bytes(2)
    if src.startswith(_MAPPED) and dst.startswith(_MAPPED):
        src, dst = src[12:], dst[12:]
    if turns and (dst, dport) < (src, sport):
        src, dst, sport, dport = dst, src, dport, sport
    ports = sport + dport if proto in _WITH_PORTS else b""
    digest = hashlib.sha1(seed + src + dst + bytes([proto, 0]) + ports, usedforsecurity=False).digest()
    return f"1:{b64encode(digest).decode()}"


def _seed_bytes(seed: SupportsIndex) -> bytes:
    try:
        return operator.index(seed).to_bytes(2)
    except (TypeError, OverflowError):
        raise OptionError(f"seed: expected a number within 0 to 65535, got {seed!r}") from None


def community_id(packets: Array, seed: SupportsIndex = 0) -> Array:
    """Give the Community ID, version 1, of every packet or conversation.

    Parameters
    ----------
    packets : numpy.ndarray
        Rows with the columns `src`, `dst`, `proto`, `sport` and `dport`: of `vxtap.PACKET` or `vxtap.FLOW`, or of a
        read with these columns. Of any shape.
    seed : int
        What the other tools were told to begin with, 0 to 65535; 0 where they were told nothing.

    Returns
    -------
    numpy.ndarray of U30
        Of the same shape, new memory: '1:' and a SHA-1 in base64, the same for both directions; '' where the inner
        packet is not IP. The VNI is no part of it. Each different 5-tuple is hashed once.

    Raises
    ------
    OptionError
        Where a column is missing, or the seed is out of range.

    Notes
    -----
    https://github.com/corelight/community-id-spec. Of ICMP, types that ask and answer (echo, time stamp, router and
    neighbour solicitation, ...) are one conversation; of others the type and the code take the place of ports, and
    each direction has an ID. Fragments other than the first have no ports, and so an ID of their own.

    Examples
    --------
    >>> ids = vxtap.community_id(vxtap.flows("nva.pcap"))
    """
    names = getattr(getattr(packets, "dtype", None), "names", None) or ()
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise OptionError(f"community_id: expected rows with the columns {', '.join(_NEEDED)}; {missing[0]} is missing")
    start = _seed_bytes(seed)
    tuples = np.empty(packets.size, _TUPLE)
    for name in _NEEDED:
        tuples[name] = packets[name].reshape(-1)
    keys, which = np.unique(tuples.view(f"V{_TUPLE.itemsize}"), return_inverse=True)
    ids = np.array([_id_of(key, start) for key in keys.tolist()], _TEXT)
    return ids[which].reshape(packets.shape)
