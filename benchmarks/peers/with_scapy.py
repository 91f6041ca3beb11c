"""With scapy's layers, the way its manual shows."""

import ipaddress
from collections.abc import Iterator

import answer
from scapy.layers.inet import IP
from scapy.layers.vxlan import VXLAN
from scapy.utils import PcapReader, PcapWriter


def packets(path: str) -> Iterator[tuple[object, ...]]:
    """The fields of every packet; addresses as text, as scapy has them."""
    with PcapReader(path) as capture:
        for packet in capture:
            if VXLAN in packet:
                vxlan = packet[VXLAN]
                ip = vxlan[IP]
                row = round(packet.time * 1_000_000), vxlan.vni, ip.src, ip.dst
                yield (*row, ip.proto, ip.payload.sport, ip.payload.dport)


def fields(path: str) -> answer.Columns:
    number = ipaddress.ip_address
    rows = [(ts, vni, int(number(src)), int(number(dst)), *rest) for ts, vni, src, dst, *rest in packets(path)]
    return [list(column) for column in zip(*rows, strict=True)]


def parquet(path: str, target: str) -> int:
    return answer.by_pandas(packets(path), target)


def inner(path: str, target: str) -> int:
    count = 0
    with PcapReader(path) as capture, PcapWriter(target, linktype=1) as out:
        for packet in capture:
            if VXLAN in packet:
                frame = packet[VXLAN].payload
                frame.time = packet.time
                out.write(frame)
                count += 1
    return count


if __name__ == "__main__":
    answer.main(fields, inner, parquet, answer.PANDAS)
