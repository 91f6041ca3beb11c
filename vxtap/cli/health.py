"""`vxtap health`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vxtap.checkup import examine
from vxtap.cli.progress import Bar
from vxtap.cli.tables import facts, table, text_of
from vxtap.cli.text import FOUND_SOMETHING, give, give_json, options_of, strict_status
from vxtap.report import iso_time

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from rich.table import Table

    from vxtap.health_report import Health

# Rows of a table: a ticket is read by people.
_MOST = 20
_NUMERIC = {"packets", "bytes", "frames", "skipped", "snaplen", "VNI", "share", "of bytes", "cut", "seconds", "usual"}


def _facts(found: Health) -> Iterator[tuple[str, str]]:
    report, conversations, one_way, lengths = found.report, found.conversations, found.one_way, found.lengths
    yield "first frame", iso_time(report.first_ns) or "no time"
    yield "last frame", iso_time(report.last_ns) or "no time"
    yield "frames", f"{report.frames:,}"
    yield "decapsulated", f"{report.decapsulated:,}"
    for reason, count in sorted(report.skipped.items(), key=lambda item: (-item[1], item[0])):
        yield "skipped", f"{count:,} {reason}"
    yield "duplicates", f"{report.duplicates:,}"
    yield "conversations", f"{conversations['count']:,}, seen by several collectors {conversations['split']:,}"
    ways = ", ".join(f"{name} {one_way[name]:,}" for name in ("egress", "ingress", "unknown"))
    yield "one-way", f"{one_way['count']:,} ({one_way['share']:.1%}): {ways}; answered {one_way['answered']:,}"
    yield "inner frames", _lengths(lengths)


def _lengths(lengths: dict[str, int]) -> str:
    longest, outer = f"{lengths['longest']:,}", f"{lengths['longest_outer']:,}"
    above = f"above {lengths['mtu'] + 14:,}: {lengths['above_untagged']:,}"
    return (
        f"up to {longest} bytes, {above}; outer up to {outer}, above {lengths['mtu']:,}: {lengths['outer_above_mtu']:,}"
    )


def _findings(found: Health) -> Iterator[str]:
    if not found.findings:
        yield "Nothing was found."
    for finding in found.findings:
        yield f"{'PROBLEM' if finding['problem'] else 'note'} {finding['finding']}: {finding['text']}"
        yield f"    {finding['advice']}"


def _collectors(found: Health) -> Table:
    rows = [
        (
            str(row["source"]),
            row["name"],
            f"{books.frames:,}",
            f"{sum(books.skipped.values()):,}",
            f"{row['packets']:,}",
            f"{row['packets_share']:.1%}",
            f"{row['bytes']:,}",
            f"{row['bytes_share']:.1%}",
            f"{row['snaplen']:,}" if row["snaplen"] else "",
        )
        for row, books in zip(found.collectors, found.report.sources, strict=True)
    ]
    head = ("collector", "capture", "frames", "skipped", "packets", "share", "bytes", "of bytes", "snaplen")
    return table(rows, head, _NUMERIC)


def _tunnels(found: Health) -> Table:
    rows = [
        (
            str(row["vni"]),
            row["outer_src"],
            row["outer_dst"],
            str(row["collector"]),
            f"{row['packets']:,}",
            f"{row['bytes']:,}",
            row["first"] or "",
            row["last"] or "",
        )
        for row in found.tunnels
    ]
    return table(rows, ("VNI", "from", "to", "collector", "packets", "bytes", "first", "last"), _NUMERIC, _MOST)


def _holes(found: Health) -> Table:
    rows = [
        (
            row.get("what", "hole"),
            str(row["vni"]),
            row["outer_src"],
            row["begin"],
            row["end"],
            f"{row['seconds']:,.1f}",
            f"{row['usual_seconds']:,.1f}",
        )
        for row in (*found.holes, *found.edges)
    ]
    return table(rows, ("hole", "VNI", "from", "begin", "end", "seconds", "usual"), _NUMERIC, _MOST)


def _one_way(found: Health) -> Table:
    rows = [
        (
            row["way"],
            str(row["vni"]),
            str(row["proto"]),
            f"{row['src']} {row['sport']}",
            f"{row['dst']} {row['dport']}",
            f"{row['packets']:,}",
            f"{row['bytes']:,}",
        )
        for row in found.one_way["top"]
    ]
    return table(rows, ("one-way", "VNI", "protocol", "from", "to", "packets", "bytes"), _NUMERIC)


def _bins(found: Health) -> Table:
    rows = [
        (f"{row['from']:,} to {row['to']:,}" if row["to"] else f"{row['from']:,} and more", f"{row['frames']:,}")
        for row in found.lengths["bins"]
    ]
    return table(rows, ("inner bytes", "frames"), _NUMERIC)


def _parts(found: Health) -> Iterator[Table | str]:
    """What is read first comes first."""
    yield facts(_facts(found))
    yield ""
    yield from _findings(found)
    yield ""
    yield _collectors(found)
    for make, there in (
        (_tunnels, found.tunnels),
        (_holes, found.holes + found.edges),
        (_one_way, found.one_way["top"]),
        (_bins, found.lengths["longest"]),
    ):
        if there:
            yield ""
            yield make(found)
    if found.other_tunnels:
        yield f"Packets of further tunnels: {found.other_tunnels:,}"


def run(args: argparse.Namespace) -> int:
    """Print how complete a mirror is; where a capture is damaged, by what came before the damage."""
    options = options_of(args, dedup=args.dedup, window=args.window)
    with Bar("health", quiet=args.quiet) as bar:
        found, error = examine(args.input, options, gap=args.gap, mtu=args.mtu, progress=bar.advance)
    if error is None or found.report.frames:
        if args.json:
            give_json(found.to_dict())
        elif not args.quiet:
            give(text_of(_parts(found)))
    if error is not None:
        raise error
    return FOUND_SOMETHING if args.strict and (found.problems or strict_status(found.report)) else 0
