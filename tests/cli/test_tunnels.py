"""The command's options about tunnels: which are looked for, how deep, and inner packets without Ethernet."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import vxtap
from build import IPV4, IPV6, TCP, Pcapng, eth, ipv4, ipv6, pcap, tcp, udp, vxlan
from build_tunnels import GENEVE_PORT, GPE_PORT, GRE, IN_IPV6, erspan, geneve, gpe, gre, nvgre
from cli.conftest import T0, inner_frame, listing
from vxtap.tunnels import TUNNELS
from written import parse

if TYPE_CHECKING:
    from cli.conftest import Command

CURL = Path(__file__).parent.parent / "data" / "01-curl-nva1.pcap"
ALL = ",".join(TUNNELS)
MOST_DEPTH = 8
BARE = {4: ipv4(tcp(b"four"), TCP), 6: ipv6(tcp(b"six"), TCP)}  # inner packets without Ethernet
FRAMES = {
    "vxlan": eth(ipv4(udp(vxlan(inner_frame(), 1)))),
    "vxlan-gpe": eth(ipv4(udp(gpe(BARE[6], 2, next=IN_IPV6), dport=GPE_PORT))),
    "geneve": eth(ipv4(udp(geneve(inner_frame(), 3), dport=GENEVE_PORT))),
    "gre": eth(ipv4(gre(BARE[4], IPV4, key=0xFFFFFFFF), GRE)),
    "nvgre": eth(ipv4(nvgre(inner_frame(), 5), GRE)),
    "erspan": eth(ipv4(erspan(inner_frame(), 6), GRE)),
}
VNIS = {"vxlan": 1, "vxlan-gpe": 2, "geneve": 3, "gre": 0xFFFFFFFF, "nvgre": 5, "erspan": 6}


@pytest.fixture
def every(tmp_path: Path) -> Path:
    """One frame of every tunnel."""
    path = tmp_path / "every.pcap"
    path.write_bytes(pcap([(T0 + i * 1000, frame) for i, frame in enumerate(FRAMES.values())]))
    return path


def found(vx: Command, *args: object) -> dict[str, Any]:
    """What `info` says, which has to succeed."""
    ran = vx("info", "--json", *args)
    assert ran.status == 0, ran.err
    told: dict[str, Any] = json.loads(ran.out)
    return told


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("name", TUNNELS)
def test_each_by_its_name(name: str, vx: Command, every: Path) -> None:
    told = found(vx, every, "--tunnels", name)
    assert told["vnis"] == ([VNIS[name]] if name != "gre" else [VNIS["nvgre"] << 8, VNIS["gre"]])


def test_the_default_is_vxlan(vx: Command, every: Path) -> None:
    told = found(vx, every)
    assert told["vnis"] == [1]
    assert told["skipped"] == {"other_port": 2, "not_udp": 3}


def test_several(vx: Command, every: Path) -> None:
    told = found(vx, every, "--tunnels", ALL)
    assert {row["vni"]: row["tunnel"] for row in told["tunnels"]} == {
        1: "VXLAN",
        2: "VXLAN_GPE",
        3: "GENEVE",
        0xFFFFFFFF: "GRE",
        5: "NVGRE",
        6: "ERSPAN_II",
    }


def test_a_kind_of_gre_that_is_not_asked_for(vx: Command, every: Path) -> None:
    told = found(vx, every, "--tunnels", "NVGRE, Geneve")
    assert told["decapsulated"] == 2
    assert told["skipped"] == {"other_port": 2, "inner_type": 2}


def test_vni_filters_the_key(vx: Command, every: Path) -> None:
    told = found(vx, every, "--tunnels", ALL, "--vni", "0xffffffff,3")
    assert (told["decapsulated"], told["skipped"]) == (2, {"filtered": 4})


def test_a_port_of_its_own(vx: Command, tmp_path: Path) -> None:
    path = tmp_path / "in.pcap"
    frames = [eth(ipv4(udp(geneve(inner_frame(), port), dport=port))) for port in (GENEVE_PORT, 47101, 47102)]
    path.write_bytes(pcap([(T0, frame) for frame in frames]))
    assert found(vx, path, "--tunnels", "geneve")["vnis"] == [GENEVE_PORT]
    assert found(vx, path, "--tunnels", "geneve:47101")["vnis"] == [47101]
    assert found(vx, path, "--tunnels", "geneve,geneve:47102")["vnis"] == [GENEVE_PORT, 47102]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--tunnels", "vxlam"), f"tunnels: there is no 'vxlam': there are {', '.join(TUNNELS)}"),
        (("--tunnels", "vxlan,"), "tunnels: there is no ''"),
        (("--tunnels", "geneve:70000"), "tunnels: 'geneve:70000': expected a port within 1 to 65535 behind the colon"),
        (("--tunnels", "gre:47"), "tunnels: 'gre:47': GRE is no UDP and has no port"),
        (("--tunnels", "vxlan,geneve:4789"), "tunnels: port 4789 cannot be both vxlan and geneve"),
        (("--tunnels", "geneve,vxlan", "--ports", "6081"), "tunnels: port 6081 cannot be both geneve and vxlan"),
        (("--depth", "0"), "depth: 0 is not within 1 to 8"),
        (("--depth", "9"), "depth: 9 is not within 1 to 8"),
        (("--depth", "two"), "argument --depth: invalid int value: 'two'"),
    ],
)
def test_usage(args: tuple[str, ...], message: str, vx: Command, every: Path) -> None:
    ran = vx("info", every, *args)
    assert (ran.status, ran.out) == (2, "")
    assert message in ran.err


def test_help_names_them(vx: Command) -> None:
    shown = " ".join(vx("decap", "--help").out.split())
    assert ", ".join(TUNNELS) in shown
    for option in ("--tunnels", "--depth", "--no-once", "--partial", "--fragment-timeout", "--fragment-memory"):
        assert option in shown
    assert "--ethernet" in shown


# ---------------------------------------------------------------- depth


def test_depth(vx: Command, tmp_path: Path, folder: Path) -> None:
    """Geneve around VXLAN around VXLAN: each level is one more header taken off."""
    levels = [inner_frame()]
    for vni in (1, 2):
        levels.append(eth(ipv4(udp(vxlan(levels[-1], vni)))))
    path = tmp_path / "in.pcap"
    path.write_bytes(pcap([(T0, eth(ipv4(udp(geneve(levels[-1], 3), dport=GENEVE_PORT))))]))
    for depth, wanted in (("1", levels[2]), ("2", levels[1]), ("3", levels[0]), ("8", levels[0])):
        ran = vx("decap", path, "-o", folder / "x.pcap", "--tunnels", "geneve,vxlan", "--depth", depth)
        assert ran.err.startswith("1 frames: 1 decapsulated; VNI 3\n")
        assert (folder / "x.pcap").read_bytes() == pcap([(T0, wanted)])
    vx("decap", path, "-o", folder / "x.pcap", "--tunnels", "geneve", "--depth", "8")
    assert (folder / "x.pcap").read_bytes() == pcap([(T0, levels[2])])


def test_quotes_in_icmp_are_no_tunnels(vx: Command) -> None:
    """A router's complaint quotes a mirrored packet, whatever is looked for and how deep."""
    plain = found(vx, CURL)
    told = found(vx, CURL, "--tunnels", ALL, "--depth", str(MOST_DEPTH), "--partial")
    assert (told["decapsulated"], told["skipped"]) == (18, {"not_udp": 8})
    assert told == plain
    rows = vxtap.read(CURL, tunnels=ALL, depth=MOST_DEPTH)
    assert (rows == vxtap.read(CURL)).all()


# ---------------------------------------------------------------- inner packets without Ethernet


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Two packets without Ethernet between two with it."""
    path = tmp_path / "bare.pcap"
    frames = [FRAMES[name] for name in ("vxlan", "vxlan-gpe", "gre", "geneve")]
    path.write_bytes(pcap([(T0 + i * 1000, frame) for i, frame in enumerate(frames)]))
    return path


def test_pcapng_has_a_link_type_for_them(vx: Command, bare: Path, folder: Path) -> None:
    ran = vx("decap", bare, "-o", folder / "x.pcapng", "--tunnels", ALL)
    assert (ran.status, len(ran.err.splitlines())) == (0, 2)
    written = parse((folder / "x.pcapng").read_bytes())
    assert [written.interfaces[packet.interface].linktype for packet in written.packets] == [1, 101, 101, 1]
    assert [packet.data for packet in written.packets] == [inner_frame(), BARE[6], BARE[4], inner_frame()]


@pytest.mark.needs_tshark
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not in PATH")
def test_tshark_reads_them(vx: Command, bare: Path, folder: Path) -> None:
    vx("decap", bare, "-o", folder / "x.pcapng", "--tunnels", ALL)
    command = ["tshark", "-n", "-r", str(folder / "x.pcapng"), "-T", "fields", "-e", "frame.protocols"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    starts = [":".join(line.split(":")[:3]) for line in ran.stdout.splitlines()]
    assert starts == ["eth:ethertype:ip", "raw:ipv6:tcp", "raw:ip:tcp", "eth:ethertype:ip"]


def test_pcap_has_no_place_for_them(vx: Command, bare: Path, folder: Path) -> None:
    ran = vx("decap", bare, "-o", folder / "x.pcap", "--tunnels", ALL, "--json")
    assert json.loads(ran.out)["skipped"] == {"no_ethernet": 2}
    assert ran.err == (
        "warning: 2 inner packets have no Ethernet header, for which there is no place: write pcapng (which has one for"
        " IP), or ask for --ethernet\n"
    )
    assert [packet.data for packet in parse((folder / "x.pcap").read_bytes()).packets] == [inner_frame()] * 2
    assert found(vx, bare, "--tunnels", ALL)["skipped"] == {}  # nothing is written, and nothing is in the way


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_a_header_is_made_up(form: str, vx: Command, bare: Path, folder: Path) -> None:
    ran = vx("decap", bare, "-o", folder / f"x.{form}", "--tunnels", ALL, "--ethernet")
    assert ran.err.startswith("4 frames: 4 decapsulated; VNI 1, 2, 3, 4294967295\n")
    written = parse((folder / f"x.{form}").read_bytes())
    assert {interface.linktype for interface in written.interfaces} == {1}
    nobody = bytes(6)
    headed = [eth(BARE[6], IPV6, dst=nobody, src=nobody), eth(BARE[4], IPV4, dst=nobody, src=nobody)]
    assert [packet.data for packet in written.packets] == [inner_frame(), *headed, inner_frame()]
    assert [packet.wirelen for packet in written.packets] == [len(packet.data) for packet in written.packets]
    assert listing(folder) == [f"x.{form}"]


def test_nothing_but_what_a_pcap_cannot_hold(vx: Command, tmp_path: Path, folder: Path) -> None:
    """The advice is about that, and not about other ports."""
    path = tmp_path / "in.pcap"
    path.write_bytes(pcap([(T0, FRAMES["gre"])]))
    ran = vx("decap", path, "-o", folder / "x.pcap", "--tunnels", "gre", "--strict")
    assert ran.status == 1
    assert ran.err.startswith("1 frames: 0 decapsulated, 1 no_ethernet")
    assert "on port" not in ran.err
    assert (folder / "x.pcap").read_bytes() == pcap()


# ---------------------------------------------------------------- second sights


def test_once(vx: Command, tmp_path: Path) -> None:
    path = tmp_path / "in.pcapng"
    path.write_bytes(bytes(Pcapng().idb().idb().epb(FRAMES["vxlan"], 1).epb(FRAMES["vxlan"], 2, 1)))
    for args, counts in (((), (1, {"second_sight": 1})), (("--once",), (1, {"second_sight": 1}))):
        told = found(vx, path, *args)
        assert (told["decapsulated"], told["skipped"]) == counts
    told = found(vx, path, "--no-once")
    assert (told["decapsulated"], told["skipped"]) == (2, {})


def test_once_in_the_lab(vx: Command, folder: Path) -> None:
    """A bridge shows each datagram twice."""
    bridge = CURL.parent / "15-dup-bridge-nva1.pcap"
    ran = vx("decap", bridge, "-o", folder / "x.pcap")
    assert ran.err.splitlines()[0] == "38 frames: 12 decapsulated, 17 second_sight, 5 not_udp, 4 not_ip; VNI 501"
    ran = vx("decap", bridge, "-o", folder / "x.pcap", "--no-once")
    assert ran.err.splitlines()[0].startswith("38 frames: 24 decapsulated, ")
