/* harness.h: what the fuzz targets share: a caller of the core, as the library's border is one, only stricter. Every
 * table lies in a heap block of just its size and moves whenever it grows; input lies in blocks of just its size, so that
 * a sanitizer sees each byte that is read beyond. */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdio.h>
#include <stdlib.h>

#include "vxtap.h"

/* A property that must hold. */
#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                             \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* What libFuzzer and replay.c call. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void *fuzz_allocate(size_t size);

/* A fresh block with the first `used` of `size` bytes in it; the old one is gone. */
void *fuzz_move(void *old, size_t used, size_t size);

/* Bytes that grow. */
typedef struct fuzz_bytes {
    uint8_t *p;
    size_t size, room;
} fuzz_bytes;

void fuzz_append(fuzz_bytes *bytes, const void *more, size_t size);
void fuzz_same(const fuzz_bytes *a, const fuzz_bytes *b);

/* Pseudo-random numbers (SplitMix64). */
uint64_t fuzz_random(uint64_t *state);

/* The options of a run, which stand at the start of an input. seeds.py knows the layout too: see fuzz_setup_of. */
enum { FUZZ_OPTION_BYTES = 8 };

typedef struct fuzz_setup {
    vxt_options options;
    uint32_t vnis[2];
    uint64_t seed, timeout;
    uint32_t most; /* slots of memory for fragments */
    bool census, pcapng, keep_others, ethernet;
    uint64_t random; /* for the sizes of blocks */
} fuzz_setup;

/* Fill `setup` from the first bytes of `input`, which moves behind them; false where there are too few. */
bool fuzz_setup_of(fuzz_setup *setup, vxt_slice *input);

/* A pass in zeroed memory, ready to run; and what it has allocated, given back. */
void fuzz_pass_begin(vxt_pass *pass, const fuzz_setup *setup);
void fuzz_pass_end(vxt_pass *pass);

/* Give the core what it asks for, bytes of the capture that were passed among it; false where it asks for nothing of the
 * kind. */
bool fuzz_grow(vxt_pass *pass, vxt_status status, vxt_slice capture);
void fuzz_grow_interfaces(vxt_interfaces *table);
void fuzz_grow_fragments(vxt_frags *frags);

/* Every frame has one outcome, at every step. */
void fuzz_check_books(const vxt_pass *pass);

/* The same numbers after two runs over the same input. */
void fuzz_check_same_books(const vxt_pass *a, const vxt_pass *b);

/* How the input is cut into blocks. */
typedef enum fuzz_pace { FUZZ_WHOLE, FUZZ_RANDOM, FUZZ_BYTES } fuzz_pace;

/* What the core sees of the input: `size` bytes at `data`, and nothing behind them. */
typedef struct fuzz_window {
    vxt_slice input; /* that has not been handed over */
    fuzz_pace pace;
    uint64_t random;
    uint8_t *data;
    size_t size;
} fuzz_window;

fuzz_window fuzz_window_of(vxt_slice input, fuzz_pace pace, uint64_t random);

/* `used` bytes have been consumed: a new block, with what is left and more; false where there is no more. */
bool fuzz_window_more(fuzz_window *window, size_t used);

bool fuzz_is_fault(vxt_status status);

/* The bytes of a record that belong to columns. */
size_t fuzz_record_bytes(void);

#endif
