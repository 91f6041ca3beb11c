"""Captures that cannot be read in parts: second sights, fragments and clocks that lie on both sides of a border.

`CASES` names them. Each is a capture that is right in itself; what makes it hostile is only where a range may begin.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from build import IPV6, NANO, SLL2, Pcapng, Record, eth, ext, ipv4, ipv6, pcap, sll2, ticks, udp, vxlan
from build_fragments import fragment, fragments, parts
from ranges import borders
from unit.conftest import T0, inner_frame
from vxtap import _facts

US, MS, SECOND = 10**3, 10**6, 10**9
LEAST = _facts.FRAGMENT_MEMORY
Sight = tuple[int, int, int]  # when, on which interface, which packet


class Case(NamedTuple):
    """A capture, the options that it is about, and the sizes of ranges that are worth a try: by default all borders."""

    data: bytes
    how: Mapping[str, Any] = MappingProxyType({})
    splits: Sequence[int] = ()


def split_at(data: bytes, *frames: int, **how: Any) -> Case:
    """A capture in ranges, the first of which is so many frames long."""
    found = borders(data)
    return Case(data, how, [found[count - 1] for count in frames])


# ---------------------------------------------------------------- second sights


def packet(i: int, size: int = 20) -> bytes:
    """An IP packet like no other."""
    return ipv4(udp(vxlan(inner_frame(i, size), 7)), ident=i & 0xFFFF)


def sighted(sights: Iterable[Sight]) -> bytes:
    """A capture of `tcpdump -i any`."""
    return pcap([(T0 + ts, sll2(packet(i), index=index)) for ts, index, i in sights], SLL2, magic=NANO)


def crowd(start: int, count: int, *, first: int = 1000, index: int = 2, step: int = US) -> list[Sight]:
    """Packets that nobody sees twice."""
    return [(start + i * step, index, first + i) for i in range(count)]


def turns(pattern: str, count: int, step: int) -> list[Sight]:
    """One packet again and again, on the interfaces that the letters of a pattern name in turn."""
    return [(i * step, 2 + "ABC".index(pattern[i % len(pattern)]), 1) for i in range(count)]


def by_chance(count: int, interfaces: int, packets: int) -> list[Sight]:
    """Few packets on few interfaces, in any order of times: what is kept depends on all that was kept before."""
    draw = random.Random(count).randrange
    return [(draw(5 * MS), 2 + draw(interfaces), draw(packets)) for _ in range(count)]


def of_64_interfaces() -> list[Sight]:
    """When the 65th interface is heard of all is forgotten, the first sight of packet 1 as well."""
    heard = [(i * US, 100 + i, 2000 + i) for i in range(61)]
    others = [(SECOND + (2 + i) * US, 300 + i, 3000 + i) for i in range(4)]
    return [*heard, (SECOND, 100, 1), *others, (SECOND + 500 * US, 101, 1)]


def of_too_many_interfaces() -> list[Sight]:
    """A range that hears of a 65th interface itself forgets what the whole, which forgot before that, still knows."""
    heard = [(SECOND + i * US, 100 + i, 3000 + i) for i in range(64)]
    return [
        *crowd(0, 70),
        *heard,
        (SECOND + 70 * US, 100, 1),
        (SECOND + 71 * US, 164, 4000),
        (SECOND + 72 * US, 101, 1),
    ]


def of_a_grown_table() -> list[Sight]:
    """Many packets in a millisecond, and much later two sights with more packets of another time between them than a
    new table holds: only who has had the many packets still knows the first.
    """
    between = crowd(20 * SECOND, 1100, first=10_000, step=2 * MS)
    return [*crowd(0, 1100, step=100), (10 * SECOND, 2, 1), *between, (10 * SECOND + US, 3, 1), (10 * SECOND, 3, 2)]


def of_a_small_table() -> list[Sight]:
    """Two sights with more packets between them than a new table holds, all far in time: the first is forgotten."""
    before = crowd(-100 * SECOND, 1800, step=5 * MS)
    between = crowd(20 * SECOND, 1500, first=10_000, step=2 * MS)
    return [*before, (10 * SECOND, 2, 1), *between, (10 * SECOND + US, 3, 1), (10 * SECOND, 3, 2)]


def put_off() -> list[Sight]:
    """One interface alone for so long that nothing is hashed; then another one shows the last of its packets again."""
    alone = crowd(0, 18_000)
    return [*alone, *((ts + 900 * US, 3, i) for ts, _, i in alone[-400:]), (20 * MS, 2, 1), (20 * MS, 3, 1)]


def too_many() -> bytes:
    """More packets within a millisecond than are remembered, and then the first and the last of them again."""
    frame = sll2(packet(1, 0))[:-4]
    size = len(frame) + 4
    seconds, ns = divmod(T0, SECOND)
    first = [struct.pack("<IIII", seconds, ns + i, size, size) + frame + struct.pack("<I", i) for i in range(66_000)]
    other = sll2(packet(1, 0), index=3)[: size - 4]
    again = [
        struct.pack("<IIII", seconds, ns + 500_000 + i, size, size) + other + struct.pack("<I", i)
        for i in (*range(30), *range(400, 500), *range(65_900, 66_000))
    ]
    return pcap([], SLL2, magic=NANO) + b"".join(first + again)


def seen_by_a_part() -> Case:
    """A packet before the third range, its second sight within that, and one more within the fourth, which is kept: for
    that has to be known what the third range has seen. The second is refused, since it begins without a time.
    """
    fill = (eth(packet(1000 + i)) for i in range(100))
    file = Pcapng().idb().idb()
    second, seen, ts = 20, eth(packet(1)), T0 + 1000 * SECOND
    for i in range(second):
        file.epb(next(fill), ticks(T0 + i * SECOND))
    size = len(bytes(file))
    file.spb(next(fill))
    while len(bytes(file)) + len(bytes(Pcapng(bare=True).epb(seen))) < 2 * size:
        file.epb(next(fill), ticks(T0 + 100 * SECOND))
    file.epb(seen, ticks(ts)).epb(seen, ticks(ts + 100 * US), 1)
    while len(bytes(file)) < 3 * size:
        file.epb(next(fill), ticks(T0 + 200 * SECOND))
    return Case(bytes(file.epb(seen, ticks(ts + 200 * US), 1).epb(next(fill), ticks(ts))), {}, (size, size // 2))


def sight_cases() -> dict[str, Case]:
    """Named captures of second sights."""
    late = [(0, 2, 1), *crowd(10 * SECOND, 12), (500 * US, 3, 1), *crowd(20 * SECOND, 3), (900 * US, 4, 1)]
    exact = [(0, 2, 1), (MS, 3, 1), (0, 2, 2), (MS + 1, 3, 2), (2 * MS, 3, 3), (MS, 2, 3), (MS - 1, 4, 3)]
    lists = {
        "one after the other": [(0, 2, 1), (US, 3, 1), (2 * US, 2, 2), (3 * US, 3, 2)],
        "far in the file, near in time": late,
        "exactly a millisecond": exact,
        "all at one time": [(0, index, i) for i in range(4) for index in (2, 3, 2, 4, 3)],
        "A A B B without an end": turns("AABB", 60, 400 * US),
        "A B B A without an end": turns("ABBA", 60, 900 * US),
        "A B A C B": turns("ABACB", 60, 300 * US),
        "by chance": by_chance(120, 3, 6),
        "seventy of the same": [(i, 2, 1) for i in range(70)] + [(100 + i, 3, 1) for i in range(70)],
    }
    cases = {name: Case(sighted(sights)) for name, sights in lists.items()}
    cases["seen by a range that was taken over"] = seen_by_a_part()
    cases["64 interfaces"] = split_at(sighted(of_64_interfaces()), 61, 60, 40)
    cases["65 interfaces in one range"] = split_at(sighted(of_too_many_interfaces()), 70)
    cases["a table that is too small"] = split_at(sighted(of_a_small_table()), 1800, 1700)
    cases["hashes that were put off"] = split_at(sighted(put_off()), 18_000, 9_000)
    cases["more than are remembered"] = split_at(too_many(), 66_000, 33_000)
    cases["a table that has grown"] = split_at(sighted(of_a_grown_table()), 1100, 500)
    return cases


# ---------------------------------------------------------------- fragments


def datagram(i: int, count: int = 2, size: int = 200, family: int = 4, vni: int = 7) -> list[bytes]:
    """A mirrored frame in so many fragments."""
    body = udp(vxlan(inner_frame(i, size), vni))
    whole = ipv4(body, ident=i) if family == 4 else ipv6(body, extensions=[ext(60)])
    step = len(body) // count // 8 * 8
    kind = {} if family == 4 else {"ethertype": IPV6}
    return [eth(one, **kind) for one in fragments(whole, [step] * (count - 1), ident=i)]


def every(frames: Iterable[bytes], step: int = US, start: int = 0) -> list[Record]:
    """Frames at regular times."""
    return [(T0 + start + i * step, one) for i, one in enumerate(frames)]


def changed(frame: bytes) -> bytes:
    """The same fragment with another last byte."""
    return frame[:-1] + bytes([frame[-1] ^ 0xFF])


def plain(i: int) -> bytes:
    """A frame that is no fragment."""
    return eth(packet(i))


def stranger(i: int, start: int = 8) -> bytes:
    """A fragment that lies across the first one of a datagram."""
    head, proto, data = parts(ipv4(udp(vxlan(inner_frame(i, 200), 7)), ident=i))
    return eth(fragment(head, proto, data[start : start + 64], start, more=True, ident=i))


def interleaved() -> list[bytes]:
    """Datagrams of many parts, so that some wait at every place."""
    lists = [datagram(i, 2 + i % 5, family=4 if i % 3 else 6) for i in range(12)]
    chance = random.Random(5)
    frames = [(chance.random() + i, one) for i, each in enumerate(lists) for one in each]
    return [one for _, one in sorted(frames)]


def remembered() -> list[bytes]:
    """More complete datagrams than are remembered, and then the first parts of all of them again."""
    lists = [datagram(i, size=1400) for i in range(1, 141)]
    return [one for each in lists for one in each] + [each[0] for each in lists]


def of_grown_memory() -> list[bytes]:
    """Memory that has grown, since many waited at a time, remembers more complete datagrams afterwards."""
    many = [datagram(i, size=1400) for i in range(1, 201)]
    lists = [datagram(1000 + i, size=1400) for i in range(60)]
    frames = [each[0] for each in many] + [each[1] for each in many]
    return frames + [one for each in lists for one in each] + [each[0] for each in lists]


def repeated(start: int) -> list[bytes]:
    """A fragment again and again: how many of its rows can be told that it is lost is a matter of memory."""
    return [datagram(start)[0]] * 700


def late_repeated() -> list[Record]:
    """The same, long after others have waited, for whom memory has grown."""
    many = [datagram(i, size=1400) for i in range(1, 201)]
    return every([each[0] for each in many]) + every(repeated(1000), start=60 * SECOND)


def crowded_out() -> list[Record]:
    """How many repetitions of a fragment are noted is a matter of the memory there is, and once that is full, so is
    what goes: a hundred that waited long ago have made it grow.
    """
    many = every([datagram(i)[0] for i in range(1, 101)])
    quiet = every([plain(i) for i in range(700)], start=40 * SECOND)
    first, last = datagram(2000)
    whole = ipv4(udp(vxlan(inner_frame(5, 4700), 7)), ident=3000)
    tiny = [eth(one) for one in fragments(whole, [8] * ((len(whole) - 21) // 8))]
    return many + quiet + every([*[first] * 701, *tiny, last], start=50 * SECOND)


def pushed_out() -> list[bytes]:
    """So many that wait that the oldest go, in the least memory."""
    lists = [datagram(i) for i in range(1, 101)]
    return [each[0] for each in lists] + [each[1] for each in reversed(lists)]


def plain_fragment_cases() -> dict[str, Case]:
    """Fragments in the order of times that are close together."""
    one, other = datagram(1), datagram(2, 5)
    same_start = datagram(1)[0], changed(datagram(1)[1][:-8] + bytes(8))
    frames = {
        "halves": [one[0], plain(5), one[1], plain(6)],
        "five parts, the last first": [part for i in range(4) for part in (other[4 - i], plain(i))] + [other[0]],
        "a part of a complete one again": [*one, plain(3), one[0], one[1], one[0], changed(one[0]), one[1]],
        "a complete one all over": [*one, *one, *one],
        "the same beginning, another end": [*one, plain(3), *same_start, plain(4)],
        "overlap": [one[0], plain(3), changed(one[0]), plain(4), one[1], plain(5), one[0]],
        "overlap of parts": [other[0], stranger(2), *other[1:], plain(5), other[2]],
        "refused first": [one[0], changed(one[0]), plain(3), *one, plain(4)],
        "waiting at the end": [plain(1), one[0], plain(2), other[1], plain(3)],
        "interleaved": interleaved(),
        "of IPv6": [part for i in (1, 2) for part in datagram(i, 3, family=6)][::-1],
    }
    return {name: Case(pcap(every(each))) for name, each in frames.items()}


def timed_fragment_cases() -> dict[str, Case]:
    """Fragments and the clock of the capture."""
    one = datagram(1)
    sparse = [(T0 + at * SECOND, part) for at, part in ((0, one[0]), (1, plain(7)), (31, plain(1)), (31, one[1]))]
    other, third = datagram(2), datagram(3)
    back = [(T0 + 100 * SECOND, one[0]), (T0, plain(2)), (T0 + SECOND, one[1]), (T0 + 131 * SECOND, plain(1))]
    # The second is due before the first, behind which it stands in the list.
    behind = [(100, one[0]), (0, other[0]), (40, plain(1)), (50, third[0]), (131, plain(2)), (132, plain(3))]
    refused = [(T0, one[0]), (T0 + SECOND, changed(one[0])), (T0 + 29 * SECOND, one[1])]
    again = [(T0 + 31 * SECOND, one[0]), (T0 + 32 * SECOND, one[1])]
    late = [(T0, one[0]), (T0 + 30 * SECOND, plain(1)), (T0 + 30 * SECOND, one[1])]
    done = [*every(one), (T0 + 31 * SECOND, plain(3)), (T0 + 31 * SECOND, one[0]), (T0, one[1]), (T0, one[0])]
    lost = [(T0 + i * SECOND, datagram(i)[0] if i % 2 else plain(i)) for i in range(1, 80)]
    records = {
        "lost by a later clock": sparse,
        "the clock goes back": back,
        "behind one that is not due": [(T0 + at * SECOND, frame) for at, frame in behind],
        "refused until the time is up": refused + again,
        "just in time": late,
        "complete and too old": done,
        "lost all the time": lost,
    }
    return {name: Case(pcap(each)) for name, each in records.items()} | {
        "lost after a second": Case(pcap(lost), {"fragment_timeout": 1}),
        "no time to wait": Case(pcap([*every(one), *every(one, 0, MS)]), {"fragment_timeout": 0}),
    }


def without_a_time() -> bytes:
    """A fragment without a time has that of the frame before: it waits from then on, and too long."""
    one, other = datagram(1), datagram(2)
    file = Pcapng().idb().spb(other[0]).epb(plain(1), ticks(T0)).epb(plain(2), ticks(T0)).spb(one[0])
    file.epb(plain(3), ticks(T0 + 30 * SECOND)).epb(one[1], ticks(T0 + 30 * SECOND + US))
    return bytes(file.epb(other[1], ticks(T0 + 90 * SECOND)).spb(plain(4)))


def clock_of_before() -> bytes:
    """A range begins with a fragment without a time, which has that of the frame before it."""
    one, file = datagram(1), Pcapng().idb()
    for i in range(6):
        file.epb(plain(i), ticks(T0))
    file.spb(one[0]).epb(plain(6), ticks(T0 + 31 * SECOND)).epb(one[1], ticks(T0 + 31 * SECOND))
    return bytes(file)


def clock_of_a_part() -> bytes:
    """The same, where the frame before it is in a range that was taken over."""
    one, file = datagram(1), Pcapng().idb()
    for i in range(13):
        file.epb(plain(i), ticks(T0 + (0 if i < 6 else 100) * SECOND))
    file.spb(one[0]).epb(plain(6), ticks(T0 + 120 * SECOND)).epb(one[1], ticks(T0 + 120 * SECOND))
    return bytes(file)


def left_by_a_part() -> Case:
    """A first fragment at the end of a range that can be taken over, of which it turns out later that it is lost."""
    frames = [*(plain(i) for i in range(19)), datagram(1)[0]]
    data = pcap([*every(frames), *every([plain(i) for i in range(20, 30)], start=40 * SECOND)])
    return split_at(data, 10, 9, 6)


def memory_cases() -> dict[str, Case]:
    """Fragments that push each other out of memory."""
    complete = pcap(every(remembered()))
    return {
        "the oldest go": split_at(pcap(every(pushed_out())), 30, 70, 100, 150, fragment_memory=LEAST),
        "more complete ones than are remembered": split_at(complete, 150, 280, 300, 70),
        "remembered in little memory": split_at(complete, 150, 280, 300, 70, fragment_memory=LEAST),
        "repeated": split_at(pcap(every(repeated(1))), 50, 400),
        "repeated, and memory that has grown": split_at(pcap(late_repeated()), 200, 100),
        "crowded out": split_at(pcap(crowded_out()), 400, 750, fragment_memory=2 * LEAST),
        "memory that has grown": split_at(pcap(every(of_grown_memory())), 400, 200, 460),
        "without a time": Case(without_a_time()),
        "the clock of the range before": split_at(clock_of_before(), 8, 5),
        "the clock of a range that was taken over": split_at(clock_of_a_part(), 8, 5),
        "waiting at the end of a range": left_by_a_part(),
    }


def seen_twice() -> bytes:
    """Fragments that two interfaces saw."""
    frames = []
    for i in range(6):
        first, second = (one[14:] for one in datagram(i))
        frames += [(first, 2), (second, 3), (first, 3), (second, 2), (first, 2)]
    return pcap([(T0 + i * 90 * US, sll2(one, index=index)) for i, (one, index) in enumerate(frames)], SLL2)


# ---------------------------------------------------------------- what is not hostile


def calm_fragments() -> bytes:
    """Most packets are fragmented, and complete at once: so many that the last ones are all that is remembered."""
    frames = [one for i in range(1200) for one in (*datagram(i, size=300), *([plain(2000 + i)] if i % 3 else []))]
    return pcap(every(frames, MS))


def calm_sights() -> bytes:
    """Every packet on two interfaces, one right after the other."""
    return sighted((i * 40 * MS + k * US, 2 + k, i) for i in range(300) for k in range(2))


CASES = {
    **sight_cases(),
    **plain_fragment_cases(),
    **timed_fragment_cases(),
    **memory_cases(),
    "fragments on two interfaces": Case(seen_twice()),
}
