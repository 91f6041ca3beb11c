"""Duplicates where memory, time or order run out: what cannot be decided is kept. No packet that was sent is lost."""

from __future__ import annotations

import io
import random
from collections import Counter
from typing import Any

import pytest

import build
import vxtap
from build import IPV6, NANO, TCP, Pcapng, Record, eth, ipv4, ipv6, pcap, tcp, udp, vxlan
from collectors import MS, SECOND, START, US
from merged import assert_sums, merge
from trickle import Trickle
from unit.test_merge_duplicates import OUTER_A, OUTER_B, PACKET, seen, sight
from unit.test_merge_sameness import OUTER_C, large


def filler(count: int, begin: int, step: int, size: int = 40) -> list[tuple[int, bytes]]:
    """Other packets, each of its own, for time to pass."""
    return [
        (begin + i * step, sight(eth(ipv4(tcp(bytes(size), seq=i * 10_000, ack=begin & 0xFFFFFF), TCP)), OUTER_C))
        for i in range(count)
    ]


def copies(sources: list[bytes], inner: bytes = PACKET, **how: Any) -> int:
    """How often a packet was written."""
    done = merge(sources, **{"dedup": "2ms"} | how)
    assert done.error is None
    return sum(packet.data == inner for packet in done.packets)


# ---------------------------------------------------------------- many sights of one packet


@pytest.mark.parametrize("points", [2, 40, 63, 64, 65, 66, 100, 200])
def test_many_vantage_points(points: int) -> None:
    """A broadcast that every tap of a network sees; and once more, which no other tap's sight answers for."""
    outers = [bytes([192, 0, 3, i]) for i in range(points)]
    first, again = ([(at + i, sight(PACKET, outer)) for i, outer in enumerate(outers)] for at in (0, 500 * US))
    assert copies([seen(*first)]) == 1
    assert copies([seen(*first, *again)]) == 2
    assert copies([seen(*first, again[0])]) == 2
    assert copies([seen(*first, *again[:3])]) == 2


@pytest.mark.parametrize("count", [10, 63, 64, 65, 200, 1000])
@pytest.mark.parametrize("delay", [1, 70, 150, 400])
def test_many_packets_that_are_the_same(count: int, delay: int) -> None:
    """Sent in one burst, as tests of throughput do, and seen at both ends, at one of them a little later."""
    here = [(i * US, sight(PACKET)) for i in range(count)]
    there = [((i + delay) * US, sight(PACKET, OUTER_B)) for i in range(count)]
    assert copies([seen(*here), seen(*there)]) == count
    assert copies([seen(*here), seen(*there[: count // 2])]) == count
    assert copies([seen(*here[: count // 2]), seen(*there)]) == count


def test_lagging_sights_do_not_answer_for_a_new_packet() -> None:
    """The other end's sights of a burst come between two packets of this end: the later one is a packet of its own."""
    here = [(i * US, sight(PACKET)) for i in range(70)]
    there = [((100 + i) * US, sight(PACKET, OUTER_B)) for i in range(70)]
    assert copies([seen(*here, (500 * US, sight(PACKET))), seen(*there)]) == 71


# ---------------------------------------------------------------- sights that come late

STEADY = 10 * US
ROWS = 4000  # more than are read at a time


def late_world(*extra: tuple[int, int, bytes]) -> list[bytes]:
    """One source of steady traffic in which some frames come late: (number of the frame before it, its time, frame)."""
    frames = filler(ROWS, 0, STEADY)
    for place, ts, frame in sorted(extra, key=lambda one: one[0], reverse=True):
        frames.insert(place, (ts, frame))
    return [seen(*frames)]


def at(number: int) -> int:
    """The time of a frame of the steady traffic."""
    return number * STEADY


def test_a_late_packet_is_not_answered_for_by_another_tap() -> None:
    """This tap saw it before, so the late one is another packet, though its own sight is out of the window by now."""
    within = 200  # frames in 2 ms
    world = late_world(
        (1000, at(1000), sight(PACKET)),
        (1000 + within - 10, at(1000 + within - 10), sight(PACKET, OUTER_B)),
        (3000, at(1000 + within - 50), sight(PACKET)),
    )
    assert copies(world, window="100us") == 2
    assert copies(world, window="100us", dedup="100ms") == 2


@pytest.mark.parametrize("behind", [100, 1500, 2500])
def test_a_late_packet_of_the_same_kind_hides_none(behind: int) -> None:
    """A late one that stands alone does not hide what was seen shortly before it came."""
    for gap in (50, 150):
        world = late_world(
            (3000, at(3000), sight(PACKET)),
            (3002, at(3000 - behind), sight(PACKET, bytes([192, 0, 2, 77]))),
            (3010, at(3010), sight(PACKET, OUTER_B)),
            (3010 + gap, at(3010 + gap), sight(PACKET)),
        )
        late = behind > 200  # beyond the window of duplicates it is a packet of its own
        assert copies(world, window="100us") in ((3,) if late else (2, 3))


def disordered(rng: random.Random) -> tuple[list[bytes], Counter[bytes]]:
    """Captures of few packets that are seen often, all but in order; and how often each was sent at the least."""
    count, span = rng.choice([30, 100, 400]), rng.choice([1, 5, 20, 100]) * MS
    disorder = rng.choice([0, 100 * US, 2 * MS, 20 * MS])
    packets = [eth(ipv4(udp(b"packet %d" % i, 1, 2))) for i in range(rng.choice([1, 2, 3, 10]))]
    sources, most = [], Counter[bytes]()
    for _ in range(rng.choice([1, 2, 3])):
        found = []
        for _ in range(count):
            ts, inner, outer = rng.randrange(span), rng.choice(packets), rng.choice([OUTER_A, OUTER_B, OUTER_C])
            found.append((ts + rng.randint(0, disorder), ts, inner, outer))
        found.sort(key=lambda one: one[0])
        sources.append(seen(*((ts, sight(inner, outer)) for _, ts, inner, outer in found)))
        for (inner, _), times in Counter((inner, outer) for _, _, inner, outer in found).items():
            most[inner] = max(most[inner], times)
    return sources, most


@pytest.mark.parametrize("part", range(8))
def test_what_one_tap_saw_so_often_was_sent_so_often(part: int) -> None:
    """Whatever the order, the windows, and how little is read at a time: as often it has to be written."""
    for seed in range(100 * part, 100 * part + 100):
        rng = random.Random(seed)
        sources, most = disordered(rng)
        window, dedup = rng.choice(["0ms", "100us", "10ms"]), rng.choice(["100us", "2ms", "50ms"])
        sizes = rng.choice([[50], [200], [1 << 20], [1000, 10]])
        trickles: Any = [Trickle(data, sizes) for data in sources]
        done = merge(trickles, window=window, dedup=dedup)
        found = Counter(packet.data for packet in done.packets)
        assert not most - found, f"seed {seed}: lost {(most - found).total()} of {done.report}"
        assert_sums(done.report, len(sources))


# ---------------------------------------------------------------- memory


def test_forgotten_sights_answer_for_none() -> None:
    """With a window that memory does not last for: this tap's sight is forgotten, the other's is not."""
    large = filler(1500, 10 * US, 100 * US, 40_000)
    here = pcap([(START + ts, frame) for ts, frame in [(0, sight(PACKET)), *large, (900 * MS, sight(PACKET))]])
    there = seen((5 * US, sight(PACKET, OUTER_B)), (950 * MS, sight(eth(ipv4(udp(b"x", 1, 2))), OUTER_B)))
    done = merge([here, there], dedup="10s", format="pcap")
    assert sum(packet.data == PACKET for packet in done.packets) == 2
    assert len(done.packets) == 1500 + 2 + 1
    assert merge([here, there], dedup="2ms").report.written == 1500 + 2 + 1


def test_windows_longer_than_everything() -> None:
    records: list[Record] = [(START + i * SECOND, sight(PACKET)) for i in range(200)]
    other: list[Record] = [(START + i * SECOND + MS, sight(PACKET, OUTER_B)) for i in range(200)]
    assert copies([pcap(records), pcap(other)], dedup="300000h") == 200


# ---------------------------------------------------------------- what can not be compared or written


def test_a_short_sight_does_not_stand_for_another_packet() -> None:
    """It equals both of two packets as far as it goes; they are two all the same, by what the first one shows."""
    one, other = sight(large(1)), sight(large(2), OUTER_C)
    short = sight(large(1), OUTER_B)[:300]
    frames = [(START, one), (START + 10, short, len(one)), (START + 20, other)]
    done = merge([pcap(frames, magic=NANO)], dedup="2ms")
    assert [packet.data for packet in done.packets] == [large(1), large(2)]


def test_a_packet_that_the_output_has_no_place_for() -> None:
    """A classic file leaves out what has no Ethernet header; the other sight, which has one, is written then."""
    packet = ipv4(udp(b"x", 1, 2), ident=3)
    gpe = b"\x0c\0\0\x01\0\0\x07\0" + packet
    bare = eth(ipv4(udp(gpe, dport=4790), src=OUTER_A))
    sources = [seen((0, bare)), seen((9, sight(eth(packet), OUTER_B)))]
    how: Any = {"tunnels": ("vxlan", "vxlan-gpe"), "dedup": "2ms"}
    done = merge(sources, format="pcap", **how)
    assert [packet.data for packet in done.packets] == [eth(packet)]
    assert done.report.skipped["no_ethernet"] == 1
    assert len(merge(sources, format="pcapng", **how).packets) == 1


def test_no_time_no_duplicate() -> None:
    """Nobody knows whether it was within the window."""
    file = Pcapng().idb(tsresol=9).epb(sight(eth(build.arp(), build.ARP)), START).spb(sight(PACKET))
    assert copies([bytes(file), seen((5, sight(PACKET, OUTER_B)))]) == 2
    assert copies([seen((0, sight(PACKET, OUTER_B))), bytes(file)]) == 2


@pytest.mark.parametrize("v6", [False, True])
@pytest.mark.parametrize("left", range(0, 60, 3))
def test_cut_headers(left: int, v6: bool) -> None:
    """Where a header is cut nothing is known: such sights are kept, and nothing breaks."""
    segment = tcp(b"data", seq=5, options=b"\1" * 8)
    inner = eth(ipv6(segment, TCP), IPV6) if v6 else eth(ipv4(segment, TCP))
    whole = sight(inner), sight(inner, OUTER_B)
    frames = [(START + i, frame[: 50 + left], len(frame)) for i, frame in enumerate(whole)]
    assert merge([pcap(frames, magic=NANO)], dedup="2ms").report.written == 2
    full = (START + 9, sight(inner, OUTER_C))
    assert merge([pcap([*frames, full], magic=NANO)], dedup="2ms").report.written >= 2


def test_more_vantage_points_than_are_told_apart() -> None:
    """Spoofed sources beyond the table's size are all kept, since two of them would pass for one."""
    frames: list[Record] = []
    for i in range(6000):
        outer = bytes([10, 1, i >> 8, i & 255])
        inner = eth(ipv4(udp(b"x", 1, 2), ident=i % 60_000 + 1))
        frames.append((START + i * 10 * MS, eth(ipv4(udp(vxlan(inner)), src=outer))))
        frames.append((START + i * 10 * MS + 5, eth(ipv4(udp(vxlan(inner, 8)), src=outer))))
    done = merge([pcap(frames, magic=NANO)], dedup="2ms")
    assert {packet.data for packet in done.packets} == {eth(ipv4(udp(b"x", 1, 2), ident=i + 1)) for i in range(6000)}
    assert done.report.written + done.report.duplicates == 12_000
    out = io.BytesIO()
    assert vxtap.merge([pcap(frames, magic=NANO)], out).written == 12_000
