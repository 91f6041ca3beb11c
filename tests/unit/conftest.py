"""Captures of mirrored frames, and a file object that can do little."""

from __future__ import annotations

import io

from build import TCP, eth, ipv4, pcap, tcp, udp, vxlan

T0 = 1_700_000_000_000_001_000
BLOCK = 256 << 10


def inner_frame(i: int, size: int = 20) -> bytes:
    return eth(ipv4(tcp(b"%d " % i + bytes(size), sport=1000 + i % 60000), TCP))


def frame(i: int, size: int = 20, dport: int = 4789) -> bytes:
    return eth(ipv4(udp(vxlan(inner_frame(i, size), 7), dport=dport)))


def capture(count: int, size: int = 20) -> bytes:
    return pcap([(T0 + i * 1000, frame(i, size)) for i in range(count)])


class OnlyRead:
    """A binary file object that has nothing but read(), and gives little at a time."""

    def __init__(self, data: bytes, step: int = 1000) -> None:
        self._file = io.BytesIO(data)
        self._step = step

    def read(self, size: int = -1) -> bytes:
        return self._file.read(min(size, self._step) if size >= 0 else self._step)
