/* vxt_vantage.h: where packets were seen: tunnel source, VNI and input; and what pairs of such points have in common.
 */
#ifndef VXT_VANTAGE_H
#define VXT_VANTAGE_H

#include "vxt_packet.h"

enum {
    VXT_MAX_VANTAGES = 4096, /* told apart; all others are one */
    VXT_VANTAGE_SLOTS = 2 * VXT_MAX_VANTAGES,
    VXT_MAX_PAIRS = 512, /* pairs with counts of their own */
    VXT_PAIR_SLOTS = 2 * VXT_MAX_PAIRS,
    VXT_DELAY_PARTS = 8, /* bins of delays from one power of two to the next */
    VXT_DELAY_BINS = 320 /* the last one takes all from 2^41 ns, half an hour, on */
};

typedef struct vxt_vantage {
    uint8_t outer_src[VXT_IPLEN];
    uint32_t vni, source;
    uint64_t frames;
} vxt_vantage;

typedef struct vxt_vantages {
    uint64_t seed; /* random, by the caller */
    uint32_t count;
    uint16_t slots[VXT_VANTAGE_SLOTS];      /* 1 + index of a row */
    vxt_vantage rows[VXT_MAX_VANTAGES + 1]; /* the last one: all others */
} vxt_vantages;

/* Packets that were seen from both points, first from one, then from the other. */
typedef struct vxt_pair {
    uint32_t first, second;
    uint64_t count;
    int64_t least, most; /* delays, in ns: below 0 where the second sight has the earlier time */
    uint32_t bins[VXT_DELAY_BINS];
} vxt_pair;

typedef struct vxt_pairs {
    uint64_t other; /* of pairs beyond those that are told apart */
    uint32_t count;
    uint16_t slots[VXT_PAIR_SLOTS];
    vxt_pair rows[VXT_MAX_PAIRS];
} vxt_pairs;

/* The number of a packet's vantage point; `guess` is tried first. */
uint32_t vxt_vantage_of(vxt_vantages *table, const vxt_packet *r, uint32_t guess);

/* A packet was seen from `first`, and `delay` ns later from `second`. */
void vxt_pairs_add(vxt_pairs *table, uint64_t seed, uint32_t first, uint32_t second, int64_t delay);

/* The bin of a delay, and the least delay of a bin. */
uint32_t vxt_delay_bin(int64_t delay);
int64_t vxt_delay_least(uint32_t bin);

#endif
