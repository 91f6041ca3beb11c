"""Counts of today against those that were noted: no case may take more than LIMIT above them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

LIMIT = 0.03
NAMED = 3  # functions that are named, where a case takes more


@dataclass(frozen=True, slots=True)
class Case:
    """One job over one input: frames, instructions by function of the core, calls of the C library."""

    frames: int
    instructions: dict[str, int]
    calls: dict[str, int]

    def per_frame(self, what: str) -> float:
        """Instructions, or calls, a frame."""
        return sum(asdict(self)[what].values()) / self.frames


def growth(before: dict[str, int], after: dict[str, int]) -> list[tuple[int, str]]:
    """How much more each function takes, most first; those that do not are left out."""
    more = [(after[name] - before.get(name, 0), name) for name in after]
    return sorted([one for one in more if one[0] > 0], reverse=True)


def faults(name: str, before: Case, after: Case) -> Iterator[str]:
    """What is wrong with a case, in words."""
    if before.frames != after.frames:
        yield f"{name}: {after.frames:,} frames, where there were {before.frames:,}"
        return
    for what in ("instructions", "calls"):
        old, new = before.per_frame(what), after.per_frame(what)
        if new <= old * (1 + LIMIT):
            continue
        most = growth(asdict(before)[what], asdict(after)[what])[:NAMED]
        where = ", ".join(f"{function} (+{more / after.frames:.1f})" for more, function in most)
        rate = f" ({new / old - 1:+.1%})" if old else ""
        yield f"{name}: {new:.1f} {what} a frame, where there were {old:.1f}{rate}: most in {where}"


def compare(before: dict[str, Case], after: dict[str, Case]) -> list[str]:
    """What is wrong with all of them; a case that one side does not have is wrong too."""
    found = [f"{name}: only in the {'baseline' if name in before else 'code'}" for name in before.keys() ^ after.keys()]
    for name in before.keys() & after.keys():
        found += faults(name, before[name], after[name])
    return sorted(found)
