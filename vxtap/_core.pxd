# What other modules of the border see of this one's classes.
from libc.stdint cimport uint32_t, uint64_t

from vxtap._csrc cimport vxt_census, vxt_pass, vxt_rewrite, vxt_scan, vxt_status

cdef class Pass:
    cdef vxt_pass *books
    cdef uint32_t *vnis
    cdef tuple program
    cdef bint busy

    cdef int set_up(self, vxt_pass *books, wanted, bint census, uint64_t seed) except -1
    cdef int set_where(self, bytes tests, bytes words, int level) except -1
    cdef bint grow(self, vxt_status status) noexcept
    cdef bint grow_sights(self) noexcept
    cdef bint grow_fragments(self) noexcept
    cdef bint grow_interfaces(self) noexcept
    cdef vxt_census *census(self) except NULL
    cdef int enter(self) except -1


cdef class Scanner(Pass):
    cdef vxt_scan state


cdef class Rewriter(Pass):
    cdef vxt_rewrite state
