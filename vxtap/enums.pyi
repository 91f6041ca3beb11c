"""Stubs of the enums: written by `python -m vxtap.tables stub`."""

from enum import IntEnum, IntFlag

_Names = tuple[tuple[str, str], ...]

ENUMS: _Names

class Status(IntEnum):
    OK = 0
    NOT_IP = 1
    NOT_UDP = 2
    OTHER_PORT = 3
    NO_VNI_FLAG = 4
    TRUNCATED_OUTER = 5
    LINK_TYPE = 6
    NO_INTERFACE = 7
    MALFORMED = 8
    FRAGMENT_LOST = 9
    FILTERED = 10
    KEPT = 11
    MORE_INPUT = 12
    MORE_OUTPUT = 13
    MORE_INTERFACES = 14
    EMPTY = 15
    CUT_HEADER = 16
    NOT_CAPTURE = 17
    BAD_VERSION = 18
    BAD_RECORD = 19
    BAD_BLOCK = 20
    SHORT_BLOCK = 21
    LONG_BLOCK = 22
    BAD_MAGIC = 23
    BAD_GZIP = 24

class Flag(IntFlag):
    TRUNCATED = 1
    MALFORMED_INNER = 2
    OUTER_VLAN = 4
    INNER_VLAN = 8
    INNER_FRAGMENT = 16
    GBP = 32
    RESERVED_BITS = 64
    OUTGOING = 128
    NO_TIME = 256

class Tunnel(IntEnum):
    NONE = 0
    VXLAN = 1

class LinkType(IntEnum):
    ETHERNET = 1
    LINUX_SLL = 113
    LINUX_SLL2 = 276
    NULL = 0
    LOOP = 108
    RAW = 101
    RAW_BSD = 12
    RAW_OPENBSD = 14
    IPV4 = 228
    IPV6 = 229
