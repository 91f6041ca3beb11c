"""Single functions, for finding out what changed: `pytest benchmarks/test_micro.py`.

Each case asserts its answer before it is timed. The floor of a function is a copy of what it takes and of
what it gives.
"""

import ipaddress
import shutil
import statistics
import sys
import timeit
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

import vxtap

sys.path.insert(0, str(Path(__file__).parent))

import check
import machine
import traffic

import data

PACKETS = 50_000
ADDRESSES = 100_000
STEP = 97  # every so many-th address is checked

Octets = NDArray[np.uint8]


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return data.ensure("imix", packets=PACKETS, folder=tmp_path_factory.mktemp("captures"))


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Path]:
    """A file to write to, in memory where possible. Not os.devnull: a rename onto that would replace it."""
    folder = machine.memory_folder(1 << 28) or tmp_path
    path = folder / f"vxtap-micro-{tmp_path.name}.pcap"
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def octets() -> Octets:
    """100,000 addresses of 16 bytes: IPv4 as ::ffff:a.b.c.d and IPv6, in turn."""
    made = traffic.bits(20, 0, 2 * ADDRESSES).astype(">u8").view(np.uint8).reshape(ADDRESSES, 16)
    made[::2, :10] = 0
    made[::2, 10:12] = 0xFF
    made[1::2, :2] = 0x20, 0x01
    return made


def floor(benchmark: BenchmarkFixture, copy: Callable[[], object]) -> None:
    """Note how long a copy of what is taken and given takes, for the report."""
    benchmark.extra_info["floor"] = statistics.median(timeit.repeat(copy, number=1, repeat=21))


def texts_of(octets: Octets) -> list[str]:
    """The addresses as Python's own library writes them."""
    parsed = [ipaddress.IPv6Address(row.tobytes()) for row in octets]
    return [str(address.ipv4_mapped or address) for address in parsed]


@pytest.mark.parametrize("columns", [None, ["ts", "vni", "src", "dst"]], ids=["all", "four"])
def test_read(benchmark: BenchmarkFixture, capture: Path, columns: list[str] | None) -> None:
    raw, facts = capture.read_bytes(), data.facts_of(capture)
    packets = vxtap.read(raw, columns=columns)
    assert len(packets) == facts.decapsulated
    assert int(packets["vni"].sum(dtype=np.uint64)) == sum(int(vni) * count for vni, count in facts.vnis.items())
    floor(benchmark, lambda: (bytearray(raw), packets.copy()))
    again: Any = benchmark(vxtap.read, raw, columns=columns)
    assert len(again) == facts.decapsulated


def test_decap(benchmark: BenchmarkFixture, capture: Path, sink: Path) -> None:
    facts = data.facts_of(capture)
    report = vxtap.decap(capture, sink)
    assert (report.frames, report.decapsulated) == (facts.packets, facts.decapsulated)
    check.check_inner(sink, facts)
    copy = sink.with_suffix(".copy")
    floor(benchmark, lambda: shutil.copyfile(capture, copy))
    copy.unlink()
    pedantic: Any = benchmark.pedantic  # not annotated by its authors
    pedantic(
        vxtap.decap,
        args=(capture, sink),
        setup=lambda: sink.unlink(missing_ok=True),
        rounds=20,
        warmup_rounds=1,
    )


def test_format_ip(benchmark: BenchmarkFixture, octets: Octets) -> None:
    addresses = octets.view("V16").ravel()
    found = vxtap.format_ip(addresses)
    assert [str(text) for text in found[::STEP]] == texts_of(octets[::STEP])
    floor(benchmark, lambda: (addresses.copy(), found.copy()))
    benchmark(vxtap.format_ip, addresses)


def test_parse_ip(benchmark: BenchmarkFixture, octets: Octets) -> None:
    texts = texts_of(octets)
    found = vxtap.parse_ip(texts)
    assert found.tobytes() == octets.tobytes()
    floor(benchmark, lambda: ("".join(texts), found.copy()))
    benchmark(vxtap.parse_ip, texts)


def test_format_mac(benchmark: BenchmarkFixture, octets: Octets) -> None:
    macs = np.ascontiguousarray(octets[:, 10:])
    addresses = macs.view("V6").ravel()
    found = vxtap.format_mac(addresses)
    assert [str(text) for text in found[::STEP]] == [row.tobytes().hex(":") for row in macs[::STEP]]
    floor(benchmark, lambda: (addresses.copy(), found.copy()))
    benchmark(vxtap.format_mac, addresses)


def test_flows(benchmark: BenchmarkFixture, capture: Path) -> None:
    packets = vxtap.read(capture)
    found = vxtap.flows(packets)
    assert len(found) == len(np.unique(packets["flow"]))
    assert int((found["bytes_out"] + found["bytes_in"]).sum()) == int(packets["wirelen"].sum(dtype=np.uint64))
    floor(benchmark, lambda: (packets.copy(), found.copy()))
    benchmark(vxtap.flows, packets)
