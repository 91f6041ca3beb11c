"""Hypothesis strategies: whole frames and whole captures, mostly right, sometimes wrong in one place.

`build` does the composing. What is drawn here is what a mirror may send, what stands beside it on the wire of
a collector, and the damage that captures pick up: cuts, padding, wrong lengths, changed bytes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

import build
from build import Extension, Order, Pcapng, Tag

Draw = st.DrawFn

TPIDS = (0x8100, 0x88A8, 0x9100)
PORTS = st.one_of(st.sampled_from([0, 53, 80, 443, 4789, 8472, 65535]), st.integers(0, 65535))
TSRESOLS = (None, None, 6, 9, 3, 0, 12, 19, 20, 127, 0x80, 0x94, 0x9E, 0xBF, 0xC0, 0xFF)
ORDERS: st.SearchStrategy[Order] = st.sampled_from(["<", ">"])
LINKTYPES = (1, 1, 1, 276, 276, 113, 0, 108, 101, 12, 14, 228, 229)
YEAR_2100 = 4102444800 * 10**9


class Packet(NamedTuple):
    """A captured frame; `wirelen` may be more than the bytes that are there."""

    data: bytes
    wirelen: int


def rarely(draw: Draw, one_in: int = 8) -> bool:
    """True now and then."""
    return draw(st.integers(0, one_in - 1)) == one_in - 1


def tags(most: int = 3) -> st.SearchStrategy[list[Tag]]:
    """A stack of VLAN tags, empty more often than not."""
    some = st.lists(st.tuples(st.sampled_from(TPIDS), st.integers(0, 0xFFFF)), max_size=most)
    many = st.integers(31, 34).map(lambda count: [(0x8100, count)] * count)  # around the limit of 32
    return st.one_of(st.just([]), some, some, many)


def length_field(draw: Draw, right: int) -> int | None:
    """A length as it goes into a header: computed, 0 for 'to the end', or wrong."""
    how = draw(st.integers(0, 9))
    if how < 7:
        return None
    if how == 7:
        return 0
    nearby = st.integers(-24, 24).map(lambda by: max(right + by, 0))
    return draw(st.one_of(nearby, st.integers(0, 70), st.integers(0, 0xFFFF)))


# ---------------------------------------------------------------- IP


@st.composite
def extension_chains(draw: Draw, fragments: bool = True) -> list[Extension]:
    """Extension headers: none, a few, or about the limit of 16; at most one of them a fragment header."""
    kinds = st.sampled_from([0, 43, 60, 135, 139, 140])
    plain = st.builds(build.ext, kinds, st.sampled_from([8, 16, 24]))
    auth = st.builds(build.ext, st.just(build.AH), st.sampled_from([8, 12, 16, 24]))
    chain = draw(st.one_of(st.just([]), st.lists(st.one_of(plain, plain, auth), max_size=4)))
    if rarely(draw, 12):
        chain = [build.ext(60)] * draw(st.integers(14, 18))
    if fragments and rarely(draw, 3):
        offset = draw(st.sampled_from([0, 0, 0, 1, 185]))
        header = build.ext_fragment(offset, draw(st.booleans()), draw(st.integers(0, 2**32 - 1)))
        chain.insert(draw(st.integers(0, len(chain))), header)
    return chain


@st.composite
def ipv4_packets(draw: Draw, payload: bytes, proto: int, fragments: bool = True) -> bytes:
    """An IPv4 packet around a payload."""
    options = draw(st.one_of(st.just(b""), st.binary(max_size=40)))
    how: dict[str, Any] = {}
    if fragments and rarely(draw, 4):
        how = {"offset": draw(st.sampled_from([0, 0, 1, 185, 8191])), "more": draw(st.booleans())}
    if rarely(draw, 20):
        how["version"] = draw(st.integers(0, 15))
    if rarely(draw, 20):
        how["words"] = draw(st.integers(0, 15))
    return build.ipv4(
        payload,
        proto,
        src=draw(st.one_of(st.just(build.IP_A), st.binary(min_size=4, max_size=4))),
        dst=draw(st.one_of(st.just(build.IP_B), st.binary(min_size=4, max_size=4))),
        options=options,
        total=length_field(draw, 20 + len(options) + len(payload)),
        ident=draw(st.integers(0, 0xFFFF)),
        ttl=draw(st.integers(0, 255)),
        tos=draw(st.integers(0, 255)),
        **how,
    )


@st.composite
def ipv6_packets(draw: Draw, payload: bytes, proto: int, fragments: bool = True) -> bytes:
    """An IPv6 packet around a payload."""
    extensions = draw(extension_chains(fragments))
    return build.ipv6(
        payload,
        proto,
        src=draw(st.one_of(st.just(build.IP6_A), st.binary(min_size=16, max_size=16))),
        dst=draw(st.one_of(st.just(build.IP6_B), st.binary(min_size=16, max_size=16))),
        extensions=extensions,
        length=length_field(draw, len(payload) + sum(len(body) for _, body in extensions)),
        hops=draw(st.integers(0, 255)),
        traffic_class=draw(st.integers(0, 255)),
        flow_label=draw(st.integers(0, 0xFFFFF)),
        version=draw(st.integers(0, 15)) if rarely(draw, 20) else 6,
    )


# ---------------------------------------------------------------- the inner frame


@st.composite
def transports(draw: Draw) -> tuple[int, bytes]:
    """What an inner IP packet carries: its protocol and its bytes."""
    data = draw(st.binary(max_size=40))
    kind = draw(st.sampled_from(["tcp", "tcp", "udp", "udp", "sctp", "icmp", "icmpv6", "other", "short"]))
    sport, dport = draw(PORTS), draw(PORTS)
    if kind == "tcp":
        segment = build.tcp(
            data,
            sport,
            dport,
            seq=draw(st.integers(0, 2**32 - 1)),
            ack=draw(st.integers(0, 2**32 - 1)),
            flags=draw(st.integers(0, 0xFFF)),
            window=draw(st.integers(0, 0xFFFF)),
            options=draw(st.one_of(st.just(b""), st.binary(max_size=40))),
            words=draw(st.integers(0, 15)) if rarely(draw) else None,
        )
        return build.TCP, segment
    if kind == "udp":
        return build.UDP, build.udp(data, sport, dport, length=length_field(draw, 8 + len(data)))
    if kind == "sctp":
        return build.SCTP, build.sctp(data, sport, dport)
    if kind in ("icmp", "icmpv6"):
        proto = build.ICMP if kind == "icmp" else build.ICMPV6
        return proto, build.icmp(data, draw(st.integers(0, 255)), draw(st.integers(0, 255)))
    if kind == "other":
        return draw(st.integers(0, 255)), data
    known = st.sampled_from([build.TCP, build.UDP, build.SCTP, build.ICMP, build.ICMPV6])
    return draw(known), draw(st.binary(max_size=20))


@st.composite
def inner_frames(draw: Draw) -> bytes:
    """An Ethernet frame as a mirror sends it; now and then rubbish."""
    kind = draw(st.sampled_from(["ip4"] * 4 + ["ip6"] * 4 + ["arp", "llc", "unknown", "junk"]))
    if kind == "junk":
        return draw(st.binary(max_size=80))
    ethertype = {"ip4": build.IPV4, "ip6": build.IPV6, "arp": build.ARP}.get(kind, 0)
    if kind == "ip4":
        proto, data = draw(transports())
        payload = draw(ipv4_packets(data, proto))
    elif kind == "ip6":
        proto, data = draw(transports())
        payload = draw(ipv6_packets(data, proto))
    else:
        payload = build.arp() if kind == "arp" else draw(st.binary(max_size=60))
        ethertype = ethertype or draw(st.integers(0, 0x5FF) if kind == "llc" else st.integers(0x600, 0xFFFF))
    frame = build.eth(
        payload,
        ethertype,
        dst=draw(st.binary(min_size=6, max_size=6)),
        src=draw(st.binary(min_size=6, max_size=6)),
        tags=draw(tags()),
    )
    return frame + (draw(st.binary(max_size=24)) if rarely(draw) else b"")


# ---------------------------------------------------------------- the outer headers


@st.composite
def vxlans(draw: Draw, payload: bytes) -> bytes:
    """A VXLAN header: valid, with reserved bits, with a group, without the I flag."""
    vni = draw(st.one_of(st.sampled_from([0, 7, 501, 0xFFFFFF]), st.integers(0, 0xFFFFFF)))
    kind = draw(st.sampled_from(["plain", "plain", "plain", "gbp", "reserved", "any"]))
    if kind == "gbp":
        policy = draw(st.sampled_from([0, 0x08, 0x40, 0x48, 0x01]))
        last = 1 if rarely(draw, 4) else 0
        return build.vxlan(payload, vni, gbp=draw(st.integers(0, 0xFFFF)), policy=policy, last=last)
    if kind == "reserved":
        flags, reserved = 0x08 | draw(st.sampled_from([0, 0x04, 0x10, 0x77])), draw(st.integers(0, 0xFFFFFF))
        return build.vxlan(payload, vni, flags=flags, reserved=reserved, last=draw(st.integers(0, 255)))
    if kind == "any":
        return build.vxlan(payload, vni, flags=draw(st.integers(0, 255)))
    return build.vxlan(payload, vni)


@st.composite
def linked(draw: Draw, linktype: int, packet: bytes, ethertype: int) -> bytes:
    """A packet behind the header of its link type."""
    stack = draw(tags(2))
    packet_type = draw(st.integers(0, 4))
    if linktype == build.ETHERNET:
        return build.eth(packet, ethertype, tags=stack)
    if linktype == build.SLL:
        return build.sll(packet, ethertype, packet_type=packet_type, tags=stack)
    if linktype == build.SLL2:
        index = draw(st.integers(0, 2**32 - 1))
        return build.sll2(packet, ethertype, packet_type=packet_type, index=index, tags=stack)
    if linktype in (build.NULL, build.LOOP):
        family = 2 if ethertype == build.IPV4 else draw(st.sampled_from([10, 24, 28, 30]))
        return build.null(packet, draw(st.integers(0, 40)) if rarely(draw) else family, order=draw(ORDERS))
    return build.raw(packet)


@st.composite
def tunnels(draw: Draw, linktype: int) -> bytes:
    """A VXLAN datagram with all its outer headers, or something so like it that the difference matters."""
    payload = draw(vxlans(draw(inner_frames())))
    if rarely(draw, 12):
        payload = payload[: draw(st.integers(0, 12))]  # a datagram too short for the tunnel
    dport = draw(PORTS) if rarely(draw) else build.VXLAN_PORT
    length = length_field(draw, 8 + len(payload))
    segment = build.udp(payload, draw(PORTS), dport, length=length)
    v6 = linktype == build.RAW_IPV6 or (linktype != build.RAW_IPV4 and draw(st.booleans()))
    proto = draw(st.integers(0, 255)) if rarely(draw, 16) else build.UDP
    around = ipv6_packets if v6 else ipv4_packets
    packet = draw(around(segment, proto, fragments=rarely(draw, 3)))
    return draw(linked(linktype, packet, build.IPV6 if v6 else build.IPV4))


@st.composite
def noise(draw: Draw, linktype: int) -> bytes:
    """What else a collector sees, some of it made to be mistaken for the tunnel."""
    inner = build.udp(build.vxlan(build.eth(build.ipv4(build.tcp(), build.TCP))))
    quote = build.ipv4(inner)
    packets = [
        build.ipv4(build.tcp(b"hello"), build.TCP),
        build.ipv4(build.icmp(quote, 3, 3), build.ICMP),
        build.ipv4(build.udp(inner[8:], 4789, 53)),  # only the source port is the tunnel's
        build.ipv4(build.udp(inner[8:], 50000, 4790)),
        build.ipv4(inner, offset=185),
        build.ipv4(inner[:40], more=True),
        build.ipv4(build.tcp(), build.TCP, offset=1),
        build.ipv6(build.icmp(quote, 1, 4), build.ICMPV6),
        build.ipv6(inner, extensions=[build.ext_fragment(185)]),
        build.ipv6(inner[:40], extensions=[build.ext_fragment(0, True)]),
        build.ipv6(b"", 59),
        build.arp(),
        draw(st.binary(max_size=80)),
    ]
    packet = draw(st.sampled_from(packets))
    ethertype = {4: build.IPV4, 6: build.IPV6}.get(packet[0] >> 4 if packet else 0, build.ARP)
    if linktype not in LINKTYPES:
        return packet
    return draw(linked(linktype, packet, draw(st.integers(0, 0xFFFF)) if rarely(draw) else ethertype))


@st.composite
def packets(draw: Draw, linktype: int = build.ETHERNET, snaplen: int = 0) -> Packet:
    """A captured frame of a link type, perhaps padded, cut, or with a few bytes changed."""
    tunnel = linktype in LINKTYPES and not rarely(draw, 5)
    data = draw(tunnels(linktype) if tunnel else noise(linktype))
    if rarely(draw, 4):
        data += draw(st.one_of(st.binary(max_size=24), st.integers(0, 60).map(bytes)))
    wirelen = len(data)
    if rarely(draw, 6):  # a capture need not say the truth about the wire
        wirelen = draw(st.one_of(st.integers(0, 2 * wirelen), st.sampled_from([0, 2**31, 2**32 - 1])))
    if data and rarely(draw, 6):
        changed = bytearray(data)
        for _ in range(draw(st.integers(1, 4))):
            changed[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
        data = bytes(changed)
    if rarely(draw, 4):
        data = data[: draw(st.integers(0, len(data)))]
    return Packet(data[: snaplen or None], wirelen)


# ---------------------------------------------------------------- captures


def times() -> st.SearchStrategy[int]:
    """Nanoseconds since 1970, until classic captures end in 2106."""
    return st.one_of(st.just(1_700_000_000_123_456_789), st.integers(0, YEAR_2100))


def linktypes() -> st.SearchStrategy[int]:
    """A link type, sometimes one that nobody knows."""
    return st.sampled_from(LINKTYPES * 2 + (105, 147))


def ended(draw: Draw, data: bytes) -> bytes:
    """A file, sometimes cut: the collector is still writing, or its disk is full."""
    return data[: draw(st.integers(0, len(data)))] if rarely(draw, 6) else data


@st.composite
def classic_captures(draw: Draw, most: int = 6) -> bytes:
    """A classic capture of any variant that libpcap reads."""
    linktype = draw(linktypes())
    records = [(draw(times()), *draw(packets(linktype))) for _ in range(draw(st.integers(0, most)))]
    version = draw(st.sampled_from([(2, 4)] * 12 + [(2, 3), (2, 3), (2, 2), (543, 0), (2, 5), (3, 0)]))
    magic = draw(st.sampled_from([build.MICRO, build.MICRO, build.NANO, build.KUZNETZOV]))
    upper = draw(st.sampled_from([0, 0, 0, 0x24000000]))  # where the file says something of the FCS
    swap = draw(st.booleans()) if version == (2, 3) else None
    data = build.pcap(records, linktype | upper, draw(ORDERS), magic, version=version, swap=swap)
    return ended(draw, data)


class Interfaces:
    """The interfaces of a section, as the writer of its packets has to know them."""

    def __init__(self) -> None:
        """None yet."""
        self.linktypes: list[int] = []
        self.snaplens: list[int] = []


def interface_block(draw: Draw, file: Pcapng, known: Interfaces) -> None:
    """Declare an interface."""
    linktype = draw(linktypes())
    snaplen = draw(st.sampled_from([0, 0, 65535, 96, 60]))
    tsresol = draw(st.sampled_from(TSRESOLS))
    tsoffset = draw(st.sampled_from([None, None, None, 0, 3600, -3600, 2**40, -(2**63), 2**63 - 1]))
    file.idb(linktype, snaplen, tsresol=tsresol, tsoffset=tsoffset, options=[(2, b"eth0")])
    known.linktypes.append(linktype)
    known.snaplens.append(snaplen)


def packet_block(draw: Draw, file: Pcapng, known: Interfaces) -> None:
    """Write a packet block, sometimes of an interface that is not there or with a length that can not be."""
    kind = draw(st.sampled_from(["epb", "epb", "epb", "spb", "pb"]))
    last = len(known.linktypes) - 1
    number = 0 if kind == "spb" else draw(st.integers(0, max(last, 0)))
    if kind != "spb" and rarely(draw, 12):
        number = draw(st.integers(0, 0xFFFF))
    linktype = known.linktypes[number] if number <= last else build.ETHERNET
    snaplen = known.snaplens[number] if number <= last else 0
    data, wirelen = draw(packets(linktype, snaplen))
    if kind == "spb":
        # Nothing but the length on the wire says how much of the block is data.
        file.spb(data, wirelen=wirelen if rarely(draw, 4) else max(len(data), min(wirelen, 0xFFFF)))
        return
    tick = draw(st.integers(0, 2**64 - 1) if rarely(draw, 6) else st.integers(0, 2**51))
    how: dict[str, Any] = {
        "wirelen": wirelen,
        "caplen": draw(st.integers(0, len(data) + 40)) if rarely(draw, 16) else None,
        "flags": draw(st.one_of(st.none(), st.integers(0, 3), st.integers(0, 2**32 - 1))),
    }
    (file.epb if kind == "epb" else file.pb)(data, tick, number, **how)


@st.composite
def pcapng_captures(draw: Draw, most: int = 10) -> bytes:
    """A pcapng file of a few sections in differing byte orders, perhaps with damaged framing."""
    file, known = Pcapng(draw(ORDERS)), Interfaces()
    if not rarely(draw, 10):
        interface_block(draw, file, known)
    steps = st.sampled_from(["packet"] * 8 + ["interface", "interface", "section", "unknown", "unknown"])
    for step in draw(st.lists(steps, max_size=most)):
        if step == "packet":
            packet_block(draw, file, known)
        elif step == "interface":
            interface_block(draw, file, known)
        elif step == "section":
            file.shb(draw(ORDERS), options=[(4, b"a test")] if draw(st.booleans()) else ())
            known = Interfaces()
            if not rarely(draw, 6):
                interface_block(draw, file, known)
        else:
            file.unknown(draw(st.sampled_from([4, 5, 10, 0xBAD, 0x80000001])), draw(st.binary(max_size=20)))
    if rarely(draw, 10):
        damage(draw, file)
    return ended(draw, bytes(file))


def damage(draw: Draw, file: Pcapng) -> None:
    """End a file in a way that no reader can go on from."""
    total = draw(st.sampled_from([0, 8, 11, 13, 12, 16, 20, 24, 28, 32, 0x1000004, 0xFFFFFFFC]))
    kind = draw(st.sampled_from([1, 2, 3, 6, 0x0A0D0D0A, 4]))
    ending = draw(st.sampled_from(["length", "trailer", "version", "junk"]))
    if ending == "length":
        file.unknown(kind, draw(st.binary(max_size=32)), total=total)
    elif ending == "trailer":
        file.unknown(4, bytes(8), trailer=total)
    elif ending == "version":
        file.shb(version=(draw(st.sampled_from([0, 2])), 0))
    else:
        file.junk(draw(st.binary(max_size=40)))
    file.unknown(4)


def captures() -> st.SearchStrategy[bytes]:
    """A whole capture file of any kind."""
    return st.one_of(classic_captures(), pcapng_captures())
