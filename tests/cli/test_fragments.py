"""The command's options about outer fragments, and what it says of those that are lost or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from build import eth, ipv4, pcap, udp, vxlan
from build_fragments import fragments
from cli.conftest import T0, inner_frame
from vxtap import _facts
from written import parse

if TYPE_CHECKING:
    from cli.conftest import Command

FILTERED = Path(__file__).parent.parent / "data" / "18-filter4789-frag-nva1.pcap"
SECOND = 10**9
FIRST_SIZE = 64  # of the data of a first fragment: 48 bytes of the inner frame


def pair(i: int) -> list[bytes]:
    """A mirrored frame in two fragments."""
    return [eth(one) for one in fragments(ipv4(udp(vxlan(inner_frame(i))), ident=i), [FIRST_SIZE])]


def save(path: Path, frames: list[bytes], *, step: int = 1000) -> Path:
    """A capture of frames, each so many nanoseconds after the one before."""
    path.write_bytes(pcap([(T0 + i * step, frame) for i, frame in enumerate(frames)]))
    return path


def counts(vx: Command, *args: object) -> tuple[int, dict[str, int]]:
    ran = vx("info", "--json", *args)
    assert ran.status == 0, ran.err
    told: dict[str, Any] = json.loads(ran.out)
    assert told["decapsulated"] + sum(told["skipped"].values()) == told["frames"]
    return told["decapsulated"], told["skipped"]


def test_whole(vx: Command, tmp_path: Path, folder: Path) -> None:
    """The last one makes it whole, in whatever order they come, and nothing is said of that."""
    first, second = pair(1), pair(2)
    path = save(tmp_path / "in.pcap", [first[1], second[0], first[0], second[1]])
    ran = vx("decap", path, "-o", folder / "x.pcap", "--json")
    assert (ran.status, ran.err) == (0, "")
    told = json.loads(ran.out)
    assert (told["decapsulated"], told["skipped"]) == (2, {"fragment_joined": 2})
    wanted = [(T0 + 2000, inner_frame(1)), (T0 + 3000, inner_frame(2))]
    assert (folder / "x.pcap").read_bytes() == pcap(wanted)


def test_lost(vx: Command, folder: Path) -> None:
    """A capture filter on the port lets no later fragment pass: that, and what helps, is said."""
    ran = vx("decap", FILTERED, "-o", folder / "x.pcap")
    lines = ran.err.splitlines()
    assert lines[0] == "42 frames: 25 decapsulated, 17 fragment_lost; VNI 501"
    assert lines[2:] == [
        "warning: 17 fragments of datagrams of which others are missing: --partial takes what the first ones hold;"
        " record with the filter 'udp port 4789 or (ip[6:2] & 0x1fff != 0)' to get the others"
    ]
    assert vx("decap", FILTERED, "-o", folder / "x.pcap", "--strict").status == 0
    ran = vx("info", FILTERED)
    assert "17 fragment_lost" in ran.out
    assert ran.err.splitlines() == lines[2:]


def test_partial(vx: Command, folder: Path) -> None:
    ran = vx("decap", FILTERED, "-o", folder / "x.pcap", "--partial")
    assert ran.err.splitlines()[0] == "42 frames: 42 decapsulated; VNI 501"
    assert "warning" not in ran.err
    cut = [packet for packet in parse((folder / "x.pcap").read_bytes()).packets if len(packet.data) < packet.wirelen]
    assert {(len(packet.data), packet.wirelen) for packet in cut} == {(1464, 1514)}
    assert len(cut) == 17


def test_partial_cannot_help_without_a_beginning(vx: Command, tmp_path: Path) -> None:
    path = save(tmp_path / "in.pcap", [pair(1)[1], pair(2)[0]])
    ran = vx("info", path, "--partial")
    assert "--partial" not in ran.err
    assert ran.err.splitlines() == [
        "warning: 1 fragments of datagrams of which others are missing: of those with a beginning, the rest was taken"
        " for lost"
    ]
    assert counts(vx, path, "--partial") == (1, {"fragment_lost": 1})


def test_overlap(vx: Command, tmp_path: Path, folder: Path) -> None:
    packet = ipv4(udp(vxlan(inner_frame(1))), ident=1)
    longer = eth(fragments(packet, [FIRST_SIZE + 8])[0])
    path = save(tmp_path / "in.pcap", [pair(1)[0], longer, pair(1)[1], *pair(2)])
    ran = vx("decap", path, "-o", folder / "x.pcap")
    assert ran.err.splitlines()[0] == "5 frames: 1 decapsulated, 3 fragment_overlap, 1 fragment_joined; VNI 7"
    assert ran.err.splitlines()[2:] == ["warning: 3 fragments of datagrams that were refused: they overlap"]
    assert counts(vx, path) == (1, {"fragment_overlap": 3, "fragment_joined": 1})


def test_fragments_are_not_taken_for_a_wrong_port(vx: Command, tmp_path: Path) -> None:
    """Where all are lost there is no advice about ports."""
    assert "on port" not in vx("info", save(tmp_path / "in.pcap", [pair(1)[0]])).err


@pytest.mark.parametrize(("seconds", "lost"), [("10", False), ("9.5", True), ("30", False), ("0", True)])
def test_timeout(seconds: str, lost: bool, vx: Command, tmp_path: Path) -> None:
    path = save(tmp_path / "in.pcap", pair(1), step=10 * SECOND)
    found = counts(vx, path, "--fragment-timeout", seconds)
    assert found == ((0, {"fragment_lost": 2}) if lost else (1, {"fragment_joined": 1}))


def test_the_timeout_of_its_own(vx: Command, tmp_path: Path) -> None:
    assert counts(vx, save(tmp_path / "in.pcap", pair(1), step=30 * SECOND)) == (1, {"fragment_joined": 1})
    assert counts(vx, save(tmp_path / "in.pcap", pair(1), step=31 * SECOND)) == (0, {"fragment_lost": 2})


def test_memory(vx: Command, tmp_path: Path) -> None:
    """What has no room goes, the oldest first; with more memory nothing does."""
    count = 1000
    pairs = [pair(i) for i in range(count)]
    path = save(tmp_path / "in.pcap", [one[0] for one in pairs] + [one[1] for one in pairs])
    assert counts(vx, path) == (count, {"fragment_joined": count})
    assert counts(vx, path, "--fragment-memory", "8M") == (count, {"fragment_joined": count})
    whole, skipped = counts(vx, path, "--fragment-memory", "300KiB")
    assert whole < count
    assert skipped["fragment_lost"] >= count - whole


@pytest.mark.parametrize("size", ["1048576", "1M", "1MiB", "1mb", "1.5M", "0.001G"])
def test_sizes(size: str, vx: Command, tmp_path: Path) -> None:
    assert counts(vx, save(tmp_path / "in.pcap", pair(1)), "--fragment-memory", size) == (1, {"fragment_joined": 1})


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--fragment-memory", "0"), f"fragment_memory: 0 bytes are not within {_facts.FRAGMENT_MEMORY:,} to "),
        (("--fragment-memory", "10k"), f"fragment_memory: 10,240 bytes are not within {_facts.FRAGMENT_MEMORY:,} to "),
        (("--fragment-memory", "much"), "fragment_memory: expected a size such as 16MiB, got 'much'"),
        (("--fragment-memory=-1M",), "fragment_memory: expected a size such as 16MiB, got '-1M'"),
        (("--fragment-timeout", "soon"), "argument --fragment-timeout: invalid float value: 'soon'"),
        (("--fragment-timeout=-1",), "fragment_timeout: expected seconds, got -1.0"),
        (("--fragment-timeout", "nan"), "fragment_timeout: expected seconds, got nan"),
    ],
)
def test_usage(args: tuple[str, ...], message: str, vx: Command, tmp_path: Path) -> None:
    ran = vx("info", save(tmp_path / "in.pcap", pair(1)), *args)
    assert (ran.status, ran.out) == (2, "")
    assert message in ran.err
