"""The tables of the C core: for messages, for the documentation, and for the stub of the enums.

``python -m vxtap.tables`` prints them in Markdown, ``python -m vxtap.tables stub`` the file ``vxtap/enums.pyi``.
"""

from __future__ import annotations

import sys

from vxtap import _facts, _flows
from vxtap.enums import ENUMS, LinkType

_TABLES = _facts.tables()


#: Outcomes of frames in the order of the core's counts: their slugs, 'decapsulated' first.
OUTCOMES: tuple[str, ...] = tuple(row[3] for row in _TABLES["status"] if row[2] == "FRAME")
#: Every column of the record.
COLUMNS: tuple[str, ...] = tuple(row[0] for row in _facts.fields())
#: The columns of tables (Arrow, Parquet, data frames) where nobody says which: when, where in the captures, through
#: which tunnel, who to whom, how much. The others describe single packets, and are asked for by who needs them.
DEFAULT_COLUMNS: tuple[str, ...] = (
    *("ts", "source", "frame", "vni", "outer_src", "outer_dst", "src", "dst", "proto", "sport", "dport", "ttl"),
    *("tcp_flags", "wirelen", "payload_len", "flags"),
)


def link_type_name(number: int) -> str:
    """Name a link type for people: 'LINUX_SLL2 (276)', or 'unknown (147)'."""
    try:
        return f"{LinkType(number).name} ({number})"
    except ValueError:
        return f"unknown ({number})"


def markdown(table: str) -> str:
    """One table in Markdown: 'columns', 'flow_columns', 'outcomes', 'flags', 'tunnels', 'link_types', or 'faults'."""
    rows: list[tuple[str, ...]]
    status = _TABLES["status"]
    if table == "columns":
        head: tuple[str, ...] = ("column", "type", "unit", "meaning")
        rows = [(f"`{name}`", kind, unit, text) for name, kind, _, _, _, unit, text in _facts.fields()]
    elif table == "flow_columns":
        head = ("column", "type", "unit", "meaning")
        rows = [(f"`{name}`", kind, unit, text) for name, kind, _, _, unit, text in _flows.fields()]
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
    elif table == "tunnels":
        head = ("value", "`Tunnel`", "in `tunnels`", "over", "meaning")
        port = {value: f" port {port}" if port else "" for _, value, _, port in _facts.tunnels()}
        rows = [
            (str(value), name, f"`{option}`", carrier + port[value], text)
            for name, value, carrier, option, text in _TABLES["tunnel"][1:]
        ]
    else:
        head = ("value", "name", "meaning")
        rows = [(f"{value:#x}", name, text) for name, value, _, _, text in _TABLES[table.rstrip("s")]]
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def stub() -> str:
    """The names of the enums' members for type checkers, who cannot ask the core."""
    lines = [
        '"""Stubs of the enums: written by `python -m vxtap.tables stub`."""',
        "",
        "from enum import IntEnum, IntFlag",
        "",
    ]
    lines += ["_Names = tuple[tuple[str, str], ...]", "", "ENUMS: _Names"]
    for table, name in ENUMS:
        lines += ["", f"class {name}({'IntFlag' if table == 'flag' else 'IntEnum'}):"]
        lines += [f"    {member} = {value}" for member, value, *_ in _TABLES[table]]
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:] == ["stub"]:
        print(stub())
    else:
        for _table in ("columns", "flow_columns", "outcomes", "flags", "tunnels", "link_types", "faults"):
            print(f"## {_table}\n\n{markdown(_table)}\n")
