"""Folders of captures to convert, and what must come of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from vxtap.convert_report import ConvertReport
from vxtap.manifest import MANIFEST


def lines(folder: Path) -> list[dict[str, Any]]:
    """The manifest of a folder, line by line."""
    return [json.loads(line) for line in (folder / MANIFEST).read_text().splitlines()]


def last(folder: Path) -> dict[str, dict[str, Any]]:
    """What the manifest says of each input, by its name."""
    return {os.path.basename(line["input"]): line for line in lines(folder)}


def tree(folder: Path) -> list[str]:
    """All files below a folder, hidden ones too, but for the manifest."""
    found = (Path(at) / name for at, _, names in os.walk(folder) for name in names)
    return sorted(str(path.relative_to(folder)) for path in found if path.name != MANIFEST)


def states(report: ConvertReport) -> dict[str, str]:
    """What has become of each input, by its name."""
    return {os.path.basename(one.input): one.state for one in report.files}
