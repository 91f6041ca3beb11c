"""What a polars predicate asks for, as the text of `where`: as much of it as that can say.

The text lets through every row that the predicate does, and maybe more: polars looks at what comes again. Expressions
come as the JSON that polars writes of them, whose form may change: what is not known here is left to polars.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from vxtap.address import format_ip, format_mac, parse_ip, parse_mac
from vxtap.errors import OptionError
from vxtap.extras import need
from vxtap.layout import PACKET
from vxtap.where import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

_WORDS = {"And": "and", "LogicalAnd": "and", "Or": "or", "LogicalOr": "or"}
_COMPARED = {"Eq": "==", "NotEq": "!=", "Lt": "<", "LtEq": "<=", "Gt": ">", "GtEq": ">="}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_BETWEEN = {"Both": (">=", "<="), "Left": (">=", "<"), "Right": (">", "<="), "None": (">", "<")}
_WIDTHS = {"Int16": 1, "Int32": 2, "Int64": 8}  # bytes of a column that the type holds
# Rows are numbered by one thread from the first on, and unsigned labels are signed in a table: both are for polars.
_LEFT = {"frame", "flow"}
_MOST = 1 << 12  # values of a list
_OCTETS = re.compile(r"(?:(?:0|[1-9]\d{0,2})\.){1,3}")


class Told(NamedTuple):
    """A predicate as text.

    Attributes
    ----------
    parts : tuple of str
        In the language of `where`.
    exact : bool
        It says the same; if not, more rows pass.
    word : str
        What stands between the parts, 'and' or 'or'.
    """

    parts: tuple[str, ...]
    exact: bool = True
    word: str = "and"

    @property
    def text(self) -> str:
        """All of it."""
        return f" {self.word} ".join(self.parts)

    def within(self, word: str) -> tuple[str, ...]:
        """What it is among others with this word between them: parentheses have a limit, and stand where they must."""
        return self.parts if self.word == word or len(self.parts) == 1 else (f"({self.text})",)


class Value(NamedTuple):
    """A column or a literal: its text, and what it can be compared with ('int', 'time', 'V16', 'V6')."""

    text: str
    kind: str
    column: str = ""


def where_of(predicate: pl.Expr, given: str | None = None) -> str | None:
    """Say a predicate as `where`: as much of it as that can say, and has room for.

    Parameters
    ----------
    predicate : polars.Expr
        On columns of the record.
    given : str, optional
        What must hold as well, in the language of `where`.

    Returns
    -------
    str or None
        Every row for which both hold passes this; `given` where nothing of the predicate can be said.
    """
    try:
        told = _tell(json.loads(predicate.meta.serialize(format="json")))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):  # a form that is not known
        return given
    parts = told.within("and") if told else ()
    if not _fits(given, parts):
        parts = tuple(part for part in parts if _fits(given, (part,)))
    while not _fits(given, parts):
        parts = parts[: len(parts) // 2]
    return _together(given, parts)


def _fits(given: str | None, parts: tuple[str, ...]) -> bool:
    """Whether that is within the limits of a `where`."""
    if parts:
        try:
            parse(_together(given, parts) or "")
        except OptionError:
            return False
    return True


def _together(given: str | None, parts: tuple[str, ...]) -> str | None:
    return " and ".join([*([f"({given})"] if given else []), *parts]) if parts else given


def _tell(node: Any) -> Told | None:
    ((kind, body),) = node.items()
    if kind == "BinaryExpr":
        return _tell_several(node, _WORDS[body["op"]]) if body["op"] in _WORDS else _tell_compared(body)
    return _tell_function(body) if kind == "Function" else None


def _tell_several(node: Any, word: str) -> Told | None:
    """All that stands between the same words, however polars nests it."""
    found, waiting = [], [node]
    while waiting:
        one = waiting.pop()
        inner = one.get("BinaryExpr")
        if inner is not None and _WORDS.get(inner["op"]) == word:
            waiting += inner["right"], inner["left"]
        else:
            found.append(_tell(one))
    said = [told for told in found if told]
    if not said or (word == "or" and len(said) < len(found)):
        return None
    exact = len(said) == len(found) and all(told.exact for told in said)
    return Told(tuple(part for told in said for part in told.within(word)), exact, word)


def _tell_compared(body: Any) -> Told | None:
    left, right, op = _value(body["left"]), _value(body["right"]), _COMPARED.get(body["op"])
    if not left or not right or not op:
        return None
    if not left.column:  # a literal: the column goes first
        left, right, op = right, left, _TURNED[op]
    is_address = left.kind.startswith("V")
    if not left.column or left.kind != right.kind or (is_address and op not in ("==", "!=")):
        return None
    return Told((f"{left.text} {op} {right.text}",))


def _tell_function(body: Any) -> Told | None:
    function, inputs = body["function"], body["input"]
    ((family, what),) = function.items()
    if family == "StringExpr" and what == "StartsWith":
        return _tell_start(*inputs)
    if family != "Boolean":
        return None
    if what == "Not":
        told = _tell(inputs[0])
        return Told((f"not ({told.text})",)) if told and told.exact else None
    ((name, how),) = what.items()
    if name == "IsBetween":
        return _tell_between(inputs, how["closed"])
    return _tell_among(*inputs) if name == "IsIn" and how.get("nulls_equal") is not True else None


def _tell_between(inputs: list[Any], closed: str) -> Told | None:
    value, least, most = map(_value, inputs)
    if not value or not least or not most or not value.column or not value.kind == least.kind == most.kind:
        return None
    above, below = _BETWEEN[closed]
    return Told((f"{value.text} {above} {least.text}", f"{value.text} {below} {most.text}"))


def _tell_among(column: Any, values: Any) -> Told | None:
    """One of a list, which comes as an Arrow stream."""
    value = _value(column)
    stream = bytes(values["Literal"]["Scalar"]["List"])
    (listed,) = need("pyarrow", extra="polars").ipc.open_stream(stream).read_all().columns
    if not value or not value.column or value.kind == "time" or not 0 < len(listed) <= _MOST:
        return None
    found = [_literal_of(one) for one in listed.to_pylist()]
    if any(one is None or one.kind != value.kind for one in found):
        return None
    return Told((f"{value.text} in ({', '.join(one.text for one in found if one)})",))


def _tell_start(column: Any, start: Any) -> Told | None:
    """Text that starts with whole numbers of an IPv4 address, and the dot behind them: a network."""
    value, text = _value(column), start["Literal"]["Scalar"]["String"]
    if not value or value.kind != "V16" or not _OCTETS.fullmatch(text):
        return None
    octets = text.split(".")[:-1]
    if any(int(octet) > 255 for octet in octets):
        return None
    network = ".".join([*octets, *["0"] * (4 - len(octets))])
    return Told((f"{value.text} in {network}/{8 * len(octets)}",))


# ---------------------------------------------------------------- columns and literals


def _value(node: Any) -> Value | None:
    ((kind, body),) = node.items()
    if kind == "Column":
        return _column(body)
    if kind == "Literal":
        return _literal(body)
    if kind == "Cast":
        return _widened(body)
    return _masked(body) if kind == "BinaryExpr" and body["op"] == "And" else None


def _column(name: str) -> Value | None:
    if name in _LEFT or name not in (PACKET.names or ()):
        return None
    dtype = PACKET[name]
    kind = {"u": "int", "M": "time"}.get(dtype.kind) or f"V{dtype.itemsize}"
    return Value(name, kind, name)


def _widened(body: Any) -> Value | None:
    """A column of numbers in a wider type is what it was."""
    value, width = _value(body["expr"]), _WIDTHS.get(body["dtype"]["Literal"], 0)
    fits = value is not None and value.kind == "int" and value.column and PACKET[value.column].itemsize <= width
    return value if fits else None


def _masked(body: Any) -> Value | None:
    value, mask = _value(body["left"]), _value(body["right"])
    if not value or not mask or not value.column or mask.column or not value.kind == mask.kind == "int":
        return None
    if value.text != value.column or mask.text.startswith("-"):
        return None
    return Value(f"({value.text} & {mask.text})", "int", value.column)


def _literal(body: Any) -> Value | None:
    ((kind, value),) = next(iter(body.values())).items()
    if kind == "Datetime":
        count, unit, zone = value
        return Value(str(count), "time") if unit == "Nanoseconds" and zone is not None else None
    return _literal_of(value) if kind.startswith(("Int", "UInt", "String")) else None


def _literal_of(value: object) -> Value | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return Value(str(value), "int") if value >= 0 else None
    if not isinstance(value, str):
        return None
    return _address(value, parse_ip, format_ip, "V16") or _address(value, parse_mac, format_mac, "V6")


def _address(text: str, parse: Callable[[str], Any], write: Callable[[Any], Any], kind: str) -> Value | None:
    """An address as it stands in a column: text of another form is in none of them."""
    try:
        return Value(text, kind) if write(parse(text)) == text else None
    except OptionError:
        return None
