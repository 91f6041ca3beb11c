"""Rows that are alike in some columns, found exactly and fast: mostly they come in runs."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    Array = np.ndarray[Any, np.dtype[Any]]

_WORD = 8
# Odd and random: who sends the packets must not know which words give one number.
_MOST_WORDS = 16
_FACTORS = [np.uint64(secrets.randbits(64) | 1) for _ in range(_MOST_WORDS)]


def words_of(column: Array) -> list[Array]:
    """A column as 64-bit words that are equal where it is: two of a V16, one of a V6 or of integers.

    Parameters
    ----------
    column : numpy.ndarray
        One dimension, of dtype V16, V6 or an unsigned integer.

    Returns
    -------
    list of numpy.ndarray of u8
        Memory of their own.
    """
    if column.dtype.kind != "V":
        return [column.astype(np.uint64)]
    size = column.dtype.itemsize
    raw = np.ascontiguousarray(column).view(np.uint8).reshape(-1, size)
    if size % _WORD:
        padded = np.zeros((column.size, -(-size // _WORD) * _WORD), np.uint8)
        padded[:, :size] = raw
        raw = padded
    words = raw.view(np.uint64)
    return [np.ascontiguousarray(words[:, i]) for i in range(words.shape[1])]


def group(columns: Sequence[Array]) -> tuple[Array, Array]:
    """Tell which rows are alike in all columns.

    Parameters
    ----------
    columns : sequence of numpy.ndarray
        As for `words_of`, all of one length.

    Returns
    -------
    first : numpy.ndarray of int
        The first row of each group, in rising order.
    inverse : numpy.ndarray of int
        For each row the number of its group, an index into `first`.
    """
    words = [word for column in columns for word in words_of(column)]
    count = words[0].size
    begins = np.zeros(count, np.bool_)
    begins[:1] = True
    for word in words:
        begins[1:] |= word[1:] != word[:-1]
    starts = np.flatnonzero(begins)  # of runs: the rest is as the row before
    first, codes = _group_runs([word[starts] for word in words])
    order = np.argsort(first)
    places = np.empty_like(order)
    places[order] = np.arange(order.size)
    return starts[first[order]], np.repeat(places[codes], np.diff(starts, append=count))


def _group_runs(words: list[Array]) -> tuple[Array, Array]:
    """The same for words: by one number made of all, where that tells them apart, as it nearly always does."""
    mixed = np.zeros(words[0].size, np.uint64)
    for word, factor in zip(words, _FACTORS, strict=False):
        mixed += word * factor
    _, first, codes = np.unique(mixed, return_index=True, return_inverse=True)
    if all((word == word[first][codes]).all() for word in words):
        return first, codes
    codes = np.zeros(mixed.size, np.int64)
    for word in words:
        more = np.unique(word, return_inverse=True)[1]
        codes = np.unique(codes * (int(more.max()) + 1) + more, return_inverse=True)[1]
    return np.unique(codes, return_index=True)[1], codes
