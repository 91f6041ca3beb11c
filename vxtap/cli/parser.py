"""What can be typed."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from vxtap._version import __version__
from vxtap.forms import ADDRESSES, FORMS, PARTITIONS
from vxtap.options import DEDUP, DEFAULT_PORTS, ETHERNET_MTU, GAP, IDLE, MOST_FLOWS, WINDOW
from vxtap.tunnels import PLAIN, TUNNELS, VXLAN

if TYPE_CHECKING:
    from collections.abc import Callable

    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]


_WIDTH = 80  # of a terminal that nobody knows
_INPUT = (
    "a pcap or pcapng file, compressed (gzip, zstd, lz4) or not; '-'; or a quoted wildcard, 'x.pcap*', for a rotated"
    " set"
)
_OUTPUT = "where to; '-' is standard output; compressed where it ends in .gz, .zst or .lz4"


def numbers(text: str) -> tuple[int, ...]:
    """Read '4789,8472'."""
    try:
        return tuple(int(part, 0) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected numbers with commas between them, got {text!r}") from None


def names(text: str) -> str | list[str]:
    """Read 'ts,vni', or 'all'."""
    return text if text == "all" else [name.strip() for name in text.split(",")]


def _lazily(command: str) -> Callable[[argparse.Namespace], int]:
    """Import a command's module only when it is run: the parser starts fast."""

    def run(args: argparse.Namespace) -> int:
        from importlib import import_module

        status: int = import_module(f"vxtap.cli.{command}").run(args)
        return status

    return run


def _formatter(prog: str) -> argparse.HelpFormatter:
    """As argparse makes one for every option; left to itself it loads what unpacks archives, to ask for the width."""
    columns = os.environ.get("COLUMNS", "")
    try:
        width = int(columns) if columns.isdecimal() else os.get_terminal_size().columns
    except OSError:  # no terminal
        width = 0
    return argparse.HelpFormatter(prog, width=(width or _WIDTH) - 2)


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False, formatter_class=_formatter)
    group = common.add_argument_group("common options")
    group.add_argument(
        "--ports",
        type=numbers,
        default=DEFAULT_PORTS,
        metavar="N,N",
        help="UDP destination ports that are taken for VXLAN (default 4789; Linux and flannel use 8472)",
    )
    group.add_argument("--vni", type=numbers, metavar="N,N", help="only these VXLAN network identifiers")
    group.add_argument(
        "--where",
        metavar="TEXT",
        help="only packets for which this holds: 'src in 10.90.0.0/24 and dport in (80, 443)'; see docs/where.md",
    )
    group.add_argument(
        "--tunnels",
        default=VXLAN,
        metavar="NAME,NAME",
        help=f"what is looked for: {', '.join(TUNNELS)}; a port of its own as in geneve:47101; "
        f"{PLAIN} alone for a plain capture (default {VXLAN})",
    )
    group.add_argument(
        "--depth", type=int, default=1, metavar="N", help="tunnels within each other that are followed (default 1)"
    )
    group.add_argument(
        "--once",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="drop the second sight of a packet that was recorded on two interfaces (default: yes)",
    )
    group.add_argument(
        "--partial",
        action="store_true",
        help="of a datagram whose later fragments are missing, take what the first one holds",
    )
    group.add_argument(
        "--fragment-timeout",
        type=float,
        default=30.0,
        metavar="S",
        help="seconds of the capture that fragments wait for the rest (default 30)",
    )
    group.add_argument(
        "--fragment-memory",
        default="16MiB",
        metavar="SIZE",
        help="memory for fragments that wait (default 16MiB)",
    )
    group.add_argument("--json", action="store_true", help="the report as JSON")
    group.add_argument("--quiet", "-q", action="store_true", help="no progress, no report; errors only")
    group.add_argument(
        "--strict",
        action="store_true",
        help="exit with 1 where nothing was decapsulated, a frame is malformed, or the capture ends within a record",
    )
    return common


def _add_output(command: argparse.ArgumentParser) -> None:
    """Where an inner capture goes, and how it is written."""
    command.add_argument("-o", "--output", metavar="OUT", required=True, help=_OUTPUT)
    command.add_argument(
        "--format", choices=("pcap", "pcapng"), help="of the output (default: by the suffix of OUT, else pcap)"
    )
    command.add_argument(
        "--ethernet",
        action="store_true",
        help="write inner packets that have no Ethernet header behind one that is made up",
    )
    command.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="threads: with 2, one reads while the other writes (default: 2 for a large file, else 1)",
    )


def _add_dedup(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--dedup",
        metavar="TIME",
        help="drop what another vantage point (tunnel source, VNI, input) has seen this long before, such as 2ms",
    )


def _add_window(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--window", metavar="TIME", default=WINDOW, help=f"how far an input may be out of order (default {WINDOW})"
    )


def _add_decap(commands: _Commands, common: argparse.ArgumentParser) -> None:
    decap = commands.add_parser(
        "decap",
        parents=[common],
        formatter_class=_formatter,
        help="write the inner frames of a capture as a capture of their own",
        description="Write the inner frames of a capture as a capture of their own. '-' is standard input or output.",
    )
    decap.add_argument("input", metavar="IN", help=_INPUT)
    _add_output(decap)
    decap.add_argument(
        "--keep-others",
        action="store_true",
        help="write frames that are not decapsulated as they are, on an interface of their own (pcapng)",
    )
    decap.add_argument(
        "--follow",
        action="store_true",
        help="wait for more at the end of IN, and for the file after it where it is rotated; Ctrl-C ends it well",
    )
    decap.set_defaults(run=_lazily("decap"))


def _add_merge(commands: _Commands, common: argparse.ArgumentParser) -> None:
    merge = commands.add_parser(
        "merge",
        parents=[common],
        formatter_class=_formatter,
        help="bring the inner frames of several captures together, in order of time",
        description="Bring the inner frames of several captures together, in order of time, as one capture.",
    )
    merge.add_argument("input", metavar="IN", nargs="+", help=_INPUT)
    _add_output(merge)
    _add_dedup(merge)
    _add_window(merge)
    merge.add_argument(
        "--align", action="store_true", help="find out how far the inputs' clocks are apart, and correct the times"
    )
    merge.set_defaults(run=_lazily("merge"))


def _add_convert(commands: _Commands, common: argparse.ArgumentParser) -> None:
    convert = commands.add_parser(
        "convert",
        parents=[common],
        formatter_class=_formatter,
        help="convert many captures to Parquet files or inner captures",
        description="Convert many captures to Parquet files or inner captures, side by side. A second run does only"
        " what is new or has changed: DIR/_manifest.jsonl has what was done. The exit status is 3 where a file failed.",
    )
    convert.add_argument(
        "input", metavar="PATH", nargs="+", help="a file, a folder with those in it, or a wildcard ('**' for folders)"
    )
    convert.add_argument("-o", "--output", metavar="DIR", required=True, help="the folder to write to")
    convert.add_argument("--to", choices=FORMS, default="parquet", help="what to write (default parquet)")
    convert.add_argument(
        "--workers", "-j", type=int, metavar="N", help="threads (default: as many as there are cores at hand)"
    )
    convert.add_argument(
        "--columns",
        type=names,
        metavar="NAME,NAME",
        help="of Parquet files, or 'all' (default: the useful ones; docs/convert.md has them)",
    )
    convert.add_argument(
        "--addresses", choices=ADDRESSES, default="text", help="how Parquet files have them (default text)"
    )
    convert.add_argument(
        "--partition",
        choices=tuple(PARTITIONS),
        help="write Parquet files into folders such as day=2026-11-24, or vni=7",
    )
    convert.add_argument("--row-group", type=int, metavar="ROWS", help="rows of a row group of Parquet files at most")
    convert.add_argument(
        "--keep-others",
        action="store_true",
        help="write frames that are not decapsulated as they are, on an interface of their own (pcapng)",
    )
    convert.add_argument(
        "--ethernet",
        action="store_true",
        help="write inner packets that have no Ethernet header behind one that is made up (pcap, pcapng)",
    )
    convert.add_argument(
        "--again",
        action="store_true",
        help="do everything again, also what was done before, and replace what no manifest names",
    )
    convert.set_defaults(run=_lazily("convert"))


def _add_compare(commands: _Commands, common: argparse.ArgumentParser) -> None:
    compare = commands.add_parser(
        "compare",
        parents=[common],
        formatter_class=_formatter,
        help="tell whether a mirror is complete, beside the source machine's own capture",
        description="Tell whether a mirror is complete: what the source machine captured itself, beside what one or"
        " more collectors recorded. With --strict the exit status is 1 where it is not. --where is about the mirror.",
    )
    compare.add_argument("source", metavar="SOURCE", help="a plain capture of the machine that is mirrored")
    compare.add_argument("mirror", metavar="MIRROR", nargs="+", help=_INPUT)
    compare.add_argument(
        "--dedup",
        metavar="TIME",
        help="the mirror has packets twice, since both of their ends are mirrored: drop what another vantage point has"
        " seen this long before, such as 2ms",
    )
    compare.set_defaults(run=_lazily("compare"))


def _add_info(commands: _Commands, common: argparse.ArgumentParser) -> None:
    info = commands.add_parser(
        "info",
        parents=[common],
        formatter_class=_formatter,
        help="tell what a capture is and holds",
        description="Tell what a capture is and holds: format, interfaces, times, tunnels, and why frames are skipped.",
    )
    info.add_argument("input", metavar="IN", help=_INPUT)
    info.set_defaults(run=_lazily("info"))


def _add_health(commands: _Commands, common: argparse.ArgumentParser) -> None:
    health = commands.add_parser(
        "health",
        parents=[common],
        formatter_class=_formatter,
        help="tell how complete a mirror is, by the captures of its collectors",
        description="Tell how complete a mirror is, by the captures of its collectors alone: holes in time, one-way"
        " conversations, what is cut, lost or doubled, and the likely causes. With --strict the exit status is 1 where"
        " something is missing or was not read, too.",
    )
    health.add_argument("input", metavar="IN", nargs="+", help=_INPUT)
    health.add_argument(
        "--gap", metavar="TIME", default=GAP, help=f"silence of a tunnel source that can be a hole (default {GAP})"
    )
    health.add_argument(
        "--mtu",
        metavar="BYTES",
        type=int,
        default=ETHERNET_MTU,
        help=f"MTU that lengths are held against (default {ETHERNET_MTU})",
    )
    health.add_argument(
        "--dedup",
        metavar="TIME",
        default=DEDUP,
        help=f"what another vantage point has seen this long before is a duplicate (default {DEDUP})",
    )
    _add_window(health)
    health.set_defaults(run=_lazily("health"))


def _add_flows(commands: _Commands, common: argparse.ArgumentParser) -> None:
    flows = commands.add_parser(
        "flows",
        parents=[common],
        formatter_class=_formatter,
        help="one row for every conversation of the inner traffic",
        description="One row for every conversation: who, when, how much each way, and what of it is missing.",
    )
    flows.add_argument("input", metavar="IN", nargs="+", help=_INPUT)
    flows.add_argument(
        "--sort",
        choices=("bytes", "packets", "first", "last", "rtt", "missing", "retransmitted"),
        help="the most first, of times the earliest (default: bytes; with --csv and --json as they end)",
    )
    flows.add_argument(
        "--top", type=int, metavar="N", help="so many rows at most (default 50; with --csv and --json all)"
    )
    flows.add_argument("--csv", action="store_true", help="comma-separated values, with a header")
    flows.add_argument(
        "--idle",
        default=IDLE,
        metavar="TIME",
        help=f"silence after which a conversation ends; what comes later is another row (default {IDLE})",
    )
    flows.add_argument(
        "--most",
        type=int,
        default=MOST_FLOWS,
        metavar="N",
        help=f"conversations that can go on at a time, about 360 bytes each (default and at most {MOST_FLOWS})",
    )
    _add_dedup(flows)
    flows.set_defaults(run=_lazily("flows"))


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; every command stores its function as `run`."""
    parser = argparse.ArgumentParser(
        prog="vxtap",
        description="The inner traffic of mirrored captures: VXLAN decapsulation.",
        formatter_class=_formatter,
        epilog="Exit status: 0 done, 1 done but --strict found something, 2 usage, 3 unreadable or unwritable.",
    )
    parser.add_argument("--version", action="version", version=f"vxtap {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    common = _common()

    for add in (_add_decap, _add_merge, _add_convert, _add_compare, _add_flows, _add_health, _add_info):
        add(commands, common)
    return parser
