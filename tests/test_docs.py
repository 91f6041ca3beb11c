"""The documentation holds: its examples run, its tables are the core's, its output is what is printed."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

import vxtap
from differential import containers
from differential.differences import DIFFERENCES
from vxtap import advice, tables

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data"
#: What the documentation calls the captures, and which of the bundled ones it means.
NAMES = {
    "nva.pcap": "01-curl-nva1.pcap",
    "nva1.pcap": "02-lb-asym-nva1.pcap",
    "nva2.pcap": "02-lb-asym-nva2.pcap",
    "source-vm.pcap": "02-lb-asym-src.pcap",
    "egress.pcap": "14-egress-only-nva1.pcap",
    "egress-vm.pcap": "14-egress-only-src.pcap",
}
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
# How the output of a command begins, where the page on collectors shows it.
START = {"health": "note split", "compar": "complete"}
# Commands of the documentation that need a network interface, other files or the checkout: shown, not run here.
NOT_RUN = ("make ", "tcpdump ", "pip ", "python benchmarks/", "pytest ")


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.M | re.S)


def examples(language: str) -> list[object]:
    """Every such block as a test case with the page's name and its number there."""
    return [
        pytest.param(code, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, code in enumerate(blocks(page, language), 1)
    ]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the captures that the documentation speaks of, and being there."""
    for name, bundled in NAMES.items():
        shutil.copy(DATA / bundled, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("code", examples("python"))
def test_python_examples_run(code: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Pieces of a page build on `packets` of an earlier one.
    names = {"vxtap": vxtap, "packets": vxtap.read("nva.pcap")}
    exec(compile(code, "example", "exec"), names)
    if "decap(" in code:
        assert (folder / "inner.pcap").stat().st_size == 24 + 18 * 16 + 2029


def test_the_readme_opens_with_five_lines_of_python_that_work(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = blocks(ROOT / "README.md", "python")[0]
    assert len([line for line in first.splitlines() if line.strip()]) <= 5
    exec(compile(first, "readme", "exec"), {})
    assert "26 frames: 18 decapsulated, 8 not_udp" in capsys.readouterr().out


@pytest.mark.parametrize("code", examples("sh"))
def test_shell_examples_run(code: str, folder: Path) -> None:
    for line in code.splitlines():
        command = line.partition("#")[0].strip()
        if not command or command.startswith(NOT_RUN):
            continue
        words = shlex.split(command)
        assert words[0] == "vxtap", f"not known how to run {command!r}"
        subprocess.run([sys.executable, "-m", *words], check=True, capture_output=True)


def test_the_hint_shown_is_the_hint_printed(folder: Path) -> None:
    shown = next(code for code in blocks(ROOT / "docs" / "decap.md", "text") if "try --ports" in code)
    command = [sys.executable, "-m", "vxtap", "decap", "nva.pcap", "-o", "inner.pcap", "--ports", "8472"]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    assert shown.strip() in run.stderr


@pytest.mark.parametrize("words", ["health nva1.pcap nva2.pcap", "compare source-vm.pcap nva1.pcap nva2.pcap"])
def test_what_collectors_are_said_to_tell_is_what_is_printed(words: str, folder: Path) -> None:
    (shown,) = [code for code in blocks(ROOT / "docs" / "collectors.md", "text") if code.startswith(START[words[:6]])]
    run = subprocess.run([sys.executable, "-m", "vxtap", *words.split()], check=True, capture_output=True, text=True)
    assert shown.strip() in run.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_tables_are_the_cores(page: Path) -> None:
    for name, shown in re.findall(r"<!-- table: (\w+) -->\n(.*?)\n<!-- end -->", page.read_text(), flags=re.S):
        assert shown == tables.markdown(name), f"{page.name}: run `python -m vxtap.tables` and paste {name}"


def test_every_table_is_in_the_docs() -> None:
    shown = {name for page in PAGES for name in re.findall(r"<!-- table: (\w+) -->", page.read_text())}
    assert shown == {"columns", "flow_columns", "outcomes", "flags", "tunnels", "link_types", "faults"}


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_stub_of_the_enums_is_the_cores() -> None:
    assert (ROOT / "vxtap" / "enums.pyi").read_text() == tables.stub() + "\n"


def between(page: str, name: str) -> str:
    """What stands between two markers."""
    found = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- end -->", (ROOT / "docs" / page).read_text(), flags=re.S)
    return found[1] if found else ""


def markdown(head: str, rows: Iterable[Iterable[object]]) -> str:
    lines = [f"| {' | '.join(map(str, row))} |" for row in (head.split(", "), *rows)]
    return "\n".join([lines[0], "| " + " | ".join(["---"] * len(head.split(", "))) + " |", *lines[1:]])


def test_the_differences_from_tshark_are_those_tested() -> None:
    rows = [(one.file, one.frame or "all", one.column, one.reason) for one in DIFFERENCES]
    assert between("tshark.md", "differences") == markdown("capture, frame, column, reason", rows)


def test_the_findings_of_health_are_those_of_its_table() -> None:
    assert between("health.md", "findings") == advice.markdown()
    shown = next(code for code in blocks(ROOT / "docs" / "health.md", "text") if "one_way" in code)
    command = [sys.executable, "-m", "vxtap", "health", str(DATA / NAMES["nva1.pcap"])]
    assert shown.strip() in subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_files_that_are_hard_to_read_are_those_tested() -> None:
    assert between("robustness.md", "differences") == markdown("capture, frames, what, reason", containers.DIFFERENCES)
    rows = [(one.file, one.status, f"{one.offset:,}", one.frames) for one in containers.REFUSALS]
    assert between("robustness.md", "refusals") == markdown("capture, status, byte, frames before it", rows)
