"""All measurements, as Markdown and as a picture.

    python benchmarks/run.py --docs     everything; the results go into docs/benchmarks.md
    python benchmarks/run.py --quick    under two minutes, to see that nothing broke
    python benchmarks/run.py --large    with a capture of 2 GB, and ten million packets against one

Every answer is checked before it is timed. Every time is one of an interleaved pair of fresh processes (see pair.py).
Captures, the peers' environments and the results stay in build/benchmarks, which `make clean` deletes.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cases
import compressed
import contest
import exports
import forms
import functions
import machine
import picture
import report
from measure import Case, Meter, Result

import data

FULL = {"imix": 1_000_000, "mtu": 125_000, "flood": 1_500_000}
QUICK = {"imix": 200_000, "mtu": 50_000, "flood": 200_000}
MERGED = ("imix", 1_180_000)  # 500 MB, of which there are two
CONVERTED = ("imix", 2_360_000)  # a little over 1 GB
LARGE = ("imix", 4_750_000)  # a little over 2 GB
GROWTH = (1_000_000, 10_000_000)  # packets of a flood


def captures(options: argparse.Namespace) -> dict[str, Path]:
    """The three shapes, made where they are not there yet."""
    sizes = QUICK if options.quick else FULL
    if options.megabytes is not None:
        size = options.megabytes * 1_000_000
        return {shape: data.ensure(shape, size=size, folder=options.folder) for shape in sizes}
    return {shape: data.ensure(shape, packets=packets, folder=options.folder) for shape, packets in sizes.items()}


def all_cases(bench: cases.Bench, scratch: Path, options: argparse.Namespace) -> Iterator[Case]:
    """Everything that is measured, in the order of the report; captures are made when it is their turn."""
    made = captures(options)
    imix, mtu, flood = made["imix"], made["mtu"], made["flood"]
    blocks = forms.ensure("pcapng", imix)
    large = [data.ensure(LARGE[0], packets=LARGE[1], folder=options.folder)] if options.large else []
    yield from cases.decaps(bench, [*large, imix, mtu, flood, blocks], imix)
    yield from cases.reads(bench, [imix, mtu, flood])
    yield from cases.starts(bench)
    yield from cases.stages(bench, mtu)
    several = imix if options.quick else data.ensure(MERGED[0], packets=MERGED[1], folder=options.folder)
    yield from cases.merges(bench, several)
    yield from exports.scans(bench, imix)
    whole = imix if options.quick else data.ensure(CONVERTED[0], packets=CONVERTED[1], folder=options.folder)
    yield from exports.converts(bench, whole)
    yield from cases.memories(bench, [*large, imix, blocks, forms.ensure("fragments", mtu), flood])
    if options.large:
        few, many = (data.ensure("flood", packets=packets, folder=scratch) for packets in GROWTH)
        yield from cases.growth(bench, few, many)
    else:
        yield from cases.no_growth("takes --large")
    yield from contest.Contest(bench, imix, options.quick).cases()
    yield from compressed.cases(bench, imix)
    yield from cases.floors(bench, imix)


def measure(meter: Meter, found: Iterator[Case]) -> Iterator[Result]:
    """The results, each told on standard error as it comes."""
    for case in found:
        result = meter.measure(case)
        print(report.line(result), file=sys.stderr, flush=True)
        yield result


def facts(started: float, load: float) -> list[str]:
    """What has to be known about the numbers."""
    versions = [f"{module}: {machine.version_of(module)}" for module in ("numpy", "vxtap")]
    minutes = f"{(time.monotonic() - started) / 60:.0f} minutes in all"
    loads = f"load of the machine: {load:.1f} before, {machine.load():.1f} at the end, of which 1 is ours"
    return [*machine.facts(), *versions, loads, minutes]


def publish(options: argparse.Namespace, results: list[Result], known: list[str], command: str) -> None:
    """Markdown on standard output, and everything in the folder; with --docs in the documentation too."""
    name = "quick" if options.quick else "results"
    report.save(options.folder / f"{name}.json", results, known, command)
    text = report.text(results, known, command)
    (options.folder / f"{name}.md").write_text(text + "\n")
    print(text)
    drawn = options.folder / f"{name}.svg"
    if picture.possible():
        picture.draw(results, drawn)
    else:
        print(picture.MISSING, file=sys.stderr)
    if options.docs:
        report.put_tables(report.PAGE)
        report.put(report.PAGE, "measured", text)
        if picture.possible():
            shutil.copyfile(drawn, report.PAGE.with_suffix(".svg"))


def command_of(options: argparse.Namespace) -> str:
    """How to do this again; without where it was done."""
    flags = [f"--{name}" for name in ("quick", "large", "docs") if getattr(options, name)]
    sizes = [] if options.megabytes is None else ["--megabytes", str(options.megabytes)]
    return " ".join(["python benchmarks/run.py", *flags, *sizes, "--rounds", str(options.rounds)])


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure vxtap against its floors and its peers.")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="smaller captures, fewer rounds, fewer peers")
    size.add_argument("--large", action="store_true", help="a capture of 2 GB and ten million packets as well")
    parser.add_argument("--megabytes", type=int, default=None, metavar="N", help="size of each capture")
    parser.add_argument("--rounds", type=int, default=None, help="default: 9, with --quick 5")
    parser.add_argument("--folder", type=Path, default=data.FOLDER, help="where everything is made and kept")
    parser.add_argument("--docs", action="store_true", help="put the results into docs/benchmarks.md")
    options = parser.parse_args(arguments)
    if options.docs and options.quick:
        parser.error("--quick is not for quoting: no --docs with it")
    options.rounds = options.rounds or (5 if options.quick else 9)
    return options


def main(arguments: list[str]) -> int:
    options, started, load = parse(arguments), time.monotonic(), machine.load()
    options.folder.mkdir(parents=True, exist_ok=True)
    memory = machine.memory_folder(6_000_000_000 if options.large else 1_500_000_000)
    if memory is None:
        print("No memory file system with enough room: the outputs go to a disk, and its speed counts.")
    with (
        tempfile.TemporaryDirectory(prefix="vxtap-floor-") as build,
        tempfile.TemporaryDirectory(prefix="vxtap-output-", dir=memory) as scratch,
    ):
        floors = cases.Floors(*(machine.build_floor(name, Path(build)) for name in ("walk", "copy")))
        meter = Meter(Path(scratch) / "out.pcap", options.rounds)
        bench = cases.Bench(meter, floors, cases.abilities(meter.out))
        results = list(measure(meter, all_cases(bench, Path(scratch), options)))
        results += functions.measure(Path(scratch) / "functions.json")
        publish(options, results, facts(started, load), command_of(options))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
