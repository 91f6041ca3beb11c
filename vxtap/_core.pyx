# cython: language_level=3, embedsignature=False, binding=True
"""The border: Python buffers in, one C call with the GIL released, counts and status integers out. No policy."""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc, PyMem_Realloc
from libc.stdint cimport INT64_MAX, INT64_MIN, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from vxtap._csrc cimport *

cdef enum:
    FIRST_SIGHTS = 1024  # packets remembered before the table grows
    MOST_SLOTS = 1 << 24  # of memory for fragments, however much is allowed


cdef class Pass:
    """The books of one pass over a capture, and the memory that its tables live in."""

    def __cinit__(self, *args, **kwargs):
        if type(self) is Pass:
            raise TypeError("a pass is a Scanner or a Rewriter")

    cdef int set_up(self, vxt_pass *books, wanted, bint census, uint64_t seed) except -1:
        cdef uint32_t i
        self.books = books
        books.first = INT64_MAX
        books.last = INT64_MIN
        ports, vnis = wanted["ports"], wanted["vnis"]
        if len(ports) > VXT_MAX_PORTS:
            raise ValueError("too many ports")
        for i in range(len(ports)):
            books.options.ports[i] = vxt_port(ports[i][0], ports[i][1])
        books.options.port_count = len(ports)
        books.options.gre = wanted["gre"]
        books.options.depth = wanted["depth"]
        books.options.once = wanted["once"]
        books.options.partial = wanted["partial"]
        books.options.plain = wanted["plain"]
        vxt_key_set(&books.memory.sights.key, seed)
        vxt_frags_begin(&books.memory.frags, seed, wanted["fragment_timeout"],
                        min(<size_t>wanted["fragment_memory"] // sizeof(vxt_slot), <size_t>MOST_SLOTS))
        if vnis:
            self.vnis = <uint32_t *>PyMem_Calloc(len(vnis), sizeof(uint32_t))
            if self.vnis == NULL:
                raise MemoryError
            for i in range(len(vnis)):
                self.vnis[i] = vnis[i]
            books.options.vnis = self.vnis
            books.options.vni_count = len(vnis)
        if wanted["where"] is not None:
            tests, words, depth = wanted["where"]
            self.set_where(tests, words, depth)
        if census:
            books.census = <vxt_census *>PyMem_Calloc(1, sizeof(vxt_census))
            if books.census == NULL:
                raise MemoryError
            books.census.tunnels.seed = seed
        return 0

    def __dealloc__(self):
        if self.books != NULL:
            PyMem_Free(self.books.census)
            PyMem_Free(self.books.reader.interfaces.items)
            PyMem_Free(self.books.memory.sights.items)
            PyMem_Free(self.books.memory.sights.doubts.times)
            PyMem_Free(self.books.memory.frags.slots)
            PyMem_Free(self.books.memory.frags.whole)
        PyMem_Free(self.vnis)

    cdef int set_where(self, bytes tests, bytes words, int level) except -1:
        """Only frames for whose record this program holds. It stays where it is: bytes do not move, and are aligned."""
        cdef vxt_where where
        where.tests = <const vxt_test *><const char *>tests
        where.count = len(tests) // sizeof(vxt_test)
        where.words = <const uint64_t *><const char *>words
        where.word_count = len(words) // sizeof(uint64_t)
        if not vxt_where_check(&where):
            raise ValueError("no sound program")
        self.program = tests, words
        self.books.options.where = where
        self.books.options.level = <vxt_level>level
        return 0

    cdef bint grow(self, vxt_status status) noexcept:
        """Give the core the memory that it asks for; False where it asks for none, or there is none."""
        if status == VXT_MORE_INTERFACES:
            return self.grow_interfaces()
        if status == VXT_MORE_SIGHTS:
            return self.grow_sights()
        if status == VXT_MORE_FRAGMENTS:
            return self.grow_fragments()
        return False

    cdef bint grow_sights(self) noexcept:
        cdef vxt_sights *table = &self.books.memory.sights
        cdef uint32_t capacity = min(<uint32_t>VXT_MAX_SIGHTS, 4 * table.capacity if table.capacity else FIRST_SIGHTS)
        cdef vxt_sight *before = table.items, *items = <vxt_sight *>PyMem_Calloc(capacity, sizeof(vxt_sight))
        if items == NULL:
            return False
        vxt_sights_move(table, items, capacity)
        PyMem_Free(before)
        return True

    cdef bint grow_fragments(self) noexcept:
        cdef vxt_frags *table = &self.books.memory.frags
        cdef uint32_t capacity = min(table.most, 4 * table.capacity if table.capacity else <uint32_t>VXT_FRAG_LEAST)
        cdef void *slots = PyMem_Realloc(table.slots, capacity * sizeof(vxt_slot))
        if slots == NULL:
            return False
        table.slots = <vxt_slot *>slots
        if table.whole == NULL:
            table.whole = <uint8_t *>PyMem_Malloc(VXT_MAX_DATAGRAM)
            if table.whole == NULL:
                return False
        vxt_frags_grown(table, capacity)
        return True

    cdef bint grow_interfaces(self) noexcept:
        cdef vxt_interfaces *table = &self.books.reader.interfaces
        cdef uint32_t capacity = min(<uint32_t>VXT_MAX_INTERFACES, 4 * table.capacity if table.capacity else 16)
        cdef void *items = PyMem_Realloc(table.items, capacity * sizeof(vxt_interface))
        if items == NULL:
            return False
        table.items = <vxt_interface *>items
        table.capacity = capacity
        return True

    cdef vxt_census *census(self) except NULL:
        if self.books.census == NULL:
            raise ValueError("no census was asked for")
        return self.books.census

    cdef int enter(self) except -1:
        if self.busy:
            raise RuntimeError("a capture is read by one thread at a time")
        self.busy = True
        return 0

    @property
    def frames(self):
        return self.books.reader.frames

    @property
    def offset(self):
        """Bytes consumed, over all files."""
        return self.books.reader.offset

    @property
    def fault_offset(self):
        """Where in the current file."""
        return vxt_reader_fault_offset(&self.books.reader)

    @property
    def stop(self):
        """Records and blocks that begin at this byte or behind it are not read; 0: all are."""
        return self.books.reader.stop

    @stop.setter
    def stop(self, uint64_t value):
        self.books.reader.stop = value

    @property
    def outcomes(self):
        """Frames by status."""
        return [self.books.outcomes[i] for i in range(VXT_OUTCOMES)]

    @property
    def kept(self):
        """Of the frames that were kept, what they would have been: by status."""
        return [self.books.kept[i] for i in range(VXT_OUTCOMES)]

    @property
    def times(self):
        """(earliest, latest, frames without a time); the first two mean nothing where all frames have none."""
        return self.books.first, self.books.last, self.books.timeless

    @property
    def format(self):
        """(format, big-endian, major, minor, nanoseconds a tick, bytes of a record header) of the file."""
        cdef vxt_reader *r = &self.books.reader
        if r.format == VXT_FORMAT_PCAPNG:
            return <int>r.format, r.pcapng.big, r.pcapng.major, r.pcapng.minor, 0, 0
        return <int>r.format, r.pcap.big, r.pcap.major, r.pcap.minor, r.pcap.tick, r.pcap.record_len

    def interfaces(self):
        """([(number, link type, snaplen, if_tsresol, offset in seconds, name, frames)], how many were forgotten)."""
        cdef vxt_interfaces *table = &self.books.reader.interfaces
        cdef vxt_interface *it
        rows = []
        for i in range(table.count):
            it = &table.items[i]
            rows.append((it.number, it.linktype, it.snaplen, it.ts_resol, it.ts_offset,
                         PyBytes_FromStringAndSize(it.name, it.name_len),
                         vxt_reader_interface_frames(&self.books.reader, i)))
        return rows, table.forgotten

    def tunnels(self):
        """([(tunnel, vni, outer_src, outer_dst, source, frames, bytes)], frames of others). Needs a census."""
        cdef vxt_tunnels *table = &self.census().tunnels
        cdef vxt_tunnel_row *row
        rows = []
        for i in range(table.count):
            row = &table.rows[i]
            rows.append((row.key.tunnel, row.key.vni,
                         PyBytes_FromStringAndSize(<char *>row.key.outer_src, VXT_IPLEN),
                         PyBytes_FromStringAndSize(<char *>row.key.outer_dst, VXT_IPLEN),
                         row.key.source, row.frames, row.bytes))
        return rows, table.other

    def counters(self, bint ports):
        """([(key, count)], counts of others): of ports that look like VXLAN, or of SLL2 interfaces. Needs a census."""
        cdef vxt_census *census = self.census()
        cdef vxt_counters *table = &census.ports if ports else &census.interfaces
        return [(table.rows[i].key, table.rows[i].count) for i in range(table.count)], table.other

    @property
    def unreachables(self):
        """ICMP errors saying that a tunnel leads to where nobody listens. Needs a census."""
        return self.census().unreachables

    @property
    def can_recall(self):
        """Whether bytes that were passed can be brought back, when a call asks for them (`history`)."""
        return self.books.memory.sights.can_recall

    @can_recall.setter
    def can_recall(self, bint value):
        self.books.memory.sights.can_recall = value

    @property
    def history(self):
        """(offset, length) of the bytes that are wanted back after MORE_HISTORY."""
        cdef vxt_stretch stretch
        if not self.books.memory.sights.unhashed:
            raise ValueError("no bytes are wanted back")
        stretch = vxt_sights_history(&self.books.memory.sights)
        return stretch.offset, stretch.length

    def recall(self, src):
        """They are these, or fewer where there are no more."""
        cdef Py_buffer a
        self.enter()
        try:
            PyObject_GetBuffer(src, &a, PyBUF_SIMPLE)
            try:
                if self.books.memory.sights.unhashed:
                    with nogil:
                        vxt_sights_recall(&self.books.memory.sights, vxt_slice_of(<uint8_t *>a.buf, a.len))
            finally:
                PyBuffer_Release(&a)
        finally:
            self.busy = False

    def drain(self):
        """Nothing more comes: from now on a call over a buffer gives what was waiting, whatever the buffer holds."""
        self.books.ending = True

    def end(self, size_t left):
        """The file ends with `left` bytes unconsumed: (status, bytes behind the last whole record)."""
        cdef uint64_t tail = 0
        cdef vxt_status status = vxt_reader_end(&self.books.reader, left, &tail)
        return <int>status, tail

    def next_file(self, size_t left):
        """Another file of the capture follows, behind `left` bytes unconsumed of the one before: all counts go on."""
        vxt_reader_next_file(&self.books.reader, left)


@cython.final
cdef class Scanner(Pass):
    """Buffer -> records. `columns` is [(offset in the record, size, offset in the row)], empty for whole records."""

    def __cinit__(self, wanted, *, source, level, skipped_rows, columns, row_size, census=False, seed=0):
        memset(&self.state, 0, sizeof(vxt_scan))
        self.set_up(&self.state.books, wanted, census, seed)
        self.books.options.source = source
        self.books.options.level = max(self.books.options.level, <vxt_level><int>level)
        self.books.options.skipped_rows = skipped_rows
        if len(columns) > VXT_MAX_COLUMNS:
            raise ValueError("too many columns")
        for i, (offset, size, to) in enumerate(columns):
            if offset + size > sizeof(vxt_packet) or to + size > row_size:
                raise ValueError("a column lies outside of its row")
            self.state.columns[i] = vxt_column(offset, size, to)
        if not columns and row_size != sizeof(vxt_packet):
            raise ValueError("whole records have the record's size")
        self.state.column_count = len(columns)
        self.state.row_size = row_size

    def scan(self, src, size_t start, size_t end, dst, size_t row, pieces=None):
        """Scan src[start:end] into dst from its row `row` on: (status, bytes used, rows written).

        Inner frames that are not in one piece in src go to `pieces` one after the other, see `begin_pieces`.
        """
        cdef Py_buffer a, b, c
        cdef size_t used = 0, all_used = 0, count = row
        cdef vxt_status status
        self.enter()
        try:
            PyObject_GetBuffer(src, &a, PyBUF_SIMPLE)
            try:
                PyObject_GetBuffer(dst, &b, PyBUF_WRITABLE)
                try:
                    if start > end or end > <size_t>a.len or row > <size_t>b.len // self.state.row_size:
                        raise ValueError("outside of the buffer")
                    if self.state.column_count == 0 and <size_t>b.buf % 8:
                        raise ValueError("records need memory that is aligned to 8 bytes")
                    PyObject_GetBuffer(dst if pieces is None else pieces, &c, PyBUF_WRITABLE)
                    try:
                        self.state.pieces.data = NULL if pieces is None else <uint8_t *>c.buf
                        self.state.pieces.size = c.len
                        while True:
                            with nogil:
                                status = vxt_scan_run(&self.state, <uint8_t *>a.buf + start + all_used,
                                                      end - start - all_used, b.buf, b.len, &used, &count)
                            all_used += used
                            if not self.grow(status):
                                return <int>status, all_used, count - row
                    finally:
                        self.state.pieces.data = NULL
                        PyBuffer_Release(&c)
                finally:
                    PyBuffer_Release(&b)
            finally:
                PyBuffer_Release(&a)
        finally:
            self.busy = False

    @property
    def pieces_used(self):
        """Bytes of `pieces` that are filled: (offset, length, bytes) of each, see vxt_piece.h."""
        return self.state.pieces.used

    def begin_pieces(self):
        """Fill `pieces` from its start again."""
        self.state.pieces.used = 0


@cython.final
cdef class Rewriter(Pass):
    """Buffer -> inner capture."""

    def __cinit__(self, wanted, *, pcapng, keep_others, ethernet=False, nano=False, census=True, seed=0):
        memset(&self.state, 0, sizeof(vxt_rewrite))
        if pcapng and not census:
            raise ValueError("pcapng output needs a census")
        self.set_up(&self.state.books, wanted, census, seed)
        self.state.output.pcapng = pcapng
        if census:
            self.state.output.tunnels = &self.books.census.tunnels
        self.state.keep_others = keep_others
        self.state.output.ethernet = ethernet
        self.state.output.nano = nano

    def rewrite(self, src, size_t start, size_t end, dst):
        """Rewrite src[start:end] into dst, or, where that is None, to the start of src: (status, used, made)."""
        cdef Py_buffer a, b
        cdef vxt_progress progress
        cdef bint in_place = dst is None
        cdef uint8_t *target
        cdef size_t used = 0, made = 0
        cdef vxt_status status
        self.enter()
        try:
            PyObject_GetBuffer(src, &a, PyBUF_WRITABLE if in_place else PyBUF_SIMPLE)
            try:
                PyObject_GetBuffer(src if in_place else dst, &b, PyBUF_WRITABLE)
                try:
                    if start > end or end > <size_t>a.len:
                        raise ValueError("outside of the buffer")
                    while True:
                        target = <uint8_t *>b.buf + made
                        with nogil:
                            status = vxt_rewrite_run(&self.state, <uint8_t *>a.buf + start + used, end - start - used,
                                                     target, b.len - made, in_place, &progress)
                        used += progress.used
                        made += progress.made
                        if not self.grow(status):
                            return <int>status, used, made
                finally:
                    PyBuffer_Release(&b)
            finally:
                PyBuffer_Release(&a)
        finally:
            self.busy = False

    def end_output(self):
        """The bytes that the output still lacks where the input held nothing to write."""
        cdef uint8_t out[64]
        return PyBytes_FromStringAndSize(<char *>out, vxt_rewrite_end(&self.state, out))

    @property
    def times_rounded(self):
        return self.state.output.rounded

    @property
    def times_lost(self):
        return self.state.output.unwritable
