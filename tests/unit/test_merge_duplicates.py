"""Duplicates by vantage point: what is kept is what was sent, no more and no less, and the report tells of the rest."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

import oracle_merge
from build import NANO, TCP, eth, ipv4, pcap, tcp, udp, vxlan
from collectors import START, US, World
from merged import assert_sums, merge, oracle_rows, pairs, rows_of, vantage
from scenarios import SCENARIOS, Scenario

SEEDS = range(3)
REPEATING = [name for name, scenario in SCENARIOS.items() if scenario.repeats]
OUTER_A, OUTER_B = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])


def counted(world: World, packets: Any) -> Counter[Any]:
    """How often each packet that was sent is among some inner frames, given as (data, length on the wire)."""
    return Counter(world.keys[data, wirelen] for data, wirelen in packets)


# ---------------------------------------------------------------- generated traffic


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_kept_is_what_was_sent(name: str, seed: int) -> None:
    scenario = SCENARIOS[name]
    world = scenario.world(seed)
    done = merge(world.sources, dedup=scenario.dedup)
    assert done.error is None
    packets = done.packets
    assert counted(world, ((packet.data, packet.wirelen) for packet in packets)) == world.count()
    assert done.times == sorted(done.times)
    assert (done.report.written, done.report.decapsulated, done.report.late) == (len(world.sent), world.sights, 0)
    assert_sums(done.report, len(world.sources))


@pytest.mark.parametrize("name", SCENARIOS)
def test_which_are_kept(name: str) -> None:
    """The very sights that the rule keeps, at their times; and the same as rows, in batches of any size."""
    scenario = SCENARIOS[name]
    world = scenario.world(77)
    wanted = oracle_merge.dedup(oracle_rows(world.sources), scenario.within)
    done = merge(world.sources, dedup=scenario.dedup)
    kept = [(row["ts"], row["inner"], row["wirelen"]) for row in wanted.kept]
    assert [(packet.ns, packet.data, packet.wirelen) for packet in done.packets] == kept
    for size in (1, 7, 1 << 16):
        rows, report = rows_of(world.sources, size, dedup=scenario.dedup)
        mine = zip(rows["source"].tolist(), rows["frame"].tolist(), strict=True)
        assert list(mine) == [(row["source"], row["frame"]) for row in wanted.kept]
        assert (report.written, report.duplicates) == (len(wanted.kept), len(wanted.dropped))


@pytest.mark.parametrize("name", SCENARIOS)
def test_pairs_and_delays(name: str) -> None:
    """Whose sights were kept and whose were dropped; delays from the one to the other."""
    scenario = SCENARIOS[name]
    world = scenario.world(5)
    wanted = oracle_merge.dedup(oracle_rows(world.sources), scenario.within)
    report = merge(world.sources, dedup=scenario.dedup).report
    assert pairs(report) == oracle_merge.pairs(wanted)
    for pair in report.pairs:
        delays = sorted(wanted.delays[vantage(pair.first), vantage(pair.second)])
        assert (pair.delay.min, pair.delay.max) == (delays[0], delays[-1])
        for found, share in ((pair.delay.median, 0.5), (pair.delay.p99, 0.99)):
            # Nobody can keep all of them: about right is right.
            low, high = (np.quantile(delays, share, method=method) for method in ("lower", "higher"))
            assert low - abs(low) / 20 - US <= found <= high + abs(high) / 20 + US
    assert json.loads(json.dumps(report.to_dict()))["duplicates"] == len(wanted.dropped)


@pytest.mark.parametrize("name", SCENARIOS)
def test_off_by_default(name: str) -> None:
    world = SCENARIOS[name].world(0)
    done = merge(world.sources)
    assert len(done.packets) == done.report.written == done.report.decapsulated == world.sights
    assert (done.report.duplicates, done.report.pairs) == (0, [])
    rows = oracle_rows(world.sources)
    assert [packet.data for packet in done.packets] == [row["inner"] for row in rows]


# ---------------------------------------------------------------- the rule by itself


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_the_rule_keeps_what_was_sent(scenario: Scenario) -> None:
    """Without any of the library: were the rule wrong, agreeing with it would prove nothing."""
    for seed in range(10):
        world = scenario.world(seed)
        rows = oracle_rows(world.sources)
        assert len(rows) == world.sights
        kept = oracle_merge.dedup(rows, scenario.within).kept
        assert counted(world, ((row["inner"], row["wirelen"]) for row in kept)) == world.count()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", REPEATING)
def test_without_vantage_points_packets_are_lost(name: str, seed: int) -> None:
    """The rule that everybody writes first drops packets that were sent twice, in each of these."""
    scenario = SCENARIOS[name]
    world = scenario.world(seed)
    kept = oracle_merge.naive(oracle_rows(world.sources), scenario.within)
    assert len(kept) < len(world.sent)


def test_scenarios_are_what_they_say() -> None:
    """Sights are missing where they should be, duplicates are there, and repeats are of each kind."""
    assert len(REPEATING) > 12
    for name, scenario in SCENARIOS.items():
        world = scenario.world(0)
        assert len(world.sent) < world.sights <= len(world.sent) * len(scenario.taps)
        assert (world.sights < len(world.sent) * len(scenario.taps)) == bool(scenario.how.get("loss")), name
        assert not scenario.repeats or max(world.count().values()) > 1


# ---------------------------------------------------------------- one pair of packets at a time


def sight(inner: bytes, outer: bytes = OUTER_A, vni: int = 7) -> bytes:
    """A frame as a tap mirrored it."""
    return eth(ipv4(udp(vxlan(inner, vni)), src=outer))


def seen(*sights: tuple[int, bytes], snaplen: int = 0) -> bytes:
    """A capture of frames at some times after the start."""
    cut = [(START + ts, frame[: snaplen or len(frame)], len(frame)) for ts, frame in sights]
    return pcap(cut, magic=NANO)


def kept(one: bytes, other: bytes, *, after: int = US, **how: Any) -> int:
    """How many remain of two inner frames that two taps saw, each in a capture of its own."""
    return merge([seen((0, sight(one))), seen((after, sight(other, OUTER_B)))], **{"dedup": "2ms"} | how).report.written


PACKET = eth(ipv4(tcp(b"data", seq=1000, ack=2000), TCP, ident=7))
CHANGED_BY_ROUTERS = {
    "nothing": PACKET,
    "MAC": eth(ipv4(tcp(b"data", seq=1000, ack=2000), TCP, ident=7), src=bytes(6), dst=bytes(6)),
    "TTL": eth(ipv4(tcp(b"data", seq=1000, ack=2000), TCP, ident=7, ttl=3)),
    "DSCP and ECN": eth(ipv4(tcp(b"data", seq=1000, ack=2000), TCP, ident=7, tos=0xFF)),
    "IP checksum": PACKET[:24] + b"\x12\x34" + PACKET[26:],
    "L4 checksum": PACKET[:50] + b"\x12\x34" + PACKET[52:],
    "padding": PACKET.ljust(60, b"\xee"),
    "a VLAN tag": eth(ipv4(tcp(b"data", seq=1000, ack=2000), TCP, ident=7), tags=[(0x8100, 5)]),
}
OTHER_PACKETS = {
    "source": eth(ipv4(tcp(b"data", seq=1000, ack=2000), TCP, ident=7, src=bytes([10, 0, 0, 9]))),
    "destination": eth(ipv4(tcp(b"data", seq=1000, ack=2000), TCP, ident=7, dst=bytes([10, 0, 0, 9]))),
    "protocol": eth(ipv4(tcp(b"data", seq=1000, ack=2000), 99, ident=7)),
    "IP id": eth(ipv4(tcp(b"data", seq=1000, ack=2000), TCP, ident=8)),
    "source port": eth(ipv4(tcp(b"data", 1, seq=1000, ack=2000), TCP, ident=7)),
    "destination port": eth(ipv4(tcp(b"data", dport=1, seq=1000, ack=2000), TCP, ident=7)),
    "sequence number": eth(ipv4(tcp(b"data", seq=1001, ack=2000), TCP, ident=7)),
    "acknowledgement": eth(ipv4(tcp(b"data", seq=1000, ack=2001), TCP, ident=7)),
    "flags": eth(ipv4(tcp(b"data", seq=1000, ack=2000, flags=0x10), TCP, ident=7)),
    "window": eth(ipv4(tcp(b"data", seq=1000, ack=2000, window=513), TCP, ident=7)),
    "urgent pointer": PACKET[:52] + b"\0\1" + PACKET[54:],
    "options": eth(ipv4(tcp(b"data", seq=1000, ack=2000, options=b"\1\1\1\1"), TCP, ident=7)),
    "length": eth(ipv4(tcp(b"data!", seq=1000, ack=2000), TCP, ident=7)),
    "last byte": eth(ipv4(tcp(b"dat!", seq=1000, ack=2000), TCP, ident=7)),
    "first byte": eth(ipv4(tcp(b"!ata", seq=1000, ack=2000), TCP, ident=7)),
}


@pytest.mark.parametrize("other", CHANGED_BY_ROUTERS.values(), ids=CHANGED_BY_ROUTERS)
def test_what_does_not_count(other: bytes) -> None:
    assert kept(PACKET, other) == kept(other, PACKET) == 1


@pytest.mark.parametrize("other", OTHER_PACKETS.values(), ids=OTHER_PACKETS)
def test_what_counts(other: bytes) -> None:
    assert kept(PACKET, other) == kept(other, PACKET) == 2
    assert kept(other, other) == 1


def test_tcp_options_count() -> None:
    """Not only that there are some: their bytes."""
    one, other = (eth(ipv4(tcp(b"data", options=bytes([8, 10, *[n] * 8, 1, 1])), TCP)) for n in (1, 2))
    assert (kept(one, other), kept(one, one)) == (2, 1)
