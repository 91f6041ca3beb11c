"""Captures to measure with: the same bytes on every machine, made fast and in little memory.

    python benchmarks/data.py imix --packets 1000000 -o imix.pcap

Classic pcap, little-endian, microseconds, of the traffic of `traffic.py`. Beside each file stand its facts,
known from making it; `forms.py` gives the same traffic another form.
"""

import argparse
import contextlib
import hashlib
import json
import os
import struct
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from traffic import CHUNK, SHAPES, START, Chunk, Maker, few

FILE_HEADER = 24

#: where captures are kept unless told otherwise; `make clean` deletes it
FOLDER = Path(__file__).parents[1] / "build" / "benchmarks"

#: (shape, packets) -> sha256 of the file; `write` refuses to leave anything else
PINNED: dict[tuple[str, int], str] = {
    ("imix", 200): "9aac767599fbdaf3bf6ea782d2ed132c83c4b9ab94d776a62476abadb5860bd7",
    ("imix", 4_000): "57d092f55f5fcacc4b65842ed6f218cf6c71de5439c4998636932138fbc1015e",
    ("imix", 5_000): "fc1588336f9674b098b434846ae95c45ab18c6e9d85b07dd33d2fc54b6d16587",
    ("imix", 10_000): "70f95dad9b94f35cad6015fa25459079bc387bea2ad41279c12a0220ed453c82",
    ("imix", 20_000): "8a5f91ebce8024f99c5a3c95cf85a4a0b077144058deb75a3fc93346926c1b80",
    ("imix", 50_000): "968e96687eb4ed0b88134841020ef71f68d1f3be83c8afdd02543a7390ebd2b1",
    ("imix", 200_000): "41ea0fa5fccd9719c1d2dc8e057d601cd3e1f5bb48e55ac37bb2832a34c588b2",
    ("imix", 1_000_000): "733d302cf015fdc66f62c0f840f6fb0629f618343398cdef7e2c4432b64eb07e",
    ("imix", 1_180_000): "86056b1f0ff3a6e15776666f34788d933cbf3ceccfbb8376c368efc3d3b60b62",
    ("imix", 2_360_000): "47ec0d528f3a4587350cb09e93ea8ad563ccfbef9401b8b593637a52f74f52c5",
    ("imix", 4_750_000): "4306577b041b4d4e7113d388183b5f221d71ac7d08b04fc8dd957be5e78a6a1a",
    ("mtu", 50_000): "4275674c31bd2c29d9937a2113a8dc4ae8936902ae6964b50565b589342f7d93",
    ("mtu", 125_000): "463309e18b4ee879eddaf8f8c69d317e62d12e401b0c35c18016e761af914314",
    ("flood", 200_000): "af3cf7f6bc50d5b8a1872ef30b03da4bed115d8a6deb2ac5b1a05aaee64faa91",
    ("flood", 1_000_000): "c6b79a84556eecd53e138b3c68cdc27a2e8f6d0fae994ac79d708204eaee60b8",
    ("flood", 1_500_000): "29b9ceb683097614965502af0d4a1fdc073a02f283e342a9aa3dd4f2148b4cd1",
    ("flood", 10_000_000): "3938c7fd4359e21d4a77e347148730914e28cabba09b4e84c0749b148afb502a",
    ("imix pcapng", 200_000): "ac24689cfdc841a8982135aaaa22db703789484ce8c28ab6d3b7cb0c02c35673",
    ("imix pcapng", 1_000_000): "28510d4ea4577d71dcf844dd0e9c4cd142b4fa52e1df71faad4ddc956b8c8aeb",
    ("imix elsewhere", 200_000): "9c1eb3a2fea6bbf5d787fc9bc8ba734e6e36500b59a467fb0f6efb85861af72e",
    ("imix elsewhere", 1_180_000): "8a5b63ca054b5553556ff60040d28125c48cbe4f2df69d2a2940cd5b35f59f81",
    ("mtu fragments", 99_482): "15db1f3fe0cc4f09d15e746c7e7af401ead1d14a39a84528203bf94e9c73a3e3",
    ("mtu fragments", 248_717): "9c01c8c8cc9ffc6e17c535b4ee6d4467cbd73d21999e51e1276427cadeb10657",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is in a generated file, known from making it."""

    shape: str
    packets: int
    bytes: int
    sha256: str
    decapsulated: int  # the VXLAN packets among them
    inner_bytes: int
    inner_sha256: str  # of the inner frames, one after the other
    clock: int  # sum of the VXLAN packets' times, in microseconds
    vnis: dict[str, int]  # how many packets each has
    fields_sha256: str  # of the rows of traffic.FIELDS, one after the other
    few: int  # of these rows, those that fulfil traffic.FEW


@dataclass(slots=True)
class Tally:
    """The facts about the inner frames, while a file is made."""

    frames: int = 0
    bytes: int = 0
    clock: int = 0
    few: int = 0
    vnis: Counter[int] = field(default_factory=Counter)
    hashed: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    fields: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def add(self, chunk: Chunk) -> None:
        self.frames += len(chunk.fields)
        self.bytes += len(chunk.inner)
        begin = START * 1_000_000  # left out of the sum, which would not fit into 64 bits
        self.clock += int((chunk.fields["ts"] - np.uint64(begin)).sum()) + len(chunk.fields) * begin
        self.few += int(few(chunk.fields).sum())
        self.vnis.update(chunk.fields["vni"].tolist())
        self.hashed.update(chunk.inner)
        self.fields.update(chunk.fields.tobytes())

    def facts(self, **others: object) -> Facts:
        return Facts(
            decapsulated=self.frames,
            inner_bytes=self.bytes,
            inner_sha256=self.hashed.hexdigest(),
            clock=self.clock,
            vnis={str(vni): self.vnis[vni] for vni in sorted(self.vnis)},
            fields_sha256=self.fields.hexdigest(),
            few=self.few,
            **others,
        )


def chunks(maker: Maker, packets: int | None, room: int | None) -> Iterator[Chunk]:
    """So many packets, or as many as fit into so many bytes."""
    made = 0
    while packets is None or made < packets:
        wanted = CHUNK if packets is None else min(CHUNK, packets - made)
        chunk = maker.chunk(made, wanted, room)
        yield chunk
        made += len(chunk.records)
        if room is not None:
            room -= sum(map(len, chunk.records))
        if len(chunk.records) < wanted:
            return


class Output:
    """A file that is counted and hashed while it is written, and takes its name only when it is whole."""

    def __init__(self, target: Path) -> None:
        if target.exists() and not target.is_file():
            raise OSError(f"{target}: not a file, and would be replaced by one")
        self.target, self.part = target, target.with_name(target.name + ".part")
        self.file = self.part.open("wb", buffering=0)
        self.hashed, self.size = hashlib.sha256(), 0

    def write(self, block: bytes) -> None:
        if self.file.write(block) != len(block):
            raise OSError(f"{self.target}: no space left")
        self.hashed.update(block)
        self.size += len(block)

    def finish(self, facts: Facts) -> None:
        """Leave the file and its facts; the bytes are on the disk, so that no write-back disturbs a measurement."""
        pinned = PINNED.get((facts.shape, facts.packets), facts.sha256)
        if facts.sha256 != pinned:
            raise AssertionError(f"{facts.shape} {facts.packets}: sha256 {facts.sha256}, expected {pinned}")
        os.fsync(self.file.fileno())
        self.file.close()
        sidecar(self.target).write_text(json.dumps(asdict(facts), indent=1) + "\n")
        self.part.replace(self.target)

    def __enter__(self) -> "Output":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.part.unlink(missing_ok=True)


def write(shape: str, target: Path, *, packets: int | None = None, size: int | None = None) -> Facts:
    """Make a file of `packets` packets, or of what fits into `size` bytes; its facts go beside it as JSON."""
    maker, tally, made = Maker(shape), Tally(), 0
    with Output(target) as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, maker.linktype))
        for chunk in chunks(maker, packets, None if size is None else size - out.size):
            out.write(b"".join(chunk.records))
            tally.add(chunk)
            made += len(chunk.records)
        facts = tally.facts(shape=shape, packets=made, bytes=out.size, sha256=out.hashed.hexdigest())
        out.finish(facts)
    return facts


def sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def facts_of(path: Path) -> Facts:
    """The facts that `write` left beside a file."""
    return Facts(**json.loads(sidecar(path).read_text()))


def is_there(path: Path) -> bool:
    """Whether the file was made before, by this version of the suite."""
    with contextlib.suppress(OSError, TypeError, ValueError):
        facts = facts_of(path)
        whole = path.stat().st_size == facts.bytes
        return whole and PINNED.get((facts.shape, facts.packets), facts.sha256) == facts.sha256
    return False


def ensure(shape: str, *, packets: int | None = None, size: int | None = None, folder: Path | None = None) -> Path:
    """A file of this shape and size, made only if it is not there yet."""
    folder = folder or FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (f"{shape}-{packets}.pcap" if size is None else f"{shape}-{size}-bytes.pcap")
    if not is_there(path):
        write(shape, path, packets=packets, size=size)
    return path


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Make a capture to measure with.")
    parser.add_argument("shape", choices=SHAPES)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--packets", type=int, default=None, help="default: 1000000")
    size.add_argument("--bytes", type=int, default=None, help="as many packets as fit into this many bytes")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    packets = 1_000_000 if options.packets is None and options.bytes is None else options.packets
    facts = write(options.shape, options.output, packets=packets, size=options.bytes)
    print(json.dumps(asdict(facts), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
