"""Where the outputs of a conversion go: one name for each input, and never that of another, or of an input."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from vxtap.errors import OptionError
from vxtap.source import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vxtap.inputs import Input
    from vxtap.manifest import Manifest

_PART = re.compile(r"-\d{4,}$")
#: Folders of a hive: key=value.
_HIVE = re.compile(r"(?:day|vni)=[^/]*/")


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


def _stems_of_output(name: str, to: str) -> list[str]:
    """The stems that an output can have come from, by its path within the folder."""
    if not name.lower().endswith(f".{to}"):
        return []
    stem = _HIVE.sub("", name[: -len(to) - 1], count=1)
    return [stem, _PART.sub("", stem)]


def is_of(output: str, stem: str, to: str) -> bool:
    """Whether an output is one of those that begin with this stem."""
    return stem in _stems_of_output(output, to)


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
    owners: dict[str, str] = {}
    for one in inputs:
        stem = stem_of(one.path, base, to, flat=flat)
        other = owners.setdefault(stem, one.path)
        if other != one.path:
            raise _collision(one.path, other, f"{stem}.{to}")
    for stem, path in owners.items():
        other = owners.get(_PART.sub("", stem), path)
        if other != path:
            raise _collision(path, other, f"{stem}.{to}")
    _check_inputs(inputs, owners, os.path.realpath(manifest.folder), to)
    _check_earlier(owners, {one.path for one in inputs}, manifest, to)
    return {path: stem for stem, path in owners.items()}


def _collision(one: str, other: str, output: str) -> OptionError:
    return OptionError(
        f"{printable(one)} and {printable(other)} would both be written to {printable(output)}:"
        " convert them into folders of their own"
    )


def _check_inputs(inputs: Sequence[Input], owners: dict[str, str], folder: str, to: str) -> None:
    """No output takes the place of an input, by whatever name."""
    for one in inputs:
        within = os.path.relpath(os.path.realpath(one.path), folder)
        for stem in _stems_of_output(within, to):
            if stem in owners:
                raise _overwrites(owners[stem], one.path)
    identities = {one.identity: one.path for one in inputs}
    for stem, path in owners.items():
        try:
            there = os.stat(os.path.join(folder, f"{stem}.{to}"))
        except OSError:
            continue
        if (there.st_dev, there.st_ino) in identities:
            raise _overwrites(path, identities[there.st_dev, there.st_ino])


def _overwrites(path: str, other: str) -> OptionError:
    which = "it" if path == other else f"the input {printable(other)}"
    return OptionError(f"{printable(path)}: its output would overwrite {which}: choose another folder")


def _check_earlier(owners: dict[str, str], paths: set[str], manifest: Manifest, to: str) -> None:
    """What an earlier run has made of another input stays, as long as that one is there."""
    for name, (earlier, _) in manifest.owners.items():
        for stem in _stems_of_output(name, to):
            path = owners.get(stem, earlier)
            if earlier != path and earlier not in paths and os.path.exists(earlier):
                raise OptionError(
                    f"{printable(path)}: its output {printable(name)} is that of {printable(earlier)} already:"
                    " convert it into another folder, or both at once"
                )
