"""With dpkt, which knows no VXLAN: the eight bytes are taken apart here."""

import answer
import dpkt

PORT = 4789


def reader(file: object) -> tuple[object, object]:
    """The packets, and how to read the outer link layer."""
    capture = dpkt.pcap.Reader(file)
    return capture, {1: dpkt.ethernet.Ethernet, 276: dpkt.sll2.SLL2}[capture.datalink()]


def tunnelled(data: bytes, link: object) -> bytes | None:
    """The VXLAN header and the inner frame."""
    ip = link(data).data
    if isinstance(ip, dpkt.ip.IP) and isinstance(ip.data, dpkt.udp.UDP) and ip.data.dport == PORT:
        found = bytes(ip.data.data)
        return found if found[0] & 8 else None
    return None


def fields(path: str) -> answer.Columns:
    rows = []
    with open(path, "rb") as file:
        capture, link = reader(file)
        for ts, data in capture:
            found = tunnelled(data, link)
            if found is None:
                continue
            ip = dpkt.ethernet.Ethernet(found[8:]).data
            row = round(ts * 1_000_000), int.from_bytes(found[4:7], "big")
            ends = int.from_bytes(ip.src, "big"), int.from_bytes(ip.dst, "big")
            rows.append((*row, *ends, ip.p, ip.data.sport, ip.data.dport))
    return [list(column) for column in zip(*rows, strict=True)]


def inner(path: str, target: str) -> int:
    count = 0
    with open(path, "rb") as file, open(target, "wb") as out:
        capture, link = reader(file)
        writer = dpkt.pcap.Writer(out)
        for ts, data in capture:
            found = tunnelled(data, link)
            if found is not None:
                writer.writepkt(found[8:], ts)
                count += 1
    return count


if __name__ == "__main__":
    answer.main(fields, inner)
