"""Second sights, as the oracle sees them: the same IP packet on another interface within a millisecond.

Written from docs/record.md alone, as its companions. Everything is compared with everything, byte by byte.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from oracle_inner import View

Interface = tuple[int, int]  # the pcapng interface and the index in an SLL2 header
WITHIN = 1_000_000  # nanoseconds
MAX_INTERFACES = 64


@dataclass
class Kept:
    """A packet that was kept, and the interfaces that it has answered for."""

    ts: int
    interface: Interface
    answered: set[Interface] = field(default_factory=set)


class Sights:
    """All packets that were kept."""

    def __init__(self) -> None:
        """None yet."""
        self.kept: dict[tuple[bytes, int], list[Kept]] = {}
        self.interfaces: set[Interface] = set()

    def again(self, packet: View, ts: int, interface: Interface) -> bool:
        """Whether the packet was seen already; if not, it is kept. The oldest that can answer does."""
        if interface not in self.interfaces and len(self.interfaces) == MAX_INTERFACES:
            self.kept.clear()
            self.interfaces.clear()
        self.interfaces.add(interface)
        same = self.kept.setdefault((packet.raw(0, packet.left), packet.wire), [])
        for one in same:
            if one.interface != interface and interface not in one.answered and abs(ts - one.ts) <= WITHIN:
                one.answered.add(interface)
                return True
        same.append(Kept(ts, interface))
        return False
