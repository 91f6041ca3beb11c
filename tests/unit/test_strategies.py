"""The generated captures hold what they are for; if not, tests that compare over them pass by seeing nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, seed, settings

import oracle
import strategies
from strategies_tunnels import options

OUTCOMES = {"decapsulated", "not_ip", "not_udp", "other_port", "no_vni_flag", "truncated_outer", "link_type"}
OUTCOMES |= {"no_interface", "malformed", "inner_type", "second_sight"}
OUTCOMES |= {"fragment_joined", "fragment_lost", "fragment_overlap"}
TUNNELS = {"VXLAN", "VXLAN_GPE", "GENEVE", "GRE", "NVGRE", "ERSPAN_I", "ERSPAN_II", "ERSPAN_III"}
FLAGS = {"TRUNCATED", "MALFORMED_INNER", "OUTER_VLAN", "INNER_VLAN", "INNER_FRAGMENT", "GBP", "RESERVED_BITS"}
FLAGS |= {"OUTGOING", "NO_TIME", "REASSEMBLED", "NESTED", "INNER_RAW"}
CAPTURES = 600
# What is drawn depends on which modules are loaded, too: where something is rare, as many captures more are drawn.
SEEDS = range(5)
FEWEST = 2  # captures that have a thing
OFTEN = {"decapsulated": 200, "fragment_joined": 75, "fragment_lost": 50, "fragment_overlap": 10, "second_sight": 20}
OFTEN |= {"REASSEMBLED": 50, "late": 5}


def test_captures_hold_everything() -> None:
    captures: Counter[str] = Counter()

    def look(data: bytes, how: dict[str, Any]) -> None:
        timeout = how.pop("fragment_timeout", 30)
        rows = oracle.decode(data, timeout=timeout, **how).rows
        captures.update({row["status"] for row in rows})
        inner = [row for row in rows if row["status"] == "decapsulated"]
        captures.update({row["tunnel"] for row in inner} | {flag for row in inner for flag in row["flags"]})
        captures.update({"late"} if any(row["comes"][0] != row["frame"] for row in inner) else ())

    wanted = dict.fromkeys(OUTCOMES | TUNNELS | FLAGS, FEWEST) | OFTEN
    lacking = wanted
    for number in SEEDS:
        drawn = given(strategies.captures(), options())(look)
        seed(number)(settings(max_examples=CAPTURES, database=None)(drawn))()
        lacking = {name: captures[name] for name, fewest in wanted.items() if captures[name] < fewest}
        if not lacking:
            break
    assert lacking == {}
