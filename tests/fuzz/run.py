"""Builds the fuzz targets with clang and runs them: `python tests/fuzz/run.py --seconds 60`; see docs/robustness.md.

What one run finds of interest stays in build/fuzz/corpus, and the next one starts from it. An input that breaks a
target is left in build/fuzz/found. Where clang or its libFuzzer is not at hand, nothing is run, and that is no failure.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "fuzz"
TARGETS = sorted(path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.c"))
#: What vxtap.c does not have.
PARTS = "same lane queue vantage twins duplicates merge flow stream conversation flows"
CORE = [ROOT / "csrc" / "vxtap.c", *(ROOT / "csrc" / f"vxt_{name}.c" for name in PARTS.split())]
SHARED = [*(HERE / f"{name}.c" for name in ("harness", "scanning", "merging", "merged")), *CORE]
#: Targets whose inputs are captures: a dictionary helps them.
CAPTURES = {"pcapng", "rewrite", "scan"}
FLAGS = ["-std=c11", "-g", "-O1", "-fno-omit-frame-pointer", f"-I{ROOT / 'csrc'}"]
SANITIZERS = ["-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]
#: Longer than this, inputs only get slow: it holds a few frames, and more commands than a run takes.
MOST_BYTES = 4096
SLOWEST = 10  # seconds for one input; most take a millisecond


def compiler() -> str | None:
    """A clang that has libFuzzer."""
    names = ["clang", *(f"clang-{version}" for version in range(30, 10, -1))]
    for clang in filter(None, map(shutil.which, names)):
        line = [clang, *SANITIZERS, "-x", "c", "-", "-o", os.devnull]
        empty = "int LLVMFuzzerTestOneInput(const char *data, unsigned long size) { return !data && size; }"
        if subprocess.run(line, input=empty, text=True, capture_output=True, check=False).returncode == 0:
            return clang
    return None


def compile_target(clang: str, target: str) -> None:
    sources = [str(path) for path in (HERE / f"fuzz_{target}.c", *SHARED)]
    subprocess.run([clang, *FLAGS, *SANITIZERS, *sources, "-o", str(BUILD / target)], check=True)


def start(target: str, seconds: int) -> subprocess.Popen[bytes]:
    corpus, found = BUILD / "corpus" / target, BUILD / "found"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    line = [str(BUILD / target), f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}", f"-timeout={SLOWEST}"]
    line += ["-print_final_stats=1", f"-artifact_prefix={found}/{target}-"]
    line += [f"-dict={BUILD / 'vxtap.dict'}"] if target in CAPTURES else []
    folders = [corpus, BUILD / "seeds" / target, HERE / "regressions" / target]
    line += [str(folder) for folder in folders if folder.is_dir()]
    with (BUILD / f"{target}.log").open("wb") as log:
        return subprocess.Popen(line, stdout=log, stderr=subprocess.STDOUT)


def report(target: str, status: int) -> bool:
    """One line about a run that is over, or the end of its log where it failed."""
    log = (BUILD / f"{target}.log").read_text(errors="replace")
    runs = re.search(r"number_of_executed_units: (\d+)", log)
    covered = re.findall(r"cov: (\d+)", log)
    corpus = len(list((BUILD / "corpus" / target).iterdir()))
    said = f"{int(runs[1]):,} executions" if runs else "no count"
    print(f"{target}: {said}, {covered[-1] if covered else 'no'} edges, {corpus:,} inputs kept", flush=True)
    if status:
        lines = [line for line in log.splitlines() if not re.match(r"#\d+\s", line)]
        print(*lines[-40:], sep="\n")
        print(f"{target}: broken; its input is in {BUILD / 'found'}, the whole log in {BUILD / target}.log")
    return status == 0


def run(targets: list[str], seconds: int, jobs: int) -> bool:
    waiting, sound = list(targets), True
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                target = waiting.pop(0)
                running[target] = start(target, seconds)
            time.sleep(0.2)
            for target in [name for name, process in running.items() if process.poll() is not None]:
                sound = report(target, running.pop(target).returncode) and sound
    finally:
        for process in running.values():
            process.terminate()
    return sound


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("targets", nargs="*", default=TARGETS, metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=900, help="for each target (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="targets at a time")
    wanted = parser.parse_args()
    clang = compiler()
    if clang is None:
        print("fuzz: skipped: there is no clang with libFuzzer (Debian: apt install clang)")
        return 0
    (BUILD / "corpus").mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, HERE / "seeds.py", BUILD / "seeds"], check=True)
    subprocess.run([sys.executable, HERE / "dictionary.py", BUILD / "vxtap.dict"], check=True)
    for target in wanted.targets:
        compile_target(clang, target)
    return 0 if run(wanted.targets, wanted.seconds, wanted.jobs) else 1


if __name__ == "__main__":
    sys.exit(main())
