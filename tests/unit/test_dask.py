"""dask: data frames and Parquet by ranges, in threads, and in processes of which one is killed."""

from __future__ import annotations

import gzip
import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from distributed import Client, LocalCluster

import vxtap
from compare import DATA
from vxtap import dask as vd
from vxtap.address import format_ip
from vxtap.options import Options

NAMES = ("02-lb-asym-nva1.pcap", "07-mtu1500-frag-nva1.pcap", "11-dumpcap-any-nva1.pcapng", "15-dup-bridge-nva1.pcap")
PATHS = [DATA / name for name in NAMES]

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:(dask|distributed|tornado|tblib).*"),
    pytest.mark.filterwarnings("ignore:.*:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # of workers that were killed
]


@pytest.fixture(autouse=True)
def here() -> Iterator[None]:
    with dask.config.set(scheduler="synchronous"):
        yield


def check(frame: pd.DataFrame, path: Any, columns: list[str]) -> None:
    """Compare with what one pass gives."""
    rows = vxtap.read(path)
    assert len(frame) == len(rows)
    for name in columns:
        kind = rows.dtype[name].kind
        if kind == "V" and rows.dtype[name].itemsize == 16:
            wanted = format_ip(rows[name]).tolist()
            found = frame[name].fillna("::" if name in ("src", "dst") else "").tolist()
        elif kind == "M":
            wanted, found = rows[name].astype(np.int64).tolist(), frame[name].astype("int64[pyarrow]").tolist()
        else:
            wanted, found = rows[name].astype(np.int64).tolist(), frame[name].tolist()
        assert found == wanted, name


COLUMNS = ["ts", "source", "frame", "vni", "outer_src", "src", "dst", "proto", "sport", "tcp_flags", "wirelen"]


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_the_rows_of_one_pass(scheduler: str) -> None:
    frame = vxtap.dask.read(PATHS, split="20KB", numbers=True)
    assert frame.npartitions > 6
    check(frame.compute(scheduler=scheduler), PATHS, COLUMNS)


def test_dtypes() -> None:
    """They are known before anything is read, and are those of what is read."""
    frame = vxtap.dask.read(PATHS[0], columns="all", split="20KB")
    kinds = {name: str(kind) for name, kind in frame.dtypes.items()}
    assert kinds["ts"] == "timestamp[ns, tz=UTC][pyarrow]"
    assert kinds["vni"] == "int64[pyarrow]"
    assert kinds["src"] == kinds["eth_src"] == "string"
    assert list(frame.columns) == [*(vxtap.PACKET.names or ()), "split"]
    assert {name: str(kind) for name, kind in frame.compute().dtypes.items()} == kinds
    binary = vxtap.dask.read(PATHS[0], columns=["src"], addresses="binary")
    assert str(binary.compute().dtypes["src"]) == "fixed_size_binary[16][pyarrow]"


def test_split_and_frame_name_a_frame() -> None:
    frame = vxtap.dask.read(PATHS, columns=["frame", "split"], split="20KB").compute()
    assert not frame.duplicated().any()
    assert frame[frame.split == 1].frame.min() == 1


def test_empty_ranges() -> None:
    frame = vxtap.dask.read(PATHS[0], split="1KB", where="vni == 5")
    assert len(frame.compute()) == 0
    assert frame.vni.sum().compute() == 0


def test_only_what_is_used_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    table = vd.table
    monkeypatch.setattr(
        vd, "table", lambda one, *how, **names: asked.append(names["columns"]) or table(one, *how, **names)
    )
    frame = vxtap.dask.read(PATHS[0], split="20KB")
    total = frame[["vni", "wirelen"]].groupby("vni").wirelen.sum().compute()
    rows = vxtap.read(PATHS[0])
    assert total.to_dict() == {vni: rows["wirelen"][rows["vni"] == vni].sum() for vni in np.unique(rows["vni"])}
    assert {tuple(names) for names in asked} == {("vni", "wirelen")}


def test_options() -> None:
    rows = vxtap.read(PATHS[0], where="dport == 80")
    assert 0 < len(rows) == len(vxtap.dask.read(PATHS[0], where="dport == 80", split="9KB"))
    for how in ({"columns": ["nothing"]}, {"split": 0}, {"where": "frame < 5"}, {"addresses": "other"}):
        with pytest.raises(vxtap.OptionError):
            vxtap.dask.read(PATHS[0], **how)
    with pytest.raises(TypeError, match="nothing"):
        vxtap.dask.read(PATHS[0], nothing=1)


def test_errors_come_when_it_is_computed(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(PATHS[0].read_bytes() + b"\xff" * 30)
    frame = vxtap.dask.read(path, split="20KB")
    with pytest.raises(vxtap.FormatError, match="record length"):
        frame.compute()


def test_compressed(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(PATHS[1].read_bytes()))
    frame = vxtap.dask.read(tmp_path / "x.gz", split="1KB", numbers=True)
    assert frame.npartitions == 1
    check(frame.compute(), PATHS[1], COLUMNS)


def test_memory() -> None:
    """An object store of this process."""
    name = f"memory://{uuid.uuid4().hex}"
    system = fsspec.filesystem("memory")
    for path in PATHS[:2]:
        system.pipe(f"{name}/{path.name}", path.read_bytes())
    written = vxtap.dask.convert(f"{name}/*.pcap", f"{name}/out", split="50KB", columns=["ts", "src", "split"])
    found = [pq.read_table(one.path.removeprefix("memory://"), filesystem=system) for one in written]
    assert [len(one) for one in found] == [one.rows for one in written]
    assert sum(one.rows for one in written) == sum(len(vxtap.read(path)) for path in PATHS[:2])
    assert found[2].column("split").unique().to_pylist() == [2]


# ---------------------------------------------------------------- Parquet


def test_parquet(tmp_path: Path) -> None:
    written = vxtap.dask.convert(PATHS, tmp_path / "out", split="30KB", numbers=True)
    assert [Path(one.path).name for one in written] == [f"part-{i:06d}.parquet" for i in range(len(written))]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [Path(one.path).name for one in written]
    table = pa.concat_tables([pq.read_table(one.path) for one in written])
    wanted = pa.concat_tables([vxtap.scan(PATHS).read_all()])
    assert table.schema.names == wanted.schema.names
    for name in table.schema.names:
        assert table.column(name).to_pylist() == wanted.column(name).to_pylist(), name
    assert pq.read_schema(written[0].path).metadata[b"capture"] == str(PATHS[0]).encode()
    with pytest.raises(vxtap.OptionError, match="already"):
        vxtap.dask.convert(PATHS, tmp_path / "out")


def test_nothing_is_left_of_what_fails(tmp_path: Path) -> None:
    (tmp_path / "x.pcap").write_bytes(PATHS[0].read_bytes() + b"\xff" * 30)
    with pytest.raises(vxtap.FormatError):
        vxtap.dask.convert(tmp_path / "x.pcap", tmp_path / "out", columns=["ts"])
    assert list((tmp_path / "out").iterdir()) == []


# ---------------------------------------------------------------- a cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Two processes on this machine."""
    how: dict[str, Any] = {"dashboard_address": None, "host": "127.0.0.1", "silence_logs": 50}
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **how) as made:
        yield made


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[Client]:
    with dask.config.set(scheduler=None), Client(cluster) as made:
        yield made


def test_on_a_cluster(client: Client) -> None:
    frame = vxtap.dask.read([PATHS[0], f"file://{PATHS[1]}", *PATHS[2:]], split="20KB", numbers=True)
    check(frame.compute(), PATHS, COLUMNS)


def slowly(one: Any, folder: str) -> pa.Table:
    """Read a range, and tell that this has begun."""
    (Path(folder) / f"{os.getpid()}-{one.number}").touch()
    time.sleep(0.1)
    return vd.table(one, Options(), columns=["source", "frame", "ts"])


def test_a_worker_that_is_killed(client: Client, tmp_path: Path) -> None:
    """What it had not finished, others do."""
    ranges = vd.ranges(PATHS[:2], split="9KB", numbers=True)
    tasks = client.map(slowly, ranges, folder=str(tmp_path), pure=False)
    while not (there := list(tmp_path.iterdir())):
        time.sleep(0.01)
    killer = threading.Thread(target=os.kill, args=(int(there[0].name.partition("-")[0]), signal.SIGKILL))
    killer.start()
    table = pa.concat_tables(client.gather(tasks))
    killer.join()
    assert len({path.name.partition("-")[0] for path in tmp_path.iterdir()}) > 1
    check(table.to_pandas(), PATHS[:2], ["source", "frame"])
