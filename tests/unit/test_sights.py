"""Second sights in the library: tables that grow, hashes that were put off, and bytes that cannot be had again."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import vxtap
from build import NANO, SLL2, ipv4, pcap, sll2, udp, vxlan
from unit.conftest import BLOCK, T0, OnlyRead, inner_frame

TWO, THREE = 2, 3  # interfaces
MS = 10**6
Sight = tuple[int, int, int]  # when, on which interface, which packet


def save(data: bytes, path: Path) -> Path:
    (path / "in.pcap").write_bytes(data)
    return path / "in.pcap"


SOURCES: dict[str, Callable[[bytes, Path], Any]] = {
    "file": save,
    "buffer": lambda data, _: data,
    "pipe": lambda data, _: OnlyRead(data, BLOCK),
    "gzip": lambda data, _: io.BytesIO(gzip.compress(data, 1)),
}


def packet(i: int, size: int = 20) -> bytes:
    return ipv4(udp(vxlan(inner_frame(i, size))), ident=i & 0xFFFF)


def capture(sights: list[Sight], size: int = 20) -> bytes:
    known: dict[int, bytes] = {}
    frames = []
    for ts, interface, number in sights:
        body = known.get(number) or known.setdefault(number, packet(number, size))
        frames.append((T0 + ts, sll2(body, index=interface)))
    return pcap(frames, SLL2, magic=NANO)


def books(source: Any, **how: Any) -> tuple[int, int]:
    """Frames that were decapsulated, and second sights; there is nothing else."""
    with vxtap.open(source, columns=["frame"], **how) as opened:
        rows = sum(len(batch) for batch in opened.batches())
        report = opened.report
    assert rows == report.decapsulated
    assert set(report.skipped) <= {"second_sight"}
    assert report.frames == rows + report.skipped["second_sight"]
    return rows, report.skipped["second_sight"]


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[bytes], Any]:
    make = SOURCES[request.param]
    return lambda data: make(data, tmp_path)


# ---------------------------------------------------------------- the table grows


def test_thousands_in_a_millisecond(source: Callable[[bytes], Any]) -> None:
    """None is forgotten within the millisecond, though the table begins with room for fewer."""
    count = 5000
    step = MS // (2 * count)
    first = [(i * step, TWO, i) for i in range(count)]
    second = [((count + i) * step, THREE, i) for i in range(count)]
    assert books(source(capture(first + second))) == (count, count)


def test_side_by_side(source: Callable[[bytes], Any]) -> None:
    """As a bridge shows them: each packet twice, one after the other; in every order of the two."""
    count = 3000
    sights = []
    for i in range(count):
        one, other = (TWO, THREE) if i % 3 else (THREE, TWO)
        sights += [(i * 50, one, i), (i * 50, other, i)]
    assert books(source(capture(sights))) == (count, count)
    assert books(capture(sights), once=False) == (2 * count, 0)


# ---------------------------------------------------------------- hashes that were put off


def quiet(copies: int, late: int) -> tuple[list[Sight], int]:
    """Long stretches of one interface, and copies of the ends of each on the other: how many are within the time."""
    sights: list[Sight] = []
    now = number = seen = 0
    for interface, other in ((TWO, THREE), (THREE, TWO), (TWO, THREE)):
        begin = now
        for _ in range(21_000):
            now, number = now + 1000, number + 1
            sights.append((now, interface, number))
        assert now - begin > MS
        last = range(number - copies + 1, number + 1)
        now += late
        seen += sum(now - (sights[-1][0] - (number - one) * 1000) <= MS for one in last)
        sights += [(now, other, one) for one in last]
    return sights, seen


@pytest.mark.parametrize(("copies", "late"), [(1, 0), (400, 1000), (400, 800_000), (400, MS + 1)])
def test_the_other_interface_comes_late(copies: int, late: int, source: Callable[[bytes], Any]) -> None:
    """Nothing is hashed while one interface is alone, and nothing is missed when it is not alone any more."""
    sights, seen = quiet(copies, late)
    assert seen == {(1, 0): 3, (400, 1000): 1200, (400, 800_000): 603, (400, MS + 1): 0}[copies, late]
    assert books(source(capture(sights))) == (len(sights) - seen, seen)


def test_more_bytes_than_are_asked_for_at_a_time(source: Callable[[bytes], Any]) -> None:
    """A millisecond of full frames at many gigabits: several MiB of bytes that were passed."""
    count = 2000
    first = [(i * 100, TWO, i) for i in range(count)]
    second = [(count * 100 + i, THREE, i) for i in range(count)]
    data = capture(first + second, size=1400)
    assert len(data) > 2 * BLOCK
    assert books(source(data)) == (count, count)


# ---------------------------------------------------------------- files that change


@pytest.mark.parametrize("change", ["shorter", "other bytes"])
def test_bytes_that_are_not_there_any_more(change: str, tmp_path: Path) -> None:
    """What cannot be compared is kept: a frame too many is better than one lost; nothing raises."""
    count, copies = 500, 20
    sights = [(i * 100, TWO, i) for i in range(count)]
    sights += [(count * 100, THREE, i) for i in range(copies)]
    data = capture(sights)
    assert len(data) < BLOCK  # all of it is in memory before the file changes
    assert books(data) == (count, copies)
    path = save(data, tmp_path)
    with vxtap.open(path) as opened:
        batches = opened.batches(count)
        assert len(next(batches)) == count
        with path.open("r+b") as file:
            if change == "shorter":
                file.truncate(24)
            else:
                file.write(bytes(len(data)))
        rest = sum(len(batch) for batch in batches)
        report = opened.report
    assert rest == copies
    assert (report.frames, report.decapsulated, dict(report.skipped)) == (count + copies, count + copies, {})
    assert report.changed


def test_the_same_packet_again_and_again() -> None:
    """Of many packets with the same bytes a bounded number is looked at; what lies behind is kept."""
    once, again = [(0, TWO, 1)] * 70, [(0, THREE, 1)] * 70
    report = vxtap.info(capture(once + again)).report
    assert (report.decapsulated, report.skipped["second_sight"]) == (70 + 6, 64)
