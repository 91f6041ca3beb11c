"""`vxtap.merge` of what is damaged, cut, missing or wrongly asked for."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vxtap
import written
from build import NANO, pcap
from collectors import MS
from merged import merge, numbers, seen
from unit.conftest import T0, frame

# ---------------------------------------------------------------- damage

DAMAGE = b"\xff" * 40


@pytest.mark.parametrize("which", [0, 1, 2])
def test_damage_in_the_middle(which: int, tmp_path: Path) -> None:
    """What came before the fault of every source is written; then the error tells which, where, and what is left."""
    frames = [[(3 * i + k, 3 * i + k) for i in range(20)] for k in range(3)]
    data = [seen(*each) for each in frames]
    before = seen(*frames[which][:7])
    data[which] = before + DAMAGE + data[which][len(before) :]
    paths = [tmp_path / f"{number}.pcap" for number in range(3)]
    for path, each in zip(paths, data, strict=True):
        path.write_bytes(each)
    with pytest.raises(vxtap.FormatError) as caught:
        vxtap.merge(paths, tmp_path / "out.pcap")
    assert str(caught.value).startswith(f"{paths[which]}: byte {len(before):,}, after frame 7: ")
    assert str(tmp_path / "out.pcap") in str(caught.value)
    assert str(caught.value).endswith(" written: 47")
    assert caught.value.offset == len(before)
    found = numbers(written.parse((tmp_path / "out.pcap").read_bytes()).packets)
    assert found == [n for n in range(60) if n % 3 != which or n < 21]
    with vxtap.merge(data) as it:
        rows = []
        with pytest.raises(vxtap.FormatError):
            rows.extend(it.batches(5))
    assert np.concatenate(rows)["sport"].tolist() == [1000 + n for n in found]


def test_damage_in_several() -> None:
    """All is written that can be had, and one of the faults is told."""
    done = merge([seen((0, 1)) + DAMAGE, seen((2, 3)), seen((1, 2)) + DAMAGE])
    assert isinstance(done.error, vxtap.FormatError)
    assert numbers(done.packets) == [1, 2, 3]


@pytest.mark.parametrize("bad", [b"", b"no capture at all, but text", pcap()[:20]])
def test_what_is_no_capture(bad: bytes, tmp_path: Path) -> None:
    (tmp_path / "good.pcap").write_bytes(seen((0, 1)))
    (tmp_path / "bad.pcap").write_bytes(bad)
    for names in (["good.pcap", "bad.pcap"], ["bad.pcap", "good.pcap"]):
        with pytest.raises(vxtap.FormatError, match=r"bad\.pcap: "):
            vxtap.merge([tmp_path / name for name in names], tmp_path / "out.pcap")


def test_cut_at_its_end() -> None:
    """As a collector leaves it: all whole frames, and the report tells; only `strict` makes it an error."""
    sources = [seen((0, 1), (2, 3))[:-5], seen((1, 2), (3, 4))]
    done = merge(sources)
    assert numbers(done.packets) == [1, 2, 4]
    assert done.report.sources[0].truncated
    assert not done.report.sources[1].truncated
    done = merge(sources, strict=True)
    assert isinstance(done.error, vxtap.TruncatedError)
    assert numbers(done.packets) == [1, 2, 4]


def test_missing_source(tmp_path: Path) -> None:
    (tmp_path / "a.pcap").write_bytes(seen((0, 1)))
    with pytest.raises(FileNotFoundError, match=r"b\.pcap"):
        vxtap.merge([tmp_path / "a.pcap", tmp_path / "b.pcap"], tmp_path / "out.pcap")
    assert not (tmp_path / "out.pcap").exists()


# ---------------------------------------------------------------- wrong use


@pytest.mark.parametrize("which", [0, 1])
def test_output_that_is_an_input(which: int, tmp_path: Path) -> None:
    paths = [tmp_path / "a.pcap", tmp_path / "b.pcap"]
    for number, path in enumerate(paths):
        path.write_bytes(seen((number, number)))
    (tmp_path / "link.pcap").symlink_to(paths[which])
    rotated: Any = [paths[1 - which], [seen((5, 5)), paths[which]]]
    for sources in (paths, rotated):
        for target in (paths[which], str(paths[which]), tmp_path / "link.pcap"):
            with pytest.raises(vxtap.OptionError, match="would be overwritten"):
                vxtap.merge(sources, target)
    assert [path.read_bytes() for path in paths] == [seen((0, 0)), seen((1, 1))]
    assert len(list(tmp_path.iterdir())) == 3
    same = io.BytesIO(seen((0, 0)))
    with pytest.raises(vxtap.OptionError, match="would be overwritten"):
        vxtap.merge([paths[0], same], same)


@pytest.mark.parametrize("name", ["dedup", "window"])
@pytest.mark.parametrize(
    "value", ["", "2ks", "ms", "2 parsecs", "-2ms", "1e400s", "nan", "infs", object(), b"2ms", True]
)
def test_wrong_times(name: str, value: Any) -> None:
    with pytest.raises(vxtap.OptionError, match=f"^{name}: ") as caught:
        vxtap.merge([seen((0, 1))], io.BytesIO(), **{name: value})
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("value", ["2ms", "2 ms", "2000us", "2000000ns", "0.002s"])
def test_right_times(value: str) -> None:
    """In any unit the same."""
    sources = [seen((0, 1)), seen((2, 1)), pcap([(T0 + 2 * MS + 1, frame(2))], magic=NANO)]
    assert merge(sources, dedup=value).report.duplicates == 1


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"format": "snoop"}, "^format: "),
        ({"ports": 70_000}, "^ports: "),
        ({"vni": -1}, "^vni: "),
        ({"tunnels": "ipip"}, "ipip"),
        ({"depth": 0}, "^depth: "),
    ],
)
def test_wrong_options(how: dict[str, Any], message: str) -> None:
    with pytest.raises(vxtap.OptionError, match=message):
        vxtap.merge([seen((0, 1))], io.BytesIO(), **how)


def test_unknown_option() -> None:
    with pytest.raises(TypeError, match="'windows'"):
        vxtap.merge([seen((0, 1))], io.BytesIO(), windows="10ms")  # type: ignore[call-arg]


@pytest.mark.parametrize("how", [{"frames": "all"}, {"columns": ["ts"]}, {"keep_others": True}])
@pytest.mark.parametrize("function", ["merge", "flows", "health", "info"])
def test_options_of_others(function: str, how: dict[str, Any]) -> None:
    """They are refused rather than left aside: a merge has no place for frames that were not decapsulated."""
    with pytest.raises(TypeError, match=repr(next(iter(how)))):
        getattr(vxtap, function)(seen((0, 1)), **how)
