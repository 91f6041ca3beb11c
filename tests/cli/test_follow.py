"""`vxtap decap --follow` in a process of its own, beside one that writes; rotated sets and files that change."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from build import pcap
from cli.conftest import DEADLINE, T0, capture, frame, inner_frame, inner_rows, listing
from cli.test_streams import read_exactly, wait_until_read
from rotated import SECOND, part, write
from vxtap.rewrite import Decap

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.conftest import Command, Spawn


def inner(*numbers: int) -> bytes:
    """The records that are to come out."""
    return pcap([(T0 + i * SECOND, inner_frame(i)) for i in numbers])[24:]


def record(number: int) -> bytes:
    return pcap([(T0 + number * SECOND, frame(number))])[24:]


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def part_size(folder: Path) -> int:
    """Bytes of the output that is not complete yet."""
    return sum(path.stat().st_size for path in folder.glob(".vxtap.*.part"))


# ---------------------------------------------------------------- following


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_grows_until_the_signal(number: signal.Signals, spawn: Spawn, tmp_path: Path, folder: Path) -> None:
    """The normal end: everything up to it is in the output, the report is told, the status is 0."""
    path = tmp_path / "in.pcap"
    path.touch()
    live = spawn("decap", "in.pcap", "--follow", "-o", "out/x.pcap")
    size = 0
    until(lambda: listing(folder))
    append(path, pcap())
    for i in range(3):
        append(path, record(i)[:9])
        append(path, record(i)[9:])
        size += len(inner(i))
        until(lambda size=size: part_size(folder) == 24 + size)  # type: ignore[misc]
    append(path, record(3)[:-1])
    live.send_signal(number)
    out, err = live.communicate(timeout=DEADLINE)
    assert (live.returncode, out) == (0, b"")
    assert err.decode().startswith("3 frames: 3 decapsulated")
    assert listing(folder) == ["x.pcap"]
    assert (folder / "x.pcap").read_bytes() == pcap() + inner(0, 1, 2)


def test_rotated_by_rename_and_create(spawn: Spawn, tmp_path: Path) -> None:
    """As logrotate does, to standard output; the writer is slow to turn to the new file."""
    path = tmp_path / "in.pcap"
    path.write_bytes(pcap() + record(0))
    live = spawn("decap", "in.pcap", "--follow", "-q", "-o", "-")
    assert read_exactly(live.stdout, 24 + len(inner(0))) == pcap() + inner(0)
    old = path.rename(tmp_path / "in.pcap.1")
    path.touch()
    append(old, record(1))
    assert read_exactly(live.stdout, len(inner(1))) == inner(1)
    append(old, record(2)[:-1])
    append(old, record(2)[-1:])
    append(path, pcap())
    append(path, record(3))
    assert read_exactly(live.stdout, len(inner(2, 3))) == inner(2, 3)
    live.send_signal(signal.SIGINT)
    out, err = live.communicate(timeout=DEADLINE)
    assert (live.returncode, out, err) == (0, b"", b"")


def test_wildcard_with_a_writer_beside_it(spawn: Spawn, tmp_path: Path, folder: Path) -> None:
    """As `tcpdump -C`: every file has a few records, and the next one is begun when it is closed."""
    files, each = 12, 5
    (tmp_path / "x.pcap0").touch()

    def work() -> None:
        for number in range(files):
            with (tmp_path / f"x.pcap{number}").open("ab", buffering=0) as file:
                file.write(pcap())
                for i in range(each):
                    data = record(number * each + i)
                    file.write(data[:50])
                    file.write(data[50:])

    live = spawn("decap", "x.pcap*", "--follow", "-o", "out/x.pcap", "--json")
    writer = threading.Thread(target=work)
    writer.start()
    whole = inner(*range(files * each))
    until(lambda: part_size(folder) >= 24 + len(whole))
    writer.join(DEADLINE)
    live.send_signal(signal.SIGINT)
    out, err = live.communicate(timeout=DEADLINE)
    assert (live.returncode, err) == (0, b"")
    assert f'"files": {files}'.encode() in out
    assert (folder / "x.pcap").read_bytes() == pcap() + whole


def test_pipe_is_ended_well(spawn: Spawn, folder: Path) -> None:
    """With --follow a pipe too: by its writer, or by Ctrl-C while it has nothing."""
    for interrupted in (False, True):
        live = spawn("decap", "-", "--follow", "-o", "out/x.pcap", stdin=subprocess.PIPE)
        assert live.stdin is not None
        live.stdin.write(capture(2))
        live.stdin.flush()
        if interrupted:
            wait_until_read(live)
            until(lambda: part_size(folder) > 24)
            live.send_signal(signal.SIGINT)
            assert live.wait(DEADLINE) == 0
        live.communicate(timeout=DEADLINE)
        assert live.returncode == 0
        assert len(inner_rows(folder / "x.pcap")) == 2
        (folder / "x.pcap").unlink()


def test_second_signal_is_the_hard_way(spawn: Spawn, tmp_path: Path, folder: Path) -> None:
    """A reader that does not read holds the job up; then a second Ctrl-C ends it."""
    (tmp_path / "in.pcap").write_bytes(capture(20_000))
    os.mkfifo(tmp_path / "slow")
    live = spawn("decap", "in.pcap", "--follow", "-o", "slow")
    reader = os.open(tmp_path / "slow", os.O_RDONLY)
    assert len(os.read(reader, 24)) == 24

    def press_again() -> bool:
        live.send_signal(signal.SIGINT)
        return live.poll() is not None

    press_again()
    until(press_again)
    assert live.wait(DEADLINE) == -signal.SIGINT
    os.close(reader)


def test_becomes_shorter(spawn: Spawn, tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "in.pcap"
    path.write_bytes(capture(2))
    live = spawn("decap", "in.pcap", "--follow", "-o", "out/x.pcap")
    until(lambda: part_size(folder) > 24)
    os.truncate(path, 24)
    _, err = live.communicate(timeout=DEADLINE)
    assert live.returncode == 0
    size = len(capture(2))
    assert f"the input changed: in.pcap: it became shorter while it was read: 24 of {size:,} bytes are left" in (
        err.decode().splitlines()
    )
    assert len(inner_rows(folder / "x.pcap")) == 2


def test_what_cannot_be_followed(vx: Command, tmp_path: Path, folder: Path) -> None:
    ran = vx("decap", tmp_path / "no.pcap", "--follow", "-o", folder / "x.pcap")
    assert (ran.status, ran.err) == (3, f"vxtap: {tmp_path / 'no.pcap'}: No such file or directory\n")
    (tmp_path / "in.gz").write_bytes(b"\x1f\x8b\x08" + bytes(20))
    ran = vx("decap", tmp_path / "in.gz", "--follow", "-o", folder / "x.pcap")
    assert ran.status == 3
    assert ran.err.endswith("follow: is compressed, and only plain captures can be followed\n")
    assert listing(folder) == []


# ---------------------------------------------------------------- rotated sets


def test_rotated_set(vx: Command, tmp_path: Path, folder: Path) -> None:
    pattern = write(tmp_path, _1=part(0), _2=part(3)[:-1], _3=b"", _4=part(6)[:-1])
    ran = vx("decap", pattern, "-o", folder / "x.pcap")
    tails = 2 * (len(part(0, 1)) - 24 - 1)
    assert ran.status == 0
    assert ran.err.splitlines() == [
        f"7 frames in 4 files: 7 decapsulated; {tails} bytes of cut records; VNI 7",
        f"{folder / 'x.pcap'}: {(folder / 'x.pcap').stat().st_size:,} bytes",
        f"1 of 4 files are empty: {tmp_path / 'x.pcap3'}",
    ]
    assert len(inner_rows(folder / "x.pcap")) == 7
    assert vx("decap", pattern, "-o", folder / "x.pcap", "--strict").status == 1
    ran = vx("info", pattern)
    assert f"{pattern}: 4 files" in ran.out
    assert f"{tails} bytes are parts of records" in ran.out
    assert f"1 of 4 files are empty: {tmp_path / 'x.pcap3'}" in ran.err


def test_wildcard_that_matches_nothing(vx: Command, tmp_path: Path, folder: Path) -> None:
    for command in (("decap", tmp_path / "x*", "-o", folder / "x.pcap"), ("info", tmp_path / "x*")):
        ran = vx(*command)
        assert (ran.status, ran.out) == (3, "")
        assert ran.err == f"vxtap: {tmp_path / 'x*'}: no file matches this wildcard\n"
    assert listing(folder) == []


def test_output_among_the_inputs(vx: Command, tmp_path: Path) -> None:
    pattern = write(tmp_path, _1=part(0), _2=part(3))
    ran = vx("decap", pattern, "-o", tmp_path / "x.pcap2")
    assert ran.status == 2
    assert "one of them is the output, and would be overwritten" in ran.err
    assert (tmp_path / "x.pcap2").read_bytes() == part(3)


def test_changed_input_is_told(vx: Command, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written to between the blocks."""
    path = tmp_path / "in.pcap"
    path.write_bytes(capture(3000))
    run = Decap._block

    def block(self: Decap, sink: object) -> int:
        os.utime(path, ns=(0, 1))
        return run(self, sink)  # type: ignore[arg-type]

    monkeypatch.setattr(Decap, "_block", block)
    ran = vx("decap", path, "-o", folder / "x.pcap")
    assert ran.status == 0
    assert f"the input changed: {path}: it was written to while it was read" in ran.err.splitlines()
