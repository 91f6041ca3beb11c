"""Offsets between clocks by packets that several collectors have seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from skewed import (
    CLIENT,
    FABRIC,
    MINUTE,
    MS,
    SECOND,
    SERVER,
    US,
    Packet,
    Sight,
    check,
    errors,
    rows,
    solved,
    steady,
    traffic,
)


def both_ends(packets: list[Packet], *, ttl: bool, outer: bool, way: int = 300 * US, jitter: int = 20) -> list[Sight]:
    """Client and server are tapped, each to a collector of its own; in between is a way, with a router or without."""
    rng = np.random.default_rng(7)
    found = []
    for one in packets:
        for source, host in ((0, CLIENT), (1, SERVER)):
            far = one.forth == (source == 1)
            later = way * far + int(rng.exponential(jitter * US))
            tap = host if outer else FABRIC[:-1] + bytes([source])
            found.append(Sight(one, source, later, source, tap, 64 - (ttl and far)))
    return found


@pytest.mark.parametrize("ttl", [True, False])
@pytest.mark.parametrize("outer", [True, False])
@pytest.mark.parametrize("proto", [6, 17])
def test_both_ends_tapped(ttl: bool, outer: bool, proto: int) -> None:
    """TTL, the tunnel's source, or else both directions together tell who is nearer to the sender."""
    packets = traffic(5, 50, 50 * SECOND, ways=(700 * US, 50 * US))
    if proto == 17:
        packets = [replace(one, proto=17, flags=0, seq=0, ack=0) for one in packets]
    shows = [steady(0), steady(40 * MINUTE)]
    clocks = solved(rows(both_ends(packets, ttl=ttl, outer=outer), shows), 2)
    check(clocks, shows)
    one = clocks.offsets[1]
    assert one.low_ns is not None
    assert one.high_ns is not None
    assert 300 * US < one.high_ns - one.low_ns < 700 * US
    assert one.conflicts == 0


def test_both_ends_tapped_with_drift_and_nothing_else_to_tell() -> None:
    """In the whole time the differences of both directions overlap by far; neighbours tell all the same."""
    packets = [replace(one, proto=17, flags=0) for one in traffic(5, 400, 10 * MINUTE, ways=(700 * US, 50 * US))]
    shows = [steady(0), steady(MS, -50)]
    sights = both_ends(packets, ttl=False, outer=False)
    table = rows(sights, shows)
    clocks = solved(table, 2)
    assert clocks.offsets[1].drift_ppm == pytest.approx(-50, abs=0.5)
    assert np.abs(errors(table, sights, clocks, shows, 1)).max() < 250 * US


def test_one_direction_only_and_nothing_tells_the_order() -> None:
    """About what is observed, and honest about it."""
    packets = [replace(one, proto=17, flags=0) for one in traffic(5, 50, 50 * SECOND) if one.forth]
    shows = [steady(0), steady(7 * MS)]
    clocks = solved(rows(both_ends(packets, ttl=False, outer=False), shows), 2)
    check(clocks, shows, near=500 * US)
    one = clocks.offsets[1]
    assert one.low_ns is not None
    assert one.high_ns is not None
    assert one.high_ns - one.low_ns > 1 * MS


def test_what_is_seen_twice_by_one_source_or_has_no_identification_tells_nothing() -> None:
    packets = [replace(one, proto=17, flags=0, seq=0, ack=0) for one in traffic(5, 20, 20 * SECOND)]
    for made in (
        both_ends([replace(one, ip_id=0) for one in packets], ttl=True, outer=True),
        [two for one in both_ends(packets, ttl=True, outer=True) for two in (one, replace(one, later=one.later + MS))],
    ):
        assert solved(rows(made, [steady(0), steady(0)]), 2).unknown == [0, 1]


def test_a_packet_at_many_collectors() -> None:
    """Ten routers in a row, a collector at each."""
    rng = np.random.default_rng(8)
    shows = [steady(int(skew)) for skew in rng.integers(-SECOND, SECOND, 10)]
    sights = [
        Sight(one, at, (at if one.forth else 9 - at) * 100 * US, ttl=64 - (at if one.forth else 9 - at))
        for one in traffic(5, 40, 20 * SECOND, ways=(2 * MS, 2 * MS))
        for at in range(10)
    ]
    check(solved(rows(sights, shows), 10), shows, near=100 * US)
