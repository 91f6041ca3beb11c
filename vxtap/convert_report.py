"""What has become of every input of a conversion."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from vxtap.inputs import LeftOut
    from vxtap.report import Report


@dataclass(slots=True, kw_only=True)
class Converted:
    """One input.

    Attributes
    ----------
    input : str
        The file, from the root.
    state : {"done", "failed", "skipped"}
        Converted now; not, as `error` says; or not again, since an earlier run has done it and nothing has changed.
    outputs : dict of str to int
        Paths of the files it was written to, and their bytes. Of a damaged capture these hold what comes before the
        damage; where nothing does, there are none.
    report : Report or None
        What became of its frames; None of what was not read now, or failed before there was any.
    seconds : float
        How long it took.
    error : str
        What went wrong, in a line.
    before : dict
        Of what was skipped: what became of its frames when it was converted, as `Report.to_dict` told it.
    """

    input: str
    state: Literal["done", "failed", "skipped"]
    outputs: dict[str, int] = field(default_factory=dict)
    report: Report | None = None
    seconds: float = 0.0
    error: str = ""
    before: dict[str, Any] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, Any]:
        """What became of its frames, now or when it was converted, as `Report.to_dict` tells it."""
        return self.before if self.report is None else self.report.to_dict()


@dataclass(slots=True, kw_only=True)
class ConvertReport:
    """What `vxtap.convert` has done.

    Attributes
    ----------
    files : list of Converted
        Every input, in the order in which they were found.
    left_out : list of (path, why)
        Files of folders and wildcards that were not converted: no captures, or there by another name too.
    manifest : str
        The file in which all this stands for the next run.
    seconds : float
        How long all of it took.
    """

    files: list[Converted] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    manifest: str = ""
    seconds: float = 0.0

    @property
    def done(self) -> list[Converted]:
        """Inputs that were converted now."""
        return [one for one in self.files if one.state == "done"]

    @property
    def failed(self) -> list[Converted]:
        """Inputs that could not be converted, or not to their ends."""
        return [one for one in self.files if one.state == "failed"]

    @property
    def skipped(self) -> list[Converted]:
        """Inputs that an earlier run has converted, and that have not changed since."""
        return [one for one in self.files if one.state == "skipped"]

    @property
    def reports(self) -> list[Report]:
        """Of the inputs that were read now."""
        return [one.report for one in self.files if one.report is not None]

    @property
    def outputs(self) -> list[str]:
        """Every file that there is of these inputs now, also of those that were skipped."""
        return [path for one in self.files for path in one.outputs]

    @property
    def frames(self) -> int:
        """Of the inputs that were read now."""
        return sum(one.frames for one in self.reports)

    @property
    def decapsulated(self) -> int:
        """Frames whose inner frames were written now."""
        return sum(one.decapsulated for one in self.reports)

    @property
    def frames_skipped(self) -> Counter[str]:
        """The other frames, by reason."""
        return sum((one.skipped for one in self.reports), Counter())

    @property
    def bytes_in(self) -> int:
        """Read now (decompressed)."""
        return sum(one.bytes_in for one in self.reports)

    @property
    def bytes_out(self) -> int:
        """Written now."""
        return sum(one.bytes_out for one in self.reports)

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON; `before` has the counts of inputs that an earlier run has converted."""
        return {
            "done": len(self.done),
            "failed": len(self.failed),
            "unchanged": len(self.skipped),
            "frames": self.frames,
            "decapsulated": self.decapsulated,
            "skipped": dict(self.frames_skipped),
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "before": {
                "frames": sum(one.before.get("frames", 0) for one in self.skipped),
                "decapsulated": sum(one.before.get("decapsulated", 0) for one in self.skipped),
                "skipped": dict(sum((Counter(one.before.get("skipped", {})) for one in self.skipped), Counter())),
            },
            "seconds": round(self.seconds, 3),
            "manifest": self.manifest,
            "files": [
                {
                    "input": one.input,
                    "state": one.state,
                    "outputs": one.outputs,
                    "report": None if one.report is None else one.report.to_dict(),
                    "before": one.before or None,
                    "seconds": one.seconds,
                    "error": one.error,
                }
                for one in self.files
            ],
            "left_out": [{"path": one.path, "why": one.why} for one in self.left_out],
        }

    def __str__(self) -> str:
        """A line for people."""
        parts = [f"{len(self.done):,} of {len(self.files):,} files converted"]
        if self.skipped:
            parts.append(f"{len(self.skipped):,} done before")
        if self.failed:
            parts.append(f"{len(self.failed):,} failed")
        frames = [f"{self.decapsulated:,} decapsulated"]
        frames += [f"{count:,} {reason}" for reason, count in self.frames_skipped.most_common()]
        if not self.reports:
            return ", ".join(parts)
        return f"{', '.join(parts)}; {self.frames:,} frames: {', '.join(frames)}"
