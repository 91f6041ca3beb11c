"""Predicates on the columns of the record: random ones as text, and what they mean, worked out row by row in Python."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Address, IPv6Network
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

import vxtap
from strategies_packets import Draw

Rows = np.ndarray
Meaning = Callable[[Rows], np.ndarray]

NAMES: dict[str, dict[str, int]] = {
    "flags": {one.name or "": one.value for one in vxtap.Flag},
    "tunnel": {one.name: one.value for one in vxtap.Tunnel},
    "status": {"OK": 0, "not_ip": 1, "filtered": vxtap.Status.FILTERED.value},
    "proto": {"icmp": 1, "tcp": 6, "UDP": 17, "gre": 47, "icmpv6": 58, "SCTP": 132},
    "tcp_flags": {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ece": 64, "cwr": 128, "ns": 256},
    "ethertype": {"ipv4": 0x800, "arp": 0x806, "ipv6": 0x86DD},
}
ADDRESSES = ("src", "dst", "outer_src", "outer_dst")
MACS = ("eth_src", "eth_dst")
NUMBERS = tuple(name for name in vxtap.PACKET.names or () if name not in (*ADDRESSES, *MACS, "ts"))
SIGNS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
NAT = -(2**63)
MAPPED = 0xFFFF << 32
# How tightly a text holds together: what stands around something looser puts it in parentheses.
EITHER, BOTH, NOT, ATOM = range(4)


class Rule(NamedTuple):
    """A predicate."""

    text: str
    holds: Meaning
    tightness: int = ATOM
    columns: frozenset[str] = frozenset()

    def within(self, tightness: int) -> str:
        """The text, to stand where something is that tight."""
        return self.text if self.tightness >= tightness else f"({self.text})"


class Sample:
    """The values that are there: short to print, unlike rows."""

    def __init__(self, rows: Rows) -> None:
        self.values = {name: sorted(set(as_numbers(rows, name))) or [0] for name in vxtap.PACKET.names or ()}

    def __repr__(self) -> str:
        return "Sample"


def as_numbers(rows: Rows, column: str) -> list[int]:
    """A column as Python's numbers: times as nanoseconds, addresses by their bytes."""
    if column == "ts":
        return [int(value) for value in rows["ts"].astype("i8")]
    if column in ADDRESSES or column in MACS:
        return [int.from_bytes(value.tobytes()) for value in rows[column]]
    return [int(value) for value in rows[column]]


def each(rows: Rows, column: str, holds: Callable[[int], bool], mask: int = -1) -> np.ndarray:
    """Ask for each row."""
    return np.array([holds(value & mask) for value in as_numbers(rows, column)], bool)


def compares(column: str, sign: str, value: int, mask: int = -1) -> Meaning:
    """One comparison; no time compares with none but as different."""

    def holds(rows: Rows) -> np.ndarray:
        compared = each(rows, column, lambda one: SIGNS[sign](one, value), mask)
        none = np.isnat(rows["ts"]) if column == "ts" else np.zeros(len(rows), bool)
        return np.where(none, sign == "!=", compared)

    return holds


# ---------------------------------------------------------------- values


def near(draw: Draw, sample: Sample, column: str, most: int) -> int:
    """A value that is there, or beside it, or anywhere."""
    there = sample.values[column]
    value = draw(st.one_of(st.sampled_from(there), st.sampled_from(there), st.sampled_from((0, 1, -1, most, most + 1))))
    return value + draw(st.sampled_from((0, 0, 0, 1, -1)))


def number_text(draw: Draw, column: str, value: int) -> str:
    named = [name for name, one in NAMES.get(column, {}).items() if one == value]
    forms = [str(value), str(value), f"{'-' * (value < 0)}{abs(value):#x}", f"'{value}'"]
    return draw(st.sampled_from(named * 3 + forms))


def time_text(draw: Draw, value: int) -> str:
    """ISO 8601 with any offset and as many digits as it needs, or nanoseconds."""
    seconds, fraction = divmod(value, 10**9)
    ahead = draw(st.sampled_from((0, 0, 0, 90, -60, 14 * 60)))
    try:
        local = datetime(1970, 1, 1) + timedelta(seconds=seconds, minutes=ahead)
    except OverflowError:
        return str(value)
    whole = f"{local.year:04}-{local:%m-%dT%H:%M:%S}"
    if fraction:
        whole += f".{fraction:09}".rstrip("0")
    zone = f"{'-' if ahead < 0 else '+'}{abs(ahead) // 60:02}:{abs(ahead) % 60:02}"
    forms = [str(value), whole + (zone if ahead else "Z")] + ([f'"{whole.replace("T", " ")}"'] if not ahead else [])
    return draw(st.sampled_from(forms))


def address_text(value: int) -> str:
    """As `ipaddress` writes it."""
    address = IPv6Address(value)
    return str(address.ipv4_mapped or address)


def mac_text(value: int, between: str = ":") -> str:
    return between.join(f"{byte:02x}" for byte in value.to_bytes(6))


# ---------------------------------------------------------------- one column


@st.composite
def numbers(draw: Draw, sample: Sample) -> Rule:
    """A column of numbers, perhaps masked, beside values: compared, in a chain, or looked up."""
    column = draw(st.sampled_from((*NUMBERS, *NAMES, "sport", "dport", "vni", "proto")))
    most = (1 << 8 * vxtap.PACKET[column].itemsize) - 1
    left, mask = column, -1
    if draw(st.integers(0, 3)) == 0:
        names = draw(st.lists(st.sampled_from(list(NAMES.get(column, {"3": 3, "0x10": 16}).items())), min_size=1))
        mask = 0
        for _, bit in names:
            mask |= bit
        words = "|".join(name for name, _ in names)
        left = f"{column} & ({words})" if len(names) > 1 or draw(st.booleans()) else f"{column}&{words}"
        if draw(st.booleans()):
            left = f"({left})"
    form = draw(st.sampled_from(("sign", "sign", "mirrored", "chain", "in", "not in") + ("bits",) * (mask >= 0)))
    if form == "bits":
        return Rule(left, lambda rows: each(rows, column, bool, mask), columns=frozenset([column]))
    return beside(draw, sample, column, left, form, mask=mask, most=most)


def beside(draw: Draw, sample: Sample, column: str, left: str, form: str, *, mask: int, most: int) -> Rule:
    """Numbers or times in one of the forms."""

    def text_of(value: int) -> str:
        return time_text(draw, value) if column == "ts" else number_text(draw, column, value)

    values = [near(draw, sample, column, most) for _ in range(draw(st.integers(1, 5)))]
    sign, other = draw(st.sampled_from(list(SIGNS))), draw(st.sampled_from(list(SIGNS)))
    one = compares(column, sign, values[0], mask)
    used = frozenset([column])
    if form == "sign":
        return Rule(f"{left} {sign} {text_of(values[0])}", one, columns=used)
    if form == "mirrored":
        return Rule(f"{text_of(values[0])} {MIRRORED.get(sign, sign)} {left}", one, columns=used)
    if form == "chain":
        two = compares(column, other, values[-1], mask)
        text = f"{text_of(values[0])} {MIRRORED.get(sign, sign)} {left}{' ' * draw(st.integers(0, 1))}{other} "
        return Rule(text + text_of(values[-1]), lambda rows: one(rows) & two(rows), columns=used)
    listed = {value for value in values if column != "ts" or value != NAT}
    text = f"{left} {form} ({', '.join(map(text_of, values))}{',' * draw(st.booleans())})"
    return Rule(text, lambda rows: each(rows, column, listed.__contains__, mask) ^ (form == "not in"), columns=used)


@st.composite
def clock(draw: Draw, sample: Sample) -> Rule:
    """The time."""
    if draw(st.integers(0, 9)) == 0:
        sign = draw(st.sampled_from(list(SIGNS)))
        return Rule(f"ts {sign} ts", lambda rows: SIGNS[sign](rows["ts"], rows["ts"]), columns=frozenset(["ts"]))
    form = draw(st.sampled_from(("sign", "mirrored", "chain", "in", "not in")))
    return beside(draw, sample, "ts", "ts", form, mask=-1, most=2**63 - 1)


@st.composite
def networks(draw: Draw, sample: Sample, column: str) -> tuple[str, Callable[[int], bool], bool]:
    """An address, or a network: its text, whether a value lies in it, and whether it is a network."""
    value = near(draw, sample, column, 2**128 - 1 if column in ADDRESSES else 2**48 - 1)
    if column in MACS:
        value &= 2**48 - 1
        bits = draw(st.sampled_from((48, 48, 0, 1, 24, 40, 47)))
        between = draw(st.sampled_from((":", "-")))
        text = mac_text(value, between) + (f"/{bits}" if bits < 48 else "")
        return text, lambda one: one >> (48 - bits) == value >> (48 - bits), bits < 48
    value &= 2**128 - 1
    bits = draw(st.sampled_from((128, 128, 127, 120, 112, 104, 96, 64, 10, 0)))
    if value >> 32 == 0xFFFF and bits >= 96:
        four = IPv4Network((value & 0xFFFFFFFF, bits - 96), strict=False)
        text = f"{address_text(value)}/{bits - 96}" if bits < 128 else address_text(value)
        return (
            text,
            lambda one: one >> 32 == 0xFFFF and (one & 0xFFFFFFFF) & int(four.netmask) == int(four[0]),
            bits < 128,
        )
    six = IPv6Network((value, bits), strict=False)
    text = f"{IPv6Address(value)}/{bits}" if bits < 128 else address_text(value)
    return text, lambda one: IPv6Address(one) in six, bits < 128


@st.composite
def addresses(draw: Draw, sample: Sample) -> Rule:
    """Addresses: equal or not, in a network, in a list of both."""
    column = draw(st.sampled_from((*ADDRESSES, *MACS)))
    drawn = [draw(networks(sample, column)) for _ in range(draw(st.integers(1, 4)))]
    quote = draw(st.sampled_from(("", "", "'", '"')))
    texts = [f"{quote}{text}{quote}" for text, *_ in drawn]
    tests = [holds for _, holds, _ in drawn]
    used = frozenset([column])
    alone = lambda rows: each(rows, column, tests[0])  # noqa: E731
    if len(drawn) > 1:
        word = draw(st.sampled_from(("in", "not in", "NOT IN")))
        negated = word != "in"
        holds = lambda rows: each(rows, column, lambda one: any(test(one) for test in tests)) ^ negated  # noqa: E731
        return Rule(f"{column} {word} ({', '.join(texts)})", holds, columns=used)
    if drawn[0][2] or draw(st.booleans()):
        return Rule(f"{column} in {texts[0]}", alone, columns=used)
    sign = draw(st.sampled_from(("==", "!=")))
    sides = draw(st.permutations((column, texts[0])))
    return Rule(f" {sign}".join(sides), lambda rows: alone(rows) ^ (sign == "!="), columns=used)


# ---------------------------------------------------------------- several


@st.composite
def pairs(draw: Draw) -> Rule:
    """Two columns of one kind."""
    kind = draw(st.sampled_from((NUMBERS, NUMBERS, ("sport", "dport", "caplen", "wirelen", "vni"), ADDRESSES, MACS)))
    one, two = draw(st.sampled_from(kind)), draw(st.sampled_from(kind))
    numeric = kind not in (ADDRESSES, MACS)
    sign = draw(st.sampled_from(list(SIGNS) if numeric else ["==", "!="]))
    mask = draw(st.sampled_from((-1, -1, 0xFF, 6))) if numeric else -1

    def holds(rows: Rows) -> np.ndarray:
        both = zip(as_numbers(rows, one), as_numbers(rows, two), strict=True)
        return np.array([SIGNS[sign](a & mask, b) for a, b in both], bool)

    return Rule(f"{one}{f' & {mask}' if mask >= 0 else ''} {sign} {two}", holds, columns=frozenset([one, two]))


def leaves(sample: Sample) -> st.SearchStrategy[Rule]:
    return st.one_of(numbers(sample), numbers(sample), addresses(sample), clock(sample), pairs())


@st.composite
def several(draw: Draw, parts: st.SearchStrategy[Rule]) -> Rule:
    """Some joined, or one negated, or in parentheses that it does not need."""
    rules = draw(st.lists(parts, min_size=1, max_size=4))
    used = frozenset().union(*(rule.columns for rule in rules))
    if len(rules) == 1:
        only = rules[0]
        if draw(st.booleans()):
            return Rule(f"not {only.within(NOT)}", lambda rows: ~only.holds(rows), NOT, used)
        return Rule(f"( {only.text} )", only.holds, ATOM, used)
    tightness, word, join = draw(st.sampled_from(((EITHER, "or", np.logical_or), (BOTH, "and", np.logical_and))))
    word = draw(st.sampled_from((word, word, word.upper())))
    text = f" {word} ".join(rule.within(tightness) for rule in rules)
    return Rule(text, lambda rows: join.reduce([rule.holds(rows) for rule in rules]), tightness, used)


def rules(sample: Sample) -> st.SearchStrategy[Rule]:
    """Any predicate, with values near those of these rows."""
    return st.recursive(leaves(sample), several, max_leaves=8)
