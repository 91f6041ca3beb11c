"""Rows that are alike in some columns, found exactly and fast: mostly they come in runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    Array = np.ndarray[Any, np.dtype[Any]]

_WORD, _MAC = 8, 6


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
        A row of each group.
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
    codes = np.zeros(starts.size, np.int64)
    for word in words:
        part = word[starts]
        if part.size and (part != part[0]).any():
            more = np.unique(part, return_inverse=True)[1]
            codes = np.unique(codes * (int(more.max()) + 1) + more, return_inverse=True)[1]
    found = np.unique(codes, return_index=True)[1]
    return starts[found], np.repeat(codes, np.diff(starts, append=count))
