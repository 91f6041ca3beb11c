"""`vxtap merge`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vxtap.cli.progress import Bar
from vxtap.cli.text import about_output, about_times, give_json, options_of, say, say_source_hints, strict_status
from vxtap.gather import run_merge

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from vxtap.merge_report import MergeReport

_MOST_PAIRS = 20


def _about_duplicates(report: MergeReport) -> Iterator[str]:
    for pair in report.pairs[:_MOST_PAIRS]:
        delay = pair.delay
        yield (
            f"{pair.count:,} packets seen at {pair.first} and then at {pair.second}:"
            f" {delay.min / 1e3:,.1f} to {delay.max / 1e3:,.1f} us later, median {delay.median / 1e3:,.1f}"
        )
    if len(report.pairs) > _MOST_PAIRS:
        yield f"... and {len(report.pairs) - _MOST_PAIRS:,} more pairs of vantage points: see --json"
    if report.undecided:
        yield (
            f"warning: {report.undecided:,} packets could not be compared and are kept: a snaplen cut their headers,"
            " they have no time, or there are too many vantage points"
        )
    if report.super_segments:
        yield (
            f"{report.super_segments:,} pieces of TCP data were seen in other sizes elsewhere (segmentation offload);"
            " both are kept"
        )
    if report.forgotten:
        yield f"warning: {report.forgotten:,} packets were forgotten before --dedup was over, for want of memory"


def _about_order(report: MergeReport) -> Iterator[str]:
    if report.late:
        yield (
            f"warning: {report.late:,} packets are behind ones with a later time: a source is more out of order than"
            " --window"
        )
    for one in report.offsets:
        yield f"{report.names[one['source']]}: {one['text']}"


def run(args: argparse.Namespace) -> int:
    """Merge; the report goes to standard error, as JSON to standard output where that is free."""
    options = options_of(
        args,
        format=args.format,
        ethernet=args.ethernet,
        dedup=args.dedup,
        window=args.window,
        align=args.align,
        workers=args.workers,
    )
    with Bar("merge", quiet=args.quiet) as bar:
        done = run_merge(args.input, args.output, options, bar.advance)
    report = done.report
    if args.json:
        give_json(report.to_dict(), aside=args.output == "-")
    if not args.quiet:
        if not args.json:
            for name, one in zip(report.names, report.sources, strict=True):
                say(f"{name}: {one}")
            say(f"{report.written:,} packets in order, {report.duplicates:,} duplicates")
            say(about_output(done.output, report))
            for line in (*about_times(report), *_about_duplicates(report), *_about_order(report)):
                say(line)
        say_source_hints(report, options)
    return strict_status(report) if args.strict else 0
