"""What `vxtap.decap` has to write of a capture, worked out from the oracle's rows alone."""

from __future__ import annotations

import ipaddress
import struct
from collections import Counter
from typing import Any, NamedTuple

import oracle
import oracle_files
from written import Interface, Packet, Written

Row = dict[str, Any]
YEAR_2106 = 2**32 * 10**9  # where the unsigned seconds of a classic capture end
MAX_TUNNELS = 4096
COOKED = (113, 276)  # their headers say the direction themselves
IP = (0x0800, 0x86DD)  # what the link type RAW can hold
ETHERNET, RAW = 1, 101
NEVER_KEPT = ("filtered", "no_interface", "second_sight", "fragment_joined", "fragment_lost", "fragment_overlap")


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
    no_ethernet: int


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
    """How a tunnel is called: 'vni 7 10.0.0.1 > 10.0.0.2', 'geneve 7 10.0.0.1 > 10.0.0.2'."""
    ends = [ipaddress.IPv6Address(row[name]) for name in ("outer_src", "outer_dst")]
    texts = [str(end.ipv4_mapped or end) for end in ends]
    tunnel = row["tunnel"].lower().replace("_", "-")
    kind = "vni" if tunnel == "vxlan" else "erspan" if tunnel.startswith("erspan") else tunnel
    return "plain" if kind == "none" else f"{kind} {row['vni']} {texts[0]} > {texts[1]}"


class Writer:
    """The output as it grows."""

    def __init__(self, data: bytes, form: str, *, keep: bool, ethernet: bool) -> None:
        """Nothing is written yet."""
        self.data, self.form, self.keep, self.ethernet = data, form, keep, ethernet
        self.sources = sources(data)
        self.interfaces: list[Interface] = []
        self.packets: list[Packet] = []
        self.numbers: dict[Any, int] = {}
        self.tunnels: set[Any] = set()
        self.kept: Counter[str] = Counter()
        self.rounded = self.lost = self.no_ethernet = 0

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

    def tunnel(self, row: Row, fine: bool, linktype: int) -> tuple[int, str]:
        """The interface of a decapsulated frame, and its comment."""
        if self.form == "pcap":
            return 0, ""
        key = (row["tunnel"], row["vni"], row["outer_src"], row["outer_dst"], fine, linktype)
        name, tick = tunnel_name(row), 1 if fine else 1000
        if key in self.tunnels or len(self.tunnels) < MAX_TUNNELS:
            self.tunnels.add(key)
            return self.number(key, Interface(name, linktype, tick)), ""
        return self.number(("other", fine, linktype), Interface("other", linktype, tick)), name

    def add(self, row: Row, frame: oracle_files.Frame, place: int) -> None:
        """Write a frame where the input is read up to `place`: decapsulated or as it was."""
        if row["status"] == "decapsulated":
            self.add_inner(row, self.sources[frame.interface].fine, place)
        elif self.keep and row["status"] not in NEVER_KEPT and "REASSEMBLED" not in row["flags"]:
            self.add_kept(row, frame.interface)

    def add_inner(self, row: Row, fine: bool, place: int) -> None:
        """What was in a tunnel; what has no Ethernet header gets one, or is on a link type for IP, or has no place."""
        raw, data, wirelen = "INNER_RAW" in row["flags"], row["inner"], row["wirelen"]
        if raw and self.ethernet and row["ethertype"] >= 0x600:
            header = bytes(12) + row["ethertype"].to_bytes(2, "big")
            raw, data, wirelen = False, header + data, len(header) + wirelen
        if raw and (self.ethernet or self.form == "pcap" or row["ethertype"] not in IP):
            self.no_ethernet += 1
            return
        self.begin(place)
        number, comment = self.tunnel(row, fine, RAW if raw else ETHERNET)
        ns = self.time(row["ts"], self.interfaces[number].tick)
        self.packets.append(Packet(number, ns, data, wirelen, comment))

    def add_kept(self, row: Row, interface: int) -> None:
        """A frame as it was; only so it still is one that the collector sent."""
        self.kept[row["status"]] += 1
        source = self.sources[interface]
        like = Interface(f"kept {source.name}".rstrip(), source.linktype, 1 if source.fine else 1000)
        number = self.number(("kept", interface), like)
        data = self.data[row["offset"] : row["offset"] + row["caplen"]]
        outgoing = "OUTGOING" in row["flags"] and like.linktype not in COOKED
        self.packets.append(Packet(number, self.time(row["ts"], like.tick), data, row["wirelen"], "", outgoing))

    def time(self, ts: int | None, tick: int) -> int:
        """A time as the output can hold it: 0 where it cannot, rounded down to its ticks."""
        if ts is None or ts < 0 or (self.form == "pcap" and ts >= YEAR_2106):
            self.lost += 1
            return 0
        if self.form == "pcap" and ts % tick:
            self.rounded += 1
        return ts - ts % tick


def expected(data: bytes, form: str, *, keep: bool = False, ethernet: bool = False, **how: Any) -> Expected:
    """The whole output of a capture; `how` is options of the oracle."""
    writer = Writer(data, form, keep=keep, ethernet=ethernet)
    capture = oracle_files.read_capture(data)
    end = capture.fault[0] if capture.fault else len(data)
    places = [frame.offset for frame in capture.frames] + [end]
    for row in sorted(oracle.decode(data, **how).rows, key=lambda row: row["comes"]):
        writer.add(row, capture.frames[row["frame"] - 1], places[row["comes"][0] - 1])
    writer.begin(end)
    file = Written(form, writer.interfaces, writer.packets)
    return Expected(file, writer.kept, writer.rounded, writer.lost, writer.no_ethernet)
