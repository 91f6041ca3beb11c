"""The grammar of `where`, as docs/where.md has it: text into what must hold for a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vxtap.literals import names_of, span_of, value_of
from vxtap.predicate import (
    ADDRESS,
    BY_NAME,
    MAC,
    NUMBER,
    Joined,
    Operand,
    Pair,
    Test,
    always,
    join,
    negate,
    spans_where,
    united,
)
from vxtap.tokens import Token, close_to, fail, quoted, tokens_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn, TypeAlias, TypeVar

    from vxtap.predicate import Column, Node, Span

    Found: TypeAlias = "Node | Operand | Literal"
    _Value = TypeVar("_Value")

#: Parentheses within each other, and values of a list, at most; words and signs of a text, which bound all else in it.
MOST_DEPTH, MOST_LISTED, MOST_PIECES = 50, 65_536, 262_144
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Literal(NamedTuple):
    """Values with ``|`` between them, mostly a single one, whose kind is known once there is a column."""

    tokens: tuple[Token, ...]

    @property
    def position(self) -> int:
        """Where it begins."""
        return self.tokens[0].position


class Parser:
    """Recursive descent; each method reads one rule of the grammar.

    Attributes
    ----------
    columns : dict of Column
        Those named so far, by name.
    """

    def __init__(self, text: str) -> None:
        self.columns: dict[str, Column] = {}
        self._text = text
        self._tokens = tokens_of(text)
        self._next = next(self._tokens)
        self._count = self._depth = 0

    def _go_on(self) -> None:
        self._count += 1
        if self._count > MOST_PIECES:
            self._fail(self._next.position, f"more than {MOST_PIECES:,} words and signs")
        self._next = next(self._tokens)

    def _fail(self, position: int, message: str) -> NoReturn:
        fail(self._text, position, message)

    def _take(self, *texts: str) -> Token | None:
        """The next token where it is one of these signs or keywords."""
        token = self._next
        if token.kind not in ("sign", "keyword") or token.text not in texts:
            return None
        self._go_on()
        return token

    def _expect(self, text: str, why: str) -> None:
        if not self._take(text):
            self._fail(self._next.position, f"expected {text!r} {why}{self._instead()}")

    def _instead(self) -> str:
        return f", got {quoted(self._next.text)}" if self._next.kind != "end" else ", and it ends here"

    def whole(self) -> Node:
        """Read all of the text."""
        found = self._condition(self._either())
        if self._next.kind != "end":
            self._fail(self._next.position, f"expected 'and', 'or' or the end{self._instead()}")
        return found

    def _condition(self, found: Found) -> Node:
        """What stands where something must be true or false."""
        if isinstance(found, Test | Pair | Joined):
            return found
        if isinstance(found, Literal):
            self._no_column(found)
        if found.is_whole:
            name = found.column.name
            self._fail(found.position, f"{name!r} alone is no condition: compare it with something ({name} == ...)")
        return Test(found, ((1, found.column.full[1]),))

    def _no_column(self, literal: Literal) -> NoReturn:
        token = literal.tokens[0]
        if token.is_name:
            self._fail(token.position, f"there is no column {quoted(token.text)}{close_to(token.text, BY_NAME)}")
        self._fail(token.position, f"{quoted(token.text)} is a value, and there is no column that it could belong to")

    def _either(self) -> Found:
        return self._several("or", self._both)

    def _both(self) -> Found:
        return self._several("and", self._negation)

    def _several(self, word: str, read: Callable[[], Found]) -> Found:
        first = read()
        if not self._is_next(word):
            return first
        parts = [self._condition(first)]
        while self._take(word):
            parts.append(self._condition(read()))
        return join(word == "and", parts)

    def _is_next(self, keyword: str) -> bool:
        return self._next.kind == "keyword" and self._next.text == keyword

    def _negation(self) -> Found:
        count = 0
        while self._take("not"):
            count += 1
        found = self._comparison()
        if not count:
            return found
        holds = self._condition(found)
        return negate(holds) if count % 2 else holds

    def _comparison(self) -> Found:
        left = self._operand()
        if (begin := self._take("in", "not")) is not None:
            if begin.text == "not":
                self._expect("in", "behind 'not'")
            found = self._membership(left, begin)
            return found if begin.text == "in" else negate(found)
        parts = []
        while (sign := self._take(*_COMPARISONS)) is not None:
            right = self._operand()
            parts.append(self._relate(left, sign, right))
            left = right
        if parts and self._is_next("in"):
            self._fail(self._next.position, "'in' cannot follow a comparison: join the two with 'and'")
        return join(True, parts) if parts else left

    def _operand(self) -> Found:
        begin = self._next
        found: Found
        if self._take("("):
            self._depth += 1
            if self._depth > MOST_DEPTH:
                self._fail(begin.position, f"more than {MOST_DEPTH} parentheses within each other")
            found = self._either()
            self._expect(")", f"for the '(' of column {begin.position + 1}")
            self._depth -= 1
        else:
            found = self._term()
        while (sign := self._take("&", "|")) is not None:
            if sign.text == "|":
                self._fail(sign.position, "'|' stands between values: conditions are joined with 'or'")
            if not isinstance(found, Operand) or found.column.kind != NUMBER:
                self._fail(sign.position, "'&' takes bits of a column of numbers, which stands before it")
            if not found.is_whole:
                self._fail(sign.position, "one '&' is enough: bits are put together as in (syn|ack)")
            found = found._replace(mask=self._mask(found.column) & found.column.full[1], is_whole=False)
        return found

    def _term(self) -> Operand | Literal:
        token = self._next
        if token.kind != "word" or token.text not in BY_NAME:
            return Literal(tuple(self._values()))
        self._go_on()
        column = self.columns.setdefault(token.text, BY_NAME[token.text])
        return Operand(column, column.full[1], token.position)

    def _value(self, what: str) -> Token:
        token = self._next
        if token.kind not in ("word", "quoted"):
            self._fail(token.position, f"expected {what}{self._instead()}")
        self._go_on()
        return token

    def _values(self, what: str = "a column or a value") -> Iterator[Token]:
        """One value, or several with ``|`` between them."""
        yield self._value(what)
        while self._take("|"):
            yield self._value("a value")

    def _mask(self, column: Column) -> int:
        if self._take("("):
            tokens = tuple(self._values("bits"))
            self._expect(")", "behind the bits")
        else:
            tokens = (self._value("bits"),)
            if (sign := self._take("|")) is not None:
                self._fail(sign.position, "put bits in parentheses behind '&', as in (syn|ack)")
        return self._read(column, Literal(tokens))

    def _read(self, column: Column, literal: Literal) -> int:
        """The value of a literal beside a column."""
        if len(literal.tokens) > 1 and column.kind != NUMBER:
            self._fail(literal.position, f"{column.name}: there is no '|' of values that are no numbers")
        result = 0
        for token in literal.tokens:
            result |= self._as_value(value_of, column, token)
        return result

    def _as_value(self, read: Callable[[Column, str], _Value], column: Column, token: Token) -> _Value:
        if token.kind == "word" and token.text in BY_NAME and token.text not in names_of(column):
            self._fail(token.position, f"{token.text!r} is a column, and here stands a value")
        try:
            return read(column, token.text)
        except ValueError as error:
            columns = [one.name for one in BY_NAME.values() if one.kind == column.kind]
            hint = close_to(token.text, names_of(column)) or close_to(token.text, columns, 0.75)
            self._fail(token.position, f"{error}{hint if token.is_name else ''}")

    def _membership(self, left: Found, begin: Token) -> Test:
        """What stands behind ``in``."""
        if isinstance(left, Literal):
            self._no_column(left)
        if not isinstance(left, Operand):
            self._fail(begin.position, "before 'in' stands a column")
        if self._take("("):
            spans = self._listed(left)
        elif left.column.kind in (ADDRESS, MAC) and self._next.kind in ("word", "quoted"):
            spans = [self._as_value(span_of, left.column, self._value("a network"))]
        else:
            self._fail(self._next.position, f"expected values in parentheses, such as (80, 443){self._instead()}")
        low, high = left.column.values
        return Test(left, united((max(low, first), min(high, last)) for first, last in spans))

    def _listed(self, left: Operand) -> list[Span]:
        spans: list[Span] = []
        while not spans or not self._take(")"):
            if len(spans) == MOST_LISTED:
                self._fail(self._next.position, f"a list has at most {MOST_LISTED:,} values")
            if left.column.kind in (ADDRESS, MAC):
                spans.append(self._as_value(span_of, left.column, self._value("a value")))
            else:
                value = self._read(left.column, Literal(tuple(self._values("a value"))))
                spans.append((value, value))
            if not self._take(","):
                self._expect(")", "or ',' behind a value of a list")
                break
        return spans

    def _relate(self, left: Found, sign: Token, right: Found) -> Node:
        """One comparison."""
        if not isinstance(left, Operand | Literal) or not isinstance(right, Operand | Literal):
            self._fail(sign.position, f"{sign.text!r} compares columns and values, not conditions")
        if isinstance(left, Operand):
            if isinstance(right, Operand):
                return self._pair(left, sign, right)
            return self._beside(left, sign, sign.text, right)
        if isinstance(right, Literal):
            self._no_column(left if left.tokens[0].is_name or not right.tokens[0].is_name else right)
        return self._beside(right, sign, _MIRRORED.get(sign.text, sign.text), left)

    def _check_order(self, operand: Operand, sign: Token) -> None:
        if operand.column.kind in (ADDRESS, MAC) and sign.text not in ("==", "!="):
            self._fail(sign.position, f"addresses have no order: write {operand.column.name} in a network")

    def _beside(self, operand: Operand, sign: Token, text: str, literal: Literal) -> Test:
        """A comparison with a value, `text` being read from the column to it."""
        self._check_order(operand, sign)
        return Test(operand, spans_where(operand.column, text, self._read(operand.column, literal)))

    def _pair(self, left: Operand, sign: Token, right: Operand) -> Node:
        """A comparison of two columns."""
        one, two = left.column, right.column
        if one.kind != two.kind:
            self._fail(sign.position, f"{one.name} is {one.kind}, and {two.name} {two.kind}: they do not compare")
        self._check_order(left, sign)
        if left.key == right.key:
            there = Test(left, (one.values,))  # a time is not equal to itself where it is none
            return {"==": there, "<=": there, ">=": there, "!=": negate(there)}.get(sign.text, always(left, False))
        if sign.text in ("==", "!="):
            return Pair(left, right, less=False, negated=sign.text == "!=")
        if sign.text in ("<", ">="):
            return Pair(left, right, less=True, negated=sign.text == ">=")
        return Pair(right, left, less=True, negated=sign.text == "<=")
