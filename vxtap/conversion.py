"""Many captures -> inner captures or Parquet files, side by side, and only what is new."""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from vxtap.convert_report import Converted, ConvertReport
from vxtap.converting import Conversion, DecapConversion, Place, Recipe, error_text
from vxtap.crew import Crew
from vxtap.errors import OptionError
from vxtap.forms import FORMS
from vxtap.inputs import find_inputs
from vxtap.manifest import Entry, Manifest
from vxtap.options import DEFAULT_PORTS, Options, cores_at_hand, only_outer
from vxtap.targets import assign, check_foreign, is_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Unpack

    from vxtap.forms import Addresses, Form, Partition
    from vxtap.inputs import Found, Input
    from vxtap.options import Numbers, OuterOptions

    Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]

#: Seconds between two words on how far it is.
_INTERVAL = 0.1


class Progress(NamedTuple):
    """How far a conversion is.

    Attributes
    ----------
    bytes, bytes_total : int
        Of the inputs that are converted now, read and in all.
    files, files_total, failed : int
        Inputs that are through, those in all, and how many of them have failed.
    """

    bytes: int
    bytes_total: int
    files: int
    files_total: int
    failed: int


def convert(
    paths: Paths,
    dest: str | os.PathLike[str],
    *,
    to: Form = "parquet",
    workers: int | None = None,
    columns: Iterable[str] | str | None = None,
    addresses: Addresses = "text",
    partition: Partition | None = None,
    row_group: int | None = None,
    ports: Numbers = DEFAULT_PORTS,
    vni: Numbers | None = None,
    keep_others: bool = False,
    ethernet: bool = False,
    strict: bool = False,
    again: bool = False,
    progress: Callable[[Progress], None] | None = None,
    **outer: Unpack[OuterOptions],
) -> ConvertReport:
    """Convert captures to inner captures or Parquet files, side by side, each by itself: what is new or has changed.

    Parameters
    ----------
    paths : str, os.PathLike, or several of those
        Files, folders (with those in them) and wildcards. In folders and by wildcards captures are recognised by what
        they hold; a file that is named is converted, or fails.
    dest : str or os.PathLike
        The folder to write to. Outputs are named like their inputs, with the suffix of `to`, folders like theirs.
    to : {"parquet", "pcap", "pcapng"}
        The form of the outputs.
    workers : int, optional
        Threads, which do files side by side, and large ones together; by default as many as there are cores at hand.
    columns, addresses, row_group
        Of Parquet files, as for `vxtap.scan`; rows of a row group at most.
    partition : {"day", "vni"}, optional
        Write Parquet files into folders such as ``day=2026-11-24`` (UTC), or ``vni=7``.
    keep_others, ethernet, ports, vni, strict, **outer
        As for `vxtap.decap`; the first two not for Parquet files.
    again : bool
        Do everything again, also what was done before; new outputs take the places of whatever has their names.
    progress : callable, optional
        Told a `Progress` several times a second, and at the end, in the thread that called.

    Returns
    -------
    ConvertReport
        What has become of every input. One that cannot be read is in `ConvertReport.failed`, and raises nothing.

    Raises
    ------
    OptionError
        For options that make no sense, and outputs that would overwrite each other, an input, or a file that vxtap has
        not written; nothing is written.
    OSError
        Where there is nothing to convert, another conversion writes to the folder, or there is no room.
    """
    own: dict[str, Any] = {"keep_others": keep_others, "ethernet": ethernet, "strict": strict, "workers": workers}
    options = Options(ports=ports, vni=vni, **own, **only_outer(outer))
    details = {"columns": columns, "addresses": addresses, "partition": partition, "row_group": row_group}
    return run_convert(paths, dest, make_recipe(to, options, details), options.workers, progress, again=again)


def make_recipe(to: Form, options: Options, details: dict[str, Any]) -> Recipe:
    """Check what is asked for.

    Parameters
    ----------
    to : {"parquet", "pcap", "pcapng"}
        The form of the outputs.
    options : Options
        How captures are read.
    details : dict
        Those options of `convert` that are about Parquet files, by name: columns, addresses, partition, row_group.

    Returns
    -------
    Recipe

    Raises
    ------
    OptionError
        For what is unknown, and for what means nothing for this form.
    """
    if to not in FORMS:
        raise OptionError(f"to: expected {', '.join(map(repr, FORMS))}, got {to!r}")
    if to == "parquet":
        for name in ("keep_others", "ethernet"):
            if getattr(options, name):
                raise OptionError(f"{name}: is about inner captures, and means nothing for Parquet files")
        from vxtap.parquet import check_details  # only here: it comes with an extra

        return Recipe(to=to, options=options, details=check_details(**details))
    for name, value in details.items():
        if value is not None and (name, value) != ("addresses", "text"):
            raise OptionError(f"{name}: is about Parquet files: convert to those, or leave it out")
    from dataclasses import replace

    return Recipe(to=to, options=replace(options, format=to, workers=1), details={})


def run_convert(
    paths: Paths,
    dest: str | os.PathLike[str],
    recipe: Recipe,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    *,
    again: bool = False,
) -> ConvertReport:
    """Do what `convert` says.

    Parameters
    ----------
    paths, dest, workers, progress, again
        As for `convert`.
    recipe : Recipe
        All other options, as `make_recipe` gives them.

    Returns
    -------
    ConvertReport

    Raises
    ------
    OptionError, OSError
        As `convert` does.
    """
    began = time.monotonic()
    paths = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not os.fspath(dest):
        raise OptionError("the name of the output is empty")
    folder = os.path.abspath(os.fsdecode(os.fspath(dest)))
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise NotADirectoryError(errno.ENOTDIR, "outputs are written into a folder, and this is none", folder)
    manifest = Manifest(folder)
    found = find_inputs(paths, folder, manifest.written)
    if not found.inputs and not found.failed:
        looked = f"; files that were looked at: {len(found.left_out):,}" if found.left_out else ""
        raise OSError(errno.ENOENT, f"no capture was found{looked}", os.fspath(paths[0]))
    partition = recipe.details.get("partition")
    stems = assign(found.inputs, found.base, manifest, recipe.to, flat=partition is not None)
    if not again:
        check_foreign(found.inputs, stems, folder, recipe.to, partition)
    os.makedirs(folder, exist_ok=True)
    with manifest:
        report = ConvertReport(left_out=found.left_out, manifest=manifest.path)
        place = Place(manifest, stems.values(), again=again)
        jobs = _plan(found, stems, recipe, place, report, again=again)
        try:
            with Crew(jobs, workers or cores_at_hand()) as crew:
                _follow(crew, jobs, progress)
        finally:
            place.tidy()
    for job in jobs:
        _told(job, report, folder)
    order = {one.path: i for i, one in enumerate(found.inputs)}
    report.files.sort(key=lambda one: order.get(one.input, -1))
    report.seconds = time.monotonic() - began
    return report


def _plan(
    found: Found, stems: dict[str, str], recipe: Recipe, place: Place, report: ConvertReport, *, again: bool
) -> list[Conversion]:
    """What is to do; what is not goes into the report."""
    digest, manifest = recipe.digest, place.manifest
    for path, error in found.failed:
        entry = Entry(input=path, to=recipe.to, state="failed", options=digest, error=error_text(error, path))
        manifest.add(entry)
        report.files.append(Converted(input=path, state="failed", error=entry.error))
    jobs = []
    for one in found.inputs:
        known, stem = None if again else manifest.still_valid(one, recipe.to, digest), stems[one.path]
        if known is None or not all(is_of(name, stem, recipe.to) for name in known.outputs):
            jobs.append(_conversion(one, stem, recipe, digest, place))
        else:
            outputs = {os.path.join(manifest.folder, name): size for name, size in known.outputs.items()}
            report.files.append(Converted(input=one.path, state="skipped", outputs=outputs, before=known.counts))
    return jobs


def _conversion(one: Input, stem: str, recipe: Recipe, digest: str, place: Place) -> Conversion:
    if recipe.to == "parquet":
        from vxtap.parquet import ParquetConversion  # only here: it comes with an extra

        return ParquetConversion(one, stem, recipe, digest, place)
    return DecapConversion(one, stem, recipe, digest, place)


def _follow(crew: Crew[Conversion], jobs: list[Conversion], progress: Callable[[Progress], None] | None) -> None:
    """Wait until all is done, and tell how far it is."""
    total = sum(job.input.stat.st_size for job in jobs)
    files = failed = 0
    if not jobs and progress is not None:
        progress(Progress(0, 0, 0, 0, 0))
    for job in crew.results(None if progress is None else _INTERVAL):
        if job is not None:
            files += 1
            failed += job.error is not None
        if progress is not None:
            progress(Progress(sum(one.bytes_read for one in jobs), total, files, len(jobs), failed))


def _told(job: Conversion, report: ConvertReport, folder: str) -> None:
    entry = job.entry
    outputs = {os.path.join(folder, name): size for name, size in entry.outputs.items()}
    report.files.append(
        Converted(
            input=entry.input,
            state="done" if job.error is None else "failed",
            outputs=outputs,
            report=job.report,
            seconds=entry.seconds,
            error=entry.error,
        )
    )
