"""Hypothesis strategies for whole frames as a collector captures them, with the damage that they pick up."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

import build
from build import Order
from strategies_packets import Draw, ipv4_packets, ipv6_packets, rarely, tags
from strategies_tunnels import segments

ORDERS: st.SearchStrategy[Order] = st.sampled_from(["<", ">"])
LINKTYPES = (1, 1, 1, 276, 276, 113, 0, 108, 101, 12, 14, 228, 229)


class Packet(NamedTuple):
    """A captured frame; `wirelen` may be more than the bytes that are there."""

    data: bytes
    wirelen: int


@st.composite
def linked(draw: Draw, linktype: int, packet: bytes, ethertype: int, index: int | None = None) -> bytes:
    """A packet behind the header of its link type."""
    stack = draw(tags(2))
    packet_type = draw(st.integers(0, 4))
    if linktype == build.ETHERNET:
        return build.eth(packet, ethertype, tags=stack)
    if linktype == build.SLL:
        return build.sll(packet, ethertype, packet_type=packet_type, tags=stack)
    if linktype == build.SLL2:
        index = draw(st.integers(0, 2**32 - 1)) if index is None else index
        return build.sll2(packet, ethertype, packet_type=packet_type, index=index, tags=stack)
    if linktype in (build.NULL, build.LOOP):
        family = 2 if ethertype == build.IPV4 else draw(st.sampled_from([10, 24, 28, 30]))
        return build.null(packet, draw(st.integers(0, 40)) if rarely(draw) else family, order=draw(ORDERS))
    return build.raw(packet)


@st.composite
def tunnels(draw: Draw, linktype: int) -> bytes:
    """A tunnel with all its outer headers, or something so like it that the difference matters."""
    tunnel, segment = draw(segments())
    v6 = linktype == build.RAW_IPV6 or (linktype != build.RAW_IPV4 and draw(st.booleans()))
    proto = draw(st.integers(0, 255)) if rarely(draw, 16) else tunnel
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
