"""Two commands side by side: A, B, A, B ... in fresh processes, compared round by round.

    python benchmarks/pair.py --remove out.pcap "vxtap decap in.pcap -o out.pcap" "cp in.pcap out.pcap"

On a shared machine one run says nothing and the median of many runs little, because the machine's speed
drifts. Both commands of one round meet nearly the same conditions, so the median of the rounds' ratios is
what to quote, with its spread.
"""

import argparse
import os
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LAUNCHER = Path(__file__).with_name("launch.py")
MIB = 1024.0  # in KiB, as the kernel counts


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one command."""

    seconds: float  # wall time of the process, or what the command said itself
    peak: float  # peak resident memory in MiB; below about 9 MiB it is that of the launcher
    output: str


class FailedError(RuntimeError):
    """A command that did not end well; `last` is the last line of what it said."""

    def __init__(self, command: list[str], code: str, said: str) -> None:
        super().__init__(f"{shlex.join(command)} [{code}] {said}".rstrip())
        self.last = said.strip().rpartition("\n")[2]


@dataclass(frozen=True, slots=True)
class PairResult:
    a: list[Run]
    b: list[Run]

    @property
    def ratios(self) -> list[float]:
        """A's time over B's, for each round."""
        return [one.seconds / two.seconds for one, two in zip(self.a, self.b, strict=True)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def spread(self) -> tuple[float, float, float, float]:
        """Least, first quartile, third quartile and greatest of the ratios."""
        ratios = self.ratios
        low, high = min(ratios), max(ratios)
        if len(ratios) < 2:
            return low, low, high, high
        quarters = statistics.quantiles(ratios, n=4, method="inclusive")
        return low, quarters[0], quarters[2], high

    @property
    def seconds(self) -> tuple[float, float]:
        """Median time of A and of B."""
        a, b = (statistics.median(run.seconds for run in runs) for runs in (self.a, self.b))
        return a, b

    @property
    def difference(self) -> float:
        """Median over the rounds of A's time minus B's."""
        return statistics.median(one.seconds - two.seconds for one, two in zip(self.a, self.b, strict=True))

    @property
    def peaks(self) -> tuple[float, float]:
        """Greatest peak memory of A and of B, in MiB."""
        return max(run.peak for run in self.a), max(run.peak for run in self.b)


def run(command: list[str], inside: Callable[[str], float | None] | None = None) -> Run:
    """Run a command in a fresh process; a command that fails raises with what it said."""
    result, launcher_end = os.pipe()
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(launcher_end), *command]
    with tempfile.TemporaryFile("w+") as said, os.fdopen(result) as report:
        try:
            done = subprocess.run(
                launcher, stdout=subprocess.PIPE, stderr=said, text=True, check=False, pass_fds=[launcher_end]
            )
        finally:
            os.close(launcher_end)
        words = report.read().split()
        said.seek(0)
        if done.returncode or len(words) != 3 or words[2] != "0":
            code = words[2] if len(words) == 3 else "not started"
            raise FailedError(command, code, done.stdout + said.read())
    told = None if inside is None else inside(done.stdout)
    return Run(float(words[0]) if told is None else told, int(words[1]) / MIB, done.stdout)


def pair(
    a: list[str],
    b: list[str],
    rounds: int = 9,
    before: Callable[[], object] | None = None,
    inside: Callable[[str], float | None] | None = None,
) -> PairResult:
    """Time A and B in turn, `rounds` times after one warm-up.

    `before` is called before every run, to delete what the last one wrote, so that both write a fresh file.
    `inside` takes the time from what a command prints; where it gives None, the process is timed.
    """
    runs: tuple[list[Run], list[Run]] = ([], [])
    for _ in range(rounds + 1):
        for command, made in zip((a, b), runs, strict=True):
            if before is not None:
                before()
            made.append(run(command, inside))
    return PairResult(runs[0][1:], runs[1][1:])


def told_seconds(output: str) -> float | None:
    """The time in a line like `packets 5 seconds 0.25`, if there is one."""
    found = re.search(r"\bseconds ([0-9.]+)", output)
    return None if found is None else float(found[1])


def report(result: PairResult) -> str:
    low, first, third, high = result.spread
    names = zip("AB", result.seconds, result.peaks, strict=True)
    lines = [f"{name}: median {seconds:.4f} s, peak {peak:.1f} MiB" for name, seconds, peak in names]
    spread = f"quartiles {first:.3f} {third:.3f}, range {low:.3f} {high:.3f}"
    return "\n".join([*lines, f"A / B: median {result.ratio:.3f}, {spread}"])


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Compare two commands in interleaved runs.")
    parser.add_argument("a", type=shlex.split, help="the first command, quoted")
    parser.add_argument("b", type=shlex.split, help="the second command, quoted")
    parser.add_argument("-n", "--rounds", type=int, default=9)
    parser.add_argument("--remove", type=Path, action="append", default=[], help="delete it before every run")
    parser.add_argument(
        "--inside", action="store_true", help="take the time from 'seconds N' in the output, where it is"
    )
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("at least one round")

    def before() -> None:
        for path in options.remove:
            path.unlink(missing_ok=True)

    clock = told_seconds if options.inside else None
    try:
        print(report(pair(options.a, options.b, options.rounds, before, clock)))
    except FailedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
