"""Rotated sets as files: which one holds a row's bytes, which may not be written, how many are open."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vxtap
from compare import LAB
from rotated import part, part_ng, write
from unit.conftest import BLOCK, frame, inner_frame

# ---------------------------------------------------------------- inner frames of any file


def test_inner_of_every_file(tmp_path: Path) -> None:
    count = BLOCK // len(frame(0)) + 100
    parts = [part(0), part(3, count), part(3 + count)]
    pattern = write(tmp_path, _1=parts[0], _2=parts[1][:-5], _3=parts[2])
    with vxtap.open(pattern) as opened:
        rows = np.concatenate(list(opened.batches(1000)))
        for row in (*rows[:5], *rows[2000:2003], *rows[-5:]):
            inner = opened.inner(row)
            assert inner.readonly
            assert bytes(inner) == inner_frame(int(row["sport"]) - 1000)
    with pytest.raises(ValueError, match="is closed"):
        opened.inner(rows[0])


def test_inner_of_compressed_files(tmp_path: Path) -> None:
    """A batch ends where its bytes could not be had again."""
    pattern = write(tmp_path, _1=part(0), _2=gzip.compress(part(3)), _3=part(6))
    with vxtap.open(pattern) as opened:
        seen = []
        for batch in opened.batches():
            seen.append(batch)
            for row in batch:
                assert bytes(opened.inner(row)) == inner_frame(int(row["sport"]) - 1000)
        assert bytes(opened.inner(seen[0][0])) == inner_frame(0)
        packed = next(row for batch in seen for row in batch if row["sport"] == 1003)
        with pytest.raises(vxtap.UnsupportedError, match="ask for inner frames before the next batch"):
            opened.inner(packed)


def test_inner_of_a_file_that_is_another_now(tmp_path: Path) -> None:
    pattern = write(tmp_path, _1=part(0), _2=part(3))
    with vxtap.open(pattern) as opened:
        rows = np.concatenate(list(opened.batches(1)))
        (tmp_path / "new").write_bytes(part(0))
        (tmp_path / "new").replace(tmp_path / "x.pcap1")
        with pytest.raises(vxtap.UnsupportedError, match=r"x\.pcap1: .*another file has taken its name"):
            opened.inner(rows[0])
        assert bytes(opened.inner(rows[3])) == inner_frame(3)


def test_frames_of_a_set(tmp_path: Path) -> None:
    pattern = write(tmp_path, _1=part(0), _2=gzip.compress(part(3)), _3=part_ng(6))
    with vxtap.open(pattern) as opened:
        assert [bytes(inner) for _, inner in opened.frames()] == [inner_frame(i) for i in range(9)]


# ---------------------------------------------------------------- outputs, and how much is open


@pytest.mark.parametrize("name", ["x.pcap1", "x.pcap2"])
def test_output_that_is_one_of_the_inputs(name: str, tmp_path: Path) -> None:
    pattern = write(tmp_path, _1=part(0), _2=part(3))
    with pytest.raises(vxtap.OptionError, match="one of them is the output"):
        vxtap.decap(pattern, tmp_path / name)
    with (tmp_path / name).open("r+b") as file, pytest.raises(vxtap.OptionError, match="one of them is the output"):
        vxtap.decap(pattern, file)
    held = io.BytesIO(part(0))
    with pytest.raises(vxtap.OptionError, match="one of them is the output"):
        vxtap.decap([part(3), held], held)


def test_few_files_are_open_at_once(tmp_path: Path) -> None:
    count = 200
    pattern = write(tmp_path, **{str(i): part(i, 1) for i in range(count)})
    code = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))\n"
        "import vxtap\n"
        f"with vxtap.open({pattern!r}) as opened:\n"
        "    rows = [row for batch in opened.batches(7) for row in batch]\n"
        "    assert all(len(opened.inner(row)) == row['caplen'] for row in rows)\n"
        f"print(len(rows), vxtap.decap({pattern!r}, sys.argv[1]).decapsulated)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": str(Path(vxtap.__file__).parent.parent)}
    ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, env=environment)
    assert ran.stdout.split() == [str(count)] * 2


@pytest.mark.parametrize(
    ("pattern", "files"), [("10-rotC.pcap*", 3), ("10-rotG-*.pcap", 4), ("10-restart-[ab].pcap", 2)]
)
def test_sets_of_the_lab(pattern: str, files: int, tmp_path: Path) -> None:
    """As the files one by one, put together."""
    members = sorted(LAB.glob(pattern))
    if not members:
        pytest.skip("the lab captures are not beside this checkout")
    assert len(members) == files
    rows = vxtap.read(str(LAB / pattern), frames="all")
    single = vxtap.read(list(members), frames="all")
    assert [name for name in rows.dtype.names or () if (rows[name] != single[name]).any()] == [
        "frame",
        "offset",
        "source",
    ]
    assert (np.diff(rows["ts"]) >= np.timedelta64(0)).all()
    assert rows["frame"].tolist() == list(range(1, len(rows) + 1))
    vxtap.decap(str(LAB / pattern), tmp_path / "out.pcap")
    one_by_one = b""
    for member in members:
        vxtap.decap(member, tmp_path / "one.pcap")
        one_by_one += (tmp_path / "one.pcap").read_bytes()[24 if one_by_one else 0 :]
    assert (tmp_path / "out.pcap").read_bytes() == one_by_one
