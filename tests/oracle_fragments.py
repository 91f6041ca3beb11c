"""Outer fragments, as the oracle joins them: every datagram is a list of its fragments, looked through each time.

Written from docs/record.md alone, as its companions; memory has no limit here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from oracle_inner import IPV4, Row, View
from oracle_outer import Packet, SkipError

MOST_DATA = 65535
REMEMBERED = 64  # complete datagrams
Key = tuple[object, ...]
Alone = Callable[[], Row | None]  # the row of a first fragment by itself, where that can be decapsulated


class Fragment(NamedTuple):
    """One fragment: where its data lies in the datagram, and what was captured of that."""

    start: int
    end: int
    last: bool
    data: bytes
    proto: int

    def is_again(self, other: Fragment, cut: float) -> bool:
        """The same one a second time; what is behind the place where a fragment was cut is of no use to anybody."""
        most = int(max(0, min(len(self.data), len(other.data), cut - self.start)))
        place, others = (self.start, self.end, self.last), (other.start, other.end, other.last)
        return place == others and self.data[:most] == other.data[:most]

    def contradicts(self, other: Fragment) -> bool:
        """Both claim a byte, or one of them lies behind the end that the other gives."""
        if self.start < other.end and other.start < self.end:
            return True
        return (self.last and other.end > self.end) or (other.last and self.end > other.end)


@dataclass
class Datagram:
    """What is known of a datagram."""

    began: int | None
    fragments: list[Fragment] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    state: str = "waiting"
    alone: Alone | None = None
    first: Row | None = None

    def has(self, new: Fragment) -> bool:
        """Whether this very fragment has come before."""
        cuts = [one.start + len(one.data) for one in self.fragments if len(one.data) < one.end - one.start]
        return any(new.is_again(one, min(cuts, default=math.inf)) for one in self.fragments)

    def is_whole(self) -> bool:
        """All bytes are there; none is there twice."""
        ends = [fragment.end for fragment in self.fragments if fragment.last]
        return bool(ends) and sum(one.end - one.start for one in self.fragments) == ends[0]

    def join(self) -> tuple[int, View]:
        """The protocol that the first fragment names, and the whole; its captured bytes end at the first gap."""
        parts = sorted(self.fragments)
        data = b""
        for part in parts:
            if len(data) < part.start:
                break
            data += part.data
        return parts[0].proto, View(data, 0, parts[-1].end)


class Fragments:
    """All datagrams that wait, and those that are remembered."""

    def __init__(self, timeout: int, partial: bool) -> None:
        """None yet; `timeout` is in nanoseconds."""
        self.timeout, self.partial = timeout, partial
        self.datagrams: dict[Key, Datagram] = {}  # in the order in which their first fragments arrived
        self.complete: list[Key] = []
        self.clock: int | None = None
        self.alone = 0  # how many first fragments went on by themselves

    def tick(self, ts: int | None, now: int) -> None:
        """The time of any frame: what has waited too long by then is given up."""
        if ts is not None:
            self.clock = ts
            self.give_up(now, due=True)

    def arrive(self, packet: Packet, row: Row, alone: Alone) -> tuple[int, View]:
        """The whole datagram, if this is the fragment that it waited for."""
        new = fragment_of(packet)
        key = key_of(packet)
        datagram = self.datagrams.get(key)
        if datagram is not None and datagram.state != "complete" and self.is_late(datagram):
            self.give_up_one(key, row["frame"])  # it stood behind one that was not due
            datagram = None
        if datagram is not None and self.is_over(datagram, new):
            self.forget(key)  # its number is used again
            datagram = None
        if datagram is None:
            datagram = self.datagrams[key] = Datagram(self.clock)
        datagram.rows.append(row)
        if datagram.state == "refused":
            raise SkipError("fragment_overlap")
        if datagram.has(new):
            raise SkipError("fragment_joined")
        if any(map(new.contradicts, datagram.fragments)):
            datagram.state = "refused"
            for member in datagram.rows:
                member["status"] = "fragment_overlap"
            raise SkipError("fragment_overlap")
        datagram.fragments.append(new)
        if new.start == 0:
            datagram.alone, datagram.first = alone, row
        if not datagram.is_whole():
            raise SkipError("fragment_joined")
        datagram.state = "complete"
        self.remember(key)
        return datagram.join()

    def is_over(self, datagram: Datagram, new: Fragment) -> bool:
        """Whether this fragment cannot be one that a complete datagram had."""
        if datagram.state != "complete":
            return False
        return self.is_late(datagram) or not datagram.has(new)

    def remember(self, key: Key) -> None:
        """A complete datagram is known for a while, so that its duplicates are."""
        self.complete.append(key)
        if len(self.complete) > REMEMBERED:
            self.forget(self.complete[0])

    def forget(self, key: Key) -> None:
        """A complete datagram is known no longer."""
        self.complete.remove(key)
        del self.datagrams[key]

    def is_late(self, datagram: Datagram) -> bool:
        """Whether a datagram has waited too long; without any time nothing has."""
        if datagram.began is None or self.clock is None:
            return False
        return self.clock - datagram.began > self.timeout

    def give_up(self, now: int, *, due: bool = False) -> None:
        """Give up datagrams before the frame with the number `now`, those first whose fragments came first; with `due`
        up to the first that has not waited too long.
        """
        for key, datagram in list(self.datagrams.items()):
            if datagram.state == "complete":
                continue
            if due and not self.is_late(datagram):
                break
            self.give_up_one(key, now)

    def give_up_one(self, key: Key, now: int) -> None:
        """Give up one datagram."""
        datagram = self.datagrams.pop(key)
        if datagram.state == "waiting":
            self.lose(datagram, now)

    def lose(self, datagram: Datagram, now: int) -> None:
        """The fragments are lost, except perhaps for the one with the beginning."""
        for row in datagram.rows:
            row["status"] = "fragment_lost"
        if self.partial and datagram.alone is not None and datagram.first is not None:
            found = datagram.alone()
            if found is not None:
                datagram.first |= found | {"comes": (now, self.alone)}
                self.alone += 1


def fragment_of(packet: Packet) -> Fragment:
    """A fragment's place; one that can be no part of any datagram is malformed and leaves no trace."""
    assert packet.piece is not None
    start, more, view = packet.piece.offset, packet.piece.more, packet.data
    if view.wire == 0 or (more and view.wire % 8) or start + view.wire > MOST_DATA:
        raise SkipError("malformed")
    return Fragment(start, start + view.wire, not more, view.raw(0, view.left), packet.proto)


def key_of(packet: Packet) -> Key:
    """What fragments of one datagram have in common."""
    assert packet.piece is not None
    proto = packet.proto if packet.family == IPV4 else None
    return packet.family, packet.src, packet.dst, packet.piece.ident, proto
