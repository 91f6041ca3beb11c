/* vxt_terms.h: the distinct addresses of a column, numbered from 0 as they come: an Arrow dictionary.
 *
 * Keys are found by a keyed hash with open addressing, and compared whole. The table grows by its caller, and never
 * beyond twice as many slots as there are rows; every batch begins an empty one.
 */
#ifndef VXT_TERMS_H
#define VXT_TERMS_H

#include "vxt_hash.h"
#include "vxt_text.h"

enum { VXT_NO_TERM = UINT32_MAX, VXT_LEAST_SLOTS = 256 };

/* An address in words, the first bytes lowest; a MAC fills six bytes, the rest is 0. */
typedef struct vxt_term {
    uint64_t words[2];
} vxt_term;

typedef struct vxt_terms {
    uint32_t *slots;          /* 1 + number of a key; 0 is free */
    vxt_term *keys;           /* room for half as many as there are slots */
    uint64_t seed;            /* random, by the caller: who sends the packets must not know where their keys fall */
    uint32_t capacity, count; /* slots, a power of two; keys */
    uint64_t steps;           /* slots looked at, for tests of the cost */
} vxt_terms;

VXT_INLINE bool vxt_term_same(vxt_term a, vxt_term b) { return a.words[0] == b.words[0] && a.words[1] == b.words[1]; }

VXT_INLINE uint64_t vxt_term_hash(const vxt_terms *terms, vxt_term key)
{
    return vxt_mix(vxt_mix(terms->seed, key.words[0]), key.words[1]);
}

/* In loads of the sizes in which rows are written: a processor hands on no wider ones. */
VXT_INLINE vxt_term vxt_term_of(const uint8_t *address, size_t size)
{
    if (size == VXT_MACLEN)
        return (vxt_term){{vxt_le32(address) | (uint64_t)vxt_le16(address + 4) << 32, 0}};
    return (vxt_term){{vxt_le64(address), vxt_le64(address + 8)}};
}

/* The address, `size` bytes and zeros behind them. */
VXT_INLINE void vxt_term_put(vxt_term key, uint8_t address[VXT_IPLEN])
{
    vxt_put_le64(address, key.words[0]);
    vxt_put_le64(address + 8, key.words[1]);
}

/* The number of a key, a new one's too; VXT_NO_TERM where the table has to grow first. */
VXT_INLINE uint32_t vxt_terms_find(vxt_terms *terms, vxt_term key)
{
    uint32_t mask = terms->capacity - 1, at = (uint32_t)vxt_term_hash(terms, key) & mask;

    for (;; at = (at + 1) & mask) { /* half of the slots are free */
        uint32_t number = terms->slots[at] - 1;
        terms->steps++;
        if (number == VXT_NO_TERM)
            break;
        if (vxt_term_same(terms->keys[number], key))
            return number;
    }
    if (terms->count >= terms->capacity / 2)
        return VXT_NO_TERM;
    terms->keys[terms->count] = key;
    terms->slots[at] = ++terms->count;
    return terms->count - 1;
}

/* Begin an empty table in the first `capacity` slots, a power of two, of those that there is memory for. */
void vxt_terms_begin(vxt_terms *terms, uint32_t capacity);

/* It has moved to memory of `capacity` slots, a larger power of two than before: keys as they were, slots of any
 * content. */
void vxt_terms_grown(vxt_terms *terms, uint32_t capacity);

/* Write the keys as texts, of addresses of `size` bytes, one after the other: returns the bytes. `offsets` has room for
 * one more than there are keys, `text` for VXT_IP_TEXT bytes or VXT_MAC_TEXT each. */
size_t vxt_terms_format(const vxt_terms *terms, size_t size, int32_t *offsets, char *text);

#endif
