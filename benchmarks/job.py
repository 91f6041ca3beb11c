"""One call of vxtap in a fresh process, timed by its own clock: the imports are not in it.

    python benchmarks/job.py read IN [--columns ts,vni] [--workers N] [--check]
    python benchmarks/job.py decap IN -o OUT [--workers N]
    python benchmarks/job.py batches IN

Prints `packets N seconds S`; with `--check` also what the peers print (see peers/answer.py), after making sure that
fewer columns or more workers change nothing.
"""

import argparse
import os
import sys
import time
from pathlib import Path

# The linear algebra under numpy starts a thread for each core, which spin for their first ten milliseconds: as long as
# a small job takes. None of it is used here, so that no core is taken from what is timed.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import vxtap

sys.path.insert(0, str(Path(__file__).with_name("peers")))

import answer

FIELDS = ["ts", "vni", "src", "dst", "proto", "sport", "dport"]
ROWS = 1 << 16  # of a batch


def numbers(packets: np.ndarray, name: str) -> np.ndarray:
    """A column as the numbers that the peers give: times in microseconds, addresses of IPv4 as their 32 bits."""
    column = packets[name]
    if name == "ts":
        return column.astype("M8[us]").astype(np.int64)
    if column.dtype == np.dtype("V16"):
        return np.ascontiguousarray(column).view(">u4").reshape(-1, 4)[:, 3]
    return column


def tell(path: Path, packets: np.ndarray) -> list[str]:
    """The answer, from all columns and one core; what was read must be a part of it."""
    whole = vxtap.read(path)
    for name in packets.dtype.names:
        if not np.array_equal(packets[name], whole[name]):
            raise SystemExit(f"{name}: not the same as when everything is read")
    return list(answer.tell([numbers(whole, name) for name in FIELDS]))


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description="One call of vxtap, timed.")
    parser.add_argument("job", choices=["read", "decap", "batches"])
    parser.add_argument("source", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--columns", type=lambda text: text.split(","), default=None)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args(arguments)
    options = {} if asked.workers is None else {"workers": asked.workers}
    _ = vxtap.read, vxtap.decap, vxtap.open, vxtap.PACKET  # loaded on first use: not part of the job
    said = []
    start = time.perf_counter()
    if asked.job == "read":
        packets = vxtap.read(asked.source, columns=asked.columns, **options)
        seconds, count = time.perf_counter() - start, len(packets)
        said = tell(asked.source, packets) if asked.check else []
    elif asked.job == "decap":
        count = vxtap.decap(asked.source, asked.output, **options).decapsulated
        seconds = time.perf_counter() - start
    else:
        with vxtap.open(asked.source, **options) as capture:
            count = sum(len(batch) for batch in capture.batches(ROWS))
        seconds = time.perf_counter() - start
    print("packets", count, *said, "seconds", f"{seconds:.6f}")


if __name__ == "__main__":
    main(sys.argv[1:])
