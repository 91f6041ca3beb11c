"""What `vxtap.decap` has to write of a capture, worked out from the oracle's rows alone."""

from __future__ import annotations

import ipaddress
import struct
from collections import Counter
from collections.abc import Collection
from typing import Any, NamedTuple

import oracle
import oracle_files
from written import Interface, Packet, Written

Row = dict[str, Any]
YEAR_2106 = 2**32 * 10**9  # where the unsigned seconds of a classic capture end
MAX_TUNNELS = 4096
COOKED = (113, 276)  # their headers say the direction themselves
NEVER_KEPT = ("filtered", "no_interface")


class Source(NamedTuple):
    """An interface of the input."""

    declared: int  # how far the file has to be read to know of it
    linktype: int
    fine: bool  # its times can have digits below a microsecond
    name: str


class Expected(NamedTuple):
    """The file, and what the report says of it."""

    file: Written
    kept: Counter[str]
    rounded: int
    lost: int


def sources(data: bytes) -> list[Source]:
    """The interfaces of a capture over all its sections; a classic one has one."""
    if data[:4] != oracle_files.SHB_BYTES:
        variant = oracle_files.classic_variant(data)
        if variant is None or len(data) < 24:
            return []
        linktype = oracle_files.number(data, 20, 4, variant.order) & 0x03FFFFFF
        return [Source(24, linktype, variant.tick == 1, "")]
    found, at, order = [], 0, "<"
    while at + 12 <= len(data):
        if data[at : at + 4] == oracle_files.SHB_BYTES:
            order = "<" if data[at + 8] == 0x4D else ">"
        kind, total = struct.unpack_from(order + "II", data, at)
        if total < 12 or at + total > len(data):
            break
        if kind == 1 and total >= 20:
            found.append(source(data[at + 8 : at + total - 4], at + total, order))
        at += total
    return found


def source(body: bytes, at: int, order: str) -> Source:
    """One interface description."""
    options = oracle_files.options(body[8:], "little" if order == "<" else "big")
    tsresol = options.get(9, b"")
    (linktype,) = struct.unpack_from(order + "H", body)
    return Source(at, linktype, len(tsresol) == 1 and tsresol[0] > 6, options.get(2, b"")[:47].decode())


def tunnel_name(row: Row) -> str:
    """How a tunnel is called: 'vni 7 10.0.0.1 > 10.0.0.2'."""
    ends = [ipaddress.IPv6Address(row[name]) for name in ("outer_src", "outer_dst")]
    texts = [str(end.ipv4_mapped or end) for end in ends]
    return f"vni {row['vni']} {texts[0]} > {texts[1]}"


class Writer:
    """The output as it grows."""

    def __init__(self, data: bytes, form: str, keep: bool) -> None:
        """Nothing is written yet."""
        self.data, self.form, self.keep = data, form, keep
        self.sources = sources(data)
        self.interfaces: list[Interface] = []
        self.packets: list[Packet] = []
        self.numbers: dict[Any, int] = {}
        self.tunnels: set[Any] = set()
        self.kept: Counter[str] = Counter()
        self.rounded = self.lost = 0

    def begin(self, offset: int) -> None:
        """A classic file has the finest resolution that was declared before its first frame."""
        if self.form == "pcap" and not self.interfaces:
            fine = any(each.fine for each in self.sources if each.declared <= offset)
            self.interfaces.append(Interface("", 1, 1 if fine else 1000))

    def number(self, key: Any, interface: Interface) -> int:
        """The number of an interface, which is new where the key is."""
        if key not in self.numbers:
            self.numbers[key] = len(self.interfaces)
            self.interfaces.append(interface)
        return self.numbers[key]

    def tunnel(self, row: Row, fine: bool) -> tuple[int, str]:
        """The interface of a decapsulated frame, and its comment."""
        if self.form == "pcap":
            return 0, ""
        key = (row["vni"], row["outer_src"], row["outer_dst"], fine)
        name, tick = tunnel_name(row), 1 if fine else 1000
        if key in self.tunnels or len(self.tunnels) < MAX_TUNNELS:
            self.tunnels.add(key)
            return self.number(key, Interface(name, 1, tick)), ""
        return self.number(("other", fine), Interface("other", 1, tick)), name

    def add(self, row: Row, frame: oracle_files.Frame) -> None:
        """Write a frame, decapsulated or as it was; only then it still is one that the collector sent."""
        outgoing = False
        from_interface = self.sources[frame.interface] if frame.outcome != "no_interface" else None
        if row["status"] == "decapsulated":
            assert from_interface is not None
            self.begin(row["offset"])
            number, comment = self.tunnel(row, from_interface.fine)
        elif self.keep and from_interface is not None and row["status"] not in NEVER_KEPT:
            self.kept[row["status"]] += 1
            name = f"kept {from_interface.name}".rstrip()
            like = Interface(name, from_interface.linktype, 1 if from_interface.fine else 1000)
            number, comment = self.number(("kept", frame.interface), like), ""
            outgoing = "OUTGOING" in row["flags"] and like.linktype not in COOKED
        else:
            return
        data = self.data[row["offset"] : row["offset"] + row["caplen"]]
        ns = self.time(row["ts"], self.interfaces[number].tick)
        self.packets.append(Packet(number, ns, data, row["wirelen"], comment, outgoing))

    def time(self, ts: int | None, tick: int) -> int:
        """A time as the output can hold it: 0 where it cannot, rounded down to its ticks."""
        if ts is None or ts < 0 or (self.form == "pcap" and ts >= YEAR_2106):
            self.lost += 1
            return 0
        if self.form == "pcap" and ts % tick:
            self.rounded += 1
        return ts - ts % tick


def expected(
    data: bytes, form: str, *, keep: bool = False, ports: Collection[int] = (4789,), vni: Any = None
) -> Expected:
    """The whole output of a capture."""
    writer = Writer(data, form, keep)
    capture = oracle_files.read_capture(data)
    for row, frame in zip(oracle.decode(data, ports, vni).rows, capture.frames, strict=True):
        writer.add(row, frame)
    writer.begin(capture.fault[0] if capture.fault else len(data))
    file = Written(form, writer.interfaces, writer.packets)
    return Expected(file, writer.kept, writer.rounded, writer.lost)
