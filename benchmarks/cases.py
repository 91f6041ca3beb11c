"""The comparisons with the floors, one for each row of `targets.py`, on the captures they are about."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import check
import forms
from measure import Case, Meter
from traffic import FIELDS, RECORD

import data

HERE = Path(__file__).parent
JOB = HERE / "job.py"
SMALL = HERE.parent / "tests" / "data" / "01-curl-nva1.pcap"
FOUR = "ts,vni,src,dst"
FIELD_COLUMNS = FIELDS.names  # they have the names of vxtap's columns
PYTHON = [sys.executable]
BARE = [*PYTHON, "-c", "pass"]
VXTAP = [*PYTHON, "-m", "vxtap"]
MORE_ROUNDS = 4  # for what takes milliseconds
PEAKS = 2  # rounds for memory, which hardly varies


@dataclass(frozen=True, slots=True)
class Floors:
    """The compiled programs of `floor/`."""

    walk: Path
    copy: Path


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the vxtap at hand can do: the suite runs on older ones too."""

    itemsize: int
    workers: frozenset[str]  # of `read`, `decap` and `command`: what can be told how many
    parts: frozenset[str]  # of `PARTS`, and "pyarrow"

    def one(self, what: str) -> list[str]:
        """The options for one worker, where there could be more."""
        return ["--workers", "1"] if what in self.workers else []

    def missing(self, what: str) -> str:
        """Why a case of several workers cannot be measured, if so."""
        return "" if what in self.workers else "this version has no workers here"

    def lacks(self, *parts: str) -> str:
        """Why a case that needs these parts, and pyarrow, cannot be measured, if so."""
        if "pyarrow" not in self.parts:
            return "pyarrow is not installed"
        return next((f"this version has no {part}" for part in parts if part not in self.parts), "")


PARTS = ("scan", "convert", "where")
ASK = f"""
import importlib.util as u, inspect, vxtap
print(vxtap.PACKET.itemsize)
print(*(name for name in ("read", "decap") if "workers" in inspect.signature(getattr(vxtap, name)).parameters))
print(*(name for name in {PARTS} if hasattr(vxtap, name) or u.find_spec("vxtap." + name)),
      *(name for name in ("pyarrow",) if u.find_spec(name)))
"""


def abilities(out: Path) -> Abilities:
    """Ask the vxtap that this Python finds."""
    done = subprocess.run([*PYTHON, "-c", ASK], check=True, capture_output=True, text=True)
    itemsize, workers, parts = (line.split() for line in done.stdout.splitlines())
    command = [*VXTAP, "decap", str(SMALL), "-o", str(out), "--workers", "1", "--quiet"]
    if subprocess.run(command, check=False, capture_output=True).returncode == 0:
        workers.append("command")
    out.unlink(missing_ok=True)
    return Abilities(int(itemsize[0]), frozenset(workers), frozenset(parts))


@dataclass(frozen=True, slots=True)
class Bench:
    """What the cases are made with."""

    meter: Meter
    floors: Floors
    able: Abilities

    @property
    def out(self) -> Path:
        return self.meter.out

    def decap(self, source: Path, *options: str) -> list[str]:
        return [*VXTAP, "decap", str(source), "-o", str(self.out), "--quiet", *options]

    def copy(self, source: Path) -> list[str]:
        return ["cp", "--reflink=never", str(source), str(self.out)]

    def job(self, name: str, source: Path, *options: str) -> list[str]:
        return [*PYTHON, str(JOB), name, str(source), *options]

    def walk(self, source: Path, *options: str) -> list[str]:
        return [str(self.floors.walk), str(source), *options]


def label(path: Path) -> str:
    """A capture for people: its shape and size."""
    facts = data.facts_of(path)
    return f"{facts.shape}, {facts.bytes / 1e6:,.0f} MB"


def checks_inner(bench: Bench, source: Path, *commands: list[str]) -> Callable[[], None]:
    """Every one of these commands writes the right inner capture."""

    def check_all() -> None:
        for command in commands:
            bench.meter.run(command)
            check.check_inner(bench.out, data.facts_of(source))

    return check_all


def checks_fields(bench: Bench, source: Path, command: list[str]) -> Callable[[], None]:
    def check_one() -> None:
        check.check_fields(bench.meter.run([*command, "--check"]).output, data.facts_of(source))

    return check_one


def decaps(bench: Bench, captures: list[Path], call: Path) -> Iterator[Case]:
    """Inner captures against copies of the file."""
    for source in captures:
        megabytes = data.facts_of(source).bytes / 1e6
        case = partial(Case, capture=label(source), megabytes=megabytes, against=bench.copy(source))
        one, two = (bench.decap(source, *options) for options in (bench.able.one("command"), ["--workers", "2"]))
        yield case(key="decap", ours=one, check=checks_inner(bench, source, one))
        reason = bench.able.missing("command")
        yield case(key="decap-two", ours=two, check=checks_inner(bench, source, two), reason=reason)
    ours = bench.job("decap", call, "-o", str(bench.out), *bench.able.one("decap"))
    yield Case(
        key="decap-call",
        capture=label(call),
        ours=ours,
        against=bench.copy(call),
        check=checks_inner(bench, call, ours),
    )


def reads(bench: Bench, captures: list[Path]) -> Iterator[Case]:
    """Records against walks over the record headers; all tell their own seconds."""
    one = bench.able.one("read")
    for source in captures:
        rows = [str(bench.able.itemsize)]
        sides = [
            ("read", one, bench.walk(source, *rows)),
            ("read-four", [*one, "--columns", FOUR], bench.walk(source)),
            ("read-four-default", ["--columns", FOUR], bench.walk(source)),
            ("read-two", ["--workers", "2"], bench.job("read", source, *one)),
        ]
        for key, options, against in sides:
            ours = bench.job("read", source, *options)
            yield Case(
                key=key,
                capture=label(source),
                ours=ours,
                against=against,
                check=checks_fields(bench, source, ours),
                reason="" if key in ("read", "read-four") else bench.able.missing("read"),
            )


def stages(bench: Bench, whole: Path) -> Iterator[Case]:
    """What the stages that remember packets cost, each against the same job without it."""
    pieces = forms.ensure("fragments", whole)
    plain, once, cut = (
        bench.decap(whole, *bench.able.one("command")),
        bench.decap(whole, "--no-once", *bench.able.one("command")),
        bench.decap(pieces, *bench.able.one("command")),
    )
    check_sights, check_pieces = checks_inner(bench, whole, plain, once), checks_inner(bench, pieces, cut)
    yield Case(key="sights", capture=label(whole), ours=plain, against=once, check=check_sights)
    yield Case(key="fragments", capture=label(pieces), ours=cut, against=plain, check=check_pieces)


def merges(bench: Bench, source: Path) -> Iterator[Case]:
    """Two captures of the same packets at two places, brought together."""
    both = [source, forms.ensure("elsewhere", source)]
    megabytes = sum(data.facts_of(one).bytes for one in both) / 1e6
    case = partial(Case, capture=f"two of {label(source)}", megabytes=megabytes)
    ours = [*VXTAP, "merge", *map(str, both), "-o", str(bench.out), "--quiet"]
    against = ["cp", "--reflink=never", *map(str, both), str(bench.meter.folder)]

    def check_all(command: list[str], checked: Callable[[Path, data.Facts], None]) -> Callable[[], None]:
        def check_one() -> None:
            bench.meter.run(command)
            checked(bench.out, data.facts_of(source))

        return check_one

    for key, options, checked in (
        ("merge", ["--workers", "1"], check.check_merged),
        ("merge-two", [], check.check_merged),
        ("merge-dedup", ["--workers", "1", "--dedup", "2ms"], check.check_inner),
    ):
        command = [*ours, *options]
        yield case(key=key, ours=command, against=against, check=check_all(command, checked))
    yield case(key="memory-merge", ours=ours, against=BARE, rounds=PEAKS)


def check_small(bench: Bench) -> None:
    """The small capture gives one inner frame for each of its VXLAN packets, by vxtap's own count."""
    command = [*VXTAP, "decap", str(SMALL), "-o", str(bench.out), "--json"]
    report = json.loads(bench.meter.run(command).output)
    check.demand("outcomes", report["decapsulated"] + sum(report["skipped"].values()), report["frames"])
    check.demand("inner frames", check.count(bench.out), report["decapsulated"])


def starts(bench: Bench) -> Iterator[Case]:
    """What a command costs before it does anything; whole processes."""
    rounds = bench.meter.rounds + MORE_ROUNDS
    numpy, vxtap = ([*PYTHON, "-c", f"import {name}"] for name in ("numpy", "vxtap"))
    yield Case(key="import", ours=vxtap, against=numpy, rounds=rounds)
    yield Case(key="help", ours=[*VXTAP, "--help"], against=BARE, rounds=rounds)
    yield Case(
        key="small",
        capture=f"{SMALL.stat().st_size:,} bytes",
        ours=bench.decap(SMALL),
        against=BARE,
        check=lambda: check_small(bench),
        rounds=rounds,
    )


def memories(bench: Bench, captures: list[Path]) -> Iterator[Case]:
    """Peak memory of jobs that stream."""
    for source in captures:
        yield Case(key="memory", capture=label(source), ours=bench.decap(source), against=BARE, rounds=PEAKS)
    ours = bench.job("batches", captures[0])
    yield Case(key="memory-batches", capture=label(captures[0]), ours=ours, against=BARE, rounds=PEAKS)


def growth(bench: Bench, few: Path, many: Path) -> Iterator[Case]:
    """Time per packet where there are ten times as many; both captures lie in memory."""
    packets = data.facts_of(many).packets, data.facts_of(few).packets
    for key, name, options in (("growth-decap", "decap", ["-o", str(bench.out)]), ("growth-read", "read", [])):
        ours, against = (bench.job(name, source, *options, *bench.able.one(name)) for source in (many, few))
        yield Case(key=key, capture=label(many), ours=ours, against=against, packets=packets)
    ours, against = (bench.walk(source, str(bench.able.itemsize)) for source in (many, few))
    name = "a walk, storing a record a packet, 10 M packets | the same of 1 M, per packet"
    yield Case(key="floor", name=name, capture=label(many), ours=ours, against=against, packets=packets)


def no_growth(reason: str) -> Iterator[Case]:
    yield from (Case(key=key, reason=reason) for key in ("growth-decap", "growth-read"))


def floors(bench: Bench, source: Path) -> Iterator[Case]:
    """The floors against each other, and vxtap against a copy of what it writes."""
    facts = data.facts_of(source)
    size = data.FILE_HEADER + facts.inner_bytes + RECORD * facts.decapsulated
    output = [str(bench.floors.copy), str(source), str(bench.out), str(size)]
    rows = str(bench.able.itemsize)
    bare, stored = bench.walk(source), bench.walk(source, rows)
    decap = bench.decap(source, *bench.able.one("command"))
    case = partial(Case, key="floor", capture=label(source))
    yield case(name="a walk, storing a record a packet | a walk", ours=stored, against=bare)
    yield case(
        name="a walk, storing seven columns | a walk", ours=bench.walk(source, str(FIELDS.itemsize)), against=bare
    )
    yield case(name="a walk, mapped | a walk", ours=[*bare, "--map"], against=bare)
    yield case(name="a walk, mapped, storing | a walk, storing", ours=[*stored, "--map"], against=stored)
    yield case(name="a copy of the output's size | `cp`", ours=output, against=bench.copy(source))
    yield case(name="`vxtap decap`, one worker | a copy of the output's size", ours=decap, against=output)
