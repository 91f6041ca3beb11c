"""What is remembered from packet to packet lives on in a rotated set: cut anywhere, the rows are alike."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import vxtap
from build import SLL2, UDP, ipv4, pcap, sll2, udp, vxlan
from compare import LAB
from unit.conftest import T0, inner_frame


def fragments(i: int, size: int = 200) -> tuple[bytes, bytes]:
    """Both halves of a mirrored frame's datagram, SLL2 before each."""
    whole = udp(vxlan(inner_frame(i, size), 7))
    cut = len(whole) // 16 * 8
    first = ipv4(whole[:cut], UDP, ident=i, more=True)
    second = ipv4(whole[cut:], UDP, ident=i, offset=cut // 8)
    return sll2(first), sll2(second)


def mirrored(i: int, index: int = 2) -> bytes:
    return sll2(ipv4(udp(vxlan(inner_frame(i), 7)), ident=i), index=index)


def records(data: bytes) -> Iterator[bytes]:
    """The records of a pcap, each with its header."""
    at = 24
    while at < len(data):
        size = 16 + struct.unpack_from("<I", data, at + 8)[0]
        yield data[at : at + size]
        at += size


def rotate(data: bytes, folder: Path, every: int) -> str:
    """Cut a pcap into files of so many records: the wildcard that names them."""
    found = list(records(data))
    for number, at in enumerate(range(0, len(found), every)):
        (folder / f"r.pcap{number}").write_bytes(data[:24] + b"".join(found[at : at + every]))
    return str(folder / "r.pcap*")


def assert_alike(data: bytes, folder: Path, every: int) -> None:
    """Rows, counts, inner frames and output are those of the file in one piece; offsets are its own."""
    pattern = rotate(data, folder, every)
    with vxtap.open(data, frames="all") as one, vxtap.open(pattern, frames="all") as several:
        expected = np.concatenate(list(one.batches()))
        rows = np.concatenate(list(several.batches()))
        assert [name for name in rows.dtype.names or () if (rows[name] != expected[name]).any()] == ["offset"]
        assert (several.report.skipped, several.report.frames) == (one.report.skipped, one.report.frames)
        for mine, theirs in zip(rows, expected, strict=True):
            assert bytes(several.inner(mine)) == bytes(one.inner(theirs))
    vxtap.decap(data, folder / "one.pcapng")
    vxtap.decap(pattern, folder / "several.pcapng")
    assert (folder / "one.pcapng").read_bytes() == (folder / "several.pcapng").read_bytes()


@pytest.mark.parametrize("every", [1, 2, 3, 7])
def test_fragments_across_files(every: int, tmp_path: Path) -> None:
    """In order and the other way round, of several datagrams at once, and one that never becomes whole."""
    pairs = [fragments(i) for i in range(6)]
    frames = [pairs[0][0], pairs[1][1], pairs[0][1], pairs[2][0], pairs[3][0], pairs[1][0], pairs[3][1], pairs[2][1]]
    frames += [pairs[4][0], mirrored(9), pairs[5][1], mirrored(10), pairs[5][0]]
    data = pcap([(T0 + i * 1000, frame) for i, frame in enumerate(frames)], SLL2)
    assert_alike(data, tmp_path, every)
    rows = vxtap.read(str(tmp_path / "r.pcap*"))
    assert sorted(int(port) - 1000 for port in rows["sport"]) == [0, 1, 2, 3, 5, 9, 10]


@pytest.mark.parametrize("every", [1, 2, 5])
def test_second_sights_across_files(every: int, tmp_path: Path) -> None:
    """The first sight is in a file that was left: its bytes are had again, over the border of files."""
    frames = [mirrored(i) for i in range(5)] + [mirrored(i, index=3) for i in range(5)] + [mirrored(1, index=3)]
    data = pcap([(T0 + i * 1000, frame) for i, frame in enumerate(frames)], SLL2)
    assert_alike(data, tmp_path, every)
    report = vxtap.info(str(tmp_path / "r.pcap*")).report
    assert report.skipped["second_sight"] >= 5
    assert report.decapsulated + report.skipped["second_sight"] == len(frames)


@pytest.mark.parametrize(
    "name", ["07-mtu1500-frag-nva1.pcap", "15-dup-bridge-nva1.pcap", "18-filter4789-frag-nva1.pcap"]
)
@pytest.mark.parametrize("every", [1, 10])
def test_captures_of_the_lab_cut_anywhere(name: str, every: int, tmp_path: Path) -> None:
    path = LAB / f"{name}-nva1.pcap"
    if not path.exists():
        pytest.skip("the lab captures are not beside this checkout")
    assert_alike(path.read_bytes(), tmp_path, every)
