"""What programs print for people, as the numbers that all peers have to find."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

Row = tuple[int, ...]

#: what tshark is asked for, the innermost of each: both kinds of ports, since a TCP packet has the outer UDP's too
TSHARK = (
    "frame.time_epoch",
    "vxlan.vni",
    "ip.src",
    "ip.dst",
    "ip.proto",
    "tcp.srcport",
    "tcp.dstport",
    "udp.srcport",
    "udp.dstport",
)


def micros(epoch: str) -> int:
    seconds, _, fraction = epoch.partition(".")
    return int(seconds) * 1_000_000 + int(fraction[:6].ljust(6, "0"))


def address(text: str) -> int:
    return int(ipaddress.IPv4Address(text))


def tshark(lines: Iterable[str]) -> Iterator[Row]:
    for line in lines:
        time, vni, source, target, proto, *ports = line.rstrip("\n").split("\t")
        sport, dport = ports[:2] if proto == "6" else ports[2:]
        yield micros(time), int(vni), address(source), address(target), int(proto), int(sport), int(dport)


OUTER = re.compile(r"(\d+\.\d+) IP6? .*: VXLAN, .*vni (\d+)$")
INNER = re.compile(r"IP (\d+\.\d+\.\d+\.\d+)\.(\d+) > (\d+\.\d+\.\d+\.\d+)\.(\d+): (Flags|\S+)")


def tcpdump(lines: Iterable[str]) -> Iterator[Row]:
    """Two lines a packet; what is not `Flags` is UDP here."""
    outer = None
    for line in lines:
        if found := OUTER.match(line):
            outer = found
        elif outer and (inner := INNER.match(line)):
            proto = 6 if inner[5] == "Flags" else 17
            ends = address(inner[1]), address(inner[3])
            yield micros(outer[1]), int(outer[2]), *ends, proto, int(inner[2]), int(inner[4])
            outer = None


TUNNEL = re.compile(r"type='VxLAN', id=(\d+)")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def pcaptoparquet(lines: Iterable[str]) -> Iterator[Row]:
    """A table with a head, fields between bars."""
    rows = iter(lines)
    head = next(rows).rstrip("\n").split("|")
    for line in rows:
        cells = dict(zip(head, line.rstrip("\n").split("|"), strict=True))
        if found := TUNNEL.search(cells["tunnel"]):
            past = datetime.fromisoformat(cells["utc_date_time"]).replace(tzinfo=UTC) - EPOCH
            time = (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds
            ends = address(cells["ip_src"]), address(cells["ip_dst"])
            proto = {"TCP": 6, "UDP": 17}[cells["transport_type"]]
            ports = int(cells["transport_src_port"]), int(cells["transport_dst_port"])
            yield time, int(found[1]), *ends, proto, *ports
