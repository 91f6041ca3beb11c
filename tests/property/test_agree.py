"""Library and oracle over generated captures, and what must not matter: blocks, alignment, columns, byte order."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import build
import compare
import oracle
import strategies
import strategies_traffic
import vxtap
from build import Order, Pcapng
from compare import Seen, columns_of
from packed import PACK
from strategies_tunnels import PLAIN, options
from trickle import Trickle

CAPTURES = strategies.captures()
OPTIONS = options()
FRAMES = st.sampled_from(["all", "decapsulated"])
# Mostly small, since a block that holds the whole capture is what every other test has.
BLOCKS = st.lists(st.one_of(st.integers(1, 7), st.integers(1, 200)), min_size=1, max_size=6)
# Offsets next to where 64 bits of nanoseconds end (the years 2262 and 1677), and the ends of their own range.
EXTREME = (9223372036, 9223372037, -9223372036, -9223372037, 2**63 - 1, -(2**63))
FRAME = build.eth(build.ipv4(build.udp(build.vxlan(build.eth(build.ipv4(build.tcp(b"data"), build.TCP))))))


def assert_equal(found: Seen, wanted: Seen) -> None:
    """The same columns byte for byte, the same books, the same end."""
    assert found.rows.dtype == wanted.rows.dtype
    assert columns_of(found.rows) == columns_of(wanted.rows)
    assert found.report == wanted.report
    assert type(found.error) is type(wanted.error)
    if isinstance(found.error, vxtap.FormatError) and isinstance(wanted.error, vxtap.FormatError):
        assert (found.error.status, found.error.offset) == (wanted.error.status, wanted.error.offset)


def without_bytes(seen: Seen) -> Seen:
    """What does not depend on blocks: after a fault, how many bytes had been read does, and what was known of
    fragments when their rows were handed out.
    """
    if seen.error is not None:
        seen.report.bytes_in = 0
    return seen._replace(rows=compare.settled(seen.rows))


# ---------------------------------------------------------------- the same as the oracle


@settings(max_examples=2 * settings().max_examples)
@given(CAPTURES)
def test_oracle(data: bytes) -> None:
    compare.assert_same(data)


@settings(max_examples=2 * settings().max_examples)
@given(CAPTURES, OPTIONS)
def test_oracle_with_options(data: bytes, how: dict[str, Any]) -> None:
    compare.assert_same(data, **how)


@given(st.one_of(CAPTURES, strategies_traffic.traffic_captures()), st.booleans())
def test_plain(data: bytes, once: bool) -> None:
    """Every frame is itself the inner frame."""
    compare.assert_same(data, tunnels=PLAIN, once=once)


@given(CAPTURES, st.sets(st.sampled_from([4789, 8472, 53, 80, 65535]), min_size=1))
def test_ports(data: bytes, ports: set[int]) -> None:
    compare.assert_same(data, ports=sorted(ports))


@given(CAPTURES, st.sets(st.sampled_from([0, 7, 501, 0xFFFFFF]), min_size=1), OPTIONS)
def test_vni(data: bytes, vni: set[int], how: dict[str, Any]) -> None:
    assume(how["tunnels"] != PLAIN)
    compare.assert_same(data, vni=sorted(vni), **how)


@pytest.mark.parametrize("tsoffset", [None, 0, 3600, -3600, 2**33, -(2**33), *EXTREME])
def test_interface_time(tsoffset: int | None) -> None:
    """In whatever unit, and from the first tick to the last, where 64 bits of nanoseconds no longer hold it."""
    file = Pcapng()
    for number, tsresol in enumerate((None, 0, 3, 6, 9, 10, 12, 19, 28, 29, 127, 0x80, 0x8A, 0x9E, 0xBF, 0xC0, 0xFF)):
        file.idb(tsresol=tsresol, tsoffset=tsoffset)
        for tick in (0, 1, 999, 2 * 10**8, 10**9 + 1, 2**40 + 7, 2**62, 2**63 - 1, 2**63, 2**64 - 1):
            file.epb(FRAME, tick, number)
    compare.assert_same(bytes(file), once=False)


@pytest.mark.parametrize(
    "whole",
    [build.pcap([(0, FRAME)]), build.pcap([], order=">", magic=build.NANO), bytes(Pcapng().idb().epb(FRAME))],
    ids=["pcap", "pcap nano", "pcapng"],
)
def test_cut_header(whole: bytes) -> None:
    """A file that ends within its own header raises, and `offset` is where that header starts."""
    wrong = {size: found for size in range(29) if (found := compare.differences(whole[:size]))}
    assert not wrong


def test_options_that_are_cut_behind_a_length_that_is_wrong() -> None:
    """A total length beyond the frame is told also where the options behind it were cut."""
    inner = build.eth(build.ipv4(b"", build.TCP, options=bytes(8), total=316))
    frame = build.eth(build.ipv4(build.udp(build.vxlan(inner))))
    compare.assert_same(build.pcap([(0, frame[:-4], len(frame))]))


def test_options_that_the_wire_has_no_room_for() -> None:
    """A frame of 38 bytes by its record never had a whole IPv4 header of 48, whatever total length that claims."""
    header = build.ipv4(b"", total=0xC100, words=12)
    compare.assert_same(build.pcap([(0, header, 38)], build.RAW))


# ---------------------------------------------------------------- what must not matter


@given(CAPTURES, BLOCKS, OPTIONS, FRAMES)
def test_blocks(data: bytes, sizes: list[int], how: dict[str, Any], frames: str) -> None:
    how |= {"frames": frames}
    assert_equal(without_bytes(compare.see(Trickle(data, sizes), **how)), without_bytes(compare.see(data, **how)))


@settings(max_examples=settings().max_examples // 2)
@given(CAPTURES, OPTIONS)
def test_blocks_of_one_byte(data: bytes, how: dict[str, Any]) -> None:
    source = Trickle(data, [1])
    assert_equal(without_bytes(compare.see(source, **how)), without_bytes(compare.see(data, **how)))
    assert source.reads <= len(data) + 1


@given(CAPTURES, BLOCKS, OPTIONS)
def test_read_by_blocks(data: bytes, sizes: list[int], how: dict[str, Any]) -> None:
    """`read` grows its memory as it goes, and gives either everything or an error."""
    whole, source = compare.see(data, frames="decapsulated", **how), cast("Any", Trickle(data, sizes))
    if whole.error is None:
        assert columns_of(vxtap.read(source, **how)) == columns_of(whole.rows)
    else:
        with pytest.raises(type(whole.error)):
            vxtap.read(source, **how)


@given(CAPTURES, st.integers(1, 5), OPTIONS)
def test_batches(data: bytes, size: int, how: dict[str, Any]) -> None:
    with vxtap.open(data, **how) as capture:
        batches: list[np.ndarray] = []
        with suppress(vxtap.VxtapError):
            batches.extend(capture.batches(size))
        assert all(len(batch) == size for batch in batches[:-1])
        assert all(0 < len(batch) <= size for batch in batches)
    wanted = compare.see(data, frames="decapsulated", **how).rows
    joined = np.concatenate(batches) if batches else wanted[:0]
    assert columns_of(joined) == columns_of(wanted)


@given(CAPTURES, st.lists(st.sampled_from(vxtap.PACKET.names or ()), min_size=1, unique=True), FRAMES, OPTIONS)
def test_columns(data: bytes, columns: list[str], frames: str, how: dict[str, Any]) -> None:
    whole = compare.see(data, frames=frames, **how)
    some = compare.see(data, frames=frames, columns=columns, **how)
    assert list(some.rows.dtype.names or ()) == columns
    assert len(some.rows) == len(whole.rows)
    assert columns_of(some.rows).items() <= columns_of(whole.rows).items()
    assert some.report == whole.report


@settings(max_examples=settings().max_examples // 2)
@given(CAPTURES)
def test_alignment(data: bytes) -> None:
    wanted = compare.see(data)
    for start in range(8):
        room = bytearray(len(data) + 16)
        room[start : start + len(data)] = data
        assert_equal(compare.see(memoryview(room)[start : start + len(data)]), wanted)


@given(CAPTURES, st.sampled_from(["pcap", "pcapng"]), st.booleans())
def test_input_is_left_alone(data: bytes, form: Any, keep: bool) -> None:
    """A buffer is the caller's, and a writable one no less."""
    room = bytearray(data)
    compare.see(room)
    assert room == data
    with suppress(vxtap.VxtapError):
        vxtap.decap(room, io.BytesIO(), format=form, keep_others=keep and form == "pcapng")
    assert room == data


@given(CAPTURES, st.sampled_from(sorted(PACK)))
@example(b"", ".gz")
@example(build.pcap([(0, FRAME)])[:-1], ".gz")
@example(build.pcap([(0, FRAME)])[:-1], ".zst")
@example(build.pcap([(0, FRAME)])[:-1], ".lz4")
def test_compressed(data: bytes, suffix: str) -> None:
    """What is compressed is read as if it were not; a capture that was cut before that is no cut compressed file."""
    packed = PACK[suffix](data)
    assert_equal(without_bytes(compare.see(packed)), without_bytes(compare.see(data)))
    assert_equal(without_bytes(compare.see(Trickle(packed, [7]))), without_bytes(compare.see(data)))


@given(CAPTURES, OPTIONS)
@example(build.pcap([(0, FRAME)] * 3), {})
def test_outcomes(data: bytes, how: dict[str, Any]) -> None:
    """One row a frame, one outcome a frame; without `frames="all"` the decapsulated ones and no others."""
    found, some = compare.see(data, **how), compare.see(data, frames="decapsulated", **how)
    report = found.report
    assert found.rows["frame"].tolist() == list(range(1, report.frames + 1))
    assert report.decapsulated + sum(report.skipped.values()) == report.frames
    assert report == some.report
    decapsulated = found.rows[found.rows["status"] == vxtap.Status.OK]
    assert columns_of(decapsulated) == columns_of(compare.by_frame(some.rows))
    if not how.get("partial"):
        assert columns_of(decapsulated) == columns_of(some.rows)
    assert len(some.rows) == report.decapsulated
    assert np.all(found.rows["caplen"] <= found.rows["wirelen"])


@given(CAPTURES, st.one_of(st.none(), BLOCKS), OPTIONS, FRAMES)
def test_inner(data: bytes, sizes: list[int] | None, how: dict[str, Any], frames: Any) -> None:
    """The frame of every row is what the oracle says: what stands in the capture at its place, or is joined."""
    source: Any = data if sizes is None else Trickle(data, sizes)
    wanted = {row["frame"]: row for row in oracle.decode(data, **compare.oracle_options(**how)).rows}
    with vxtap.open(source, frames=frames, **how) as capture:
        seen = set()
        with suppress(vxtap.VxtapError):
            for row, frame in capture.frames():
                number, start = int(row["frame"]), int(row["offset"])
                assert frame.readonly
                if row["status"] == vxtap.Status.OK:
                    assert bytes(frame) == compare.inner_bytes(data, wanted[number])
                else:
                    assert bytes(frame) == data[start : start + int(row["caplen"])]
                seen.add(number)
    assert len(seen) == (capture.report.frames if frames == "all" else capture.report.decapsulated)


# ---------------------------------------------------------------- byte order


@st.composite
def classic_in_both_orders(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """The same records in a little-endian and in a big-endian file."""
    linktype = draw(strategies.linktypes())
    packets = draw(st.lists(strategies.packets(linktype), max_size=4))
    records = [(draw(strategies.times()), *packet) for packet in packets]
    magic = draw(st.sampled_from([build.MICRO, build.NANO, build.KUZNETZOV]))
    return build.pcap(records, linktype, "<", magic), build.pcap(records, linktype, ">", magic)


@st.composite
def pcapng_in_both_orders(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """The same blocks in either byte order."""
    linktypes = draw(st.lists(strategies.linktypes(), min_size=1, max_size=3))
    clocks = [
        (draw(st.sampled_from(strategies.TSRESOLS)), draw(st.sampled_from([None, 3600, -(2**33)]))) for _ in linktypes
    ]
    packets = []
    for _ in range(draw(st.integers(0, 5))):
        number = draw(st.integers(0, len(linktypes) - 1))
        kind = draw(st.sampled_from(["epb", "pb", "spb"]))
        packet = draw(strategies.packets(linktypes[0 if kind == "spb" else number]))
        packets.append((kind, number, packet, draw(st.integers(0, 2**52)), draw(st.integers(0, 3))))

    def in_order(order: Order) -> bytes:
        file = Pcapng(order)
        for linktype, (tsresol, tsoffset) in zip(linktypes, clocks, strict=True):
            file.idb(linktype, tsresol=tsresol, tsoffset=tsoffset)
        for kind, number, packet, tick, flags in packets:
            if kind == "spb":
                file.spb(packet.data, wirelen=packet.wirelen)
            else:
                write = file.epb if kind == "epb" else file.pb
                write(packet.data, tick, number, wirelen=packet.wirelen, flags=flags)
        return bytes(file)

    return in_order("<"), in_order(">")


@given(st.one_of(classic_in_both_orders(), pcapng_in_both_orders()))
def test_byte_order(both: tuple[bytes, bytes]) -> None:
    little, big = both
    assert little != big
    assert_equal(compare.see(little), compare.see(big))


# ---------------------------------------------------------------- beyond one block of reading


def large_capture() -> bytes:
    """Frames from nothing to some that are longer than the reader's block, so that its memory has to grow."""
    sizes = [0, 1, 1400, 300_000, 60, 900_000, 1400] + [1514] * 200 + [(4 << 20) - 60]
    records = []
    for number, size in enumerate(sizes):
        inner = build.eth(build.ipv4(build.udp(bytes(size), 1, 2, length=0), total=0))
        frame = build.eth(build.ipv4(build.udp(build.vxlan(inner, number), length=0), total=0))
        records.append((number * 1000, frame[: 4 << 20]))
    return build.pcap(records)


def test_more_interfaces_than_are_remembered() -> None:
    """65,536 are; those of an earlier section make room, and numbers go on counting over both."""
    file = Pcapng()
    for order, linktype, frame in (("<", build.RAW, FRAME[14:]), (">", build.ETHERNET, FRAME)):
        if order == ">":
            file.shb(">")
        file.junk(bytes(Pcapng(file.order, bare=True).idb(linktype)) * 40_000)
        for number in (0, 1, 25_535, 25_536, 39_999, 40_000):
            file.epb(frame, number, number)
    data = bytes(file)
    compare.assert_same(data)
    compare.assert_same(data, Trickle(data, [100_000]))


@pytest.mark.parametrize("sizes", [[1 << 30], [4096], [100_000, 1, 3]], ids=["blocks", "pages", "uneven"])
def test_large_frames(sizes: list[int]) -> None:
    data = large_capture()
    source = Trickle(data, sizes)
    compare.assert_same(data, source)
