"""What a comparison has found, for programs and for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vxtap.address import end_text, format_ip
from vxtap.report import iso_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vxtap.merge_report import MergeReport

    Array = np.ndarray[Any, np.dtype[Any]]

_MOST = 5  # of each kind that the text names
# A hole that the text tells: so many packets, or so long.
_TELLING_PACKETS, _TELLING_TIME = 10, np.timedelta64(100, "ms")


@dataclass(frozen=True, slots=True)
class Side:
    """One side, as far as it was compared.

    Attributes
    ----------
    packets, bytes : int
        That were compared, and their bytes on the wire, as inner frames.
    data_packets : int
        Of those, TCP packets with data.
    outside : int
        Packets outside of the time that both sides were recorded, without a counterpart.
    elsewhere : int
        Packets that have nothing to do with the other side: of the mirror those between addresses that the source has
        no packet between, and frames without IP that it does not have; of the source those of its loopback.
    unreadable : int
        Packets that a snaplen has cut within their headers.
    no_time : int
        Packets without a time.
    report : MergeReport
        The books of all its sources.
    """

    packets: int
    bytes: int
    data_packets: int
    outside: int
    elsewhere: int
    unreadable: int
    no_time: int
    report: MergeReport

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        counts = ("packets", "bytes", "data_packets", "outside", "elsewhere", "unreadable", "no_time")
        return {**{name: getattr(self, name) for name in counts}, "report": self.report.to_dict()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """Whether a mirror is complete, and what it lacks. `vxtap.compare` makes one.

    Attributes
    ----------
    complete : bool
        Something was compared, and the mirror has all of it: `missing_bytes`, `only_source` and `truncated` are 0.
    source_bytes, mirror_bytes : int
        Different bytes of TCP on either side.
    missing_bytes, only_mirror_bytes : int
        Those that only the source, and only the mirror has.
    source_repeated, mirror_repeated : int
        Bytes of TCP that were sent more than once.
    matched, only_source, only_mirror : int
        All other packets: those that both sides have, and those that one has.
    truncated : int
        Packets of the mirror that hold less than the source's do.
    one_way : str
        'egress' or 'ingress' where the mirror has nothing of the other direction of the source machine; else ''.
    machine : str
        The address that most of the source's packets go from or to; of two that only talk to each other, the lower.
    around : int
        Bytes that VXLAN's outer headers take on the wire, 50 or 70 a packet.
    first, last : numpy.datetime64 or None
        The time that both sides were recorded, on the source's clock; None where `delays` is empty.
    connections : numpy.ndarray of dtype `vxtap.streams.CONNECTION`
        One row for each direction of each TCP connection with data.
    missing : numpy.ndarray of dtype `vxtap.streams.MISSING`
        One row for each range of bytes that the mirror lacks.
    delays : numpy.ndarray of dtype `vxtap.delays.DELAY`
        One row for each source of the mirror that has packets of the source.
    holes : numpy.ndarray of dtype `vxtap.comparing.HOLE`
        Times in which the mirror has nothing of two or more packets in a row.
    source, mirror : Side
        The two sides.
    """

    complete: bool
    source_bytes: int
    mirror_bytes: int
    missing_bytes: int
    only_mirror_bytes: int
    source_repeated: int
    mirror_repeated: int
    matched: int
    only_source: int
    only_mirror: int
    truncated: int
    one_way: str
    machine: str
    around: int
    first: np.datetime64 | None
    last: np.datetime64 | None
    connections: Array
    missing: Array
    delays: Array
    holes: Array
    source: Side
    mirror: Side

    @property
    def connection_count(self) -> int:
        """TCP connections with data."""
        return len(np.unique(self.connections["connection"]))

    @property
    def packet_factor(self) -> float:
        """Packets of the mirror for each packet of the source; 0 where the source has none."""
        return self.mirror.packets / self.source.packets if self.source.packets else 0.0

    @property
    def byte_factor(self) -> float:
        """The same of the bytes of inner frames."""
        return self.mirror.bytes / self.source.bytes if self.source.bytes else 0.0

    @property
    def wire_factor(self) -> float:
        """Bytes of the mirror with its outer headers for each byte of the source."""
        return (self.mirror.bytes + self.around) / self.source.bytes if self.source.bytes else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return all but `connections` and `missing` for JSON; delays in nanoseconds, times as ISO 8601 UTC."""
        delays = [_delay(row) for row in self.delays]
        return {
            "complete": self.complete,
            "first": _iso(self.first),
            "last": _iso(self.last),
            "tcp": {
                "source_bytes": self.source_bytes,
                "mirror_bytes": self.mirror_bytes,
                "missing_bytes": self.missing_bytes,
                "only_mirror_bytes": self.only_mirror_bytes,
                "source_repeated": self.source_repeated,
                "mirror_repeated": self.mirror_repeated,
                "connections": self.connection_count,
                "missing_ranges": len(self.missing),
            },
            "packets": {
                "matched": self.matched,
                "only_source": self.only_source,
                "only_mirror": self.only_mirror,
                "truncated": self.truncated,
            },
            "delay": max(delays, key=lambda row: row["packets"], default=None),
            "delays": delays,
            "holes": [
                {
                    "first": _iso(row["first"]),
                    "last": _iso(row["last"]),
                    "packets": int(row["packets"]),
                    "bytes": int(row["bytes"]),
                }
                for row in self.holes
            ],
            "machine": self.machine,
            "one_way": self.one_way,
            "factor": {"packets": self.packet_factor, "bytes": self.byte_factor, "wire": self.wire_factor},
            "source": self.source.to_dict(),
            "mirror": self.mirror.to_dict(),
        }

    def summary(self) -> str:
        """Say it for people, in a few lines."""
        return "\n".join(_lines(self))

    def __str__(self) -> str:
        """As `summary`."""
        return self.summary()


def _iso(time: Any) -> str | None:
    return None if time is None or np.isnat(time) else iso_time(int(time.astype("M8[ns]").astype(np.int64)))


def _delay(row: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"source": int(row["source"]), "packets": int(row["packets"])}
    for name in ("min", "median", "p99", "max", "drift"):
        found[name] = None if np.isnat(row[name]) else int(row[name].astype(np.int64))
    return found


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(ns: int) -> str:
    """A time for people: '16 us', '-2.031 ms', '3.5 s'."""
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if abs(ns) >= size:
            return f"{ns / size:,.3f}".rstrip("0").rstrip(".") + f" {unit}"
    return f"{ns} ns"


def _lines(found: Comparison) -> Iterator[str]:
    yield _verdict(found)
    yield (
        f"TCP: {found.source_bytes:,} bytes of {_many(found.connection_count, 'connection')} at the source,"
        f" {found.mirror_bytes:,} in the mirror, {found.missing_bytes:,} missing"
        + (f", {found.only_mirror_bytes:,} only in the mirror" if found.only_mirror_bytes else "")
    )
    if found.source_repeated or found.mirror_repeated:
        yield f"sent again: {found.source_repeated:,} bytes at the source, {found.mirror_repeated:,} in the mirror"
    yield (
        f"other packets: {found.matched:,} matched, {found.only_source:,} only at the source,"
        f" {found.only_mirror:,} only in the mirror"
    )
    if found.truncated:
        yield f"cut in the mirror: {_many(found.truncated, 'packet')}; record it with tcpdump -s 0"
    yield from _about_loss(found)
    yield from _about_time(found)
    yield from _about_size(found)
    yield from _about_the_rest(found)


def _verdict(found: Comparison) -> str:
    if found.complete:
        return "complete: the mirror has all that the source has"
    if not found.source.packets:
        return "nothing to compare: the two have no time in common, or the source has no packets"
    if not found.matched and not found.mirror_bytes:
        return "INCOMPLETE: the mirror has nothing of the source"
    parts = [
        f"{found.missing_bytes:,} bytes of TCP ({_percent(found.missing_bytes, found.source_bytes)})"
        if found.missing_bytes
        else "",
        _many(found.only_source, "other packet") if found.only_source else "",
    ]
    lacks = " and ".join(filter(None, parts)) or f"the end of {_many(found.truncated, 'packet')}"
    return f"INCOMPLETE: the mirror lacks {lacks}"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.3g} %" if whole else "0 %"


def _about_loss(found: Comparison) -> Iterator[str]:
    if found.one_way:
        other = {"egress": "ingress", "ingress": "egress"}[found.one_way]
        yield f"one way: the mirror has {found.one_way} of {found.machine} and no {other}"
    lacking = found.connections[found.connections["missing_bytes"] > 0]
    lacking = lacking[np.argsort(lacking["missing_bytes"], kind="stable")[::-1]]
    for row in lacking[:_MOST]:
        yield (
            f"  {end_text(format_ip(row['src']), row['sport'])} > {end_text(format_ip(row['dst']), row['dport'])}:"
            f" {row['missing_bytes']:,} of {row['source_bytes']:,} bytes missing"
        )
    if len(lacking) > _MOST:
        yield f"  ... and {len(lacking) - _MOST:,} more"
    length = found.holes["last"] - found.holes["first"]
    holes = found.holes[(found.holes["packets"] >= _TELLING_PACKETS) | (length >= _TELLING_TIME)]
    holes = holes[np.argsort(holes["packets"], kind="stable")[::-1]]
    for row in holes[:_MOST]:
        lasted = int((row["last"] - row["first"]).astype(np.int64))
        yield (
            f"hole: from {_iso(row['first'])} for {duration(lasted)}: {row['packets']:,} packets,"
            f" {row['bytes']:,} bytes in a row"
        )
    if len(holes) > _MOST:
        yield f"... and {len(holes) - _MOST:,} more holes"


def _about_time(found: Comparison) -> Iterator[str]:
    names = found.mirror.report.names
    for row in found.delays:
        each = _delay(row)
        drift = f", drift {duration(each['drift'])} a minute" if each["drift"] is not None else ""
        of = f" ({names[each['source']]})" if len(names) > 1 else ""
        yield (
            f"delay{of}: median {duration(each['median'])}, {duration(each['min'])} to {duration(each['p99'])} (99 %),"
            f" by {_many(each['packets'], 'packet')}{drift}"
        )
    if not len(found.delays):
        yield "delay: unknown, since no packet is exactly once on each side; nothing could be lined up"
    if found.source.outside or found.mirror.outside:
        yield (
            f"outside of the common time, {_iso(found.first)} to {_iso(found.last)}:"
            f" {_many(found.source.outside, 'packet')} at the source, {found.mirror.outside:,} in the mirror"
        )


def _about_size(found: Comparison) -> Iterator[str]:
    source, mirror = found.source, found.mirror
    if not source.packets or not mirror.packets:
        return
    cause = ""
    if mirror.data_packets > source.data_packets:
        cause = (
            f": {mirror.data_packets:,} TCP segments in place of {source.data_packets:,} packets, which the source's"
            " network card divides (segmentation offload)"
        )
    yield (
        f"packets: {source.packets:,} at the source, {mirror.packets:,} in the mirror,"
        f" {found.packet_factor:.3g}x{cause}"
    )
    yield (
        f"bytes: {source.bytes:,} at the source, {mirror.bytes:,} in the mirror, {found.byte_factor:.3g}x;"
        f" with the tunnels' headers {mirror.bytes + found.around:,}, {found.wire_factor:.3g}x"
    )


def _about_the_rest(found: Comparison) -> Iterator[str]:
    if found.mirror.elsewhere:
        yield f"of others, in the mirror: {_many(found.mirror.elsewhere, 'packet')}, not between the source's addresses"
    if found.source.elsewhere:
        yield f"of the loopback, at the source: {_many(found.source.elsewhere, 'packet')}, which no mirror has"
    for name, side in (("source", found.source), ("mirror", found.mirror)):
        if side.unreadable:
            yield f"cut within their headers, in the {name}: {_many(side.unreadable, 'packet')}, not to be compared"
        if side.no_time:
            yield f"without a time, in the {name}: {_many(side.no_time, 'packet')}, not compared"
    if found.mirror.report.frames and not found.mirror.report.decapsulated:
        yield "nothing in the mirror was decapsulated: is it the source's capture, or are other --ports its?"
