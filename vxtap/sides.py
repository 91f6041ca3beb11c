"""Which side of a conversation is the mirrored machine: its MAC is in all frames of a tunnel source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vxtap.groups import group

if TYPE_CHECKING:
    from vxtap.tunnel_books import Origin

    Array = np.ndarray[Any, np.dtype[Any]]
    Packets = np.ndarray[tuple[int], np.dtype[np.void]]

_NO_MAC = bytes(6)
_MULTICAST = 1
# Addresses of one machine that are remembered: a router has more behind it, and is none. And of all machines.
_MOST_ADDRESSES, _MOST_IN_ALL = 256, 1 << 16


class _Machine:
    """What all frames of a tunnel source have in common."""

    def __init__(self, macs: set[bytes]) -> None:
        self.macs = macs
        self.sent: dict[bytes, set[bytes]] = {mac: set() for mac in macs}  # addresses that a MAC sent from

    def narrow(self, macs: set[bytes]) -> None:
        self.macs &= macs
        for mac in self.sent.keys() - self.macs:
            del self.sent[mac]


class Sides:
    """Learns the MAC of the machine behind each tunnel source, and the addresses that it sends from."""

    def __init__(self) -> None:
        self._machines: dict[int, _Machine] = {}
        self._room = _MOST_IN_ALL

    def take(self, origins: Array, rows: Packets) -> None:
        """Learn from rows, whose tunnel sources have these numbers (below 0: nobody's)."""
        names = ("eth_src", "eth_dst", "src")
        first, _ = group([origins.astype(np.uint64), *(rows[name] for name in names)])
        keys = rows[list(names)][first].tolist()
        for origin, (mac, to, address) in zip(origins[first].tolist(), keys, strict=True):
            if origin >= 0 and mac != _NO_MAC:
                self._learn(origin, mac, to, address)

    def _learn(self, origin: int, mac: bytes, to: bytes, address: bytes) -> None:
        machine = self._machines.get(origin)
        to_all = bool(to[0] & _MULTICAST)  # the machine's too, whoever sent it
        if machine is None:
            if to_all:
                return
            machine = self._machines[origin] = _Machine({mac, to})
        elif not to_all:
            machine.narrow({mac, to})
        sent = machine.sent.get(mac)
        if sent is not None and address not in sent and len(sent) < _MOST_ADDRESSES and self._room:
            sent.add(address)
            self._room -= 1

    def mac(self, origin: int) -> bytes | None:
        """The machine's MAC, where only one is in all frames."""
        machine = self._machines.get(origin)
        return next(iter(machine.macs)) if machine is not None and len(machine.macs) == 1 else None

    def addresses(self, origin: int) -> set[bytes]:
        """The addresses that the machine sends from, where it is known."""
        mac = self.mac(origin)
        return set() if mac is None else self._machines[origin].sent[mac]

    def known(self, origins: list[Origin]) -> dict[Origin, set[bytes]]:
        """The addresses of every machine that is known, by tunnel source and VNI."""
        found = {origins[number]: self.addresses(number) for number in self._machines}
        return {origin: addresses for origin, addresses in found.items() if addresses}
