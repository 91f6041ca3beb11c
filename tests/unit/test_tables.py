"""The tables that C, numpy, the enums and the documentation share; the record's layout; and the options' messages."""

from __future__ import annotations

import gzip
import pickle
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vxtap
from build import (
    ARP,
    ICMP,
    Pcapng,
    arp,
    eth,
    icmp,
    ipv4,
    pcap,
    udp,
    vxlan,
)
from build_fragments import fragments
from build_tunnels import GPE_PORT, IN_IPV4, gpe
from vxtap import Status, _facts, tables
from vxtap.options import Options
from vxtap.tunnels import TUNNELS

DOCS = Path(__file__).parent.parent.parent / "docs"

# The record as files and other programs may know it: a change here is a change for everyone who stored rows.
RECORD = """
ts M8[ns] 0, frame u8 8, offset u8 16, flow u8 24, caplen u4 32, wirelen u4 36, source u4 40, interface u4 44,
flags u4 48, vni u4 52, ip_id u4 56, tcp_seq u4 60, tcp_ack u4 64, payload_len u4 68, outer_src V16 72,
outer_dst V16 88, src V16 104, dst V16 120, eth_src V6 136, eth_dst V6 142, gbp u2 148, outer_sport u2 150,
outer_dport u2 152, vlan u2 154, ethertype u2 156, sport u2 158, dport u2 160, tcp_flags u2 162, tcp_window u2
164, payload u2 166, tunnel u1 168, status u1 169, proto u1 170, ttl u1 171, dscp u1 172
"""
RECORD_SIZE = 176


# ---------------------------------------------------------------- the record


def test_record_is_pinned() -> None:
    rows = [line.split() for line in RECORD.replace("\n", " ").split(",")]
    assert vxtap.PACKET.itemsize == RECORD_SIZE
    assert vxtap.PACKET.names == tuple(name for name, _, _ in rows)
    fields = vxtap.PACKET.fields or {}
    for name, kind, offset in rows:
        assert fields[name][:2] == (np.dtype(kind), int(offset))


def test_record_has_no_gaps_but_at_its_end() -> None:
    fields = sorted((vxtap.PACKET.fields or {}).values(), key=lambda field: field[1])
    end = 0
    for dtype, offset, *_ in fields:
        assert offset == end
        end += dtype.itemsize
    assert 0 <= RECORD_SIZE - end < 8


# The row of a conversation, likewise.
FLOW = """
first M8[ns] 0, last M8[ns] 8, rtt m8[ns] 16, collectors u8 24, packets_out u8 32, packets_in u8 40, bytes_out u8 48,
bytes_in u8 56, payload_out u8 64, payload_in u8 72, retransmitted_out u8 80, retransmitted_in u8 88, missing_out u8 96,
missing_in u8 104, src V16 112, dst V16 128, tunnel_src V16 144, vni u4 160, sport u2 164, dport u2 166, tcp_flags_out
u2 168, tcp_flags_in u2 170, proto u1 172, tunnel_srcs u1 173, one_way u1 174, continued u1 175, ended u1 176
"""
FLOW_SIZE = 184


def test_row_of_a_conversation_is_pinned() -> None:
    rows = [line.split() for line in FLOW.replace("\n", " ").split(",")]
    assert (vxtap.FLOW.itemsize, vxtap.FLOW.names) == (FLOW_SIZE, tuple(name for name, _, _ in rows))
    fields = vxtap.FLOW.fields or {}
    assert [fields[name][:2] for name, _, _ in rows] == [(np.dtype(kind), int(offset)) for _, kind, offset in rows]


# ---------------------------------------------------------------- the enums


@pytest.mark.parametrize(
    ("enum", "table"),
    [(vxtap.Status, "status"), (vxtap.Flag, "flag"), (vxtap.Tunnel, "tunnel"), (vxtap.LinkType, "link_type")],
)
def test_enums_are_the_core_s(enum: Any, table: str) -> None:
    rows = _facts.tables()[table]
    assert [(name, int(member)) for name, member in enum.__members__.items()] == [row[:2] for row in rows]
    assert len({value for _, value, *_ in rows}) == len(rows)
    assert all(pickle.loads(pickle.dumps(member)) is member for member in enum)


def test_enums_are_pinned() -> None:
    """Rows may lie on disks: numbers do not change their meaning."""
    assert [status.name for status in Status if status < len(tables.OUTCOMES)] == [
        *["OK", "NOT_IP", "NOT_UDP", "OTHER_PORT", "NO_VNI_FLAG", "TRUNCATED_OUTER", "LINK_TYPE", "NO_INTERFACE"],
        *["MALFORMED", "SECOND_SIGHT", "FRAGMENT_JOINED", "FRAGMENT_LOST", "FRAGMENT_OVERLAP", "INNER_TYPE"],
        *["FILTERED", "NO_ETHERNET", "KEPT"],
    ]
    flags = {flag.name: int(flag) for flag in vxtap.Flag}
    assert flags == {
        "TRUNCATED": 1,
        "MALFORMED_INNER": 2,
        "OUTER_VLAN": 4,
        "INNER_VLAN": 8,
        "INNER_FRAGMENT": 16,
        "GBP": 32,
        "RESERVED_BITS": 64,
        "OUTGOING": 128,
        "NO_TIME": 256,
        "REASSEMBLED": 512,
        "NESTED": 1024,
        "INNER_RAW": 2048,
        "DUPLICATE": 4096,
    }
    assert [tunnel.name for tunnel in vxtap.Tunnel] == [
        *["NONE", "VXLAN", "VXLAN_GPE", "GENEVE", "GRE", "NVGRE", "ERSPAN_I", "ERSPAN_II", "ERSPAN_III"]
    ]
    assert [int(tunnel) for tunnel in vxtap.Tunnel] == list(range(len(vxtap.Tunnel)))


def test_outcomes_are_the_first_statuses() -> None:
    families = [row[2] for row in _facts.tables()["status"]]
    assert families[: len(tables.OUTCOMES)] == ["FRAME"] * len(tables.OUTCOMES)
    assert "FRAME" not in families[len(tables.OUTCOMES) :]
    assert tables.OUTCOMES[0] == "decapsulated"
    assert set(families) == {"FRAME", "STEP", "TRUNCATED", "FORMAT", "UNSUPPORTED"}


# ---------------------------------------------------------------- a case of every status


def _one(frame: bytes, **how: Any) -> bytes:
    return pcap([(0, frame, *how.pop("wire", ()))], **how)


def _block(kind: int, body: bytes = b"", **how: int) -> bytes:
    return bytes(Pcapng().unknown(kind, body, **how))


INNER = eth(arp(), ARP)
TUNNELLED = eth(ipv4(udp(vxlan(INNER))))
WIDE = ipv4(udp(vxlan(INNER)), ident=7)
FIRST, LAST = (eth(one) for one in fragments(WIDE, [24]))
OVERLAPPING = eth(fragments(WIDE, [32])[0])


def _frames(*frames: bytes) -> bytes:
    return pcap([(0, frame) for frame in frames])


# What each outcome of a frame takes: a capture whose first frame has it, or, of what takes two, its last.
FRAMES: dict[str, bytes] = {
    "OK": _one(TUNNELLED),
    "NOT_IP": _one(INNER),
    "NOT_UDP": _one(eth(ipv4(icmp(), ICMP))),
    "OTHER_PORT": _one(eth(ipv4(udp(b"", dport=53)))),
    "NO_VNI_FLAG": _one(eth(ipv4(udp(vxlan(INNER, flags=0))))),
    "TRUNCATED_OUTER": _one(TUNNELLED[:40], wire=(len(TUNNELLED),)),
    "LINK_TYPE": _one(TUNNELLED, linktype=147),
    "NO_INTERFACE": bytes(Pcapng().epb(TUNNELLED)),
    "MALFORMED": _one(eth(ipv4(udp(b"", length=3)))),
    "SECOND_SIGHT": bytes(Pcapng().idb().idb().epb(TUNNELLED, 1).epb(TUNNELLED, 1, 1)),
    "FRAGMENT_JOINED": _frames(LAST, FIRST, LAST),
    "FRAGMENT_OVERLAP": _frames(FIRST, OVERLAPPING),
    "INNER_TYPE": _one(eth(ipv4(udp(gpe(b"", next=9), dport=GPE_PORT)))),
    "NO_ETHERNET": _one(eth(ipv4(udp(gpe(ipv4(udp(b"")), next=IN_IPV4), dport=GPE_PORT)))),
    "FRAGMENT_LOST": _one(eth(ipv4(udp(vxlan(INNER)), offset=8))),
    "FILTERED": _one(eth(ipv4(udp(vxlan(INNER, vni=9))))),
    "KEPT": _one(INNER),
}
# What each fault takes: the whole file.
FAULTS: dict[str, bytes] = {
    "EMPTY": b"",
    "CUT_HEADER": pcap()[:23],
    "NOT_CAPTURE": b"no capture",
    "BAD_VERSION": pcap(version=(2, 5)),
    "BAD_RECORD": pcap() + b"\xff" * 16,
    "BAD_BLOCK": _block(5, bytes(4), trailer=20),
    "SHORT_BLOCK": _block(6, bytes(16)),
    "LONG_BLOCK": bytes(Pcapng()) + b"\x06\0\0\0\x04\0\0\x01",
    "BAD_MAGIC": _block(0x0A0D0D0A, bytes(16)),
    "BAD_COMPRESSED": gzip.compress(bytes(100))[:10] + b"\xff" * 20,
}


def test_every_status_has_a_case() -> None:
    by_family: dict[str, set[str]] = {}
    for name, _, family, *_ in _facts.tables()["status"]:
        by_family.setdefault(family, set()).add(name)
    assert by_family.pop("FRAME") == set(FRAMES)
    by_family.pop("STEP")
    assert set().union(*by_family.values()) == set(FAULTS)


@pytest.mark.parametrize("name", FRAMES)
def test_outcome(name: str, tmp_path: Path) -> None:
    """The row says it, the report counts it under its slug, and what is decapsulated is OK."""
    slug = tables.OUTCOMES[Status[name]]
    if name == "KEPT":
        report = vxtap.decap(FRAMES[name], tmp_path / "x.pcapng", keep_others=True)
        assert (dict(report.skipped), dict(report.kept)) == ({"kept": 1}, {"not_ip": 1})
        return
    if name == "NO_ETHERNET":
        report = vxtap.decap(FRAMES[name], tmp_path / "x.pcap", tunnels=TUNNELS)
        assert (report.frames, report.decapsulated, dict(report.skipped)) == (1, 0, {"no_ethernet": 1})
        return
    with vxtap.open(FRAMES[name], frames="all", vni=7, tunnels=TUNNELS) as opened:
        rows = np.concatenate(list(opened.batches()))
        report = opened.report
    assert rows["status"][-1] == Status[name]
    assert report.frames == len(rows) == sum(report.skipped.values()) + report.decapsulated
    assert (report.skipped + Counter(decapsulated=report.decapsulated))[slug] == (rows["status"] == Status[name]).sum()


@pytest.mark.parametrize("name", FAULTS)
def test_fault(name: str) -> None:
    family, text = next((row[2], row[4]) for row in _facts.tables()["status"] if row[0] == name)
    with pytest.raises(vxtap.VxtapError) as caught:
        vxtap.read(FAULTS[name])
    assert type(caught.value).__name__ == family.capitalize() + "Error"
    assert text in str(caught.value)
    if isinstance(caught.value, vxtap.FormatError):
        assert caught.value.status == Status[name]


# ---------------------------------------------------------------- the documentation


def documented() -> dict[str, str]:
    """Every table in docs that says it is one of the core's: page and name -> its text."""
    found = {}
    for page in sorted(DOCS.glob("**/*.md")):
        for name, text in re.findall(r"<!-- table: (\w+) -->\n(.*?)<!-- end -->", page.read_text(), re.DOTALL):
            found[f"{page.name}: {name}"] = text.strip()
    return found


def test_documentation_has_tables() -> None:
    assert {"record.md: columns", "record.md: outcomes", "record.md: flags"} <= set(documented())


@pytest.mark.parametrize("place", documented())
def test_documentation_is_the_core_s(place: str) -> None:
    assert documented()[place] == tables.markdown(place.split(": ")[1])


@pytest.mark.parametrize("name", ["columns", "flow_columns", "outcomes", "flags", "tunnels", "link_types", "faults"])
def test_markdown(name: str) -> None:
    lines = tables.markdown(name).splitlines()
    assert len(lines) >= 4
    assert set(lines[1]) == set("| -")
    assert len({line.count("|") for line in lines}) == 1


def test_link_type_names() -> None:
    assert tables.link_type_name(276) == "LINUX_SLL2 (276)"
    assert tables.link_type_name(147) == "unknown (147)"


# ---------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"ports": 0}, "ports: 0 is not within 1 to 65535"),
        ({"ports": (4789, 65536)}, "ports: 65536 is not within 1 to 65535"),
        ({"ports": ()}, "ports: none were given"),
        ({"ports": range(1, 34)}, "ports: 33 are more than 32"),
        ({"ports": "4789"}, "ports: expected a number or several, got '4789'"),
        ({"ports": 47.5}, "ports: expected a number or several, got 47.5"),
        ({"ports": None}, "ports: expected a number or several, got None"),
        ({"fragment_timeout": float("nan")}, "fragment_timeout: expected seconds, got nan"),
        ({"vni": -1}, "vni: -1 is not within 0 to 16777215"),
        ({"vni": 1 << 24}, "vni: 16777216 is not within 0 to 16777215"),
        ({"vni": 1 << 32, "tunnels": "gre"}, "vni: 4294967296 is not within 0 to 4294967295"),
        ({"vni": []}, "vni: none were given"),
        ({"vni": "7"}, "vni: expected a number or several, got '7'"),
        ({"columns": []}, "columns: none were asked for"),
        ({"columns": ["vin"]}, "columns: there is no 'vin': did you mean 'vni'?"),
        ({"columns": "outer_scr"}, "columns: there is no 'outer_scr': did you mean 'outer_src'?"),
        ({"columns": ["vni", "ts", "vni"]}, "columns: vni, ts, vni names one twice"),
        ({"frames": "some"}, "frames: expected 'decapsulated' or 'all', got 'some'"),
        ({"format": "snoop"}, "format: expected 'pcap' or 'pcapng', got 'snoop'"),
        ({"tunnels": ()}, "tunnels: none were given"),
        ({"tunnels": "vxlam"}, "tunnels: there is no 'vxlam': there are vxlan, vxlan-gpe, geneve, gre, nvgre, erspan"),
        ({"tunnels": ["vxlan", 5]}, "tunnels: expected names of tunnels, got ('vxlan', 5)"),
        ({"tunnels": "geneve:0"}, "tunnels: 'geneve:0': expected a port within 1 to 65535 behind the colon"),
        ({"tunnels": "geneve:x"}, "tunnels: 'geneve:x': expected a port within 1 to 65535 behind the colon"),
        ({"tunnels": "gre:47"}, "tunnels: 'gre:47': GRE is no UDP and has no port"),
        ({"tunnels": "vxlan,geneve:4789"}, "tunnels: port 4789 cannot be both vxlan and geneve"),
        ({"depth": 0}, "depth: 0 is not within 1 to 8"),
        ({"depth": 9}, "depth: 9 is not within 1 to 8"),
        ({"depth": True}, "depth: expected a number or several, got True"),
        ({"fragment_timeout": -1}, "fragment_timeout: expected seconds, got -1"),
        ({"fragment_timeout": float("inf")}, "fragment_timeout: expected seconds, got inf"),
        ({"fragment_timeout": "30"}, "fragment_timeout: expected seconds, got '30'"),
        ({"fragment_memory": "much"}, "fragment_memory: expected a size such as 16MiB, got 'much'"),
        ({"fragment_memory": 1.5}, "fragment_memory: expected a size in bytes, got 1.5"),
        ({"fragment_memory": 1000}, f"fragment_memory: 1,000 bytes are not within {_facts.FRAGMENT_MEMORY:,} to"),
        ({"workers": 0}, "workers: 0 is not within 1 to 1024"),
        ({"workers": (1, 2)}, "workers: expected one number, got (1, 2)"),
        ({"split": 0}, "split: expected at least 1 byte, got 0"),
        ({"split": "much"}, "split: expected a size such as 16MiB, got 'much'"),
        ({"keep_others": True, "format": "pcap"}, "keep_others: needs pcapng output, which has room for several link"),
    ],
)
def test_option_messages(how: dict[str, Any], message: str) -> None:
    with pytest.raises(vxtap.OptionError) as caught:
        Options(**how)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (10**6, 10**6),
        (np.int64(10**6), 10**6),
        ("1000000", 10**6),
        ("1MiB", 1 << 20),
        (" 1.5 m ", 3 << 19),
        ("1MB", 10**6),
        ("2000kb", 2 * 10**6),
        ("2G", 2 << 30),
        ("1GiB", 1 << 30),
    ],
)
def test_sizes(text: Any, size: int) -> None:
    assert Options(fragment_memory=text).wanted["fragment_memory"] == size


@pytest.mark.parametrize(
    ("names", "ports", "gre"),
    [
        ("vxlan", {8472: "VXLAN"}, ()),
        (" VXLAN_GPE , geneve", {4790: "VXLAN_GPE", 6081: "GENEVE"}, ()),
        (["geneve:1", "geneve:2"], {1: "GENEVE", 2: "GENEVE"}, ()),
        (("vxlan:1", "gre", "erspan"), {1: "VXLAN"}, ("GRE", "ERSPAN_I", "ERSPAN_II", "ERSPAN_III")),
    ],
)
def test_tunnel_names(names: Any, ports: dict[int, str], gre: tuple[str, ...]) -> None:
    wanted = Options(tunnels=names, ports=8472).wanted
    assert dict(wanted["ports"]) == {port: vxtap.Tunnel[name] for port, name in ports.items()}
    assert wanted["gre"] == sum(1 << vxtap.Tunnel[name] for name in gre)


def test_unknown_column_without_a_likeness() -> None:
    with pytest.raises(vxtap.OptionError, match=r"^columns: there is no 'zzzzzz': there are ts, frame, offset, "):
        Options(columns=["zzzzzz"])
    for columns in (5, [5], [None]):
        with pytest.raises(vxtap.OptionError, match=r"^columns: "):
            Options(columns=columns)  # type: ignore[arg-type]


def test_options_are_put_in_order() -> None:
    options = Options(ports=(8472, np.uint16(4789), 8472), vni=np.array([9, 7]), columns="vni")
    assert options.wanted["ports"] == ((4789, vxtap.Tunnel.VXLAN), (8472, vxtap.Tunnel.VXLAN))
    assert (options.wanted["vnis"], options.column_names) == ((7, 9), ("vni",))
    assert Options().wanted == {
        "ports": ((4789, vxtap.Tunnel.VXLAN),),
        "vnis": (),
        "gre": 0,
        "depth": 1,
        "once": True,
        "partial": False,
        "plain": False,
        "where": None,
        "fragment_timeout": 30 * 10**9,
        "fragment_memory": 16 << 20,
    }
    assert Options(ports=1) == Options(ports=[1])
    with pytest.raises(AttributeError):
        options.ports = (1,)  # type: ignore[misc]


@pytest.mark.parametrize("job", [vxtap.open, vxtap.read])
def test_options_are_checked_before_anything_is_opened(job: Any) -> None:
    with pytest.raises(vxtap.OptionError, match="ports: 0"):
        job("no such file", ports=0)
    with pytest.raises(TypeError):
        job("no such file", (4789,))  # keyword-only


def test_filters() -> None:
    frames = [
        eth(ipv4(udp(vxlan(INNER, vni), dport=port))) for vni, port in ((1, 1), (2, 1), (3, 2), (0xFFFFFF, 3), (0, 1))
    ]
    data = pcap([(0, frame) for frame in frames])
    assert vxtap.read(data, ports=1)["vni"].tolist() == [1, 2, 0]
    assert vxtap.read(data, ports=[3, 2, 1], vni=[0, 0xFFFFFF])["vni"].tolist() == [0xFFFFFF, 0]
    with vxtap.open(data, ports=(1, 2, 3), vni=2) as opened:
        assert sum(len(batch) for batch in opened.batches()) == 1
        assert dict(opened.report.skipped) == {"filtered": 4}
