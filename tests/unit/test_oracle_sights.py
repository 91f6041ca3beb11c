"""The oracle's second sights, by small captures of a few interfaces."""

from __future__ import annotations

import pytest

import build
import oracle
from build import Pcapng
from build_fragments import fragments

PACKET = build.ipv4(build.udp(build.vxlan(build.eth(build.arp(), build.ARP))))
OTHER = build.ipv4(build.tcp(b"data"), build.TCP)
MS = 1000  # microseconds, which are the ticks here
KEPT, AGAIN = "decapsulated", "second_sight"


def seen(*sights: tuple[int, int] | tuple[int, int, bytes], once: bool = True) -> list[str]:
    """Outcomes of sights: a time, an interface of four, and perhaps another packet."""
    file = Pcapng()
    for _ in range(4):
        file.idb(build.RAW)
    for tick, interface, *packet in sights:
        file.epb(packet[0] if packet else PACKET, 10 * MS + tick, interface)
    return [row["status"] for row in oracle.decode(bytes(file), once=once).rows]


@pytest.mark.parametrize("step", [1, -1])
def test_within_a_millisecond(step: int) -> None:
    assert seen((0, 0), (0, 1)) == [KEPT, AGAIN]
    assert seen((0, 0), (step * MS, 1)) == [KEPT, AGAIN]
    assert seen((0, 0), (step * (MS + 1), 1)) == [KEPT, KEPT]
    assert seen((0, 0), (0, 1), once=False) == [KEPT, KEPT]


def test_never_of_one_interface() -> None:
    assert seen((0, 0), (0, 0), (0, 0)) == [KEPT] * 3
    assert seen((0, 0), (0, 0), (1, 1), (1, 1)) == [KEPT, KEPT, AGAIN, AGAIN]


def test_each_answers_once_for_each_interface() -> None:
    assert seen((0, 0), (1, 1), (2, 1)) == [KEPT, AGAIN, KEPT]
    assert seen((0, 0), (1, 1), (2, 2), (3, 3), (4, 3)) == [KEPT, AGAIN, AGAIN, AGAIN, KEPT]
    # What was kept because nothing answered for it answers for others itself.
    assert seen((0, 0), (1, 1), (2, 1), (3, 0), (4, 0)) == [KEPT, AGAIN, KEPT, AGAIN, KEPT]
    # A dropped sight answers for nothing: the third comes a millisecond after the second, but two after the first.
    assert seen((0, 0), (MS, 1), (2 * MS, 2)) == [KEPT, AGAIN, KEPT]


def test_the_oldest_answers() -> None:
    assert seen((0, 0), (900, 0), (1000, 1), (1500, 1)) == [KEPT, KEPT, AGAIN, AGAIN]


def test_every_byte_counts() -> None:
    for place in range(len(PACKET)):
        change = bytearray(PACKET)
        change[place] ^= 0x01
        assert AGAIN not in seen((0, 0), (0, 1, bytes(change))), place
    ethernet, cooked = build.eth(PACKET, tags=[(0x8100, 1)]) + bytes(9), build.sll(PACKET)
    file = Pcapng().idb().idb(build.SLL).idb(build.RAW)
    data = bytes(file.epb(ethernet, 1).epb(cooked, 1, 1).epb(PACKET[:-1], 1, 2, wirelen=len(PACKET)))
    assert [row["status"] for row in oracle.decode(data).rows] == [KEPT, AGAIN, KEPT]
    shorter, longer = (build.ipv4(b"", build.TCP, total=0) + bytes(20) for _ in range(2))
    data = bytes(Pcapng().idb(build.RAW).idb(build.RAW).epb(shorter, 1).epb(longer, 1, 1, wirelen=41))
    assert oracle.decode(data).counts == {"not_udp": 2}


def test_any_ip_packet() -> None:
    assert seen((0, 0, OTHER), (0, 1, OTHER)) == ["not_udp", AGAIN]
    bad = build.ipv4(b"", total=19)
    assert seen((0, 0, bad), (0, 1, bad)) == ["malformed", "malformed"]
    v6 = build.ipv6(build.udp(b"", dport=53), extensions=[build.ext(build.DESTINATION)])
    assert seen((0, 0, v6), (0, 1, v6)) == ["other_port", AGAIN]


def test_before_fragments_are_joined() -> None:
    first, second = fragments(PACKET, [16], ident=7)
    found = seen((0, 0, first), (1, 1, first), (2, 1, second), (3, 0, second))
    assert found == ["fragment_joined", AGAIN, KEPT, AGAIN]


def test_cooked_captures_tell_interfaces_apart() -> None:
    def outcomes(linktype: int, *frames: bytes) -> list[str]:
        return [row["status"] for row in oracle.decode(build.pcap([(0, frame) for frame in frames], linktype)).rows]

    two, three = build.sll2(PACKET, index=2), build.sll2(PACKET, index=3, packet_type=4)
    assert outcomes(build.SLL2, two, two, three, three, three) == [KEPT, KEPT, AGAIN, AGAIN, KEPT]
    assert outcomes(build.SLL, build.sll(PACKET), build.sll(PACKET, packet_type=4)) == [KEPT, KEPT]
    # The pcapng interface and the index together, so the same index on another one is another interface.
    file = Pcapng().idb(build.SLL2).epb(two, 1).idb(build.SLL2).epb(two, 1, 1)
    assert oracle.decode(bytes(file)).counts == {KEPT: 1, AGAIN: 1}


def test_pcapng_with_one_interface_does_not() -> None:
    """Only from the second description of a section on: an earlier packet is not remembered."""
    file = Pcapng().idb(build.RAW).epb(PACKET, 1).idb(build.RAW).epb(PACKET, 1, 1).epb(PACKET, 1, 0)
    assert [row["status"] for row in oracle.decode(bytes(file)).rows] == [KEPT, KEPT, AGAIN]
    file = Pcapng().idb(build.RAW).epb(PACKET, 1).shb(">").idb(build.RAW).epb(PACKET, 1)
    assert oracle.decode(bytes(file)).counts == {KEPT: 2}
    # Interfaces are numbered anew in each section, and those of one number are taken for one.
    for interface, counts in ((0, {KEPT: 2}), (1, {KEPT: 1, AGAIN: 1})):
        file = Pcapng().idb(build.RAW).idb(build.RAW).epb(PACKET, 1)
        file.shb(">").idb(build.RAW).idb(build.RAW).epb(PACKET, 1, interface)
        assert oracle.decode(bytes(file)).counts == counts


def test_without_a_time() -> None:
    file = Pcapng().idb(build.RAW).idb(build.RAW, tsoffset=2**62).idb(build.RAW)
    file.spb(PACKET).epb(PACKET, 0, 1).epb(PACKET, 0, 2).epb(PACKET, 0, 1)
    assert oracle.decode(bytes(file)).counts == {KEPT: 4}


def test_at_most_64_interfaces() -> None:
    """With one more all is forgotten, and begins anew."""
    data = build.pcap([(0, build.sll2(PACKET, index=index)) for index in range(70)], build.SLL2)
    assert oracle.decode(data).counts == {KEPT: 1 + 1, AGAIN: 63 + 5}
