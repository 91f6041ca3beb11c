"""The tunnel headers of the oracle: VXLAN and its relatives over UDP, those over GRE, and tunnels in tunnels.

Written from docs/record.md alone, as its companions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from oracle_inner import IPV4, IPV6, UDP, Row, View
from oracle_outer import SkipError, ip, link, need, udp

GRE = 47
BRIDGED, ERSPAN_2, ERSPAN_3 = 0x6558, 0x88BE, 0x22EB
OVER_UDP = {"vxlan": (4789,), "vxlan-gpe": (4790,), "geneve": (6081,)}
OVER_GRE = {"gre": {"GRE"}, "nvgre": {"NVGRE"}, "erspan": {"ERSPAN_I", "ERSPAN_II", "ERSPAN_III"}}
ETHERNET = 1
MAX_NSH = 4


class Wanted(NamedTuple):
    """What is looked for: the tunnel of each UDP port, and the kinds of GRE."""

    ports: dict[int, str]
    kinds: frozenset[str]

    def may_carry(self, proto: int) -> bool:
        """Whether a tunnel can follow an IP header that names the protocol."""
        return proto == UDP or (proto == GRE and bool(self.kinds))


def wanted_of(tunnels: Collection[str], ports: Collection[int]) -> Wanted:
    """The names of tunnels, each over UDP perhaps with a port: 'vxlan', 'geneve', 'geneve:47101', 'erspan'."""
    found: dict[int, str] = {}
    kinds: set[str] = set()
    for text in tunnels:
        name, _, own = text.partition(":")
        if name in OVER_GRE:
            kinds |= OVER_GRE[name]
            continue
        usual = ports if name == "vxlan" else OVER_UDP[name]
        for port in [int(part) for part in own.split("+")] if own else usual:
            found.setdefault(port, name)
    return Wanted(found, frozenset(kinds))


class Header(NamedTuple):
    """A tunnel header that is sound, and what it carries."""

    tunnel: str
    vni: int
    inner: View
    raw: int | None  # the ethertype of what has no Ethernet header
    flags: frozenset[str]
    gbp: int = 0


def tunnel(proto: int, view: View, first: bool, row: Row, wanted: Wanted) -> Header:
    """What follows IP, whose protocol is one that may carry a tunnel."""
    if proto == GRE:
        return gre(view, wanted.kinds)
    datagram = udp(view, first, row, wanted.ports)
    return UDP_HEADERS[wanted.ports[row["outer_dport"]]](datagram)


def flags_of(**given: Any) -> frozenset[str]:
    """The names of the flags that are set."""
    return frozenset(name for name, value in given.items() if value)


# ---------------------------------------------------------------- over UDP


def vxlan(view: View) -> Header:
    """VXLAN: its reserved bits are told, never judged."""
    need(view, 8)
    head = view.raw(0, 8)
    if not head[0] & 0x08:
        raise SkipError("no_vni_flag")
    if head[0] & 0x80:
        reserved = head[0] & ~0x88 or head[1] & ~0x48 or head[7]
        flags, gbp = flags_of(GBP=True, RESERVED_BITS=reserved), view.number(2, 2)
    else:
        flags, gbp = flags_of(RESERVED_BITS=head[0] & ~0x08 or any(head[1:4]) or head[7]), 0
    return Header("VXLAN", view.number(4, 3), view.skip(8), None, flags, gbp)


def vxlan_gpe(view: View) -> Header:
    """VXLAN-GPE: the P bit says that there is a next protocol."""
    need(view, 8)
    head = view.raw(0, 8)
    if head[0] & 0x30:
        raise SkipError("malformed")
    if not head[0] & 0x08:
        raise SkipError("no_vni_flag")
    typed = head[0] & 0x04 != 0
    reserved = head[0] & 0xC0 or head[1] or head[2] or (head[3] and not typed) or head[7]
    inner, raw = next_protocol(head[3] if typed else 3, view.skip(8))
    return Header("VXLAN_GPE", view.number(4, 3), inner, raw, flags_of(RESERVED_BITS=reserved))


def next_protocol(number: int, view: View) -> tuple[View, int | None]:
    """The list that VXLAN-GPE and NSH share; up to four NSH headers are passed."""
    for _ in range(MAX_NSH):
        if number != 4:
            break
        need(view, 8)
        size = (view.number(1, 1) & 0x3F) * 4
        if size < 8:
            raise SkipError("malformed")
        need(view, size)
        number, view = view.number(3, 1), view.skip(size)
    known: dict[int, int | None] = {1: IPV4, 2: IPV6, 3: None}
    if number not in known:
        raise SkipError("inner_type")
    return view, known[number]


def geneve(view: View) -> Header:
    """Geneve, whose options are passed unread."""
    need(view, 8)
    head = view.raw(0, 8)
    if head[0] & 0xC0:
        raise SkipError("malformed")
    size = 8 + (head[0] & 0x3F) * 4
    need(view, size)
    raw = ethertype(view.number(2, 2))
    return Header("GENEVE", view.number(4, 3), view.skip(size), raw, flags_of(RESERVED_BITS=head[1] & 0x3F or head[7]))


def ethertype(protocol: int) -> int | None:
    """What a Geneve or GRE header says is inside: IP, or Ethernet for None."""
    known: dict[int, int | None] = {BRIDGED: None, IPV4: IPV4, IPV6: IPV6}
    if protocol not in known:
        raise SkipError("inner_type")
    return known[protocol]


UDP_HEADERS: dict[str, Callable[[View], Header]] = {"vxlan": vxlan, "vxlan-gpe": vxlan_gpe, "geneve": geneve}


# ---------------------------------------------------------------- over GRE


def gre(view: View, kinds: Collection[str]) -> Header:
    """GRE and what is told from it by its protocol and flags."""
    need(view, 4)
    bits, protocol = view.number(0, 2), view.number(2, 2)
    if bits & 0x0007:
        raise SkipError("inner_type")
    if bits & 0x4000:
        raise SkipError("malformed")
    checksum, keyed, numbered = bits & 0x8000 != 0, bits & 0x2000 != 0, bits & 0x1000 != 0
    size = 4 + 4 * (checksum + keyed + numbered)
    need(view, size)
    kind = kind_of(protocol, keyed and not checksum and not numbered, numbered, kinds)
    if kind not in kinds:
        raise SkipError("inner_type")
    inner, reserved = view.skip(size), bits & 0x0FF8
    if kind.startswith("ERSPAN"):
        return erspan(kind, inner, reserved)
    key = view.number(8 if checksum else 4, 4) if keyed else 0
    raw = ethertype(protocol)
    vni = key >> 8 if kind == "NVGRE" else key
    return Header(kind, vni, inner, raw, flags_of(RESERVED_BITS=reserved))


def kind_of(protocol: int, plain_key: bool, numbered: bool, kinds: Collection[str]) -> str:
    """The tunnel that a GRE header belongs to; what would be NVGRE is GRE to those who only ask for that."""
    if protocol == ERSPAN_2:
        return "ERSPAN_II" if numbered else "ERSPAN_I"
    if protocol == ERSPAN_3:
        return "ERSPAN_III"
    return "NVGRE" if protocol == BRIDGED and plain_key and ("NVGRE" in kinds or "GRE" not in kinds) else "GRE"


def erspan(kind: str, view: View, reserved: int) -> Header:
    """The header of ERSPAN II or III; the first kind has none."""
    if kind == "ERSPAN_I":
        return Header(kind, 0, view, None, flags_of(RESERVED_BITS=reserved))
    size = 8 if kind == "ERSPAN_II" else 12
    need(view, size)
    if kind == "ERSPAN_III" and view.number(11, 1) & 1:
        size += 8
        need(view, size)
    word = view.number(2, 2)
    flags = flags_of(RESERVED_BITS=reserved, TRUNCATED=word & 0x0400)
    return Header(kind, word & 0x3FF, view.skip(size), None, flags)


# ---------------------------------------------------------------- tunnels in tunnels


class Innermost(NamedTuple):
    """The frame that a row is about."""

    view: View
    raw: int | None
    flags: frozenset[str]


def innermost(header: Header, wanted: Wanted, depth: int) -> Innermost:
    """Look into the inner frame again, while there is a tunnel in it and levels are left."""
    level, flags = 1, header.flags
    while level < depth and (inside := nested(header, wanted)) is not None:
        # Of the headers inside only this one thing is the innermost frame's own: that it was cut at its source.
        flags |= {"NESTED"} | (inside.flags & {"TRUNCATED"})
        header, level = inside, level + 1
    return Innermost(header.inner, header.raw, flags)


def nested(header: Header, wanted: Wanted) -> Header | None:
    """The tunnel in an inner frame, if all its headers are whole and sound and it is no fragment."""
    row: Row = {"flags": set()}  # the outermost tunnel has those columns already
    try:
        kind, view = (header.raw, header.inner) if header.raw else link(ETHERNET, header.inner, row)
        packet = ip(kind, view, row)
        if packet.piece is not None or not wanted.may_carry(packet.proto):
            return None
        return tunnel(packet.proto, packet.data, False, row, wanted)
    except SkipError:
        return None
