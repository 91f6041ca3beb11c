"""Bad input: what is said, the exit status, and what is left behind; the same through every door of the library."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import vxtap
from build import Pcapng
from cli.conftest import FAULTS, blocks, capture, frame, inner_frame, inner_rows, listing
from vxtap import Status

if TYPE_CHECKING:
    from cli.conftest import Command, Fault


def expected_error(fault: Fault) -> type[vxtap.VxtapError]:
    if fault.status == "BAD_VERSION":
        return vxtap.UnsupportedError
    return vxtap.TruncatedError if fault.status in ("EMPTY", "CUT_HEADER") else vxtap.FormatError


def check_error(error: vxtap.VxtapError, fault: Fault, name: object) -> None:
    assert type(error) is expected_error(fault)
    assert str(error).startswith(f"{name}: ")
    assert fault.message in str(error)
    assert isinstance(error, vxtap.FormatError | vxtap.UnsupportedError)
    assert (error.status, error.offset) == (Status[fault.status], fault.offset)


# ---------------------------------------------------------------- files that cannot be read (on)


def test_decap_command(fault: Fault, vx: Command, tmp_path: Path, folder: Path) -> None:
    """Of a damaged file the frames before the damage are written; of what is no capture, nothing."""
    source = tmp_path / "in.pcap"
    source.write_bytes(fault.data)
    target = folder / "inner.pcap"
    ran = vx("decap", source, "-o", target)
    assert ran.status == 3
    assert ran.out == ""
    assert ran.err.startswith(f"vxtap: {source}: ")
    assert fault.message in ran.err
    assert ran.err.count("\n") == 1
    assert listing(folder) == (["inner.pcap"] if fault.frames else [])
    if fault.frames:
        assert len(inner_rows(target)) == fault.frames


@pytest.mark.parametrize("name", ["empty", "text", "4 GiB later"])
def test_decap_command_in_its_own_process(name: str, tmp_path: Path, folder: Path, process: Command) -> None:
    """One of each kind of ending."""
    fault = next(fault for fault in FAULTS if fault.name == name)
    (tmp_path / "in.pcap").write_bytes(fault.data)
    ran = process("decap", "in.pcap", "-o", "out/inner.pcap")
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith("vxtap: in.pcap: ")
    assert fault.message in ran.err
    assert listing(folder) == (["inner.pcap"] if fault.frames else [])


def test_info_command(fault: Fault, vx: Command, tmp_path: Path) -> None:
    """What came before the damage is told; the status is that of a bad file all the same."""
    source = tmp_path / "in.pcap"
    source.write_bytes(fault.data)
    ran = vx("info", source)
    assert ran.status == 3
    assert fault.message in ran.err
    assert bool(ran.out) == bool(fault.frames)


@pytest.mark.parametrize("kind", ["path", "buffer"])
def test_open(fault: Fault, kind: str, tmp_path: Path) -> None:
    """All rows before the fault come first, once, whatever the size of the batches; then the error, once."""
    path = tmp_path / "in.pcap"
    path.write_bytes(fault.data)
    source = path if kind == "path" else fault.data
    name = path if kind == "path" else f"bytes of {len(fault.data):,} bytes"
    for size in (1, 2, 1000):
        with vxtap.open(source) as opened:
            rows: list[int] = []
            with pytest.raises(vxtap.VxtapError) as caught:  # noqa: PT012
                for batch in opened.batches(size):
                    rows += batch["frame"].tolist()
            check_error(caught.value, fault, name)
            assert rows == list(range(1, fault.frames + 1))
            assert opened.report.frames == opened.report.decapsulated == fault.frames


def test_frames(fault: Fault) -> None:
    found = []
    with vxtap.open(fault.data) as opened:
        with pytest.raises(vxtap.VxtapError) as caught:  # noqa: PT012
            for row, inner in opened.frames():
                found.append((int(row["frame"]), bytes(inner)))
        check_error(caught.value, fault, f"bytes of {len(fault.data):,} bytes")
    assert found == [(i + 1, inner_frame(i)) for i in range(fault.frames)]


def test_read_and_info(fault: Fault, tmp_path: Path) -> None:
    path = tmp_path / "in.pcap"
    path.write_bytes(fault.data)
    for job in (vxtap.read, vxtap.info):
        with pytest.raises(vxtap.VxtapError) as caught:
            job(path)
        check_error(caught.value, fault, path)


def test_decap(fault: Fault, tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "in.pcap"
    path.write_bytes(fault.data)
    with pytest.raises(vxtap.VxtapError) as caught:
        vxtap.decap(path, folder / "inner.pcapng")
    check_error(caught.value, fault, path)
    assert listing(folder) == (["inner.pcapng"] if fault.frames else [])


def test_existing_target_survives(fault: Fault, tmp_path: Path, folder: Path) -> None:
    """What stood there is replaced only by something whole."""
    (tmp_path / "in.pcap").write_bytes(fault.data)
    target = folder / "inner.pcap"
    target.write_bytes(b"before")
    with pytest.raises(vxtap.VxtapError):
        vxtap.decap(tmp_path / "in.pcap", target)
    assert (target.read_bytes() == b"before") == (fault.frames == 0)
    assert listing(folder) == ["inner.pcap"]


# ---------------------------------------------------------------- no file, no access


def test_missing(vx: Command, folder: Path) -> None:
    missing = folder / "no.pcap"
    assert vx("decap", missing, "-o", folder / "x.pcap") == vx("info", missing)
    ran = vx("info", missing)
    assert (ran.status, ran.out, ran.err) == (3, "", f"vxtap: {missing}: No such file or directory\n")
    assert listing(folder) == []
    for job in (vxtap.open, vxtap.read, vxtap.info, lambda path: vxtap.decap(path, folder / "x.pcap")):
        with pytest.raises(FileNotFoundError, match=re.escape(str(missing))):
            job(missing)
    assert listing(folder) == []


def test_directory(vx: Command, folder: Path, process: Command) -> None:
    ran = vx("decap", folder, "-o", folder / "x.pcap")
    assert (ran.status, ran.out, ran.err) == (3, "", f"vxtap: {folder}: Is a directory\n")
    assert process("decap", "out", "-o", "out/x.pcap").err == "vxtap: out: Is a directory\n"
    assert listing(folder) == []
    with pytest.raises(IsADirectoryError):
        vxtap.read(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_unreadable(vx: Command, tmp_path: Path, folder: Path) -> None:
    source = tmp_path / "in.pcap"
    source.write_bytes(capture())
    source.chmod(0)
    ran = vx("decap", source, "-o", folder / "x.pcap")
    assert (ran.status, ran.err) == (3, f"vxtap: {source}: Permission denied\n")
    assert listing(folder) == []


def test_closed_standard_input(shell: Command) -> None:
    """The message says which file it is about."""
    ran = shell("<&-", "info", "-")
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith("vxtap: standard input: ")
    assert ran.err.count("\n") == 1


# ---------------------------------------------------------------- normal all the same: cut, odd, unknown


def test_cut_record(vx: Command, tmp_path: Path, folder: Path) -> None:
    """A collector that still writes: everything whole counts, and nothing raises unless asked to."""
    source = tmp_path / "in.pcap"
    for keep in (1, 10, 16, 17, 40):
        source.write_bytes(capture() + capture()[24 : 24 + keep])
        ran = vx("decap", source, "-o", folder / "x.pcap")
        assert ran.status == 0
        assert f"3 frames: 3 decapsulated; the last {keep} bytes are a cut record" in ran.err
        assert vx("decap", source, "-o", folder / "x.pcap", "--strict").status == 1
        assert len(inner_rows(folder / "x.pcap")) == 3
        assert len(vxtap.read(source)) == 3
        report = vxtap.decap(source, folder / "x.pcap")
        assert (report.frames, report.truncated_tail) == (3, keep)
        assert report.bytes_in == source.stat().st_size


def test_cut_record_strict(tmp_path: Path, folder: Path) -> None:
    """With strict=True the error comes after all rows, and tells where the cut record starts."""
    data = capture() + capture()[24:50]
    message = f"byte {len(capture())}, after frame 3: the file ends within a record, of which 26 bytes are there"
    with vxtap.open(data, strict=True) as opened:
        rows = 0
        with pytest.raises(vxtap.TruncatedError, match=message) as caught:  # noqa: PT012
            for batch in opened.batches(2):
                rows += len(batch)
        assert rows == 3
        assert caught.value.offset == len(capture())
        assert opened.report.truncated_tail == 26
    for job in (vxtap.read, vxtap.info):
        with pytest.raises(vxtap.TruncatedError, match=message):
            job(data, strict=True)
    with pytest.raises(vxtap.TruncatedError, match=message):
        vxtap.decap(data, folder / "x.pcap", strict=True)
    assert len(inner_rows(folder / "x.pcap")) == 3


def test_block_longer_than_the_file(vx: Command, tmp_path: Path, folder: Path) -> None:
    """Cut within a block, whether its kind is read or skipped: a tail."""
    for kind, total in ((6, 1000), (5, 1000), (5, 0xFFFFFFFC), (1, 1 << 20)):
        tail = bytes(Pcapng(bare=True).unknown(kind, bytes(40), total=total))
        (tmp_path / "in.pcapng").write_bytes(bytes(blocks()) + tail)
        ran = vx("decap", tmp_path / "in.pcapng", "-o", folder / "x.pcapng")
        assert ran.status == 0
        assert f"2 frames: 2 decapsulated; the last {len(tail)} bytes are a cut record" in ran.err
        assert len(inner_rows(folder / "x.pcapng")) == 2


def test_snaplen_zero(vx: Command, tmp_path: Path, folder: Path) -> None:
    """Some writers leave it 0, for 'no limit'."""
    (tmp_path / "in.pcap").write_bytes(capture(snaplen=0))
    assert vx("decap", tmp_path / "in.pcap", "-o", folder / "x.pcap").status == 0
    assert (vxtap.read(capture(snaplen=0)) == vxtap.read(capture())).all()
    assert len(inner_rows(folder / "x.pcap")) == 3


def test_unknown_link_type(vx: Command, tmp_path: Path, folder: Path) -> None:
    """A warning, not an error; in pcapng the other interfaces are read."""
    source = tmp_path / "in.pcap"
    source.write_bytes(capture(linktype=147))
    ran = vx("decap", source, "-o", folder / "x.pcap")
    assert ran.status == 0
    assert "3 frames: 0 decapsulated, 3 link_type" in ran.err
    assert "warning: 3 frames have a link type that vxtap does not read: unknown (147)" in ran.err
    assert vx("decap", source, "-o", folder / "x.pcap", "--strict").status == 1
    assert len(inner_rows(folder / "x.pcap")) == 0
    assert "unknown (147)" in vx("info", source).out
    mixed = bytes(Pcapng().idb(147).idb().epb(frame(), 0, 0).epb(frame(), 0, 1).epb(frame(), 0, 0))
    report = vxtap.decap(mixed, folder / "x.pcap")
    assert (report.frames, report.decapsulated, dict(report.skipped)) == (3, 1, {"link_type": 2})
    assert report.bytes_in == len(mixed)


def test_frame_longer_than_its_block(vx: Command, tmp_path: Path, folder: Path) -> None:
    """One malformed frame; the block's own length leads on to the next."""
    data = bytes(Pcapng().idb().epb(frame(0), caplen=5000, wirelen=5000).epb(frame(1)))
    (tmp_path / "in.pcapng").write_bytes(data)
    ran = vx("decap", tmp_path / "in.pcapng", "-o", folder / "x.pcap")
    assert ran.status == 0
    assert "2 frames: 1 decapsulated, 1 malformed" in ran.err
    assert vx("decap", tmp_path / "in.pcapng", "-o", folder / "x.pcap", "--strict").status == 1
    assert vxtap.read(data)["frame"].tolist() == [2]


def test_undeclared_interface() -> None:
    data = bytes(Pcapng().idb().epb(frame(0), 0, 5).epb(frame(1)))
    rows = vxtap.read(data, frames="all")
    assert rows["status"].tolist() == [Status.NO_INTERFACE, Status.OK]
    assert np.isnat(rows["ts"]).tolist() == [True, False]
