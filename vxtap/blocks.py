"""The blocks of zstd and lz4 frames: they are unpacked one by one, so that what comes before a damage is not lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import TypeAlias

    from typing_extensions import Buffer

    #: Reads the headers within a frame: gives how many bytes are to be passed (the content of a block, which ends
    #: there) and how many of the header behind them it wants to see; is sent those. (0, 0) at the end.
    Grammar: TypeAlias = Generator[tuple[int, int], bytes, None]

_MIB = 1 << 20


class DamagedError(Exception):
    """What is compressed cannot be unpacked any further.

    Attributes
    ----------
    data : bytes
        What was unpacked before the damage, and has not been given yet.
    """

    def __init__(self, reason: str, data: bytes = b"") -> None:
        super().__init__(reason)
        self.data = data


class RefusedError(Exception):
    """What is compressed is sound as far as one sees, and is not unpacked all the same."""


class Decompressor(Protocol):
    """What the libraries have: the decompressor of PEP 784, and of lz4."""

    @property
    def eof(self) -> bool:
        """The frame is at its end."""

    @property
    def unused_data(self) -> bytes | None:
        """What was given and lies behind the end."""

    def decompress(self, data: Buffer, max_length: int) -> bytes:
        """Unpack at most so much; the rest of the data is kept for the next call."""


class Blocks:
    """A frame, unpacked block by block: a library gives nothing of a call that fails, whatever came before.

    Parameters
    ----------
    frame : Decompressor
        Of this one frame.
    grammar : generator
        Reads its headers.
    error : type
        What the library raises.
    """

    def __init__(self, frame: Decompressor, grammar: Grammar, error: type[Exception]) -> None:
        self._frame = frame
        self._error = error
        self._grammar = grammar
        self._pass, self._look = next(grammar)
        self._head = b""
        self._input = memoryview(b"")
        self._more = False  # there may be more to come of what it was given

    @property
    def eof(self) -> bool:
        """Whether it has come to the end."""
        return self._frame.eof

    @property
    def unused(self) -> bytes:
        """What was fed and lies behind the end."""
        return (self._frame.unused_data or b"") + self._input

    def feed(self, data: bytes) -> None:
        """Take more of what is packed, after all before it was read."""
        self._input = memoryview(data)

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none where it has to be fed, or is at the end."""
        data = b""
        try:
            while not data and not self._frame.eof and (self._more or self._input):
                given = 0 if self._more else self._next_block()
                block, self._input = self._input[:given], self._input[given:]
                data = self._frame.decompress(block, size)
                self._more = len(data) == size  # of lz4 some may wait that `needs_input` does not tell of
        except self._error as error:
            raise DamagedError(str(error)) from None
        return data

    def _next_block(self) -> int:
        """How many bytes of the input there are to the end of a block, or in all."""
        at, count = 0, len(self._input)
        while at < count:
            if self._pass:
                step = min(self._pass, count - at)
                self._pass -= step
                return at + step
            if not self._look:  # behind the end as it is seen here: the library has its own view of that
                return count
            step = min(self._look - len(self._head), count - at)
            self._head += self._input[at : at + step]
            at += step
            if len(self._head) == self._look:
                self._pass, self._look = self._grammar.send(self._head)
                self._head = b""
                if not self._look and not self._pass:
                    return at
        return at


def zstd_blocks(most: int) -> Grammar:
    """Of a zstd frame (RFC 8878), which is refused where it asks for a window of more than `most` bytes."""
    flags = (yield 0, 5)[4]
    single = flags >> 5 & 1
    wide = (single, 2, 4, 8)[flags >> 6]
    named = (0, 1, 2, 4)[flags & 3]
    head = yield 0, (1 - single) + named + wide
    window = int.from_bytes(head[len(head) - wide :], "little") + (256 if wide == 2 else 0)
    if not single:
        window = (1 << 10 + (head[0] >> 3)) // 8 * (8 + (head[0] & 7))
    if window > most:
        raise RefusedError(f"with a window of {window // _MIB:,} MiB, of which {most // _MIB:,} are taken")
    if named and any(head[1 - single :][:named]):
        raise RefusedError("with a dictionary, which is not in the file")
    passed, last = 0, 0
    while not last:
        block = int.from_bytes((yield passed, 3), "little")
        last = block & 1
        passed = 1 if block >> 1 & 3 == 1 else block >> 3  # of one byte, repeated, it is the number
    checksum = 4 * (flags >> 2 & 1)
    yield passed, checksum
    if checksum:
        yield 0, 0


def lz4_blocks() -> Grammar:
    """Of an lz4 frame (version 1 of its format)."""
    flags = (yield 0, 6)[4]
    if flags & 1:
        raise RefusedError("with a dictionary, which is not in the file")
    yield 0, 8 * (flags >> 3 & 1) + 1  # how long the content is, and a checksum of the header
    passed, size = 0, 1
    while size:
        size = int.from_bytes((yield passed, 4), "little") & 0x7FFFFFFF
        passed = size + 4 * (flags >> 4 & 1)
    if flags >> 2 & 1:
        yield 0, 4
    yield 0, 0
