"""The oracle: a slow, independent reference decoder that the tests compare vxtap with.

Written from docs/record.md alone: slices of bytes, one function a rule, nothing of vxtap shared or imported.
Where the two disagree, one of them or the page is wrong, and a person decides which.
`oracle_files` cuts files into frames, `oracle_outer` takes off the headers up to UDP, `oracle_tunnels` those of
tunnels, `oracle_inner` reads the rest; `oracle_sights` and `oracle_fragments` are what frames know of each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from oracle_files import Capture, Fault, Frame, read_capture
from oracle_fragments import Fragments
from oracle_inner import EXTENSIONS, IPV6, Row, View, inner_frame
from oracle_outer import SLL2, Packet, SkipError, behind_fragments, ip, link
from oracle_sights import Sights
from oracle_tunnels import innermost, tunnel, wanted_of

LAST = float("inf")
OUTER_INTEGERS = ("vni", "gbp", "outer_sport", "outer_dport")
INNER_INTEGERS = ("flow", "vlan", "ethertype", "proto", "ttl", "dscp", "ip_id", "sport", "dport")
TCP_INTEGERS = ("tcp_seq", "tcp_ack", "tcp_flags", "tcp_window", "payload", "payload_len")


class Result(NamedTuple):
    """What a capture holds: a row for every frame, and how the file ended."""

    rows: list[Row]
    counts: dict[str, int]
    frames: int
    tail: int
    fault: Fault | None


def decode(
    data: bytes,
    ports: Collection[int] = (4789,),
    vnis: Collection[int] | None = None,
    *,
    tunnels: Collection[str] = ("vxlan",),
    depth: int = 1,
    once: bool = True,
    partial: bool = False,
    timeout: float = 30,
    where: Callable[[Row], bool] | None = None,
) -> Result:
    """Decode a whole capture file; `timeout` is in seconds, `where` tells of a row whether it is wanted.

    A row has two entries besides the columns. Where it is decapsulated `inner` holds the captured bytes of the inner
    frame, and `comes` sorts rows into the order in which they come: (number of a frame, rank). Ranks from 0 on are
    those of first fragments that are given up before that frame, which itself has the rank LAST.
    """
    capture = read_capture(data)
    how: dict[str, Any] = {"tunnels": tunnels, "depth": depth, "once": once, "partial": partial, "timeout": timeout}
    decoder = Decoder(ports, vnis, where=where, **how)
    rows = decoder.decode(capture)
    counts = dict(Counter(row["status"] for row in rows))
    return Result(rows, counts, len(rows), capture.tail, capture.fault)


def blank_row(frame: Frame, at: int) -> Row:
    """The row of a frame of which only the framing is known."""
    row: Row = dict.fromkeys(OUTER_INTEGERS + INNER_INTEGERS + TCP_INTEGERS, 0)
    row |= dict.fromkeys(("outer_src", "outer_dst", "src", "dst"), bytes(16))
    row |= dict.fromkeys(("eth_src", "eth_dst"), bytes(6))
    row |= {"ts": frame.ts, "frame": at, "offset": frame.offset, "source": 0, "interface": frame.interface}
    row |= {"caplen": len(frame.data), "wirelen": max(frame.origlen, len(frame.data))}
    row |= {"tunnel": "NONE", "status": "", "flags": set(), "inner": None, "comes": (at, LAST)}
    if frame.ts is None:
        row["flags"].add("NO_TIME")
    if frame.outgoing:
        row["flags"].add("OUTGOING")
    return row


class NotWantedError(SkipError):
    """A frame whose VNI was asked for, and for which `where` does not hold."""


class Decoder:
    """The options, and what is remembered from one frame to the next."""

    def __init__(
        self,
        ports: Collection[int],
        vnis: Collection[int] | None,
        *,
        tunnels: Collection[str],
        depth: int,
        once: bool,
        partial: bool,
        timeout: float,
        where: Callable[[Row], bool] | None,
    ) -> None:
        """Nothing has been seen yet."""
        self.where = where
        self.plain = tuple(tunnels) == ("none",)
        self.wanted, self.vnis, self.depth = wanted_of(() if self.plain else tunnels, ports), vnis, depth
        self.sights = Sights() if once else None
        self.fragments = Fragments(round(timeout * 10**9), partial)

    def decode(self, capture: Capture) -> list[Row]:
        """All rows of a capture; what still waits at its end is given up."""
        rows = [self.frame(frame, at) for at, frame in enumerate(capture.frames, 1)]
        self.fragments.give_up(len(rows) + 1)
        return rows

    def frame(self, frame: Frame, at: int) -> Row:
        """One frame, one row, one outcome (which a later frame may change)."""
        row = blank_row(frame, at)
        self.fragments.tick(frame.ts, at)
        try:
            if self.plain:
                self.itself(frame, row)
            else:
                self.decapsulate(frame, at, row)
        except SkipError as skip:
            row["status"] = str(skip)
        if row["caplen"] < row["wirelen"]:
            row["flags"].add("TRUNCATED")
        return row

    def decapsulate(self, frame: Frame, at: int, row: Row) -> None:
        """The decisions of the page behind the first one, and what they make of the frame."""
        packet = outer_packet(frame, row)
        if self.seen_before(frame, packet, row):
            raise SkipError("second_sight")
        hidden = packet.piece is not None and packet.family == IPV6 and packet.proto in EXTENSIONS
        if not hidden and not self.wanted.may_carry(packet.proto):
            raise SkipError("not_udp")
        if packet.piece is None:
            self.beyond(packet.proto, packet.data, frame, row)
        else:
            whole = self.fragments.arrive(packet, row, lambda: self.alone(frame, at))
            row["flags"].add("REASSEMBLED")
            self.behind_pieces(packet.family, *whole, frame, row)

    def itself(self, frame: Frame, row: Row) -> None:
        """A frame of a plain capture is its own inner frame; it begins with Ethernet or the network layer."""
        if frame.outcome is not None:
            raise SkipError(frame.outcome)
        whole = View(frame.data, 0, row["wirelen"])
        try:
            ethertype, view = link(frame.linktype, whole, row)
        finally:
            if frame.linktype == 1:
                row["flags"].discard("OUTER_VLAN")
        try:
            packet = ip(ethertype, view, {})
        except SkipError:
            packet = None
        if packet is not None and self.seen_before(frame, packet, row):
            raise SkipError("second_sight")
        before = row | {"flags": set(row["flags"])}
        self.settle(frame, row, whole if frame.linktype == 1 else view, None if frame.linktype == 1 else ethertype)
        self.ask(row, before)

    def seen_before(self, frame: Frame, packet: Packet, row: Row) -> bool:
        """Whether it is a second sight; only captures that tell interfaces apart have them."""
        if self.sights is None or frame.ts is None or not (frame.several or frame.linktype == SLL2):
            return False
        index = row["interface"] if frame.linktype == SLL2 else -1
        return self.sights.again(packet.whole, frame.ts, (frame.ident, index))

    def alone(self, frame: Frame, at: int) -> Row | None:
        """The row of a first fragment without the others, or its outcome; None where it is lost like them."""
        row = blank_row(frame, at)
        packet = outer_packet(frame, row)
        try:
            self.behind_pieces(packet.family, packet.proto, packet.data, frame, row, first=True)
        except NotWantedError as skip:
            return {"status": str(skip)}  # and all else as it was, while it waited
        except SkipError:
            return None
        row["flags"].add("TRUNCATED")
        return row

    def behind_pieces(
        self, family: int, proto: int, view: View, frame: Frame, row: Row, *, first: bool = False
    ) -> None:
        """What goes on behind the IPv4 header or the fragment headers of IPv6."""
        if family == IPV6:
            proto, view = behind_fragments(proto, view)
            if not self.wanted.may_carry(proto):
                raise SkipError("not_udp")
        self.beyond(proto, view, frame, row, first=first)

    def beyond(self, proto: int, view: View, frame: Frame, row: Row, *, first: bool = False) -> None:
        """The tunnel, the filters, and the columns of a frame that is decapsulated."""
        header = tunnel(proto, view, first, row, self.wanted)
        row["tunnel"], row["vni"] = header.tunnel, header.vni
        if self.vnis is not None and header.vni not in self.vnis:
            raise SkipError("filtered")
        before = row | {"flags": set(row["flags"])}
        row["gbp"] = header.gbp
        inner = innermost(header, self.wanted, self.depth)
        row["flags"] |= inner.flags
        self.settle(frame, row, inner.view, inner.raw)
        self.ask(row, before, cut=first)

    def ask(self, row: Row, before: Row, *, cut: bool = False) -> None:
        """Whether what is wanted holds for a row that is complete; if not, it becomes what it was before."""
        flags = row["flags"] | ({"TRUNCATED"} if cut or row["caplen"] < row["wirelen"] else set())
        if self.where is not None and not self.where(row | {"flags": flags}):
            row |= before
            raise NotWantedError("filtered")

    def settle(self, frame: Frame, row: Row, inner: View, raw: int | None) -> None:
        """The columns of an inner frame; `raw` is the ethertype of one without Ethernet."""
        row["status"] = "decapsulated"
        row["offset"] = frame.offset + (0 if "REASSEMBLED" in row["flags"] else inner.pos)
        row["caplen"], row["wirelen"] = inner.left, inner.wire
        row["inner"] = inner.raw(0, inner.left)
        # From here on positions count from the first byte of the inner frame.
        inner_frame(View(row["inner"], 0, inner.wire), raw, row)


def outer_packet(frame: Frame, row: Row) -> Packet:
    """The IP packet of a frame, the first four decisions of the page."""
    if frame.outcome is not None:
        raise SkipError(frame.outcome)
    ethertype, view = link(frame.linktype, View(frame.data, 0, row["wirelen"]), row)
    return ip(ethertype, view, row)
