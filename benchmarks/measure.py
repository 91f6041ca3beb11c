"""One comparison: the answer first, then interleaved pairs, and what remains of them."""

import shutil
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from check import WrongAnswerError
from pair import FailedError, PairResult, Run, pair, run, told_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Two commands, and how to know that they do the job."""

    key: str  # the target's, or the peer's job
    name: str = ""  # of a peer, or of a floor
    version: str = ""
    capture: str = ""
    megabytes: float = 0  # of the capture
    ours: list[str] = field(default_factory=list)
    against: list[str] = field(default_factory=list)
    check: Callable[[], None] = lambda: None  # raises where the answer is wrong
    packets: tuple[int, int] = (1, 1)  # of each side; times are compared per packet, and rates told in them
    rounds: int = 0  # 0: as many as asked for
    reason: str = ""  # why it is not measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured, raw; everything that is shown is computed from it."""

    key: str
    name: str = ""
    version: str = ""
    capture: str = ""
    megabytes: float = 0
    packets: tuple[int, int] = (1, 1)
    ours: list[float] = field(default_factory=list)  # seconds, round by round
    against: list[float] = field(default_factory=list)
    peaks: tuple[float, float] = (0.0, 0.0)  # MiB
    reason: str = ""

    @property
    def ratios(self) -> list[float]:
        """Of the times per packet, round by round."""
        scale = self.packets[1] / self.packets[0]
        return [scale * one / two for one, two in zip(self.ours, self.against, strict=True)]

    @property
    def seconds(self) -> tuple[float, float]:
        """Median time of each side."""
        return statistics.median(self.ours), statistics.median(self.against)

    def values(self, unit: str) -> list[float]:
        """What a target is about, round by round."""
        if unit == "ms":
            return [1000 * (one - two) for one, two in zip(self.ours, self.against, strict=True)]
        if unit == "M/s":
            return [self.packets[0] / one / 1e6 for one in self.ours]
        peaks = {"MiB": self.peaks[0] - self.peaks[1], "MiB in all": self.peaks[0]}
        return [peaks[unit]] if unit in peaks else self.ratios


def spread(values: list[float]) -> tuple[float, float, float, float]:
    """Least, first quartile, third quartile and greatest."""
    if len(values) < 2:
        return values[0], values[0], values[0], values[0]
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return min(values), first, third, max(values)


def about(case: Case, **found: Any) -> Result:
    """What is known of a case beforehand, and what was found."""
    return Result(
        key=case.key,
        name=case.name,
        version=case.version,
        capture=case.capture,
        megabytes=case.megabytes,
        **found,
    )


def result_of(case: Case, done: PairResult) -> Result:
    ours, against = ([one.seconds for one in runs] for runs in (done.a, done.b))
    return about(case, packets=case.packets, ours=ours, against=against, peaks=done.peaks)


def without(case: Case, reason: str) -> Result:
    """The same case with the reason why there is no time."""
    return about(case, reason=reason)


@dataclass(frozen=True, slots=True)
class Meter:
    """Measures cases that all write to one place, which is empty before every run, as is a folder beside it."""

    out: Path
    rounds: int

    @property
    def folder(self) -> Path:
        """For commands that write several files, or one of another kind."""
        return self.out.with_suffix(".copies")

    @property
    def table(self) -> Path:
        """For commands that write one Parquet file."""
        return self.folder / "out.parquet"

    def output(self, job: str) -> Path:
        """Where a job of the peers writes to."""
        return self.table if job == "parquet" else self.out

    def clear(self) -> None:
        self.out.unlink(missing_ok=True)
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.folder.mkdir()

    def run(self, command: list[str]) -> Run:
        self.clear()
        return run(command)

    def measure(self, case: Case) -> Result:
        """Check, then time; what goes wrong is the result."""
        if case.reason:
            return without(case, case.reason)
        try:
            case.check()
            done = pair(case.ours, case.against, case.rounds or self.rounds, self.clear, told_seconds)
        except WrongAnswerError as error:
            return without(case, f"wrong: {error}")
        except FailedError as error:
            print(error, file=sys.stderr)
            return without(case, f"failed: {error.last}"[:200])
        finally:
            self.clear()
        return result_of(case, done)
