"""Sources and targets that lie, names that bite: what an attack on the first version found."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import oracle
import vxtap
from build import ARP, Pcapng, arp, eth, ipv4, pcap, udp, vxlan

T0 = 1_700_000_000_000_001_000
CAPTURE = pcap([(T0, eth(ipv4(udp(vxlan(eth(ipv4(b"x")), 7)))))] * 3)


class Liar(io.BytesIO):
    """A file object that says something else than what it did."""

    def __init__(self, answer: int) -> None:
        super().__init__(CAPTURE)
        self.answer = answer

    def readinto1(self, buffer: Any) -> int:
        return self.answer

    def write(self, data: Any) -> int:
        return self.answer


@pytest.mark.parametrize("answer", [-3, 1 << 30])
def test_source_that_lies(answer: int) -> None:
    with pytest.raises(OSError, match=r"readinto\(\) said"):
        vxtap.read(Liar(answer))


@pytest.mark.parametrize("answer", [0, -1, 1 << 30])
def test_target_that_lies(answer: int) -> None:
    with pytest.raises(OSError, match=r"write\(\) said"):
        vxtap.decap(CAPTURE, Liar(answer))


def test_target_without_flush() -> None:
    class OnlyWrite:
        def write(self, data: memoryview) -> int:
            return len(data)

    assert vxtap.decap(CAPTURE, OnlyWrite()).decapsulated == 3  # type: ignore[arg-type]


@pytest.mark.parametrize("target", [io.StringIO(), io.TextIOWrapper(io.BytesIO())], ids=["StringIO", "wrapper"])
def test_target_for_text(target: Any) -> None:
    with pytest.raises(vxtap.OptionError, match="one for text"):
        vxtap.decap(CAPTURE, target)


def test_target_that_is_the_source() -> None:
    both = io.BytesIO(CAPTURE)
    with pytest.raises(vxtap.OptionError, match="is the input"):
        vxtap.decap(both, both)
    assert both.getvalue() == CAPTURE


@pytest.mark.parametrize("source", [np.array([object()]), np.zeros(2, vxtap.PACKET), np.zeros(2, "M8[ns]")])
def test_buffers_that_are_no_bytes(source: Any) -> None:
    with pytest.raises(vxtap.OptionError):
        vxtap.read(source)


def test_released_buffer() -> None:
    view = memoryview(CAPTURE)
    view.release()
    with pytest.raises(vxtap.OptionError, match="does not give its bytes"):
        vxtap.read(view)


@pytest.mark.parametrize("ports", [True, b"\x12", "4789", None])
def test_ports_that_are_no_numbers(ports: Any) -> None:
    with pytest.raises(vxtap.OptionError, match="ports: expected a number or several"):
        vxtap.read(CAPTURE, ports=ports)


def test_no_capture_gives_no_output() -> None:
    for source in (b"", b"garbage!", CAPTURE[:23]):
        out = io.BytesIO()
        with pytest.raises(vxtap.FormatError):
            vxtap.decap(source, out)
        assert out.getvalue() == b""


def test_names_of_outputs(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        vxtap.decap(CAPTURE, f"{tmp_path}/folder/")
    assert list(tmp_path.iterdir()) == []
    long = tmp_path / ("語" * 80 + ".pcap")
    vxtap.decap(CAPTURE, long)
    assert list(tmp_path.iterdir()) == [long]


def test_mode_of_a_closed_target_stays(tmp_path: Path) -> None:
    target = tmp_path / "x.pcap"
    target.touch(mode=0)
    target.chmod(0)
    vxtap.decap(CAPTURE, target)
    assert target.stat().st_mode & 0o777 == 0


def test_kept_frames_keep_their_direction() -> None:
    flags = [(2, (2).to_bytes(4, "little"))]
    file = Pcapng().shb().idb().epb(eth(arp(), ARP), 0, options=flags).epb(eth(arp(), ARP), 0)
    out = io.BytesIO()
    vxtap.decap(bytes(file), out, keep_others=True)
    assert [row["flags"] & {"OUTGOING"} for row in oracle.decode(out.getvalue()).rows] == [{"OUTGOING"}, set()]


def test_what_is_kept_can_be_read_again() -> None:
    """A simple packet block has less around its data than the block that it becomes."""
    file = Pcapng().shb().idb().spb(bytes((8 << 20) - 16))
    out = io.BytesIO()
    report = vxtap.decap(bytes(file), out, keep_others=True)
    assert report.skipped == {"malformed": 1}
    assert vxtap.info(out.getvalue()).report.frames == 0


def run(arguments: list[str], **more: Any) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **more.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-m", "vxtap", *arguments], check=False, capture_output=True, text=True, env=env, **more
    )


def test_output_in_other_encodings(tmp_path: Path) -> None:
    path = tmp_path / "in.pcapng"
    path.write_bytes(bytes(Pcapng().shb().idb(options=[(2, "語 eth0".encode())])))
    ran = run(["info", str(path)], env={"PYTHONIOENCODING": "ascii"})
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "\\u8a9e eth0" in ran.stdout


def test_names_cannot_steer_a_terminal(tmp_path: Path) -> None:
    ran = run(["info", f"{tmp_path}/no\x1b]0;x\x07\n"])
    assert ran.returncode == 3
    assert ran.stderr.endswith("/no\\x1b]0;x\\x07\\n: No such file or directory\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_standard_error(tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(CAPTURE)
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "vxtap", "decap", "in.pcap", "-o", "x.pcap"]
        assert subprocess.run(command, check=False, stderr=full, cwd=tmp_path).returncode == 0
    assert len(vxtap.read(tmp_path / "x.pcap", frames="all")) == 3


def test_unreadable_sources_have_a_name() -> None:
    if not Path("/proc/self/mem").exists():
        pytest.skip("no /proc/self/mem here")
    ran = run(["info", "/proc/self/mem"])
    assert (ran.returncode, ran.stderr) == (3, "vxtap: /proc/self/mem: Input/output error\n")
