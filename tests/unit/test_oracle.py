"""The oracle judged by bytes written out by hand, by public captures, and by its promise never to raise."""

from __future__ import annotations

import csv
import ipaddress
import os
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import build
import oracle
import oracle_files
import strategies
from strategies_tunnels import options

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
CORPORA = Path(os.environ.get("VXTAP_CORPORA") or SHARED / "corpora")
TRUTH = sorted(CORPORA.glob("truth/*.layers.tsv"))

# One frame, written out: Ethernet, IPv4, UDP, VXLAN with VNI 501, Ethernet, IPv4, TCP, four bytes of payload.
OUTER = bytes.fromhex(
    "020000000002 020000000001 0800"
    "4500 005e 0001 0000 40 11 0000 0a5a0211 0a5a0204"
    "ffb9 12b5 004a 0000"
    "08 000000 0001f5 00"
)
INNER = bytes.fromhex(
    "000d3a000038 000d3a000036 0800"
    "45b8 002c 09e6 4000 40 06 0000 0a5a0024 0a5a0026"
    "ea1a 0050 01020304 05060708 5118 1000 0000 0000"
    "68656c6c"
)
SECONDS, MICROS = 0x65000000, 123456
FILE = bytes.fromhex("d4c3b2a1 0200 0400 00000000 00000000 00000400 01000000")


def record(frame: bytes, wirelen: int | None = None) -> bytes:
    """A classic little-endian record."""
    return struct.pack("<IIII", SECONDS, MICROS, len(frame), wirelen or len(frame)) + frame


def one(frame: bytes, wirelen: int | None = None, **how: Any) -> dict[str, Any]:
    """The row of the only frame of an Ethernet capture."""
    (row,) = oracle.decode(FILE + record(frame, wirelen), **how).rows
    return row


def patched(frame: bytes, at: int, new: str) -> bytes:
    """A frame with other bytes at a place."""
    change = bytes.fromhex(new)
    return frame[:at] + change + frame[at + len(change) :]


def test_every_column_of_a_plain_frame() -> None:
    result = oracle.decode(FILE + record(OUTER + INNER))
    assert result[1:] == ({"decapsulated": 1}, 1, 0, None)
    row = result.rows[0]
    assert row.pop("flow") > 1
    assert (row.pop("inner"), row.pop("comes")) == (INNER, (1, oracle.LAST))
    assert (row.pop("ts"), row.pop("frame")) == (SECONDS * 10**9 + MICROS * 1000, 1)
    assert (row.pop("flags"), row.pop("tunnel"), row.pop("status")) == (set(), "VXLAN", "decapsulated")
    addresses = {name: row.pop(name).hex() for name in ("outer_src", "outer_dst", "src", "dst")}
    assert addresses == {
        "outer_src": "00000000000000000000ffff0a5a0211",
        "outer_dst": "00000000000000000000ffff0a5a0204",
        "src": "00000000000000000000ffff0a5a0024",
        "dst": "00000000000000000000ffff0a5a0026",
    }
    assert (row.pop("eth_dst").hex(), row.pop("eth_src").hex()) == ("000d3a000038", "000d3a000036")
    expected = {"offset": 24 + 16 + 50, "caplen": 58, "wirelen": 58, "source": 0, "interface": 0}
    expected |= {"vni": 501, "gbp": 0, "outer_sport": 0xFFB9, "outer_dport": 4789}
    expected |= {"vlan": 0, "ethertype": 0x0800, "proto": 6, "ttl": 64, "dscp": 46, "ip_id": 0x09E6}
    expected |= {"sport": 59930, "dport": 80, "tcp_seq": 0x01020304, "tcp_ack": 0x05060708}
    expected |= {"tcp_flags": 0x118, "tcp_window": 4096, "payload": 54, "payload_len": 4}
    assert row == expected


@pytest.mark.parametrize(
    ("at", "new", "status"),
    [
        (12, "0806", "not_ip"),
        (14, "55", "malformed"),
        (14, "44", "malformed"),
        (16, "0013", "malformed"),
        (20, "2000", "malformed"),  # 74 bytes, which are no multiple of 8
        (20, "0001", "fragment_lost"),
        (23, "06", "not_udp"),
        (36, "12b6", "other_port"),
        (38, "0007", "malformed"),
        (38, "0008", "malformed"),  # a datagram too short for the tunnel header, whole on the wire
        (42, "f7", "no_vni_flag"),
        (42, "ff", "decapsulated"),
    ],
)
def test_outcomes(at: int, new: str, status: str) -> None:
    assert one(patched(OUTER + INNER, at, new))["status"] == status


def test_cuts_of_the_outer_headers_are_truncated_or_malformed() -> None:
    whole = OUTER + INNER
    for size in range(50):
        row = one(whole[:size], len(whole))
        assert (row["status"], row["caplen"], row["wirelen"]) == ("truncated_outer", size, len(whole))
    for size in range(34):  # from the UDP header on the IP length says that there was more
        assert one(whole[:size])["status"] == "malformed"
    assert one(whole[:50], len(whole))["status"] == "decapsulated"


def test_cuts_of_the_inner_frame_keep_what_was_reached() -> None:
    whole = OUTER + INNER
    needs = {"eth_dst": 6, "eth_src": 12, "ethertype": 14, "src": 34, "sport": 38, "tcp_seq": 42}
    needs |= {"tcp_ack": 46, "tcp_flags": 48, "tcp_window": 50, "payload": 47}
    full = one(whole)
    for size in range(58):
        row = one(whole[: 50 + size], len(whole))
        assert (row["caplen"], row["wirelen"], row["flags"]) == (size, 58, {"TRUNCATED"})
        for column, need in needs.items():
            nothing = bytes(len(full[column])) if isinstance(full[column], bytes) else 0
            assert row[column] == (full[column] if size >= need else nothing), (column, size)
        assert (row["flow"] != 0) == (size >= 34)


def test_lengths_clip_padding() -> None:
    assert one(OUTER + INNER + bytes(6))["caplen"] == 58
    short = one(patched(OUTER + INNER, 38, "0014"))  # a UDP length of 20: four bytes of inner frame
    assert (short["caplen"], short["wirelen"], short["flags"]) == (4, 4, {"MALFORMED_INNER"})
    to_the_end = patched(patched(OUTER + INNER, 16, "0000"), 38, "0000")
    assert one(to_the_end + bytes(6))["caplen"] == 64
    assert one(to_the_end, 4000)["wirelen"] == 3950


def test_a_first_fragment_has_the_length_of_its_datagram() -> None:
    first = patched(patched(patched(OUTER + INNER, 20, "2000"), 38, "0200"), 16, "005c")
    row = one(first, partial=True)
    assert (row["caplen"], row["wirelen"], row["flags"]) == (56, 512 - 16, {"TRUNCATED"})
    assert one(first)["status"] == "fragment_lost"
    assert one(patched(OUTER + INNER, 38, "0200"))["wirelen"] == 58


def test_rows_of_skipped_frames_have_the_outer_columns() -> None:
    row = one(OUTER + INNER, vnis={7})
    assert (row["status"], row["tunnel"], row["vni"], row["outer_dport"]) == ("filtered", "VXLAN", 501, 4789)
    assert (row["offset"], row["caplen"], row["ethertype"], row["flow"]) == (40, 108, 0, 0)
    row = one(OUTER + INNER, ports=(8472,))
    assert (row["status"], row["tunnel"], row["vni"], row["outer_sport"]) == ("other_port", "NONE", 0, 0xFFB9)


def test_vxlan_flags() -> None:
    def flags(header: str) -> tuple[set[str], int]:
        row = one(patched(OUTER + INNER, 42, header))
        return row["flags"], row["gbp"]

    assert flags("8848002a0001f500") == ({"GBP"}, 42)
    assert flags("8801002a0001f500") == ({"GBP", "RESERVED_BITS"}, 42)
    assert flags("0c0000000001f500") == ({"RESERVED_BITS"}, 0)
    assert flags("080000010001f500") == ({"RESERVED_BITS"}, 0)
    assert flags("080000000001f501") == ({"RESERVED_BITS"}, 0)


def test_the_flow_label_by_hand() -> None:
    def end(low: int, port: int) -> int:
        x = (low * 0xBF58476D1CE4E5B9 + (port + 1) * 0x94D049BB133111EB) % 2**64
        x = (x ^ x >> 32) * 0xFF51AFD7ED558CCD % 2**64
        return x ^ x >> 29

    ends = (end(0xFFFF0A5A0024, 59930) + end(0xFFFF0A5A0026, 80) + 6) % 2**64
    ends = (ends ^ ends >> 29) * 0xC4CEB9FE1A85EC53 % 2**64
    expected = ends ^ ends >> 32
    assert one(OUTER + INNER)["flow"] == expected
    reply = build.tcp(sport=80, dport=59930)
    back = build.eth(build.ipv4(reply, build.TCP, src=bytes([10, 90, 0, 38]), dst=bytes([10, 90, 0, 36])))
    assert one(build.eth(build.ipv4(build.udp(build.vxlan(back)))))["flow"] == expected


@pytest.mark.parametrize("tpid", [0x8100, 0x88A8, 0x9100])
def test_tags_up_to_32(tpid: int) -> None:
    inner = build.ipv4(build.tcp(), build.TCP)
    for count in (1, 2, 32, 33):
        tags = [(tpid, 0xA005 + tag) for tag in range(count)]
        frame = build.eth(build.ipv4(build.udp(build.vxlan(build.eth(inner, tags=tags)))))
        row = one(frame)
        assert (row["flags"], row["vlan"]) == ({"INNER_VLAN"}, 5)
        assert (row["ethertype"], row["proto"]) == ((0x0800, 6) if count <= 32 else (tpid, 0))
        outer = one(build.eth(frame[14:], tags=tags))
        assert outer["status"] == ("decapsulated" if count <= 32 else "not_ip")
        assert "OUTER_VLAN" in outer["flags"]


def test_extension_headers_up_to_16() -> None:
    datagram = build.udp(build.vxlan(b""))
    for count, status in ((0, "decapsulated"), (16, "decapsulated"), (17, "malformed")):
        chain = [build.ext((60, 43, 51)[at % 3], 24) for at in range(count)]
        frame = build.eth(build.ipv6(datagram, extensions=chain), build.IPV6)
        assert one(frame)["status"] == status
        inner = build.eth(build.ipv6(build.udp(b"data"), extensions=chain), build.IPV6)
        row = one(build.eth(build.ipv4(build.udp(build.vxlan(inner)))))
        assert row["proto"] == (17 if count <= 16 else chain[16][0])
        assert row["payload"] == (54 + 24 * count + 8 if count <= 16 else 0)
        assert ("MALFORMED_INNER" in row["flags"]) == (count > 16)


def test_ipv6_fragments() -> None:
    def inner(offset: int, more: bool) -> dict[str, Any]:
        chain = [build.ext_fragment(offset, more, 0x01020304)]
        packet = build.eth(build.ipv6(build.udp(bytes(8)), extensions=chain), build.IPV6)
        return one(build.eth(build.ipv4(build.udp(build.vxlan(packet)))))

    atomic, first, later = inner(0, False), inner(0, True), inner(1, False)
    assert [row["flags"] for row in (atomic, first, later)] == [set(), {"INNER_FRAGMENT"}, {"INNER_FRAGMENT"}]
    assert {row["ip_id"] for row in (atomic, first, later)} == {0x01020304}
    assert (first["dport"], first["payload"], first["payload_len"]) == (4789, 70, 8)
    assert (later["dport"], later["payload"], later["payload_len"], later["proto"]) == (0, 62, 16, 17)
    hidden = build.ipv6(bytes(16), 60, extensions=[build.ext_fragment(1)])
    assert one(build.eth(hidden, build.IPV6))["status"] == "fragment_lost"


def test_link_types() -> None:
    packet = (OUTER + INNER)[14:]
    frames = {
        build.ETHERNET: OUTER[:14] + packet,
        build.SLL: bytes.fromhex("0004 0001 0006 0200000000010000 0800") + packet,
        build.SLL2: bytes.fromhex("0800 0000 00000007 0001 04 06 0200000000010000") + packet,
        build.NULL: bytes.fromhex("02000000") + packet,
        build.LOOP: bytes.fromhex("00000002") + packet,
        build.RAW: packet,
        build.RAW_IPV4: packet,
        12: packet,
        14: packet,
    }
    for linktype, frame in frames.items():
        (row,) = oracle.decode(build.pcap([(0, frame)], linktype)).rows
        assert (row["status"], row["offset"]) == ("decapsulated", 40 + len(frame) - 58), linktype
        assert row["flags"] == ({"OUTGOING"} if linktype in (build.SLL, build.SLL2) else set())
        assert row["interface"] == (7 if linktype == build.SLL2 else 0)
    assert oracle.decode(build.pcap([(0, packet)], 127)).counts == {"link_type": 1}


def test_classic_variants() -> None:
    frame, ns = OUTER + INNER, 1_700_000_000_123_456_789
    orders: tuple[build.Order, build.Order] = (">", "<")
    for order in orders:
        for magic in (build.MICRO, build.NANO, build.KUZNETZOV):
            for version in ((2, 4), (2, 3), (2, 2), (543, 0)):
                data = build.pcap([(ns, frame, 999)], 1, order, magic, version=version)
                (row,) = oracle.decode(data).rows
                assert row["ts"] == (ns if magic == build.NANO else ns // 1000 * 1000)
                assert (row["status"], row["caplen"]) == ("decapsulated", 58)
    assert oracle.decode(build.pcap([(ns, frame, 999)], swap=True, version=(2, 3))).frames == 1


def test_the_ends_of_classic_files() -> None:
    whole = FILE + record(OUTER)
    for size in range(24):
        assert oracle.decode(whole[:size]).fault is not None
    for size in range(24, len(whole)):
        assert oracle.decode(whole[:size])[1:] == ({}, 0, size - 24, None)
    assert oracle.decode(bytes(24)).fault == (0, "not a capture")
    assert oracle.decode(build.pcap(version=(2, 5))).fault == (0, "version")
    long = whole + struct.pack("<IIII", 0, 0, 4194305, 0)
    assert oracle.decode(long)[2:] == (1, 0, (len(whole), "captured length"))


def test_pcapng_by_hand() -> None:
    header = bytes.fromhex("0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c")
    face = bytes.fromhex("00000001 00000020 0001 0000 00000000 0009 0001 09000000 0000 0000 00000020")
    fixed = bytes.fromhex("00000000 00000000 0000002a 0000006c 00000070")
    body = fixed + OUTER + INNER + bytes.fromhex("0002 0004 00000002 0000 0000")
    length = struct.pack(">I", 12 + len(body))
    data = header + face + bytes.fromhex("00000006") + length + body + length
    (row,) = oracle.decode(data).rows
    assert (row["ts"], row["flags"], row["caplen"], row["wirelen"]) == (42, {"OUTGOING"}, 58, 58)
    assert row["offset"] == data.index(INNER)
    sections = oracle.decode(data + data)
    assert [row["interface"] for row in sections.rows] == [0, 1]
    for size in range(len(header), len(data)):
        cut = oracle.decode(data + data[:size])
        assert (cut.frames, cut.fault) == (1, None)


def test_pcapng_packets_without_interface_time_or_room() -> None:
    frame = OUTER + INNER
    file = build.Pcapng(">").idb(snaplen=60, tsresol=0x80, tsoffset=-5).shb("<").spb(frame)
    file.idb(snaplen=60, tsresol=0x80, tsoffset=-5).spb(frame).epb(frame, 7, flags=1)
    file.pb(frame, 2**63, flags=2).epb(frame, 7, interface=1).epb(frame, 8, caplen=999)
    rows = oracle.decode(bytes(file)).rows
    statuses = [row["status"] for row in rows]
    assert statuses == ["no_interface", *["decapsulated"] * 3, "no_interface", "malformed"]
    assert [row["ts"] for row in rows] == [None, None, 2 * 10**9, None, None, 3 * 10**9]
    assert [row["interface"] for row in rows] == [1, 1, 1, 1, 2, 1]
    assert rows[1]["flags"] == {"NO_TIME", "TRUNCATED"}
    assert rows[1]["caplen"] == 10
    assert rows[3]["flags"] == {"NO_TIME", "OUTGOING"}
    assert rows[5]["caplen"] == len(frame)


def test_pcapng_faults_keep_what_came_before() -> None:
    good = bytes(build.Pcapng().idb().epb(OUTER + INNER))
    bad = {
        "block length": struct.pack("<II", 9, 8),
        "block too short": struct.pack("<II", 6, 28),
        "block too long": struct.pack("<II", 6, (8 << 20) + 4),
        "trailing length": bytes(build.Pcapng(bare=True).unknown(9, trailer=16)),
        "byte-order magic": struct.pack("<III", 0x0A0D0D0A, 28, 7),
        "version": bytes(build.Pcapng(bare=True).shb(version=(2, 0))),
    }
    for reason, block in bad.items():
        assert oracle.decode(good + block)[1:] == ({"decapsulated": 1}, 1, 0, (len(good), reason))
    assert oracle.decode(good + struct.pack("<II", 9, 17 << 20)).tail == 8


@pytest.mark.skipif(not TRUTH, reason="the public captures are not beside this checkout")
@pytest.mark.parametrize("path", TRUTH, ids=lambda path: path.name.removesuffix(".layers.tsv"))
def test_public_captures(path: Path) -> None:
    data = (CORPORA / "vxlan" / path.name.removesuffix(".layers.tsv")).read_bytes()
    starts = [frame.offset for frame in oracle_files.read_capture(data).frames]
    rows = {row["frame"]: row for row in oracle.decode(data, ports=(4789, 8472), partial=True).rows}
    expected = {}
    with path.open(newline="") as file:
        for truth in csv.DictReader(file, delimiter="\t"):
            if is_ours(truth):
                expected[int(truth["frame"])] = truth
    found = {frame for frame, row in rows.items() if row["status"] == "decapsulated"}
    assert found == set(expected)
    for frame, truth in expected.items():
        row = rows[frame]
        assert (row["vni"], str(address(row["outer_src"]))) == (int(truth["vni"]), truth["outer_src"])
        assert row["outer_sport"] == int(truth["outer_sport"])
        assert row["outer_dport"] == int(truth["outer_dport"])
        if truth["inner_off"]:
            assert row["offset"] - starts[frame - 1] == int(truth["inner_off"])
            assert row["eth_src"] == bytes.fromhex(truth["inner_eth_src"].replace(":", ""))
            compare_inner(row, truth)


def is_ours(truth: dict[str, str]) -> bool:
    """Whether the row is a VXLAN header directly in the outer datagram; tshark follows other tunnels too."""
    if truth["depth"] != "1" or truth["outer_dport"] not in ("4789", "8472") or not truth["vni"]:
        return False
    before = truth["protocols"].split(":vxlan")[0].split(":")
    direct = truth["protocols"].startswith("HAND") or not {"gre", "gtp", "geneve", "icmp"} & set(before)
    return direct and int(truth["vxlan_flags"], 16) & 0x0800 != 0


def address(packed: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address in the family that people write it in."""
    long = ipaddress.IPv6Address(packed)
    return long.ipv4_mapped or long


def compare_inner(row: dict[str, Any], truth: dict[str, str]) -> None:
    """What tshark saw inside, where it is not behind a VLAN tag or LLC."""
    if "INNER_VLAN" not in row["flags"]:
        assert row["ethertype"] == int(truth["inner_type"], 0)
    if truth["inner_src"] and row["ethertype"] in (0x0800, 0x86DD):
        assert str(address(row["src"])) == truth["inner_src"]
        assert str(address(row["dst"])) == truth["inner_dst"]
        assert row["proto"] == int(truth["inner_proto"])
        if truth["inner_sport"]:
            assert (row["sport"], row["dport"]) == (int(truth["inner_sport"]), int(truth["inner_dport"]))


def test_a_capture_of_the_lab() -> None:
    path = CORPORA.parent / "lab" / "01-curl-nva1.pcap"
    if not path.exists():
        pytest.skip("the lab captures are not beside this checkout")
    result = oracle.decode(path.read_bytes())
    inner = [row for row in result.rows if row["status"] == "decapsulated"]
    assert Counter(row["proto"] for row in inner) == {6: 12, 58: 6}  # one curl, and MLD reports beside it
    assert sum(row["wirelen"] for row in inner if row["proto"] == 6) == 1489
    # Not UDP are the six ICMP errors that quote VXLAN, and two MLD reports of the collector's own.
    assert result.counts == {"decapsulated": 18, "not_udp": 8}


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=300), strategies.captures()), st.sets(st.integers(0, 10)), options())
def test_any_bytes_have_one_outcome_a_frame(data: bytes, vnis: set[int], how: dict[str, Any]) -> None:
    timeout = how.pop("fragment_timeout", 30)
    result = oracle.decode(data, vnis=vnis, timeout=timeout, **how)
    assert sum(result.counts.values()) == result.frames == len(result.rows)
    for row in result.rows:
        assert row["caplen"] <= row["wirelen"]
        assert row["offset"] + row["caplen"] <= len(data)
        if "REASSEMBLED" not in row["flags"]:
            at = row["offset"]
            assert row["inner"] in (None, data[at : at + row["caplen"]])
        assert "TRUNCATED" in row["flags"] or row["caplen"] == row["wirelen"]
        assert row["status"] == "decapsulated" or not any((row["ethertype"], row["payload"], row["flow"]))
