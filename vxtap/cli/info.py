"""`vxtap info`."""

from __future__ import annotations

import io
import json
import shutil
import sys
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from vxtap.cli.text import give, hints, options_of, say, strict_status
from vxtap.report import iso_time
from vxtap.survey import survey

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from vxtap.survey import Info

# Lines are not cut where they go to a file or a pipe.
_WIDE = 250
_MOST_ROWS = 50


def _table(rows: Sequence[tuple[str, ...]], head: tuple[str, ...], numeric: set[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in head:
        table.add_column(name, justify="right" if name in numeric else "left", overflow="fold")
    for row in rows[:_MOST_ROWS]:
        table.add_row(*row)
    if len(rows) > _MOST_ROWS:
        table.add_row(f"... and {len(rows) - _MOST_ROWS:,} more: see --json", *[""] * (len(head) - 1))
    return table


def _facts(found: Info) -> Table:
    report = found.report
    grid = Table.grid(padding=(0, 2))
    grid.add_row("capture", found.name)
    grid.add_row("format", f"{found.format}, {found.details}")
    grid.add_row("link types", ", ".join(found.link_types) or "none")
    grid.add_row("bytes", f"{report.bytes_in:,}")
    grid.add_row("first frame", iso_time(report.first_ns) or "no time")
    grid.add_row("last frame", iso_time(report.last_ns) or "no time")
    grid.add_row("frames", f"{report.frames:,}")
    grid.add_row("decapsulated", f"{report.decapsulated:,}")
    for reason, count in report.skipped.most_common():
        grid.add_row("skipped", f"{count:,} {reason}")
    if found.unreachables:
        grid.add_row("of these", f"{found.unreachables:,} say by ICMP that nobody listens where a tunnel ends")
    if report.truncated_tail:
        what = "the last {:,} bytes are part of a record" if report.files == 1 else "{:,} bytes are parts of records"
        grid.add_row("cut", what.format(report.truncated_tail))
    return grid


def _text(found: Info) -> str:
    """The facts and tables, as wide as the terminal."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    out = io.StringIO()  # aside: the library itself would end the process when a reader goes away
    width = shutil.get_terminal_size().columns if terminal else _WIDE
    console = Console(file=out, width=width, highlight=False, markup=False, soft_wrap=not terminal, color_system=None)
    console.print(_facts(found))
    interfaces = [
        (str(row["number"]), row["name"], row["link_type"], row["resolution"], f"{row['frames']:,}")
        for row in found.interfaces
    ]
    console.print()
    console.print(_table(interfaces, ("interface", "name", "link type", "resolution", "frames"), {"frames"}))
    tunnels = [
        (
            row["tunnel"],
            str(row["vni"]),
            row["outer_src"],
            row["outer_dst"],
            f"{row['frames']:,}",
            f"{row['bytes']:,}",
        )
        for row in found.tunnels
    ]
    if tunnels:
        head = ("tunnel", "VNI", "from", "to", "frames", "inner bytes")
        console.print()
        console.print(_table(tunnels, head, {"VNI", "frames", "inner bytes"}))
    if found.other_tunnels:
        console.print(f"{found.other_tunnels:,} frames came through further tunnels")
    return "\n".join(line.rstrip() for line in out.getvalue().replace("─", "-").splitlines())


def run(args: argparse.Namespace) -> int:
    """Print what a capture is and holds; of a damaged one, what came before the damage."""
    options = options_of(args)
    found, error = survey(args.input, options)
    if error is None or found.report.frames:
        if args.json:
            give(json.dumps(found.to_dict(), indent=2))
        elif not args.quiet:
            give(_text(found))
        if not args.quiet:
            for line in hints(found.report, options, found.looks_like_vxlan, found.link_types):
                say(line)
    if error is not None:
        raise error
    return strict_status(found.report) if args.strict else 0
