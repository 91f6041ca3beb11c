"""`where=` of any text: it is a predicate, or the error says where it is none; nothing else ever happens."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

import vxtap
from strategies_predicates import Predicate, of_bundled, source_of

EXAMPLES = settings().max_examples

SIGNS = "and or not in == != < <= > >= & | ( ) , ( ) = && || ! + . : / -1 \0 \u00e9 \u096d ' \""
WORDS = "1 0x10 443 1e9 vni dport flags src ts truncated syn tcp 10.0.0.1 10.0.0.0/8 fd00::/8 '::1' \"x\" 2026-01-01"
TOKENS = st.sampled_from([*SIGNS.split(" "), *WORDS.split(" "), "2026-01-01T00:00:00Z", "02:00:00:00:00:01"])
SPACED = st.lists(TOKENS, max_size=12).map(" ".join)
TIGHT = st.lists(TOKENS, max_size=6).map("".join)
TEXTS = st.one_of(SPACED, TIGHT, st.text(max_size=30))
DAMAGE = st.sampled_from([*"()' x0/:=&\0\u00e9", ""])


@contextlib.contextmanager
def allowed() -> Iterator[None]:
    """No error but one of the usual kind, every line of which can be printed."""
    try:
        yield
    except vxtap.OptionError as error:
        if not re.fullmatch(r"where: .+(\n.*\n *\^)?", str(error)) or not str(error).replace("\n", "").isprintable():
            raise


@settings(max_examples=3 * EXAMPLES)
@given(TEXTS)
def test_any_text(text: str) -> None:
    """It is a predicate, or the error says where it is none."""
    with allowed():
        vxtap.Options(where=text)


@given(of_bundled(), st.data())
def test_damaged_text(it: tuple[str, Predicate], data: st.DataObject) -> None:
    """A predicate with a character less, more, or another one: never anything but a predicate or an error."""
    text = it[1].text
    at = data.draw(st.integers(0, len(text)))
    text = text[:at] + data.draw(DAMAGE) + text[at + data.draw(st.integers(0, 2)) :]
    with allowed():
        vxtap.read(source_of(it[0]), where=text)
