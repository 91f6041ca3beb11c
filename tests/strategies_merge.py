"""Hypothesis strategies for the sources of a merge: captures of a few seconds by several collectors of few packets.

Times are few, so that many are equal; packets are few, so that many are seen twice; the order is a little wrong.
"""

from __future__ import annotations

import random
from typing import Any, NamedTuple

from hypothesis import strategies as st

import build
from build import ETHERNET, IPV6, MICRO, NANO, SLL2, TCP, eth, ipv4, ipv6, tcp, udp, vxlan
from collectors import MS, START, US, routed
from strategies_packets import Draw, rarely

OUTERS = [bytes([192, 0, 2, last]) for last in (1, 2, 3)]
TICKS = (0, 1, 999, US, 10 * US, 700 * US, MS, 2 * MS - 1, 2 * MS, 2 * MS + 1, 2 * MS + US, 5 * MS)
PACKETS = [
    ipv4(tcp(b"data" * 10, seq=1), TCP),
    ipv4(tcp(b"data" * 10, seq=1), TCP, ident=9),
    ipv4(tcp(b"dataX" * 8, seq=1), TCP),
    ipv4(tcp(b"data" * 9 + b"last", seq=1), TCP),
    ipv4(tcp(b"", seq=1, flags=2, options=b"\2\4\5\xb4"), TCP),
    ipv4(udp(b"question", 1000, 53)),
    ipv4(build.icmp(b"ping" * 10), build.ICMP),
    ipv4(build.sctp(b"chunk"), build.SCTP),
    ipv4(b"", 59),
    ipv4(udp(b"first" * 8, 1, 2, length=900), ident=5, more=True),
    ipv4(b"later" * 8, ident=5, offset=6),
    ipv6(udp(b"question", 1000, 53)),
    ipv6(tcp(b"data" * 10, seq=1), TCP),
    ipv6(udp(b"x" * 30, 1, 2), extensions=[build.ext(build.HOP_BY_HOP)]),
    build.arp(),
    build.arp(build.IP_B, build.IP_A),
]
FULL = 262144


class Case(NamedTuple):
    """A source: its files (more than one for a rotated set), and the same as one file for the oracle."""

    files: list[bytes]
    whole: bytes


class Frame(NamedTuple):
    """A frame as it is to be recorded; without a time only in pcapng."""

    ts: int | None
    data: bytes
    wirelen: int


@st.composite
def mirrored(draw: Draw) -> tuple[bytes, int]:
    """An Ethernet frame, and how much of it was captured."""
    packet = draw(st.sampled_from(PACKETS))
    ethertype = {4: build.IPV4, 6: IPV6}.get(packet[0] >> 4, build.ARP)
    if rarely(draw, 16):
        return eth(packet, ethertype), FULL  # in no tunnel
    hop = ethertype != build.ARP and draw(st.booleans())
    tags = [(0x8100, 5)] if ethertype != build.ARP and rarely(draw, 8) else []
    inner = eth(routed(packet) if hop else packet, ethertype, src=bytes(5) + bytes([hop]), tags=tags)
    outer = ipv4(udp(vxlan(inner, draw(st.sampled_from([7, 7, 8])))), src=draw(st.sampled_from(OUTERS)))
    # All headers are there: what is known of half a header is another story.
    headers = 56 + 14 + 4 + 40 + 8 + 24
    return eth(outer), draw(st.sampled_from([FULL, FULL, FULL, headers, headers + 5]))


@st.composite
def frames(draw: Draw, linktype: int, *, timeless: bool, disorder: int) -> list[Frame]:
    """Frames about in the order of their times."""
    found: list[tuple[int, Frame]] = []
    now = START
    for _ in range(draw(st.integers(0, 12))):
        now += draw(st.sampled_from(TICKS))
        outer, snaplen = draw(mirrored())
        data = outer if linktype == ETHERNET else build.sll2(outer[14:])
        ts = now
        place = ts + draw(st.integers(0, disorder))
        found.append((place, Frame(ts, data[:snaplen], len(data))))
    ordered = [frame for _, frame in sorted(found, key=lambda pair: pair[0])]
    if not timeless:
        return ordered
    # The first one has a time, and so has each behind what is in no tunnel: what is not written holds no place.
    sure = [at > 0 and is_mirrored(ordered[at - 1]) and rarely(draw, 4) for at in range(len(ordered))]
    return [Frame(None, *frame[1:]) if none else frame for frame, none in zip(ordered, sure, strict=True)]


def is_mirrored(frame: Frame) -> bool:
    """Whether it is in a tunnel, which is in an IPv4 packet of UDP from one of those that are tapped."""
    return any(outer in frame.data[:50] for outer in OUTERS)


def classic(records: list[Frame], linktype: int, *, nano: bool) -> bytes:
    """One file."""
    rows: list[build.Record] = [(ts, data, wirelen) for ts, data, wirelen in records if ts is not None]
    return build.pcap(rows, linktype, magic=NANO if nano else MICRO)


def blocks(records: list[Frame], linktype: int, *, nano: bool) -> bytes:
    """One pcapng file; a frame without a time is of its first interface."""
    tsresol = 9 if nano else 6
    file = build.Pcapng().idb(linktype, tsresol=tsresol)
    for ts, data, wirelen in records:
        if ts is None:
            file.spb(data, wirelen=len(data))  # nothing else tells how much of the block is data
        else:
            file.epb(data, build.ticks(ts, tsresol), wirelen=wirelen)
    return bytes(file)


@st.composite
def cases(draw: Draw, *, disorder: int = 3 * MS, timeless: bool = True) -> Case:
    """One source of any kind."""
    linktype, nano = draw(st.sampled_from([ETHERNET, SLL2])), draw(st.booleans())
    pcapng = draw(st.booleans())
    found = draw(frames(linktype, timeless=timeless and pcapng, disorder=disorder))
    write = blocks if pcapng else classic
    whole = write(found, linktype, nano=nano)
    if pcapng or not rarely(draw, 3):
        return Case([whole], whole)
    return Case([write(part, linktype, nano=nano) for part in parts(draw, found, 1 if nano else US)], whole)


def parts(draw: Draw, found: list[Frame], tick: int) -> list[list[Frame]]:
    """Cut where the files of a rotated set are in order: each begins later than all before it."""
    cuts = [0]
    for at in range(1, len(found)):
        first, before = found[at].ts, found[cuts[-1]].ts
        assert first is not None
        assert before is not None
        if first // tick > before // tick and rarely(draw, 3):
            cuts.append(at)
    return [found[start:end] for start, end in zip(cuts, [*cuts[1:], len(found)], strict=True)]


def many(rng: random.Random, count: int = 800, span: int = 40 * MS) -> bytes:
    """A capture of many sights of few packets, in order."""
    found = []
    for _ in range(count):
        packet, ts = rng.choice(PACKETS[:-2]), START + rng.randrange(span)
        inner = eth(packet, build.IPV4 if packet[0] >> 4 == 4 else IPV6)
        outer = eth(ipv4(udp(vxlan(inner, rng.choice([7, 8]))), src=rng.choice(OUTERS)))
        found.append(Frame(ts, outer, len(outer)))
    return classic(sorted(found), ETHERNET, nano=True)


def merges(most: int = 6, **how: Any) -> st.SearchStrategy[list[Case]]:
    """The sources of a merge."""
    return st.lists(cases(**how), min_size=1, max_size=most)
