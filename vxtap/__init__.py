"""vxtap: the inner traffic of mirrored captures.

Strip the outer headers of VXLAN-mirrored traffic: as numpy records (`read`,
`open`), or as a capture of the inner frames (`decap`, `merge`). Names are loaded on first use (PEP 562), so that
``import vxtap`` and the command cost little more than the interpreter.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vxtap._version import __version__

if TYPE_CHECKING:
    from vxtap.address import format_ip, format_mac, in_network, parse_ip, parse_mac
    from vxtap.arrow import Scan, scan
    from vxtap.capture import Capture, open
    from vxtap.checkup import health
    from vxtap.community import community_id
    from vxtap.comparing import compare
    from vxtap.comparison import Comparison
    from vxtap.conversations import flows
    from vxtap.conversion import convert
    from vxtap.convert_report import ConvertReport
    from vxtap.enums import Flag, LinkType, Status, Tunnel
    from vxtap.errors import FormatError, OptionError, TruncatedError, UnsupportedError, VxtapError
    from vxtap.health_report import Health
    from vxtap.layout import FLOW, PACKET
    from vxtap.merge_report import MergeReport
    from vxtap.merging import Merged, merge
    from vxtap.options import Options
    from vxtap.reading import read
    from vxtap.report import Report
    from vxtap.rewrite import decap
    from vxtap.source import Split
    from vxtap.splits import plan
    from vxtap.survey import info

__all__ = [
    "FLOW",
    "PACKET",
    "Capture",
    "Comparison",
    "ConvertReport",
    "Flag",
    "FormatError",
    "Health",
    "LinkType",
    "MergeReport",
    "Merged",
    "OptionError",
    "Options",
    "Report",
    "Scan",
    "Split",
    "Status",
    "TruncatedError",
    "Tunnel",
    "UnsupportedError",
    "VxtapError",
    "__version__",
    "community_id",
    "compare",
    "convert",
    "decap",
    "flows",
    "format_ip",
    "format_mac",
    "health",
    "in_network",
    "info",
    "merge",
    "open",
    "parse_ip",
    "parse_mac",
    "plan",
    "read",
    "scan",
]

_HOMES = {
    "address": ("format_ip", "format_mac", "in_network", "parse_ip", "parse_mac"),
    "arrow": ("Scan", "scan"),
    "checkup": ("health",),
    "health_report": ("Health",),
    "capture": ("Capture", "open"),
    "reading": ("read",),
    "community": ("community_id",),
    "conversations": ("flows",),
    "conversion": ("convert",),
    "convert_report": ("ConvertReport",),
    "rewrite": ("decap",),
    "errors": ("FormatError", "OptionError", "TruncatedError", "UnsupportedError", "VxtapError"),
    "survey": ("info",),
    "layout": ("FLOW", "PACKET"),
    "comparing": ("compare",),
    "comparison": ("Comparison",),
    "merge_report": ("MergeReport",),
    "merging": ("Merged", "merge"),
    "source": ("Split",),
    "splits": ("plan",),
    "options": ("Options",),
    "report": ("Report",),
    "enums": ("Flag", "LinkType", "Status", "Tunnel"),
}
# Modules that are used by their own name, as `vxtap.arrow.schema`.
_PARTS = ("arrow", "dask", "polars", "where")
_MODULES = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name from its module, once."""
    if name in _PARTS:
        return import_module(f"vxtap.{name}")
    if name not in _MODULES:
        raise AttributeError(f"module 'vxtap' has no attribute {name!r}")
    value = getattr(import_module(f"vxtap.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted((*__all__, *_PARTS))
