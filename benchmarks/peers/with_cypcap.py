"""With cypcap, a binding of libpcap, and `struct`; libpcap's own filter picks the packets."""

import struct
from array import array

import answer
import cypcap

FILTER = "udp dst port 4789"
LINKS = {1: 14, 276: 20}  # Ethernet, Linux cooked v2: where the IP header starts


def reader(path: str) -> tuple[cypcap.Pcap, int]:
    capture = cypcap.open_offline(path)
    capture.setfilter(FILTER)
    return capture, LINKS[int(capture.datalink())]


def fields(path: str) -> answer.Columns:
    header, ports = struct.Struct(">4xI23xB2xII").unpack_from, struct.Struct(">HH").unpack_from
    columns = [array(code) for code in "QIIIBHH"]
    ts, vnis, sources, targets, protos, sports, dports = (column.append for column in columns)
    capture, ip = reader(path)
    with capture:
        for info, data in capture:
            tunnel = ip + (data[ip] & 15) * 4 + 8
            if data[tunnel] & 8:
                vni, proto, src, dst = header(data, tunnel)
                sport, dport = ports(data, tunnel + 22 + (data[tunnel + 22] & 15) * 4)
                ts(round(info.ts * 1_000_000))
                vnis(vni >> 8)
                sources(src)
                targets(dst)
                protos(proto)
                sports(sport)
                dports(dport)
    return columns


def inner(path: str, target: str) -> int:
    count = 0
    capture, ip = reader(path)
    with capture, cypcap.open_dead(cypcap.DatalinkType.EN10MB, 262144) as dead, dead.dump_open(target) as out:
        for info, data in capture:
            tunnel = ip + (data[ip] & 15) * 4 + 8
            if data[tunnel] & 8:
                frame = data[tunnel + 8 :]
                out.dump(cypcap.Pkthdr(info.ts, len(frame), len(frame)), frame)
                count += 1
    return count


if __name__ == "__main__":
    answer.main(fields, inner)
