"""The framing half of the oracle: classic pcap and pcapng files, cut into frames.

Written from docs/record.md alone, sharing nothing with vxtap, so that a mistake there is not repeated here.
Slow on purpose: one function a rule, whole files in memory, Python's unbounded integers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Order = Literal["little", "big"]
Fault = tuple[int, str]

MAX_CAPLEN = 4 << 20  # a classic record that claims more is damage, not a packet
MAX_BLOCK = 8 << 20  # the same for a pcapng block of a kind that is read

SHB, IDB, PB, SPB, EPB = 0x0A0D0D0A, 1, 2, 3, 6
SHB_BYTES = b"\x0a\x0d\x0d\x0a"  # the same in both byte orders
SMALLEST = {SHB: 28, IDB: 20, PB: 32, SPB: 16, EPB: 32}  # 12 bytes of frame and the fixed fields


class Frame(NamedTuple):
    """One record of a capture, before anything in it is looked at."""

    offset: int  # of the data in the file
    data: bytes
    origlen: int  # what the file claims was on the wire
    ts: int | None  # nanoseconds since 1970, None where there is no time
    linktype: int
    interface: int
    outgoing: bool
    outcome: str | None  # decided by the framing already, else None
    several: bool = False  # its pcapng section had declared more than one interface by then
    ident: int = 0  # of the interface in its section


class Capture(NamedTuple):
    """All whole records of a file, and how the file ended."""

    frames: list[Frame]
    tail: int
    fault: Fault | None


class EndError(Exception):
    """A file ends before its last byte: in a record that was cut, or at damage."""

    def __init__(self, tail: int = 0, fault: Fault | None = None) -> None:
        """So many bytes of a cut record, or what is wrong where."""
        super().__init__(tail, fault)
        self.tail, self.fault = tail, fault


def read_capture(data: bytes) -> Capture:
    """Cut a file into frames; what kind of file it is, its first four bytes say."""
    frames: list[Frame] = []
    try:
        if len(data) < 4:
            raise EndError(fault=(0, "file header cut"))
        if data[:4] == SHB_BYTES:
            read_pcapng(data, frames)
        else:
            read_pcap(data, frames)
    except EndError as end:
        return Capture(frames, end.tail, end.fault)
    return Capture(frames, 0, None)


def number(data: bytes, at: int, size: int, order: Order) -> int:
    """The unsigned integer of `size` bytes at `at`."""
    return int.from_bytes(data[at : at + size], order)


# ---------------------------------------------------------------- classic pcap


class Variant(NamedTuple):
    """What the magic of a classic file says."""

    order: Order
    tick: int  # nanoseconds in one unit of the fraction
    header: int  # bytes of a record header


MAGICS = {0xA1B2C3D4: (1000, 16), 0xA1B23C4D: (1, 16), 0xA1B2CD34: (1000, 24)}


def classic_variant(data: bytes) -> Variant | None:
    """The variant that the magic names, in either byte order."""
    orders: tuple[Order, Order] = ("little", "big")
    for order in orders:
        found = MAGICS.get(number(data, 0, 4, order))
        if found is not None:
            return Variant(order, *found)
    return None


def classic_version_known(major: int, minor: int) -> bool:
    """2.0 to 2.4, and 543.0 that one old writer left."""
    return (major == 2 and minor <= 4) or (major, minor) == (543, 0)


def lengths_swapped(major: int, minor: int, caplen: int, origlen: int) -> bool:
    """Files before 2.3 have the two lengths the other way round; writers of 2.3 did either."""
    if major == 543 or minor < 3:
        return True
    return minor == 3 and caplen > origlen


def read_pcap(data: bytes, frames: list[Frame]) -> None:
    """A classic capture: 24 bytes of file header, then records."""
    variant = classic_variant(data)
    if variant is None:
        raise EndError(fault=(0, "not a capture"))
    if len(data) < 24:
        raise EndError(fault=(0, "file header cut"))
    order = variant.order
    major, minor = number(data, 4, 2, order), number(data, 6, 2, order)
    if not classic_version_known(major, minor):
        raise EndError(fault=(0, "version"))
    linktype = number(data, 20, 4, order) & 0x03FFFFFF  # the bits above are the FCS length and its flag
    at = 24
    while at < len(data):
        start = at + variant.header
        if start > len(data):
            raise EndError(len(data) - at)
        seconds, fraction = number(data, at, 4, order), number(data, at + 4, 4, order)
        caplen, origlen = number(data, at + 8, 4, order), number(data, at + 12, 4, order)
        if lengths_swapped(major, minor, caplen, origlen):
            caplen, origlen = origlen, caplen
        if caplen > MAX_CAPLEN:
            raise EndError(fault=(at, "captured length"))
        if start + caplen > len(data):
            raise EndError(len(data) - at)
        ts = seconds * 10**9 + fraction * variant.tick
        frames.append(Frame(start, data[start : start + caplen], origlen, ts, linktype, 0, False, None))
        at = start + caplen


# ---------------------------------------------------------------- pcapng


class Interface(NamedTuple):
    """One interface description block."""

    linktype: int
    snaplen: int
    tsresol: int
    tsoffset: int


@dataclass
class Section:
    """The section that is being read; `earlier` counts the interfaces of the sections before it."""

    order: Order
    earlier: int
    interfaces: list[Interface] = field(default_factory=list)


class Block(NamedTuple):
    """A whole block; `body` is what stands between the two lengths and starts at `start` in the file."""

    kind: int
    body: bytes
    start: int


def bad_length(kind: int, total: int) -> str | None:
    """What the first bytes of a block alone show to be wrong."""
    if total < 12 or total % 4:
        return "block length"
    if kind in SMALLEST and total < SMALLEST[kind]:
        return "block too short"
    if kind in SMALLEST and total > MAX_BLOCK:
        return "block too long"
    return None


def read_pcapng(data: bytes, frames: list[Frame]) -> None:
    """A pcapng file: blocks, each with its length at both ends."""
    section: Section | None = None
    at = 0
    while at < len(data):
        left = len(data) - at
        is_header = data[at : at + 4] == SHB_BYTES
        if left < (12 if is_header else 8):  # a section header's length can be read only after its magic
            raise cut_block(at, left)
        if is_header:
            order = section_order(data[at + 8 : at + 12])
            if order is None:
                raise EndError(fault=(at, "byte-order magic"))
            section = Section(order, section.earlier + len(section.interfaces) if section else 0)
        if section is None:
            raise EndError(fault=(at, "no section header"))
        kind, total = number(data, at, 4, section.order), number(data, at + 4, 4, section.order)
        why = bad_length(kind, total)
        if why is not None:
            raise EndError(fault=(at, why))
        if total > left:
            raise cut_block(at, left)
        if number(data, at + total - 4, 4, section.order) != total:
            raise EndError(fault=(at, "trailing length"))
        if is_header and number(data, at + 12, 2, section.order) != 1:
            raise EndError(fault=(at, "version"))
        block = Block(kind, data[at + 8 : at + total - 4], at + 8)
        frames.extend(read_block(block, section))
        at += total


def cut_block(at: int, left: int) -> EndError:
    """A block that the file ends in: the first one is the file's own header, any other a cut record."""
    return EndError(left) if at else EndError(fault=(0, "file header cut"))


def section_order(magic: bytes) -> Order | None:
    """The byte order of a section."""
    if magic == b"\x4d\x3c\x2b\x1a":
        return "little"
    return "big" if magic == b"\x1a\x2b\x3c\x4d" else None


def read_block(block: Block, section: Section) -> list[Frame]:
    """Declare an interface, or return the frame of a packet block; other blocks say nothing."""
    if block.kind == IDB:
        section.interfaces.append(interface(block.body, section.order))
    elif block.kind == SPB:
        return [simple_packet(block, section)]
    elif block.kind in (EPB, PB):
        return [timed_packet(block, section)]
    return []


def options(data: bytes, order: Order) -> dict[int, bytes]:
    """The options of a block by code; the last of a code counts, one that leaves the block ends the list."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(data):
        code, size = number(data, at, 2, order), number(data, at + 2, 2, order)
        if code == 0 or at + 4 + size > len(data):
            break
        found[code] = data[at + 4 : at + 4 + size]
        at += 4 + size + -size % 4
    return found


def interface(body: bytes, order: Order) -> Interface:
    """An interface description; options of a wrong size are as good as absent."""
    given = options(body[8:], order)
    tsresol, tsoffset = given.get(9, b""), given.get(14, b"")
    return Interface(
        linktype=number(body, 0, 2, order),
        snaplen=number(body, 4, 4, order),
        tsresol=tsresol[0] if len(tsresol) == 1 else 6,
        tsoffset=int.from_bytes(tsoffset, order, signed=True) if len(tsoffset) == 8 else 0,
    )


def time_of(tick: int, face: Interface) -> int | None:
    """Nanoseconds of a tick, rounded down; None where they do not fit (the lowest 64-bit value is NaT)."""
    exponent = face.tsresol & 0x7F
    per_second = 2**exponent if face.tsresol & 0x80 else 10**exponent
    ns = tick * 10**9 // per_second + face.tsoffset * 10**9
    return ns if -(2**63) < ns < 2**63 else None


def simple_packet(block: Block, section: Section) -> Frame:
    """A simple packet block: interface 0, no time, and a captured length that only follows from others."""
    origlen = number(block.body, 0, 4, section.order)
    room = len(block.body) - 4
    if not section.interfaces:
        data = block.body[4 : 4 + min(origlen, room)]
        return Frame(block.start + 4, data, origlen, None, 0, section.earlier, False, "no_interface")
    face = section.interfaces[0]
    caplen = min(origlen, room, face.snaplen or room)
    data = block.body[4 : 4 + caplen]
    outcome = "malformed" if caplen > MAX_CAPLEN else None
    return Frame(block.start + 4, data, origlen, None, face.linktype, section.earlier, False, outcome)


def timed_packet(block: Block, section: Section) -> Frame:
    """An enhanced packet block or the obsolete packet block: only the interface number's size differs."""
    order = section.order
    named = number(block.body, 0, 4 if block.kind == EPB else 2, order)
    tick = number(block.body, 4, 4, order) << 32 | number(block.body, 8, 4, order)
    caplen, origlen = number(block.body, 12, 4, order), number(block.body, 16, 4, order)
    room = len(block.body) - 20
    data = block.body[20 : 20 + min(caplen, room)]
    # Where the captured length runs out of the block, nobody knows where the options start.
    flags = b"" if caplen > room else options(block.body[20 + caplen + -caplen % 4 :], order).get(2, b"")
    outgoing = len(flags) == 4 and int.from_bytes(flags, order) & 3 == 2
    start, column = block.start + 20, section.earlier + named
    if named >= len(section.interfaces):  # nobody knows the unit of its time either
        return Frame(start, data, origlen, None, 0, column, outgoing, "no_interface")
    face = section.interfaces[named]
    outcome = "malformed" if caplen > min(room, MAX_CAPLEN) else None
    several = len(section.interfaces) > 1
    return Frame(start, data, origlen, time_of(tick, face), face.linktype, column, outgoing, outcome, several, named)
