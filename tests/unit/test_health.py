"""What `vxtap.health` finds in captures made for it, one finding at a time."""

from __future__ import annotations

import json
from typing import Any

import pytest

import vxtap
from build import ETHERNET, IP_A, IP_B, MAC_A, MAC_B, SLL2, TCP, Pcapng, eth, icmp, ipv4, pcap, sll2, tcp, udp, vxlan
from mirrors import SYN, T0, WEB, Told, capture, chatter, inner_tcp, inner_udp, mirrored
from vxtap.advice import RULES

FABRIC = bytes([10, 9, 9, 9])


def found(*captures: bytes, **how: Any) -> vxtap.Health:
    """What is found, which must hold for all: it is JSON, and no frame is unaccounted for."""
    health = vxtap.health(list(captures), **how)
    told = json.loads(json.dumps(health.to_dict()))
    assert told["decapsulated"] + sum(told["skipped"].values()) == told["frames"]
    assert sum(one["frames"] for one in told["sources"]) == told["frames"]
    assert sum(row["packets"] for row in told["tunnels"]) + told["other_tunnels"] == told["decapsulated"]
    assert sum(row["frames"] for row in told["lengths"]["bins"]) == told["written"]
    assert told["problems"] == len(health.problems)
    return health


def names(health: vxtap.Health) -> list[str]:
    return [finding["finding"] for finding in health.findings]


def numbers(health: vxtap.Health, name: str) -> dict[str, Any]:
    (one,) = [finding for finding in health.findings if finding["finding"] == name]
    assert one["text"]
    assert one["advice"]
    assert "{" not in one["text"] + one["advice"]
    numbers: dict[str, Any] = one["numbers"]
    return numbers


# ---------------------------------------------------------------- a mirror that is well


def test_nothing_is_found_where_all_is_well() -> None:
    health = found(capture(chatter(0, 30)))
    assert health.findings == []
    assert health.problems == []
    assert health.conversations["count"] == 1
    assert health.one_way["count"] == 0
    assert health.truncation == {"frames": 0, "longest": 0, "headers": 0, "malformed": 0}


def test_tunnels_and_collectors() -> None:
    first = capture([*chatter(0, 1, vni=8), *chatter(0, 2, source=3)])
    second = capture(chatter(2, 3))
    health = found(first, second)
    size = len(inner_tcp(b"x"))
    rows = [
        (row["vni"], row["outer_src"], row["outer_dst"], row["collector"], row["packets"], row["bytes"])
        for row in health.tunnels
    ]
    assert rows == [
        (7, "10.9.9.3", "10.9.9.1", 0, 40, 40 * size),
        (7, "10.9.9.9", "10.9.9.1", 1, 20, 20 * size),
        (8, "10.9.9.9", "10.9.9.1", 0, 20, 20 * size),
    ]
    assert health.tunnels[0]["first"] == "2023-11-14T22:13:20.000000000Z"
    assert health.tunnels[0]["last"] == "2023-11-14T22:13:21.950000000Z"
    assert [(row["packets"], row["packets_share"], row["bytes_share"]) for row in health.collectors] == [
        (60, 0.75, 0.75),
        (20, 0.25, 0.25),
    ]


def test_a_rotated_set_is_one_collector() -> None:
    health = vxtap.health([[capture(chatter(0, 1)), capture(chatter(1, 2))]])
    assert len(health.collectors) == 1
    assert health.tunnels[0]["packets"] == 40
    assert health.report.files == 2


def test_tunnels_beyond_those_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vxtap.tunnel_books.MOST", 2)
    health = found(capture([(i, mirrored(inner_tcp(), vni=i)) for i in range(5)]))
    assert [row["vni"] for row in health.tunnels] == [0, 1]
    assert health.other_tunnels == 3


# ---------------------------------------------------------------- holes


def test_a_hole() -> None:
    health = found(capture([*chatter(0, 20), *chatter(32, 50)]))
    assert names(health) == ["hole"]
    assert numbers(health, "hole")["seconds"] == pytest.approx(12.05)
    assert health.holes[0]["begin"] == "2023-11-14T22:13:39.950000000Z"
    assert names(found(capture([*chatter(0, 20), *chatter(32, 50)]), gap="20s")) == []


def test_what_one_collector_lacks_another_has() -> None:
    lacking = capture([*chatter(0, 20), *chatter(32, 50)])
    assert "hole" not in names(found(lacking, capture(chatter(19, 33))))


def test_a_source_that_begins_late_and_one_that_ends_early() -> None:
    health = found(capture([*chatter(0, 60), *chatter(30, 60, source=3), *chatter(0, 40, source=4)]))
    assert [(row["what"], row["outer_src"]) for row in health.edges] == [("begins", "10.9.9.3"), ("ends", "10.9.9.4")]
    assert numbers(health, "edge")["count"] == 2
    assert health.problems == []


# ---------------------------------------------------------------- one-way


def one_direction(count: int = 20, *, back: bool = False, **how: Any) -> list[Told]:
    return [(i / 100, mirrored(inner_tcp(b"x", seq=i, back=back, **how))) for i in range(count)]


def other_machine() -> list[Told]:
    """Both ways with a third machine: so only MAC_A is in all frames of the tunnel source."""
    there = eth(ipv4(udp(b"data", 53, 53)), src=MAC_A, dst=bytes([2, 0, 0, 0, 0, 9]))
    here = eth(ipv4(udp(b"data", 53, 53), src=IP_B, dst=IP_A), src=bytes([2, 0, 0, 0, 0, 9]), dst=MAC_A)
    return [(5, mirrored(there)), (5.1, mirrored(here))]


def test_one_way_of_nobody_knows_whom() -> None:
    health = found(capture(one_direction()))
    assert (health.one_way["count"], health.one_way["unknown"], health.one_way["share"]) == (1, 1, 1.0)
    said = numbers(health, "one_way")
    assert said["count"] == 1
    assert said["most"] == "10.0.0.1 to 10.0.0.2, packets: 20"
    assert health.problems


def test_egress_and_ingress_by_the_mac_in_all_frames() -> None:
    out = found(capture([*one_direction(), *other_machine()]))
    assert (out.one_way["count"], out.one_way["egress"]) == (1, 1)
    back = found(capture([*one_direction(back=True), *other_machine()]))
    assert (back.one_way["count"], back.one_way["ingress"]) == (1, 1)
    assert back.one_way["top"][0]["src"] == "10.0.0.2"
    assert back.one_way["top"][0]["sport"] == 443


def test_egress_by_the_outer_address() -> None:
    told = [(i / 100, mirrored(inner_tcp(b"x", seq=i), source=IP_A)) for i in range(5)]
    assert found(capture(told)).one_way["egress"] == 1


def test_nat() -> None:
    health = found(capture([*one_direction(dst=WEB), *other_machine()]))
    assert numbers(health, "nat")["count"] == 1
    assert health.one_way["top"][0]["dst"] == "93.184.216.34"
    assert "nat" not in names(found(capture([*one_direction(), *other_machine()])))
    assert "nat" not in names(found(capture([*one_direction(back=True, dst=WEB), *other_machine()])))


def test_what_nobody_answers_is_not_one_way() -> None:
    group = bytes([224, 0, 0, 251])
    told = [
        (0, mirrored(inner_udp(dst=group, mac=bytes.fromhex("01005e0000fb")))),
        (1, mirrored(eth(ipv4(icmp(b"", 3, 1), 1), src=MAC_A, dst=MAC_B))),
    ]
    health = found(capture(told))
    assert health.one_way["count"] == 0
    assert health.one_way["unanswerable"] == 2


def test_a_connection_that_nobody_answered_is_no_problem() -> None:
    health = found(capture([(0, mirrored(inner_tcp(flags=SYN)))]))
    assert (health.one_way["count"], health.one_way["answered"]) == (1, 0)
    assert health.problems == []


def test_the_other_direction_at_another_collector() -> None:
    health = found(capture(one_direction()), capture(one_direction(back=True)))
    assert health.one_way["count"] == 0
    assert numbers(health, "split") == {"count": 1, "conversations": 1}


# ---------------------------------------------------------------- cut, lost, doubled


def test_missing_bytes() -> None:
    told = [(i / 10, mirrored(inner_tcp(bytes(100), seq=100 * i))) for i in range(10) if i != 5]
    told.append((2, mirrored(inner_tcp(back=True))))
    health = found(capture(told))
    assert names(health) == ["missing"]
    assert numbers(health, "missing") == {"count": 100, "share": pytest.approx(0.1)}


def test_a_snaplen() -> None:
    whole = mirrored(inner_tcp(bytes(1000)))
    short = pcap([(T0 + i, whole[:size], len(whole)) for i, size in enumerate((96, 120))], ETHERNET, snaplen=120)
    health = found(capture(chatter(0, 1)), short)
    assert numbers(health, "truncated") == {"count": 2, "longest": 70, "headers": 1, "snaplen": ", snaplen 120"}
    assert [row["cut"] for row in health.collectors] == [0, 2]
    assert health.truncation["frames"] == 2


def test_a_snaplen_within_the_outer_headers() -> None:
    whole = mirrored(inner_tcp())
    assert numbers(found(pcap([(T0, whole[:44], len(whole))])), "truncated_outer") == {"count": 1}


def test_frames_that_the_mirror_cut() -> None:
    short = inner_tcp(bytes(1000))[:500]
    health = found(capture([(0, mirrored(short)), *chatter(0, 1)]))
    assert numbers(health, "malformed_inner") == {"count": 1}


def test_malformed_outer_headers() -> None:
    assert numbers(found(capture([(0, eth(ipv4(b"", words=3))), *chatter(0, 1)])), "malformed") == {"count": 1}


def fragments() -> list[bytes]:
    datagram = udp(vxlan(inner_tcp(bytes(1460), flags=SYN), 7))
    return [
        eth(ipv4(datagram[:1480], ident=5, more=True, src=FABRIC)),
        eth(ipv4(datagram[1480:], ident=5, offset=1480 // 8, src=FABRIC)),
    ]


def test_fragments_that_came_together() -> None:
    health = found(capture([(i, frame) for i, frame in enumerate(fragments())]))
    said = numbers(health, "fragmented")
    assert (said["reassembled"], said["lost"], said["longest"]) == (1, 0, 1550)
    assert health.fragments == {"joined": 1, "lost": 0, "overlapping": 0, "reassembled": 1}
    assert health.problems == []


def test_fragments_that_a_filter_lost() -> None:
    health = found(capture([(0, fragments()[0]), *chatter(0, 1)]))
    assert numbers(health, "fragments_lost") == {"count": 1}
    assert numbers(health, "fragmented")["lost"] == 1


def test_lengths() -> None:
    told = [(i, mirrored(inner_tcp(bytes(size - 54)))) for i, size in enumerate((60, 1514, 1515, 1518, 1519, 9000))]
    health = found(capture(told))
    lengths = health.lengths
    assert (lengths["longest"], lengths["longest_outer"]) == (9000, 9036)
    assert (lengths["above_untagged"], lengths["above_tagged"], lengths["outer_above_mtu"]) == (4, 2, 5)
    bins = {(row["from"], row["to"]): row["frames"] for row in lengths["bins"] if row["frames"]}
    assert bins == {(0, 63): 1, (1514, 1514): 1, (1515, 1518): 2, (1519, 9018): 2}
    assert numbers(health, "long") == {"count": 2, "longest": 9000, "mtu": 1500}
    assert "long" not in names(found(capture(told), mtu=9000))


def test_duplicates_are_counted_and_not_dropped() -> None:
    twice = [(at + 0.001, frame) for at, frame in chatter(0, 10)]
    health = found(capture(chatter(0, 10)), capture(twice))
    assert [(row["packets"], row["duplicates"]) for row in health.tunnels] == [(200, 0), (200, 200)]
    assert numbers(health, "duplicates") == {"count": 200, "pairs": 1}
    assert health.conversations["split"] == 0
    assert health.report.pairs[0].delay.median == 1_000_000
    assert "duplicates" not in names(found(capture(chatter(0, 10)), capture(twice), dedup=None))


def test_second_sights() -> None:
    packet = mirrored(inner_tcp())[14:]
    frames = [(T0, sll2(packet, index=2)), (T0 + 1000, sll2(packet, index=3))]
    health = found(pcap(frames, SLL2))
    assert numbers(health, "second_sights") == {"count": 1}
    assert health.second_sights == 1


def test_nobody_listens() -> None:
    error = eth(ipv4(icmp(mirrored(inner_tcp())[14:], 3, 3), 1))
    health = found(capture(chatter(0, 1)), capture([(0, error), (1, error), *chatter(1, 2)]))
    assert numbers(health, "unreachables") == {"count": 2}
    assert [row["unreachables"] for row in health.collectors] == [0, 2]
    assert health.problems == []


def test_other_traffic() -> None:
    ssh = [(i / 10, eth(ipv4(tcp(b"", 22, 50000), TCP))) for i in range(10)]
    health = found(capture([*ssh, *chatter(0, 1)]))
    assert numbers(health, "others") == {"count": 10, "share": pytest.approx(1 / 3)}
    assert "others" not in names(found(capture([*ssh, *chatter(0, 10)])))


# ---------------------------------------------------------------- nothing, or not all


def test_another_port() -> None:
    frames = [(i, eth(ipv4(udp(vxlan(inner_tcp()), dport=8888)))) for i in range(4)]
    health = found(capture(frames), capture(frames[:2]))
    assert names(health)[0] == "other_port"
    assert numbers(health, "other_port") == {"count": 6, "port": 8888, "ports": "4789"}
    assert health.findings[0]["advice"] == "Try --ports 4789,8888."


def test_no_tunnel_at_all() -> None:
    health = found(capture([(0, eth(ipv4(udp(b"", dport=53))))]))
    assert numbers(health, "nothing")["count"] == 1
    assert health.tunnels == []


def test_no_frame_at_all() -> None:
    assert names(found(capture([]))) == ["empty"]


def test_a_cut_record() -> None:
    health = found(capture(chatter(0, 1))[:-7])
    assert "cut_tail" in names(health)
    assert numbers(health, "cut_tail")["count"] > 0


def test_an_unknown_link_type() -> None:
    assert numbers(found(bytes(Pcapng().idb(147).epb(b"x" * 60))), "link_type") == {"count": 1}


def test_packets_out_of_order() -> None:
    frames = [(T0 + round(at * 1e9), frame) for at, frame in chatter(0, 200)]
    frames[3], frames[3500] = frames[3500], frames[3]
    health = found(pcap(frames))
    assert numbers(health, "late")["count"] >= 1
    assert "10 ms" in next(one["text"] for one in health.findings if one["finding"] == "late")
    assert "late" not in names(found(pcap(frames), window="300s"))


def test_frames_without_a_time() -> None:
    block = Pcapng().idb()
    for _, frame in chatter(0, 1):
        block.spb(frame)
    health = found(bytes(block))
    assert health.tunnels[0]["first"] is None
    assert health.report.no_time == 20


# ---------------------------------------------------------------- the table and the options


def test_every_rule_has_its_test() -> None:
    """Each finding is asked for by name above."""
    with open(__file__, encoding="utf-8") as file:
        text = file.read()
    assert [rule.finding for rule in RULES if f'"{rule.finding}"' not in text] == []
    assert len({rule.finding for rule in RULES}) == len(RULES)


def test_findings_come_in_the_order_of_the_table() -> None:
    health = found(capture([*one_direction(dst=WEB), (0, fragments()[0]), (1, eth(ipv4(b"", words=3)))])[:-3])
    order = [rule.finding for rule in RULES]
    assert names(health) == sorted(names(health), key=order.index)
    assert len(health.findings) >= 4


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"gap": 0}, "gap: expected a duration above 0, got 0"),
        ({"gap": "soon"}, "gap: expected a duration such as 2ms, got 'soon'"),
        ({"mtu": 10}, "mtu: 10 is not within 68 to 16,777,216"),
        ({"mtu": "big"}, "mtu: expected a number of bytes, got 'big'"),
        ({"mtu": True}, "mtu: True is not within"),
        ({"dedup": 0}, "dedup: "),
        ({"ports": 0}, "ports: 0 is not within"),
    ],
)
def test_options_that_make_no_sense(how: dict[str, Any], message: str) -> None:
    with pytest.raises(vxtap.OptionError) as caught:
        vxtap.health(capture([]), **how)
    assert str(caught.value).startswith(message)


def test_no_sources() -> None:
    with pytest.raises(vxtap.OptionError, match="no sources were given"):
        vxtap.health([])


def test_a_damaged_source() -> None:
    with pytest.raises(vxtap.FormatError):
        vxtap.health([capture(chatter(0, 1)), b"no capture, but long enough to be one"])


def test_a_cut_source_with_strict() -> None:
    with pytest.raises(vxtap.TruncatedError):
        vxtap.health(capture(chatter(0, 1))[:-7], strict=True)


def test_batches_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [*chatter(0, 20), *chatter(32, 50), *one_direction(dst=WEB), *other_machine(), *chatter(3, 9, source=4)]
    whole = found(capture(told)).to_dict()
    batches = vxtap.Merged.batches
    monkeypatch.setattr(vxtap.Merged, "batches", lambda self: batches(self, 7))
    assert found(capture(told)).to_dict() == whole
