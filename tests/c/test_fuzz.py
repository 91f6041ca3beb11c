"""The fuzz targets over what they start from and over what once broke them: once each, with any compiler."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FUZZ = ROOT / "tests" / "fuzz"
TARGETS = sorted(path.stem.removeprefix("fuzz_") for path in FUZZ.glob("fuzz_*.c"))
# By its path: benchmarks have a module of this name, too.
_FOUND = spec_from_file_location("fuzz_run", FUZZ / "run.py")
assert _FOUND is not None
assert _FOUND.loader is not None
run = module_from_spec(_FOUND)
_FOUND.loader.exec_module(run)

SHARED = [*run.SHARED, FUZZ / "replay.c"]
COMPILER = shutil.which("gcc") or shutil.which("cc")
# Not optimised: it is compiling that takes the time here.
FLAGS = ["-std=c11", "-g", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wstrict-prototypes", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


def compile(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    line = [str(COMPILER), *FLAGS, f"-I{ROOT / 'csrc'}", f"-I{FUZZ}", *map(str, arguments)]
    return subprocess.run(line, cwd=folder, check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the targets share, compiled once; `flags` says how: with the sanitizers where they can be had."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "probe.c").write_text("int main(void) { return 0; }\n")
    probe = compile(folder, *SANITIZERS, "probe.c", "-o", "probe")
    sound = probe.returncode == 0 and subprocess.run([folder / "probe"], check=False).returncode == 0
    (folder / "flags").write_text("\n".join(SANITIZERS if sound else []))
    built = compile(folder, *(SANITIZERS if sound else []), "-c", *SHARED)
    assert built.returncode == 0, built.stderr
    return folder


def build(target: str, shared: Path, folder: Path) -> Path:
    flags = (shared / "flags").read_text().split()
    objects = sorted(shared.glob("*.o"))
    built = compile(folder, *flags, FUZZ / f"fuzz_{target}.c", *objects, "-o", target)
    assert built.returncode == 0, built.stderr
    return folder / target


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeds")
    subprocess.run([sys.executable, FUZZ / "seeds.py", folder], check=True)
    return folder


@pytest.mark.parametrize("target", TARGETS)
def test_seeds(target: str, shared: Path, seeds: Path, tmp_path: Path) -> None:
    inputs = sorted((seeds / target).iterdir())
    assert inputs, "nothing to start from"
    inputs += sorted((FUZZ / "regressions" / target).glob("*"))
    ran = subprocess.run(
        [build(target, shared, tmp_path), *inputs], check=False, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    assert ran.stderr.splitlines() == [str(path) for path in inputs]


def test_targets() -> None:
    """Every regression belongs to a target, and is small."""
    assert len(TARGETS) >= 6
    for path in (FUZZ / "regressions").glob("*/*"):
        assert path.parent.name in TARGETS
        assert 0 < path.stat().st_size <= 4096
