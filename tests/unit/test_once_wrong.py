"""What was wrong once, and no other test speaks of."""

from __future__ import annotations

import gzip
import io
import mmap
import os
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest

import oracle
import vxtap
from build import ARP, Pcapng, arp, eth, ipv4, pcap, sll2, tcp, udp, vxlan

T0 = 1_700_000_000_000_001_000


def frame(i: int, flags: int = 0x08) -> bytes:
    inner = eth(ipv4(tcp(b"%d" % i + bytes(600), sport=1000 + i % 60000), 6))
    return eth(ipv4(udp(vxlan(inner, 7, flags=flags))))


def capture(count: int) -> bytes:
    return pcap([(T0 + i * 1000, frame(i)) for i in range(count)])


def test_inner_frames_of_a_file_stay_as_they_are(tmp_path: Path) -> None:
    """They were views of the block that the next read fills."""
    path = tmp_path / "in.pcap"
    path.write_bytes(capture(3000))
    with vxtap.open(path) as opened:
        kept = [(row, opened.inner(row)) for batch in opened.batches(50) for row in batch[-1:]]
    whole = path.read_bytes()
    for row, inner in kept:
        assert inner == whole[row["offset"] : row["offset"] + row["caplen"]]


def test_an_mmap_is_a_buffer(tmp_path: Path) -> None:
    """It has a read() as well, which copies, from wherever it stands."""
    path = tmp_path / "in.pcap"
    path.write_bytes(capture(3))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        mapped.seek(100)
        opened = vxtap.open(mapped)
        rows = np.concatenate(list(opened))
        inner = opened.inner(rows[0])
        assert len(rows) == 3
        assert np.shares_memory(np.frombuffer(inner, np.uint8), np.frombuffer(mapped, np.uint8))
        del inner, opened, rows


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no memory file system here")
def test_a_target_below_dev_is_whole_or_absent() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        target = Path(folder) / "x.pcap"
        target.write_bytes(b"before")
        with pytest.raises(vxtap.FormatError):
            vxtap.decap(b"some text", target)
        assert [one.read_bytes() for one in Path(folder).iterdir()] == [b"before"]


def test_one_odd_start_does_not_fail_a_read(tmp_path: Path) -> None:
    """4,096 tiny frames at the start of a huge file promise more rows than there is memory for."""
    path = tmp_path / "sparse.pcap"
    small = eth(ipv4(udp(vxlan(b"", 7))))
    path.write_bytes(pcap([(T0, small)] * 5000))
    tail = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(1 << 43)
        file.seek(tail)
        file.write(b"\xff" * 16)  # a damaged record ends it here
    with pytest.raises(vxtap.FormatError, match="after frame 5,000"):
        vxtap.read(path)


def test_keeping_others_hides_nothing_from_strict() -> None:
    out = io.BytesIO()
    data = pcap([(T0, frame(0)), (T0, eth(ipv4(b"", version=6)))])
    report = vxtap.decap(data, out, keep_others=True)
    assert report.skipped == {"kept": 1}
    assert report.kept == {"malformed": 1}
    from vxtap.cli.text import strict_status

    assert strict_status(report) == 1


def test_progress_of_a_gzip_file_has_no_end_in_sight(tmp_path: Path) -> None:
    """Its size on disk is not what the bytes read count towards."""
    path = tmp_path / "in.pcap.gz"
    path.write_bytes(gzip.compress(capture(1000)))
    seen: list[int | None] = []
    vxtap.decap(path, io.BytesIO(), progress=lambda done, total: seen.append(total))
    assert set(seen) == {None}


def test_cooked_interfaces_are_counted_once() -> None:
    file = Pcapng().shb().idb(linktype=276).idb(linktype=276)
    cooked = sll2(ipv4(udp(vxlan(b"", 7))), index=3)
    file = file.epb(cooked, 0, interface=0).epb(cooked, 0, interface=1).epb(cooked[:10], 0, interface=1)
    rows = vxtap.info(bytes(file)).interfaces
    assert [(row["number"], row["frames"]) for row in rows] == [(3, 2)]


def test_message_of_a_damaged_file_counts_what_was_written(tmp_path: Path) -> None:
    data = pcap([(T0, eth(arp(), ARP)), (T0, frame(0))]) + struct.pack("<IIII", 0, 0, 1 << 31, 1 << 31)
    with pytest.raises(vxtap.FormatError, match=r"what came before it is in .*x\.pcap: frames written: 1$"):
        vxtap.decap(data, tmp_path / "x.pcap")
    assert len(oracle.decode((tmp_path / "x.pcap").read_bytes()).rows) == 1


def test_names_that_promise_other_compression_are_refused(tmp_path: Path) -> None:
    with pytest.raises(vxtap.OptionError, match=r"output is not compressed with xz: .* -o - \| xz > OUT"):
        vxtap.decap(capture(1), tmp_path / "x.pcap.xz")
    with pytest.raises(vxtap.OptionError, match="the name of the output is empty"):
        vxtap.decap(capture(1), "")
    with pytest.raises(vxtap.OptionError, match="the name of the input is empty"):
        vxtap.read("")


def test_inner_wants_one_row() -> None:
    opened = vxtap.open(capture(2))
    batch = next(opened.batches())
    for wrong in (batch, 0, None):
        with pytest.raises(vxtap.OptionError, match="expected one row"):
            opened.inner(wrong)  # type: ignore[arg-type]


def test_flow_labels_of_neighbours_do_not_meet() -> None:
    """Sums of two hashed ends cancelled for addresses and ports next to each other."""
    frames = []
    for i in range(20_000):
        source, target = bytes([10, 0, 0, i % 50]), bytes([10, 0, 1, i // 50 % 50])
        inner = eth(ipv4(tcp(sport=1000 + i // 2500, dport=80 + i % 3), 6, src=source, dst=target))
        frames.append((T0, eth(ipv4(udp(vxlan(inner, 7))))))
    rows = vxtap.read(pcap(frames))
    keys = rows[["src", "dst", "sport", "dport"]]
    assert len(np.unique(rows["flow"])) == len({row.tobytes() for row in keys})
