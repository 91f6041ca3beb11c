"""Addresses as text and back, over whole columns: millions a second, in C."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from vxtap import _facts
from vxtap.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    Array = np.ndarray[Any, np.dtype[Any]]
    Scalar = np.void | bytes

_IP, _MAC = 16, 6
_MAC_TEXT = 17
_KINDS = {_IP: "IP", _MAC: "MAC"}
_IPV4_PREFIX = 96  # of the 128 bits, those before an IPv4 address


def _as_column(values: Array | Scalar | Sequence[bytes], size: int) -> Array:
    """The values as a contiguous V16 or V6 array of any shape."""
    if isinstance(values, bytes | bytearray):
        values = np.void(bytes(values))
    if isinstance(values, list | tuple):
        values = _join(values, size)
    column = np.asarray(values)
    if column.dtype == object:
        column = _join(column.ravel().tolist(), size).reshape(column.shape)
    if column.dtype != np.dtype(f"V{size}"):
        raise OptionError(
            f"expected {_KINDS[size]} addresses of dtype V{size}, a column of the record, got dtype {column.dtype}"
        )
    return np.ascontiguousarray(column).reshape(column.shape)


def _join(values: Sequence[object], size: int) -> Array:
    """Addresses one by one as a column. Not by np.asarray, whose S type drops trailing zeros."""
    each = [value.tobytes() if isinstance(value, np.void) else value for value in values]
    if any(not isinstance(value, bytes | bytearray) or len(value) != size for value in each):
        return np.asarray(values)
    return np.frombuffer(b"".join(each), f"V{size}")  # type: ignore[arg-type]


def _raw(array: Array) -> memoryview:
    return memoryview(array.reshape(-1).view(np.uint8))


def _format(values: Array | Scalar | Sequence[bytes], size: int) -> Any:
    column = _as_column(values, size)
    raw = _raw(column)
    width = _facts.text_width(raw, size, column.size) if size == _IP else _MAC_TEXT
    texts = np.empty(column.shape, f"U{width}")
    _facts.format_addresses(raw, size, column.size, size, _raw(texts), width)
    return str(texts[()]) if column.ndim == 0 else texts


def _parse(texts: str | Sequence[str] | Array, size: int) -> Any:
    array = np.asarray(texts)
    if array.size == 0:
        return np.empty(array.shape, f"V{size}")
    if array.dtype.kind == "T":  # numpy's variable-width strings
        array = np.asarray(array.tolist(), np.str_)
    if array.dtype.kind != "U":
        raise OptionError(f"expected {_KINDS[size]} addresses as text, got dtype {array.dtype}")
    array = np.require(array, array.dtype.newbyteorder("="), ["C", "A"])
    width = array.dtype.itemsize // 4
    column = np.empty(array.shape, f"V{size}")
    flat = array.reshape(-1)
    done = _facts.parse_addresses(_raw(flat), width, array.size, size, _raw(column))
    if done < array.size:
        where = f" (number {done + 1:,} of {array.size:,})" if array.ndim else ""
        article = "an" if size == _IP else "a"
        raise OptionError(f"not {article} {_KINDS[size]} address: {str(flat[done])!r}{where}")
    return column[()] if array.ndim == 0 else column


def end_text(address: str, port: int) -> str:
    """One end of a conversation for people: an address as text, and a port."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@overload
def format_ip(addresses: Scalar) -> str: ...
@overload
def format_ip(addresses: Array | Sequence[bytes]) -> Array: ...
def format_ip(addresses: Array | Scalar | Sequence[bytes]) -> Any:
    """Write IP addresses as text: IPv4 dotted, IPv6 by RFC 5952.

    Parameters
    ----------
    addresses : numpy.ndarray of V16, numpy.void or bytes
        A column of the record of any shape, or one address; 16 bytes each, in network order, IPv4 as
        ``::ffff:a.b.c.d``.

    Returns
    -------
    numpy.ndarray of str, or str
        New memory, of the same shape.

    Raises
    ------
    OptionError
        For anything but 16-byte addresses.
    """
    return _format(addresses, _IP)


@overload
def parse_ip(texts: str) -> np.void: ...  # type: ignore[overload-overlap]
@overload
def parse_ip(texts: Sequence[str] | Array) -> Array: ...
def parse_ip(texts: str | Sequence[str] | Array) -> Any:
    """Read IP addresses from text, to compare columns with.

    Parameters
    ----------
    texts : str, sequence of str, or numpy.ndarray of str
        IPv4 or IPv6, without a zone or a prefix length; no leading zeros in IPv4.

    Returns
    -------
    numpy.void, or numpy.ndarray of V16
        16 bytes each, in network order, IPv4 as ``::ffff:a.b.c.d``.

    Raises
    ------
    OptionError
        Naming the first text that is no address.
    """
    return _parse(texts, _IP)


@overload
def format_mac(addresses: Scalar) -> str: ...
@overload
def format_mac(addresses: Array | Sequence[bytes]) -> Array: ...
def format_mac(addresses: Array | Scalar | Sequence[bytes]) -> Any:
    """Write MAC addresses as text, like ``02:00:5e:10:00:01``.

    Parameters
    ----------
    addresses : numpy.ndarray of V6, numpy.void or bytes

    Returns
    -------
    numpy.ndarray of str, or str
        New memory, of the same shape.

    Raises
    ------
    OptionError
        For anything but 6-byte addresses.
    """
    return _format(addresses, _MAC)


@overload
def parse_mac(texts: str) -> np.void: ...  # type: ignore[overload-overlap]
@overload
def parse_mac(texts: Sequence[str] | Array) -> Array: ...
def parse_mac(texts: str | Sequence[str] | Array) -> Any:
    """Read MAC addresses from text: six bytes in hex, with ':' or '-' between them.

    Parameters
    ----------
    texts : str, sequence of str, or numpy.ndarray of str

    Returns
    -------
    numpy.void, or numpy.ndarray of V6

    Raises
    ------
    OptionError
        Naming the first text that is no address.
    """
    return _parse(texts, _MAC)


def in_network(addresses: Array, network: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Tell which addresses of a column lie in a network.

    Parameters
    ----------
    addresses : numpy.ndarray of V16
        A column of the record, of any shape.
    network : str
        Like ``10.90.0.0/24`` or ``fd00::/8``; host bits are ignored; without a prefix length, one address.

    Returns
    -------
    numpy.ndarray of bool
        Of the same shape. An IPv4 network matches IPv4 addresses only; ``::/0`` matches all.

    Raises
    ------
    OptionError
        Where the text is no network.
    """
    try:
        parsed = ipaddress.ip_network(network, strict=False)
    except ValueError as error:
        raise OptionError(f"not a network: {error}") from None
    column = _as_column(addresses, _IP)
    bits = parsed.prefixlen + (_IPV4_PREFIX if parsed.version == 4 else 0)
    base = parse_ip(str(parsed.network_address))
    mask = np.frombuffer((((1 << bits) - 1) << (128 - bits)).to_bytes(16, "big"), np.uint64)
    words = column.reshape(-1).view(np.uint64).reshape(-1, 2)
    wanted = np.frombuffer(base.tobytes(), np.uint64) & mask
    inside = np.ones(len(words), np.bool_)
    for i in range(2):
        if mask[i]:
            inside &= (words[:, i] & mask[i]) == wanted[i]
    return inside.reshape(column.shape)
