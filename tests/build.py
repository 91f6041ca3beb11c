"""Packets and captures for tests, made of parts: a header takes its payload first and returns bytes.

Nothing here knows vxtap. A length that is left out is computed; one that is given is written as it stands,
right or wrong, since a test of broken frames has to say exactly what is broken.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Literal, Self

Order = Literal["<", ">"]
Tag = tuple[int, int]  # TPID and tag control information
Extension = tuple[int, bytes]  # kind and all its bytes; the first is overwritten with the next kind
Record = tuple[int, bytes] | tuple[int, bytes, int]  # time in nanoseconds, data, length on the wire

NULL, ETHERNET, RAW, LOOP, SLL, RAW_IPV4, RAW_IPV6, SLL2 = 0, 1, 101, 108, 113, 228, 229, 276
IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806
TCP, UDP, SCTP, ICMP, ICMPV6 = 6, 17, 132, 1, 58
HOP_BY_HOP, ROUTING, FRAGMENT, AH, DESTINATION = 0, 43, 44, 51, 60
VXLAN_PORT = 4789

MAC_A, MAC_B = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
IP_A, IP_B = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
IP6_A, IP6_B = bytes.fromhex("20010db8" + "0" * 22 + "01"), bytes.fromhex("20010db8" + "0" * 22 + "02")

MICRO, NANO, KUZNETZOV = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34


# ---------------------------------------------------------------- link layers


def vlan(payload: bytes, ethertype: int, tags: Sequence[Tag]) -> tuple[bytes, int]:
    """Put VLAN tags before a payload, the outermost first; also the ethertype that stands before them."""
    for tpid, tci in reversed(tags):
        payload, ethertype = struct.pack(">HH", tci, ethertype) + payload, tpid
    return payload, ethertype


def eth(
    payload: bytes,
    ethertype: int = IPV4,
    *,
    dst: bytes = MAC_B,
    src: bytes = MAC_A,
    tags: Sequence[Tag] = (),
) -> bytes:
    """Ethernet II; an `ethertype` below 0x0600 makes it 802.3."""
    payload, ethertype = vlan(payload, ethertype, tags)
    return dst + src + struct.pack(">H", ethertype) + payload


def sll(
    payload: bytes,
    protocol: int = IPV4,
    *,
    packet_type: int = 0,
    address: bytes = MAC_A,
    tags: Sequence[Tag] = (),
) -> bytes:
    """Linux cooked capture, link type 113."""
    payload, protocol = vlan(payload, protocol, tags)
    return struct.pack(">HHH8sH", packet_type, 1, len(address), address, protocol) + payload


def sll2(
    payload: bytes,
    protocol: int = IPV4,
    *,
    packet_type: int = 0,
    index: int = 2,
    address: bytes = MAC_A,
    tags: Sequence[Tag] = (),
) -> bytes:
    """Linux cooked capture of the second kind, link type 276, as `tcpdump -i any` writes it."""
    payload, protocol = vlan(payload, protocol, tags)
    return struct.pack(">HHIHBB8s", protocol, 0, index, 1, packet_type, len(address), address) + payload


def null(payload: bytes, family: int = 2, *, order: Order = "<") -> bytes:
    """BSD loopback, link type 0: an address family in the byte order of its writer."""
    return struct.pack(order + "I", family) + payload


def loop(payload: bytes, family: int = 2) -> bytes:
    """OpenBSD loopback, link type 108: the same in network order."""
    return null(payload, family, order=">")


def raw(payload: bytes) -> bytes:
    """Link types without a link header: 12, 14, 101, 228, 229."""
    return payload


# ---------------------------------------------------------------- IP


def checksum(data: bytes) -> int:
    """The Internet checksum."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(
    payload: bytes,
    proto: int = UDP,
    *,
    src: bytes = IP_A,
    dst: bytes = IP_B,
    options: bytes = b"",
    total: int | None = None,
    ident: int = 0,
    offset: int = 0,
    more: bool = False,
    ttl: int = 64,
    tos: int = 0,
    version: int = 4,
    words: int | None = None,
) -> bytes:
    """IPv4; `offset` counts 8 bytes, `options` are padded to 4, `words` is a header length to lie with."""
    options += bytes(-len(options) % 4)
    words = 5 + len(options) // 4 if words is None else words
    total = 20 + len(options) + len(payload) if total is None else total
    fragment = (0x2000 if more else 0) | offset
    first = (version << 4 | words) & 0xFF
    fixed = struct.pack(">BBHHHBB", first, tos, total & 0xFFFF, ident, fragment, ttl, proto)
    check = checksum(fixed + bytes(2) + src + dst + options)
    return fixed + struct.pack(">H", check) + src + dst + options + payload


def ext(kind: int, size: int = 8) -> Extension:
    """An extension header of `size` bytes (8, 16, ...; 8, 12, ... for AH), filled with padding."""
    length = size // 4 - 2 if kind == AH else size // 8 - 1
    body = bytes([0, length])
    if kind in (HOP_BY_HOP, DESTINATION):
        while len(body) < size:  # PadN options, so that other decoders accept the header too
            pad = min(size - len(body), 257)
            pad -= 1 if size - len(body) - pad == 1 else 0
            body += bytes([1, pad - 2]) + bytes(pad - 2)
    return kind, body + bytes(size - len(body))


def ext_fragment(offset: int = 0, more: bool = False, ident: int = 0) -> Extension:
    """A fragment header; `offset` counts units of 8 bytes."""
    return FRAGMENT, struct.pack(">BBHI", 0, 0, offset << 3 | more, ident)


def ipv6(
    payload: bytes,
    proto: int = UDP,
    *,
    src: bytes = IP6_A,
    dst: bytes = IP6_B,
    extensions: Sequence[Extension] = (),
    length: int | None = None,
    hops: int = 64,
    traffic_class: int = 0,
    flow_label: int = 0,
    version: int = 6,
) -> bytes:
    """IPv6 with a chain of extension headers."""
    for kind, body in reversed(extensions):
        payload, proto = bytes([proto]) + body[1:] + payload, kind
    length = len(payload) if length is None else length
    word = version << 28 | traffic_class << 20 | flow_label
    return struct.pack(">IHBB", word, length & 0xFFFF, proto, hops) + src + dst + payload


# ---------------------------------------------------------------- what IP carries


def udp(payload: bytes, sport: int = 50000, dport: int = VXLAN_PORT, *, length: int | None = None) -> bytes:
    """UDP without a checksum, as a tunnel may have it."""
    length = 8 + len(payload) if length is None else length
    return struct.pack(">HHHH", sport, dport, length & 0xFFFF, 0) + payload


def tcp(
    payload: bytes = b"",
    sport: int = 40000,
    dport: int = 443,
    *,
    seq: int = 0,
    ack: int = 0,
    flags: int = 0x18,
    window: int = 512,
    options: bytes = b"",
    words: int | None = None,
) -> bytes:
    """TCP; `flags` has nine bits, `words` is a data offset to lie with."""
    options += bytes(-len(options) % 4)
    words = 5 + len(options) // 4 if words is None else words
    fields = struct.pack(">HHIIHHHH", sport, dport, seq, ack, words << 12 | flags, window, 0, 0)
    return fields + options + payload


def sctp(payload: bytes = b"", sport: int = 36412, dport: int = 36412, *, tag: int = 1) -> bytes:
    """The common header of SCTP; `payload` is its chunks."""
    return struct.pack(">HHII", sport, dport, tag, 0) + payload


def icmp(payload: bytes = b"", kind: int = 8, code: int = 0, *, rest: int = 0) -> bytes:
    """ICMP and ICMPv6 alike: type, code, checksum, four bytes of their own."""
    check = checksum(struct.pack(">BBHI", kind, code, 0, rest) + payload)
    return struct.pack(">BBHI", kind, code, check, rest) + payload


def arp(src: bytes = IP_A, dst: bytes = IP_B) -> bytes:
    """An ARP request."""
    return struct.pack(">HHBBH", 1, IPV4, 6, 4, 1) + MAC_A + src + bytes(6) + dst


def vxlan(
    payload: bytes,
    vni: int = 7,
    *,
    flags: int = 0x08,
    reserved: int = 0,
    last: int = 0,
    gbp: int | None = None,
    policy: int = 0,
) -> bytes:
    """VXLAN: `reserved` is bytes 1 to 3, `last` byte 7; `gbp` sets the G bit, with `policy` as byte 1."""
    if gbp is not None:
        flags, reserved = flags | 0x80, policy << 16 | gbp
    return struct.pack(">II", flags << 24 | reserved, vni << 8 | last) + payload


# ---------------------------------------------------------------- captures


def pcap(
    frames: Iterable[Record] = (),
    linktype: int = ETHERNET,
    order: Order = "<",
    magic: int = MICRO,
    snaplen: int = 262144,
    *,
    version: tuple[int, int] = (2, 4),
    swap: bool | None = None,
) -> bytes:
    """A classic capture; `swap` puts the two lengths the other way round, by default as the version says."""
    out = [struct.pack(order + "IHHiIII", magic, *version, 0, 0, snaplen, linktype)]
    swap = (version[0] == 543 or version[1] < 3) if swap is None else swap
    for ts, data, *rest in frames:
        lengths = (len(data), rest[0] if rest else len(data))
        seconds, fraction = divmod(ts, 10**9)
        fraction //= 1 if magic == NANO else 1000
        out.append(struct.pack(order + "IIII", seconds, fraction, *(reversed(lengths) if swap else lengths)))
        out.append((bytes(8) if magic == KUZNETZOV else b"") + data)
    return b"".join(out)


def option(code: int, value: bytes, order: Order = "<") -> bytes:
    """One pcapng option, padded."""
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def ticks(ts: int, tsresol: int = 6) -> int:
    """A time in nanoseconds in the ticks of an `if_tsresol`, rounded down."""
    per_second: int = 2 ** (tsresol & 0x7F) if tsresol & 0x80 else 10**tsresol
    return ts * per_second // 10**9


class Pcapng:
    """A pcapng file, block by block: `bytes(Pcapng().idb().epb(frame))`; it starts with a section header."""

    def __init__(self, order: Order = "<", *, bare: bool = False) -> None:
        """Begin a file, with a section header unless `bare`."""
        self.order: Order = order
        self._parts: list[bytes] = []
        if not bare:
            self.shb()

    def __bytes__(self) -> bytes:
        """The file so far."""
        return b"".join(self._parts)

    def pack(self, layout: str, *values: int) -> bytes:
        """`struct.pack` in the byte order of the section."""
        return struct.pack(self.order + layout, *values)

    def junk(self, data: bytes) -> Self:
        """Bytes that are no block."""
        self._parts.append(data)
        return self

    def unknown(self, kind: int, body: bytes = b"", *, total: int | None = None, trailer: int | None = None) -> Self:
        """Any block: a body padded to 4, between two lengths that may be told to lie."""
        body += bytes(-len(body) % 4)
        total = 12 + len(body) if total is None else total
        trailer = total if trailer is None else trailer
        return self.junk(self.pack("II", kind, total) + body + self.pack("I", trailer))

    def options(self, pairs: Sequence[tuple[int, bytes]]) -> bytes:
        """Options and the end of them; no bytes where there are none."""
        if not pairs:
            return b""
        return b"".join(option(code, value, self.order) for code, value in pairs) + bytes(4)

    def shb(
        self,
        order: Order | None = None,
        *,
        version: tuple[int, int] = (1, 0),
        options: Sequence[tuple[int, bytes]] = (),
    ) -> Self:
        """A section header, from which on `order` is the byte order."""
        self.order = order or self.order
        body = self.pack("IHHq", 0x1A2B3C4D, *version, -1)
        return self.unknown(0x0A0D0D0A, body + self.options(options))

    def idb(
        self,
        linktype: int = ETHERNET,
        snaplen: int = 0,
        *,
        tsresol: int | None = None,
        tsoffset: int | None = None,
        options: Sequence[tuple[int, bytes]] = (),
    ) -> Self:
        """An interface description."""
        pairs = list(options)
        if tsresol is not None:
            pairs.append((9, bytes([tsresol])))
        if tsoffset is not None:
            pairs.append((14, self.pack("q", tsoffset)))
        return self.unknown(1, self.pack("HHI", linktype, 0, snaplen) + self.options(pairs))

    def _timed(
        self,
        kind: int,
        interface: bytes,
        data: bytes,
        tick: int,
        *,
        lengths: tuple[int | None, int | None],
        pairs: list[tuple[int, bytes]],
    ) -> Self:
        caplen = len(data) if lengths[0] is None else lengths[0]
        wirelen = len(data) if lengths[1] is None else lengths[1]
        fixed = interface + self.pack("IIII", tick >> 32, tick & 0xFFFFFFFF, caplen, wirelen)
        return self.unknown(kind, fixed + data + bytes(-len(data) % 4) + self.options(pairs))

    def epb(
        self,
        data: bytes,
        tick: int = 0,
        interface: int = 0,
        *,
        wirelen: int | None = None,
        caplen: int | None = None,
        flags: int | None = None,
        options: Sequence[tuple[int, bytes]] = (),
    ) -> Self:
        """An enhanced packet; `flags` is epb_flags, whose low two bits are the direction (2: outbound)."""
        pairs = [*options, *([] if flags is None else [(2, self.pack("I", flags))])]
        named = self.pack("I", interface)
        return self._timed(6, named, data, tick, lengths=(caplen, wirelen), pairs=pairs)

    def pb(
        self,
        data: bytes,
        tick: int = 0,
        interface: int = 0,
        *,
        wirelen: int | None = None,
        caplen: int | None = None,
        flags: int | None = None,
        drops: int = 0xFFFF,
    ) -> Self:
        """The obsolete packet block; `flags` is pack_flags."""
        pairs = [] if flags is None else [(2, self.pack("I", flags))]
        named = self.pack("HH", interface, drops)
        return self._timed(2, named, data, tick, lengths=(caplen, wirelen), pairs=pairs)

    def spb(self, data: bytes, *, wirelen: int | None = None) -> Self:
        """A simple packet of interface 0; its captured length is not written anywhere."""
        return self.unknown(3, self.pack("I", len(data) if wirelen is None else wirelen) + data)
