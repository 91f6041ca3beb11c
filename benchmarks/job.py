"""One call of vxtap in a fresh process, timed by its own clock: the imports are not in it.

    python benchmarks/job.py read IN [--columns ts,vni] [--workers N] [--check]
    python benchmarks/job.py decap IN -o OUT [--workers N]
    python benchmarks/job.py batches IN
    python benchmarks/job.py scan IN [--columns ts,vni] [--where TEXT] [--workers N] [--check]
    python benchmarks/job.py convert IN -o FOLDER [--columns ts,vni] [--workers N]
    python benchmarks/job.py encode IN -o OUT.parquet [--columns ts,vni]

`encode` is no job of vxtap's but the floor of `convert`: pyarrow alone writes a Parquet file, in the same way, of
batches that are in memory before.

Prints `packets N seconds S`; with `--check` also what the peers print (see peers/answer.py), after making sure that
fewer columns or more workers change nothing.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# The linear algebra under numpy starts a thread for each core, which spin for their first ten milliseconds: as long as
# a small job takes. None of it is used here, so that no core is taken from what is timed.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import vxtap

sys.path.insert(0, str(Path(__file__).with_name("peers")))

import answer

FIELDS = ["ts", "vni", "src", "dst", "proto", "sport", "dport"]
ROWS = 1 << 16  # of a batch

Columns = dict[str, np.ndarray]
Call = Callable[[], Any]


def numbers(packets: np.ndarray, name: str) -> np.ndarray:
    """A column as the numbers that the peers give: times in microseconds, addresses of IPv4 as their 32 bits."""
    column = packets[name]
    if name == "ts":
        return column.astype("M8[us]").astype(np.int64)
    if column.dtype == np.dtype("V16"):
        return np.ascontiguousarray(column).view(">u4").reshape(-1, 4)[:, 3]
    return column


def tell(path: Path, found: Columns, whole_of: Callable[[np.ndarray, str], np.ndarray]) -> list[str]:
    """The answer, from all columns and one core; what was found must be a part of it."""
    whole = vxtap.read(path)
    for name, column in found.items():
        if not np.array_equal(column, whole_of(whole, name)):
            raise SystemExit(f"{name}: not the same as when everything is read")
    return list(answer.tell([numbers(whole, name) for name in FIELDS]))


def workers(asked: argparse.Namespace) -> dict[str, int]:
    return {} if asked.workers is None else {"workers": asked.workers}


def scanned(asked: argparse.Namespace) -> Any:
    where = {} if asked.where is None else {"where": asked.where}
    return vxtap.scan(asked.source, columns=asked.columns, **where, **workers(asked))


def read(asked: argparse.Namespace) -> Call:
    _ = vxtap.read  # loaded on first use: not part of the job
    return lambda: vxtap.read(asked.source, columns=asked.columns, **workers(asked))


def decap(asked: argparse.Namespace) -> Call:
    _ = vxtap.decap
    return lambda: vxtap.decap(asked.source, asked.output, **workers(asked)).decapsulated


def batches(asked: argparse.Namespace) -> Call:
    _ = vxtap.open

    def call() -> int:
        with vxtap.open(asked.source, **workers(asked)) as capture:
            return sum(len(batch) for batch in capture.batches(ROWS))

    return call


def scan(asked: argparse.Namespace) -> Call:
    import pyarrow as pa

    _ = vxtap.scan, pa.RecordBatch
    return lambda: sum(batch.num_rows for batch in scanned(asked))


def convert(asked: argparse.Namespace) -> Call:
    import pyarrow.parquet as pq

    _ = vxtap.convert, pq.ParquetWriter
    columns = {} if asked.columns is None else {"columns": asked.columns}
    return lambda: vxtap.convert(asked.source, asked.output, to="parquet", **columns, **workers(asked)).decapsulated


def encode(asked: argparse.Namespace) -> Call:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from vxtap.encoding import ROW_GROUP, writer_options

    with vxtap.scan(asked.source, columns=asked.columns, batch_size=ROW_GROUP) as packets:
        batches = list(packets)
    schema = packets.schema
    pa.set_cpu_count(1)

    def call() -> int:
        with pq.ParquetWriter(asked.output, schema, **writer_options(schema)) as file:
            for batch in batches:
                file.write_batch(batch)
        return sum(batch.num_rows for batch in batches)

    return call


JOBS = {"read": read, "decap": decap, "batches": batches, "scan": scan, "convert": convert, "encode": encode}


def checked(asked: argparse.Namespace, found: Any) -> list[str]:
    """What a job of rows has to tell."""
    if asked.job == "read":
        return tell(asked.source, {name: found[name] for name in found.dtype.names}, lambda whole, name: whole[name])
    import tables

    table = scanned(asked).read_all()
    return tell(asked.source, {name: tables.numbers(table[name], name) for name in table.column_names}, numbers)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description="One call of vxtap, timed.")
    parser.add_argument("job", choices=JOBS)
    parser.add_argument("source", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--columns", type=lambda text: text.split(","), default=None)
    parser.add_argument("--where", default=None)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args(arguments)
    call = JOBS[asked.job](asked)
    start = time.perf_counter()
    found = call()
    seconds = time.perf_counter() - start
    count = found if isinstance(found, int) else len(found)
    said = checked(asked, found) if asked.check else []
    print("packets", count, *said, "seconds", f"{seconds:.6f}")


if __name__ == "__main__":
    main(sys.argv[1:])
