"""Is an answer the right one? What a capture holds is known from making it, and compared before anything is timed."""

import hashlib
import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

from traffic import ETHERNET, RECORD

from data import Facts

TTL = 22  # where it is in an inner frame


class WrongAnswerError(AssertionError):
    """What was found is not what the capture holds."""


def demand(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise WrongAnswerError(f"{what}: {shown(found)}, expected {shown(expected)}")


def shown(value: object) -> str:
    """Numbers for people, and of a digest enough to tell it from another."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value[:12]}..." if isinstance(value, str) and len(value) == 64 else str(value)


def words(output: str) -> dict[str, str]:
    """`packets 5 seconds 0.25` as a dictionary."""
    parts = output.split()
    return dict(zip(parts[::2], parts[1::2], strict=True))


def frames_of(view: memoryview, name: str) -> Iterator[tuple[int, memoryview]]:
    """The frames of an inner capture and their times in microseconds, by `struct` alone."""
    magic, linktype = struct.unpack_from("<I16xI", view)
    if magic != 0xA1B2C3D4 or linktype != ETHERNET:
        raise WrongAnswerError(f"{name}: magic {magic:#x}, link type {linktype}")
    at, end, unpack = 24, len(view), struct.Struct("<IIII").unpack_from
    while at < end:
        seconds, micros, caplen, wirelen = unpack(view, at)
        if caplen != wirelen or at + RECORD + caplen > end:
            raise WrongAnswerError(f"{name}: a frame of {caplen} bytes of {wirelen}")
        yield seconds * 1_000_000 + micros, view[at + RECORD : at + RECORD + caplen]
        at += RECORD + caplen


def count(path: Path) -> int:
    """How many frames an inner capture has."""
    return sum(1 for _ in frames_of(memoryview(path.read_bytes()), path.name))


def check_inner(path: Path, facts: Facts) -> None:
    """Raise unless `path` holds exactly the inner frames, in order and with their times."""
    frames = octets = clock = 0
    hashed = hashlib.sha256()
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw,
        memoryview(raw) as view,
    ):
        for micros, frame in frames_of(view, path.name):
            hashed.update(frame)
            frames, octets, clock = frames + 1, octets + len(frame), clock + micros
            frame.release()
    demand("inner frames", frames, facts.decapsulated)
    demand("their bytes", octets, facts.inner_bytes)
    demand("their SHA-256", hashed.hexdigest(), facts.inner_sha256)
    demand("sum of their times in µs", clock, facts.clock)


def check_merged(path: Path, facts: Facts) -> None:
    """Raise unless `path` holds every inner frame twice in turn: as in the capture, and as seen one hop on."""
    frames, last = 0, 0
    hashed = (hashlib.sha256(), hashlib.sha256())
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw, memoryview(raw) as view:
        for micros, frame in frames_of(view, path.name):
            ttl = bytes([frame[TTL] + frames % 2])
            hashed[frames % 2].update(bytes(frame[:TTL]) + ttl + frame[TTL + 1 :])
            demand(f"time of frame {frames:,} not before the last one's", micros >= last, True)
            frames, last = frames + 1, micros
            frame.release()
    demand("inner frames", frames, 2 * facts.decapsulated)
    for one in hashed:
        demand("their SHA-256", one.hexdigest(), facts.inner_sha256)


def check_fields(output: str, facts: Facts) -> None:
    """Raise unless the line a reader printed with `--check` tells what the capture holds; see peers/answer.py."""
    said = words(output)
    demand("packets", int(said["packets"]), facts.decapsulated)
    demand("VNIs", said["vnis"], ",".join(f"{vni}:{count}" for vni, count in facts.vnis.items()))
    demand("SHA-256 of the fields", said["fields"], facts.fields_sha256)
