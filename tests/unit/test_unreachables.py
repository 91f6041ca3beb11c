"""ICMP errors that say that nobody listens where a tunnel ends: counted where a census is taken."""

from __future__ import annotations

import struct
from typing import Any

import pytest

import vxtap
from build import (
    ETHERNET,
    ICMP,
    ICMPV6,
    IPV4,
    IPV6,
    SLL2,
    TCP,
    Pcapng,
    eth,
    ext,
    icmp,
    ipv4,
    ipv6,
    pcap,
    sll2,
    tcp,
    udp,
    vxlan,
)
from build_tunnels import GRE

DATAGRAM = udp(vxlan(eth(ipv4(tcp(b"data"), TCP))))
PACKET = ipv4(DATAGRAM)
PACKET6 = ipv6(DATAGRAM)
UNREACHABLE = icmp(PACKET, 3, 3)
UNREACHABLE6 = icmp(PACKET6, 1, 4)


def refusals(frame: bytes, linktype: int = ETHERNET, **options: Any) -> int:
    """How many `info` counts of a capture of this frame, which is skipped as no UDP whatever it says."""
    found = vxtap.info(pcap([(0, frame)], linktype), **options)
    assert found.report.skipped == {"not_udp": 1}
    assert found.to_dict()["unreachables"] == found.unreachables
    return found.unreachables


@pytest.mark.parametrize("code", [0, 1, 3, 13])
def test_every_code_of_unreachable_counts(code: int) -> None:
    assert refusals(eth(ipv4(icmp(PACKET, 3, code), ICMP))) == 1


@pytest.mark.parametrize("size", [20 + 4, 20 + 8, len(PACKET)])
def test_a_quote_needs_its_ports(size: int) -> None:
    assert refusals(eth(ipv4(icmp(PACKET[:size], 3, 3), ICMP))) == 1
    assert refusals(eth(ipv4(icmp(PACKET[:23], 3, 3), ICMP))) == 0


def test_icmpv6() -> None:
    assert refusals(eth(ipv6(UNREACHABLE6, ICMPV6), IPV6)) == 1
    assert refusals(eth(ipv6(UNREACHABLE6, ICMPV6, extensions=[ext(0)]), IPV6)) == 1
    assert refusals(eth(ipv6(icmp(PACKET6, 3, 4), ICMPV6), IPV6)) == 0  # time exceeded, there


def test_cooked_and_tagged() -> None:
    assert refusals(sll2(ipv4(UNREACHABLE, ICMP), packet_type=4), SLL2) == 1
    assert refusals(eth(ipv4(UNREACHABLE, ICMP), tags=[(0x8100, 5)])) == 1


@pytest.mark.parametrize(
    "message",
    [
        icmp(PACKET, 11, 0),  # time exceeded
        icmp(PACKET, 5, 1),  # redirect
        icmp(PACKET, 8, 0),  # an echo request that looks like a quote
        icmp(ipv4(udp(b"query", dport=53)), 3, 3),
        icmp(ipv4(udp(vxlan(eth(b"")), sport=4789, dport=50000)), 3, 3),
        icmp(ipv4(tcp(b"", dport=4789), TCP), 3, 3),
        icmp(ipv4(UNREACHABLE, ICMP), 3, 1),  # an error about an error
        icmp(ipv4(DATAGRAM[8:], offset=1), 3, 3),  # a later fragment, whose first bytes are no ports
        icmp(b"", 3, 3),
        UNREACHABLE[:7],
    ],
    ids=["exceeded", "redirect", "echo", "dns", "answer", "tcp", "nested", "fragment", "no quote", "cut"],
)
def test_others_do_not_count(message: bytes) -> None:
    assert refusals(eth(ipv4(message, ICMP))) == 0


def test_the_ports_are_those_asked_for() -> None:
    frame = eth(ipv4(icmp(ipv4(udp(b"", dport=8472)), 3, 3), ICMP))
    assert refusals(frame) == 0
    assert refusals(frame, ports=(4789, 8472)) == 1
    assert refusals(eth(ipv4(UNREACHABLE, ICMP)), tunnels="geneve") == 0


def test_gre_where_it_is_asked_for() -> None:
    frame = eth(ipv4(icmp(ipv4(struct.pack(">HH", 0, 0x6558) + eth(b""), GRE), 3, 2), ICMP))
    assert refusals(frame) == 0
    assert refusals(frame, tunnels="gre") == 1


def test_they_add_up_and_second_sights_do_not_count() -> None:
    frame = ipv4(UNREACHABLE, ICMP, ident=1)
    other = ipv4(UNREACHABLE, ICMP, ident=2)
    frames = [(0, sll2(frame, IPV4, index=2)), (1000, sll2(frame, IPV4, index=3)), (2000, sll2(other, IPV4))]
    assert vxtap.info(pcap(frames, SLL2)).unreachables == 2
    assert vxtap.info(pcap(frames, SLL2), once=False).unreachables == 3


def test_of_pcapng_too() -> None:
    capture = bytes(Pcapng().idb().epb(eth(ipv4(UNREACHABLE, ICMP))).epb(eth(PACKET)))
    assert vxtap.info(capture).unreachables == 1
