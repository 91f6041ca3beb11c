# cython: language_level=3, embedsignature=False, binding=True
"""The border to the table of conversations: rows of packets in, rows of conversations out. No policy."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int64_t, uint32_t, uint64_t

import mmap

from vxtap._csrc cimport vxt_field, vxt_packet


cdef extern from "vxt_flows.h" nogil:
    enum:
        VXT_MAX_FLOWS
        VXT_FLOWS_LEFT

    ctypedef struct vxt_flow:
        pass

    const vxt_field vxt_flow_fields[]

    ctypedef struct vxt_conversation:
        pass

    ctypedef struct vxt_flow_link:
        pass

    ctypedef struct vxt_flows:
        vxt_conversation *places
        vxt_flow_link *links
        uint32_t *heads
        uint32_t capacity
        uint32_t most
        uint32_t open
        uint64_t packets
        uint64_t not_ip
        uint64_t skipped
        uint64_t steps

    ctypedef enum vxt_flows_status:
        VXT_FLOWS_DONE
        VXT_FLOWS_FULL
        VXT_FLOWS_GROW

    void vxt_flows_begin(vxt_flows *flows, uint64_t *left, uint64_t seed, int64_t idle, uint32_t most)
    void vxt_flows_grown(vxt_flows *flows, uint32_t capacity)
    vxt_flows_status vxt_flows_add(vxt_flows *flows, const vxt_packet *packets, size_t count, size_t *at, vxt_flow *rows,
                                   size_t room, size_t *made)
    vxt_flows_status vxt_flows_end(vxt_flows *flows, vxt_flow *rows, size_t room, size_t *made)

ROW_SIZE = sizeof(vxt_flow)
#: Conversations that a table can hold, and the bytes that each of them takes.
MAX_FLOWS = VXT_MAX_FLOWS
PLACE_SIZE = sizeof(vxt_conversation) + sizeof(vxt_flow_link) + sizeof(uint32_t)

_PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
_HUGE_PAGES = getattr(mmap, "MADV_HUGEPAGE", None)

cdef enum:
    FIRST_PLACES = 1024  # before the table grows


def fields():
    """The columns of a conversation: [(name, numpy kind, offset, size, unit, meaning)]."""
    cdef const vxt_field *row = vxt_flow_fields
    rows = []
    while row.name != NULL:
        rows.append((row.name.decode(), row.kind.decode(), <int>row.offset, <int>row.size, row.unit.decode(),
                     row.text.decode()))
        row += 1
    return rows


cdef int check_rows(Py_buffer *buffer, size_t size) except -1:
    """Whether a buffer holds whole rows, where they may lie."""
    if buffer.len % size or <size_t>buffer.buf % 8:
        raise ValueError("no rows")
    return 0


cdef resized(memory, size_t size):
    """Anonymous memory of this size that begins with what was there before. Huge pages, where the system has them:
    conversations are met in no order, and every one would need a page of its own to be looked up."""
    larger = memory
    try:
        try:
            if memory is None:
                raise SystemError
            memory.resize(size)
        except SystemError:  # a system that cannot: copy
            larger = mmap.mmap(-1, size, flags=_PRIVATE)
            if memory is not None:
                larger[:len(memory)] = memory
    except OSError:
        raise MemoryError from None
    if _HUGE_PAGES is not None:
        larger.madvise(_HUGE_PAGES)
    return larger


cdef void *address_of(memory) except NULL:
    """Where it lies, until it is resized."""
    cdef Py_buffer a
    PyObject_GetBuffer(memory, &a, PyBUF_WRITABLE)
    PyBuffer_Release(&a)
    return a.buf


cdef class Table:
    """Conversations that are going on: `most` at a time, silent for no more than `idle` nanoseconds."""

    cdef vxt_flows flows
    cdef object places, links, heads, left
    cdef bint busy

    def __cinit__(self, *, uint64_t seed, int64_t idle, uint32_t most):
        if idle < 0 or not 1 <= most <= VXT_MAX_FLOWS:
            raise ValueError("no such table")
        try:  # it costs nothing before it is used
            self.left = mmap.mmap(-1, VXT_FLOWS_LEFT * sizeof(uint64_t), flags=_PRIVATE)
        except OSError:
            raise MemoryError from None
        vxt_flows_begin(&self.flows, <uint64_t *>address_of(self.left), seed, idle, most)

    cdef int enter(self) except -1:
        if self.busy:
            raise RuntimeError("the table is in use by another thread")
        self.busy = True
        return 0

    cdef int grow(self) except -1:
        """Twice the places. Where there is no memory for them, what was there before stays."""
        cdef uint32_t capacity = 2 * self.flows.capacity if self.flows.capacity else FIRST_PLACES
        self.places = resized(self.places, capacity * sizeof(vxt_conversation))
        self.flows.places = <vxt_conversation *>address_of(self.places)
        self.links = resized(self.links, capacity * sizeof(vxt_flow_link))
        self.flows.links = <vxt_flow_link *>address_of(self.links)
        self.heads = resized(self.heads, capacity * sizeof(uint32_t))
        self.flows.heads = <uint32_t *>address_of(self.heads)
        vxt_flows_grown(&self.flows, capacity)
        return 0

    def add(self, src, size_t at, dst):
        """Take the packets of `src` from number `at` on: (number of the first that is left, rows written to dst).

        Where packets are left, dst is full.
        """
        cdef Py_buffer a, b
        cdef size_t made = 0, count
        cdef vxt_flows_status status
        self.enter()
        try:
            PyObject_GetBuffer(src, &a, PyBUF_SIMPLE)
            try:
                PyObject_GetBuffer(dst, &b, PyBUF_WRITABLE)
                try:
                    check_rows(&a, sizeof(vxt_packet))
                    check_rows(&b, sizeof(vxt_flow))
                    count = a.len // sizeof(vxt_packet)
                    if at > count:
                        raise ValueError("outside of the buffer")
                    while True:
                        with nogil:
                            status = vxt_flows_add(&self.flows, <vxt_packet *>a.buf, count, &at, <vxt_flow *>b.buf,
                                                   b.len // sizeof(vxt_flow), &made)
                        if status != VXT_FLOWS_GROW:
                            return at, made
                        self.grow()
                finally:
                    PyBuffer_Release(&b)
            finally:
                PyBuffer_Release(&a)
        finally:
            self.busy = False

    def end(self, dst):
        """Nothing more comes: rows written to dst of what is left. Where that is full there may be more."""
        cdef Py_buffer b
        cdef size_t made = 0
        self.enter()
        try:
            PyObject_GetBuffer(dst, &b, PyBUF_WRITABLE)
            try:
                check_rows(&b, sizeof(vxt_flow))
                with nogil:
                    vxt_flows_end(&self.flows, <vxt_flow *>b.buf, b.len // sizeof(vxt_flow), &made)
                return made
            finally:
                PyBuffer_Release(&b)
        finally:
            self.busy = False

    @property
    def open(self):
        """Conversations that are going on."""
        return self.flows.open

    @property
    def capacity(self):
        """Conversations that there is memory for, `PLACE_SIZE` bytes each."""
        return self.flows.capacity

    @property
    def counts(self):
        """(packets in all, those without IP, frames that were skipped, places of the table that were looked at)."""
        return self.flows.packets, self.flows.not_ip, self.flows.skipped, self.flows.steps
