"""The lab's mirrors beside what the source captured itself: README.md of the lab says what was lost."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

import vxtap
from compare import LAB

pytestmark = [
    pytest.mark.needs_lab,
    pytest.mark.skipif(not LAB.is_dir(), reason="the lab's captures are not beside the checkout (VXTAP_LAB)"),
]
BOTH = ("nva1", "nva2")
COMPLETE: dict[str, tuple[str, ...]] = {
    "01-curl": ("nva1",),
    "02-lb-asym": BOTH,
    "02b-lb-sym": BOTH,
    "03-lb-mixed": BOTH,
    "04-big-tso": ("nva1-cut",),
    "05-big-gso": ("nva1-cut",),
    "06-big-notso": ("nva1-cut",),
    "07-mtu1500-frag": BOTH,
    "08-mtu1600-nofrag": BOTH,
    "13-outer6": ("nva1",),
    "15-dup-bridge": ("nva1",),
    "16-dup-vxlandev": ("nva1",),
    "19-inner-vlan": ("nva1",),
}


def lab(name: str, mirrors: tuple[str, ...], **how: Any) -> vxtap.Comparison:
    """A case's source beside the collectors that are named."""
    cut = "-cut" if mirrors[0].endswith("-cut") else ""
    return vxtap.compare(LAB / f"{name}-src{cut}.pcap", [LAB / f"{name}-{mirror}.pcap" for mirror in mirrors], **how)


@pytest.mark.parametrize("name", COMPLETE)
def test_complete(name: str) -> None:
    """Cut captures too, whose two sides end at different times; fragments of the outer packet are put together."""
    found = lab(name, COMPLETE[name])
    assert found.complete
    assert found.source_bytes == found.mirror_bytes
    assert (found.only_source, found.only_mirror, found.truncated, len(found.holes)) == (0, 0, 0, 0)
    assert all(-1 <= row["median"].astype(int) <= 100_000 for row in found.delays)
    assert found.summary().startswith("complete: ")


def test_segmentation_offload() -> None:
    """What the source captures as few large packets, the mirror has as many small ones; packets without data stay as
    they are: receive offload joins data only.
    """
    found = lab("04-big-tso", ("nva1-cut",))
    assert (found.source.data_packets, found.mirror.data_packets) == (78, 1658)
    assert (found.source_bytes, found.matched) == (2_359_527, 81)
    assert "1,658 TCP segments in place of 78 packets" in found.summary()


def test_a_capture_that_ended_earlier() -> None:
    """The rest of the other one is no loss."""
    found = lab("06-big-notso", ("nva1-cut",))
    assert (found.source.outside, found.mirror.outside) == (29, 0)


@pytest.mark.parametrize("minutes", [-7, 7])
def test_clocks_that_are_minutes_apart(tmp_path: Path, minutes: int) -> None:
    data = bytearray((LAB / "06-big-notso-nva1-cut.pcap").read_bytes())
    at = 24
    while at + 16 <= len(data):
        seconds, _, length, _ = struct.unpack_from("<IIII", data, at)
        struct.pack_into("<I", data, at, seconds + 60 * minutes)
        at += 16 + length
    found = vxtap.compare(LAB / "06-big-notso-src-cut.pcap", bytes(data))
    assert found.complete
    assert round(found.delays["median"][0].astype(int) / 60e9) == minutes


def test_one_of_two_collectors_is_half() -> None:
    found = lab("02-lb-asym", ("nva1",))
    assert not found.complete
    assert 0 < found.missing_bytes < found.source_bytes
    assert found.mirror_bytes + found.missing_bytes == found.source_bytes


def test_a_collector_that_was_restarted() -> None:
    """98,425 of 127,000 bytes were captured; the time between is one hole."""
    parts = [LAB / "10-restart-a.pcap", LAB / "10-restart-b.pcap"]
    found = vxtap.compare(LAB / "10-restart-src.pcap", [parts])
    assert (found.source_bytes, found.mirror_bytes, found.missing_bytes) == (127_000, 98_425, 28_575)
    assert not found.complete
    (hole,) = found.holes
    assert hole["packets"] == 45
    assert 0.5 < (hole["last"] - hole["first"]).astype(int) / 1e9 < 1
    page = (Path(__file__).resolve().parents[2] / "docs" / "compare.md").read_text()
    shown = page.partition("```text\n")[2].partition("```")[0]
    assert found.summary().startswith(shown.strip())
    assert vxtap.compare(LAB / "10-restart-src.pcap", parts).missing_bytes == 28_575  # as two collectors


def test_one_direction() -> None:
    found = lab("14-egress-only", ("nva1",))
    assert (found.one_way, found.machine) == ("egress", "10.90.0.36")
    assert not found.complete
    lost = found.connections[found.connections["missing_bytes"] > 0]
    assert set(vxtap.format_ip(lost["dst"])) == {"10.90.0.36"}
    assert "one way: the mirror has egress of 10.90.0.36 and no ingress" in found.summary()


def without_later_fragments(name: str) -> bytes:
    """What a capture filter on the port leaves: of outer fragments the first ones only."""
    data = (LAB / name).read_bytes()
    kept, at = [data[:24]], 24
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        record = data[at : at + 16 + length]
        at += len(record)
        if struct.unpack_from(">H", record, 16 + 20 + 6)[0] & 0x1FFF == 0:
            kept.append(record)
    return b"".join(kept)


def test_a_filter_that_loses_fragments() -> None:
    """As in case 18, of which there is no capture of the source at the same time."""
    mirrors = [without_later_fragments(f"07-mtu1500-frag-{mirror}.pcap") for mirror in BOTH]
    found = vxtap.compare(LAB / "07-mtu1500-frag-src.pcap", mirrors)
    assert not found.complete
    assert found.missing_bytes > 250_000
    assert (found.only_source, found.source.outside) == (3, 1)  # large pings, the last of which nothing comes after
    some = vxtap.compare(LAB / "07-mtu1500-frag-src.pcap", mirrors, partial=True)
    assert some.missing_bytes == 0
    assert some.truncated > 0
    assert not some.complete
    other = vxtap.compare(LAB / "07-mtu1500-frag-src.pcap", LAB / "18-filter4789-frag-nva1.pcap")
    assert (other.complete, other.matched) == (False, 0)


def test_a_snaplen_that_cuts_headers() -> None:
    found = lab("09-snap96", ("nva1",))
    assert not found.complete
    assert found.mirror.unreadable == 147
    assert "cut within their headers, in the mirror: 147 packets" in found.summary()
