"""`vxtap compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vxtap.cli.text import FOUND_SOMETHING, give, give_json, options_of, say_source_hints
from vxtap.comparing import compare_captures
from vxtap.options import Options
from vxtap.tunnels import PLAIN

if TYPE_CHECKING:
    import argparse


def run(args: argparse.Namespace) -> int:
    """Compare; what was found goes to standard output. With ``--strict`` an incomplete mirror is exit status 1."""
    mirror = options_of(args, dedup=args.dedup)
    source = Options(tunnels=PLAIN, once=args.once)
    found = compare_captures(args.source, args.mirror, source, mirror)
    if args.json:
        give_json(found.to_dict())
    elif not args.quiet:
        give(found.summary())
    if not args.quiet:
        for side, options in ((found.source, source), (found.mirror, mirror)):
            say_source_hints(side.report, options)
    return FOUND_SOMETHING if args.strict and not found.complete else 0
