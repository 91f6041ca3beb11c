"""Several captures -> one inner capture, in order of time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from vxtap._merge import Merger
from vxtap.errors import OptionError, VxtapError
from vxtap.lanes import Lanes, list_of
from vxtap.merge_report import MergeReport, take_stock_of
from vxtap.rewrite import output_format
from vxtap.sink import Sink, is_same_file

if TYPE_CHECKING:
    from vxtap.options import Options
    from vxtap.rewrite import Progress
    from vxtap.sink import Target
    from vxtap.source import Source, Sources

#: Bytes written at a time.
_BLOCK = 1 << 20


class Gathered(NamedTuple):
    """A merge that is done: its report, and the name of its output."""

    report: MergeReport
    output: str


def check_output(lanes: Lanes, sources: list[Sources], dest: Target) -> None:
    """Refuse to write onto what is read."""
    for lane, source in zip(lanes.lanes, sources, strict=True):
        parts = source if isinstance(source, list | tuple) else [source]
        same_object = any(dest is one for one in parts) and not isinstance(dest, str | os.PathLike)
        if same_object or is_same_file(lane.run.files.stats, dest):
            raise OptionError(f"{lane.run.files.name}: is an input, and would be overwritten")


def _write(lanes: Lanes, sink: Sink, progress: Progress | None) -> None:
    target = memoryview(bytearray(_BLOCK))
    more = True
    while more:
        made, more = lanes.take(lanes.merger.capture, target, 1)
        if not made and more:  # a frame that is larger than the block; frames have a limit
            target = memoryview(bytearray(2 * len(target)))
        sink.write(target[:made])
        if progress is not None:
            progress(lanes.done, lanes.total)
    if lanes.error is None or any(lane.run.books.frames for lane in lanes.lanes):
        sink.write(lanes.merger.end_output())


def _begin_output(lanes: Lanes, dest: Target, options: Options) -> Merger:
    pcapng = output_format(dest, options) == "pcapng"
    nano = any(lane.fine for lane in lanes.lanes)
    lanes.merger.begin_output(pcapng=pcapng, ethernet=options.ethernet, nano=nano)
    return lanes.merger


def run_merge(
    sources: Source | list[Sources] | tuple[Sources, ...],
    dest: Target,
    options: Options,
    progress: Progress | None = None,
) -> Gathered:
    """Do what `vxtap.merge` says for an output."""
    inputs = list_of(sources)
    output_format(dest, options)  # what makes no sense is told before anything is read
    lanes = Lanes(inputs, options, frames=True, rows=False)
    try:
        check_output(lanes, inputs, dest)
        with Sink(dest) as sink:
            sink.whole_pages = lanes.total is not None
            lanes.begin()
            _begin_output(lanes, dest, options)
            _write(lanes, sink, progress)
            report = take_stock_of(lanes)
            report.bytes_out = sink.size
            error = lanes.error
            if error is None:
                sink.commit()
            elif isinstance(error, VxtapError) and report.frames:
                sink.commit()
                saved = f"{error}; what came before it, and the other sources, are in {sink.name}: packets written: "
                error.args = (f"{saved}{report.written:,}", *error.args[1:])
    finally:
        lanes.close()
    if error is not None:
        raise error
    return Gathered(report, sink.name)
