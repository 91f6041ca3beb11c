"""Captures to Parquet: the rows of one read, however many threads, files, row groups and folders there are."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

import columns
import vxtap
from build import TCP, Pcapng, eth, ipv4, pcap, tcp, udp, vxlan
from cli.conftest import FAULTS, T0, capture, frame
from convert import last, tree
from vxtap import batches, encoding, parquet, targets
from vxtap.arrow import DEFAULT_COLUMNS, from_rows

DATA = Path(__file__).parent.parent / "data"
DAY = 86_400_000_000_000
LONG = DATA / "02-lb-asym-nva2.pcap"  # 383 rows


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of two row groups of 50 rows."""
    width = sum(width for width, _, _ in parquet.Shape().widths)
    monkeypatch.setattr(parquet, "_PART", 50 * 2 * width)


def expected(path: Path) -> pa.Table:
    """What one read gives."""
    return from_rows(vxtap.read(path, columns=DEFAULT_COLUMNS))


def plain(table: pa.Table) -> pa.Table:
    """Values, whatever they are encoded as."""
    for i, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(pa.utf8()))
    return table.replace_schema_metadata()


def same(found: pa.Table, wanted: pa.Table) -> bool:
    found, wanted = plain(found), plain(wanted)
    values = zip(found.columns, wanted.columns, strict=True)
    return found.column_names == wanted.column_names and all(a.equals(b) for a, b in values)


@pytest.mark.parametrize("path", sorted(DATA.glob("*.pcap*")), ids=lambda path: path.stem)
def test_every_bundled_capture(path: Path, out: Path) -> None:
    report = vxtap.convert(path, out)
    assert tree(out) == [f"{path.name}.parquet"]
    file = pq.ParquetFile(out / f"{path.name}.parquet")
    columns.check(file.read(), vxtap.read(path))
    wanted = from_rows(vxtap.read(path, columns=DEFAULT_COLUMNS)).schema
    assert file.schema_arrow.remove_metadata() == wanted.remove_metadata()
    assert file.schema_arrow.metadata == {**wanted.metadata, b"vxtap.capture": path.name.encode()}
    (one,) = report.done
    with vxtap.open(path) as opened:
        for _ in opened.batches():
            pass
    assert one.report is not None
    assert one.report.to_dict() == {**opened.report.to_dict(), "bytes_out": os.stat(out / tree(out)[0]).st_size}


@pytest.mark.parametrize("addresses", ["text", "binary"])
def test_all_columns(addresses: Any, out: Path) -> None:
    vxtap.convert(LONG, out, columns="all", addresses=addresses)
    found = pq.read_table(out / f"{LONG.name}.parquet")
    assert tuple(found.column_names) == vxtap.PACKET.names
    columns.check(found, vxtap.read(LONG), addresses)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_parts(workers: int, out: Path) -> None:
    """Of as many rows, whoever wrote them; the rows, in order, are those of one read."""
    report = vxtap.convert(LONG, out, workers=workers, row_group=50)
    assert tree(out) == [f"{LONG.name}-{i:04d}.parquet" for i in range(4)]
    files = [pq.ParquetFile(out / name) for name in tree(out)]
    groups = [[file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] for file in files]
    assert groups == [[50, 50], [50, 50], [50, 50], [50, 33]]
    assert same(pa.concat_tables([file.read() for file in files]), expected(LONG))
    assert list(last(out)[LONG.name]["outputs"]) == tree(out)
    assert report.frames == 390


@pytest.mark.usefixtures("small_parts")
def test_fewer_parts_than_before(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of an earlier run goes."""
    vxtap.convert(LONG, out, row_group=50)
    assert len(tree(out)) == 4
    vxtap.convert(LONG, out, vni=1)
    assert tree(out) == [f"{LONG.name}.parquet"]
    assert pq.read_table(out / tree(out)[0]).num_rows == 0


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("count", [99, 100, 101, 200])
def test_as_many_rows_as_fit(count: int, out: Path, tmp_path: Path) -> None:
    """No part without rows, but where there are none at all."""
    (tmp_path / "x").write_bytes(capture(count))
    vxtap.convert(tmp_path / "x", out, row_group=50)
    rows = [pq.ParquetFile(out / name).metadata.num_rows for name in tree(out)]
    assert rows == [100] * (count // 100) + [count % 100] * bool(count % 100)
    assert tree(out) == (["x.parquet"] if count <= 100 else [f"x-{i:04d}.parquet" for i in range(len(rows))])


def test_a_capture_without_rows(out: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(pcap([]))
    vxtap.convert(tmp_path / "x", out)
    assert pq.read_table(out / "x.parquet").num_rows == 0


def test_compressed(out: Path, tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(LONG.read_bytes()))
    vxtap.convert(tmp_path, out)
    assert same(pq.read_table(out / "x.gz.parquet"), expected(LONG))


def test_how_large_a_capture_is_of_which_there_is_a_part() -> None:
    """With all columns, divided into folders, and by row groups of which two do not fit."""
    width = sum(width for width, _, _ in parquet.Shape("all").widths)
    assert parquet._PART // 2 // 2 // width * 16 >= targets._LEAST_OF_A_PART


def test_what_the_documentation_says_of_files() -> None:
    page = (Path(__file__).parents[2] / "docs" / "convert.md").read_text()
    width = sum(width for width, _, _ in parquet.Shape().widths)
    rows = parquet._PART // (encoding.ROW_GROUP * width) * encoding.ROW_GROUP
    assert f"A file has at most {rows:,} rows with these columns" in page
    assert f"up to {batches.MOST:,}: each thread holds one" in page
    assert f"rows of a row group at most ({encoding.ROW_GROUP:,})" in page
    assert f"\n`{' '.join(DEFAULT_COLUMNS)}`\n" in page


# ---------------------------------------------------------------- faults


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("fault", [one for one in FAULTS if one.frames], ids=lambda one: one.name)
def test_what_comes_before_a_fault_is_kept(fault: Any, workers: int, out: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(fault.data)
    for row_group in (1, 50):
        report = vxtap.convert(tmp_path / "x", out, row_group=row_group, workers=workers)
        (one,) = report.failed
        assert fault.message in one.error
        assert "what came before it is in " in one.error
        assert sum(pq.ParquetFile(path).metadata.num_rows for path in one.outputs) == fault.frames
        assert last(out)["x"]["error"] == one.error


@pytest.mark.parametrize("fault", [one for one in FAULTS if not one.frames], ids=lambda one: one.name)
def test_where_nothing_comes_before_a_fault_nothing_is_written(fault: Any, out: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(fault.data)
    (one,) = vxtap.convert(tmp_path / "x", out).failed
    assert fault.message in one.error
    assert (tree(out), one.outputs) == ([], {})


@pytest.mark.usefixtures("small_parts")
def test_a_disk_that_is_full(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told of the target, and nothing is left; nothing else is tried."""
    write, calls = pq.ParquetWriter.write_batch, []

    def full(writer: Any, batch: Any) -> None:
        calls.append(batch)
        if len(calls) > 3:
            raise OSError(28, "Error writing bytes to file")
        write(writer, batch)

    monkeypatch.setattr(pq.ParquetWriter, "write_batch", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        vxtap.convert(LONG, out, row_group=50)
    assert caught.value.filename == str(out / f"{LONG.name}.parquet")
    assert tree(out) == []


@pytest.mark.usefixtures("small_parts")
def test_a_part_that_cannot_take_its_name(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then none of them has it."""
    (out / f"{LONG.name}-0002.parquet" / "a folder").mkdir(parents=True)
    for again, message in ((False, "its output would overwrite"), (True, "irectory")):
        (one,) = vxtap.convert(LONG, out, row_group=50, again=again).failed
        assert message in one.error
        assert tree(out) == []


# ---------------------------------------------------------------- folders of a hive


def days(path: Path) -> None:
    """Frames of three days, back and forth, of four networks."""
    times = [T0 + (i * 7 % 3) * DAY for i in range(200)]
    path.write_bytes(pcap([(ts, frame(i % 100, vni=i % 4)) for i, ts in enumerate(times)]))


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("partition", ["day", "vni"])
def test_partitions(partition: Any, workers: int, out: Path, tmp_path: Path) -> None:
    days(tmp_path / "x")
    vxtap.convert(tmp_path / "x", out, partition=partition, row_group=25, workers=workers)
    keys = {"day": ["2023-11-14", "2023-11-15", "2023-11-16"], "vni": ["0", "1", "2", "3"]}[partition]
    assert tree(out) == [f"{partition}={key}/x-{i:04d}.parquet" for key in keys for i in range(4)]
    whole = expected(tmp_path / "x")
    for key in keys:
        found = pa.concat_tables([pq.read_table(path) for path in sorted((out / f"{partition}={key}").iterdir())])
        if partition == "day":
            mask = np.asarray(whole["ts"].cast(pa.int64())) // DAY == np.datetime64(key).astype(int)
        else:
            mask = np.asarray(whole["vni"]) == int(key)
        wanted = whole.filter(pa.array(mask))
        assert same(found.select(found.column_names), wanted.select(found.column_names).combine_chunks())
        assert found.num_rows


def test_readers_see_the_folders_as_a_column(out: Path, tmp_path: Path) -> None:
    days(tmp_path / "x")
    vxtap.convert(tmp_path / "x", out, partition="vni")
    files = [str(out / name) for name in tree(out)]
    found = pa.dataset.dataset(files, partitioning="hive", partition_base_dir=str(out)).to_table()
    assert sorted(found["vni"].to_pylist()) == sorted(expected(tmp_path / "x")["vni"].to_pylist())
    duckdb = pytest.importorskip("duckdb")
    counts = duckdb.sql(f"SELECT vni, count(*) FROM '{out}/**/*.parquet' GROUP BY vni ORDER BY vni").fetchall()
    assert [count for _, count in counts] == [50] * 4


def test_a_file_of_a_partition_has_only_its_own_texts(out: Path, tmp_path: Path) -> None:
    def one(i: int) -> bytes:
        inner = eth(ipv4(tcp(b"", sport=1), TCP, src=bytes([10, 0, i // 256, i % 256])))
        return eth(ipv4(udp(vxlan(inner, i % 2))))

    (tmp_path / "x").write_bytes(pcap([(T0, one(i)) for i in range(600)]))
    vxtap.convert(tmp_path / "x", out, partition="vni")
    for name in tree(out):
        column = pq.read_table(out / name)["src"].combine_chunks()
        assert len(column.dictionary if isinstance(column, pa.DictionaryArray) else column.chunk(0).dictionary) == 300


def test_rows_without_a_time(out: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(Pcapng().idb().epb(frame(0)).spb(frame(1))))
    vxtap.convert(tmp_path / "x", out, partition="day")
    assert len(tree(out)) == 2
    assert "day=__HIVE_DEFAULT_PARTITION__/x.parquet" in tree(out)


def test_folders_that_lead_to_an_input_are_part_of_its_name(out: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "x").write_bytes(capture(1))
    vxtap.convert(tmp_path / "in", out, partition="vni")
    assert tree(out) == ["vni=7/a_x.parquet", "vni=7/b_x.parquet"]
    (tmp_path / "in" / "a_x").write_bytes(capture(1))
    with pytest.raises(vxtap.OptionError, match=r"would both be written to a_x\.parquet"):
        vxtap.convert(tmp_path / "in", out, partition="vni")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"columns": ["tss"]}, "there is no 'tss': did you mean 'ts'"),
        ({"addresses": "hex"}, "addresses: expected 'text' or 'binary'"),
        ({"partition": "hour"}, "partition: expected 'day' or 'vni', got 'hour'"),
        ({"partition": "day", "columns": ["vni"]}, "partition: 'day' needs the column 'ts'"),
        ({"partition": "vni", "columns": ["vni"]}, "partition: 'vni' leaves no column"),
        ({"row_group": (1 << 24) + 1}, "row_group: expected a number of rows, 1 to 16,777,216"),
        ({"row_group": 0}, "row_group: expected a number of rows"),
        ({"row_group": "1"}, "row_group: expected a number of rows"),
    ],
)
def test_options_that_make_no_sense(how: dict[str, Any], message: str, out: Path) -> None:
    with pytest.raises(vxtap.OptionError, match=message):
        vxtap.convert(LONG, out, **how)
    assert not out.exists()


def test_without_pyarrow(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(vxtap.UnsupportedError, match=r"pip install 'vxtap\[arrow\]'"):
        vxtap.convert(LONG, out)
    assert len(vxtap.convert(LONG, out, to="pcap").done) == 1
