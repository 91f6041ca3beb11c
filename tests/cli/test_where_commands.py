"""`--where`, which every command knows: what it leaves out, what is told of it, and what is said of errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import compare
import vxtap
from build import pcap
from cli.conftest import T0, capture, frame, inner_frame, inner_rows, listing

if TYPE_CHECKING:
    from cli.conftest import Command

NVA = compare.DATA / "03-lb-mixed-nva1.pcap"
SOURCE, MIRROR = compare.DATA / "14-egress-only-src.pcap", compare.DATA / "14-egress-only-nva1.pcap"
WHERE = "proto == udp and src in fd00::/8"


@pytest.fixture(scope="module")
def rows() -> Any:
    found = vxtap.read(NVA)
    found = found[(found["proto"] == 17) & vxtap.in_network(found["src"], "fd00::/8")]
    assert 0 < len(found) < len(vxtap.read(NVA))
    return found


@pytest.fixture
def report(vx: Command) -> Any:
    """What a command that is to succeed tells as JSON."""

    def run(*args: object) -> Any:
        ran = vx(*args, "--json")
        assert ran.status == 0, ran.err
        return json.loads(ran.out or ran.err)

    return run


def test_decap(vx: Command, rows: Any, folder: Path) -> None:
    assert vx("decap", NVA, "-o", folder / "x.pcap", "--where", WHERE).status == 0
    found = vxtap.read(folder / "x.pcap", tunnels="none")
    for name in ("ts", "src", "dst", "sport", "dport", "flow", "wirelen"):
        assert found[name].tobytes() == rows[name].tobytes()


def test_decap_tells(vx: Command, rows: Any, folder: Path) -> None:
    """The report names what was filtered, for people and as JSON."""
    ran = vx("decap", NVA, "-o", folder / "x.pcap", "--where", WHERE)
    filtered = len(vxtap.read(NVA)) - len(rows)
    assert "filtered" in ran.err
    assert f"{filtered:,}" in ran.err
    ran = vx("decap", NVA, "-o", folder / "y.pcap", "--where", WHERE, "--json")
    told = json.loads(ran.out or ran.err)
    assert told["decapsulated"] == len(rows)
    assert told["skipped"]["filtered"] == filtered
    assert told["decapsulated"] + sum(told["skipped"].values()) == told["frames"]


def test_merge(report: Any, rows: Any, folder: Path) -> None:
    other = compare.DATA / "01-curl-nva1.pcap"
    told = report("merge", NVA, other, "-o", folder / "x.pcap", "--where", WHERE)
    assert told["written"] == len(rows)
    assert [each["decapsulated"] for each in told["sources"]] == [len(rows), 0]
    told = report("merge", NVA, other, "-o", folder / "y.pcap", "--where", "source == 1")
    assert [each["decapsulated"] for each in told["sources"]] == [0, len(vxtap.read(other))]


@pytest.mark.parametrize("to", ["pcap", "parquet"])
def test_convert(to: str, report: Any, rows: Any, folder: Path) -> None:
    """The frames that are left, of one file after the other; another predicate is another job."""
    other = compare.DATA / "01-curl-nva1.pcap"
    report("convert", NVA, other, "-o", folder, "--to", to, "--where", WHERE)
    if to == "parquet":
        tables = pytest.importorskip("pyarrow.parquet")
        counts = [tables.read_table(path).num_rows for path in sorted(folder.rglob("*.parquet"))]
    else:
        counts = [len(inner_rows(path)) for path in sorted(folder.rglob("*.pcap"))]
    assert counts == [0, len(rows)]
    report("convert", NVA, other, "-o", folder, "--to", "pcap", "--where", f"not ({WHERE})")
    counts = [len(inner_rows(path)) for path in sorted(folder.rglob("*.pcap"))]
    assert counts == [len(vxtap.read(other)), len(vxtap.read(NVA)) - len(rows)]


def test_info(report: Any, rows: Any) -> None:
    told = report("info", NVA, "--where", WHERE)
    assert told["decapsulated"] == len(rows)
    assert sum(tunnel["frames"] for tunnel in told["tunnels"]) == len(rows)


def test_flows(report: Any, rows: Any) -> None:
    ends = {tuple(sorted((one["src"], one["dst"]))) for one in report("flows", NVA, "--where", WHERE)["flows"]}
    src, dst = (vxtap.format_ip(rows[name]).tolist() for name in ("src", "dst"))
    assert ends == {tuple(sorted(pair)) for pair in zip(src, dst, strict=True)}


def test_health(report: Any, rows: Any) -> None:
    told = report("health", NVA, "--where", WHERE)
    assert json.dumps(told) != json.dumps(report("health", NVA))
    assert told == vxtap.health(NVA, where=WHERE).to_dict()


def test_compare(report: Any) -> None:
    """The mirror only: of the source machine's own capture all is taken."""
    assert report("compare", SOURCE, MIRROR, "--where", "vni >= 0") == report("compare", SOURCE, MIRROR)
    nothing = report("compare", SOURCE, MIRROR, "--where", "vni == 16777215")
    all_of_it = report("compare", SOURCE, MIRROR)
    assert nothing["tcp"]["mirror_bytes"] == 0 < all_of_it["tcp"]["mirror_bytes"]
    assert nothing == vxtap.compare(SOURCE, MIRROR, where="vni == 16777215").to_dict()


@pytest.mark.parametrize(
    "line",
    [
        ("decap", NVA, "-o", "OUT/x.pcap"),
        ("merge", NVA, NVA, "-o", "OUT/x.pcap"),
        ("convert", NVA, "-o", "OUT"),
        ("info", NVA),
        ("flows", NVA),
        ("health", NVA),
        ("compare", SOURCE, MIRROR),
    ],
    ids=lambda line: line[0],
)
def test_errors(line: tuple[object, ...], vx: Command, folder: Path) -> None:
    """Before anything is opened or written: the message, the text, and a caret under the place."""
    args = [str(part).replace("OUT", str(folder)) for part in line]
    ran = vx(*args, "--where", "vni == 7 and dportt == 443")
    assert (ran.status, ran.out) == (2, "")
    first, text, caret = ran.err.rstrip("\n").split("\n")
    assert first.startswith("vxtap: where: column 14: ")
    assert "dport" in first
    assert text.strip() == "vni == 7 and dportt == 443"
    assert caret.index("^") == text.index("dportt")
    assert listing(folder) == []
    assert "--where" in vx(line[0], "--help").out


def test_nothing_left(vx: Command, folder: Path) -> None:
    """It is as with a VNI that is not there: an empty capture, and with --strict it is told."""
    ran = vx("decap", NVA, "-o", folder / "x.pcap", "--where", "vni == 1", "--strict")
    assert ran.status == 1
    assert len(inner_rows(folder / "x.pcap")) == 0
    assert vx("decap", NVA, "-o", folder / "y.pcap", "--where", "vni == 1").status == 0
    # The ports are right: nothing else is to be tried.
    assert "--ports" not in ran.err


def test_a_pipe(process: Command) -> None:
    data = pcap([(T0 + i, frame(i)) for i in range(4)])
    ran = process("decap", "-", "-o", "-", "-q", "--where", "sport == 1002", input=data)
    assert ran.status == 0
    assert ran.out.encode("latin-1").endswith(inner_frame(2))
    assert ran.out.encode("latin-1").count(b"payload") == 1


def test_text_that_is_no_utf8(process: Command, tmp_path: Path) -> None:
    """Bytes of a shell that are no text are an error like any other."""
    (tmp_path / "in.pcap").write_bytes(capture())
    ran = process("info", "in.pcap", "--where", b"vni == \xff".decode("utf-8", "surrogateescape"))
    assert ran.status == 2
    assert ran.err.startswith("vxtap: where: column 8: ")


def test_workers(vx: Command, folder: Path, tmp_path: Path) -> None:
    """Any number of threads writes the same, of a predicate on the numbers of frames too."""
    (tmp_path / "in.pcap").write_bytes(capture(5000))
    for where in ("sport & 1", "frame > 4000 or frame == 7", "offset < 100000"):
        for workers in (1, 2, 3):
            target = folder / f"{workers}.pcap"
            assert vx("decap", tmp_path / "in.pcap", "-o", target, "--where", where, "--workers", workers).status == 0
        assert (folder / "1.pcap").read_bytes() == (folder / "2.pcap").read_bytes() == (folder / "3.pcap").read_bytes()
        assert 0 < len(inner_rows(folder / "1.pcap")) < 5000
