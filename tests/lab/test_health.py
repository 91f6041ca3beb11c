"""What `vxtap.health` says of captures whose making is known (tests/data/README.md), bundled ones and the lab's."""

from __future__ import annotations

from typing import Any

import pytest

import vxtap
from compare import DATA, LAB

needs_lab = pytest.mark.skipif(not LAB.is_dir(), reason="the lab's captures are not beside the checkout (VXTAP_LAB)")


def bundled(*names: str, **how: Any) -> vxtap.Health:
    return vxtap.health([DATA / f"{name}.pcap" for name in names], **how)


def of_lab(*names: str, **how: Any) -> vxtap.Health:
    return vxtap.health([LAB / f"{name}.pcap" for name in names], **how)


def names(health: vxtap.Health) -> list[str]:
    return [finding["finding"] for finding in health.findings]


def test_one_page() -> None:
    """01: twelve packets of TCP, and six ICMP errors since nobody listened."""
    health = bundled("01-curl-nva1")
    assert names(health) == ["unreachables"]
    assert health.unreachables == 6
    assert health.conversations["payload"] == 681


def test_two_collectors() -> None:
    """02: the balancer spread 33 of 60 connections over both."""
    health = bundled("02-lb-asym-nva1", "02-lb-asym-nva2")
    assert (health.conversations["count"], health.conversations["split"]) == (60, 33)
    assert health.one_way["count"] == 0
    assert [row["packets"] for row in health.collectors] == [337, 383]
    assert health.problems == []


@pytest.mark.parametrize("name", ["02-lb-asym-nva1", "02-lb-asym-nva2"])
def test_one_of_two_collectors(name: str) -> None:
    """Each of those connections has one direction here, and the other is known to exist."""
    health = bundled(name)
    assert health.one_way["count"] == health.one_way["answered"] == 33
    assert [finding["finding"] for finding in health.problems] == ["one_way"]


def test_a_snaplen() -> None:
    """09: snaplen 96 leaves 40 bytes of an inner frame, with ports and no more of TCP."""
    health = bundled("09-snap96-nva1")
    assert [finding["finding"] for finding in health.problems] == ["truncated"]
    assert health.truncation == {"frames": 147, "longest": 40, "headers": 147, "malformed": 0}
    assert health.collectors[0]["snaplen"] == 96


def test_egress_only() -> None:
    """14: only what the machine sent was mirrored; its peer's addresses and MACs are in all frames as well."""
    health = bundled("14-egress-only-nva1")
    assert [finding["finding"] for finding in health.problems] == ["one_way"]
    assert (health.one_way["share"], health.one_way["answered"]) == (1.0, 2)
    assert {(row["src"], row["dst"]) for row in health.one_way["top"]} == {("10.90.0.36", "10.90.0.38")}


def test_a_bridge() -> None:
    """15: every datagram twice, on interfaces 2 and 3."""
    health = bundled("15-dup-bridge-nva1")
    assert (health.report.decapsulated, health.second_sights) == (12, 17)
    assert names(health) == ["unreachables", "second_sights"]


def test_a_vxlan_device() -> None:
    """16: the inner frames once more, bare."""
    assert names(bundled("16-dup-vxlandev-nva1")) == ["others"]


def test_a_pipe_that_was_cut() -> None:
    assert [finding["finding"] for finding in bundled("17-pipe-cut-nva1").problems] == ["cut_tail"]


def test_a_filter_that_loses_fragments() -> None:
    """18: 17 first fragments without the others."""
    health = bundled("18-filter4789-frag-nva1")
    assert [finding["finding"] for finding in health.problems] == ["missing", "fragments_lost"]
    assert health.fragments == {"joined": 0, "lost": 17, "overlapping": 0, "reassembled": 0}
    advice = next(finding["advice"] for finding in health.findings if finding["finding"] == "fragments_lost")
    assert "udp port 4789 or (ip[6:2] & 0x1fff != 0)" in advice


@pytest.mark.needs_lab
@needs_lab
def test_an_mtu_that_is_too_small() -> None:
    """07: 210 pairs of fragments of 1,550 bytes, which went to the other collector than small packets."""
    health = of_lab("07-mtu1500-frag-nva1", "07-mtu1500-frag-nva2")
    assert health.problems == []
    assert health.fragments == {"joined": 210, "lost": 0, "overlapping": 0, "reassembled": 210}
    assert (health.lengths["longest"], health.lengths["longest_outer"]) == (1514, 1550)
    assert health.lengths["outer_above_mtu"] == 210
    assert {"fragmented", "split"} <= set(names(health))


@pytest.mark.needs_lab
@needs_lab
def test_an_mtu_that_is_large_enough() -> None:
    """08: the same traffic, whole."""
    health = of_lab("08-mtu1600-nofrag-nva1", "08-mtu1600-nofrag-nva2")
    assert names(health) == ["unreachables"]
    assert (health.lengths["outer_above_mtu"], health.lengths["reassembled"]) == (210, 0)


@pytest.mark.needs_lab
@needs_lab
def test_super_segments() -> None:
    """05: offload, whose packets travelled as they were."""
    health = of_lab("05-big-gso-nva1-cut")
    assert names(health) == ["long"]
    assert health.lengths["longest"] == 65_226


@pytest.mark.needs_lab
@needs_lab
def test_a_capture_that_was_restarted() -> None:
    """10: a second without a capture, in which 22 % of the data went by."""
    health = of_lab("10-restart-a", "10-restart-b", gap="500ms")
    assert [finding["finding"] for finding in health.problems] == ["hole", "missing"]
    assert [round(row["seconds"], 1) for row in health.holes] == [1.0]
    assert (health.conversations["payload"], health.conversations["missing_bytes"]) == (98_425, 28_575)


@pytest.mark.needs_lab
@needs_lab
def test_a_rotated_set_has_no_holes() -> None:
    health = vxtap.health([[LAB / f"10-rotC.pcap{i}" for i in range(3)]], gap="500ms")
    assert health.holes == []
    assert health.problems == []
