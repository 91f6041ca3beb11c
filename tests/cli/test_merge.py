"""`vxtap merge`: what it takes, what it prints, and where."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import vxtap
import written
from build import ARP, Pcapng, arp, eth, ipv4, pcap, udp, vxlan
from cli.conftest import HUGE, T0, capture, frame, inner_frame, listing

if TYPE_CHECKING:
    from cli.conftest import Command

MS = 10**6
OUTER_B = bytes([192, 0, 2, 9])


def other_tap(i: int) -> bytes:
    """The same frame as `frame(i)`, mirrored by another tap."""
    return eth(ipv4(udp(vxlan(inner_frame(i), 7)), src=OUTER_B))


@pytest.fixture
def taps(tmp_path: Path) -> list[Path]:
    """Two collectors: five frames, of which the second has three, and one of its own between them."""
    paths = [tmp_path / "a.pcap", tmp_path / "b.pcap"]
    paths[0].write_bytes(pcap([(T0 + i * MS, frame(i)) for i in range(5)]))
    sights = [(T0 + i * MS + 200_000, other_tap(i)) for i in range(3)]
    sights.append((T0 + 10 * MS, other_tap(50)))
    paths[1].write_bytes(pcap([*sights, (T0 + 11 * MS, eth(arp(), ARP))]))
    return paths


def sent(path: Path | bytes) -> list[bytes]:
    """Inner frames of an output, which is in order."""
    data = path if isinstance(path, bytes) else path.read_bytes()
    packets = written.parse(data).packets
    times = [packet.ns for packet in packets]
    assert times == sorted(times)
    return [packet.data for packet in packets]


ALL = [inner_frame(i) for i in (0, 0, 1, 1, 2, 2, 3, 4, 50)]
ONCE = [inner_frame(i) for i in (0, 1, 2, 3, 4, 50)]


# ---------------------------------------------------------------- usage


def test_help(vx: Command) -> None:
    assert "merge" in vx("--help").out
    ran = vx("merge", "--help")
    assert (ran.status, ran.err) == (0, "")
    for option in ("--output", "--dedup", "--window", "--align", "--format", "--json", "--quiet", "--strict"):
        assert option in ran.out
    for option in ("--ports", "--vni", "--tunnels", "--depth", "--once", "--partial", "--fragment-timeout"):
        assert option in ran.out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("merge",), "the following arguments are required: IN"),
        (("merge", "x.pcap"), "the following arguments are required: -o/--output"),
        (("merge", "-o", "y.pcap"), "the following arguments are required: IN"),
        (("merge", "x.pcap", "-o", "y", "--format", "snoop"), "argument --format: invalid choice: 'snoop'"),
        (("merge", "x.pcap", "-o", "y", "--dedup", "often"), "dedup: "),
        (("merge", "x.pcap", "-o", "y", "--dedup", "0ms"), "dedup: "),
        (("merge", "x.pcap", "-o", "y", "--window", "-10ms"), "window"),
        (("merge", "x.pcap", "-o", "y", "--window", "10 parsecs"), "window: "),
        (("merge", "x.pcap", "-o", "y", "--ports", "0"), "vxtap: ports: 0 is not within 1 to 65535"),
    ],
)
def test_usage(args: tuple[str, ...], message: str, vx: Command) -> None:
    ran = vx(*args)
    assert (ran.status, ran.out) == (2, "")
    assert message in ran.err


# ---------------------------------------------------------------- outputs


def test_merge(vx: Command, taps: list[Path], folder: Path) -> None:
    target = folder / "inner.pcap"
    ran = vx("merge", *taps, "-o", target)
    assert (ran.status, ran.out) == (0, "")
    assert sent(target) == ALL
    assert listing(folder) == ["inner.pcap"]
    assert f"{target}: {target.stat().st_size:,} bytes" in ran.err.splitlines()
    assert "9 packets" in ran.err
    for path in taps:
        assert any(line.startswith(f"{path}: 5 frames: ") for line in ran.err.splitlines())


def test_dedup(vx: Command, taps: list[Path], folder: Path) -> None:
    target = folder / "inner.pcap"
    ran = vx("merge", *taps, "-o", target, "--dedup", "2ms")
    assert (ran.status, ran.out) == (0, "")
    assert sent(target) == ONCE
    assert "3 duplicates" in ran.err
    assert vx("merge", *taps, "-o", target, "--dedup", "100us").status == 0
    assert sent(target) == ALL


def test_same_as_the_library(vx: Command, taps: list[Path], folder: Path) -> None:
    for more, how in (
        ((), {}),
        (("--dedup", "2ms", "--window", "0ms"), {"dedup": "2ms", "window": "0ms"}),
        (("--vni", "8"), {"vni": 8}),
        (("--format", "pcapng"), {"format": "pcapng"}),
    ):
        assert vx("merge", *taps, "-o", folder / "one.pcap", *more).status == 0
        vxtap.merge(taps, folder / "other.pcap", **how)
        assert (folder / "one.pcap").read_bytes() == (folder / "other.pcap").read_bytes()


def test_window(vx: Command, tmp_path: Path, folder: Path) -> None:
    """What came much later than the window is written, and told."""
    disordered = [(T0 + i * MS, frame(i)) for i in [*range(3000), 20, *range(3000, 3100)]]
    (tmp_path / "in.pcap").write_bytes(pcap(disordered))
    target = folder / "x.pcap"
    ran = vx("merge", tmp_path / "in.pcap", "-o", target, "--json")
    assert (ran.status, json.loads(ran.out)["late"]) == (0, 1)
    assert "1 packets are behind ones with a later time" in vx("merge", tmp_path / "in.pcap", "-o", target).err
    ran = vx("merge", tmp_path / "in.pcap", "-o", target, "--window", "3s", "--json")
    assert json.loads(ran.out)["late"] == 0
    assert sent(target) == [inner_frame(i) for i in [*range(21), *range(20, 3100)]]


def test_formats(vx: Command, taps: list[Path], folder: Path) -> None:
    """By the suffix; --format goes before it."""
    for name, more, pcapng in (
        ("a.pcap", (), False),
        ("b.pcapng", (), True),
        ("c", (), False),
        ("d.pcap", ("--format", "pcapng"), True),
        ("e.pcapng", ("--format", "pcap"), False),
    ):
        assert vx("merge", *taps, "-o", folder / name, *more).status == 0
        assert (folder / name).read_bytes().startswith(b"\n\r\r\n") == pcapng
        assert sent(folder / name) == ALL


def test_rotated_sets(vx: Command, taps: list[Path], tmp_path: Path, folder: Path) -> None:
    """A wildcard in quotes is one source."""
    for part in range(2):
        (tmp_path / f"x.pcap{part}").write_bytes(pcap([(T0 + 20 * MS + part, frame(70 + part))]))
    ran = vx("merge", tmp_path / "x.pcap*", *taps, "-o", folder / "y.pcap", "--json")
    assert ran.status == 0
    assert [each["files"] for each in json.loads(ran.out)["sources"]] == [2, 1, 1]
    assert sent(folder / "y.pcap") == [*ALL, inner_frame(70), inner_frame(71)]


# ---------------------------------------------------------------- standard streams


def test_standard_streams(process: Command, taps: list[Path], tmp_path: Path) -> None:
    """Data on standard output and nothing else; talk on standard error."""
    ran = process("merge", *taps, "-o", "-", "--dedup", "2ms")
    assert ran.status == 0
    whole = ran.out.encode("latin-1")
    assert sent(whole) == ONCE
    assert whole == pcap([(T0 + [*range(5), 10][at] * MS, data) for at, data in enumerate(ONCE)])
    assert f"standard output: {len(whole):,} bytes" in ran.err.splitlines()
    ran = process("merge", taps[0], "-", "-o", "-", "--dedup", "2ms", input=taps[1].read_bytes())
    assert (ran.status, ran.out.encode("latin-1")) == (0, whole)


def test_align_needs_files(process: Command, taps: list[Path], folder: Path) -> None:
    ran = process("merge", taps[0], "-", "-o", "out/x.pcap", "--align", input=taps[1].read_bytes())
    assert (ran.status, ran.out) == (2, "")
    assert "align" in ran.err
    assert "standard input" in ran.err
    assert "Traceback" not in ran.err
    assert listing(folder) == []


# ---------------------------------------------------------------- JSON


def test_json(vx: Command, process: Command, taps: list[Path], folder: Path) -> None:
    target = folder / "x.pcap"
    ran = vx("merge", *taps, "-o", target, "--dedup", "2ms", "--json")
    assert ran.status == 0
    found = json.loads(ran.out)
    report = vxtap.merge(taps, target, dedup="2ms").to_dict()
    assert {key: found[key] for key in report} == json.loads(json.dumps(report))
    assert (found["frames"], found["decapsulated"], found["written"]) == (10, 9, 6)
    assert (found["duplicates"], found["late"], found["super_segments"]) == (3, 0, 0)
    assert found["skipped"] == {"not_ip": 1}
    assert found["bytes_in"] == sum(path.stat().st_size for path in taps)
    assert found["bytes_out"] == target.stat().st_size
    assert found["first"] == "2023-11-14T22:13:20.123456000Z"
    assert found["last"] == "2023-11-14T22:13:20.134456000Z"
    assert [each["decapsulated"] for each in found["sources"]] == [5, 4]
    assert [each["frames"] for each in found["sources"]] == [5, 5]
    (pair,) = found["pairs"]
    assert (pair["first"]["source"], pair["second"]["source"], pair["count"]) == (0, 1, 3)
    assert (pair["first"]["outer_src"], pair["second"]["outer_src"]) == ("10.0.0.1", "192.0.2.9")
    assert (pair["first"]["vni"], pair["second"]["vni"]) == (7, 7)
    assert (pair["delay"]["min"], pair["delay"]["max"]) == (200_000, 200_000)
    ran = process("merge", *taps, "-o", "-", "--dedup", "2ms", "--json")
    assert list(json.loads(ran.err)) == list(found)
    assert ran.out.encode("latin-1") == target.read_bytes()


def test_quiet(vx: Command, taps: list[Path], folder: Path) -> None:
    ran = vx("merge", *taps, "-o", folder / "x.pcap", "--quiet")
    assert (ran.status, ran.out, ran.err) == (0, "", "")


# ---------------------------------------------------------------- exit statuses


def test_strict(vx: Command, taps: list[Path], tmp_path: Path, folder: Path) -> None:
    """1 where a source ends within a record or nothing was decapsulated; what is written is the same."""
    target = folder / "x.pcap"
    assert vx("merge", *taps, "-o", target, "--strict").status == 0
    assert vx("merge", *taps, "-o", target, "--strict", "--vni", "9").status == 1
    assert vx("merge", *taps, "-o", target, "--vni", "9").status == 0
    (tmp_path / "cut.pcap").write_bytes(capture(3)[:-1])
    assert vx("merge", taps[1], tmp_path / "cut.pcap", "-o", target).status == 0
    assert vx("merge", taps[1], tmp_path / "cut.pcap", "-o", target, "--strict").status == 1
    assert len(sent(target)) == 6


def test_damage(vx: Command, taps: list[Path], tmp_path: Path, folder: Path) -> None:
    """3, with one line that names the file, where it is damaged, and what there is of the output."""
    bad, target = tmp_path / "bad.pcap", folder / "x.pcap"
    bad.write_bytes(capture(3) + HUGE + capture(3)[24:])
    ran = vx("merge", taps[0], bad, "-o", target)
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith(f"vxtap: {bad}: byte {len(capture(3))}, after frame 3: ")
    assert str(target) in ran.err
    assert ran.err.endswith(" written: 8\n")
    assert ran.err.count("\n") == 1
    assert len(sent(target)) == 8


@pytest.mark.parametrize("bad", [b"", b"Hello, world\n"])
def test_no_capture(bad: bytes, vx: Command, taps: list[Path], tmp_path: Path, folder: Path) -> None:
    (tmp_path / "bad.pcap").write_bytes(bad)
    ran = vx("merge", taps[0], tmp_path / "bad.pcap", "-o", folder / "x.pcap")
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith(f"vxtap: {tmp_path / 'bad.pcap'}: ")


def test_missing(vx: Command, taps: list[Path], folder: Path) -> None:
    ran = vx("merge", *taps, "no.pcap", "-o", folder / "x.pcap")
    assert (ran.status, ran.out) == (3, "")
    assert "no.pcap" in ran.err
    assert listing(folder) == []
    ran = vx("merge", *taps, "-o", folder / "none" / "x.pcap")
    assert ran.status == 3


def test_onto_an_input(vx: Command, taps: list[Path]) -> None:
    before = [path.read_bytes() for path in taps]
    for target in taps:
        ran = vx("merge", *taps, "-o", target)
        assert (ran.status, ran.out) == (2, "")
        assert "would be overwritten" in ran.err
    assert [path.read_bytes() for path in taps] == before


def test_closed_output(process: Command, tmp_path: Path) -> None:
    """Whoever reads goes away: quiet."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.pcap").write_bytes(pcap([(T0 + i * 1000, frame(i % 900)) for i in range(20_000)]))
    line = f"{sys.executable} -m vxtap merge -q a.pcap b.pcap -o - | head -c 100 | wc -c"
    root = str(Path(vxtap.__file__).parent.parent)
    ran = subprocess.run(
        ["sh", "-c", line],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": root},
    )
    assert (ran.stdout.strip(), ran.stderr) == (b"100", b"")


def test_without_standard_output(shell: Command, taps: list[Path]) -> None:
    """The first input has its number then; it is not taken for the output."""
    ran = shell(">&-", "merge", *taps, "-o", "-")
    assert (ran.status, ran.err) == (3, "vxtap: standard output: Bad file descriptor\n")


def test_hints(vx: Command, taps: list[Path], tmp_path: Path, folder: Path) -> None:
    """A source of which nothing could be taken is named, with what to do."""
    (tmp_path / "wrong.pcap").write_bytes(pcap([(T0, frame(i, dport=8888)) for i in range(4)]))
    ran = vx("merge", taps[0], tmp_path / "wrong.pcap", "-o", folder / "x.pcap")
    assert ran.status == 0
    assert f"{tmp_path / 'wrong.pcap'}: 0 of 4 frames on port 4789" in ran.err
    assert f"{taps[0]}: 0 of" not in ran.err
    assert "--ports" in ran.err or "vxtap info" in ran.err


def test_hints_name_the_tunnels_that_were_asked_for(vx: Command, taps: list[Path], folder: Path) -> None:
    """A port says nothing to who asked for Geneve."""
    ran = vx("merge", taps[0], "-o", folder / "x.pcap", "--tunnels", "geneve,vxlan", "--ports", "9")
    assert "frames on port 9 or of geneve: 'vxtap info'" in ran.err
    ran = vx("merge", taps[0], "-o", folder / "x.pcap", "--tunnels", "gre")
    assert "frames of gre: 'vxtap info'" in ran.err
    ran = vx("decap", taps[0], "-o", folder / "x.pcap", "--tunnels", "gre")
    assert "frames of gre; port 4789 carries 5 that look like VXLAN: try --tunnels vxlan --ports 4789" in ran.err


@pytest.mark.parametrize("command", ["merge", "decap"])
def test_times_that_are_lost_are_told(command: str, vx: Command, tmp_path: Path, folder: Path) -> None:
    file = Pcapng().idb(tsresol=9, tsoffset=-5).epb(frame(1)).epb(frame(2), T0).spb(frame(3))
    (tmp_path / "odd.pcapng").write_bytes(bytes(file))
    ran = vx(command, tmp_path / "odd.pcapng", "-o", folder / "x.pcap")
    assert ran.status == 0
    assert "warning: 2 packets have no time, or one that the output has no room for" in ran.err
