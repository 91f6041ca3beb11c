"""One capture -> one inner capture, a block at a time."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from vxtap import _core
from vxtap.enums import Status
from vxtap.errors import OptionError, VxtapError
from vxtap.options import DEFAULT_PORTS, Options, cores_at_hand, only_outer
from vxtap.packing import codec_for, sink_for
from vxtap.passes import MORE_INPUT, MORE_OUTPUT, SEED, Pass, files_of
from vxtap.sink import is_input

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

    from vxtap.follow import Stop
    from vxtap.options import Numbers, OuterOptions
    from vxtap.pipeline import Pipeline
    from vxtap.report import Report
    from vxtap.rotation import Rotation
    from vxtap.sink import Sink, Target
    from vxtap.source import Sources

    #: Told after every block: bytes read, bytes in all (None where nobody knows).
    Progress = Callable[[int, int | None], None]

#: Bytes read and written at a time. Here, unlike where rows are made, what a block costs counts for more than that it
#: stays in the nearest cache.
BLOCK = 1 << 20

# Bytes from which on a second thread is worth its start.
_LARGE = 8 << 20

_SUFFIXES: dict[str, Literal["pcap", "pcapng"]] = {".pcapng": "pcapng", ".ntar": "pcapng"}


def output_format(target: Target, options: Options) -> Literal["pcap", "pcapng"]:
    """Choose the output's format: as asked for, else by the suffix, else pcap; kept frames need pcapng.

    The suffix is that in front of one that says how the output is compressed.
    """
    suffix = os.path.splitext(codec_for(target)[1])[1].lower()
    if options.format is not None:
        return options.format
    chosen = _SUFFIXES.get(suffix, "pcap")
    if options.keep_others and chosen == "pcap":
        if suffix:
            raise OptionError(
                f"keep_others: needs pcapng output, which has room for several link types: not {suffix!r}"
            )
        return "pcapng"
    return chosen


def use_two(workers: int | None, size: int) -> bool:
    """Whether two threads work on so many bytes: as asked for, else where there are cores and it pays."""
    if workers is not None:
        return workers > 1
    return cores_at_hand() > 1 and size >= _LARGE


class Finished(NamedTuple):
    """A job that is done: its report, the core's books for those who want to know more, the name of its output."""

    report: Report
    books: _core.Rewriter
    output: str


class Decap(Pass):
    """A pass that writes the inner frames.

    A block of the input becomes a block of output in the same memory: inner frames are shorter than what they came
    in. Where that does not hold (a new pcapng interface, a kept frame) a second buffer takes the frame.
    """

    books: _core.Rewriter

    def __init__(self, files: Rotation, options: Options, *, pcapng: bool) -> None:
        rewriter = _core.Rewriter(
            options.wanted,
            pcapng=pcapng,
            keep_others=options.keep_others,
            ethernet=options.ethernet,
            nano=files.fine,
            census=True,
            seed=SEED,
        )
        super().__init__(files, rewriter, strict=options.strict, block=BLOCK)
        self._spare = memoryview(bytearray(BLOCK))
        self._given: memoryview | None = None  # what the sink was given last, and may not have written yet

    def run_on(self, sink: Sink, workers: int | None, progress: Progress | None) -> None:
        """Do `run` with one thread or two, whatever is asked for and possible."""
        sink.whole_pages = self.files.size is not None  # else it may be long until the next bytes come
        if not (self._are_files and sink.is_own_file and use_two(workers, self.files.size or 0)):
            self.run(sink, progress)
            return
        from vxtap.pipeline import Pipeline  # only here: small captures are done by then

        with ExitStack() as stack:
            output: Sink | Pipeline = sink
            with suppress(RuntimeError):  # no thread is to be had: one does it
                output = pipeline = stack.enter_context(Pipeline(sink, BLOCK))
                self.window.renew = pipeline.renew
            self.run(output, progress)

    @property
    def _are_files(self) -> bool:
        """Whether nothing has to be waited for: where the size is known, it is files, or memory."""
        return self.files.size is not None and self.files.origin.memory is None

    def run(self, sink: Sink | Pipeline, progress: Progress | None = None) -> None:
        """Write everything up to the end of the source, or up to a fault, which is left in `error`."""
        self.begin()
        total = self.files.size
        while not self.ended:
            status = self._block(sink)
            if progress is not None:
                progress(self.books.offset, total)
            if status == MORE_INPUT:
                self.more()
        if self.error is None or self.books.frames:
            sink.write(self.books.end_output())
        sink.settle()

    def report(self) -> Report:
        """The books so far, with what only a writer knows; `bytes_out` is the sink's to tell."""
        report = super().report()
        report.times_rounded = self.books.times_rounded
        report.times_lost = self.books.times_lost
        return report

    def _block(self, sink: Sink | Pipeline) -> int:
        """Rewrite what is in the window, until it wants more input."""
        window = self.window
        in_place = window.origin.memory is None
        while True:
            target = window.buffer if in_place else self._spare
            if target is self._given or not in_place:
                sink.settle()
            status, used, made = self.books.rewrite(
                window.buffer, window.start, window.end, None if in_place else target
            )
            self.moved(status, used)
            sink.write(target[:made])
            self._given = target
            if status != MORE_OUTPUT:
                return status
            # The consumed bytes are room now; a frame that does not fit even so goes to the second buffer, which grows
            # until it does: frames have a limit.
            if not used and not made and not in_place:
                self._spare = memoryview(bytearray(2 * len(self._spare)))
            in_place = window.origin.memory is None and made > 0


def decap(
    source: Sources,
    dest: Target,
    *,
    ports: Numbers = DEFAULT_PORTS,
    vni: Numbers | None = None,
    keep_others: bool = False,
    format: Literal["pcap", "pcapng"] | None = None,
    ethernet: bool = False,
    strict: bool = False,
    follow: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
    **outer: Unpack[OuterOptions],
) -> Report:
    """Write the inner frames of a capture as a capture of their own.

    Parameters
    ----------
    source : str, os.PathLike, buffer or binary file object, or a list of those
        As for `vxtap.open`; '-' is standard input; a list, or a text with a wildcard, is a rotated set.
    dest : str, os.PathLike or binary file object
        Where to; '-' is standard output. A path is written beside its target and renamed when complete, and compressed
        where it ends in '.gz', '.zst' or '.lz4'.
    ports, vni, where, strict, tunnels, depth, once, partial, fragment_timeout, fragment_memory
        As for `vxtap.open`.
    keep_others : bool
        Write frames that are not decapsulated as they are, on an interface of their own (pcapng only).
    format : {"pcap", "pcapng"}, optional
        Of the output; otherwise by the suffix of `dest`, else pcap, with microseconds, or nanoseconds where the source
        (or a file of the set) has them. In pcapng every tunnel (VNI and endpoints) has an interface, named so.
    ethernet : bool
        Write inner frames that start with IP behind an Ethernet header that is made up (see `vxtap.Options`).
    follow : bool
        Wait for more at the end of a file, as `vxtap.open` does. Ctrl-C is the normal end then; a second one raises.
    workers : int, optional
        With 2, a thread of its own writes while the next block is read: the same bytes, and only from files to a file
        named by its path. More do not help one output. By default 2 where there are several cores and much to read.
    progress : callable, optional
        Called after every block with the bytes read and the bytes in all (None where nobody knows).

    Returns
    -------
    Report
        Every frame accounted for.

    Raises
    ------
    OptionError, OSError
        For options that make no sense, an output that is the input, what cannot be read or written; no output is left.
    FormatError
        For a file that is no capture, or is damaged from some byte on: an output holds the frames before it, if any.

    Examples
    --------
    >>> print(vxtap.decap("nva.pcap", "inner.pcap"))
    """
    own: dict[str, Any] = {"keep_others": keep_others, "format": format, "ethernet": ethernet, "workers": workers}
    options = Options(ports=ports, vni=vni, strict=strict, follow=follow, **own, **only_outer(outer))
    return run_decap(source, dest, options, progress).report


def run_decap(
    source: Sources,
    dest: Target,
    options: Options,
    progress: Progress | None = None,
    signals: tuple[int, ...] = (signal.SIGINT,),
    *,
    announce: Callable[[int], None] | None = None,
) -> Finished:
    """Do what `decap` says, and give back all the books; `signals` are the normal end of a job that follows.

    `announce` is told the bytes of an output that is about to take its name.
    """
    if not options.follow:
        return _run(source, dest, options, progress, None, announce=announce)
    from vxtap.follow import Stop  # only here: most runs do not wait

    return _run(source, dest, options, progress, Stop(*signals), announce=announce)


def _run(
    source: Sources,
    dest: Target,
    options: Options,
    progress: Progress | None,
    stop: Stop | None,
    *,
    announce: Callable[[int], None] | None,
) -> Finished:
    pcapng = output_format(dest, options) == "pcapng"
    job = Decap(files_of(source, options, stop=stop), options, pcapng=pcapng)
    try:
        if is_input(source, job.files.stats, dest):
            which = "one of them is the output" if job.files.several else "is the input"
            raise OptionError(f"{job.files.name}: {which}, and would be overwritten")
        # Signals are noted only from here on: opening a pipe that nobody writes to yet must end at once.
        with stop or nullcontext(), sink_for(dest) as sink:
            job.run_on(sink, options.workers, progress)
            report = job.report()
            if job.error is None or (isinstance(job.error, VxtapError) and job.books.frames):
                if announce is not None:
                    announce(sink.size)
                sink.commit()
            if isinstance(job.error, VxtapError) and job.books.frames:
                outcomes = job.books.outcomes
                written = outcomes[Status.OK] + outcomes[Status.KEPT]
                saved = f"{job.error}; what came before it is in {sink.name}: frames written: {written:,}"
                job.error.args = (saved, *job.error.args[1:])
            report.bytes_out, report.bytes_unpacked = sink.size, sink.unpacked
    finally:
        job.close()
    if job.error is not None:
        raise job.error
    return Finished(report, job.books, sink.name)
