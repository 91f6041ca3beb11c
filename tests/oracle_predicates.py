"""What a predicate on the columns of the record means: a tree, and whether it holds for a row.

Slow and obvious: every row is a dictionary of Python's integers, addresses too, and no time is None. Nothing here knows
how predicates are written (see `predicate_texts`), or vxtap.
"""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

Value = int | None
Row = dict[str, Value]

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
NAT = -(1 << 63)
#: A label of 64 bits: a negative number beside it is read as tables have it, where it has a sign.
LONG = ("flow",)


class Number(NamedTuple):
    """A number, a name that stands for one, one address, or a time."""

    value: int


class Span(NamedTuple):
    """The addresses of a network, from the first to the last."""

    first: int
    last: int


class Column(NamedTuple):
    """The value of a column."""

    name: str


class Masked(NamedTuple):
    """Some bits of a column."""

    column: Column
    bits: int


Operand = Number | Column | Masked


class Chain(NamedTuple):
    """Comparisons one after the other: each has to hold. One operand alone: it is not zero."""

    operands: Sequence[Operand]
    comparisons: Sequence[str] = ()


class In(NamedTuple):
    """Whether a column's value, or some bits of it, is one of these, or within one of these; or not."""

    operand: Column | Masked
    values: Sequence[Number | Span]
    negated: bool = False


class Not(NamedTuple):
    """It does not hold."""

    inner: Tree


class And(NamedTuple):
    """All hold."""

    parts: Sequence[Tree]


class Or(NamedTuple):
    """One at least holds."""

    parts: Sequence[Tree]


Tree = Chain | In | Not | And | Or


# ---------------------------------------------------------------- values


def address(text: str) -> int:
    """The number that 16 bytes of an address are, IPv4 as ::ffff:a.b.c.d."""
    parsed = ipaddress.ip_address(text)
    return int(parsed) + (0xFFFF << 32 if parsed.version == 4 else 0)


def network(text: str) -> Span:
    """The addresses of a network; bits of the host mean nothing."""
    parsed = ipaddress.ip_network(text, strict=False)
    return Span(address(str(parsed[0])), address(str(parsed[-1])))


def mac(text: str) -> int:
    """The number that 6 bytes of a MAC address are."""
    return int(text.replace(":", ""), 16)


def mac_prefix(text: str) -> Span:
    """The addresses that begin like this one."""
    first, _, bits = text.partition("/")
    free = (1 << (48 - int(bits))) - 1
    return Span(mac(first) & ~free, mac(first) | free)


# ---------------------------------------------------------------- rows


def row_dicts(rows: np.ndarray) -> list[Row]:
    """Rows as dictionaries of numbers."""
    columns: dict[str, list[Value]] = {}
    for name in rows.dtype.names or ():
        column = np.ascontiguousarray(rows[name])
        if column.dtype.kind == "V":
            raw, width = column.tobytes(), column.dtype.itemsize
            columns[name] = [int.from_bytes(raw[at : at + width]) for at in range(0, len(raw), width)]
        elif name == "ts":
            columns[name] = [None if value == NAT else value for value in column.view("i8").tolist()]
        else:
            columns[name] = column.tolist()
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def of_oracle(row: dict[str, Any], flags: dict[str, int], tunnels: dict[str, int]) -> Row:
    """A decapsulated row of the oracle as a dictionary of numbers, by what names stand for."""
    addresses = {name: value for name, value in row.items() if isinstance(value, bytes) and name != "inner"}
    numbers: Row = {name: int.from_bytes(value) for name, value in addresses.items()}
    numbers |= {name: value for name, value in row.items() if isinstance(value, int)}
    numbers |= {"ts": row["ts"], "status": 0, "tunnel": tunnels[row["tunnel"]]}
    return numbers | {"flags": sum(flags[name] for name in row["flags"])}


def mask(tree: Tree, rows: np.ndarray) -> np.ndarray:
    """For which rows it holds."""
    return np.array([holds(tree, row) for row in row_dicts(rows)], np.bool_)


def holds(tree: Tree, row: Row) -> bool:
    """Whether it holds for a row."""
    if isinstance(tree, Or):
        return any(holds(part, row) for part in tree.parts)
    if isinstance(tree, And):
        return all(holds(part, row) for part in tree.parts)
    if isinstance(tree, Not):
        return not holds(tree.inner, row)
    if isinstance(tree, In):
        values = [beside(tree.operand, one) for one in tree.values]
        return within(value_of(tree.operand, row), values) != tree.negated
    if not tree.comparisons:
        return value_of(tree.operands[0], row) != 0
    pairs = zip(tree.comparisons, tree.operands, tree.operands[1:], strict=False)
    return all(compare(how, value_of(beside(b, a), row), value_of(beside(a, b), row)) for how, a, b in pairs)


def beside(column: Operand, found: Any) -> Any:
    """What stands beside a column; a negative number beside a label is the same bits without a sign."""
    name = getattr(column.column if isinstance(column, Masked) else column, "name", "")
    if name in LONG and isinstance(found, Number) and NAT <= found.value < 0:
        return Number(found.value + (1 << 64))
    return found


def value_of(operand: Operand, row: Row) -> Value:
    """What an operand is for a row."""
    if isinstance(operand, Number):
        return operand.value
    if isinstance(operand, Column):
        return row[operand.name]
    found = row[operand.column.name]
    assert found is not None
    return found & operand.bits


def compare(comparison: str, one: Value, other: Value) -> bool:
    """As numpy has it: what has no time is only unequal, even to itself."""
    if one is None or other is None:
        return comparison == "!="
    return COMPARISONS[comparison](one, other)


def within(value: Value, values: Sequence[Number | Span]) -> bool:
    """Whether a value is one of these or within one of these; what has no time is in no list."""
    if value is None:
        return False
    return any(one.value == value if isinstance(one, Number) else one.first <= value <= one.last for one in values)
