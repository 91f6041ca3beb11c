"""Compressed outputs: what they unpack to is what is written otherwise, whole or not at all."""

from __future__ import annotations

import errno
import os
import random
import sys
import threading
from pathlib import Path

import pytest

import vxtap
from build import arp, eth, pcap
from packed import NAMES, PACK, UNPACK
from unit.conftest import T0, capture
from vxtap import packing, rewrite, sink
from vxtap.codecs import CODECS
from vxtap.packing import PackedSink, codec_for, sink_for

PLAIN = capture(3000)
ALL = pytest.mark.parametrize("suffix", PACK)
WRITERS = pytest.mark.parametrize("workers", [1, 2])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.pcap"
    path.write_bytes(PLAIN)
    return path


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrite, "BLOCK", 4096)


@ALL
@WRITERS
@pytest.mark.parametrize("name", ["x.pcap", "x.pcapng", "x", "x.PCAP"])
@pytest.mark.usefixtures("small_blocks")
def test_decap(suffix: str, workers: int, name: str, source: Path, folder: Path) -> None:
    """The format is that of the name without the suffix, and the bytes are those of an output without it."""
    vxtap.decap(source, folder / name)
    report = vxtap.decap(source, folder / f"{name}{suffix}", workers=workers)
    data = (folder / f"{name}{suffix}").read_bytes()
    plain = (folder / name).read_bytes()
    assert UNPACK[suffix](data) == plain
    assert (report.bytes_out, report.bytes_unpacked) == (len(data), len(plain))
    assert report.to_dict()["bytes_unpacked"] == len(plain)
    assert data.startswith(next(codec.magic for codec in CODECS if codec.suffix == suffix))
    if name != "x":
        assert (vxtap.read(folder / f"{name}{suffix}", tunnels="none") == vxtap.read(plain, tunnels="none")).all()
    assert sorted(path.name for path in folder.iterdir()) == sorted([name, f"{name}{suffix}"])


@ALL
@WRITERS
def test_merge(suffix: str, workers: int, source: Path, folder: Path) -> None:
    vxtap.merge([source, source], folder / "x.pcapng")
    report = vxtap.merge([source, source], folder / f"X.PCAPNG{suffix.upper()}", workers=workers)
    data = (folder / f"X.PCAPNG{suffix.upper()}").read_bytes()
    assert UNPACK[suffix](data) == (folder / "x.pcapng").read_bytes()
    assert (report.bytes_out, report.bytes_unpacked) == (len(data), (folder / "x.pcapng").stat().st_size)


@ALL
def test_there_and_back(suffix: str, source: Path, folder: Path) -> None:
    """From a compressed capture to a compressed one, and the answer is the same."""
    packed = folder / "in"
    packed.write_bytes(PACK[suffix](PLAIN))
    vxtap.decap(source, folder / "a.pcap")
    vxtap.decap(packed, folder / f"b.pcap{suffix}")
    assert UNPACK[suffix]((folder / f"b.pcap{suffix}").read_bytes()) == (folder / "a.pcap").read_bytes()


def test_the_same_bytes_every_time(source: Path, folder: Path) -> None:
    """No time of day is in them."""
    for suffix in PACK:
        for name in ("a", "b"):
            vxtap.decap(source, folder / f"{name}.pcap{suffix}", workers=1)
        assert (folder / f"a.pcap{suffix}").read_bytes() == (folder / f"b.pcap{suffix}").read_bytes()


@ALL
def test_empty_captures_are_whole(suffix: str, folder: Path) -> None:
    vxtap.decap(pcap(), folder / f"x.pcap{suffix}")
    assert UNPACK[suffix]((folder / f"x.pcap{suffix}").read_bytes()) == pcap()
    assert len(vxtap.read(folder / f"x.pcap{suffix}", tunnels="none")) == 0


def test_keep_others_chooses_pcapng(source: Path, folder: Path) -> None:
    vxtap.decap(source, folder / "x.gz", keep_others=True)
    assert vxtap.info(folder / "x.gz", tunnels="none").format == "pcapng"
    with pytest.raises(vxtap.OptionError, match=r"not '\.pcap'"):
        vxtap.decap(source, folder / "x.pcap.gz", keep_others=True)


@ALL
def test_what_comes_before_a_damage(suffix: str, folder: Path) -> None:
    damaged = PLAIN + b"\xff" * 16
    with pytest.raises(vxtap.FormatError, match="frames written: 3,000"):
        vxtap.decap(damaged, folder / f"x.pcap{suffix}")
    vxtap.decap(PLAIN, folder / "y.pcap")
    assert UNPACK[suffix]((folder / f"x.pcap{suffix}").read_bytes()) == (folder / "y.pcap").read_bytes()
    with pytest.raises(vxtap.FormatError):
        vxtap.decap(b"nothing at all", folder / f"z.pcap{suffix}")
    assert not (folder / f"z.pcap{suffix}").exists()


@ALL
@WRITERS
def test_a_full_disk_leaves_nothing(
    suffix: str, workers: int, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: sink.Sink, view: memoryview) -> None:
        if len(view):
            raise OSError(errno.ENOSPC, "No space left on device", self.name)

    monkeypatch.setattr(sink.Sink, "_put", full)
    noise = random.Random(7)
    path = tmp_path / "noise.pcap"
    path.write_bytes(pcap([(T0, eth(arp() + noise.randbytes(500))) for _ in range(100)]))
    with pytest.raises(OSError, match=f"x.pcapng{suffix}"):
        vxtap.decap(path, folder / f"x.pcapng{suffix}", keep_others=True, workers=workers)
    assert list(folder.iterdir()) == []


# ---------------------------------------------------------------- live


@ALL
def test_a_reader_at_a_pipe_has_all_at_once(suffix: str, folder: Path) -> None:
    """What is written can be unpacked before more comes."""
    path = folder / f"x.pcap{suffix}"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    feed, feeder = os.pipe()
    with os.fdopen(feed, "rb", buffering=0) as source:
        thread = threading.Thread(target=vxtap.decap, args=(source, path))
        thread.start()
        os.write(feeder, PLAIN[: len(PLAIN) // 2])
        packed = b""
        while b"frame 1000" not in _start_of(suffix, packed) and thread.is_alive():
            packed += _read(reader)
            if len(_start_of(suffix, packed)) > 24:
                break
        os.close(feeder)
        while thread.is_alive():
            packed += _read(reader)
        thread.join()
    packed += _read(reader)
    os.close(reader)
    vxtap.decap(PLAIN[: len(PLAIN) // 2], folder / "y.pcap")
    assert UNPACK[suffix](packed) == (folder / "y.pcap").read_bytes()


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 1 << 20)
    except BlockingIOError:
        return b""


def _start_of(suffix: str, packed: bytes) -> bytes:
    from vxtap.compressed import Unpacked

    class Nothing:
        def readinto(self, buffer: memoryview, /) -> int:
            return 0

    reader = Unpacked(suffix, packed, Nothing())
    return b"".join(iter(lambda: reader.read(1 << 20), b""))


@ALL
def test_a_live_file_is_brought_up_to_date_once_a_second(
    suffix: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(packing.time, "monotonic", lambda: now[0])
    with sink_for(folder / f"x.pcap{suffix}") as out:
        assert isinstance(out, PackedSink)
        (path,) = folder.iterdir()
        for second in range(1, 4):
            now[0] += 0.6
            out.write(b"a" * 1000)
            known = len(_start_of(suffix, path.read_bytes()))
            assert suffix == ".lz4" or known == {1: 0, 2: 2000, 3: 2000}[second]
        assert known <= out.unpacked == 3000
        out.commit()
        assert out.size == (folder / f"x.pcap{suffix}").stat().st_size
    assert UNPACK[suffix]((folder / f"x.pcap{suffix}").read_bytes()) == b"a" * 3000


# ---------------------------------------------------------------- names, libraries


def test_names() -> None:
    assert [codec_for(name)[1] for name in ("a.pcap.gz", "a.ZST", "b/c.lz4", "gz", "-", "a.pcap")] == [
        *("a.pcap", "a", "b/c", "gz", "-", "a.pcap")
    ]
    with open(os.devnull, "wb") as file:
        assert codec_for(file) == (None, "")
    for suffix, name in ((".xz", "xz"), (".bz2", "bzip2")):
        with pytest.raises(vxtap.OptionError, match=rf"not compressed with {name}: .* \| {name} > OUT"):
            codec_for(f"x.pcap{suffix}")


@pytest.mark.parametrize(
    ("suffix", "module"),
    [(".zst", "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"), (".lz4", "lz4.frame")],
)
def test_a_library_is_missing(
    suffix: str, module: str, source: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, _, child = module.partition(".")
    monkeypatch.delattr(sys.modules[parent], child)
    monkeypatch.setitem(sys.modules, module, None)
    expected = rf"x.pcap{suffix}: the library for {NAMES[suffix]} is not installed: pip install 'vxtap\[compress\]'"
    for job in (lambda path: vxtap.decap(source, path), lambda path: vxtap.merge([source], path)):
        with pytest.raises(vxtap.UnsupportedError, match=expected):
            job(folder / f"x.pcap{suffix}")
    assert list(folder.iterdir()) == []


def test_gzip_without_isal(source: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "isal", None)
    vxtap.decap(source, folder / "x.pcap.gz")
    vxtap.decap(source, folder / "x.pcap")
    assert UNPACK[".gz"]((folder / "x.pcap.gz").read_bytes()) == (folder / "x.pcap").read_bytes()
