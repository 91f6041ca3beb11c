"""What leaves vxtap as columns, Arrow batches and Parquet files, against the floors."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import check
import tables
from cases import BARE, FOUR, PEAKS, VXTAP, Bench, checks_fields, label
from measure import Case
from traffic import FEW

import data

LONG = 3  # rounds of what takes seconds


def convert(bench: Bench, source: Path, *options: str) -> list[str]:
    """The command, into a folder that is empty before every run."""
    return [*VXTAP, "convert", str(source), "-o", str(bench.meter.folder), "--to", "parquet", "--quiet", *options]


def checks_parquet(bench: Bench, source: Path, command: list[str]) -> Callable[[], None]:
    """The command writes the right Parquet files."""

    def check_one() -> None:
        bench.meter.run(command)
        tables.check_parquet(bench.meter.folder, data.facts_of(source))

    return check_one


def checks_few(bench: Bench, source: Path, command: list[str]) -> Callable[[], None]:
    """The command gives as many rows as fulfil the predicate."""

    def check_one() -> None:
        said = check.words(bench.meter.run(command).output)
        check.demand("packets that fulfil it", int(said["packets"]), data.facts_of(source).few)

    return check_one


def scans(bench: Bench, source: Path) -> Iterator[Case]:
    """Record batches of four columns, against a walk over the record headers; and few of them, against all."""
    bare = bench.job("scan", source, "--columns", FOUR, "--workers", "1")
    few = [*bare, "--where", FEW]
    packets = data.facts_of(source).packets
    case = partial(Case, capture=label(source), packets=(packets, packets))
    yield case(
        key="scan",
        ours=bare,
        against=bench.walk(source),
        check=checks_fields(bench, source, bare),
        reason=bench.able.lacks("scan"),
    )
    yield case(
        key="where",
        ours=few,
        against=bare,
        check=checks_few(bench, source, few),
        reason=bench.able.lacks("scan", "where"),
    )


def converts(bench: Bench, source: Path) -> Iterator[Case]:
    """A Parquet file of the default columns, against what encoding alone takes."""
    facts = data.facts_of(source)
    ours, reason = convert(bench, source, "-j", "2"), bench.able.lacks("scan", "convert")
    case = partial(Case, capture=label(source), megabytes=facts.bytes / 1e6, ours=ours, reason=reason)
    yield case(
        key="convert",
        against=bench.job("encode", source, "-o", str(bench.meter.table)),
        packets=(facts.packets, facts.packets),
        check=checks_parquet(bench, source, ours),
        rounds=min(LONG, bench.meter.rounds),
    )
    yield case(key="memory-convert", against=BARE, rounds=PEAKS)
