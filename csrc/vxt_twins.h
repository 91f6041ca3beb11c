/* vxt_twins.h: the sights of packets that may still have duplicates, in the order in which they came, and the chains by
 * which they are found again. */
#ifndef VXT_TWINS_H
#define VXT_TWINS_H

#include "vxt_same.h"

enum {
    VXT_TWIN_CHAINS = 1 << 14,
    VXT_TWIN_STEPS = 256,         /* of a chain, at most */
    VXT_TWIN_LEAST = 1 << 10,     /* sights that there is room for at first, */
    VXT_TWIN_MOST = 1 << 17,      /* and at last */
    VXT_TWIN_BYTES = 8 << 20,     /* payloads that are kept, where some sights are cut */
    VXT_TWIN_PAYLOAD = 64 << 10,  /* of one, at most: what is whole is compared by its digest */
    VXT_TWIN_COMPARED = 256 << 10 /* bytes that are compared for one sight, at most */
};

typedef enum vxt_twin_key {
    VXT_TWIN_PLACE, /* all sights at one place: see vxt_same.key */
    VXT_TWIN_GROUP, /* of all packets that are alike to the last byte, the last one's first sight */
    VXT_TWIN_POINT, /* of those seen from one vantage point, the last sight */
    VXT_TWIN_KEYS
} vxt_twin_key;

/* One sight. Sights have numbers, from 1; 0 is none. */
typedef struct vxt_twin {
    uint64_t keys[VXT_TWIN_KEYS];
    uint64_t next[VXT_TWIN_KEYS]; /* the one before in its chain */
    uint64_t identity;
    uint64_t instance; /* the packet of which this is a sight, by the number of its first one */
    uint64_t upto;     /* its vantage point has seen all packets alike up to this one */
    uint64_t newer;    /* of a first sight: that of the next packet alike */
    uint64_t oldest;   /* of the newest packet's first sight: that of the oldest packet alike that is still known */
    uint64_t last_cut; /* the last sight with this identity, so far, whose payload is cut */
    uint64_t bytes;    /* 1 + where its payload is, or 0 */
    int64_t first;     /* time of the first sight of the packet */
    int64_t out;       /* how late it was when this one came out */
    uint32_t vantage, first_from;
    uint32_t captured, payload_len;
} vxt_twin;

typedef struct vxt_twins {
    vxt_twin *items;   /* memory of the caller: number n lies at n modulo `capacity`, a power of two */
    uint64_t *chains;  /* memory of the caller: VXT_TWIN_KEYS times VXT_TWIN_CHAINS numbers */
    uint8_t *payloads; /* memory of the caller: VXT_TWIN_BYTES, or NULL before any sight was cut */
    uint64_t capacity;
    uint64_t tail, head; /* the first sight that is known, and the next one */
    uint64_t bytes_head;
} vxt_twins;

static inline bool vxt_twins_has(const vxt_twins *twins, uint64_t number)
{
    return number >= twins->tail && number < twins->head;
}

static inline vxt_twin *vxt_twins_at(const vxt_twins *twins, uint64_t number)
{
    return &twins->items[number & (twins->capacity - 1)];
}

static inline bool vxt_twins_full(const vxt_twins *twins) { return twins->head - twins->tail == twins->capacity; }

/* Begin, with memory for chains. */
void vxt_twins_begin(vxt_twins *twins);

/* Move to memory for `capacity` sights, a larger power of two; the old memory is the caller's again. */
void vxt_twins_move(vxt_twins *twins, vxt_twin *items, uint64_t capacity);

/* The head of a chain, and the number of the last sight with this key; 0 without one. */
uint64_t vxt_twins_last(const vxt_twins *twins, vxt_twin_key chain, uint64_t key);
uint64_t vxt_twins_find(const vxt_twins *twins, vxt_twin_key chain, uint64_t key);

/* One more sight, with room for it: it is in no chain yet. */
uint64_t vxt_twins_add(vxt_twins *twins, const vxt_twin *twin);

/* Put it into a chain; `alone`: instead of the one with the same key. */
void vxt_twins_link(vxt_twins *twins, vxt_twin_key chain, uint64_t number, bool alone);

/* Forget the oldest sight. */
void vxt_twins_drop(vxt_twins *twins);

/* Keep the payload of the last sight: older ones go where it needs their room. Returns how many sights did. */
uint64_t vxt_twins_keep(vxt_twins *twins, vxt_slice payload);

/* The payload of a sight, as far as it is kept. */
vxt_slice vxt_twins_payload(const vxt_twins *twins, const vxt_twin *twin);

#endif
