"""Writes the inputs that fuzzing starts from: captures of the tests and generated ones, behind the options of a run.

`python tests/fuzz/seeds.py FOLDER` makes FOLDER/TARGET/... for every target.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import build  # noqa: E402  (of tests/, which is no package)
from vxtap import where  # noqa: E402

CAPTURES = HERE.parent / "data"
HEAD = 2048  # bytes of each capture: a few frames, so that thousands of runs a second are possible
ONCE, PARTIAL, SKIPPED, PCAPNG, KEEP, ETHERNET = (1 << bit for bit in range(6))
ALL_PORTS, ALL_GRE = 0x0F, 0xF0
LEVEL_FLOW = 4
GENEVE, GPE, GRE = 6081, 4790, 47
BRIDGED, ERSPAN, ERSPAN_III = 0x6558, 0x88BE, 0x22EB
MILLISECOND, SECOND = 10**6, 10**9


def options(switches: int, *, depth: int = 1, tunnels: int = ALL_PORTS | ALL_GRE, timeout: int = 0) -> bytes:
    """The first bytes of an input, as fuzz_setup_of in harness.c reads them."""
    return bytes([switches, depth - 1 | LEVEL_FLOW << 3, tunnels, timeout, 1, 0, 0, 0])


CHOICES = {
    "plain": options(ONCE),
    "all": options(ONCE | PARTIAL | SKIPPED, depth=4),
    "pcapng": options(PCAPNG | KEEP | PARTIAL, depth=2),
    "ethernet": options(ETHERNET | PARTIAL, timeout=3),
}


# ---------------------------------------------------------------- frames


def inner(size: int = 40) -> bytes:
    """An Ethernet frame with TCP in it."""
    return build.eth(build.ipv4(build.tcp(bytes(size)), build.TCP, src=bytes([10, 9, 0, 1]), ident=1))


def pieces(datagram: bytes, size: int = 48) -> Iterator[tuple[int, bool, bytes]]:
    """A datagram in fragments: offset in units of eight bytes, whether more follow, bytes."""
    for start in range(0, len(datagram), size):
        yield start // 8, start + size < len(datagram), datagram[start : start + size]


def fragments4(ident: int, size: int = 48) -> list[bytes]:
    """VXLAN in IPv4 fragments."""
    whole = build.udp(build.vxlan(inner()))
    return [
        build.eth(build.ipv4(part, ident=ident, offset=at, more=more, src=bytes([10, 8, 0, ident % 250])))
        for at, more, part in pieces(whole, size)
    ]


def fragments6(ident: int) -> list[bytes]:
    """The same in IPv6, with destination options inside the fragmented part."""
    kind, body = build.ext(build.DESTINATION)
    whole = bytes([build.UDP]) + body[1:] + build.udp(build.vxlan(inner()))
    frames = []
    for at, more, part in pieces(whole):
        header = build.ext_fragment(at, more, ident)
        frames.append(build.eth(build.ipv6(part, kind, extensions=[header]), build.IPV6))
    return frames


def gre(payload: bytes, protocol: int, words: bytes = b"", bits: int = 0) -> bytes:
    """GRE in IPv4 in Ethernet."""
    return build.eth(build.ipv4(bits.to_bytes(2) + protocol.to_bytes(2) + words + payload, GRE))


def geneve(payload: bytes, protocol: int = BRIDGED, data: bytes = b"") -> bytes:
    """Geneve with options."""
    first = bytes([len(data) // 4, 0]) + protocol.to_bytes(2) + (9).to_bytes(3) + b"\0"
    return build.eth(build.ipv4(build.udp(first + data + payload, dport=GENEVE)))


def gpe(payload: bytes, protocol: int, nsh: bytes = b"") -> bytes:
    """VXLAN-GPE."""
    header = build.vxlan(b"", flags=0x0C, reserved=4 if nsh else protocol)
    return build.eth(build.ipv4(build.udp(header + nsh + payload, dport=GPE)))


def tunnels() -> list[bytes]:
    """One frame of every tunnel, and tunnels in tunnels."""
    ip4, ip6 = build.ipv4(build.udp(b"data")), build.ipv6(build.udp(b"data"))
    nested = build.eth(build.ipv4(build.udp(build.vxlan(inner(), vni=8))))
    return [
        build.eth(build.ipv4(build.udp(build.vxlan(inner())))),
        build.eth(build.ipv4(build.udp(build.vxlan(nested, gbp=77)))),
        geneve(inner(), data=bytes(8)),
        geneve(nested),
        geneve(ip4, build.IPV4),
        gpe(inner(), 3),
        gpe(ip6, 2),
        gpe(ip4, 4, bytes([0, 2, 0, 1]) + bytes(4)),
        gre(ip4, build.IPV4, bytes(12), 0xB000),
        gre(inner(), BRIDGED, bytes([0, 0, 7, 1]), 0x2000),
        gre(inner(), ERSPAN),
        gre(bytes(8) + inner(), ERSPAN, bytes(4), 0x1000),
        gre(bytes(12) + inner(), ERSPAN_III, bytes(4), 0x1000),
    ]


def others() -> list[bytes]:
    """Frames that are not decapsulated."""
    return [
        build.eth(build.arp(), build.ARP),
        build.eth(build.ipv4(build.tcp(), build.TCP)),
        build.eth(build.ipv4(build.udp(build.vxlan(inner()), dport=8472))),
        build.eth(build.ipv4(build.udp(build.vxlan(inner(), flags=0)))),
        build.eth(build.ipv4(build.udp(b"short"))),
    ]


# ---------------------------------------------------------------- captures


def shuffled() -> list[bytes]:
    """Fragments out of order, doubled, overlapping, and without end."""
    a, b, c = fragments4(1), fragments4(2), fragments6(3)
    overlap = fragments4(4)[:1] + fragments4(4, 56)[1:2]
    return [*reversed(a), b[0], b[0], *overlap, *c[1:], c[0], *fragments6(5)[:1]]


def records(frames: list[bytes], step: int = MILLISECOND) -> list[build.Record]:
    """Frames with times."""
    return [(1_700_000_000 * SECOND + i * step, frame) for i, frame in enumerate(frames)]


def twice() -> bytes:
    """Every packet on two interfaces, as SLL2 shows it."""
    packet = build.ipv4(build.udp(build.vxlan(inner())), ident=5)
    frames = [build.sll2(packet, index=i) for i in (2, 3, 2)]
    return build.pcap(records(frames, 1000), build.SLL2)


def sections() -> bytes:
    """Two sections of both byte orders, several interfaces, all kinds of packet blocks."""
    file = build.Pcapng().idb(options=[(2, b"eth0")]).idb(build.SLL2, tsresol=9).idb(build.RAW, 64, tsoffset=3600)
    frame = tunnels()[0]
    file.epb(frame, 1000).epb(frame[14:], 2000, 2, flags=2).spb(frame).pb(frame, 3000, flags=1).unknown(5, bytes(9))
    file.shb(">").idb(tsresol=0x8A).idb(build.LOOP)
    file.epb(frame, 7).epb(build.loop(frame[14:]), 8, 1).epb(frame, 9, 5).spb(others()[0])
    return bytes(file)


def captures() -> Iterator[tuple[str, bytes]]:
    """All of them, each with a name."""
    for path in sorted(CAPTURES.glob("*.pcap*")):
        yield path.stem, path.read_bytes()[:HEAD]
    yield "tunnels", build.pcap(records(tunnels()))
    yield "others", build.pcap(records(others()), magic=build.NANO, order=">")
    yield "fragments", build.pcap(records(shuffled()))
    yield "late", build.pcap(records(shuffled(), 20 * SECOND))
    yield "raw", build.pcap(records([frame[14:] for frame in tunnels()]), build.RAW, magic=build.KUZNETZOV)
    yield "twice", twice()
    yield "sections", sections()


def seeds() -> Iterator[tuple[str, str, bytes]]:
    """(target, name, input) of every seed."""
    for name, capture in captures():
        for choice, first in CHOICES.items():
            yield "scan", f"{name}-{choice}", first + capture
            yield "rewrite", f"{name}-{choice}", first + capture
        yield "pcapng", name, b"\0" + capture
    blocks = [(1, 0, 0, 0), (6, 0, 9, 3), (1, 1, 2, 9), (5, 1, 8, 0), (3, 1, 3, 0), (0, 1, 0, 0), (4, 0, 7, 1)]
    yield "pcapng", "built", b"\1" + b"".join(map(bytes, blocks))  # as build in fuzz_pcapng.c reads them
    for name, stream in commands():
        yield "frag", name, stream
    for name, stream in merges():
        yield "merge", name, stream
    for name, stream in conversations():
        yield "flows", name, stream
    for name, stream in predicates():
        yield "where", name, stream


def command(key: int, more: bool, offset: int, size: int, *, step: int = 0, switches: int = 1, data: int = 0) -> bytes:
    """One fragment, as run_command in fuzz_frag.c reads it."""
    return bytes([key | more << 3 | step << 4, offset, 0, size, switches, data])


def commands() -> Iterator[tuple[str, bytes]]:
    """Streams of fragments, each with a name."""
    half = [command(1, True, 0, 16), command(1, False, 3, 9, switches=0)]
    yield "in-order", b"\1\0" + b"".join(half)
    yield "reverse", b"\1\0" + b"".join(reversed(half))
    yield "twice", b"\1\0" + b"".join([half[0], half[0], half[1], half[1]])
    yield "overlap", b"\0\0" + b"".join([half[0], command(1, True, 1, 16), half[1]])
    yield "late", b"\1\0" + b"".join([half[0], command(2, True, 0, 8, step=3), half[1]])
    yield "cut", b"\1\0" + b"".join([command(1, True, 0, 16, switches=0xE5), half[0], half[1]])
    yield "full", b"\5\0" + b"".join(bytes([key | 0x48, 0, 0, 0xE0, 1, 0]) for key in range(8))


TWO_LANES, DEDUP, CAPTURE, IDENTIFY, MARK, NG, MADE_UP = 1, 4, 8, 16, 32, 64, 128
MILLISECONDS = 4 | 4 << 3  # both windows
ALL, FAR, NO_TIME, PULL, CUT = 6 << 3, 240, 255, 128, 128


def packet(lane: int, step: int = 64, *, kind: int = 0, content: int = 0x44, cut: int = 0, then: int = 2) -> bytes:
    """One packet, as read_item in merging.c reads it; a step of 60 is none, `then` 2 pushes it."""
    return bytes([lane | kind << 4, step, content, cut, then])


def merges() -> Iterator[tuple[str, bytes]]:
    """Setups and packets of two sources, each with a name."""
    both = packet(0) + packet(1 | PULL) + packet(0, content=0x45) + packet(1 | PULL, content=0x45, then=3)
    kinds = b"".join(packet(kind & 1, kind=kind, content=0x20 + kind) for kind in range(8))
    cut = packet(0) + packet(1, cut=CUT | 60) + packet(1, cut=CUT | 57) + packet(0 | PULL, content=0xC4)
    far = packet(0, FAR) + (packet(0) + packet(1)) * 20 + packet(0, NO_TIME)
    setups = {"rows": 0, "marked": DEDUP | MARK | IDENTIFY, "pcap": DEDUP | CAPTURE | MADE_UP, "pcapng": CAPTURE | NG}
    for name, switches in setups.items():
        first = bytes([TWO_LANES | switches, MILLISECONDS, 0x35, 0, 9, 1])
        for kind, stream in {"both": both, "kinds": kinds, "cut": cut, "far": far}.items():
            yield f"{name}-{kind}", first + stream
    yield "clocks", bytes([TWO_LANES | DEDUP, ALL, 0, 0b1110, 0, 0]) + both + kinds


def conversations() -> Iterator[tuple[str, bytes]]:
    """A table and packets, as fuzz_flows.c reads them, each with a name."""
    syn, syn_ack, ack, fin = (bytes([flags]) for flags in (2, 0x12, 0x10, 0x11))
    there, back = bytes([51, 4, 4, 0]), bytes([51, 1, 1, 0])
    hands = there + syn + bytes([0, 0, 0]) + back + syn_ack + bytes([0, 0, 1]) + there + ack + bytes([0, 0, 0])
    data = b"".join(there + ack + bytes([at, 0, 0x31]) for at in (1, 5, 3, 9, 7, 3, 20, 70, 200))
    others = b"".join(bytes([60, n % 256, n * 7 % 64, n]) + bytes([0, 0, 0, 32]) for n in range(0, 128, 5))
    for name, setup in {"small": bytes([0, 3, 1, 0]), "large": bytes([15, 2, 9, 2])}.items():
        yield f"{name}-tcp", setup + hands + data + there + fin + bytes(3) + hands
        yield f"{name}-many", setup + others + hands + others


def predicates() -> Iterator[tuple[str, bytes]]:
    """Programs, as fuzz_where.c reads them, and records, each with a name."""
    texts = (
        "vni == 7 or dport in (80, 443, 8080)",
        "src in 10.0.0.0/8 and not tcp_flags & rst",
        "ts > 0 and src == dst",
    )
    for number, text in enumerate(texts):
        program = where.parse(text)
        yield (
            f"read-{number}",
            bytes([0, len(program.tests) // 40])
            + program.tests
            + bytes([len(program.words) // 8])
            + (program.words + bytes(range(200)) * 3),
        )
    for number in range(4):
        yield f"made-{number}", bytes([1, 3 * number]) + bytes((7 * i * (number + 1)) % 256 for i in range(700))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for target, name, data in seeds():
        path = folder / target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    main()
