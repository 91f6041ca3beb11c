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
    SECOND_SIGHT = 9
    FRAGMENT_JOINED = 10
    FRAGMENT_LOST = 11
    FRAGMENT_OVERLAP = 12
    INNER_TYPE = 13
    FILTERED = 14
    NO_ETHERNET = 15
    KEPT = 16
    MORE_INPUT = 17
    MORE_OUTPUT = 18
    AT_STOP = 19
    MORE_INTERFACES = 20
    MORE_SIGHTS = 21
    MORE_HISTORY = 22
    MORE_FRAGMENTS = 23
    GIVE_UP = 24
    EMPTY = 25
    CUT_HEADER = 26
    NOT_CAPTURE = 27
    BAD_VERSION = 28
    BAD_RECORD = 29
    BAD_BLOCK = 30
    SHORT_BLOCK = 31
    LONG_BLOCK = 32
    BAD_MAGIC = 33
    BAD_COMPRESSED = 34

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
    REASSEMBLED = 512
    NESTED = 1024
    INNER_RAW = 2048
    DUPLICATE = 4096

class Tunnel(IntEnum):
    NONE = 0
    VXLAN = 1
    VXLAN_GPE = 2
    GENEVE = 3
    GRE = 4
    NVGRE = 5
    ERSPAN_I = 6
    ERSPAN_II = 7
    ERSPAN_III = 8

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
