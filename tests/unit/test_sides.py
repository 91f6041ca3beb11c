"""Which machine is the mirrored one, how long packets are outside, and what is public."""

from __future__ import annotations

import numpy as np
import pytest

import vxtap
from build import IP_A, IP_B, MAC_A, MAC_B
from vxtap.lengths import Lengths, outer_lengths
from vxtap.oneway import is_public
from vxtap.sides import Sides

MAC_C, TO_ALL, NONE = bytes.fromhex("020000000003"), b"\xff" * 6, bytes(6)
ORIGIN = (bytes(16), 7)


def mapped(address: bytes) -> bytes:
    return bytes(10) + b"\xff\xff" + address


def learned(*frames: tuple[bytes, bytes], origins: list[int] | None = None) -> Sides:
    """What is known after frames (from MAC, to MAC); A sends from its address, others from theirs."""
    rows = np.zeros(len(frames), vxtap.PACKET)
    for row, (src, dst) in zip(rows, frames, strict=True):
        row["eth_src"], row["eth_dst"] = src, dst
        row["src"] = mapped(IP_A if src == MAC_A else IP_B)
    sides = Sides()
    sides.take(np.array(origins or [0] * len(frames)), rows)
    return sides


def test_the_mac_that_is_in_all_frames() -> None:
    sides = learned((MAC_A, MAC_B), (MAC_C, MAC_A), (MAC_B, MAC_A))
    assert sides.mac(0) == MAC_A
    assert sides.addresses(0) == {mapped(IP_A)}
    assert sides.known([ORIGIN]) == {ORIGIN: {mapped(IP_A)}}


@pytest.mark.parametrize(
    "frames",
    [
        [(MAC_A, MAC_B), (MAC_B, MAC_A)],
        [(MAC_A, MAC_B), (MAC_C, MAC_B), (MAC_A, MAC_C)],
        [(NONE, NONE)],
        [(MAC_A, TO_ALL)],
    ],
    ids=["two are", "none is", "no Ethernet", "only to all"],
)
def test_nobody_knows(frames: list[tuple[bytes, bytes]]) -> None:
    sides = learned(*frames)
    assert sides.mac(0) is None
    assert sides.addresses(0) == set()
    assert sides.known([ORIGIN]) == {}


def test_what_is_sent_to_all_reaches_the_machine_whoever_sent_it() -> None:
    assert learned((MAC_A, MAC_B), (MAC_C, TO_ALL), (MAC_C, MAC_A)).mac(0) == MAC_A


def test_tunnel_sources_are_told_apart() -> None:
    frames = [(MAC_A, MAC_B), (MAC_B, MAC_C), (MAC_A, MAC_C), (MAC_B, MAC_A), (MAC_C, MAC_A)]
    sides = learned(*frames, origins=[0, 1, 0, 1, -1])
    assert (sides.mac(0), sides.mac(1), sides.mac(-1)) == (MAC_A, MAC_B, None)


def test_batches_add_up() -> None:
    sides = learned((MAC_A, MAC_B))
    assert sides.mac(0) is None
    rows = np.zeros(1, vxtap.PACKET)
    rows["eth_src"], rows["eth_dst"] = MAC_C, MAC_A
    sides.take(np.zeros(1, np.int64), rows)
    assert sides.mac(0) == MAC_A


def test_a_router_has_many_addresses_and_they_are_bounded() -> None:
    rows = np.zeros(1000, vxtap.PACKET)
    rows["eth_src"], rows["eth_dst"] = MAC_A, MAC_B
    for i, row in enumerate(rows):
        row["src"] = mapped(i.to_bytes(4, "big"))
    rows["eth_dst"][-1:] = MAC_C
    sides = Sides()
    sides.take(np.zeros(rows.size, np.int64), rows)
    assert sides.mac(0) == MAC_A
    assert len(sides.addresses(0)) == 256


def test_memory_for_all_machines_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vxtap.sides._MOST_IN_ALL", 3)
    sides = learned(*[(MAC_A, MAC_B), (MAC_A, MAC_C)] * 5, origins=[0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    assert [len(sides.addresses(i)) for i in range(5)] == [1, 1, 1, 0, 0]
    assert sides.mac(4) == MAC_A


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("172.15.0.1", True),
        ("172.16.0.1", False),
        ("172.32.0.1", True),
        ("10.0.0.1", False),
        ("192.168.3.4", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("127.0.0.1", False),
        ("224.0.0.251", False),
        ("255.255.255.255", False),
        ("2600::1", True),
        ("fd00::1", False),
        ("fe80::1", False),
        ("ff02::1", False),
        ("::1", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(vxtap.parse_ip([address])).tolist() == [public]


@pytest.mark.parametrize(
    ("tunnel", "source", "length"),
    [
        (vxtap.Tunnel.VXLAN, "10.0.0.1", 136),
        (vxtap.Tunnel.VXLAN, "2600::1", 156),
        (vxtap.Tunnel.GENEVE, "10.0.0.1", 136),
        (vxtap.Tunnel.NVGRE, "10.0.0.1", 128),
    ],
)
def test_outer_lengths(tunnel: vxtap.Tunnel, source: str, length: int) -> None:
    rows = np.zeros(1, vxtap.PACKET)
    rows["wirelen"], rows["tunnel"], rows["outer_src"] = 100, tunnel, vxtap.parse_ip(source)
    assert outer_lengths(rows).tolist() == [length]


@pytest.mark.parametrize("mtu", [68, 128, 1500, 9000, 100_000])
def test_bins_hold_every_frame_once(mtu: int) -> None:
    rows = np.zeros(3000, vxtap.PACKET)
    rows["wirelen"] = np.random.default_rng(mtu).integers(0, 120_000, rows.size)
    lengths = Lengths(mtu)
    lengths.take(rows)
    lengths.take(rows[:0])
    told = lengths.to_dict()
    assert sum(row["frames"] for row in told["bins"]) == rows.size
    for row in told["bins"]:
        inside = rows["wirelen"] >= row["from"]
        if row["to"] is not None:
            inside &= rows["wirelen"] <= row["to"]
        assert row["frames"] == np.count_nonzero(inside)
    assert told["above_untagged"] == np.count_nonzero(rows["wirelen"] > mtu + 14)
