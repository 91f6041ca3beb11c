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

/* A key for hashing bytes: random words, one for each place in a stretch of as many bytes. */
enum { VXT_STRIPE = 64, VXT_STRETCH = 2048 };

typedef struct vxt_key {
    uint64_t words[VXT_STRETCH / 8];
} vxt_key;

/* Fill a key from a seed (the sequence of SplitMix64). */
static inline void vxt_key_set(vxt_key *key, uint64_t seed)
{
    for (size_t i = 0; i < VXT_STRETCH / 8; i++) {
        uint64_t x = seed += 0x9e3779b97f4a7c15u;
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
        x = (x ^ x >> 27) * 0x94d049bb133111ebu;
        key->words[i] = x ^ x >> 31;
    }
}

/* What has been hashed of a stretch. Each word of 8 bytes goes in twice: its halves, with the key of its place added,
 * multiplied with each other (the NH of UMAC, RFC 4418 5.2), and as it is. Two contents that differ in one word always
 * differ in the plain sums; those made to differ in several meet in the products by chance only. Both ways give the
 * same hashes; compilers do not find the first one by themselves, and it takes half the time. */
#if defined(__SSE2__) && !defined(VXT_PLAIN)
#include <emmintrin.h>

typedef struct vxt_lanes {
    __m128i products, sums;
} vxt_lanes;

/* 16 bytes. */
static inline vxt_lanes vxt_lanes_add(vxt_lanes lanes, const uint64_t *key, const uint8_t *p)
{
    __m128i data = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i mixed = _mm_add_epi32(data, _mm_loadu_si128((const __m128i *)(const void *)key));

    lanes.products = _mm_add_epi64(lanes.products, _mm_mul_epu32(mixed, _mm_srli_epi64(mixed, 32)));
    lanes.sums = _mm_add_epi64(lanes.sums, data);
    return lanes;
}
#else
typedef struct vxt_lanes {
    uint64_t products[2], sums[2];
} vxt_lanes;

static inline vxt_lanes vxt_lanes_add(vxt_lanes lanes, const uint64_t *key, const uint8_t *p)
{
    for (int i = 0; i < 2; i++) {
        uint64_t data = vxt_le64(p + 8 * i);
        uint32_t low = (uint32_t)data + (uint32_t)key[i], high = (uint32_t)(data >> 32) + (uint32_t)(key[i] >> 32);
        lanes.products[i] += (uint64_t)low * high;
        lanes.sums[i] += data;
    }
    return lanes;
}
#endif

static inline uint64_t vxt_lanes_fold(vxt_lanes lanes, const vxt_key *key, uint64_t hash)
{
    uint64_t words[4];

    static_assert(sizeof words == sizeof lanes, "two products and two sums");
    memcpy(words, &lanes, sizeof words);
    return vxt_mix(hash, vxt_fold(words[0] ^ key->words[0], words[1] ^ key->words[1]) +
                             vxt_fold(words[2] ^ key->words[2], words[3] ^ key->words[3]));
}

/* The last bytes of a stretch, fewer than a stripe: in pieces of 16, of which the last reaches back over the one before
 * where it can. */
static inline vxt_lanes vxt_hash_tail(vxt_lanes lanes, const uint64_t *key, vxt_slice whole, vxt_slice bytes)
{
    uint8_t tail[16] = {0};
    const uint8_t *p;
    size_t left;

    for (; (p = vxt_take(&bytes, sizeof tail)); key = &key[2])
        lanes = vxt_lanes_add(lanes, key, p);
    if ((left = vxt_left(bytes)) == 0)
        return lanes;
    if ((p = vxt_last(whole, sizeof tail)))
        return vxt_lanes_add(lanes, key, p);
    if ((p = vxt_take(&bytes, left)))
        memcpy(tail, p, left);
    return vxt_lanes_add(lanes, key, tail);
}

/* Hash a stretch more. */
static inline uint64_t vxt_hash_stretch(const vxt_key *key, vxt_slice bytes, uint64_t hash)
{
    vxt_lanes lanes = {0};
    vxt_slice rest = bytes;
    const uint64_t *words = key->words;
    const uint8_t *p;

    for (; (p = vxt_take(&rest, VXT_STRIPE)); words = &words[VXT_STRIPE / 8])
        for (int i = 0; i < VXT_STRIPE / 16; i++)
            lanes = vxt_lanes_add(lanes, words + 2 * i, p + 16 * i);
    return vxt_lanes_fold(vxt_hash_tail(lanes, words, bytes, rest), key, hash);
}

/* Hash all bytes of a slice. */
static inline uint64_t vxt_hash_bytes(const vxt_key *key, vxt_slice bytes)
{
    uint64_t hash = vxt_left(bytes) ^ key->words[0];

    while (vxt_left(bytes)) {
        vxt_slice stretch = bytes;
        vxt_clip(&stretch, VXT_STRETCH);
        vxt_skip(&bytes, VXT_STRETCH);
        hash = vxt_hash_stretch(key, stretch, hash);
    }
    return hash;
}

#endif
