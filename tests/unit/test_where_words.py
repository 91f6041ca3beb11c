"""`where=`: what each word of a predicate means, against masks of numpy that are written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import build
import build_tunnels
import compare
import oracle
import vxtap
from build import TCP, eth, ipv4, tcp
from build_fragments import fragments
from everything import ALL, MIDNIGHT, NONE, NUMBERS, ROWS, SAME, SECOND, A, B, C, ask, assert_same, ip, ts, within


def test_the_capture_has_everything() -> None:
    """Nearly every column has several values, and one row has no time."""
    same = [name for name in ROWS.dtype.names or () if len({value.tobytes() for value in ROWS[name]}) == 1]
    assert same == ["source", "outer_dport", "tunnel", "status"]
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
    texts = vxtap.format_mac(ROWS[name])
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
        with pytest.raises(vxtap.OptionError, match=f"where: column {at}: "):
            ask(text)


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
        ("dport <= sport <= 40000", (ROWS["dport"] <= ROWS["sport"]) & (ROWS["sport"] <= 40000)),
        ("1 < vni < 8 or proto == 6", ((ROWS["vni"] > 1) & (ROWS["vni"] < 8)) | B),
        ("vni\n==\t7\r\nand proto==6", A & B),
        ("  vni == 7  ", A),
        ("vni==0x7", A),
        ("vni==007", A),
    ],
)
def test_precedence(text: str, wanted: np.ndarray) -> None:
    assert_same(text, wanted)


# ---------------------------------------------------------------- first fragments that go on alone


LATE = compare.DATA / "18-filter4789-frag-nva1.pcap"


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("frame & 1", lambda row: row["frame"] % 2 == 1),
        ("flags & truncated", lambda row: "TRUNCATED" in row["flags"]),
        ("not flags & truncated", lambda row: "TRUNCATED" not in row["flags"]),
        ("caplen < wirelen", lambda row: len(row["inner"]) < row["wirelen"]),
    ],
)
def test_partial(text: str, holds: Any) -> None:
    """They are asked about when they are given up, as they are then, and what is not wanted of them is filtered."""
    data = LATE.read_bytes()
    result = oracle.decode(data, partial=True, where=holds)
    assert not compare.differences(data, result=result, partial=True, where=text)
    assert 0 < result.counts["decapsulated"] < len(vxtap.read(LATE, partial=True))
    assert result.counts["filtered"] > 0


def test_partial_of_gre() -> None:
    """GRE has no length of its own: it ends with the piece, and is TRUNCATED nevertheless, also to who asks."""
    packet = build.ipv4(build_tunnels.gre(eth(ipv4(tcp(bytes(99)), TCP)), key=9), build_tunnels.GRE)
    data = build.pcap([(0, eth(fragments(packet, [64])[0]))])
    how: dict[str, Any] = {"tunnels": "gre", "partial": True}
    (row,) = vxtap.read(data, **how)
    assert (row["caplen"], bool(row["flags"] & vxtap.Flag.TRUNCATED)) == (row["wirelen"], True)
    assert len(vxtap.read(data, where="flags & truncated and caplen == wirelen", **how)) == 1
    assert len(vxtap.read(data, where="not flags & truncated", **how)) == 0


def test_a_negative_number_is_what_a_table_has() -> None:
    """A label has a sign there; what is counted is never negative."""
    path = compare.DATA / "02-lb-asym-nva1.pcap"
    rows = vxtap.read(path)
    signed = rows["flow"].astype(np.int64)
    label = int(signed[signed < 0][0])
    for text in (f"flow == {label}", f"flow in ({label}, 3)", f"flow & -1 == {label}", f"{hex(label)} == flow"):
        assert (vxtap.read(path, where=text) == rows[signed == label]).all()
    assert len(vxtap.read(path, where=f"flow != {label}")) == np.count_nonzero(signed != label) > 0
    assert len(vxtap.read(path, where=f"flow == {-(1 << 63) - 1} or vni == -1 or frame < {-(1 << 64)}")) == 0
    assert len(vxtap.read(path, where="frame > -1 and offset >= -5")) == len(rows)
