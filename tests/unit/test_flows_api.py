"""Conversations: what `flows` and `FlowTable` take, in which order, and what it costs."""

from __future__ import annotations

import io
import mmap
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vxtap
from compare import LAB
from talks import SECOND, T0, UDP, A, B, C, back, packet, plain, rows_of
from vxtap import conversations, options
from vxtap.conversations import FlowTable, best
from vxtap.merging import IDENTIFIED

DATA = Path(__file__).parent.parent / "data"
NVA1, NVA2 = LAB / "03-lb-mixed-nva1.pcap", LAB / "03-lb-mixed-nva2.pcap"

needs_lab = pytest.mark.skipif(not NVA1.exists(), reason="the lab's captures are not here")


def some() -> list[dict[str, Any]]:
    """Three conversations, in which each packet has its time."""
    return [
        packet(i / 10, src, dst, sport=1000 if src != B else 80, dport=80 if src != B else 1000)
        for i, (src, dst) in enumerate([(A, B), (B, A), (C, B), (A, C), (A, B), (B, C)])
    ]


def same(left: Any, right: Any) -> bool:
    return plain(left) == plain(right)


# ---------------------------------------------------------------- what is taken


def test_arrays_of_any_order_and_shape() -> None:
    rows = rows_of(some())
    wanted = vxtap.flows(rows)
    assert (wanted.dtype, len(wanted)) == (vxtap.FLOW, 3)
    assert (np.diff(wanted["first"].astype(np.int64)) >= 0).all()
    assert same(vxtap.flows(rows[::-1]), wanted)
    assert same(vxtap.flows(rows.reshape(2, 3)), wanted)
    assert same(vxtap.flows(np.repeat(rows, 2)[::2]), wanted)
    assert same(vxtap.flows(np.concatenate([rows[:3], rows[3:]])), wanted), "numpy leaves the padding out"
    assert same(vxtap.flows(pickle.loads(pickle.dumps(rows))), wanted)
    wide = np.zeros(len(rows), IDENTIFIED)
    for name in vxtap.PACKET.names or ():
        wide[name] = rows[name]
    assert same(vxtap.flows(wide), wanted)


def test_nothing() -> None:
    for empty in (rows_of([]), [rows_of([])], iter([]), rows_of([packet(0, "", "", proto=0, sport=0, dport=0)])):
        found = vxtap.flows(empty)
        assert (found.dtype, found.shape) == (vxtap.FLOW, (0,))


def test_batches() -> None:
    rows = rows_of(some())
    wanted = vxtap.flows(rows)
    assert same(vxtap.flows([rows[:2], rows[2:]]), wanted)
    assert same(vxtap.flows(rows[i : i + 1] for i in range(len(rows))), wanted)


@pytest.mark.parametrize("name", ["01-curl-nva1.pcap", "07-mtu1500-frag-nva1.pcap", "20-noise-nva1.pcap"])
def test_sources(name: str) -> None:
    """A path, a buffer, a file, a list of one and an opened capture give what the rows of `read` give."""
    path = DATA / name
    wanted = vxtap.flows(vxtap.read(path))
    assert len(wanted) >= 1
    with path.open("rb") as file, vxtap.open(path) as capture:
        for source in (
            path,
            str(path),
            path.read_bytes(),
            io.BytesIO(path.read_bytes()),
            file,
            [path],
            (path,),
            capture,
        ):
            assert same(vxtap.flows(source), wanted), source


def test_sources_take_options() -> None:
    path = DATA / "01-curl-nva1.pcap"
    vni = int(vxtap.read(path)["vni"][0])
    assert len(vxtap.flows(path, vni=vni)) == len(vxtap.flows(path))
    assert len(vxtap.flows(path, vni=vni + 1)) == len(vxtap.flows(path, ports=8472)) == 0


def test_several_collectors() -> None:
    """Each packet is in one row, which says who saw it; with `dedup` a copy counts once."""
    path = DATA / "01-curl-nva1.pcap"
    alone, both = vxtap.flows(path), vxtap.flows([path, path])
    assert set(both["collectors"]) == {3}
    assert both["packets_out"].tolist() == (2 * alone["packets_out"]).tolist()
    once = vxtap.flows([path, path], dedup="1ms")
    assert once["packets_out"].tolist() == alone["packets_out"].tolist()
    assert once["retransmitted_out"].sum() == alone["retransmitted_out"].sum()


@needs_lab
def test_a_connection_spread_over_two_collectors_is_one() -> None:
    rows = vxtap.flows([NVA1, NVA2])
    tcp = rows[rows["proto"] == 6]
    assert (tcp["collectors"] == 3).any()
    assert not tcp["one_way"].any()
    assert not np.isnat(tcp["rtt"]).any()
    assert (tcp["missing_out"] + tcp["missing_in"]).sum() == 0
    assert vxtap.flows(NVA1)["one_way"].any(), "what one collector alone has looks one-way"


def test_a_damaged_source() -> None:
    data = (DATA / "01-curl-nva1.pcap").read_bytes()
    with pytest.raises(vxtap.FormatError):
        vxtap.flows(data + b"\xff" * 100)
    with conversations.Conversations(data + b"\xff" * 100, vxtap.Options()) as found:
        assert same(best(found, "first"), vxtap.flows(data))
        assert isinstance(found.error, vxtap.FormatError)


def test_wrong_things() -> None:
    path = DATA / "01-curl-nva1.pcap"
    with pytest.raises(vxtap.OptionError, match=r"'offset' is missing: read without `columns`"):
        vxtap.flows(vxtap.read(path, columns=["ts", "frame", "src"]))
    for how in ({"idle": -1}, {"idle": "soon"}, {"most": 0}, {"most": (1 << 20) + 1}, {"most": 1.5}, {"ports": 0}):
        with pytest.raises(vxtap.OptionError, match=f"^{next(iter(how))}"):
            vxtap.flows(rows_of([]), **how)
    with pytest.raises(FileNotFoundError):
        vxtap.flows("there-is-no-such.pcap")


# ---------------------------------------------------------------- the stream


def test_a_stream_gives_what_is_over() -> None:
    table = FlowTable(idle=10)
    assert len(table.take(rows_of([packet(0), packet(5, C)]))) == 0
    assert len(table) == 2
    finished = table.take(rows_of([back(packet(12)), packet(13, "", "", proto=0, sport=0, dport=0), packet(14)]))
    assert [(row["last"] - T0, row["ended"]) for row in plain(finished)] == [(0, 1)]
    rest = table.rest()
    assert [(row["first"] - T0) // SECOND for row in plain(rest)] == [5, 12]
    assert (len(table), table.packets, table.not_ip, table.skipped) == (0, 5, 1, 0)
    assert len(table.rest()) == 0
    assert len(table.take(rows_of([packet(15)]))) == 0, "it can go on"


def test_skipped_frames_are_counted_apart() -> None:
    with vxtap.open(DATA / "20-noise-nva1.pcap", frames="all") as capture:
        table = FlowTable()
        for batch in capture.batches():
            table.take(batch)
        report = capture.report
    assert (table.packets, table.skipped) == (report.frames, report.frames - report.decapsulated)


def test_when_there_are_too_many_the_most_silent_goes() -> None:
    table = FlowTable(most=2)
    first, second, third = packet(0), packet(1, C), packet(3, sport=7)
    out = table.take(rows_of([first, second, back(packet(2)), third]))
    assert [(row["sport"], row["ended"], row["continued"]) for row in plain(out)] == [(1000, 2, 0)]
    assert plain(out)[0]["first"] == T0 + SECOND
    again = plain(table.take(rows_of([packet(4, C)])) if len(table) == 2 else rows_of([]))
    assert again[0]["ended"] == 2
    assert [row["continued"] for row in plain(table.rest())] == [0, 1]


def test_more_rows_than_are_fetched_at_once() -> None:
    many = rows_of([packet(0)]).repeat(10_000).astype(vxtap.PACKET)
    many["sport"] = np.arange(10_000)
    many["ts"] += np.arange(10_000)
    rows = [*plain(FlowTable(most=1).take(many))]
    assert [row["sport"] for row in rows] == list(range(9_999))
    table = FlowTable(idle=1)
    table.take(many)
    late = rows_of([packet(9)])
    assert len(table.take(late)) == 10_000


# ---------------------------------------------------------------- order


def test_orders() -> None:
    rows = vxtap.flows(rows_of([*some(), packet(0.7, length=99), packet(0.8, C, sport=1, proto=UDP, flags=0)]))
    for by in conversations.ORDERS:
        found = best([rows[:2], rows[2:]], by)
        if by in ("first", "last", "rtt"):
            values = found[by][~np.isnat(found[by])].astype(np.int64) * (-1 if by == "rtt" else 1)
            assert values.tolist() == sorted(values.tolist())
        else:
            values = found[f"{by}_out"] + found[f"{by}_in"]
            assert values.tolist() == sorted(values.tolist(), reverse=True)
        for top in (0, 1, 3, 99):
            assert same(best([rows[:2], rows[2:]], by, top), found[:top])


def test_the_first_of_many_parts() -> None:
    """Those kept in between are the ones that count."""
    rows = np.zeros(20_000, vxtap.FLOW)
    rows["bytes_out"] = np.random.default_rng(1).permutation(20_000)
    found = best((rows[i : i + 100] for i in range(0, 20_000, 100)), "bytes", 5)
    assert found["bytes_out"].tolist() == [19_999, 19_998, 19_997, 19_996, 19_995]


# ---------------------------------------------------------------- cost


def crafted(count: int, seed: int) -> np.ndarray[Any, np.dtype[np.void]]:
    """A packet each of so many conversations."""
    rows = np.zeros(count, vxtap.PACKET)
    rows[:] = rows_of([packet(0, proto=UDP, flags=0)])[0]
    sources = np.zeros((count, 16), np.uint8)
    sources[:, 8:] = np.random.default_rng(seed).integers(0, 256, (count, 8))
    rows["src"] = sources.view("V16").ravel()
    rows["ts"] += np.arange(count)
    return rows


def test_the_cost_of_a_packet_does_not_grow() -> None:
    """Places of the table that are looked at, for each packet: with few conversations, many, and more than fit."""
    costs = {}
    for count in (1_000, 10_000, 100_000):
        table = FlowTable(most=20_000)
        table.take(crafted(count, 1))
        again = crafted(count, 1)
        table.take(again)
        packets, *_, steps = table._table.counts
        costs[count] = steps / packets
        assert table._table.capacity <= 32_768, "places for no more than are allowed, as a power of two"
    assert max(costs.values()) < 3


def test_many_conversations_leave_in_order() -> None:
    """Idle ones are given at the cost of one step each, however many there are at once."""
    table = FlowTable(idle=1)
    table.take(crafted(50_000, 2))
    before = table._table.counts[-1]
    out = table.take(rows_of([packet(100)]))
    assert len(out) == 50_000
    assert table._table.counts[-1] - before < 3 * 50_000
    assert (np.diff(out["first"].astype(np.int64)) == 1).all()


def test_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not taken for a source that cannot be read."""

    def none(*_: Any, **__: Any) -> None:
        raise OSError(12, "Cannot allocate memory")

    table = FlowTable()
    monkeypatch.setattr(mmap, "mmap", none)
    with pytest.raises(MemoryError):
        table.take(rows_of(some()))
    with pytest.raises(MemoryError):
        FlowTable()


def test_the_parser_knows_the_same_limit() -> None:
    """It starts without the table itself."""
    assert options.MOST_FLOWS == conversations.MOST


@pytest.mark.parametrize(
    "option",
    [{"where": "dport == 80"}, {"vni": 7}, {"ports": 8472}, {"dedup": "2ms"}, {"depth": 2}, {"tunnels": "none"}],
    ids=str,
)
def test_options_of_sources_are_refused_beside_rows(option: dict[str, Any]) -> None:
    rows = rows_of(some())
    for given in (rows, [rows], iter([rows])):
        with pytest.raises(vxtap.OptionError, match=f"{next(iter(option))}: is for sources"):
            vxtap.flows(given, **option)
    assert same(vxtap.flows(rows, ports=4789, where=None, depth=1), vxtap.flows(rows))
