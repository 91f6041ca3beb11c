"""Ranges that are read apart, put side by side, and what one pass gives of the same capture."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import vxtap
from ranges import row_differences
from vxtap import borders, proven, strips
from vxtap.options import Options
from vxtap.proven import Proven, RangeRows


class Apart(NamedTuple):
    """The ranges of a capture, and what each held; or why there is none."""

    ranges: list[Proven]
    parts: list[RangeRows]
    error: vxtap.VxtapError | None = None

    @property
    def rows(self) -> np.ndarray:
        """All rows, in the order of ranges."""
        return joined([part.rows for part in self.parts])

    @property
    def reread(self) -> int:
        """Bytes that were read more than once."""
        return sum(part.reread for part in self.parts)


def joined(parts: list[np.ndarray]) -> np.ndarray:
    """Rows one after the other, of the dtype that they have."""
    return np.concatenate([part.view(f"V{part.dtype.itemsize}") for part in parts]).view(parts[0].dtype)


def counted(ranges: list[Proven]) -> list[Proven]:
    """Have frames count from the start of each capture."""
    if all(one.before is not None for one in ranges):
        return ranges
    return proven.with_counts(ranges, [proven.count(one) for one in ranges])


def read_apart(source: Any, split: int | str, *, whole: bool | None = None, **how: Any) -> Apart:
    """Find the ranges, and read one after the other, the last one first: none knows of another."""
    options = Options(**how)
    try:
        ranges = counted(proven.prove(source, options, split=split, whole=whole))
        parts = [proven.read(one, options) for one in reversed(ranges)]
    except vxtap.VxtapError as error:
        return Apart([], [], error)
    return Apart(ranges, parts[::-1])


def differences(path: Path, found: Apart, **how: Any) -> list[str]:
    """Everything in which the ranges differ from one pass."""
    with vxtap.open(path, workers=1, **how) as capture:
        batches, wrong = [], None
        try:
            batches.extend(capture.batches())
        except vxtap.VxtapError as error:
            wrong = error
    if found.error or wrong:
        alike = type(found.error) is type(wrong)
        return [] if alike else [f"raised {found.error!r}, one pass {wrong!r}"]
    rows = joined([np.empty(0, capture.dtype), *batches])
    mine = found.rows
    if how.get("partial"):  # those that come late stand where their frame is
        rows, mine = np.sort(rows), np.sort(mine)
    lines = row_differences("ranges", mine, rows)
    ours, theirs = sum_of(found), capture.report
    lines += [f"{ours} frames, one pass {theirs.frames}"] if ours != theirs.frames else []
    return lines + [f"frame {one.began}" for one in gaps(found)]


def sum_of(found: Apart) -> int:
    """Frames of all ranges."""
    return sum(part.report.frames for part in found.parts)


def gaps(found: Apart) -> list[vxtap.Report]:
    """Ranges that do not begin where the one before ended."""
    reports = [part.report for part in found.parts]
    return [b for a, b in itertools.pairwise(reports) if a.ended != b.began]


@contextmanager
def narrow(warm: int = 400, behind: int = 900, small: int = 0) -> Iterator[None]:
    """Have ranges begin to read a few frames ahead, and no file be small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(borders, "WARM", warm)
        patch.setattr(borders, "_BEHIND", behind)
        patch.setattr(borders, "_SMALL", small)
        patch.setattr(borders, "_STEP", 4 * warm)
        patch.setattr(borders, "_APART", warm)
        patch.setattr(strips, "_LOOK", behind)
        yield


def by_windows(found: Apart) -> bool:
    """Whether its borders were found by what lies around them."""
    return not any(one.looked for one in found.ranges)


def changed(one: Proven, **how: Any) -> Proven:
    """A range that was found wrong."""
    return replace(one, **how)
