# What the border uses of the core's merging, as Cython sees it.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from vxtap._csrc cimport vxt_key, vxt_output, vxt_packet, vxt_slice, vxt_status

cdef extern from "vxt_merge.h" nogil:
    const uint32_t VXT_NO_LANE

    enum:
        VXT_TWIN_CHAINS
        VXT_TWIN_KEYS
        VXT_TWIN_LEAST
        VXT_TWIN_MOST
        VXT_TWIN_BYTES
        VXT_MAX_VANTAGES
        VXT_DELAY_BINS

    ctypedef struct vxt_twin:
        pass

    ctypedef struct vxt_twins:
        vxt_twin *items
        uint64_t *chains
        uint8_t *payloads
        uint64_t capacity

    ctypedef struct vxt_knot:
        int64_t ts
        int64_t ahead

    ctypedef struct vxt_lane:
        uint8_t *ring
        uint64_t size
        const vxt_knot *knots
        uint32_t knot_count
        uint64_t given
        uint64_t late
        uint64_t dropped
        uint64_t unfit
        bint fine

    ctypedef struct vxt_next:
        pass

    ctypedef struct vxt_queue:
        vxt_next *items
        size_t room
        size_t count

    ctypedef struct vxt_vantage:
        uint8_t *outer_src
        uint32_t vni
        uint32_t source
        uint64_t frames

    ctypedef struct vxt_vantages:
        uint32_t count
        vxt_vantage *rows

    ctypedef struct vxt_pair:
        uint32_t first
        uint32_t second
        uint64_t count
        int64_t least
        int64_t most
        uint32_t *bins

    ctypedef struct vxt_pairs:
        uint64_t other
        uint32_t count
        vxt_pair *rows

    ctypedef struct vxt_duplicates:
        uint64_t seed
        int64_t window
        uint64_t undecided
        uint64_t forgotten
        uint64_t supers
        vxt_twins twins
        vxt_vantages *vantages
        vxt_pairs *pairs

    ctypedef struct vxt_identified:
        pass

    ctypedef struct vxt_merge:
        vxt_lane *lanes
        uint32_t lane_count
        uint32_t wanted
        vxt_queue queue
        int64_t window
        bint frames
        bint identify
        bint mark
        vxt_duplicates *duplicates
        const vxt_key *key
        uint64_t seed

    ctypedef struct vxt_supply:
        vxt_slice window
        uint64_t offset
        vxt_slice pieces

    size_t vxt_left(vxt_slice s)
    uint64_t vxt_lane_used(const vxt_lane *lane)
    uint64_t vxt_entry_size(uint32_t caplen)
    void vxt_lane_move(vxt_lane *lane, uint8_t *ring, uint64_t size)
    void vxt_twins_move(vxt_twins *twins, vxt_twin *items, uint64_t capacity)
    void vxt_duplicates_forget(vxt_duplicates *duplicates)
    int64_t vxt_delay_least(uint32_t bin)
    void vxt_merge_begin(vxt_merge *merge)
    void vxt_merge_tidy(vxt_merge *merge)
    vxt_status vxt_merge_push(vxt_merge *merge, uint32_t lane, const vxt_packet *rows, size_t count,
                              vxt_supply *supply, size_t *taken)
    void vxt_merge_full(vxt_merge *merge, uint32_t lane)
    void vxt_merge_ended(vxt_merge *merge, uint32_t lane)
    vxt_status vxt_merge_rows(vxt_merge *merge, void *rows, size_t size, size_t *count)
    vxt_status vxt_merge_capture(vxt_merge *merge, vxt_output *output, uint8_t *out, size_t size, size_t *made)
    size_t vxt_output_end(vxt_output *output, uint8_t *out)
