"""The same traffic over an underlay of 1,500 bytes: every packet that does not fit becomes two fragments.

    python benchmarks/cut.py mtu.pcap -o fragments.pcap

For captures of `data.py`, whose outer packets are IPv4 without options. The facts beside the file are those of the
source but for its length and packets: the inner frames are the same, and so are their times, since both fragments
have the packet's.
"""

import argparse
import dataclasses
import hashlib
import json
import mmap
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import data

UNDERLAY = 1500
IP = 20
MORE = 0x2000


def fragments(packet: bytes) -> list[bytes]:
    """An IPv4 packet of 20 bytes of header in pieces that fit; their checksums are not computed anew."""
    if len(packet) <= UNDERLAY or packet[0] != 0x45:
        return [packet]
    step = (UNDERLAY - IP) // 8 * 8
    pieces = []
    for at in range(0, len(packet) - IP, step):
        part = packet[IP + at : IP + at + step]
        more = MORE if IP + at + step < len(packet) else 0
        middle = struct.pack(">HHH", IP + len(part), int.from_bytes(packet[4:6]), more | at // 8)
        pieces.append(packet[:2] + middle + packet[8:IP] + part)
    return pieces


def records(view: memoryview, link: int) -> Iterator[bytes]:
    """Every record, or its pieces as records of their own."""
    at = 24
    while at < len(view):
        head = bytes(view[at : at + 8])
        (length,) = struct.unpack_from("<I", view, at + 8)
        frame = bytes(view[at + 16 : at + 16 + length])
        at += 16 + length
        for packet in fragments(frame[link:]):
            size = link + len(packet)
            yield head + struct.pack("<II", size, size) + frame[:link] + packet


def cut(source: Path, target: Path) -> data.Facts:
    """Write the capture in fragments, and its facts beside it."""
    facts = data.facts_of(source)
    link = len(data.link(data.SHAPES[facts.shape][0], 0))
    hashed, size, packets = hashlib.sha256(), 24, 0
    with (
        source.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw,
        memoryview(raw) as view,
        target.open("wb") as out,
    ):
        hashed.update(view[:24])
        out.write(view[:24])
        for record in records(view, link):
            hashed.update(record)
            out.write(record)
            size, packets = size + len(record), packets + 1
    facts = dataclasses.replace(facts, packets=packets, bytes=size, sha256=hashed.hexdigest())
    data.sidecar(target).write_text(json.dumps(dataclasses.asdict(facts), indent=1) + "\n")
    return facts


def ensure(source: Path) -> Path:
    """The capture in fragments beside the source, made only if it is not there yet."""
    target = source.with_name(f"{source.stem}-fragments.pcap")
    if not (target.exists() and data.sidecar(target).exists() and data.facts_of(target).bytes == target.stat().st_size):
        cut(source, target)
    return target


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Cut the packets of a capture into fragments.")
    parser.add_argument("source", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    print(json.dumps(dataclasses.asdict(cut(options.source, options.output)), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
