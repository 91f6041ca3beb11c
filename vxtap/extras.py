"""Libraries that come with an extra: found when they are needed, and named where they are missing."""

from __future__ import annotations

import sys
from typing import Any

from vxtap.errors import UnsupportedError


def need(module: str, *, extra: str) -> Any:
    """Import a library that not everybody has.

    Parameters
    ----------
    module : str
        Its name, such as 'pyarrow'.
    extra : str
        Of vxtap, which brings it.

    Returns
    -------
    module
        The module of that name, within a package too.

    Raises
    ------
    UnsupportedError
        Where it is not installed, saying how it is had.
    """
    try:
        __import__(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:  # it is there, and lacks something itself
            raise
        raise UnsupportedError(
            f"{package} is needed for this, and not installed: pip install 'vxtap[{extra}]'"
        ) from None
    return sys.modules[module]
