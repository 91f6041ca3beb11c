# cython: language_level=3, embedsignature=False, binding=True
"""The border to what turns rows into columns: rows in, values and bits of an Arrow batch out. No policy."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "vxt_columns.h" nogil:
    enum:
        VXT_MAX_OUTPUTS
        VXT_LEAST_SLOTS
        VXT_IP_TEXT
        VXT_SHAPE_COUNT

    ctypedef struct vxt_term:
        pass

    ctypedef struct vxt_terms:
        uint32_t *slots
        vxt_term *keys
        uint64_t seed
        uint32_t capacity
        uint32_t count
        uint64_t steps

    void vxt_terms_begin(vxt_terms *terms, uint32_t capacity)
    void vxt_terms_grown(vxt_terms *terms, uint32_t capacity)
    size_t vxt_terms_format(const vxt_terms *terms, size_t size, int32_t *offsets, char *text)

    ctypedef struct vxt_shape_row:
        const char *name
        uint8_t size
        uint8_t width
        bint nulls
        bint terms

    const vxt_shape_row vxt_shapes[]

    ctypedef struct vxt_out:
        uint16_t place "from"  # which is a word of Python's
        uint16_t other
        int shape  # an enum
        uint8_t *values
        uint8_t *valid
        uint64_t nulls
        vxt_terms *terms

    ctypedef struct vxt_columns:
        vxt_out *items
        uint32_t count
        uint32_t row_size
        size_t rows
        uint32_t column
        size_t row

    uint32_t vxt_columns_add(vxt_columns *columns, const uint8_t *rows, size_t count)


def shapes():
    """What can become of a column: {name: (number, bytes of a value, may there be none, is there a dictionary)}."""
    cdef const vxt_shape_row *row
    cdef int i
    found = {}
    for i in range(VXT_SHAPE_COUNT):
        row = &vxt_shapes[i]
        found[row.name.decode()] = i, <int>row.width, bool(row.nulls), bool(row.terms)
    return found


cdef class Columns:
    """The columns of one batch after the other.

    `layout` has for each column: its place in a row, that of the other one of a pair of addresses (or the same), and
    the number of its shape.
    """

    cdef vxt_columns columns
    cdef vxt_out items[VXT_MAX_OUTPUTS]
    cdef vxt_terms terms[VXT_MAX_OUTPUTS]
    cdef uint32_t room[VXT_MAX_OUTPUTS]  # slots that there is memory for
    cdef Py_buffer views[2 * VXT_MAX_OUTPUTS]
    cdef bint held[2 * VXT_MAX_OUTPUTS]
    cdef bint busy

    def __cinit__(self, list layout, uint32_t row_size, uint64_t seed):
        cdef uint32_t i
        cdef uint16_t size
        if len(layout) > VXT_MAX_OUTPUTS or not row_size:
            raise ValueError("no such rows")
        self.columns.items = self.items
        self.columns.row_size = row_size
        for i in range(len(layout)):
            place, other, shape = layout[i]
            if not 0 <= shape < VXT_SHAPE_COUNT:
                raise ValueError("no such shape")
            size = vxt_shapes[shape].size
            if place < 0 or other < 0 or place + size > row_size or other + size > row_size:
                raise ValueError("outside of the row")
            self.items[i].place = place
            self.items[i].other = other
            self.items[i].shape = shape
            self.terms[i].seed = seed
            if vxt_shapes[shape].terms:
                self.items[i].terms = &self.terms[i]
                self.grow(i)
            self.columns.count = i + 1

    def __dealloc__(self):
        cdef uint32_t i
        for i in range(VXT_MAX_OUTPUTS):
            PyMem_Free(self.terms[i].slots)
            PyMem_Free(self.terms[i].keys)

    cdef int enter(self) except -1:
        if self.busy:
            raise RuntimeError("the columns are in use by another thread")
        self.busy = True
        return 0

    cdef int grow(self, uint32_t i) except -1:
        """Twice the slots. Where there is no memory for them, what was there before stays."""
        cdef vxt_terms *terms = &self.terms[i]
        cdef size_t capacity = 2 * <size_t>terms.capacity if terms.capacity else VXT_LEAST_SLOTS
        cdef void *memory
        if capacity > 1 << 31:
            raise MemoryError
        if capacity > self.room[i]:
            memory = PyMem_Realloc(terms.slots, capacity * sizeof(uint32_t))
            if memory == NULL:
                raise MemoryError
            terms.slots = <uint32_t *>memory
            memory = PyMem_Realloc(terms.keys, capacity // 2 * sizeof(vxt_term))
            if memory == NULL:
                raise MemoryError
            terms.keys = <vxt_term *>memory
            self.room[i] = capacity
        vxt_terms_grown(terms, capacity)
        return 0

    def begin(self):
        """A new batch. Its dictionaries are as large as they were in the last one, which they will mostly be again."""
        cdef uint32_t i, capacity
        self.enter()
        self.columns.rows = self.columns.row = 0
        self.columns.column = 0
        for i in range(self.columns.count):
            self.items[i].nulls = 0
            if self.items[i].terms != NULL:
                capacity = VXT_LEAST_SLOTS
                while capacity < 2 * self.terms[i].count and capacity < self.room[i]:
                    capacity *= 2
                vxt_terms_begin(&self.terms[i], capacity)
        self.busy = False

    def add(self, rows, size_t count, list memory):
        """Take the first `count` rows of a buffer.

        `memory` has two buffers for each column, for values and for bits of those that may be none (else None), with
        room for these rows behind those before.
        """
        cdef Py_buffer a
        cdef uint32_t at = 0
        self.enter()
        try:
            PyObject_GetBuffer(rows, &a, PyBUF_SIMPLE)
            try:
                if count > <size_t>a.len // self.columns.row_size:
                    raise ValueError("outside of the buffer")
                self.take(memory, count)
                while True:
                    with nogil:
                        at = vxt_columns_add(&self.columns, <uint8_t *>a.buf, count)
                    if at == self.columns.count:
                        break
                    self.grow(at)
            finally:
                self.give_back()
                PyBuffer_Release(&a)
        finally:
            self.busy = False

    cdef int take(self, list memory, size_t count) except -1:
        """Point the columns to this memory, which is theirs until it is given back."""
        cdef uint32_t i
        cdef size_t rows = self.columns.rows + count
        cdef const vxt_shape_row *shape
        if <size_t>len(memory) != 2 * self.columns.count or rows < count:
            raise ValueError("no such memory")
        for i in range(self.columns.count):
            shape = &vxt_shapes[self.items[i].shape]
            self.items[i].values = <uint8_t *>self.hold(2 * i, memory[2 * i], rows, shape.width)
            self.items[i].valid = NULL
            if shape.nulls:
                self.items[i].valid = <uint8_t *>self.hold(2 * i + 1, memory[2 * i + 1], rows // 8 + (rows % 8 > 0), 1)
        return 0

    cdef void *hold(self, uint32_t i, memory, size_t count, size_t width) except NULL:
        cdef Py_buffer *view = &self.views[i]
        PyObject_GetBuffer(memory, view, PyBUF_WRITABLE)
        self.held[i] = True
        if count > <size_t>view.len // width or <size_t>view.buf % 8:
            raise ValueError("outside of the buffer")
        return view.buf

    cdef int give_back(self) except -1:
        cdef uint32_t i
        for i in range(2 * self.columns.count):
            if self.held[i]:
                PyBuffer_Release(&self.views[i])
                self.held[i] = False
        return 0

    @property
    def nulls(self):
        """Rows without a value, of each column."""
        return [self.items[i].nulls for i in range(self.columns.count)]

    def terms_of(self, uint32_t column):
        """How many distinct addresses a column has, and the bytes that their texts need at most."""
        self.check(column)
        return self.terms[column].count, <size_t>VXT_IP_TEXT * self.terms[column].count

    cdef int check(self, uint32_t column) except -1:
        if column >= self.columns.count or self.items[column].terms == NULL:
            raise ValueError("no such dictionary")
        return 0

    def format(self, uint32_t column, offsets, text):
        """Write the texts of a dictionary into `text`, and where they begin into `offsets`: the bytes of text."""
        cdef Py_buffer a, b
        cdef vxt_terms *terms
        cdef size_t used
        self.check(column)
        terms = &self.terms[column]
        self.enter()
        try:
            PyObject_GetBuffer(offsets, &a, PyBUF_WRITABLE)
            try:
                PyObject_GetBuffer(text, &b, PyBUF_WRITABLE)
                try:
                    if terms.count >= a.len // sizeof(int32_t) or <size_t>a.buf % 4:
                        raise ValueError("outside of the buffer")
                    if b.len < <size_t>VXT_IP_TEXT * terms.count or b.len > 0x7fffffff:
                        raise ValueError("outside of the buffer")
                    with nogil:
                        used = vxt_terms_format(terms, vxt_shapes[self.items[column].shape].size, <int32_t *>a.buf,
                                                <char *>b.buf)
                    return used
                finally:
                    PyBuffer_Release(&b)
            finally:
                PyBuffer_Release(&a)
        finally:
            self.busy = False

    @property
    def steps(self):
        """Slots of dictionaries that were looked at, for tests of the cost."""
        return sum(self.terms[i].steps for i in range(self.columns.count))
