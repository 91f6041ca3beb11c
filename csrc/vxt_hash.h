/* vxt_hash.h: keyed hashes, for tables whose keys come from the network. Who sends the packets does not know the seed,
 * and so not where a key falls. */
#ifndef VXT_HASH_H
#define VXT_HASH_H

#include "vxt_bytes.h"
#include "vxt_slice.h"

/* The 128 bits of a product, folded to 64. */
#ifdef __SIZEOF_INT128__
__extension__ typedef unsigned __int128 vxt_wide;

static inline uint64_t vxt_fold(uint64_t a, uint64_t b)
{
    vxt_wide product = (vxt_wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}
#else
static inline uint64_t vxt_fold(uint64_t a, uint64_t b)
{
    uint64_t low = (a & 0xffffffff) * (b & 0xffffffff), high = (a >> 32) * (b >> 32);
    uint64_t first = (a >> 32) * (b & 0xffffffff), second = (a & 0xffffffff) * (b >> 32);
    uint64_t middle = (low >> 32) + (first & 0xffffffff) + (second & 0xffffffff);

    return (low & 0xffffffff) ^ middle << 32 ^ (high + (first >> 32) + (second >> 32) + (middle >> 32));
}
#endif

/* One more word into a hash that started as a seed. */
static inline uint64_t vxt_mix(uint64_t hash, uint64_t word)
{
    return vxt_fold(hash ^ word, 0x9e3779b97f4a7c15u) + hash;
}

enum { VXT_LANES = 4, VXT_STRIPE = 16 * VXT_LANES };

/* A key for hashing bytes: random words, two a lane. */
typedef struct vxt_key {
    uint64_t words[2 * VXT_LANES];
} vxt_key;

/* The words of a key out of a seed (SplitMix64's sequence). */
static inline vxt_key vxt_key_of(uint64_t seed)
{
    vxt_key key;

    for (int i = 0; i < 2 * VXT_LANES; i++) {
        uint64_t x = seed += 0x9e3779b97f4a7c15u;
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
        x = (x ^ x >> 27) * 0x94d049bb133111ebu;
        key.words[i] = x ^ x >> 31;
    }
    return key;
}

/* 16 bytes of lane i; what came before in the lane is part of it, so that order counts. */
static inline uint64_t vxt_lane(const vxt_key *key, int i, uint64_t lane, const uint8_t *p)
{
    return vxt_fold(vxt_le64(p) ^ key->words[2 * i], vxt_le64(p + 8) ^ key->words[2 * i + 1] ^ lane);
}

/* Hash all bytes. The lanes do not wait for each other: about four bytes a cycle. */
static inline uint64_t vxt_hash_bytes(const vxt_key *key, vxt_slice bytes)
{
    uint64_t lanes[VXT_LANES] = {0}, hash = vxt_left(bytes);
    uint8_t tail[VXT_STRIPE] = {0};
    const uint8_t *p;
    size_t left;

    while ((p = vxt_take(&bytes, VXT_STRIPE)))
        for (int i = 0; i < VXT_LANES; i++)
            lanes[i] = vxt_lane(key, i, lanes[i], p + 16 * i);
    left = vxt_left(bytes);
    if ((p = vxt_take(&bytes, left)) && left) {
        memcpy(tail, p, left);
        for (int i = 0; i < VXT_LANES; i++)
            lanes[i] = vxt_lane(key, i, lanes[i], tail + 16 * i);
    }
    for (int i = 0; i < VXT_LANES; i++)
        hash = vxt_mix(hash ^ key->words[i], lanes[i]);
    return hash;
}

#endif
