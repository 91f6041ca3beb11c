"""With pypcapkit, which knows no VXLAN: its Ethernet is started again behind the eight bytes."""

import answer
import pcapkit
from pcapkit.protocols.link.ethernet import Ethernet
from pcapkit.protocols.transport.udp import UDP

PORT = 4789


def fields(path: str) -> answer.Columns:
    rows = []
    for frame in pcapkit.extract(fin=path, nofile=True, store=False, auto=False):
        if UDP not in frame:
            continue
        udp = frame[UDP]
        data = bytes(udp.payload)
        if int(udp.info.dstport.port) != PORT or not data[0] & 8:
            continue
        ip = Ethernet(data[8:], len(data) - 8).payload.info
        above = ip["tcp"] if "tcp" in ip else ip["udp"]
        record = frame.info.frame_info
        row = record.ts_sec * 1_000_000 + record.ts_usec, int.from_bytes(data[4:7], "big")
        ends = int(above.srcport.port), int(above.dstport.port)
        rows.append((*row, int(ip.src), int(ip.dst), int(ip.protocol), *ends))
    return [list(column) for column in zip(*rows, strict=True)]


if __name__ == "__main__":
    answer.main(fields)
