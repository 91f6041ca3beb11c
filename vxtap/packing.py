"""Outputs that are compressed, by the suffix of their names."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from vxtap.codecs import codec_of_name, missing
from vxtap.errors import OptionError, UnsupportedError
from vxtap.sink import Sink

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from vxtap.codecs import Codec
    from vxtap.sink import Target

# Seconds after which what comes from a pipe, or is followed, is brought into the file, as far as it has come.
_PAUSE = 1.0


def codec_for(target: Target) -> tuple[Codec | None, str]:
    """The compression of an output and the name without its suffix, of which the format is known; '' for no path.

    Raises
    ------
    OptionError
        For a compression that is not written.
    """
    if not isinstance(target, str | os.PathLike):
        return None, ""
    path = os.fsdecode(os.fspath(target))
    codec = codec_of_name(path)
    if codec is None:
        return None, path
    if codec.encoder is None:
        advice = f"write to '-' and pipe it on, 'vxtap decap FILE -o - | {codec.name} > OUT'"
        raise OptionError(f"the output is not compressed with {codec.name}: {advice}")
    return codec, path[: -len(codec.suffix)]


def sink_for(target: Target) -> Sink:
    """An output, which is compressed where its name says so.

    Raises
    ------
    UnsupportedError
        Where the library for that is missing.
    """
    codec, _ = codec_for(target)
    return Sink(target) if codec is None else PackedSink(target, codec)


class PackedSink(Sink):
    """An output that is compressed.

    What comes live is brought into the file once a second, so that what there is can be unpacked; at once, where there
    is a reader at the other end of a pipe.

    Attributes
    ----------
    unpacked : int
        Bytes given to `write` so far; `size` are those that came of them.
    """

    def __init__(self, target: Target, codec: Codec) -> None:
        super().__init__(target)
        self._unpacked = 0
        self._settled = time.monotonic()
        assert codec.encoder is not None
        try:
            self._encoder = codec.encoder()
        except ImportError:
            raise UnsupportedError(f"{self.name}: {missing(codec)}") from None

    @property
    def unpacked(self) -> int:
        """Bytes given to `write` so far."""
        return self._unpacked

    def write(self, data: Buffer) -> None:
        """Write all of it, as far as it is packed by now."""
        view = memoryview(data).cast("B")
        if not view:
            return
        self._unpacked += len(view)
        super().write(self._encoder.pack(view))
        if not self.whole_pages:
            self._settle()

    def _settle(self) -> None:
        now = time.monotonic()
        if now - self._settled >= _PAUSE or not self.is_own_file:
            self._settled = now
            super().write(self._encoder.settle())

    def commit(self) -> None:
        """All is written: end what is packed, and let the file take its name."""
        super().write(self._encoder.finish())
        super().commit()
