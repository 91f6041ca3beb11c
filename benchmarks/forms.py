"""The same traffic in another form: in outer fragments, as pcapng, or seen elsewhere.

    python benchmarks/forms.py fragments mtu.pcap -o fragments.pcap

For captures of `data.py`, whose outer packets are IPv4 without options. The facts beside the file are those of the
source but for its length and packets: the inner frames are the same, and so are their times.

    fragments   over an underlay of 1,500 bytes: every packet that does not fit becomes two fragments of one time
    pcapng      two interfaces, in turn; enhanced packet blocks without options
    elsewhere   from another tunnel source, one hop on (the TTL is one less) and two microseconds later
"""

import argparse
import dataclasses
import json
import mmap
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from traffic import RECORD, SHAPES, link

import data

UNDERLAY = 1500
IP = 20
MORE = 0x2000
INTERFACES = 2
LATER = 2  # microseconds

Records = Iterator[tuple[bytes, memoryview]]  # the record's header, its frame


def records(view: memoryview) -> Records:
    at = data.FILE_HEADER
    while at < len(view):
        (length,) = struct.unpack_from("<8xI", view, at)
        yield bytes(view[at : at + RECORD]), view[at + RECORD : at + RECORD + length]
        at += RECORD + length


def pieces(packet: bytes) -> list[bytes]:
    """An IPv4 packet of 20 bytes of header in pieces that fit; their checksums are not computed anew."""
    if len(packet) <= UNDERLAY or packet[0] != 0x45:
        return [packet]
    step = (UNDERLAY - IP) // 8 * 8
    found = []
    for at in range(0, len(packet) - IP, step):
        part = packet[IP + at : IP + at + step]
        more = MORE if IP + at + step < len(packet) else 0
        middle = struct.pack(">HHH", IP + len(part), int.from_bytes(packet[4:6]), more | at // 8)
        found.append(packet[:2] + middle + packet[8:IP] + part)
    return found


def fragments(header: bytes, found: Records, shape: str) -> Iterator[tuple[int, bytes]]:
    """The file's header, then every record, or its pieces as records of their own."""
    above = len(link(SHAPES[shape][0], 0))
    yield 0, header
    for head, frame in found:
        for packet in pieces(bytes(frame[above:])):
            size = above + len(packet)
            yield 1, head[:8] + struct.pack("<II", size, size) + bytes(frame[:above]) + packet


def block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def pcapng(_: bytes, found: Records, shape: str) -> Iterator[tuple[int, bytes]]:
    """A section, its interfaces of microseconds, then a block for every record."""
    yield 0, block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    yield 0, block(1, struct.pack("<HHI", SHAPES[shape][0], 0, 262144)) * INTERFACES
    for number, (head, frame) in enumerate(found):
        seconds, micros, captured, wire = struct.unpack("<IIII", head)
        high, low = divmod(seconds * 1_000_000 + micros, 1 << 32)
        fixed = struct.pack("<IIIII", number % INTERFACES, high, low, captured, wire)
        yield 1, block(6, fixed + bytes(frame))


def elsewhere(header: bytes, found: Records, shape: str) -> Iterator[tuple[int, bytes]]:
    """The file's header, then every record once more. Times are even numbers of microseconds: no second is passed."""
    ip = len(link(SHAPES[shape][0], 0))
    inner = ip + 36 + 14  # the inner IP header
    yield 0, header
    for head, frame in found:
        seconds, micros, captured, wire = struct.unpack("<IIII", head)
        packet = bytearray(frame)
        if packet[ip + 22 : ip + 24] == b"\x12\xb5":  # to port 4789
            packet[ip + 15] ^= 0x40  # of the outer source address
            packet[inner + 8] -= 1
        yield 1, struct.pack("<IIII", seconds, micros + LATER, captured, wire) + packet


#: name -> the file's suffix, and what makes its parts: how many packets there are in each, and its bytes
FORMS: dict[str, tuple[str, Callable[[bytes, Records, str], Iterator[tuple[int, bytes]]]]] = {
    "fragments": (".pcap", fragments),
    "pcapng": (".pcapng", pcapng),
    "elsewhere": (".pcap", elsewhere),
}
TOGETHER = 4096  # parts that are written at once


def change(form: str, source: Path, target: Path) -> data.Facts:
    """Write the capture in this form, and its facts beside it."""
    facts, packets, parts = data.facts_of(source), 0, []
    with (
        source.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw,
        memoryview(raw) as view,
        data.Output(target) as out,
    ):
        for count, part in FORMS[form][1](bytes(view[: data.FILE_HEADER]), records(view), facts.shape):
            packets += count
            parts.append(part)
            if len(parts) == TOGETHER:
                out.write(b"".join(parts))
                parts.clear()
        out.write(b"".join(parts))
        facts = dataclasses.replace(
            facts, shape=f"{facts.shape} {form}", packets=packets, bytes=out.size, sha256=out.hashed.hexdigest()
        )
        out.finish(facts)
    return facts


def ensure(form: str, source: Path) -> Path:
    """The capture in this form beside the source, made only if it is not there yet."""
    target = source.with_name(f"{source.stem}-{form}{FORMS[form][0]}")
    if not data.is_there(target):
        change(form, source, target)
    return target


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Give a capture another form.")
    parser.add_argument("form", choices=FORMS)
    parser.add_argument("source", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    print(json.dumps(dataclasses.asdict(change(options.form, options.source, options.output)), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
