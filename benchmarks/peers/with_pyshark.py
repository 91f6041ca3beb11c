"""With pyshark, which has tshark take the packets apart and wraps its XML."""

import ipaddress

import answer
import pyshark


def fields(path: str) -> answer.Columns:
    rows = []
    with pyshark.FileCapture(path, display_filter="vxlan", keep_packets=False, custom_parameters=["-n"]) as capture:
        for packet in capture:
            names = [layer.layer_name for layer in packet.layers]
            above = packet.layers[names.index("vxlan") + 1 :]
            ip = next(layer for layer in above if layer.layer_name == "ip")
            ports = next(layer for layer in above if layer.layer_name in ("tcp", "udp"))
            seconds, _, rest = packet.sniff_timestamp.partition(".")
            row = int(seconds) * 1_000_000 + int(rest[:6].ljust(6, "0")), int(packet.vxlan.vni)
            ends = int(ipaddress.ip_address(ip.src)), int(ipaddress.ip_address(ip.dst))
            rows.append((*row, *ends, int(ip.proto), int(ports.srcport), int(ports.dstport)))
    return [list(column) for column in zip(*rows, strict=True)]


if __name__ == "__main__":
    answer.main(fields)
