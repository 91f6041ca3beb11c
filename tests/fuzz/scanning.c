#include "scanning.h"

enum { PIECE_HEADER = 16, /* offset and length, see vxt_scan.h */
       SHORTEST_FRAME = 16 /* bytes that a frame takes in a file at least */, FIRST_PIECES = 64 };

/* One run, while it goes on. */
typedef struct scanner {
    fuzz_scan_run *run;
    const fuzz_way *way;
    vxt_slice input;
    uint8_t *rows; /* what the core writes to */
    size_t rows_size, rows_count;
} scanner;

const vxt_packet *fuzz_row(const fuzz_scan_run *run, size_t i)
{
    return (const vxt_packet *)(const void *)(run->rows.p + i * sizeof(vxt_packet));
}

/* With `singly`: take the one row away, and the bytes of its inner frame, which are in `pieces` or in the input. */
static void take_row(scanner *s)
{
    vxt_pieces *pieces = &s->run->scan.pieces;
    const vxt_packet *r = (const vxt_packet *)(const void *)s->rows;

    if (s->rows_count == 0)
        return;
    fuzz_append(&s->run->rows, s->rows, s->run->scan.row_size);
    s->run->count++;
    s->rows_count = 0;
    if (s->way->columns || r->status != VXT_OK)
        return;
    if (pieces->used) {
        vxt_slice piece = vxt_slice_of(pieces->data, pieces->used);
        const uint8_t *header = vxt_take(&piece, PIECE_HEADER);
        REQUIRE(header && vxt_le64(header) == r->offset && vxt_le64(header + 8) == r->caplen);
        REQUIRE(vxt_left(piece) == (r->caplen + 7u) / 8 * 8);
        fuzz_append(&s->run->inner, piece.p, r->caplen);
        fuzz_append(&s->run->pieces, pieces->data, pieces->used);
        pieces->used = 0;
    } else {
        REQUIRE(r->caplen == 0 || !(r->flags & VXT_FLAG_REASSEMBLED));
        REQUIRE(r->caplen == 0 || r->offset + r->caplen <= vxt_left(s->input));
        fuzz_append(&s->run->inner, s->input.p + (r->caplen ? r->offset : 0), r->caplen);
    }
}

/* MORE_OUTPUT: the rows have room for one more, or else the pieces have not. */
static void make_room(scanner *s)
{
    vxt_pieces *pieces = &s->run->scan.pieces;

    if (s->way->singly && s->rows_count) {
        take_row(s);
        return;
    }
    REQUIRE((s->rows_count + 1) * s->run->scan.row_size <= s->rows_size);
    if (pieces->used) {
        fuzz_append(&s->run->pieces, pieces->data, pieces->used);
        pieces->used = 0;
        return;
    }
    REQUIRE(pieces->size < VXT_MAX_DATAGRAM + PIECE_HEADER + 7); /* no inner frame is larger */
    pieces->size *= 2;
    pieces->data = fuzz_move(pieces->data, 0, pieces->size);
}

/* The input is at its end, or at a fault; what waits in the core comes out. */
static void drain(scanner *s, vxt_status status, size_t left)
{
    s->run->status = status;
    if (status == VXT_MORE_INPUT) {
        s->run->end = vxt_reader_end(&s->run->scan.pass.reader, left, &s->run->tail);
        REQUIRE(s->run->scan.pass.reader.offset + left == vxt_left(s->input) && s->run->tail <= vxt_left(s->input));
    }
    s->run->scan.pass.ending = true;
}

static void run_to_the_end(scanner *s, fuzz_window *window)
{
    vxt_scan *scan = &s->run->scan;
    size_t at = 0;

    for (;;) {
        size_t used, before = s->rows_count;
        vxt_status status = vxt_scan_run(scan, window->data + at, window->size - at, s->rows, s->rows_size, &used,
                                         &s->rows_count);
        at += used;
        REQUIRE(at <= window->size && s->rows_count >= before && s->rows_count * scan->row_size <= s->rows_size);
        fuzz_check_books(&scan->pass);
        if (fuzz_grow(&scan->pass, status, s->input))
            continue;
        if (status == VXT_MORE_OUTPUT)
            make_room(s);
        else if (scan->pass.ending) {
            REQUIRE(status == VXT_MORE_INPUT && used == 0);
            return;
        } else if (status != VXT_MORE_INPUT) {
            REQUIRE(fuzz_is_fault(status));
            drain(s, status, window->size - at);
        } else if (fuzz_window_more(window, at)) {
            at = 0;
        } else {
            drain(s, status, window->size - at);
        }
    }
}

static void set_columns(vxt_scan *scan, const fuzz_columns *columns)
{
    scan->row_size = sizeof(vxt_packet);
    if (!columns)
        return;
    memcpy(scan->columns, columns->columns, sizeof scan->columns);
    scan->column_count = columns->count;
    scan->row_size = columns->row_size;
}

void fuzz_scan_all(fuzz_scan_run *run, const fuzz_setup *setup, vxt_slice input, const fuzz_way *way)
{
    fuzz_window window = fuzz_window_of(input, way->pace, way->random);
    scanner s = {.run = run, .way = way, .input = input};

    memset(run, 0, sizeof *run);
    fuzz_pass_begin(&run->scan.pass, setup);
    run->scan.pass.memory.sights.can_recall = way->pace == FUZZ_WHOLE; /* with hashes put off, and without */
    set_columns(&run->scan, way->columns);
    run->scan.pieces = (vxt_pieces){fuzz_allocate(FIRST_PIECES), FIRST_PIECES, 0};
    s.rows_size = (way->singly ? 1 : 2 + vxt_left(input) / SHORTEST_FRAME) * run->scan.row_size;
    s.rows = fuzz_allocate(s.rows_size);
    memset(s.rows, 0, s.rows_size);
    run_to_the_end(&s, &window);
    if (way->singly) {
        take_row(&s);
        free(s.rows);
    } else {
        fuzz_append(&run->pieces, run->scan.pieces.data, run->scan.pieces.used);
        run->rows = (fuzz_bytes){s.rows, s.rows_count * run->scan.row_size, s.rows_size};
        run->count = s.rows_count;
    }
    free(run->scan.pieces.data);
    run->scan.pieces.data = NULL;
    free(window.data);
}

void fuzz_scan_free(fuzz_scan_run *run)
{
    fuzz_pass_end(&run->scan.pass);
    free(run->rows.p);
    free(run->pieces.p);
    free(run->inner.p);
}
