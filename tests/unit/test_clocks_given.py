"""Offsets between clocks: where there is nothing to go by, what is given back, and how much is kept."""

from __future__ import annotations

import json

import numpy as np
import pytest

from skewed import (
    ACK,
    MINUTE,
    MS,
    ROW,
    SECOND,
    START,
    US,
    Packet,
    Sight,
    by_direction,
    check,
    connection,
    rows,
    solved,
    steady,
    traffic,
)
from vxtap.clocks import Evidence

# ---------------------------------------------------------------- nothing to go by


def test_each_connection_wholly_on_one_collector() -> None:
    sights = [Sight(one, one.sport % 2) for one in traffic(1, 60, 50 * SECOND)]
    table = rows(sights, [steady(0), steady(5 * SECOND)])
    clocks = solved(table, 2)
    assert not clocks.known
    assert clocks.unknown == [0, 1]
    assert "source 1: unknown" in str(clocks)
    one = clocks.offsets[1]
    assert (one.offset_ns, one.low_ns, one.high_ns, one.drift_ppm, one.knots, one.relative_to) == (
        None, None, None, None, [], None,
    )  # fmt: skip
    own = table["ts"][table["source"] == 1]
    assert (clocks.correct(1, own) == own).all()


def test_one_side_only() -> None:
    """Data on one source, pure acknowledgements on the other."""
    packets = [Packet(START + k * MS, True, ACK, 100 + 10 * k, 1, 10) for k in range(9)]
    packets += [Packet(START + k * MS + US, False, ACK, 1, 110 + 10 * k) for k in range(9)]
    clocks = solved(rows([Sight(one, int(one.forth)) for one in packets], [steady(0), steady(0)]), 2)
    assert clocks.unknown == [0, 1]


def test_groups() -> None:
    """1 and 3 are tied together, 0 and 4 too; 2 is alone."""
    pairs, shows = [(1, 3), (4, 0)], [steady(k * SECOND) for k in range(5)]
    sights = [Sight(one, pairs[one.sport % 2][one.forth]) for one in traffic(1, 60, 50 * SECOND)]
    sights += [Sight(one, 2) for one in connection(np.random.default_rng(0), START, 9)]
    clocks = solved(rows(sights, shows), 5)
    assert [one.relative_to for one in clocks.offsets] == [0, 1, None, 1, 0]
    assert [one.offset_ns if one.offset_ns is None else round(one.offset_ns / SECOND) for one in clocks.offsets] == [
        0, 0, None, 2, 4,
    ]  # fmt: skip
    assert clocks.unknown == [2]
    assert not clocks.known


@pytest.mark.parametrize("count", [1, 2, 3])
def test_nothing_at_all(count: int) -> None:
    evidence = Evidence(count)
    evidence.take(np.zeros(0, ROW))
    evidence.take(np.zeros(5, ROW))
    clocks = evidence.solve()
    assert clocks.unknown == list(range(count))
    assert clocks.known == (count == 1)


def test_rows_without_a_time_or_cut_headers() -> None:
    table = rows(by_direction(traffic(1, 60, 50 * SECOND), 2), [steady(0), steady(MS)])
    wanted = solved(table, 2).to_dict()
    bad = table.copy()
    bad["ts"] = np.datetime64("NaT")
    cut = table.copy()
    cut["tcp_flags"] = cut["tcp_seq"] = cut["tcp_ack"] = cut["ip_id"] = 0
    reset = table.copy()
    reset["ts"] -= np.timedelta64(1, "h")
    reset["tcp_flags"] = 4
    reset["source"] = 1 - reset["source"]
    reset["ip_id"] += 1
    assert solved(np.concatenate([table, bad]), 2).to_dict() == wanted
    assert solved(np.concatenate([table, cut]), 2).to_dict() == wanted
    found = solved(np.concatenate([table, reset]), 2)
    assert found.offsets[1].conflicts == 0


# ---------------------------------------------------------------- what is given back


def test_to_dict_is_json() -> None:
    shows = [steady(0), steady(2 * MS)]
    clocks = solved(rows(by_direction(traffic(1, 60, 50 * SECOND), 3), [*shows, steady(0)]), 4)
    data = json.loads(json.dumps(clocks.to_dict()))
    assert [one["known"] for one in data["offsets"]] == [True, True, True, False]
    assert data["known"] is False
    assert data["sampled"] is False
    one = data["offsets"][1]
    assert set(one) == {
        "source", "known", "relative_to", "offset_ns", "low_ns", "high_ns", "pairs", "conflicts", "drift_ppm", "knots",
    }  # fmt: skip
    assert one["knots"] == [list(knot) for knot in clocks.offsets[1].knots]
    assert f"source 1: +{clocks.offsets[1].offset_ns / 1e6:.6f} ms against source 0, between +1.9" in str(clocks)
    assert "the others of its group" in str(clocks)


def test_correcting_is_exact_and_keeps_what_has_no_time() -> None:
    shows = [steady(0), steady(3 * MS, 50)]
    clocks = solved(rows(by_direction(traffic(5, 800, 5 * MINUTE), 2), shows), 2)
    at, offsets = clocks.knots(1)
    times = np.append(at, [at[0] - SECOND, at[-1] + SECOND, (at[0] + at[1]) // 2]).view("M8[ns]")
    found = times - clocks.correct(1, times)
    between = (offsets[0] + offsets[1]) / 2
    assert found.astype("i8").tolist()[:-1] == [*offsets.tolist(), offsets[0], offsets[-1]]
    assert abs(found.astype("i8")[-1] - between) <= 1
    assert np.isnat(clocks.correct(1, np.array(["NaT", "2023-11-14"], "M8[ns]"))).tolist() == [True, False]
    assert (clocks.offsets_at(1, times) == found.astype("i8")).all()


def test_a_sample_does_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than is to be kept: pairs stay together."""
    shows = [steady(0), steady(2 * MS), steady(-SECOND)]
    table = rows(by_direction(traffic(1, 1000, 50 * SECOND), 3), shows)
    whole, some = solved(table, 3, 500), solved(table, 3, 500, most_steps=2000, most_sights=1000)
    check(some, shows, near=200 * US)
    assert (whole.to_dict()["sampled"], some.to_dict()["sampled"]) == (False, True)
    assert 100 < some.offsets[1].pairs < whole.offsets[1].pairs / 4


def test_memory_is_bounded_whatever_comes() -> None:
    """Also of packets that were made to have one place in the sample."""
    evidence = Evidence(2, most_steps=1000, most_sights=500)
    table = rows(by_direction(traffic(1, 300, 50 * SECOND), 2), [steady(0), steady(0)])
    table["flow"], table["tcp_seq"], table["tcp_ack"], table["ip_id"], table["payload_len"] = 0, 0, 0, 0, 0
    ports = np.arange(len(table))
    for k in range(20):
        table["sport"] = ports + k
        table["source"] = ports % 2
        evidence.take(table)
    seen = evidence._seen
    assert len(seen.steps.rows()) <= 1000 + 2 * len(table)
    assert len(seen.sights.rows()) <= 500 + len(table)
