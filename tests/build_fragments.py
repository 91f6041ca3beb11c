"""IP packets cut into fragments, as a router or the sender would, or as somebody who means harm."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from build import HOP_BY_HOP, ROUTING, checksum, ext_fragment

UNFRAGMENTABLE = (HOP_BY_HOP, ROUTING)  # what stays before the fragment header; the rest of a chain goes behind it


def fragments(packet: bytes, sizes: Sequence[int], *, ident: int | None = None) -> list[bytes]:
    """Cut an IPv4 or IPv6 packet into fragments with so many bytes of data; the last has what is left.

    A size need be no multiple of 8 only where the fragment is to be malformed: places are rounded down. `ident` is
    the identification; by default that of the IPv4 packet stays, and an IPv6 packet gets 1.
    """
    head, proto, data = parts(packet)
    cuts = [sum(sizes[:count]) for count in range(len(sizes) + 1)]
    ends = [*cuts[1:], len(data)]
    return [
        fragment(head, proto, data[start:end], start, more=end < len(data), ident=ident)
        for start, end in zip(cuts, ends, strict=True)
        if start < len(data)
    ]


def parts(packet: bytes) -> tuple[bytes, int, bytes]:
    """What each fragment repeats, the protocol, and what is cut."""
    if packet[0] >> 4 == 4:
        size = (packet[0] & 15) * 4
        return packet[:size], packet[9], packet[size:]
    proto, at = packet[6], 40
    while proto in UNFRAGMENTABLE:
        proto, at = packet[at], at + (packet[at + 1] + 1) * 8
    return packet[:at], proto, packet[at:]


def fragment(head: bytes, proto: int, data: bytes, start: int, *, more: bool, ident: int | None = None) -> bytes:
    """One fragment with the header of its packet; `start` is in bytes."""
    if head[0] >> 4 == 4:
        return fragment_of_ipv4(head, data, start, more=more, ident=ident)
    kind, body = ext_fragment(start // 8, more, 1 if ident is None else ident)
    fixed = bytearray(head)
    fixed[place_of_last(head)] = kind
    fixed[4:6] = struct.pack(">H", len(head) - 40 + len(body) + len(data) & 0xFFFF)
    return bytes(fixed) + bytes([proto]) + body[1:] + data


def place_of_last(head: bytes) -> int:
    """Where the last header of IPv6 names what follows it."""
    place, at = 6, 40
    while at < len(head):
        place, at = at, at + (head[at + 1] + 1) * 8
    return place


def fragment_of_ipv4(head: bytes, data: bytes, start: int, *, more: bool, ident: int | None) -> bytes:
    """The same of IPv4, with a right checksum."""
    fixed = bytearray(head)
    fixed[2:4] = struct.pack(">H", len(head) + len(data) & 0xFFFF)
    if ident is not None:
        fixed[4:6] = struct.pack(">H", ident)
    fixed[6:8] = struct.pack(">H", (0x2000 if more else 0) | start // 8)
    fixed[10:12] = bytes(2)
    fixed[10:12] = struct.pack(">H", checksum(bytes(fixed)))
    return bytes(fixed) + data
