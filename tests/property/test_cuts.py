"""Frames and files cut at every byte: the oracle's verdict each time, whole records delivered, the rest counted."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import build
import build_tunnels as bt
import compare
import vxtap
from build import Pcapng, eth, ipv4, ipv6, udp, vxlan
from build_fragments import fragments
from compare import DATA, columns_of
from strategies_tunnels import TUNNELS
from trickle import Trickle

TAG = (0x8100, 7)
QINQ = [(0x88A8, 10), (0x8100, 20)]
DEEP = [(0x8100, number) for number in range(33)]  # one more than is followed


def inner_stacks() -> dict[str, bytes]:
    """Inner frames that together reach every line of the inner parser."""
    segment = build.tcp(b"payload", options=bytes(12), flags=0x1D8, seq=1, ack=2)
    chain = [build.ext(build.HOP_BY_HOP), build.ext(build.AH, 12), build.ext(build.DESTINATION, 16)]
    v4, v6 = build.IPV4, build.IPV6
    return {
        "tcp": eth(ipv4(segment, build.TCP, tos=0xB8, ident=9)),
        "tcp6": eth(ipv6(segment, build.TCP, traffic_class=0xB8), v6),
        "tcp6 chain": eth(ipv6(segment, build.TCP, extensions=chain), v6),
        "tcp options": eth(ipv4(segment, build.TCP, options=bytes(8)), v4, tags=[TAG]),
        "tcp bad offset": eth(ipv4(build.tcp(b"x", words=4), build.TCP)),
        "tcp long offset": eth(ipv4(build.tcp(b"x", words=15), build.TCP)),
        "udp": eth(ipv4(udp(b"payload", 53, 53)), tags=QINQ),
        "udp6": eth(ipv6(udp(b"payload", 53, 53)), v6),
        "udp to the end": eth(ipv4(udp(b"payload", 53, 53, length=0), total=0)),
        "udp bad length": eth(ipv4(udp(b"payload", 53, 53, length=90))),
        "sctp": eth(ipv4(build.sctp(b"chunk"), build.SCTP)),
        "icmp": eth(ipv4(build.icmp(b"ping"), build.ICMP)),
        "icmp6": eth(ipv6(build.icmp(b"ping", 128), build.ICMPV6), v6),
        "first fragment": eth(ipv4(udp(b"payload", 1, 2, length=3000), more=True)),
        "later fragment": eth(ipv6(b"payload!", extensions=[build.ext_fragment(185, ident=5)]), v6),
        "esp": eth(ipv4(b"encrypted", 50)),
        "arp": eth(build.arp(), build.ARP),
        "llc": eth(b"\xaa\xaa\x03", 3),
        "deep": eth(ipv4(b"", 59), tags=DEEP),
        "junk": b"\xff" * 21,
    }


def tunnels() -> dict[str, tuple[int, bytes]]:
    """Frames by name, with their link types: every stack behind one outer, then one stack behind every outer."""
    stacks = inner_stacks()
    frames = {name: (build.ETHERNET, eth(ipv4(udp(vxlan(stack))))) for name, stack in stacks.items()}
    datagram = udp(vxlan(stacks["tcp"], 0xFFFFFF, gbp=77))
    chain = [build.ext(build.ROUTING, 24), build.ext(build.AH, 16)]
    v4, v6, optional = ipv4(datagram), ipv6(datagram), ipv4(datagram, options=bytes(20))
    chained = ipv6(datagram, extensions=chain)
    first = ipv6(datagram[:64], extensions=[build.ext_fragment(0, True)])
    frames |= {
        "eth vlan": (build.ETHERNET, eth(v4, tags=[TAG])),
        "eth6 qinq": (build.ETHERNET, eth(v6, build.IPV6, tags=QINQ)),
        "eth options": (build.ETHERNET, eth(optional)),
        "eth6 chain": (build.ETHERNET, eth(chained, build.IPV6)),
        "eth padded": (build.ETHERNET, eth(ipv4(udp(vxlan(b"\0" * 12)))) + bytes(24)),
        "eth6 fragment": (build.ETHERNET, eth(first, build.IPV6)),
        "eth deep": (build.ETHERNET, eth(v4, tags=DEEP)),
        "sll": (build.SLL, build.sll(v4)),
        "sll6 vlan": (build.SLL, build.sll(v6, build.IPV6, tags=[TAG], packet_type=4)),
        "sll2": (build.SLL2, build.sll2(v4, packet_type=4)),
        "sll2 vlan": (build.SLL2, build.sll2(optional, tags=QINQ)),
        "sll2 6": (build.SLL2, build.sll2(chained, build.IPV6)),
        "null": (build.NULL, build.null(v4)),
        "null6": (build.NULL, build.null(v6, 30)),
        "loop": (build.LOOP, build.loop(optional)),
        "loop6": (build.LOOP, build.loop(v6, 24)),
        "raw": (build.RAW, v4),
        "raw6": (build.RAW, chained),
        "raw 12": (12, optional),
        "raw 14": (14, v6),
        "ipv4": (build.RAW_IPV4, v4),
        "ipv6": (build.RAW_IPV6, v6),
        "no flag": (build.ETHERNET, eth(ipv4(udp(vxlan(stacks["tcp"], flags=0))))),
        "quote": (build.ETHERNET, eth(ipv4(build.icmp(v4, 3, 3), build.ICMP))),
        "lost": (build.ETHERNET, eth(ipv4(datagram[64:], offset=8))),
    }
    return frames | others()


def others() -> dict[str, tuple[int, bytes]]:
    """Frames of the other tunnels, as RAW: what is before the tunnel has been cut above."""
    packet, inner = ipv4(build.tcp(b"payload"), build.TCP), inner_stacks()["udp"]
    datagrams = {
        "gpe": udp(bt.gpe(inner), dport=bt.GPE_PORT),
        "gpe nsh": udp(bt.gpe(bt.nsh(bt.nsh(packet, bt.IN_IPV4, context=b""), bt.IN_NSH), next=bt.IN_NSH), dport=4790),
        "geneve": udp(bt.geneve(inner, options=bt.geneve_option(bytes(8))), dport=bt.GENEVE_PORT),
        "geneve raw": udp(bt.geneve(packet, protocol=build.IPV4), dport=bt.GENEVE_PORT),
        "geneve vxlan": udp(bt.geneve(eth(ipv4(udp(vxlan(inner)), options=bytes(4)))), dport=bt.GENEVE_PORT),
        "geneve mpls": udp(bt.geneve(inner, protocol=0x8847), dport=bt.GENEVE_PORT),
    }
    frames = {name: (build.RAW, ipv4(datagram)) for name, datagram in datagrams.items()}
    mirrored = {
        "gre": bt.gre(packet, build.IPV4, key=1, sequence=2, checksum=3),
        "gre gre": bt.gre(ipv6(bt.gre(packet, build.IPV4), bt.GRE), build.IPV6),
        "nvgre": bt.nvgre(inner, 0xFFFFFF),
        "erspan 1": bt.erspan(inner, kind=1),
        "erspan 2": bt.erspan(inner, kind=2),
        "erspan 3": bt.erspan(inner, kind=3),
        "erspan 3 long": bt.erspan(inner, kind=3, subheader=True),
    }
    return frames | {name: (build.RAW, ipv6(header, bt.GRE)) for name, header in mirrored.items()}


FRAMES = tunnels()
EVERYTHING: dict[str, Any] = {"tunnels": TUNNELS, "depth": 2}


def cuts(frame: bytes, *, on_the_wire: bool) -> list[build.Record]:
    """A frame in every length: cut by the capture, or as short as that on the wire."""
    return [(size, frame[:size], size if on_the_wire else len(frame)) for size in range(len(frame) + 1)]


@pytest.mark.parametrize("on_the_wire", [False, True], ids=["captured", "sent"])
@pytest.mark.parametrize("name", FRAMES)
def test_frames(name: str, on_the_wire: bool) -> None:
    linktype, frame = FRAMES[name]
    data = build.pcap(cuts(frame, on_the_wire=on_the_wire), linktype)
    compare.assert_same(data, **EVERYTHING)
    compare.assert_same(data, partial=True)
    report = compare.see(data, **EVERYTHING).report
    assert report.decapsulated + sum(report.skipped.values()) == report.frames == len(frame) + 1


def cut_pairs() -> Iterator[list[build.Record]]:
    """The two fragments of a datagram, either of them in every length, and either of them first."""
    datagram = udp(vxlan(inner_stacks()["udp"]))
    for packet in (ipv4(datagram), ipv6(datagram, extensions=[build.ext(build.DESTINATION)])):
        pair = fragments(packet, [48])
        for number in range(2):
            whole, cut = pair[number], pair[1 - number]
            for size in range(len(cut) + 1):
                yield [(0, whole, len(whole)), (1, cut[:size], len(cut))]
                yield [(0, cut[:size], len(cut)), (1, whole, len(whole))]


def test_fragments() -> None:
    """What is known of a datagram ends where its fragment was cut."""
    for pair in cut_pairs():
        data = build.pcap(pair, build.RAW)
        compare.assert_same(data)
        compare.assert_same(data, Trickle(data, [60]), partial=True)


def test_the_frames_reach_everything() -> None:
    """Which outcomes and flags the cuts have met: were a frame above built wrongly, it would show here."""
    outcomes: set[str] = set()
    flags = 0
    for linktype, frame in FRAMES.values():
        data = build.pcap(cuts(frame, on_the_wire=False) + cuts(frame, on_the_wire=True), linktype)
        seen = compare.see(data, **EVERYTHING)
        outcomes |= {slug for slug, count in seen.report.skipped.items() if count}
        flags |= int(np.bitwise_or.reduce(seen.rows["flags"]))
    wanted = {"not_ip", "not_udp", "no_vni_flag", "truncated_outer", "malformed", "inner_type", "fragment_lost"}
    assert outcomes == wanted
    flag = vxtap.Flag
    assert flag(flags) == ~flag(0) & ~(flag.NO_TIME | flag.RESERVED_BITS | flag.REASSEMBLED | flag.DUPLICATE)


def test_nothing_behind_the_buffer_is_read(tmp_path: Path) -> None:
    """Each frame's cuts as captures of one record that end where memory that can be read ends."""
    files = [
        build.pcap([record], linktype)
        for linktype, frame in FRAMES.values()
        for record in cuts(frame, on_the_wire=False)
    ]
    files += [build.pcap(pair, build.RAW) for pair in cut_pairs()]
    files += [data[:size] for data in (every_block(),) for size in range(1, len(data))]
    (tmp_path / "files").write_bytes(b"".join(struct.pack("<I", len(data)) + data for data in files))
    guard = Path(__file__).with_name("guard.py")
    command = [sys.executable, str(guard), str(tmp_path / "files")]
    place = {"PYTHONPATH": str(Path(vxtap.__file__).parents[1])}  # the same library, wherever this one comes from
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | place)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
    assert int(done.stdout) == len(files)


# ---------------------------------------------------------------- whole files


def every_block() -> bytes:
    """A small pcapng file with blocks of all kinds, in two sections of differing byte order."""
    linktype, frame = FRAMES["sll2"]
    file = Pcapng().unknown(10, b"secrets").idb(linktype, tsresol=9, options=[(2, b"any")])
    file.epb(frame, 1, flags=2).spb(frame).pb(frame[:77], 2, wirelen=len(frame)).unknown(5, bytes(12))
    file.shb(">", options=[(4, b"a test")]).idb(build.ETHERNET).epb(FRAMES["udp"][1], 3)
    return bytes(file.unknown(0xBAD).epb(FRAMES["arp"][1], 4))


def ends_of_records(data: bytes) -> list[int]:
    """Where a little-endian classic file's header and each of its records end."""
    ends = [24]
    while ends[-1] < len(data):
        ends.append(ends[-1] + 16 + struct.unpack_from("<I", data, ends[-1] + 8)[0])
    return ends


def ends_of_blocks(data: bytes) -> Iterator[tuple[int, bool]]:
    """Where each block of a pcapng file ends, and whether it holds a packet."""
    at, order = 0, "<"
    while at < len(data):
        if data[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8] == 0x4D else ">"
        kind, total = struct.unpack_from(order + "II", data, at)
        at += total
        yield at, kind in (2, 3, 6)


def boundaries(data: bytes) -> list[tuple[int, int]]:
    """Where a file can end without a cut, and how many frames it has up to there."""
    if data[:4] != b"\x0a\x0d\x0d\x0a":
        return [(end, frames) for frames, end in enumerate(ends_of_records(data))]
    found, frames = [], 0
    for end, packet in ends_of_blocks(data):
        frames += packet
        found.append((end, frames))
    return found


FILES = {
    "pcap": (DATA / "01-curl-nva1.pcap").read_bytes(),
    "pcapng": every_block(),
    "dumpcap": (DATA / "11-dumpcap-2if-nva1.pcapng").read_bytes(),
}


@pytest.mark.parametrize("sizes", [None, [1 << 18], [29]], ids=["buffer", "file", "pieces"])
@pytest.mark.parametrize("name", FILES)
def test_files(name: str, sizes: list[int] | None) -> None:
    """Whatever a file lost at its end, all whole records before are delivered, and the rest is counted."""
    data = FILES[name]
    whole = compare.see(data)
    assert whole.error is None
    known = boundaries(data)
    for size in range(0, len(data) + 1, 1 if sizes is None else 3):  # a file takes longer than a buffer
        seen = compare.see(data[:size] if sizes is None else Trickle(data[:size], sizes))
        if size < known[0][0]:
            assert type(seen.error) is vxtap.TruncatedError
            assert seen.report.frames == 0
            continue
        end, frames = max(place for place in known if place[0] <= size)
        assert seen.error is None
        assert (seen.report.frames, seen.report.truncated_tail) == (frames, size - end)
        assert seen.report.bytes_in == size
        assert columns_of(seen.rows) == columns_of(whole.rows[:frames])


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
@pytest.mark.parametrize("name", FILES)
def test_files_decapsulated(name: str, form: Any) -> None:
    """What is written of a cut file is what is written of the whole one, up to there."""
    data = FILES[name]
    whole, known = io.BytesIO(), boundaries(data)
    vxtap.decap(data, whole, format=form)
    for size in range(known[0][0], len(data) + 1, 7):
        out = io.BytesIO()
        source: Any = Trickle(data[:size], [64])
        report = vxtap.decap(source, out, format=form)
        # Before the first frame nothing has decided yet which resolution a classic output has.
        assert not report.decapsulated or whole.getvalue().startswith(out.getvalue())
        assert report.bytes_out == len(out.getvalue())
        assert report.frames == max(place for place in known if place[0] <= size)[1]


@pytest.mark.parametrize("name", FILES)
def test_strict(name: str) -> None:
    """A cut is an error for those who ask for it, told where the record starts that was cut."""
    data = FILES[name]
    known = boundaries(data)
    for size in range(known[0][0], len(data) + 1, 5):
        seen = compare.see(data[:size], strict=True)
        end, frames = max(place for place in known if place[0] <= size)
        assert len(seen.rows) == frames
        if size == end:
            assert seen.error is None
        else:
            assert isinstance(seen.error, vxtap.TruncatedError)
            assert seen.error.offset == end
