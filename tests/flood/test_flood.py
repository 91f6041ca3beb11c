"""Input that is made to be expensive: as much of it as there is costs linear time and no more memory than is stated.

Time is counted in steps of the core, which are always the same, and not in seconds.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
CSRC = HERE.parent.parent / "csrc"
COMPILER = shutil.which("gcc") or shutil.which("cc")
FLAGS = ["-std=c11", "-O2", f"-I{CSRC}"]
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
COUNTED = ["-fsanitize-coverage=trace-pc", "-include", str(HERE / "flood.h")]
FEW, MANY = 250_000, 10_000_000
MIB = 1 << 20

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


@pytest.fixture(scope="module")
def flood(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flood")
    for line in (
        [*WARNINGS, "-c", str(HERE / "flood.c")],
        [*COUNTED, "-c", str(CSRC / "vxtap.c")],
        ["flood.o", "vxtap.o", "-o", "flood"],
    ):
        built = subprocess.run([str(COMPILER), *FLAGS, *line], cwd=folder, check=False, capture_output=True, text=True)
        if "-fsanitize-coverage" in built.stderr:
            pytest.skip("the compiler cannot count steps")
        assert built.returncode == 0, built.stderr
    return folder / "flood"


def cost(flood: Path, kind: str, count: int) -> tuple[int, int, int]:
    """Steps, bytes of tables, and how many bytes they may have."""
    ran = subprocess.run([flood, kind, str(count)], check=True, capture_output=True, text=True)
    steps, memory, limit = map(int, ran.stdout.split())
    return steps, memory, limit


KINDS = [
    "distinct",
    "clashing",
    "many",
    "again",
    "complete",
    "tunnels",
    "interfaces",
    "sections",
    "sights",
    "same-sights",
]


@pytest.mark.parametrize("kind", KINDS)
def test_cost_is_linear(flood: Path, kind: str) -> None:
    few, memory, limit = cost(flood, kind, FEW)
    more, memory_of_more, _ = cost(flood, kind, 4 * FEW)
    assert few > FEW  # they are counted
    assert more < 1.5 * 4 * few
    assert memory == memory_of_more <= limit


@pytest.mark.parametrize("kind", ["distinct", "interfaces"])
def test_ten_millions(flood: Path, kind: str) -> None:
    few, memory, limit = cost(flood, kind, FEW)
    steps, memory_of_many, _ = cost(flood, kind, MANY)
    assert steps / MANY < 1.5 * few / FEW
    assert memory == memory_of_many <= limit


def test_every_kind(flood: Path) -> None:
    assert subprocess.run([flood], check=True, capture_output=True, text=True).stdout.split() == KINDS


# ---------------------------------------------------------------- what a small file can ask for

ASK = """
import contextlib, io, resource, sys, tracemalloc
import vxtap
from vxtap import errors

def use(data):
    with contextlib.suppress(errors.VxtapError):
        vxtap.read(io.BytesIO(data))
    with contextlib.suppress(errors.VxtapError):
        vxtap.decap(io.BytesIO(data), io.BytesIO(), format="pcapng")

files = [bytes.fromhex(line) for line in sys.stdin]
use(files[0])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
tracemalloc.start()
most = 0
for data in files:
    tracemalloc.reset_peak()
    start = tracemalloc.get_traced_memory()[0]
    use(data)
    most = max(most, tracemalloc.get_traced_memory()[1] - start)
print(most, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""
LARGE = (0xFFFFFFFF, 0x7FFFFFFC, 0x10000000, 0x00800000, 0x00400000)


def small_files() -> list[bytes]:
    """Files of about 100 bytes, with large numbers in every place that could be a length."""
    sys.path.insert(0, str(HERE.parent))
    import build

    fragment = build.eth(build.ipv4(bytes(16), ident=1, more=True))
    file = build.Pcapng().idb()
    whole = [build.pcap([(0, fragment)]), bytes(file.epb(fragment[:24])), bytes(build.Pcapng().unknown(5, bytes(40)))]
    files = list(whole)
    for data in whole:
        for at in range(0, len(data) - 3, 2):
            for number in LARGE:
                files += [data[:at] + number.to_bytes(4, order) + data[at + 4 :] for order in ("little", "big")]
    return files


def test_a_small_file_cannot_ask_for_much() -> None:
    files = small_files()
    assert len(files) > 1000
    assert max(map(len, files)) <= 128
    lines = "".join(f"{data.hex()}\n" for data in files)
    ran = subprocess.run([sys.executable, "-c", ASK], input=lines, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    traced, resident = map(int, ran.stdout.split())
    assert 0 < traced < 4 * MIB
    assert resident < 16 * MIB
