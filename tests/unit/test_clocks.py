"""Offsets between clocks: what is found for made-up collectors of which the truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from skewed import (
    ACK,
    HOUR,
    MINUTE,
    MS,
    SECOND,
    START,
    SYN,
    US,
    Packet,
    Sight,
    again,
    by_direction,
    check,
    connection,
    errors,
    rows,
    solved,
    steady,
    traffic,
)
from vxtap.clocks import Evidence

# ---------------------------------------------------------------- clocks that are off


@pytest.mark.parametrize(
    "skew", [0, 1, -7 * US, 2 * MS, -2 * MS, 5 * SECOND, -3 * MINUTE, 7 * HOUR, -400 * 24 * HOUR], ids=str
)
def test_two_collectors_and_each_direction_on_some(skew: int) -> None:
    shows = [steady(0), steady(skew)]
    clocks = solved(rows(by_direction(traffic(1, 60, 50 * SECOND), 2), shows), 2)
    check(clocks, shows)
    assert clocks.offsets[1].conflicts == 0
    assert clocks.offsets[1].drift_ppm == 0
    assert len(clocks.offsets[1].knots) == 1


def test_it_does_not_matter_who_comes_first() -> None:
    shows = [steady(9 * SECOND), steady(-1 * SECOND)]
    table = rows(by_direction(traffic(1, 60, 50 * SECOND), 2), shows)
    there = solved(table, 2)
    for order in (table[::-1], table[np.argsort(table["ts"], kind="stable")]):
        evidence = Evidence(2)
        evidence.take(order[:100])
        evidence.take(order[100:])
        assert evidence.solve().to_dict() == there.to_dict()
    check(there, shows)


def test_the_middle_is_that_of_the_ways_and_the_interval_theirs() -> None:
    """One answer each way is at its fastest: the interval is as wide as both take together."""
    packets = [
        Packet(START, True, SYN, 100, 0),
        Packet(START + 30 * US, False, SYN | ACK, 500, 101),
        Packet(START + 40 * US, True, ACK, 101, 501, 20),
        Packet(START + 90 * US, False, ACK, 501, 121, 5),
    ]
    shows = [steady(0), steady(1 * MS)]
    one = solved(rows([Sight(packet, int(not packet.forth)) for packet in packets], shows), 2).offsets[1]
    assert (one.low_ns, one.offset_ns, one.high_ns) == (990 * US, 1010 * US, 1030 * US)
    assert (one.pairs, one.conflicts) == (3, 0)


@pytest.mark.parametrize("count", [3, 20])
def test_chain(count: int) -> None:
    """Each connection lies on two neighbours: the others are reached over those in between."""
    shows = [steady(int(skew)) for skew in np.random.default_rng(3).integers(-HOUR, HOUR, count)]
    sights = [Sight(one, one.sport % (count - 1) + one.forth) for one in traffic(2, 20 * count, 40 * SECOND)]
    check(solved(rows(sights, shows), count), shows, near=count * 100 * US)


def test_ring_with_one_sided_bounds_only() -> None:
    """Forth on one source, back on the next: no pair bounds itself from both sides, the way around does."""
    shows = [steady(int(skew)) for skew in np.random.default_rng(4).integers(-SECOND, SECOND, 4)]
    packets = [one for one in traffic(2, 80, 40 * SECOND, rounds=0) if one.flags & SYN]
    sights = [Sight(one, (one.sport + (not one.forth)) % 4) for one in packets]
    check(solved(rows(sights, shows), 4), shows, near=2 * MS)


def test_sequence_numbers_wrap() -> None:
    top = (1 << 32) - 1
    packets = [
        Packet(START, True, SYN, top, 0),
        Packet(START + 20 * US, False, SYN | ACK, top - 5, 0),
        Packet(START + 40 * US, True, ACK, 0, top - 4, 20),
        Packet(START + 60 * US, False, ACK, top - 4, 20, 100),
        Packet(START + 70 * US, True, ACK, 20, 95, 1),
    ]
    shows = [steady(0), steady(-3 * MS)]
    one = solved(rows([Sight(packet, int(packet.forth)) for packet in packets], shows), 2).offsets[1]
    assert one.pairs == 4
    check(solved(rows([Sight(packet, int(packet.forth)) for packet in packets], shows), 2), shows)


def test_the_same_ports_in_two_networks_are_two_connections() -> None:
    """What would be an answer an hour before its question, if they were one."""
    packets = connection(np.random.default_rng(1), START, 5000)
    late = [replace(one, time=one.time + HOUR) for one in packets]
    sights = [Sight(one, int(one.forth), vni=1) for one in packets] + [
        Sight(one, int(one.forth), vni=2) for one in late
    ]
    clocks = solved(rows(sights, [steady(0), steady(MS)]), 2)
    check(clocks, [steady(0), steady(MS)], near=MS)
    assert clocks.offsets[1].conflicts == 0


# ---------------------------------------------------------------- clocks that drift


@pytest.mark.parametrize("ppm", [50.0, -50.0, 2.0])
@pytest.mark.parametrize("span", [100 * SECOND, 10 * MINUTE], ids=["100s", "10min"])
def test_drift(ppm: float, span: int) -> None:
    shows = [steady(0), steady(3 * MS, ppm), steady(-9 * SECOND, -ppm / 2)]
    sights = list(by_direction(traffic(5, 800, span), 3))
    table = rows(sights, shows)
    clocks = solved(table, 3)
    check(clocks, shows, time=START + span // 2, near=150 * US)
    for source, wanted in ((1, ppm), (2, -ppm / 2)):
        found = clocks.offsets[source].drift_ppm
        assert found == pytest.approx(wanted, abs=1.0 if span < 5 * MINUTE else 0.2) or (abs(wanted) < 3 and found == 0)
        assert np.abs(errors(table, sights, clocks, shows, source)).max() < 200 * US


def test_knots_reach_over_what_a_source_recorded() -> None:
    shows = [steady(0), steady(0, 50)]
    table = rows(by_direction(traffic(5, 800, 5 * MINUTE), 2), shows)
    early, late = table[table["source"] == 1][[0, -1]].copy()
    early["proto"] = late["proto"] = 17
    early["ts"] -= np.timedelta64(2, "m")
    late["ts"] += np.timedelta64(3, "m")
    clocks = solved(np.concatenate([table, [early, late]]), 2)
    at, offsets = clocks.knots(1)
    assert at[0] <= early["ts"].astype("i8")
    assert at[-1] >= late["ts"].astype("i8")
    assert offsets[-1] - offsets[0] == pytest.approx((at[-1] - at[0]) * 50e-6, rel=0.01)


def test_a_clock_that_is_set_while_it_runs() -> None:
    """A step of 100 ms: right but for the minute in which it lies."""
    step = START + 5 * MINUTE + 20 * SECOND
    shows = [steady(0), lambda time: 3 * MS + 100 * MS * (time > step)]
    sights = list(by_direction(traffic(5, 1500, 10 * MINUTE), 2))
    table = rows(sights, shows)
    off = np.abs(errors(table, sights, solved(table, 2), shows, 1))
    times = np.sort([one.packet.time for one in sights if one.source == 1])
    assert off[np.abs(times - step) > 100 * SECOND].max() < 200 * US
    assert off.max() < 101 * MS


def test_a_clock_that_runs_unevenly() -> None:
    """10 ms to and fro in ten minutes, up to 100 ppm: minute by minute, and the curve in a minute remains."""
    shows = [steady(0), lambda time: 3 * MS + round(10 * MS * np.sin((time - START) / (100 * SECOND)))]
    sights = list(by_direction(traffic(5, 1500, 10 * MINUTE), 2))
    table = rows(sights, shows)
    clocks = solved(table, 2)
    assert len(clocks.offsets[1].knots) > 5
    assert np.abs(errors(table, sights, clocks, shows, 1)).max() < 2 * MS


def test_a_silent_hour_between() -> None:
    """Minutes without bounds are interpolated."""
    packets = traffic(6, 300, 5 * MINUTE)
    packets += [replace(one, time=one.time + HOUR, sport=one.sport + 9000) for one in traffic(7, 300, 5 * MINUTE)]
    shows = [steady(0), steady(SECOND, 20)]
    sights = list(by_direction(packets, 2))
    table = rows(sights, shows)
    clocks = solved(table, 2)
    assert clocks.offsets[1].drift_ppm == pytest.approx(20, abs=0.1)
    assert np.abs(errors(table, sights, clocks, shows, 1)).max() < 200 * US


def test_neighbours_that_are_tied_at_different_times() -> None:
    """0 and 1 share connections early, 1 and 2 late: no minute bounds 2, all of them together do."""
    shows = [steady(0), steady(3 * SECOND), steady(-MINUTE)]
    early = traffic(6, 100, 2 * MINUTE)
    late = [replace(one, time=one.time + 8 * MINUTE, sport=one.sport + 9000) for one in traffic(7, 100, 2 * MINUTE)]
    sights = [Sight(one, int(one.forth)) for one in early] + [Sight(one, 1 + one.forth) for one in late]
    clocks = solved(rows(sights, shows), 3)
    check(clocks, shows, near=2 * MS)
    assert clocks.offsets[2].drift_ppm == 0


# ---------------------------------------------------------------- evidence that is not as it should be


def lossy(packets: list[Packet], seed: int, share: float) -> list[Packet]:
    """Some data are sent again 200 ms later; of as many more only the second sending was captured."""
    rng, found = np.random.default_rng(seed), []
    for one in packets:
        lot = rng.random() if one.length else 1.0
        found += [again(one, 200 * MS)] if lot < share else [one, again(one, 200 * MS)] if lot < 2 * share else [one]
    return found


def test_retransmissions_bound_nothing_wrongly() -> None:
    packets = [
        two for one in traffic(8, 60, 50 * SECOND) for two in ([one, again(one, 250 * MS)] if one.length else [one])
    ]
    shows = [steady(0), steady(-2 * MS)]
    clocks = solved(rows(by_direction(packets, 2), shows), 2)
    check(clocks, shows)
    assert clocks.offsets[1].conflicts == 0


def test_a_retransmission_on_another_source_is_not_taken_for_the_first() -> None:
    """The direction moved to another collector in between: which of the two sights came first is not known."""
    packets = connection(np.random.default_rng(2), START, 5000)
    sights = [Sight(one, int(one.forth)) for one in packets]
    sights += [Sight(again(one, 300 * MS), int(not one.forth)) for one in packets if one.length]
    shows = [steady(0), steady(MS)]
    clocks = solved(rows(sights, shows), 2)
    check(clocks, shows, near=MS)
    assert clocks.offsets[1].conflicts == 0


@pytest.mark.parametrize("topology", ["pair", "chain", "ring"])
def test_false_bounds_are_dropped_and_counted(topology: str) -> None:
    """Where a first transmission is missing, its acknowledgement comes 200 ms before it."""
    packets = lossy(traffic(9, 300, 50 * SECOND), 1, 0.05)
    count = 2 if topology == "pair" else 5
    shows = [steady(int(skew)) for skew in np.random.default_rng(5).integers(-SECOND, SECOND, count)]
    to = {
        "pair": lambda one: int(one.forth),
        "chain": lambda one: one.sport % (count - 1) + one.forth,
        "ring": lambda one: (one.sport + one.forth) % count,
    }[topology]
    clocks = solved(rows([Sight(one, to(one)) for one in packets], shows), count)
    check(clocks, shows, near=count * 100 * US)
    false = sum(one.conflicts for one in clocks.offsets) // 2
    assert 10 <= false <= 150


def test_mirrored_packets_that_overtake_each_other() -> None:
    """Each takes its time to the collector: bounds are false by a little, in numbers."""
    rng = np.random.default_rng(6)
    sights = [
        replace(one, later=int(rng.exponential(60 * US))) for one in by_direction(traffic(9, 300, 50 * SECOND), 2)
    ]
    shows = [steady(0), steady(2 * MS)]
    clocks = solved(rows(sights, shows), 2)
    check(clocks, shows)
    assert clocks.offsets[1].conflicts > 10
    assert clocks.offsets[1].drift_ppm == 0


def test_one_bound_against_one_tells_nothing_and_two_against_one_win() -> None:
    answered = [
        Packet(START, False, ACK, 500, 100, 5),
        Packet(START + 10 * US, True, ACK, 100, 505),
    ]
    again = [
        Packet(START + 20 * US, False, ACK, 505, 100, 5),
        Packet(START + 30 * US, True, ACK, 100, 510),
    ]
    missed = [
        Packet(START + 40 * US, False, ACK, 510, 220),  # acknowledges what is seen later only
        Packet(START + 300 * MS, True, ACK, 200, 510, 20),
    ]
    for packets, pairs, conflicts in (([*answered, *missed], 2, 2), ([*answered, *again, *missed], 3, 1)):
        sights = [Sight(packet, int(packet.forth)) for packet in packets]
        one = solved(rows(sights, [steady(0), steady(0)]), 2).offsets[1]
        assert (one.known, one.pairs, one.conflicts) == (False, pairs, conflicts)
