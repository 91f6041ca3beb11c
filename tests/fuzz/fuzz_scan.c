/* A capture -> records: the same whatever the blocks, the columns and the room for rows; every frame in the books. */
#include "scanning.h"

/* Inputs longer than this are not fed byte by byte too. */
enum { SHORT = 1024 };

/* Records are compared without the padding behind their last column. */
static void same_rows(const fuzz_scan_run *a, const fuzz_scan_run *b)
{
    size_t bytes = fuzz_record_bytes();

    REQUIRE(a->count == b->count);
    for (size_t i = 0; i < a->count; i++)
        REQUIRE(memcmp(fuzz_row(a, i), fuzz_row(b, i), bytes) == 0);
}

static void same_end(const fuzz_scan_run *a, const fuzz_scan_run *b)
{
    REQUIRE(a->status == b->status && a->end == b->end && a->tail == b->tail);
    fuzz_check_same_books(&a->scan.pass, &b->scan.pass);
    fuzz_same(&a->pieces, &b->pieces);
}

static void check_row(const vxt_packet *r, const fuzz_scan_run *run, vxt_slice input)
{
    REQUIRE(r->frame >= 1 && r->frame <= run->scan.pass.reader.frames);
    REQUIRE(r->status < VXT_OUTCOMES && r->status != VXT_KEPT && r->status != VXT_NO_ETHERNET);
    REQUIRE(r->caplen <= r->wirelen && (r->caplen == r->wirelen || r->flags & VXT_FLAG_TRUNCATED));
    REQUIRE(r->flags & VXT_FLAG_REASSEMBLED || r->offset + r->caplen <= vxt_left(input));
    REQUIRE((r->ts == VXT_NAT) == !!(r->flags & VXT_FLAG_NO_TIME));
    REQUIRE(r->status != VXT_OK || (r->tunnel == VXT_TUNNEL_NONE) == run->scan.pass.options.plain);
}

/* Rows of skipped frames too: one a frame, in order, and together they are the counts. */
static void check_every_frame(const fuzz_scan_run *run)
{
    uint64_t outcomes[VXT_OUTCOMES] = {0};

    REQUIRE(run->count == run->scan.pass.reader.frames);
    for (size_t i = 0; i < run->count; i++) {
        REQUIRE(fuzz_row(run, i)->frame == i + 1);
        outcomes[fuzz_row(run, i)->status]++;
    }
    REQUIRE(memcmp(outcomes, run->scan.pass.outcomes, sizeof outcomes) == 0);
}

static void check_rows(const fuzz_scan_run *run, vxt_slice input)
{
    for (size_t i = 0; i < run->count; i++)
        check_row(fuzz_row(run, i), run, input);
    if (run->scan.pass.options.skipped_rows) {
        check_every_frame(run);
        return;
    }
    REQUIRE(run->count == run->scan.pass.outcomes[VXT_OK]);
    for (size_t i = 0; i < run->count; i++)
        REQUIRE(fuzz_row(run, i)->status == VXT_OK);
}

/* Some columns, with gaps between them. */
static void choose_columns(fuzz_columns *columns, vxt_level level, uint64_t random)
{
    memset(columns, 0, sizeof *columns);
    for (const vxt_field *field = vxt_fields; field->name; field++) {
        if (field->level > level || (columns->count && fuzz_random(&random) % 2))
            continue;
        columns->row_size += (uint32_t)(fuzz_random(&random) % 3);
        columns->columns[columns->count++] = (vxt_column){field->offset, field->size, (uint16_t)columns->row_size};
        columns->row_size += field->size;
    }
}

/* A shallower look gives the same columns up to its level, and columns are those of whole records. */
static void check_columns(const fuzz_scan_run *whole, const fuzz_setup *setup, vxt_slice input)
{
    fuzz_setup deep = *setup;
    fuzz_columns columns;
    fuzz_scan_run run, records;

    choose_columns(&columns, setup->options.level, setup->random);
    fuzz_scan_all(&run, setup, input, &(fuzz_way){FUZZ_RANDOM, setup->random + 2, false, &columns});
    same_end(whole, &run);
    deep.options.level = VXT_LEVEL_FLOW;
    fuzz_scan_all(&records, &deep, input, &(fuzz_way){FUZZ_WHOLE, 0, false, NULL});
    REQUIRE(run.count == records.count);
    for (size_t i = 0; i < run.count; i++)
        for (uint32_t k = 0; k < columns.count; k++) {
            const vxt_column *column = &columns.columns[k];
            REQUIRE(memcmp(run.rows.p + i * columns.row_size + column->to,
                           records.rows.p + i * sizeof(vxt_packet) + column->from, column->size) == 0);
        }
    fuzz_scan_free(&run);
    fuzz_scan_free(&records);
}

/* A column has the value that some row has there. */
static vxt_test choose_test(const fuzz_scan_run *whole, uint64_t random, uint64_t *words)
{
    const vxt_field *field = vxt_fields;
    vxt_test test = {.mask = {UINT64_MAX}, .count = 1, .then = 1, .otherwise = 2};

    for (uint64_t i = fuzz_random(&random) % 64; i > 0 || field->size > sizeof *words || field->size == VXT_MACLEN;
         i -= i > 0)
        field = field[1].name ? &field[1] : vxt_fields;
    test.at[0] = field->offset;
    test.size[0] = (uint8_t)field->size;
    words[0] = words[1] = 0;
    if (whole->count) { /* on machines whose numbers begin with the least byte; on others it finds fewer */
        const vxt_packet *r = fuzz_row(whole, fuzz_random(&random) % whole->count);
        memcpy(words, (const uint8_t *)r + field->offset, field->size);
        words[1] = words[0];
    }
    return test;
}

/* With a `where` there are those rows of the whole for which it holds; of skipped frames, as many as ever. */
static void check_where(const fuzz_scan_run *whole, const fuzz_setup *setup, vxt_slice input)
{
    fuzz_setup filtered = *setup;
    uint64_t words[2];
    vxt_test test = choose_test(whole, setup->random + 3, words);
    fuzz_scan_run run;
    size_t at = 0;

    filtered.options.where = (vxt_where){&test, words, 1, 2};
    REQUIRE(vxt_where_check(&filtered.options.where));
    fuzz_scan_all(&run, &filtered, input, &(fuzz_way){FUZZ_RANDOM, setup->random, false, NULL});
    REQUIRE(whole->status == run.status && run.scan.pass.reader.frames == whole->scan.pass.reader.frames);
    check_rows(&run, input);
    for (size_t i = 0; i < whole->count && !setup->options.skipped_rows; i++)
        if (vxt_where_holds(&filtered.options.where, fuzz_row(whole, i)))
            REQUIRE(at < run.count && memcmp(fuzz_row(whole, i), fuzz_row(&run, at++), fuzz_record_bytes()) == 0);
    REQUIRE(setup->options.skipped_rows || at == run.count);
    fuzz_scan_free(&run);
}

/* Another way through the same input comes to the same end. */
static void check_way(const fuzz_scan_run *whole, const fuzz_setup *setup, vxt_slice input, fuzz_way way)
{
    fuzz_scan_run run;

    fuzz_scan_all(&run, setup, input, &way);
    REQUIRE(whole->status == run.status && whole->end == run.end && whole->tail == run.tail);
    fuzz_check_same_books(&whole->scan.pass, &run.scan.pass);
    if (!way.singly || !setup->options.skipped_rows) { /* rows that have been taken away are not corrected */
        same_rows(whole, &run);
        fuzz_same(&whole->pieces, &run.pieces);
    }
    fuzz_scan_free(&run);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vxt_slice input = vxt_slice_of(data, size);
    fuzz_setup setup;
    fuzz_scan_run whole;

    if (!fuzz_setup_of(&setup, &input))
        return 0;
    fuzz_scan_all(&whole, &setup, input, &(fuzz_way){FUZZ_WHOLE, 0, false, NULL});
    check_rows(&whole, input);
    check_way(&whole, &setup, input, (fuzz_way){FUZZ_RANDOM, setup.random, false, NULL});
    check_way(&whole, &setup, input, (fuzz_way){FUZZ_RANDOM, setup.random + 1, true, NULL});
    if (vxt_left(input) <= SHORT)
        check_way(&whole, &setup, input, (fuzz_way){FUZZ_BYTES, 0, false, NULL});
    check_columns(&whole, &setup, input);
    check_where(&whole, &setup, input);
    fuzz_scan_free(&whole);
    return 0;
}
