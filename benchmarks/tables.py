"""Arrow columns and Parquet files as the numbers that all peers have to find, however they write times and addresses.

pyarrow is imported when it is needed: most of the suite works without.
"""

import hashlib
import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import check
import numpy as np
from traffic import FIELDS, TCP, UDP

from data import Facts

if TYPE_CHECKING:
    import pyarrow as pa

Numbers = np.ndarray[Any, np.dtype[Any]]


def numbers(values: "pa.ChunkedArray", name: str) -> Numbers:
    """One column: times in microseconds, addresses as the 32 bits of IPv4, everything else as it is."""
    import pyarrow as pa

    if values.null_count:
        raise check.WrongAnswerError(f"{name}: {values.null_count:,} of {len(values):,} rows have none")
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.timestamp("us", values.type.tz)).cast(pa.int64())
    elif not pa.types.is_integer(values.type):
        return addresses(values)
    return values.to_numpy()


def addresses(values: "pa.ChunkedArray") -> Numbers:
    """Each text is taken apart once."""
    import pyarrow as pa

    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    coded = values.combine_chunks().dictionary_encode()
    numbers = [int(ipaddress.IPv4Address(text)) for text in coded.dictionary.to_pylist()]
    return np.array(numbers, np.int64)[coded.indices.to_numpy()]


def read(folder: Path, names: Iterable[str]) -> "pa.Table":
    """These columns of all Parquet files of a folder, one after the other."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted(folder.rglob("*.parquet"))
    if not files:
        raise check.WrongAnswerError("no Parquet file")
    return pa.concat_tables([pq.ParquetFile(file).read([*names]) for file in files])


def fields(folder: Path) -> Numbers:
    """The rows of `traffic.FIELDS`, from columns that have their names."""
    table = read(folder, FIELDS.names)
    found = np.empty(table.num_rows, FIELDS)
    for name in FIELDS.names:
        found[name] = numbers(table[name], name)
    return found


#: the names that pcaptoparquet has for them; the VNI is inside a text, the protocol a word
PCAPTOPARQUET = {
    "ts": "utc_date_time",
    "src": "ip_src",
    "dst": "ip_dst",
    "sport": "transport_src_port",
    "dport": "transport_dst_port",
}


def pcaptoparquet(folder: Path) -> Numbers:
    """Only what was in a tunnel."""
    import pyarrow.compute as pc

    table = read(folder, [*PCAPTOPARQUET.values(), "tunnel", "transport_type"])
    table = table.filter(pc.match_substring(table["tunnel"], "type='VxLAN'"))
    found = np.empty(table.num_rows, FIELDS)
    for name, theirs in PCAPTOPARQUET.items():
        found[name] = numbers(table[theirs], theirs)
    vni = pc.struct_field(pc.extract_regex(table["tunnel"], r"type='VxLAN', id=(?P<vni>\d+)"), "vni")
    found["vni"] = numbers(vni.cast("int64"), "tunnel")
    found["proto"] = np.where(pc.equal(table["transport_type"].cast("string"), "TCP").to_numpy(), TCP, UDP)
    return found


def check_parquet(folder: Path, facts: Facts, make: Callable[[Path], Numbers] = fields) -> None:
    """Raise unless the Parquet files of this folder hold the seven fields of every packet, in order."""
    found = make(folder)
    check.demand("packets", len(found), facts.decapsulated)
    check.demand("VNIs", {str(vni): count for vni, count in sorted(Counter(found["vni"].tolist()).items())}, facts.vnis)
    check.demand("SHA-256 of the fields", hashlib.sha256(found.tobytes()).hexdigest(), facts.fields_sha256)
