"""Reading by ranges: what a range remembers differs from what one thread does, and so must its limits not matter."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

import vxtap.ranges
from build import NANO, Record, eth, ipv4, pcap, udp, vxlan
from build_fragments import fragments
from hostile_state import LEAST, MS, SECOND, US, crowd, plain, sighted
from ranges import assert_alike, borders
from unit.conftest import T0, inner_frame

ALIKE = 64


def size_behind_the_head(data: bytes, border: int) -> int:
    """The size of ranges of which the second one begins at a border, behind what the whole reads first."""
    head = next(at for at in borders(data) if at >= vxtap.ranges._HEAD)
    return border - head


@pytest.mark.parametrize("between", [0, 13])
def test_many_alike_in_a_crowded_table(between: int, tmp_path: Path) -> None:
    """Of many packets with the same bytes the last 64 are looked at: others that fall to the same place are not among
    them, however small the table is.
    """
    before = crowd(0, 800, first=30_000, step=10 * MS)
    before += crowd(20 * SECOND, 5000, first=2000, step=100) + crowd(30 * SECOND, 200, first=20_000, step=10 * MS)
    start = 100 * SECOND
    alike = [(start - 2 * SECOND, 2, 77), (start - SECOND, 2, 78)]
    for i in range(ALIKE):
        others = [(start + 10 * i, 2, 40_000 + 30 * i + k) for k in range(between)]
        alike += [(start + 10 * i, 2, 1), *others]
    again = [(start + 10 * (ALIKE + i), 3, 1) for i in range(ALIKE)]
    data, border = sighted([*before, *alike, *again]), len(sighted(before))
    path = tmp_path / "in.pcap"
    path.write_bytes(data)
    assert_alike(lambda: path, [size_behind_the_head(data, border)] * 2)


def test_a_first_sight_that_one_thread_has_forgotten(tmp_path: Path) -> None:
    """A range remembers more than a table of the usual size: what that has lost is no first sight."""
    before = crowd(-5 * SECOND, 2000, first=30_000, step=2 * MS)
    between = crowd(20 * SECOND, 1100, first=10_000, step=2 * MS)
    data = sighted([*before, (10 * SECOND, 2, 1), *between, (10 * SECOND + US, 3, 1), (40 * SECOND, 3, 99)])
    path = tmp_path / "in.pcap"
    path.write_bytes(data)
    assert_alike(lambda: path, [100_000, 4 << 20, size_behind_the_head(data, len(sighted(before)))])


def tiny(i: int, count: int) -> list[bytes]:
    """A datagram in that many fragments of eight bytes."""
    body = bytearray(udp(vxlan(inner_frame(i, 8 * count), 7))[: 8 * count])
    body[4:6] = struct.pack(">H", len(body))
    return [eth(one) for one in fragments(ipv4(bytes(body), ident=i), [8] * (count - 1), ident=i)]


def test_a_datagram_whose_fragments_came_before_again(tmp_path: Path) -> None:
    """What has been noted of it until it was complete takes no memory afterwards, in which others would have room."""
    first, second = tiny(1, 100), tiny(2, 330)

    def times(frames: list[bytes]) -> list[Record]:
        return [(T0, one) for one in frames]

    head = [*first[:99], *(plain(i) for i in range(600))]
    middle = [*first, *(plain(5000 + i) for i in range(900))]
    last = [*second, *(plain(9000 + i) for i in range(3)), *first, *(plain(10_000 + i) for i in range(300))]
    data = pcap(times([*head, *middle, *last]), 1, magic=NANO)
    border = len(pcap(times([*head, *middle]), 1, magic=NANO))
    path = tmp_path / "in.pcap"
    path.write_bytes(data)
    assert_alike(lambda: path, [size_behind_the_head(data, border)] * 2, fragment_memory=LEAST)
