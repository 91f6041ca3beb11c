"""Stubs of the border to merging."""

from collections.abc import Sequence
from typing import final

from typing_extensions import Buffer

ROW_SIZE: int
IDENTIFIED_SIZE: int

@final
class Merger:
    def __init__(
        self,
        lanes: int,
        *,
        window: int,
        memory: int,
        seed: int,
        frames: bool = True,
        dedup: int | None = None,
        identify: bool = False,
        mark: bool = False,
    ) -> None: ...
    @property
    def wanted(self) -> int | None: ...
    @property
    def times(self) -> tuple[int, int]: ...
    @property
    def counts(self) -> list[tuple[int, int, int, int]]: ...
    @property
    def twins(self) -> tuple[int, int, int]: ...
    def push(
        self,
        number: int,
        rows: Buffer,
        begin: int,
        end: int,
        window: Buffer,
        window_end: int,
        offset: int,
        pieces: Buffer,
        piece: int,
        pieces_end: int,
    ) -> tuple[int, int]: ...
    def ended(self, number: int) -> None: ...
    def set_fine(self, number: int, fine: bool) -> None: ...
    def set_clock(self, number: int, knots: Sequence[tuple[int, int]]) -> None: ...
    def begin_output(self, *, pcapng: bool, ethernet: bool, nano: bool) -> None: ...
    def rows(self, dst: Buffer) -> tuple[int, int]: ...
    def capture(self, dst: Buffer) -> tuple[int, int]: ...
    def end_output(self) -> bytes: ...
    def pairs(self) -> tuple[list[tuple[int, int, int, int, int, list[int]]], int]: ...
    def vantages(self) -> list[tuple[int, int, bytes, int]]: ...

def delay_least(bin: int) -> int: ...
