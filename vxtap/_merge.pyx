# cython: language_level=3, embedsignature=False, binding=True
"""The border to merging: rows of several sources in, one sequence out. No policy."""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc, PyMem_Realloc
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from vxtap._cmerge cimport *
from vxtap._csrc cimport (VXT_IPLEN, VXT_MALFORMED, VXT_MORE_HISTORY, VXT_MORE_OUTPUT, VXT_MORE_SIGHTS, vxt_key,
                          vxt_key_set, vxt_output, vxt_packet, vxt_slice_of, vxt_status, vxt_tunnels)

#: Bytes of a row, and of one that is identified.
ROW_SIZE, IDENTIFIED_SIZE = sizeof(vxt_packet), sizeof(vxt_identified)

cdef enum:
    LEAST_RING = 1 << 17
    SPARE = 64  # places in the queue beyond those that are sure to be needed


@cython.final
cdef class Merger:
    """The lanes, and the memory that they live in: `memory` bytes of rings, beyond which only a large frame goes."""

    cdef vxt_merge state
    cdef vxt_output output
    cdef uint64_t memory
    cdef uint64_t held
    cdef bint busy

    def __cinit__(self, uint32_t lanes, *, int64_t window, uint64_t memory, uint64_t seed, frames=True, dedup=None,
                  identify=False, mark=False):
        memset(&self.state, 0, sizeof(vxt_merge))
        memset(&self.output, 0, sizeof(vxt_output))
        self.memory = memory
        self.state.lane_count = lanes
        self.state.window = window
        self.state.seed = seed
        self.state.frames = frames or identify or dedup is not None
        self.state.mark = mark
        self.state.lanes = <vxt_lane *>self.zeros(lanes, sizeof(vxt_lane))
        self.state.identify = identify
        self.state.key = <vxt_key *>self.zeros(1, sizeof(vxt_key))
        vxt_key_set(<vxt_key *>self.state.key, seed)
        if dedup is not None:
            self.look_for_duplicates(dedup, seed)
        vxt_merge_begin(&self.state)

    cdef void *zeros(self, size_t count, size_t size) except NULL:
        cdef void *memory = PyMem_Calloc(max(count, 1), size)
        if memory == NULL:
            raise MemoryError
        return memory

    cdef int look_for_duplicates(self, int64_t window, uint64_t seed) except -1:
        cdef vxt_duplicates *found = <vxt_duplicates *>self.zeros(1, sizeof(vxt_duplicates))
        self.state.duplicates = found
        found.window = window
        found.seed = seed
        found.twins.chains = <uint64_t *>self.zeros(VXT_TWIN_KEYS * VXT_TWIN_CHAINS, sizeof(uint64_t))
        found.vantages = <vxt_vantages *>self.zeros(1, sizeof(vxt_vantages))
        found.pairs = <vxt_pairs *>self.zeros(1, sizeof(vxt_pairs))
        return 0

    def __dealloc__(self):
        cdef uint32_t i
        if self.state.lanes != NULL:
            for i in range(self.state.lane_count):
                PyMem_Free(self.state.lanes[i].ring)
                PyMem_Free(<void *>self.state.lanes[i].knots)
        if self.state.duplicates != NULL:
            PyMem_Free(self.state.duplicates.twins.chains)
            PyMem_Free(self.state.duplicates.twins.items)
            PyMem_Free(self.state.duplicates.twins.payloads)
            PyMem_Free(self.state.duplicates.vantages)
            PyMem_Free(self.state.duplicates.pairs)
        PyMem_Free(self.state.duplicates)
        PyMem_Free(self.state.lanes)
        PyMem_Free(self.state.queue.items)
        PyMem_Free(<void *>self.state.key)
        PyMem_Free(self.output.tunnels)

    cdef vxt_lane *lane(self, uint32_t number) except NULL:
        if number >= self.state.lane_count:
            raise IndexError("no such lane")
        return &self.state.lanes[number]

    cdef int enter(self) except -1:
        if self.busy:
            raise RuntimeError("a merge is moved on by one thread at a time")
        self.busy = True
        return 0

    cdef int have_places(self, size_t more) except -1:
        """The queue has room for so many more packets, and one a lane."""
        cdef size_t wanted = more + self.state.lane_count + SPARE
        cdef void *items
        if self.state.queue.count + wanted <= self.state.queue.room:
            return 0
        vxt_merge_tidy(&self.state)
        wanted = 2 * (self.state.queue.count + wanted)  # so that it is long until the next time
        if wanted > self.state.queue.room:
            items = PyMem_Realloc(self.state.queue.items, wanted * sizeof(vxt_next))
            if items == NULL:
                raise MemoryError
            self.state.queue.items = <vxt_next *>items
            self.state.queue.room = wanted
        return 0

    cdef bint grow(self, uint32_t number) noexcept:
        """A lane gets a larger ring: within the memory allowed, or where nothing lies in it and the frame is larger."""
        cdef vxt_lane *lane = &self.state.lanes[number]
        cdef uint64_t size = 2 * lane.size if lane.size else <uint64_t>LEAST_RING
        cdef uint8_t *before = lane.ring
        cdef uint8_t *ring
        if self.held + size - lane.size > self.memory and vxt_lane_used(lane) > 0:
            return False
        ring = <uint8_t *>PyMem_Malloc(size)
        if ring == NULL:
            return False
        self.held += size - lane.size
        vxt_lane_move(lane, ring, size)
        PyMem_Free(before)
        return True

    cdef bint remember(self, vxt_status status) except -1:
        """Memory for sights that may have duplicates, or, beyond the limit, one less of them; False: it is not asked for."""
        cdef vxt_twins *twins
        cdef vxt_twin *before
        cdef vxt_twin *items
        cdef uint64_t capacity
        if status == VXT_MORE_HISTORY:
            self.state.duplicates.twins.payloads = <uint8_t *>self.zeros(1, VXT_TWIN_BYTES)
            return True
        if status != VXT_MORE_SIGHTS:
            return False
        twins = &self.state.duplicates.twins
        if twins.capacity >= <uint64_t>VXT_TWIN_MOST:
            vxt_duplicates_forget(self.state.duplicates)
            return True
        capacity = 2 * twins.capacity if twins.capacity else <uint64_t>VXT_TWIN_LEAST
        before = twins.items
        items = <vxt_twin *>self.zeros(capacity, sizeof(vxt_twin))
        vxt_twins_move(twins, items, capacity)
        PyMem_Free(before)
        return True

    def push(self, uint32_t number, rows, size_t begin, size_t end, window, size_t window_end, uint64_t offset,
             pieces, size_t piece, size_t pieces_end):
        """Give rows[begin:end] of a source to its lane: (rows taken, where in `pieces` the next row's would be).

        Their frames lie in window[:window_end], which starts at byte `offset` of the capture, or, in their order, in
        pieces[piece:pieces_end]. Fewer are taken where the lane has no room: it is not waited for then.
        """
        cdef Py_buffer a, b, c
        cdef vxt_supply supply
        cdef size_t taken = 0, all_taken = 0
        cdef vxt_status status
        self.lane(number)
        self.enter()
        try:
            self.have_places(end - begin)
            PyObject_GetBuffer(rows, &a, PyBUF_SIMPLE)
            try:
                PyObject_GetBuffer(window, &b, PyBUF_SIMPLE)
                try:
                    PyObject_GetBuffer(pieces, &c, PyBUF_SIMPLE)
                    try:
                        if (begin > end or end > <size_t>a.len // sizeof(vxt_packet) or window_end > <size_t>b.len
                                or piece > pieces_end or pieces_end > <size_t>c.len or <size_t>a.buf % 8):
                            raise ValueError("outside of the buffer")
                        supply.window = vxt_slice_of(<uint8_t *>b.buf, window_end)
                        supply.offset = offset
                        supply.pieces = vxt_slice_of(<uint8_t *>c.buf + piece, pieces_end - piece)
                        while True:
                            with nogil:
                                status = vxt_merge_push(&self.state, number, <vxt_packet *>a.buf + begin + all_taken,
                                                        end - begin - all_taken, &supply, &taken)
                            all_taken += taken
                            if status != VXT_MORE_OUTPUT:
                                break
                            if not self.grow(number):
                                if vxt_lane_used(&self.state.lanes[number]) == 0:
                                    raise MemoryError  # it would not be full, but without any room for good
                                vxt_merge_full(&self.state, number)
                                break
                        if status == VXT_MALFORMED:
                            raise ValueError("a row's frame is not at hand")
                        return all_taken, pieces_end - vxt_left(supply.pieces)
                    finally:
                        PyBuffer_Release(&c)
                finally:
                    PyBuffer_Release(&b)
            finally:
                PyBuffer_Release(&a)
        finally:
            self.busy = False

    def ended(self, uint32_t number):
        """Nothing more comes of this source."""
        self.lane(number)
        self.enter()
        vxt_merge_ended(&self.state, number)
        self.busy = False

    def set_fine(self, uint32_t number, bint fine):
        """Whether the source's times can have digits below a microsecond."""
        self.lane(number).fine = fine

    def set_clock(self, uint32_t number, knots):
        """The source's clock is ahead: [(time by that clock, by how many ns)], in rising order, at least one."""
        cdef vxt_lane *lane = self.lane(number)
        cdef vxt_knot *items
        if self.busy:
            raise RuntimeError("a merge is moved on by one thread at a time")
        items = <vxt_knot *>self.zeros(len(knots), sizeof(vxt_knot))
        PyMem_Free(<void *>lane.knots)
        lane.knots = items
        lane.knot_count = 0
        for i, (ts, ahead) in enumerate(knots):
            items[i].ts = ts
            items[i].ahead = ahead
        lane.knot_count = len(knots)

    def begin_output(self, *, bint pcapng, bint ethernet, bint nano):
        """What comes out is written as a capture."""
        self.output.pcapng = pcapng
        self.output.ethernet = ethernet
        self.output.nano = nano
        if pcapng and self.output.tunnels == NULL:
            self.output.tunnels = <vxt_tunnels *>self.zeros(1, sizeof(vxt_tunnels))
            self.output.tunnels.seed = self.state.seed

    @property
    def wanted(self):
        """The lane that is waited for after MORE_INPUT; None: all has come out."""
        return None if self.state.wanted == <uint32_t>VXT_NO_LANE else self.state.wanted

    def rows(self, dst):
        """The next packets as rows, of ROW_SIZE bytes or IDENTIFIED_SIZE: (status, rows)."""
        return self.pull(dst, sizeof(vxt_identified) if self.state.identify else sizeof(vxt_packet), False)

    def capture(self, dst):
        """The next packets as bytes of the output: (status, bytes)."""
        return self.pull(dst, 1, True)

    cdef pull(self, dst, size_t size, bint as_capture):
        """The next packets, in items of `size` bytes: (status, items)."""
        cdef Py_buffer a
        cdef uint8_t *target
        cdef size_t made = 0, all_made = 0
        cdef vxt_status status
        self.enter()
        try:
            self.have_places(0)
            PyObject_GetBuffer(dst, &a, PyBUF_WRITABLE)
            try:
                if not as_capture and <size_t>a.buf % 8:
                    raise ValueError("records need memory that is aligned to 8 bytes")
                while True:
                    target = <uint8_t *>a.buf + all_made * size
                    with nogil:
                        if as_capture:
                            status = vxt_merge_capture(&self.state, &self.output, target, a.len - all_made, &made)
                        else:
                            status = vxt_merge_rows(&self.state, target, a.len - all_made * size, &made)
                    all_made += made
                    if not self.remember(status):
                        return <int>status, all_made
            finally:
                PyBuffer_Release(&a)
        finally:
            self.busy = False

    def end_output(self):
        """What is still to be written at the end."""
        cdef uint8_t data[64]
        cdef size_t count = vxt_output_end(&self.output, data)
        return PyBytes_FromStringAndSize(<char *>data, count)

    @property
    def times(self):
        """Times written that (lost digits, could not be held)."""
        return self.output.rounded, self.output.unwritable

    @property
    def counts(self):
        """Of each lane: packets that (came out, of those late, were duplicates, the output has no place for)."""
        return [(self.state.lanes[i].given, self.state.lanes[i].late, self.state.lanes[i].dropped,
                 self.state.lanes[i].unfit) for i in range(self.state.lane_count)]

    @property
    def twins(self):
        """Packets that (could not be compared, were forgotten too early, came in other pieces elsewhere)."""
        if self.state.duplicates == NULL:
            return 0, 0, 0
        return self.state.duplicates.undecided, self.state.duplicates.forgotten, self.state.duplicates.supers

    def pairs(self):
        """Duplicates by pair of vantage points: ([(first, second, count, least, most, bins)], of other pairs).

        The points are numbers in `vantages`; delays in ns; bin i counts those from delay_least(i) on.
        """
        cdef vxt_pair *pair
        if self.state.duplicates == NULL:
            return [], 0
        rows = []
        for i in range(self.state.duplicates.pairs.count):
            pair = &self.state.duplicates.pairs.rows[i]
            rows.append((pair.first, pair.second, pair.count, pair.least, pair.most,
                         [pair.bins[j] for j in range(VXT_DELAY_BINS)]))
        return rows, self.state.duplicates.pairs.other

    def vantages(self):
        """Vantage points that are told apart, by number: [(source, VNI, tunnel source, frames)]."""
        cdef vxt_vantages *table
        cdef vxt_vantage *row
        if self.state.duplicates == NULL:
            return []
        table = self.state.duplicates.vantages
        rows = []
        for i in range(table.count):
            row = &table.rows[i]
            rows.append((row.source, row.vni, PyBytes_FromStringAndSize(<char *>row.outer_src, VXT_IPLEN), row.frames))
        return rows


def delay_least(uint32_t bin):
    """The least delay of a bin, in ns."""
    return vxt_delay_least(bin)
