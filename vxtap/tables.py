"""The names that the C core gives to things, as enums, and as the tables of the documentation.

``python -m vxtap.tables`` prints the tables in Markdown.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

from vxtap import _core

_TABLES = _core.tables()


def _members(table: str) -> list[tuple[str, int]]:
    return [(name, value) for name, value, *_ in _TABLES[table]]


# Enums are made from the core's tables, so nothing can drift; the stub lists the names for type checkers.
Status = IntEnum("Status", _members("status"), module=__name__)
Flag = IntFlag("Flag", _members("flag"), module=__name__)
Tunnel = IntEnum("Tunnel", _members("tunnel"), module=__name__)
LinkType = IntEnum("LinkType", _members("link_type"), module=__name__)
Status.__doc__ = "The outcome of a frame, what a call wants next, or what is wrong with a file."
Flag.__doc__ = "Bits of the column `flags`."
Tunnel.__doc__ = "Values of the column `tunnel`."
LinkType.__doc__ = "Link types that are read, with their numbers in files."

#: Outcomes of frames in the order of the core's counts: their slugs, 'decapsulated' first.
OUTCOMES: tuple[str, ...] = tuple(row[3] for row in _TABLES["status"] if row[2] == "FRAME")
#: Every column of the record.
COLUMNS: tuple[str, ...] = tuple(row[0] for row in _core.fields())


def link_type_name(number: int) -> str:
    """Name a link type for people: 'LINUX_SLL2 (276)', or 'unknown (147)'."""
    try:
        return f"{LinkType(number).name} ({number})"
    except ValueError:
        return f"unknown ({number})"


def markdown(table: str) -> str:
    """One of the tables 'columns', 'outcomes', 'flags', 'tunnels', 'link_types', 'faults' as Markdown."""
    rows: list[tuple[str, ...]]
    status = _TABLES["status"]
    if table == "columns":
        head: tuple[str, ...] = ("column", "type", "unit", "meaning")
        rows = [(f"`{name}`", kind, unit, text) for name, kind, _, _, _, unit, text in _core.fields()]
    elif table == "outcomes":
        head = ("`Status`", "in reports", "meaning")
        rows = [(name, f"`{slug}`", text) for name, _, family, slug, text in status if family == "FRAME"]
    elif table == "faults":
        head = ("`Status`", "error", "meaning")
        rows = [
            (name, family.capitalize() + "Error", text)
            for name, _, family, _, text in status
            if family in {"FORMAT", "TRUNCATED", "UNSUPPORTED"}
        ]
    elif table == "link_types":
        head = ("number", "name")
        rows = [(str(value), name) for name, value, *_ in _TABLES["link_type"]]
    else:
        head = ("value", "name", "meaning")
        rows = [(f"{value:#x}", name, text) for name, value, _, _, text in _TABLES[table.rstrip("s")]]
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    for _table in ("columns", "outcomes", "flags", "tunnels", "link_types", "faults"):
        print(f"## {_table}\n\n{markdown(_table)}\n")
