"""`vxtap convert`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vxtap.cli.progress import Bar
from vxtap.cli.text import FOUND_SOMETHING, give_json, options_of, say, source_hints, strict_status_of
from vxtap.conversion import make_recipe, run_convert
from vxtap.source import printable

if TYPE_CHECKING:
    import argparse

    from vxtap.conversion import Progress
    from vxtap.convert_report import ConvertReport
    from vxtap.options import Options

_UNREADABLE = 3
# Files of which something is said, of each kind.
_MOST_FILES = 10


def _title(state: Progress) -> str:
    failed = f", {state.failed:,} failed" if state.failed else ""
    return f"convert {state.files:,}/{state.files_total:,} files{failed}"


def _say_files(report: ConvertReport, options: Options) -> None:
    """What a person should know of single files."""
    hints = [
        f"{printable(one.input)}: {line}"
        for one in report.done
        if one.report is not None
        for line in source_hints(one.report, options)
    ]
    left_out = [f"left out: {printable(one.path)}: {one.why}" for one in report.left_out]
    for lines, what in ((hints, "hints"), (left_out, "files that were left out")):
        for line in lines[:_MOST_FILES]:
            say(line)
        if len(lines) > _MOST_FILES:
            say(f"... and {len(lines) - _MOST_FILES:,} more {what}: see --json")


def run(args: argparse.Namespace) -> int:
    """Convert; the report goes to standard error, as JSON to standard output. What failed is told in any case."""
    options = options_of(args, keep_others=args.keep_others, ethernet=args.ethernet, workers=args.workers)
    details = {name: getattr(args, name) for name in ("columns", "addresses", "partition", "row_group")}
    recipe = make_recipe(args.to, options, details)
    with Bar("convert", quiet=args.quiet) as bar:

        def advance(state: Progress) -> None:
            bar.advance(state.bytes, state.bytes_total, _title(state))

        told = advance if bar.wanted else None
        report = run_convert(args.input, args.output, recipe, options.workers, told, again=args.again)
    if args.json:
        give_json(report.to_dict())
    if not args.quiet:
        _say_files(report, options)
        if not args.json:
            say(str(report))
            say(f"{args.output}: {report.bytes_out:,} bytes")
    for one in report.failed:
        error = one.error if one.error.startswith(printable(one.input)) else f"{printable(one.input)}: {one.error}"
        say(f"vxtap: {error}")
    if report.failed:
        return _UNREADABLE
    bad = any(one.counts and strict_status_of(one.counts) for one in report.files)
    return FOUND_SOMETHING if args.strict and bad else 0
