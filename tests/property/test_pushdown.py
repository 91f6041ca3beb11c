"""Conditions of polars as text: no row that passes the one is stopped by the other."""

from __future__ import annotations

import ipaddress
import random
import re
from collections.abc import Callable
from functools import reduce
from operator import and_, or_
from typing import Any

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import vxtap
from build import ARP, IPV4, IPV6, NANO, TCP, UDP, arp, eth, ipv4, ipv6, pcap, tcp, udp, vxlan
from columns import text_of
from vxtap import arrow
from vxtap.frames import polars_frame
from vxtap.pushdown import where_of
from vxtap.where import parse

ADDRESSES = ["10.0.0.1", "10.0.0.2", "10.90.0.1", "fd00::1", "::", "::1"]
MACS = ["02:00:5e:10:00:01", "00:00:00:00:00:00", "02:00:00:00:00:02"]
OPERATORS = ["__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"]


def rows_of(seed: int) -> Any:
    """Records with few values in each column, so that conditions meet some and miss others."""
    chance = np.random.default_rng(seed)
    rows = np.zeros(24, vxtap.PACKET)
    for name in ("vni", "sport", "dport", "proto", "flags", "tcp_flags", "frame"):
        rows[name] = chance.integers(0, 6, len(rows))
    rows["flow"] = chance.integers(0, 3, len(rows)).astype(np.uint64) - np.uint64(1)
    for name in ("src", "dst"):
        rows[name] = vxtap.parse_ip(ADDRESSES)[chance.integers(0, len(ADDRESSES), len(rows))]
    rows["eth_src"] = vxtap.parse_mac(MACS)[chance.integers(0, len(MACS), len(rows))]
    rows["ts"] = chance.integers(0, 5, len(rows))
    rows["ts"][rows["ts"].view(np.int64) == 4] = np.datetime64("NaT", "ns")
    return rows


NUMBERS = st.sampled_from(["vni", "sport", "dport", "proto", "flags", "tcp_flags", "frame", "flow"])
VALUES = st.integers(-2, 7)
TEXTS = st.sampled_from([*ADDRESSES, *MACS, "10.0.0.01", "alpha", ""])
NAMES = st.sampled_from(["src", "dst", "eth_src"])


def compared(operator: str, left: Any, right: Any) -> pl.Expr:
    made: pl.Expr = getattr(left, operator)(right)
    return made


TESTS = st.one_of(
    st.builds(lambda name, op, value: compared(op, pl.col(name), value), NUMBERS, st.sampled_from(OPERATORS), VALUES),
    st.builds(
        lambda name, op, value: compared(op, pl.lit(value), pl.col(name)), NUMBERS, st.sampled_from(OPERATORS), VALUES
    ),
    st.builds(lambda a, b, op: compared(op, pl.col(a), pl.col(b)), NUMBERS, NUMBERS, st.sampled_from(OPERATORS)),
    st.builds(
        lambda name, mask, op, value: compared(op, pl.col(name) & mask, value),
        *(NUMBERS, st.integers(0, 7), st.sampled_from(OPERATORS), VALUES),
    ),
    st.builds(
        lambda name, low, high, closed: pl.col(name).is_between(low, high, closed=closed),
        *(NUMBERS, VALUES, VALUES, st.sampled_from(["both", "left", "right", "none"])),
    ),
    st.builds(lambda name, values: pl.col(name).is_in(values), NUMBERS, st.lists(VALUES, min_size=1, max_size=3)),
    st.builds(lambda name, op, text: compared(op, pl.col(name), text), NAMES, st.sampled_from(OPERATORS), TEXTS),
    st.builds(lambda name, texts: pl.col(name).is_in(texts), NAMES, st.lists(TEXTS, min_size=1, max_size=3)),
    st.builds(
        lambda name, start: pl.col(name).str.starts_with(start), NAMES, st.sampled_from(["10.", "10.90.", "10.9", "f"])
    ),
    st.builds(lambda a, b, op: compared(op, pl.col(a), pl.col(b)), NAMES, NAMES, st.sampled_from(OPERATORS)),
    st.builds(lambda name: pl.col(name).is_null(), NAMES),
    st.builds(
        lambda op, value: compared(op, pl.col("ts"), pl.lit(value, pl.Int64).cast(pl.Datetime("ns", "UTC"))),
        *(st.sampled_from(OPERATORS), st.integers(0, 4)),
    ),
)
PREDICATES = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        st.builds(lambda a, b: a & b, inner, inner),
        st.builds(lambda a, b: a | b, inner, inner),
        inner.map(lambda a: ~a),
    ),
    max_leaves=5,
)


def laddered(parts: list[pl.Expr]) -> pl.Expr:
    """`and` and `or` in turn, each within the next."""
    made = parts[0]
    for i in range(1, len(parts)):
        made = made & parts[i] if i % 2 else made | parts[i]
    return made


def of_many(join: Callable[[list[pl.Expr]], pl.Expr]) -> st.SearchStrategy[pl.Expr]:
    """More of them than a text has room for, of a few kinds."""
    few = st.lists(PREDICATES, min_size=1, max_size=4)
    return st.builds(lambda some, count: join((some * count)[:count]), few, st.integers(40, 130))


#: Wide ones, and deep ones.
LARGE = st.one_of(*map(of_many, (lambda parts: reduce(and_, parts), lambda parts: reduce(or_, parts), laddered)))


class Address(str):
    """An address, or a network, which addresses lie in."""

    __slots__ = ()

    def __contains__(self, text: object) -> bool:
        one = ipaddress.ip_address(str(text))
        return one.version == 4 and one in ipaddress.ip_network(str(self))


ADDRESS = re.compile(r"(?<![\w.:])((?:\d+\.){3}\d+(?:/\d+)?|(?=[0-9a-f:]*:)[0-9a-f:]+)(?![\w.:])")


def passes(text: str, row: Any) -> bool:
    """Whether a row passes, by Python's own reading of the text."""
    names: dict[str, Any] = {}
    for name in row.dtype.names:
        value = row[name]
        if isinstance(value, np.void):
            names[name] = text_of(value.tobytes())
        elif name == "ts":
            names[name] = float("nan") if np.isnat(value) else int(value.view(np.int64))
        else:
            names[name] = int(value)
    lists = re.sub(r"in \(([^()]*)\)", r"in (\1,)", text)
    return bool(eval(ADDRESS.sub(r"A('\1')", lists), {"A": Address}, names))


@settings(max_examples=300)
@given(predicate=PREDICATES | LARGE, seed=st.integers(0, 5))
def test_what_passes_the_predicate_passes_the_text(predicate: pl.Expr, seed: int) -> None:
    rows = rows_of(seed)
    (batch,) = arrow.from_rows(rows).combine_chunks().to_batches()
    wanted = polars_frame(batch).with_row_index("row").filter(predicate)["row"].to_list()
    text = where_of(predicate)
    if text:
        parse(text)
        assert [row for row in wanted if not passes(text, rows[row])] == []


def capture_of(seed: int) -> bytes:
    """A capture whose rows have few values in each column."""
    chance = random.Random(seed)
    pick = chance.choice
    frames = []
    for _ in range(40):
        carried, proto = pick([(udp, UDP), (tcp, TCP)])
        packet = carried(b"x", sport=pick(range(6)), dport=pick(range(6)))
        ends = {name: ipaddress.ip_address(pick(ADDRESSES[:3])).packed for name in ("src", "dst")}
        ends6 = {name: ipaddress.ip_address(pick(ADDRESSES[3:])).packed for name in ("src", "dst")}
        inner = [(ipv4(packet, proto, **ends), IPV4), (ipv6(packet, proto, **ends6), IPV6), (arp(), ARP)]
        frame = eth(*pick(inner), src=bytes.fromhex(pick(MACS).replace(":", "")))
        frames.append((pick(range(5)), eth(ipv4(udp(vxlan(frame, pick(range(6))))))))
    return pcap(frames, magic=NANO)


@given(predicate=PREDICATES | LARGE, seed=st.integers(0, 2), head=st.sampled_from([None, 3]))
def test_a_query_gives_what_polars_alone_would(predicate: pl.Expr, seed: int, head: int | None) -> None:
    data = capture_of(seed)
    with vxtap.open(data) as opened:
        eager = opened.to_polars().lazy()
    queries = [one.filter(predicate) for one in (vxtap.polars.scan(data), eager)]
    found, wanted = (one.head(head) if head else one for one in queries)
    assert_frame_equal(found.select("ts", "src", "vni").collect(), wanted.select("ts", "src", "vni").collect())


def test_texts_are_read_as_they_are_meant() -> None:
    """The reading above tells rows apart at all."""
    row = rows_of(0)[:1]
    row["vni"], row["ts"] = 3, np.datetime64("NaT", "ns")
    row["src"], row["dst"], row["eth_src"] = *vxtap.parse_ip(["10.90.0.1", "fd00::1"]), vxtap.parse_mac([MACS[0]])[0]
    for text in (
        "vni == 3",
        "src in 10.90.0.0/16",
        "src in (10.90.0.1, ::1)",
        "dst == fd00::1",
        f"eth_src == {MACS[0]}",
    ):
        assert passes(text, row[0])
        assert not passes(f"not ({text})", row[0])
    assert not passes("src in 10.91.0.0/16 or dst in 10.0.0.0/8 or src in (10.90.0.11) or ts > 0", row[0])
    assert passes("(vni & 2) != 0 and src != dst and not (ts < 5)", row[0])
