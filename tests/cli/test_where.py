"""`--where`, which all commands have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import vxtap

if TYPE_CHECKING:
    from cli.conftest import Command

DATA = Path(__file__).parent.parent / "data"
CURL = DATA / "01-curl-nva1.pcap"
LB = [DATA / "02-lb-asym-nva1.pcap", DATA / "02-lb-asym-nva2.pcap"]
SOURCE = DATA / "02-lb-asym-src.pcap"
WHERE = ("--where", "proto == tcp and not tcp_flags & syn")


def test_decap(vx: Command, tmp_path: Path) -> None:
    out = tmp_path / "inner.pcap"
    ran = vx("decap", CURL, "-o", out, *WHERE)
    assert ran.status == 0
    rows = vxtap.read(CURL, where=WHERE[1])
    assert ran.err.startswith(f"26 frames: {len(rows)} decapsulated, 8 not_udp, 8 filtered; VNI 501\n")
    inner = vxtap.read(out, tunnels="none")
    assert inner["tcp_seq"].tolist() == rows["tcp_seq"].tolist() != []


@pytest.mark.parametrize(
    "command",
    [("info", CURL), ("flows", CURL), ("health", CURL), ("merge", CURL, "-o", "OUT"), ("decap", CURL, "-o", "OUT")],
    ids=lambda command: command[0],
)
def test_every_command(command: tuple[str | Path, ...], vx: Command, tmp_path: Path) -> None:
    """They all leave out the same, and say so."""
    words = [tmp_path / "x.pcap" if word == "OUT" else word for word in command]
    ran = vx(*words, *WHERE, "--json")
    assert ran.status == 0
    assert '"filtered": 8' in ran.out
    for text, message in (
        ("vnii == 7", "where: column 1: there is no column 'vnii': did you mean 'vni'?\n  vnii == 7\n  ^\n"),
        ("vni = 7", "where: column 5: write '==' for '='\n  vni = 7\n      ^\n"),
        ("", "where: it is empty"),
    ):
        ran = vx(*words, "--where", text)
        assert ran.status == 2
        assert message in ran.err


def test_compare_is_about_the_mirror(vx: Command) -> None:
    plain = json.loads(vx("compare", SOURCE, *LB, "--json").out)
    ran = vx("compare", SOURCE, *LB, "--json", "--where", "dport != 80")
    found = json.loads(ran.out)
    assert plain["complete"]
    assert not found["complete"]
    assert found["tcp"]["source_bytes"] == plain["tcp"]["source_bytes"]
    assert "--where is about the mirror" in " ".join(vx("compare", "--help").out.split())


def test_nothing_is_left(vx: Command, tmp_path: Path) -> None:
    """No hint at other ports: there are tunnels. With --strict it is nothing decapsulated."""
    ran = vx("decap", CURL, "-o", tmp_path / "x.pcap", "--where", "dport == 1", "--strict")
    assert ran.status == 1
    assert "try" not in ran.err
    assert "0 decapsulated, 18 filtered" in ran.err
