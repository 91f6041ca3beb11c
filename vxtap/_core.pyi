"""Stubs of the border."""

from typing import TypedDict, final

from typing_extensions import Buffer

class Wanted(TypedDict):
    ports: tuple[tuple[int, int], ...]
    vnis: tuple[int, ...]
    gre: int
    depth: int
    once: bool
    partial: bool
    plain: bool
    where: tuple[bytes, bytes, int] | None
    fragment_timeout: int
    fragment_memory: int

class Pass:
    @property
    def frames(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def fault_offset(self) -> int: ...
    @property
    def outcomes(self) -> list[int]: ...
    @property
    def kept(self) -> list[int]: ...
    @property
    def times(self) -> tuple[int, int, int]: ...
    @property
    def format(self) -> tuple[int, bool, int, int, int, int]: ...
    def interfaces(self) -> tuple[list[tuple[int, int, int, int, int, bytes, int]], int]: ...
    def tunnels(self) -> tuple[list[tuple[int, int, bytes, bytes, int, int, int]], int]: ...
    @property
    def unreachables(self) -> int: ...
    def counters(self, ports: bool) -> tuple[list[tuple[int, int]], int]: ...
    can_recall: bool
    stop: int
    @property
    def history(self) -> tuple[int, int]: ...
    def recall(self, src: Buffer) -> None: ...
    def drain(self) -> None: ...
    def end(self, left: int) -> tuple[int, int]: ...
    def next_file(self, left: int) -> None: ...

@final
class Scanner(Pass):
    def __new__(
        cls,
        wanted: Wanted,
        *,
        source: int,
        level: int,
        skipped_rows: bool,
        columns: list[tuple[int, int, int]],
        row_size: int,
        census: bool = False,
        seed: int = 0,
    ) -> Scanner: ...
    def scan(
        self, src: Buffer, start: int, end: int, dst: Buffer, row: int, pieces: Buffer | None = None
    ) -> tuple[int, int, int]: ...
    @property
    def pieces_used(self) -> int: ...
    def begin_pieces(self) -> None: ...

@final
class Rewriter(Pass):
    def __new__(
        cls,
        wanted: Wanted,
        *,
        pcapng: bool,
        keep_others: bool,
        ethernet: bool = False,
        nano: bool = False,
        census: bool = True,
        seed: int = 0,
    ) -> Rewriter: ...
    def rewrite(self, src: Buffer, start: int, end: int, dst: Buffer | None) -> tuple[int, int, int]: ...
    def end_output(self) -> bytes: ...
    @property
    def times_rounded(self) -> int: ...
    @property
    def times_lost(self) -> int: ...
