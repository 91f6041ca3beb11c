"""Compressed sources: gzip, zstd and lz4, whole or cut or damaged, wherever sources are taken."""

from __future__ import annotations

import io
import os
import random
import sys
import threading
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lz4.frame
import pytest

import vxtap
from packed import NAMES, PACK, SKIPPED, zst, zstd
from unit.conftest import capture
from vxtap import _facts, codecs
from vxtap.compressed import Unpacked
from vxtap.enums import Status

FRAMES = 500
PLAIN = capture(FRAMES)
ALL = pytest.mark.parametrize("suffix", PACK)


def _stored(data: bytes) -> bytes:
    member = zlib.compressobj(0, zlib.DEFLATED, 31)
    return member.compress(data) + member.flush()


#: In blocks of 64 KiB, which are not compressed, so that bytes can be damaged where one knows what they are.
NOISE = random.Random(1).randbytes(1 << 20)
STORED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": _stored,
    ".zst": lambda data: zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1}),
    ".lz4": lambda data: lz4.frame.compress(data, block_size=4, content_checksum=True),
}


class Pieces(io.RawIOBase):
    """A file that gives some bytes at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        self._data = io.BytesIO(data)
        self._step = step

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        return self._data.readinto(view[: self._step])


def unpacked(packed: bytes, *, step: int = 1 << 20, size: int = 1 << 16) -> tuple[bytes, Unpacked, Exception | None]:
    """All that comes of it, what it was read with, and how it ended."""
    reader = Unpacked("it", b"", Pieces(packed, step))
    parts = []
    try:
        while part := reader.read(size):
            assert len(part) <= size or step == 1
            parts.append(part)
    except (vxtap.VxtapError, OSError) as error:
        return b"".join(parts), reader, error
    return b"".join(parts), reader, None


def rows_of(source: object, **options: object) -> list[object]:
    return [vxtap.read(source, **options).tolist()]  # type: ignore[call-overload]


# ---------------------------------------------------------------- wherever sources are taken


@ALL
def test_every_kind_of_source(suffix: str, tmp_path: Path) -> None:
    packed = PACK[suffix](PLAIN)
    path = tmp_path / "named without a suffix"
    path.write_bytes(packed)
    expected = rows_of(PLAIN)
    with path.open("rb") as file:
        for source in (path, str(path), packed, bytearray(packed), file, io.BytesIO(packed), Pieces(packed, 7)):
            assert rows_of(source) == expected
    read, write = os.pipe()
    with os.fdopen(read, "rb") as pipe:
        thread = threading.Thread(target=lambda: (os.write(write, packed), os.close(write)))
        thread.start()
        assert rows_of(pipe) == expected
        thread.join()
    with vxtap.open(path) as opened:
        assert sum(map(len, opened.batches())) == FRAMES
        assert (opened.report.bytes_in, opened.report.truncated) == (len(PLAIN), False)


@ALL
def test_merge_plan_decap_and_sets(suffix: str, tmp_path: Path) -> None:
    halves = capture(FRAMES)[: -(-len(PLAIN) // 2)], PLAIN
    paths = [tmp_path / f"x.pcap{i}" for i in range(2)]
    for path, data in zip(paths, halves, strict=True):
        path.write_bytes(PACK[suffix](data))
    plain = [vxtap.merge(list(halves), tmp_path / "a.pcap"), vxtap.decap(list(halves), tmp_path / "b.pcap")]
    packed = [vxtap.merge(paths, tmp_path / "c.pcap"), vxtap.decap(str(tmp_path / "x.pcap*"), tmp_path / "d.pcap")]
    assert [one.frames for one in plain] == [one.frames for one in packed]
    assert (tmp_path / "a.pcap").read_bytes() == (tmp_path / "c.pcap").read_bytes()
    assert (tmp_path / "b.pcap").read_bytes() == (tmp_path / "d.pcap").read_bytes()
    (split,) = vxtap.plan(paths[1], split=100)
    assert rows_of(split) == rows_of(PLAIN)


def test_kinds_may_be_mixed(tmp_path: Path) -> None:
    """Within a set, and within a file: whoever put it together has had a reason."""
    third = -(-len(PLAIN) // 3)
    members = b"".join(pack(PLAIN[i * third : (i + 1) * third]) + SKIPPED for i, pack in enumerate(PACK.values()))
    assert rows_of(members) == rows_of(PLAIN)


# ---------------------------------------------------------------- frames, members, and what is between them


@ALL
@pytest.mark.parametrize("between", [b"", bytes(1000), SKIPPED, SKIPPED * 3, bytes(3) + SKIPPED + bytes(5)])
@pytest.mark.parametrize("step", [1, 3, 1 << 20])
def test_members(suffix: str, between: bytes, step: int) -> None:
    pack = PACK[suffix]
    packed = pack(PLAIN[:1000]) + between + pack(b"") + between + pack(PLAIN[1000:]) + between
    found, reader, error = unpacked(packed, step=step)
    assert (found == PLAIN, reader.cut, error) == (True, False, None)


@ALL
def test_members_that_come_out_in_several_reads(suffix: str) -> None:
    """Of gzip, zlib says of what lies behind the end that it is unused, and that it is unconsumed: it came twice."""
    parts = [b"".join(i.to_bytes(4, "little") * 16 for i in range(start, start + 9000)) for start in range(4)]
    packed = b"".join(map(PACK[suffix], parts))
    found, reader, error = unpacked(packed)
    assert (found == b"".join(parts), reader.cut, error) == (True, False, None)


@pytest.mark.parametrize("suffix", [".zst", ".lz4"])
def test_what_begins_with_a_skippable_frame(suffix: str) -> None:
    """So do files of pzstd and of those who put an index first."""
    assert rows_of(SKIPPED + PACK[suffix](PLAIN)) == rows_of(PLAIN)
    with pytest.raises(vxtap.TruncatedError, match="the file is empty"):
        vxtap.read(SKIPPED)
    with pytest.raises(vxtap.FormatError, match="a skippable frame, and nothing that is known behind it"):
        vxtap.read(SKIPPED + PLAIN)
    with pytest.raises(vxtap.TruncatedError, match="its compressed data ends early"):
        vxtap.read(SKIPPED[:-1])


def test_a_large_skippable_frame_takes_no_memory() -> None:
    size = 64 << 20
    tracemalloc.start()
    try:
        head = SKIPPED[:4] + size.to_bytes(4, "little")
        found, reader, error = unpacked(head + bytes(size) + zst(PLAIN))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (found, reader.cut, error) == (PLAIN, False, None)
    assert peak < 2.2 * size  # the whole is there twice, since this test holds it; 256 KiB of it at a time otherwise


@ALL
@pytest.mark.parametrize("size", [1, 100, 4096, 1 << 20])
def test_as_much_as_was_asked_for(suffix: str, size: int) -> None:
    found, _, error = unpacked(PACK[suffix](PLAIN[:5000]), size=size)
    assert (found, error) == (PLAIN[:5000], None)


@pytest.mark.parametrize("level", [-5, 1, 19])
@pytest.mark.parametrize("data", [bytes(1 << 20), NOISE, b"abcdefgh" * 99_999 + NOISE[:1000]])
@pytest.mark.parametrize("checksum", [0, 1])
def test_zstd_of_all_sorts(level: int, data: bytes, checksum: int) -> None:
    options = {zstd.CompressionParameter.compression_level: level, zstd.CompressionParameter.checksum_flag: checksum}
    packer = zstd.ZstdCompressor(options=options)
    streamed = packer.compress(data[:500]) + packer.flush(packer.FLUSH_BLOCK) + packer.compress(data[500:])
    for packed in (zstd.compress(data, options=options), streamed + packer.flush()):
        assert unpacked(packed)[0] == unpacked(packed, step=1000)[0] == data


@pytest.mark.parametrize("level", [0, 9])
@pytest.mark.parametrize("data", [bytes(9 << 20), NOISE, b"abcdefgh" * 99_999 + NOISE[:1000]])
@pytest.mark.parametrize("blocks", [4, 7])
@pytest.mark.parametrize("flag", ["content_checksum", "block_checksum", "store_size", "block_linked"])
def test_lz4_of_all_sorts(level: int, data: bytes, blocks: int, flag: str) -> None:
    options = {"content_checksum": False, "block_checksum": False, "store_size": False, "block_linked": False}
    packed = lz4.frame.compress(data, compression_level=level, block_size=blocks, **{**options, flag: True})
    for step in (1000, 1 << 20):
        found, reader, error = unpacked(packed, step=step)
        assert (found == data, reader.cut, error) == (True, False, None)


@ALL
def test_memory_is_bounded_whatever_the_ratio(suffix: str) -> None:
    packed = PACK[suffix](bytes(256 << 20))
    tracemalloc.start()
    try:
        reader = Unpacked("it", packed, io.BytesIO())
        count = 0
        while data := reader.read(1 << 20):
            count += len(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 256 << 20
    assert peak < 8 << 20


# ---------------------------------------------------------------- cut


@ALL
def test_small_members_are_not_copied_over_and_over(suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder is given little of what lies behind its member, however many follow."""
    fed: list[int] = []
    for kind in (codecs.Blocks, codecs._Inflate):

        def count(self: Any, data: bytes, feed: Any = kind.feed) -> None:
            fed.append(len(data))
            feed(self, data)

        monkeypatch.setattr(kind, "feed", count)
    packed = (SKIPPED if suffix != ".gz" else b"") + PACK[suffix](b"")
    data, _, error = unpacked(packed * 2000 + PACK[suffix](b"end"))
    assert (data, error) == (b"end", None)
    assert len(fed) == 2001
    assert max(fed) <= 512


@ALL
def test_cut_anywhere(suffix: str) -> None:
    """What could be unpacked is a beginning, and it is told that something is missing; never is it damage."""
    packed = PACK[suffix](PLAIN[:3000])
    whole = 2 * len(packed)
    for end in range(4, whole):
        data = (packed * 2)[:end]
        found, reader, error = unpacked(data)
        assert error is None
        assert (PLAIN[:3000] * 2).startswith(found)
        assert reader.cut == (end != len(packed))


@ALL
def test_a_cut_capture(suffix: str, tmp_path: Path) -> None:
    packed = PACK[suffix](PLAIN)
    path = tmp_path / "x"
    path.write_bytes(packed[:-3])
    with vxtap.open(path) as opened:
        assert sum(map(len, opened.batches())) == FRAMES
        assert opened.report.truncated
    with pytest.raises(vxtap.TruncatedError, match="the file ends within its compressed data"):
        vxtap.read(path, strict=True)
    path.write_bytes(packed[:6])
    with pytest.raises(vxtap.TruncatedError, match="its compressed data ends early"):
        vxtap.read(path)


# ---------------------------------------------------------------- damaged


@ALL
@pytest.mark.parametrize("step", [1000, 1 << 20])
def test_what_comes_before_a_damage_is_given(suffix: str, step: int) -> None:
    """Every block before the damaged one, however the input is read: zstd and lz4 tell it at the end of a block."""
    packed = bytearray(STORED[suffix](NOISE))
    packed[-2] ^= 1  # of the checksum: all data is right
    found, _, error = unpacked(bytes(packed), step=step)
    assert isinstance(error, vxtap.FormatError)
    assert (found == NOISE, error.status, error.offset) == (True, Status.BAD_COMPRESSED, len(NOISE))
    assert f"({NAMES[suffix]})" in str(error)


@pytest.mark.parametrize(("suffix", "block"), [(".zst", 128 << 10), (".lz4", 64 << 10)])
@pytest.mark.parametrize("step", [1000, 1 << 20])
def test_blocks_before_a_damaged_one(suffix: str, block: int, step: int) -> None:
    """A header of a block that says what cannot be."""
    packed = STORED[suffix](NOISE)
    at = packed.index(NOISE[3 * block : 3 * block + 64])
    bad = b"\x07\xff\xff" if suffix == ".zst" else b"\xff\xff\xff\x7f"  # a reserved kind, an impossible size
    damaged = packed[: at - len(bad)] + bad + packed[at:]
    found, reader, error = unpacked(damaged, step=step)
    assert found == NOISE[: 3 * block]
    assert isinstance(error, vxtap.FormatError)
    assert error.offset == 3 * block
    with pytest.raises(vxtap.FormatError):  # and again
        reader.read(1)


@ALL
def test_rows_before_a_damage(suffix: str) -> None:
    packed = PACK[suffix](PLAIN)
    with vxtap.open(packed + packed[:4] + b"\x08" * 60) as opened:
        rows = 0
        with pytest.raises(vxtap.FormatError, match="the compressed data is damaged"):  # noqa: PT012
            for batch in opened.batches():
                rows += len(batch)
        assert rows == FRAMES


@ALL
def test_every_byte_may_be_wrong(suffix: str) -> None:
    """Whatever is damaged, nothing but our own errors comes out, and what comes out before is a beginning or data."""
    packed = PACK[suffix](PLAIN[:2000])
    for at in range(len(packed)):
        damaged = packed[:at] + bytes([packed[at] ^ 0x55]) + packed[at + 1 :]
        _, _, error = unpacked(damaged)
        assert error is None or isinstance(error, vxtap.FormatError | vxtap.UnsupportedError)


# ---------------------------------------------------------------- what is not unpacked


def test_a_window_that_is_too_large() -> None:
    """`zstd --long=31` asks for 2 GiB of whoever unpacks."""
    options = {
        zstd.CompressionParameter.window_log: 28,
        zstd.CompressionParameter.enable_long_distance_matching: 1,
        zstd.CompressionParameter.content_size_flag: 0,
    }
    packer = zstd.ZstdCompressor(options=options)
    packed = packer.compress(PLAIN) + packer.flush()
    with pytest.raises(vxtap.UnsupportedError, match="with a window of 256 MiB, of which 128 are taken: unpack it on"):
        vxtap.read(packed)
    options[zstd.CompressionParameter.window_log] = 27
    packer = zstd.ZstdCompressor(options=options)
    assert rows_of(packer.compress(PLAIN) + packer.flush()) == rows_of(PLAIN)


def test_a_dictionary() -> None:
    trained = zstd.train_dict([PLAIN[i : i + 500] for i in range(0, len(PLAIN), 500)], 1000)
    with pytest.raises(vxtap.UnsupportedError, match="compressed with zstd with a dictionary, which is not in the"):
        vxtap.read(zstd.compress(PLAIN, zstd_dict=trained))
    frame = bytearray(PACK[".lz4"](PLAIN))
    frame[4] |= 1
    with pytest.raises(vxtap.UnsupportedError, match="compressed with lz4 with a dictionary"):
        vxtap.read(bytes(frame))


@pytest.mark.parametrize(
    ("suffix", "module"),
    [(".zst", "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"), (".lz4", "lz4.frame")],
)
def test_a_library_is_missing(suffix: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = PACK[suffix](PLAIN)
    parent, _, child = module.partition(".")
    monkeypatch.delattr(sys.modules[parent], child)
    monkeypatch.setitem(sys.modules, module, None)
    name = NAMES[suffix]
    expected = (
        f"compressed with {name}: the library for {name} is not installed: pip install 'vxtap[compress]', or unpack it"
        f" on the way in, '{name} -dc FILE | vxtap decap - -o OUT'"
    )
    with pytest.raises(vxtap.UnsupportedError) as caught:
        vxtap.read(packed)
    assert str(caught.value).endswith(expected)


def test_the_text_of_the_fault_is_the_core_s() -> None:
    texts = {row[0]: row[4] for row in _facts.tables()["status"]}
    assert texts["BAD_COMPRESSED"] == "the compressed data is damaged"


@ALL
def test_what_is_behind_it_and_nothing_known(suffix: str) -> None:
    """Neither a dictionary that is missing nor a frame: text that somebody has appended."""
    packed = PACK[suffix](PLAIN)
    found, _, error = unpacked(packed + b"and some text")
    assert found == PLAIN
    assert "nothing that is known behind it" in str(error)
    found, reader, error = unpacked(packed + SKIPPED[:2])
    assert (found == PLAIN, reader.cut, error) == (True, True, None)
