"""The library beside the oracle: both as plain rows, and every difference between them as a line of text."""

from __future__ import annotations

import ipaddress
import os
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import oracle
import vxtap
from vxtap.tables import OUTCOMES

Row = dict[str, Any]

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[1] / "shared"
DATA = HERE / "data"
LAB = Path(os.environ.get("VXTAP_LAB") or SHARED / "lab")
CORPORA = Path(os.environ.get("VXTAP_CORPORA") or SHARED / "corpora")
# Folders of captures; what else lies in the corpora is not for development.
CORPORA_FOLDERS = ("vxlan", "container", "malformed", "relatives")

# What the oracle calls a fault, and what the library makes of it.
FAULTS: dict[str, tuple[type[Exception], tuple[str, ...]]] = {
    "not a capture": (vxtap.FormatError, ("NOT_CAPTURE",)),
    "file header cut": (vxtap.TruncatedError, ("CUT_HEADER", "EMPTY")),
    "version": (vxtap.UnsupportedError, ("BAD_VERSION",)),
    "captured length": (vxtap.FormatError, ("BAD_RECORD",)),
    "byte-order magic": (vxtap.FormatError, ("BAD_MAGIC",)),
    "block length": (vxtap.FormatError, ("BAD_BLOCK",)),
    "trailing length": (vxtap.FormatError, ("BAD_BLOCK",)),
    # One that is too short may have a wrong trailing length as well; which of the two is told first is nobody's rule.
    "block too short": (vxtap.FormatError, ("SHORT_BLOCK", "BAD_BLOCK")),
    "block too long": (vxtap.FormatError, ("LONG_BLOCK",)),
}
_FLAGS = {flags: {flag.name for flag in vxtap.Flag(flags)} for flags in range(1 << len(vxtap.Flag))}
_TUNNELS = {tunnel.value: tunnel.name for tunnel in vxtap.Tunnel}


class Seen(NamedTuple):
    """What the library gave of a capture."""

    rows: np.ndarray
    report: vxtap.Report
    error: Exception | None


def captures_in(folder: Path) -> list[Path]:
    """The captures of the lab, or of one folder of the corpora; none where the folder is absent."""
    return [path for path in sorted(folder.glob("*")) if path.name.count(".pcap") or path.suffix in (".cap", ".ntar")]


def see(source: Any, *, size: int = 1 << 16, **options: Any) -> Seen:
    """Read all frames of a source, with whatever stopped it."""
    options.setdefault("frames", "all")
    error: Exception | None = None
    batches: list[np.ndarray] = []
    with vxtap.open(source, **options) as capture:
        try:
            batches.extend(capture.batches(size))
        except vxtap.VxtapError as stopped:
            error = stopped
        rows = np.concatenate(batches) if batches else np.empty(0, capture.dtype)
        return Seen(rows, capture.report, error)


def plain(rows: np.ndarray) -> list[Row]:
    """Rows in the oracle's terms: names for numbers, bytes for addresses, None for no time."""
    columns: dict[str, list[Any]] = {}
    for name in rows.dtype.names or ():
        column = np.ascontiguousarray(rows[name])
        values: list[Any]
        if column.dtype.kind == "V":
            raw, width = column.tobytes(), column.dtype.itemsize
            values = [raw[at : at + width] for at in range(0, len(raw), width)]
        elif name == "ts":
            values = [None if value == np.iinfo("i8").min else value for value in column.view("i8").tolist()]
        else:
            values = column.tolist()
        translate: Any = {"status": OUTCOMES, "flags": _FLAGS, "tunnel": _TUNNELS}.get(name)
        columns[name] = values if translate is None else [translate[value] for value in values]
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


# What a waiting fragment may turn out to be when its row has been handed out, and what that row says.
UNSETTLED = {"fragment_lost": "fragment_joined", "fragment_overlap": "fragment_joined"}


def settled(rows: np.ndarray) -> np.ndarray:
    """Rows as far as they do not depend on when they were handed out: of two for one frame the later one, and
    fragments that had to be given before anybody knew what becomes of them.
    """
    if not {"frame", "status"} <= set(rows.dtype.names or ()):
        return rows
    last = {frame: at for at, frame in enumerate(rows["frame"].tolist())}
    rows = rows[[last[frame] for frame in sorted(last)]].copy()
    changing = [OUTCOMES.index(slug) for slug in UNSETTLED]
    rows["status"][np.isin(rows["status"], changing)] = vxtap.Status.FRAGMENT_JOINED
    return rows


def columns_of(rows: np.ndarray) -> dict[str, bytes]:
    """The bytes of each column, to compare arrays of rows by; what lies between the columns is nobody's."""
    return {name: rows[name].tobytes() for name in rows.dtype.names or ()}


def row_differences(rows: np.ndarray, wanted: list[Row]) -> list[str]:
    """Every column of every row that is not the oracle's."""
    found = plain(rows)
    lines = [] if len(found) == len(wanted) else [f"{len(found)} rows, oracle {len(wanted)}"]
    names = rows.dtype.names or ()
    if wanted and set(names) - set(wanted[0]):
        lines.append(f"columns that the oracle does not have: {set(names) - set(wanted[0])}")
    for mine, other in zip(found, wanted, strict=False):
        # `frame` may not be among the columns that were asked for, so the oracle's number names the row.
        for name in names:
            if mine[name] != other[name]:
                lines.append(f"frame {other['frame']} {name}: {mine[name]!r}, oracle {other[name]!r}")
    return lines


def report_differences(report: vxtap.Report, result: oracle.Result, length: int) -> list[str]:
    """The books, which must hold for every capture, against the oracle's."""
    skipped = Counter(result.counts)
    decapsulated = skipped.pop("decapsulated", 0)
    times = [row["ts"] for row in result.rows if row["ts"] is not None]
    wanted = {
        "frames": result.frames,
        "decapsulated": decapsulated,
        "skipped": skipped,
        "first_ns": min(times, default=None),
        "last_ns": max(times, default=None),
        "no_time": result.frames - len(times),
    }
    if result.fault is None:
        wanted |= {"truncated_tail": result.tail, "bytes_in": length}
    lines = [
        f"report.{name}: {getattr(report, name)!r}, oracle {value!r}"
        for name, value in wanted.items()
        if getattr(report, name) != value
    ]
    if report.decapsulated + sum(report.skipped.values()) != report.frames:
        lines.append(f"frames without exactly one outcome: {report}")
    return lines


def error_differences(error: Exception | None, fault: tuple[int, str] | None) -> list[str]:
    """Whether reading stopped where and why the oracle says."""
    if fault is None:
        return [] if error is None else [f"raised {error!r}, oracle no fault"]
    offset, text = fault
    kind, names = FAULTS[text]
    if type(error) is not kind:
        return [f"raised {error!r}, oracle {text!r} at {offset}"]
    assert isinstance(error, vxtap.FormatError | vxtap.UnsupportedError)
    lines = [] if error.offset == offset else [f"error.offset {error.offset}, oracle {text!r} at {offset}"]
    if vxtap.Status(error.status or 0).name not in names:
        lines.append(f"error.status {error.status}, oracle {text!r} at {offset}")
    return lines


def differences(data: bytes, source: Any = None, *, result: oracle.Result | None = None, **how: Any) -> list[str]:
    """Everything in which library and oracle differ over a capture.

    `source` holds the same bytes in another form, which may come in pieces: then some rows are handed out before
    everything is known of them (see `settled`). `how` is options of the library, and the `size` of its batches.
    """
    result = result or oracle.decode(data, **oracle_options(**how))
    seen = see(data if source is None else source, **how)
    rows, wanted = seen.rows, result.rows
    if source is not None:
        rows = settled(rows)
        wanted = [row | {"status": UNSETTLED.get(row["status"], row["status"])} for row in wanted]
    return (
        row_differences(rows, wanted)
        + report_differences(seen.report, result, len(data))
        + error_differences(seen.error, result.fault)
    )


# What the oracle calls an option of the library.
ORACLE_NAMES = {"ports": "ports", "vni": "vnis", "tunnels": "tunnels", "depth": "depth", "once": "once"}
ORACLE_NAMES |= {"partial": "partial", "fragment_timeout": "timeout"}


def oracle_options(**how: Any) -> dict[str, Any]:
    """What the oracle is to know of the library's options."""
    return {ORACLE_NAMES[name]: value for name, value in how.items() if name in ORACLE_NAMES}


def by_frame(rows: np.ndarray) -> np.ndarray:
    """Decapsulated rows in the order of their frames: a first fragment that is given up comes late."""
    return rows[np.argsort(rows["frame"], kind="stable")]


def inner_bytes(data: bytes, row: Row) -> bytes:
    """What a row of the oracle is about: the inner frame, wherever its bytes lie, or the frame as it was captured."""
    inner: bytes | None = row["inner"]
    return data[row["offset"] : row["offset"] + row["caplen"]] if inner is None else inner


def assert_same(data: bytes, source: Any = None, **how: Any) -> None:
    """Library and oracle agree; if not, the first differences are shown."""
    lines = differences(data, source, **how)
    assert not lines, "\n".join(lines[:20])


def address(text: str) -> bytes:
    """An address as a column holds it: 16 bytes, IPv4 mapped into IPv6."""
    parsed = ipaddress.ip_address(text)
    return parsed.packed if parsed.version == 6 else bytes(10) + b"\xff\xff" + parsed.packed
