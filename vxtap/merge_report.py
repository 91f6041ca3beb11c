"""What has become of the packets of several sources."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vxtap._merge import delay_least
from vxtap.report import Report, ip_text

if TYPE_CHECKING:
    from vxtap.lanes import Lanes

_HALF, _MOST = 0.5, 0.99


@dataclass(frozen=True, slots=True)
class Vantage:
    """Where packets were seen.

    Attributes
    ----------
    source : int
        Number of the input.
    vni : int
        Network identifier of the tunnel.
    outer_src : str
        The tunnel's source address.
    frames : int
        Packets seen there.
    """

    source: int
    vni: int
    outer_src: str
    frames: int = 0

    def __str__(self) -> str:
        return f"source {self.source}, VNI {self.vni} from {self.outer_src}"


@dataclass(frozen=True, slots=True)
class Delay:
    """How long packets took from one vantage point to another, in nanoseconds; below 0 against the clocks.

    `median` and `p99` are known to an eighth of a power of two.
    """

    min: int
    median: int
    p99: int
    max: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Packets that were seen from two vantage points, from `first` first.

    Attributes
    ----------
    first, second : Vantage
        The points.
    count : int
        How many packets.
    delay : Delay
        From the one sight to the other.
    """

    first: Vantage
    second: Vantage
    count: int
    delay: Delay


def _delay(least: int, most: int, bins: list[int]) -> Delay:
    def quantile(part: float) -> int:
        left = part * sum(bins)
        for i, count in enumerate(bins):
            left -= count
            if left <= 0:
                middle = (delay_least(i) + delay_least(i + 1)) // 2
                return max(least, min(most, middle))
        return most

    return Delay(least, quantile(_HALF), quantile(_MOST), most)


@dataclass(slots=True, kw_only=True)
class MergeReport(Report):
    """The books of a merge: those of a report, over all sources, and more.

    ``decapsulated == written + duplicates``, once all has come out: before, some packets wait for their turn.

    Attributes
    ----------
    sources : list of Report
        Of each source by itself.
    names : list of str
        Their names.
    written : int
        Packets that came out.
    duplicates : int
        Packets that were dropped: another vantage point had seen them.
    late : int
        Packets that came out behind one with a later time: their source was more out of order than `window`.
    pairs : list of Pair
        Duplicates by pair of vantage points, most first.
    other_pairs : int
        Duplicates of pairs beyond the 512 that are told apart.
    undecided : int
        Packets that could not be compared, and are kept: their headers are cut, they have no time, or more sights are
        alike, or more vantage points there, than can be told apart. See docs/merge.md.
    forgotten : int
        Packets that had to be forgotten before `dedup` was over, for want of memory.
    super_segments : int
        Data that another vantage point saw in pieces of another size: segmentation offload. Both are kept.
    offsets : list of dict
        With `align`: for each source what its clock is ahead of the first one's; see docs/clocks.md.
    """

    sources: list[Report] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    written: int = 0
    duplicates: int = 0
    late: int = 0
    pairs: list[Pair] = field(default_factory=list)
    other_pairs: int = 0
    undecided: int = 0
    forgotten: int = 0
    super_segments: int = 0
    offsets: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON: the keys of `Report.to_dict` over all sources, and those of a merge."""
        return {
            **Report.to_dict(self),
            "written": self.written,
            "duplicates": self.duplicates,
            "late": self.late,
            "pairs": [
                {
                    "first": _point(pair.first),
                    "second": _point(pair.second),
                    "count": pair.count,
                    "delay": {name: getattr(pair.delay, name) for name in ("min", "median", "p99", "max")},
                }
                for pair in self.pairs
            ],
            "other_pairs": self.other_pairs,
            "undecided": self.undecided,
            "forgotten": self.forgotten,
            "super_segments": self.super_segments,
            "offsets": self.offsets,
            "sources": [{"name": name, **one.to_dict()} for name, one in zip(self.names, self.sources, strict=True)],
        }

    def __str__(self) -> str:
        """One line for people."""
        found = f"; {self.duplicates:,} duplicates" if self.duplicates else ""
        late = f"; {self.late:,} came late" if self.late else ""
        sources = f"{len(self.sources):,} source{'s' if len(self.sources) != 1 else ''}"
        return f"{sources}, {Report.__str__(self)}; {self.written:,} packets in order{found}{late}"


def _point(one: Vantage) -> dict[str, Any]:
    return {"source": one.source, "vni": one.vni, "outer_src": one.outer_src}


def _pairs(lanes: Lanes) -> tuple[list[Pair], int]:
    merger = lanes.merger
    points = [Vantage(source, vni, ip_text(address), frames) for source, vni, address, frames in merger.vantages()]
    rows, other = merger.pairs()
    pairs = [
        Pair(points[first], points[second], count, _delay(least, most, bins))
        for first, second, count, least, most, bins in rows
    ]
    return sorted(pairs, key=lambda pair: -pair.count), other


def take_stock_of(lanes: Lanes) -> MergeReport:
    """Read the books of a merge."""
    total = MergeReport(files=0)
    for lane, (given, late, dropped, unfit) in zip(lanes.lanes, lanes.merger.counts, strict=True):
        one = lane.run.report()
        if unfit:
            one.decapsulated -= unfit
            one.skipped += Counter(no_ethernet=unfit)
        total.sources.append(one)
        total.names.append(lane.run.files.name)
        total.add(one)
        total.written += given
        total.late += late
        total.duplicates += dropped
    total.undecided, total.forgotten, total.super_segments = lanes.merger.twins
    total.times_rounded, total.times_lost = lanes.merger.times
    if lanes.clocks is not None:
        total.offsets = [{**one.to_dict(), "text": str(one)} for one in lanes.clocks.offsets]
    total.pairs, total.other_pairs = _pairs(lanes)
    return total
