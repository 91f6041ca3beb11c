"""`vxtap.merge`: sources of all kinds, damage, limits, and what is said of wrong use."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import oracle_merge
import vxtap
import written
from build import ARP, ETHERNET, MICRO, NANO, SLL2, Pcapng, arp, eth, pcap, sll2
from collectors import MS, SECOND
from merged import assert_sums, merge, merged, numbers, rows_of, seen
from unit.conftest import T0, OnlyRead, frame, inner_frame

YEARS = 10 * 365 * 86400 * SECOND


# ---------------------------------------------------------------- sources


@pytest.mark.parametrize("many", [False, True])
def test_one_source(many: bool, tmp_path: Path) -> None:
    """Merged with nothing it is what it is decapsulated to, put in order."""
    data = seen((0, 1), (2, 3), (1, 2))
    (tmp_path / "in.pcap").write_bytes(data)
    source: Any = [tmp_path / "in.pcap"] if many else tmp_path / "in.pcap"
    assert merged(source) == [1, 2, 3]
    report = vxtap.merge(source, tmp_path / "out.pcap")
    assert (report.written, report.decapsulated, report.late) == (3, 3, 0)
    vxtap.decap(seen((0, 1), (1, 2), (2, 3)), tmp_path / "same.pcap")
    assert (tmp_path / "out.pcap").read_bytes() == (tmp_path / "same.pcap").read_bytes()


def test_no_source() -> None:
    with pytest.raises(vxtap.OptionError):
        vxtap.merge([], io.BytesIO())


def test_sources_without_frames() -> None:
    """Captures that hold no frame, or none to decapsulate, beside one that does; and by themselves."""
    other = pcap([(T0, eth(arp(), ARP))])
    empty = [pcap(), bytes(Pcapng()), bytes(Pcapng().idb()), other]
    assert merged([*empty, seen((0, 1))]) == merged([seen((0, 1)), *empty]) == [1]
    done = merge(empty, format="pcap")
    assert done.out == pcap()
    assert_sums(done.report, 4)
    assert done.report.sources[3].skipped == {"not_ip": 1}
    assert merge(empty).packets == []


def test_kinds_of_sources(tmp_path: Path) -> None:
    """Paths, texts, buffers, file objects, compressed files, all at once."""
    for number in range(3):
        (tmp_path / f"{number}.pcap").write_bytes(seen((10 * number, number), (100 + number, 10 + number)))
    (tmp_path / "3.pcap.gz").write_bytes(gzip.compress(seen((5, 3), (103, 13))))
    sources: list[Any] = [
        tmp_path / "0.pcap",
        str(tmp_path / "1.pcap"),
        (tmp_path / "2.pcap").open("rb"),
        tmp_path / "3.pcap.gz",
        seen((6, 4), (104, 14)),
        bytearray(seen((7, 5), (105, 15))),
        OnlyRead(seen((8, 6), (106, 16)), 50),
    ]
    assert merged(sources) == [0, 3, 4, 5, 6, 1, 2, 10, 11, 12, 13, 14, 15, 16]
    sources[2].close()


def test_rotated_sets(tmp_path: Path) -> None:
    """A list within the list, or a wildcard, is one source; each has its number."""
    for number in range(3):
        (tmp_path / f"x.pcap{number}").write_bytes(seen((10 * number, number), (10 * number + 5, 10 + number)))
    (tmp_path / "y.pcap").write_bytes(seen((7, 50), (21, 51)))
    pattern, one = str(tmp_path / "x.pcap*"), tmp_path / "y.pcap"
    wanted = [0, 10, 50, 1, 11, 2, 51, 12]
    assert merged([pattern, one]) == merged([one, [tmp_path / f"x.pcap{i}" for i in (2, 0, 1)]]) == wanted
    rows, report = rows_of([pattern, one])
    assert rows["source"].tolist() == [0, 0, 1, 0, 0, 0, 1, 0]
    assert [each.files for each in report.sources] == [3, 1]
    assert merged(pattern) == [0, 10, 1, 11, 2, 12]
    assert len(vxtap.merge(pattern, io.BytesIO()).sources) == 1


def test_formats_and_resolutions(tmp_path: Path) -> None:
    """A classic file takes the finest resolution there is, wherever it comes from; pcapng keeps each."""
    micro, nano = seen((0, 1), magic=MICRO), pcap([(T0 + 7, frame(2))], magic=NANO)
    cooked = pcap([(T0 + MS, sll2(frame(3)[14:]))], SLL2)
    blocks = bytes(Pcapng().idb(ETHERNET, tsresol=9).epb(frame(4), T0 + 2 * MS + 9))
    for sources in ([micro, nano, cooked, blocks], [cooked, micro, blocks, nano]):
        done = merge(sources, format="pcap")
        assert done.times == [T0, T0 + 7, T0 + MS, T0 + 2 * MS + 9]
        assert written.parse(done.out).interfaces[0].tick == 1
        done = merge(sources)
        assert done.times == [T0, T0 + 7, T0 + MS, T0 + 2 * MS + 9]
        out = written.parse(done.out)
        assert [out.interfaces[packet.interface].tick for packet in out.packets] == [1000, 1, 1000, 1]
    assert written.parse(merge([micro, cooked], format="pcap").out).interfaces[0].tick == 1000
    report = vxtap.merge([micro, nano], tmp_path / "by_suffix.pcapng")
    assert (tmp_path / "by_suffix.pcapng").read_bytes()[:4] == b"\n\r\r\n"
    assert report.bytes_out == (tmp_path / "by_suffix.pcapng").stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == ["by_suffix.pcapng"]


def test_equal_times() -> None:
    """By source, then by place."""
    first, second = seen((0, 1), (0, 2), (1, 3)), seen((0, 4), (1, 5), (1, 6))
    assert merged([first, second]) == [1, 2, 4, 3, 5, 6]
    assert merged([second, first]) == [4, 1, 2, 5, 6, 3]


def test_options_of_the_outer_headers() -> None:
    """Ports and VNIs as everywhere."""
    sources = [pcap([(T0, frame(1, dport=8472)), (T0 + MS, frame(2))]), pcap([(T0, frame(3, dport=8472))])]
    assert merged(sources, ports=8472) == [1, 3]
    assert merged(sources, ports=(4789, 8472)) == [1, 3, 2]
    assert merged(sources, vni=8) == []
    assert merge(sources, vni=8).report.sources[0].skipped == {"filtered": 1, "other_port": 1}


def test_without_an_output() -> None:
    """Rows in batches of the size asked for, one time only, and the report at the end."""
    with vxtap.merge([seen((0, 1), (2, 3)), seen((1, 2))]) as it:
        batches = list(it.batches(2))
        assert [len(batch) for batch in batches] == [2, 1]
        assert np.concatenate(batches)["sport"].tolist() == [1001, 1002, 1003]
        assert np.concatenate(batches)["source"].tolist() == [0, 1, 0]
        assert np.concatenate(batches)["frame"].tolist() == [1, 1, 2]
        assert it.report.written == 3
    assert_sums(it.report, 2)


# ---------------------------------------------------------------- disorder


def test_within_the_window() -> None:
    """Up to the window all is put in order, also where it ends."""
    assert merged([seen((20, 3), (15, 2), (10, 1), (30, 4))]) == [1, 2, 3, 4]
    assert merge([seen((20, 3), (10, 1), (30, 4))]).report.late == 0
    one = pcap([(T0, frame(0)), (T0 + 10 * MS, frame(2)), (T0, frame(1)), (T0 + 30 * MS, frame(3))])
    assert merged([one, seen((5, 9))]) == [0, 1, 9, 2, 3]


def test_beyond_the_window() -> None:
    """What comes much later is written when it comes, and counted; the others stay in order.

    What comes a little later than the window may find that nothing behind it was written yet: the better.
    """
    steady = [(ts, ts) for ts in range(6000)]
    disordered = seen(*steady[:3000], (1000, 8000), *steady[3000:5000], (2000, 8001), *steady[5000:])
    done = merge([disordered, seen((1500, 9000), (4000, 9001))])
    found = numbers(done.packets)
    assert done.report.late == oracle_merge.late(done.times) == 2
    rest = [number for number in found if number not in (8000, 8001)]
    assert rest == [*range(1501), 9000, *range(1501, 4001), 9001, *range(4001, 6000)]
    assert found.index(8000) > 1000 + 1
    assert found.index(8001) > 2000 + 2
    assert merge([disordered], window="2s").report.late == 1
    assert merge([disordered], window="3s").report.late == 0


def test_a_window_of_nothing() -> None:
    """Merged all the same."""
    done = merge([seen((0, 0), (2, 2), (1, 1), (5, 5)), seen((3, 3), (4, 4))], window="0ms")
    assert sorted(numbers(done.packets)) == [0, 1, 2, 3, 4, 5]
    assert done.report.late == oracle_merge.late(done.times)
    assert merged([seen((0, 0), (2, 2)), seen((1, 1), (3, 3))], window="0ms") == [0, 1, 2, 3]


@pytest.mark.parametrize("far", [YEARS, 60 * SECOND])
@pytest.mark.parametrize("at", [0, 1, 50, 99])
def test_a_time_far_ahead(far: int, at: int) -> None:
    """One frame with a wrong time spoils nothing: all others come in order, the small disorder of its source too."""
    records = [(T0 + (number ^ 1) * MS, frame(number ^ 1)) for number in range(100)]
    records.insert(at, (T0 + far, frame(500)))
    other = seen(*((ts, 1000 + ts) for ts in range(100)))
    done = merge([pcap(records), other])
    found = numbers(done.packets)
    wanted = [number for ts in range(100) for number in (ts, 1000 + ts)]
    assert [number for number in found if number != 500] == wanted
    assert found[-1] == 500
    assert done.report.late == 0


def test_a_time_far_ahead_of_many() -> None:
    """Nor where it waits for its turn longer than there is room for all that comes behind it."""
    records = [(T0 + number * MS // 10, frame(number, 1000)) for number in range(50_000)]
    records.insert(10, (T0 + YEARS, frame(59_000)))
    other = pcap([(T0 + number * MS, frame(50_000 + number)) for number in range(5000)])
    done = merge([pcap(records), other])
    found = numbers(done.packets)
    assert sorted(found) == [*range(55_000), 59_000]
    wanted = [number for ts in range(5000) for number in (10 * ts, 50_000 + ts, *range(10 * ts + 1, 10 * ts + 10))]
    assert [number for number in found if number != 59_000] == wanted
    assert done.report.late <= 1


def test_a_time_far_ahead_before_one_without() -> None:
    """The frame behind it, which has no time of its own, does not make it any truer."""
    file = Pcapng().idb(tsresol=6).epb(frame(0), T0 // 1000)
    file.epb(frame(500), (T0 + YEARS) // 1000).spb(frame(501))
    for number in range(1, 100):
        file.epb(frame(number ^ 1), (T0 + (number ^ 1) * MS) // 1000)
    done = merge([bytes(file), seen(*((ts, 1000 + ts) for ts in range(100)))])
    found = [number for number in numbers(done.packets) if number not in (500, 501)]
    assert found == sorted(found, key=lambda number: (number % 1000, number))


def test_a_time_far_behind() -> None:
    """Written when it comes, or where it belongs; it spoils nothing."""
    for at in (1, 3000):
        records = [(T0 + number * MS, frame(number)) for number in range(4000)]
        records.insert(at, (T0 - YEARS, frame(9000)))
        done = merge([pcap(records), seen(*((ts, 10_000 + ts) for ts in range(4000)))])
        wanted = [number for ts in range(4000) for number in (ts, 10_000 + ts)]
        assert [number for number in numbers(done.packets) if number != 9000] == wanted
        assert done.report.late == oracle_merge.late(done.times) <= 1


def test_no_time() -> None:
    """A frame without one stays behind the frame before it, and takes nobody with it."""
    file = Pcapng().idb(tsresol=6)
    file.epb(frame(1), T0 // 1000).spb(frame(2)).spb(frame(3)).epb(frame(5), T0 // 1000 + 4000).spb(frame(6))
    file.epb(frame(4), T0 // 1000 + 2000).spb(frame(7))
    done = merge([seen((0, 10), (1, 11), (3, 12), (9, 13)), bytes(file)])
    assert numbers(done.packets) == [10, 1, 2, 3, 11, 4, 7, 12, 5, 6, 13]
    assert done.report.late == 0
    assert done.report.sources[1].no_time == 4
    rows, _ = rows_of([bytes(file), seen((0, 10))])
    assert np.isnat(rows["ts"]).sum() == 4


def test_only_frames_without_a_time() -> None:
    timeless = bytes(Pcapng().idb().spb(frame(1)).spb(frame(2)))
    found = merged([seen((0, 10), (1, 11)), timeless])
    assert sorted(found) == [1, 2, 10, 11]
    assert [number for number in found if number < 10] == [1, 2]
    assert merged([timeless], dedup="2ms") == [1, 2]


def test_inner_frames_are_whole() -> None:
    """Bytes and lengths of what was captured, however the blocks of the sources fall."""
    sizes = [0, 1, 1400, 70, 9000, 300]
    sources = [
        pcap([(T0 + (10 * i + k) * 1000, frame(10 * i + k, sizes[(i + k) % 6])) for i in range(1000)])
        for k in range(10)
    ]
    done = merge([io.BytesIO(data) for data in sources])
    assert [packet.data for packet in done.packets] == [
        inner_frame(10 * i + k, sizes[(i + k) % 6]) for i in range(1000) for k in range(10)
    ]
