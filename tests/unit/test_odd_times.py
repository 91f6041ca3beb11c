"""Times that no clock shows, recordings that take weeks, and durations beyond all measure."""

from __future__ import annotations

import numpy as np
import pytest

import vxtap
from build import IP_A, IP_B, TCP, UDP, Pcapng, eth, ipv4, pcap, tcp, udp, vxlan
from vxtap.constraints import Bounds
from vxtap.timelines import trace

T0 = 1_700_000_000_000_000_000
US, MS = 1_000, 1_000_000
DAY = 86_400_000_000_000
BROKEN = [0, 5, T0, (1 << 63) - 2, (1 << 63) - 1]  # ticks of a nanosecond, from 1970 to 2262


def inner(number: int) -> bytes:
    return eth(ipv4(tcp(b"data", seq=4 * number), TCP, src=IP_A, dst=IP_B, ident=number))


def outer(number: int) -> bytes:
    return eth(ipv4(udp(vxlan(inner(number)))))


def broken(offset: int, *, plain: bool = False) -> bytes:
    """A packet at each of the times, `offset` seconds later."""
    file = Pcapng().idb(tsresol=9, tsoffset=offset)
    for number, tick in enumerate(BROKEN):
        file.epb(inner(number) if plain else outer(number), tick)
    return bytes(file)


@pytest.mark.parametrize("offset", [0, -9_223_372_036], ids=["1970 to 2262", "1677 to 1970"])
@pytest.mark.parametrize("sources", [2, 3])
def test_clocks_of_broken_times(offset: int, sources: int) -> None:
    with vxtap.merge([broken(offset)] * sources, align=True, window="10m") as merged:
        count = sum(len(batch) for batch in merged.batches())
        assert merged.report.written == count == sources * len(BROKEN)


def test_clocks_of_broken_times_beside_sound_ones() -> None:
    """What two sources say at sound times counts, whatever else they show."""
    late = [(T0 + number * MS, outer(number)) for number in range(10, 40)]
    file = Pcapng().idb(tsresol=9)
    for ts, frame in [*late, ((1 << 63) - 1, outer(99))]:
        file.epb(frame, ts + 3 * MS if ts < 1 << 62 else ts)
    clocks = vxtap.merge([pcap(late, magic=0xA1B23C4D), bytes(file)], align=True).report.offsets
    assert [one["known"] for one in clocks] == [True, True]
    assert clocks[1]["low_ns"] <= 3 * MS <= clocks[1]["high_ns"]


@pytest.mark.parametrize("offset", [0, -9_223_372_036], ids=["1970 to 2262", "1677 to 1970"])
def test_comparison_of_broken_times(offset: int) -> None:
    found = vxtap.compare(broken(offset, plain=True), broken(offset))
    assert found.complete
    assert found.to_dict()["tcp"]["missing_bytes"] == 0


@pytest.mark.parametrize("days", [1, 30, 300])
def test_clocks_of_a_recording_that_takes_weeks(days: int) -> None:
    """The more bounds, the more minutes: times a month in nanoseconds, that is more than 64 bits."""
    rng, count = np.random.default_rng(days), 100_000
    time = T0 + np.sort(rng.integers(0, days * DAY, count))
    ahead = np.rint(5 * MS * np.sin(2 * np.pi * (time - T0) / (days * DAY))).astype(np.int64)
    forth, took = rng.random(count) < 0.5, rng.integers(10 * US, 300 * US, count)
    before = np.where(forth, time, time + ahead)
    after = time + took + np.where(forth, ahead, 0)
    bounds = Bounds(np.where(forth, 0, 1), np.where(forth, 1, 0), before, after - before)
    line = trace(2, bounds, time[[0, 0]], time[[-1, -1]]).lines[1]
    assert line is not None
    found = np.interp(time, line.times, line.offsets)
    assert np.abs(found - ahead).max() < 300 * US


def test_packets_without_a_time_do_not_hide_that_the_rest_is_out_of_order() -> None:
    said = [eth(ipv4(udp(b"question", 1000, 2000), src=IP_A, dst=IP_B))]
    said += [eth(ipv4(udp(b"answer", 2000, 1000), src=IP_B, dst=IP_A)), inner(0)]
    rows = vxtap.read(pcap([(T0 + at * MS, frame) for at, frame in enumerate(said)]), tunnels="none")
    rows["ts"][2] = np.datetime64("NaT")
    found = vxtap.flows(rows[[1, 2, 0]])
    assert (found["proto"] == UDP).tolist() == [True, False]
    assert vxtap.format_ip(found["src"][:1]).tolist() == ["10.0.0.1"]


@pytest.mark.parametrize("name", ["window", "dedup"])
def test_a_duration_beyond_all_measure_is_as_good_as_the_longest(name: str) -> None:
    captures = [pcap([(T0 + place, outer(number)) for number in range(3)]) for place in (0, US)]
    how = {"dedup": "2ms", name: "999999999999h"}
    with vxtap.merge(captures, **how) as merged:  # type: ignore[arg-type]
        assert sum(len(batch) for batch in merged.batches()) == 3
        assert merged.report.duplicates == 3


def test_other_durations_beyond_all_measure() -> None:
    rows = pcap([(T0 + number * DAY, outer(number)) for number in range(3)])
    assert len(vxtap.flows(rows, idle="999999999999h")) == 1
    assert vxtap.health(rows, gap="999999999999h").holes == []
