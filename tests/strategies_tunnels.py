"""Hypothesis strategies for tunnel headers and what they carry, tunnels in tunnels among it, and for options."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

import build
import build_tunnels
from build_tunnels import BRIDGED, GENEVE_PORT, GPE_PORT, GRE
from strategies_packets import PORTS, Draw, inner_frames, ipv4_packets, ipv6_packets, length_field, rarely, transports

VNIS = st.one_of(st.sampled_from([0, 7, 501, 0xFFFFFF]), st.integers(0, 0xFFFFFF))
TUNNELS = ("vxlan", "vxlan-gpe", "geneve", "gre", "nvgre", "erspan")
# As they are drawn: VXLAN is what is looked for by default, so half of all are.
DRAWN = ("vxlan",) * 4 + TUNNELS[1:]
PLAIN = ("none",)
OWN_PORT = 47101
Carried = tuple[bytes, int]  # a frame and what it is: BRIDGED for Ethernet, else an ethertype


def options() -> st.SearchStrategy[dict[str, Any]]:
    """Options of decoding that decide what a frame is taken for."""
    names = st.lists(st.sampled_from([*TUNNELS, *TUNNELS, f"geneve:{OWN_PORT}"]), min_size=1, unique=True)
    usual = st.one_of(st.just(TUNNELS), st.just(TUNNELS), names.map(tuple))
    asked = {
        "tunnels": st.integers(0, 15).flatmap(lambda n: usual if n != 11 else st.just(PLAIN))
    }  # 0 is drawn more often
    some = {
        "depth": st.integers(2, 4),
        "once": st.just(False),
        "partial": st.just(True),
        "fragment_timeout": st.sampled_from([1, 2, 31, 3600]),
    }
    return st.fixed_dictionaries(asked, optional=some)


@st.composite
def carried(draw: Draw, levels: int) -> Carried:
    """The frame in a tunnel: Ethernet or bare IP, in which another tunnel may be."""
    if levels and draw(st.booleans()):
        proto, data = draw(segments(levels - 1))
    elif not rarely(draw, 4):
        return draw(inner_frames()), BRIDGED
    else:
        proto, data = draw(transports())
    v6 = draw(st.booleans())
    packet = draw((ipv6_packets if v6 else ipv4_packets)(data, proto, rarely(draw, 3)))
    kind = build.IPV6 if v6 else build.IPV4
    return (packet, kind) if rarely(draw, 3) else (build.eth(packet, kind), BRIDGED)


@st.composite
def vxlans(draw: Draw, payload: bytes) -> bytes:
    """A VXLAN header: valid, with reserved bits, with a group, without the I flag."""
    vni = draw(st.one_of(st.sampled_from([0, 7, 501, 0xFFFFFF]), st.integers(0, 0xFFFFFF)))
    kind = draw(st.sampled_from(["plain", "plain", "plain", "gbp", "reserved", "any", "none"]))
    if kind == "gbp":
        policy = draw(st.sampled_from([0, 0x08, 0x40, 0x48, 0x01]))
        last = 1 if rarely(draw, 4) else 0
        return build.vxlan(payload, vni, gbp=draw(st.integers(0, 0xFFFF)), policy=policy, last=last)
    if kind == "reserved":
        flags, reserved = 0x08 | draw(st.sampled_from([0, 0x04, 0x10, 0x77])), draw(st.integers(0, 0xFFFFFF))
        return build.vxlan(payload, vni, flags=flags, reserved=reserved, last=draw(st.integers(0, 255)))
    if kind == "any":
        return build.vxlan(payload, vni, flags=draw(st.integers(0, 255)))
    if kind == "none":
        return build.vxlan(payload, vni, flags=draw(st.sampled_from([0, 0x04, 0x80, 0xF7])))
    return build.vxlan(payload, vni)


@st.composite
def gpes(draw: Draw, frame: Carried) -> bytes:
    """VXLAN-GPE, with NSH headers between, or bits that have no meaning."""
    payload, kind = frame
    following: int | None = {build.IPV4: build_tunnels.IN_IPV4, build.IPV6: build_tunnels.IN_IPV6}.get(kind, 3)
    how: dict[str, Any] = {}
    if rarely(draw, 3):
        for _ in range(draw(st.integers(1, 5))):
            context = bytes(4 * draw(st.sampled_from([0, 1, 4])))
            words = draw(st.integers(0, 63)) if rarely(draw, 12) else None
            payload, following = build_tunnels.nsh(payload, following or 3, context=context, words=words), 4
    if rarely(draw, 6):
        following = draw(st.one_of(st.none(), st.integers(0, 255)))
    if rarely(draw, 4):
        how["flags"] = draw(st.one_of(st.sampled_from([0x09, 0x0A, 0x48, 0x88]), st.integers(0, 255)))
    if rarely(draw, 4):
        how["reserved"] = draw(st.integers(0, 0xFFFFFF))
    return build_tunnels.gpe(payload, draw(VNIS), next=following, **how)


@st.composite
def geneves(draw: Draw, frame: Carried) -> bytes:
    """Geneve with options, whose length may be a lie."""
    payload, kind = frame
    sizes = draw(st.lists(st.sampled_from([0, 4, 8, 20]), max_size=3))
    how: dict[str, Any] = {"options": b"".join(build_tunnels.geneve_option(bytes(size)) for size in sizes)}
    if rarely(draw, 6):
        how["first"] = draw(st.sampled_from([0x01, 0x3F, 0x40, 0x80]))
    if rarely(draw, 3):
        how |= {"second": draw(st.sampled_from([0x80, 0x40, 0x01, 0xFF])), "last": draw(st.sampled_from([0, 0, 9]))}
    protocol = draw(st.sampled_from([0, 0x0806, 0x894F, 0xFFFF])) if rarely(draw, 8) else kind
    return build_tunnels.geneve(payload, draw(VNIS), protocol=protocol, **how)


@st.composite
def gres(draw: Draw, kind: str, frame: Carried) -> bytes:
    """GRE of any kind, sometimes with bits that make it another one."""
    payload, protocol = frame
    bits = draw(st.sampled_from([0x0800, 0x0010, 0x0001, 0x4000, 0x1000, 0x2000, 0x8000])) if rarely(draw, 5) else 0
    if kind == "nvgre":
        return build_tunnels.nvgre(payload, draw(VNIS), flow=draw(st.integers(0, 255)), bits=bits)
    if kind == "erspan":
        which, session = draw(st.integers(1, 3)), draw(st.integers(0, 0x3FF))
        cut, subheader = rarely(draw, 3), draw(st.booleans())
        return build_tunnels.erspan(payload, session, kind=which, cut=cut, subheader=subheader, bits=bits)
    word = st.one_of(st.none(), st.sampled_from([0, 7]), st.integers(0, 2**32 - 1))
    protocol = draw(st.sampled_from([0x88BE, 0x22EB, 0x0806, 0x880B])) if rarely(draw, 6) else protocol
    return build_tunnels.gre(payload, protocol, key=draw(word), sequence=draw(word), checksum=draw(word), bits=bits)


@st.composite
def segments(draw: Draw, levels: int = 2) -> tuple[int, bytes]:
    """What an IP packet carries that is a tunnel's: its protocol and its bytes."""
    kind = draw(st.sampled_from(DRAWN))
    # What has no Ethernet header goes only where a header can say so.
    raw = draw(carried(levels))
    frame = raw if raw[1] == BRIDGED or kind in ("vxlan-gpe", "geneve", "gre") else (build.eth(*raw), BRIDGED)
    if kind in ("gre", "nvgre", "erspan"):
        payload, port = draw(gres(kind, frame)), 0
    elif kind == "vxlan-gpe":
        payload, port = draw(gpes(frame)), GPE_PORT
    elif kind == "geneve":
        payload, port = draw(geneves(frame)), draw(st.sampled_from([GENEVE_PORT, GENEVE_PORT, OWN_PORT]))
    else:
        payload, port = draw(vxlans(frame[0])), build.VXLAN_PORT
    if rarely(draw, 12):
        payload = payload[: draw(st.integers(0, 28))]  # too short for the tunnel
    if not port:
        return GRE, payload
    dport = draw(PORTS) if rarely(draw) else port
    return build.UDP, build.udp(payload, draw(PORTS), dport, length=length_field(draw, 8 + len(payload)))
