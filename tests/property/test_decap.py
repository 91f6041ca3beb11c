"""What `vxtap.decap` writes, read back by a reader of the tests, against what the oracle's rows say it has to be."""

from __future__ import annotations

import io
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import build
import compare
import expect
import oracle
import strategies
import vxtap
import written
from build import Pcapng, eth, ipv4, ipv6, udp, vxlan
from strategies_tunnels import options
from trickle import Trickle

CAPTURES = strategies.captures()
OPTIONS = options()
BLOCKS = st.lists(st.integers(1, 300), min_size=1, max_size=6)
FORMS = st.sampled_from([{"format": "pcap"}, {"format": "pcapng"}, {"format": "pcapng", "keep_others": True}])
INNER = eth(ipv4(build.tcp(b"data"), build.TCP))
FRAME = eth(ipv4(udp(vxlan(INNER))))


class Done(NamedTuple):
    """What one call of `decap` left."""

    out: bytes
    report: vxtap.Report | None
    error: Exception | None


def decap(source: Any, **how: Any) -> Done:
    """Decapsulate into memory, whatever stops it."""
    out = io.BytesIO()
    try:
        report = vxtap.decap(source, out, **how)
    except vxtap.VxtapError as error:
        return Done(out.getvalue(), None, error)
    return Done(out.getvalue(), report, None)


WRITING = {"format": "form", "keep_others": "keep", "ethernet": "ethernet"}


def expected(data: bytes, **how: Any) -> expect.Expected:
    """What has to be written; `how` is what `decap` is told."""
    writing = {WRITING[name]: value for name, value in how.items() if name in WRITING}
    return expect.expected(data, **writing, **compare.oracle_options(**how))


def assert_written(data: bytes, done: Done, **how: Any) -> None:
    """The output and its books are the oracle's; of a file that is no capture nothing is written at all."""
    if done.error is not None and oracle.decode(data).frames == 0:
        assert done.out == b""
        return
    wanted = expected(data, **how)
    assert not written.difference(written.parse(done.out), wanted.file)
    if done.report is None:
        return
    plain = compare.see(data, **{name: value for name, value in how.items() if name not in WRITING}).report
    report = done.report
    assert (report.frames, report.decapsulated) == (plain.frames, plain.decapsulated - wanted.no_ethernet)
    assert report.decapsulated + sum(report.skipped.values()) == report.frames
    assert (report.bytes_in, report.bytes_out) == (len(data), len(done.out))
    assert (report.truncated_tail, report.no_time) == (plain.truncated_tail, plain.no_time)
    assert (report.times_rounded, report.times_lost) == (wanted.rounded, wanted.lost)
    assert report.kept == wanted.kept
    left = plain.skipped - wanted.kept
    if wanted.kept:
        left["kept"] = wanted.kept.total()
    if wanted.no_ethernet:
        left["no_ethernet"] = wanted.no_ethernet
    assert report.skipped == left


def same(one: Done, other: Done) -> bool:
    """The same bytes, books and end. As a function of its own, so that a failure does not print megabytes."""
    return one.out == other.out and one.report == other.report and type(one.error) is type(other.error)


def assert_all_ways(data: bytes, **how: Any) -> Done:
    """A buffer, and a file object that is rewritten in its own block, lead to the same bytes, and those are right."""
    done = decap(data, **how)
    assert_written(data, done, **how)
    for source in (io.BytesIO(data), Trickle(data, [1 << 30])):
        assert same(decap(source, **how), done)
    return done


# ---------------------------------------------------------------- generated captures


@settings(max_examples=3 * settings().max_examples)
@given(CAPTURES, FORMS)
def test_written(data: bytes, how: dict[str, Any]) -> None:
    done = decap(data, **how)
    assert_written(data, done, **how)
    assert type(done.error) is type(compare.see(data).error)


@settings(max_examples=3 * settings().max_examples)
@given(CAPTURES, FORMS, OPTIONS, st.booleans())
def test_written_with_options(data: bytes, form: dict[str, Any], options: dict[str, Any], ethernet: bool) -> None:
    how = {**form, **options, "ethernet": ethernet}
    done = decap(data, **how)
    assert_written(data, done, **how)
    assert type(done.error) is type(compare.see(data).error)


@given(CAPTURES, FORMS, OPTIONS, BLOCKS)
def test_blocks(data: bytes, form: dict[str, Any], options: dict[str, Any], sizes: list[int]) -> None:
    """Rewritten in place, block by block, or from a buffer into other memory: the same bytes."""
    how = form | options
    assert same(decap(Trickle(data, sizes), **how), decap(data, **how))


@settings(max_examples=settings().max_examples // 2)
@given(CAPTURES, FORMS, OPTIONS)
def test_blocks_of_one_byte(data: bytes, form: dict[str, Any], options: dict[str, Any]) -> None:
    how = form | options
    assert same(decap(Trickle(data, [1]), **how), decap(data, **how))


@given(CAPTURES, FORMS, st.sets(st.sampled_from([0, 7, 501, 0xFFFFFF]), min_size=1))
def test_vni(data: bytes, how: dict[str, Any], vni: set[int]) -> None:
    """Of other networks nothing is written, not even with `keep_others`: they were asked to be left out."""
    assert_written(data, decap(data, vni=vni, **how), vni=vni, **how)


@given(CAPTURES, OPTIONS)
def test_written_again(data: bytes, options: dict[str, Any]) -> None:
    """Either form of the output is a capture that vxtap reads to its end, with as many frames as were written."""
    for form in ("pcap", "pcapng"):
        done = decap(data, format=form, **options)
        if done.report is not None:
            seen = compare.see(done.out)
            assert (seen.error, seen.report.truncated_tail) == (None, 0)
            assert seen.report.frames == done.report.decapsulated


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("name", [path.name for path in compare.captures_in(compare.DATA)])
@pytest.mark.parametrize("suffix", ["pcap", "pcapng", "kept.pcapng"])
def test_bundled(name: str, suffix: str, tmp_path: Path) -> None:
    """From path to path, where the suffix tells the form."""
    source, target = compare.DATA / name, tmp_path / f"out.{suffix}"
    keep = suffix.startswith("kept")
    how: dict[str, Any] = {"format": suffix.rpartition(".")[2], "keep_others": keep}
    report = vxtap.decap(source, target, keep_others=keep)
    assert_written(source.read_bytes(), Done(target.read_bytes(), report, None), **how)
    assert same(Done(target.read_bytes(), report, None), decap(source.read_bytes(), **how))
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def mixed_capture() -> bytes:
    """Megabytes of frames to keep and to decapsulate, of all sizes, some longer than the block that is read."""
    records = []
    for number in range(1500):
        size = number * 37 % 1400
        inner = eth(ipv4(udp(bytes([number & 0xFF]) * size, 1, 2)))
        outer = ipv4(udp(vxlan(inner, number % 5)))
        plain = eth(ipv4(udp(bytes(size), 1, 53)))
        records.append((number * 1000, plain if number % 3 == 0 else eth(outer)))
        if number % 500 == 250:
            records.append((number * 1000, eth(ipv4(bytes(700_000), build.TCP, total=0))))
            big = eth(ipv4(bytes(300_000), build.TCP, total=0))
            records.append((number * 1000, eth(ipv4(udp(vxlan(big), length=0), total=0))))
    return build.pcap(records)


@pytest.mark.parametrize(
    "how",
    [{"format": "pcap"}, {"format": "pcapng"}, {"format": "pcapng", "keep_others": True}],
    ids=["pcap", "pcapng", "kept"],
)
def test_many_blocks(how: dict[str, Any], tmp_path: Path) -> None:
    """Kept frames need more room in pcapng than they had in pcap, so that rewriting in place runs out of it."""
    data = mixed_capture()
    done = assert_all_ways(data, **how)
    assert same(decap(Trickle(data, [5000, 1, 70_000]), **how), done)
    (tmp_path / "in").write_bytes(data)
    report = vxtap.decap(tmp_path / "in", tmp_path / "out", **how)
    assert same(Done((tmp_path / "out").read_bytes(), report, None), done)


@pytest.mark.parametrize("how", [{"format": "pcap"}, {"format": "pcapng"}], ids=["pcap", "pcapng"])
def test_padding_is_room(how: dict[str, Any]) -> None:
    """Bytes behind the inner frame let headers that are longer than what was consumed be written over it in place."""
    for size in range(0, 300, 3):
        assert_all_ways(build.pcap([(0, FRAME + b"\xee" * size), (1000, FRAME)]), **how)


def test_a_fault_keeps_what_came_before(tmp_path: Path) -> None:
    """Damage, or a later section of an unknown version: the target holds the frames before, and the error tells."""
    good = Pcapng().idb().epb(FRAME, 1)
    bad = {
        vxtap.FormatError: bytes(good) + b"\x06\0\0\0\x0d\0\0\0",
        vxtap.UnsupportedError: bytes(good) + bytes(Pcapng(bare=True).shb(version=(2, 0))),
    }
    for kind, data in bad.items():
        with pytest.raises(kind):
            vxtap.decap(data, tmp_path / f"{kind.__name__}.pcap")
        out = (tmp_path / f"{kind.__name__}.pcap").read_bytes()
        assert [packet.data for packet in written.parse(out).packets] == [INNER]


# ---------------------------------------------------------------- interfaces and times


def test_interface_names() -> None:
    """Each tunnel has an interface, in the order of their first frames, and each packet that of its tunnel."""
    a, b = bytes([192, 0, 2, 1]), bytes([198, 51, 100, 255])
    outers = [
        eth(ipv4(udp(vxlan(INNER, 0)), src=a, dst=b)),
        eth(ipv4(udp(vxlan(INNER, 0)), src=b, dst=a)),
        eth(ipv4(udp(vxlan(INNER, 0xFFFFFF)), src=a, dst=b)),
        eth(ipv6(udp(vxlan(INNER, 7))), build.IPV6),
        eth(ipv4(udp(vxlan(INNER, 0), sport=1), src=a, dst=b)),  # the source port is no part of a tunnel
    ]
    file = written.parse(decap(build.pcap([(0, outer) for outer in outers]), format="pcapng").out)
    assert [interface.name for interface in file.interfaces] == [
        "vni 0 192.0.2.1 > 198.51.100.255",
        "vni 0 198.51.100.255 > 192.0.2.1",
        "vni 16777215 192.0.2.1 > 198.51.100.255",
        "vni 7 2001:db8::1 > 2001:db8::2",
    ]
    assert [packet.interface for packet in file.packets] == [0, 1, 2, 3, 0]
    assert {(interface.linktype, interface.tick) for interface in file.interfaces} == {(1, 1000)}


def test_two_resolutions() -> None:
    """One tunnel seen by two clocks has two interfaces of one name, and no time loses a digit."""
    file = Pcapng().idb(tsresol=6).epb(FRAME, 1_000_001).idb(tsresol=9)
    data = bytes(file.epb(FRAME, 1_000_000_002, 1).epb(FRAME, 1_000_003).epb(FRAME, 1_000_000_004, 1))
    out = written.parse(assert_all_ways(data, format="pcapng", once=False).out)
    name = "vni 7 10.0.0.1 > 10.0.0.2"
    assert out.interfaces == [written.Interface(name, 1, 1000), written.Interface(name, 1, 1)]
    assert [packet.interface for packet in out.packets] == [0, 1, 0, 1]
    assert [packet.ns for packet in out.packets] == [1_000_001_000, 1_000_000_002, 1_000_003_000, 1_000_000_004]
    done = assert_all_ways(
        data, format="pcap", once=False
    )  # microseconds, since the finer clock came after the first frame
    assert written.parse(done.out).interfaces[0].tick == 1000
    assert done.report is not None
    assert done.report.times_rounded == 2


def test_kept_interfaces() -> None:
    """A kept frame stands on an interface of its own link type, of the name that it had."""
    sll = build.sll(build.arp(), build.ARP)
    file = Pcapng().idb(options=[(2, b"eth0")]).idb(build.SLL, tsresol=9).epb(FRAME, 1).epb(sll, 2, 1)
    data = bytes(file.epb(eth(build.arp(), build.ARP), 3).idb(147).epb(b"\x01\x02\x03", 4, 2).epb(FRAME, 5))
    done = assert_all_ways(data, format="pcapng", keep_others=True)
    out = written.parse(done.out)
    assert [tuple(interface) for interface in out.interfaces] == [
        ("vni 7 10.0.0.1 > 10.0.0.2", 1, 1000),
        ("kept", build.SLL, 1),
        ("kept eth0", 1, 1000),
        ("kept", 147, 1000),
    ]
    assert [packet.interface for packet in out.packets] == [0, 1, 2, 3, 0]
    assert done.report is not None
    assert done.report.kept == Counter(not_ip=2, link_type=1)


@pytest.mark.parametrize("how", [{"format": "pcap"}, {"format": "pcapng"}], ids=["pcap", "pcapng"])
def test_times_that_no_output_holds(how: dict[str, Any]) -> None:
    """No time at all, before 1970, and (for a classic file) after 2106: written as 0 and counted."""
    file = Pcapng().idb(tsoffset=-10).idb(tsresol=9, tsoffset=-10).idb(tsoffset=2**32).spb(FRAME)
    file.epb(FRAME, 9_999_999).epb(FRAME, 9_999_999_999, 1).epb(FRAME, 5, 2).epb(FRAME, 10_000_000)
    done = assert_all_ways(bytes(file), once=False, **how)
    late = 0 if how["format"] == "pcap" else 2**32 * 10**9 + 5000
    assert [packet.ns for packet in written.parse(done.out).packets] == [0, 0, 0, late, 0]
    assert done.report is not None
    assert done.report.times_lost == (4 if how["format"] == "pcap" else 3)


def tunnels(count: int) -> list[build.Record]:
    """A frame of each of many tunnels, as spoofed addresses would make them."""
    frames: list[build.Record] = []
    for number in range(count):
        source = bytes([10, number >> 16, number >> 8 & 0xFF, number & 0xFF])
        frames.append((number * 1000, eth(ipv4(udp(vxlan(INNER, number)), src=source))))
    return frames


def test_more_tunnels_than_are_told_apart() -> None:
    """The first 4,096 have interfaces; the others share one, and a comment of each packet names its tunnel."""
    records = tunnels(4100)
    data = build.pcap([*records, records[0], records[4099]])
    done = assert_all_ways(data, format="pcapng")
    out = written.parse(done.out)
    assert len(out.interfaces) == 4097
    assert out.interfaces[4096] == written.Interface("other", 1, 1000)
    assert [packet.interface for packet in out.packets[4094:]] == [4094, 4095, 4096, 4096, 4096, 4096, 0, 4096]
    assert out.packets[4096].comment == "vni 4096 10.0.16.0 > 10.0.0.2"
    assert {packet.comment for packet in out.packets[:4096]} == {""}
    assert all(packet.data == INNER for packet in out.packets)


def test_many_tunnels_need_no_memory() -> None:
    """Thirty thousand of them, from a file object into nothing: a few blocks of memory, and a bounded output."""
    data = build.pcap(tunnels(30_000))
    source: Any = Trickle(data, [1 << 16])
    sink: Any = Nothing()
    tracemalloc.start()
    try:
        report = vxtap.decap(source, sink, format="pcapng")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert report.decapsulated == 30_000
    assert peak < 4 << 20
    assert report.bytes_out == sink.size < 30_000 * (len(INNER) + 32 + 48) + 4097 * 80


class Nothing(io.RawIOBase):
    """An output that counts its bytes and forgets them."""

    size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        count = memoryview(data).nbytes
        self.size += count
        return count
