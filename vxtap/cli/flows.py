"""`vxtap flows`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from vxtap.address import end_text, format_ip
from vxtap.cli.tables import table, text_of
from vxtap.cli.text import give, options_of, say, say_source_hints, strict_status
from vxtap.community import community_id
from vxtap.conversations import Conversations, best
from vxtap.errors import OptionError
from vxtap.report import iso_time

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from rich.table import Table

    Rows = np.ndarray[Any, np.dtype[Any]]

_MOST_ROWS = 50  # of the table for people
_NS = 1_000_000_000
_NAMES = {1: "ICMP", 6: "TCP", 17: "UDP", 47: "GRE", 58: "ICMPv6", 132: "SCTP"}
_WAYS = ("", "egress only", "ingress only", "one way")
_FLAGS = ((2, "S"), (1, "F"), (4, "R"))
# In CSV and JSON, in this order: every column of the row, and the label that other tools log.
COLUMNS = (
    *("first", "last", "vni", "proto", "src", "sport", "dst", "dport", "packets_out", "packets_in", "bytes_out"),
    *("bytes_in", "payload_out", "payload_in", "retransmitted_out", "retransmitted_in", "missing_out", "missing_in"),
    *("rtt", "tcp_flags_out", "tcp_flags_in", "tunnel_src", "tunnel_srcs", "collectors", "one_way", "continued"),
    *("ended", "community_id"),
)


def _values(rows: Rows) -> Iterator[tuple[Any, ...]]:
    """Plain values of each row in the order of `COLUMNS`: times as ISO 8601, spans in seconds, addresses as text."""
    columns: list[list[Any]] = []
    for name in COLUMNS:
        if name == "community_id":
            columns.append(community_id(rows).tolist())
            continue
        column = rows[name]
        found: list[Any]
        if column.dtype.kind == "M":
            found = [None if time is None else iso_time(time) for time in _numbers(column)]
        elif column.dtype.kind == "m":
            found = [None if span is None else span / _NS for span in _numbers(column)]
        elif column.dtype.kind == "V":
            found = format_ip(column).tolist()
        else:
            found = column.tolist()
        columns.append(found)
    return zip(*columns, strict=True)


def _numbers(column: Rows) -> list[int | None]:
    return [None if lost else int(value) for value, lost in zip(column.astype(np.int64), np.isnat(column), strict=True)]


def _bytes_text(count: int) -> str:
    """A number of bytes in three digits, as people say it."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1000:
            return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} TiB"


def _end(address: str, port: int, proto: int) -> str:
    if proto not in (6, 17, 132):
        return address
    return end_text(address, port)


def _proto(row: dict[str, Any]) -> str:
    name = _NAMES.get(row["proto"], str(row["proto"]))
    return f"{name} {row['sport']}/{row['dport']}" if row["proto"] in (1, 58) else name


def _row_text(row: dict[str, Any]) -> tuple[str, ...]:
    """One conversation for people, in the order of `_HEAD`."""
    flags = row["tcp_flags_out"] | row["tcp_flags_in"]
    notes = [_WAYS[row["one_way"]], "continued" if row["continued"] else ""]
    if row["missing_out"] + row["missing_in"]:
        notes.append(f"{_bytes_text(row['missing_out'] + row['missing_in'])} missing")
    if row["retransmitted_out"] + row["retransmitted_in"]:
        notes.append(f"{_bytes_text(row['retransmitted_out'] + row['retransmitted_in'])} again")
    return (
        (row["first"] or "no time")[:23].replace("T", " "),
        str(row["vni"]),
        _proto(row),
        _end(row["src"], row["sport"], row["proto"]),
        _end(row["dst"], row["dport"], row["proto"]),
        f"{row['packets_out']:,}",
        f"{row['packets_in']:,}",
        _bytes_text(row["bytes_out"]),
        _bytes_text(row["bytes_in"]),
        "" if row["rtt"] is None else f"{row['rtt'] * 1000:.3f} ms",
        "".join(letter for bit, letter in _FLAGS if flags & bit),
        ", ".join(filter(None, notes)),
    )


_HEAD = ("first", "VNI", "proto", "from", "to", "packets", "back", "bytes", "back", "rtt", "flags", "notes")
_NUMERIC = {"VNI", "packets", "back", "bytes", "rtt"}


def _as_text(rows: Rows, total: int) -> str:
    """The table, and how many more there are."""
    lines = [_row_text(dict(zip(COLUMNS, row, strict=True))) for row in _values(rows)]
    parts: list[Table | str] = [table(lines, _HEAD, _NUMERIC, len(lines))]
    if total > len(rows):
        parts.append(f"... and {total - len(rows):,} more: see --top, --csv, --json")
    return text_of(parts)


def _pieces(found: Conversations, by: str | None, top: int | None) -> Iterator[Rows]:
    """The rows to show: as they end, or, where an order is asked for, at once."""
    if by is None and top is None:
        yield from found
    else:
        yield best(found, by or "bytes", top)


def _csv_text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.9f}" if isinstance(value, float) else str(value)


def _give_csv(pieces: Iterable[Rows]) -> None:
    """A header and a line each. No value has a comma, a quote or a line's end in it."""
    give(",".join(COLUMNS))
    for rows in pieces:
        lines = [",".join(map(_csv_text, row)) for row in _values(rows)]
        if lines:
            give("\n".join(lines))


def _give_json(pieces: Iterable[Rows], found: Conversations) -> None:
    """One object, with a line for each conversation."""
    give('{"flows": [')
    held: list[str] = []  # the last line, before it is known whether another one follows
    for rows in pieces:
        held += [json.dumps(dict(zip(COLUMNS, row, strict=True))) for row in _values(rows)]
        if held[:-1]:
            give(",\n".join(held[:-1]) + ",")
        held = held[-1:]
    books = {"conversations": found.count, "packets": found.table.packets, "not_ip": found.table.not_ip}
    give("\n".join([*held, f"],{json.dumps({**books, **found.report.to_dict()})[1:]}"]))


def _give_text(found: Conversations, by: str, top: int, *, quiet: bool) -> None:
    rows = best(found, by, top)
    if quiet:
        return
    give(_as_text(rows, found.count))
    say(f"{found.count:,} conversations, {found.table.packets:,} packets, {found.table.not_ip:,} of them without IP")


def run(args: argparse.Namespace) -> int:
    """Print the conversations of one or several sources."""
    if args.csv and args.json:
        raise OptionError("--csv and --json: one of them")
    if args.top is not None and args.top < 1:
        raise OptionError(f"--top: expected a number of rows, at least 1, got {args.top}")
    options = options_of(args, dedup=args.dedup)
    with Conversations(args.input, options, idle=args.idle, most=args.most) as found:
        if args.csv:
            _give_csv(_pieces(found, args.sort, args.top))
        elif args.json:
            _give_json(_pieces(found, args.sort, args.top), found)
        else:
            _give_text(found, args.sort or "bytes", args.top or _MOST_ROWS, quiet=args.quiet)
        report = found.report
    if not args.quiet:
        say_source_hints(report, options)
    if found.error is not None:
        raise found.error
    return strict_status(report) if args.strict else 0
