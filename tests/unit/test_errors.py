"""The exceptions: which is which, and what they carry."""

from __future__ import annotations

import pickle

import pytest

import vxtap
from build import pcap

HUGE = bytes(8) + b"\xff" * 8  # the header of a record of 4 GiB


def test_error_classes() -> None:
    assert issubclass(vxtap.TruncatedError, vxtap.FormatError)
    assert issubclass(vxtap.FormatError, ValueError)
    assert issubclass(vxtap.OptionError, ValueError)
    assert not issubclass(vxtap.UnsupportedError, ValueError)
    for name in ("FormatError", "TruncatedError", "UnsupportedError", "OptionError"):
        assert issubclass(getattr(vxtap, name), vxtap.VxtapError)
    assert not issubclass(vxtap.VxtapError, OSError)


def test_errors_pickle() -> None:
    """They cross processes whole."""
    for data in (b"", pcap([(0, bytes(60))]) + HUGE, pcap(version=(3, 0)), b"BZh9"):
        with pytest.raises(vxtap.VxtapError) as caught:
            vxtap.read(data)
        copy = pickle.loads(pickle.dumps(caught.value))
        assert (type(copy), str(copy)) == (type(caught.value), str(caught.value))
        if isinstance(caught.value, vxtap.FormatError | vxtap.UnsupportedError):
            assert (copy.status, copy.offset) == (caught.value.status, caught.value.offset)
