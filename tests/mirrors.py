"""Captures of a mirror, made of what machines said to each other: for tests of what judges them."""

from __future__ import annotations

from collections.abc import Iterable

from build import IP_A, IP_B, MAC_A, MAC_B, TCP, UDP, eth, ipv4, pcap, tcp, udp, vxlan

SECOND = 10**9
T0 = 1_700_000_000 * SECOND
ACK, SYN = 0x10, 0x02
WEB = bytes([93, 184, 216, 34])  # somewhere in the Internet

Told = tuple[float, bytes]  # seconds since the beginning, the frame on the collector's wire


def inner_tcp(
    data: bytes = b"",
    *,
    seq: int = 0,
    back: bool = False,
    port: int = 40000,
    flags: int = ACK,
    src: bytes = IP_A,
    dst: bytes = IP_B,
) -> bytes:
    """What `src` said to `dst`, or the other way round; `src` has MAC_A."""
    if back:
        segment = tcp(data, 443, port, seq=seq, flags=flags)
        return eth(ipv4(segment, TCP, src=dst, dst=src), src=MAC_B, dst=MAC_A)
    return eth(ipv4(tcp(data, port, 443, seq=seq, flags=flags), TCP, src=src, dst=dst), src=MAC_A, dst=MAC_B)


def inner_udp(data: bytes = b"data", *, src: bytes = IP_A, dst: bytes = IP_B, mac: bytes = MAC_B) -> bytes:
    return eth(ipv4(udp(data, 5000, 5001), UDP, src=src, dst=dst), src=MAC_A, dst=mac)


def mirrored(inner: bytes, *, source: bytes = bytes([10, 9, 9, 9]), vni: int = 7) -> bytes:
    """The same as the mirror of a tunnel source sends it."""
    return eth(ipv4(udp(vxlan(inner, vni)), src=source, dst=bytes([10, 9, 9, 1])))


def capture(told: Iterable[Told], **how: int) -> bytes:
    """All of it in order of time."""
    return pcap([(T0 + round(at * SECOND), frame) for at, frame in sorted(told, key=lambda one: one[0])], **how)


def chatter(begin: float, end: float, step: float = 0.05, *, source: int = 9, vni: int = 7) -> list[Told]:
    """Both directions of one long conversation, a packet every `step` seconds."""
    count = round((end - begin) / step)
    packets = (inner_tcp(b"x", seq=i // 2, back=bool(i % 2), port=40000 + source) for i in range(count))
    origin = bytes([10, 9, 9, source])
    return [(begin + i * step, mirrored(one, source=origin, vni=vni)) for i, one in enumerate(packets)]
