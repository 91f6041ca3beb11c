"""What tshark says of the tunnels of a capture, in the columns of the library.

tshark gives a field once for each layer that has it, outermost first. `frame.protocols` names the layers, so the
value of an inner header is the one behind those of the outer headers of its kind.
"""

from __future__ import annotations

import ipaddress
import re
import subprocess
from pathlib import Path
from typing import Any

Row = dict[str, Any]

TAGS = {"vlan": ("vlan.id", "vlan.etype"), "ieee8021ad": ("ieee8021ad.id", "vlan.etype")}
EXTENSIONS = {
    "ipv6.hopopts": "ipv6.hopopts.nxt",
    "ipv6.routing": "ipv6.routing.nxt",
    "ipv6.fraghdr": "ipv6.fraghdr.nxt",
    "ipv6.dstopts": "ipv6.dstopts.nxt",
    "ah": "ah.next_header",
}
IP = {"src": "ip.src", "dst": "ip.dst", "proto": "ip.proto", "ttl": "ip.ttl", "dscp": "ip.dsfield.dscp"}
IP["ip_id"] = "ip.id"
IPV6 = {
    "src": "ipv6.src",
    "dst": "ipv6.dst",
    "proto": "ipv6.nxt",
    "ttl": "ipv6.hlim",
    "dscp": "ipv6.tclass.dscp",
}
L4 = {
    "tcp": {
        "sport": "tcp.srcport",
        "dport": "tcp.dstport",
        "tcp_seq": "tcp.seq_raw",
        "tcp_ack": "tcp.ack_raw",
        "tcp_flags": "tcp.flags",
        "tcp_window": "tcp.window_size_value",
    },
    "udp": {"sport": "udp.srcport", "dport": "udp.dstport"},
    "sctp": {"sport": "sctp.srcport", "dport": "sctp.dstport"},
    "icmp": {"sport": "icmp.type", "dport": "icmp.code"},
    "icmpv6": {"sport": "icmpv6.type", "dport": "icmpv6.code"},
}
FRAME = ("frame.number", "frame.time_epoch", "frame.cap_len", "frame.encap_type", "frame.protocols")
# Of a datagram that was put together: what makes the outer packet a fragment, and how long the whole is.
JOINED = {"ip": "ip.reassembled.length", "ipv6": "ipv6.reassembled.length"}
# Where each tunnel has its number; of GRE and ERSPAN, which is in GRE, the second is the one.
KEYS = {"vxlan": "vxlan.vni", "nsh": "vxlan.vni", "geneve": "geneve.vni", "gre": "gre.key", "erspan": "erspan.spanid"}
OTHERS = (
    *JOINED.values(),
    "ip.flags.mf",
    "ip.frag_offset",
    "ipv6.fraghdr.more",
    "ipv6.fraghdr.offset",
    "udp.length",
    "ip.hdr_len",
    "ip.len",
    "ipv6.plen",
    "ipv6.fraghdr.ident",
    "eth.src",
    "eth.dst",
    "eth.type",
    "eth.len",
    "vlan.etype",
    "vlan.id",
    "ieee8021ad.id",
)
FIELDS = list(
    dict.fromkeys(
        (
            *FRAME,
            *OTHERS,
            *KEYS.values(),
            *IP.values(),
            *IPV6.values(),
            *EXTENSIONS.values(),
            *(field for fields in L4.values() for field in fields.values()),
        )
    )
)
COLUMNS: tuple[str, ...] = (
    "frame",
    "ts",
    "vni",
    "caplen",
    "wirelen",
    "outer_src",
    "outer_dst",
    "outer_sport",
    "outer_dport",
)
COLUMNS += ("eth_src", "eth_dst", "vlan", "ethertype", *IP, *L4["tcp"])
ADDRESSES = {"outer_src": 16, "outer_dst": 16, "src": 16, "dst": 16, "eth_src": 6, "eth_dst": 6}

LINK_HEADERS = {"1": 14, "25": 16, "210": 20}  # by Wireshark's numbers: Ethernet, SLL, SLL2
# A tunnel of the frame itself: nothing but link layer, VLAN tags, IP and UDP stand before it. The header of VXLAN-GPE
# has no name among the layers; an NSH behind UDP shows that it was there.
OUTER = r"(eth|sll)(:ethertype|:vlan|:ieee8021ad)*:(ip|ipv6(:ipv6\.\w+)*):"
VXLAN = re.compile(OUTER + r"udp:vxlan(:|$)")
ANY = re.compile(OUTER + r"(udp:(vxlan|nsh|geneve)|gre)(:|$)")


def arguments(ports: tuple[int, ...]) -> list[str]:
    """Fragments are put together, no name is looked up, and every port of a tunnel is taken for VXLAN."""
    options = ["-n", "-o", "ip.defragment:TRUE", "-o", "ipv6.defragment:TRUE"]
    for port in ports:
        options += ["-d", f"udp.port=={port},vxlan"]
    return options


def run(path: Path, *more: str) -> str:
    """What tshark prints of a file; of its complaints only that the file was cut is none of ours."""
    done = subprocess.run(["tshark", "-r", str(path), *more], capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if line and not line.startswith("Running as user")]
    assert all("cut short in the middle of a packet" in line for line in lines), done.stderr
    assert done.returncode == 0 or lines, done.returncode
    return done.stdout


def tunnels(
    path: Path, ports: tuple[int, ...], *, kinds: re.Pattern[str] = VXLAN, deep: bool = False
) -> dict[int, Row]:
    """The rows that tshark sees, by frame: of tunnels of some kinds, with what is in the outermost or the innermost."""
    wanted = [word for field in FIELDS for word in ("-e", field)]
    lines = run(path, *arguments(ports), "-T", "fields", "-E", "occurrence=a", "-E", "separator=/t", *wanted)
    rows = {}
    for line in lines.splitlines():
        values = dict(zip(FIELDS, line.split("\t"), strict=True))
        if kinds.match(values["frame.protocols"]):
            row = Layers(values).row(deep=deep)
            rows[row["frame"]] = row
    return rows


class Layers:
    """The layers of one frame, taken off one after the other."""

    def __init__(self, values: dict[str, str]) -> None:
        """All values of a field are in one text."""
        self.values = {field: text.split(",") if text else [] for field, text in values.items()}
        self.frame = {field: values[field] for field in FRAME}
        self.names = [name for name in values["frame.protocols"].split(":") if name != "ethertype"]
        self.passed: dict[str, int] = {}

    def skip(self) -> str:
        """Pass a layer: its values are those that `value` no longer gives."""
        name = self.names.pop(0)
        self.passed[name] = self.passed.get(name, 0) + 1
        return name

    def value(self, layer: str, field: str) -> str:
        """A field of the layer of that name that comes next; empty where tshark did not get so far."""
        found, at = self.values[field], self.passed.get(layer, 0)
        return found[at] if at < len(found) else ""

    def number(self, layer: str, field: str) -> int:
        """The same as a number, 0 where there is none."""
        text = self.value(layer, field)
        return int(text, 0) if text else 0

    def row(self, *, deep: bool) -> Row:
        """Everything that tshark tells of the frame."""
        row: Row = dict.fromkeys(COLUMNS, 0) | {name: bytes(size) for name, size in ADDRESSES.items()}
        row["frame"] = int(self.frame["frame.number"])
        row["ts"] = nanoseconds(self.frame["frame.time_epoch"])
        self.outer(row)
        row["vni"] = self.tunnel()
        while deep and not KEYS.keys().isdisjoint(self.names):
            while self.names[0] not in KEYS:
                self.skip()
            self.tunnel()
        self.inner(row)
        return row

    def tunnel(self) -> int:
        """Pass the headers of one tunnel: its number."""
        number = 0
        while self.names and self.names[0] in KEYS:
            number = self.number(self.names[0], KEYS[self.names[0]])
            self.skip()
        return number

    def is_joined(self, version: str) -> bool:
        """Whether the outer packet is a fragment: its fields come first."""
        fields = ("ip.flags.mf", "ip.frag_offset") if version == "ip" else ("ipv6.fraghdr.more", "ipv6.fraghdr.offset")
        return any(int(self.values[field][0], 0) for field in fields if self.values[field])

    def outer(self, row: Row) -> None:
        """Down to the tunnel; how much of the inner frame of VXLAN is there follows from the lengths on the way."""
        at = LINK_HEADERS[self.frame["frame.encap_type"]]
        self.skip()
        while self.names[0] in TAGS:
            self.skip()
            at += 4
        version = self.names[0]
        columns = IP if version == "ip" else IPV6
        row["outer_src"], row["outer_dst"] = (mapped(self.value(version, columns[end])) for end in ("src", "dst"))
        size = self.number("ip", "ip.hdr_len") if version == "ip" else 40
        length = self.number("ip", "ip.len") if version == "ip" else 40 + self.number("ipv6", "ipv6.plen")
        joined = self.is_joined(version)
        self.skip()
        while self.names[0] in EXTENSIONS:
            self.skip()
            size += 8  # a fragment header, which is the only one in these captures
        if self.names[0] != "udp":
            return
        for column, field in L4["udp"].items():
            row[f"outer_{column}"] = self.number("udp", field)
        row["wirelen"] = self.number("udp", "udp.length") - 16
        if joined:  # the outer packet's comes first, as all its fields do
            row["caplen"] = row["wirelen"] = int(self.values[JOINED[version]][0]) - 16
        else:
            left = int(self.frame["frame.cap_len"]) - at - size - 16
            row["caplen"] = min(left, row["wirelen"], length - size - 16)
        self.skip()

    def inner(self, row: Row) -> None:
        """The inner frame, which may start with IP."""
        if self.names[:1] in (["ip"], ["ipv6"]):
            row["ethertype"] = 0x0800 if self.names[0] == "ip" else 0x86DD
            self.network(row)
        else:
            self.ethernet(row)

    def ethernet(self, row: Row) -> None:
        """The inner link layer."""
        if self.names[:1] != ["eth"]:
            return
        row["eth_src"], row["eth_dst"] = (mac(self.value("eth", f"eth.{end}")) for end in ("src", "dst"))
        # A frame with a length has no type, and there the values no longer follow the layers: take the last.
        row["ethertype"] = self.number("eth", "eth.type") if self.values["eth.type"] else 0
        if self.names[1:2] == ["llc"]:
            row["ethertype"] = int(self.values["eth.len"][-1])
        self.skip()
        tagged = False
        while self.names and self.names[0] in TAGS:
            name = self.names[0]
            ident, etype = TAGS[name]
            if not tagged:
                row["vlan"] = self.number(name, ident)
            tagged = True
            self.skip()
            # Only the last tag of a stack tells a type of its own.
            row["ethertype"] = int(self.values[etype][-1], 0) if self.values[etype] else row["ethertype"]
        if self.names[:1] in (["ip"], ["ipv6"]):
            self.network(row)

    def network(self, row: Row) -> None:
        """The inner network layer, and what it carries."""
        version = self.names[0]
        for column, field in (IP if version == "ip" else IPV6).items():
            if column in ("src", "dst"):
                row[column] = mapped(self.value(version, field))
            else:
                row[column] = self.number(version, field)
        self.skip()
        while self.names and self.names[0] in EXTENSIONS:
            name = self.names[0]
            row["proto"] = self.number(name, EXTENSIONS[name])
            if name == "ipv6.fraghdr":
                row["ip_id"] = self.number(name, "ipv6.fraghdr.ident")
            self.skip()
        if self.names and self.names[0] in L4:
            for column, field in L4[self.names[0]].items():
                row[column] = self.number(self.names[0], field)
            row["tcp_flags"] &= 0x1FF  # tshark counts three reserved bits among the flags


def nanoseconds(text: str) -> int:
    """A time as tshark prints it: seconds with nine decimals."""
    seconds, _, fraction = text.partition(".")
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0"))


def mapped(text: str) -> bytes:
    """An address as a column has it."""
    if not text:
        return bytes(16)
    address = ipaddress.ip_address(text)
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed


def mac(text: str) -> bytes:
    """A MAC address as a column has it."""
    return bytes.fromhex(text.replace(":", "")) if text else bytes(6)
