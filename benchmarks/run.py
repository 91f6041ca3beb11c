"""The headline measurements, as Markdown.

    python benchmarks/run.py            a few minutes, 1 GB of captures
    python benchmarks/run.py --quick    under a minute, to see that nothing broke
    python benchmarks/run.py --large    with a capture of 1.3 GB

Every answer is checked before it is timed. Every time is one of an interleaved pair of fresh processes
(see pair.py).
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import cut
import machine
from pair import PairResult, Run, pair, printed_seconds, run

import data

SMALL = Path(__file__).parents[1] / "tests" / "data" / "01-curl-nva1.pcap"
FOUR = ["ts", "vni", "src", "dst"]
FULL = {"imix": 1_000_000, "mtu": 250_000, "flood": 1_000_000}
QUICK = {"imix": 200_000, "mtu": 50_000, "flood": 200_000}
LARGE = {"imix": 3_000_000}
SPREAD = "ratio (least, quartiles, greatest)"

#: run as `python -c READ PATH COLUMNS`; the import is not timed, the call and nothing else is
READ = """
import sys, time
import numpy
import vxtap
columns = sys.argv[2].split(",") if sys.argv[2] else None
read, _ = vxtap.read, vxtap.PACKET
start = time.perf_counter()
packets = read(sys.argv[1], columns=columns)
seconds = time.perf_counter() - start
assert columns is None or list(packets.dtype.names) == columns
inner = packets["caplen"].sum(dtype="u8") if columns is None else 0
vnis = packets["vni"].sum(dtype="u8")
micros = packets["ts"].astype("M8[us]").astype("u8").sum(dtype="u8") % 2**63
print("packets", len(packets), "vnis", vnis, "inner", inner, "clock", micros, "seconds", f"{seconds:.6f}")
"""


@dataclass(frozen=True, slots=True)
class Tools:
    """What all measurements need."""

    walk: Path
    scratch: Path  # on a memory file system
    rounds: int
    itemsize: int
    python: str = sys.executable

    def vxtap(self, *arguments: str) -> list[str]:
        return [self.python, "-m", "vxtap", *arguments]


@dataclass(slots=True)
class Table:
    """A Markdown table that prints itself row by row."""

    title: str
    header: list[str]
    rows: list[list[str]] = field(default_factory=list)

    def start(self) -> None:
        print(f"\n### {self.title}\n")
        print("| " + " | ".join(self.header) + " |")
        print("|" + "---|" * len(self.header), flush=True)

    def add(self, *cells: str) -> None:
        self.rows.append(list(cells))
        print("| " + " | ".join(cells) + " |", flush=True)


def ratio(result: PairResult) -> str:
    low, first, third, high = result.spread
    return f"**{result.ratio:.2f}** ({low:.2f}, {first:.2f} to {third:.2f}, {high:.2f})"


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.1f}"


def words(output: str) -> dict[str, str]:
    """`packets 5 seconds 0.25` as a dictionary."""
    parts = output.split()
    return dict(zip(parts[::2], parts[1::2], strict=True))


def demand(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{what}: {found}, expected {expected}")


def measure_decap(tools: Tools, captures: dict[str, Path]) -> dict[str, float]:
    """`vxtap decap` against `cp`; gives the peak memory of each decap in MiB."""
    table = Table(
        "Decapsulating a file against copying it (whole commands; goal: at most 1.00)",
        ["capture", "MB", "packets", "vxtap decap, ms", "cp, ms", SPREAD, "GB/s"],
    )
    table.start()
    peaks = {}
    out = tools.scratch / "out.pcap"
    for name, path in captures.items():
        facts = data.facts_of(path)
        decap = tools.vxtap("decap", str(path), "-o", str(out), "--quiet")
        out.unlink(missing_ok=True)
        run(decap)
        data.check_inner(out, facts)
        copy = ["cp", "--reflink=never", str(path), str(out)]
        result = pair(decap, copy, tools.rounds, lambda: out.unlink(missing_ok=True))
        out.unlink(missing_ok=True)
        ours, theirs = result.seconds
        peaks[name] = result.peaks[0]
        speed = f"{facts.bytes / ours / 1e9:.2f}"
        size = [f"{facts.bytes / 1e6:.0f}", f"{facts.packets:,}"]
        table.add(name, *size, milliseconds(ours), milliseconds(theirs), ratio(result), speed)
    return peaks


def measure_stages(tools: Tools, path: Path) -> None:
    """What the stages that remember packets cost, on the full-MTU capture: each against the same job without it."""
    table = Table(
        "Second sights and reassembly (whole commands)",
        ["job", "ms", "against", "ms", SPREAD, "goal"],
    )
    table.start()
    out = tools.scratch / "out.pcap"
    fragments = cut.ensure(path)
    plain = tools.vxtap("decap", str(path), "-o", str(out), "--quiet")
    cases = [
        ("looking for second sights", plain, "`--no-once`", [*plain, "--no-once"], "1.05"),
        (
            "every packet in two fragments",
            tools.vxtap("decap", str(fragments), "-o", str(out), "--quiet"),
            "the same packets whole",
            plain,
            "1.6",
        ),
    ]
    for name, command, other, reference, goal in cases:
        for one in (command, reference):
            out.unlink(missing_ok=True)
            run(one)
            data.check_inner(out, data.facts_of(path))
        result = pair(command, reference, tools.rounds, lambda: out.unlink(missing_ok=True))
        ours, theirs = result.seconds
        table.add(name, milliseconds(ours), other, milliseconds(theirs), ratio(result), goal)
    out.unlink(missing_ok=True)


def check_read(one: Run, facts: data.Facts, columns: list[str]) -> None:
    said = words(one.output)
    demand("rows", int(said["packets"]), facts.decapsulated)
    demand("sum of vni", int(said["vnis"]), facts.vni_sum)
    demand("sum of ts", int(said["clock"]), facts.clock % 2**63)
    if not columns:
        demand("sum of caplen", int(said["inner"]), facts.inner_bytes)


def measure_read(tools: Tools, captures: dict[str, Path]) -> None:
    """`vxtap.read` against the walk over the record headers, both by their own clocks."""
    table = Table(
        "Reading packets against walking the record headers (in process)",
        ["capture", "columns", "walk stores", "vxtap.read, ms", "walk, ms", SPREAD, "goal", "ns/packet"],
    )
    table.start()
    for name, path in captures.items():
        facts = data.facts_of(path)
        for columns, store, goal in (([], tools.itemsize, "1.3"), (FOUR, 0, "1.2")):
            read = [tools.python, "-c", READ, str(path), ",".join(columns)]
            walk = [str(tools.walk), str(path), *([str(store)] if store else [])]
            check_read(run(read), facts, columns)
            demand("packets of the walk", int(words(run(walk).output)["packets"]), facts.packets)
            result = pair(read, walk, tools.rounds, inside=printed_seconds)
            ours, theirs = result.seconds
            label = [str(len(columns) or "all"), f"{store} bytes" if store else "nothing"]
            times = milliseconds(ours), milliseconds(theirs)
            table.add(name, *label, *times, ratio(result), goal, f"{1e9 * ours / facts.packets:.0f}")


def check_small(tools: Tools, out: Path) -> None:
    """The small capture gives one inner frame for each of its VXLAN packets, by vxtap's own count."""
    out.unlink(missing_ok=True)
    one = run(tools.vxtap("decap", str(SMALL), "-o", str(out), "--json"))
    report = json.loads(one.output)
    demand("outcomes", report["decapsulated"] + sum(report["skipped"].values()), report["frames"])
    demand("inner frames", data.inner_of(out)[0], report["decapsulated"])


def measure_start(tools: Tools) -> None:
    """What a command costs before it does anything."""
    table = Table(
        "Starting up (whole processes)",
        ["command", "ms", "against", "ms", "difference, ms", "goal"],
    )
    table.start()
    python = [tools.python, "-c"]
    out = tools.scratch / "small.pcap"
    bare = ("a bare interpreter", [*python, "pass"])
    cases = [
        ("`import vxtap`", [*python, "import vxtap"], "`import numpy`", [*python, "import numpy"], ""),
        ("`import vxtap`", [*python, "import vxtap"], *bare, ""),
        ("`vxtap --help`", tools.vxtap("--help"), *bare, "60"),
    ]
    if SMALL.exists():
        check_small(tools, out)
        decap = tools.vxtap("decap", str(SMALL), "-o", str(out), "--quiet")
        cases.append((f"`vxtap decap` of {SMALL.stat().st_size:,} bytes", decap, *bare, ""))
    for name, command, other, reference, goal in cases:
        result = pair(command, reference, tools.rounds + 4, lambda: out.unlink(missing_ok=True))
        ours, theirs = result.seconds
        difference = f"**{milliseconds(result.difference)}**"
        table.add(name, milliseconds(ours), other, milliseconds(theirs), difference, goal)
    if not SMALL.exists():
        print("\nThe small capture of tests/data is not there: not measured.")


def measure_memory(tools: Tools, peaks: dict[str, float]) -> None:
    table = Table(
        "Peak memory of `vxtap decap` (MiB; goal: at most 64 above a bare interpreter)",
        ["capture", "decap", "bare interpreter", "difference"],
    )
    table.start()
    bare = statistics.median(run([tools.python, "-c", "pass"]).peak for _ in range(3))
    for name, peak in peaks.items():
        table.add(name, f"{peak:.1f}", f"{bare:.1f}", f"**{peak - bare:.1f}**")


def itemsize(python: str) -> int:
    script = "import vxtap; print(vxtap.PACKET.itemsize)"
    return int(subprocess.run([python, "-c", script], check=True, capture_output=True, text=True).stdout)


def print_machine() -> None:
    print("## vxtap, measured\n")
    versions = [f"{module}: {machine.version_of(module)}" for module in ("numpy", "vxtap")]
    for fact in (*machine.facts(), *versions):
        print(f"- {fact}")
    print("\nOn a shared machine absolute times mean little; the ratios of interleaved pairs mean more.")
    print("The authors of vxtap wrote this, and are biased.", flush=True)


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure vxtap against its floor.")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="smaller captures, fewer rounds, under a minute")
    size.add_argument("--large", action="store_true", help="a capture over 1 GB as well")
    parser.add_argument("--rounds", type=int, default=None, help="default: 9, with --quick 5")
    parser.add_argument("--folder", type=Path, default=None, help="where the captures are made and kept")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    print_machine()
    rounds = options.rounds or (5 if options.quick else 9)
    sizes = list((QUICK if options.quick else FULL).items()) + (list(LARGE.items()) if options.large else [])
    made = [(shape, data.ensure(shape, packets=packets, folder=options.folder)) for shape, packets in sizes]
    captures = {f"{shape} {path.stat().st_size / 1e6:.0f} MB": path for shape, path in made}
    memory = machine.memory_folder(2 * max(path.stat().st_size for path in captures.values()))
    if memory is None:
        print("\nNo memory file system with enough room: the outputs go to a disk, and its speed counts.")
    with (
        tempfile.TemporaryDirectory(prefix="vxtap-floor-") as build,
        tempfile.TemporaryDirectory(prefix="vxtap-output-", dir=memory) as scratch,
    ):
        walk = machine.build_walk(Path(build))
        tools = Tools(walk, Path(scratch), rounds, itemsize(sys.executable))
        peaks = measure_decap(tools, captures)
        measure_stages(tools, dict(made)["mtu"])
        measure_read(tools, captures)
        measure_start(tools)
        measure_memory(tools, peaks)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
