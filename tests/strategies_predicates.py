"""Hypothesis strategies: predicates on the columns of the record, as trees and as text (`predicate_texts`).

Values are drawn from the rows of a capture and from their neighbours, so that most predicates hold for some rows only.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

import compare
import everything
import vxtap
from oracle_predicates import (
    LONG,
    And,
    Chain,
    Column,
    In,
    Masked,
    Not,
    Number,
    Operand,
    Or,
    Row,
    Span,
    Tree,
    of_oracle,
    row_dicts,
)
from oracle_predicates import holds as holds_for
from predicate_texts import IP_COLUMNS, MAC_COLUMNS, NAMES, Writer
from strategies_packets import Draw

NUMBER_COLUMNS = tuple(
    name for name in vxtap.PACKET.names or () if name not in (*IP_COLUMNS, *MAC_COLUMNS, "ts", "source", "frame")
)
USUAL = ("vni", "flags", "tcp_flags", "proto", "sport", "dport", "ethertype", "tunnel", "wirelen", "vlan")
BITS = ("flags", "tcp_flags", "flags", "tcp_flags", "vni", "dport", "dscp", "payload_len", "flow")
IPV4_FIRST = 0xFFFF << 32
WIDTHS = {"u1": 8, "u2": 16, "u4": 32, "u8": 64}

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
        near = seen + self.pick(NEAR)
        return Number(near - (1 << 64) if name in LONG and near >> 63 == 1 and self.coin() else near)

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
def of_times(draw: Draw, rows: np.ndarray) -> Predicate:
    """A predicate on times alone."""
    grower = Grower(draw, row_dicts(rows))
    parts = [grower.times() for _ in range(grower.pick([1, 1, 2, 3]))]
    tree = grower.pick([And, Or])(parts) if len(parts) > 1 else parts[0]
    tree = Not(tree) if grower.coin() else tree
    return Predicate(tree, Writer(draw(SPACES)).write(tree))


@st.composite
def predicates(draw: Draw, rows: np.ndarray, extra: tuple[str, ...] = (), depth: int = 3) -> Predicate:
    """A predicate on rows like these; `extra` are columns that mean something only in some ways of reading."""
    few = rows if len(rows) < 40 else rows[:: len(rows) // 40]
    tree = Grower(draw, row_dicts(few), extra).tree(depth)
    return Predicate(tree, Writer(draw(SPACES)).write(tree))


# ---------------------------------------------------------------- as the oracle of captures asks


FLAGS = {flag.name: flag.value for flag in vxtap.Flag if flag.name}
TUNNELS = {tunnel.name: tunnel.value for tunnel in vxtap.Tunnel}


def holds(tree: Tree) -> Callable[[dict[str, Any]], bool]:
    """Whether a predicate holds for one of its rows."""
    return lambda row: holds_for(tree, of_oracle(row, FLAGS, TUNNELS))


# ---------------------------------------------------------------- bundled captures


BUNDLED = [path.name for path in compare.captures_in(compare.DATA)]
EVERYTHING = "everything"


def source_of(name: str) -> Any:
    """A bundled capture, or the one with a frame of every kind."""
    return everything.DATA if name == EVERYTHING else compare.DATA / name


def bytes_of(name: str) -> bytes:
    source = source_of(name)
    return source if isinstance(source, bytes) else bytes(source.read_bytes())


@functools.cache
def bundled(name: str, **how: Any) -> np.ndarray:
    """All rows of such a capture."""
    return vxtap.read(source_of(name), **how)


@st.composite
def of_bundled(draw: Draw, extra: tuple[str, ...] = ("frame", "source")) -> tuple[str, Predicate]:
    """One of them, and a predicate on its rows."""
    name = draw(st.sampled_from([*BUNDLED, *BUNDLED[-3:-2], EVERYTHING, EVERYTHING, EVERYTHING]))
    return name, draw(predicates(bundled(name), extra))
