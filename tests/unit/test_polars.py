"""Lazy frames: what polars asks for is what is read."""

from __future__ import annotations

import operator
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import vxtap
from compare import DATA
from unit.conftest import T0, capture
from vxtap import arrow
from vxtap.pushdown import where_of
from vxtap.tables import COLUMNS, DEFAULT_COLUMNS
from vxtap.where import parse

NVA = DATA / "02-lb-asym-nva1.pcap"
VNI, SRC, DST, DPORT, TS = (pl.col(name) for name in ("vni", "src", "dst", "dport", "ts"))
NOON = datetime(2026, 11, 23, 5, 23, 25, tzinfo=UTC)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the scans behind lazy frames are asked for."""
    calls: list[dict[str, Any]] = []
    scan = arrow.scan

    def spy(sources: Any, **how: Any) -> vxtap.Scan:
        calls.append(how)
        return scan(sources, **how)

    monkeypatch.setattr(arrow, "scan", spy)
    return calls


def test_everything() -> None:
    with vxtap.open(NVA) as opened:
        eager = opened.to_polars()
    lazy = vxtap.polars.scan(NVA)
    assert tuple(lazy.collect_schema()) == COLUMNS
    assert lazy.collect_schema() == eager.schema
    assert_frame_equal(lazy.collect(), eager)
    assert_frame_equal(lazy.collect(), eager)  # every run reads anew
    assert tuple(vxtap.polars.scan(NVA, columns=None).collect().columns) == DEFAULT_COLUMNS
    assert vxtap.polars.scan(NVA, columns=["src"], addresses="binary").collect().schema == {"src": pl.Binary}


def test_schema_is_known_without_reading(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    lazy = vxtap.polars.scan(path).filter(vni=7).select("src", (pl.col("wirelen") / 2).alias("half"))
    assert lazy.collect_schema() == {"src": pl.String, "half": pl.Float64}
    with pytest.raises(FileNotFoundError):
        lazy.collect()
    path.write_bytes(capture(5))
    assert lazy.collect().height == 5


QUERIES = [
    lambda q: q.select("vni", "src"),
    lambda q: q.filter(DPORT == 80).select("sport"),
    lambda q: q.filter(SRC == "10.90.0.36", DPORT.is_in([80, 443])).group_by("dst").len().sort("dst"),
    lambda q: q.filter(SRC.is_null() | DST.str.ends_with("6")),
    lambda q: q.filter(NOON < TS).select("ts"),
    lambda q: q.filter(TS.is_between(NOON, NOON + timedelta(seconds=1))).select(pl.len()),
    lambda q: q.select(pl.len()),
    lambda q: q.head(5),
    lambda q: q.head(9).filter(DPORT != 80),
    lambda q: q.filter(DPORT == 80).head(3).select("frame"),
    lambda q: q.filter(DPORT == 80).tail(3),
    lambda q: q.slice(100, 20).select("frame", "src"),
    lambda q: q.filter(~SRC.str.starts_with("10.90.")).select("dst"),
    lambda q: q.filter(pl.col("frame") > 200, (pl.col("tcp_flags") & 2) != 0),
    lambda q: q.with_columns(key=SRC + DST).filter(pl.col("key").str.len_chars() > 18).select("key", "vni"),
    lambda q: q.filter(pl.col("flow") < 0).select(pl.col("wirelen").sum()),
    lambda q: q.sort("ts", descending=True).head(3),
]


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_queries(query: Any) -> None:
    """As on a frame that was read whole."""
    with vxtap.open(NVA) as opened:
        eager = opened.to_polars()
    for size in (None, 7):
        assert_frame_equal(query(vxtap.polars.scan(NVA, batch_size=size)).collect(), query(eager.lazy()).collect())


def test_only_what_is_needed_is_asked_for(asked: list[dict[str, Any]]) -> None:
    lazy = vxtap.polars.scan(NVA, ports=4789)
    lazy.filter(DPORT == 80).select("src").collect()
    assert set(asked[0]["columns"]) == {"src", "dport"}
    assert asked[0]["ports"] == 4789
    lazy.select(pl.len()).collect()
    assert len(asked[1]["columns"]) == 1


def test_conditions_go_down(asked: list[dict[str, Any]]) -> None:
    """To where rows are made, unless rows are counted first; together with a condition that was given."""
    lazy = vxtap.polars.scan(NVA)
    lazy.filter(DPORT == 80, SRC.str.ends_with("6")).select("src").collect()
    lazy.filter(DPORT == 80).head(3).collect()
    lazy.head(3).filter(DPORT == 80).collect()
    lazy.filter(SRC.str.ends_with("6")).collect()
    vxtap.polars.scan(NVA, where="proto == 6 or proto == 17").filter(DPORT == 80).collect()
    assert [how.get("where") for how in asked] == [
        *["dport == 80", "dport == 80", None, None],
        "(proto == 6 or proto == 17) and dport == 80",
    ]


def test_head_stops_early(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    """It does not come to the fault behind the rows."""
    damaged = capture(5000, 500) + b"\xff" * 16
    lazy = vxtap.polars.scan(damaged, columns=["vni", "sport"])
    assert lazy.head(10).collect()["sport"].to_list() == [*range(1000, 1010)]
    assert asked[0]["batch_size"] == 10
    with pytest.raises(vxtap.FormatError, match="after frame 5,000"):
        lazy.collect()


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"columns": ["vin"]}, vxtap.OptionError),
        ({"addresses": "hex"}, vxtap.OptionError),
        ({"ports": 0}, vxtap.OptionError),
        ({"batch_size": 0}, vxtap.OptionError),
        ({"where": "vnii == 7"}, vxtap.OptionError),
        ({"prots": 4789}, TypeError),
    ],
)
def test_options_are_checked_at_once(how: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        vxtap.polars.scan("no such file", **how)


# ---------------------------------------------------------------- conditions as text


def pushed(predicate: pl.Expr) -> str | None:
    """The text of a predicate as it comes out of polars' optimizer."""
    seen: list[pl.Expr | None] = []

    def source(columns: Any, predicate: pl.Expr | None, rows: Any, size: Any) -> Any:
        seen.append(predicate)
        yield pl.DataFrame(schema=schema)

    from polars.io.plugins import register_io_source

    schema = vxtap.polars.scan(capture(1)).collect_schema()
    register_io_source(source, schema=schema).filter(predicate).collect()
    assert seen[0] is not None
    return where_of(seen[0])


@pytest.mark.parametrize(
    ("predicate", "text"),
    [
        (VNI == 7, "vni == 7"),
        (VNI != 7, "vni != 7"),
        (pl.lit(80) < DPORT, "dport > 80"),
        ((VNI == 7) & (DPORT <= 443), "vni == 7 and dport <= 443"),
        ((VNI == 7) | (DPORT >= 443), "(vni == 7 or dport >= 443)"),
        (~((VNI == 7) | (DPORT > 443)), "not (vni == 7 or dport > 443)"),
        (SRC == "10.0.0.1", "src == 10.0.0.1"),
        (SRC != "fd00::1", "src != fd00::1"),
        (pl.col("eth_src") == "02:00:5e:10:00:01", "eth_src == 02:00:5e:10:00:01"),
        (SRC == DST, "src == dst"),
        (pl.col("sport") == DPORT, "sport == dport"),
        (pl.col("proto") == DPORT, "proto == dport"),
        (SRC.is_in(["10.0.0.1", "::1"]), "src in (10.0.0.1, ::1)"),
        (~DPORT.is_in([80, 443]), "not (dport in (80, 443))"),
        (DPORT.is_between(80, 443), "dport >= 80 and dport <= 443"),
        (DPORT.is_between(80, 443, closed="right"), "dport > 80 and dport <= 443"),
        (SRC.str.starts_with("10.90."), "src in 10.90.0.0/16"),
        (DST.str.starts_with("10."), "dst in 10.0.0.0/8"),
        ((pl.col("flags") & 1) != 0, "(flags & 1) != 0"),
        # parentheses only where they must be
        (
            (VNI == 7) & (DPORT == 1) & ((DPORT == 2) | (DPORT == 3) | (DPORT == 4)),
            "vni == 7 and dport == 1 and (dport == 2 or dport == 3 or dport == 4)",
        ),
        ((VNI == 7) | DPORT.is_between(1, 2) | (DPORT == 4), "(vni == 7 or (dport >= 1 and dport <= 2) or dport == 4)"),
        # of both sides of `and`, what can be said
        ((VNI == 7) & SRC.str.ends_with("6"), "vni == 7"),
        ((VNI == 7) & (pl.col("frame") == 3), "vni == 7"),
    ],
    ids=str,
)
def test_what_is_told(predicate: pl.Expr, text: str) -> None:
    assert where_of(predicate) == text


@pytest.mark.parametrize(
    ("predicate", "text"),
    [
        (pl.lit(T0).cast(pl.Datetime("ns", "UTC")) < TS, f"ts > {T0}"),
        (TS >= NOON, "ts >= 1795411405000000000"),
        (pl.lit(7, pl.UInt8) == VNI, "vni == 7"),
        (pl.col("proto") == DPORT, "proto == dport"),
        (SRC == "10.0.0.1", "src == 10.0.0.1"),
    ],
    ids=str,
)
def test_what_is_told_of_an_optimized_query(predicate: pl.Expr, text: str) -> None:
    assert pushed(predicate) == text


@pytest.mark.parametrize(
    "predicate",
    [
        (VNI == 7) | SRC.str.ends_with("6"),
        ~((VNI == 7) & SRC.str.ends_with("6")),
        SRC == "10.0.0.01",
        SRC == "FD00::1",
        SRC == "alpha",
        SRC.is_in(["10.0.0.1", "alpha"]),
        SRC.is_null(),
        SRC > "10.0.0.1",
        SRC.str.starts_with("10.9"),
        SRC.str.starts_with("10.999."),
        SRC.str.starts_with(""),
        pl.col("frame") == 3,
        pl.col("flow") > 3,
        DPORT == -1,
        DPORT % 2 == 0,
        DPORT + 1 == 80,
        DPORT.cast(pl.String) == "80",
        pl.col("proto") == 6.5,
        VNI.eq_missing(7),
        SRC.eq_missing(DST),
        DPORT.is_in([80, None]),
        VNI.mean() < VNI,
    ],
    ids=str,
)
def test_what_is_left_to_polars(predicate: pl.Expr) -> None:
    assert where_of(predicate) is None


def test_an_expression_of_an_unknown_form_is_left_to_polars() -> None:
    class Odd:
        class meta:  # noqa: N801
            @staticmethod
            def serialize(format: str) -> str:
                return '{"BinaryExpr": {"op": "Eq", "left": 3, "right": []}}'

    assert where_of(Odd()) is None  # type: ignore[arg-type]


# ---------------------------------------------------------------- more than a `where` has room for


def ladder(depth: int) -> pl.Expr:
    """`and` and `or` within each other."""
    made = VNI == 7
    for i in range(depth):
        made = ((i != DPORT) & made) if i % 2 else ((i == DPORT) | made)
    return made


LONG = [
    reduce(operator.or_, [(80 + i == DPORT) | (pl.col("sport") == 443) for i in range(100)]),
    reduce(operator.and_, [(i != DPORT) | (pl.col("ttl") > i) for i in range(60)]),
    reduce(operator.or_, [(i == DPORT) & (pl.col("sport") == i) for i in range(150)]),
    ladder(120),
    (VNI == 7) & ladder(61),
]


@pytest.mark.parametrize("predicate", LONG, ids=range(len(LONG)))
@pytest.mark.parametrize(
    "given", [None, "proto == tcp", "(" * 50 + "proto == tcp" + ")" * 50], ids=["", "given", "deep"]
)
def test_long_predicates(predicate: pl.Expr, given: str | None) -> None:
    with vxtap.open(NVA, where=given) as opened:
        eager = opened.to_polars().lazy()
    assert_frame_equal(
        vxtap.polars.scan(NVA, where=given).filter(predicate).collect(), eager.filter(predicate).collect()
    )


def test_many_filters() -> None:
    queries = [vxtap.polars.scan(NVA), vxtap.polars.scan(NVA).collect().lazy()]
    for i in range(60):
        queries = [query.filter((i != DPORT) | (pl.col("ttl") > i)) for query in queries]
    assert_frame_equal(*(query.collect() for query in queries))


def balanced(parts: list[pl.Expr], join: Any) -> pl.Expr:
    half = len(parts) // 2
    return parts[0] if half == 0 else join(balanced(parts[:half], join), balanced(parts[half:], join))


def test_what_does_not_fit_is_left_out() -> None:
    many = balanced([(i == DPORT) & (pl.col("sport") == i) for i in range(3000)], operator.or_)
    assert where_of(many) is None
    assert where_of(many, "vni == 7") == "vni == 7"
    assert where_of((VNI == 7) & many & (DPORT > 5)) == "vni == 7 and dport > 5"
    half = balanced([(i == DPORT) & (pl.col("sport") == i) for i in range(1500)], operator.or_)
    told = where_of(half & (VNI == 7) & (half | (VNI == 8)))
    assert told is not None
    assert told.endswith(")")
    assert len(parse(told).tests) == len(parse(where_of(half) or "").tests)
