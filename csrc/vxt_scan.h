/* vxt_scan.h: buffer -> records, whole or some columns of them. */
#ifndef VXT_SCAN_H
#define VXT_SCAN_H

#include "vxt_pass.h"

enum { VXT_MAX_COLUMNS = 64 };

/* One column of an output row: `size` bytes, from a place in the record to a place in the row. */
typedef struct vxt_column {
    uint16_t from, size, to;
} vxt_column;

typedef struct vxt_scan {
    vxt_pass pass;
    vxt_column columns[VXT_MAX_COLUMNS];
    uint32_t column_count; /* 0: rows are whole records */
    uint32_t row_size;
} vxt_scan;

/* Scan `in` from its start, rows to `out` (aligned to 8). `*used` bytes were consumed, `*rows` written. Returns
 * MORE_INPUT, MORE_OUTPUT (room for fewer than one row), MORE_INTERFACES, or a fault; always after all that came before
 * it. */
vxt_status vxt_scan_run(vxt_scan *scan, const uint8_t *in, size_t length, void *out, size_t size, size_t *used,
                        size_t *rows);

#endif
