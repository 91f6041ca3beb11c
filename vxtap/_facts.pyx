# cython: language_level=3, embedsignature=False, binding=True
"""The border to what the core knows without reading a capture: its tables and limits, and addresses as text."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint8_t, uint32_t

from vxtap._csrc cimport *

MAX_PORTS = VXT_MAX_PORTS
MAX_DEPTH = VXT_MAX_DEPTH
#: Tests of a `where`.
MAX_TESTS = VXT_MAX_TESTS
ROW_SIZE = sizeof(vxt_packet)
#: The least memory for fragments, in bytes.
FRAGMENT_MEMORY = VXT_FRAG_LEAST * sizeof(vxt_slot)


cdef list names_of(const vxt_name *row):
    rows = []
    while row.name != NULL:
        rows.append((row.name.decode(), <int>row.value, row.family.decode(), row.slug.decode(), row.text.decode()))
        row += 1
    return rows


def tables():
    """The core's tables of names: {table: [(name, value, family, slug, meaning)]}."""
    return {
        "status": names_of(vxt_status_names),
        "flag": names_of(vxt_flag_names),
        "tunnel": names_of(vxt_tunnel_names),
        "link_type": names_of(vxt_link_names),
    }


def tunnels():
    """The tunnels that can be asked for: [(name as an option, value, carrier, UDP port by default)]."""
    cdef const vxt_name *row = vxt_tunnel_names
    rows = []
    while row.name != NULL:
        rows.append((row.slug.decode(), <int>row.value, row.family.decode(), <int>row.port))
        row += 1
    return rows


def fields():
    """The record's columns: [(name, numpy kind, offset, size, level, unit, meaning)]."""
    cdef const vxt_field *row = vxt_fields
    rows = []
    while row.name != NULL:
        rows.append((row.name.decode(), row.kind.decode(), <int>row.offset, <int>row.size, <int>row.level,
                     row.unit.decode(), row.text.decode()))
        row += 1
    return rows


cdef int check_extent(size_t count, size_t stride, size_t size, size_t length) except -1:
    """Whether `count` items of `size`, `stride` apart, lie within `length`; without sums or products that overflow."""
    if count and (size > length or (count > 1 and stride and count - 1 > (length - size) // stride)):
        raise ValueError("outside of the buffer")
    return 0


def format_addresses(src, size_t stride, size_t count, size_t size, dst, size_t width):
    """Addresses of `size` bytes (16: IP, 6: MAC), `stride` bytes apart, as UCS-4 texts of `width` characters into dst."""
    cdef Py_buffer a, b
    PyObject_GetBuffer(src, &a, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(dst, &b, PyBUF_WRITABLE)
        try:
            if size not in (VXT_IPLEN, VXT_MACLEN) or width < (VXT_IPV4_TEXT if size == VXT_IPLEN else VXT_MAC_TEXT):
                raise ValueError("no such address")
            check_extent(count, stride, size, a.len)
            check_extent(count, width, width, b.len // 4)
            with nogil:
                vxt_format_array(<uint8_t *>a.buf, stride, count, size, <uint32_t *>b.buf, width)
        finally:
            PyBuffer_Release(&b)
    finally:
        PyBuffer_Release(&a)


def parse_addresses(src, size_t width, size_t count, size_t size, dst):
    """The way back, into dst: how many were read before the first that is no address."""
    cdef Py_buffer a, b
    cdef size_t done
    PyObject_GetBuffer(src, &a, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(dst, &b, PyBUF_WRITABLE)
        try:
            if size not in (VXT_IPLEN, VXT_MACLEN):
                raise ValueError("no such address")
            check_extent(count, width, width, a.len // 4)
            check_extent(count, size, size, b.len)
            with nogil:
                done = vxt_parse_array(<uint32_t *>a.buf, width, count, size, <uint8_t *>b.buf)
            return done
        finally:
            PyBuffer_Release(&b)
    finally:
        PyBuffer_Release(&a)


def text_width(src, size_t stride, size_t count):
    """Characters that the longest possible text of these IP addresses needs: fewer where all are IPv4."""
    cdef Py_buffer a
    cdef bint ipv4
    PyObject_GetBuffer(src, &a, PyBUF_SIMPLE)
    try:
        check_extent(count, stride, VXT_IPLEN, a.len)
        with nogil:
            ipv4 = vxt_all_ipv4(<uint8_t *>a.buf, stride, count)
        return VXT_IPV4_TEXT if ipv4 else VXT_IP_TEXT
    finally:
        PyBuffer_Release(&a)
