"""`vxtap flows`: a table for people, CSV, JSON."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import vxtap
from cli.conftest import HUGE, T0, capture
from vxtap.cli.flows import COLUMNS

if TYPE_CHECKING:
    from cli.conftest import Command

DATA = Path(__file__).parent.parent / "data"
CURL, MIXED, PIPE = DATA / "01-curl-nva1.pcap", DATA / "03-lb-mixed-nva1.pcap", DATA / "17-pipe-cut-nva1.pcap"


def from_csv(vx: Command, *args: object) -> list[dict[str, str]]:
    ran = vx("flows", "--csv", *args)
    assert ran.status == 0, ran.err
    return list(csv.DictReader(io.StringIO(ran.out)))


def from_json(vx: Command, *args: object) -> dict[str, Any]:
    ran = vx("flows", "--json", *args)
    assert ran.status == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out)
    return found


def test_every_column_is_shown() -> None:
    assert sorted(COLUMNS) == sorted([*(vxtap.FLOW.names or ()), "community_id"])


def test_json_is_what_the_library_gives(vx: Command) -> None:
    told, rows = from_json(vx, CURL, "--sort", "first"), vxtap.flows(CURL)
    assert list(told["flows"][0]) == list(COLUMNS)
    assert [one["community_id"] for one in told["flows"]] == vxtap.community_id(rows).tolist()
    assert [one["src"] for one in told["flows"]] == vxtap.format_ip(rows["src"]).tolist()
    assert [one["packets_out"] for one in told["flows"]] == rows["packets_out"].tolist()
    assert [one["first"][:19] for one in told["flows"]] == [str(time)[:19] for time in rows["first"]]
    rtts = rows["rtt"].astype("i8").tolist()
    assert [one["rtt"] for one in told["flows"]] == [None if rtt < 0 else pytest.approx(rtt / 1e9) for rtt in rtts]
    assert (told["conversations"], told["packets"], told["not_ip"]) == (len(rows), 18, 0)
    assert (told["frames"], told["decapsulated"], len(told["sources"])) == (26, 18, 1)


def test_csv_has_the_same_values(vx: Command) -> None:
    lines, told = from_csv(vx, MIXED), from_json(vx, MIXED)["flows"]
    assert len(lines) == len(told) > 10
    for line, one in zip(lines, told, strict=True):
        assert float(line["rtt"]) == pytest.approx(one["rtt"]) if one["rtt"] is not None else line["rtt"] == ""
        others = {name: str(value) for name, value in one.items() if name != "rtt"}
        assert {name: value for name, value in line.items() if name != "rtt"} == others


@pytest.mark.parametrize("by", ["bytes", "packets", "missing", "retransmitted"])
def test_the_most_first(vx: Command, by: str) -> None:
    values = [one[f"{by}_out"] + one[f"{by}_in"] for one in from_json(vx, MIXED, "--sort", by)["flows"]]
    assert values == sorted(values, reverse=True)
    assert [one[f"{by}_out"] + one[f"{by}_in"] for one in from_json(vx, MIXED, "--sort", by, "--top", 3)["flows"]] == (
        values[:3]
    )


@pytest.mark.parametrize("by", ["first", "last"])
def test_the_earliest_first(vx: Command, by: str) -> None:
    values = [one[by] for one in from_json(vx, MIXED, "--sort", by)["flows"]]
    assert values == sorted(values)


def test_several_sources(vx: Command) -> None:
    told = from_json(vx, CURL, CURL)
    assert {one["collectors"] for one in told["flows"]} == {3}
    assert [one["frames"] for one in told["sources"]] == [26, 26]
    assert sum(one["packets_out"] + one["packets_in"] for one in told["flows"]) == told["packets"] == 36
    assert from_json(vx, CURL, CURL, "--dedup", "1ms")["packets"] == 18


def test_table(vx: Command) -> None:
    """The conversation with most bytes comes first; what is odd about one stands in its notes."""
    ran = vx("flows", CURL)
    assert ran.status == 0
    lines = ran.out.splitlines()
    assert lines[0].split()[:5] == ["first", "VNI", "proto", "from", "to"]
    assert "10.90.0.36:59930" in lines[2]
    assert lines[2].split()[-1] == "SF"
    assert "0.090 ms" in lines[2]
    assert "conversations, 18 packets, 0 of them without IP" in ran.err
    assert "one way" in vx("flows", MIXED).out
    assert "[fd00:90::36]:50014" in vx("flows", MIXED).out
    assert "ICMPv6 128/129" in vx("flows", MIXED).out


def test_table_is_not_endless(vx: Command, tmp_path: Path) -> None:
    path = tmp_path / "many.pcap"
    path.write_bytes(capture(60))
    assert "... and 10 more: see --top" in vx("flows", path).out
    assert "more" not in vx("flows", path, "--top", 60).out
    assert len(vx("flows", path, "--top", 7).out.splitlines()) == 2 + 7 + 1
    assert len(from_csv(vx, path)) == 60
    assert vx("flows", path, "-q").out == ""


def test_nothing_found(vx: Command) -> None:
    assert from_json(vx, CURL, "--ports", 8472)["flows"] == []
    assert from_csv(vx, CURL, "--ports", 8472) == []
    ran = vx("flows", CURL, "--ports", 8472, "--strict")
    assert ran.status == 1
    assert "0 of 26 frames on port 8472" in ran.err


def test_idle_and_most(vx: Command, tmp_path: Path) -> None:
    path = tmp_path / "some.pcap"
    path.write_bytes(capture(3) + capture(3)[24:])  # which come in the order of their times
    assert [one["ended"] for one in from_json(vx, path)["flows"]] == [0, 0, 0]
    assert [one["ended"] for one in from_json(vx, path, "--most", 1)["flows"]] == [2, 2, 0]
    assert {one["ended"] for one in from_json(vx, path, "--idle", "1us")["flows"]} == {0, 1}


def test_a_damaged_source_gives_what_came_before(vx: Command, tmp_path: Path) -> None:
    path = tmp_path / "bad.pcap"
    path.write_bytes(capture(3) + HUGE)
    for how in ([], ["--csv"], ["--json"]):
        ran = vx("flows", path, *how)
        assert ran.status == 3
        assert "1002" in ran.out
        assert "a record length beyond all captures" in ran.err
    assert len(json.loads(vx("flows", path, "--json").out)["flows"]) == 3


def test_a_pipe(process: Command) -> None:
    ran = process("flows", "-", "--csv", input=CURL.read_bytes())
    assert ran.status == 0
    assert len(ran.out.splitlines()) == 1 + len(vxtap.flows(CURL))


def test_strict(vx: Command) -> None:
    assert vx("flows", CURL, "--strict").status == 0
    assert vx("flows", PIPE, "--strict").status == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--csv", "--json"], "one of them"),
        (["--top", "0"], "--top: expected a number of rows, at least 1, got 0"),
        (["--sort", "size"], "invalid choice"),
        (["--idle", "soon"], "idle: expected a duration such as 2ms, got 'soon'"),
        (["--most", "0"], "most: 0 is not within 1 to 1,048,576"),
        (["--vni", "x"], "expected numbers"),
    ],
)
def test_usage(vx: Command, args: list[str], message: str) -> None:
    ran = vx("flows", CURL, *args)
    assert ran.status == 2
    assert message in ran.err
    assert ran.out == ""


def test_times_are_those_of_the_capture(vx: Command, tmp_path: Path) -> None:
    path = tmp_path / "one.pcap"
    path.write_bytes(capture(1))
    (one,) = from_json(vx, path)["flows"]
    assert one["first"] == one["last"] == f"2023-11-14T22:13:20.{T0 % 10**9:09d}Z"
    assert vx("flows", tmp_path / "none.pcap").status == 3
