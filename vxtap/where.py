"""`where`: text such as ``vni == 7 and dport in (80, 443)``, as a program for the core. docs/where.md has it all."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from vxtap.errors import OptionError
from vxtap.grammar import Parser
from vxtap.predicate import program_of


class Program(NamedTuple):
    """A predicate that has been read.

    Attributes
    ----------
    text : str
        As it was given.
    columns : tuple of str
        The columns that it names, in the order in which they come.
    level : int
        How deep frames must be parsed for them.
    tests, words : bytes
        For the core, in the layout of csrc/vxt_where.h.
    """

    text: str
    columns: tuple[str, ...]
    level: int
    tests: bytes
    words: bytes


def parse(text: str) -> Program:
    """Read a predicate on the columns of the record.

    Parameters
    ----------
    text : str
        Such as ``src in 10.90.0.0/24 and not tcp_flags & rst``; docs/where.md has the grammar.

    Returns
    -------
    Program
        What the core runs for every record, and the columns that it looks at.

    Raises
    ------
    OptionError
        For what is no predicate: with the column of the text, what is wrong there, and a caret below it.

    Examples
    --------
    >>> vxtap.where.parse("1000 <= dport < 2000 and vni == 7").columns
    ('dport', 'vni')
    """
    if not isinstance(text, str):
        raise OptionError(f"where: expected text, got {text!r}")
    return _parse(text)


@lru_cache(maxsize=8)  # options are made into what the core is told more than once
def _parse(text: str) -> Program:
    if not text.strip():
        raise OptionError("where: it is empty: leave it out, and all frames are taken")
    parser = Parser(text)
    tests, words = program_of(parser.whole())
    level = max((column.level for column in parser.columns.values()), default=0)
    return Program(text, tuple(parser.columns), level, tests, words)
