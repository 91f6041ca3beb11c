"""`vxtap info`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vxtap.cli.tables import facts, table, text_of
from vxtap.cli.text import give, give_json, hints, options_of, say, strict_status
from vxtap.report import iso_time
from vxtap.survey import survey

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from rich.table import Table

    from vxtap.survey import Info


def _facts(found: Info) -> Iterator[tuple[str, str]]:
    report = found.report
    yield "capture", found.name
    packed = f"; compressed with {found.compression}" if found.compression else ""
    yield "format", f"{found.format}, {found.details}{packed}"
    yield "link types", ", ".join(found.link_types) or "none"
    yield "bytes", f"{report.bytes_in:,}"
    yield "first frame", iso_time(report.first_ns) or "no time"
    yield "last frame", iso_time(report.last_ns) or "no time"
    yield "frames", f"{report.frames:,}"
    yield "decapsulated", f"{report.decapsulated:,}"
    for reason, count in report.skipped.most_common():
        yield "skipped", f"{count:,} {reason}"
    if found.unreachables:
        yield "of these", f"{found.unreachables:,} say by ICMP that nobody listens where a tunnel ends"
    if report.truncated_tail:
        what = "the last {:,} bytes are part of a record" if report.files == 1 else "{:,} bytes are parts of records"
        yield "cut", what.format(report.truncated_tail)


def _parts(found: Info) -> Iterator[Table | str]:
    """The facts and tables."""
    yield facts(_facts(found))
    interfaces = [
        (str(row["number"]), row["name"], row["link_type"], row["resolution"], f"{row['frames']:,}")
        for row in found.interfaces
    ]
    yield ""
    yield table(interfaces, ("interface", "name", "link type", "resolution", "frames"), {"frames"})
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
        yield ""
        yield table(tunnels, head, {"VNI", "frames", "inner bytes"})
    if found.other_tunnels:
        yield f"{found.other_tunnels:,} frames came through further tunnels"


def run(args: argparse.Namespace) -> int:
    """Print what a capture is and holds; of a damaged one, what came before the damage."""
    options = options_of(args)
    found, error = survey(args.input, options)
    if error is None or found.report.frames:
        if args.json:
            give_json(found.to_dict())
        elif not args.quiet:
            give(text_of(_parts(found)))
        if not args.quiet:
            for line in hints(found.report, options, found.looks_like_vxlan, found.link_types):
                say(line)
    if error is not None:
        raise error
    return strict_status(found.report) if args.strict else 0
