"""Several captures -> one inner capture, in order of time."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from vxtap._merge import Merger
from vxtap.errors import OptionError, VxtapError
from vxtap.lanes import Lanes, list_of
from vxtap.merge_report import MergeReport, take_stock_of
from vxtap.packing import sink_for
from vxtap.rewrite import output_format, use_two
from vxtap.sink import is_input

if TYPE_CHECKING:
    from collections.abc import Callable

    from vxtap.options import Options
    from vxtap.pipeline import Pipeline
    from vxtap.rewrite import Progress
    from vxtap.sink import Sink, Target
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
        if is_input(source, lane.run.files.stats, dest):
            raise OptionError(f"{lane.run.files.name}: is an input, and would be overwritten")


def _write(
    lanes: Lanes,
    output: Sink | Pipeline,
    progress: Progress | None,
    renew: Callable[[memoryview, int], memoryview] | None = None,
) -> None:
    """Write all that comes out; `renew` gives another block, where one is still being written."""
    target = memoryview(bytearray(_BLOCK))
    more = True
    while more:
        made, more = lanes.take(lanes.merger.capture, target, 1)
        output.write(target[:made])
        if not made and more:  # a frame that is larger than the block; frames have a limit
            output.settle()
            target = memoryview(bytearray(2 * len(target)))
        elif renew is not None:
            target = renew(target, 0)
        if progress is not None:
            progress(lanes.done, lanes.total)
    if lanes.error is None or any(lane.run.books.frames for lane in lanes.lanes):
        output.write(lanes.merger.end_output())
    output.settle()


def _write_by(lanes: Lanes, sink: Sink, workers: int | None, progress: Progress | None) -> None:
    """Write with one thread or two, whatever is asked for and possible."""
    sink.whole_pages = lanes.total is not None
    are_files = not any(lane.is_live or lane.run.files.origin.memory is not None for lane in lanes.lanes)
    if not (are_files and sink.is_own_file and use_two(workers, lanes.total or 0)):
        _write(lanes, sink, progress)
        return
    from vxtap.pipeline import Pipeline  # only here: small captures are done by then

    with ExitStack() as stack:
        try:
            pipeline = stack.enter_context(Pipeline(sink, _BLOCK))
        except RuntimeError:  # no thread is to be had: one does it
            _write(lanes, sink, progress)
        else:
            _write(lanes, pipeline, progress, pipeline.renew)


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
    output = sink_for(dest)
    lanes = Lanes(inputs, options, frames=True, rows=False)
    try:
        check_output(lanes, inputs, dest)
        with output as sink:
            lanes.begin()
            _begin_output(lanes, dest, options)
            _write_by(lanes, sink, options.workers, progress)
            report = take_stock_of(lanes)
            error = lanes.error
            if error is None:
                sink.commit()
            elif isinstance(error, VxtapError) and report.frames:
                sink.commit()
                saved = f"{error}; what came before it, and the other sources, are in {sink.name}: packets written: "
                error.args = (f"{saved}{report.written:,}", *error.args[1:])
            report.bytes_out, report.bytes_unpacked = sink.size, sink.unpacked
    finally:
        lanes.close()
    if error is not None:
        raise error
    return Gathered(report, sink.name)
