"""With dpkt, which knows no VXLAN: the eight bytes are taken apart here."""

from collections.abc import Iterator

import answer
import dpkt
import dpkt.utils

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


def packets(path: str) -> Iterator[tuple[object, ...]]:
    """The fields of every packet; addresses as they stand in it."""
    with open(path, "rb") as file:
        capture, link = reader(file)
        for ts, data in capture:
            found = tunnelled(data, link)
            if found is not None:
                ip = dpkt.ethernet.Ethernet(found[8:]).data
                row = round(ts * 1_000_000), int.from_bytes(found[4:7], "big"), ip.src, ip.dst
                yield (*row, ip.p, ip.data.sport, ip.data.dport)


def fields(path: str) -> answer.Columns:
    number = int.from_bytes
    rows = [(ts, vni, number(src, "big"), number(dst, "big"), *rest) for ts, vni, src, dst, *rest in packets(path)]
    return [list(column) for column in zip(*rows, strict=True)]


def parquet(path: str, target: str) -> int:
    text = dpkt.utils.inet_to_str
    return answer.by_pandas(
        ((ts, vni, text(src), text(dst), *rest) for ts, vni, src, dst, *rest in packets(path)), target
    )


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
    answer.main(fields, inner, parquet, answer.PANDAS)
