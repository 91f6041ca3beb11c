"""Tunnel headers for tests, in the manner of `build`: a header takes its payload first and returns bytes.

Nothing here knows vxtap. What has a length or a flag that follows from other arguments can be told to lie.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

GRE = 47
GPE_PORT, GENEVE_PORT = 4790, 6081
BRIDGED, ERSPAN_2, ERSPAN_3 = 0x6558, 0x88BE, 0x22EB  # protocol types of GRE; the first is Geneve's too
IN_IPV4, IN_IPV6, IN_ETHERNET, IN_NSH = 1, 2, 3, 4  # next protocols of VXLAN-GPE and NSH
CHECKSUM, ROUTING, KEY, SEQUENCE = 0x8000, 0x4000, 0x2000, 0x1000
FIRST_NSH_WORD = 0x0FC0  # version 0, a TTL of 63; the length comes into the low six bits


def gpe(payload: bytes, vni: int = 7, *, next: int | None = IN_ETHERNET, flags: int = 0x08, reserved: int = 0) -> bytes:
    """VXLAN-GPE; without `next` there is no P bit. `reserved` is bytes two and three, and below them the last one."""
    flags |= 0 if next is None else 0x04
    word = flags << 24 | (reserved >> 8 & 0xFFFF) << 8 | (next or 0)
    return struct.pack(">II", word, vni << 8 | (reserved & 0xFF)) + payload


def nsh(payload: bytes, next: int = IN_ETHERNET, *, context: bytes = bytes(16), words: int | None = None) -> bytes:
    """NSH: the base and service path headers and the context headers (16 bytes are MD type 1)."""
    words = 2 + len(context) // 4 if words is None else words
    kind = 1 if len(context) == 16 else 2
    return struct.pack(">HBBI", FIRST_NSH_WORD | words, kind, next, 0x000001FF) + context + payload


def geneve_option(data: bytes = b"", kind: int = 1, namespace: int = 0x0108) -> bytes:
    """One option of Geneve, whose data is padded to words; 0x0108 is AWS's."""
    data += bytes(-len(data) % 4)
    return struct.pack(">HBB", namespace, kind, len(data) // 4) + data


def geneve(
    payload: bytes,
    vni: int = 7,
    *,
    protocol: int = BRIDGED,
    options: bytes = b"",
    first: int = 0,
    second: int = 0,
    last: int = 0,
    words: int | None = None,
) -> bytes:
    """Geneve; `first` is ored into the version and the length, `second` is the byte of the flags."""
    words = len(options) // 4 if words is None else words
    return struct.pack(">BBHI", first | words, second, protocol, vni << 8 | last) + options + payload


def gre(
    payload: bytes,
    protocol: int = BRIDGED,
    *,
    key: int | None = None,
    sequence: int | None = None,
    checksum: int | None = None,
    bits: int = 0,
) -> bytes:
    """GRE of RFC 2784 and 2890; `bits` is ored into the flags."""
    fields: Sequence[tuple[int, int | None]] = ((CHECKSUM, checksum), (KEY, key), (SEQUENCE, sequence))
    present = [(bit, value) for bit, value in fields if value is not None]
    bits |= sum(bit for bit, _ in present)
    words = b"".join(struct.pack(">I", value) for _, value in present)
    return struct.pack(">HH", bits, protocol) + words + payload


def nvgre(payload: bytes, vni: int = 7, *, flow: int = 0, bits: int = 0) -> bytes:
    """NVGRE: the network and a flow id share the key."""
    return gre(payload, key=vni << 8 | flow, bits=bits)


def erspan(
    payload: bytes, session: int = 7, *, kind: int = 2, cut: bool = False, subheader: bool = False, bits: int = 0
) -> bytes:
    """ERSPAN of one of its three kinds, with GRE before it; `cut` is the T bit, `subheader` the O bit of the third."""
    word = (0x0400 if cut else 0) | session
    if kind == 1:
        return gre(payload, ERSPAN_2, bits=bits)
    if kind == 2:
        return gre(struct.pack(">HHI", 0x1000, word, 0) + payload, ERSPAN_2, sequence=1, bits=bits)
    fixed = struct.pack(">HHIHH", 0x2000, word, 12345, 0, 1 if subheader else 0)
    return gre(fixed + (bytes(8) if subheader else b"") + payload, ERSPAN_3, sequence=1, bits=bits)
