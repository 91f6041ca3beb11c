"""`where`: what it can say, what it says of what it cannot, its limits, and programs that are not sound."""

from __future__ import annotations

import pickle
import re
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vxtap
from build import TCP, Pcapng, eth, ipv4, ipv6, pcap, tcp, udp, vxlan
from vxtap import _core, _facts, grammar
from vxtap.grammar import MOST_DEPTH, MOST_LISTED, MOST_PIECES
from vxtap.literals import NAMES
from vxtap.options import Options
from vxtap.tokens import MOST_TEXT
from vxtap.where import parse

SECOND = 10**9
T0 = 1_700_000_000 * SECOND


def mirrored(dport: int = 80, vni: int = 7) -> bytes:
    return eth(ipv4(udp(vxlan(eth(ipv4(tcp(dport=dport), TCP)), vni))))


PORTS = (80, 443, 8080, 53)
FOUR = pcap([(T0 + i * SECOND, mirrored(port, i)) for i, port in enumerate(PORTS)])


def ports(where: str, data: Any = FOUR, **how: Any) -> list[int]:
    """The ports of the rows that are left."""
    found: list[int] = vxtap.read(data, where=where, **how)["dport"].tolist()
    return found


# ---------------------------------------------------------------- what it can say


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("dport == 443", [443]),
        ("443 == dport", [443]),
        ("dport==0x1BB", [443]),
        ("dport != 443", [80, 8080, 53]),
        ("100 < dport", [443, 8080]),
        ("80 <= dport < 8080", [80, 443]),
        ("8080 > dport > 53", [80, 443]),
        ("vni == 1 == vni", [443]),
        ("dport in (53, 443,)", [443, 53]),
        ("dport not in (53, 443)", [80, 8080]),
        ("dport == 80 or dport == 53 and vni == 0", [80]),
        ("(dport == 80 or dport == 53) and vni == 0", [80]),
        ("(dport == 80 or dport == 53) and vni == 3", [53]),
        ("not dport == 80 and not not vni == 1", [443]),
        ("NOT (dport == 80 OR dport In (53, 443))", [8080]),
        ("dport & 16", [80, 443, 8080, 53]),
        ("dport & 3 == 3", [443]),
        ("(dport & 3) == 3", [443]),
        ("(dport) & (1|2) == 1|2", [443]),
        ("dport & 3 in (1, 3)", [443, 53]),
        ("not dport & 1", [80, 8080]),
        ("vni < source", []),
        ("vni & 1 == frame & 1", []),
        ("vni >= dport", []),
        ("src == dst", []),
        ("src != dst", [80, 443, 8080, 53]),
        ("dport == dport and vni != vni", []),
        ("dport < 65536 and dport > -1 and dport != 99999999999999999999", [80, 443, 8080, 53]),
        ("dport == 65536 or dport < 0 or dport == " + "9" * 5000, []),
        ("vni == 00000000000000000000000000000000000000000000000003", [53]),
        ("dport\n  == '80'\t", [80]),
        ('src in (10.0.0.0/8, "::1")', [80, 443, 8080, 53]),
        ("ts == 2023-11-14T22:13:21Z", [443]),
        ("ts >= '2023-11-14 22:13:22' and proto == tcp", [8080, 53]),
        (f"ts in ({T0}, 2023-11-15T00:13:23+02:00)", [80, 53]),
        ("tunnel == vxlan and status == OK and ethertype == IPv4 and not flags & truncated", [80, 443, 8080, 53]),
    ],
)
def test_says(text: str, wanted: list[int]) -> None:
    assert ports(text) == wanted


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01", 0),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("2026-11-24T10:00:00.5Z", 1795514400_500000000),
        ("2026-11-24t10:00z", 1795514400_000000000),
        ("2026-11-24T10:00:00.000000001", 1795514400_000000001),
        ("2026-11-24T15:30:00+0530", 1795514400_000000000),
        ("2026-11-24T04:00:00-06", 1795514400_000000000),
        ("2028-02-29", 1835395200_000000000),
        ("2262-04-11T23:47:16.854775807Z", 2**63 - 1),
        ("-5", -5),
    ],
)
def test_times(text: str, ns: int) -> None:
    """To the nanosecond, whatever the offset."""
    begin = (ns - 1) // SECOND
    file = Pcapng().idb(tsresol=9, tsoffset=begin)
    for at in (ns - 1, ns, ns + 1):
        file.epb(mirrored(), at - begin * SECOND)
    here = vxtap.read(bytes(file))["ts"]
    time = np.datetime64(ns, "ns")
    for sign, keep in (("==", here == time), ("<", here < time), (">=", here >= time), ("!=", here != time)):
        found = vxtap.read(bytes(file), where=f"ts {sign} {text}")["ts"]
        assert found.astype("i8").tolist() == here[keep].astype("i8").tolist()
    if "-" not in text[8:] and "+" not in text and ":" in text:
        assert np.datetime64(text.upper().removesuffix("Z"), "ns") == time


def test_frames_without_a_time() -> None:
    """As in numpy: nothing compares with no time, but everything differs from it."""
    data = bytes(Pcapng().idb().spb(mirrored(80)).epb(mirrored(443), 1))
    for text in ("ts < 2100-01-01", "ts >= -9223372036854775808", "ts == ts", "ts in (0, 1000)", "0 < ts < 2000"):
        assert ports(text, data) == [443]
        assert ports(f"not {text}", data) == [80]
    for text in ("ts != 5", "ts not in (5, -9223372036854775808)", "not ts < 1", "ts != 1000 or dport == 443"):
        assert 80 in ports(text, data)
    assert ports("ts == -9223372036854775808 or ts < ts", data) == []
    assert ports("ts != ts", data) == [80]


def test_addresses() -> None:
    four, six = ipv4(tcp(dport=4), TCP, src=bytes([10, 1, 2, 3])), ipv6(tcp(dport=6), TCP)
    frames = [(T0, eth(ipv4(udp(vxlan(one))))) for one in (eth(four), eth(six, 0x86DD), eth(bytes(40), 0x0806))]
    data = pcap(frames)
    v6 = vxtap.format_ip(vxtap.read(data)["src"])[1]
    for text, wanted in (
        ("src == 10.1.2.3", [4]),
        ("src in 10.1.2.3", [4]),
        ("src in 10.1.2.99/24", [4]),
        ("src in ::ffff:10.1.0.0/112", [4]),
        ("src in 0.0.0.0/0", [4]),
        ("src in ::/0", [4, 6, 0]),
        (f"src in ({v6}, 192.168.0.0/16)", [6]),
        (f"src == '{v6}'", [6]),
        ("src == ::", [0]),
        ("src not in (10.0.0.0/8, ::)", [6]),
    ):
        assert ports(text, data) == wanted


def test_macs() -> None:
    rows = vxtap.read(FOUR)
    mac = str(vxtap.format_mac(rows["eth_src"])[0])
    for text in (f"eth_src == {mac}", f"eth_src == {mac.upper().replace(':', '-')}", f"eth_src in {mac}/24"):
        assert len(ports(text)) == len(PORTS)
    assert ports(f"eth_src == eth_dst or eth_src in ff:00:00:00:00:00/8 or eth_src != {mac}") == []


def test_names() -> None:
    """Of enums all names, of the others those that everybody knows; in any case, with '-' as good as '_'."""
    assert NAMES["flags"] == {flag.name.lower(): flag.value for flag in vxtap.Flag if flag.name}
    assert NAMES["tunnel"] == {one.name.lower(): one.value for one in vxtap.Tunnel}
    assert set(NAMES["status"]) == {one.name.lower() for one in vxtap.Status if one <= vxtap.Status.KEPT}
    for column, names in NAMES.items():
        for name, value in names.items():
            texts = {name, name.upper(), name.replace("_", "-"), f"'{name}'", str(value)}
            assert len({parse(f"{column} == {text}")[2:] for text in texts if text not in vxtap.PACKET.names}) == 1


def test_columns_and_level() -> None:
    """Those that are named, in order, once, even where they do not matter; frames are parsed as deep as they need."""
    program = parse("vni == 7 and (dport < 5 or 9 == vni) and flow >= 0")
    assert program.columns == ("vni", "dport", "flow")
    assert program.text.startswith("vni == 7")
    assert pickle.loads(pickle.dumps(program)) == program
    levels = {name: level for name, _, _, _, level, _, _ in _facts.fields()}
    for name, level in levels.items():
        assert parse(f"{name} {'==' if name != 'ts' else '>='} {name}").level == level


def test_one_test_for_what_looks_at_the_same() -> None:
    """Chains, lists and alternatives of one column are looked up at once."""
    size = len(parse("dport == 1").tests)
    for text in ("1 <= dport < 9", "dport == 1 or dport == 2 or not 5 < dport < 9", "dport in (1, 2) and dport != 2"):
        assert len(parse(text).tests) == size
    assert parse("dport in (1, 2, 3)").words == parse("1 <= dport <= 3").words
    assert len(parse("dport < 5 or vni == 7 and sport < 2").tests) == 3 * size
    assert parse("vni >= 0 or sport == 2").tests == b""


# ---------------------------------------------------------------- what it cannot


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("vnii == 7", 1, "there is no column 'vnii': did you mean 'vni'?"),
        ("7 == vnii", 6, "there is no column 'vnii': did you mean 'vni'?"),
        ("ip.src == 10.0.0.1", 1, "there is no column 'ip.src': did you mean 'src'?"),
        ("zzzzzz", 1, "there is no column 'zzzzzz'"),
        ("vni = 7", 5, "write '==' for '='"),
        ("vni == 7 && vni == 8", 10, "write 'and' for '&&'"),
        ("vni == 7 || vni == 8", 10, "write 'or' for '||'"),
        ("!(vni == 7)", 1, "write 'not' for '!'"),
        ("vni <> 7", 5, "write '!=' for '<>'"),
        ("vni", 1, "'vni' alone is no condition: compare it with something (vni == ...)"),
        ("vni == 7 and src", 14, "'src' alone is no condition: compare it with something (src == ...)"),
        ("7 == 8", 1, "'7' is a value, and there is no column that it could belong to"),
        ("443", 1, "'443' is a value, and there is no column that it could belong to"),
        ("vni == 7 and", 13, "expected a column or a value, and it ends here"),
        ("and vni == 7", 1, "expected a column or a value, got 'and'"),
        ("vni == 7 dport == 3", 10, "expected 'and', 'or' or the end, got 'dport'"),
        ("(vni == 7", 10, "expected ')' for the '(' of column 1, and it ends here"),
        ("vni == 7)", 9, "expected 'and', 'or' or the end, got ')'"),
        ("(vni == 7) == 1", 12, "'==' compares columns and values, not conditions"),
        ("sport == src", 7, "sport is a number, and src an IP address: they do not compare"),
        ("src == eth_src", 5, "src is an IP address, and eth_src a MAC address: they do not compare"),
        ("ts < caplen", 4, "ts is a time, and caplen a number: they do not compare"),
        ("src < 10.0.0.1", 5, "addresses have no order: write src in a network"),
        ("eth_src >= eth_dst", 9, "addresses have no order: write eth_src in a network"),
        ("src == 10.0.0.0/8", 8, "src: '10.0.0.0/8' is a network: write src in 10.0.0.0/8"),
        ("src == 443", 8, "src: expected an IP address or a network such as 10.90.0.0/24, got '443'"),
        ("src == 10.0.0.256", 8, "src: expected an IP address or a network such as 10.90.0.0/24, got '10.0.0.256'"),
        ("src == 02:00:5e:10:00:01", 8, "src: expected an IP address or a network such as 10.90.0.0/24, got '02:"),
        ("eth_src in 02:00:5e:10:00:01/49", 12, "eth_src: expected a MAC address such as 02:00:5e:10:00:01, got"),
        ("dport == 10.0.0.1", 10, "dport: expected a number, got '10.0.0.1'"),
        ("dport == 1.5", 10, "dport: expected a number, got '1.5'"),
        ("sport == dprt", 10, "sport: expected a number, got 'dprt': did you mean 'dport'?"),
        (
            "proto == tpc",
            10,
            "proto: expected a number or one of icmp, tcp, udp, gre, icmpv6, sctp, got 'tpc': did you",
        ),
        ("ts > yesterday", 6, "ts: expected a time such as 2026-11-24T10:00:00.5Z, or whole nanoseconds since 1970, "),
        ("ts > 2026-02-29", 6, "ts: expected a time"),
        ("ts > 2026-02-28T24:00", 6, "ts: expected a time"),
        ("ts > 2026-02-28T10:00:00.0123456789", 6, "ts: expected a time"),
        ("dport in 443", 10, "expected values in parentheses, such as (80, 443), got '443'"),
        ("dport in sport", 10, "expected values in parentheses, such as (80, 443), got 'sport'"),
        ("dport in ()", 11, "expected a value, got ')'"),
        ("dport in (80 443)", 14, "expected ')' or ',' behind a value of a list, got '443'"),
        ("443 in dport", 1, "'443' is a value, and there is no column that it could belong to"),
        ("(vni == 7) in (1)", 12, "before 'in' stands a column"),
        ("dport not 443", 11, "expected 'in' behind 'not', got '443'"),
        ("1 < dport in (80, 443)", 11, "'in' cannot follow a comparison: join the two with 'and'"),
        ("tcp_flags & syn|ack", 16, "put bits in parentheses behind '&', as in (syn|ack)"),
        ("tcp_flags & syn & ack", 17, "one '&' is enough: bits are put together as in (syn|ack)"),
        ("tcp_flags & (syn", 17, "expected ')' behind the bits, and it ends here"),
        ("tcp_flags & == 2", 13, "expected bits, got '=='"),
        ("src & 255 == 1", 5, "'&' takes bits of a column of numbers, which stands before it"),
        ("2 & tcp_flags", 3, "'&' takes bits of a column of numbers, which stands before it"),
        ("src == 10.0.0.1|10.0.0.2", 8, "src: there is no '|' of values that are no numbers"),
        ("sport | dport", 7, "'|' stands between values: conditions are joined with 'or'"),
        ("vni == 'seven", 8, "this quote is not closed"),
        ("vni == 7; dport", 9, "';' means nothing here"),
        ("vni == sieben\N{BULLET}", 14, "'\N{BULLET}' means nothing here"),
    ],
)
def test_says_what_is_wrong(text: str, at: int, message: str) -> None:
    """With the column of the text, and a caret below it."""
    with pytest.raises(vxtap.OptionError) as error:
        parse(text)
    first, shown, caret = str(error.value).split("\n")
    assert first.startswith(f"where: column {at}: {message}")
    assert shown == f"  {text}"
    assert caret == " " * (2 + at - 1) + "^"


def test_what_is_wrong_in_a_long_text() -> None:
    text = "vni in (" + ", ".join(map(str, range(1000))) + ") and\n\tvnii == 7 and " + "vni < 5 and " * 99 + "vni > 2"
    with pytest.raises(vxtap.OptionError, match="there is no column 'vnii'") as error:
        parse(text)
    _, shown, caret = str(error.value).split("\n")
    assert shown.startswith("  ...")
    assert shown.endswith("...")
    assert len(shown) < 150
    assert shown[caret.index("^") :].startswith("vnii == 7")


@pytest.mark.parametrize("text", ["", "  \n", 7, b"vni == 7", ["vni == 7"], True])
def test_is_no_text(text: Any) -> None:
    with pytest.raises(vxtap.OptionError, match=r"^where: "):
        Options(where=text)


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for opened in ("(", "not (", "(not not "):
        assert parse(opened * MOST_DEPTH + "vni == 7" + ")" * MOST_DEPTH).columns == ("vni",)
        with pytest.raises(vxtap.OptionError, match=f"more than {MOST_DEPTH} parentheses within each other"):
            parse(opened * (MOST_DEPTH + 1) + "vni == 7" + ")" * (MOST_DEPTH + 1))
    listed = ", ".join(str(3 * i) for i in range(MOST_LISTED))
    rows = vxtap.read(FOUR, where=f"dport in ({listed})")
    assert rows["dport"].tolist() == [port for port in PORTS if port % 3 == 0]
    monkeypatch.setattr(grammar, "MOST_LISTED", 4)
    assert parse("dport in (1, 2, 3, 4,)").columns == ("dport",)
    with pytest.raises(vxtap.OptionError, match="column 23: a list has at most 4 values"):
        parse("dport in (1, 2, 3, 4, 5)")
    many = " or ".join(f"vni & {i} == {i} and dport == 9" for i in range(1, _facts.MAX_TESTS // 2))
    assert parse(many).columns == ("vni", "dport")
    with pytest.raises(vxtap.OptionError, match=r"where: [\d,]+ comparisons are more than 4,096"):
        parse(f"{many} or sport == 7 or ttl == 5 or proto == 3")
    assert parse("not " * 10_001 + "vni == 7")[1:] == parse("not vni == 7")[1:]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("vni == 7" + " " * MOST_TEXT, "4,194,312 characters is longer than 4,194,304"),
        ("vni == 7 and not(" * (MOST_TEXT // 17 + 1), "is longer than"),
        ("not " * (MOST_PIECES + 1), "more than 262,144 words and signs"),
        ("dport == 80 or sport == 443 or " * (MOST_PIECES // 8 + 1), "more than 262,144 words and signs"),
        ("flags & (" + "1|" * MOST_PIECES, "more than 262,144 words and signs"),
        (
            "dport in (" + ("1,") * 60_000 + ") or dport in (" + "1," * 60_000 + ") or vni in (" + "1," * 60_000,
            "words and",
        ),
    ],
    ids=["blank", "long", "not", "or", "values", "lists"],
)
def test_the_size_of_a_text_is_limited(text: str, told: str) -> None:
    """Before there is memory for more than that."""
    tracemalloc.start()
    try:
        with pytest.raises(vxtap.OptionError, match=told):
            parse(text)
        assert tracemalloc.get_traced_memory()[1] < 128 << 20
    finally:
        tracemalloc.stop()


def test_the_longest_list_of_networks_has_room() -> None:
    networks = ", ".join(f"fd00:{i:04x}:1111:2222:3333:4444:5555:6666/128" for i in range(MOST_LISTED))
    assert parse(f"src in ({networks})").columns == ("src",)


TEST = parse("dport in (80, 443) or src in (10.0.0.0/8, ::1) or ts > 0 or sport < dport or src == dst")


def scanner(tests: bytes, words: bytes) -> _core.Scanner:
    wanted: Any = {**Options().wanted, "where": (tests, words, 4)}
    return _core.Scanner(wanted, source=0, level=0, skipped_rows=False, columns=[], row_size=_facts.ROW_SIZE)


def test_programs_that_are_not_sound_are_refused() -> None:
    """Whatever a single byte of a program becomes: it is refused, or it runs to its end."""
    rows = bytearray(64 * _facts.ROW_SIZE)
    refused = 0
    for i in range(len(TEST.tests)):
        for bit in (1, 0x80):
            tests = bytearray(TEST.tests)
            tests[i] ^= bit
            try:
                found = scanner(bytes(tests), TEST.words)
            except ValueError:
                refused += 1
                continue
            assert found.scan(FOUR, 0, len(FOUR), rows, 0)[1] == len(FOUR)
    assert refused > len(TEST.tests) // 2
    for tests, words in ((TEST.tests, TEST.words[:-8]), (TEST.tests, b""), (TEST.tests[40:], TEST.words[:8])):
        with pytest.raises(ValueError, match="no sound program"):
            scanner(tests, words)
    with pytest.raises(ValueError, match="no sound program"):
        scanner(TEST.tests[:40] * (_facts.MAX_TESTS + 1), TEST.words)


def test_documentation() -> None:
    """What docs/where.md shows as told is what is told, and it names all names and limits."""
    page = (Path(__file__).parents[2] / "docs" / "where.md").read_text()
    (shown,) = re.findall(r"^```text\n(.*?)^```", page, re.M | re.S)
    with pytest.raises(vxtap.OptionError) as error:
        parse(shown.splitlines()[1].strip())
    assert f"{error.value}\n" == shown
    for column in ("proto", "tcp_flags", "ethertype"):
        (names,) = re.findall(rf"^\| `{column}` \| (.*) \|$", page, re.M)
        assert set(names.split()) == set(NAMES[column])
    for limit in (MOST_DEPTH, MOST_LISTED, MOST_PIECES, MOST_TEXT, _facts.MAX_TESTS):
        assert re.search(rf"\b{limit:,}\b", page)
