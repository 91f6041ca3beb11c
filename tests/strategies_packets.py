"""Hypothesis strategies for IP packets and inner frames, mostly right, sometimes wrong in one place."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

import build
from build import Extension, Tag

Draw = st.DrawFn

TPIDS = (0x8100, 0x88A8, 0x9100)
PORTS = st.one_of(st.sampled_from([0, 53, 80, 443, 4789, 8472, 65535]), st.integers(0, 65535))


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
