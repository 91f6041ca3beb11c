"""The benchmarks measure what they say: the same bytes everywhere, right answers recognised, wrong ones refused."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
PACKETS = 300


# ---------------------------------------------------------------- captures

SUMS = {
    "imix": "95c58d25d32e022b6827414a0d2f8de1fdc9865d3af94fbe5143bb60dcf984fb",
    "mtu": "f5d953674d742e496c8eb91ee9de6b0887cd54da1b4341ae4320feb1b28e7e10",
    "flood": "216c78d67a65aa49c9509b88b34b9ce0c1d86af81678142938a14cec09b74b09",
    "mtu fragments": "55208712fb140e9cb82ec33b4fc542926e024b3897b5172b2c7562c3d08f2a91",
    "imix pcapng": "538911622e28d6eb81e2439c26b4463b38706ea022131adff6ec0b33a152637b",
}


@pytest.mark.parametrize("name", SUMS)
def test_captures_are_the_same_everywhere(suite: types.SimpleNamespace, folder: Path, name: str) -> None:
    shape, _, form = name.partition(" ")
    path = suite.data.ensure(shape, packets=PACKETS, folder=folder)
    path = suite.forms.ensure(form, path) if form else path
    assert suite.data.facts_of(path).shape == name
    assert suite.data.facts_of(path).sha256 == SUMS[name]


def test_a_smaller_capture_is_the_beginning_of_a_larger(
    suite: types.SimpleNamespace, folder: Path, capture: Path
) -> None:
    fewer = suite.data.ensure("imix", size=20_000, folder=folder)
    assert 0 < fewer.stat().st_size <= 20_000
    assert capture.read_bytes().startswith(fewer.read_bytes())


def test_a_capture_with_another_sum_is_refused(
    suite: types.SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(suite.data.PINNED, ("flood", 10), "0" * 64)
    with pytest.raises(AssertionError, match="expected 000"):
        suite.data.ensure("flood", packets=10, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_every_capture_that_is_measured_is_pinned(suite: types.SimpleNamespace) -> None:
    run, pinned = suite.run, suite.data.PINNED
    used = {
        *run.FULL.items(),
        *run.QUICK.items(),
        run.LARGE,
        run.MERGED,
        run.CONVERTED,
        *(("flood", packets) for packets in run.GROWTH),
    }
    used |= {("imix pcapng", sizes["imix"]) for sizes in (run.FULL, run.QUICK)}
    used |= {("imix elsewhere", packets) for packets in (run.QUICK["imix"], run.MERGED[1])}
    cuts = {peer.packets(job) for peer in suite.peers.PEERS.values() for job in suite.peers.JOBS}
    used |= {("imix", packets) for packets in cuts - {0, suite.peers.ALL}}
    assert used - set(pinned) == set()


def test_what_is_no_file_is_not_replaced(suite: types.SimpleNamespace, tmp_path: Path) -> None:
    tmp_path.joinpath("folder").mkdir()
    with pytest.raises(OSError, match="not a file"):
        suite.data.write("flood", tmp_path / "folder", packets=1)


def test_vxtap_finds_in_every_form_what_was_put_in(
    suite: types.SimpleNamespace, folder: Path, capture: Path, tmp_path: Path
) -> None:
    import vxtap

    mtu = suite.data.ensure("mtu", packets=PACKETS, folder=folder)
    for path in (capture, suite.forms.ensure("pcapng", capture), mtu, suite.forms.ensure("fragments", mtu)):
        vxtap.decap(path, tmp_path / "out.pcap")
        suite.check.check_inner(tmp_path / "out.pcap", suite.data.facts_of(path))


# ---------------------------------------------------------------- floors


@pytest.fixture(scope="module")
def floors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("floor")
    make = ["make", "-s", "-C", str(BENCHMARKS / "floor"), f"BUILD={folder}"]
    subprocess.run(make, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("options", [[], ["25"], ["192"], ["--map"], ["25", "--map"]], ids=" ".join)
def test_the_walk_sees_every_packet(
    suite: types.SimpleNamespace, floors: Path, capture: Path, options: list[str]
) -> None:
    said = subprocess.run([floors / "walk", capture, *options], check=True, capture_output=True, text=True).stdout
    facts = suite.data.facts_of(capture)
    assert said.startswith(f"packets {PACKETS} bytes {facts.bytes - 24 - 16 * PACKETS} ")
    assert suite.pair.told_seconds(said) is not None


def test_the_copy_has_the_size_asked_for(floors: Path, capture: Path, tmp_path: Path) -> None:
    subprocess.run([floors / "copy", capture, tmp_path / "out", "1000"], check=True, capture_output=True)
    assert (tmp_path / "out").read_bytes() == capture.read_bytes()[:1000]
    more = [floors / "copy", capture, tmp_path / "out", str(capture.stat().st_size + 1)]
    assert subprocess.run(more, check=False, capture_output=True).returncode == 1


# ---------------------------------------------------------------- the cases


def test_every_target_has_a_case_whose_check_holds(
    suite: types.SimpleNamespace, floors: Path, meter: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite.run, "QUICK", dict.fromkeys(suite.run.QUICK, PACKETS))
    monkeypatch.setattr(suite.contest, "PEERS", {})
    options = suite.run.parse(["--quick", "--folder", str(tmp_path / "captures")])
    programs = suite.cases.Floors(floors / "walk", floors / "copy")
    bench = suite.cases.Bench(meter, programs, suite.cases.abilities(meter.out))
    found = list(suite.run.all_cases(bench, tmp_path, options))
    assert {case.key for case in found} == {*suite.targets.TARGETS, *suite.peers.JOBS, "floor", "compressed"}
    for case in {case.key: case for case in found if not case.reason}.values():
        case.check()
        meter.run(case.ours)
        meter.run(case.against)


# ---------------------------------------------------------------- the report


def results(suite: types.SimpleNamespace) -> list[object]:
    """Made-up ones, of every kind."""
    made = suite.measure.Result
    return [
        made(key="decap", capture="imix", megabytes=2100, ours=[1.0, 1.06, 1.2], against=[1.0, 1.0, 1.0]),
        made(key="decap", capture="small", megabytes=20, ours=[3.0], against=[1.0]),
        made(key="decap-two", reason="this version has no --workers"),
        made(key="read-two", ours=[0.6, 0.5, 0.7], against=[1.0, 1.0, 1.0]),
        made(key="help", ours=[0.050], against=[0.020]),
        made(key="memory", ours=[1.0], against=[1.0], peaks=(80.5, 10.0)),
        made(key="scan", capture="imix", packets=(7, 7), ours=[1e-6, 2e-6, 1e-6], against=[5e-7, 5e-7, 5e-7]),
        made(key="memory-convert", megabytes=1003, ours=[1.0], against=[1.0], peaks=(300.5, 10.0)),
        made(key="fields", name="vxtap", version="1", packets=(100, 100), ours=[2.0], against=[1.0]),
        made(key="fields", name="slow", version="2", packets=(10, 100), ours=[30.0], against=[1.0]),
        made(key="fields", name="odd", version="3", reason="wrong: packets: 1, expected 2"),
        made(key="floor", name="a walk, mapped | a walk", ours=[2.0], against=[1.0]),
    ]


def cells(text: str, start: str) -> list[str]:
    """The row of a Markdown table that starts so."""
    return next(
        [cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith(start)
    )


def test_the_report_is_computed_from_the_results(suite: types.SimpleNamespace, tmp_path: Path) -> None:
    suite.report.save(tmp_path / "results.json", results(suite), ["processor: one"], "make bench")
    text = suite.report.text(*suite.report.load(tmp_path / "results.json"))
    assert cells(text, "| `vxtap decap --workers 1` | imix")[5:] == [
        "**1.06** (1.00, 1.03 to 1.13, 1.20)", "1.05", "", "**not met**, unsure",
    ]  # fmt: skip
    assert cells(text, "| `vxtap decap --workers 1` | small")[-1] == "the target is for 2 GB"
    assert cells(text, "| `vxtap decap --workers 2`")[-1] == "not measured"
    assert cells(text, "| `vxtap.read(workers=2)`")[-1] == "met, stretch too"
    assert cells(text, "| `vxtap --help`")[5:] == ["**30.0** (30.0, 30.0 to 30.0, 30.0) ms more", "60.0 ms", "", "met"]
    assert cells(text, "| peak memory of `vxtap decap`")[5:] == ["**70.5** MiB more", "64.0 MiB", "", "**not met**"]
    assert cells(text, "| `vxtap.scan(columns=4)`, one worker, the call alone")[5:] == [
        "**7.00** (3.50, 5.25 to 7.00, 7.00) M packets/s; 2.00 times the floor", "6.00 M packets/s", "", "met, unsure",
    ]  # fmt: skip
    assert cells(text, "| peak memory of `vxtap convert")[5:] == ["**300.5** MiB in all", "512.0 MiB", "", "met"]
    assert cells(text, "| slow") == ["slow", "2", "10", "3,000,000,000", "**300** (300, 300 to 300, 300)", "150"]
    assert cells(text, "| odd")[4] == "wrong: packets: 1, expected 2"
    assert text.index("| vxtap |") < text.index("| slow |") < text.index("| odd |")
    assert cells(text, "| a walk, mapped")[-1].startswith("**2.00**")
    assert "- processor: one" in text


def test_the_verdict_is_about_what_is_printed(suite: types.SimpleNamespace) -> None:
    target = suite.targets.Target("job", "floor", 1.05, 1.00)
    verdicts = [target.verdict(value, 0) for value in (0.99, 1.004, 1.02, 1.0549, 1.056)]
    assert verdicts == ["met, stretch too"] * 2 + ["met"] * 2 + ["**not met**"]


def test_of_a_rate_more_is_better(suite: types.SimpleNamespace) -> None:
    target = suite.targets.Target("job", "floor", 2, 3, unit="M/s", least=1000)
    verdicts = [target.verdict(value, 1000) for value in (3.2, 2.996, 2.5, 1.996, 1.99)]
    assert verdicts == ["met, stretch too"] * 2 + ["met"] * 2 + ["**not met**"]
    assert target.verdict(1.0, 999) == "the target is for 1 GB"
    assert target.aim(2) == "at least 2.00 M packets/s"


def test_a_block_of_a_page_is_replaced(suite: types.SimpleNamespace, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x -->\nold\n<!-- end -->\nb\n<!-- y -->\nstays\n<!-- end -->\n")
    suite.report.put(page, "x", "new \\1")
    assert page.read_text() == "a\n<!-- x -->\nnew \\1\n<!-- end -->\nb\n<!-- y -->\nstays\n<!-- end -->\n"
    with pytest.raises(ValueError, match="no <!-- z -->"):
        suite.report.put(page, "z", "new")


def test_the_picture_has_every_bar_and_is_the_same_again(suite: types.SimpleNamespace, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("a.svg", "b.svg"):
        suite.picture.draw(results(suite), tmp_path / name)
    drawn = (tmp_path / "a.svg").read_text()
    assert drawn == (tmp_path / "b.svg").read_text()
    for text in ("vxtap decap --workers 1, imix", "slow", "300", "1.06"):
        assert text in drawn


def test_without_matplotlib_the_way_to_it_is_told(
    suite: types.SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert suite.picture.main(["results.json", "-o", "x.svg"]) == 1
    assert "pip install --group report" in capsys.readouterr().err


# ---------------------------------------------------------------- the page


@pytest.mark.parametrize("name", ["targets", "peers"])
def test_the_page_has_the_tables_of_the_suite(suite: types.SimpleNamespace, name: str) -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    found = re.search(rf"<!-- {name} -->\n(.*?)\n?<!-- end -->", page, flags=re.S)
    assert found
    assert found[1] == suite.report.markdown(getattr(suite, name).table()), "run `python benchmarks/report.py --tables`"


def test_the_measured_results_have_a_row_for_every_target(suite: types.SimpleNamespace) -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text().partition("<!-- measured -->")[2]
    for target in suite.targets.TARGETS.values():
        assert f"| {target.job} |" in page
