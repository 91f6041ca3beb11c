"""What is likely behind what was found, and what to do: a table of rules.

``python -m vxtap.advice`` prints it in Markdown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from vxtap.health_report import Health

    Numbers = dict[str, Any]

# Frames that are of no tunnel are worth a word from this share and number on.
_OTHERS_SHARE, _OTHERS = 0.1, 10


class Rule(NamedTuple):
    """One line of the table.

    Attributes
    ----------
    finding : str
        Its name.
    problem : bool
        Something is missing or was not read: ``--strict`` tells.
    numbers : callable
        Of a `Health` the numbers that lead to it, named; None where it does not apply.
    condition : str
        The same in words.
    text : str
        What is said, with the numbers in braces.
    advice : str
        What is likely behind it, and what to do.
    """

    finding: str
    problem: bool
    numbers: Callable[[Health], Numbers | None]
    condition: str
    text: str
    advice: str


def _some(count: int, **more: Any) -> Numbers | None:
    return {"count": count, **more} if count else None


def _asked(health: Health) -> str:
    return ",".join(map(str, health.ports))


def _nothing(health: Health) -> Numbers | None:
    report = health.report
    if report.decapsulated or not report.frames or health.looks_like_vxlan:
        return None
    return {"count": report.frames, "ports": _asked(health)}


def _other_port(health: Health) -> Numbers | None:
    best = max(health.looks_like_vxlan, key=lambda row: row["frames"], default=None)
    return best and {"count": best["frames"], "port": best["port"], "ports": _asked(health)}


def _hole(health: Health) -> Numbers | None:
    if not health.holes:
        return None
    longest = health.holes[0]
    return {"count": len(health.holes) + health.other_holes, **longest}


def _edge(health: Health) -> Numbers | None:
    if not health.edges:
        return None
    first = health.edges[0]
    side = "behind" if first["what"] == "begins" else "before"
    return {"count": len(health.edges) + health.other_edges, **first, "side": side}


def _one_way(health: Health) -> Numbers | None:
    found, all_of_them = health.one_way, health.conversations["count"]
    ways = ", ".join(f"{found[name]:,} {name}" for name in ("egress", "ingress", "unknown") if found[name])
    if not found["answered"]:
        return None
    most = found["top"][0]
    return {
        "count": found["answered"],
        "one_way": found["count"],
        "conversations": all_of_them,
        "ways": ways,
        "most": f"{most['src']} to {most['dst']}, packets: {most['packets']:,}",
    }


def _nat(health: Health) -> Numbers | None:
    return _some(health.one_way["public"])


def _missing(health: Health) -> Numbers | None:
    missing, payload = health.conversations["missing_bytes"], health.conversations["payload"]
    return _some(missing, share=missing / max(1, missing + payload))


def _cut(health: Health) -> Numbers | None:
    found = health.truncation
    snaplens = sorted({row["snaplen"] for row in health.collectors if row["cut"] and row["snaplen"]})
    known = f", snaplen {', '.join(map(str, snaplens))}" if snaplens else ""
    return _some(found["frames"], longest=found["longest"], headers=found["headers"], snaplen=known)


def _fragmented(health: Health) -> Numbers | None:
    fragments, lengths = health.fragments, health.lengths
    if not fragments["reassembled"] + fragments["lost"]:
        return None
    return {
        "count": fragments["reassembled"] + fragments["lost"],
        "reassembled": fragments["reassembled"],
        "lost": fragments["lost"],
        "longest": max(lengths["longest_outer"], lengths["mtu"] + 50),
    }


def _long(health: Health) -> Numbers | None:
    lengths = health.lengths
    return _some(lengths["above_tagged"], longest=lengths["longest"], mtu=lengths["mtu"])


def _others(health: Health) -> Numbers | None:
    skipped, frames = health.report.skipped, health.report.frames
    count = skipped["not_ip"] + skipped["not_udp"] + skipped["other_port"] - health.unreachables
    share = count / max(1, frames)
    return {"count": count, "share": share} if share >= _OTHERS_SHARE and count >= _OTHERS else None


def _skipped(*reasons: str) -> Callable[[Health], Numbers | None]:
    return lambda health: _some(sum(health.report.skipped[reason] for reason in reasons))


#: The table. Findings come in this order.
RULES: tuple[Rule, ...] = (
    Rule(
        "empty",
        True,
        lambda health: {"count": 0} if not health.report.frames else None,
        "there are no frames",
        "Frames: none.",
        "tcpdump hands packets over once a second, and loses the last ones when it is ended before: --immediate-mode.",
    ),
    Rule(
        "nothing",
        True,
        _nothing,
        "no frame was decapsulated, and no other port looks like VXLAN",
        "Tunnels: none; {count:,} frames, and nothing to UDP port {ports} or of another tunnel asked for.",
        "Check the port (--ports) and the kind of tunnel (--tunnels), that the mirror's destination is this machine,"
        " and that nothing on the way blocks the port.",
    ),
    Rule(
        "other_port",
        True,
        _other_port,
        "frames to UDP ports that were not asked for look like VXLAN",
        "Frames that look like VXLAN to a port that was not asked for: {count:,}, to UDP port {port}.",
        "Try --ports {ports},{port}.",
    ),
    Rule(
        "hole",
        True,
        _hole,
        "a tunnel source is silent for longer than `gap`, and improbably so",
        "Holes in time: {count:,}; the longest: nothing of {outer_src}, VNI {vni}, for {seconds:.1f} s from {begin}.",
        "A virtual TAP can pause for up to 60 s when a source is added or removed. Else look for a capture that was"
        " restarted, and give the captures of all collectors.",
    ),
    Rule(
        "edge",
        False,
        _edge,
        "a tunnel source begins later or ends earlier than others, and improbably so",
        "Tunnel sources that begin late or end early: {count:,}; first {outer_src}, VNI {vni}: {what} {seconds:.1f} s"
        " {side} others.",
        "Machines and mirrors that came or went meanwhile, or a capture that does not cover all of the time.",
    ),
    Rule(
        "one_way",
        True,
        _one_way,
        "TCP conversations of which one direction was seen acknowledge data of the other",
        "One-way conversations: {one_way:,} of {conversations:,} ({ways}); acknowledging what was never seen:"
        " {count:,}. The largest: {most}.",
        "A load balancer may send the two directions to different collectors: give the captures of all. Else see that"
        " the mirror takes both directions.",
    ),
    Rule(
        "nat",
        False,
        _nat,
        "one-way conversations go from mirrored machines to public addresses",
        "One-way conversations to public addresses: {count:,}.",
        "Likely NAT: of traffic through a NAT gateway, Azure's virtual TAP mirrors egress only. It is not lost by the"
        " collector.",
    ),
    Rule(
        "missing",
        True,
        _missing,
        "TCP payload was acknowledged or passed over, and not seen",
        "Missing bytes of TCP payload: {count:,} ({share:.2%}).",
        "The collector may drop: a pcap does not count that, tcpdump's last lines do. Enlarge its buffer (tcpdump -B"
        " 131072; the default of 2 MiB is soon full). Or packets are lost before it, which nobody counts, or lie in"
        " another collector's capture.",
    ),
    Rule(
        "truncated",
        True,
        _cut,
        "inner frames are cut by the capture",
        "Inner frames that are cut: {count:,}, to {longest:,} bytes at most{snaplen}; without a whole TCP or UDP"
        " header: {headers:,}.",
        "Record whole frames (tcpdump -s 0). Full inner headers need a snaplen of 150 over IPv4, 190 over IPv6, and 4"
        " more for each VLAN tag.",
    ),
    Rule(
        "truncated_outer",
        True,
        _skipped("truncated_outer"),
        "frames are cut within the outer headers",
        "Frames that are cut before their inner frame begins: {count:,}.",
        "Record whole frames (tcpdump -s 0).",
    ),
    Rule(
        "malformed_inner",
        True,
        lambda health: _some(health.truncation["malformed"]),
        "inner headers promise more than the tunnel carried, or contradict themselves",
        "Inner frames that are shorter than their own headers say, or contradict themselves: {count:,}.",
        "A mirror that cuts frames to what its target's MTU carries does that (AWS: the MTU less 54 bytes, 74 over"
        " IPv6): raise that MTU, or lower the source's.",
    ),
    Rule(
        "malformed",
        True,
        _skipped("malformed"),
        "outer headers contradict themselves",
        "Frames with outer headers that contradict themselves: {count:,}.",
        "Damaged in capturing or storing: compare with another capture program.",
    ),
    Rule(
        "fragments_lost",
        True,
        _skipped("fragment_lost", "fragment_overlap"),
        "outer fragments lack others of their datagram, or overlap",
        "Outer fragments of datagrams that never became whole: {count:,}.",
        "A capture filter on the port keeps first fragments only: record with 'udp port 4789 or (ip[6:2] & 0x1fff !="
        " 0)'. A load balancer may not support fragments: raise the MTU between mirror and collector. --partial takes"
        " what the first ones hold.",
    ),
    Rule(
        "fragmented",
        False,
        _fragmented,
        "mirrored packets came as outer fragments",
        "Mirrored packets that do not fit the network: {reassembled:,} put together from fragments; fragments without"
        " the others: {lost:,}.",
        "An MTU of {longest:,} or more between mirror and collector carries them whole.",
    ),
    Rule(
        "long",
        False,
        _long,
        "inner frames are longer than an Ethernet frame of the MTU",
        "Inner frames longer than an MTU of {mtu:,} allows: {count:,}, up to {longest:,} bytes.",
        "Segmentation offload (such packets have wrong checksums), or jumbo frames (--mtu). Nothing is lost by it.",
    ),
    Rule(
        "cut_tail",
        True,
        lambda health: {"count": health.report.truncated_tail} if health.report.truncated else None,
        "a capture ends within a record",
        "Captures that end early: with {count:,} bytes of a cut record.",
        "It is still being written, its disk was full, or what wrote it was killed.",
    ),
    Rule(
        "link_type",
        True,
        _skipped("link_type", "no_interface"),
        "frames have a link layer that vxtap does not read",
        "Frames of a link type that vxtap does not read: {count:,}.",
        "Record on an Ethernet interface, or on any.",
    ),
    Rule(
        "unreachables",
        False,
        lambda health: _some(health.unreachables),
        "ICMP errors say that a tunnel's end is unreachable",
        "ICMP errors saying that nobody listens on a collector's tunnel port: {count:,}.",
        "The capture is complete all the same. To stop them let a program listen on that UDP port, or drop it in the"
        " firewall of the collector.",
    ),
    Rule(
        "second_sights",
        False,
        _skipped("second_sight"),
        "packets were recorded on several interfaces of a collector",
        "Frames that show a packet again on another interface of the collector, left out: {count:,}.",
        "A bridge, a bond or accelerated networking below 'any': record on one interface (tcpdump -i eth0).",
    ),
    Rule(
        "others",
        False,
        _others,
        "a tenth of all frames, and ten or more, are of no tunnel",
        "Frames of no tunnel: {count:,} ({share:.0%}).",
        "The collector's own traffic; with a VXLAN device of its own, the inner frames once more. A capture filter"
        " keeps them out: 'udp port 4789 or (ip[6:2] & 0x1fff != 0)'.",
    ),
    Rule(
        "split",
        False,
        lambda health: _some(health.conversations["split"], conversations=health.conversations["count"]),
        "conversations were seen by several collectors",
        "Conversations seen by several collectors: {count:,} of {conversations:,}.",
        "No capture of one collector is complete: bring them together with vxtap merge before you look into them.",
    ),
    Rule(
        "duplicates",
        False,
        lambda health: _some(health.report.duplicates, pairs=len(health.report.pairs)),
        "packets were seen from several vantage points",
        "Packets that another vantage point has seen before: {count:,}, of pairs of such points: {pairs:,}.",
        "Both ends of these conversations are mirrored, or an input was given twice: vxtap merge --dedup 2ms"
        " leaves one.",
    ),
    Rule(
        "late",
        False,
        lambda health: _some(health.report.late),
        "packets are further out of order than the merge allows for",
        "Packets more than {window} out of order within their capture: {count:,}.",
        "Holes and conversations around them may be told wrong.",
    ),
)


def find(health: Health, **more: Any) -> list[dict[str, Any]]:
    """Go through the table.

    Parameters
    ----------
    health : Health
        Everything but its findings.
    **more
        Further numbers for the texts.

    Returns
    -------
    list of dict
        finding, problem, numbers, text, advice.
    """
    found = []
    for rule in RULES:
        numbers = rule.numbers(health)
        if numbers is None:
            continue
        said = {**more, **numbers}
        found.append(
            {
                "finding": rule.finding,
                "problem": rule.problem,
                "numbers": numbers,
                "text": rule.text.format(**said),
                "advice": rule.advice.format(**said),
            }
        )
    return found


def markdown() -> str:
    """The table for the documentation."""
    head = ("finding", "`--strict`", "when", "advice")
    rows = [(f"`{rule.finding}`", "yes" if rule.problem else "", rule.condition, rule.advice) for rule in RULES]
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    print(markdown())
