"""Hypothesis strategies: whole captures, of frames that know nothing of each other or of traffic that hangs together.

`build` does the composing. What is drawn is what a mirror may send, what stands beside it on the wire of
a collector, and the damage that captures pick up: cuts, padding, wrong lengths, changed bytes.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

import build
from build import Pcapng
from strategies_frames import LINKTYPES, ORDERS, packets
from strategies_packets import Draw, rarely
from strategies_traffic import traffic_captures

TSRESOLS = (None, None, 6, 9, 3, 0, 12, 19, 20, 127, 0x80, 0x94, 0x9E, 0xBF, 0xC0, 0xFF)
YEAR_2100 = 4102444800 * 10**9


def times() -> st.SearchStrategy[int]:
    """Nanoseconds since 1970, until classic captures end in 2106."""
    return st.one_of(st.just(1_700_000_000_123_456_789), st.integers(0, YEAR_2100))


def linktypes() -> st.SearchStrategy[int]:
    """A link type, sometimes one that nobody knows."""
    return st.sampled_from((*LINKTYPES, 105, 147))


def ended(draw: Draw, data: bytes) -> bytes:
    """A file, sometimes cut: the collector is still writing, or its disk is full."""
    return data[: draw(st.integers(0, len(data)))] if rarely(draw, 6) else data


@st.composite
def classic_captures(draw: Draw, most: int = 6) -> bytes:
    """A classic capture of any variant that libpcap reads."""
    linktype = draw(linktypes())
    records = [(draw(times()), *draw(packets(linktype))) for _ in range(draw(st.integers(0, most)))]
    version = draw(st.sampled_from([(2, 4)] * 12 + [(2, 3), (2, 3), (2, 2), (543, 0), (2, 5), (3, 0)]))
    magic = draw(st.sampled_from([build.MICRO, build.MICRO, build.NANO, build.KUZNETZOV]))
    upper = draw(st.sampled_from([0, 0, 0, 0x24000000]))  # where the file says something of the FCS
    swap = draw(st.booleans()) if version == (2, 3) else None
    data = build.pcap(records, linktype | upper, draw(ORDERS), magic, version=version, swap=swap)
    return ended(draw, data)


class Interfaces:
    """The interfaces of a section, as the writer of its packets has to know them."""

    def __init__(self) -> None:
        """None yet."""
        self.linktypes: list[int] = []
        self.snaplens: list[int] = []


def interface_block(draw: Draw, file: Pcapng, known: Interfaces) -> None:
    """Declare an interface."""
    linktype = draw(linktypes())
    snaplen = draw(st.sampled_from([0, 0, 65535, 96, 60]))
    tsresol = draw(st.sampled_from(TSRESOLS))
    tsoffset = draw(st.sampled_from([None, None, None, 0, 3600, -3600, 2**40, -(2**63), 2**63 - 1]))
    file.idb(linktype, snaplen, tsresol=tsresol, tsoffset=tsoffset, options=[(2, b"eth0")])
    known.linktypes.append(linktype)
    known.snaplens.append(snaplen)


def packet_block(draw: Draw, file: Pcapng, known: Interfaces) -> None:
    """Write a packet block, sometimes of an interface that is not there or with a length that can not be."""
    kind = draw(st.sampled_from(["epb", "epb", "epb", "spb", "pb"]))
    last = len(known.linktypes) - 1
    number = 0 if kind == "spb" else draw(st.integers(0, max(last, 0)))
    if kind != "spb" and rarely(draw, 12):
        number = draw(st.integers(0, 0xFFFF))
    linktype = known.linktypes[number] if number <= last else build.ETHERNET
    snaplen = known.snaplens[number] if number <= last else 0
    data, wirelen = draw(packets(linktype, snaplen))
    if kind == "spb":
        # Nothing but the length on the wire says how much of the block is data.
        file.spb(data, wirelen=wirelen if rarely(draw, 4) else max(len(data), min(wirelen, 0xFFFF)))
        return
    tick = draw(st.integers(0, 2**64 - 1) if rarely(draw, 6) else st.integers(0, 2**51))
    how: dict[str, Any] = {
        "wirelen": wirelen,
        "caplen": draw(st.integers(0, len(data) + 40)) if rarely(draw, 16) else None,
        "flags": draw(st.one_of(st.none(), st.integers(0, 3), st.integers(0, 2**32 - 1))),
    }
    (file.epb if kind == "epb" else file.pb)(data, tick, number, **how)


@st.composite
def pcapng_captures(draw: Draw, most: int = 10) -> bytes:
    """A pcapng file of a few sections in differing byte orders, perhaps with damaged framing."""
    file, known = Pcapng(draw(ORDERS)), Interfaces()
    if not rarely(draw, 10):
        interface_block(draw, file, known)
    steps = st.sampled_from(["packet"] * 8 + ["interface", "interface", "section", "unknown", "unknown"])
    for step in draw(st.lists(steps, max_size=most)):
        if step == "packet":
            packet_block(draw, file, known)
        elif step == "interface":
            interface_block(draw, file, known)
        elif step == "section":
            file.shb(draw(ORDERS), options=[(4, b"a test")] if draw(st.booleans()) else ())
            known = Interfaces()
            if not rarely(draw, 6):
                interface_block(draw, file, known)
        else:
            file.unknown(draw(st.sampled_from([4, 5, 10, 0xBAD, 0x80000001])), draw(st.binary(max_size=20)))
    if rarely(draw, 10):
        damage(draw, file)
    return ended(draw, bytes(file))


def damage(draw: Draw, file: Pcapng) -> None:
    """End a file in a way that no reader can go on from."""
    total = draw(st.sampled_from([0, 8, 11, 13, 12, 16, 20, 24, 28, 32, 0x1000004, 0xFFFFFFFC]))
    kind = draw(st.sampled_from([1, 2, 3, 6, 0x0A0D0D0A, 4]))
    ending = draw(st.sampled_from(["length", "trailer", "version", "junk"]))
    if ending == "length":
        file.unknown(kind, draw(st.binary(max_size=32)), total=total)
    elif ending == "trailer":
        file.unknown(4, bytes(8), trailer=total)
    elif ending == "version":
        file.shb(version=(draw(st.sampled_from([0, 2])), 0))
    else:
        file.junk(draw(st.binary(max_size=40)))
    file.unknown(4)


@st.composite
def traffic(draw: Draw) -> bytes:
    """A capture of traffic that hangs together, sometimes with its end missing."""
    return ended(draw, draw(traffic_captures()))


def captures() -> st.SearchStrategy[bytes]:
    """A whole capture file of any kind."""
    return st.one_of(classic_captures(), pcapng_captures(), traffic(), traffic())
