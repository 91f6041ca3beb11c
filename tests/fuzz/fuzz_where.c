/* Programs of `where`: any bytes are refused or run to their end; sound ones say what a plain reading of them says. */
#include "harness.h"

#include "vxt_bytes.h"

enum { MOST_TESTS = 12, MOST_SPANS = 6 };

typedef struct stream {
    vxt_slice rest;
} stream;

/* The next byte, 0 behind the last one. */
static uint8_t next(stream *s)
{
    const uint8_t *p = vxt_take(&s->rest, 1);
    return p ? *p : 0;
}

static uint64_t next_word(stream *s)
{
    uint64_t word = 0;
    uint32_t bytes = next(s) % 9;

    for (uint32_t i = 0; i < bytes; i++)
        word = word << 8 | next(s);
    return word;
}

/* A record of any content. */
static vxt_packet next_record(stream *s)
{
    vxt_packet r;
    uint8_t *bytes = (uint8_t *)&r;
    uint64_t random = next_word(s);

    for (size_t i = 0; i < sizeof r; i++)
        bytes[i] = (uint8_t)(fuzz_random(&random) % 3 ? next(s) : 0);
    return r;
}

/* A value as two words, whatever its size. */
typedef struct value {
    uint64_t high, low;
} value;

static bool less(value a, value b) { return a.high < b.high || (a.high == b.high && a.low < b.low); }

/* Byte by byte: those of numbers in the machine's order, of addresses in the network's. */
static value look(const vxt_test *t, int which, const vxt_packet *r)
{
    uint8_t bytes[16] = {0};
    uint32_t size = t->size[which];
    value v = {0, 0};
    uint16_t probe = 1;
    bool little = *(const uint8_t *)&probe && size <= 8 && size != VXT_MACLEN;

    for (uint32_t i = 0; i < size; i++)
        bytes[16 - size + i] = ((const uint8_t *)r)[t->at[which] + (little ? size - 1 - i : i)];
    v.high = vxt_be64(bytes);
    v.low = vxt_be64(bytes + 8);
    if (size == 16)
        return v;
    if (which == 0 && t->kind == VXT_SIGNED_IN_SPANS)
        v.low ^= UINT64_C(1) << 63;
    v.low &= t->mask[which];
    return v;
}

static bool is_true(const vxt_where *where, const vxt_test *t, const vxt_packet *r)
{
    value v = look(t, 0, r);

    if (t->kind == VXT_EQUALS || t->kind == VXT_IS_LESS) {
        value other = look(t, 1, r);
        return t->kind == VXT_IS_LESS ? less(v, other) : !less(v, other) && !less(other, v);
    }
    for (uint32_t i = 0; i < t->count; i++) {
        uint32_t step = t->size[0] == 16 ? 4 : 2;
        const uint64_t *w = &where->words[t->first + i * step];
        value first = {step == 4 ? w[0] : 0, w[step / 2 - 1]}, last = {step == 4 ? w[2] : 0, w[step - 1]};
        if (!less(v, first) && !less(last, v))
            return true;
    }
    return false;
}

static bool holds(const vxt_where *where, const vxt_packet *r)
{
    uint32_t i = 0, steps = 0;

    while (i < where->count) {
        i = is_true(where, &where->tests[i], r) ? where->tests[i].then : where->tests[i].otherwise;
        REQUIRE(++steps <= where->count);
    }
    return i == where->count;
}

/* A column of the record, in a made program. */
static void choose_column(stream *s, vxt_test *t, int which, bool wide)
{
    const vxt_field *field = vxt_fields;
    uint8_t choice = next(s);

    for (uint32_t i = 0; i < choice || (field->size == VXT_IPLEN) != wide; i++)
        field = field[1].name ? &field[1] : vxt_fields;
    t->at[which] = field->offset;
    t->size[which] = (uint8_t)field->size;
    t->mask[which] = next(s) % 2 ? UINT64_MAX : next_word(s);
}

/* Go up, by `by` at least; false beyond the greatest value there is. */
static bool rise(stream *s, value *v, uint64_t by, bool wide)
{
    value before = *v;
    uint64_t step = next_word(s);

    v->low += step;
    v->high += (v->low < step) + (wide ? next_word(s) >> 1 : 0);
    v->low += by;
    v->high += v->low < by;
    return (wide || v->high == 0) && !less(*v, before) && (by == 0 || less(before, *v));
}

static void put(uint64_t *words, value v, bool wide)
{
    words[0] = wide ? v.high : v.low;
    if (wide)
        words[1] = v.low;
}

/* Spans in order, apart from each other; the number of words. */
static uint32_t make_spans(stream *s, vxt_test *t, uint64_t *words)
{
    bool wide = t->size[0] == VXT_IPLEN;
    uint32_t half = wide ? 2 : 1, wanted = next(s) % (MOST_SPANS + 1);
    value first = {0, 0}, last;

    for (t->count = 0; t->count < wanted; t->count++) {
        if (!rise(s, &first, t->count > 0, wide))
            break;
        last = first;
        if (!rise(s, &last, 0, wide))
            break;
        put(&words[t->count * 2 * half], first, wide);
        put(&words[(t->count * 2 + 1) * half], last, wide);
        first = last;
    }
    return t->count * 2 * half;
}

static void make_program(stream *s, vxt_test *tests, uint32_t count, uint64_t *words, uint32_t *word_count)
{
    for (uint32_t i = 0; i < count; i++) {
        vxt_test *t = &tests[i];
        bool wide = next(s) % 4 == 0;
        memset(t, 0, sizeof *t);
        t->kind = (uint8_t)(next(s) % (wide ? 3 : 4));
        if (wide && t->kind == VXT_SIGNED_IN_SPANS)
            t->kind = VXT_IN_SPANS;
        choose_column(s, t, 0, wide);
        if (t->kind >= VXT_EQUALS) {
            choose_column(s, t, 1, wide);
        } else {
            t->first = *word_count;
            *word_count += make_spans(s, t, &words[*word_count]);
        }
        t->then = i + 1 + next(s) % (count + 1 - i);
        t->otherwise = i + 1 + next(s) % (count + 1 - i);
    }
}

/* A program in blocks of just its size, run over the records that the rest of the input gives. */
static void run(stream *s, const vxt_test *tests, uint32_t count, const uint64_t *words, uint32_t word_count, bool made)
{
    vxt_test *own = fuzz_allocate(count * sizeof *own);
    uint64_t *own_words = fuzz_allocate(word_count * sizeof *own_words);
    vxt_where where = {own, own_words, count, word_count};

    memcpy(own, tests, count * sizeof *own);
    memcpy(own_words, words, word_count * sizeof *own_words);
    if (vxt_where_check(&where)) {
        do {
            vxt_packet r = next_record(s);
            REQUIRE(vxt_where_holds(&where, &r) == holds(&where, &r));
        } while (vxt_left(s->rest));
    } else {
        REQUIRE(!made);
    }
    free(own);
    free(own_words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    stream s = {vxt_slice_of(data, size)};
    vxt_test tests[MOST_TESTS];
    uint64_t words[MOST_TESTS * MOST_SPANS * 4] = {0};
    bool made = next(&s) % 2;
    uint32_t count = next(&s) % (MOST_TESTS + 1), word_count = 0;

    if (made) {
        make_program(&s, tests, count, words, &word_count);
    } else {
        const uint8_t *p = vxt_take(&s.rest, count * sizeof *tests);
        if (!p)
            return 0;
        memcpy(tests, p, count * sizeof *tests);
        word_count = next(&s) % (MOST_SPANS * 4);
        if (!(p = vxt_take(&s.rest, word_count * sizeof *words)))
            return 0;
        memcpy(words, p, word_count * sizeof *words);
    }
    run(&s, tests, count, words, word_count, made);
    return 0;
}
