"""What columns must hold, told by numpy and Python from the rows themselves."""

from __future__ import annotations

import ipaddress
from typing import Any

import numpy as np
import pyarrow as pa

import vxtap
from build import ARP, ICMPV6, IPV6, arp, eth, icmp, ipv4, ipv6, pcap, udp, vxlan

WIDER = {1: np.int16, 2: np.int32, 4: np.int64, 8: np.int64}
PAIRS = {"outer_src": "outer_dst", "src": "dst", "eth_src": "eth_dst"}
PAIRS |= {other: name for name, other in PAIRS.items()}


def text_of(address: bytes) -> str:
    if len(address) == 6:
        return address.hex(":")
    ip = ipaddress.IPv6Address(address)
    return str(ip.ipv4_mapped or ip)


def expected(rows: Any, name: str, addresses: str = "text") -> list[Any]:
    """The column as a list; None where there is no value. An address is none where both of its pair are zero."""
    column = rows[name]
    kind = column.dtype.kind
    if kind == "M":
        return [None if value == np.iinfo(np.int64).min else value for value in column.view(np.int64).tolist()]
    if kind == "u":
        return column.view(np.int64).tolist() if column.dtype.itemsize == 8 else column.astype(int).tolist()
    others = rows[PAIRS[name]] if PAIRS[name] in rows.dtype.names else column
    values = []
    for one, other in zip(column.tolist(), others.tolist(), strict=True):
        values.append(None if not any(one) and not any(other) else text_of(one) if addresses == "text" else one)
    return values


def found(column: pa.ChunkedArray | pa.Array) -> list[Any]:
    """What an Arrow column holds; times as nanoseconds."""
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.int64()).to_pylist()
    return column.to_pylist()


def check(table: Any, rows: Any, addresses: str = "text") -> None:
    """Every column of a table beside rows that have all columns."""
    table.validate(full=True)
    assert table.num_rows == len(rows)
    for name in table.schema.names:
        assert found(table[name]) == expected(rows, name, addresses), name


def type_of(name: str, addresses: str) -> pa.DataType:
    kind = vxtap.PACKET[name]
    if kind.kind == "M":
        return pa.timestamp("ns", "UTC")
    if kind.kind == "u":
        return pa.from_numpy_dtype(WIDER[kind.itemsize])
    return pa.dictionary(pa.int32(), pa.string()) if addresses == "text" else pa.binary(kind.itemsize)


ZERO_SOURCE = eth(ipv6(icmp(kind=135), ICMPV6, src=bytes(16)), IPV6)  # asks whether its address is taken


def mixed(count: int = 3) -> bytes:
    """IPv6, also from ::, IPv4 and no IP, over and over."""
    inner = [ZERO_SOURCE, eth(arp(), ARP), eth(ipv4(udp(b"x"))), eth(ipv6(udp(b"y")), IPV6)]
    frames = [eth(ipv4(udp(vxlan(one, 1 + i)))) for i, one in enumerate(inner)]
    return pcap([(1_700_000_000_000_001_000 + i, frames[i % 4]) for i in range(4 * count)])
