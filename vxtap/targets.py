"""Where the outputs of a conversion go: one name for each input, and never that of another, or of an input."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from vxtap.errors import OptionError
from vxtap.forms import PARTITIONS
from vxtap.manifest import Manifest
from vxtap.source import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vxtap.inputs import Input

_PART = re.compile(r"-(\d{4}|[1-9]\d{4,})$")
#: Folders of a hive: key=value.
_HIVE = re.compile(rf"(?:{'|'.join(PARTITIONS)})=[^/]*/")
# A Parquet file that is not the last one has more than 65,536 rows, and a row comes of more than 16 bytes.
_LEAST_OF_A_PART = 1 << 20


def part_name(stem: str, number: int, to: str) -> str:
    """The name of one of several outputs of an input."""
    return f"{stem}-{number:04d}.{to}"


def stem_of(path: str, base: str, to: str, *, flat: bool) -> str:
    """What the names of the outputs of an input begin with: its own name, and the folders that lead to it.

    With `flat` those are written into one name: in a hive, the folders are those of the partitions.
    """
    name = os.path.relpath(path, base)
    if name.lower().endswith(f".{to}"):
        name = name[: -len(to) - 1]
    return name.replace(os.sep, "_") if flat else name


def stems_of_output(name: str, to: str) -> list[str]:
    """The stems that an output can have come from, by its path within the folder; a part counts as one of its own."""
    if not name.lower().endswith(f".{to}"):
        return []
    stem = name[: -len(to) - 1]
    return list({stem: None, _HIVE.sub("", stem, count=1) if _HIVE.match(stem) else stem: None})


def is_of(output: str, stem: str, to: str) -> bool:
    """Whether an output is one of those that begin with this stem."""
    stems = stems_of_output(output, to)
    return stem in stems or (to == "parquet" and stem in [_PART.sub("", one) for one in stems])


def _claims(stem: str, owners: dict[str, Input], to: str) -> Iterator[Input]:
    """The inputs that would be written to this name: the one whose it is, and one so large that it has this part.

    Of a compressed one that is not known here: see `vxtap.converting.Place.check_free`.
    """
    if stem in owners:
        yield owners[stem]
    part = _PART.search(stem) if to == "parquet" else None
    whole = owners.get(stem[: part.start()]) if part else None
    if part and whole and int(part[1]) * _LEAST_OF_A_PART <= whole.stat.st_size:
        yield whole


def assign(inputs: Sequence[Input], base: str, manifest: Manifest, to: str, *, flat: bool) -> dict[str, str]:
    """Give every input the stem of its outputs.

    Parameters
    ----------
    inputs : sequence of Input
        All of them.
    base : str
        The folder that their names are told from.
    manifest : Manifest
        Of the folder that is written to.
    to : str
        The suffix of the outputs.
    flat : bool
        See `stem_of`.

    Returns
    -------
    dict
        Stems, within the folder, by the paths of the inputs.

    Raises
    ------
    OptionError
        Where two inputs would be written to one output, an output is an input, or that of an earlier input which is
        still there: nothing has been written then.
    """
    owners: dict[str, Input] = {}
    for one in inputs:
        stem = stem_of(one.path, base, to, flat=flat)
        if owners.setdefault(stem, one).path != one.path:
            raise _collision(one.path, owners[stem].path, f"{stem}.{to}")
    for stem, one in owners.items():
        for other in _claims(stem, owners, to):
            if other.path != one.path:
                raise _collision(one.path, other.path, f"{stem}.{to}")
    _check_inputs(inputs, owners, os.path.realpath(manifest.folder), to)
    _check_earlier(owners, {one.path for one in inputs}, manifest, to)
    return {one.path: stem for stem, one in owners.items()}


def _collision(one: str, other: str, output: str) -> OptionError:
    return OptionError(
        f"{printable(one)} and {printable(other)} would both be written to {printable(output)}:"
        " convert them into folders of their own"
    )


def _check_inputs(inputs: Sequence[Input], owners: dict[str, Input], folder: str, to: str) -> None:
    """No output takes the place of an input, by whatever name."""
    for one in inputs:
        within = os.path.relpath(os.path.realpath(one.path), folder)
        for stem in stems_of_output(within, to):
            for owner in _claims(stem, owners, to):
                raise _overwrites(owner.path, one.path)
    identities = {one.identity: one.path for one in inputs}
    for stem, one in owners.items():
        try:
            there = os.stat(os.path.join(folder, f"{stem}.{to}"))
        except OSError:
            continue
        if (there.st_dev, there.st_ino) in identities:
            raise _overwrites(one.path, identities[there.st_dev, there.st_ino])


def _overwrites(path: str, other: str) -> OptionError:
    which = "it" if path == other else f"the input {printable(other)}"
    return OptionError(f"{printable(path)}: its output would overwrite {which}: choose another folder")


def _check_earlier(owners: dict[str, Input], paths: set[str], manifest: Manifest, to: str) -> None:
    """What an earlier run has made of another input stays, as long as that one is there."""
    for name, (earlier, _) in manifest.owners.items():
        if earlier in paths or not os.path.exists(earlier):
            continue
        for one in (one for stem in stems_of_output(name, to) for one in _claims(stem, owners, to)):
            raise OptionError(
                f"{printable(one.path)}: its output {printable(name)} is that of {printable(earlier)} already:"
                " convert it into another folder, or both at once"
            )


def check_foreign(inputs: Sequence[Input], stems: dict[str, str], folder: str, to: str, partition: str | None) -> None:
    """Raise where an output would take the place of a file that vxtap has not written, as far as its manifest knows.

    Parameters
    ----------
    inputs : sequence of Input
        All of them.
    stems : dict
        As `assign` gives them.
    folder : str
        The folder that is written to.
    to : str
        The suffix of the outputs.
    partition : str or None
        What the folders of a hive are called after.

    Raises
    ------
    OptionError
        Nothing has been written then.
    """
    owners = {stems[one.path]: one for one in inputs}
    there = [
        (name, one)
        for name, stem in _standing(folder, {os.path.dirname(stem) for stem in owners}, to, partition)
        for one in _claims(stem, owners, to)
    ]
    # Read only now: what another run writes meanwhile is named before it is there.
    known = Manifest(folder).owners if there else {}
    for name, one in there:
        if name not in known:
            raise foreign(one.path, os.path.join(folder, name))


def _standing(folder: str, within: Iterable[str], to: str, partition: str | None) -> Iterator[tuple[str, str]]:
    """Files that outputs could replace, by their paths within the folder, and the stems that they would be of."""
    if partition is not None:
        within = [name for name in _names(folder, folders=True) if name.startswith(f"{partition}=")]
    for at in within:
        for name in _names(os.path.join(folder, at), folders=False):
            if name.endswith(f".{to}"):
                stem = name[: -len(to) - 1]
                yield os.path.join(at, name), stem if partition is not None else os.path.join(at, stem)


def _names(folder: str, *, folders: bool) -> list[str]:
    """What lies in a folder, sorted; nothing where there is none, or where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(one.name for one in entries if one.is_dir(follow_symlinks=folders) == folders)
    except OSError:
        return []


def foreign(path: str, output: str) -> OptionError:
    """What to say where an output of an input would replace a file that no manifest names."""
    return OptionError(
        f"{printable(path)}: its output would overwrite {printable(output)}, which no manifest names:"
        " choose another folder, or remove it; where it is an earlier output, --again (again=True) replaces it"
    )
