"""`where=`: what is no predicate, where that is told to be, and what is too much."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import vxtap
from compare import columns_of
from everything import DATA, NUMBERS, ROWS, A, assert_same, within

# ---------------------------------------------------------------- errors


def error(text: Any) -> str:
    with pytest.raises(vxtap.OptionError) as caught:
        vxtap.Options(where=text)
    return str(caught.value)


def position(text: str) -> int:
    """The column that the message names, which has to be the one above the caret."""
    lines = error(text).split("\n")
    found = re.match(r"where: column (\d+): \S", lines[0])
    assert found, lines
    assert len(lines) == 3, lines
    caret = lines[2].index("^")
    assert lines[2].strip() == "^"
    at = int(found.group(1))
    shown = lines[1]
    assert len(shown) >= caret
    if at <= len(text) and text[at - 1].isprintable():
        assert shown[caret] == text[at - 1]
    return at


ERRORS = [
    ("«vnii == 7", "did you mean 'vni'?"),
    ("vni == 7 and «vnii == 8", "did you mean 'vni'?"),
    ("vni == 7 and\n«dportt == 8", "did you mean 'dport'?"),
    ("vni «= 7", "=="),
    ("vni == 7 «&& proto == 6", "and"),
    ("vni == 7 «|| proto == 6", "or"),
    ("«!vni == 7", "not"),
    ("«! (vni == 7)", "not"),
    ("vni ==«", ""),
    ("vni == 7 and«", ""),
    ("not«", ""),
    ("(vni == 7«", ""),
    ("vni == 7«)", ""),
    ("vni == 7 «proto == 6", ""),
    ("«== 7", ""),
    ("vni == «10.0.0.1", ""),
    ("dport == «10.0.0.1", ""),
    ("dport == «'10.0.0.1'", ""),
    ("src == «443", ""),
    ("src == «02:00:00:00:00:01", ""),
    ("eth_src == «10.0.0.1", ""),
    ("eth_src == «fd00::1", ""),
    ("dport in («10.0.0.0/8)", ""),
    ("src in (10.0.0.1, «443)", ""),
    ("src == «10.0.0.256", ""),
    ("src == «10.0.0", ""),
    ("src in «10.0.0.0/33", ""),
    ("src in «fd00::/129", ""),
    ("src == «'fd00:::1'", ""),
    ("src in («)", ""),
    ("proto == «tpc", "did you mean 'tcp'?"),
    ("flags & «trunctaed", "did you mean 'truncated'?"),
    ("tcp_flags & (syn|«akc)", "did you mean 'ack'?"),
    ("tunnel == «vxlam", "did you mean 'vxlan'?"),
    ("ts > «2026-13-01", ""),
    ("ts > «2026-02-30", ""),
    ("ts > «'yesterday'", ""),
    ("ts > «10.0.0.1", ""),
    ("eth_src in «02:00:00:00:00:00/49", ""),
    ("vni == «'7", ""),
    ("(vni == 7) «== 1", ""),
    ("«7 == 7", ""),
    ("0 < vni < «8 == 8", ""),
    ("src == «10.0.0.0/24", "src in 10.0.0.0/24"),
    ("vni in («(7))", ""),
    ("vni in (7,«,)", ""),
    ("7 «& flags", ""),
    ("flags & 3 «& 1", "one '&' is enough"),
    ("tcp_flags & syn«|ack == syn", "(syn|ack)"),
    ("src == 10.0.0.1 «in 10.0.0.0/8", "and"),
    ("«'vni' == 7", ""),
    ("flags & «gpb", "did you mean 'gbp'?"),
    ("vni == 7 and (proto == 6«", "column 14"),
    ("eth_src == «0200.0000.0001", ""),
    ("src in «10.0.0.0/0.0.0.255", ""),
    ("src in «10/8", ""),
    ("ts < «2026-11-23T24:00", ""),
    ("ts < «2026-11-23T00:00:00.0000000001Z", ""),
    ("ts < «2026-11-23T00:00:00+25:00", ""),
    ("status == «bad_record", ""),
]


@pytest.mark.parametrize(("marked", "hint"), ERRORS, ids=[text for text, _ in ERRORS])
def test_errors(marked: str, hint: str) -> None:
    """They name the place, and often what to write instead."""
    text = marked.replace("«", "")
    assert position(text) == marked.index("«") + 1
    assert hint in error(text)


@pytest.mark.parametrize(
    "text",
    [
        "src < 10.0.0.1",
        "10.0.0.1 <= src",
        "src < dst",
        "eth_src > eth_dst",
        "src == eth_src",
        "src == vni",
        "ts == vni",
        "ts & 1",
        "src & 1",
        "eth_src & 1",
        "7",
        "7 == 7",
        "vni",
        "src",
        "not vni",
        "vni and proto == 6",
        "()",
        "(vni) (7)",
        "vni in",
        "vni in 7 8",
        "vni in (7 8)",
        "vni in (7,,8)",
        "vni in (,7)",
        "vni not 7",
        "vni not == 7",
        "vni == == 7",
        "vni === 7",
        "vni <> 7",
        "vni =< 7",
        "vni == 0x",
        "vni == 7x",
        "vni == 0xg",
        "vni == 1.5",
        "vni == 1e3",
        "vni == '",
        "vni == \"7'",
        "vni == seven",
        "vni == \u096d",
        "vni\u2009== 7",
        "\ufeffvni == 7",
        "vni == \ud800",
        "\udcff",
        "vni == 7\x1b[31m",
        "vni == 7\u2028",
        "VNI == 7",
        "vni == +7",
        "vni == - 7",
        "7 in (vni, 8)",
        "vni == 7 in (7)",
        "vni == not 7",
        "vni == 0b111",
        "vni == 1_000",
        "vni == ' 7 '",
        "vni == ''",
        "vni == 7)) or (vni == 8",
        "ts & 7 == 1",
        "flags & flags",
        "tcp_flags & (syn,ack)",
        "vni == \u00a07",
        "vni == 7;",
        "vni == 7 # seven",
        "vni\0 == 7",
        "vni == 7\0",
        "\0",
        "vni & == 7",
        "vni & (1|) == 7",
        "vni & (1|2 == 7",
        "vni | 1",
        "tcp_flags & & syn",
        "and vni == 7",
        "or",
        "not",
        "vni == 7 and and vni == 7",
        "src in 10.0.0.0/",
        "src in /8",
        "src in 10.0.0.0/-1",
        "src in 10.0.0.0/8/8",
        "src == fe80::1%eth0",
        "src in dst",
        "dport in 1..3",
        "🦈 == 7",
        "\uff36\uff2e\uff29 == 7",
        "__import__('os')",
        "vni == 7 or lambda: 1",
    ],
)
def test_no_predicates(text: str) -> None:
    """What is none is refused, with a place, before anything is opened."""
    assert position(text) <= len(text) + 1
    with pytest.raises(vxtap.OptionError, match=r"^where: "):
        vxtap.read("there/is/no/such.pcap", where=text)


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_nothing(text: str) -> None:
    assert error(text).startswith("where: ")


NO_TEXT = [b"vni == 7", 7, True, ["vni == 7"], np.array(["vni == 7"]), object(), 1.5, bytearray(b"x"), ("vni == 7",)]


@pytest.mark.parametrize("value", NO_TEXT, ids=lambda value: type(value).__name__)
def test_no_text(value: Any) -> None:
    """It is the option that is named."""
    assert error(value).startswith("where: ")


def test_numpy_text() -> None:
    """A string of numpy is text."""
    assert_same(np.str_("vni == 7"), A)


def test_none() -> None:
    assert columns_of(vxtap.read(DATA, where=None)) == columns_of(ROWS)


# ---------------------------------------------------------------- limits


MOST = 65_536


def test_a_long_list() -> None:
    """So many values and no more, in any order, neighbours and repetitions among them."""
    some = np.random.default_rng(1).permutation(MOST).tolist()
    assert_same(f"tcp_seq in ({','.join(map(str, some))})", ROWS["tcp_seq"] < MOST)
    odd = [number | 1 for number in some[:5000]]
    assert_same(f"sport not in ({', '.join(map(str, odd))})", ~np.isin(ROWS["sport"], odd))


def test_a_list_too_long() -> None:
    text = f"sport in ({', '.join(map(str, range(MOST + 1)))})"
    message = error(text)
    assert "65,536" in message
    assert len(message) < 1000


def test_a_long_list_of_addresses() -> None:
    some = [f"10.{i >> 8 & 255}.{i & 255}.1" for i in range(5000)] + ["10.0.0.0/30", "2001:db8::/64"]
    wanted = within("src", "10.0.0.0/30") | within("src", "2001:db8::/64")
    assert_same(f"src in ({', '.join(some)})", wanted)
    assert_same(f"src not in ({', '.join(reversed(some))})", ~wanted)


MANY, LONG = 6_000, 300_000
HUGE = [
    "(" * MANY + "vni == 7" + ")" * MANY,
    "not " * MANY + "vni == 7",
    "(" * MANY,
    "not (" * MANY + "vni == 7" + ")" * MANY,
    " or ".join(["vni == 7"] * MANY),
    " and ".join(f"(vni == {i} or dport & {i + 1})" for i in range(MANY // 2)),
    " or ".join(f"{name} != {i}" for i in range(MANY // 20) for name in NUMBERS),
    "vni" + " == vni" * MANY,
    "vni & (" + "|".join(["1"] * MANY) + ")",
    "vni == " + "9" * LONG,
    "vni == " + "x" * LONG,
    "vni == '" + "x" * LONG + "'",
    "vni == '" + "x" * LONG,
    "vni == 0x" + "f" * LONG,
    "vni == -" + "9" * LONG,
    "x" * LONG + " == 7",
    "vni" + " " * LONG + "== 7 x",
    "ts == 2026-01-01T00:00:00." + "0" * LONG,
    "src == " + ":" * LONG,
    "src in 10.0.0.0/" + "9" * LONG,
    "\0" * LONG,
]


@pytest.mark.parametrize("text", HUGE, ids=lambda text: text[:20])
def test_huge(text: str) -> None:
    """Whatever the size: a predicate, or a short error of the usual kind; never a crash, and not for long."""
    said = "where: "
    try:
        vxtap.read(DATA, where=text)
    except vxtap.OptionError as refused:
        said = str(refused)
    assert said.startswith("where: ")
    assert len(said) < 2000


def test_nesting_that_people_write() -> None:
    """Some tens of levels, and some hundreds of tests."""
    assert_same("(" * 30 + "vni == 7" + ")" * 30, A)
    assert_same("not " * 30 + "vni == 7", A)
    text = "vni == 7"
    for _ in range(12):
        text = f"(not ({text}) or proto == 200)"
    assert_same(text, A)
    assert_same(" or ".join(f"vni == {i}" for i in range(300)), ROWS["vni"] < 300)
    assert_same(" and ".join(f"vni != {i}" for i in range(300)), ROWS["vni"] >= 300)
