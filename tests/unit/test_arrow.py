"""Record batches beside the rows of `vxtap.read`, and how they are handed on."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import vxtap
from build import ARP, Pcapng, arp, eth, ipv4, pcap, udp, vxlan
from columns import check, found, mixed, type_of
from compare import DATA
from unit.conftest import OnlyRead, capture
from vxtap import arrow
from vxtap.tables import COLUMNS, DEFAULT_COLUMNS

BUNDLED = sorted(DATA.glob("*.pcap*"))
NVA = [DATA / "02-lb-asym-nva1.pcap", DATA / "02-lb-asym-nva2.pcap"]


def batches_of(scan: vxtap.Scan) -> tuple[list[pa.RecordBatch], Exception | None]:
    """All batches, and what came in their place in the end."""
    batches: list[pa.RecordBatch] = []
    with scan:
        try:
            batches.extend(scan)
        except (vxtap.VxtapError, OSError) as error:
            return batches, error
    return batches, None


# ---------------------------------------------------------------- what is in them


@pytest.mark.parametrize("addresses", ["text", "binary"])
@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_every_column_of_every_capture(path: Path, addresses: Any) -> None:
    rows = vxtap.read(path)
    with vxtap.scan(path, columns="all", addresses=addresses) as scan:
        table = scan.read_all()
        assert scan.report.decapsulated == len(rows)
    assert tuple(table.schema.names) == COLUMNS
    check(table, rows, addresses)


@pytest.mark.parametrize("size", [1, 7, 64, 1 << 16])
def test_sizes_of_batches(size: int) -> None:
    """All are full but the last one of each source."""
    rows = vxtap.read([*NVA])
    with vxtap.scan([*NVA], batch_size=size) as scan:
        batches = list(scan)
    sizes = [len(vxtap.read(path)) for path in NVA]
    assert [batch.num_rows for batch in batches] == [
        min(size, count - at) for count in sizes for at in range(0, count, size)
    ]
    table = pa.Table.from_batches(batches)
    assert tuple(table.schema.names) == DEFAULT_COLUMNS
    check(table, rows)


@pytest.mark.parametrize("columns", [["src"], ["dst", "ts"], ["eth_dst", "outer_src", "vni"], "vni", ("flags", "flow")])
def test_columns_asked_for(columns: Any) -> None:
    rows = vxtap.read(NVA[0])
    with vxtap.scan(NVA[0], columns=columns) as scan:
        table = scan.read_all()
    assert table.schema.names == ([columns] if isinstance(columns, str) else list(columns))
    check(table, rows)


@pytest.mark.parametrize("columns", [["src", "dst"], ["src"], ["dst"]])
def test_an_address_is_none_where_both_are_zero(columns: list[str]) -> None:
    """A packet from :: has a source; ARP has none. That holds whichever of the two is asked for."""
    table = vxtap.scan(mixed(1), columns=columns).read_all()
    check(table, vxtap.read(mixed(1)))
    if "src" in columns:
        assert found(table["src"])[:2] == ["::", None]
    assert all(table[name].null_count == 1 for name in columns)


def test_time_that_is_none() -> None:
    data = Pcapng().idb().epb(eth(ipv4(udp(vxlan(eth(arp(), ARP))))), 7).spb(eth(ipv4(udp(vxlan(eth(arp(), ARP))))))
    table = vxtap.scan(bytes(data), columns="all").read_all()
    check(table, vxtap.read(bytes(data)))
    assert [value is None for value in found(table["ts"])] == [False, True]


def test_no_rows() -> None:
    with vxtap.scan(pcap()) as scan:
        assert list(scan) == []
        assert scan.report.frames == 0
    table = vxtap.scan(pcap()).read_all()
    assert (table.num_rows, table.schema) == (0, arrow.schema())
    assert vxtap.scan([]).read_all().num_rows == 0


# ---------------------------------------------------------------- the schema


@pytest.mark.parametrize("addresses", ["text", "binary"])
def test_schema(addresses: Any) -> None:
    schema = arrow.schema("all", addresses=addresses)
    assert tuple(schema.names) == COLUMNS
    assert [field.type for field in schema] == [type_of(name, addresses) for name in COLUMNS]
    assert {field.name for field in schema if field.nullable} == {
        *("ts", "src", "dst", "eth_src", "eth_dst", "outer_src", "outer_dst")
    }
    assert schema.metadata == {b"vxtap": vxtap.__version__.encode()}
    assert schema.field("caplen").metadata == {b"unit": b"bytes", b"meaning": b"inner frame: captured"}


def test_default_columns() -> None:
    assert tuple(arrow.schema().names) == DEFAULT_COLUMNS == arrow.DEFAULT_COLUMNS
    assert set(DEFAULT_COLUMNS) < set(COLUMNS)
    with vxtap.scan(NVA[0]) as scan:
        assert scan.schema == arrow.schema()


# ---------------------------------------------------------------- sources


def test_several_sources_are_counted_together() -> None:
    with vxtap.scan([*NVA]) as scan:
        table = scan.read_all()
        report = scan.report
    assert table["source"].to_pylist() == sorted(table["source"].to_pylist())
    reports = []
    for path in NVA:
        with vxtap.open(path) as opened:
            list(opened)
            reports.append(opened.report)
    assert report.frames == sum(one.frames for one in reports) == report.decapsulated + report.skipped.total()
    assert (report.first_ns, report.last_ns) == (
        min(one.first_ns or 0 for one in reports),
        max(one.last_ns or 0 for one in reports),
    )
    assert (report.files, report.bytes_in) == (2, sum(path.stat().st_size for path in NVA))


def test_rotated_sets_and_splits(tmp_path: Path) -> None:
    rows = vxtap.read([[*map(str, NVA)]])
    check(vxtap.scan([[*map(str, NVA)]], columns="all").read_all(), rows)
    parts = vxtap.plan([*NVA], split=3000)
    assert len(parts) > 4
    check(vxtap.scan(parts, columns="all").read_all(), vxtap.read([*NVA]))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_threads(workers: int, tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(capture(3000))
    rows = vxtap.read(tmp_path / "in.pcap", workers=1)
    with vxtap.scan(tmp_path / "in.pcap", columns="all", workers=workers, split=20_000, batch_size=999) as scan:
        check(scan.read_all(), rows)


def test_pipe_gives_rows_as_they_come() -> None:
    read, write = os.pipe()
    data = capture(100)
    cut = len(data) // 2
    arrived = threading.Event()

    def feed() -> None:
        with open(write, "wb", buffering=0) as file:
            file.write(data[:cut])
            arrived.wait(30)
            file.write(data[cut:])

    feeder = threading.Thread(target=feed)
    feeder.start()
    with open(read, "rb", buffering=0) as file, vxtap.scan(file) as scan:
        first = next(scan)  # would wait for ever if it waited for all
        arrived.set()
        rest = list(scan)
    feeder.join()
    assert 0 < first.num_rows <= 50
    assert first.num_rows + sum(batch.num_rows for batch in rest) == 100


@pytest.mark.parametrize("make", [gzip.compress, OnlyRead], ids=["gzip", "object"])
def test_other_sources_give_full_batches(make: Any) -> None:
    batches, error = batches_of(vxtap.scan(make(capture(5000, 200)), batch_size=2000))
    assert ([len(batch) for batch in batches], error) == ([2000, 2000, 1000], None)


def test_options_reach_the_reader() -> None:
    assert vxtap.scan(NVA[0], vni=1, ports=(4789, 8472)).read_all().num_rows == 0
    plain = vxtap.scan(NVA[0], tunnels="none", columns="all")
    check(plain.read_all(), vxtap.read(NVA[0], tunnels="none"))
    with vxtap.scan(NVA[0], where="dport == 80", columns=["src"], batch_size=10) as scan:
        check(scan.read_all(), vxtap.read(NVA[0], where="dport == 80"))
        assert scan.report.skipped["filtered"] > 0
    with pytest.raises(TypeError, match="unexpected keyword argument 'colums': beside those"):
        vxtap.scan(NVA[0], colums=["ts"])  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"columns": ["vin"]}, "columns: there is no 'vin': did you mean 'vni'?"),
        ({"columns": []}, "columns: none were asked for"),
        ({"addresses": "hex"}, "addresses: expected 'text' or 'binary', got 'hex'"),
        ({"batch_size": 0}, "batch_size: expected a number of rows, 1 to 16,777,216, got 0"),
        ({"batch_size": 1 << 25}, "batch_size: expected a number of rows, 1 to 16,777,216, got 33554432"),
        ({"batch_size": True}, "batch_size: expected a number of rows, 1 to 16,777,216, got True"),
        ({"ports": 0}, "ports: 0 is not within 1 to 65535"),
    ],
)
def test_option_messages(how: dict[str, Any], message: str) -> None:
    with pytest.raises(vxtap.OptionError) as caught:
        vxtap.scan("no such file", **how)
    assert str(caught.value).startswith(message)


# ---------------------------------------------------------------- faults


def test_all_rows_before_a_fault_come_first() -> None:
    damaged = capture(20) + b"\xff" * 16
    batches, error = batches_of(vxtap.scan([capture(5), damaged, capture(1)], batch_size=8))
    assert [len(batch) for batch in batches] == [5, 8, 8, 4]
    assert isinstance(error, vxtap.FormatError)
    with pytest.raises(vxtap.FormatError, match="after frame 20"):
        vxtap.scan(damaged).read_all()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        vxtap.scan(tmp_path / "x.pcap")
    batches, error = batches_of(vxtap.scan([capture(5), tmp_path / "x.pcap"]))
    assert ([len(batch) for batch in batches], type(error)) == ([5], FileNotFoundError)


def test_strict() -> None:
    batches, error = batches_of(vxtap.scan(capture(5)[:-1], strict=True))
    assert ([len(batch) for batch in batches], type(error)) == ([4], vxtap.TruncatedError)
    with vxtap.scan(capture(5)[:-1]) as scan:
        assert scan.read_all().num_rows == 4
        assert scan.report.truncated_tail > 0


# ---------------------------------------------------------------- handing on


def test_reads_once() -> None:
    scan = vxtap.scan(capture(5), batch_size=2)
    assert len(next(scan)) == 2
    assert [len(batch) for batch in scan] == [2, 1]
    for ask in (iter, vxtap.Scan.reader, vxtap.Scan.read_all, pa.table):
        with pytest.raises(ValueError, match="has been read to its end, and is read only once"):
            ask(scan)
    with pytest.raises(StopIteration):
        next(scan)


def test_closed() -> None:
    scan = vxtap.scan(capture(5), batch_size=2)
    with scan:
        next(scan)
    for ask in (next, iter, vxtap.Scan.read_all):
        with pytest.raises(ValueError, match="the scan is closed"):
            ask(scan)
    assert scan.report.frames >= 2
    scan.close()


def test_files_are_closed(tmp_path: Path) -> None:
    """At the end, at a fault, and where a scan is left."""
    path = tmp_path / "in.pcap"
    path.write_bytes(capture(5))
    (tmp_path / "bad.pcap").write_bytes(capture(5) + b"\xff" * 16)
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    vxtap.scan(path).read_all()
    batches_of(vxtap.scan([path, tmp_path / "bad.pcap", path]))
    with vxtap.scan(path, batch_size=1) as scan:
        next(scan)
    del scan
    assert before == (len(os.listdir("/proc/self/fd")) if before else 0)


def test_arrow_takes_it() -> None:
    rows = vxtap.read(NVA[0])
    with vxtap.scan(NVA[0], batch_size=100) as scan:
        check(pa.table(scan), rows)
    with vxtap.scan(NVA[0], batch_size=100).reader() as reader:
        assert reader.schema == arrow.schema()
        check(reader.read_all(), rows)
    reader = pa.RecordBatchReader.from_stream(vxtap.scan(NVA[0], batch_size=100))
    check(reader.read_all(), rows)


def test_an_error_reaches_who_reads_the_stream() -> None:
    reader = pa.RecordBatchReader.from_stream(vxtap.scan(capture(5) + b"\xff" * 16))
    assert reader.read_next_batch().num_rows == 5
    with pytest.raises(Exception, match="record length beyond all captures"):
        reader.read_next_batch()


def test_duckdb_takes_it() -> None:
    rows = vxtap.read(NVA[0])
    scan = vxtap.scan(NVA[0], batch_size=100)  # noqa: F841
    (answer,) = duckdb.sql("SELECT count(*), count(DISTINCT src), sum(wirelen) FROM scan").fetchall()
    assert answer == (len(rows), len(np.unique(rows["src"])), rows["wirelen"].sum())
    reader = vxtap.scan(NVA[0]).reader()
    assert len(duckdb.from_arrow(reader).filter("proto = 6").fetchall()) == (rows["proto"] == 6).sum()


# ---------------------------------------------------------------- without pyarrow


def test_what_is_missing_is_named() -> None:
    code = "import sys; sys.modules['pyarrow'] = None\nimport vxtap; scan = vxtap.scan; vxtap.arrow.DEFAULT_COLUMNS\n"
    code += f"try: scan({str(NVA[0])!r})\nexcept vxtap.UnsupportedError as error: print(error)"
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout == "pyarrow is needed for this, and not installed: pip install 'vxtap[arrow]'\n"


def test_the_documentation_has_the_default_columns() -> None:
    text = (DATA.parents[1] / "docs" / "arrow.md").read_text()
    shown = re.search(r"<!-- default columns -->\n(.*?)<!-- end -->", text, re.DOTALL)
    assert shown is not None
    assert tuple(re.findall(r"`(\w+)`", shown[1])) == DEFAULT_COLUMNS
