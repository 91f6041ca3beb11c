"""Rows that are alike: as comparing every row with every other tells it."""

from __future__ import annotations

import numpy as np
import pytest

from vxtap import groups


def column(values: list[int], kind: str) -> np.ndarray:
    if kind.startswith("V"):
        size = int(kind[1:])
        return np.frombuffer(b"".join(value.to_bytes(size, "big") for value in values), kind)
    return np.array(values, kind)


def check(columns: list[np.ndarray]) -> None:
    rows = list(zip(*(one.tolist() for one in columns), strict=True))
    first, inverse = groups.group(columns)
    assert inverse.size == len(rows)
    assert first.tolist() == sorted(rows.index(row) for row in set(rows))
    assert len({rows[i] for i in first}) == len(first) == len(set(rows))
    assert [rows[i] for i in first[inverse]] == rows


COLUMNS = [
    pytest.param([[5]], ["u4"], id="one row"),
    pytest.param([[5, 5, 5], [1, 1, 1]], ["u4", "V16"], id="all alike"),
    pytest.param([[1, 1, 2, 2, 1], [3, 3, 3, 4, 3]], ["u1", "u4"], id="runs"),
    pytest.param([[1 << 127, 1, 1 << 64, 1 << 63, 0, 1]], ["V16"], id="either half of an address"),
    pytest.param([[1 << 47, 1, 1 << 47, 0]], ["V6"], id="MACs"),
    pytest.param([[2**63, 0, 2**63, 0], [2**63, 0, 0, 2**63]], ["u8", "u8"], id="top bits"),
]


@pytest.mark.parametrize("ours", [True, False], ids=["random factors", "factors that tell nothing"])
@pytest.mark.parametrize(("values", "kinds"), COLUMNS)
def test_small(values: list[list[int]], kinds: list[str], ours: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not ours:
        monkeypatch.setattr(groups, "_FACTORS", [np.uint64(0)] * 16)
    check([column(one, kind) for one, kind in zip(values, kinds, strict=True)])


@pytest.mark.parametrize("distinct", [1, 3, 50, 100_000])
def test_many(distinct: int) -> None:
    random = np.random.default_rng(1)
    check([column(random.integers(0, distinct, 2000).tolist(), kind) for kind in ("V16", "u4", "V6")])


def test_more_words_than_factors() -> None:
    same = np.zeros(4, "u8")
    check([*[same] * 20, np.array([1, 2, 1, 2], "u8")])
