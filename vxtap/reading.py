"""Reading captures all at once, into one array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from vxtap.layout import Projection
from vxtap.memory import Rows
from vxtap.options import DEFAULT_PORTS, Options, only_outer
from vxtap.passes import RowPass, files_of
from vxtap.ranges import pass_over, threads_of
from vxtap.splits import each_source

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Unpack

    from vxtap.capture import Packets
    from vxtap.options import Numbers, OuterOptions
    from vxtap.source import Source, Sources

# Rows that are asked for before anything is known of a file's packets.
_FIRST_ROWS = 1 << 12
# What the first packets of a file promise is not believed further than this many times their number.
_MOST_GROWTH = 64


def read(
    source: Source | list[Sources] | tuple[Sources, ...],
    *,
    ports: Numbers = DEFAULT_PORTS,
    vni: Numbers | None = None,
    columns: Iterable[str] | None = None,
    frames: Literal["decapsulated", "all"] = "decapsulated",
    strict: bool = False,
    workers: int | None = None,
    split: int | str | None = None,
    **outer: Unpack[OuterOptions],
) -> Packets:
    """Read every decapsulated frame of a capture, or of several, into one array.

    The counts of what was skipped are not part of the array: `open` has a report, and so has `info`.

    Parameters
    ----------
    source : as for `open`, or a list of those
        Several sources are read one after the other; the column `source` tells them apart, from 0. A list within the
        list is one source, a rotated set; so is a text with a wildcard.
    ports, vni, columns, frames, strict, workers, split
        As for `open`.
    where, tunnels, depth, once, partial, fragment_timeout, fragment_memory
        As for `open`.

    Returns
    -------
    numpy.ndarray
        One row a frame, of dtype `vxtap.PACKET` or of the columns asked for. Its memory is its own.

    Raises
    ------
    OptionError, OSError
        As `open`.
    FormatError
        For a file that is not a capture, or is damaged. Nothing is returned then: use `open` for the rows before the
        fault.

    Examples
    --------
    >>> packets = vxtap.read("nva.pcap", columns=["ts", "vni", "src", "dst"])
    """
    own: dict[str, Any] = {"columns": columns, "frames": frames, "strict": strict}
    options = Options(ports=ports, vni=vni, workers=workers, split=split, **own, **only_outer(outer))
    projection = Projection(options.column_names)
    rows = Rows(projection.dtype, _FIRST_ROWS)
    for one, number in each_source(source):
        _read_one(one, options, projection, rows, number)
    return rows.array()


def _read_one(source: Sources, options: Options, projection: Projection, rows: Rows, number: int) -> None:
    files = files_of(source, options)
    run = pass_over(files, options, projection, number=number, threads=threads_of(options, files))
    begin = rows.count
    try:
        full = True
        while full:
            rows.count, full = run.fill(rows.buffer, rows.count)
            if full:
                rows.reserve(_estimate(run, rows.count - begin) + rows.count, 2 * rows.count)
    finally:
        run.close()
    if run.error is not None:
        raise run.error


def _estimate(run: RowPass, rows: int) -> int:
    """How many rows are still to come: by the bytes that are left, where that is known, or as many as there were."""
    size, done = run.files.size, run.books.offset
    if size is None or not done:
        return max(rows, _FIRST_ROWS)
    left = max(0, size - done)
    return min(int(left / done * rows * 1.05), _MOST_GROWTH * rows) + _FIRST_ROWS
