"""What the rule for duplicates has to cope with, each by itself and all of it together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from build import SLL2
from collectors import MIDDLE, MS, US, A, B, Form, Tap, Traffic, World, record

APART = (Tap(A, (0,)), Tap(B, (1,)))
FORMS = (Form(), Form("pcapng", SLL2, nano=True))


class Scenario(NamedTuple):
    """Traffic, and how it is recorded."""

    talk: Callable[[Traffic], None]
    taps: Sequence[Tap] = APART
    dedup: str = "2ms"
    within: int = 2 * MS
    repeats: bool = False  # it has packets that are the same within the window, all of them real
    ids: bool = True
    v6: bool = False
    how: dict[str, Any] = {}  # noqa: RUF012  (nobody changes it)

    def world(self, seed: int) -> World:
        """One of the many that there are of it."""
        traffic = Traffic(seed, ids=self.ids, v6=self.v6)
        self.talk(traffic)
        return record(traffic, self.taps, within=self.within, **({"forms": FORMS} | self.how))


def plain(traffic: Traffic) -> None:
    """A bit of everything, and nothing twice that is the same."""
    for _ in range(4):
        traffic.connection()
    for _ in range(3):
        traffic.lookup()
    traffic.ping()


def again(delay: int) -> Callable[[Traffic], None]:
    """Connections of which every other segment is sent again."""

    def talk(traffic: Traffic) -> None:
        for _ in range(4):
            traffic.connection(again=delay)

    return talk


def probed(traffic: Traffic) -> None:
    """Keep-alives, which are all the same, and so are their answers; here much faster than real ones."""
    for _ in range(4):
        traffic.connection(2, probes=5)


def asked_twice(traffic: Traffic) -> None:
    """The same query again, from the same port with the same number."""
    for _ in range(8):
        traffic.lookup(2)


def asked_often(traffic: Traffic) -> None:
    """So often that the first and the last are further apart than the window."""
    for _ in range(3):
        traffic.lookup(20)


def arp(traffic: Traffic) -> None:
    for _ in range(5):
        traffic.arp()


def ping(traffic: Traffic) -> None:
    for _ in range(5):
        traffic.ping()


def fragmented(traffic: Traffic) -> None:
    for _ in range(5):
        traffic.fragmented()


def everything(traffic: Traffic) -> None:
    """All of it at once."""
    for talk in (plain, again(400 * US), probed, asked_twice, asked_often, ping):
        talk(traffic)
    if not traffic.v6:
        arp(traffic)
        fragmented(traffic)


LOSSY = {"hop": True, "loss": 0.3, "disorder": 500 * US}
TOGETHER = (Tap(A, (0,)), Tap(B, (0,)))
OWN_VNIS = (Tap(A, (0,), 501), Tap(B, (0,), 502))
ONLY_VNIS = (Tap(A, (0,), 501), Tap(B, (0,), 502, outer=bytes([192, 0, 2, 9])), Tap(A, (0,), 503))
BALANCED = (Tap(A, (0, 1)), Tap(B, (0, 1)))
SNAPLENS = (Tap(A, (0,), snaplen=150), Tap(B, (1,), snaplen=400))
CLOCKS = (Tap(A, (0,)), Tap(B, (1,), clock=700 * US))
BEHIND = (Tap(A, (0,)), Tap(B, (1,), clock=-700 * US))
THREE = (Tap(A, (0,)), Tap(MIDDLE, (1,), 9), Tap(B, (1,)))
LONG: dict[str, Any] = {"dedup": "400ms", "within": 400 * MS}

SCENARIOS = {
    "both ends": Scenario(plain),
    "one collector": Scenario(plain, TOGETHER, how={"forms": FORMS[:1]}),
    "own VNIs": Scenario(plain, OWN_VNIS, how={"forms": FORMS[1:]}),
    "VNIs alone": Scenario(everything, ONLY_VNIS, ids=False, repeats=True, how=LOSSY | {"forms": FORMS[1:]}),
    "balanced": Scenario(everything, BALANCED, ids=False, repeats=True, how=LOSSY),
    "a routed hop": Scenario(plain, how={"hop": True}),
    "a routed hop, IPv6": Scenario(plain, v6=True, how={"hop": True}),
    "IP ids of 0": Scenario(plain, ids=False),
    "sights missing": Scenario(plain, how={"loss": 0.4}),
    "sights missing, ids of 0": Scenario(plain, ids=False, how={"loss": 0.4, "hop": True}),
    "snaplens": Scenario(plain, SNAPLENS, ids=False, how={"hop": True, "loss": 0.2}),
    "snaplens, IPv6": Scenario(plain, SNAPLENS, v6=True, how={"hop": True, "loss": 0.2}),
    "again after 300 ms": Scenario(again(300 * MS), ids=False, how=LOSSY),
    "again after 300 ms, long window": Scenario(again(300 * MS), ids=False, repeats=True, how=LOSSY, **LONG),
    "again after 300 ms, long window, IPv6": Scenario(again(300 * MS), v6=True, repeats=True, how=LOSSY, **LONG),
    "again at once": Scenario(again(400 * US), ids=False, repeats=True, how=LOSSY),
    "again at once, IPv6": Scenario(again(400 * US), v6=True, repeats=True, how=LOSSY),
    "again at once, snaplens": Scenario(again(400 * US), SNAPLENS, ids=False, repeats=True, how=LOSSY),
    "again at once, ids counted": Scenario(again(400 * US), how=LOSSY),
    "again before the other end has it": Scenario(again(50 * US), ids=False, repeats=True, how=LOSSY),
    "keep-alives": Scenario(probed, ids=False, repeats=True, how=LOSSY),
    "DNS twice": Scenario(asked_twice, ids=False, repeats=True, how=LOSSY),
    "DNS twice, IPv6": Scenario(asked_twice, v6=True, repeats=True, how=LOSSY),
    "DNS twice, nothing missing": Scenario(asked_twice, ids=False, repeats=True),
    "DNS twenty times": Scenario(asked_often, ids=False, repeats=True, how=LOSSY),
    "ARP": Scenario(arp, repeats=True, how=LOSSY),
    "ICMP": Scenario(ping, ids=False, how=LOSSY),
    "ICMPv6": Scenario(ping, v6=True, how=LOSSY),
    "fragments": Scenario(fragmented, how=LOSSY),
    "another clock": Scenario(everything, CLOCKS, ids=False, repeats=True, how=LOSSY),
    "another clock, behind": Scenario(everything, BEHIND, ids=False, repeats=True, how=LOSSY),
    "three taps": Scenario(everything, THREE, ids=False, repeats=True, how=LOSSY),
    "out of order": Scenario(plain, ids=False, how={"disorder": 3 * MS}),
    "everything": Scenario(everything, ids=False, repeats=True, how=LOSSY),
    "everything, IPv6": Scenario(everything, v6=True, repeats=True, how=LOSSY),
}
