"""Hypothesis strategies for traffic that hangs together: fragments of datagrams, and packets seen on two interfaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import strategies as st

import build
from build import Pcapng
from build_fragments import fragment, fragments, parts
from strategies_frames import ORDERS, linked
from strategies_packets import Draw, rarely
from strategies_tunnels import segments

MICROSECOND, MILLISECOND, SECOND = 10**3, 10**6, 10**9
START = 1_700_000_000 * SECOND
SMALL_STEPS = (0, 0, 1000, 500_000, MILLISECOND, MILLISECOND + 1000, SECOND)
LARGE_STEPS = (29 * SECOND, 30 * SECOND, 30 * SECOND + 1000, 31 * SECOND, -SECOND)
DELAYS = (0, 0, 1000, MILLISECOND - 1000, MILLISECOND, MILLISECOND + 1000, -1000)
SIZES = st.lists(st.sampled_from([8, 8, 16, 24, 40, 64, 128]), min_size=1, max_size=4)
IDENTS = st.sampled_from([1, 2, 3, 4, 5, 0xFFFF])
MOST_INTERFACES = 3


class Sight(NamedTuple):
    """An IP packet as it was on one interface; `cut` is how much of its end was not captured."""

    packet: bytes
    ts: int
    interface: int
    cut: int = 0


# ---------------------------------------------------------------- fragments


@st.composite
def datagrams(draw: Draw) -> bytes:
    """An IP packet that can be cut, of few addresses, so that now and then two have the same number."""
    proto, data = draw(segments(1))
    if rarely(draw, 8):
        proto, data = build.TCP, build.tcp(bytes(40))
    swap = rarely(draw, 4)
    if draw(st.booleans()):
        ends = (build.IP_B, build.IP_A) if swap else (build.IP_A, build.IP_B)
        return build.ipv4(data, proto, src=ends[0], dst=ends[1], options=bytes(4 * rarely(draw, 4)))
    chain = [build.ext(kind, draw(st.sampled_from([8, 24]))) for kind in draw(st.sampled_from([(), (), (0,), (60,)]))]
    chain += [build.ext_fragment()] if rarely(draw, 16) else []
    ends = (build.IP6_B, build.IP6_A) if swap else (build.IP6_A, build.IP6_B)
    return build.ipv6(data, proto, src=ends[0], dst=ends[1], extensions=chain)


@st.composite
def pieces(draw: Draw) -> list[bytes]:
    """A datagram whole, in fragments, or in fragments with which something is wrong."""
    packet = draw(datagrams())
    if rarely(draw, 5):
        return [packet]
    ident = draw(IDENTS)
    found = fragments(packet, draw(SIZES), ident=ident)
    if draw(st.booleans()):
        found = draw(st.permutations(found))
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
        found = draw(harmed(packet, found, ident))
    return list(found)


@st.composite
def harmed(draw: Draw, packet: bytes, found: Sequence[bytes], ident: int) -> list[bytes]:
    """The same fragments, one of them missing, twice, or joined by one that does not fit."""
    there = list(found)
    if not there:
        return there
    number, place = draw(st.integers(0, len(there) - 1)), draw(st.integers(0, len(there)))
    how = draw(st.sampled_from(["missing", "missing", "again", "again", "changed", "stranger"]))
    if how == "missing":
        del there[number]
    elif how == "again":
        there.insert(place, there[number])
    elif how == "changed":
        there.insert(place, changed(draw, there[number]))
    else:
        there.insert(place, stranger(draw, packet, ident))
    return there


def changed(draw: Draw, packet: bytes) -> bytes:
    """One byte of a packet is another one; mostly of its data, which is behind its header."""
    room = bytearray(packet)
    first = 0 if rarely(draw, 4) else min(len(room) - 1, 48 if room[0] >> 4 == 6 else 20)
    room[draw(st.integers(first, len(room) - 1))] ^= draw(st.sampled_from([1, 0x20, 0xFF]))
    return bytes(room)


def stranger(draw: Draw, packet: bytes, ident: int) -> bytes:
    """A fragment of the datagram that nobody asked for: across others, empty, uneven, beyond the end."""
    head, proto, data = parts(packet)
    start = 8 * draw(st.one_of(st.integers(0, len(data) // 8 + 1), st.just(8191)))
    size = draw(st.one_of(st.sampled_from([0, 8, 8, 16, 64]), st.integers(0, 80)))
    body = data[start : start + size].ljust(size, b"?") if start <= len(data) else bytes(size)
    return fragment(head, proto, body, start, more=draw(st.booleans()), ident=ident)


# ---------------------------------------------------------------- sights


@st.composite
def sights(draw: Draw) -> list[Sight]:
    """A few datagrams one after the other or interleaved, over time, on interfaces that may see the same."""
    lists = draw(st.lists(pieces(), min_size=1, max_size=3))
    packets = [packet for each in lists for packet in each]
    if draw(st.booleans()):
        packets = draw(st.permutations(packets))
    interfaces, twice = draw(st.integers(1, MOST_INTERFACES)), draw(st.booleans())
    slow, found, ts = rarely(draw, 3), [], START
    for packet in packets:
        ts += draw(st.sampled_from(SMALL_STEPS + LARGE_STEPS if slow else SMALL_STEPS))
        cut = draw(st.integers(0, 60)) if rarely(draw, 10) else 0
        one = Sight(packet, ts, draw(st.integers(0, interfaces - 1)), cut)
        found.append(one)
        if twice:
            found += draw(st.lists(copies(one), max_size=3))
    return draw(st.permutations(found)) if rarely(draw, 8) else found


@st.composite
def copies(draw: Draw, one: Sight) -> Sight:
    """A packet once more: soon or a little too late, on another interface or the same, now and then changed."""
    packet = changed(draw, one.packet) if rarely(draw, 8) else one.packet
    cut = draw(st.integers(0, 30)) if rarely(draw, 12) else one.cut
    interface = draw(st.integers(0, MOST_INTERFACES - 1))
    return Sight(packet, one.ts + draw(st.sampled_from(DELAYS)), interface, cut)


# ---------------------------------------------------------------- captures


@st.composite
def frame_of(draw: Draw, sight: Sight, linktype: int) -> tuple[bytes, int]:
    """A sight as it stands in a capture: its bytes and its length on the wire."""
    ethertype = build.IPV6 if sight.packet[0] >> 4 == 6 else build.IPV4
    data = draw(linked(linktype, sight.packet, ethertype, 2 + sight.interface))
    padded = data + bytes(draw(st.integers(0, 9))) if rarely(draw, 6) else data
    return padded[: len(data) - sight.cut] if sight.cut else padded, len(padded)


@st.composite
def classic_traffic(draw: Draw) -> bytes:
    """One classic capture, most of the time of the link type that tells interfaces apart."""
    linktype = draw(st.sampled_from([build.SLL2] * 5 + [build.ETHERNET, build.SLL, build.RAW]))
    records = [(sight.ts, *draw(frame_of(sight, linktype))) for sight in draw(sights())]
    return build.pcap(records, linktype, draw(ORDERS), draw(st.sampled_from([build.MICRO, build.NANO])))


@st.composite
def pcapng_traffic(draw: Draw) -> bytes:
    """One pcapng file with an interface for each of the machine's, the last of which may come late."""
    file = Pcapng(draw(ORDERS))
    linktypes = [draw(st.sampled_from([1, 1, build.SLL2, build.RAW])) for _ in range(MOST_INTERFACES)]
    resolutions = [draw(st.sampled_from([None, None, 9])) for _ in range(MOST_INTERFACES)]
    early, alone = draw(st.sampled_from([3, 3, 3, 2, 1])), rarely(draw, 4)

    def declare(number: int) -> None:
        file.idb(linktypes[number], tsresol=resolutions[number], options=[(2, b"eth%d" % number)])

    declared = 0
    while declared < early and not (alone and declared):
        declare(declared)
        declared += 1
    for sight in draw(sights()):
        number = 0 if alone else sight.interface
        while declared <= number:
            declare(declared)
            declared += 1
        data, wirelen = draw(frame_of(sight, linktypes[number]))
        if number == 0 and rarely(draw, 16):
            file.spb(data, wirelen=wirelen)
            continue
        tick = build.ticks(sight.ts, resolutions[number] or 6)
        file.epb(data, tick, number, wirelen=wirelen, flags=draw(st.sampled_from([None, None, 1, 2])))
        if rarely(draw, 24):
            file.shb(draw(ORDERS))  # with the same interfaces, which count as others
            for number in range(declared):
                declare(number)
    return bytes(file)


def traffic_captures() -> st.SearchStrategy[bytes]:
    """A capture of traffic that hangs together."""
    return st.one_of(classic_traffic(), pcapng_traffic())
