"""The command line: what it takes, what it prints, and where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import vxtap
from build import ARP, SLL2, Pcapng, arp, eth, pcap, sll2
from cli.conftest import T0, blocks, capture, frame, inner_frame, inner_rows, listing

if TYPE_CHECKING:
    from cli.conftest import Command

CURL = Path(__file__).parent.parent / "data" / "01-curl-nva1.pcap"
REPORT_KEYS = [
    "frames",
    "decapsulated",
    "skipped",
    "kept",
    "bytes_in",
    "bytes_out",
    "bytes_unpacked",
    "first",
    "last",
    "no_time",
    "truncated_tail",
    "truncated",
    "files",
    "empty_files",
    "changed",
    "began",
    "ended",
    "times_rounded",
    "times_lost",
]


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Two VNIs, ARP, and VXLAN on a port that nobody asked for."""
    path = tmp_path / "mixed.pcap"
    others = [eth(arp(), ARP), frame(3, dport=8888), frame(4, dport=8888), frame(5, dport=9999)]
    frames = [frame(0), frame(1, vni=9), *others]
    path.write_bytes(pcap([(T0 + i * 1000, one) for i, one in enumerate(frames)]))
    return path


# ---------------------------------------------------------------- usage


def test_help(vx: Command) -> None:
    ran = vx("--help")
    assert (ran.status, ran.err) == (0, "")
    for word in ("decap", "info", "--version", "Exit status: 0 done, 1 done but --strict found something, 2 usage"):
        assert word in " ".join(ran.out.split())
    for command in ("decap", "info"):
        ran = vx(command, "--help")
        assert (ran.status, ran.err) == (0, "")
        for option in ("--ports", "--vni", "--json", "--quiet", "--strict"):
            assert option in ran.out


def test_version(vx: Command, process: Command) -> None:
    assert vx("--version").out == f"vxtap {vxtap.__version__}\n"
    assert process("--version").out == f"vxtap {vxtap.__version__}\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("frobnicate",), "invalid choice: 'frobnicate'"),
        (("decap",), "the following arguments are required: IN, -o/--output"),
        (("decap", "x.pcap"), "the following arguments are required: -o/--output"),
        (("info", "x.pcap", "--frobnicate"), "unrecognized arguments: --frobnicate"),
        (("info", "x.pcap", "--ports", "http"), "argument --ports: expected numbers with commas between them"),
        (("info", "x.pcap", "--ports", ""), "argument --ports: expected numbers with commas between them, got ''"),
        (("info", "x.pcap", "--vni", "1,,2"), "argument --vni: expected numbers with commas between them"),
        (("decap", "x.pcap", "-o", "y", "--format", "snoop"), "argument --format: invalid choice: 'snoop'"),
        (("info", "x.pcap", "--ports", "70000"), "vxtap: ports: 70000 is not within 1 to 65535"),
        (("info", "x.pcap", "--vni", "16777216"), "vxtap: vni: 16777216 is not within 0 to 16777215"),
    ],
)
def test_usage(args: tuple[str, ...], message: str, vx: Command) -> None:
    ran = vx(*args)
    assert (ran.status, ran.out) == (2, "")
    assert message in ran.err


def test_module_is_the_command(process: Command) -> None:
    assert process().status == 2
    assert process("--help").out.startswith("usage: vxtap ")


# ---------------------------------------------------------------- decap


def test_decap(vx: Command, mixed: Path, folder: Path) -> None:
    target = folder / "inner.pcap"
    ran = vx("decap", mixed, "-o", target)
    assert (ran.status, ran.out) == (0, "")
    lines = ran.err.splitlines()
    assert lines[0] == "6 frames: 2 decapsulated, 3 other_port, 1 not_ip; VNI 7, 9"
    assert lines[1:] == [f"{target}: {target.stat().st_size:,} bytes"]
    assert target.read_bytes() == pcap([(T0, inner_frame(0)), (T0 + 1000, inner_frame(1))])
    assert listing(folder) == ["inner.pcap"]


def test_decap_of_the_lab(vx: Command, folder: Path) -> None:
    """A curl of a web page, as tcpdump wrote it on the collector."""
    ran = vx("decap", CURL, "-o", folder / "inner.pcap")
    assert ran.status == 0
    assert ran.err.splitlines()[0] == "26 frames: 18 decapsulated, 8 not_udp; VNI 501"
    assert len(inner_rows(folder / "inner.pcap")) == 18


def test_standard_streams(process: Command, mixed: Path, vx: Command, folder: Path) -> None:
    """Data on standard output and nothing else; talk on standard error."""
    assert vx("decap", mixed, "-o", folder / "x.pcap").status == 0
    whole = (folder / "x.pcap").read_bytes().decode("latin-1")
    for source, given in ((mixed, None), ("-", mixed.read_bytes())):
        ran = process("decap", source, "-o", "-", input=given)
        assert (ran.status, ran.out) == (0, whole)
        assert ran.err.splitlines()[-1] == f"standard output: {len(whole):,} bytes"
    ran = process("info", "-", input=mixed.read_bytes())
    assert ran.status == 0
    assert "standard input" in ran.out


def test_vni(vx: Command, mixed: Path, folder: Path) -> None:
    ran = vx("decap", mixed, "-o", folder / "x.pcap", "--vni", "9,10")
    assert ran.err.startswith("6 frames: 1 decapsulated, 3 other_port, 1 not_ip, 1 filtered; VNI 9\n")
    assert vx("decap", mixed, "-o", folder / "x.pcap", "--vni", "0x7").status == 0
    assert len(inner_rows(folder / "x.pcap")) == 1


def test_several_ports(vx: Command, mixed: Path, folder: Path) -> None:
    ran = vx("decap", mixed, "-o", folder / "x.pcap", "--ports", "8888,4789")
    assert ran.err.startswith("6 frames: 4 decapsulated, 1 not_ip, 1 other_port; VNI 7, 9\n")


def test_wrong_ports(vx: Command, mixed: Path, folder: Path) -> None:
    """A wrong guess is answered with a better one."""
    hint = (
        "0 of 6 frames on port 1234; port 4789 carries 2 that look like VXLAN, port 8888 2, port 9999 1:"
        " try --ports 4789,8888,9999"
    )
    for command in (("info", mixed), ("decap", mixed, "-o", folder / "x.pcap")):
        ran = vx(*command, "--ports", "1234")
        assert ran.status == 0
        assert ran.err.splitlines()[-1] == hint


def test_wrong_ports_one_answer(vx: Command, tmp_path: Path) -> None:
    frames = [frame(0, dport=8888)] * 1190 + [eth(arp(), ARP)] * 14
    (tmp_path / "in.pcap").write_bytes(pcap([(T0, one) for one in frames]))
    hint = "0 of 1,204 frames on port 4789; port 8888 carries 1,190 that look like VXLAN: try --ports 8888\n"
    assert vx("info", tmp_path / "in.pcap").err == hint
    assert vx("info", tmp_path / "in.pcap", "--quiet").err == ""
    (tmp_path / "in.pcap").write_bytes(pcap([(T0, eth(arp(), ARP))]))
    assert vx("info", tmp_path / "in.pcap").err == "0 of 1 frames on port 4789\n"


def test_format(vx: Command, mixed: Path, folder: Path) -> None:
    """By the suffix; --format goes before it; what neither says is pcap."""
    for name, extra, pcapng in (
        ("a.pcap", (), False),
        ("b.pcapng", (), True),
        ("c.PCAPNG", (), True),
        ("d", (), False),
        ("e.cap", (), False),
        ("f.pcap", ("--format", "pcapng"), True),
        ("g.pcapng", ("--format", "pcap"), False),
    ):
        assert vx("decap", mixed, "-o", folder / name, *extra).status == 0
        assert (folder / name).read_bytes().startswith(b"\n\r\r\n") == pcapng
        assert len(inner_rows(folder / name)) == 2


def test_keep_others(vx: Command, mixed: Path, folder: Path) -> None:
    ran = vx("decap", mixed, "-o", folder / "x.pcapng", "--keep-others")
    assert ran.status == 0
    assert ran.err.startswith("6 frames: 2 decapsulated, 4 kept; VNI 7, 9\n")
    rows = inner_rows(folder / "x.pcapng")
    assert len(rows) == 6
    assert rows["interface"].tolist() == [0, 1, 2, 2, 2, 2]
    assert [row["name"] for row in vxtap.info(folder / "x.pcapng").interfaces] == [
        "vni 7 10.0.0.1 > 10.0.0.2",
        "vni 9 10.0.0.1 > 10.0.0.2",
        "kept",
    ]
    assert vx("decap", mixed, "-o", folder / "y", "--keep-others").status == 0
    assert (folder / "y").read_bytes() == (folder / "x.pcapng").read_bytes()


@pytest.mark.parametrize("extra", [("y.pcap",), ("y.cap",), ("y.pcapng", "--format", "pcap")])
def test_keep_others_needs_pcapng(extra: tuple[str, ...], vx: Command, mixed: Path, folder: Path) -> None:
    ran = vx("decap", mixed, "--keep-others", "-o", folder / extra[0], *extra[1:])
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("vxtap: keep_others: needs pcapng output, which has room for several link types")
    assert listing(folder) == []


def test_quiet(vx: Command, mixed: Path, folder: Path) -> None:
    for command in (("decap", mixed, "-o", folder / "x.pcap"), ("info", mixed)):
        ran = vx(*command, "--quiet")
        assert (ran.status, ran.out, ran.err) == (0, "", "")
        assert vx(*command, "-q", "--ports", "1").err == ""


def test_strict(vx: Command, mixed: Path, tmp_path: Path) -> None:
    """1 where nothing was decapsulated; frames that are no tunnel's are normal."""
    assert vx("info", mixed, "--strict").status == 0
    assert vx("info", mixed, "--strict", "--ports", "1").status == 1
    (tmp_path / "none.pcap").write_bytes(capture(0))
    assert vx("info", tmp_path / "none.pcap").status == 0
    assert vx("info", tmp_path / "none.pcap", "--strict").status == 1


# ---------------------------------------------------------------- as JSON


def test_decap_json(vx: Command, process: Command, mixed: Path, folder: Path) -> None:
    target = folder / "x.pcap"
    ran = vx("decap", mixed, "-o", target, "--json")
    found = json.loads(ran.out)
    assert list(found) == [*REPORT_KEYS, "tunnels", "other_tunnels", "looks_like_vxlan"]
    assert {key: found[key] for key in REPORT_KEYS} == vxtap.decap(mixed, target).to_dict()
    assert found["frames"] == found["decapsulated"] + sum(found["skipped"].values()) == 6
    assert found["skipped"] == {"other_port": 3, "not_ip": 1}
    assert (found["bytes_in"], found["bytes_out"]) == (mixed.stat().st_size, target.stat().st_size)
    assert (found["first"], found["last"]) == ("2023-11-14T22:13:20.123456000Z", "2023-11-14T22:13:20.123461000Z")
    assert found["tunnels"][0] == {
        "tunnel": "VXLAN",
        "vni": 7,
        "outer_src": "10.0.0.1",
        "outer_dst": "10.0.0.2",
        "frames": 1,
        "bytes": len(inner_frame()),
    }
    assert found["looks_like_vxlan"] == [{"port": 8888, "frames": 2}, {"port": 9999, "frames": 1}]
    ran = process("decap", mixed, "-o", "-", "--json")
    assert list(json.loads(ran.err)) == list(found)
    assert ran.out.encode("latin-1") == target.read_bytes()


def test_info_json(vx: Command, mixed: Path) -> None:
    found = json.loads(vx("info", mixed, "--json").out)
    own = ["format", "details", "compression", "link_types", "interfaces", "other_interfaces", "vnis", "tunnels"]
    own += ["other_tunnels", "looks_like_vxlan", "unreachables"]
    assert list(found) == REPORT_KEYS + own
    assert found == vxtap.info(mixed).to_dict()
    assert (found["format"], found["link_types"], found["vnis"]) == ("pcap", ["ETHERNET (1)"], [7, 9])
    assert found["details"] == "little-endian, version 2.4, microseconds"
    assert found["interfaces"] == [
        {
            "number": 0,
            "name": "",
            "link_type": "ETHERNET (1)",
            "resolution": "microseconds",
            "snaplen": 262144,
            "frames": 6,
        }
    ]
    assert found["bytes_out"] == 0
    assert json.loads(vx("info", mixed, "--json", "--quiet").out) == found


def test_info_json_without_frames(vx: Command, tmp_path: Path) -> None:
    (tmp_path / "none.pcapng").write_bytes(bytes(Pcapng()))
    found = json.loads(vx("info", tmp_path / "none.pcapng", "--json").out)
    assert (found["frames"], found["first"], found["last"], found["interfaces"]) == (0, None, None, [])


# ---------------------------------------------------------------- info for people


def squeezed(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_info(vx: Command, mixed: Path) -> None:
    ran = vx("info", mixed)
    assert (ran.status, ran.err) == (0, "")
    lines = squeezed(ran.out)
    for line in (
        f"capture {mixed}",
        "format pcap, little-endian, version 2.4, microseconds",
        "link types ETHERNET (1)",
        f"bytes {mixed.stat().st_size:,}",
        "first frame 2023-11-14T22:13:20.123456000Z",
        "last frame 2023-11-14T22:13:20.123461000Z",
        "frames 6",
        "decapsulated 2",
        "skipped 3 other_port",
        "skipped 1 not_ip",
        "0 ETHERNET (1) microseconds 6",
        f"VXLAN 7 10.0.0.1 10.0.0.2 1 {len(inner_frame())}",
    ):
        assert line in lines


def test_info_of_the_lab(vx: Command) -> None:
    lines = squeezed(vx("info", CURL).out)
    assert "link types LINUX_SLL2 (276)" in lines
    assert "frames 26" in lines
    assert "skipped 8 not_udp" in lines
    assert any(line.startswith("VXLAN 501 ") for line in lines)


def test_info_of_cooked_interfaces(vx: Command, tmp_path: Path) -> None:
    """SLL2 headers say which interface a frame came by."""
    frames = [(T0, sll2(frame(i)[14:], index=2 + i % 2)) for i in range(3)]
    (tmp_path / "in.pcap").write_bytes(pcap(frames, linktype=SLL2))
    lines = squeezed(vx("info", tmp_path / "in.pcap").out)
    assert "2 LINUX_SLL2 (276) microseconds 2" in lines
    assert "3 LINUX_SLL2 (276) microseconds 1" in lines


def test_info_of_pcapng(vx: Command, tmp_path: Path) -> None:
    data = Pcapng(">").idb(tsresol=9, options=[(2, b"eth0 [red]x[/red]")]).idb(147, tsresol=0x8A).epb(frame(), T0)
    (tmp_path / "in.pcapng").write_bytes(bytes(data.spb(frame())) + b"\0" * 5)
    lines = squeezed(vx("info", tmp_path / "in.pcapng").out)
    assert "format pcapng, big-endian, version 1.0" in lines
    assert "link types ETHERNET (1), unknown (147)" in lines
    assert "0 eth0 [red]x[/red] ETHERNET (1) nanoseconds 2" in lines
    assert "1 unknown (147) 2^-10 s 0" in lines
    assert "cut the last 5 bytes are part of a record" in lines
    (tmp_path / "in.pcapng").write_bytes(bytes(blocks()))
    assert vx("info", tmp_path / "in.pcapng").status == 0
