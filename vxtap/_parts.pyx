# cython: language_level=3, embedsignature=False, binding=True
"""The border to stretches of a capture that are read by themselves and joined afterwards. No policy."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc
from libc.stdint cimport INT64_MAX, INT64_MIN, UINT64_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove, memset
from posix.types cimport off_t
from posix.unistd cimport pread

from vxtap._core cimport Pass, Scanner
from vxtap._csrc cimport *


def framing_of(Pass books):
    """What the framing rests on where the pass stands, between two records: equal bytes, equal framing."""
    cdef vxt_framing framing
    cdef vxt_interface it
    vxt_join_framing(&books.books.reader, &framing)
    parts = [PyBytes_FromStringAndSize(<char *>&framing, sizeof(vxt_framing))]
    for i in range(framing.table.count):
        it = vxt_join_interface(&books.books.reader, i)
        parts.append(PyBytes_FromStringAndSize(<char *>&it, sizeof(vxt_interface)))
    return b"".join(parts)


def assume(Pass books, bytes framing, uint64_t offset):
    """A pass that has not begun takes up a framing at a byte of the capture."""
    cdef vxt_framing there
    cdef const char *p = framing
    cdef size_t size = len(framing)
    if size < sizeof(vxt_framing):
        raise ValueError("no framing")
    memcpy(&there, p, sizeof(vxt_framing))
    if there.table.count > VXT_MAX_INTERFACES or size != sizeof(vxt_framing) + there.table.count * sizeof(vxt_interface):
        raise ValueError("no framing")
    while books.books.reader.interfaces.capacity < there.table.count:
        if not books.grow_interfaces():
            raise MemoryError
    if there.table.count:
        memcpy(books.books.reader.interfaces.items, p + sizeof(vxt_framing), there.table.count * sizeof(vxt_interface))
    vxt_join_assume(&books.books.reader, &there, offset)


def find_record(Pass books, src, uint64_t offset, bint last):
    """Where in `src`, which lies at `offset` of its file, a record seems to begin: None where none does."""
    cdef Py_buffer a
    cdef size_t found
    PyObject_GetBuffer(src, &a, PyBUF_SIMPLE)
    try:
        with nogil:
            found = vxt_find_record(&books.books.reader, vxt_slice_of(<uint8_t *>a.buf, a.len), offset, last)
    finally:
        PyBuffer_Release(&a)
    return None if found == <size_t>-1 else found


def find_meeting(Pass books, src, uint64_t offset, size_t until):
    """Where in `src`, which lies at `offset` of its file, all that may be records meet: None where they do not.

    Those count that are in its first `until` bytes, and lead to its end.
    """
    cdef Py_buffer a
    cdef size_t found
    cdef uint8_t *marks
    PyObject_GetBuffer(src, &a, PyBUF_SIMPLE)
    try:
        marks = <uint8_t *>PyMem_Calloc(a.len + 1, 1)
        if marks == NULL:
            raise MemoryError
        with nogil:
            found = vxt_find_meeting(&books.books.reader, vxt_slice_of(<uint8_t *>a.buf, a.len), offset, until,
                                     marks)
        PyMem_Free(marks)
    finally:
        PyBuffer_Release(&a)
    return None if found == <size_t>-1 else found


def begin_times(Pass books):
    """The earliest and the latest time, and the frames without one, are those of the frames from here on."""
    books.books.first = INT64_MAX
    books.books.last = INT64_MIN
    books.books.timeless = 0


def is_open(Pass books, uint64_t begin, uint64_t end, bint alone):
    """Whether a datagram is incomplete of which a fragment came in frames number `begin` to before `end`.

    With `alone` only those count of which the first fragment did, and goes on alone where the rest is lost.
    """
    return bool(vxt_join_open(books.books, begin, end, alone))


def trace(Pass books):
    """Which earlier frames fragments depended on since this was asked last.

    Returns the number of the first frame in which a datagram began that a fragment was compared with (None: there was
    none), and how many datagrams had to go for want of memory.
    """
    cdef vxt_frags *frags = &books.books.memory.frags
    found = None if frags.earliest == UINT64_MAX else frags.earliest, frags.pushed
    frags.earliest = UINT64_MAX
    frags.pushed = 0
    return found


def last_lost(Pass books):
    """The number of the last frame of which it is known that its fragment was lost, or refused; 0 where none was."""
    return books.books.memory.frags.lost


def looks_at_sights(Pass books):
    """Whether there has been a packet that could be a second sight."""
    return books.books.memory.sights.capacity > 0


def doubt(Scanner scanner, int64_t until):
    """A scanner that begins in the middle of a capture notes what it may take for a first sight, and is none.

    That are all packets up to a time, and those of which it depends on such a one what they are.
    """
    cdef vxt_sights *sights = &scanner.books.memory.sights
    cdef size_t i
    if sights.doubts.times == NULL:
        sights.doubts.times = <int64_t *>PyMem_Malloc(VXT_SIGHT_DOUBTS * sizeof(int64_t))
        if sights.doubts.times == NULL:
            raise MemoryError
    for i in range(VXT_SIGHT_DOUBTS):
        sights.doubts.times[i] = INT64_MIN
    sights.doubts.until = until
    sights.doubts.latest = INT64_MIN
    sights.doubts.last = 0
    sights.doubts.unsure = False
    sights.doubts.when = INT64_MIN
    sights.keep_all = True


def doubted(Scanner scanner):
    """(offset, time) of the last packet that is in doubt; 0 where none is."""
    cdef vxt_doubts *doubts = &scanner.books.memory.sights.doubts
    return doubts.last, doubts.when


def sights_digest(Pass books):
    """Stands for the second sights so far, by where they lie: the difference of two stands for those between."""
    return books.books.memory.sights.digest


def scan_file(Scanner scanner, int fd, uint64_t start, block, dst, size_t row):
    """Scan a file, of which byte 0 lies at `start` of the capture, from where the scanner stands, through `block`.

    Rows go to `dst` from row `row` on. Returns (status, rows written); MORE_INPUT where no more could be read, or a record
    is longer than the block. Nothing is kept between two calls.
    """
    cdef Py_buffer a, b
    cdef size_t have = 0, used = 0, count = row
    cdef ssize_t got
    cdef vxt_status status = VXT_MORE_INPUT
    scanner.enter()
    try:
        PyObject_GetBuffer(block, &a, PyBUF_WRITABLE)
        try:
            PyObject_GetBuffer(dst, &b, PyBUF_WRITABLE)
            try:
                if row > <size_t>b.len // scanner.state.row_size or (scanner.state.column_count == 0
                                                                     and <size_t>b.buf % 8):
                    raise ValueError("outside of the buffer")
                while True:
                    with nogil:
                        while True:
                            if status == VXT_MORE_INPUT:
                                got = pread(fd, <uint8_t *>a.buf + have, a.len - have,
                                            <off_t>(scanner.books.reader.offset - start + have))
                                if got <= 0:
                                    break
                                have += <size_t>got
                            status = vxt_scan_run(&scanner.state, <uint8_t *>a.buf, have, b.buf, b.len, &used, &count)
                            have -= used
                            memmove(a.buf, <uint8_t *>a.buf + used, have)
                            if status != VXT_MORE_INPUT:
                                break
                    if not scanner.grow(status):
                        break
                    status = VXT_OK
                return <int>status, count - row
            finally:
                PyBuffer_Release(&b)
        finally:
            PyBuffer_Release(&a)
    finally:
        scanner.busy = False


cdef class Known:
    """What a scanner knew when its part of a capture began. It starts to remember everything."""

    cdef vxt_known known
    cdef Scanner scanner

    def __cinit__(self, Scanner scanner):
        memset(&self.known, 0, sizeof(vxt_known))
        self.scanner = scanner
        scanner.books.memory.sights.keep_all = True

    def __dealloc__(self):
        PyMem_Free(self.known.seen)

    @property
    def waits(self):
        """Whether a datagram waits for its later fragments: no part begins where one does."""
        return bool(vxt_join_waits(self.scanner.books))

    def begin(self):
        """The part begins where the scanner stands: all counts start again."""
        PyMem_Free(self.known.seen)
        self.known.seen = <uint64_t *>PyMem_Calloc(self.scanner.books.memory.sights.filled + 1, sizeof(uint64_t))
        if self.known.seen == NULL:
            raise MemoryError
        vxt_join_begin(self.scanner.books, &self.known)

    def join(self, Scanner whole):
        """Make the part one of `whole`, which stands where it began; False where it cannot be proven to be one."""
        cdef uint32_t done = 0
        cdef vxt_status status
        if whole is self.scanner or not vxt_join_fits(whole.books, self.scanner.books, &self.known):
            return False
        while True:
            with nogil:
                status = vxt_join_sights(whole.books, self.scanner.books, &self.known, &done)
            if status == VXT_OK:
                break
            if not whole.grow(status):
                raise MemoryError
        vxt_join(whole.books, self.scanner.books)
        whole.state.broken = whole.state.broken or self.scanner.state.broken
        return True
