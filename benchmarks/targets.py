"""What vxtap is to reach: the one table that the report and the documentation are made from."""

from collections.abc import Iterator
from dataclasses import dataclass

CP = "`cp --reflink=never`"
CP_BOTH = "`cp --reflink=never` of both"
BARE = "a bare interpreter"
WALK = "a walk of the record headers"


@dataclass(frozen=True, slots=True)
class Target:
    """A job, what it is measured against, and how far from that it may be."""

    job: str
    against: str
    limit: float
    stretch: float | None = None
    unit: str = "x"  # of the time it is measured against; or "ms" or "MiB" above it
    least: float = 0  # megabytes that a capture must have for the target to be about it

    @property
    def is_floor(self) -> bool:
        """Whether it is measured against something that does less, and not against vxtap itself or an interpreter."""
        return self.against in (CP, CP_BOTH) or self.against.startswith(WALK)

    def show(self, value: float) -> str:
        return f"{value:.2f}" if self.unit == "x" else f"{value:.1f} {self.unit}"

    def verdict(self, value: float, megabytes: float) -> str:
        """Whether a median, as printed, meets the target."""
        if megabytes < self.least:
            return f"the target is for {self.least / 1000:g} GB"
        shown = round(value, 2 if self.unit == "x" else 1)
        if shown > self.limit:
            return "**not met**"
        return "met, stretch too" if self.stretch is not None and shown <= self.stretch else "met"


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
    "growth-decap": Target("`vxtap.decap()`, time a packet at 10 M packets", "at 1 M packets", 1.05),
    "growth-read": Target("`vxtap.read()`, time a packet at 10 M packets", "at 1 M packets", 1.05),
}


def table() -> Iterator[list[str]]:
    """The targets for people, head first."""
    yield ["job", "measured against", "target", "stretch"]
    for one in TARGETS.values():
        sign = "at most {}" if one.unit == "x" else "at most {} more"
        size = f" of {one.least / 1000:g} GB" if one.least else ""
        stretch = "" if one.stretch is None else sign.format(one.show(one.stretch))
        yield [one.job + size, one.against, sign.format(one.show(one.limit)), stretch]
