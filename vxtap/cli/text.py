"""Words that several commands share."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

from vxtap.options import Options, OuterOptions
from vxtap.tunnels import VXLAN

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from vxtap.merge_report import MergeReport
    from vxtap.report import Report

FOUND_SOMETHING = 1
_MOST_NAMES = 5


def options_of(args: argparse.Namespace, **more: Any) -> Options:
    """The options that all commands share, as the library takes them, and more of one command."""
    names = ("ports", "vni", *OuterOptions.__annotations__)
    return Options(**{name: getattr(args, name) for name in names}, **more)


def say(line: str) -> None:
    """Talk to people: on standard error, or nowhere where that is closed (`print` would take standard output)."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):  # a full disk behind it: the job itself is done
            print(line, file=sys.stderr, flush=True)


def give(text: str) -> None:
    """Give data: on standard output, where there is one."""
    if sys.stdout is None:
        return
    encoding = sys.stdout.encoding or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError as error:
        error.filename = error.filename or "standard output"
        raise


def give_json(found: dict[str, Any], *, aside: bool = False) -> None:
    """Give what was found as JSON; `aside`: on standard error, since standard output is taken."""
    import json  # only here, as everything that not every run needs

    (say if aside else give)(json.dumps(found, indent=2))


def about_output(name: str, report: Report) -> str:
    """How much was written."""
    packed = f", compressed from {report.bytes_unpacked:,}" if report.bytes_unpacked != report.bytes_out else ""
    return f"{name}: {report.bytes_out:,} bytes{packed}"


def strict_status(report: Report) -> int:
    """The exit status under ``--strict``."""
    return strict_status_of(report.to_dict())


def strict_status_of(counts: dict[str, Any]) -> int:
    """The same of a report as `Report.to_dict` tells it, also long ago."""
    malformed = any(counts.get(kind, {}).get("malformed") for kind in ("skipped", "kept"))
    return FOUND_SOMETHING if not counts.get("decapsulated") or malformed or counts.get("truncated") else 0


# A capture filter on the port lets only first fragments through.
_FRAGMENT_ADVICE = (
    "--partial takes what the first ones hold; record with the filter"
    " 'udp port 4789 or (ip[6:2] & 0x1fff != 0)' to get the others"
)
# Reasons that say: there are tunnels on these ports.
_MATCHED = ("filtered", "no_vni_flag", "no_ethernet", "inner_type", "fragment_lost")


def _about_files(report: Report) -> Iterator[str]:
    if report.empty_files:
        shown = ", ".join(report.empty_files[:_MOST_NAMES]) + (", ..." if len(report.empty_files) > _MOST_NAMES else "")
        yield f"{len(report.empty_files):,} of {report.files:,} files are empty: {shown}"
    if report.changed:
        yield f"the input changed: {report.changed}"


def about_times(report: Report) -> Iterator[str]:
    """What a person should know of the times that were written."""
    if report.times_lost:
        yield (
            f"warning: {report.times_lost:,} packets have no time, or one that the output has no room for, and are"
            " written with the time 0"
        )


def _about_frames(report: Report, options: Options) -> Iterator[str]:
    """What a person should know of frames that were skipped."""
    reasons = report.skipped + report.kept
    if reasons["fragment_lost"]:
        yield (
            f"warning: {reasons['fragment_lost']:,} fragments of datagrams of which others are missing:"
            f" {_FRAGMENT_ADVICE if not options.partial else 'of those with a beginning, the rest was taken for lost'}"
        )
    if reasons["fragment_overlap"]:
        yield f"warning: {reasons['fragment_overlap']:,} fragments of datagrams that were refused: they overlap"
    if reasons["no_ethernet"]:
        yield (
            f"warning: {reasons['no_ethernet']:,} inner packets have no Ethernet header, for which there is no place:"
            " write pcapng (which has one for IP), or ask for --ethernet"
        )


def _has_tunnels(report: Report) -> bool:
    """Whether frames came to the ports that were asked for."""
    reasons = report.skipped + report.kept
    return bool(report.decapsulated + sum(reasons[reason] for reason in _MATCHED))


def _tunnels(options: Options) -> list[str]:
    return [name.strip() for text in options.tunnels for name in text.split(",")]


def _asked(options: Options) -> str:
    """What was looked for: ports, where it was VXLAN on them, and other tunnels by their names."""
    names = _tunnels(options)
    others = ", ".join(name for name in names if name != VXLAN)
    ports = ", ".join(map(str, options.port_numbers))
    parts = ([f"on port {ports}"] if VXLAN in names else []) + ([f"of {others}"] if others else [])
    return " or ".join(parts)


def source_hints(report: Report, options: Options) -> Iterator[str]:
    """What a person should know beside the counts of one of several sources."""
    yield from _about_files(report)
    if report.skipped["link_type"]:
        yield f"warning: {report.skipped['link_type']:,} frames have a link type that vxtap does not read"
    yield from _about_frames(report, options)
    if report.frames and not _has_tunnels(report) and not options.wanted["plain"]:
        yield f"0 of {report.frames:,} frames {_asked(options)}: 'vxtap info' tells which other ports look like VXLAN"


def say_source_hints(report: MergeReport, options: Options) -> None:
    """Say that of all sources, each with its name."""
    for name, one in zip(report.names, report.sources, strict=True):
        for line in source_hints(one, options):
            say(f"{name}: {line}")


def hints(report: Report, options: Options, ports: list[dict[str, int]], links: list[str]) -> Iterator[str]:
    """What a person should know beside the counts."""
    yield from _about_files(report)
    reasons = report.skipped + report.kept
    if reasons["link_type"]:
        unknown = ", ".join(name for name in links if name.startswith("unknown"))
        yield f"warning: {reasons['link_type']:,} frames have a link type that vxtap does not read: {unknown}"
    yield from _about_frames(report, options)
    yield from about_times(report)
    if _has_tunnels(report) or not report.frames or options.wanted["plain"]:
        return
    none = f"0 of {report.frames:,} frames {_asked(options)}"
    if not ports:
        yield none
        return
    best = ports[0]
    others = "".join(f", port {row['port']} {row['frames']:,}" for row in ports[1:5])
    numbers = ",".join(str(row["port"]) for row in ports[:5])
    kind = "" if VXLAN in _tunnels(options) else f"--tunnels {VXLAN} "
    yield (
        f"{none}; port {best['port']} carries {best['frames']:,} that look like VXLAN{others}:"
        f" try {kind}--ports {numbers}"
    )
