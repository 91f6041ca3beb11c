"""`vxtap.compare` in the small: each thing that it tells apart, and the command."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import build
import mirrored
import vxtap
from build import eth, ipv4, ipv6, pcap, tcp, udp, vxlan
from mirrored import GAP, MS, T0, US, Traffic
from vxtap.delays import SECOND, clock_of
from vxtap.endpoints import Index, unique_keys

A, B, C = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]), bytes([10, 0, 0, 3])
Records = list[tuple[int, bytes]]


def packet(number: int, src: bytes = A, dst: bytes = B, text: bytes = b"hello") -> bytes:
    return eth(ipv4(udp(text, 53, 1000), src=src, dst=dst, ident=number))


def source(records: Records, linktype: int = build.ETHERNET) -> bytes:
    return pcap(records, linktype, magic=build.NANO)


def mirror(records: Records, delay: int = 10 * US, vni: int = 7, cut: int = 0) -> bytes:
    frames = []
    for ts, frame in records:
        outer = build.sll2(ipv4(udp(vxlan(frame, vni)), src=bytes([10, 1, 1, vni])))
        frames.append((ts + delay, outer[: len(outer) - cut], len(outer)))
    return pcap(frames, build.SLL2, magic=build.NANO)


def plenty(count: int = 20) -> Records:
    return [(T0 + i * MS, packet(i)) for i in range(count)]


def told(found: vxtap.Comparison) -> dict[str, int]:
    return {name: count for name, count in found.to_dict()["packets"].items() if count}


# ---------------------------------------------------------------- packets


def test_complete() -> None:
    found = vxtap.compare(source(plenty()), mirror(plenty()))
    assert found.complete
    assert told(found) == {"matched": 20}
    assert found.to_dict()["delay"]["median"] == 10 * US
    assert (found.source.bytes, found.mirror.bytes, found.around) == (20 * 47, 20 * 47, 20 * 50)
    assert found.first == np.datetime64(T0, "ns")


def test_lost_packets_and_a_hole() -> None:
    records = plenty()
    found = vxtap.compare(source(records), mirror(records[:5] + records[8:12] + records[13:]))
    assert told(found) == {"matched": 16, "only_source": 4}
    assert not found.complete
    assert found.holes[["packets", "bytes"]].tolist() == [(3, 3 * 47)]
    assert found.holes["first"][0] == np.datetime64(records[5][0], "ns")


def test_what_only_the_mirror_has() -> None:
    """The source's own capture may drop, too: the mirror is complete for all that."""
    records = plenty()
    found = vxtap.compare(source(records[:5] + records[7:]), mirror(records))
    assert told(found) == {"matched": 18, "only_mirror": 2}
    assert found.complete


def test_a_payload_that_differs_is_another_packet() -> None:
    records = plenty()
    other = [(ts, packet(i, text=b"HELLO" if i == 9 else b"hello")) for i, (ts, _) in enumerate(records)]
    assert told(vxtap.compare(source(records), mirror(other))) == {"matched": 19, "only_source": 1, "only_mirror": 1}


def test_what_a_router_changes_does_not_matter() -> None:
    records = plenty()
    other = [
        (ts, eth(ipv4(udp(b"hello", 53, 1000), src=A, dst=B, ident=i, ttl=3, tos=7), src=bytes(6)))
        for i, (ts, _) in enumerate(records)
    ]
    assert vxtap.compare(source(records), mirror(other)).complete


def test_packets_that_are_alike_are_counted() -> None:
    records = plenty(3) + [(T0 + (4 + 10 * i) * MS, packet(0, B, A)) for i in range(5)] + [(T0 + 99 * MS, packet(77))]
    assert vxtap.compare(source(records), mirror(records)).complete
    assert told(vxtap.compare(source(records), mirror(records[:4] + records[6:]))) == {"matched": 7, "only_source": 2}


def test_the_ends_of_a_connection_are_told_with_ports() -> None:
    ends = {"src": bytes.fromhex("20010db8") + bytes(11) + b"\1", "dst": bytes.fromhex("20010db8") + bytes(11) + b"\2"}
    data = [
        (T0 + i * MS, eth(ipv6(tcp(b"x" * 10, 1, 80, seq=10 * i), build.TCP, **ends), build.IPV6)) for i in range(9)
    ]
    found = vxtap.compare(source(data), mirror([*data[:4], *data[5:]]))
    assert "  [2001:db8::1]:1 > [2001:db8::2]:80: 10 of 90 bytes missing" in found.summary().splitlines()


def test_a_snaplen_cuts_the_mirror() -> None:
    """The headers tell that they are the same; the source has more of them."""
    found = vxtap.compare(source(plenty()), mirror(plenty(), cut=3))
    assert told(found) == {"matched": 20, "truncated": 20}
    assert not found.complete
    assert "INCOMPLETE: the mirror lacks the end of 20 packets" in found.summary()
    records = [(T0 + i * MS, eth(ipv4(tcp(bytes(40), 1, 2, seq=40 * i), build.TCP, ident=i))) for i in range(20)]
    found = vxtap.compare(source(records), mirror(records, cut=3))
    assert (found.missing_bytes, found.truncated, found.complete) == (0, 20, False)
    cut = [(ts, frame[:-3], len(frame)) for ts, frame in records]
    same = vxtap.compare(pcap(cut, magic=build.NANO), mirror(records, cut=3))
    assert (same.truncated, same.complete) == (0, True)  # the source has no more


def test_other_machines_are_elsewhere() -> None:
    """Other addresses, and frames without IP that do not match; ARP that does is matched."""
    arp, other = eth(build.arp(), build.ARP), eth(build.arp(dst=C), build.ARP)
    own = [*plenty(), (T0 + 30 * MS, arp)]
    more = [(T0 + 7 * MS, packet(900, A, C)), (T0 + 8 * MS, packet(901, B, C)), (T0 + 9 * MS, other)]
    found = vxtap.compare(source(own), mirror(sorted(own + more)))
    assert found.complete
    assert told(found) == {"matched": 21}
    assert found.mirror.elsewhere == 3


def test_the_loopback_is_not_mirrored() -> None:
    lo = [
        (T0 + 5 * MS, packet(5, bytes([127, 0, 0, 1]), bytes([127, 0, 0, 1]))),
        (T0 + 6 * MS, eth(ipv6(udp(b"x", 1, 2), src=bytes(15) + b"\1", dst=bytes(15) + b"\1"), build.IPV6)),
    ]
    found = vxtap.compare(source(sorted(plenty() + lo)), mirror(plenty()))
    assert (found.complete, found.source.elsewhere) == (True, 2)


def test_a_cooked_source() -> None:
    records = [(ts, build.sll2(frame[14:])) for ts, frame in plenty()]
    assert vxtap.compare(source(records, build.SLL2), mirror(plenty())).complete


def test_packets_without_a_time_are_left_out() -> None:
    file = build.Pcapng().idb(tsresol=9)
    for ts, frame in plenty():
        file.epb(frame, ts)
    file.spb(packet(99))
    found = vxtap.compare(bytes(file), mirror(plenty()))
    assert (found.complete, found.source.no_time) == (True, 1)


def test_both_ends_mirrored() -> None:
    """Without `dedup` everything is in the mirror twice."""
    both = [mirror(plenty()), mirror(plenty(), 60 * US, 8)]
    assert told(vxtap.compare(source(plenty()), both)) == {"matched": 20, "only_mirror": 20}
    assert told(vxtap.compare(source(plenty()), both, dedup="2ms")) == {"matched": 20}


@pytest.mark.parametrize("back", [False, True])
def test_one_way(back: bool) -> None:
    records = [(ts, packet(i, *((B, A) if i % 2 else (A, B)))) for i, (ts, _) in enumerate(plenty())]
    others = [(T0 + (i + 30) * MS, packet(50 + i, A, C)) for i in range(10)]
    there = [record for i, record in enumerate(records) if i % 2 == back]
    found = vxtap.compare(source(records + others), mirror(there + ([] if back else others)))
    assert (found.machine, found.one_way) == ("10.0.0.1", "ingress" if back else "egress")


# ---------------------------------------------------------------- nothing in common


def test_nothing_on_either_side() -> None:
    empty = source([])
    for one, other in ((empty, mirror([])), (empty, mirror(plenty())), (source(plenty()), mirror([]))):
        found = vxtap.compare(one, other)
        assert not found.complete
        assert found.delays.size == 0
        json.dumps(found.to_dict())
        assert "delay: unknown" in found.summary()
    assert vxtap.compare(source(plenty()), mirror([])).only_source == 20


def test_the_wrong_way_round() -> None:
    found = vxtap.compare(mirror(plenty()), source(plenty()))
    assert not found.complete
    assert "nothing in the mirror was decapsulated: is it the source's capture" in found.summary()


def test_no_time_in_common() -> None:
    """Nothing can be lined up, so all of it counts."""
    found = vxtap.compare(source(plenty()), mirror([(ts, packet(i + 500)) for i, (ts, _) in enumerate(plenty())]))
    assert told(found) == {"only_source": 20, "only_mirror": 20}
    assert found.summary().startswith("INCOMPLETE: the mirror has nothing of the source\n")


# ---------------------------------------------------------------- clocks


def test_drift() -> None:
    """100 millionths, over ten minutes; a minute later at the source than the mirror ended is outside."""
    records = [(T0 + i * SECOND, packet(i)) for i in range(660)]
    late = [(ts + (ts - T0) // 10_000, frame) for ts, frame in records[:600]]
    found = vxtap.compare(source(records), mirror(late, 300 * SECOND))
    assert found.complete
    assert abs(found.to_dict()["delay"]["drift"] - 6 * MS) < US
    assert (found.matched, found.source.outside) == (600, 60)


def test_a_clock_in_spite_of_false_pairs() -> None:
    ts = T0 + np.arange(100) * SECOND
    delay = np.full(100, 50 * US)
    delay[17] = 20 * SECOND
    clock, near = clock_of(ts, delay)
    assert (clock.offset, clock.least, clock.most) == (50 * US, 0, 0)
    assert near.sum() == 99


# ---------------------------------------------------------------- keys


def test_keys_whose_hashes_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole keys are compared."""
    keys = np.array([[i % 3, 0, 0, 0, i % 2] for i in range(12)], np.uint64)
    monkeypatch.setattr("vxtap.endpoints.mix", lambda words: np.zeros(len(words[0]), np.uint64))
    first, number = unique_keys(keys)
    assert len(first) == 6
    assert (keys[first][number] == keys).all()
    other = np.array([[0, 0, 0, 0, 0], [5, 0, 0, 0, 1]], np.uint64)
    assert Index(keys).has(other).tolist() == [True, False]


# ---------------------------------------------------------------- TCP


def stream(*parts: tuple[int, int], first: int = 2**32 - 5, gap: int = MS) -> Records:
    """Data at these places with these lengths, one after the other."""
    return [
        (T0 + i * gap, eth(ipv4(tcp(bytes(n), 80, 9, seq=(first + at) % 2**32), build.TCP, src=A, dst=B, ident=i)))
        for i, (at, n) in enumerate(parts)
    ]


def test_missing_ranges_are_told_with_time_and_number() -> None:
    own = stream(*((10 * i, 10) for i in range(10)))
    found = vxtap.compare(source(own), mirror([own[0], *own[3:8], own[9]]))
    assert found.missing[["row", "seq", "length"]].tolist() == [(0, 5, 20), (0, 75, 10)]
    assert found.missing["first"].view("i8").tolist() == [own[1][0], own[8][0]]
    assert found.missing["last"].view("i8").tolist() == [own[2][0], own[8][0]]
    (row,) = found.connections
    assert (row["sport"], row["dport"], row["source_bytes"], row["mirror_bytes"]) == (80, 9, 100, 70)
    assert (row["source_packets"], row["mirror_packets"]) == (10, 7)
    assert (vxtap.format_ip(row["src"]), vxtap.format_ip(row["dst"])) == ("10.0.0.1", "10.0.0.2")


def test_a_retransmission_that_the_mirror_lacks_is_no_loss() -> None:
    own = stream((0, 10), (10, 10), (0, 10), (5, 10), (20, 10))
    found = vxtap.compare(source(own), mirror([own[i] for i in (0, 1, 4)]))
    assert found.complete
    assert (found.source_bytes, found.source_repeated, found.mirror_repeated) == (30, 20, 0)
    assert "sent again: 20 bytes at the source, 0 in the mirror" in found.summary()


def test_more_than_four_gigabytes() -> None:
    """Sequence numbers go round more than once: what was missing the first time round is not there the second."""
    step = 1 << 29
    own = stream(*((i * step, 10) for i in range(20)))
    found = vxtap.compare(source(own), mirror([*own[:3], *own[4:]]))
    assert (found.source_bytes, found.missing_bytes) == (200, 10)


def test_conversations_do_not_mix() -> None:
    """The same numbers in the other direction, and between other machines."""
    own = stream((0, 10), (10, 10))
    back = [(ts + US, eth(ipv4(tcp(bytes(10), 9, 80, seq=5 + 10 * i), build.TCP, src=B, dst=A, ident=i)))
            for i, (ts, _) in enumerate(own)]  # fmt: skip
    end = (T0 + SECOND, packet(99))
    found = vxtap.compare(source(sorted([*own, *back, end])), mirror([*own, end]))
    assert (found.source_bytes, found.missing_bytes, found.connection_count) == (40, 20, 1)
    assert found.connections["connection"].tolist() == [0, 0]


# ---------------------------------------------------------------- the command


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    traffic = Traffic(random.Random(5))
    traffic.work(60)
    mirrored.lose(traffic, 0.0, 0.0)
    own, other = mirrored.captures(traffic, 3 * MS, T0 - GAP, traffic.now + GAP)
    (tmp_path / "src.pcap").write_bytes(own)
    (tmp_path / "nva.pcap").write_bytes(other)
    return tmp_path / "src.pcap", tmp_path / "nva.pcap"


def run(*words: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vxtap", "compare", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_command(files: tuple[Path, Path]) -> None:
    ran = run("--strict", *files)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == vxtap.compare(*files).summary() + "\n"
    ran = run("--json", *files)
    assert json.loads(ran.stdout) == vxtap.compare(*files).to_dict()
    assert run("--quiet", *files).stdout == ""


def test_command_on_an_incomplete_mirror(files: tuple[Path, Path], tmp_path: Path) -> None:
    own, other = files
    data = other.read_bytes()
    other.write_bytes(data[: len(data) // 2])  # its end is cut: all that was recorded is whole
    assert run("--strict", own, other).returncode == 0
    lone = tmp_path / "lone.pcap"
    lone.write_bytes(mirror(plenty()))
    ran = run("--strict", own, lone)
    assert ran.returncode == 1
    assert ran.stdout.startswith("INCOMPLETE")
    assert run(own, lone).returncode == 0


def test_command_says_what_is_wrong(files: tuple[Path, Path], tmp_path: Path) -> None:
    own, other = files
    assert run(own, tmp_path / "none.pcap").returncode == 3
    assert run(own).returncode == 2
    ran = run(own, other, "--ports", "9")
    assert "other --ports" in ran.stdout
    assert "frames on port 9" in ran.stderr
