"""What every peer written in Python shares: how it is called, and how it tells what it found.

    python with_dpkt.py fields IN [--check]
    python with_dpkt.py inner IN OUT
    python with_dpkt.py parquet IN OUT

Prints `packets N seconds S`: the seconds of the job, imports left out. With `--check` the VNIs and a SHA-256 of all
fields come with it, which is not timed. `fields` gives a sequence for each of ts (microseconds since 1970), vni, src,
dst (numbers), proto, sport, dport; `inner` writes a capture of the inner frames and gives how many there are;
`parquet` writes the same fields as Parquet, columns of these names with addresses as text, and gives how many rows
there are.
"""

import hashlib
import importlib
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

Columns = Sequence[Sequence[int]]

NAMES = ["ts", "vni", "src", "dst", "proto", "sport", "dport"]
PANDAS = ("pandas", "pyarrow.parquet")  # which pandas itself imports when it writes
ROW = struct.Struct("<QIIIBHH")  # as traffic.FIELDS


def tell(columns: Columns) -> Iterator[str]:
    """The VNIs, and a digest of the fields, packet by packet."""
    lists = [column if isinstance(column, list) else column.tolist() for column in columns]
    counts = sorted(Counter(lists[1]).items())
    yield f"vnis {','.join(f'{vni}:{count}' for vni, count in counts)}"
    digest = hashlib.sha256()
    for row in zip(*lists, strict=True):
        digest.update(ROW.pack(*row))
    yield f"fields {digest.hexdigest()}"


def by_pandas(rows: Iterable[tuple[object, ...]], target: str) -> int:
    """Rows with times in microseconds, as a Parquet file: what there is in every notebook."""
    import pandas

    table = pandas.DataFrame(rows, columns=NAMES)
    table["ts"] = pandas.to_datetime(table["ts"], unit="us", utc=True)
    table.to_parquet(target, index=False)
    return len(table)


def main(
    fields: Callable[[str], Columns] | None = None,
    inner: Callable[[str, str], int] | None = None,
    parquet: Callable[[str, str], int] | None = None,
    imports: Sequence[str] = (),  # of the last one: `fields` needs none of them
) -> None:
    job, source, *others = sys.argv[1:]
    said, files = [], {"inner": inner, "parquet": parquet}
    for module in imports if job == "parquet" else ():
        importlib.import_module(module)
    start = time.perf_counter()
    if job == "fields" and fields is not None:
        columns = fields(source)
        seconds = time.perf_counter() - start
        packets = len(columns[0])
        said += tell(columns) if "--check" in others else []
    elif (write := files.get(job)) is not None:
        packets = write(source, others[0])
        seconds = time.perf_counter() - start
    else:
        raise SystemExit(f"{sys.argv[0]}: no job {job!r}")
    print("packets", packets, *said, "seconds", f"{seconds:.6f}")
