/* vxt_scan.h: buffer -> records, whole or some columns of them. */
#ifndef VXT_SCAN_H
#define VXT_SCAN_H

#include "vxt_pass.h"
#include "vxt_piece.h"

enum { VXT_MAX_COLUMNS = 64 };

/* One column of an output row: `size` bytes, from a place in the record to a place in the row. */
typedef struct vxt_column {
    uint16_t from, size, to;
} vxt_column;

/* Memory for inner frames that lie nowhere in one piece, one after the other: see vxt_piece.h. */
typedef struct vxt_pieces {
    uint8_t *data; /* memory of the caller, or NULL: they are not wanted */
    size_t size, used;
} vxt_pieces;

typedef struct vxt_scan {
    vxt_pass pass;
    vxt_column columns[VXT_MAX_COLUMNS];
    uint32_t column_count; /* 0: rows are whole records */
    uint32_t row_size;
    vxt_pieces pieces;
    bool broken; /* the rows at hand are not one a frame: a late one stands among them */
} vxt_scan;

/* Scan `in` from its start. Rows go to `rows` (aligned to 8), which has room for `size` bytes and `*count` rows so far;
 * `*count` counts on. `*used` bytes were consumed. Returns MORE_INPUT, MORE_OUTPUT (room for fewer than one row, or for
 * no more pieces), what the pass wants (vxt_pass_next), or a fault; always after all that came before it. */
vxt_status vxt_scan_run(vxt_scan *scan, const uint8_t *in, size_t length, void *rows, size_t size, size_t *used,
                        size_t *count);

#endif
