"""Words that several commands share."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vxtap.options import Options
    from vxtap.report import Report

FOUND_SOMETHING = 1
_MOST_NAMES = 5


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


def strict_status(report: Report) -> int:
    """The exit status under ``--strict``."""
    bad = report.decapsulated == 0 or (report.skipped + report.kept)["malformed"] or report.truncated
    return FOUND_SOMETHING if bad else 0


def _about_files(report: Report) -> Iterator[str]:
    if report.empty_files:
        shown = ", ".join(report.empty_files[:_MOST_NAMES]) + (", ..." if len(report.empty_files) > _MOST_NAMES else "")
        yield f"{len(report.empty_files):,} of {report.files:,} files are empty: {shown}"
    if report.changed:
        yield f"the input changed: {report.changed}"


def hints(report: Report, options: Options, ports: list[dict[str, int]], links: list[str]) -> Iterator[str]:
    """What a person should know beside the counts."""
    yield from _about_files(report)
    reasons = report.skipped + report.kept
    if reasons["link_type"]:
        unknown = ", ".join(name for name in links if name.startswith("unknown"))
        yield f"warning: {reasons['link_type']:,} frames have a link type that vxtap does not read: {unknown}"
    if reasons["fragment_lost"]:
        yield (
            f"warning: {reasons['fragment_lost']:,} later fragments of UDP datagrams were not reassembled:"
            " the inner frames of their first fragments are cut"
        )
    matched = report.decapsulated + reasons["filtered"] + reasons["no_vni_flag"]
    if matched or not report.frames:
        return
    asked = ", ".join(map(str, options.wanted["ports"]))
    none = f"0 of {report.frames:,} frames on port {asked}"
    if not ports:
        yield none
        return
    best = ports[0]
    others = "".join(f", port {row['port']} {row['frames']:,}" for row in ports[1:5])
    numbers = ",".join(str(row["port"]) for row in ports[:5])
    yield (
        f"{none}; port {best['port']} carries {best['frames']:,} that look like VXLAN{others}: try --ports {numbers}"
    )
