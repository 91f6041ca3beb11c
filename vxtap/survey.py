"""What a capture is and holds, in one pass in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vxtap import _core, _facts
from vxtap.enums import LinkType, Tunnel
from vxtap.options import DEFAULT_PORTS, Options, only_outer
from vxtap.passes import RowPass, files_of
from vxtap.report import Report, ip_text
from vxtap.source import printable
from vxtap.tables import COLUMNS, link_type_name

if TYPE_CHECKING:
    from typing import Unpack

    from vxtap.errors import VxtapError
    from vxtap.options import Numbers, OuterOptions
    from vxtap.source import Sources

_FORMATS = ("unknown", "pcap", "pcapng")  # vxt_format
# Rows are of no interest here: as narrow as they get, into memory that is used again and again.
_ROW, _ROWS = 1, 1 << 16
_BINARY = 0x80
# Interfaces that are listed: as many as tunnels are told apart.
_MOST_INTERFACES = 4096


def resolution_text(ts_resol: int) -> str:
    """What a pcapng if_tsresol means."""
    if ts_resol & _BINARY:
        return f"2^-{ts_resol & 0x7F} s"
    return {3: "milliseconds", 6: "microseconds", 9: "nanoseconds"}.get(ts_resol, f"10^-{ts_resol} s")


@dataclass(slots=True, kw_only=True)
class Info:
    """What `vxtap.info` found.

    Attributes
    ----------
    name : str
        The source.
    report : Report
        Every frame accounted for.
    format : str
        'pcap' or 'pcapng'; 'mixed' where a rotated set has both.
    details : str
        The variant, for people: byte order, version, resolution.
    compression : str
        'gzip', 'zstd' or 'lz4'; empty where there is none. Of a rotated set all that there are.
    link_types : list of str
        Names with numbers, such as 'LINUX_SLL2 (276)'.
    interfaces : list of dict
        number, name, link_type, resolution, snaplen, frames; of SLL2 captures one for each interface index in the
        headers.
    tunnels : list of dict
        tunnel, vni, outer_src, outer_dst, frames, bytes (of inner frames on the wire); most frames first.
    other_tunnels : int
        Frames of tunnels beyond the 4,096 that are told apart.
    other_interfaces : int
        Interfaces beyond the 4,096 that are listed.
    looks_like_vxlan : list of dict
        port, frames: UDP ports that were not asked for and carry what looks like VXLAN.
    unreachables : int
        ICMP errors, among the frames skipped as ``not_udp``, that say 'destination unreachable' of a tunnel's packet:
        nobody listens on the collector.
    """

    name: str
    report: Report
    format: str
    details: str
    compression: str = ""
    link_types: list[str] = field(default_factory=list)
    interfaces: list[dict[str, Any]] = field(default_factory=list)
    tunnels: list[dict[str, Any]] = field(default_factory=list)
    other_tunnels: int = 0
    other_interfaces: int = 0
    looks_like_vxlan: list[dict[str, int]] = field(default_factory=list)
    unreachables: int = 0

    @property
    def vnis(self) -> list[int]:
        """The VXLAN network identifiers seen, in rising order."""
        return sorted({tunnel["vni"] for tunnel in self.tunnels})

    def to_dict(self) -> dict[str, Any]:
        """Return all of it for JSON: the report's keys at top level, and those of this object."""
        return {
            **self.report.to_dict(),
            "format": self.format,
            "details": self.details,
            "compression": self.compression,
            "link_types": self.link_types,
            "interfaces": self.interfaces,
            "other_interfaces": self.other_interfaces,
            "vnis": self.vnis,
            "tunnels": self.tunnels,
            "other_tunnels": self.other_tunnels,
            "looks_like_vxlan": self.looks_like_vxlan,
            "unreachables": self.unreachables,
        }


def _details(formats: list[tuple[int, bool, int, int, int, int]]) -> tuple[str, str]:
    """What the files of a capture are: usually all the same."""
    known = dict.fromkeys(one for one in formats if one[0]) or formats[-1:]
    kinds = {_FORMATS[one[0]] for one in known}
    return kinds.pop() if len(kinds) == 1 else "mixed", "; ".join(dict.fromkeys(map(_variant, known)))


def _variant(one: tuple[int, bool, int, int, int, int]) -> str:
    _, big, major, minor, tick, record = one
    parts = ["big-endian" if big else "little-endian", f"version {major}.{minor}"]
    if tick:
        parts.append("nanoseconds" if tick == 1 else "microseconds")
    if record > 16:
        parts.append(f"modified, {record} bytes a record header")
    return ", ".join(parts)


def _interfaces(books: _core.Pass) -> tuple[list[dict[str, Any]], int]:
    """The interfaces with what is known of them, and how many more there are."""
    known, more = books.interfaces()
    rows: list[dict[str, Any]] = []
    cooked, cooked_more = books.counters(False)
    told = False  # of the headers' indexes, which are not told apart by pcapng interface
    for number, link_type, snaplen, ts_resol, _, name, frames in known[:_MOST_INTERFACES]:
        common = {
            "link_type": link_type_name(link_type),
            "resolution": resolution_text(ts_resol),
            "snaplen": snaplen,
        }
        if link_type != LinkType.LINUX_SLL2 or not cooked:
            text = printable(name.decode("utf-8", "replace"))
            rows.append({"number": number, "name": text, **common, "frames": frames})
            continue
        if told:
            continue
        told = True
        rows += [{"number": index, "name": "", **common, "frames": count} for index, count in cooked]
        if cooked_more:
            rows.append({"number": None, "name": "others", **common, "frames": cooked_more})
    return rows, more + max(0, len(known) - _MOST_INTERFACES)


def tunnel_rows(books: _core.Pass) -> tuple[list[dict[str, Any]], int]:
    """The tunnels of a pass that took a census, most frames first, and frames of those beyond the limit."""
    merged: dict[tuple[int, int, bytes, bytes], list[int]] = {}
    rows, other = books.tunnels()
    for (
        kind,
        vni,
        src,
        dst,
        _,
        frames,
        size,
    ) in rows:  # the core tells clocks apart too, which nobody wants to see
        counts = merged.setdefault((kind, vni, src, dst), [0, 0])
        counts[0] += frames
        counts[1] += size
    tunnels = [
        {
            "tunnel": Tunnel(kind).name,
            "vni": vni,
            "outer_src": ip_text(src),
            "outer_dst": ip_text(dst),
            "frames": frames,
            "bytes": size,
        }
        for (kind, vni, src, dst), (frames, size) in merged.items()
        if frames and kind != Tunnel.NONE
    ]
    return sorted(tunnels, key=lambda row: -row["frames"]), other


def likely_ports(books: _core.Pass) -> list[dict[str, int]]:
    """UDP ports that carry what looks like VXLAN, most frames first."""
    rows = [{"port": port, "frames": count} for port, count in books.counters(True)[0]]
    return sorted(rows, key=lambda row: -row["frames"])


def link_types(books: _core.Pass) -> list[str]:
    """The link types of a capture's interfaces, named."""
    return [link_type_name(number) for number in sorted({row[1] for row in books.interfaces()[0]})]


def survey(source: Sources, options: Options) -> tuple[Info, VxtapError | OSError | MemoryError | None]:
    """Take stock of a source up to its end or a fault, which is given back beside what was found."""
    status = COLUMNS.index("status")
    offset, size = _facts.fields()[status][2:4]
    run = RowPass(files_of(source, options), options, [(offset, size, 0)], _ROW, level=0, census=True)
    rows = bytearray(_ROW * _ROWS)
    try:
        full = True
        while full:
            _, full = run.fill(rows, 0)
    finally:
        run.close()
    tunnels, other = tunnel_rows(run.books)
    interfaces, other_interfaces = _interfaces(run.books)
    kind, details = _details([*run.ends.formats, run.books.format])
    found = Info(
        name=run.files.name,
        report=run.report(),
        format=kind,
        details=details,
        compression=", ".join(dict.fromkeys([*run.ends.compressions, *filter(None, [run.files.origin.compression])])),
        link_types=link_types(run.books),
        interfaces=interfaces,
        tunnels=tunnels,
        other_tunnels=other,
        other_interfaces=other_interfaces,
        looks_like_vxlan=likely_ports(run.books),
        unreachables=run.books.unreachables,
    )
    return found, run.error


def info(
    source: Sources,
    *,
    ports: Numbers = DEFAULT_PORTS,
    vni: Numbers | None = None,
    strict: bool = False,
    **outer: Unpack[OuterOptions],
) -> Info:
    """Tell what a capture is and holds, in one streaming pass.

    Parameters
    ----------
    source : str, os.PathLike, buffer or binary file object, or a list of those
        As for `vxtap.open`.
    ports, vni, where, strict, tunnels, depth, once, partial, fragment_timeout, fragment_memory
        As for `vxtap.open`.

    Returns
    -------
    Info
        Format, link types, interfaces, times, tunnels, and why frames were skipped.

    Raises
    ------
    FormatError, OSError
        For what is not a capture, is damaged, or cannot be read.
    """
    found, error = survey(source, Options(ports=ports, vni=vni, strict=strict, **only_outer(outer)))
    if error is not None:
        raise error
    return found
