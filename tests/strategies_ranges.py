"""Hypothesis strategies for files that are read by ranges: payloads full of records, and where ranges may begin."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

import build
import strategies
from build import Order, Pcapng
from hostile_fakes import OTHER, VARIANTS, carrier, fake, jump, records
from ranges import SECTION, borders, framing_of
from strategies_frames import ORDERS
from strategies_packets import Draw, rarely
from strategies_traffic import Sight, frame_of, sights

MAGICS = [magic.to_bytes(4) for magic in (build.MICRO, build.NANO, build.KUZNETZOV)]
MOST_RANGES, MOST_SEARCHED = 60, 300
WORKERS = st.sampled_from([2, 2, 2, 3, 4, 8, 1024])
BATCHES = st.one_of(st.integers(1, 5), st.just(1 << 16))


class Ranged(NamedTuple):
    """A capture, and a few sizes of ranges: making it takes longer than reading it."""

    data: bytes
    splits: list[int]


@st.composite
def ranged(draw: Draw, captures: st.SearchStrategy[bytes]) -> Ranged:
    """A capture in ranges: one of which begins where it matters, or some number of any size."""
    data = draw(captures)
    few = max(1, len(data) // MOST_RANGES)
    splits = draw(st.lists(st.integers(few, max(few, 2 * few, len(data) // 2)), min_size=1, max_size=1))
    if is_capture(data):
        near = draw(st.sampled_from([0, *borders(data)]))
        places = [near - 1, near, near + 1, *framing_of(data).find(near + 1, near + MOST_SEARCHED)]
        found = [at for at in places if at >= few] or [few]
        for at in draw(st.lists(st.sampled_from(found), min_size=1, max_size=3)):
            counts = [count for count in (1, 1, 2, 3, 4) if at % count == 0 and at // count >= few]
            splits.append(at // draw(st.sampled_from(counts)))
    return Ranged(data, splits)


def is_capture(data: bytes) -> bool:
    """Whether the framing of a file can be told."""
    if data[:4] == SECTION:
        return len(data) >= 12
    return len(data) >= 8 and not {data[:4], data[3::-1]}.isdisjoint(MAGICS)


# ---------------------------------------------------------------- classic


class Item(NamedTuple):
    """A frame, and whether its last bytes are the header of a record that is longer than it."""

    frame: bytes
    wirelen: int
    ts: int
    jumps: bool = False


@st.composite
def payloads(draw: Draw, variant: dict[str, Any]) -> tuple[bytes, bool]:
    """What somebody sends who knows how captures are written."""
    kind = draw(st.sampled_from(["records", "records", "jump", "jump", "zeros", "ones", "any", "header"]))
    inside = records([fake(i) for i in range(draw(st.integers(0, 3)))], **variant)
    before = bytes(draw(st.integers(0, 9)))
    if kind == "records":
        return before + inside, False
    if kind == "jump":
        return before + inside + jump(1, **variant), True
    if kind == "header":
        return before + build.pcap([], **variant) + inside, False
    if kind == "any":
        return draw(st.binary(max_size=60)), False
    return draw(st.integers(0, 100)) * (b"\0" if kind == "zeros" else b"\xff"), False


@st.composite
def items(draw: Draw, linktype: int, variant: dict[str, Any]) -> list[Item]:
    """Traffic that hangs together, and between it frames with a payload that was made to mislead."""
    found: list[Item] = []
    traffic: list[Sight] = draw(sights())
    for sight in traffic:
        data, wirelen = draw(frame_of(sight, linktype))
        found.append(Item(data, wirelen, sight.ts))
        while not rarely(draw, 3) and len(found) < 30:
            payload, jumps = draw(payloads(variant))
            data = carrier(payload)
            data = build.sll2(data[14:], index=draw(st.integers(2, 4))) if linktype == build.SLL2 else data
            found.append(Item(data, len(data), sight.ts, jumps))
    return found


@st.composite
def nested_classic(draw: Draw) -> bytes:
    """A classic file of any kind, chains of fake records in it that meet the true one, or each other, or the end."""
    linktype = draw(st.sampled_from([build.SLL2, build.SLL2, build.ETHERNET]))
    variant = VARIANTS[draw(st.sampled_from(list(VARIANTS)))]
    found = draw(items(linktype, variant))
    data = bytearray(build.pcap([(one.ts, one.frame, one.wirelen) for one in found], linktype, **variant))
    header = len(jump(1, **variant))
    ends, at = [], 24
    for one in found:
        at += header + len(one.frame)
        ends.append(at)
    for one, end in zip(found, ends, strict=True):
        if one.jumps:
            target = draw(st.sampled_from([to for to in (*ends, len(data) + 100, end + 16) if to > end] + [end]))
            data[end - header : end] = jump(target - end, **variant)
    return strategies.ended(draw, bytes(data))


# ---------------------------------------------------------------- pcapng


@st.composite
def fake_blocks(draw: Draw, order: Order) -> bytes:
    """Blocks such as a file has them, of any byte order that a section may have."""
    file = Pcapng(order, bare=True)
    for kind in draw(st.lists(st.sampled_from(["epb", "epb", "idb", "spb", "shb", "other"]), min_size=1, max_size=5)):
        if kind == "epb":
            file.epb(fake(0), draw(st.integers(0, 2**51)), draw(st.sampled_from([0, 0, 1])))
        elif kind == "idb":
            file.idb(draw(strategies.linktypes()), tsresol=draw(st.sampled_from([None, 9, 3])))
        elif kind == "spb":
            file.spb(fake(1))
        elif kind == "shb":
            file.shb(draw(st.sampled_from([order, OTHER[order]])))
        else:
            file.unknown(draw(st.sampled_from([4, 5, 10, 0xBAD])), bytes(8))
    return bytes(file)


@st.composite
def nested_pcapng(draw: Draw) -> bytes:
    """A pcapng file whose payloads, options and unknown blocks hold blocks; sections and interfaces come anywhere."""
    file = Pcapng(draw(ORDERS))
    linktypes: list[int] = []

    def declare() -> None:
        linktypes.append(draw(st.sampled_from([build.ETHERNET, build.ETHERNET, build.SLL2])))
        file.idb(linktypes[-1], tsresol=draw(st.sampled_from([None, None, 9, 3])))

    declare()
    for sight in draw(sights()):
        step = draw(st.sampled_from(["packet"] * 6 + ["interface", "section", "unknown", "large"]))
        if step == "interface":
            declare()
        elif step == "section":
            file.shb(draw(ORDERS))
            linktypes.clear()
            declare()
        elif step != "packet":
            count = 1 if step == "unknown" else 12
            file.unknown(draw(st.sampled_from([4, 5, 10, 0xBAD])), draw(fake_blocks(file.order)) * count)
        number = min(sight.interface, len(linktypes) - 1)
        data, wirelen = draw(frame_of(sight, linktypes[number]))
        file.epb(data, build.ticks(sight.ts), number, wirelen=wirelen)
        if draw(st.booleans()):
            data = carrier(draw(fake_blocks(file.order)))
            options = [(1, draw(fake_blocks(file.order)))] if rarely(draw, 4) else []
            file.epb(data, build.ticks(sight.ts), draw(st.integers(0, len(linktypes) - 1)), options=options)
    if rarely(draw, 8):
        strategies.damage(draw, file)
        file.epb(fake(0)).epb(fake(1)).epb(fake(2)).epb(fake(0))
    return strategies.ended(draw, bytes(file))


def nested() -> st.SearchStrategy[bytes]:
    """A capture of any kind with captures in it."""
    return st.one_of(nested_classic(), nested_pcapng())
