"""Instructions of the core on fixed inputs, counted by valgrind, against a baseline.

    python benchmarks/counts/counts.py

Counts do not depend on the load of the machine, so a change of 3 % shows. They do depend on the compiler: with another
one than the baseline's nothing is compared. `--update` writes the baseline anew, `--show` prints functions.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import callgrind
import forms
import gate
import machine

import data

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CSRC, HARNESS = ROOT / "csrc", ROOT / "tests" / "fuzz"
BUILD = ROOT / "build" / "counts"
BASELINE = HERE / "baseline.json"
PACKETS = 20_000
JOBS = ("rows", "columns", "pcap", "pcapng")
#: Those of setup.py, and lines to find functions by.
FLAGS = ["-std=c11", "-O3", "-fPIC", "-fvisibility=hidden", "-g"]


def inputs() -> dict[str, Path]:
    """Name -> a capture of PACKETS packets."""
    made = {}
    for shape in ("flood", "imix", "mtu"):
        made[shape] = BUILD / f"{shape}.pcap"
        data.write(shape, made[shape], packets=PACKETS)
    for form, shape in (("fragments", "mtu"), ("pcapng", "imix")):
        made[form] = BUILD / f"{form}{forms.FORMS[form][0]}"
        forms.change(form, made[shape], made[form])
    return made


def most(counts: Counter[str], least: int) -> dict[str, int]:
    """Those that count, and the sum of all others."""
    found = {name: number for name, number in counts.most_common() if number >= least}
    return {**found, "others": counts.total() - sum(found.values())}


def count(program: Path, job: str, capture: Path) -> gate.Case:
    """Run one job under callgrind."""
    out = BUILD / f"{job}-{capture.stem}.callgrind"
    tool = ["valgrind", "--tool=callgrind", "--toggle-collect=job", f"--callgrind-out-file={out}"]
    ran = subprocess.run([*tool, program, job, capture], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{job} of {capture.name} failed:\n{ran.stdout}{ran.stderr}")
    found = callgrind.parse(out.read_text())
    frames = int(ran.stdout.split()[1])
    return gate.Case(
        frames, *(most(counts, frames // 20) for counts in (callgrind.by_function(found, CSRC), found.calls))
    )


def measure() -> dict[str, Any]:
    """Everything that a baseline has."""
    BUILD.mkdir(parents=True, exist_ok=True)
    program = BUILD / "count"
    sources = [HERE / "count.c", HARNESS / "harness.c", CSRC / "vxtap.c"]
    subprocess.run([*machine.compiler(), *FLAGS, f"-I{CSRC}", f"-I{HARNESS}", *sources, "-o", program], check=True)
    captures = inputs()
    return {
        "compiler": machine.first_line([*machine.compiler(), "--version"]),
        "machine": platform.machine(),
        "flags": FLAGS,
        "inputs": {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in captures.items()},
        "cases": {
            f"{job} of {name}": asdict(count(program, job, path)) for name, path in captures.items() for job in JOBS
        },
    }


def cases_of(measured: dict[str, Any]) -> dict[str, gate.Case]:
    return {name: gate.Case(**case) for name, case in measured["cases"].items()}


def table(before: dict[str, gate.Case], after: dict[str, gate.Case]) -> None:
    print("| job | instructions a frame | baseline | calls a frame |", "|---|---|---|---|", sep="\n")
    for name, case in after.items():
        old = f"{before[name].per_frame('instructions'):.1f}" if name in before else ""
        print(f"| {name} | {case.per_frame('instructions'):.1f} | {old} | {case.per_frame('calls'):.2f} |")


def show(cases: dict[str, gate.Case], name: str) -> None:
    for what, counts in (("instructions", cases[name].instructions), ("calls", cases[name].calls)):
        for function, number in counts.items():
            print(f"{number / cases[name].frames:8.1f} {what} a frame in {function}")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Count the instructions of the core.")
    parser.add_argument("--update", action="store_true", help="write the baseline anew")
    parser.add_argument("--show", metavar="JOB", help="the functions of one job, such as 'rows of flood'")
    options = parser.parse_args(arguments)
    if shutil.which("valgrind") is None:
        print("counts: skipped, since there is no valgrind here")
        return 0
    measured = measure()
    after = cases_of(measured)
    if options.show:
        show(after, options.show)
        return 0
    if options.update:
        BASELINE.write_text(json.dumps(measured, indent=1) + "\n")
    baseline = json.loads(BASELINE.read_text())
    table(cases_of(baseline), after)
    for key in ("compiler", "machine", "flags"):
        if baseline[key] != measured[key]:
            print(f"\ncounts: not compared, since the {key} is {measured[key]}, and the baseline's {baseline[key]}")
            return 0
    wrong = gate.compare(cases_of(baseline), after)
    if baseline["inputs"] != measured["inputs"]:
        wrong.insert(0, "the inputs are not those of the baseline: look at benchmarks/data.py, or --update")
    print("", *(wrong or [f"counts: no job takes more than {gate.LIMIT:.0%} above the baseline"]), sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
