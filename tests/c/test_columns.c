/* Columns at the edges of their memory: every block has just its size, and tables of terms move whenever they grow. */
#include "check.h"

#include <stdlib.h>

#include "vxt_columns.h"

enum { ROW = 40, ROWS = 700, BLOCKS = 5 };

static void *allocate(size_t size)
{
    void *p = calloc(1, size ? size : 1);

    if (!p)
        abort();
    return p;
}

static void *moved(void *old, size_t used, size_t size)
{
    void *p = allocate(size);

    if (used)
        memcpy(p, old, used);
    free(old);
    return p;
}

static void grow(vxt_terms *terms)
{
    uint32_t before = terms->capacity, capacity = before ? 2 * before : 2;

    terms->keys = moved(terms->keys, before / 2 * sizeof *terms->keys, capacity / 2 * sizeof *terms->keys);
    free(terms->slots);
    terms->slots = allocate(capacity * sizeof *terms->slots);
    memset(terms->slots, 0xff, capacity * sizeof *terms->slots);
    vxt_terms_grown(terms, capacity);
    CHECK(terms->capacity == capacity);
}

/* Row i: 16 bytes of an address, 16 of the other one, 8 of a time. Every fourth one has no address, every third one's
 * other is none. */
static void fill(uint8_t *row, size_t i, uint32_t distinct)
{
    uint32_t number = (uint32_t)(i * 7919 % distinct) + 1;
    int64_t time = i % 5 ? (int64_t)i : VXT_NAT;

    memset(row, 0, ROW);
    if (i % 4)
        memcpy(row + 12, &number, sizeof number);
    if (i % 3)
        row[16] = 1;
    memcpy(row + 32, &time, sizeof time);
}

static bool is_valid(const vxt_out *out, size_t i) { return out->valid[i / 8] >> i % 8 & 1; }

static void check_values(const vxt_out *out, const uint8_t *rows, size_t i)
{
    const uint8_t *row = &rows[i * ROW];
    bool none = i % 4 == 0 && i % 3 == 0;
    uint8_t key[VXT_IPLEN];
    uint32_t number;

    CHECK(is_valid(&out[0], i) == !none && is_valid(&out[1], i) == !none && is_valid(&out[2], i) == (i % 5 != 0));
    memcpy(&number, &out[0].values[4 * i], sizeof number);
    if (!none) {
        vxt_term_put(out[0].terms->keys[number], key);
        CHECK(memcmp(key, row, sizeof key) == 0);
    }
    CHECK(memcmp(&out[1].values[16 * i], row, 16) == 0);
    CHECK(memcmp(&out[2].values[8 * i], row + 32, 8) == 0);
}

/* In blocks of any size: the same values, and just as many terms as there are. */
static void check_blocks(uint32_t distinct, size_t block)
{
    vxt_terms terms = {.seed = distinct};
    vxt_out out[3] = {
        {0, 16, VXT_SHAPE_IP_TERM, NULL, NULL, 0, &terms},
        {0, 16, VXT_SHAPE_IP, NULL, NULL, 0, NULL},
        {32, 32, VXT_SHAPE_TIME, NULL, NULL, 0, NULL},
    };
    vxt_columns columns = {.items = out, .count = 3, .row_size = ROW};
    uint8_t *rows = allocate(ROWS * ROW);

    grow(&terms);
    for (size_t i = 0; i < ROWS; i++)
        fill(&rows[i * ROW], i, distinct);
    for (int i = 0; i < 3; i++) {
        out[i].values = allocate(ROWS * vxt_shapes[out[i].shape].width);
        out[i].valid = allocate((ROWS + 7) / 8);
    }
    for (size_t at = 0; at < ROWS; at += block) {
        size_t count = ROWS - at < block ? ROWS - at : block;
        uint8_t *some = moved(allocate(0), 0, count * ROW);
        memcpy(some, &rows[at * ROW], count * ROW);
        while (vxt_columns_add(&columns, some, count) < columns.count)
            grow(&terms);
        free(some);
    }
    CHECK(columns.rows == ROWS && columns.column == 0 && columns.row == 0);
    CHECK(out[0].nulls == (ROWS + 11) / 12 && out[1].nulls == out[0].nulls && out[2].nulls == ROWS / 5);
    for (size_t i = 0; i < ROWS; i++)
        check_values(out, rows, i);
    for (int i = 0; i < 3; i++) {
        free(out[i].values);
        free(out[i].valid);
    }
    free(rows);
    free(terms.slots);
    free(terms.keys);
}

/* As many as half of the slots, then none more; and texts in the order in which addresses came. */
static void check_terms(void)
{
    enum { SLOTS = 64 };
    vxt_terms terms = {.seed = 1};
    int32_t *offsets = allocate((SLOTS / 2 + 1) * sizeof *offsets);
    char *text = allocate(SLOTS / 2 * VXT_IP_TEXT);

    terms.slots = allocate(SLOTS * sizeof *terms.slots);
    terms.keys = allocate(SLOTS / 2 * sizeof *terms.keys);
    for (int round = 0; round < 2; round++) {
        vxt_terms_begin(&terms, SLOTS);
        for (uint8_t i = 0; i < SLOTS / 2 + 3; i++) {
            uint8_t address[VXT_IPLEN] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = i};
            vxt_term key = vxt_term_of(address, sizeof address);
            CHECK(vxt_terms_find(&terms, key) == (i < SLOTS / 2 ? i : VXT_NO_TERM));
            CHECK(vxt_terms_find(&terms, key) == (i < SLOTS / 2 ? i : VXT_NO_TERM));
        }
        CHECK(vxt_terms_format(&terms, VXT_IPLEN, offsets, text) == 10 * 8 + 22 * 9);
        CHECK(offsets[0] == 0 && offsets[1] == 8 && memcmp(text, "10.0.0.010.0.0.1", 16) == 0);
        CHECK(offsets[SLOTS / 2] == 10 * 8 + 22 * 9);
    }
    free(offsets);
    free(text);
    free(terms.slots);
    free(terms.keys);
}

int main(void)
{
    static const size_t blocks[BLOCKS] = {1, 7, 8, 64, ROWS};

    for (int i = 0; i < BLOCKS; i++) {
        check_blocks(1, blocks[i]);
        check_blocks(5, blocks[i]);
        check_blocks(600, blocks[i]);
    }
    check_terms();
    return done();
}
