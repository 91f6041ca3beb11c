"""How instruction counts are read and compared; the counts themselves are `make counts`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "benchmarks" / "counts"))

import callgrind
import gate

CSRC = Path(__file__).resolve().parent.parent.parent / "csrc"
SOURCE = """static const int TABLE[] = {
    1,
};

int declared(int a,
             int b);

static inline int one(int a) { return a; }

static int two(int a,
               int b)
{
    if (a)
        return b;
    return one(a);
}
"""

# Callgrind's format: numbered names, lines as steps from the one before, and after a call what it cost in all.
OUTPUT = """# callgrind format
version: 1
positions: line
events: Ir
summary: 1016

ob=(1) /bin/count
fl=(1) {folder}/a.c
fn=(1) job
13 4
fi=(1)
-5 2
fe=(2) {folder}/other/b.c
+1 1
fl=(1)
cob=(2) /lib/libc.so.6
cfi=(3) ./string/memmove.S
cfn=(2) __memcpy_avx_unaligned_erms
calls=5 100
13 1000
* 3
cfn=(3) two
calls=1 10
* 7

ob=(2)
fl=(3)
fn=(2)
100 1000
"""


def case(**instructions: int) -> gate.Case:
    return gate.Case(1000, instructions, {"memmove": 1000})


def faults(after: gate.Case) -> list[str]:
    return gate.compare({"rows": case(parse=60_000, hash=40_000)}, {"rows": after})


def test_a_little_more_passes() -> None:
    assert faults(case(parse=60_000, hash=42_900)) == []
    assert faults(case(parse=63_000, hash=40_000)) == []
    assert faults(case(parse=10_000, hash=80_000)) == []


def test_more_than_the_limit_fails_and_is_named() -> None:
    (fault,) = faults(case(parse=59_000, hash=43_100, look=1_000))
    assert fault == (
        "rows: 103.1 instructions a frame, where there were 100.0 (+3.1%): most in hash (+3.1), look (+1.0)"
    )


def test_calls_have_the_same_limit() -> None:
    (fault,) = faults(gate.Case(1000, {"parse": 50_000}, {"memmove": 1_000, "memset": 31}))
    assert fault.startswith("rows: 1.0 calls a frame, where there were 1.0 (+3.1%)")
    assert fault.endswith("most in memset (+0.0)")


def test_cases_are_the_same_on_both_sides() -> None:
    before, after = {"rows": case(parse=1)}, {"rows": case(parse=1), "columns": case(parse=1)}
    assert gate.compare(before, after) == ["columns: only in the code"]
    assert gate.compare(after, before) == ["columns: only in the baseline"]
    assert faults(gate.Case(999, {"parse": 1}, {})) == ["rows: 999 frames, where there were 1,000"]


def test_functions_of_a_source() -> None:
    assert callgrind.functions(SOURCE) == {8: "one", **dict.fromkeys(range(10, 17), "two")}


def test_functions_of_the_core_are_found() -> None:
    found = callgrind.functions((CSRC / "vxt_ip.c").read_text())
    assert {"parse_ipv4", "pass_extensions", "vxt_ip_parse", "vxt_ip_hides_protocol"} <= set(found.values())


def test_output_of_callgrind(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text(SOURCE)
    profile = callgrind.parse(OUTPUT.format(folder=tmp_path))
    assert profile.calls == {"memmove": 5}
    assert sum(profile.lines.values()) == 1010
    assert callgrind.by_function(profile, tmp_path) == {"two in a.c": 7, "one in a.c": 2}


@pytest.mark.parametrize(
    ("name", "plain"),
    [("__memcpy_avx_unaligned_erms", "memmove"), ("__memmove_evex_unaligned", "memmove"), ("__memset_sse2", "memset")],
)
def test_variants_are_one_function(name: str, plain: str) -> None:
    assert callgrind.plain(name) == plain
