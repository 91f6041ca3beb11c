"""Captures of the lab and of other projects: the oracle's rows throughout, and facts that were found by hand."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import compare
import oracle_files
import vxtap
from compare import CORPORA, DATA, LAB, Seen, address
from strategies_tunnels import TUNNELS

A, B = address("10.90.0.36"), address("10.90.0.38")  # the mirrored machine and its web server
MAC_A, MAC_B = bytes.fromhex("000d3a000036"), bytes.fromhex("000d3a000038")
FABRIC, COLLECTOR = address("10.90.2.17"), address("10.90.2.4")
BUNDLED = compare.captures_in(DATA)
EVERYTHING: dict[str, Any] = {"tunnels": TUNNELS, "depth": 3, "partial": True, "once": False}
PLAIN: dict[str, Any] = {"tunnels": ("none",)}
OPTIONS = pytest.mark.parametrize("how", [{}, EVERYTHING, PLAIN], ids=["default", "everything", "plain"])


def seen(name: str, **how: Any) -> Seen:
    """All frames of a bundled capture that can be read to its end."""
    found = compare.see(DATA / name, **how)
    assert found.error is None
    return found


def inner(name: str) -> np.ndarray:
    """Its decapsulated rows."""
    return vxtap.read(DATA / name)


def of_tcp(rows: np.ndarray) -> np.ndarray:
    found: np.ndarray = rows[rows["proto"] == 6]
    return found


def values(column: np.ndarray) -> set[bytes]:
    return {bytes(value) for value in column}


@OPTIONS
@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.name)
def test_bundled(path: Path, how: dict[str, Any]) -> None:
    compare.assert_same(path.read_bytes(), path, **how)


def test_all_are_bundled() -> None:
    assert len(BUNDLED) == 20


@pytest.mark.needs_lab
@pytest.mark.skipif(not LAB.is_dir(), reason="the lab's captures are not beside the checkout (VXTAP_LAB)")
@OPTIONS
@pytest.mark.parametrize("path", compare.captures_in(LAB), ids=lambda path: path.name)
def test_lab(path: Path, how: dict[str, Any]) -> None:
    compare.assert_same(path.read_bytes(), path, **how)


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not beside the checkout (VXTAP_CORPORA)")
@pytest.mark.parametrize(
    "how",
    [{}, {"ports": (4790, 6081, 8472)}, EVERYTHING, EVERYTHING | {"depth": 1}],
    ids=["vxlan", "ports", "everything", "flat"],
)
@pytest.mark.parametrize("folder", compare.CORPORA_FOLDERS)
def test_corpora(folder: str, how: dict[str, Any]) -> None:
    """VXLAN on ports of other tunnels too: what stands there is none, and has to be taken for what its bytes say."""
    paths = compare.captures_in(CORPORA / folder)
    assert paths
    wrong = {path.name: found for path in paths if (found := compare.differences(path.read_bytes(), **how))}
    assert not wrong


def test_curl() -> None:
    found = seen("01-curl-nva1.pcap")
    assert (found.report.frames, found.report.decapsulated) == (26, 18)
    assert found.report.skipped == Counter(not_udp=8)  # six ICMP quotes, which are no tunnels, and MLD of the collector
    rows = inner("01-curl-nva1.pcap")
    assert rows["caplen"].sum() == rows["wirelen"].sum() == 2029
    assert set(rows["vni"]) == {501}
    assert values(rows["outer_src"]) == {FABRIC}
    assert values(rows["outer_dst"]) == {COLLECTOR}
    assert set(rows["outer_dport"]) == {4789}
    assert set(rows["interface"]) == {2}


def test_curl_conversation() -> None:
    tcp = of_tcp(inner("01-curl-nva1.pcap"))
    assert (len(tcp), tcp["caplen"].sum()) == (12, 1489)
    assert values(tcp["eth_src"]) == values(tcp["eth_dst"]) == {MAC_A, MAC_B}
    assert values(tcp["src"]) == values(tcp["dst"]) == {A, B}
    assert len(set(tcp["flow"])) == 1
    first, second = tcp[0], tcp[1]
    assert (bytes(first["eth_src"]), bytes(first["eth_dst"])) == (MAC_A, MAC_B)
    assert (bytes(first["src"]), bytes(first["dst"])) == (A, B)
    assert (first["sport"], first["dport"]) == (second["dport"], second["sport"]) == (59930, 80)
    assert (first["tcp_flags"], second["tcp_flags"]) == (0x02, 0x12)
    assert (first["tcp_seq"], first["tcp_window"], first["payload_len"]) == (17311679, 64240, 0)
    assert second["tcp_ack"] == first["tcp_seq"] + 1
    assert str(first["ts"]) == "2026-11-23T05:16:15.362337000"


def test_snaplen() -> None:
    """96 bytes leave 40 of each inner frame: ports, but no sequence numbers and no flags."""
    rows = inner("09-snap96-nva1.pcap")
    assert len(rows) == 147
    assert np.all(rows["caplen"] == 40)
    assert np.all(rows["flags"] == vxtap.Flag.TRUNCATED)
    assert rows["wirelen"].sum() == 113440
    assert np.all((rows["sport"] == 80) | (rows["dport"] == 80))
    for name in ("tcp_flags", "tcp_seq", "tcp_ack", "tcp_window", "payload"):
        assert not rows[name].any(), name


def test_outer_ipv6() -> None:
    rows = inner("13-outer6-nva1.pcap")
    assert len(rows) == 44
    assert values(rows["outer_src"]) == {address("fd00:92::1")}
    assert values(rows["outer_dst"]) == {address("fd00:92:1::4")}
    assert set(rows["vni"]) == {600}
    assert values(of_tcp(rows)["src"]) == {A, B, address("fd00:90::36"), address("fd00:90::38")}


def test_inner_vlan() -> None:
    """One tag, two of which the outer counts, and a priority tag, whose id 0 only the flag tells from none."""
    rows = inner("19-inner-vlan-nva1.pcap")
    tagged = rows[rows["flags"] & vxtap.Flag.INNER_VLAN != 0]
    assert tagged["vlan"].tolist() == [7, 10, 0]
    assert tagged["caplen"].tolist() == [66, 70, 66]
    assert np.all(tagged["ethertype"] == 0x0800)
    assert np.all(tagged["dport"] == 9999)
    assert not rows["vlan"][rows["flags"] == 0].any()


def test_fragments_in_pairs() -> None:
    """1,514 inner bytes over 1,500: the first fragment has 1,464 of them, the second the other 50."""
    found = seen("07-mtu1500-frag-nva2-head.pcap")
    assert (found.report.frames, found.report.decapsulated) == (73, 35)
    assert found.report.skipped == Counter(fragment_joined=35, not_udp=3)
    status = vxtap.Status
    whole = found.rows[found.rows["status"] == status.OK]
    first = found.rows[found.rows["status"] == status.FRAGMENT_JOINED]
    assert np.all(whole["flags"] == vxtap.Flag.REASSEMBLED)
    assert (set(whole["caplen"]), set(whole["wirelen"]), set(whole["payload_len"])) == ({1514}, {1514}, {1448})
    assert set(first["caplen"]) == {1520}  # SLL2 and IP headers, UDP, VXLAN and the 1,464 bytes
    assert np.all(whole["frame"] == first["frame"] + 1)
    assert values(first["outer_src"]) == {FABRIC}
    assert not first["outer_dport"].any()
    assert set(whole["outer_dport"]) == {4789}


@pytest.mark.needs_lab
@pytest.mark.skipif(not LAB.is_dir(), reason="the lab's captures are not beside the checkout (VXTAP_LAB)")
@pytest.mark.parametrize("name", ["07-mtu1500-frag", "08-mtu1600-nofrag"])
def test_mirrored_frames_are_those_of_the_source(name: str) -> None:
    """Byte for byte what the mirrored machine itself recorded, whether they came in one piece or two."""
    sent = Counter(frame.data for frame in oracle_files.read_capture((LAB / f"{name}-src.pcap").read_bytes()).frames)
    came: Counter[bytes] = Counter()
    for collector in ("nva1", "nva2"):
        with vxtap.open(LAB / f"{name}-{collector}.pcap") as capture:
            came.update(bytes(frame) for _, frame in capture.frames())
    assert came == sent
    assert came.total() == 443


def test_fragments_elsewhere() -> None:
    """The other collector has the connections' small packets and no fragment at all."""
    report = seen("07-mtu1500-frag-nva1.pcap").report
    assert (report.decapsulated, report.skipped) == (173, Counter(not_udp=3))


def test_fragments_lost_to_a_filter() -> None:
    """'udp port 4789' lets no later fragment pass, so that all the first ones wait in vain."""
    report = seen("18-filter4789-frag-nva1.pcap").report
    assert (report.decapsulated, report.skipped) == (25, Counter(fragment_lost=17))
    found = seen("18-filter4789-frag-nva1.pcap", partial=True)
    assert (found.report.decapsulated, found.report.skipped) == (42, Counter())
    cut = found.rows[found.rows["flags"] == vxtap.Flag.TRUNCATED]
    assert (len(cut), set(cut["caplen"]), set(cut["wirelen"])) == (17, {1464}, {1514})


def test_cut_pipe() -> None:
    """The last record has its 16 bytes of header and 61 of its data."""
    report = seen("17-pipe-cut-nva1.pcap").report
    assert (report.frames, report.decapsulated, report.truncated_tail, report.bytes_in) == (31, 31, 77, 6001)
    with pytest.raises(vxtap.TruncatedError) as caught:
        vxtap.read(DATA / "17-pipe-cut-nva1.pcap", strict=True)
    assert caught.value.offset == 6001 - 77


def test_nanoseconds() -> None:
    times = inner("12-nano-nva1.pcap")["ts"].astype("i8")
    assert len(times) == 12
    assert np.all(times % 1000 != 0)
    assert np.all(inner("01-curl-nva1.pcap")["ts"].astype("i8") % 1000 == 0)


def test_duplicates() -> None:
    """A bridge shows each datagram on two interfaces; a vxlan device shows inner frames bare, which are no tunnel."""
    rows = vxtap.read(DATA / "15-dup-bridge-nva1.pcap", once=False)
    assert len(rows) == 24
    assert Counter(rows["interface"].tolist()) == {2: 12, 3: 12}
    found = seen("15-dup-bridge-nva1.pcap")
    assert found.report.decapsulated == 12
    assert found.report.skipped == Counter(second_sight=17, not_ip=4, not_udp=5)  # five are the machine's own
    found = seen("16-dup-vxlandev-nva1.pcap")
    assert found.report.skipped == Counter(not_udp=13, not_ip=2)
    assert Counter(found.rows["interface"][found.rows["status"] == vxtap.Status.OK].tolist()) == {2: 12}


def test_noise() -> None:
    report = seen("20-noise-nva1.pcap").report
    assert report.decapsulated == 12
    assert report.skipped == Counter(not_udp=10, not_ip=2, other_port=2)


@pytest.mark.parametrize("name", ["11-dumpcap-2if-nva1.pcapng", "11-dumpcap-any-nva1.pcapng"])
def test_dumpcap(name: str) -> None:
    rows = inner(name)
    assert len(rows) == 16
    assert of_tcp(rows)["caplen"].sum() == 1489
    assert set(rows["interface"]) == {0}


def test_the_folders_can_be_named() -> None:
    """Where a variable names a folder that is not there, the tests above would skip without anybody noticing."""
    for name in ("VXTAP_LAB", "VXTAP_CORPORA"):
        assert name not in os.environ or Path(os.environ[name]).is_dir(), name
