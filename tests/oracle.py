"""The oracle: a slow, independent reference decoder that the tests compare vxtap with.

Written from docs/record.md alone: slices of bytes, one function a rule, nothing of vxtap shared or imported.
Where the two disagree, one of them or the page is wrong, and a person decides which.
`oracle_files` cuts files into frames, this file takes off the outer headers, `oracle_inner` reads the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

from oracle_files import Fault, Frame, read_capture
from oracle_inner import (
    EXTENSIONS,
    IPV4,
    IPV6,
    MAX_TAGS,
    TAGS,
    UDP,
    Row,
    View,
    extensions,
    inner_frame,
    ipv6_payload,
    mapped,
)

LINK_HEADER = {1: 14, 0: 4, 108: 4, 113: 16, 276: 20, 101: 0, 12: 0, 14: 0, 228: 0, 229: 0}
OUTER_INTEGERS = ("vni", "gbp", "outer_sport", "outer_dport")
INNER_INTEGERS = ("flow", "vlan", "ethertype", "proto", "ttl", "dscp", "ip_id", "sport", "dport")
TCP_INTEGERS = ("tcp_seq", "tcp_ack", "tcp_flags", "tcp_window", "payload", "payload_len")


class Result(NamedTuple):
    """What a capture holds: a row for every frame, and how the file ended."""

    rows: list[Row]
    counts: dict[str, int]
    frames: int
    tail: int
    fault: Fault | None


class SkipError(Exception):
    """The frame is not decapsulated; the text is its outcome."""


def decode(data: bytes, ports: Collection[int] = (4789,), vnis: Collection[int] | None = None) -> Result:
    """Decode a whole capture file."""
    capture = read_capture(data)
    rows = [decode_frame(frame, at, ports, vnis) for at, frame in enumerate(capture.frames, 1)]
    counts = dict(Counter(row["status"] for row in rows))
    return Result(rows, counts, len(rows), capture.tail, capture.fault)


def decode_frame(frame: Frame, at: int, ports: Collection[int], vnis: Collection[int] | None) -> Row:
    """One frame, one row, one outcome."""
    row = blank_row(frame, at)
    try:
        inner = outer(frame, row, ports, vnis)
    except SkipError as skip:
        row["status"] = str(skip)
    else:
        row["status"] = "decapsulated"
        row["offset"] = frame.offset + inner.pos
        row["caplen"], row["wirelen"] = inner.left, inner.wire
        # From here on positions count from the first byte of the inner frame.
        inner_frame(View(inner.data[inner.pos :], 0, inner.wire), row)
    if row["caplen"] < row["wirelen"]:
        row["flags"].add("TRUNCATED")
    return row


def blank_row(frame: Frame, at: int) -> Row:
    """The row of a frame of which only the framing is known."""
    row: Row = dict.fromkeys(OUTER_INTEGERS + INNER_INTEGERS + TCP_INTEGERS, 0)
    row |= dict.fromkeys(("outer_src", "outer_dst", "src", "dst"), bytes(16))
    row |= dict.fromkeys(("eth_src", "eth_dst"), bytes(6))
    row |= {"ts": frame.ts, "frame": at, "offset": frame.offset, "source": 0, "interface": frame.interface}
    row |= {"caplen": len(frame.data), "wirelen": max(frame.origlen, len(frame.data))}
    row |= {"tunnel": "NONE", "status": "", "flags": set()}
    if frame.ts is None:
        row["flags"].add("NO_TIME")
    if frame.outgoing:
        row["flags"].add("OUTGOING")
    return row


# ---------------------------------------------------------------- the outer headers


def outer(frame: Frame, row: Row, ports: Collection[int], vnis: Collection[int] | None) -> View:
    """Take the outer headers off, in the order of the page; the view of the inner frame."""
    if frame.outcome is not None:
        raise SkipError(frame.outcome)
    ethertype, view = outer_link(frame.linktype, View(frame.data, 0, row["wirelen"]), row)
    if ethertype == IPV4:
        proto, view, first, later = outer_ipv4(view, row)
    elif ethertype == IPV6:
        proto, view, first, later = outer_ipv6(view, row)
    else:
        raise SkipError("not_ip")
    if later and (proto == UDP or (ethertype == IPV6 and proto in EXTENSIONS)):
        raise SkipError("fragment_lost")
    if proto != UDP:
        raise SkipError("not_udp")
    return vxlan(outer_udp(view, first, row, ports), row, vnis)


def need(view: View, size: int) -> None:
    """A header that is not there whole was cut by the capture, or was never whole on the wire."""
    if view.left < size:
        raise SkipError("truncated_outer" if view.wire >= size else "malformed")


def outer_link(linktype: int, view: View, row: Row) -> tuple[int, View]:
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
    if linktype == 276:
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


def outer_ipv4(view: View, row: Row) -> tuple[int, View, bool, bool]:
    """IPv4: protocol, payload, and whether it is the first or a later fragment."""
    need(view, 20)
    size, total = (view.number(0, 1) & 15) * 4, view.number(2, 2)
    if view.number(0, 1) >> 4 != 4 or size < 20:
        raise SkipError("malformed")
    row["outer_src"], row["outer_dst"] = mapped(view.raw(12, 4)), mapped(view.raw(16, 4))
    if 0 < total < size:
        raise SkipError("malformed")
    need(view, size)
    offset, more = view.number(6, 2) & 0x1FFF, view.number(6, 2) & 0x2000 != 0
    packet = view.clip(total or view.wire)
    return view.number(9, 1), packet.skip(size), more and offset == 0, offset != 0


def outer_ipv6(view: View, row: Row) -> tuple[int, View, bool, bool]:
    """IPv6: protocol after the extension headers, payload, first or later fragment."""
    need(view, 40)
    if view.number(0, 1) >> 4 != 6:
        raise SkipError("malformed")
    row["outer_src"], row["outer_dst"] = view.raw(8, 16), view.raw(24, 16)
    chain = extensions(view.number(6, 1), ipv6_payload(view))
    if chain.problem is not None:
        raise SkipError("truncated_outer" if chain.problem == "cut" else "malformed")
    return chain.proto, chain.view, chain.first, chain.later


def outer_udp(view: View, first: bool, row: Row, ports: Collection[int]) -> View:
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


def vxlan(view: View, row: Row, vnis: Collection[int] | None) -> View:
    """VXLAN: the inner frame; its reserved bits are told, never judged."""
    need(view, 8)
    head = view.raw(0, 8)
    if not head[0] & 0x08:
        raise SkipError("no_vni_flag")
    row["tunnel"], row["vni"] = "VXLAN", view.number(4, 3)
    if vnis is not None and row["vni"] not in vnis:
        raise SkipError("filtered")
    if head[0] & 0x80:
        row["flags"].add("GBP")
        row["gbp"] = view.number(2, 2)
        reserved = head[0] & ~0x88 or head[1] & ~0x48 or head[7]
    else:
        reserved = head[0] & ~0x08 or any(head[1:4]) or head[7]
    if reserved:
        row["flags"].add("RESERVED_BITS")
    return view.skip(8)
