"""Predicates as text: a tree (`oracle_predicates`) is written in one of very many ways, all of which mean the same."""

from __future__ import annotations

import datetime
import ipaddress
import random
from typing import Any

import vxtap
from oracle_predicates import And, Chain, Column, In, Masked, Not, Number, Operand, Or, Span, Tree

IP_COLUMNS = ("outer_src", "outer_dst", "src", "dst")
MAC_COLUMNS = ("eth_src", "eth_dst")
NAMES: dict[str, dict[str, int]] = {
    "flags": {flag.name: flag.value for flag in vxtap.Flag if flag.name},
    "tunnel": {tunnel.name: tunnel.value for tunnel in vxtap.Tunnel},
    "status": {"OK": 0, "NOT_IP": 1, "FILTERED": 14},
    "proto": {"ICMP": 1, "TCP": 6, "UDP": 17, "GRE": 47, "ICMPV6": 58, "SCTP": 132},
    "tcp_flags": {
        name: 1 << bit for bit, name in enumerate(("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "NS"))
    },
    "ethertype": {"IPV4": 0x0800, "ARP": 0x0806, "IPV6": 0x86DD},
}


def column_name(operand: Column | Masked) -> str:
    return operand.column.name if isinstance(operand, Masked) else operand.name


def mixed_case(rng: random.Random, name: str) -> str:
    return rng.choice([name, name.lower(), name.lower(), "".join(rng.choice([c, c.lower()]) for c in name)])


class Writer:
    """Writes a tree; what is a matter of taste is decided by a number."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.quotes = self.rng.choice(["", "", "'", '"', "any"])
        self.gap = self.rng.choice([" ", " ", " ", "  ", "\t", "\n", " \n\t "])
        self.tight = self.rng.random() < 0.4  # no space where none is needed

    def write(self, tree: Tree) -> str:
        text = self.either(tree)
        return self.rng.choice(["", "", " ", "\n"]) + text + self.rng.choice(["", "", " ", "\n"])

    def space(self) -> str:
        """Between a word or a value and a symbol."""
        return "" if self.tight and self.rng.random() < 0.8 else self.gap

    def join(self, parts: list[str], word: str) -> str:
        """Words need a space, unless a parenthesis is there."""
        text = parts[0]
        for part in parts[1:]:
            before = "" if text.endswith(")") and self.tight else self.gap
            after = "" if part.startswith("(") and self.tight else self.gap
            text += before + word + after + part
        return text

    def paren(self, text: str) -> str:
        return "(" + self.space() + text + self.space() + ")"

    def maybe(self, text: str) -> str:
        """Parentheses that change nothing."""
        return self.paren(text) if self.rng.random() < 0.15 else text

    def either(self, tree: Tree) -> str:
        if isinstance(tree, Or):
            return self.maybe(self.join([self.both(part, Or) for part in tree.parts], "or"))
        return self.both(tree, None)

    def both(self, tree: Tree, within: Any) -> str:
        """What stands beside an `or`."""
        if isinstance(tree, Or):
            inside = self.either(tree)
            # (a or b) or c is a or b or c
            return inside if within is Or and self.rng.random() < 0.3 else self.paren(inside)
        if isinstance(tree, And):
            return self.maybe(self.join([self.one(part) for part in tree.parts], "and"))
        return self.one(tree)

    def one(self, tree: Tree) -> str:
        """What stands beside an `and`, or behind a `not`."""
        if isinstance(tree, Or):
            return self.paren(self.either(tree))
        if isinstance(tree, And):
            return self.paren(self.both(tree, None))
        if isinstance(tree, Not):
            inside = self.one(tree.inner)
            tight = self.tight and inside.startswith("(")
            return self.maybe("not" + ("" if tight else self.gap) + inside)
        if isinstance(tree, In):
            return self.maybe(self.member(tree))
        return self.maybe(self.chain(tree))

    def chain(self, tree: Chain) -> str:
        names = [column_name(one) for one in tree.operands if not isinstance(one, Number)]
        text = self.operand(tree.operands[0], names[0])
        for comparison, operand in zip(tree.comparisons, tree.operands[1:], strict=True):
            text += self.space() + comparison + self.space() + self.operand(operand, names[0])
        return text

    def member(self, tree: In) -> str:
        name = column_name(tree.operand)
        values = [self.item(one, name) for one in tree.values]
        word = self.operand(tree.operand, name)
        word += "" if word.endswith(")") and self.tight else self.gap
        word += f"not{self.gap}in" if tree.negated else "in"
        if len(values) == 1 and isinstance(tree.values[0], Span) and self.rng.random() < 0.8:
            return word + (self.space() if values[0][0] in "'\"" else self.gap) + values[0]
        inside = values[0]
        for value in values[1:]:
            inside += self.space() + "," + self.space() + value
        inside += self.rng.choice(["", "", "", self.space() + ","])
        return word + self.space() + self.paren(inside)

    def item(self, item: Number | Span, name: str) -> str:
        """What stands in a list; a value of several names has no parentheses there."""
        return self.span(item, name) if isinstance(item, Span) else self.value(item.value, name, parens=0)

    def operand(self, operand: Operand, name: str) -> str:
        if isinstance(operand, Number):
            return self.value(operand.value, name)
        if isinstance(operand, Column):
            return self.paren(operand.name) if self.rng.random() < 0.05 else operand.name
        text = operand.column.name + self.space() + "&" + self.space() + self.bits(operand.bits, operand.column.name)
        return self.paren(text) if self.rng.random() < 0.3 else text

    def bits(self, bits: int, name: str, *, paren: bool = True) -> str:
        """A mask, by names where there are some."""
        there = {value: self.word(known) for known, value in NAMES.get(name, {}).items() if value & bits}
        rest = bits & ~sum(there)
        if name not in ("flags", "tcp_flags") or not there or bits < 0 or self.rng.random() < 0.3:
            return self.number(bits)
        words = list(there.values()) + ([self.number(rest)] if rest else [])
        self.rng.shuffle(words)
        text = (self.space() + "|" + self.space()).join(words)
        return self.paren(text) if paren and len(words) > 1 else text

    def number(self, value: int) -> str:
        if value < 0:
            return str(value)
        return self.rng.choice([str(value), str(value), f"{value:#x}", f"0x{value:X}", f"0x{value:08x}", f"'{value}'"])

    def value(self, value: int, name: str, parens: float = 0.3) -> str:
        """One value; several bits can be several names."""
        if name in IP_COLUMNS:
            return self.quoted(self.ip(value))
        if name in MAC_COLUMNS:
            return self.quoted(self.mac(value))
        if name == "ts":
            return self.time(value)
        for known, number in NAMES.get(name, {}).items():
            if number == value and self.rng.random() < 0.6:
                return self.word(known)
        if name in ("flags", "tcp_flags") and self.rng.random() < 0.5:
            return self.bits(value, name, paren=self.rng.random() < parens)
        return self.number(value)

    def word(self, name: str) -> str:
        """A name; one that a column has too stands in quotes."""
        text = mixed_case(self.rng, name)
        return f"'{text}'" if text.lower() in (vxtap.PACKET.names or ()) else text

    def span(self, span: Span, name: str) -> str:
        """A network by any of its addresses."""
        free = (span.last - span.first + 1).bit_length() - 1
        address = span.first + (self.rng.randrange(1 << free) if self.rng.random() < 0.2 else 0)
        if name in MAC_COLUMNS:
            return self.quoted(f"{self.mac(address)}/{48 - free}")
        if free <= 32 and address >> 32 == 0xFFFF:
            return self.quoted(f"{ipaddress.IPv4Address(address & 0xFFFFFFFF)}/{32 - free}")
        return self.quoted(f"{self.ipv6(address)}/{128 - free}")

    def ip(self, value: int) -> str:
        if value >> 32 == 0xFFFF and self.rng.random() < 0.9:
            return str(ipaddress.IPv4Address(value & 0xFFFFFFFF))
        return self.ipv6(value)

    def ipv6(self, value: int) -> str:
        address = ipaddress.IPv6Address(value)
        text = self.rng.choice([address.compressed, address.compressed, address.exploded])
        return self.rng.choice([text, text.upper()])

    def mac(self, value: int) -> str:
        text = value.to_bytes(6).hex(":")
        return self.rng.choice([text, text.upper()])

    def quoted(self, text: str) -> str:
        quote = self.rng.choice(["", "'", '"']) if self.quotes == "any" else self.quotes
        return quote + text + quote

    def time(self, ns: int) -> str:
        """Nanoseconds since 1970 as they are, or as a time of some zone."""
        if self.rng.random() < 0.2:
            return str(ns)
        zone = self.rng.choice([0, 0, 0, 60, -330, 14 * 60])
        seconds, fraction = divmod(ns, 10**9)
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds + 60 * zone)
        day, clock = moment.date().isoformat(), moment.time().isoformat()
        if not zone and not fraction and clock == "00:00:00":
            return self.quoted(day)
        digits = f"{fraction:09d}" if self.rng.random() < 0.5 else f"{fraction:09d}".rstrip("0")
        if not digits and clock.endswith(":00") and self.rng.random() < 0.5:
            clock = clock[:5]
        between = " " if self.quotes in ("'", '"') and self.rng.random() < 0.3 else "T"
        text = day + between + clock + (f".{digits}" if digits else "")
        hours, minutes = divmod(abs(zone), 60)
        sign = "-" if zone < 0 else "+"
        text += f"{sign}{hours:02d}:{minutes:02d}" if zone else self.rng.choice(["Z", "Z", "", "+00:00"])
        return self.quoted(text)
