"""Conversations: what a row says of packets that a person can follow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import vxtap
from talks import ACK, FIN, GRE, ICMP, PSH, RST, SECOND, SYN, T0, UDP, A, B, C, address, back, packet, plain, rows_of

NAT = np.timedelta64("NaT")
YEAR = 366 * 86400
FRAGMENT = int(vxtap.Flag.INNER_FRAGMENT)
CLIENT, SERVER = 1000, 2**32 - 2  # where the numbers begin: those of the server soon wrap around


def flow(*packets: dict[str, Any], **how: Any) -> dict[str, Any]:
    """The one conversation that these packets are."""
    rows = plain(vxtap.flows(rows_of(packets), **how))
    assert len(rows) == 1
    return rows[0]


def handshake(rtt: float = 0.02) -> list[dict[str, Any]]:
    """SYN, SYN-ACK and ACK, as a tap near the server sees them."""
    syn = packet(0, seq=CLIENT, flags=SYN)
    return [
        syn,
        back(packet(0.001), seq=SERVER, ack=CLIENT + 1, flags=SYN | ACK),
        packet(rtt, seq=CLIENT + 1, ack=(SERVER + 1) % 2**32),
    ]


def data(at: float, start: int, length: int, **fields: Any) -> dict[str, Any]:
    """Bytes of the client from `start` on, counted from its first one."""
    numbers = {"seq": (CLIENT + 1 + start) % 2**32, "ack": (SERVER + 1) % 2**32}
    return packet(at, length=length, **{"flags": ACK | PSH, **numbers, **fields})


def pair(row: dict[str, Any], name: str) -> tuple[int, int]:
    return row[f"{name}_out"], row[f"{name}_in"]


# ---------------------------------------------------------------- a whole connection


def test_a_connection() -> None:
    answer = back(packet(0.03), seq=(SERVER + 1) % 2**32, length=1000, ack=CLIENT + 101)
    ends = [data(0.04, 100, 0, flags=FIN | ACK), back(packet(0.05), seq=999, ack=CLIENT + 102, flags=FIN | ACK)]
    row = flow(*handshake(), data(0.025, 0, 100), answer, *ends)
    assert (row["src"], row["dst"], row["sport"], row["dport"]) == (address(A), address(B), 1000, 80)
    assert (row["vni"], row["proto"], row["first"], row["last"]) == (7, 6, T0, T0 + SECOND // 20)
    assert row["rtt"] == SECOND // 50
    assert pair(row, "packets") == (4, 3)
    assert pair(row, "bytes") == (4 * 54 + 100, 3 * 54 + 1000)
    assert pair(row, "payload") == (100, 1000)
    assert pair(row, "tcp_flags") == (SYN | ACK | PSH | FIN, SYN | ACK | FIN)
    assert pair(row, "missing") == pair(row, "retransmitted") == (0, 0)
    assert (row["one_way"], row["continued"], row["ended"], row["collectors"]) == (0, 0, 0, 1)
    assert (row["tunnel_src"], row["tunnel_srcs"]) == (address("192.0.2.1"), 1)


def test_src_is_who_opened_it() -> None:
    """Even where the first packet that was seen is another one."""
    syn, syn_ack, ack = handshake()
    assert flow(ack)["sport"] == 1000
    assert flow(syn_ack, ack)["sport"] == 1000
    assert flow(syn_ack)["sport"] == 1000
    late = flow(back(data(0, 0, 10)), syn | {"ts": T0 + 10})
    assert (late["sport"], pair(late, "packets"), pair(late, "payload")) == (1000, (1, 1), (0, 0))
    assert flow(back(packet()))["sport"] == 80


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_no_rtt_without_the_whole_handshake(gone: int) -> None:
    packets = handshake()
    del packets[gone]
    rows = vxtap.flows(rows_of([*packets, data(1, 10, 10, ack=5)]))
    assert np.isnat(rows["rtt"]).tolist() == [True]


def test_rtt_counts_from_the_first_syn_to_the_first_ack() -> None:
    syn, syn_ack, ack = handshake()
    again = [syn | {"ts": T0 + 100}, syn_ack | {"ts": T0 + SECOND}, ack | {"ts": T0 + 2 * SECOND}]
    assert flow(syn, *again[:1], syn_ack, ack, *again[1:])["rtt"] == SECOND // 50
    wrong = ack | {"tcp_ack": 77}
    assert flow(syn, syn_ack, wrong, ack | {"ts": T0 + SECOND})["rtt"] == SECOND
    assert flow(syn, syn_ack | {"tcp_ack": 5}, ack)["rtt"] == int(NAT.astype(np.int64))


def test_rtt_is_no_more_than_64_bits_hold() -> None:
    syn, syn_ack, ack = handshake()
    early, late = -150 * 10**9 * YEAR, 150 * 10**9 * YEAR
    packets = [syn | {"ts": early}, syn_ack | {"ts": 0}, ack | {"ts": late}]
    assert vxtap.flows(rows_of(packets), idle=200 * YEAR)["rtt"].astype(np.int64).tolist() == [2**63 - 1]


# ---------------------------------------------------------------- bytes


def test_retransmitted_and_late() -> None:
    """Bytes that come late fill their hole; bytes that were seen before are retransmitted, also in part."""
    start = [*handshake(), data(1, 0, 100)]
    assert pair(flow(*start, data(2, 200, 100)), "missing") == (100, 0)
    filled = flow(*start, data(2, 200, 100), data(3, 100, 100))
    assert (filled["missing_out"], filled["retransmitted_out"]) == (0, 0)
    again = flow(*start, data(2, 0, 100), data(3, 50, 100))
    assert (again["missing_out"], again["retransmitted_out"]) == (0, 150)
    partly = flow(*start, data(2, 200, 100), data(3, 150, 100))
    assert (partly["missing_out"], partly["retransmitted_out"]) == (50, 50)


def test_what_the_other_end_acknowledges_was_sent() -> None:
    ack = back(packet(2), seq=(SERVER + 1) % 2**32, ack=CLIENT + 1 + 500)
    assert pair(flow(*handshake(), data(1, 0, 100), ack), "missing") == (400, 0)
    assert pair(flow(*handshake(), data(1, 0, 100), ack, data(3, 100, 400)), "missing") == (0, 0)
    assert pair(flow(back(packet(0), ack=77, seq=5)), "missing") == (0, 0), "nothing is known of a side not seen"


def test_numbers_wrap_around() -> None:
    near = [packet(i, seq=(2**32 - 150 + 100 * i) % 2**32, length=100) for i in range(4)]
    assert pair(flow(*near), "missing") == (0, 0)
    assert pair(flow(near[0], near[1], near[3]), "missing") == (100, 0)
    assert pair(flow(*near, near[1] | {"ts": T0 + 9 * SECOND}), "retransmitted") == (100, 0)


def test_keep_alives_are_nothing() -> None:
    start = [*handshake(), data(1, 0, 100)]
    for length in (0, 1):
        row = flow(*start, data(2, 99, length, flags=ACK), data(3, 99, length, flags=ACK), data(4, 100, 10))
        assert pair(row, "missing") == pair(row, "retransmitted") == (0, 0)
    assert flow(*start, data(2, 98, 1))["retransmitted_out"] == 1, "elsewhere a byte is a byte"


def test_syn_and_fin_count_as_one() -> None:
    syn, *rest = handshake()
    assert flow(syn, syn | {"ts": T0 + 1}, *rest)["retransmitted_out"] == 1
    fin = data(2, 100, 0, flags=FIN | ACK)
    assert flow(*handshake(), data(1, 0, 100), fin, fin)["retransmitted_out"] == 1


def test_a_syn_that_comes_late_is_nothing() -> None:
    """Two CPUs of a collector: the SYN is recorded behind the first data."""
    syn, syn_ack, _ = handshake()
    row = flow(data(0, 0, 50), syn | {"ts": T0 + 10}, syn_ack, syn | {"ts": T0 + 20})
    assert (row["missing_out"], row["retransmitted_out"], row["sport"]) == (0, 1, 1000)


def test_more_holes_than_are_tracked() -> None:
    """The lowest is given up: it stays missing, and what comes below its end counts for nothing."""
    odd = [data(i, 200 * i, 100) for i in range(6)]
    assert flow(*odd)["missing_out"] == 500
    row = flow(*odd, data(9, 100, 100), data(10, 0, 100))
    assert (row["missing_out"], row["retransmitted_out"]) == (500, 0)
    row = flow(*odd, *(data(9 + i, 300 + 200 * i, 100) for i in range(4)))
    assert (row["missing_out"], row["retransmitted_out"]) == (100, 0)


def test_what_cannot_be_counted_begins_anew() -> None:
    """Of a cut segment, a fragment and numbers from elsewhere nobody knows what they stand for."""
    for odd in ({"payload": 0}, {"flags": 0}, {"marks": FRAGMENT}, {"length": 2**30}):
        middle = data(2, 100, 100) | data(2, 100, **{"length": 100, **odd})
        assert pair(flow(data(1, 0, 100), middle, data(3, 9999, 100)), "missing") == (0, 0)
    assert pair(flow(data(1, 0, 100), data(2, 2**30 + 101, 5)), "missing") == (0, 0)
    assert pair(flow(data(1, 0, 100), data(2, 2**30 + 100, 5)), "missing") == (2**30, 0)
    reset = flow(data(1, 0, 100), data(2, 5000, 0, flags=RST), data(3, 100, 1))
    assert (pair(reset, "missing"), reset["tcp_flags_out"]) == ((0, 0), ACK | PSH | RST)


# ---------------------------------------------------------------- which conversation


def test_vnis_and_protocols_are_apart() -> None:
    same = [packet(), packet(vni=8), packet(proto=UDP, flags=0), packet(sport=1001), packet(0, C)]
    assert len(vxtap.flows(rows_of(same))) == 5
    assert len(vxtap.flows(rows_of([*same, *map(back, same)]))) == 5


def test_icmp() -> None:
    """A request and its answer are one, whichever is first; errors are one for each direction, even alike ones."""
    request = packet(proto=ICMP, sport=8, dport=0)
    reply = packet(0, B, A, proto=ICMP, sport=0, dport=0)
    row = flow(request, reply)
    assert (row["sport"], row["dport"], pair(row, "packets")) == (8, 0, (1, 1))
    row = flow(reply, request)
    assert (row["sport"], row["dport"], row["src"]) == (0, 8, address(B))
    errors = [packet(0, *ends, proto=ICMP, sport=3, dport=3) for ends in ((A, B), (B, A))]
    assert [(row["sport"], row["dport"]) for row in plain(vxtap.flows(rows_of(errors)))] == [(3, 3)] * 2
    asked = packet(proto=ICMP, sport=8, dport=0)
    assert len(vxtap.flows(rows_of([asked, back(asked, sport=8, dport=0)]))) == 2, "each asks the other"


def test_without_ports() -> None:
    """Protocols without any, and later fragments, which have none: a row of their own."""
    gre = packet(proto=GRE, sport=0, dport=0, flags=0)
    assert pair(flow(gre, back(gre)), "packets") == (1, 1)
    first = packet(proto=UDP, flags=0, marks=FRAGMENT, length=1472)
    rest = packet(proto=UDP, flags=0, marks=FRAGMENT, length=500, sport=0, dport=0)
    rows = plain(vxtap.flows(rows_of([first, rest])))
    assert [(row["sport"], row["dport"], row["payload_out"]) for row in rows] == [(1000, 80, 1472), (0, 0, 500)]
    ping = packet(proto=ICMP, sport=8, dport=0, marks=FRAGMENT)
    part = packet(proto=ICMP, sport=0, dport=0, marks=FRAGMENT)
    assert [(row["sport"], row["dport"]) for row in plain(vxtap.flows(rows_of([ping, part])))] == [(8, 0), (0, 0)]


def test_a_machine_that_talks_with_itself() -> None:
    row = flow(packet(0, A, A, sport=5, dport=5), packet(1, A, A, sport=5, dport=5))
    assert pair(row, "packets") in ((2, 0), (0, 2))
    row = flow(packet(0, A, A, sport=5, dport=6), packet(1, A, A, sport=6, dport=5))
    assert (pair(row, "packets"), row["sport"]) == ((1, 1), 5)


def test_the_same_ports_again() -> None:
    """A SYN of another connection ends the one before; the same SYN again does not."""
    rows = plain(vxtap.flows(rows_of([*handshake(), data(1, 0, 9), packet(2, seq=99, flags=SYN), data(3, 99, 1)])))
    assert [(row["ended"], row["continued"], pair(row, "packets")) for row in rows] == [(3, 0, (3, 1)), (0, 0, (2, 0))]


# ---------------------------------------------------------------- tunnels, collectors, ways


def test_tunnel_sources() -> None:
    for count, told in ((1, 1), (2, 2), (4, 4), (5, 5), (9, 5)):
        seen = [packet(i / 10, outer_src=f"192.0.2.{i % count}") for i in range(3 * count)]
        row = flow(*seen)
        assert (row["tunnel_srcs"], row["tunnel_src"]) == (told, address("192.0.2.0"))


def test_collectors() -> None:
    assert flow(packet(source=0), packet(source=5))["collectors"] == 0b100001
    assert flow(*(packet(source=number) for number in (62, 63, 64, 2**32 - 1)))["collectors"] == 0b11 << 62


def test_one_way() -> None:
    """Azure mirrors only what leaves where a NAT gateway is: from the machine that the tunnel begins at."""
    assert flow(packet(outer_src=A))["one_way"] == 1
    assert flow(packet(outer_src=B))["one_way"] == 2
    assert flow(packet())["one_way"] == 3
    assert flow(packet(outer_src=A), packet(outer_src=B))["one_way"] == 3
    assert flow(packet(outer_src=A), back(packet(), outer_src=A))["one_way"] == 0


# ---------------------------------------------------------------- times


def test_idle() -> None:
    """What comes later is another row; `src` stays who sent first in it."""
    rows = plain(vxtap.flows(rows_of([packet(0), packet(120), back(packet(240.001))])))
    assert [(row["ended"], row["continued"], row["sport"]) for row in rows] == [(1, 0, 1000), (0, 1, 80)]
    assert len(vxtap.flows(rows_of([packet(0), packet(120)]), idle="119.9s")) == 2
    assert len(vxtap.flows(rows_of([packet(0), packet(120)]), idle=120)) == 1


def test_packets_without_a_time() -> None:
    row = vxtap.flows(rows_of([packet(None), packet(None)]))
    assert np.isnat(row["first"]).all()
    assert np.isnat(row["last"]).all()
    assert flow(packet(None), packet(5), packet(None))["first"] == T0 + 5 * SECOND
    mixed = [packet(None, C), packet(0), packet(100), packet(119)]
    assert len(vxtap.flows(rows_of(mixed))) == 2


def test_a_clock_that_is_set_back() -> None:
    """Or an error in one time: nothing is kept forever for it."""
    far = packet(10**6, C)
    rows = plain(vxtap.flows([rows_of([packet(0), far, packet(1), packet(2)])]))
    assert [(row["src"] == address(A), row["ended"]) for row in rows] == [(True, 1), (True, 0), (False, 1)]
