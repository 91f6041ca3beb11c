"""The inner half of the oracle: what outer and inner headers share, the inner columns, the flow label.

Written from docs/record.md alone, as its two companions.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

Row = dict[str, Any]

TAGS = (0x8100, 0x88A8, 0x9100)
MAX_TAGS = 32
IPV4, IPV6 = 0x0800, 0x86DD
TCP, UDP, SCTP, ICMP, ICMPV6 = 6, 17, 132, 1, 58
FRAGMENT, AH = 44, 51
EXTENSIONS = (0, 43, FRAGMENT, AH, 60, 135, 139, 140)
MAX_EXTENSIONS = 16


class StopError(Exception):
    """The inner frame can not be read further."""


class View(NamedTuple):
    """The rest of a frame from a header on: what was captured of it, and how long it was on the wire.

    `data` is the frame from its first byte, shortened to what the lengths seen so far allow; the header
    starts at `pos`; `end` is where, by those lengths, the data ended on the wire, captured or not.
    """

    data: bytes
    pos: int
    end: int

    @property
    def left(self) -> int:
        """Captured bytes from here on."""
        return max(len(self.data) - self.pos, 0)

    @property
    def wire(self) -> int:
        """Bytes on the wire from here on."""
        return self.end - self.pos

    def raw(self, at: int, size: int) -> bytes:
        """`size` captured bytes; the caller has asked `left` before."""
        return self.data[self.pos + at : self.pos + at + size]

    def number(self, at: int, size: int) -> int:
        """A big-endian number, as all of them are on the wire."""
        return int.from_bytes(self.raw(at, size), "big")

    def skip(self, size: int) -> View:
        """What follows the next `size` bytes."""
        return View(self.data, self.pos + size, self.end)

    def clip(self, size: int) -> View:
        """The same with a length that a header gave: it counts whatever the lengths around it say."""
        return View(self.data[: self.pos + size], self.pos, self.pos + size)


# ---------------------------------------------------------------- shared by outer and inner


def mapped(address: bytes) -> bytes:
    """An IPv4 address as the IPv6 address ::ffff:a.b.c.d."""
    return bytes(10) + b"\xff\xff" + address


def ipv6_payload(view: View) -> View:
    """What follows the fixed header of IPv6, clipped by the payload length; 0 is 'to the end'."""
    length = view.number(4, 2)
    return view.clip(40 + length if length else view.wire).skip(40)


class Piece(NamedTuple):
    """What a packet says of itself that is a fragment: more are to come, or it has an offset (in bytes)."""

    ident: int
    offset: int
    more: bool


class Chain(NamedTuple):
    """Where a chain of extension headers ended."""

    proto: int
    view: View
    problem: str | None = None  # "cut" by the capture, or "broken"
    piece: Piece | None = None  # of the first header that makes the packet a fragment
    ident: int = 0  # of the last fragment header


def extension_size(proto: int, second: int) -> int:
    """The length of an extension header, from its second byte."""
    if proto == FRAGMENT:
        return 8
    return (second + 2) * 4 if proto == AH else (second + 1) * 8


def extensions(proto: int, view: View, fragments: Literal["pass", "end", "refuse"] = "pass") -> Chain:
    """Follow the extension headers of IPv6, at most 16; what a later fragment holds is data.

    `fragments` says what the header of a first one does: nothing, end the chain as that of a later one does, or
    (even where it says of the packet that it is none) break it, since what is joined already has no such header.
    """
    piece, ident = None, 0
    for _ in range(MAX_EXTENSIONS):
        if proto not in EXTENSIONS or (proto == FRAGMENT and fragments == "refuse"):
            break
        # None of them is shorter than 8 bytes, so that is what one with a cut length field needs at least.
        size = extension_size(proto, view.number(1, 1)) if view.left >= 2 else 8
        if view.left < size:
            return Chain(proto, view, "cut" if view.wire >= size else "broken", piece, ident)
        following = view.number(0, 1)
        if proto == FRAGMENT:
            offset, more, ident = view.number(2, 2) & 0xFFF8, view.number(2, 2) & 1 == 1, view.number(4, 4)
            if offset or more:
                piece = piece if piece and not offset else Piece(ident, offset, more)
            if offset or (more and fragments == "end"):
                return Chain(following, view.skip(size), None, piece, ident)
        proto, view = following, view.skip(size)
    problem = "broken" if proto in EXTENSIONS else None
    return Chain(proto, view, problem, piece, ident)


# ---------------------------------------------------------------- the inner frame


def inner_frame(view: View, raw: int | None, row: Row) -> None:
    """Fill the inner columns as far as the bytes go and make sense; `raw` is the ethertype of one without Ethernet."""
    try:
        if raw is None:
            ethertype, packet = inner_ethernet(view, row)
        else:
            ethertype, packet, row["ethertype"] = raw, view, raw
            row["flags"].add("INNER_RAW")
        if ethertype == IPV4:
            inner_ipv4(packet, row)
        elif ethertype == IPV6:
            inner_ipv6(packet, row)
    except StopError:
        pass


def broken(row: Row) -> None:
    """A header contradicts itself or the lengths around it."""
    row["flags"].add("MALFORMED_INNER")


def want(view: View, size: int, row: Row) -> None:
    """Stop where `size` bytes are not there; only a wire too short for them is a fault of the frame."""
    if view.wire < size:
        broken(row)
    if view.left < size:
        raise StopError


def inner_ethernet(view: View, row: Row) -> tuple[int, View]:
    """MAC addresses, VLAN tags, ethertype."""
    if view.left >= 6:
        row["eth_dst"] = view.raw(0, 6)
    if view.left >= 12:
        row["eth_src"] = view.raw(6, 6)
    want(view, 14, row)
    row["ethertype"] = view.number(12, 2)
    view = view.skip(14)
    for tag in range(MAX_TAGS):
        if row["ethertype"] not in TAGS:
            break
        want(view, 4, row)
        row["flags"].add("INNER_VLAN")
        if tag == 0:
            row["vlan"] = view.number(0, 2) & 0xFFF
        row["ethertype"] = view.number(2, 2)
        view = view.skip(4)
    return row["ethertype"], view


def inner_ipv4(view: View, row: Row) -> None:
    """IPv4 columns, then what it carries."""
    want(view, 20, row)
    size, total = (view.number(0, 1) & 15) * 4, view.number(2, 2)
    if view.number(0, 1) >> 4 != 4 or size < 20:
        broken(row)
        return
    row["src"], row["dst"] = mapped(view.raw(12, 4)), mapped(view.raw(16, 4))
    row["proto"], row["ttl"] = view.number(9, 1), view.number(8, 1)
    row["dscp"], row["ip_id"] = view.number(1, 1) >> 2, view.number(4, 2)
    offset, more = view.number(6, 2) & 0x1FFF, view.number(6, 2) & 0x2000 != 0
    if offset or more:
        row["flags"].add("INNER_FRAGMENT")
    try:
        if 0 < total < size:
            broken(row)
            return
        if total > view.wire:
            broken(row)
        packet = view.clip(total or view.wire)
        want(packet, size, row)
        inner_l4(packet.skip(size), offset != 0, row)
    finally:
        row["flow"] = flow(row)


def inner_ipv6(view: View, row: Row) -> None:
    """IPv6 columns, the extension headers, then what it carries."""
    want(view, 40, row)
    if view.number(0, 1) >> 4 != 6:
        broken(row)
        return
    row["src"], row["dst"] = view.raw(8, 16), view.raw(24, 16)
    row["ttl"], row["dscp"] = view.number(7, 1), view.number(0, 2) >> 6 & 0x3F
    if 40 + view.number(4, 2) > view.wire:
        broken(row)
    chain = extensions(view.number(6, 1), ipv6_payload(view))
    row["proto"], row["ip_id"] = chain.proto, chain.ident
    if chain.piece is not None:
        row["flags"].add("INNER_FRAGMENT")
    if chain.problem == "broken":
        broken(row)
    if chain.problem is None:
        inner_l4(chain.view, chain.piece is not None and chain.piece.offset != 0, row)
    row["flow"] = flow(row)


def inner_l4(view: View, later: bool, row: Row) -> None:
    """What an IP packet carries; in a later fragment that is only data."""
    if later:
        payload(view, row)
    elif row["proto"] == TCP:
        inner_tcp(view, row)
    elif row["proto"] == UDP:
        inner_udp(view, row)
    elif row["proto"] == SCTP:
        inner_ports(view, row)
        after(view, 12, row)
    elif row["proto"] in (ICMP, ICMPV6):
        if view.left >= 2:
            row["sport"], row["dport"] = view.number(0, 1), view.number(1, 1)
        after(view, 8, row)
    else:
        payload(view, row)


def payload(view: View, row: Row) -> None:
    """All that is left is payload, captured or not."""
    row["payload"], row["payload_len"] = view.pos, view.wire


def after(view: View, size: int, row: Row) -> None:
    """The payload starts after a header of fixed size, whatever was captured of it."""
    if view.wire < size:
        broken(row)
        return
    payload(view.skip(size), row)


def inner_ports(view: View, row: Row) -> None:
    """The two ports, where TCP, UDP and SCTP have them."""
    if view.left >= 4:
        row["sport"], row["dport"] = view.number(0, 2), view.number(2, 2)


def inner_tcp(view: View, row: Row) -> None:
    """TCP, field by field: a short snaplen leaves the first of them."""
    inner_ports(view, row)
    if view.left >= 8:
        row["tcp_seq"] = view.number(4, 4)
    if view.left >= 12:
        row["tcp_ack"] = view.number(8, 4)
    if view.left >= 14:
        row["tcp_flags"] = view.number(12, 2) & 0x1FF
    if view.left >= 16:
        row["tcp_window"] = view.number(14, 2)
    if view.wire < 20:
        broken(row)
        return
    if view.left < 13:
        return
    size = (view.number(12, 1) >> 4) * 4
    if size < 20:
        broken(row)
        return
    after(view, size, row)


def inner_udp(view: View, row: Row) -> None:
    """UDP; only in a fragment may its length be more than the packet holds."""
    inner_ports(view, row)
    if view.wire < 8:
        broken(row)
        return
    if view.left < 6:
        return
    length = view.number(4, 2)
    if 0 < length < 8:
        broken(row)
        return
    if length > view.wire and "INNER_FRAGMENT" not in row["flags"]:
        broken(row)
    payload(view.clip(min(length or view.wire, view.wire)).skip(8), row)


# ---------------------------------------------------------------- the flow label

WORD = 2**64 - 1


def endpoint(address: bytes, port: int) -> int:
    """One end of a conversation."""
    hi, lo = int.from_bytes(address[:8], "big"), int.from_bytes(address[8:], "big")
    x = hi * 0x9E3779B97F4A7C15 + lo * 0xBF58476D1CE4E5B9 + (port + 1) * 0x94D049BB133111EB & WORD
    x = (x ^ x >> 32) * 0xFF51AFD7ED558CCD & WORD
    return x ^ x >> 29


def flow(row: Row) -> int:
    """The flow label of a row whose inner packet is IP; 0 is kept for the others."""
    sport, dport = (row["sport"], row["dport"]) if row["proto"] in (TCP, UDP, SCTP) else (0, 0)
    x = endpoint(row["src"], sport) + endpoint(row["dst"], dport) + row["proto"] & WORD
    x = (x ^ x >> 29) * 0xC4CEB9FE1A85EC53 & WORD
    return x ^ x >> 32 or 1
