"""The outer headers of the oracle: link layer, IP, UDP, each in the order and with the outcomes of the page.

Written from docs/record.md alone, as its companions. Tunnels in tunnels go through the same functions again.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from oracle_inner import IPV4, IPV6, MAX_TAGS, TAGS, Piece, Row, View, extensions, mapped

LINK_HEADER = {1: 14, 0: 4, 108: 4, 113: 16, 276: 20, 101: 0, 12: 0, 14: 0, 228: 0, 229: 0}
SLL2 = 276


class SkipError(Exception):
    """The frame is not decapsulated; the text is its outcome."""


class Packet(NamedTuple):
    """An IP packet whose headers were all there."""

    family: int
    src: bytes
    dst: bytes
    whole: View  # from the first byte of its header to the end by its own length
    proto: int
    data: View  # what follows the headers, and begins with `proto`
    piece: Piece | None  # None where it is no fragment


def need(view: View, size: int) -> None:
    """A header that is not there whole was cut by the capture, or was never whole on the wire."""
    if view.left < size:
        raise SkipError("truncated_outer" if view.wire >= size else "malformed")


def link(linktype: int, view: View, row: Row) -> tuple[int, View]:
    """The link header: the ethertype of what follows it, and what follows it."""
    if linktype not in LINK_HEADER:
        raise SkipError("link_type")
    size = LINK_HEADER[linktype]
    need(view, size)
    if linktype == 1:
        return outer_tags(view.number(12, 2), view.skip(size), row)
    if linktype == 113:
        outgoing(view.number(0, 2), row)
        return outer_tags(view.number(14, 2), view.skip(size), row)
    if linktype == SLL2:
        row["interface"] = view.number(4, 4)
        outgoing(view.number(10, 1), row)
        return outer_tags(view.number(0, 2), view.skip(size), row)
    if linktype in (0, 108):
        return family(view.raw(0, 4)), view.skip(size)
    if linktype in (228, 229):
        return (IPV4 if linktype == 228 else IPV6), view
    need(view, 1)
    return {4: IPV4, 6: IPV6}.get(view.number(0, 1) >> 4, 0), view


def outgoing(packet_type: int, row: Row) -> None:
    """Packet type 4 of a cooked capture: sent by the capturing machine."""
    if packet_type == 4:
        row["flags"].add("OUTGOING")


def outer_tags(ethertype: int, view: View, row: Row) -> tuple[int, View]:
    """VLAN tags; after 32 of them the ethertype stays a tag's, which is not IP."""
    for _ in range(MAX_TAGS):
        if ethertype not in TAGS:
            break
        need(view, 4)
        row["flags"].add("OUTER_VLAN")
        ethertype, view = view.number(2, 2), view.skip(4)
    return ethertype, view


def family(word: bytes) -> int:
    """The address family of a NULL or LOOP header: in the byte order and numbers of the writing system."""
    either = {int.from_bytes(word, "big"), int.from_bytes(word, "little")}
    if 2 in either:
        return IPV4
    return IPV6 if either & {10, 24, 28, 30} else 0


def ip(ethertype: int, view: View, row: Row) -> Packet:
    """IPv4 or IPv6, or the outcome is that it is neither."""
    if ethertype == IPV4:
        return ipv4(view, row)
    if ethertype == IPV6:
        return ipv6(view, row)
    raise SkipError("not_ip")


def ipv4(view: View, row: Row) -> Packet:
    """IPv4 with its options."""
    need(view, 20)
    size, total = (view.number(0, 1) & 15) * 4, view.number(2, 2)
    if view.number(0, 1) >> 4 != 4 or size < 20:
        raise SkipError("malformed")
    row["outer_src"], row["outer_dst"] = mapped(view.raw(12, 4)), mapped(view.raw(16, 4))
    if 0 < total < size:
        raise SkipError("malformed")
    need(view, size)
    word = view.number(6, 2)
    offset, more = (word & 0x1FFF) * 8, word & 0x2000 != 0
    piece = Piece(view.number(4, 2), offset, more) if offset or more else None
    whole = view.clip(total or view.wire)
    return Packet(IPV4, row["outer_src"], row["outer_dst"], whole, view.number(9, 1), whole.skip(size), piece)


def ipv6(view: View, row: Row) -> Packet:
    """IPv6 with its extension headers, up to the one that makes it a fragment."""
    need(view, 40)
    if view.number(0, 1) >> 4 != 6:
        raise SkipError("malformed")
    row["outer_src"], row["outer_dst"] = view.raw(8, 16), view.raw(24, 16)
    length = view.number(4, 2)
    whole = view.clip(40 + length if length else view.wire)
    chain = extensions(view.number(6, 1), whole.skip(40), "end")
    judge(chain.problem)
    return Packet(IPV6, row["outer_src"], row["outer_dst"], whole, chain.proto, chain.view, chain.piece)


def behind_fragments(proto: int, view: View) -> tuple[int, View]:
    """The rest of the chain of IPv6, in what is behind the fragment headers."""
    chain = extensions(proto, view, "refuse")
    judge(chain.problem)
    return chain.proto, chain.view


def judge(problem: str | None) -> None:
    """What is wrong with a chain of extension headers, as an outcome."""
    if problem is not None:
        raise SkipError("truncated_outer" if problem == "cut" else "malformed")


def udp(view: View, first: bool, row: Row, ports: Collection[int]) -> View:
    """UDP: the payload, clipped by the UDP length."""
    need(view, 8)
    row["outer_sport"], row["outer_dport"] = view.number(0, 2), view.number(2, 2)
    if row["outer_dport"] not in ports:
        raise SkipError("other_port")
    length = view.number(4, 2)
    if 0 < length < 8:
        raise SkipError("malformed")
    length = length or view.wire
    # In a first fragment the UDP length speaks of the whole datagram, the IP length of this piece only.
    return view.clip(length if first else min(length, view.wire)).skip(8)
