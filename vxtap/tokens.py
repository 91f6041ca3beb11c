"""The text of a `where` in pieces, and what is wrong with it, with a caret below."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from vxtap.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import NoReturn

_TOKEN = re.compile(
    r"""\s*(?:(?P<sign>==|!=|<=|>=|<(?!>)|>|[(),]|&(?!&)|\|(?!\|))|(?P<other>&&|\|\||<>|[=!])|(?P<word>[\w.:/+-]+)"""
    r"""|(?P<quoted>'[^']*'|"[^"]*"))""",
    re.ASCII,
)
_INSTEAD = {"=": "==", "&&": "and", "||": "or", "!": "not", "<>": "!="}
_KEYWORDS = frozenset(("and", "or", "not", "in"))
_IDENTIFIER = re.compile(r"[A-Za-z_][\w.]*", re.ASCII)
#: Characters of a text, at most: room for the longest list of IPv6 networks.
MOST_TEXT = 1 << 22
_BLANK = " \t\n\r\f\v"
# Of a long text so many characters are shown on each side of what is wrong, and of a piece as many.
_SHOWN = 60


class Token(NamedTuple):
    """A piece of the text: 'sign', 'word', 'quoted', 'keyword' or 'end'."""

    kind: str
    text: str
    position: int

    @property
    def is_name(self) -> bool:
        """Whether it could be meant as the name of something."""
        return self.kind == "word" and _IDENTIFIER.fullmatch(self.text) is not None


def fail(text: str, position: int, message: str) -> NoReturn:
    """Raise `OptionError` with the text and a caret below the character at fault."""
    begin = max(0, position - _SHOWN)
    shown = "".join(char if char.isprintable() else " " for char in text[begin : position + _SHOWN])
    before, after = "..." * (begin > 0), "..." * (position + _SHOWN < len(text))
    caret = " " * (len(before) + position - begin) + "^"
    raise OptionError(f"where: column {position + 1}: {message}\n  {before}{shown}{after}\n  {caret}")


def tokens_of(text: str) -> Iterator[Token]:
    """Take the text apart as it is asked for, up to a token 'end'."""
    if len(text) > MOST_TEXT:
        raise OptionError(f"where: a text of {len(text):,} characters is longer than {MOST_TEXT:,}")
    at, end = 0, len(text.rstrip(_BLANK))
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            at += len(text[at:]) - len(text[at:].lstrip(_BLANK))
            quote = text[at] in "'\""
            fail(text, at, "this quote is not closed" if quote else f"{text[at]!r} means nothing here")
        kind = str(found.lastgroup)
        piece, at = found[kind], found.end()
        if kind == "other":
            fail(text, found.start(kind), f"write {_INSTEAD[piece]!r} for {piece!r}")
        if kind == "word" and piece.lower() in _KEYWORDS:
            kind, piece = "keyword", piece.lower()
        yield Token(kind, piece[1:-1] if kind == "quoted" else piece, found.start(str(found.lastgroup)))
    yield Token("end", "", end)


def quoted(text: str) -> str:
    """A piece of the text for a message: its beginning, where it is long."""
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}..."


def close_to(word: str, known: Iterable[str], alike: float = 0.5) -> str:
    """Ask whether another name was meant, where there is one like it; empty where there is none."""
    import difflib  # only for the hint

    close = difflib.get_close_matches(word[:_SHOWN].lower().split(".")[-1], list(known), 1, alike)
    return f": did you mean {close[0]!r}?" if close else ""
