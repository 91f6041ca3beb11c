"""What `vxtap.health` found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vxtap.merge_report import MergeReport


@dataclass(slots=True, kw_only=True)
class Health:
    """How complete a mirror is, as far as its captures tell.

    A collector is one of the sources; it is named by its number. A tunnel source is an outer source address with a
    VNI, over all collectors. Times are ISO 8601 UTC text.

    Attributes
    ----------
    report : MergeReport
        Every frame accounted for, of all sources and of each; duplicates by pair of vantage points.
    ports : tuple of int
        UDP ports that were taken for VXLAN.
    gap : float
        Seconds that a hole has at least.
    tunnels : list of dict
        tunnel, vni, outer_src, outer_dst, collector, packets, bytes (of inner frames on the wire), duplicates, first,
        last. Duplicates are packets, too.
    other_tunnels : int
        Packets of tunnels beyond the 4,096 that are told apart.
    collectors : list of dict
        source, name, packets, bytes, packets_share and bytes_share (of all), snaplen (0: not known), cut (inner
        frames), unreachables.
    conversations : dict
        count, split (seen by several collectors), missing_bytes (TCP payload that was acknowledged or passed over, and
        not seen, where both directions were), payload (bytes of those).
    one_way : dict
        Of conversations with packets in one direction only: count, share (of all), packets, bytes; egress, ingress,
        unknown (by the side of the mirrored machine); answered (TCP that acknowledges what was not seen), public (from
        the machine to a public address), unanswerable (not counted: to many, or ICMP but echoes), top (list of dict).
    holes : list of dict
        outer_src, vni, begin, end, seconds, bursts_per_second, usual_seconds; longest first. docs/health.md says what
        a hole is.
    other_holes : int
        Holes beyond the 1,000 that are listed.
    edges : list of dict
        The same with `what`: 'begins' or 'ends'. Tunnel sources that begin so much later or end so much earlier than
        others that it would be a hole.
    other_edges : int
        Those beyond 1,000.
    truncation : dict
        frames (inner frames that are cut), longest (bytes of such), headers (those without a whole TCP or UDP header),
        malformed (inner frames whose headers promise more than came, or contradict themselves).
    fragments : dict
        joined, lost, overlapping (outer fragments), reassembled (inner frames).
    second_sights : int
        Frames that show a packet again that another interface of the collector has shown.
    unreachables : int
        ICMP errors that say that nobody listens where a tunnel ends.
    lengths : dict
        mtu, bins (from, to, frames: of inner frames), longest, above_untagged and above_tagged (longer than an Ethernet
        frame of that MTU, without and with a VLAN tag), longest_outer and outer_above_mtu (outer IP packets, before
        anybody cut them into fragments), reassembled.
    looks_like_vxlan : list of dict
        port, frames: UDP ports that were not asked for and carry what looks like VXLAN.
    findings : list of dict
        finding, problem (bool), numbers, text, advice: in the order of the table in docs/health.md.
    """

    report: MergeReport
    ports: tuple[int, ...]
    gap: float
    tunnels: list[dict[str, Any]] = field(default_factory=list)
    other_tunnels: int = 0
    collectors: list[dict[str, Any]] = field(default_factory=list)
    conversations: dict[str, Any] = field(default_factory=dict)
    one_way: dict[str, Any] = field(default_factory=dict)
    holes: list[dict[str, Any]] = field(default_factory=list)
    other_holes: int = 0
    edges: list[dict[str, Any]] = field(default_factory=list)
    other_edges: int = 0
    truncation: dict[str, Any] = field(default_factory=dict)
    fragments: dict[str, int] = field(default_factory=dict)
    second_sights: int = 0
    unreachables: int = 0
    lengths: dict[str, Any] = field(default_factory=dict)
    looks_like_vxlan: list[dict[str, int]] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def problems(self) -> list[dict[str, Any]]:
        """The findings that say that something is missing or was not read."""
        return [finding for finding in self.findings if finding["problem"]]

    def to_dict(self) -> dict[str, Any]:
        """Return all of it for JSON: the keys of `MergeReport.to_dict`, and those of this object."""
        own = {name: getattr(self, name) for name in _OWN}
        return {**self.report.to_dict(), **own, "ports": list(self.ports), "problems": len(self.problems)}


_OWN = tuple(name for name in Health.__dataclass_fields__ if name not in ("report", "ports"))
