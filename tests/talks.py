"""Packets of conversations for tests: rows of the record, made of what a test is about."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

import numpy as np

import vxtap

Rows = np.ndarray[Any, np.dtype[np.void]]

SECOND = 10**9
T0 = 1_700_000_000 * SECOND
NAT = np.iinfo(np.int64).min
TCP, UDP, SCTP, ICMP, ICMPV6, GRE = 6, 17, 132, 1, 58, 47
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 0x10
HEADERS = {TCP: 54, UDP: 42, SCTP: 46, ICMP: 42, ICMPV6: 62}  # bytes of a frame before the payload
A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"

_FIELDS = {"seq": "tcp_seq", "ack": "tcp_ack", "length": "payload_len"}
_ADDRESSES = ("src", "dst", "outer_src", "outer_dst")


def address(text: str) -> bytes:
    """16 bytes, as the record has them; none for an empty text."""
    if not text:
        return bytes(16)
    parsed = ipaddress.ip_address(text)
    return parsed.packed if parsed.version == 6 else bytes(10) + b"\xff\xff" + parsed.packed


def packet(at: float | None = 0, src: str = A, dst: str = B, **fields: Any) -> dict[str, Any]:
    """One packet `at` seconds after T0 (None: without a time), as columns of the record.

    `flags` are those of TCP; `seq`, `ack` and `length` (of the payload) stand for the longer names.
    """
    fields = {_FIELDS.get(name, name): value for name, value in fields.items()}
    row: dict[str, Any] = {"src": src, "dst": dst, "proto": TCP, "sport": 1000, "dport": 80, "vni": 7}
    row |= {
        "outer_src": "192.0.2.1",
        "outer_dst": "192.0.2.9",
        "payload_len": 0,
        "tcp_seq": 0,
        "tcp_ack": 0,
        "source": 0,
    }
    row["tcp_flags"] = fields.pop("flags", ACK if fields.get("proto", TCP) == TCP else 0)
    row["flags"] = fields.pop("marks", 0)
    row["ts"] = NAT if at is None else T0 + round(at * SECOND)
    row |= fields
    row.setdefault("payload", HEADERS.get(row["proto"], 34) if src else 0)
    row.setdefault("wirelen", HEADERS.get(row["proto"], 34) + row["payload_len"])
    return row


def back(one: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The same ends the other way around, and what else is different."""
    fields = {_FIELDS.get(name, name): value for name, value in fields.items()}
    if "flags" in fields:
        fields["tcp_flags"] = fields.pop("flags")
    ends = {"src": one["dst"], "dst": one["src"], "sport": one["dport"], "dport": one["sport"]}
    row = one | ends | {"payload_len": 0} | fields
    return row | {"wirelen": HEADERS.get(row["proto"], 34) + row["payload_len"]}


def later(one: dict[str, Any], at: float) -> dict[str, Any]:
    """The same at another time."""
    return one | {"ts": T0 + round(at * SECOND)}


def rows_of(packets: Iterable[dict[str, Any]]) -> Rows:
    """The packets as an array of the record."""
    listed = list(packets)
    rows = np.zeros(len(listed), vxtap.PACKET)
    for row, one in zip(rows, listed, strict=True):
        for name, value in one.items():
            row[name] = np.void(address(value)) if name in _ADDRESSES else value
    return rows


def plain(rows: Rows) -> list[dict[str, Any]]:
    """Rows of conversations as dictionaries of plain values: times as integers, addresses as bytes."""
    names = rows.dtype.names or ()
    columns = [rows[name] for name in names]
    columns = [column.astype(np.int64) if column.dtype.kind in "mM" else column for column in columns]
    return [dict(zip(names, values, strict=True)) for values in zip(*[c.tolist() for c in columns], strict=True)]
