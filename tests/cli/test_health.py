"""`vxtap health`: text to paste into a ticket, JSON, exit statuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import FAULTS, Fault
from mirrors import capture, chatter
from vxtap.cli import main

DATA = Path(__file__).resolve().parents[1] / "data"


def told(capsys: pytest.CaptureFixture[str], *words: str | Path, status: int = 0) -> str:
    """What is printed; nothing is said beside it."""
    assert main(["health", *map(str, words)]) == status
    out, err = capsys.readouterr()
    assert err == ""
    return out


def file(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.fixture
def well(tmp_path: Path) -> Path:
    return file(tmp_path, "well.pcap", capture(chatter(0, 20)))


@pytest.fixture
def holed(tmp_path: Path) -> Path:
    return file(tmp_path, "holed.pcap", capture([*chatter(0, 20), *chatter(32, 50)]))


def test_all_is_well(well: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, well, "--strict").splitlines()
    assert "Nothing was found." in lines
    assert lines[0] == "first frame    2023-11-14T22:13:20.000000000Z"
    assert not any(line.startswith(("PROBLEM", "note")) for line in lines)


def test_a_hole(holed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, holed)
    assert (
        "PROBLEM hole: Holes in time: 1; the longest: nothing of 10.9.9.9, VNI 7, for 12.1 s from"
        " 2023-11-14T22:13:39.950000000Z." in out
    )
    assert "up to 60 s when a source is added or removed" in out
    rows = [line.split() for line in out.splitlines() if line.startswith("hole ")]
    assert rows[1][:3] == ["hole", "7", "10.9.9.9"]
    assert told(capsys, holed, "--strict", status=1) == out
    assert "Nothing was found." in told(capsys, holed, "--strict", "--gap", "20s")


def test_text_is_the_same_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    """Also in other processes, whose hash tables have other seeds."""
    paths = [DATA / "02-lb-asym-nva1.pcap", DATA / "02-lb-asym-nva2.pcap", DATA / "18-filter4789-frag-nva1.pcap"]
    command = [sys.executable, "-m", "vxtap", "health", *map(str, paths)]
    runs = {subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(2)}
    assert runs == {told(capsys, *paths)}


def test_collectors_and_tunnels(capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(DATA / f"02-lb-asym-nva{i}.pcap") for i in (1, 2)]
    lines = [line.split() for line in told(capsys, *names).splitlines()]
    assert ["0", names[0], "344", "7", "337", "46.8%", "43,515", "48.6%", "262,144"] in lines
    assert ["1", names[1], "390", "7", "383", "53.2%", "45,996", "51.4%", "262,144"] in lines
    assert ["500", "10.90.2.17", "10.90.2.100", "1", "383", "45,996"] in [line[:6] for line in lines]
    assert ["conversations", "60,", "seen", "by", "several", "collectors", "33"] in lines


def test_json(holed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(told(capsys, holed, "--json", "--strict", status=1))
    assert found["decapsulated"] == found["frames"] == 760
    assert [row["seconds"] for row in found["holes"]] == [pytest.approx(12.05)]
    assert [row["finding"] for row in found["findings"]] == ["hole"]
    assert set(found["findings"][0]) == {"finding", "problem", "numbers", "text", "advice"}
    assert found["sources"][0]["name"] == str(holed)


def test_quiet(holed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, holed, "--quiet") == ""
    assert told(capsys, holed, "--quiet", "--strict", status=1) == ""


def test_notes_are_no_problems(capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, DATA / "01-curl-nva1.pcap", "--strict")
    assert "note unreachables: ICMP errors saying that nobody listens on a collector's tunnel port: 6." in out


def test_options_reach_the_library(well: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "above 114: 0; outer up to 91, above 100: 0" in told(capsys, well, "--mtu", "100")
    assert "duplicates     400" in told(capsys, well, well)
    assert "late" in told(capsys, well, "--window", "0", "--json")
    assert "filtered" in told(capsys, well, "--vni", "3")


@pytest.mark.parametrize("words", [["--gap", "never"], ["--mtu", "1"], ["--dedup", "0"], ["--ports", "0"]])
def test_usage(words: list[str], well: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["health", str(well), *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"vxtap: {words[0][2:]}: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_damaged(fault: Fault, well: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What came before the damage, and all of the others, is told; then the damage."""
    bad = file(tmp_path, "bad", fault.data)
    assert main(["health", str(well), str(bad), "--json"]) == 3
    out, err = capsys.readouterr()
    assert json.loads(out)["frames"] == 400 + fault.frames
    assert err.startswith(f"vxtap: {bad}: ")
    assert err.count("\n") == 1


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["health", str(tmp_path / "none")]) == 3
    assert capsys.readouterr().err == f"vxtap: {tmp_path / 'none'}: No such file or directory\n"


def test_standard_input(well: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "vxtap", "health", "-"], check=True, capture_output=True, input=well.read_bytes()
    )
    assert b"Nothing was found." in run.stdout
    assert run.stdout.startswith(b"first frame")
