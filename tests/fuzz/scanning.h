/* scanning.h: a whole input through vxt_scan, as the targets want it: in blocks, with rows in one buffer or one at a
 * time. */
#ifndef SCANNING_H
#define SCANNING_H

#include "harness.h"

typedef struct fuzz_scan_run {
    vxt_scan scan;
    fuzz_bytes rows;   /* all of them; `row_size` of the scan apart */
    size_t count;
    fuzz_bytes pieces; /* inner frames that lie in no one piece, one after the other */
    fuzz_bytes inner;  /* with `singly`: the inner frames of all rows that are decapsulated */
    vxt_status status; /* what ended it: MORE_INPUT, or a fault */
    vxt_status end;    /* of vxt_reader_end, */
    uint64_t tail;     /* which gives this too */
} fuzz_scan_run;

/* Columns of a row, for fuzz_scan_all: none for whole records. */
typedef struct fuzz_columns {
    vxt_column columns[VXT_MAX_COLUMNS];
    uint32_t count, row_size;
} fuzz_columns;

typedef struct fuzz_way {
    fuzz_pace pace;
    uint64_t random;
    bool singly;                 /* rows are taken away one by one, with their inner frames */
    const fuzz_columns *columns; /* or NULL */
} fuzz_way;

/* Scan all of `input` and drain it; every step is checked. */
void fuzz_scan_all(fuzz_scan_run *run, const fuzz_setup *setup, vxt_slice input, const fuzz_way *way);
void fuzz_scan_free(fuzz_scan_run *run);

const vxt_packet *fuzz_row(const fuzz_scan_run *run, size_t i);

#endif
