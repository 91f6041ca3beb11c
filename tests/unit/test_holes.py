"""Which silences are holes: by what a source did before and after."""

from __future__ import annotations

import numpy as np
import pytest

from vxtap import holes
from vxtap.holes import Holes

SECOND = 10**9
ORIGIN = (bytes(10) + b"\xff\xff\x0a\x00\x00\x01", 7)
OTHER = (ORIGIN[0], 8)


def regular(begin: float, end: float, step: float) -> np.ndarray:
    return np.arange(begin, end, step)


def judged(*times: np.ndarray, gap: float = 5, batches: int = 1) -> Holes:
    """The silences of sources with these times, in seconds."""
    found = Holes(round(gap * SECOND))
    all_of_them = np.concatenate(times)
    origins = np.concatenate([np.full(one.size, i) for i, one in enumerate(times)])
    order = np.argsort(all_of_them, kind="stable")
    ns = np.round(all_of_them * SECOND).astype(np.int64).view("M8[ns]")
    for part in np.array_split(order, batches):
        found.take(origins[part], ns[part])
    return found


def seconds(found: Holes) -> list[tuple[int, float, float]]:
    rows, more = found.rows([ORIGIN, OTHER])
    assert more == 0
    return [(row["vni"], row["begin"][17:19], round(row["seconds"], 2)) for row in rows]


@pytest.mark.parametrize("batches", [1, 7])
def test_a_hole_of_a_busy_source(batches: int) -> None:
    times = np.concatenate([regular(0, 30, 0.05), regular(40, 70, 0.05)])
    assert seconds(judged(times, batches=batches)) == [(7, "29", 10.05)]


def test_what_is_told_of_it() -> None:
    times = np.concatenate([regular(0, 30, 0.05), regular(40, 70, 0.05)])
    row = judged(times).rows([ORIGIN])[0][0]
    assert row["outer_src"] == "10.0.0.1"
    assert row["begin"] == "1970-01-01T00:00:29.950000000Z"
    assert row["end"] == "1970-01-01T00:00:40.000000000Z"
    assert row["usual_seconds"] == pytest.approx(0.05)
    assert row["bursts_per_second"] == pytest.approx(4, rel=0.05)  # packets within 0.25 s are one


def test_shorter_than_the_gap_is_none() -> None:
    times = np.concatenate([regular(0, 30, 0.05), regular(34, 60, 0.05)])
    assert seconds(judged(times)) == []
    assert len(seconds(judged(times, gap=3))) == 1


@pytest.mark.parametrize("step", [6, 10, 20])
def test_a_keep_alive_has_none(step: float) -> None:
    assert seconds(judged(regular(0, 3600, step))) == []
    missed = np.delete(regular(0, 3600, step), [50, 51])
    assert seconds(judged(missed)) == []


def test_a_few_packets_are_no_evidence() -> None:
    assert seconds(judged(np.array([0, 0.1, 0.2, 30, 30.1]))) == []


def test_bursts_now_and_then_have_none() -> None:
    """Every half minute a few seconds of dense traffic: that is how this source is."""
    random = np.random.default_rng(5)
    begins = np.cumsum(random.uniform(15, 40, 60))
    times = np.concatenate([regular(begin, begin + 3, 0.01) for begin in begins])
    assert seconds(judged(times)) == []


def test_but_a_hole_that_is_long_even_for_them() -> None:
    random = np.random.default_rng(5)
    begins = np.cumsum(random.uniform(15, 40, 60))
    begins[30:] += 300
    times = np.concatenate([regular(begin, begin + 3, 0.01) for begin in begins])
    assert [round(row[2], -2) for row in seconds(judged(times))] == [300]


def test_one_burst_of_many_packets_is_not_taken_for_a_rate() -> None:
    """A thousand packets at once, and then now and then one."""
    times = np.concatenate([regular(0, 0.01, 0.00001), regular(7, 300, 7)])
    assert seconds(judged(times)) == []


@pytest.mark.parametrize("seed", range(5))
def test_chance_makes_none(seed: int) -> None:
    """Poisson traffic at rates at which silences above the gap come by themselves."""
    random = np.random.default_rng(seed)
    for rate in (0.2, 0.5, 1, 3, 30):
        times = np.cumsum(random.exponential(1 / rate, 5000))
        assert seconds(judged(times)) == []


def test_several_holes_the_longest_first() -> None:
    times = np.concatenate([regular(0, 20, 0.1), regular(30, 50, 0.1), regular(70, 90, 0.1), regular(97, 120, 0.1)])
    assert [row[2] for row in seconds(judged(times))] == [20.1, 10.1, 7.1]


def test_sources_are_told_apart() -> None:
    with_hole = np.concatenate([regular(0, 30, 0.05), regular(45, 70, 0.05)])
    found = judged(with_hole, regular(0, 70, 0.05))
    assert seconds(found) == [(7, "29", 15.05)]
    assert seconds(judged(regular(0, 70, 0.05), with_hole)) == [(8, "29", 15.05)]


def test_what_one_collector_lacks_another_has() -> None:
    """The same source at two collectors is one."""
    first = np.concatenate([regular(0, 30, 0.05), regular(45, 70, 0.05)])
    found = Holes(5 * SECOND)
    times = np.sort(np.concatenate([first, regular(29, 46, 0.05)]))
    found.take(np.zeros(times.size, np.int64), (times * SECOND).astype(np.int64).view("M8[ns]"))
    assert seconds(found) == []


def test_out_of_order_and_without_a_time() -> None:
    times = np.concatenate([regular(0, 30, 0.05), regular(40, 70, 0.05)])
    ns = (times * SECOND).astype(np.int64)
    ns[10], ns[11] = ns[11], ns[10]
    stamps = ns.view("M8[ns]").copy()
    stamps[5] = np.datetime64("NaT")
    found = Holes(5 * SECOND)
    found.take(np.where(np.arange(times.size) == 3, -1, 0), stamps)
    assert len(seconds(found)) == 1
    found.take(np.array([-1]), np.array(["NaT"], "M8[ns]"))
    assert len(seconds(found)) == 1


def test_begins_and_ends() -> None:
    found = judged(regular(0, 100, 0.05), regular(30, 60, 0.05))
    rows, more = found.edges([ORIGIN, OTHER])
    assert more == 0
    assert [(row["what"], row["vni"], round(row["seconds"])) for row in rows] == [("begins", 8, 30), ("ends", 8, 40)]
    assert rows[1]["end"] == "1970-01-01T00:01:39.950000000Z"


def test_sources_that_say_little_have_no_edges() -> None:
    found = judged(regular(0, 100, 0.05), regular(30, 60, 10))
    assert found.edges([ORIGIN, OTHER]) == ([], 0)
    assert Holes(SECOND).edges([]) == ([], 0)
    assert Holes(SECOND).rows([]) == ([], 0)


def test_only_so_many_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holes, "MOST_LISTED", 2)
    times = np.concatenate([regular(0, 20, 0.1), regular(30, 50, 0.1), regular(70, 90, 0.1), regular(97, 120, 0.1)])
    rows, more = judged(times).rows([ORIGIN])
    assert [round(row["seconds"]) for row in rows] == [20, 10]
    assert more == 1


def test_memory_is_bounded() -> None:
    """Of a source only its longest silences are kept, however many it has."""
    random = np.random.default_rng(2)
    times = np.cumsum(random.uniform(0, 20, 20_000))
    found = judged(times, batches=10)
    kept = found._sources[0].longest()
    lengths = np.sort(np.diff(np.round(times * SECOND).astype(np.int64)))[::-1]
    assert len(kept) == 64
    assert [length for _, length in kept] == lengths[:64].tolist()


START = 1_760_000_000 * SECOND


@pytest.mark.parametrize("wrong", [0, 365 * 86400 * SECOND])
@pytest.mark.parametrize("place", [0, 1, 500, 998, 999])
def test_a_single_wrong_time_is_no_hole(wrong: int, place: int) -> None:
    """A clock that broke once, before 1970 or in a year to come, at the beginning, within, or at the end."""
    times = [START + i * SECOND // 10 for i in range(1000)]
    times[place] = wrong and START + wrong
    for size in (1, 7, 1000):
        found = Holes(5 * SECOND)
        for at in range(0, 1000, size):
            part = np.array(times[at : at + size], "M8[ns]")
            found.take(np.zeros(part.size, np.int64), part)
        assert found.rows([ORIGIN]) == ([], 0)
        assert found.edges([ORIGIN]) == ([], 0)
