"""A capture with a frame of every kind, its rows, and for which of them a predicate holds."""

from __future__ import annotations

from typing import Any

import numpy as np

import build
import vxtap
from build import ICMP, ICMPV6, IPV6, SCTP, TCP, Pcapng, eth, ipv4, ipv6, sctp, tcp, udp, vxlan
from compare import columns_of

MIDNIGHT = 1_795_392_000 * 10**9  # 2026-11-23
SECOND = 10**9
MAC_C = bytes.fromhex("02005e100001")


def outer(inner: bytes, vni: int = 7, **how: Any) -> bytes:
    return eth(ipv4(udp(vxlan(inner, vni, **how), sport=50000 + vni % 7)))


def everything() -> bytes:
    """A frame of every kind, so that every column has several values; one has no time."""
    syn = eth(ipv4(tcp(sport=40000, flags=0x02, seq=5), TCP, ident=9, ttl=63))
    both = eth(
        ipv4(tcp(sport=443, dport=40000, flags=0x12, seq=2**31, ack=6, window=100), TCP, src=build.IP_B, dst=build.IP_A)
    )
    frames = [
        outer(syn),
        outer(both),
        outer(eth(ipv4(tcp(b"data", flags=0x118, ack=2**31 + 1), TCP, tos=0xB8), src=MAC_C), 8),
        outer(eth(ipv6(udp(b"question", 5353, 53)), IPV6), 501),
        outer(eth(ipv4(build.icmp(b"ping" * 10), ICMP)), 0),
        outer(eth(ipv6(build.icmp(b"ping", 128), ICMPV6, hops=255), IPV6), 0xFFFFFF),
        outer(eth(ipv4(sctp(b"chunk"), SCTP)), 7, gbp=0x1234),
        outer(eth(build.arp(), build.ARP, dst=b"\xff" * 6), 7, reserved=1),
        outer(eth(ipv4(tcp(b"x" * 40, flags=0x10), TCP), tags=[(0x8100, 100)]), 7),
        eth(ipv6(udp(vxlan(syn, 7))), IPV6),
        eth(ipv4(udp(b"no tunnel", 1, 53))),
    ]
    file = Pcapng().idb(tsresol=9).idb(tsresol=9)
    for number, frame in enumerate(frames):
        ns = MIDNIGHT + number // 2 * SECOND + number
        file.epb(frame, ns, number % 2, flags=2 if number == 4 else None)
    file.epb(frames[2][:100], MIDNIGHT + 86400 * SECOND, 0, wirelen=len(frames[2]))
    return bytes(file.spb(frames[0], wirelen=len(frames[0])))


DATA = everything()
ROWS = vxtap.read(DATA)
ALL, NONE = np.ones(len(ROWS), bool), np.zeros(len(ROWS), bool)
A, B, C = ROWS["vni"] == 7, ROWS["proto"] == 6, ROWS["dport"] == 443
SAME = ~np.isnat(ROWS["ts"])  # what has no time does not equal itself
NUMBERS = [name for name in ROWS.dtype.names or () if ROWS[name].dtype.kind == "u"]


def ask(text: str) -> np.ndarray:
    """For which rows it holds, by the number of their frames."""
    found = vxtap.read(DATA, where=text)
    there = np.isin(ROWS["frame"], found["frame"])
    assert columns_of(found) == columns_of(ROWS[there])
    return there


def assert_same(text: str, wanted: np.ndarray) -> None:
    assert ask(text).tolist() == np.asarray(wanted, bool).tolist(), text


def ip(text: str) -> Any:
    return vxtap.parse_ip(text)


def within(column: str, network: str) -> np.ndarray:
    return vxtap.in_network(ROWS[column], network)


def ts(text: str) -> Any:
    return np.datetime64(text, "ns")
