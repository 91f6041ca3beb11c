"""Several sources as one sequence, in order of time: as a capture, or as batches of records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from vxtap._merge import IDENTIFIED_SIZE, ROW_SIZE
from vxtap.errors import OptionError
from vxtap.gather import run_merge
from vxtap.lanes import Lanes, list_of
from vxtap.layout import PACKET
from vxtap.merge_report import MergeReport, take_stock_of
from vxtap.options import DEFAULT_PORTS, WINDOW, Options, only_outer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Unpack

    from vxtap.options import Duration, Numbers, OuterOptions
    from vxtap.passes import RowPass
    from vxtap.rewrite import Progress
    from vxtap.sink import Target
    from vxtap.source import Source, Sources

    _Inputs = Source | list[Sources] | tuple[Sources, ...]
    Packets = np.ndarray[tuple[int], np.dtype[np.void]]

    class _MergeOptions(OuterOptions, total=False):
        """What `merge` takes by name, for type checkers; its signature tells what is usual."""

        dedup: Duration | None
        window: Duration
        align: bool
        ports: Numbers
        vni: Numbers | None
        format: Literal["pcap", "pcapng"] | None
        ethernet: bool
        strict: bool
        workers: int | None
        progress: Progress | None


#: Rows of a batch where nobody says how many.
BATCH = 1 << 16
_MOST_ROWS = 1 << 20  # of a batch, whatever is asked for: memory for them is taken before they are there


def _identified() -> np.dtype[np.void]:
    places = PACKET.fields
    assert places is not None
    assert PACKET.names is not None
    names = [*PACKET.names, "identity", "digest"]
    formats = [places[name][0] for name in PACKET.names]
    offsets = [places[name][1] for name in PACKET.names]
    return np.dtype(
        {
            "names": names,
            "formats": [*formats, "u8", "u8"],
            "offsets": [*offsets, ROW_SIZE, ROW_SIZE + 8],
            "itemsize": IDENTIFIED_SIZE,
        }
    )


#: A row with what tells the same packet elsewhere: `identity`, of what routers leave alone without the payload, and
#: `digest`, of the captured payload. Their values mean something within one process only.
IDENTIFIED: np.dtype[np.void] = _identified()


class Merged:
    """The packets of several sources in order of time, read once. `vxtap.merge` without an output makes one.

    Use it as a context manager, or call `close`.

    Parameters
    ----------
    sources : a source, or a list of sources
        As for `vxtap.merge`.
    options : Options, optional
        What else; with `dedup`, duplicates are dropped.
    identity : bool
        Rows are of dtype `IDENTIFIED`.
    mark : bool
        Duplicates are not dropped, but have `Flag.DUPLICATE`. In the report they are no less `duplicates`.
    census : bool
        Count tunnels, interfaces and the like of each source, for `passes`.

    Attributes
    ----------
    dtype : numpy.dtype
        Of the rows: `vxtap.PACKET`, with `identity` and `digest` where that was asked for.
    """

    def __init__(
        self,
        sources: _Inputs,
        options: Options | None = None,
        *,
        identity: bool = False,
        mark: bool = False,
        census: bool = False,
    ) -> None:
        self.dtype = IDENTIFIED if identity else PACKET
        self._lanes = Lanes(
            list_of(sources),
            options or Options(),
            frames=identity,
            identify=identity,
            mark=mark,
            census=census,
        )

    def batches(self, size: int = BATCH) -> Iterator[Packets]:
        """Give the rows in order of time, some at a time, in bounded memory.

        Parameters
        ----------
        size : int
            Rows of a batch at most; never more than 2^20.

        Yields
        ------
        numpy.ndarray
            Of `dtype`, at least one row, memory of its own. `source` tells which source a row is of; `frame` and
            `offset` count in that source.

        Raises
        ------
        FormatError, OSError
            For a source that is damaged or cannot be read, after all rows before the fault, and those of the other
            sources, have been given.
        """
        if not isinstance(size, int | np.integer) or size < 1:
            raise OptionError(f"size: expected a number of rows, at least 1, got {size!r}")
        more = True
        while more:
            rows = np.zeros(min(int(size), _MOST_ROWS), self.dtype)
            target = memoryview(rows.view(np.uint8))
            count, more = self._lanes.take(self._lanes.merger.rows, target, self.dtype.itemsize)
            if count:
                yield rows[:count]
        if self._lanes.error is not None:
            raise self._lanes.error

    def __iter__(self) -> Iterator[Packets]:
        """Iterate over `batches`."""
        return self.batches()

    @property
    def passes(self) -> list[RowPass]:
        """The passes over the sources, one each; with `census` their books know tunnels and interfaces."""
        return [lane.run for lane in self._lanes.lanes]

    @property
    def error(self) -> BaseException | None:
        """Why a source could not be read to its end, if so: what `batches` raises."""
        return self._lanes.error

    @property
    def report(self) -> MergeReport:
        """What has become of every frame read so far."""
        return take_stock_of(self._lanes)

    def close(self) -> None:
        """Close the files that were opened here."""
        self._lanes.close()

    def __enter__(self) -> Merged:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@overload
def merge(sources: _Inputs, dest: None = None, **options: Unpack[_MergeOptions]) -> Merged: ...
@overload
def merge(sources: _Inputs, dest: Target, **options: Unpack[_MergeOptions]) -> MergeReport: ...
def merge(
    sources: _Inputs,
    dest: Target | None = None,
    *,
    dedup: Duration | None = None,
    window: Duration = WINDOW,
    align: bool = False,
    ports: Numbers = DEFAULT_PORTS,
    vni: Numbers | None = None,
    format: Literal["pcap", "pcapng"] | None = None,
    ethernet: bool = False,
    strict: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
    **outer: Unpack[OuterOptions],
) -> MergeReport | Merged:
    """Bring the inner packets of several captures together, in order of time.

    Parameters
    ----------
    sources : a source, or a list of sources
        Each as for `vxtap.open`; a list in the list, or a text with a wildcard, is a rotated set, and one source.
        Formats, link types and resolutions may differ.
    dest : str, os.PathLike or binary file object, optional
        Where the inner capture goes, as for `vxtap.decap`; its times are as fine as those of the finest source. In
        pcapng every tunnel of every source has an interface of its own. None: rows, see below.
    dedup : float or str, optional
        Drop packets that another vantage point (tunnel source, VNI, source) has seen at most this long before, such as
        '2ms'. What one vantage point sees twice was sent twice, and is kept.
    window : float or str
        Within how long a source may itself be out of order. What comes later still is written then, and `late`.
    align : bool
        Find out how far the sources' clocks are apart, and correct the times. Reads them twice: no pipes.
    ports, vni, where, strict, tunnels, depth, once, partial, fragment_timeout, fragment_memory
        As for `vxtap.open`.
    format, ethernet, workers, progress
        As for `vxtap.decap`.

    Returns
    -------
    MergeReport or Merged
        With `dest` the report. Without, an object whose `batches` gives rows of dtype `vxtap.PACKET`, and which has
        the report, too.

    Raises
    ------
    OptionError, OSError
        For options that make no sense, an output that is an input, what cannot be read or written.
    FormatError
        For a source that is no capture or is damaged, after all else has been written or given.

    Examples
    --------
    >>> report = vxtap.merge(["nva1.pcap", "nva2.pcap"], "inner.pcapng", dedup="2ms")
    """
    own: dict[str, Any] = {"dedup": dedup, "window": window, "align": align, "format": format, "ethernet": ethernet}
    options = Options(ports=ports, vni=vni, strict=strict, workers=workers, **own, **only_outer(outer))
    if dest is None:
        return Merged(sources, options)
    return run_merge(sources, dest, options, progress).report
