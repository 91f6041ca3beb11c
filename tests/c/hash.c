/* Writes the hashes of many contents, and checks that each byte, its place and the length count. */
#include <inttypes.h>
#include <stdlib.h>

#include "check.h"
#include "vxt_hash.h"

enum { MOST = 3 * VXT_STRETCH + 100 };

/* The hash of `n` bytes that stand at the end of memory of their own, so that a byte too many is found. */
static uint64_t hash_of(const vxt_key *key, const uint8_t *bytes, size_t n)
{
    uint8_t *exact = malloc(n ? n : 1);
    uint64_t hash;

    if (!exact)
        exit(1);
    memcpy(exact, bytes, n);
    hash = vxt_hash_bytes(key, vxt_slice_of(exact, n));
    free(exact);
    return hash;
}

int main(void)
{
    static uint8_t bytes[MOST];
    static vxt_key key, other;

    vxt_key_set(&key, 1);
    vxt_key_set(&other, 2);
    for (size_t i = 0; i < MOST; i++)
        bytes[i] = (uint8_t)(i * 167 + i / 256);
    for (size_t n = 0; n <= MOST; n = n < 300 ? n + 1 : n + 97) {
        uint64_t hash = hash_of(&key, bytes, n);
        printf("%zu %016" PRIx64 "\n", n, hash);
        CHECK(hash != hash_of(&other, bytes, n) && hash == hash_of(&key, bytes, n));
        if (n == 0)
            continue;
        CHECK(hash != hash_of(&key, bytes, n - 1));
        for (size_t at = 0; at < n; at += n < 300 ? 1 : 61) {
            bytes[at] ^= 0x10;
            CHECK(hash != hash_of(&key, bytes, n));
            bytes[at] ^= 0x10;
        }
    }
    for (size_t at = 0; at + 1024 <= MOST; at += 512) { /* stripes and stretches that change places */
        static uint8_t swapped[MOST];
        memcpy(swapped, bytes, MOST);
        memcpy(swapped + at, bytes + at + 512, 512);
        memcpy(swapped + at + 512, bytes + at, 512);
        CHECK(hash_of(&key, bytes, MOST) != hash_of(&key, swapped, MOST));
    }
    return done();
}
