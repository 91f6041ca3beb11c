"""The first of the two readings that a merge with aligned clocks takes: how far the sources' clocks are apart."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vxtap.capture import Capture
from vxtap.clocks import Clocks, Evidence, columns
from vxtap.errors import OptionError, VxtapError
from vxtap.rotation import expand
from vxtap.source import Split, printable

if TYPE_CHECKING:
    from vxtap.options import Options
    from vxtap.source import Source, Sources


def _name_if_once(source: Source) -> str | None:
    """What is told of a source that can be read only once; None for one that can be read again."""
    if isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        if path == "-":
            return "standard input"
        return None if stat.S_ISREG(os.stat(path).st_mode) else printable(os.fsdecode(path))
    if isinstance(source, Split):
        return None
    try:
        memoryview(source)  # type: ignore[arg-type]
    except (TypeError, ValueError, BufferError):
        return f"a {type(source).__name__}"
    return None


def check_again(sources: list[Sources]) -> None:
    """Raise where a source cannot be read twice."""
    for source in sources:
        for member in expand(source):
            name = _name_if_once(member)
            if name is not None:
                raise OptionError(
                    f"align: {name} can be read only once, and clocks are compared before anything is merged:"
                    " save it to a file first"
                )


def align(sources: list[Sources], options: Options) -> Clocks:
    """Read all sources and estimate how far their clocks are apart."""
    check_again(sources)
    evidence = Evidence(len(sources))
    # Of all packets, whatever is wanted of them: clocks do not depend on that.
    own: dict[str, Any] = {"columns": columns, "where": None, "align": False, "dedup": None, "strict": False}
    for number, source in enumerate(sources):
        with (
            Capture(source, replace(options, **own)) as capture,
            suppress(VxtapError),
        ):  # which the second reading tells
            for batch in capture.batches():
                batch["source"] = number
                evidence.take(batch)
    return evidence.solve()
