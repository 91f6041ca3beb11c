"""Results as Markdown: what was reached, how the peers do, and the pages that show it.

python benchmarks/report.py results.json
"""

import argparse
import dataclasses
import json
import re
import statistics
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import peers
import targets
from measure import Result, spread
from peers import JOBS
from targets import TARGETS, Target

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
VXTAP = "vxtap"  # in the tables of the peers
RATIO = Target("", "", 1)  # of what has no target
SPREAD = "(least, quartiles, greatest)"


def markdown(rows: Iterable[list[str]]) -> str:
    """A table, head first."""
    head, *rest = rows
    lines = [f"| {' | '.join(row)} |" for row in (head, *rest)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def duration(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def with_spread(values: list[float], digits: int = 2) -> str:
    low, first, third, high = (f"{value:.{digits}f}" for value in spread(values))
    return f"**{statistics.median(values):.{digits}f}** ({low}, {first} to {third}, {high})"


def target_row(result: Result, target: Target) -> list[str]:
    aims = [target.show(target.limit), "" if target.stretch is None else target.show(target.stretch)]
    if result.reason:
        return [target.job, result.capture, "", target.against, "", result.reason, *aims, "not measured"]
    values = result.values(target.unit)
    verdict = target.verdict(statistics.median(values), result.megabytes)
    _, first, third, _ = spread(values)
    if first <= target.limit < third and result.megabytes >= target.least:
        verdict += ", unsure"
    sides = sides_of(result, target)
    return [target.job, result.capture, sides[0], target.against, sides[1], measured(result, target), *aims, verdict]


def sides_of(result: Result, target: Target) -> list[str]:
    """What each of both took: time, or memory."""
    if target.unit.startswith("MiB"):
        return [f"{peak:.1f} MiB" for peak in result.peaks]
    return [duration(seconds) for seconds in result.seconds]


def measured(result: Result, target: Target) -> str:
    """What the target is about, with its spread where there is one; of a rate, also how far from the floor it is."""
    values, of = result.values(target.unit), target.of
    is_peak = target.unit.startswith("MiB")  # of all rounds: one number
    shown = f"**{values[0]:.{of.digits}f}**" if is_peak else with_spread(values, of.digits)
    beside = f"; {statistics.median(result.ratios):.2f} times the floor" if of.is_rate else ""
    return f"{shown}{of.word}{of.more}{beside}"


def line(result: Result) -> str:
    """One result while it goes on."""
    what = " ".join(filter(None, (result.key, result.name, result.capture)))
    if result.reason:
        return f"{what}: {result.reason}"
    target = TARGETS.get(result.key)
    return f"{what}: {(target or RATIO).show(statistics.median(result.values((target or RATIO).unit)))}"


def targets_table(results: list[Result]) -> str:
    head = [
        "job",
        "capture",
        "it took",
        "measured against",
        "took",
        f"median {SPREAD}",
        "target",
        "stretch",
        "verdict",
    ]
    found = [one for one in results if one.key in TARGETS]
    return markdown([head, *(target_row(one, TARGETS[one.key]) for one in found)])


#: what has neither a target nor a rival: results whose names are two, with a bar between
TABLES = {
    "compressed": (
        "Compressed captures",
        "An inner capture of a compressed one, against the program that does no more than to uncompress it.",
    ),
    "floor": ("The floors", "What cannot be avoided, measured against each other."),
    "function": (
        "Functions",
        "By pytest-benchmark, in one process; the floor is a copy of what a function takes and gives.",
    ),
}


def plain_table(results: list[Result], key: str) -> str:
    head = ["", "it took", "measured against", "took", f"median ratio {SPREAD}"]
    rows = []
    for one in (one for one in results if one.key == key):
        ours, _, against = one.name.partition(" | ")
        took = ["", ""] if one.reason else [duration(seconds) for seconds in one.seconds]
        rows.append([ours, took[0], against, took[1], one.reason or with_spread(one.ratios)])
    return markdown([head, *rows])


def peer_row(one: Result, ours: float | None) -> list[str]:
    ratio = statistics.median(one.ratios)
    nanoseconds = f"{1e9 * one.seconds[0] / one.packets[0]:,.0f}"
    digits = 2 if ratio < 100 else 0
    times = "" if ours is None else f"{ratio / ours:,.{1 if ratio < 100 * ours else 0}f}"
    return [one.name, one.version, f"{one.packets[0]:,}", nanoseconds, with_spread(one.ratios, digits), times]


def peers_table(results: list[Result], job: str) -> str:
    """The fastest first; whoever has no time comes last, with the reason."""
    timed = [one for one in results if one.key == job and not one.reason]
    timed.sort(key=lambda one: statistics.median(one.ratios))
    ours = next((statistics.median(one.ratios) for one in timed if one.name == VXTAP), None)
    head = ["", "version", "packets", "ns a packet", f"times the floor {SPREAD}", "times vxtap"]
    rest = [[one.name, one.version, "", "", one.reason, ""] for one in results if one.key == job and one.reason]
    return markdown([head, *(peer_row(one, ours) for one in timed), *rest])


FLOOR_OF = {
    "fields": "Time, VNI, inner addresses, protocol and ports of every packet; the floor walks over the record headers "
    "and stores as many bytes for each packet.",
    "inner": "A capture of the inner frames; the floor is `cp` of the file.",
    "parquet": "A Parquet file of the same seven columns; the floor is pyarrow encoding them from memory, one thread.",
}


def parts(results: list[Result], facts: list[str], command: str) -> Iterator[str]:
    yield f"Measured with `{command}`:"
    yield "\n".join(f"- {fact}" for fact in facts)
    yield "### Targets"
    yield targets_table(results)
    for job in JOBS:
        if any(one.key == job for one in results):
            yield f"### Peers: {JOBS[job]}"
            yield FLOOR_OF[job]
            yield peers_table(results, job)
    for key, (title, what) in TABLES.items():
        if any(one.key == key for one in results):
            yield f"### {title}"
            yield what
            yield plain_table(results, key)


def text(results: list[Result], facts: list[str], command: str) -> str:
    return "\n\n".join(parts(results, facts, command))


def put(page: Path, name: str, block: str) -> None:
    """Replace what stands between two markers of a page."""
    before = page.read_text()
    mark = f"<!-- {name} -->\n"
    if mark not in before:
        raise ValueError(f"{page}: no <!-- {name} -->")
    page.write_text(re.sub(rf"{mark}.*?<!-- end -->", lambda _: f"{mark}{block}\n<!-- end -->", before, flags=re.S))


def save(path: Path, results: list[Result], facts: list[str], command: str) -> None:
    kept = {"command": command, "facts": facts, "results": [dataclasses.asdict(one) for one in results]}
    path.write_text(json.dumps(kept, indent=1) + "\n")


def load(path: Path) -> tuple[list[Result], list[str], str]:
    kept = json.loads(path.read_text())
    results = [
        Result(**{**one, "packets": tuple(one["packets"]), "peaks": tuple(one["peaks"])}) for one in kept["results"]
    ]
    return results, kept["facts"], kept["command"]


def put_tables(page: Path) -> None:
    """What does not have to be measured: the targets and the peers."""
    for name, rows in (("targets", targets.table()), ("peers", peers.table())):
        put(page, name, markdown(rows))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Results of benchmarks/run.py as Markdown.")
    parser.add_argument("results", type=Path, nargs="?", help="results.json")
    parser.add_argument("--tables", action="store_true", help="put the tables of targets and peers into the page")
    options = parser.parse_args(arguments)
    if options.tables:
        put_tables(PAGE)
    if options.results is not None:
        print(text(*load(options.results)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
