"""The benchmarks know a right answer from a wrong one, whoever gives it and however it is written."""

from __future__ import annotations

import dataclasses
import ipaddress
import struct
import subprocess
import sys
import types
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def spoil(path: Path, at: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


def test_a_wrong_inner_capture_is_told_from_a_right_one(
    suite: types.SimpleNamespace, capture: Path, tmp_path: Path
) -> None:
    import vxtap

    facts, out = suite.data.facts_of(capture), tmp_path / "out.pcap"
    vxtap.decap(capture, out)
    right = out.read_bytes()
    (length,) = struct.unpack_from("<I", right, 32)
    for at, what in ((24, "times"), (24 + 16, "SHA-256")):
        out.write_bytes(right)
        spoil(out, at)
        with pytest.raises(suite.check.WrongAnswerError, match=what):
            suite.check.check_inner(out, facts)
    out.write_bytes(right[:24] + right[24 + 16 + length :])
    with pytest.raises(suite.check.WrongAnswerError, match="inner frames"):
        suite.check.check_inner(out, facts)


# Those whose command needs no more than this Python and a system.
AT_HAND = [
    "C on libpcap",
    "C++ on libtins",
    "struct by hand",
    "numpy by hand",
    "`tshark -T fields`",
    "`tshark -T fields`, read by pandas",
]


def ready(suite: types.SimpleNamespace, name: str, folder: Path) -> object:
    """The peer as it is had, but by this Python instead of an environment made for it; nothing is installed."""
    need, script = suite.peers.PEERS[name].need, None
    if isinstance(need, suite.environments.Venv):
        script = suite.environments.Ready([sys.executable, str(BENCHMARKS / "peers" / need.script)], "")
    try:
        had = [one.prepare(folder) for one in (need.tools if script else [need])]
    except suite.environments.MissingError as error:
        pytest.skip(str(error))
    return script or had[0]


@pytest.mark.parametrize("name", AT_HAND)
def test_peers_find_what_was_put_in(
    suite: types.SimpleNamespace, capture: Path, meter: object, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite.environments, "apt", lambda _: None)
    peer, had = suite.peers.PEERS[name], ready(suite, name, meter.out.parent)
    jobs = [job for job in suite.peers.JOBS if peer.packets(job)]
    assert jobs
    other = suite.data.ensure("imix", packets=suite.data.facts_of(capture).packets + 1, folder=capture.parent)
    for job in jobs:
        command = peer.line(had, job, capture, meter.output(job))
        suite.peers.check_answer(peer, job, command, capture, meter)
        with pytest.raises(suite.check.WrongAnswerError):
            suite.peers.check_answer(peer, job, command, other, meter)


ADDRESSES = ["10.90.0.7", "10.91.0.3"]
START = 1_760_000_000_000_000


def written(folder: Path, **columns: object) -> Path:
    """A Parquet file of two packets in a folder, with these columns instead."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    made = {
        "ts": pa.array([START, START + 4], pa.timestamp("us", "UTC")),
        "vni": pa.array([5001, 6112], pa.int64()),
        "src": pa.array(ADDRESSES),
        "dst": pa.array(ADDRESSES[::-1]),
        "proto": pa.array([6, 17], pa.int16()),
        "sport": pa.array([443, 4433], pa.int32()),
        "dport": pa.array([33_000, 33_001], pa.int32()),
        **columns,
    }
    pq.write_table(pa.table(made), folder / "out.parquet")
    return folder


def rows_of(tables: types.SimpleNamespace, folder: Path) -> list[tuple[int, ...]]:
    return tables.fields(folder).tolist()


def test_columns_are_the_same_numbers_however_they_are_written(suite: types.SimpleNamespace, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    plain = rows_of(suite.tables, written(tmp_path))
    assert plain == [
        (START, 5001, 0x0A5A0007, 0x0A5B0003, 6, 443, 33_000),
        (START + 4, 6112, 0x0A5B0003, 0x0A5A0007, 17, 4433, 33_001),
    ]
    others = {
        "ts": pa.array([1000 * START, 1000 * START + 4000], pa.timestamp("ns")),
        "src": pa.array(ADDRESSES).dictionary_encode(),
        "vni": pa.array([5001, 6112], pa.uint32()),
    }
    for name, column in others.items():
        assert rows_of(suite.tables, written(tmp_path, **{name: column})) == plain, name


def test_a_column_with_gaps_is_no_answer(suite: types.SimpleNamespace, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    with pytest.raises(suite.check.WrongAnswerError, match="vni: 1 of 2 rows have none"):
        suite.tables.fields(written(tmp_path, vni=pa.array([5001, None])))
    with pytest.raises(suite.check.WrongAnswerError, match="no Parquet file"):
        suite.tables.fields(tmp_path / "elsewhere")


def test_what_pcaptoparquet_writes_becomes_numbers(suite: types.SimpleNamespace, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    tunnel = "E2ETunnelList(E2ETunnel(type='VxLAN', id=9445, src='10.80.0.20', dst='10.80.1.4'))"
    theirs = {
        "utc_date_time": pa.array([1000 * START] * 2, pa.timestamp("ns", "UTC")),
        "tunnel": pa.array([tunnel, None]),
        "ip_src": pa.array(ADDRESSES).dictionary_encode(),
        "ip_dst": pa.array(ADDRESSES[::-1]).dictionary_encode(),
        "transport_type": pa.array(["UDP", None]).dictionary_encode(),
        "transport_src_port": pa.array([443, None], pa.uint16()),
        "transport_dst_port": pa.array([33_000, None], pa.uint16()),
    }
    found = suite.tables.pcaptoparquet(written(tmp_path, **theirs))
    assert found.tolist() == [(START, 9445, 0x0A5A0007, 0x0A5B0003, 17, 443, 33_000)]


def test_a_wrong_parquet_file_is_told_from_a_right_one(
    suite: types.SimpleNamespace, capture: Path, tmp_path: Path
) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    scripts = BENCHMARKS / "peers" / "by_numpy.py"
    target, facts = tmp_path / "out.parquet", suite.data.facts_of(capture)
    subprocess.run([sys.executable, scripts, "parquet", capture, target], check=True, capture_output=True)
    suite.tables.check_parquet(tmp_path, facts)
    table = pq.read_table(target)
    for changed, what in (
        (table.slice(1), "packets"),
        (table.set_column(1, "vni", table["sport"]), "VNIs"),
        (table.set_column(2, "src", table["dst"]), "SHA-256"),
    ):
        pq.write_table(changed, target)
        with pytest.raises(suite.check.WrongAnswerError, match=what):
            suite.tables.check_parquet(tmp_path, facts)


def test_few_packets_fulfil_the_predicate(suite: types.SimpleNamespace, folder: Path) -> None:
    import vxtap

    path = suite.data.ensure("imix", packets=20_000, folder=folder)
    facts, network = suite.data.facts_of(path), ipaddress.ip_network(suite.traffic.FEW.rpartition(" ")[2])
    found = vxtap.format_ip(vxtap.read(path)["src"])
    assert sum(ipaddress.ip_address(str(text)) in network for text in found) == facts.few
    assert 0.009 < facts.few / facts.decapsulated < 0.012


def test_a_wrong_peer_has_no_time(suite: types.SimpleNamespace, meter: object) -> None:
    def wrong() -> None:
        suite.check.demand("packets", 5, 6_000)

    case = suite.measure.Case(key="fields", name="x", ours=["true"], against=["true"], check=wrong)
    result = meter.measure(case)
    assert result.reason == "wrong: packets: 5, expected 6,000"
    assert result.ours == []
    fails = dataclasses.replace(case, check=lambda: None, ours=["sh", "-c", "echo it broke >&2; exit 3"])
    assert meter.measure(fails).reason == "failed: it broke"


def test_a_time_that_is_told_counts_instead_of_the_process(suite: types.SimpleNamespace, meter: object) -> None:
    tells = ["echo", "packets 5 seconds 2.0"]
    found = meter.measure(
        suite.measure.Case(key="fields", ours=tells, against=["echo", "seconds 0.5"], packets=(10, 5))
    )
    assert found.ratios == [2.0]
    assert 0 < meter.measure(suite.measure.Case(key="x", ours=["true"], against=["true"])).seconds[0] < 2


@pytest.mark.parametrize(
    ("parser", "text"),
    [
        ("tshark", "1760000000.000004000\t9445\t10.91.0.21\t10.90.1.84\t6\t443\t35148\t49492\t4789\n"),
        (
            "tcpdump",
            "1760000000.000004 IP 10.80.0.20.49492 > 10.80.1.4.4789: VXLAN, flags [I] (0x08), vni 9445\n"
            "IP 10.91.0.21.443 > 10.90.1.84.35148: Flags [.], seq 1:11, ack 3, win 64240, length 10\n",
        ),
        (
            "pcaptoparquet",
            "utc_date_time|tunnel|ip_src|ip_dst|transport_type|transport_src_port|transport_dst_port\n"
            "2025-10-09 08:53:20.000004|E2ETunnelList(E2ETunnel(type='VxLAN', id=9445, src='1'))|"
            "10.91.0.21|10.90.1.84|TCP|443|35148\n",
        ),
    ],
)
def test_text_becomes_numbers(suite: types.SimpleNamespace, parser: str, text: str) -> None:
    rows = list(getattr(suite.texts, parser)(text.splitlines(keepends=True)))
    assert rows == [(1_760_000_000_000_004, 9445, 0x0A5B0015, 0x0A5A0154, 6, 443, 35148)]
