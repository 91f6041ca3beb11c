"""A reader of what vxtap writes, and of nothing else: every byte has to be just as the formats' descriptions say.

Little-endian pcap 2.4, and pcapng of one section with interfaces and enhanced packets. Nothing here knows vxtap.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

OUTBOUND = struct.pack("<I", 2)  # the only epb_flags that are written
PCAP_TICKS = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}
SECTION = bytes.fromhex("0a0d0d0a") + struct.pack("<I", 44) + bytes.fromhex("4d3c2b1a 0100 0000 ffffffffffffffff")


class Interface(NamedTuple):
    """An interface of a pcapng file; a classic one has one without a name."""

    name: str
    linktype: int
    tick: int  # nanoseconds


class Packet(NamedTuple):
    """A packet as it was written."""

    interface: int
    ns: int
    data: bytes
    wirelen: int
    comment: str = ""
    outgoing: bool = False


class Written(NamedTuple):
    """A whole file."""

    form: str
    interfaces: list[Interface]
    packets: list[Packet]


def difference(found: Written, wanted: Written) -> str:
    """The first thing in which two files differ, in a few words, since they can have megabytes; empty for none."""
    if (found.form, found.interfaces) != (wanted.form, wanted.interfaces):
        return f"{found.form} {found.interfaces[:9]} instead of {wanted.form} {wanted.interfaces[:9]}"
    for number, (mine, other) in enumerate(zip(found.packets, wanted.packets, strict=False), 1):
        for name, one, two in zip(Packet._fields, mine, other, strict=True):
            if one != two:
                return f"packet {number}: {name} {str(one)[:400]} instead of {str(two)[:400]}"
    if len(found.packets) != len(wanted.packets):
        return f"{len(found.packets)} packets instead of {len(wanted.packets)}"
    return ""


def parse(data: bytes) -> Written:
    """Read a whole file; anything unexpected is an AssertionError."""
    return parse_pcapng(data) if data[:4] == SECTION[:4] else parse_pcap(data)


def parse_pcap(data: bytes) -> Written:
    """A classic capture."""
    magic, major, minor, zone, accuracy, snaplen, linktype = struct.unpack_from("<IHHiIII", data)
    assert (major, minor, zone, accuracy, snaplen) == (2, 4, 0, 0, 262144)
    tick = PCAP_TICKS[magic]
    packets, at = [], 24
    while at < len(data):
        seconds, fraction, caplen, wirelen = struct.unpack_from("<IIII", data, at)
        assert fraction * tick < 10**9
        at += 16 + caplen
        assert at <= len(data)
        packets.append(Packet(0, seconds * 10**9 + fraction * tick, data[at - caplen : at], wirelen))
    return Written("pcap", [Interface("", linktype, tick)], packets)


def parse_pcapng(data: bytes) -> Written:
    """A section header, and then interfaces, each before its first packet."""
    assert data[: len(SECTION)] == SECTION
    assert parse_options(data[24:40]) == {4: b"vxtap"}
    interfaces: list[Interface] = []
    packets: list[Packet] = []
    at = 0
    while at < len(data):
        kind, total = struct.unpack_from("<II", data, at)
        body = data[at + 8 : at + total - 4]
        assert total % 4 == 0
        assert data[at + total - 4 : at + total] == struct.pack("<I", total)
        at += total
        if kind == 1:
            interfaces.append(parse_interface(body))
        elif kind == 6:
            packets.append(parse_packet(body, interfaces))
        else:
            assert at == 44
    return Written("pcapng", interfaces, packets)


def parse_options(data: bytes) -> dict[int, bytes]:
    """Options up to their end, which has to be the end of the block as well; padding is zero."""
    found: dict[int, bytes] = {}
    while data[:4] != bytes(4):
        code, size = struct.unpack_from("<HH", data)
        padded = size + -size % 4
        assert code not in found
        assert len(data) >= 4 + padded + 4
        assert not any(data[4 + size : 4 + padded])
        found[code] = data[4 : 4 + size]
        data = data[4 + padded :]
    assert len(data) == 4
    return found


def parse_interface(body: bytes) -> Interface:
    """An interface description: no snaplen, a name, and a resolution unless it is the default."""
    linktype, reserved, snaplen = struct.unpack_from("<HHI", body)
    assert (reserved, snaplen) == (0, 0)
    options = parse_options(body[8:])
    assert options.keys() <= {2, 9}
    assert options.get(9, b"\x09") == b"\x09"
    return Interface(options[2].decode(), linktype, 1 if 9 in options else 1000)


def parse_packet(body: bytes, interfaces: list[Interface]) -> Packet:
    """An enhanced packet of an interface that was described before it."""
    number, high, low, caplen, wirelen = struct.unpack_from("<IIIII", body)
    padded = caplen + -caplen % 4
    assert len(body) >= 20 + padded
    assert not any(body[20 + caplen : 20 + padded])
    options = parse_options(body[20 + padded :]) if len(body) > 20 + padded else {}
    assert options.keys() <= {1, 2}
    assert options.get(2, OUTBOUND) == OUTBOUND
    ns = (high << 32 | low) * interfaces[number].tick
    return Packet(number, ns, body[20 : 20 + caplen], wirelen, options.get(1, b"").decode(), 2 in options)
