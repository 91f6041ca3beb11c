/* vxt_lane.h: the packets of one source that are held until it is known which comes next: a ring of entries, each with
 * its record and its inner frame, in the order in which the source gave them. */
#ifndef VXT_LANE_H
#define VXT_LANE_H

#include "vxt_same.h"

/* A place in a lane: bytes since its start, so that it stays what it was when the ring grows. */
#define VXT_NO_LANE UINT32_MAX

typedef struct vxt_place {
    uint64_t at;
    uint32_t lane;
} vxt_place;

typedef enum vxt_entry_state {
    VXT_ENTRY_GAP,     /* no packet: room at the end of the ring that the next one did not fit in */
    VXT_ENTRY_IN_TURN, /* not earlier than all before it */
    VXT_ENTRY_STRAY,   /* earlier */
    VXT_ENTRY_DONE     /* it has come out, or was dropped */
} vxt_entry_state;

/* What tells its duplicates; see vxt_duplicates.h. */
typedef struct vxt_mark {
    vxt_same same;
    uint64_t digest;  /* of the captured payload */
    uint64_t group;   /* hash of all that two sights of one packet have in common, captured payload included */
    uint32_t vantage; /* where this one was seen */
} vxt_mark;

typedef struct vxt_entry {
    uint32_t size; /* of all of it, a multiple of 8 */
    uint8_t state; /* vxt_entry_state; a gap has these two only */
    uint32_t caplen;
    int64_t at; /* the time that it is ordered by: its own, or that of the one before it, where it has none */
    vxt_mark mark;
    vxt_packet r; /* its inner frame follows */
} vxt_entry;

/* By how much a source's clock is ahead, from a time of that clock on; in between it is drawn straight. */
typedef struct vxt_knot {
    int64_t ts, ahead;
} vxt_knot;

typedef struct vxt_lane {
    uint8_t *ring;         /* memory of the caller, aligned to 8; the entries are at their place modulo its size */
    uint64_t size;         /* a power of two; 0 before there is any */
    uint64_t tail;         /* the first entry that is still here */
    uint64_t turn;         /* the next one that is IN_TURN, or `head` */
    uint64_t head;         /* where the next one will be */
    uint64_t waits;        /* bytes of entries that have not come out */
    int64_t newest;        /* how far the source has come: a time counts once the next packet confirms it */
    int64_t latest;        /* the greatest time so far */
    int64_t before;        /* the time of the last one */
    const vxt_knot *knots; /* memory of the caller */
    uint32_t knot_count, knot;
    uint32_t vantage;     /* of the last packet: mostly that of the next one */
    uint64_t given, late; /* packets that came out, and of those the ones behind one with a later time */
    uint64_t dropped;     /* duplicates */
    uint64_t unfit;       /* for which the output had no place: see vxt_output_fit */
    bool begun, ended;
    bool full;   /* there is no more room: it is not waited for */
    bool queued; /* its next entry is in the queue */
    bool fine;   /* its times can have digits below a microsecond */
} vxt_lane;

/* The entry at a place that holds one. */
static inline vxt_entry *vxt_lane_at(const vxt_lane *lane, uint64_t at)
{
    return (vxt_entry *)(void *)&lane->ring[at & (lane->size - 1)];
}

/* Whether what was there still is. */
static inline bool vxt_lane_has(const vxt_lane *lane, uint64_t at) { return at >= lane->tail && at < lane->head; }

static inline uint64_t vxt_lane_used(const vxt_lane *lane) { return lane->head - lane->tail; }

/* The inner frame of an entry, as far as it was captured. */
static inline vxt_slice vxt_entry_frame(const vxt_entry *entry)
{
    return vxt_slice_of((const uint8_t *)(entry + 1), entry->caplen);
}

/* Bytes that an entry takes. */
uint64_t vxt_entry_size(uint32_t caplen);

/* Room for an entry with so many bytes of frame at the end of the lane, or NULL where there is none. */
vxt_entry *vxt_lane_claim(vxt_lane *lane, uint32_t caplen);

/* The claimed entry has been filled but for its time: it belongs to the lane now. */
void vxt_lane_add(vxt_lane *lane, vxt_entry *entry);

/* Move to memory of `size` bytes, a larger power of two; the old memory is the caller's again. */
void vxt_lane_move(vxt_lane *lane, uint8_t *ring, uint64_t size);

/* The next entry in turn behind `at`, or `head`. */
uint64_t vxt_lane_turn(const vxt_lane *lane, uint64_t at);

/* The time by all clocks' agreement of one by the source's clock. */
int64_t vxt_lane_time(vxt_lane *lane, int64_t ts);

#endif
