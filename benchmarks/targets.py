"""What vxtap is to reach: the one table that the report and the documentation are made from."""

from collections.abc import Iterator
from dataclasses import dataclass

CP = "`cp --reflink=never`"
CP_BOTH = "`cp --reflink=never` of both"
BARE = "a bare interpreter"
WALK = "a walk of the record headers"
ENCODING = "pyarrow encoding the same batches, one thread"


@dataclass(frozen=True, slots=True)
class Unit:
    """What a target is told in."""

    aim: str = "at most {}"
    digits: int = 1
    word: str = ""  # behind every number
    more: str = ""  # behind a measured one
    is_rate: bool = False  # more is better


#: See `measure.Result.values`, which gives the numbers.
UNITS = {
    "x": Unit(digits=2),  # times what it is measured against
    "ms": Unit("at most {} more", word=" ms", more=" more"),
    "MiB": Unit("at most {} more", word=" MiB", more=" more"),
    "MiB in all": Unit("at most {} in all", word=" MiB", more=" in all"),
    "M/s": Unit("at least {}", digits=2, word=" M packets/s", is_rate=True),
}


@dataclass(frozen=True, slots=True)
class Target:
    """A job, what it is measured against, and how far from that it may be, or how much it is to reach."""

    job: str
    against: str
    limit: float
    stretch: float | None = None
    unit: str = "x"  # of `UNITS`
    least: float = 0  # megabytes that a capture must have for the target to be about it

    @property
    def of(self) -> Unit:
        return UNITS[self.unit]

    @property
    def is_floor(self) -> bool:
        """Whether it is measured against something that does less, and not against vxtap itself or an interpreter."""
        return self.against in (CP, CP_BOTH, ENCODING) or self.against.startswith(WALK)

    def show(self, value: float) -> str:
        return f"{value:.{self.of.digits}f}{self.of.word}"

    def aim(self, value: float) -> str:
        return self.of.aim.format(self.show(value))

    def verdict(self, value: float, megabytes: float) -> str:
        """Whether a median, as printed, meets the target."""
        if megabytes < self.least:
            return f"the target is for {self.least / 1000:g} GB"
        if not self.reaches(value, self.limit):
            return "**not met**"
        return "met, stretch too" if self.stretch is not None and self.reaches(value, self.stretch) else "met"

    def reaches(self, value: float, limit: float) -> bool:
        shown = round(value, self.of.digits)
        return shown >= limit if self.of.is_rate else shown <= limit


TARGETS: dict[str, Target] = {
    "decap": Target("`vxtap decap --workers 1`", CP, 1.05, least=2000),
    "decap-two": Target("`vxtap decap --workers 2`", CP, 0.85, 0.75, least=2000),
    "decap-call": Target("`vxtap.decap()`, one worker", CP, 1.05, 1.00),
    "read": Target("`vxtap.read()`, one worker", f"{WALK} that stores as many bytes a packet", 1.3),
    "read-four": Target("`vxtap.read(columns=4)`, one worker", WALK, 1.2),
    "read-four-default": Target("`vxtap.read(columns=4)`, as it comes", WALK, 1.2),
    "read-two": Target("`vxtap.read(workers=2)`", "`vxtap.read(workers=1)`", 0.70, 0.60),
    "import": Target("`import vxtap`", "`import numpy`", 1.15),
    "help": Target("`vxtap --help`", BARE, 60, unit="ms"),
    "small": Target("`vxtap decap` of 5 KB", BARE, 60, unit="ms"),
    "sights": Target("`vxtap decap`, looking for second sights", "the same with `--no-once`", 1.05),
    "fragments": Target("`vxtap decap`, every packet in two fragments", "the same packets whole", 1.6),
    "merge": Target("`vxtap merge --workers 1`", CP_BOTH, 1.5, least=1000),
    "merge-two": Target("`vxtap merge`, as it comes,", CP_BOTH, 1.5, least=1000),
    "merge-dedup": Target("`vxtap merge --workers 1 --dedup 2ms`", CP_BOTH, 2.5, least=1000),
    "memory": Target("peak memory of `vxtap decap`", BARE, 64, unit="MiB"),
    "memory-batches": Target("peak memory of `vxtap.open().batches(65536)`", BARE, 64, unit="MiB"),
    "memory-merge": Target("peak memory of `vxtap merge` of two captures", BARE, 66, unit="MiB"),
    "scan": Target("`vxtap.scan(columns=4)`, one worker, the call alone", WALK, 6, unit="M/s"),
    "where": Target("`vxtap.scan(columns=4, where=...)` that keeps 1 %, one worker", "the same without `where`", 1.3),
    "convert": Target("`vxtap convert --to parquet -j 2`, whole process,", ENCODING, 2, unit="M/s", least=1000),
    "memory-convert": Target(
        "peak memory of `vxtap convert --to parquet -j 2`", BARE, 512, unit="MiB in all", least=1000
    ),
    "growth-decap": Target("`vxtap.decap()`, time a packet at 10 M packets", "at 1 M packets", 1.05),
    "growth-read": Target("`vxtap.read()`, time a packet at 10 M packets", "at 1 M packets", 1.05),
}


def table() -> Iterator[list[str]]:
    """The targets for people, head first."""
    yield ["job", "measured against", "target", "stretch"]
    for one in TARGETS.values():
        size = f" of {one.least / 1000:g} GB" if one.least else ""
        stretch = "" if one.stretch is None else one.aim(one.stretch)
        yield [one.job + size, one.against, one.aim(one.limit), stretch]
