"""Rows beside what tshark says of the same frames, and outputs that tshark has to read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import compare
import vxtap
from compare import CORPORA, DATA, LAB
from vxtap.tunnels import TUNNELS

from .differences import DIFFERENCES, Difference
from .fields import ANY, COLUMNS, Row, nanoseconds, run, tunnels

pytestmark = [
    pytest.mark.needs_tshark,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not in PATH"),
]
PORTS = (4789, 8472)
BUNDLED = compare.captures_in(DATA)
FILES = {path.name: path for folder in (CORPORA / "vxlan", LAB, DATA) for path in compare.captures_in(folder)}
# Tunnels other than VXLAN, where the two do not give all the same columns: tshark has no length of an inner frame.
RELATIVES = {path.name: path for path in compare.captures_in(CORPORA / "relatives")}
RELATIVES |= {name: path for name, path in FILES.items() if "gpe" in name or "erspan" in name}
PLACES = tuple(column for column in COLUMNS if column not in ("caplen", "wirelen"))
MOST_DEPTH = 8


def unequal(theirs: dict[int, Row], columns: tuple[str, ...], path: Path, **how: Any) -> dict[tuple[int, str], str]:
    """Each (frame, column) in which the two differ, and how."""
    rows = compare.see(path, ports=PORTS, frames="decapsulated", once=False, **how).rows  # tshark shows every sight
    ours = {row["frame"]: row for row in compare.plain(rows)}
    found: dict[tuple[int, str], str] = {}
    for frame in sorted(theirs.keys() ^ ours.keys()):
        found[frame, "frame"] = "vxtap only" if frame in ours else "tshark only"
    for frame in sorted(theirs.keys() & ours.keys()):
        for column in columns:
            mine, other = ours[frame][column], theirs[frame][column]
            if mine != other:
                found[frame, column] = f"vxtap {mine!r}, tshark {other!r}"
    return found


def explains(difference: Difference, frame: int, column: str) -> bool:
    return difference.column == column and difference.frame in (None, frame)


def assert_known(found: dict[tuple[int, str], str], known: list[Difference]) -> None:
    """Every difference is in the table, and everything in the table is a difference."""
    new = {at: how for at, how in found.items() if not any(explains(difference, *at) for difference in known)}
    gone = [difference for difference in known if not any(explains(difference, *at) for at in found)]
    assert not new
    assert not gone


@pytest.mark.parametrize("name", FILES)
def test_rows(name: str) -> None:
    path = FILES[name]
    found = unequal(tunnels(path, PORTS), COLUMNS, path)
    assert_known(found, [one for one in DIFFERENCES if one.file == name and not one.others])


@pytest.mark.parametrize("depth", [1, MOST_DEPTH])
@pytest.mark.parametrize("name", RELATIVES)
def test_other_tunnels(name: str, depth: int) -> None:
    """What is in the outermost tunnel, and what is in the innermost."""
    path = RELATIVES[name]
    theirs = tunnels(path, PORTS, kinds=ANY, deep=depth > 1)
    found = unequal(theirs, PLACES, path, tunnels=TUNNELS, depth=depth)
    assert_known(found, [one for one in DIFFERENCES if one.file == name and one.others])


def test_every_difference_is_of_a_file() -> None:
    """An entry whose file is not here says nothing; where the corpora and the lab are, all files are here."""
    assert (
        not (CORPORA.is_dir() and LAB.is_dir())
        or {difference.file for difference in DIFFERENCES} <= FILES.keys() | RELATIVES.keys()
    )


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not beside the checkout (VXTAP_CORPORA)")
def test_the_comparison_has_every_tunnel() -> None:
    """Not an empty one either: what tshark takes for tunnels, counted without the library."""
    counts = {
        "PcapFlowLab__02_geneve_inner_ipv4_udp.pcap": 1,
        "deepflow__decapsulate_erspan1.pcap": 1029,
        "tcpdump__erspan-type-ii-1.pcap": 1,
        "tcpdump__erspan-type-iii-ft-0.pcap": 9,
        "tcpdump__nsh-over-vxlan-gpe.pcap": 1,
        "zeek__gre-within-gre.pcap": 628,
    }
    assert {name: len(tunnels(RELATIVES[name], PORTS, kinds=ANY)) for name in counts} == counts


def test_fragments_in_pairs_are_joined_by_both() -> None:
    """A whole inner frame in the second of each two, and nothing in the first."""
    path = DATA / "07-mtu1500-frag-nva2-head.pcap"
    rows = tunnels(path, PORTS)
    assert {row["caplen"] for row in rows.values()} == {1514}
    assert unequal(rows, COLUMNS, path) == {}


@pytest.mark.parametrize("name", [path.name for path in BUNDLED])
def test_the_comparison_is_not_empty(name: str) -> None:
    """What tshark takes for tunnels, counted without the library."""
    counts = {"01": 18, "03": 38, "09": 147, "11": 16, "12": 12, "13": 44, "15": 24, "16": 12, "17": 31, "18": 25}
    counts |= {"07-mtu1500-frag-nva1": 173, "07-mtu1500-frag-nva2-head": 35, "19": 6, "20": 12}
    counts |= {"02-lb-asym-nva1": 337, "02-lb-asym-nva2": 383, "02-lb-asym-src": 0}
    counts |= {"14-egress-only-nva1": 18, "14-egress-only-src": 0}
    (wanted,) = [count for start, count in counts.items() if name.startswith(start)]
    rows = tunnels(DATA / name, PORTS)
    assert len(rows) == wanted
    assert {row["vni"] for row in rows.values()} <= {500, 501, 600}


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
@pytest.mark.parametrize("name", [path.name for path in BUNDLED])
def test_output(name: str, form: str, tmp_path: Path) -> None:
    """tshark reads what is written, without a complaint: each frame with its time, its lengths and its interface."""
    out = tmp_path / f"inner.{form}"
    vxtap.decap(DATA / name, out)
    fields = ["frame.number", "frame.time_epoch", "frame.cap_len", "frame.len", "frame.interface_name", "eth.src"]
    lines = run(out, "-n", "-T", "fields", *[word for field in fields for word in ("-e", field)]).splitlines()
    rows = compare.plain(vxtap.read(DATA / name))
    assert len(lines) == len(rows)
    for number, (line, row) in enumerate(zip(lines, rows, strict=True), 1):
        frame, time, caplen, length, interface, source = line.split("\t")
        assert int(frame) == number
        assert nanoseconds(time) == row["ts"]
        assert (int(caplen), int(length)) == (row["caplen"], row["wirelen"])
        assert bytes.fromhex(source.replace(":", "")) == row["eth_src"]
        assert interface.startswith(f"vni {row['vni']} ") == (form == "pcapng")


def test_output_with_kept_frames(tmp_path: Path) -> None:
    """Frames of two link types in one file: inner Ethernet, and SLL2 as it was."""
    out = tmp_path / "inner.pcapng"
    report = vxtap.decap(DATA / "20-noise-nva1.pcap", out, keep_others=True)
    lines = run(out, "-n", "-T", "fields", "-e", "frame.encap_type", "-e", "frame.interface_name").splitlines()
    assert len(lines) == report.frames == 26
    assert sum(line == "210\tkept" for line in lines) == sum(report.skipped.values()) == 14
    assert sum(line.startswith("1\tvni 501 ") for line in lines) == report.decapsulated == 12
