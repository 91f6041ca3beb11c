"""Many captures to inner captures: names, what is done again and what is not, failures beside successes."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import vxtap
from cli.conftest import FAULTS, capture, inner_rows
from convert import last, lines, states, tree
from vxtap.conversion import Progress
from vxtap.convert_report import ConvertReport

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three captures, of 3, 4 and 5 frames, and a text."""
    root = tmp_path / "in"
    (root / "sub").mkdir(parents=True)
    (root / "a.pcap").write_bytes(capture(3))
    (root / "x.pcap0").write_bytes(capture(4))
    (root / "sub" / "b.gz").write_bytes(gzip.compress(capture(5)))
    (root / "notes.txt").write_text("no capture")
    return root


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def to_pcap(*paths: Path, out: Path, **how: Any) -> ConvertReport:
    return vxtap.convert(list(paths), out, **{"to": "pcap", **how})


# ---------------------------------------------------------------- what is written, and where


@pytest.mark.parametrize("workers", [None, 1, 3])
def test_folder(workers: int | None, folder: Path, out: Path) -> None:
    report = to_pcap(folder, out=out, workers=workers)
    assert tree(out) == ["a.pcap", "sub/b.gz.pcap", "x.pcap0.pcap"]
    assert [len(inner_rows(out / name)) for name in tree(out)] == [3, 5, 4]
    assert [len(inner_rows(Path(path))) for path in report.outputs] == [3, 5, 4]
    assert (report.frames, report.decapsulated, len(report.done)) == (12, 12, 3)
    assert report.bytes_out == sum((out / name).stat().st_size for name in tree(out))
    assert [os.path.basename(one.path) for one in report.left_out] == ["notes.txt"]
    assert str(report) == "3 of 3 files converted; 12 frames: 12 decapsulated"


def test_each_is_what_decap_makes_of_it(out: Path, tmp_path: Path) -> None:
    for form in ("pcap", "pcapng"):
        report = vxtap.convert(DATA, out / form, to=form)
        assert len(report.done) == len([*DATA.glob("*.pcap*")])
        for one in report.done:
            expected = vxtap.decap(one.input, tmp_path / f"one.{form}")
            (path,) = one.outputs
            assert Path(path).read_bytes() == (tmp_path / f"one.{form}").read_bytes()
            assert one.report == expected


def test_options_are_those_of_decap(folder: Path, out: Path, tmp_path: Path) -> None:
    report = vxtap.convert(folder / "a.pcap", out, to="pcapng", ports=1, keep_others=True)
    assert report.done[0].report is not None
    assert report.done[0].report.kept == {"other_port": 3}
    assert tree(out) == ["a.pcap.pcapng"]


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["in/a.pcap"], ["a.pcap"]),
        (["in/sub/b.gz"], ["b.gz.pcap"]),
        (["in/sub"], ["b.gz.pcap"]),
        (["in/sub/*"], ["b.gz.pcap"]),
        (["in/a.pcap", "in/sub/b.gz"], ["a.pcap", "sub/b.gz.pcap"]),
        (["in/*.pcap*", "in/sub"], ["a.pcap", "sub/b.gz.pcap", "x.pcap0.pcap"]),
    ],
)
def test_names(paths: list[str], names: list[str], folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    to_pcap(*map(Path, paths), out=Path("out"))
    assert tree(out) == names


def test_paths_of_any_kind(folder: Path, out: Path) -> None:
    """One, several, and what gives them once."""
    for paths in (str(folder), folder, [str(folder)], iter([folder])):
        assert len(vxtap.convert(paths, out, to="pcap").files) == 3
    with pytest.raises(FileNotFoundError, match="no capture was found"):
        vxtap.convert((path for path in [folder / "notes*"]), out, to="pcap")


def test_two_inputs_for_one_output(folder: Path, out: Path) -> None:
    (folder / "a").write_bytes(capture(1))
    with pytest.raises(vxtap.OptionError, match=r"in/a\.pcap and .*in/a would both be written to a\.pcap"):
        to_pcap(folder, out=out)
    assert not out.exists()


@pytest.mark.parametrize("dest", ["in", "link", "in/sub/.."])
def test_an_output_that_is_an_input(dest: str, folder: Path) -> None:
    (folder.parent / "link").symlink_to(folder, target_is_directory=True)
    before = tree(folder)
    with pytest.raises(vxtap.OptionError, match=r"a\.pcap: its output would overwrite it"):
        to_pcap(folder, out=folder.parent / dest)
    assert tree(folder) == before


def test_an_output_that_is_an_input_by_another_name(folder: Path, out: Path) -> None:
    out.mkdir()
    os.link(folder / "x.pcap0", out / "a.pcap")
    with pytest.raises(vxtap.OptionError, match=r"a\.pcap: its output would overwrite the input .*x\.pcap0"):
        to_pcap(folder, out=out)


def test_beside_the_inputs(folder: Path) -> None:
    """The outputs lie where the inputs do, and are none in the next run."""
    for _ in range(2):
        report = to_pcap(folder / "sub", out=folder / "sub")
        assert [os.path.basename(one.input) for one in report.files] == ["b.gz"]
    assert tree(folder / "sub") == ["b.gz", "b.gz.pcap"]
    assert states(report) == {"b.gz": "skipped"}


def test_within_the_inputs(folder: Path) -> None:
    """What one run has made is no input of the next one, nor of one into another folder."""
    for name in ("out", "out", "other"):
        report = to_pcap(folder, out=folder / name)
        assert len(report.files) == 3
    assert tree(folder / "out") == tree(folder / "other")


def test_what_was_converted_can_be_an_input_where_it_is_asked_for(folder: Path, out: Path) -> None:
    to_pcap(folder, out=out)
    report = to_pcap(out, out=folder.parent / "again", tunnels="none")
    assert (len(report.done), report.decapsulated) == (3, 12)


# ---------------------------------------------------------------- what is done again


def test_a_second_run_does_nothing(folder: Path, out: Path) -> None:
    first = to_pcap(folder, out=out)
    times = {name: (out / name).stat().st_mtime_ns for name in tree(out)}
    second = to_pcap(folder, out=out)
    assert set(states(second).values()) == {"skipped"}
    assert (second.frames, second.outputs) == (0, first.outputs)
    assert {name: (out / name).stat().st_mtime_ns for name in tree(out)} == times
    assert [line["state"] for line in lines(out)].count("done") == 3
    assert str(second) == "0 of 3 files converted, 3 done before"


def test_only_what_is_new_or_has_changed(folder: Path, out: Path) -> None:
    to_pcap(folder, out=out)
    (folder / "new.pcap").write_bytes(capture(1))
    (folder / "x.pcap0").write_bytes(capture(6))
    (out / "sub" / "b.gz.pcap").write_bytes(b"somebody has written here")
    report = to_pcap(folder, out=out)
    assert states(report) == {"a.pcap": "skipped", "b.gz": "done", "new.pcap": "done", "x.pcap0": "done"}
    assert len(inner_rows(out / "x.pcap0.pcap")) == 6
    assert len(inner_rows(out / "sub" / "b.gz.pcap")) == 5


def test_other_options(folder: Path, out: Path) -> None:
    to_pcap(folder, out=out)
    assert set(states(to_pcap(folder, out=out, workers=1)).values()) == {"skipped"}
    assert set(states(to_pcap(folder, out=out, vni=9)).values()) == {"done"}
    assert [len(inner_rows(out / name)) for name in tree(out)] == [0, 0, 0]


def test_another_predicate(folder: Path, out: Path) -> None:
    """The inner packets have the ports 1000 and on."""
    for where, counts in (("sport >= 1002", [1, 3, 2]), ("sport < 1002", [2, 2, 2])):
        assert set(states(to_pcap(folder, out=out, where=where)).values()) == {"done"}
        assert [len(inner_rows(out / name)) for name in tree(out)] == counts
    assert set(states(to_pcap(folder, out=out, where="sport < 1002")).values()) == {"skipped"}
    report = vxtap.convert(folder, out, where="sport == 1003")
    assert report.frames_skipped == {"filtered": 10}
    assert (report.decapsulated, len(report.done)) == (2, 3)


def test_another_form_stands_beside(folder: Path, out: Path) -> None:
    to_pcap(folder, out=out)
    to_pcap(folder, out=out, to="pcapng")
    assert tree(out) == [
        *("a.pcap", "a.pcap.pcapng", "sub/b.gz.pcap", "sub/b.gz.pcapng"),
        *("x.pcap0.pcap", "x.pcap0.pcapng"),
    ]
    assert set(states(to_pcap(folder, out=out)).values()) == {"skipped"}


def test_an_output_of_an_input_that_is_not_asked_for_stays(folder: Path, out: Path) -> None:
    """From another folder comes a file of the same name: the first one's output is not overwritten."""
    other = folder.parent / "other"
    other.mkdir()
    (other / "a.pcap").write_bytes(capture(1))
    to_pcap(folder / "a.pcap", out=out)
    with pytest.raises(vxtap.OptionError, match=r"other/a\.pcap: its output a\.pcap is that of .*in/a\.pcap already"):
        to_pcap(other / "a.pcap", out=out)
    assert len(inner_rows(out / "a.pcap")) == 3
    both = to_pcap(other / "a.pcap", folder / "a.pcap", out=out)
    assert tree(out) == ["in/a.pcap", "other/a.pcap"]
    assert set(states(both).values()) == {"done"}
    shutil.rmtree(folder)
    to_pcap(other / "a.pcap", out=out)
    assert "a.pcap" in tree(out)


# ---------------------------------------------------------------- failures


def test_one_that_fails_does_not_stop_the_rest(folder: Path, out: Path) -> None:
    fault = next(one for one in FAULTS if one.name == "4 GiB later")
    (folder / "a.pcap").write_bytes(fault.data)
    for _ in range(2):  # what failed is tried again
        report = to_pcap(folder, folder / "notes.txt", folder / "gone.pcap", out=out)
        (gone, notes, damaged) = report.failed
        assert (gone.error, notes.outputs) == ("No such file or directory", {})
        assert "not a capture" in notes.error
        assert fault.message in damaged.error
        assert f"what came before it is in {out / 'a.pcap'}: frames written: 3" in damaged.error
        assert len(inner_rows(out / "a.pcap")) == fault.frames
        known = last(out)["a.pcap"]
        assert (known["state"], known["error"]) == ("failed", damaged.error)
        assert list(known["outputs"]) == ["a.pcap"]
    assert len(report.skipped) == 2
    assert str(report).startswith("0 of 5 files converted, 2 done before, 3 failed")


def test_a_cut_capture_is_whole_but_when_strict(folder: Path, out: Path) -> None:
    (folder / "a.pcap").write_bytes(capture(3)[:-5])
    report = to_pcap(folder / "a.pcap", out=out)
    assert report.done[0].report is not None
    assert report.done[0].report.truncated
    assert not to_pcap(folder / "a.pcap", out=out, strict=True).done
    assert len(inner_rows(out / "a.pcap")) == 2


def test_what_fails_anew_leaves_what_was_there(folder: Path, out: Path) -> None:
    to_pcap(folder / "a.pcap", out=out)
    (folder / "a.pcap").write_bytes(b"no capture any more")
    assert len(to_pcap(folder / "a.pcap", out=out).failed) == 1
    assert len(inner_rows(out / "a.pcap")) == 3
    (folder / "a.pcap").write_bytes(capture(2))
    assert len(to_pcap(folder / "a.pcap", out=out).done) == 1
    assert len(inner_rows(out / "a.pcap")) == 2


def test_nothing_to_convert(folder: Path, out: Path) -> None:
    os.unlink(folder / "sub" / "b.gz")
    (folder / "sub" / "text").write_text("no capture")
    with pytest.raises(FileNotFoundError, match="no capture was found; files that were looked at: 1"):
        to_pcap(folder / "sub", out=out)
    assert not out.exists()


def test_a_destination_that_is_no_folder(folder: Path, out: Path) -> None:
    out.write_text("a file")
    with pytest.raises(NotADirectoryError, match="outputs are written into a folder, and this is none"):
        to_pcap(folder, out=out)


def test_folders_made_for_nothing_go(folder: Path, out: Path) -> None:
    (folder / "sub" / "b.gz").write_bytes(b"")
    to_pcap(folder / "a.pcap", folder / "sub" / "b.gz", out=out)
    assert sorted(path.name for path in out.iterdir()) == ["_manifest.jsonl", "a.pcap"]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"to": "csv"}, "to: expected 'pcap', 'pcapng', 'parquet', got 'csv'"),
        ({"columns": ["ts"]}, "columns: is about Parquet files"),
        ({"partition": "day"}, "partition: is about Parquet files"),
        ({"addresses": "binary"}, "addresses: is about Parquet files"),
        ({"row_group": 3}, "row_group: is about Parquet files"),
        ({"workers": 0}, "workers: 0 is not within"),
        ({"keep_others": True}, "keep_others: needs pcapng output"),
        ({"to": "parquet", "ethernet": True}, "ethernet: is about inner captures"),
    ],
)
def test_options_that_make_no_sense(how: dict[str, Any], message: str, folder: Path, out: Path) -> None:
    with pytest.raises(vxtap.OptionError, match=message):
        to_pcap(folder, out=out, **how)
    assert not out.exists()


def test_progress(folder: Path, out: Path) -> None:
    (folder / "bad.pcap").write_bytes(b"not")
    told: list[Progress] = []
    report = to_pcap(folder, folder / "bad.pcap", out=out, progress=told.append)
    assert told[-1] == Progress(
        bytes=sum(Path(one.input).stat().st_size for one in report.files),
        bytes_total=told[-1].bytes,
        files=4,
        files_total=4,
        failed=1,
    )
    assert [one.files for one in told] == sorted(one.files for one in told)


def test_progress_where_nothing_is_to_do(folder: Path, out: Path) -> None:
    told: list[Progress] = []
    to_pcap(folder, out=out)
    to_pcap(folder, out=out, progress=told.append)
    assert told == [Progress(0, 0, 0, 0, 0)]
