"""Captures of the source and of both collectors by tcpdump, from before the first packet to after the last."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.network import COLLECTORS, DEADLINE, WEB, Network, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What the documentation tells a user to type, and: nothing waits in tcpdump (-U), room for all that may come at once
# (-B, in KiB), and no other user, who could not write here (-Z). Not --immediate-mode: it gives each packet, however
# small, the room of the largest, and drops what comes in a burst. So packets wait in the kernel for up to a second.
TCPDUMP = ("tcpdump", "-s0", "-n", "-U", "-B", "16384", "-Z", "root")
END_OF_SOURCE, END_OF_MIRROR = "the source's last word", "the mirror's last word"
LAST = 4096  # bytes of a file in which those stand; an ICMP error may follow


@dataclass(frozen=True)
class Recorded:
    """Where the captures are. They are complete when the recording has ended."""

    source: Path
    collectors: list[Path]


@contextmanager
def recording(network: Network, folder: Path) -> Iterator[Recorded]:
    """Record at the source and at both collectors what happens in the block.

    At its end the source sends one datagram more, and gets it back; both are mirrored like anything else. Then each
    collector gets one beside the mirror. When those are in the files, so is all that came before them.
    """
    recorded = Recorded(folder / "source-vm.pcap", [folder / "nva1.pcap", folder / "nva2.pcap"])
    running = [
        _tcpdump(network, f"collector{number}", "any", path) for number, path in enumerate(recorded.collectors, 1)
    ]
    running.append(_tcpdump(network, "source", "eth0", recorded.source))
    yield recorded
    network.mark("source", WEB, END_OF_SOURCE, answered=True)
    for address in COLLECTORS:
        network.mark("host", address, END_OF_MIRROR, answered=False)
    until(
        lambda: _ending(recorded.source).count(END_OF_SOURCE.encode()) == 2, "the source has recorded its last packet"
    )
    for path in recorded.collectors:
        until(lambda path=path: END_OF_MIRROR.encode() in _ending(path), f"{path.name} has its last packet")
    for one in running:
        _stop(one)


def _tcpdump(network: Network, name: str, interface: str, path: Path) -> subprocess.Popen[str]:
    """One that has begun to record."""
    command = [*TCPDUMP, "-i", interface, "-w", str(path)]
    one = network.spaces[name].start(*command, stderr=subprocess.PIPE)
    assert one.stderr is not None
    said = ""
    while "listening on" not in said:
        line = one.stderr.readline()
        assert line, f"tcpdump did not start: {said}"
        said += line
    return one


def _ending(path: Path) -> bytes:
    """What was written last."""
    with path.open("rb") as file:
        file.seek(-min(LAST, path.stat().st_size), os.SEEK_END)
        return file.read()


def _stop(one: subprocess.Popen[str]) -> None:
    """End it as a user does; it has to say that the kernel has dropped nothing."""
    one.terminate()
    _, said = one.communicate(timeout=DEADLINE)
    assert re.search(r"^0 packets dropped by kernel", said, re.MULTILINE), said
