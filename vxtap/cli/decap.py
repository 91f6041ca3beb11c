"""`vxtap decap`."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from vxtap.cli.progress import Bar
from vxtap.cli.text import about_output, give_json, hints, options_of, say, strict_status
from vxtap.rewrite import run_decap
from vxtap.survey import likely_ports, link_types, tunnel_rows

if TYPE_CHECKING:
    import argparse


def run(args: argparse.Namespace) -> int:
    """Decapsulate; the report goes to standard error, as JSON to standard output where that is free."""
    options = options_of(
        args,
        keep_others=args.keep_others,
        format=args.format,
        ethernet=args.ethernet,
        follow=args.follow,
        workers=args.workers,
    )
    with Bar("decap", quiet=args.quiet) as bar:
        done = run_decap(args.input, args.output, options, bar.advance, (signal.SIGINT, signal.SIGTERM))
    report = done.report
    tunnels, other = tunnel_rows(done.books)
    ports = likely_ports(done.books)
    if args.json:
        found = {**report.to_dict(), "tunnels": tunnels, "other_tunnels": other, "looks_like_vxlan": ports}
        give_json(found, aside=args.output == "-")
    elif not args.quiet:
        vnis = sorted({row["vni"] for row in tunnels})
        shown = f"; VNI {', '.join(map(str, vnis[:10]))}{', ...' if len(vnis) > 10 else ''}" if vnis else ""
        say(f"{report}{shown}")
        say(about_output(done.output, report))
    if not args.quiet:
        for line in hints(report, options, ports, link_types(done.books)):
            say(line)
    return strict_status(report) if args.strict else 0
