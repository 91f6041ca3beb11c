"""Values as people write them beside a column: numbers, names, addresses, networks, times."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vxtap.enums import Flag, Status, Tunnel
from vxtap.predicate import ADDRESS, MAC, NUMBER, TIME
from vxtap.tables import OUTCOMES
from vxtap.tokens import quoted

if TYPE_CHECKING:
    from vxtap.predicate import Column, Span

#: The names that values of a column have.
NAMES: dict[str, dict[str, int]] = {
    "flags": {name.lower(): flag.value for name, flag in Flag.__members__.items()},
    "tunnel": {name.lower(): kind.value for name, kind in Tunnel.__members__.items()},
    "status": {name.lower(): one.value for name, one in Status.__members__.items() if one < len(OUTCOMES)},
    "proto": {"icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "icmpv6": 58, "sctp": 132},
    "tcp_flags": {
        "fin": 0x01,
        "syn": 0x02,
        "rst": 0x04,
        "psh": 0x08,
        "ack": 0x10,
        "urg": 0x20,
        "ece": 0x40,
        "cwr": 0x80,
        "ns": 0x100,
    },
    "ethertype": {"ipv4": 0x0800, "arp": 0x0806, "ipv6": 0x86DD},
}

_NUMBER = re.compile(r"(-?)(?:0[xX]([0-9a-fA-F]+)|([0-9]+))")
_MOST_DIGITS = 40  # more are beyond every column, however many there are
_BYTE = "[0-9a-fA-F]{2}"
_MAC = re.compile(rf"({_BYTE}(?::{_BYTE}){{5}}|{_BYTE}(?:-{_BYTE}){{5}})(?:/([0-9]{{1,3}}))?")
_MAC_BITS = 48
_MASK = re.compile(r"/[0-9]*[^0-9]")
_MAPPED = 0xFFFF << 32  # IPv4 as IPv6
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)?)?",
    re.ASCII,
)
_NS, _DAY, _EPOCH = 1_000_000_000, 86_400, 719_163  # the last: day number of 1970-01-01
_SIGNED_ELSEWHERE = "flow"  # a label of 64 bits, which has a sign in tables
_NAT = 1 << 63  # what is added to a time, so that the least value is 0


def _integer(text: str) -> int | None:
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    sign, hexadecimal, decimal = found.groups()
    digits = (hexadecimal or decimal).lstrip("0")
    number = int(digits[:_MOST_DIGITS] or "0", 16 if hexadecimal else 10)
    return -number if sign else number


def names_of(column: Column) -> dict[str, int]:
    """Values that have names."""
    return NAMES.get(column.name, {})


def _number(column: Column, text: str) -> int:
    number = _integer(text)
    if number is not None:
        is_signed = column.name == _SIGNED_ELSEWHERE and -1 << 63 <= number < 0
        return number + (1 << 64) if is_signed else number
    names = names_of(column)
    name = text.lower().replace("-", "_")
    if name in names:
        return names[name]
    what = f"a number or one of {', '.join(names)}" if names else "a number"
    raise ValueError(f"{column.name}: expected {what}, got {quoted(text)}")


def _time(column: Column, text: str) -> int:
    number = _integer(text)
    if number is None:
        number = _iso_time(text)
    if number is None:
        expected = "a time such as 2026-11-24T10:00:00.5Z, or whole nanoseconds since 1970"
        raise ValueError(f"{column.name}: expected {expected}, got {quoted(text)}")
    return number + _NAT


def _iso_time(text: str) -> int | None:
    """Nanoseconds since 1970; None where it is no time."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    from datetime import date  # only here: most predicates have no times

    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    fraction, sign, hours, minutes = found.groups()[6:]
    try:
        days = date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        return None
    ahead = int(hours or 0) * 3600 + int(minutes or 0) * 60
    if hour > 23 or minute > 59 or second > 59 or int(hours or 0) > 23 or int(minutes or 0) > 59:
        return None
    seconds = days * _DAY + hour * 3600 + minute * 60 + second - (-ahead if sign == "-" else ahead)
    return seconds * _NS + int((fraction or "").ljust(9, "0"))


def _address_span(column: Column, text: str) -> Span:
    import ipaddress  # only here: most predicates have no addresses

    try:
        if _MASK.search(text):  # ipaddress takes 10.0.0.0/0.0.0.255 for a /24
            raise ValueError
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"{column.name}: expected an IP address or a network such as 10.90.0.0/24, got {quoted(text)}"
        ) from None
    if "%" in text:
        raise ValueError(f"{column.name}: an address in a packet has no zone: {quoted(text)}")
    mapped = _MAPPED if network.version == 4 else 0
    return int(network.network_address) | mapped, int(network.broadcast_address) | mapped


def _mac_span(column: Column, text: str) -> Span:
    found = _MAC.fullmatch(text)
    bits = int(found[2] or _MAC_BITS) if found else 0
    if found is None or bits > _MAC_BITS:
        raise ValueError(f"{column.name}: expected a MAC address such as 02:00:5e:10:00:01, got {quoted(text)}")
    rest = (1 << _MAC_BITS - bits) - 1
    first = int(found[1].replace(":", "").replace("-", ""), 16) & ~rest
    return first, first | rest


_SPANS = {ADDRESS: _address_span, MAC: _mac_span}
_VALUES = {NUMBER: _number, TIME: _time}


def span_of(column: Column, text: str) -> Span:
    """Read a value, or a network, to look for: its first value and its last, as the core counts.

    Raises
    ------
    ValueError
        For what is no value of the column's kind. One that is too small or too large is.
    """
    if column.kind in _SPANS:
        return _SPANS[column.kind](column, text)
    value = _VALUES[column.kind](column, text)
    return value, value


def value_of(column: Column, text: str) -> int:
    """Read one value to compare with; raises as `span_of`, and for a network."""
    if column.kind in _SPANS and "/" in text:
        raise ValueError(f"{column.name}: {quoted(text)} is a network: write {column.name} in {text[:50]}")
    return span_of(column, text)[0]
