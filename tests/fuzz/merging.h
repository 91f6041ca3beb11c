/* merging.h: what goes into a merge, as an input of fuzz_merge.c says: a setup, and packets whose frames it builds. */
#ifndef MERGING_H
#define MERGING_H

#include "harness.h"

#include "vxt_merge.h"

enum { FUZZ_LANES = 4, FUZZ_MOST_ITEMS = 200, FUZZ_FRAME = 160, FUZZ_KNOTS = 3 };

/* How a merge is set up. */
typedef struct fuzz_merge_setup {
    uint32_t lanes;
    int64_t window, dedup_window;
    uint64_t ring, most_ring; /* bytes of a lane at first, and at last */
    uint64_t most_twins;
    uint64_t room; /* bytes of output at a time, at most */
    uint64_t seed;
    bool frames, identify, mark, dedup, capture, pcapng, ethernet, nano;
    vxt_knot knots[FUZZ_LANES][FUZZ_KNOTS];
    uint32_t knot_count[FUZZ_LANES];
} fuzz_merge_setup;

/* One packet, what it should become, and what became of it. */
typedef struct fuzz_item {
    vxt_packet r;
    uint8_t frame[FUZZ_FRAME];
    uint32_t lane;
    int64_t at; /* the time that it is ordered by */
    vxt_same same;
    uint64_t group;
    uint32_t vantage;
    bool in_piece, push, pull, end; /* what is done with it and behind it */
    bool pushed, seen, duplicate;
} fuzz_item;

typedef struct fuzz_items {
    fuzz_item items[FUZZ_MOST_ITEMS];
    size_t count;
} fuzz_items;

/* Fill both from an input; false where it is too short. */
bool fuzz_merge_input(fuzz_merge_setup *setup, fuzz_items *items, vxt_slice input);

/* A merge that is over, and what came out of it. */
typedef struct fuzz_merged {
    const fuzz_merge_setup *setup;
    fuzz_items *items;
    const vxt_merge *merge;
    const vxt_output *output;
    const size_t *order; /* numbers of items, as their rows came out */
    size_t count;
    bool filled; /* some lane was full: what came out then may be late */
    const fuzz_bytes *written;
} fuzz_merged;

/* Require all that must hold (merged.c). */
void fuzz_merge_check(const fuzz_merged *merged);

#endif
