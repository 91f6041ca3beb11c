"""Output that grows: what does not fit in the place of what was consumed."""

from __future__ import annotations

import io

import oracle
import vxtap
from build import Pcapng, eth, ipv4, pcap, udp, vxlan

T0 = 1_700_000_000_000_000_000


def large_frame(size: int) -> tuple[bytes, bytes]:
    """A frame of BIG TCP's kind (lengths 0), and its inner frame."""
    inner = eth(ipv4(bytes(size - 34), 17, total=0))
    return eth(ipv4(udp(vxlan(inner), length=0), total=0)), inner


def test_header_is_not_lost_where_the_first_frame_needs_a_larger_buffer() -> None:
    """A buffer cannot be rewritten in place, and the second one starts smaller than this frame."""
    outer, inner = large_frame(300_000)
    data = pcap([(T0, outer), (T0, outer)])
    for source in (data, io.BytesIO(data)):
        out = io.BytesIO()
        vxtap.decap(source, out)
        assert out.getvalue() == pcap([(T0, inner), (T0, inner)], snaplen=262144)


def test_kept_frames_larger_than_a_block() -> None:
    """A kept frame grows by its block, and does not fit before the bytes that come after it."""
    frame = bytes(12) + b"\x08\x06" + bytes(400_000)
    data = pcap([(T0, frame)] * 3)
    for source in (data, io.BytesIO(data)):
        out = io.BytesIO()
        report = vxtap.decap(source, out, keep_others=True)
        assert report.skipped == {"kept": 3}
        assert report.kept == {"not_ip": 3}
        rows = oracle.decode(out.getvalue()).rows
        assert [row["caplen"] for row in rows] == [len(frame)] * 3


def test_many_small_kept_frames() -> None:
    frames = [(T0 + i * 1000, bytes(12) + b"\x08\x06" + bytes([i % 256])) for i in range(30_000)]
    out = io.BytesIO()
    vxtap.decap(io.BytesIO(pcap(frames)), out, keep_others=True)
    expected = Pcapng().shb().idb()
    assert len(out.getvalue()) > len(bytes(expected))
    rows = oracle.decode(out.getvalue()).rows
    assert [row["ts"] for row in rows] == [ts for ts, _ in frames]
