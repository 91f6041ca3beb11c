"""The oracle's fragments: RFC 791 and 8200 joined, RFC 5722 refused, by cases made by hand."""

from __future__ import annotations

import os
from collections import Counter
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

import build
import build_tunnels
import oracle
import oracle_files
from build_fragments import fragment, fragments, parts

LAB = Path(os.environ.get("VXTAP_LAB") or Path(__file__).resolve().parents[2].parent / "shared" / "lab")
SECOND = 10**9
INNER = build.eth(build.ipv4(build.tcp(bytes(range(100))), build.TCP))
DATAGRAM = build.udp(build.vxlan(INNER, 501))
V4 = build.ipv4(DATAGRAM, ident=77, options=bytes(4))
V6 = build.ipv6(DATAGRAM, extensions=[build.ext(build.HOP_BY_HOP)])
PACKETS = pytest.mark.parametrize("packet", [V4, V6], ids=["IPv4", "IPv6"])
JOINED, LOST, OVERLAP, WHOLE = "fragment_joined", "fragment_lost", "fragment_overlap", "decapsulated"


def rows_of(packets: list[bytes], times: list[int] | None = None, **how: Any) -> list[dict[str, Any]]:
    """The rows of a raw capture with a packet each second; a short record ends where its bytes do."""
    times = times or [at * SECOND for at in range(len(packets))]
    return oracle.decode(build.pcap(zip(times, packets, strict=True), build.RAW), **how).rows


def statuses(packets: list[bytes], times: list[int] | None = None, **how: Any) -> list[str]:
    return [row["status"] for row in rows_of(packets, times, **how)]


def at(packet: bytes, start: int, end: int, *, more: bool | None = None, change: bytes = b"") -> bytes:
    """The fragment of a packet from one place to another."""
    head, proto, data = parts(packet)
    more = end < len(data) if more is None else more
    return fragment(
        head,
        proto,
        (change + data[start + len(change) :])[: end - start] if change else data[start:end],
        start,
        more=more,
    )


def test_the_builder_cuts_as_the_rfcs_say() -> None:
    first, second = fragments(build.ipv4(bytes(range(20)), 17, ident=0x1234), [16])
    assert first[2:9].hex() == "0024 1234 2000 40".replace(" ", "")
    assert second[2:9].hex() == "0018 1234 0002 40".replace(" ", "")
    assert first[20:] + second[20:] == bytes(range(20))
    assert build.checksum(first[:20]) == build.checksum(second[:20]) == 0
    first, second = fragments(V6, [64], ident=9)
    assert first[4:7].hex() == "005000"
    assert first[40:56].hex() == "2c00010400000000" + "1100000100000009"
    assert second[48:56].hex() == "1100004000000009"
    assert first[56:] + second[56:] == DATAGRAM


@PACKETS
def test_in_any_order(packet: bytes) -> None:
    three = fragments(packet, [64, 64])
    for order in permutations(range(3)):
        rows = rows_of([three[number] for number in order])
        assert [row["status"] for row in rows] == [JOINED, JOINED, WHOLE]
        last = rows[2]
        assert (last["inner"], last["vni"], last["flags"]) == (INNER, 501, {"REASSEMBLED"})
        assert (last["caplen"], last["wirelen"], last["ts"], last["frame"]) == (len(INNER), len(INNER), 2 * SECOND, 3)
        # The row points at the frame that completed it, not into it.
        assert last["offset"] == 24 + 3 * 16 + sum(len(three[number]) for number in order[:2])
        assert [(row["outer_dport"], row["outer_sport"]) for row in rows] == [(0, 0), (0, 0), (4789, 50000)]


def test_many_pieces_interleaved() -> None:
    packets = [build.ipv4(DATAGRAM, ident=ident) for ident in range(30)]
    pieces = [fragments(packet, [8] * (len(DATAGRAM) // 8)) for packet in packets]
    mixed = [piece for together in zip(*pieces, strict=True) for piece in together]
    found = statuses(mixed, [0] * len(mixed))
    assert found == [JOINED] * (30 * (len(pieces[0]) - 1)) + [WHOLE] * 30


def test_who_belongs_together() -> None:
    """Addresses, identification and, in IPv4, the protocol."""
    first, second = fragments(V4, [64])
    other_source, other_target, other_ident = bytearray(second), bytearray(second), bytearray(second)
    other_source[15] ^= 1
    other_target[19] ^= 1
    other_ident[5] ^= 1
    strangers = [bytes(each) for each in (other_source, other_target, other_ident)]
    assert statuses([first, *strangers, second]) == [JOINED, LOST, LOST, LOST, WHOLE]
    other = bytearray(second)
    other[9] = build_tunnels.GRE
    assert statuses([first, bytes(other), second], tunnels=("vxlan", "gre")) == [JOINED, LOST, WHOLE]
    assert statuses([first, bytes(other), second]) == [JOINED, "not_udp", WHOLE]


def test_on_whatever_interface() -> None:
    first, second = fragments(V4, [64])
    file = build.Pcapng().idb().idb(build.RAW)
    data = bytes(file.epb(build.eth(first, tags=[(0x8100, 1)]), 1, flags=2).epb(second, 2, 1))
    rows = oracle.decode(data).rows
    assert [row["status"] for row in rows] == [JOINED, WHOLE]
    assert (rows[1]["interface"], rows[1]["flags"]) == (1, {"REASSEMBLED"})


def test_a_whole_datagram_is_none_of_ours_just_because_of_its_number() -> None:
    first, second = fragments(V4, [64])
    assert statuses([first, V4, second]) == [JOINED, WHOLE, WHOLE]


@PACKETS
def test_no_fragment_of_anything(packet: bytes) -> None:
    """RFC 8200 4.5 for length and reach; without data there is nothing to join."""
    first, second = fragments(packet, [64])
    empty = at(packet, 64, 64, more=True)
    uneven = at(packet, 64, 77, more=True)
    head, proto, _ = parts(packet)
    beyond = fragment(head, proto, bytes(8), 65528, more=False)
    edge = fragment(head, proto, bytes(7), 65528, more=False)
    assert statuses([first, empty, uneven, beyond, second]) == [JOINED, *["malformed"] * 3, WHOLE]
    assert statuses([first, edge]) == [LOST, LOST]


@PACKETS
def test_again(packet: bytes) -> None:
    first, second = fragments(packet, [64])
    assert statuses([first, first, second, first, second]) == [JOINED, JOINED, WHOLE, JOINED, JOINED]
    assert statuses([first, first, first]) == [LOST, LOST, LOST]
    assert statuses([second, first[:-8], second, first]) == [JOINED, WHOLE, JOINED, JOINED]
    assert statuses([first, second, first, second], [0, 0, 3600 * SECOND, 3600 * SECOND])[2:] == [JOINED, JOINED]


@PACKETS
def test_overlap(packet: bytes) -> None:
    """All that were there and all that come, whatever of the datagram they are."""
    first, second, third = fragments(packet, [64, 64])
    bad = {
        "other bytes": at(packet, 0, 64, change=b"?"),
        "longer": at(packet, 0, 72),
        "inside": at(packet, 8, 16),
        "across": at(packet, 56, 72),
    }
    for why, one in bad.items():
        assert statuses([first, one, second, third, first, one]) == [OVERLAP] * 6, why
        assert statuses([second, first, one, third]) == [OVERLAP] * 4, why
    assert statuses([second, at(packet, 64, 128, more=False), first, third]) == [OVERLAP] * 4


@PACKETS
def test_the_end_is_where_the_last_one_said(packet: bytes) -> None:
    first, second, third = fragments(packet, [64, 64])
    assert statuses([third, at(packet, 64, 128, more=False), first, second]) == [OVERLAP] * 4
    head, proto, data = parts(packet)
    beyond = fragment(head, proto, bytes(8), len(data) + 7 & ~7, more=True)
    assert statuses([third, beyond, first, second]) == [OVERLAP] * 4
    assert statuses([beyond, third, first, second]) == [OVERLAP] * 4
    assert statuses([first, second, beyond, at(packet, 128, 136, more=False)]) == [OVERLAP] * 4


def test_a_number_is_used_again() -> None:
    """Once a datagram is complete, what is no duplicate of its fragments begins another one."""
    other = build.ipv4(build.udp(build.vxlan(INNER[::-1], 502)), ident=77, options=bytes(4))
    first, second = fragments(V4, [64]), fragments(other, [72])
    rows = rows_of([*first, first[0], *second, *first])
    assert [row["status"] for row in rows] == [JOINED, WHOLE, JOINED, JOINED, WHOLE, JOINED, WHOLE]
    assert [row["vni"] for row in rows if row["status"] == WHOLE] == [501, 502, 501]
    # A refused one is forgotten after its time, and its fragments stay what they are.
    times = [0, 1000, 30 * SECOND, 30 * SECOND + 1000, 30 * SECOND + 2000]
    assert statuses([first[0], second[0], first[1], *first], times) == [OVERLAP] * 3 + [JOINED, WHOLE]


@PACKETS
def test_time(packet: bytes) -> None:
    first, second, third = fragments(packet, [64, 64])
    assert statuses([first, second, third], [0, 29 * SECOND, 30 * SECOND]) == [JOINED, JOINED, WHOLE]
    assert statuses([first, second, third], [0, 29 * SECOND, 30 * SECOND + 1000]) == [LOST, LOST, LOST]
    late = [0, 31 * SECOND, 31 * SECOND, 31 * SECOND]
    assert statuses([first, second, third, first], late) == [LOST, JOINED, JOINED, WHOLE]
    assert statuses([first, second, third], [0, SECOND, 3 * SECOND], timeout=2.5) == [LOST, LOST, LOST]
    assert statuses([first, second, third], [40 * SECOND, 2, 3]) == [JOINED, JOINED, WHOLE]


def test_time_of_fragments_without_one() -> None:
    """They have that of the last fragment before them; what came before the first time does not grow old."""
    first, second, third = fragments(V4, [64, 64])
    file = build.Pcapng().idb(build.RAW).spb(first).epb(second, 50_000_000).spb(third)
    rows = oracle.decode(bytes(file)).rows
    assert [row["status"] for row in rows] == [JOINED, JOINED, WHOLE]
    assert rows[2]["flags"] == {"NO_TIME", "REASSEMBLED"}
    other = fragments(build.ipv4(DATAGRAM, ident=1), [64])
    file = (
        build.Pcapng()
        .idb(build.RAW)
        .epb(other[0], 1_000_000)
        .spb(first)
        .epb(other[1], 31_500_000)
        .epb(second, 40_000_000)
    )
    assert [row["status"] for row in oracle.decode(bytes(file)).rows] == [LOST] * 4


def test_cut_by_a_snaplen() -> None:
    """Of the datagram is known what comes before the cut, whatever came behind it."""
    packets = fragments(V4, [64, 64])
    snapped = [packet[:-10] for packet in packets]
    for cut in range(3):
        there = [snapped[number] if number == cut else packet for number, packet in enumerate(packets)]
        (*_, last) = rows_of(there)
        known = INNER[: 64 * (cut + 1) - 16 - 10] if cut < 2 else INNER[:-10]
        assert (last["status"], last["inner"], last["wirelen"]) == (WHOLE, known, len(INNER)), cut
        assert last["flags"] == {"REASSEMBLED", "TRUNCATED"}
    there = [packets[0][:30], *packets[1:]]
    assert statuses(there) == [JOINED, JOINED, "truncated_outer"]


def test_what_is_decided_of_the_whole() -> None:
    def outcome(payload: bytes, **how: Any) -> tuple[str, set[str], int]:
        first, last = rows_of(fragments(build.ipv4(payload, ident=1), [24]), **how)
        assert first["status"] == JOINED
        return last["status"], last["flags"], last["outer_dport"]

    mark = {"REASSEMBLED"}
    assert outcome(build.udp(build.vxlan(INNER), dport=53)) == ("other_port", mark, 53)
    assert outcome(build.udp(build.vxlan(INNER, flags=0))) == ("no_vni_flag", mark, 4789)
    assert outcome(build.udp(build.vxlan(INNER)), vnis={8}) == ("filtered", mark, 4789)
    assert outcome(build.udp(build.vxlan(INNER), length=7)) == ("malformed", mark, 4789)
    assert outcome(build.udp(build.vxlan(INNER), length=9)) == ("malformed", mark, 4789)
    # A UDP length beyond the datagram: in the whole no more than there is room for.
    (_, last) = rows_of(fragments(build.ipv4(build.udp(build.vxlan(INNER), length=999), ident=1), [24]))
    assert (last["inner"], last["wirelen"]) == (INNER, len(INNER))


def test_the_chain_of_ipv6_goes_on_in_the_whole() -> None:
    def outcome(*extensions: build.Extension) -> list[str]:
        return statuses(fragments(build.ipv6(DATAGRAM, extensions=extensions), [32]))

    assert outcome(build.ext(build.DESTINATION)) == [JOINED, WHOLE]
    assert outcome(build.ext(build.DESTINATION, 40)) == [JOINED, WHOLE]  # cut through a header
    assert outcome(*[build.ext(build.DESTINATION)] * 17) == [JOINED, "malformed"]
    assert outcome(build.ext(build.DESTINATION), build.ext_fragment()) == [JOINED, "malformed"]
    hidden = build.ipv6(build.tcp(bytes(40)), build.TCP, extensions=[build.ext(build.DESTINATION)])
    assert statuses(fragments(hidden, [32])) == [JOINED, "not_udp"]
    assert statuses(fragments(build.ipv6(build.tcp(bytes(40)), build.TCP), [32])) == ["not_udp", "not_udp"]
    long = build.ipv6(build.ext(build.DESTINATION, 64)[1][:48], build.DESTINATION)
    assert statuses(fragments(long, [32])) == [JOINED, "malformed"]


def test_a_fragment_header_that_says_nothing_is_passed() -> None:
    packet = build.ipv6(DATAGRAM, extensions=[build.ext_fragment()])
    (row,) = rows_of([packet])
    assert (row["status"], row["flags"]) == (WHOLE, set())


@PACKETS
def test_partial(packet: bytes) -> None:
    first, second, third = fragments(packet, [64, 64])
    rows = rows_of([third, first, first], partial=True)
    assert [row["status"] for row in rows] == [LOST, WHOLE, LOST]
    assert (rows[1]["inner"], rows[1]["wirelen"], rows[1]["flags"]) == (INNER[:48], len(INNER), {"TRUNCATED"})
    assert (rows[1]["frame"], rows[1]["ts"], rows[1]["comes"]) == (2, SECOND, (4, 0))
    assert rows[1]["offset"] == 24 + 2 * 16 + len(third) + len(first) - 48
    rows = rows_of([first, second, second], [0, 31 * SECOND, 32 * SECOND], partial=True)
    assert [row["status"] for row in rows] == [WHOLE, LOST, LOST]
    assert [row["comes"] for row in rows] == [(2, 0), (2, oracle.LAST), (3, oracle.LAST)]
    assert statuses([second, third], partial=True) == [LOST, LOST]
    assert statuses([first, at(packet, 0, 8), third], partial=True) == [OVERLAP] * 3
    assert statuses([first, second, third], partial=True) == [JOINED, JOINED, WHOLE]


def test_partial_only_where_it_is_decapsulated() -> None:
    first = fragments(V4, [64])[0]
    assert statuses([first], partial=True, vnis={7}) == [LOST]
    assert statuses([first], partial=True, ports=(8472,)) == [LOST]
    (row,) = rows_of([first], partial=True, ports=(8472,))
    assert (row["outer_dport"], row["caplen"], row["flags"]) == (0, len(first), set())
    (row,) = rows_of(
        fragments(build.ipv4(build_tunnels.gre(INNER, key=9), build_tunnels.GRE), [64])[:1],
        partial=True,
        tunnels=("gre",),
    )
    # GRE has no length of its own: the inner frame ends with this piece, and the lengths in it reach behind that.
    assert (row["status"], row["vni"], row["caplen"], row["wirelen"]) == (WHOLE, 9, 56, 56)
    assert row["flags"] == {"TRUNCATED", "MALFORMED_INNER"}


@pytest.mark.skipif(not LAB.is_dir(), reason="the lab's captures are not beside the checkout (VXTAP_LAB)")
@pytest.mark.parametrize(("name", "pairs"), [("07-mtu1500-frag", 210), ("08-mtu1600-nofrag", 0)])
def test_what_the_mirrored_machine_sent(name: str, pairs: int) -> None:
    """Byte for byte, whether it came in one piece or in two."""
    rows = [row for nva in ("nva1", "nva2") for row in oracle.decode((LAB / f"{name}-{nva}.pcap").read_bytes()).rows]
    came = [row["inner"] for row in rows if row["status"] == WHOLE]
    sent = [frame.data for frame in oracle_files.read_capture((LAB / f"{name}-src.pcap").read_bytes()).frames]
    assert Counter(came) == Counter(sent)
    assert sum("REASSEMBLED" in row["flags"] for row in rows) == pairs
