"""What can go wrong with a file or an option. A bad frame is data (`Status`), never an exception."""

from __future__ import annotations

from vxtap import _facts


class VxtapError(Exception):
    """Base of all errors that vxtap raises itself. Errors of the file system pass through as `OSError`."""


class OptionError(VxtapError, ValueError):
    """An option or argument that makes no sense, or two that do not go together."""


class UnsupportedError(VxtapError):
    """Something that could be meant, but that vxtap does not do.

    Attributes
    ----------
    status, offset : int or None
        As of a `FormatError`, where it is a file that says so; None where it is not about a place in a file.
    """

    def __init__(self, message: str, status: int | None = None, offset: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.offset = offset

    def __reduce__(self) -> tuple[type[UnsupportedError], tuple[str, int | None, int | None]]:
        """Pickle with all three arguments, so that it can cross processes."""
        return type(self), (str(self), self.status, self.offset)


class FormatError(VxtapError, ValueError):
    """A file that is not a capture, or is damaged from some byte on.

    Attributes
    ----------
    status : int
        The `Status` that says what is wrong.
    offset : int
        Where in the (decompressed) file the record or block starts that cannot be read.
    """

    def __init__(self, message: str, status: int, offset: int) -> None:
        super().__init__(message)
        self.status = status
        self.offset = offset

    def __reduce__(self) -> tuple[type[FormatError], tuple[str, int, int]]:
        """Pickle with all three arguments, so that it can cross processes."""
        return type(self), (str(self), self.status, self.offset)


class TruncatedError(FormatError):
    """A file that ends where it must not: within its own header, or, with ``strict=True``, within a record."""


_CLASSES: dict[str, type[FormatError | UnsupportedError]] = {
    "FORMAT": FormatError,
    "TRUNCATED": TruncatedError,
    "UNSUPPORTED": UnsupportedError,
}
_STATUS = {value: (family, slug, text) for _, value, family, slug, text in _facts.tables()["status"]}

# What a person can do about it, where there is something to say.
_ADVICE = {
    "bad_record": "it is damaged from here on",
    "bad_block": "it is damaged from here on",
    "empty": "the collector may have failed to start",
}


def fault(name: str, status: int, offset: int, frames: int, found: str = "") -> VxtapError:
    """Build the error for a fault that the core met in a file.

    Parameters
    ----------
    name : str
        The file, for people.
    status, offset : int
        What is wrong, and the byte at which the record or block starts.
    frames : int
        How many frames came before it.
    found : str
        The first bytes of what is there instead, for people.
    """
    family, slug, text = _STATUS[status]
    where = f"byte {offset:,}, after frame {frames:,}: " if offset or frames else ""
    advice = _ADVICE.get(slug, "")
    message = f"{name}: {where}{text}" + (f": {found}" if found else "") + (f" ({advice})" if advice else "")
    return _CLASSES[family](message, status, offset)
