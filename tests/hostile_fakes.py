"""Captures whose payloads hold whole captures, and framing that one range declares and another one needs.

A chain of records within a payload is as plausible as any; only who comes from the start of the file knows better.
`CASES` names them, as in `hostile_state`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any

from build import (
    ETHERNET,
    KUZNETZOV,
    NANO,
    RAW,
    SLL2,
    Order,
    Pcapng,
    eth,
    ipv4,
    option,
    pcap,
    sll2,
    ticks,
    udp,
    vxlan,
)
from hostile_state import MS, SECOND, US, Case, datagram, packet, plain
from unit.conftest import T0, frame

HEAD = 24  # of a classic file
INNER = 92  # bytes of all headers before the payload of `carrier`: a multiple of 4
FAKE_VNI = 666
OTHER: dict[Order, Order] = {"<": ">", ">": "<"}

# Every kind of classic file: what `pcap` is told.
VARIANTS: dict[str, dict[str, Any]] = {
    "little": {},
    "big": {"order": ">"},
    "nano": {"magic": NANO},
    "big nano": {"order": ">", "magic": NANO},
    "Kuznetzov": {"magic": KUZNETZOV},
    "big Kuznetzov": {"order": ">", "magic": KUZNETZOV},
    "2.2": {"version": (2, 2)},
    "2.3": {"version": (2, 3)},
    "2.3 swapped": {"version": (2, 3), "swap": True},
    "543.0": {"order": ">", "version": (543, 0)},
}


def carrier(payload: bytes, vni: int = 7) -> bytes:
    """A mirrored frame around a payload that somebody else has chosen."""
    return eth(ipv4(udp(vxlan(eth(ipv4(udp(payload, 1, 2))), vni))))


def fake(i: int) -> bytes:
    """A frame that was never captured, and has 92 bytes like all of its kind."""
    return carrier(b"", FAKE_VNI - i % 3)


def records(frames: Iterable[bytes], *, wire: int = 0, **how: Any) -> bytes:
    """Records without a file around them, at the times of those that are true."""
    return pcap([(T0 + i * 1000, one, max(wire, len(one))) for i, one in enumerate(frames)], **how)[HEAD:]


def captured(payloads: Iterable[bytes], **how: Any) -> bytes:
    """A classic capture of frames with these payloads."""
    return pcap([(T0 + i * 1000, carrier(one), len(carrier(one)) + 8) for i, one in enumerate(payloads)], **how)


# ---------------------------------------------------------------- classic files


def rejoining(**how: Any) -> bytes:
    """Each payload ends with records, whose chain goes on with the true ones."""
    return captured([b"." * 9 + records([fake(0), fake(1), fake(2)][: 1 + i % 3], **how) for i in range(8)], **how)


def jump(size: int, **how: Any) -> bytes:
    """The header of a record of so many bytes, of which none are there."""
    return records([bytes(size)], **how)[:-size]


def beside(*, beyond: int = 0, **how: Any) -> bytes:
    """A chain from payload to payload, which no true record ever meets: its records hold the true headers. At the end
    of the file it ends exactly there, or so many bytes `beyond` it.
    """
    inside = records([fake(0), fake(1)], **how)
    gap = len(jump(1, **how)) + INNER
    payload = inside + jump(gap, **how)
    last = records([fake(2)], **how) + (jump(beyond, **how) if beyond else b"")
    return captured([payload] * 8 + [last], **how)


def far_jumps() -> bytes:
    """Chains whose last record ends at the end of a later true record, or of the file."""
    payloads = [records([fake(i)]) + jump(1) for i in range(7)]
    data = bytearray(captured([*payloads, b"the end"]))
    size = 16 + INNER + len(payloads[0])
    for i, far in enumerate((0, 1, 2, 0, 3, 1)):
        at = HEAD + (i + 1) * size - 16
        data[at + 8 : at + 16] = struct.pack("<II", far * size, far * size)
    return bytes(data)


def in_a_large_record() -> bytes:
    """A record of 60 KB that is full of records, between others."""
    return captured([b"before", records([fake(i) for i in range(550)]), b"after", b"and after"])


def of_one_byte(value: int) -> bytes:
    """Payloads of one byte again and again: of zeros every header is a record of no bytes in 1970."""
    return captured([bytes([value]) * (40 * i + 7) for i in range(12)])


def of_nothing() -> bytes:
    """Records without a byte, among true ones."""
    return pcap([(i, frame(i) if i % 7 == 3 else b"") for i in range(60)])


def implausible() -> bytes:
    """True records that nobody would take for such."""
    good = frame(1)
    data = [
        pcap([(0, good, 0), ((2**32 - 1) * SECOND, good, 2**32 - 1), (T0, b"", 0), (T0, good, 1)], snaplen=5)[HEAD:],
        struct.pack("<IIII", 1, 2**32 - 1, len(good), 2**31) + good,
        struct.pack("<IIII", 2**31, 10**6, len(good), len(good)) + good,
        pcap([(0, frame(2, 9000)), (T0, good, 0), (T0 - 10**17, frame(3))])[HEAD:],
    ]
    return pcap([], snaplen=5) + b"".join(data * 3)


def cut_tail() -> bytes:
    """The last record was cut, and what there is of it is full of records."""
    inside = records([fake(i) for i in range(6)])
    whole = captured([b"one", b"two", inside + bytes(500)])
    return whole[:-500]


def garbage() -> bytes:
    """Nothing behind the garbage is read, though it is as good as before."""
    return captured([b"one", b"two"]) + b"\xff" * 21 + captured([b"good"] * 6)[HEAD:]


def with_fragments() -> bytes:
    """Fake records that are fragments of true datagrams."""
    true = [one for i in range(1, 5) for one in datagram(i)]
    payloads = [records([true[(3 * i) % 8], fake(0)]) for i in range(8)]
    frames = [one for payload, part in zip(payloads, true, strict=True) for one in (part, carrier(payload))]
    return pcap([(T0 + i * 1000, one) for i, one in enumerate(frames)])


def classic_cases() -> dict[str, Case]:
    cases: dict[str, Callable[..., bytes]] = {"rejoining": rejoining, "beside": beside}
    found = {f"{name}, {kind}": Case(make(**how)) for name, make in cases.items() for kind, how in VARIANTS.items()}
    place = HEAD + 16 + INNER  # of the first payload
    large = [place, place + 16 + INNER, 1000, 4096, HEAD + 16 + len(carrier(b"before")), 30_000]
    return found | {
        "beside, and beyond the end": Case(beside(beyond=5000)),
        "far jumps": Case(far_jumps()),
        "a large record": Case(in_a_large_record(), {}, large),
        "zeros": Case(of_one_byte(0)),
        "ones": Case(of_one_byte(0xFF)),
        "records without a byte": Case(of_nothing(), {}, (16, 17, 32, 100, 333)),
        "implausible records": Case(implausible()),
        "a cut tail": Case(cut_tail()),
        "a cut tail is an error": Case(cut_tail(), {"strict": True}),
        "garbage": Case(garbage()),
        "fragments among the fakes": Case(with_fragments()),
    }


# ---------------------------------------------------------------- pcapng


def blocks(order: Order = "<") -> Pcapng:
    """Blocks without a file around them."""
    return Pcapng(order, bare=True)


def around(file: Pcapng, inside: bytes, count: int = 6) -> bytes:
    """Packets whose payloads are these blocks."""
    for i in range(count):
        file.epb(carrier(inside), ticks(T0 + i * 1000))
    return bytes(file)


def fakes(order: Order) -> dict[str, bytes]:
    """Blocks that a payload may hold."""
    packets = bytes(blocks(order).epb(fake(0), ticks(T0)).epb(fake(1), ticks(T0)).epb(fake(2), ticks(T0)))
    interfaces = bytes(blocks(order).idb(RAW, tsresol=9).idb(SLL2, 60, tsoffset=3600).unknown(5, bytes(12)))
    section = bytes(Pcapng(OTHER[order]).idb(ETHERNET, tsresol=9).epb(fake(0), 5, 0).spb(fake(1)))
    return {"packets": packets, "interfaces": interfaces + packets, "a section": section, "all": interfaces + section}


def beside_ng(order: Order = "<") -> bytes:
    """A chain of blocks from payload to payload; of the true ones none is a block of it."""
    inside = bytes(blocks(order).epb(fake(0), ticks(T0)).epb(fake(1), ticks(T0)))
    pack = struct.Struct(order + "I").pack
    size = 8 + 4 + 28 + INNER + 4  # head, the true block's end, the next one's start, and the trailing length
    payload = pack(size) + inside + pack(6) + pack(size)
    file = Pcapng(order).idb()
    for i in range(8):
        file.epb(carrier(payload), ticks(T0 + i * 1000))
    return bytes(file)


def larger_than_ranges() -> bytes:
    """Blocks that nobody reads, full of blocks; options and names that are blocks."""
    inside = bytes(blocks().epb(fake(0), ticks(T0)).epb(fake(1), ticks(T0)).idb(RAW)) * 20
    file = Pcapng().idb().epb(plain(1), ticks(T0)).unknown(0xBAD, inside).epb(plain(2), ticks(T0)).unknown(4, inside)
    file.idb(options=[(2, b"...." + inside[:1000])]).unknown(10, inside).unknown(5, bytes(12))
    file.epb(plain(3), ticks(T0), options=[(1, inside[:2000])]).unknown(0x40000BAD, inside).epb(plain(4), ticks(T0), 1)
    return bytes(file)


def cut_tail_ng() -> bytes:
    """The last block was cut, and what there is of it is full of blocks."""
    inside = bytes(blocks().epb(fake(0), ticks(T0)).epb(fake(1), ticks(T0)).epb(fake(2), ticks(T0)))
    return around(Pcapng().idb(), b"", 3) + around(blocks(), inside + bytes(400), 1)[:-420]


def damaged(body: bytes = bytes(40), **how: int) -> bytes:
    """A block whose lengths are wrong, and good ones behind it."""
    file = Pcapng().idb().epb(plain(1), ticks(T0)).epb(plain(2), ticks(T0)).unknown(0xBAD, body, **how)
    return bytes(file.epb(plain(3), ticks(T0)).epb(plain(4), ticks(T0)).epb(plain(5), ticks(T0)))


def many_interfaces() -> bytes:
    """65,536 are remembered; those of an earlier section make room, and numbers go on counting over both."""
    file = Pcapng()
    for order, linktype, one in (("<", RAW, plain(1)[14:]), (">", ETHERNET, plain(2))):
        if order == ">":
            file.shb(">")
        file.junk(bytes(blocks(file.order).idb(linktype)) * 40_000)
        for number in (0, 1, 25_535, 25_536, 39_999, 40_000):
            file.epb(one, number, number)
    return bytes(file)


def declared_late() -> bytes:
    """An interface that one range declares is that of packets in all others; and now packets are seen on two."""
    file = Pcapng().idb(tsresol=6)
    for i in range(3):
        file.epb(plain(i), ticks(T0 + i * 10))
    file.epb(plain(5), ticks(T0), 1)  # which nobody has declared
    file.idb(tsresol=9, tsoffset=1).epb(plain(5), ticks(T0, 9), 1).epb(plain(6), ticks(T0))
    file.epb(plain(6), ticks(T0 - SECOND, 9), 1).epb(plain(7), ticks(T0 + US)).epb(plain(7), ticks(T0 + MS))
    file.idb(SLL2, tsresol=3).epb(sll2(packet(7)), ticks(T0, 3), 2).spb(plain(8)).epb(plain(9), ticks(T0))
    return bytes(file.epb(plain(9), ticks(T0), 2).unknown(5, bytes(12)).epb(plain(10), ticks(T0 + SECOND)))


SECTIONS: dict[str, tuple[Order, dict[str, Any]]] = {
    "the same": ("<", {}),
    "order": (">", {}),
    "clock": ("<", {"tsresol": 9}),
    "clock of two": ("<", {"tsresol": 0x94}),
    "offset": ("<", {"tsoffset": -(2**31)}),
    "link type": ("<", {"linktype": RAW}),
    "snaplen": ("<", {"snaplen": 60}),
}


def sections(order: Order, **how: Any) -> bytes:
    """A section whose only interface is another one than that of the section before."""
    file = Pcapng().idb()
    for i in range(9):
        if i in (3, 6):
            file.shb(order if i == 3 else "<").idb(**(how if i == 3 else {}))
        file.epb(plain(i), ticks(T0 + i * 1000)).spb(plain(10 + i))
    return bytes(file)


def with_nothing_declared() -> bytes:
    """A section without an interface, one with two, and one with none again."""
    file = Pcapng().idb().epb(plain(1), ticks(T0)).epb(plain(2), ticks(T0)).shb().epb(plain(3), ticks(T0)).spb(plain(4))
    file.shb().idb().idb().epb(plain(5), ticks(T0), 1).epb(plain(5), ticks(T0), 0).shb().epb(plain(6), ticks(T0), 1)
    return bytes(file.idb(tsresol=9).epb(plain(7), ticks(T0, 9)).epb(plain(8), ticks(T0, 9)))


def times_before_1970() -> bytes:
    """Ranges whose frames have no time at all, beside those of times that are all below 0."""
    file = Pcapng().idb(tsoffset=-(2**33))
    for i in range(4):
        file.spb(plain(i))
    file.epb(plain(5), 7).epb(plain(6), 2_000_000)
    for i in range(4):
        file.spb(plain(10 + i))
    return bytes(file.epb(plain(7), 1))


def pcapng_cases() -> dict[str, Case]:
    orders: tuple[Order, ...] = ("<", ">")
    found = {f"blocks beside, {order}": Case(beside_ng(order)) for order in orders}
    for order in orders:
        for name, inside in fakes(order).items():
            found[f"fake {name}, {order}"] = Case(around(Pcapng(order).idb(), inside))
    for name, (order, how) in SECTIONS.items():
        found[f"another section: {name}"] = Case(sections(order, **how))
    comment = option(1, bytes(blocks().epb(fake(0), ticks(T0)).epb(fake(1), ticks(T0)).epb(fake(2), ticks(T0))))
    return found | {
        "large blocks": Case(larger_than_ranges(), {}, (1000, 333, 5000)),
        "fakes in a comment": Case(bytes(Pcapng().idb().epb(plain(1), ticks(T0)).junk(comment_block(comment)))),
        "a cut tail of blocks": Case(cut_tail_ng()),
        "a trailing length": Case(damaged(trailer=16)),
        "a trailing length far behind": Case(damaged(fakes("<")["all"] * 3, trailer=16)),
        "a block too short": Case(damaged(total=8)),
        "a length beyond the end": Case(damaged(total=4000)),
        "more interfaces than are remembered": Case(many_interfaces(), {}, (900_000,)),
        "declared late": Case(declared_late()),
        "nothing declared": Case(with_nothing_declared()),
        "before 1970": Case(times_before_1970()),
        "an unknown version": Case(bytes(Pcapng().idb().epb(plain(1)).shb(version=(2, 0)).idb().epb(plain(2)))),
    }


def calm_sections() -> bytes:
    """Two sections, of which the second has another byte order, an interface more and an idle time between."""
    file = Pcapng().idb()
    for i in range(200):
        file.epb(plain(i), ticks(T0 + i * SECOND))
    file.unknown(5, bytes(16)).shb(">").idb(tsresol=9).idb()
    for i in range(200):
        file.epb(plain(200 + i), ticks(T0 + (300 + i) * SECOND, 9 if i % 2 else 6), 1 - i % 2)
    return bytes(file)


def comment_block(comment: bytes) -> bytes:
    """Packets with a comment that is made of blocks."""
    return bytes(blocks().epb(plain(2), ticks(T0), options=[(1, comment[4:])]).epb(plain(3), ticks(T0)))


CASES = {**classic_cases(), **pcapng_cases()}
