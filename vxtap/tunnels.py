"""Which tunnels are looked for: names as people type them, into ports and kinds for the core."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vxtap import _facts
from vxtap.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable

_UDP = {name: (value, port) for name, value, carrier, port in _facts.tunnels() if carrier == "UDP"}
_GRE: dict[str, int] = {}
for _name, _value, _carrier, _ in _facts.tunnels():
    if _carrier == "GRE":
        _GRE[_name] = _GRE.get(_name, 0) | 1 << _value

#: Every name of the option `tunnels` that can stand beside others.
TUNNELS: tuple[str, ...] = (*_UDP, *_GRE)
#: The one that cannot: frames are not looked into.
PLAIN: str = next(name for name, _, carrier, _ in _facts.tunnels() if carrier == "NONE")
#: The tunnel that `ports` is for.
VXLAN = "vxlan"


class Found(NamedTuple):
    """For the core: (UDP port, tunnel) in the order in which they are tried, a bit for each kind of GRE, or neither."""

    ports: tuple[tuple[int, int], ...]
    gre: int
    plain: bool = False


def _port(text: str, item: str) -> int:
    if not (text.isdecimal() and text.isascii() and 1 <= int(text) <= 0xFFFF):
        raise OptionError(f"tunnels: {item!r}: expected a port within 1 to 65535 behind the colon")
    return int(text)


def _names(tunnels: Iterable[str]) -> list[str]:
    try:
        items = [tunnels] if isinstance(tunnels, str) else list(tunnels)
        names = [part.strip().lower().replace("_", "-") for item in items for part in item.split(",")]
    except (TypeError, AttributeError):
        raise OptionError(f"tunnels: expected names of tunnels, got {tunnels!r}") from None
    if not names:
        raise OptionError("tunnels: none were given")
    return names


def find_tunnels(tunnels: Iterable[str], vxlan_ports: tuple[int, ...]) -> Found:
    """Read names such as ``("vxlan", "geneve:6081", "gre")``.

    Parameters
    ----------
    tunnels : str or iterable of str
        Names of `TUNNELS`, in any case, ``_`` as good as ``-``, several in one text with commas between them. One over
        UDP may name a port of its own; named several times, it has several. Or `PLAIN` alone.
    vxlan_ports : tuple of int
        Those of VXLAN, where it is among them and has none of its own.

    Raises
    ------
    OptionError
        For an unknown name, a port that is none, one that two tunnels claim, or more than fit; `PLAIN` beside others.
    """
    ports: dict[int, str] = {}
    gre = 0
    names = _names(tunnels)
    if set(names) == {PLAIN}:
        return Found((), 0, plain=True)
    for item in names:
        name, colon, text = item.partition(":")
        if name == PLAIN:
            raise OptionError(f"tunnels: {PLAIN!r} is for plain captures, without a port or a tunnel beside it")
        if name not in TUNNELS:
            raise OptionError(f"tunnels: there is no {name!r}: there are {', '.join(TUNNELS)}, and {PLAIN} alone")
        if name in _GRE:
            if colon:
                raise OptionError(f"tunnels: {item!r}: GRE is no UDP and has no port")
            gre |= _GRE[name]
            continue
        if colon:
            claimed: tuple[int, ...] = (_port(text, item),)
        else:
            claimed = vxlan_ports if name == VXLAN else (_UDP[name][1],)
        for port in claimed:
            if ports.setdefault(port, name) != name:
                raise OptionError(f"tunnels: port {port} cannot be both {ports[port]} and {name}")
    if len(ports) > _facts.MAX_PORTS:
        raise OptionError(f"ports: {len(ports)} are more than {_facts.MAX_PORTS}")
    return Found(tuple((port, _UDP[name][0]) for port, name in ports.items()), gre)
