"""The oracle's tunnels: headers as the RFCs and drafts draw them, written out by hand."""

from __future__ import annotations

from typing import Any

import pytest

import build
import build_tunnels
import oracle

PACKET = build.ipv4(build.tcp(b"data"), build.TCP)
PACKET6 = build.ipv6(build.tcp(b"data"), build.TCP)
INNER = build.eth(PACKET)
ALL = ("vxlan", "vxlan-gpe", "geneve", "gre", "nvgre", "erspan")


def one(packet: bytes, wirelen: int | None = None, **how: Any) -> dict[str, Any]:
    """The row of an IP packet; all tunnels are asked for."""
    how.setdefault("tunnels", ALL)
    (row,) = oracle.decode(build.pcap([(0, packet, wirelen or len(packet))], build.RAW), **how).rows
    return row


def over_udp(port: int, header: str, inner: bytes = INNER, **how: Any) -> dict[str, Any]:
    return one(build.ipv4(build.udp(bytes.fromhex(header) + inner, dport=port)), **how)


def over_gre(header: str, inner: bytes = INNER, **how: Any) -> dict[str, Any]:
    return one(build.ipv4(bytes.fromhex(header) + inner, 47), **how)


def facts(row: dict[str, Any]) -> tuple[str, int, bytes, set[str]]:
    assert row["status"] == "decapsulated"
    return row["tunnel"], row["vni"], row["inner"], row["flags"]


# ---------------------------------------------------------------- over UDP


def test_gpe() -> None:
    assert facts(over_udp(4790, "0c000003 0001f500")) == ("VXLAN_GPE", 501, INNER, set())
    assert facts(over_udp(4790, "08000000 0001f500")) == ("VXLAN_GPE", 501, INNER, set())
    assert facts(over_udp(4790, "0c000001 0001f500", PACKET)) == ("VXLAN_GPE", 501, PACKET, {"INNER_RAW"})
    assert facts(over_udp(4790, "0f000002 0001f500", PACKET6)) == ("VXLAN_GPE", 501, PACKET6, {"INNER_RAW"})
    for header in ("04000003 0001f500", "00000003 0001f500"):
        assert over_udp(4790, header)["status"] == "no_vni_flag"
    for header in ("1c000003 0001f500", "2c000003 0001f500", "20000003 0001f500"):
        assert over_udp(4790, header)["status"] == "malformed"
    for following in ("00", "05", "80"):
        row = over_udp(4790, f"0c0000{following} 0001f500")
        assert (row["status"], row["tunnel"], row["vni"], row["outer_dport"]) == ("inner_type", "NONE", 0, 4790)


def test_reserved_bits_of_gpe() -> None:
    for header in ("88000000", "48000000", "08010000", "08000100", "08000003", "0c010003", "0c000103"):
        assert over_udp(4790, f"{header} 0001f500")["flags"] == {"RESERVED_BITS"}, header
    assert over_udp(4790, "0c000003 0001f501")["flags"] == {"RESERVED_BITS"}
    assert over_udp(4790, "0b000000 0001f500")["flags"] == set()  # the B and O bits have a meaning


def test_nsh() -> None:
    one_header = "0fc6 01 03 000001ff" + "00" * 16
    assert facts(over_udp(4790, "0c000004 0001f500" + one_header)) == ("VXLAN_GPE", 501, INNER, set())
    short = "0fc2 02 01 000001ff"
    assert facts(over_udp(4790, "0c000004 0001f500" + short, PACKET))[2:] == (PACKET, {"INNER_RAW"})
    again = "0fc2 02 04 000001ff"
    assert over_udp(4790, "0c000004 0001f500" + again * 3 + short, PACKET)["status"] == "decapsulated"
    assert over_udp(4790, "0c000004 0001f500" + again * 4 + short, PACKET)["status"] == "inner_type"
    assert over_udp(4790, "0c000004 0001f500 0fc2 02 05 000001ff")["status"] == "inner_type"
    for words in ("0fc0", "0fc1"):
        assert over_udp(4790, f"0c000004 0001f500 {words} 02 03 000001ff")["status"] == "malformed"
    assert over_udp(4790, "0c000004 0001f500 0fff 02 03 000001ff")["status"] == "malformed"  # longer than the datagram
    packet = build.ipv4(build.udp(build_tunnels.gpe(build_tunnels.nsh(INNER), 9, next=4), dport=4790))
    assert facts(one(packet))[1:3] == (9, INNER)
    for size in range(28 + 8 + 24):
        assert one(packet[:size], len(packet))["status"] == "truncated_outer", size
    assert one(packet[: 28 + 8 + 24], len(packet))["status"] == "decapsulated"


def test_geneve() -> None:
    assert facts(over_udp(6081, "0000 6558 0001f500")) == ("GENEVE", 501, INNER, set())
    assert facts(over_udp(6081, "0000 0800 0001f500", PACKET)) == ("GENEVE", 501, PACKET, {"INNER_RAW"})
    assert facts(over_udp(6081, "0000 86dd 0001f500", PACKET6)) == ("GENEVE", 501, PACKET6, {"INNER_RAW"})
    # The O and C bits, and options of three words: AWS's endpoint id.
    assert facts(over_udp(6081, "03c0 6558 0001f500 0108 01 02 0011223344556677")) == ("GENEVE", 501, INNER, set())
    assert over_udp(6081, "0000 0806 0001f500")["status"] == "inner_type"
    assert (
        over_udp(6081, "4000 6558 0001f500")["status"] == over_udp(6081, "8000 6558 0001f500")["status"] == "malformed"
    )
    assert over_udp(6081, "3f00 6558 0001f500")["status"] == "malformed"  # options longer than the datagram
    for header in ("0001 6558 0001f500", "0020 6558 0001f500", "0000 6558 0001f501"):
        assert over_udp(6081, header)["flags"] == {"RESERVED_BITS"}
    options = build_tunnels.geneve_option(bytes(8)) + build_tunnels.geneve_option()
    packet = build.ipv4(build.udp(build_tunnels.geneve(INNER, 9, options=options), dport=6081))
    assert facts(one(packet))[1:3] == (9, INNER)
    for size in range(28 + 8 + 16):
        assert one(packet[:size], len(packet))["status"] == "truncated_outer", size


def test_raw_frames_have_no_ethernet_columns() -> None:
    row = over_udp(6081, "0000 0800 0001f500", PACKET)
    assert (row["eth_src"], row["eth_dst"], row["ethertype"], row["vlan"]) == (bytes(6), bytes(6), 0x0800, 0)
    assert (row["dport"], row["payload"], row["payload_len"]) == (443, 40, 4)
    assert row["offset"] == 40 + 28 + 8
    wrong = over_udp(6081, "0000 86dd 0001f500", PACKET)  # not what the tunnel says
    assert (wrong["flags"], wrong["ethertype"], wrong["proto"]) == ({"INNER_RAW", "MALFORMED_INNER"}, 0x86DD, 0)


def test_ports() -> None:
    header = "0000 6558 0001f500"
    assert over_udp(6081, header, tunnels=("vxlan",))["status"] == "other_port"
    assert over_udp(6081, header, tunnels=("geneve:47101",))["status"] == "other_port"
    assert over_udp(47101, header, tunnels=("geneve:47101",))["tunnel"] == "GENEVE"
    assert over_udp(4789, "08000000 0001f500", tunnels=("geneve",))["status"] == "other_port"
    assert over_udp(8472, "08000000 0001f500", ports=(8472,))["tunnel"] == "VXLAN"
    assert over_udp(4790, "08000000 0001f500", ports=(8472, 4790), tunnels=("vxlan",))["tunnel"] == "VXLAN"


# ---------------------------------------------------------------- over GRE


@pytest.mark.parametrize(
    ("header", "tunnel", "vni"),
    [
        ("0000 6558", "GRE", 0),
        ("2000 6558 0001f5ab", "NVGRE", 501),
        ("a000 6558 12340000 0001f5ab", "GRE", 0x1F5AB),
        ("3000 6558 fff1f5ab 00000001", "GRE", 0xFFF1F5AB),
        ("8000 6558 12340000", "GRE", 0),
        ("b000 6558 12340000 00000009 00000001", "GRE", 9),
        ("0000 88be", "ERSPAN_I", 0),
        ("2000 88be 00000063", "ERSPAN_I", 0),
        ("1000 88be 00000001 1000 f805 00000000", "ERSPAN_II", 5),
        ("3000 88be 00000063 00000001 1000 03ff 00000000", "ERSPAN_II", 1023),
        ("1000 22eb 00000001 2000 f805 00000000 0000 fffe", "ERSPAN_III", 5),
        ("1000 22eb 00000001 2000 0005 00000000 0000 0001 0123456789abcdef", "ERSPAN_III", 5),
        ("0000 22eb 2000 0005 00000000 0000 0000", "ERSPAN_III", 5),
    ],
)
def test_gre(header: str, tunnel: str, vni: int) -> None:
    row = over_gre(header)
    assert facts(row) == (tunnel, vni, INNER, set())
    assert (row["outer_sport"], row["outer_dport"], row["gbp"]) == (0, 0, 0)
    size = len(bytes.fromhex(header))
    packet = build.ipv6(bytes.fromhex(header) + INNER, 47)
    assert facts(one(packet)) == (tunnel, vni, INNER, set())
    for cut in range(40, 40 + size):
        assert one(packet[:cut], len(packet))["status"] == "truncated_outer", cut
        assert one(build.ipv4(packet[40:cut], 47))["status"] == "malformed", cut


def test_what_gre_carries() -> None:
    assert facts(over_gre("0000 0800", PACKET)) == ("GRE", 0, PACKET, {"INNER_RAW"})
    assert facts(over_gre("2000 86dd 00000007", PACKET6)) == ("GRE", 7, PACKET6, {"INNER_RAW"})
    for header in ("0000 0806", "0000 880b", "3001 880b 00000001 00000001", "0001 6558", "4007 6558"):
        assert over_gre(header)["status"] == "inner_type", header
    assert over_gre("4000 6558")["status"] == "malformed"
    for bits in ("0800", "0400", "0100", "0080", "0008"):
        for rest in ("6558", "88be"):
            assert over_gre(f"{bits} {rest}")["flags"] == {"RESERVED_BITS"}
    assert over_gre("2008 6558 0001f500")["flags"] == {"RESERVED_BITS"}


def test_only_the_kinds_that_are_asked_for() -> None:
    nvgre, gre, mirror = "2000 6558 0001f5ab", "0000 0800", "0000 88be"
    assert facts(over_gre(nvgre, tunnels=("gre",)))[:2] == ("GRE", 0x1F5AB)
    assert facts(over_gre(nvgre, tunnels=("nvgre",)))[:2] == ("NVGRE", 501)
    wrong = {"gre": (mirror,), "nvgre": (gre, mirror, "3000 6558 00000007 00000001"), "erspan": (nvgre, gre)}
    for tunnel, headers in wrong.items():
        assert {over_gre(header, tunnels=(tunnel, "vxlan"))["status"] for header in headers} == {"inner_type"}
    assert over_gre(nvgre, tunnels=("vxlan", "geneve"))["status"] == "not_udp"


def test_the_source_of_erspan_cut_the_frame() -> None:
    assert facts(over_gre("1000 88be 00000001 1000 0405 00000000"))[1:] == (5, INNER, {"TRUNCATED"})
    assert facts(over_gre("1000 22eb 00000001 2000 0405 00000000 0000 0000"))[1:] == (5, INNER, {"TRUNCATED"})
    for kind in (2, 3):
        packet = build.ipv4(build_tunnels.erspan(INNER, 5, kind=kind, cut=True, subheader=kind == 3), 47)
        assert facts(one(packet))[1:] == (5, INNER, {"TRUNCATED"})
        assert one(packet, vnis={7})["flags"] == set()


def test_padding_behind_gre() -> None:
    row = one(build.ipv4(build_tunnels.gre(INNER), 47) + bytes(9))
    assert (row["inner"], row["wirelen"]) == (INNER, len(INNER))


def test_a_filter_goes_by_the_number_of_any_tunnel() -> None:
    for packet, tunnel in (
        (build.ipv4(build.udp(build_tunnels.geneve(INNER, 9), dport=6081)), "GENEVE"),
        (build.ipv4(build_tunnels.erspan(INNER, 9), 47), "ERSPAN_II"),
        (build.ipv4(build_tunnels.nvgre(INNER, 9), 47), "NVGRE"),
    ):
        assert one(packet, vnis={9})["tunnel"] == tunnel
        row = one(packet, vnis={8})
        assert (row["status"], row["tunnel"], row["vni"], row["caplen"]) == ("filtered", tunnel, 9, len(packet))


# ---------------------------------------------------------------- tunnels in tunnels

VXLAN = build.ipv4(build.udp(build.vxlan(INNER, 501, reserved=1)), src=build.IP_B, dst=build.IP_A)
GENEVE = build.udp(build_tunnels.geneve(build.eth(VXLAN, tags=[(0x8100, 3)]), 9), dport=6081)


def test_depth() -> None:
    """AWS's Geneve around VXLAN."""
    packet = build.ipv4(GENEVE)
    flat = one(packet)
    assert facts(flat)[:2] == ("GENEVE", 9)
    assert (flat["flags"], flat["dport"], flat["vlan"]) == ({"INNER_VLAN"}, 4789, 3)
    deep = one(packet, depth=2)
    assert facts(deep) == ("GENEVE", 9, INNER, {"NESTED"})
    assert (deep["offset"], deep["caplen"], deep["wirelen"]) == (40 + len(packet) - len(INNER), len(INNER), len(INNER))
    assert (deep["outer_dport"], deep["dport"], deep["vlan"], deep["payload"]) == (6081, 443, 0, 54)
    assert deep["outer_src"] == bytes(10) + b"\xff\xff" + build.IP_A
    assert one(packet, depth=5) == deep
    assert one(packet, depth=2, vnis={501})["status"] == "filtered"
    assert one(packet, depth=2, vnis={9}) == deep
    assert one(packet, depth=2, tunnels=("geneve",)) == one(packet, tunnels=("geneve",)) == flat


def test_depth_counts_levels() -> None:
    frame = INNER
    for vni in range(5):
        frame = build.eth(build.ipv6(build.udp(build.vxlan(frame, vni)), build.UDP), build.IPV6)
    for depth in range(1, 7):
        (row,) = oracle.decode(build.pcap([(0, frame)]), depth=depth).rows
        assert (row["vni"], row["caplen"]) == (4, len(INNER) + max(5 - depth, 0) * (14 + 40 + 16))
        assert ("NESTED" in row["flags"]) == (depth > 1)


def test_raw_inside() -> None:
    packet = build.ipv4(build_tunnels.gre(VXLAN, build.IPV4), 47)
    assert facts(one(packet)) == ("GRE", 0, VXLAN, {"INNER_RAW"})
    assert facts(one(packet, depth=2)) == ("GRE", 0, INNER, {"NESTED"})
    inside = build.ipv4(build_tunnels.gre(PACKET, build.IPV4), 47)
    packet = build.ipv4(build.udp(build.vxlan(build.eth(inside))))
    assert facts(one(packet, depth=2)) == ("VXLAN", 7, PACKET, {"NESTED", "INNER_RAW"})


def test_only_a_sound_tunnel_is_looked_into() -> None:
    sound = build.udp(build.vxlan(INNER))
    bad = {
        "fragment": build.ipv4(sound, more=True),
        "port": build.ipv4(build.udp(build.vxlan(INNER), dport=53)),
        "flag": build.ipv4(build.udp(build.vxlan(INNER, flags=0))),
        "length": build.ipv4(build.udp(build.vxlan(INNER), length=7)),
        "short": build.ipv4(sound[:15]),
        "version": build.ipv4(sound, version=5),
        "type": build.ipv4(build.udp(build_tunnels.geneve(INNER, protocol=0x0806), dport=6081)),
        "later": build.ipv4(sound, offset=3),
    }
    for why, inside in bad.items():
        packet = build.ipv4(build.udp(build.vxlan(build.eth(inside), 501)))
        assert one(packet, depth=3) == one(packet), why
    packet = build.ipv4(build.udp(build.vxlan(build.eth(build.ipv4(sound)), 501)))
    for cut in range(36 + 14 + 20 + 8, len(packet)):
        row = one(packet[:cut], len(packet), depth=2)
        assert ("NESTED" in row["flags"]) == (cut >= 36 + 14 + 36), cut
    assert row["wirelen"] == len(INNER)
