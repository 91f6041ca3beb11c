"""Byte ranges of captures, to be read by other threads, processes or machines; and how they are put together again."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from vxtap.errors import OptionError
from vxtap.options import parse_split
from vxtap.rotation import Rotation, expand, in_order, look, matches, path_of
from vxtap.source import Split

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vxtap.rotation import Look
    from vxtap.source import Source, Sources


class Stretch(Rotation):
    """Splits that lie side by side, as one capture."""

    def __init__(self, splits: list[Split], *, rereadable: bool = False, ahead: bool = False) -> None:
        for split in {(one.path, one.size, one.time, one.node): one for one in splits}.values():
            split.check()
        paths: list[Source] = list(dict.fromkeys(split.path for split in splits))
        super().__init__(paths, rereadable=rereadable, ahead=ahead)
        self.splits = splits
        self.number = splits[0].source
        self.begin = splits[0].start
        self._stop = splits[-1].stop

    @property
    def limit(self) -> int:
        """As `Rotation.limit`: it can be anywhere in the last file."""
        return 0 if self._waiting or self._stop is None else self.start + self._stop

    @property
    def size(self) -> int | None:
        """Bytes up to where reading ends, where that is known."""
        return self.limit or super().size


def together(splits: Iterable[Split]) -> list[list[Split]]:
    """Put those that lie side by side into lists of their own."""
    groups: list[list[Split]] = []
    for split in splits:
        if groups and groups[-1][-1].is_before(split):
            groups[-1].append(split)
        else:
            groups.append([split])
    return groups


def splits_of(source: object) -> list[Split] | None:
    """The splits that a source is made of; None where it is something else."""
    if isinstance(source, Split):
        return [source]
    if isinstance(source, list | tuple) and any(isinstance(one, Split) for one in source):
        if not all(isinstance(one, Split) for one in source):
            raise OptionError("a list of splits holds nothing but splits")
        return list(source)
    return None


def each_source(source: Source | list[Sources] | tuple[Sources, ...]) -> list[tuple[Sources, int]]:
    """One source or several, as `vxtap.read` takes them: each with its number; splits side by side are one."""
    splits = splits_of(source)
    if splits is not None:
        return [(list(group), group[0].source) for group in together(splits)]
    return [(one, number) for number, one in enumerate(source if isinstance(source, list | tuple) else [source])]


def plan(sources: Source | list[Sources] | tuple[Sources, ...], *, split: int | str = "256MB") -> list[Split]:
    """Cut captures into byte ranges, to be read by other threads, processes or machines.

    Nothing is read but the beginnings of files: where in a range the first record begins is found by whoever reads it,
    and told in the report (`began`, `ended`). A list of all splits, read at once, gives what the sources give.

    Parameters
    ----------
    sources : str or os.PathLike, or a list of those
        As for `vxtap.read`: a list within the list, or a text with a wildcard, is a rotated set.
    split : int or str
        Bytes of a range, as such or as text such as '256MB'.

    Returns
    -------
    list of Split
        In order. A compressed file and a pipe are one each.

    Raises
    ------
    OptionError
        For what has no path: buffers and file objects cannot go elsewhere.
    OSError
        For a file that is not there.

    Examples
    --------
    >>> parts = vxtap.plan("huge.pcap", split="1GB")
    >>> rows = [vxtap.read(part) for part in parts]
    """
    size = parse_split(split)
    found: list[Split] = []
    for number, one in enumerate(sources if isinstance(sources, list | tuple) else [sources]):
        for path, seen in _files_of(one):
            found += _cut(path, seen, size, number)
    return found


def _files_of(source: Sources) -> list[tuple[str, Look]]:
    """The files of a source, in the order of reading."""
    members = expand(source)
    names = [path_of(member) for member in members]
    if None in names or "-" in names:
        raise OptionError("plan: expected paths of files: what has none cannot be read elsewhere")
    asked = {path_of(one) for one in (source if isinstance(source, list | tuple) else [source])}
    there: list[tuple[str, Look]] = []
    for name in names:
        assert name is not None
        try:
            there.append((name, look(name)))
        except FileNotFoundError:
            if name in asked or matches(name) is not None:
                raise
    order = in_order([name for name, _ in there], [seen for _, seen in there]) if len(there) > 1 else range(len(there))
    return [there[i] for i in order]


def _cut(path: str, seen: Look, size: int, number: int) -> list[Split]:
    if seen.stat is None or not stat.S_ISREG(seen.stat.st_mode):
        return [Split(path=path, start=0, stop=None, source=number)]
    length, time, node = seen.stat.st_size, seen.stat.st_mtime_ns, seen.stat.st_ino
    starts = range(0, 1 if seen.compressed else max(length, 1), size)
    return [
        Split(
            path=path,
            start=start,
            stop=start + size if start + size < (0 if seen.compressed else length) else None,
            source=number,
            size=length,
            time=time,
            node=node,
        )
        for start in starts
    ]
