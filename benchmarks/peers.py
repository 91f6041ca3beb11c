"""What a user would take instead of vxtap: how each is had, how it is called, and how its answer is checked.

Three jobs. `fields`: time, VNI, inner addresses, protocol and ports of every packet. `inner`: a capture of the inner
frames. `parquet`: the fields as a Parquet file. Each peer gets as many packets as it manages in a second or two, and
is compared per packet.
"""

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import check
import tables
import texts
from environments import Compiled, Need, Program, Ready, Venv
from measure import Meter

import data

sys.path.insert(0, str(Path(__file__).with_name("peers")))

import answer

JOBS = {"fields": "fields", "inner": "inner capture", "parquet": "Parquet file"}
ALL = 1 << 62  # as many packets as the capture has
TEXT = ["-n", "-Y", "vxlan", "-T", "fields", "-E", "occurrence=l", "-o", "tcp.analyze_sequence_numbers:FALSE"]
PORT = "udp dst port 4789"
TSHARK = Program("tshark")
PANDAS = ("pandas", "pyarrow")

Command = Callable[[list[str], str, str], list[str]]
Rows = Callable[[Iterable[str]], Iterator[tuple[int, ...]]]
Table = Callable[[Path], tables.Numbers]


def shell(text: str, *words: str) -> list[str]:
    """A line of shell, whose $1, $2 ... are these words."""
    return ["sh", "-c", text, "sh", *words]


def into(out: str, command: list[str]) -> list[str]:
    """The command, with what it prints in a file."""
    return shell('out=$1; shift; exec "$@" >"$out" 2>/dev/null', out, *command)


def tshark(program: list[str], source: str, out: str) -> list[str]:
    return into(out, [*program, "-r", source, *TEXT, *(word for name in texts.TSHARK for word in ("-e", name))])


def tcpdump(program: list[str], source: str, out: str) -> list[str]:
    return into(out, [*program, "-n", "-tt", "-r", source, PORT])


def editcap(program: list[str], source: str, out: str) -> list[str]:
    return [*program, "-F", "pcap", "-C", "50", "-L", source, out]


def filtered_editcap(program: list[str], source: str, out: str) -> list[str]:
    line = 'tcpdump -n -r "$2" -w - "$4" 2>/dev/null | "$1" -F pcap -C 50 -L - "$3"'
    return shell(line, *program, source, out, PORT)


def pcaptoparquet(program: list[str], source: str, out: str) -> list[str]:
    form = "parquet" if out.endswith(".parquet") else "txt"
    return [*program, "-i", source, "-o", out, "-f", form]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One of them."""

    need: Need
    fields: int = 0  # packets it gets for each job; 0: it cannot do it
    inner: int = 0
    parquet: int = 0
    command: Command | None = None  # None: our own, called as peers/answer.py says
    rows: Rows | None = None  # makes numbers of the text it writes; without one it tells them itself
    table: Table = tables.fields  # makes numbers of the Parquet file in a folder
    words: str  # what it does more or less than vxtap

    def packets(self, job: str) -> int:
        return {"fields": self.fields, "inner": self.inner, "parquet": self.parquet}[job]

    def line(self, ready: Ready, job: str, source: Path, out: Path) -> list[str]:
        """The command that does the job."""
        if self.command is not None:
            return self.command(ready.command, str(source), str(out))
        return [*ready.command, job, str(source), *([] if job == "fields" else [str(out)])]


PEERS: dict[str, Peer] = {
    "C on libpcap": Peer(
        need=Compiled("libpcap.c", "libpcap", "libpcap-dev"),
        fields=ALL,
        inner=ALL,
        words="libpcap's formats, filters and live capture; IPv4 outside, no VLAN tags, no fragments, seven columns",
    ),
    "C++ on libtins": Peer(
        need=Compiled("libtins.cpp", "libtins", "libtins-dev"),
        fields=ALL,
        inner=ALL,
        words="objects for many protocols; no VXLAN, no SLL2, no reassembly unless asked for",
    ),
    "numpy by hand": Peer(
        need=Venv("by_numpy.py", ("numpy", "pyarrow")),
        fields=ALL,
        inner=ALL,
        parquet=ALL,
        words="the file in memory; IPv4 outside, no VLAN tags, no fragments, classic pcap of one kind",
    ),
    "struct by hand": Peer(
        need=Venv("by_struct.py"),
        fields=ALL,
        inner=ALL,
        words="nothing to install; IPv4 outside, no VLAN tags, no fragments, classic pcap of one kind",
    ),
    "cypcap and struct": Peer(
        need=Venv("with_cypcap.py", ("cypcap",)),
        fields=ALL,
        inner=ALL,
        words="libpcap's formats, filters and live capture; the layers are taken apart by hand",
    ),
    "dpkt": Peer(
        need=Venv("with_dpkt.py", ("dpkt", *PANDAS)),
        fields=50_000,
        inner=50_000,
        parquet=50_000,
        words="objects for many protocols, to change and to build packets; no VXLAN, no reassembly",
    ),
    "scapy": Peer(
        need=Venv("with_scapy.py", ("scapy", *PANDAS)),
        fields=4_000,
        inner=4_000,
        parquet=4_000,
        words="builds, changes, sends and dissects hundreds of protocols, VXLAN too",
    ),
    "pypcapkit": Peer(
        need=Venv("with_pypcapkit.py", ("pypcapkit",)),
        fields=200,
        words="every header as an object with names for its values; no VXLAN",
    ),
    "pyshark": Peer(
        need=Venv("with_pyshark.py", ("pyshark",), tools=(TSHARK,)),
        fields=200,
        words="all that tshark dissects, as Python objects; needs tshark",
    ),
    "pcaptoparquet": Peer(
        need=Venv("", ("pcaptoparquet",), program="pcaptoparquet"),
        fields=10_000,
        parquet=10_000,
        command=pcaptoparquet,
        rows=texts.pcaptoparquet,
        table=tables.pcaptoparquet,
        words="Parquet, and some application protocols; the VNI is inside a text",
    ),
    "`tshark -T fields`": Peer(
        need=TSHARK,
        fields=50_000,
        command=tshark,
        rows=texts.tshark,
        words="any field of 3,000 protocols, reassembly; text that has to be read again",
    ),
    "`tshark -T fields`, read by pandas": Peer(
        need=Venv("with_tshark.py", PANDAS, tools=(TSHARK,)),
        parquet=50_000,
        words="any field of 3,000 protocols, reassembly; the text in memory as a table; uses two cores",
    ),
    "`tcpdump`": Peer(
        need=Program("tcpdump"),
        fields=200_000,
        command=tcpdump,
        rows=texts.tcpdump,
        words="two lines for people a packet, which have to be read again; live capture",
    ),
    "`editcap -C 50 -L`": Peer(
        need=Program("editcap", "wireshark-common"),
        inner=ALL,
        command=editcap,
        words="50 bytes off every packet, whatever they are; reads and writes many formats",
    ),
    "`tcpdump`, piped into `editcap`": Peer(
        need=Program("editcap", "wireshark-common"),
        inner=ALL,
        command=filtered_editcap,
        words="the same for what a filter lets through: right while all outer headers have 50 bytes; uses two cores",
    ),
}


def check_rows(rows: Iterable[tuple[int, ...]], facts: data.Facts) -> None:
    """Numbers made of text, as if the peer had told them."""
    found = [list(column) for column in zip(*rows, strict=True)]
    if not found:
        raise check.WrongAnswerError("no packets")
    check.check_fields(" ".join(["packets", str(len(found[0])), *answer.tell(found)]), facts)


def check_packed(out: Path, facts: data.Facts) -> None:
    """Rows of `traffic.FIELDS` in a file."""
    packed = out.read_bytes()
    check.demand("packets", len(packed) // answer.ROW.size, facts.decapsulated)
    check.demand("SHA-256 of the fields", hashlib.sha256(packed).hexdigest(), facts.fields_sha256)


def check_answer(peer: Peer, job: str, command: list[str], source: Path, meter: Meter) -> None:
    """Run the peer once, and raise unless it found what the capture holds."""
    facts = data.facts_of(source)
    if job == "parquet":
        meter.run(command)
        tables.check_parquet(meter.folder, facts, peer.table)
        return
    told = job == "fields" and peer.command is None
    if told and isinstance(peer.need, Compiled):
        meter.run([*command, str(meter.out)])
        check_packed(meter.out, facts)
    elif told:
        check.check_fields(meter.run([*command, "--check"]).output, facts)
    elif peer.rows is not None:
        meter.run(command)
        with meter.out.open() as text:
            check_rows(peer.rows(text), facts)
    else:
        meter.run(command)
        check.check_inner(meter.out, facts)


def table() -> Iterator[list[str]]:
    """The peers for people, head first."""
    yield ["peer", *JOBS.values(), "more or less than vxtap"]
    for name, peer in PEERS.items():
        yield [name, *("yes" if peer.packets(job) else "" for job in JOBS), peer.words]
