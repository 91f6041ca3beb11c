/* vxt_columns.h: rows -> columns as Arrow lays them out: values side by side, a bit each for whether there is one, and
 * addresses as numbers in a dictionary. Memory of the caller. */
#ifndef VXT_COLUMNS_H
#define VXT_COLUMNS_H

#include "vxt_terms.h"

enum { VXT_MAX_OUTPUTS = 64 };

/* What becomes of a column: X(NAME, bytes in a row, bytes of a value, may there be none, is it a number in a
 * dictionary, meaning). */
#define VXT_SHAPES(X)                                                                                                  \
    X(TIME, 8, 8, true, false, "nanoseconds; none where the row has no time")                                          \
    X(BYTE, 1, 2, false, false, "one byte, widened")                                                                   \
    X(SHORT, 2, 4, false, false, "two bytes, widened")                                                                 \
    X(INT, 4, 8, false, false, "four bytes, widened")                                                                  \
    X(LONG, 8, 8, false, false, "eight bytes as they are")                                                             \
    X(IP, VXT_IPLEN, VXT_IPLEN, true, false, "an address; none where it and the other one of its pair are zero")       \
    X(MAC, VXT_MACLEN, VXT_MACLEN, true, false, "the same of a MAC")                                                   \
    X(IP_TERM, VXT_IPLEN, 4, true, true, "the number of an address in a dictionary; none as above")                    \
    X(MAC_TERM, VXT_MACLEN, 4, true, true, "the same of a MAC")

typedef enum vxt_shape {
#define X(name, size, width, nulls, terms, text) VXT_SHAPE_##name,
    VXT_SHAPES(X)
#undef X
        VXT_SHAPE_COUNT
} vxt_shape;

/* The same for those who make columns. */
typedef struct vxt_shape_row {
    const char *name;
    uint8_t size, width;
    bool nulls, terms;
} vxt_shape_row;

extern const vxt_shape_row vxt_shapes[VXT_SHAPE_COUNT];

/* One column: where it stands in a row, and where its values go. */
typedef struct vxt_out {
    uint16_t from, other; /* in a row: the value, and the other one of a pair of addresses (or the same) */
    vxt_shape shape;
    uint8_t *values, *valid; /* aligned to 8; a bit a row, NULL for shapes that always have a value */
    uint64_t nulls;          /* rows without a value */
    vxt_terms *terms;        /* of the shapes that number addresses */
} vxt_out;

typedef struct vxt_columns {
    vxt_out *items;
    uint32_t count, row_size;
    size_t rows;     /* of the batch so far: the next ones go behind them */
    uint32_t column; /* where a call stopped: the column, and the rows that it has of those given */
    size_t row;
} vxt_columns;

/* Take `count` rows, wherever they lie, for which there is room behind those of before. Returns the number of columns
 * where all is done; else that of the one whose terms have to grow, and the same call again goes on from there. */
uint32_t vxt_columns_add(vxt_columns *columns, const uint8_t *rows, size_t count);

#endif
