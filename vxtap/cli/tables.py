"""Tables for people: as wide as the terminal, not cut where they go to a file or a pipe."""

from __future__ import annotations

import io
import shutil
import sys
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WIDE = 250
_MOST_ROWS = 50


def table(rows: Sequence[tuple[str, ...]], head: tuple[str, ...], numeric: set[str], most: int = _MOST_ROWS) -> Table:
    """The first rows under a head; of how many more there are, the last line tells."""
    found = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in head:
        found.add_column(name, justify="right" if name in numeric else "left", overflow="fold")
    for row in rows[:most]:
        found.add_row(*row)
    if len(rows) > most:
        found.add_row(f"... and {len(rows) - most:,} more: see --json", *[""] * (len(head) - 1))
    return found


def facts(rows: Iterable[tuple[str, str]]) -> Table:
    """Names and what they are, side by side."""
    grid = Table.grid(padding=(0, 2))
    for row in rows:
        grid.add_row(*row)
    return grid


def text_of(parts: Iterable[Table | str]) -> str:
    """Tables and lines as text, one below the other."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    out = io.StringIO()  # aside: the library itself would end the process when a reader goes away
    width = shutil.get_terminal_size().columns if terminal else _WIDE
    console = Console(file=out, width=width, highlight=False, markup=False, soft_wrap=not terminal, color_system=None)
    for part in parts:
        console.print(part)
    return "\n".join(line.rstrip() for line in out.getvalue().replace("─", "-").splitlines())
