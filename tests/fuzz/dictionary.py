"""Writes a dictionary for libFuzzer: numbers that mean something to the core, in both byte orders.

`python tests/fuzz/dictionary.py FILE`. What the core has in a table comes from there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from seeds import BRIDGED, ERSPAN, ERSPAN_III, GRE  # noqa: E402  (beside this file)

import build  # noqa: E402  (of tests/, which is no package)
from vxtap import _facts  # noqa: E402

CSRC = HERE.parent.parent / "csrc"
ETHERTYPES = [build.IPV4, build.IPV6, build.ARP, 0x8100, 0x88A8, 0x9100, BRIDGED, ERSPAN, ERSPAN_III]
PROTOCOLS = [build.UDP, build.TCP, build.ICMP, build.ICMPV6, build.SCTP, GRE]
PROTOCOLS += [build.HOP_BY_HOP, build.ROUTING, build.FRAGMENT, build.AH, build.DESTINATION]


def numbers(header: str, pattern: str) -> list[int]:
    """What a pattern finds in a header of the core: one number a row."""
    found = [int(text, 0) for text in re.findall(pattern, (CSRC / header).read_text())]
    if not found:
        raise SystemExit(f"{header}: nothing looks like {pattern}")
    return found


def entries() -> Iterator[bytes]:
    """All entries; some come twice."""
    words = numbers("vxt_pcap.h", r"X\((0x[0-9a-f]{8}),") + numbers("vxt_pcapng.h", r"X\((0x\w+|\d+), [A-Z_]+\)")
    words += numbers("vxt_pcapng.h", r"VXT_BYTE_ORDER_MAGIC = (0x[0-9a-f]{8})")
    words += [row[1] for row in _facts.tables()["link_type"]]
    for word in words:
        yield from (word.to_bytes(4, "little"), word.to_bytes(4))
    halves = [*ETHERTYPES, *(port for _, _, _, port in _facts.tunnels() if port), 8472]
    halves += numbers("vxt_pcapng.h", r"VXT_OPTION_\w+ = (\d+)")
    for half in halves:
        yield from (half.to_bytes(2, "little"), half.to_bytes(2))
    for protocol in PROTOCOLS:
        yield bytes([64, protocol])  # behind a TTL
        yield bytes([protocol, 64])  # before a hop limit
    yield from (build.vxlan(b""), build.vxlan(b"", gbp=1), build.vxlan(b"", flags=0x0C, reserved=3))
    yield from (build.udp(b""), build.ipv4(b""), build.ipv6(b""), build.eth(b""), build.sll2(b""))
    yield from (build.ext_fragment(1, True)[1], bytes.fromhex("2000"), bytes.fromhex("2001"), bytes.fromhex("0001"))


def main() -> None:
    lines = {'"' + "".join(f"\\x{byte:02x}" for byte in entry) + '"' for entry in entries()}
    Path(sys.argv[1]).write_text("\n".join(sorted(lines)) + "\n")


if __name__ == "__main__":
    main()
