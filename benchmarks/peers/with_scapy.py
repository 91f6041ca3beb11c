"""With scapy's layers, the way its manual shows."""

import ipaddress

import answer
from scapy.layers.inet import IP
from scapy.layers.vxlan import VXLAN
from scapy.utils import PcapReader, PcapWriter


def fields(path: str) -> answer.Columns:
    rows = []
    with PcapReader(path) as capture:
        for packet in capture:
            if VXLAN in packet:
                vxlan = packet[VXLAN]
                ip = vxlan[IP]
                row = round(packet.time * 1_000_000), vxlan.vni
                ends = int(ipaddress.ip_address(ip.src)), int(ipaddress.ip_address(ip.dst))
                rows.append((*row, *ends, ip.proto, ip.payload.sport, ip.payload.dport))
    return [list(column) for column in zip(*rows, strict=True)]


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
    answer.main(fields, inner)
