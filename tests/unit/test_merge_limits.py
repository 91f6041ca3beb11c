"""`vxtap.merge` of pipes, and of more sources than is usual: descriptors and memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import vxtap
import written
from build import pcap
from merged import assert_sums, merge, merged, numbers, rows_of, seen
from unit.conftest import T0, frame

# ---------------------------------------------------------------- pipes


def run(script: str, *args: object, **how: Any) -> subprocess.CompletedProcess[bytes]:
    """A program in a process of its own."""
    root = str(Path(vxtap.__file__).parent.parent)
    line = [sys.executable, "-c", script, *map(str, args)]
    return subprocess.run(
        line, check=False, capture_output=True, timeout=120, env=os.environ | {"PYTHONPATH": root}, **how
    )


PIPED = """
import sys, vxtap
try:
    report = vxtap.merge(["-", sys.argv[1]], sys.argv[2], align=sys.argv[3:] == ["align"])
    print(report.written)
except vxtap.VxtapError as error:
    print(type(error).__name__, error)
"""


def test_standard_input_is_a_source(tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(seen((1, 2), (3, 4)))
    ran = run(PIPED, tmp_path / "in.pcap", tmp_path / "out.pcap", input=seen((0, 1), (2, 3)))
    assert ran.stdout == b"4\n", ran.stderr
    assert numbers(written.parse((tmp_path / "out.pcap").read_bytes()).packets) == [1, 2, 3, 4]


def test_no_alignment_of_pipes(tmp_path: Path) -> None:
    """It reads everything twice, which no pipe lets it."""
    (tmp_path / "in.pcap").write_bytes(seen((1, 2), (3, 4)))
    ran = run(PIPED, tmp_path / "in.pcap", tmp_path / "out.pcap", "align", input=seen((0, 1)))
    assert ran.stdout.split(b" ")[0] in (b"OptionError", b"UnsupportedError"), ran
    assert b"align" in ran.stdout
    assert b"standard input" in ran.stdout
    assert not (tmp_path / "out.pcap").exists()


def test_standard_input_twice(tmp_path: Path) -> None:
    """It can be read once."""
    script = PIPED.replace("sys.argv[1]]", "'-']")
    ran = run(script, "", tmp_path / "out.pcap", input=seen((0, 1)))
    assert ran.stdout.startswith(b"OptionError "), ran
    assert not (tmp_path / "out.pcap").exists()


# ---------------------------------------------------------------- many sources


def test_a_hundred_sources() -> None:
    sources = [seen(*((100 * i + k, 100 * i + k) for i in range(5))) for k in range(100)]
    assert merged(sources) == list(range(500))
    rows, report = rows_of(sources)
    assert rows["source"].tolist() == list(range(100)) * 5
    assert_sums(report, 100)


def test_more_files_than_can_be_open(tmp_path: Path) -> None:
    """A hundred rotated sets: of each one file is open at a time. 256 descriptors is what some systems give."""
    for source in range(100):
        for part in range(4):
            path = tmp_path / f"{source}.pcap{part}"
            path.write_bytes(seen((100 * part + source, 100 * part + source)))
    script = """
import resource, sys, vxtap
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
print(vxtap.merge([f"{sys.argv[1]}/{source}.pcap*" for source in range(100)], sys.argv[2]).written)
"""
    ran = run(script, tmp_path, tmp_path / "out.pcap")
    assert ran.stdout == b"400\n", ran.stderr
    assert numbers(written.parse((tmp_path / "out.pcap").read_bytes()).packets) == list(range(400))


MEMORY = """
import sys, numpy, vxtap
vxtap.PACKET

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

before = peak()
report = vxtap.merge(sys.argv[3:], sys.argv[1], dedup=sys.argv[2] or None)
print(report.written, report.duplicates, peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="nothing tells the peak of a process's memory")
@pytest.mark.parametrize("dedup", ["", "2ms"])
def test_memory(dedup: str, tmp_path: Path) -> None:
    """A hundred sources of 2 MB at the same times: at most 64 MiB and 1 MiB a source."""
    first = tmp_path / "0.pcap"
    first.write_bytes(pcap([(T0 + i * 2000, frame(i, 900)) for i in range(2000)]))
    paths = [first, *(tmp_path / f"{number}.pcap" for number in range(1, 100))]
    for path in paths[1:]:
        path.hardlink_to(first)
    ran = run(MEMORY, tmp_path / "out.pcap", dedup, *paths)
    assert ran.returncode == 0, ran.stderr
    wrote, duplicates, kib = map(int, ran.stdout.split())
    assert wrote + duplicates == 200_000
    assert wrote < 10_000 if dedup else wrote == 200_000
    assert kib < (64 + 100) << 10


def test_a_hundred_taps_that_see_the_same() -> None:
    """A network's broadcasts: each is kept once."""
    sources = [pcap([(T0 + i * 2000, frame(i)) for i in range(300)]) for _ in range(100)]
    done = merge(sources, dedup="2ms")
    assert (done.report.written, done.report.duplicates) == (300, 29_700)
    assert_sums(done.report, 100)


def test_a_clock_that_was_set_back() -> None:
    """Thousands of packets from before wait at the front of a lane that is full, and have to make way at once."""
    ahead = [(T0 + 3600 * 10**9 + i * 1000, frame(i)) for i in range(9000)]
    large = frame(6000, 60_000)
    done = merge([pcap([*ahead, *((T0 + i * 1000, large) for i in range(700))])])
    assert done.report.written == 9700
    assert_sums(done.report, 1)
