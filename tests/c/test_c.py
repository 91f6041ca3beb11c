"""The core's own tests: small C programs, built with every warning and with the sanitizers, and run."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
CSRC = HERE.parent.parent / "csrc"
COMPILER = shutil.which("gcc") or shutil.which("cc")
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler")

# Which files of the core each program needs.
PROGRAMS = {
    "test_slice": [],
    "test_table": ["vxt_table", "vxt_interface"],
    "test_columns": ["vxt_columns", "vxt_terms", "vxt_text"],
    "clock": ["vxt_interface"],
    "hash": [],
}

Build = Callable[..., Path]


@pytest.fixture(scope="module")
def sanitizers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """None where the compiler has them but not their libraries."""
    folder = tmp_path_factory.mktemp("probe")
    (folder / "probe.c").write_text("int main(void) { return 0; }\n")
    line = [str(COMPILER), *SANITIZERS, "probe.c", "-o", "probe"]
    built = subprocess.run(line, cwd=folder, check=False, capture_output=True)
    runs = built.returncode == 0 and subprocess.run([folder / "probe"], check=False).returncode == 0
    return SANITIZERS if runs else []


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory, sanitizers: list[str]) -> Build:
    folder = tmp_path_factory.mktemp("c")

    def compile_one(name: str, *more: str) -> Path:
        sources = [HERE / f"{name}.c", *(CSRC / f"{part}.c" for part in PROGRAMS[name])]
        flags = ["-std=c11", "-g", "-O1", *WARNINGS, *sanitizers, f"-I{CSRC}"]
        line = [str(COMPILER), *flags, *more, *map(str, sources), "-o", str(folder / name)]
        built = subprocess.run(line, check=False, capture_output=True, text=True)
        assert built.returncode == 0, built.stderr
        return folder / name

    return compile_one


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name.startswith("test_")])
def test_program(name: str, build: Build) -> None:
    ran = subprocess.run([build(name)], check=False, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_every_program_is_run() -> None:
    assert {path.stem for path in HERE.glob("*.c")} == set(PROGRAMS)


def test_hashes_do_not_depend_on_the_processor(build: Build) -> None:
    """With and without the instructions of x86: the same ones, and no two alike."""
    outputs = []
    for flags in ([], ["-DVXT_PLAIN"]):
        ran = subprocess.run([build("hash", *flags)], check=False, capture_output=True, text=True, timeout=60)
        assert (ran.returncode, ran.stderr) == (0, "")
        outputs.append(ran.stdout.splitlines())
    assert outputs[0] == outputs[1]
    assert len({line.split()[1] for line in outputs[0]}) == len(outputs[0]) > 300


# ---------------------------------------------------------------- times

SECOND = 10**9
LAST_SECOND = (2**63 - 1) // SECOND


def expected_time(resolution: int, offset: int, ticks: int) -> int | None:
    """pcapng 4.2, in integers of any size: rounded down; None where 64 bits do not hold it."""
    per_second = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    ns = ticks * SECOND // per_second + offset * SECOND
    return ns if -(2**63) < ns < 2**63 else None


def clock_cases() -> Iterator[tuple[int, int, int]]:
    """Every resolution, with tick counts at their edges, at those of the result, and anywhere."""
    chance = random.Random(1)
    edges = [0, 1, 999, 1000, 2**31, 2**32 - 1, 2**32, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1]
    offsets = [0, 1, -1, 3600, -(2**31), 2**33, LAST_SECOND, -LAST_SECOND, 2**61, -(2**61), 2**63 - 1, -(2**63)]
    for resolution in range(256):
        per_second = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
        ticks = {*edges, per_second - 1, per_second, per_second + 1, per_second * 1_700_000_000 + per_second // 3}
        limit = (2**63 - 1) * per_second // SECOND
        ticks |= {limit + step for step in (-1, 0, 1, 2)}
        ticks |= {chance.getrandbits(chance.randint(1, 64)) for _ in range(8)}
        for one in sorted(tick for tick in ticks if 0 <= tick < 2**64):
            yield resolution, 0, one
            yield resolution, chance.choice(offsets), one
            yield resolution, chance.randint(-(2**33), 2**33), one


def test_times(build: Build) -> None:
    cases = list(clock_cases())
    lines = "".join(f"{resolution} {offset} {ticks}\n" for resolution, offset, ticks in cases)
    ran = subprocess.run([build("clock")], input=lines, check=False, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")
    found = ran.stdout.splitlines()
    assert len(found) == len(cases) > 10_000
    wrong = []
    for case, answer in zip(cases, found, strict=True):
        ns = expected_time(*case)
        wanted = "NaT" if ns is None else f"{ns} {int(case[0] > 6)}"
        if answer != wanted:
            wrong.append((*case, answer, wanted))
    assert wrong == []
