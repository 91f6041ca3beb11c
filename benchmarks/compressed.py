"""Compressed captures, read as they are, against programs that do no more than to uncompress them."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cases import Bench, checks_inner, label
from measure import Case
from peers import shell

ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Packer:
    """How a capture is compressed, and what undoes it."""

    pack: list[str]
    undo: list[str]

    @property
    def missing(self) -> str:
        return next((f"{one} is not installed" for one in (self.pack[0], self.undo[0]) if not shutil.which(one)), "")


PACKERS = {
    ".gz": Packer(["gzip", "-c"], ["zcat"]),
    ".zst": Packer(["zstd", "-q", "-c"], ["zstd", "-q", "-dc"]),
    ".lz4": Packer(["lz4", "-q", "-c"], ["lz4", "-q", "-dc"]),
}


def ensure(source: Path, suffix: str) -> Path:
    """The capture beside the source, compressed as the program does when it is not told how hard to try."""
    target = source.with_name(source.name + suffix)
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        part = target.with_name(target.name + ".part")
        with part.open("wb") as out:
            subprocess.run([*PACKERS[suffix].pack, str(source)], check=True, stdout=out)
        part.replace(target)
    return target


def cases(bench: Bench, source: Path) -> Iterator[Case]:
    """Inner captures of compressed ones, as they come; whole processes."""
    for suffix, packer in PACKERS.items():
        name = f"`vxtap decap` of {suffix} | `{' '.join(packer.undo)} >/dev/null`"
        case = partial(Case, key="compressed", name=name, capture=label(source))
        if packer.missing:
            yield case(reason=packer.missing)
            continue
        path = ensure(source, suffix)
        ours = bench.decap(path)
        check = checks_inner(bench, source, ours)
        against = shell('exec "$@" >/dev/null', *packer.undo, str(path))
        yield case(ours=ours, against=against, check=check, rounds=min(ROUNDS, bench.meter.rounds))
