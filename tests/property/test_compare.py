"""Comparing a source with its mirror: random loss, segmentation, retransmission, reordering, skew and wrap-around."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import mirrored
import vxtap
from mirrored import GAP, MS, T0, Traffic
from vxtap.streams import sweep

SEEDS = st.integers(0, 2**32)
SKEWS = st.sampled_from([0, -3 * MS, 90 * 10**9, -600 * 10**9, 7])
LOSSES = st.sampled_from([0.0, 0.02, 0.3, 0.9])
# Longer than data may be late: two losses of one packet, sent twice, look like a delay of it.
QUIET = 60 * MS
STEPS = st.integers(1, 120)


def found_of(comparison: vxtap.Comparison) -> mirrored.Expected:
    """The library's findings as those of the reference."""
    found = mirrored.Expected()
    told = comparison.to_dict()
    for name in ("source_bytes", "mirror_bytes", "missing_bytes", "only_mirror_bytes"):
        found.tcp[name] = told["tcp"][name]
    found.tcp["source_repeated"] = comparison.source_repeated
    found.tcp["mirror_repeated"] = comparison.mirror_repeated
    for name in ("matched", "only_source", "only_mirror"):
        found.packets[name] = told["packets"][name]
    found.missing = [(int(row["seq"]), int(row["length"])) for row in comparison.missing]
    return found


def assert_found(comparison: vxtap.Comparison, wanted: mirrored.Expected) -> None:
    found = found_of(comparison)
    assert +found.tcp == +wanted.tcp
    assert +found.packets == +wanted.packets
    assert sorted(found.missing) == sorted(wanted.missing)
    assert comparison.complete == (not wanted.missing and not wanted.packets["only_source"])
    for side in ("source_bytes", "mirror_bytes", "missing_bytes", "source_repeated", "mirror_repeated"):
        assert comparison.connections[side].sum() == getattr(comparison, side)
    assert comparison.missing["length"].sum() == comparison.missing_bytes
    assert (comparison.missing["first"] <= comparison.missing["last"]).all()


def anchored(rng: random.Random, steps: int) -> Traffic:
    """Traffic with some packets at its begin and end that are never lost, so that delays are known."""
    traffic = Traffic(rng)
    for part in (0, steps, 0):
        for _ in range(0 if part else 3):
            traffic.datagram(alike=False)
        traffic.work(part)
        traffic.now += QUIET
    return traffic


def keep_anchors(traffic: Traffic) -> None:
    for one in (*traffic.sent[:3], *traffic.sent[-3:]):
        one.seen, one.mirrored = True, [True]


@settings(max_examples=2 * settings().max_examples)
@given(SEEDS, STEPS, LOSSES, LOSSES, SKEWS)
def test_reference(seed: int, steps: int, loss: float, own_loss: float, skew: int) -> None:
    traffic = anchored(random.Random(seed), steps)
    mirrored.lose(traffic, loss, own_loss)
    keep_anchors(traffic)
    begin, end = T0 - QUIET, traffic.now + QUIET
    source, mirror = mirrored.captures(traffic, skew, begin, end)
    found = vxtap.compare(source, mirror)
    assert_found(found, mirrored.expected(traffic, begin, end))
    assert found.mirror.elsewhere == 2
    assert found.source.outside == 0
    (delay,) = found.delays
    assert 20_000 <= int(delay["median"].astype(int)) - skew <= 205_000  # the others may be of two that are alike


@given(SEEDS, STEPS, LOSSES, SKEWS)
def test_a_mirror_that_begins_later_and_ends_earlier(seed: int, steps: int, loss: float, skew: int) -> None:
    """What it was not there for is no loss."""
    traffic = Traffic(random.Random(seed))
    parts = []
    for _ in range(3):
        parts.append(len(traffic.sent))
        for _ in range(3):
            traffic.datagram(alike=False)
        traffic.work(steps)
        traffic.now += 2 * GAP
    mirrored.lose(traffic, loss, 0.0)
    begin, end = (traffic.sent[parts[i]].ts - GAP for i in (1, 2))
    for number, one in enumerate(traffic.sent):
        if not parts[1] <= number < parts[2]:
            one.mirrored = [False] * len(one.mirrored)
    for one in traffic.sent[parts[1] : parts[1] + 3]:
        one.mirrored = [True]
    found = vxtap.compare(*mirrored.captures(traffic, skew, begin, end))
    assert_found(found, mirrored.expected(traffic, begin, end))


@given(SEEDS, STEPS, LOSSES)
def test_order_and_sources_do_not_matter(seed: int, steps: int, loss: float) -> None:
    """The mirror in one capture, or over two collectors with clocks of their own."""
    rng = random.Random(seed)
    traffic = anchored(rng, steps)
    mirrored.lose(traffic, loss, 0.0)
    keep_anchors(traffic)
    begin, end = T0 - GAP, traffic.now + GAP
    wanted = mirrored.expected(traffic, begin, end)
    chosen = [[rng.random() < 0.5 for _ in one.mirrored] for one in traffic.sent]
    for i in (0, -1):
        chosen[i] = [True]
    for i in (1, -2):
        chosen[i] = [False]
    kept = [one.mirrored for one in traffic.sent]
    captures = []
    for collector, skew in ((True, 40 * MS), (False, -70 * 10**9)):
        for one, there, which in zip(traffic.sent, kept, chosen, strict=True):
            one.mirrored = [a and b == collector for a, b in zip(there, which, strict=True)]
        source, mirror = mirrored.captures(traffic, skew, begin, end)
        captures.append(mirror)
    found = vxtap.compare(source, captures)
    assert_found(found, wanted)
    assert found.delays["source"].tolist() == [0, 1]


RANGES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10), st.integers(0, 1)), max_size=12)


@given(RANGES)
def test_sweep(ranges: list[tuple[int, int, int]]) -> None:
    """Each piece lies over as many ranges as each of its bytes."""
    start, length, kind = (np.array([each[i] for each in ranges], np.int64) for i in range(3))
    line = sweep(start, start + length, [kind == 0, kind == 1])
    wanted = [[sum(s <= at < s + n and k == side for s, n, k in ranges) for at in range(41)] for side in (0, 1)]
    found = np.zeros((2, 41), np.int64)
    for at, size, *depths in zip(line.at, line.length, *line.depths, strict=True):
        assert size > 0
        found[:, at : at + size] = np.array(depths)[:, None]
    assert found.tolist() == wanted
