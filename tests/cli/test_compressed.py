"""Compressed input and output at the command line; tests/unit/test_compressed.py has the rest."""

from __future__ import annotations

import gzip
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import vxtap
from build import eth, ipv4, pcap, udp, vxlan
from cli.conftest import DEADLINE, T0, capture, inner_rows, listing
from packed import NAMES, PACK, UNPACK

if TYPE_CHECKING:
    from cli.conftest import Command, Spawn


def test_gzip_is_read(vx: Command, tmp_path: Path, folder: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(capture())
    (tmp_path / "in.pcap.gz").write_bytes(gzip.compress(capture()[:100]) + gzip.compress(capture()[100:]))
    for name in ("in.pcap", "in.pcap.gz"):
        ran = vx("decap", tmp_path / name, "-o", folder / f"{name}.inner.pcap")
        assert ran.status == 0
    assert (folder / "in.pcap.inner.pcap").read_bytes() == (folder / "in.pcap.gz.inner.pcap").read_bytes()
    rows = [vxtap.read(source) for source in (capture(), tmp_path / "in.pcap.gz", gzip.compress(capture()))]
    assert (rows[0] == rows[1]).all()
    assert (rows[0] == rows[2]).all()


def test_gzip_cut(vx: Command, tmp_path: Path, folder: Path) -> None:
    """What could be unpacked counts; the rest is said to be missing."""
    packed = gzip.compress(capture())
    (tmp_path / "in.gz").write_bytes(packed[:-8])
    ran = vx("decap", tmp_path / "in.gz", "-o", folder / "x.pcap")
    assert ran.status == 0
    assert "the compressed data ends early" in ran.err
    assert vx("info", tmp_path / "in.gz", "--strict").status == 1
    assert len(inner_rows(folder / "x.pcap")) == 3
    assert len(vxtap.read(tmp_path / "in.gz")) == 3
    with pytest.raises(vxtap.TruncatedError, match="the file ends within its compressed data"):
        vxtap.read(tmp_path / "in.gz", strict=True)
    for end in (2, 10):  # nothing can be unpacked of these
        (tmp_path / "in.gz").write_bytes(packed[:end])
        with pytest.raises(vxtap.TruncatedError, match="its compressed data ends early"):
            vxtap.decap(tmp_path / "in.gz", folder / "y.pcap")
    assert listing(folder) == ["x.pcap"]


def test_gzip_checksum(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(capture()))
    packed[-5] ^= 1
    with vxtap.open(bytes(packed)) as opened:
        rows = 0
        with pytest.raises(vxtap.FormatError, match=r"the compressed data is damaged \(gzip\): .*data check"):  # noqa: PT012
            for batch in opened.batches():
                rows += len(batch)
        assert rows == 3


def test_gzip_damaged_data(tmp_path: Path, folder: Path, vx: Command) -> None:
    packed = gzip.compress(capture(), 0)  # stored, so that the second member's damage is where it is put
    (tmp_path / "in.gz").write_bytes(packed + packed[:10] + b"\xff" * 50)
    ran = vx("decap", tmp_path / "in.gz", "-o", folder / "x.pcap")
    assert ran.status == 3
    assert f"byte {len(capture())} of what is compressed: the compressed data is damaged (gzip): " in ran.err
    assert len(inner_rows(folder / "x.pcap")) == 3


def test_rows_before_damaged_gzip_data() -> None:
    """What a gzip block holds before its damage is delivered too, as `gzip -dc` does."""
    packed = bytearray(gzip.compress(capture(), 0))
    deflate = zlib.compressobj(0, zlib.DEFLATED, -15)
    body = deflate.compress(capture()) + deflate.flush(zlib.Z_FULL_FLUSH) + b"\xff" * 50
    with vxtap.open(bytes(packed[:10]) + body) as opened:
        rows = 0
        with pytest.raises(vxtap.FormatError, match="the compressed data is damaged"):  # noqa: PT012
            for batch in opened.batches():
                rows += len(batch)
        assert rows == 3


@pytest.mark.parametrize(
    ("magic", "program"),
    [(b"\x02\x21\x4c\x18", "lz4"), (b"\xfd7zXZ\0", "xz"), (b"BZh91AY", "bzip2")],
)
def test_other_compression(magic: bytes, program: str, vx: Command, tmp_path: Path, folder: Path) -> None:
    source = tmp_path / "in.pcap"
    source.write_bytes(magic + bytes(100))
    ran = vx("decap", source, "-o", folder / "x.pcap")
    advice = f"unpack it on the way in, '{program} -dc FILE | vxtap decap - -o OUT'"
    assert (ran.status, ran.out, ran.err) == (3, "", f"vxtap: {source}: compressed with {program}: {advice}\n")
    assert listing(folder) == []
    for one in (source, source.read_bytes()):
        with pytest.raises(vxtap.UnsupportedError, match=f"compressed with {program}"):
            vxtap.read(one)


@pytest.mark.parametrize("suffix", PACK)
def test_there_and_back(suffix: str, vx: Command, tmp_path: Path, folder: Path) -> None:
    """By name and through a pipe, and both sizes are told."""
    source = tmp_path / "in.pcap"
    source.write_bytes(PACK[suffix](capture()))
    target = folder / f"x.pcap{suffix}"
    command = [sys.executable, "-m", "vxtap", "decap", "-", "-o", str(target)]
    piped = subprocess.run(command, input=source.read_bytes(), capture_output=True, check=True)
    plain = UNPACK[suffix](target.read_bytes())
    said = f"{target}: {target.stat().st_size:,} bytes, compressed from {len(plain):,}\n"
    assert said in piped.stderr.decode()
    merged = vx("merge", source, source, "-o", folder / f"y.pcapng{suffix}", "--json")
    found = json.loads(merged.out)
    assert found["bytes_out"] == (folder / f"y.pcapng{suffix}").stat().st_size != found["bytes_unpacked"]
    ran = vx("info", target, "--tunnels", "none")
    assert f"pcap, little-endian, version 2.4, microseconds; compressed with {NAMES[suffix]}\n" in ran.out
    found = json.loads(vx("info", target, "--tunnels", "none", "--json").out)
    assert (found["compression"], found["frames"], found["bytes_in"]) == (NAMES[suffix], 3, len(plain))


def test_info_of_a_mixed_set(vx: Command, tmp_path: Path) -> None:
    for i, pack in enumerate([*PACK.values(), bytes]):
        (tmp_path / f"x.pcap{i}").write_bytes(pack(capture()))
    assert json.loads(vx("info", tmp_path / "x.pcap*", "--json").out)["compression"] == "gzip, zstd, lz4"


def test_an_output_that_is_not_written(vx: Command, tmp_path: Path, folder: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(capture())
    ran = vx("decap", tmp_path / "in.pcap", "-o", folder / "x.pcap.xz")
    assert ran.status == 2
    assert "write to '-' and pipe it on, 'vxtap decap FILE -o - | xz > OUT'" in ran.err
    assert listing(folder) == []


@pytest.mark.parametrize("program", ["zstd", "lz4", "gzip"])
def test_the_programs_understand_each_other(program: str, vx: Command, tmp_path: Path, folder: Path) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"no {program} here")
    suffix = next(suffix for suffix, name in NAMES.items() if name == program)
    packed = subprocess.run([program, "-c"], input=capture(), capture_output=True, check=True).stdout
    assert len(vxtap.read(packed)) == 3
    (tmp_path / "in.pcap").write_bytes(capture())
    for name in ("x.pcap", f"x.pcap{suffix}"):
        assert vx("decap", tmp_path / "in.pcap", "-o", folder / name).status == 0
    unpacked = subprocess.run(
        [program, "-dc"], input=(folder / f"x.pcap{suffix}").read_bytes(), capture_output=True, check=True
    )
    assert unpacked.stdout == (folder / "x.pcap").read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("suffix", PACK)
def test_a_signal_while_a_thread_unpacks(
    suffix: str, number: signal.Signals, spawn: Spawn, tmp_path: Path, folder: Path
) -> None:
    """The command waits in a write, and the thread for room."""
    noise = random.Random(1)
    data = pcap([(T0, eth(ipv4(udp(vxlan(noise.randbytes(1400)))))) for _ in range(5000)])
    (tmp_path / "in").write_bytes(PACK[suffix](data))
    os.mkfifo(folder / "x.pcap")
    reader = os.open(folder / "x.pcap", os.O_RDONLY | os.O_NONBLOCK)
    process = spawn("decap", "in", "-o", "out/x.pcap", "--workers", "2")
    assert select.select([reader], [], [], DEADLINE)[0]
    process.send_signal(number)
    out, err = process.communicate(timeout=DEADLINE)
    os.close(reader)
    assert (process.returncode, out, err) == (-number, b"", b"")
    assert listing(folder) == ["x.pcap"]
