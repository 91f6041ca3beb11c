"""How complete a mirror is, by its captures alone: holes, one-way traffic, what is cut or lost, and why (`health`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vxtap import advice
from vxtap.conversations import FlowTable
from vxtap.enums import Flag
from vxtap.errors import OptionError
from vxtap.health_report import Health
from vxtap.holes import Holes
from vxtap.lengths import Lengths
from vxtap.merging import Merged
from vxtap.oneway import ConversationBooks
from vxtap.options import DEDUP, DEFAULT_PORTS, ETHERNET_MTU, GAP, WINDOW, Options, only_outer, parse_duration
from vxtap.sides import Sides
from vxtap.survey import likely_ports
from vxtap.tunnel_books import TunnelBooks

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import SupportsIndex, Unpack

    from vxtap.options import Duration, Numbers, OuterOptions
    from vxtap.passes import RowPass
    from vxtap.source import Source, Sources

    Array = np.ndarray[Any, np.dtype[Any]]
    Packets = np.ndarray[tuple[int], np.dtype[np.void]]
    Inputs = Source | list[Sources] | tuple[Sources, ...]
    Progress = Callable[[int, int | None], None]

_LEAST_MTU, _MOST_MTU = 68, 1 << 24
_TCP, _UDP = 6, 17
_WHOLE = 0xFFFFFFFF  # a snaplen that says nothing


class Cuts:
    """Inner frames that are not whole, over all sources and for each."""

    def __init__(self) -> None:
        self.by_source: dict[int, int] = {}
        self._longest = self._headers = self._malformed = 0

    def take(self, rows: Packets) -> None:
        """Count rows in."""
        flags = rows["flags"]
        self._malformed += int(np.count_nonzero(flags & np.uint32(Flag.MALFORMED_INNER)))
        cut = rows[(flags & np.uint32(Flag.TRUNCATED)) != 0]
        if not cut.size:
            return
        self._longest = max(self._longest, int(cut["caplen"].max()))
        self._headers += int(np.count_nonzero(np.isin(cut["proto"], (_TCP, _UDP)) & (cut["payload"] == 0)))
        for source, count in zip(*np.unique(cut["source"], return_counts=True), strict=True):
            self.by_source[int(source)] = self.by_source.get(int(source), 0) + int(count)

    def to_dict(self) -> dict[str, int]:
        """Return the counts for people and JSON."""
        return {
            "frames": sum(self.by_source.values()),
            "longest": self._longest,
            "headers": self._headers,
            "malformed": self._malformed,
        }


class Checkup:
    """Takes rows in order of time and remembers what `Health` tells of them, in bounded memory.

    Parameters
    ----------
    gap : int
        Nanoseconds that a hole has at least.
    mtu : int
        Bytes of an IP packet that the networks carry.
    """

    def __init__(self, gap: int, mtu: int) -> None:
        self.tunnels = TunnelBooks()
        self.holes = Holes(gap)
        self.conversations = ConversationBooks()
        self.lengths = Lengths(mtu)
        self.cuts = Cuts()
        self._sides = Sides()
        self._flows = FlowTable()

    def take(self, rows: Packets) -> None:
        """Count rows in: those with `Flag.DUPLICATE` for the books of the tunnels and for the holes only."""
        origins = self.tunnels.take(rows)
        self.holes.take(origins, rows["ts"])
        single = (rows["flags"] & np.uint32(Flag.DUPLICATE)) == 0
        if not single.all():
            rows, origins = rows[single], origins[single]
        if not rows.size:
            return
        self.lengths.take(rows)
        self.cuts.take(rows)
        self._sides.take(origins, rows)
        self._count(self._flows.take(rows))

    def _count(self, flows: Array) -> None:
        if flows.size:
            self.conversations.take(flows, self._sides.known(self.tunnels.origins))

    def end(self) -> None:
        """Nothing more comes."""
        self._count(self._flows.rest())


def _snaplen(run: RowPass) -> int:
    """The least snaplen of a source's interfaces; 0 where none is told."""
    known = [row[2] for row in run.books.interfaces()[0] if 0 < row[2] < _WHOLE]
    return min(known, default=0)


def _collectors(checkup: Checkup, tunnels: list[dict[str, Any]], merged: Merged) -> list[dict[str, Any]]:
    """What each source has of all."""
    packets, sizes = (sum(row[name] for row in tunnels) for name in ("packets", "bytes"))
    rows = []
    for source, run in enumerate(merged.passes):
        own = [row for row in tunnels if row["collector"] == source]
        mine, size = sum(row["packets"] for row in own), sum(row["bytes"] for row in own)
        row = {
            "source": source,
            "name": run.files.name,
            "packets": mine,
            "bytes": size,
            "packets_share": round(mine / max(1, packets), 4),
            "bytes_share": round(size / max(1, sizes), 4),
            "snaplen": _snaplen(run),
            "cut": checkup.cuts.by_source.get(source, 0),
            "unreachables": run.books.unreachables,
        }
        rows.append(row)
    return rows


def _ports(merged: Merged) -> list[dict[str, int]]:
    """UDP ports of any source that carry what looks like VXLAN, most frames first."""
    found: dict[int, int] = {}
    for run in merged.passes:
        for row in likely_ports(run.books):
            found[row["port"]] = found.get(row["port"], 0) + row["frames"]
    rows = [{"port": port, "frames": count} for port, count in found.items()]
    return sorted(rows, key=lambda row: (-row["frames"], row["port"]))


def _conclude(checkup: Checkup, merged: Merged, options: Options, gap: int) -> Health:
    checkup.end()
    report = merged.report
    tunnels = checkup.tunnels.rows()
    origins = checkup.tunnels.origins
    holes, other_holes = checkup.holes.rows(origins)
    edges, other_edges = checkup.holes.edges(origins)
    lengths = checkup.lengths.to_dict()
    found = Health(
        report=report,
        ports=options.port_numbers,
        gap=gap / 1e9,
        tunnels=tunnels,
        other_tunnels=checkup.tunnels.other,
        collectors=_collectors(checkup, tunnels, merged),
        conversations=checkup.conversations.to_dict(),
        one_way=checkup.conversations.one_way(),
        holes=holes,
        other_holes=other_holes,
        edges=edges,
        other_edges=other_edges,
        truncation=checkup.cuts.to_dict(),
        fragments={
            "joined": report.skipped["fragment_joined"],
            "lost": report.skipped["fragment_lost"],
            "overlapping": report.skipped["fragment_overlap"],
            "reassembled": lengths["reassembled"],
        },
        second_sights=report.skipped["second_sight"],
        unreachables=sum(run.books.unreachables for run in merged.passes),
        lengths=lengths,
        looks_like_vxlan=_ports(merged),
    )
    found.findings = advice.find(found, window=f"{options.window_ns / 1e6:g} ms")
    return found


def _check_mtu(mtu: SupportsIndex) -> int:
    try:
        value = mtu.__index__()
    except AttributeError:
        raise OptionError(f"mtu: expected a number of bytes, got {mtu!r}") from None
    if isinstance(mtu, bool) or not _LEAST_MTU <= value <= _MOST_MTU:
        raise OptionError(f"mtu: {mtu!r} is not within {_LEAST_MTU:,} to {_MOST_MTU:,}")
    return value


def _check_gap(gap: Duration) -> int:
    value = parse_duration(gap, "gap")
    if not value:
        raise OptionError(f"gap: expected a duration above 0, got {gap!r}")
    return value


def examine(
    sources: Inputs,
    options: Options,
    *,
    gap: Duration = GAP,
    mtu: SupportsIndex = ETHERNET_MTU,
    progress: Progress | None = None,
) -> tuple[Health, BaseException | None]:
    """Examine sources up to their ends or a fault, which is given back beside what was found."""
    least = _check_gap(gap)
    checkup = Checkup(least, _check_mtu(mtu))
    with Merged(sources, options, mark=True, census=True) as merged:
        sizes = [run.files.size for run in merged.passes]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        error: BaseException | None = None
        try:
            for rows in merged.batches():
                checkup.take(rows)
                if progress is not None:
                    progress(sum(run.books.offset for run in merged.passes), total)
        except Exception as fault:
            if fault is not merged.error:
                raise
            error = fault
        return _conclude(checkup, merged, options, least), error


def health(
    sources: Inputs,
    *,
    gap: Duration = GAP,
    mtu: SupportsIndex = ETHERNET_MTU,
    dedup: Duration | None = DEDUP,
    window: Duration = WINDOW,
    ports: Numbers = DEFAULT_PORTS,
    vni: Numbers | None = None,
    strict: bool = False,
    **outer: Unpack[OuterOptions],
) -> Health:
    """Tell how complete a mirror is, by the captures of its collectors alone, in one streaming pass.

    Parameters
    ----------
    sources : a source, or a list of sources
        As for `vxtap.merge`: all collectors at once, so that what one lacks and another has is not called missing.
    gap : float or str
        Silence of a tunnel source from which on it can be a hole: seconds, or text such as '5s'.
    mtu : int
        Bytes of an IP packet that the networks carry, for counting what is longer.
    dedup : float or str, optional
        Packets that another vantage point has seen at most this long before are duplicates: they are counted as such,
        and as packets of their tunnel, and left out of all else. None: none are looked for.
    window : float or str
        Within how long a source may itself be out of order.
    ports, vni, where, strict, tunnels, depth, once, partial, fragment_timeout, fragment_memory
        As for `vxtap.open`.

    Returns
    -------
    Health
        What was found, with likely causes.

    Raises
    ------
    OptionError
        For options that make no sense.
    FormatError, OSError
        For a source that is no capture, is damaged, or cannot be read.

    Examples
    --------
    >>> found = vxtap.health(["nva1.pcap", "nva2.pcap"])
    >>> for finding in found.findings:
    ...     print(finding["text"], finding["advice"])
    """
    own: dict[str, Any] = {"dedup": dedup, "window": window, "strict": strict}
    options = Options(ports=ports, vni=vni, **own, **only_outer(outer))
    found, error = examine(sources, options, gap=gap, mtu=mtu)
    if error is not None:
        raise error
    return found
