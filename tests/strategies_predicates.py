"""Hypothesis strategies: predicates on the columns of the record, as trees (`oracle_predicates`) and as text.

Values are drawn from the rows of a capture and from their neighbours, so that most predicates hold for some rows only.
"""

from __future__ import annotations

import datetime
import functools
import ipaddress
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

import vxtap
from oracle_predicates import And, Chain, Column, In, Masked, Not, Number, Operand, Or, Row, Span, Tree, row_dicts
from strategies_packets import Draw

IP_COLUMNS = ("outer_src", "outer_dst", "src", "dst")
MAC_COLUMNS = ("eth_src", "eth_dst")
NUMBER_COLUMNS = tuple(
    name for name in vxtap.PACKET.names or () if name not in (*IP_COLUMNS, *MAC_COLUMNS, "ts", "source", "frame")
)
USUAL = ("vni", "flags", "tcp_flags", "proto", "sport", "dport", "ethertype", "tunnel", "wirelen", "vlan")
BITS = ("flags", "tcp_flags", "flags", "tcp_flags", "vni", "dport", "dscp", "payload_len", "flow")
IPV4_FIRST = 0xFFFF << 32
WIDTHS = {"u1": 8, "u2": 16, "u4": 32, "u8": 64}

NAMES: dict[str, dict[str, int]] = {
    "flags": {flag.name: flag.value for flag in vxtap.Flag if flag.name},
    "tunnel": {tunnel.name: tunnel.value for tunnel in vxtap.Tunnel},
    "status": {"OK": 0, "NOT_IP": 1, "FILTERED": 14},
    "proto": {"ICMP": 1, "TCP": 6, "UDP": 17, "GRE": 47, "ICMPV6": 58, "SCTP": 132},
    "tcp_flags": {
        name: 1 << bit for bit, name in enumerate(("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "NS"))
    },
    "ethertype": {"IPV4": 0x0800, "ARP": 0x0806, "IPV6": 0x86DD},
}
TIMES = st.integers(0, (1 << 63) - 1)
SPACES = st.integers(0, 1 << 32)
NEAR = [0, 0, 0, 0, 1, -1]
EDGES = st.sampled_from([0, 255, 256, 0xFFFF, 0x10000, 0xFFFFFF, 0xFFFFFFFF, 1 << 32, (1 << 64) - 1, 1 << 64, 10**30])
ANY_NUMBER = st.one_of(st.integers(0, 70000), st.integers(0, (1 << 64) + 5), EDGES)
ORDERS = ["==", "==", "!=", "<", "<=", ">", ">="]
EQUAL = ["==", "==", "!="]
UP_DOWN = [("<", "<="), (">", ">="), ("<", "<=")]


class Predicate(NamedTuple):
    """What is meant, and how it is written."""

    tree: Tree
    text: str


def numbers_of(name: str) -> int:
    """How many bits a column of numbers has."""
    return WIDTHS[vxtap.PACKET.fields[name][0].str[1:]]  # type: ignore[index]


# ---------------------------------------------------------------- trees


@functools.cache
def small(count: int) -> st.SearchStrategy[int]:
    """One of so many; made once, since making a strategy takes longer than drawing from it."""
    return st.integers(0, count - 1)


class Grower:
    """Draws trees whose values are those of some rows, or near to them."""

    def __init__(self, draw: Draw, rows: list[Row], extra: tuple[str, ...] = ()) -> None:
        self.draw, self.rows = draw, rows
        self.usual = USUAL + extra
        self.columns = NUMBER_COLUMNS + extra

    def below(self, count: int) -> int:
        return self.draw(small(count))

    def coin(self) -> bool:
        return bool(self.below(2))

    def rarely(self, chance: int) -> bool:
        """Once in so many times."""
        return self.below(chance) == chance - 1

    def pick(self, options: Sequence[Any]) -> Any:
        return options[self.below(len(options))]

    def seen(self, name: str) -> int | None:
        """A value of the column, or of no row at all."""
        if not self.rows or self.rarely(10):
            return None
        return self.rows[self.below(len(self.rows))].get(name)

    def number(self, name: str) -> Number:
        """A number to compare the column with: a true one, one beside it, or any, even one beyond the column."""
        seen = self.seen(name)
        if seen is None:
            return Number(self.draw(ANY_NUMBER))
        return Number(seen + self.pick(NEAR))

    def number_column(self) -> Column:
        return Column(self.pick(self.usual if self.coin() else self.columns))

    def bits(self) -> Tree:
        """A mask, alone, compared, or in a list."""
        column = Column(self.pick(BITS))
        seen = self.seen(column.name) or 0
        known = list(NAMES.get(column.name, {"": 1}).values())
        mask = sum({self.pick(known) for _ in range(1 + self.below(3))})
        if self.rarely(3):
            mask = self.draw(st.integers(1, (1 << numbers_of(column.name)) - 1))
        if self.coin():
            return Chain([Masked(column, mask)])
        value = Number((seen & mask) + self.pick(NEAR))
        if self.rarely(4):
            return In(Masked(column, mask), [value, Number(mask)], self.coin())
        return Chain([Masked(column, mask), value], [self.pick(ORDERS)])

    def numbers(self) -> Chain:
        """A number, a chain of them, or two columns."""
        column, kind = self.number_column(), self.below(6)
        if kind == 0:
            one, other = (self.maybe_masked(each) for each in (column, self.number_column()))
            return Chain([one, other], [self.pick(ORDERS)])
        operands: list[Operand] = [column, self.number(column.name)]
        if kind == 1:
            pair = self.pick(UP_DOWN)
            low, high = sorted([self.number(column.name), self.number(column.name)], reverse=pair[0] == ">")
            return Chain([low, column, high], [self.pick(pair) for _ in range(2)])
        if kind == 2:
            operands.reverse()
        return Chain(operands, [self.pick(ORDERS)])

    def maybe_masked(self, column: Column) -> Column | Masked:
        return Masked(column, self.pick([1, 0xF, 0xFE])) if self.rarely(4) else column

    def number_list(self) -> In:
        column = self.number_column()
        values = [self.number(column.name) for _ in range(1 + self.below(6))]
        return In(column, values, self.coin())

    def times(self) -> Tree:
        """When: times of rows, and a nanosecond beside them."""
        column = Column("ts")
        kind = self.below(6)
        moments = []
        for _ in range(2):
            seen = self.seen("ts")
            near = self.pick([0, 0, 1, -1, 10**9, -(10**9)])
            moments.append(Number(self.draw(TIMES) if seen is None else max(0, seen + near)))
        if kind == 0:
            return In(column, moments, self.coin())
        if kind == 1:
            return Chain([min(moments), column, max(moments)], [self.pick(("<", "<=")) for _ in "12"])
        if kind == 2:
            return Chain([moments[0], column], [self.pick(ORDERS)])
        if self.rarely(6):
            return Chain([column, column], [self.pick(ORDERS)])
        return Chain([column, moments[0]], [self.pick(ORDERS)])

    def address(self, name: str) -> int:
        """An address of the column, one beside it, or any."""
        most = (1 << (48 if name in MAC_COLUMNS else 128)) - 1
        seen = self.seen(name)
        if seen is None:
            return self.draw(st.one_of(st.integers(0, most), st.integers(IPV4_FIRST, IPV4_FIRST + 0xFFFFFFFF))) & most
        return min(most, max(0, seen + self.pick(NEAR)))

    def network(self, name: str) -> Span:
        """All that begin like an address; of an IPv4 address those of IPv4, or of more."""
        address = self.address(name)
        if name in MAC_COLUMNS:
            free = 48 - self.below(48 + 1)
        elif address >> 32 == 0xFFFF and not self.rarely(4):
            free = 32 - self.below(32 + 1)
        else:
            free = 128 - self.pick([0, 1, 7, 8, 32, 63, 64, 65, 80, 95, 96, 97, 120, 127, 128])
        low = address >> free << free
        return Span(low, low + (1 << free) - 1)

    def addresses(self) -> Tree:
        """An address, one of a list, in a network, or the same as another column's."""
        pool = MAC_COLUMNS if self.rarely(4) else IP_COLUMNS
        column, kind = Column(self.pick(pool)), self.below(6)
        if kind == 0:
            return Chain([column, Column(self.pick(pool))], [self.pick(EQUAL)])
        if kind in (1, 2):
            operands: list[Operand] = [column, Number(self.address(column.name))]
            return Chain(operands[:: 1 if kind == 1 else -1], [self.pick(EQUAL)])
        some: list[Number | Span] = [self.network(column.name)]
        if kind == 3:
            for _ in range(self.below(6)):
                is_net = self.coin()
                some.append(self.network(column.name) if is_net else Number(self.address(column.name)))
        return In(column, some, self.coin())

    def leaf(self) -> Tree:
        kinds = (self.numbers, self.numbers, self.number_list, self.bits, self.times, self.addresses, self.addresses)
        leaf: Tree = self.pick(kinds)()
        return leaf

    def tree(self, depth: int) -> Tree:
        """A tree of at most so many levels."""
        kind = self.below(6) if depth else 5
        if kind == 0:
            return Not(self.tree(depth - 1))
        if kind < 4:
            parts = [self.tree(depth - 1) for _ in range(self.pick([2, 2, 2, 3, 4]))]
            return And(parts) if kind == 1 else Or(parts)
        return self.leaf()


@st.composite
def predicates(draw: Draw, rows: np.ndarray, extra: tuple[str, ...] = (), depth: int = 3) -> Predicate:
    """A predicate on rows like these; `extra` are columns that mean something only in some ways of reading."""
    few = rows if len(rows) < 40 else rows[:: len(rows) // 40]
    tree = Grower(draw, row_dicts(few), extra).tree(depth)
    return Predicate(tree, Writer(draw(SPACES)).write(tree))


# ---------------------------------------------------------------- text


def column_name(operand: Column | Masked) -> str:
    return operand.column.name if isinstance(operand, Masked) else operand.name


def mixed_case(rng: random.Random, name: str) -> str:
    return rng.choice([name, name.lower(), name.lower(), "".join(rng.choice([c, c.lower()]) for c in name)])


class Writer:
    """Writes a tree; what is a matter of taste is decided by a number."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.quotes = self.rng.choice(["", "", "'", '"', "any"])
        self.gap = self.rng.choice([" ", " ", " ", "  ", "\t", "\n", " \n\t "])
        self.tight = self.rng.random() < 0.4  # no space where none is needed

    def write(self, tree: Tree) -> str:
        text = self.either(tree)
        return self.rng.choice(["", "", " ", "\n"]) + text + self.rng.choice(["", "", " ", "\n"])

    def space(self) -> str:
        """Between a word or a value and a symbol."""
        return "" if self.tight and self.rng.random() < 0.8 else self.gap

    def join(self, parts: list[str], word: str) -> str:
        """Words need a space, unless a parenthesis is there."""
        text = parts[0]
        for part in parts[1:]:
            before = "" if text.endswith(")") and self.tight else self.gap
            after = "" if part.startswith("(") and self.tight else self.gap
            text += before + word + after + part
        return text

    def paren(self, text: str) -> str:
        return "(" + self.space() + text + self.space() + ")"

    def maybe(self, text: str) -> str:
        """Parentheses that change nothing."""
        return self.paren(text) if self.rng.random() < 0.15 else text

    def either(self, tree: Tree) -> str:
        if isinstance(tree, Or):
            return self.maybe(self.join([self.both(part, Or) for part in tree.parts], "or"))
        return self.both(tree, None)

    def both(self, tree: Tree, within: Any) -> str:
        """What stands beside an `or`."""
        if isinstance(tree, Or):
            inside = self.either(tree)
            # (a or b) or c is a or b or c
            return inside if within is Or and self.rng.random() < 0.3 else self.paren(inside)
        if isinstance(tree, And):
            return self.maybe(self.join([self.one(part) for part in tree.parts], "and"))
        return self.one(tree)

    def one(self, tree: Tree) -> str:
        """What stands beside an `and`, or behind a `not`."""
        if isinstance(tree, Or):
            return self.paren(self.either(tree))
        if isinstance(tree, And):
            return self.paren(self.both(tree, None))
        if isinstance(tree, Not):
            inside = self.one(tree.inner)
            tight = self.tight and inside.startswith("(")
            return self.maybe("not" + ("" if tight else self.gap) + inside)
        if isinstance(tree, In):
            return self.maybe(self.member(tree))
        return self.maybe(self.chain(tree))

    def chain(self, tree: Chain) -> str:
        names = [column_name(one) for one in tree.operands if not isinstance(one, Number)]
        text = self.operand(tree.operands[0], names[0])
        for comparison, operand in zip(tree.comparisons, tree.operands[1:], strict=True):
            text += self.space() + comparison + self.space() + self.operand(operand, names[0])
        return text

    def member(self, tree: In) -> str:
        name = column_name(tree.operand)
        values = [self.item(one, name) for one in tree.values]
        word = self.operand(tree.operand, name)
        word += "" if word.endswith(")") and self.tight else self.gap
        word += f"not{self.gap}in" if tree.negated else "in"
        if len(values) == 1 and isinstance(tree.values[0], Span) and self.rng.random() < 0.8:
            return word + (self.space() if values[0][0] in "'\"" else self.gap) + values[0]
        inside = values[0]
        for value in values[1:]:
            inside += self.space() + "," + self.space() + value
        inside += self.rng.choice(["", "", "", self.space() + ","])
        return word + self.space() + self.paren(inside)

    def item(self, item: Number | Span, name: str) -> str:
        """What stands in a list; a value of several names has no parentheses there."""
        return self.span(item, name) if isinstance(item, Span) else self.value(item.value, name, parens=0)

    def operand(self, operand: Operand, name: str) -> str:
        if isinstance(operand, Number):
            return self.value(operand.value, name)
        if isinstance(operand, Column):
            return self.paren(operand.name) if self.rng.random() < 0.05 else operand.name
        text = operand.column.name + self.space() + "&" + self.space() + self.bits(operand.bits, operand.column.name)
        return self.paren(text) if self.rng.random() < 0.3 else text

    def bits(self, bits: int, name: str, *, paren: bool = True) -> str:
        """A mask, by names where there are some."""
        there = {value: self.word(known) for known, value in NAMES.get(name, {}).items() if value & bits}
        rest = bits & ~sum(there)
        if name not in ("flags", "tcp_flags") or not there or bits < 0 or self.rng.random() < 0.3:
            return self.number(bits)
        words = list(there.values()) + ([self.number(rest)] if rest else [])
        self.rng.shuffle(words)
        text = (self.space() + "|" + self.space()).join(words)
        return self.paren(text) if paren and len(words) > 1 else text

    def number(self, value: int) -> str:
        if value < 0:
            return str(value)
        return self.rng.choice([str(value), str(value), f"{value:#x}", f"0x{value:X}", f"0x{value:08x}", f"'{value}'"])

    def value(self, value: int, name: str, parens: float = 0.3) -> str:
        """One value; several bits can be several names."""
        if name in IP_COLUMNS:
            return self.quoted(self.ip(value))
        if name in MAC_COLUMNS:
            return self.quoted(self.mac(value))
        if name == "ts":
            return self.time(value)
        for known, number in NAMES.get(name, {}).items():
            if number == value and self.rng.random() < 0.6:
                return self.word(known)
        if name in ("flags", "tcp_flags") and self.rng.random() < 0.5:
            return self.bits(value, name, paren=self.rng.random() < parens)
        return self.number(value)

    def word(self, name: str) -> str:
        """A name; one that a column has too stands in quotes."""
        text = mixed_case(self.rng, name)
        return f"'{text}'" if text.lower() in (vxtap.PACKET.names or ()) else text

    def span(self, span: Span, name: str) -> str:
        """A network by any of its addresses."""
        free = (span.last - span.first + 1).bit_length() - 1
        address = span.first + (self.rng.randrange(1 << free) if self.rng.random() < 0.2 else 0)
        if name in MAC_COLUMNS:
            return self.quoted(f"{self.mac(address)}/{48 - free}")
        if free <= 32 and address >> 32 == 0xFFFF:
            return self.quoted(f"{ipaddress.IPv4Address(address & 0xFFFFFFFF)}/{32 - free}")
        return self.quoted(f"{self.ipv6(address)}/{128 - free}")

    def ip(self, value: int) -> str:
        if value >> 32 == 0xFFFF and self.rng.random() < 0.9:
            return str(ipaddress.IPv4Address(value & 0xFFFFFFFF))
        return self.ipv6(value)

    def ipv6(self, value: int) -> str:
        address = ipaddress.IPv6Address(value)
        text = self.rng.choice([address.compressed, address.compressed, address.exploded])
        return self.rng.choice([text, text.upper()])

    def mac(self, value: int) -> str:
        text = value.to_bytes(6).hex(":")
        return self.rng.choice([text, text.upper()])

    def quoted(self, text: str) -> str:
        quote = self.rng.choice(["", "'", '"']) if self.quotes == "any" else self.quotes
        return quote + text + quote

    def time(self, ns: int) -> str:
        """Nanoseconds since 1970 as they are, or as a time of some zone."""
        if self.rng.random() < 0.2:
            return str(ns)
        zone = self.rng.choice([0, 0, 0, 60, -330, 14 * 60])
        seconds, fraction = divmod(ns, 10**9)
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds + 60 * zone)
        day, clock = moment.date().isoformat(), moment.time().isoformat()
        if not zone and not fraction and clock == "00:00:00":
            return self.quoted(day)
        digits = f"{fraction:09d}" if self.rng.random() < 0.5 else f"{fraction:09d}".rstrip("0")
        if not digits and clock.endswith(":00") and self.rng.random() < 0.5:
            clock = clock[:5]
        between = " " if self.quotes in ("'", '"') and self.rng.random() < 0.3 else "T"
        text = day + between + clock + (f".{digits}" if digits else "")
        hours, minutes = divmod(abs(zone), 60)
        sign = "-" if zone < 0 else "+"
        text += f"{sign}{hours:02d}:{minutes:02d}" if zone else self.rng.choice(["Z", "Z", "", "+00:00"])
        return self.quoted(text)
