"""What a capture reports, holds in memory and leaves open, and what threads may do with it."""

from __future__ import annotations

import gzip
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vxtap
from build import UDP, Pcapng, eth, ipv4, pcap, udp, vxlan
from unit.conftest import BLOCK, T0, capture, frame, inner_frame

# ---------------------------------------------------------------- the report


def test_report_while_reading(tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(capture(5))
    with vxtap.open(tmp_path / "in.pcap") as opened:
        assert opened.report.frames == 0
        batches = opened.batches(2)
        next(batches)
        assert (opened.report.frames, opened.report.decapsulated) == (2, 2)
        assert opened.report.bytes_in == 24 + 2 * (16 + len(frame(0)))
        list(batches)
        report = opened.report
    assert (report.frames, report.bytes_in, report.truncated_tail) == (5, len(capture(5)), 0)
    assert report.first == np.datetime64(T0, "ns")
    assert report.last == np.datetime64(T0 + 4000, "ns")
    assert str(report) == "5 frames: 5 decapsulated"
    assert opened.report == report  # after closing too


# ---------------------------------------------------------------- threads


def test_threads_with_captures_of_their_own() -> None:
    """The GIL is released within a scan: each must have its own memory and books."""
    many = [capture(2000 + i, size=i % 7) for i in range(6)]
    expected = [vxtap.read(data) for data in many]
    found: dict[int, Any] = {}

    def work(number: int) -> None:
        for _ in range(5):
            found[number] = vxtap.read(many[number])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(many))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, rows in enumerate(expected):
        assert (found[number] == rows).all()


def read_together(opened: vxtap.Capture, threads: int) -> tuple[list[Any], set[type[BaseException]]]:
    """Let several threads read one capture at once: their batches, and their errors."""
    rows: list[Any] = []
    errors: set[type[BaseException]] = set()
    start = threading.Barrier(threads)

    def work() -> None:
        start.wait()
        try:
            rows.extend(opened.batches(64))
        except Exception as error:
            errors.add(type(error))

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return rows, errors


def test_threads_with_the_same_capture() -> None:
    """One at a time, or an error: never a crash, and never a row that is not the capture's."""
    data = capture(30_000)
    expected = vxtap.read(data)
    for _ in range(5):
        with vxtap.open(data) as opened:
            rows, errors = read_together(opened, 3)
        assert errors <= {RuntimeError}
        for batch in rows:
            assert (batch == expected[batch["frame"].astype(int) - 1]).all()
        assert rows


def test_threads_with_the_same_file(tmp_path: Path) -> None:
    """Where bytes move in between, only that much is promised: it ends, by an error at the worst."""
    (tmp_path / "in.pcap").write_bytes(capture(30_000))
    for _ in range(5):
        with vxtap.open(tmp_path / "in.pcap") as opened:
            rows, _errors = read_together(opened, 3)
        assert sum(map(len, rows)) <= 30_000


# ---------------------------------------------------------------- files and memory


def test_files_are_closed(tmp_path: Path) -> None:
    """A ResourceWarning would be an error here."""
    path = tmp_path / "in.pcap"
    path.write_bytes(capture(3))
    with vxtap.open(path) as opened:
        next(opened.batches(1))
    opened = vxtap.open(path)
    opened.close()
    opened.close()
    vxtap.read(path)
    vxtap.info(path)
    path.write_bytes(b"no capture at all, only text")
    for job in (vxtap.read, vxtap.info):
        with pytest.raises(vxtap.FormatError):
            job(path)
    del opened


def test_closed_capture_says_so(tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(capture(3))
    opened = vxtap.open(tmp_path / "in.pcap")
    opened.close()
    with pytest.raises((ValueError, vxtap.VxtapError), match="closed"):
        next(opened.batches())


@pytest.mark.parametrize("size", [BLOCK - 100, BLOCK, BLOCK + 1, 3 * BLOCK, 4 << 20])
def test_records_larger_than_a_block(size: int, tmp_path: Path) -> None:
    """The block grows for them; rows around them are the same."""
    inner = eth(ipv4(bytes(size - 14 - 20 - 16 - 34), UDP, total=0))
    large = eth(ipv4(udp(vxlan(inner), length=0), total=0))
    assert len(large) == size
    data = pcap([(T0, frame(0)), (T0, large), (T0, frame(1)), (T0, large)])
    (tmp_path / "in.pcap").write_bytes(data)
    for source in (tmp_path / "in.pcap", data, gzip.compress(data, 1)):
        with vxtap.open(source) as opened:
            found = [bytes(one) for _, one in opened.frames()]
        assert found == [inner_frame(0), inner, inner_frame(1), inner]
    vxtap.decap(tmp_path / "in.pcap", tmp_path / "out.pcapng")
    assert vxtap.read(tmp_path / "out.pcapng", frames="all")["caplen"].tolist() == [len(one) for one in found]


def test_lengths_alone_take_no_memory(tmp_path: Path) -> None:
    """A small file that claims large records is read with a small buffer."""
    records = [bytes(8) + (4 << 20).to_bytes(4, "little") * 2 + bytes(60)]
    files = [
        pcap() + records[0],
        bytes(Pcapng().idb()) + bytes(Pcapng(bare=True).unknown(6, bytes(20), total=8 << 20)),
    ]
    files.append(bytes(Pcapng().idb()) + bytes(Pcapng(bare=True).unknown(99, bytes(20), total=0xFFFFFFFC)))
    for data in files:
        (tmp_path / "in.pcap").write_bytes(data)
        with vxtap.open(tmp_path / "in.pcap") as opened:
            assert list(opened.batches()) == []
            assert len(opened._pass.window.buffer) == BLOCK
            assert opened.report.truncated_tail > 0
