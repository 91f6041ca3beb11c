"""`where=`: what each word of a predicate means, against masks of numpy that are written out, and what errors say."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import build
import vxtap
from build import ICMP, ICMPV6, IPV6, SCTP, TCP, Pcapng, eth, ipv4, ipv6, sctp, tcp, udp, vxlan
from compare import columns_of

MIDNIGHT = 1_795_392_000 * 10**9  # 2026-11-23
SECOND = 10**9
MAC_C = bytes.fromhex("02005e100001")


def outer(inner: bytes, vni: int = 7, **how: Any) -> bytes:
    return eth(ipv4(udp(vxlan(inner, vni, **how), sport=50000 + vni % 7)))


def everything() -> bytes:
    """A frame of every kind, so that every column has several values; one has no time."""
    syn = eth(ipv4(tcp(sport=40000, flags=0x02, seq=5), TCP, ident=9, ttl=63))
    both = eth(
        ipv4(tcp(sport=443, dport=40000, flags=0x12, seq=2**31, ack=6, window=100), TCP, src=build.IP_B, dst=build.IP_A)
    )
    frames = [
        outer(syn),
        outer(both),
        outer(eth(ipv4(tcp(b"data", flags=0x118, ack=2**31 + 1), TCP, tos=0xB8), src=MAC_C), 8),
        outer(eth(ipv6(udp(b"question", 5353, 53)), IPV6), 501),
        outer(eth(ipv4(build.icmp(b"ping" * 10), ICMP)), 0),
        outer(eth(ipv6(build.icmp(b"ping", 128), ICMPV6, hops=255), IPV6), 0xFFFFFF),
        outer(eth(ipv4(sctp(b"chunk"), SCTP)), 7, gbp=0x1234),
        outer(eth(build.arp(), build.ARP, dst=b"\xff" * 6), 7, reserved=1),
        outer(eth(ipv4(tcp(b"x" * 40, flags=0x10), TCP), tags=[(0x8100, 100)]), 7),
        eth(ipv6(udp(vxlan(syn, 7))), IPV6),
        eth(ipv4(udp(b"no tunnel", 1, 53))),
    ]
    file = Pcapng().idb(tsresol=9).idb(tsresol=9)
    for number, frame in enumerate(frames):
        ns = MIDNIGHT + number // 2 * SECOND + number
        file.epb(frame, ns, number % 2, flags=2 if number == 4 else None)
    file.epb(frames[2][:100], MIDNIGHT + 86400 * SECOND, 0, wirelen=len(frames[2]))
    return bytes(file.spb(frames[0], wirelen=len(frames[0])))


DATA = everything()
ROWS = vxtap.read(DATA)
ALL, NONE = np.ones(len(ROWS), bool), np.zeros(len(ROWS), bool)
A, B, C = ROWS["vni"] == 7, ROWS["proto"] == 6, ROWS["dport"] == 443
SAME = ~np.isnat(ROWS["ts"])  # what has no time does not equal itself
NUMBERS = [name for name in ROWS.dtype.names or () if ROWS[name].dtype.kind == "u"]


def ask(text: str) -> np.ndarray:
    """For which rows it holds, by the number of their frames."""
    found = vxtap.read(DATA, where=text)
    there = np.isin(ROWS["frame"], found["frame"])
    assert columns_of(found) == columns_of(ROWS[there])
    return there


def assert_same(text: str, wanted: np.ndarray) -> None:
    assert ask(text).tolist() == np.asarray(wanted, bool).tolist(), text


def ip(text: str) -> Any:
    return vxtap.parse_ip(text)


def within(column: str, network: str) -> np.ndarray:
    return vxtap.in_network(ROWS[column], network)


def ts(text: str) -> Any:
    return np.datetime64(text, "ns")


def test_the_capture_has_everything() -> None:
    """Every column of numbers but `source` and `status` has several values, and one row has no time."""
    same = [name for name in ROWS.dtype.names or () if len(np.unique(ROWS[name].tobytes() and ROWS[name])) < 2]
    assert set(same) <= {"source", "status", "tunnel", "outer_dport", "gbp"}
    assert np.isnat(ROWS["ts"]).sum() == 1


# ---------------------------------------------------------------- every column


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(name: str) -> None:
    """Every value of the column and those beside it, in every comparison, from both sides."""
    column = ROWS[name]
    values = {value + by for value in column.tolist() for by in (-1, 0, 1)}
    for value in sorted(value for value in values if 0 <= value < 1 << 64)[:7]:
        number = np.uint64(value)
        for sign, flipped, wanted in [
            ("==", "==", column == number),
            ("!=", "!=", column != number),
            ("<", ">", column < number),
            ("<=", ">=", column <= number),
            (">", "<", column > number),
            (">=", "<=", column >= number),
        ]:
            assert_same(f"{name} {sign} {value}", wanted)
            assert_same(f"{value:#x}{flipped}{name}", wanted)
        assert_same(f"{name} in ({value})", column == number)
        assert_same(f"{name} not in ({value}, {value})", column != number)
    assert_same(f"{name} == {name} and {name} <= {name} and not {name} < {name}", ALL)


@pytest.mark.parametrize("name", NUMBERS)
def test_beyond_the_column(name: str) -> None:
    """A number that the column cannot hold is not an error: arithmetic says what is true."""
    bits = 8 * ROWS[name].dtype.itemsize
    for value in (1 << bits, (1 << bits) + 1, 1 << 64, 10**30):
        for text in (f"{name} == {value}", f"{name} > {value}", f"{name} >= {value}", f"{name} in ({value})"):
            assert_same(text, NONE)
        for text in (f"{name} != {value}", f"{name} < {value}", f"{value} >= {name}", f"{name} not in ({value:#x})"):
            assert_same(text, ALL)
    most = (1 << bits) - 1
    assert_same(f"{name} <= {most} and {name} >= 0 and 0 <= {name} < {most + 1}", ALL)
    assert_same(f"{name} > {most} or {name} < 0", NONE)


@pytest.mark.parametrize("name", ["src", "dst", "outer_src", "outer_dst"])
def test_addresses(name: str) -> None:
    column = ROWS[name]
    for text in {*vxtap.format_ip(column).tolist(), "10.0.0.3", "::", "255.255.255.255", "2001:db8::3"}:
        wanted = column == ip(text)
        for quote in ("", "'", '"'):
            assert_same(f"{name} == {quote}{text}{quote}", wanted)
            assert_same(f"{quote}{text}{quote} != {name}", ~wanted)
            assert_same(f"{name} in ({quote}{text}{quote})", wanted)
            assert_same(f"{name} not in ({quote}{text}{quote}, {text})", ~wanted)
        bits = 128 if ":" in text else 32
        for length in (0, 1, 9, 31, bits - 1, bits):
            network = f"{text}/{length}"
            inside = within(name, network)
            assert_same(f"{name} in {network}", inside)
            assert_same(f"{name} not in ('{network}', 192.0.2.1)", ~inside)


@pytest.mark.parametrize("name", ["eth_src", "eth_dst"])
def test_macs(name: str) -> None:
    column = ROWS[name].view("u1").reshape(-1, 6) if ROWS[name].flags.c_contiguous else None
    texts = vxtap.format_mac(ROWS[name])
    assert column is None or len(column) == len(texts)
    numbers = [int(text.replace(":", ""), 16) for text in texts]
    for text in {*texts.tolist(), "02:00:5e:00:00:00", "00:00:00:00:00:00"}:
        for quote in ("", "'", '"'):
            assert_same(f"{name}=={quote}{text}{quote}", texts == text)
            assert_same(f"{quote}{text.upper()}{quote} != {name}", texts != text)
        assert_same(f"{name} in ({text}, 02:00:00:00:00:99)", texts == text)
        assert_same(f"{name} not in ({text})", texts != text)
        for length in (0, 1, 23, 24, 25, 47, 48):
            same = [number >> 48 - length == int(text.replace(":", ""), 16) >> 48 - length for number in numbers]
            assert_same(f"{name} in {text}/{length}", np.array(same))
            assert_same(f"{name} not in ({text}/{length})", ~np.array(same))


def test_columns_with_columns() -> None:
    assert_same("src == dst", ROWS["src"] == ROWS["dst"])
    assert_same("outer_src != src", ROWS["outer_src"] != ROWS["src"])
    assert_same("eth_src == eth_dst or eth_src != eth_dst", ALL)
    assert_same("caplen < wirelen", ROWS["caplen"] < ROWS["wirelen"])
    assert_same("sport > dport", ROWS["sport"] > ROWS["dport"])
    assert_same("ttl >= proto", ROWS["ttl"] >= ROWS["proto"])
    assert_same("tcp_seq == tcp_ack", ROWS["tcp_seq"] == ROWS["tcp_ack"])
    assert_same("flow <= offset", ROWS["flow"] <= ROWS["offset"])
    assert_same("vni != dport", ROWS["vni"] != ROWS["dport"])


def test_an_ipv4_network_holds_no_ipv6() -> None:
    """Nor does the zero of a frame without IP lie in any network of IPv4; all addresses lie in ::/0."""
    v4 = vxtap.in_network(ROWS["src"], "0.0.0.0/0")
    assert 0 < v4.sum() < len(ROWS)
    assert_same("src in 0.0.0.0/0", v4)
    assert_same("src in ::ffff:0:0/96", v4)
    assert_same("src in ::/0", ALL)
    assert_same("src in ::/8", within("src", "::/8"))
    assert_same("src == 0.0.0.0", NONE)
    assert_same("src == ::", ROWS["src"] == ip("::"))
    assert_same("src == ::ffff:10.0.0.1", ROWS["src"] == ip("10.0.0.1"))
    assert_same("src in 10.0.0.2/8", v4)  # bits of the host mean nothing


# ---------------------------------------------------------------- names


PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "sctp": 132, "gre": 47}
TCP_FLAGS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ece": 64, "cwr": 128, "ns": 256}
ETHERTYPES = {"ipv4": 0x0800, "ipv6": 0x86DD, "arp": 0x0806}


@pytest.mark.parametrize("change", [str.lower, str.upper, str.title])
def test_names(change: Any) -> None:
    """In upper case, lower case or both."""
    for name, value in PROTOCOLS.items():
        assert_same(f"proto == {change(name)}", ROWS["proto"] == value)
    for name, value in ETHERTYPES.items():
        assert_same(f"{change(name)} == ethertype", ROWS["ethertype"] == value)
    for name, value in TCP_FLAGS.items():
        assert_same(f"tcp_flags & {change(name)}", ROWS["tcp_flags"] & value != 0)
        assert_same(f"tcp_flags == {change(name)}", ROWS["tcp_flags"] == value)
    for flag in vxtap.Flag:
        assert_same(f"flags & {change(str(flag.name))}", ROWS["flags"] & flag.value != 0)
    for tunnel in vxtap.Tunnel:
        assert_same(f"tunnel == {change(tunnel.name)}", ROWS["tunnel"] == tunnel.value)
    assert_same(f"status == {change('OK')}", ALL)
    assert_same(f"status != {change('OK')} or status == {change('FILTERED')}", NONE)
    assert_same(f"proto in ({change('tcp')}, {change('udp')}, 1)", np.isin(ROWS["proto"], [6, 17, 1]))


def test_a_name_is_that_of_its_column() -> None:
    """Names of one column are no names of another."""
    for text, at in [("vni == tcp", 8), ("proto == syn", 10), ("tcp_flags & truncated", 13), ("ethertype == udp", 14)]:
        assert position(text) == at, text


# ---------------------------------------------------------------- masks


def test_masks() -> None:
    flags = ROWS["tcp_flags"]
    for text, wanted in [
        ("tcp_flags & syn", flags & 2 != 0),
        ("tcp_flags & 2 == 0", flags & 2 == 0),
        ("tcp_flags & (syn|ack) == syn", flags & 0x12 == 2),
        ("tcp_flags & (syn | ack) != syn", flags & 0x12 != 2),
        ("(tcp_flags & 0x12) == 2", flags & 0x12 == 2),
        ("(tcp_flags&(SYN|0x10))==0x12", flags & 0x12 == 0x12),
        ("tcp_flags & 0x12 >= 0x10", flags & 0x12 >= 0x10),
        ("not tcp_flags & ack", flags & 16 == 0),
        ("not tcp_flags & syn and tcp_flags & ack", (flags & 2 == 0) & (flags & 16 != 0)),
        ("tcp_flags & 0", NONE),
        ("tcp_flags & 0 == 0", ALL),
        ("tcp_flags & 2 == 4", NONE),
        ("tcp_flags & 0xffff == 0x118", flags == 0x118),
        ("vni & 1", ROWS["vni"] & 1 != 0),
        ("flags & (inner_vlan|truncated)", ROWS["flags"] & 9 != 0),
        ("dscp & 0x3f == 46", ROWS["dscp"] == 46),
        ("flow & 0x8000000000000000", ROWS["flow"] >> np.uint64(63) != 0),
    ]:
        assert_same(text, wanted)


# ---------------------------------------------------------------- times


def test_times() -> None:
    """Text and numbers; nanoseconds count; what has no time is only unequal."""
    column = ROWS["ts"]
    first, last = ts("2026-11-23"), ts("2026-11-23T00:00:03")
    for text, wanted in [
        ("ts == 2026-11-23", column == first),
        ("ts != 2026-11-23", column != first),
        ("ts < 2026-11-24", column < ts("2026-11-24")),
        ("ts >= 2026-11-24T00:00:00Z", column >= ts("2026-11-24")),
        ("ts > '2026-11-23T00:00:01.000000001Z'", column > ts("2026-11-23T00:00:01.000000001")),
        ('ts <= "2026-11-23T00:00:01.000000002"', column <= ts("2026-11-23T00:00:01.000000002")),
        ("ts == 2026-11-23T01:00:01.000000003+01:00", column == ts("2026-11-23T00:00:01.000000003")),
        ("ts == 2026-11-22T18:30:01.000000003-05:30", column == ts("2026-11-23T00:00:01.000000003")),
        ("ts < 2026-11-23T00:00:02.5", column < ts("2026-11-23T00:00:02.5")),
        (
            "2026-11-23T00:00:01 <= ts < 2026-11-23T00:00:03",
            (column >= first + SECOND) & (column < last),
        ),
        (f"ts == {MIDNIGHT + 1}", column == ts("2026-11-23T00:00:00.000000001")),
        (f"ts > {MIDNIGHT + 1}", column > ts("2026-11-23T00:00:00.000000001")),
        (f"ts in ({MIDNIGHT}, 2026-11-24)", np.isin(column, [first, ts("2026-11-24")])),
        ("ts not in (2026-11-23)", ~np.isin(column, [first])),
        ("ts == ts", SAME),
        ("ts != ts", ~SAME),
        ("ts <= ts", SAME),
        ("ts < ts", NONE),
        ("not ts == ts", ~SAME),
        ("ts > 1970-01-01", ~np.isnat(column)),
        ("ts >= 0", ~np.isnat(column)),
        ("not ts >= 0", np.isnat(column)),
        ("ts < 99999999999999999999999", ~np.isnat(column)),
        ("ts != 99999999999999999999999", ALL),
        ("ts > 99999999999999999999999", NONE),
        ("ts < 2500-01-01", ~np.isnat(column)),
        ("ts > 1600-01-01", ~np.isnat(column)),
        ("ts == 9223372036854775808", NONE),
        ("ts < 9223372036854775808", ~np.isnat(column)),
        ("flags & no_time", np.isnat(column)),
    ]:
        assert_same(text, wanted)


# ---------------------------------------------------------------- what the page adds


def test_the_rest_of_the_grammar() -> None:
    """Bits in lists and on both sides, values of several bits, quotes, commas at the end, words in any case."""
    flags, tcp_flags = ROWS["flags"], ROWS["tcp_flags"]
    for text, wanted in [
        ("tcp_flags & (syn|ack) in (syn, ack,)", np.isin(tcp_flags & 0x12, [2, 16])),
        ("tcp_flags & (syn|ack) not in (syn,ack)", ~np.isin(tcp_flags & 0x12, [2, 16])),
        ("tcp_flags in (syn|ack, fin)", np.isin(tcp_flags, [0x12, 1])),
        ("tcp_flags == syn|ack", tcp_flags == 0x12),
        ("syn|ack == tcp_flags", tcp_flags == 0x12),
        ("tcp_flags == (syn|ack)", tcp_flags == 0x12),
        ("18 == tcp_flags & (syn|ack) == 0x12", tcp_flags & 0x12 == 0x12),
        ("ttl & 0x3f < sport & 0xf", ROWS["ttl"] & 0x3F < ROWS["sport"] & 0xF),
        ("flags & 3 == vni", flags & 3 == ROWS["vni"]),
        ("flags == 'gbp'", flags == vxtap.Flag.GBP),
        ("flags == gbp", flags == ROWS["gbp"]),
        ("flags & gbp", flags & vxtap.Flag.GBP != 0),
        ("vni == '7'", A),
        ("'0x7' == vni", A),
        ("(vni) == (7)", A),
        ("vni == 7 AND proto == 6", A & B),
        ("NOT vni == 7 Or proto == 6", ~A | B),
        ("proto Not In (6, 17)", ~np.isin(ROWS["proto"], [6, 17])),
        ("src in 10.0.0.1", ROWS["src"] == ip("10.0.0.1")),
        ("src not in '2001:db8::1'", ROWS["src"] != ip("2001:db8::1")),
        ("ts == 2026-11-23T01:00+01:00", ROWS["ts"] == ts("2026-11-23")),
        ("ts == '2026-11-23 00:00'", ROWS["ts"] == ts("2026-11-23")),
        ("ts >= -5", SAME),
        ("ts == -9223372036854775808 or ts in (-9223372036854775808)", NONE),
        ("ts != -9223372036854775808 and ts not in (-9223372036854775808)", ALL),
        ("vni == -1 or vni < -1", NONE),
        ("vni > -1 and vni != -7", ALL),
        ("tunnel == vxlan-gpe or tunnel == vxlan_gpe", NONE),
    ]:
        assert_same(text, wanted)


def test_masks_of_all_bits() -> None:
    """A mask that leaves nothing out is one, too, and so are bits that no value has."""
    for name in NUMBERS:
        most = (1 << 8 * ROWS[name].dtype.itemsize) - 1
        for bits in (most, most + 1 | most, most << 1 | 1, -1):
            assert_same(f"{name} & {bits}", ROWS[name] != 0)
            assert_same(f"not {name} & {bits}", ROWS[name] == 0)
        assert_same(f"{name} & {most + 1}", NONE)
        assert_same(f"{name} & {most + 1} == 0", ALL)
    assert_same("vni & -2", ROWS["vni"] & 0xFFFFFFFE != 0)
    assert_same("vni & (7|-8)", ROWS["vni"] != 0)


# ---------------------------------------------------------------- precedence


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("vni == 7 or proto == 6 and dport == 443", A | (B & C)),
        ("proto == 6 and dport == 443 or vni == 7", A | (B & C)),
        ("(vni == 7 or proto == 6) and dport == 443", (A | B) & C),
        ("not vni == 7 and proto == 6", ~A & B),
        ("not vni == 7 or proto == 6", ~A | B),
        ("not (vni == 7 and proto == 6)", ~(A & B)),
        ("not not vni == 7", A),
        ("not not not vni == 7", ~A),
        ("vni == 7 and not proto == 6", A & ~B),
        ("vni == 7 and (not proto == 6 or dport == 443)", A & (~B | C)),
        ("not(vni==7)and(proto==6)", ~A & B),
        ("((((vni == 7))))", A),
        ("vni == 7 and vni == 7 and vni == 7 or vni == 7", A),
        ("not proto in (6, 17)", ~np.isin(ROWS["proto"], [6, 17])),
        ("proto not in (6, 17)", ~np.isin(ROWS["proto"], [6, 17])),
        ("not proto not in (6, 17)", np.isin(ROWS["proto"], [6, 17])),
        ("1000 <= sport < 50000", (ROWS["sport"] >= 1000) & (ROWS["sport"] < 50000)),
        ("50000 > sport >= 1000", (ROWS["sport"] >= 1000) & (ROWS["sport"] < 50000)),
        ("0 < vni < 8 == 8", (ROWS["vni"] > 0) & (ROWS["vni"] < 8)),
        ("dport <= sport <= 40000", (ROWS["dport"] <= ROWS["sport"]) & (ROWS["sport"] <= 40000)),
        ("1 < vni < 8 < 9 or proto == 6", ((ROWS["vni"] > 1) & (ROWS["vni"] < 8)) | B),
        ("vni\n==\t7\r\nand proto==6", A & B),
        ("  vni == 7  ", A),
        ("vni==0x7", A),
        ("vni==007", A),
    ],
)
def test_precedence(text: str, wanted: np.ndarray) -> None:
    if re.search(r"\d == 8|< 9|007", text):  # whether numbers may be compared alone, or begin with zeros, is its own
        try:
            vxtap.Options(where=text)
        except vxtap.OptionError:
            return
    assert_same(text, wanted)


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


MANY, LONG = 10_000, 300_000
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
