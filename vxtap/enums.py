"""The names that the C core gives to values, as enums. They are made from the core's tables, so nothing can drift."""

from __future__ import annotations

from enum import IntEnum, IntFlag

from vxtap import _facts

#: The core's table behind each enum.
ENUMS = (("status", "Status"), ("flag", "Flag"), ("tunnel", "Tunnel"), ("link_type", "LinkType"))


def _members(table: str) -> list[tuple[str, int]]:
    return [(name, value) for name, value, *_ in _facts.tables()[table]]


Status = IntEnum("Status", _members("status"), module=__name__)
Flag = IntFlag("Flag", _members("flag"), module=__name__)
Tunnel = IntEnum("Tunnel", _members("tunnel"), module=__name__)
LinkType = IntEnum("LinkType", _members("link_type"), module=__name__)
Status.__doc__ = "The outcome of a frame (the column `status`), what a call wants next, or what is wrong with a file."
Flag.__doc__ = "Bits of the column `flags`."
Tunnel.__doc__ = "Values of the column `tunnel`."
LinkType.__doc__ = "Link types that are read, with their numbers in files."
