/* vxt_where.h: a predicate on the columns of a record, as a program: tests that each look at a column and say which one
 * comes next, always one behind it. vxtap/where.py makes programs of text. */
#ifndef VXT_WHERE_H
#define VXT_WHERE_H

#include "vxt_packet.h"

/* What a test asks. Columns are numbers without sign: native integers, or bytes in network order (MACs, IP addresses).
 */
typedef enum vxt_test_kind {
    VXT_IN_SPANS,        /* whether the masked column lies in one of some spans */
    VXT_SIGNED_IN_SPANS, /* the same for a column with a sign, which counts from the least value that it can have */
    VXT_EQUALS,          /* whether two masked columns are equal */
    VXT_IS_LESS          /* whether the first is less than the second; not for IP addresses */
} vxt_test_kind;

/* vxtap/predicate.py writes these, too. */
typedef struct vxt_test {
    uint64_t mask[2];         /* of the first column, and of the second where there is one; IP addresses have none */
    uint32_t first;           /* of its spans: where they start among all words */
    uint32_t count;           /* of its spans */
    uint32_t then, otherwise; /* the next test; the number of all tests: it holds; one more: it does not */
    uint16_t at[2];           /* the columns, as offsets in the record */
    uint8_t size[2];          /* 1, 2, 4, 8, 6 or 16 bytes */
    uint8_t kind;             /* vxt_test_kind */
    uint8_t unused;
} vxt_test;

static_assert(sizeof(vxt_test) == 40, "vxtap/predicate.py knows the layout");

/* Memory of the caller. A span is its first value and its last one, a word each, or two for IP addresses, of which the
 * higher half comes first; spans of one test are in rising order and do not overlap. */
typedef struct vxt_where {
    const vxt_test *tests;
    const uint64_t *words;
    uint32_t count; /* of tests; 0: it always holds */
    uint32_t word_count;
} vxt_where;

/* Whether a program is sound: it may be run then, and it ends. */
bool vxt_where_check(const vxt_where *where);

/* Whether it holds for a record, whose columns are parsed as far as it looks at them. */
bool vxt_where_holds(const vxt_where *where, const vxt_packet *r);

#endif
