"""Single functions, timed by pytest-benchmark in a process of its own; see test_micro.py."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

from measure import Result

CASES = Path(__file__).with_name("test_micro.py")
QUARTERS = ("min", "q1", "median", "q3", "max")


def results_of(report: dict) -> list[Result]:
    """Of what pytest-benchmark wrote: the quarters of a function's times against the one of its floor."""
    found = []
    for case in report["benchmarks"]:
        times = [case["stats"][name] for name in QUARTERS]
        against = [case["extra_info"]["floor"]] * len(QUARTERS)
        name = f"`{case['name'].removeprefix('test_')}` | a copy of what it takes and gives"
        found.append(Result(key="function", name=name, ours=times, against=against))
    return found


def measure(into: Path) -> list[Result]:
    if importlib.util.find_spec("pytest_benchmark") is None:
        return [Result(key="function", reason="pytest-benchmark is not installed")]
    command = [sys.executable, "-m", "pytest", "-q", str(CASES), f"--benchmark-json={into}", "-p", "no:cacheprovider"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        return [Result(key="function", reason=f"failed: {done.stdout.strip().rpartition(chr(10))[2]}")]
    return results_of(json.loads(into.read_text()))
