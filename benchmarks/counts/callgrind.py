"""What callgrind wrote, as instructions by function of the source.

The core is inlined into a few large functions, so the functions of the machine code say little. Callgrind notes the
file and the line of every instruction, inlined or not; which function of the source that line is in, is read from the
source.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

_HEAD = re.compile(r"[a-zA-Z_].*?\b(\w+)\(")
# What a row names, of the code that runs or of what it calls: which names share their numbers.
_KINDS = {"ob": "ob", "cob": "ob", "fn": "fn", "cfn": "fn", **dict.fromkeys(("fl", "fi", "fe", "cfi", "cfl"), "fl")}
_NAME = re.compile(r"\((\d+)\)(?: (.*))?")


@dataclass(slots=True)
class Profile:
    """Instructions by (file, line), inlined code where it stands in the source; calls of other objects by name."""

    lines: Counter[tuple[str, int]] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)


class _Names:
    """Names are numbered where they come first, and are numbers from then on."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def read(self, text: str) -> str:
        found = _NAME.fullmatch(text)
        if not found:
            return text
        if found[2] is not None:
            self._known[found[1]] = found[2]
        return self._known[found[1]]


def parse(text: str) -> Profile:
    """Read a file of callgrind: https://valgrind.org/docs/manual/cl-format.html, with positions that are lines."""
    profile, names = Profile(), {kind: _Names() for kind in ("ob", "fl", "fn")}
    now = dict.fromkeys(_KINDS, "")
    line, called = 0, False
    for row in text.splitlines():
        key, equals, value = row.partition("=")
        if equals and key in _KINDS:
            now["fl" if key in ("fi", "fe") else key] = names[_KINDS[key]].read(value)
        elif equals and key == "calls":
            if now["cob"] not in ("", now["ob"]):
                profile.calls[plain(now["cfn"])] += int(value.split()[0])
            now["cob"], called = "", True
        elif row[:1].isdigit() or row[:1] in ("+", "-", "*"):
            at, cost = row.split()
            line = line if at == "*" else line + int(at) if at[0] in "+-" else int(at)
            if not called:  # what a call cost in all is counted where it was spent
                profile.lines[now["fl"], line] += int(cost)
            called = False
    return profile


def plain(name: str) -> str:
    """Whichever variant of memmove this processor has: memmove. Both of its names are one function."""
    found = re.match(r"_*(mem[a-z]+?)_(?:sse|avx|evex|erms|unaligned)", name)
    return (found[1] if found else name).replace("memcpy", "memmove")


def functions(text: str) -> dict[int, str]:
    """Line -> the function that it is in, of a C file whose functions start and end at the left margin."""
    found: dict[int, str] = {}
    name, first, opened = "", 0, False
    for number, line in enumerate(text.splitlines(), 1):
        head = _HEAD.match(line)
        if head and not name:
            name, first, opened = head[1], number, False
        opened = opened or line == "{"
        if name and (line == "}" or (number == first and line.endswith("}"))):
            found.update(dict.fromkeys(range(first, number + 1), name))
            name = ""
        elif not opened and line.endswith(";"):  # a prototype, or no function
            name = ""
    return found


def by_function(profile: Profile, folder: Path) -> Counter[str]:
    """Instructions by function of the sources in `folder`; those of others are left out."""
    tables: dict[str, dict[int, str]] = {}
    found: Counter[str] = Counter()
    for (file, line), count in profile.lines.items():
        path = Path(file)
        if path.parent.resolve() == folder.resolve():
            if file not in tables:
                tables[file] = functions(path.read_text())
            found[f"{tables[file].get(line, 'elsewhere')} in {path.name}"] += count
    return found
