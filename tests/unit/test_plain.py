"""Plain captures, `tunnels="none"`: every frame is itself the inner frame."""

from __future__ import annotations

import io
from typing import Any

import pytest

import build
import compare
import vxtap
from build import Pcapng, eth, ipv4, ipv6, pcap, tcp, udp, vxlan
from vxtap import Flag, Status, Tunnel
from vxtap.options import Options
from written import parse

T0 = 1_700_000_000_000_000_000
PACKET = ipv4(tcp(b"hello", 1025, 80), build.TCP)
PACKET6 = ipv6(udp(b"hello", 1025, 80))
ARP = build.arp()
PADDED = eth(PACKET) + bytes(6)
FRAMES = [PADDED, eth(PACKET6, build.IPV6), eth(ARP, 0x0806), eth(ipv4(udp(vxlan(eth(PACKET), 7)))), eth(PACKET)[:-3]]


def ethernet(frames: list[bytes] = FRAMES) -> bytes:
    return pcap([(T0 + i * 1000, frame, len(frame) + 3 * (i == 4)) for i, frame in enumerate(frames)])


def cooked(packets: list[tuple[int, bytes]]) -> bytes:
    return pcap([(T0 + i * 1000, build.sll2(data, kind)) for i, (kind, data) in enumerate(packets)], build.SLL2)


def test_rows() -> None:
    """Whole frames, padding too; nothing is looked into, not even what is in VXLAN."""
    data = ethernet()
    rows = vxtap.read(data, tunnels="none")
    assert rows["status"].tolist() == [Status.OK] * 5
    assert rows["caplen"].tolist() == [len(frame) for frame in FRAMES]
    assert (rows["wirelen"] - rows["caplen"]).tolist() == [0, 0, 0, 0, 3]
    assert rows["flags"].tolist() == [0, 0, 0, 0, Flag.TRUNCATED]
    assert rows["dport"].tolist() == [80, 80, 0, 4789, 80]
    assert not rows["tunnel"].any()
    assert not rows["vni"].any()
    assert set(rows["outer_dst"].tolist()) == {bytes(16)}
    compare.assert_same(data, tunnels=("none",))
    with vxtap.open(data, tunnels="NONE") as capture:
        assert [bytes(frame) for _, frame in capture.frames()] == FRAMES


def test_link_layers_without_ethernet() -> None:
    packets = [(build.IPV4, PACKET), (0x0806, ARP), (build.IPV6, PACKET6)]
    data = cooked(packets)
    with vxtap.open(data, tunnels="none") as capture:
        found = [(int(row["ethertype"]), bytes(frame), int(row["flags"])) for row, frame in capture.frames()]
    assert found == [(*packet, Flag.INNER_RAW) for packet in packets]
    rows = vxtap.read(data, tunnels="none")
    assert rows["dport"].tolist() == [80, 0, 80]
    assert set(rows["eth_src"].tolist()) == {bytes(6)}
    for linktype in (build.RAW, 228):
        rows = vxtap.read(pcap([(T0, PACKET)], linktype), tunnels="none")
        assert rows[["caplen", "dport", "flags"]].tolist() == [(len(PACKET), 80, Flag.INNER_RAW)]


def test_a_tag_is_the_inner_frame_s() -> None:
    rows = vxtap.read(pcap([(T0, eth(PACKET, tags=[(0x8100, 5)]))]), tunnels="none")
    assert rows[["flags", "vlan", "dport"]].tolist() == [(Flag.INNER_VLAN, 5, 80)]


def test_what_is_no_frame_of_a_known_link_layer() -> None:
    """The outcomes that do not depend on what is in the frame stay as they are."""
    short, cut = pcap([(T0, eth(PACKET)[:13])]), pcap([(T0, eth(PACKET)[:13], 60)])
    for data, slug in ((short, "malformed"), (cut, "truncated_outer"), (pcap([(T0, PACKET)], 147), "link_type")):
        compare.assert_same(data, tunnels=("none",))
        assert vxtap.info(data, tunnels="none").report.skipped == {slug: 1}
    nowhere = bytes(Pcapng().idb().epb(eth(PACKET), 1, 5))
    assert vxtap.info(nowhere, tunnels="none").report.skipped == {"no_interface": 1}


@pytest.mark.parametrize(("once", "rows"), [(True, 2), (False, 3)])
def test_second_sights(once: bool, rows: int) -> None:
    """Of IP packets, on another interface; what is no IP is never one."""
    frames = [build.sll2(PACKET, index=2), build.sll2(PACKET, index=3), build.sll2(ARP, 0x0806, index=3)]
    data = pcap([(T0 + i, frame) for i, frame in enumerate(frames)], build.SLL2, magic=build.NANO)
    assert len(vxtap.read(data, tunnels="none", once=once)) == rows
    compare.assert_same(data, tunnels=("none",), once=once)


def test_fragments_stay_what_they_are() -> None:
    first = ipv4(udp(vxlan(eth(PACKET), 7)), more=True)
    rows = vxtap.read(pcap([(T0, eth(first))]), tunnels="none")
    assert rows["flags"].tolist() == [Flag.INNER_FRAGMENT]


def test_a_packet_is_a_fragment_if_one_of_two_headers_says_so() -> None:
    """Of IPv6, whatever the header behind it says."""
    for second in (False, True):
        headers = [build.ext_fragment(more=True), build.ext_fragment(more=second)]
        data = pcap([(T0, eth(ipv6(udp(b"x", 1, 80), extensions=headers), build.IPV6))])
        assert vxtap.read(data, tunnels="none")["flags"].tolist() == [Flag.INNER_FRAGMENT]
        compare.assert_same(data, tunnels=("none",))


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_ethernet_is_written_as_it_is(form: Any) -> None:
    out = io.BytesIO()
    report = vxtap.decap(ethernet(), out, tunnels="none", format=form)
    assert (report.frames, report.decapsulated) == (5, 5)
    written = parse(out.getvalue())
    assert [packet.data for packet in written.packets] == FRAMES
    assert [packet.wirelen for packet in written.packets] == [len(frame) + 3 * (frame is FRAMES[4]) for frame in FRAMES]
    if form == "pcap":
        assert out.getvalue()[24:] == ethernet()[24:]
    else:
        assert [(each.name, each.linktype) for each in written.interfaces] == [("plain", 1)]


def test_cooked_is_written_as_far_as_there_is_a_place() -> None:
    """RAW holds IP only; a header that is made up has room for all ethertypes, but not for what is none."""
    data = cooked([(build.IPV4, PACKET), (0x0806, ARP), (0x0004, b"llc")])
    places: list[tuple[dict[str, Any], list[int], int]] = [
        ({"format": "pcap"}, [], 3),
        ({"format": "pcapng"}, [101], 2),
        ({"format": "pcap", "ethernet": True}, [1, 1], 1),
        ({"format": "pcapng", "ethernet": True}, [1, 1], 1),
    ]
    for how, linktypes, left_out in places:
        out = io.BytesIO()
        report = vxtap.decap(data, out, tunnels="none", **how)
        written = parse(out.getvalue())
        assert report.skipped == {"no_ethernet": left_out}
        assert [written.interfaces[packet.interface].linktype for packet in written.packets] == linktypes


def test_info_knows_of_no_tunnels() -> None:
    found = vxtap.info(ethernet(), tunnels="none")
    assert (found.report.decapsulated, found.tunnels, found.vnis, found.looks_like_vxlan) == (5, [], [], [])


def test_option() -> None:
    """It stands alone; ports and depth mean nothing."""
    assert Options(tunnels=" None ", ports=5, depth=3).wanted["plain"]
    assert Options(tunnels=["none", "none"]).wanted["ports"] == ()
    assert not Options().wanted["plain"]
    assert Tunnel.NONE == 0
    with pytest.raises(vxtap.OptionError, match=r"^tunnels: 'none' is for plain captures, without"):
        Options(tunnels="vxlan,none")
    with pytest.raises(vxtap.OptionError, match=r"^tunnels: 'none' is for plain captures, without a port"):
        Options(tunnels="none:1")
    with pytest.raises(vxtap.OptionError, match=r"^vni: without tunnels there is none$"):
        Options(tunnels="none", vni=5)


def test_two_threads_are_no_different() -> None:
    data = ethernet(FRAMES[:4] * 50)
    rows = vxtap.read(data, tunnels="none")
    assert (vxtap.read(data, tunnels="none", workers=2, split=1024) == rows).all()
