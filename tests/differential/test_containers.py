"""Files that are hard to read, beside what tshark and capinfos make of them: format, frames, and where reading ends."""

from __future__ import annotations

import functools
import io
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import compare
import vxtap
from compare import CORPORA
from vxtap.options import Options
from vxtap.survey import Info, survey

from .containers import DIFFERENCES, REFUSALS, Refusal
from .fields import nanoseconds

FILES = {path.name: path for folder in ("malformed", "container") for path in compare.captures_in(CORPORA / folder)}
MOST_SECONDS = 5
NO_PORT = 1  # that nothing uses: rows of frames that are not decapsulated have the lengths of the whole frame

# Wireshark's numbers of what it takes for the same link types, by the numbers of the files.
ENCAPSULATIONS = {0: 15, 1: 1, 2: 184, 8: 3, 9: 4, 12: 7, 101: 7, 113: 25, 123: 13, 195: 104, 229: 130}
ENCAPSULATIONS |= {253: 158, 255: 160, 256: 161}
# What ended the reading, by what tshark says of it.
ENDS = {"cut short": "cut", "damaged or corrupt": "damaged", "doesn't support": "unsupported"}


class Seen(NamedTuple):
    """What one of the two makes of a file."""

    form: str  # as capinfos calls it; empty where it says nothing
    frames: list[dict[str, Any]]
    end: str
    blocks: int  # custom ones that are shown as frames


def tshark(*line: str) -> subprocess.CompletedProcess[str]:
    if shutil.which(line[0]) is None:
        pytest.skip(f"{line[0]} is not in PATH")
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)


@functools.cache
def forms() -> dict[str, str]:
    """What capinfos calls each file; it is silent about damaged ones."""
    done = tshark("capinfos", "-T", "-r", "-t", *(str(path) for path in FILES.values()))
    return {Path(path).name: form for path, form in (line.split("\t") for line in done.stdout.splitlines())}


def theirs(path: Path) -> Seen:
    """tshark's frames without those that it makes of custom blocks, which have no link type."""
    fields = ("frame.time_epoch", "frame.cap_len", "frame.len", "frame.encap_type")
    done = tshark(
        "tshark", "-n", "-r", str(path), "-T", "fields", *(word for field in fields for word in ("-e", field))
    )
    frames, blocks = [], 0
    for line in done.stdout.splitlines():
        time, captured, wire, link = line.split("\t")
        blocks += not link
        if link:
            ns = nanoseconds(time) if time else None
            frames.append({"time": ns, "captured": int(captured), "wire": int(wire), "link": int(link)})
    end = next((end for words, end in ENDS.items() if words in done.stderr), "whole")
    assert (end == "whole") == (done.returncode == 0), done.stderr
    return Seen(forms().get(path.name, ""), frames, end, blocks)


def in_time(job: Any) -> Any:
    """The result of a job that must not take long: run aside, so that it is told here when it hangs, also in C."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(job()), daemon=True)
    thread.start()
    thread.join(MOST_SECONDS)
    assert results, f"failed, or still running after {MOST_SECONDS} s"
    return results[0]


def read(path: Path) -> tuple[compare.Seen, Info]:
    return compare.see(path, ports=NO_PORT), survey(path, Options(ports=NO_PORT))[0]


def decapsulated(path: Path) -> tuple[vxtap.Report | None, vxtap.VxtapError | None]:
    """The report of writing all frames anew, or why they could not all be read."""
    try:
        return vxtap.decap(path, io.BytesIO(), format="pcapng", keep_others=True), None
    except vxtap.VxtapError as error:
        return None, error


def form_of(info: Info) -> str:
    """A format in the words of capinfos."""
    if info.format == "pcapng":
        return "pcapng"
    prefix = "nsec" if "nanoseconds" in info.details else "mod" if "modified" in info.details else ""
    return f"{prefix}{info.format}"


def end_of(seen: compare.Seen) -> str:
    if isinstance(seen.error, vxtap.UnsupportedError):
        return "unsupported"
    if isinstance(seen.error, vxtap.TruncatedError) or (seen.error is None and seen.report.truncated_tail):
        return "cut"
    return "whole" if seen.error is None else "damaged"


def ours(path: Path) -> Seen:
    seen, info = in_time(lambda: read(path))
    assert len(seen.rows) == seen.report.frames == info.report.frames
    links = {row["number"]: int(row["link_type"].partition("(")[2].strip(")")) for row in info.interfaces}
    frames = []
    for row in compare.plain(seen.rows):
        frame = {"time": row["ts"], "captured": row["caplen"], "wire": row["wirelen"]}
        frames.append({**frame, "link": ENCAPSULATIONS.get(links[row["interface"]])})
    assert seen.rows["frame"].tolist() == list(range(1, len(frames) + 1))
    return Seen(form_of(info), frames, end_of(seen), 0)


def runs(numbers: list[int]) -> list[str]:
    """Numbers in rising order as texts, those in a row together: 1, 2, 3, 7 are "1-3" and "7"."""
    texts: list[list[int]] = []
    for number in numbers:
        if texts and number == texts[-1][-1] + 1:
            texts[-1].append(number)
        else:
            texts.append([number])
    return [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in texts]


def unequal(mine: Seen, other: Seen) -> dict[tuple[str, str], str]:
    """Each (frames, column) in which the two differ, and how."""
    found: dict[tuple[str, str], str] = {}
    for column, a, b in (
        ("format", mine.form if other.form else "", other.form),
        ("end", mine.end, other.end),
        ("blocks", mine.blocks, other.blocks),
    ):
        if a != b:
            found["", column] = f"vxtap {a}, tshark {b}"
    both = list(zip(mine.frames, other.frames, strict=False))
    for text in runs(list(range(len(both) + 1, max(len(mine.frames), len(other.frames)) + 1))):
        found[text, "frame"] = f"vxtap {len(mine.frames)}, tshark {len(other.frames)}"
    for column in ("time", "captured", "wire", "link"):
        numbers = [number for number, (a, b) in enumerate(both, 1) if a[column] != b[column]]
        for text in runs(numbers):
            a, b = both[int(text.partition("-")[0]) - 1]
            found[text, column] = f"vxtap {a[column]}, tshark {b[column]}"
    return found


@pytest.mark.needs_tshark
@pytest.mark.parametrize("name", FILES)
def test_frames(name: str) -> None:
    found = unequal(ours(FILES[name]), theirs(FILES[name]))
    known = {(one.frames, one.column) for one in DIFFERENCES if one.file == name}
    assert {at: how for at, how in found.items() if at not in known} == {}, "new"
    assert known - found.keys() == set(), "gone"


@pytest.mark.parametrize("name", FILES)
def test_refusals(name: str) -> None:
    """A file that is not read to its end says why, and from which byte on; everything before is delivered."""
    seen, info = in_time(lambda: read(FILES[name]))
    report, error = in_time(lambda: decapsulated(FILES[name]))
    assert (type(error), getattr(error, "status", None)) == (type(seen.error), getattr(seen.error, "status", None))
    known = [one for one in REFUSALS if one.file == name]
    if seen.error is None:
        assert report.frames == len(seen.rows)
        assert known == []
        assert info.report.bytes_in == FILES[name].stat().st_size
        return
    assert known == [Refusal(name, vxtap.Status(seen.error.status).name, seen.error.offset, len(seen.rows))]
    assert str(FILES[name]) in str(seen.error)


def test_every_entry_is_of_a_file() -> None:
    """An entry whose file is not here says nothing; where the corpora are, all files are here."""
    named = {one.file for one in (*DIFFERENCES, *REFUSALS)}
    assert not CORPORA.is_dir() or named <= FILES.keys()
    assert len({(one.file, one.frames, one.column) for one in DIFFERENCES}) == len(DIFFERENCES)
