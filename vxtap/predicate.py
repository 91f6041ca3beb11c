"""What must hold for a record, and the program of tests that asks it in the core (csrc/vxt_where.h)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from vxtap import _facts
from vxtap.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    Span = tuple[int, int]
    Spans = tuple[Span, ...]
    Node: TypeAlias = "Test | Pair | Joined"

NUMBER, ADDRESS, MAC, TIME = "a number", "an IP address", "a MAC address", "a time"
_KINDS = {"V16": ADDRESS, "V6": MAC, "M8[ns]": TIME}
# As csrc/vxt_where.h has them: the kinds of a test, and its layout.
_IN_SPANS, _SIGNED_IN_SPANS, _EQUALS, _IS_LESS = range(4)
_TEST = struct.Struct("=QQIIIIHHBBBB")
_WORD, _WIDE = 8, 16
# Where a test goes to that decides: places behind all tests.
_HOLDS, _FAILS = 0, 1


class Column(NamedTuple):
    """A column of the record.

    Attributes
    ----------
    name, kind : str
        The kind is one of those above.
    at, size : int
        Bytes in the record.
    level : int
        How deep frames must be parsed for it.
    """

    name: str
    kind: str
    at: int
    size: int
    level: int

    @property
    def full(self) -> Span:
        """All that it can be, as the core counts: a time from 0 for none, all else as numbers without sign."""
        return 0, (1 << 8 * self.size) - 1

    @property
    def values(self) -> Span:
        """All but no time."""
        low, high = self.full
        return low + (self.kind == TIME), high


#: Every column of the record, by name.
BY_NAME: dict[str, Column] = {
    name: Column(name, _KINDS.get(kind, NUMBER), at, size, level)
    for name, kind, at, size, level, _, _ in _facts.fields()
}


class Operand(NamedTuple):
    """A column, or some of its bits; where in the text it begins."""

    column: Column
    mask: int
    position: int = 0
    is_whole: bool = True  # nobody has named bits, not even all of them

    @property
    def key(self) -> tuple[str, int]:
        """What it looks at."""
        return self.column.name, self.mask


class Test(NamedTuple):
    """Whether the operand lies in one of the spans: pairs of the first and the last value, in order, apart."""

    operand: Operand
    spans: Spans


class Pair(NamedTuple):
    """Whether two operands are equal, or the first one is less; `negated`: whether not."""

    first: Operand
    second: Operand
    less: bool
    negated: bool


class Joined(NamedTuple):
    """Whether all of some parts hold, or any."""

    all: bool
    parts: tuple[Node, ...]


def united(spans: Iterable[Span]) -> Spans:
    """Bring spans in order, those that touch as one."""
    found: list[Span] = []
    for low, high in sorted(spans):
        if found and low <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(high, found[-1][1])
        elif low <= high:
            found.append((low, high))
    return tuple(found)


def inverted(spans: Spans, full: Span) -> Spans:
    """What lies between the spans, in `full`."""
    edges = [full[0] - 1, *(edge for span in spans for edge in span), full[1] + 1]
    gaps = ((edges[i] + 1, edges[i + 1] - 1) for i in range(0, len(edges), 2))
    return tuple((low, high) for low, high in gaps if low <= high)


def spans_where(column: Column, sign: str, value: int) -> Spans:
    """Where a column compares so with a value, which may be beyond all that it can have; no time compares with none."""
    low, high = column.values
    if sign == "!=":
        return inverted(spans_where(column, "==", value), column.full)
    first = low if "<" in sign else value + (sign == ">")
    last = high if ">" in sign else value - (sign == "<")
    return united([(max(low, first), min(high, last))])


def negate(node: Node) -> Node:
    """What holds where `node` does not."""
    if isinstance(node, Test):
        return Test(node.operand, inverted(node.spans, node.operand.column.full))
    if isinstance(node, Pair):
        return node._replace(negated=not node.negated)
    return Joined(not node.all, tuple(negate(part) for part in node.parts))


def always(operand: Operand, holds: bool) -> Test:
    """A test that needs no look."""
    return Test(operand, (operand.column.full,) if holds else ())


def is_always(node: Node, holds: bool) -> bool:
    """Whether a node is such a test."""
    return isinstance(node, Test) and node.spans == ((node.operand.column.full,) if holds else ())


def _flat(all_of: bool, parts: Iterable[Node]) -> list[Node]:
    flat: list[Node] = []
    for part in parts:
        flat += part.parts if isinstance(part, Joined) and part.all is all_of else (part,)
    return flat


def join(all_of: bool, parts: Iterable[Node]) -> Node:
    """Whether all parts hold, or any: with one test for all that look at the same, and without what is always so."""
    kept: dict[object, list[Node]] = {}
    for part in _flat(all_of, parts):
        kept.setdefault(part.operand.key if isinstance(part, Test) else part, []).append(part)
    found: list[Node] = []
    for alike in kept.values():
        found.append(_as_one(all_of, alike) if len(alike) > 1 else alike[0])
        if is_always(found[-1], not all_of):
            return found[-1]
    wanted = [part for part in found if not is_always(part, all_of)]
    if not wanted:
        return found[0]
    return wanted[0] if len(wanted) == 1 else Joined(all_of, tuple(wanted))


def _as_one(all_of: bool, alike: list[Node]) -> Node:
    """Tests of the same operand; anything else that is there twice is there once."""
    tests = [part for part in alike if isinstance(part, Test)]
    if not tests:
        return alike[0]
    full = tests[0].operand.column.full
    if not all_of:
        return Test(tests[0].operand, united(span for test in tests for span in test.spans))
    gaps = united(span for test in tests for span in inverted(test.spans, full))
    return Test(tests[0].operand, inverted(gaps, full))


class _Writer:
    """Tests one after the other, and where each goes to: labels, whose places are known in the end."""

    def __init__(self) -> None:
        self.tests: list[tuple[Test | Pair, int, int]] = []
        self.places = [0, 0]

    def add(self, node: Node, then: int, otherwise: int) -> None:
        if not isinstance(node, Joined):
            if isinstance(node, Pair) and node.negated:
                then, otherwise = otherwise, then
            self.tests.append((node, then, otherwise))
            return
        for part in node.parts[:-1]:
            label = len(self.places)
            self.places.append(0)
            self.add(part, *((label, otherwise) if node.all else (then, label)))
            self.places[label] = len(self.tests)
        self.add(node.parts[-1], then, otherwise)

    def pack(self) -> tuple[bytes, bytes]:
        self.places[_HOLDS], self.places[_FAILS] = len(self.tests), len(self.tests) + 1
        tests, words = [], []
        count = 0
        for node, then, otherwise in self.tests:
            targets = self.places[then], self.places[otherwise]
            if isinstance(node, Pair):
                one, two = node.first, node.second
                kind = _IS_LESS if node.less else _EQUALS
                places = one.column.at, two.column.at, one.column.size, two.column.size
                tests.append(_TEST.pack(_mask(one), _mask(two), 0, 0, *targets, *places, kind, 0))
                continue
            column = node.operand.column
            kind = _SIGNED_IN_SPANS if column.kind == TIME else _IN_SPANS
            places = column.at, 0, column.size, 0
            tests.append(_TEST.pack(_mask(node.operand), 0, count, len(node.spans), *targets, *places, kind, 0))
            words.append(_words(node.spans, column.size))
            count += len(words[-1]) // _WORD
        return b"".join(tests), b"".join(words)


def _mask(operand: Operand) -> int:
    return 0 if operand.column.size == _WIDE else operand.mask


def _words(spans: Spans, size: int) -> bytes:
    edges = [edge for span in spans for edge in span]
    if size == _WIDE:
        edges = [half for edge in edges for half in divmod(edge, 1 << 64)]
    return struct.pack(f"={len(edges)}Q", *edges)


def program_of(node: Node) -> tuple[bytes, bytes]:
    """Write the program: its tests, and the words of their spans.

    Raises
    ------
    OptionError
        Where there are more tests than the core takes.
    """
    if is_always(node, True):
        return b"", b""
    writer = _Writer()
    writer.add(node, _HOLDS, _FAILS)
    if len(writer.tests) > _facts.MAX_TESTS:
        raise OptionError(f"where: {len(writer.tests):,} comparisons are more than {_facts.MAX_TESTS:,}")
    return writer.pack()
