/* vxt_merge.h: the packets of several sources as one sequence, in order of time.
 *
 * Every source has a lane, into which its rows are pushed as they are read. A packet comes out once every other source
 * has come further than its time by the window, in which sources may themselves be out of order. */
#ifndef VXT_MERGE_H
#define VXT_MERGE_H

#include "vxt_duplicates.h"
#include "vxt_output.h"
#include "vxt_piece.h"
#include "vxt_queue.h"

/* A row with what tells the same packet elsewhere (vxt_same.h). */
typedef struct vxt_identified {
    vxt_packet r;
    uint64_t identity, digest;
} vxt_identified;

typedef struct vxt_merge {
    vxt_lane *lanes; /* memory of the caller */
    uint32_t lane_count;
    uint32_t wanted;            /* after MORE_INPUT: the lane that is waited for; VXT_NO_LANE: nothing more comes out */
    vxt_queue queue;            /* with room for one packet a lane and all those that are pushed: see vxt_merge_tidy */
    int64_t window;             /* ns */
    int64_t safe;               /* what is not later may come out */
    int64_t now;                /* the latest time that has come out */
    bool stale;                 /* `safe` and `wanted` are to be found anew */
    bool frames;                /* inner frames are held, not only rows */
    bool identify;              /* rows are vxt_identified */
    bool mark;                  /* duplicates are rows too, with VXT_FLAG_DUPLICATE; not for a capture */
    vxt_duplicates *duplicates; /* NULL: they are not looked for */
    const vxt_key *key;         /* for digests: of rows that are identified, and where duplicates are looked for */
    uint64_t seed;
    uint32_t forced; /* 1 + a lane whose first entry stands in the way */
} vxt_merge;

/* Bytes in which the frames of rows lie: a stretch of the capture, and those that are in no stretch in one piece, as
 * vxt_piece.h has them. */
typedef struct vxt_supply {
    vxt_slice window;
    uint64_t offset; /* of the window in the capture */
    vxt_slice pieces;
} vxt_supply;

/* Begin, with lanes, window, and what is looked for set. */
void vxt_merge_begin(vxt_merge *merge);

/* What had to come out early is still in the queue, up to its time: take it out. */
void vxt_merge_tidy(vxt_merge *merge);

/* Rows of a source, in its order. `*taken` of them now lie in its lane. VXT_OK; MORE_OUTPUT where the lane has no room
 * for the next one: give it some (vxt_lane_move), or say that there is none (vxt_merge_full).
 * MALFORMED: the frame of a row is not in its supply. */
vxt_status vxt_merge_push(vxt_merge *merge, uint32_t lane, const vxt_packet *rows, size_t count, vxt_supply *supply,
                          size_t *taken);

/* The lane gets no more room now, and is not waited for until some of it is free. */
void vxt_merge_full(vxt_merge *merge, uint32_t lane);

/* Its source is at its end. */
void vxt_merge_ended(vxt_merge *merge, uint32_t lane);

/* The next packets in order, as rows (aligned to 8), as long as there is room. MORE_INPUT, MORE_OUTPUT, or what
 * vxt_duplicates_room wants. */
vxt_status vxt_merge_rows(vxt_merge *merge, void *rows, size_t size, size_t *count);

/* The same as a capture. `*made` bytes are written. */
vxt_status vxt_merge_capture(vxt_merge *merge, vxt_output *output, uint8_t *out, size_t size, size_t *made);

#endif
