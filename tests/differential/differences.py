"""Every difference between the library and tshark 4.0, with its reason. A test asserts that each one still is there."""

from __future__ import annotations

from typing import NamedTuple


class Difference(NamedTuple):
    """Where the two do not say the same."""

    file: str
    frame: int | None  # None: in all frames of the file that have one
    column: str  # "frame": only one of the two takes the frame for VXLAN
    reason: str


DIFFERENCES: tuple[Difference, ...] = ()
