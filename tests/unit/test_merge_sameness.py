"""Which two frames are sights of one packet, and which are not: windows, vantage points, snaplens, protocols."""

from __future__ import annotations

from typing import Any

import pytest

import build
import vxtap
from build import ARP, ICMP, IPV6, TCP, eth, ipv4, ipv6, tcp, udp, vxlan
from build_fragments import fragments
from collectors import MS, US
from merged import assert_sums, merge
from unit.test_merge_duplicates import OUTER_A, OUTER_B, PACKET, kept, seen, sight

OUTER_C = bytes([192, 0, 2, 3])


def written(sources: list[bytes], dedup: str = "2ms", **how: Any) -> list[int]:
    """Nanoseconds after the first frame at which what was kept was seen."""
    done = merge(sources, dedup=dedup, **how)
    assert done.error is None
    assert_sums(done.report, len(sources))
    times = done.times
    return [ts - times[0] for ts in times]


# ---------------------------------------------------------------- windows


@pytest.mark.parametrize(("dedup", "within"), [("2ms", 2 * MS), ("1us", US), ("1ns", 1), ("0.5s", 500 * MS)])
def test_the_window_ends_with_its_last_nanosecond(dedup: str, within: int) -> None:
    assert kept(PACKET, PACKET, after=0, dedup=dedup) == 1
    assert kept(PACKET, PACKET, after=within, dedup=dedup) == 1
    assert kept(PACKET, PACKET, after=within + 1, dedup=dedup) == 2


def test_a_window_of_nothing() -> None:
    with pytest.raises(vxtap.OptionError, match=r"^dedup: "):
        vxtap.merge([seen((0, sight(PACKET)))], dedup="0ms")


def test_the_window_counts_from_the_first_sight() -> None:
    """Not from the last: sights that follow each other closely for ever are not all the same packet."""
    sources = [seen((i * 1500 * US, sight(PACKET, bytes([192, 0, 2, i])))) for i in range(6)]
    assert written(sources) == [0, 3000 * US, 6000 * US]


# ---------------------------------------------------------------- vantage points


def test_a_vantage_point_never_duplicates_itself() -> None:
    """However often, and also where it goes on in another file of its rotated set."""
    many = [seen(*((i * 10 * US, sight(PACKET)) for i in range(100)))]
    assert merge(many, dedup="1s").report.duplicates == 0
    rotated: Any = [[seen((0, sight(PACKET))), seen((10, sight(PACKET)))]]
    assert merge(rotated, dedup="1s").report.written == 2


def test_what_makes_a_vantage_point() -> None:
    """The tunnel's source, the VNI, the source of the merge; not the destination or the port."""
    first = (0, sight(PACKET))
    assert written([seen(first), seen((9, sight(PACKET)))]) == [0]
    assert written([seen(first, (9, sight(PACKET, OUTER_B)))]) == [0]
    assert written([seen(first, (9, sight(PACKET, OUTER_A, 8)))]) == [0]
    elsewhere = eth(ipv4(udp(vxlan(PACKET), sport=9), src=OUTER_A, dst=OUTER_C))
    assert written([seen(first, (9, elsewhere))]) == [0, 9]


def test_each_sight_answers_once() -> None:
    """Two sights here and three there are three packets, in whatever order they come."""
    here, there = [sight(PACKET)] * 2, [sight(PACKET, OUTER_B)] * 3
    assert len(written([seen(*enumerate([*here, *there]))])) == 3
    assert len(written([seen(*enumerate([*there, *here]))])) == 3
    assert len(written([seen(*enumerate([there[0], here[0], there[1], there[2], here[1]]))])) == 3
    three = [sight(PACKET, OUTER_C)] * 4
    assert len(written([seen(*enumerate([*here, *there, *three]))])) == 4


def test_the_earliest_packet_is_answered_first() -> None:
    """Then the delays that are told are the real ones."""
    done = merge(
        [seen((0, sight(PACKET)), (100, sight(PACKET))), seen((7, sight(PACKET)), (109, sight(PACKET)))], dedup="2ms"
    )
    (pair,) = done.report.pairs
    assert (pair.first.source, pair.second.source, pair.count) == (0, 1, 2)
    assert (pair.first.outer_src, pair.first.vni) == ("192.0.2.1", 7)
    assert (pair.delay.min, pair.delay.max) == (7, 9)


def test_a_hundred_vantage_points() -> None:
    sources = [seen((i, sight(PACKET, bytes([192, 0, 3, i])))) for i in range(100)]
    done = merge(sources, dedup="2ms")
    assert (done.report.written, done.report.duplicates, len(done.report.pairs)) == (1, 99, 99)
    one = seen(*((i, sight(PACKET, bytes([192, 0, 3, i % 100]))) for i in range(300)))
    done = merge([one], dedup="2ms")
    assert (done.report.written, done.report.duplicates) == (3, 297)


# ---------------------------------------------------------------- snaplens


def large(last: int, first: int = 0) -> bytes:
    return eth(ipv4(tcp(bytes([first]) + bytes(800) + bytes([last])), TCP))


def test_bytes_are_compared_as_far_as_both_were_captured() -> None:
    one = seen((0, sight(large(1))))
    for snaplen, differs, count in (
        (300, large(2), 1),  # nobody can know
        (300, large(1, 9), 2),
        (len(sight(large(1))), large(2), 2),
        (104, large(1, 9), 1),  # up to the end of the header, and no further
        (105, large(1, 9), 2),
    ):
        other = seen((9, sight(differs, OUTER_B)), snaplen=snaplen)
        assert len(written([one, other])) == count
    short = seen((0, sight(large(2))), snaplen=300)
    assert len(written([short, seen((9, sight(large(1), OUTER_B)))])) == 1


def test_a_cut_packet_of_another_length() -> None:
    """How long it was on the wire counts, even where that was not captured."""
    other = eth(ipv4(tcp(bytes(803)), TCP))
    sources = [seen((0, sight(large(0))), snaplen=300), seen((9, sight(other, OUTER_B)), snaplen=300)]
    assert len(written(sources)) == 2


# ---------------------------------------------------------------- protocols


def test_fragments_of_inner_packets() -> None:
    """The pieces of a datagram are packets of their own, even where one is like the other but for its place."""
    whole = ipv4(udp(bytes(96), 1, 2), ident=9)
    pieces = [eth(piece) for piece in fragments(whole, [32, 32, 32], ident=9)]
    here = seen(*((i, sight(piece)) for i, piece in enumerate(pieces)))
    there = seen(*((i + 50, sight(piece, OUTER_B)) for i, piece in enumerate(pieces)))
    assert len(written([here, there])) == len(pieces)
    assert kept(pieces[1], pieces[2]) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (eth(build.arp(), ARP), eth(build.arp(build.IP_B), ARP)),
        (eth(build.arp(), ARP), eth(build.arp(), 0x88B5)),
        (eth(b"\x01\x02", 0x88CC), eth(b"\x01\x02\x03", 0x88CC)),
        (eth(ipv4(build.icmp(b"x", rest=1), ICMP)), eth(ipv4(build.icmp(b"x", rest=2), ICMP))),
        (eth(ipv4(build.icmp(b"x"), ICMP)), eth(ipv4(build.icmp(b"x", 0), ICMP))),
        (eth(ipv4(build.sctp(b"chunks"), build.SCTP)), eth(ipv4(build.sctp(b"chunks", tag=2), build.SCTP))),
        (eth(ipv4(udp(b"x", 1, 2))), eth(ipv4(udp(b"y", 1, 2)))),
        (eth(ipv4(b"tunnelled", 47)), eth(ipv4(b"tunnelleD", 47))),
        (eth(ipv6(tcp(b"a"), TCP), IPV6), eth(ipv6(tcp(b"b"), TCP), IPV6)),
        (
            eth(ipv6(udp(b"x", 1, 2), extensions=[build.ext(60)]), IPV6),
            eth(ipv6(udp(b"y", 1, 2), extensions=[build.ext(60)]), IPV6),
        ),
    ],
)
def test_protocols(one: bytes, other: bytes) -> None:
    assert kept(one, other) == kept(other, one) == 2
    assert kept(one, one) == kept(other, other) == 1


def test_ipv6_over_a_router() -> None:
    """Hop limit, traffic class and checksum are the router's; a flow label is no part of what is compared."""
    one = eth(ipv6(udp(b"x", 1, 2), extensions=[build.ext(60)]), IPV6)
    other = eth(ipv6(udp(b"x", 1, 2), extensions=[build.ext(60)], hops=3, traffic_class=0xFF), IPV6, src=bytes(6))
    assert kept(one, other) == 1


# ---------------------------------------------------------------- super-segments


def segment(start: int, size: int) -> bytes:
    """A TCP segment, that of a super-segment being its first and all behind it."""
    data = bytes(i % 251 for i in range(start, start + size))
    return eth(ipv4(tcp(data, seq=1000 + start), TCP))


@pytest.mark.parametrize("segments_first", [False, True])
def test_super_segments(segments_first: bool) -> None:
    """One tap sees what the sender's kernel gave to its NIC, the other what was on the wire."""
    supers = [segment(start, 4344) for start in range(0, 8 * 4344, 4344)]
    wire = [segment(start, 1448) for start in range(0, 8 * 4344, 1448)]
    first = seen(*((i * 300 * US, sight(frame)) for i, frame in enumerate(supers)))
    shift = -20 * US if segments_first else 20 * US
    second = seen(*((MS + i * 100 * US + shift, sight(frame, OUTER_B)) for i, frame in enumerate(wire)))
    first = seen(*((MS + i * 300 * US, sight(frame)) for i, frame in enumerate(supers)))
    done = merge([first, second], dedup="2ms")
    assert (done.report.written, done.report.duplicates) == (32, 0)
    assert done.report.super_segments == 8
    assert done.report.to_dict()["super_segments"] == 8


def test_no_super_segments() -> None:
    wire = [segment(start, 1448) for start in range(0, 20 * 1448, 1448)]
    sources = [
        seen(*((i * 100 * US + k, sight(frame, outer)) for i, frame in enumerate(wire)))
        for k, outer in ((0, OUTER_A), (9, OUTER_B))
    ]
    done = merge(sources, dedup="2ms")
    assert (done.report.written, done.report.duplicates, done.report.super_segments) == (20, 20, 0)


def test_super_segments_of_the_same_size() -> None:
    """Seen whole at both ends they are one packet."""
    assert kept(segment(0, 4344), segment(0, 4344)) == 1
