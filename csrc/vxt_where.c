#include "vxt_where.h"

#include "vxt_bytes.h"

enum { WIDE = VXT_IPLEN, WORDS = 2, WIDE_WORDS = 4 /* of a span */ };

static const uint64_t SIGN = UINT64_C(1) << 63;

/* An IP address as a number. */
typedef struct wide {
    uint64_t high, low;
} wide;

static const uint8_t *column(const vxt_packet *r, uint32_t at) { return (const uint8_t *)r + at; }

/* Any column but an IP address. Loads are as wide as the stores that filled the record: a processor hands on no others
 * at once. */
static uint64_t load(const vxt_packet *r, uint32_t at, uint32_t size)
{
    const uint8_t *p = column(r, at);
    uint16_t two;
    uint32_t four;
    uint64_t eight;

    switch (size) {
    case 1:
        return *p;
    case 2:
        memcpy(&two, p, sizeof two);
        return two;
    case 4:
        memcpy(&four, p, sizeof four);
        return four;
    case VXT_MACLEN:
        return (uint64_t)vxt_be32(p) << 16 | vxt_be16(p + 4);
    default:
        memcpy(&eight, p, sizeof eight);
        return eight;
    }
}

static wide load_wide(const vxt_packet *r, uint32_t at)
{
    const uint8_t *p = column(r, at);

    return (wide){vxt_be64(p), (uint64_t)vxt_be32(p + 8) << 32 | vxt_be32(p + 12)};
}

static bool is_less(wide a, wide b) { return a.high != b.high ? a.high < b.high : a.low < b.low; }

/* The first span that does not end before the value is the only one that can have it. */
static bool lies_in(const uint64_t *spans, uint32_t count, uint64_t value)
{
    uint32_t low = 0, high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (spans[WORDS * middle + 1] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && spans[WORDS * low] <= value;
}

static bool lies_in_wide(const uint64_t *spans, uint32_t count, wide value)
{
    uint32_t low = 0, high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (is_less((wide){spans[WIDE_WORDS * middle + 2], spans[WIDE_WORDS * middle + 3]}, value))
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && !is_less(value, (wide){spans[WIDE_WORDS * low], spans[WIDE_WORDS * low + 1]});
}

static bool test_wide(const vxt_where *where, const vxt_test *t, const vxt_packet *r)
{
    wide value = load_wide(r, t->at[0]), other;

    if (t->kind == VXT_IN_SPANS)
        return lies_in_wide(&where->words[t->first], t->count, value);
    other = load_wide(r, t->at[1]);
    return value.high == other.high && value.low == other.low;
}

static bool test(const vxt_where *where, const vxt_test *t, const vxt_packet *r)
{
    uint64_t value, other;

    if (t->size[0] == WIDE)
        return test_wide(where, t, r);
    value = load(r, t->at[0], t->size[0]);
    if (t->kind == VXT_SIGNED_IN_SPANS)
        value ^= SIGN;
    value &= t->mask[0];
    if (t->kind <= VXT_SIGNED_IN_SPANS)
        return lies_in(&where->words[t->first], t->count, value);
    other = load(r, t->at[1], t->size[1]) & t->mask[1];
    return t->kind == VXT_EQUALS ? value == other : value < other;
}

VXT_APART bool vxt_where_holds(const vxt_where *where, const vxt_packet *r)
{
    uint32_t i = 0;

    while (i < where->count) {
        const vxt_test *t = &where->tests[i];
        i = test(where, t, r) ? t->then : t->otherwise;
    }
    return i == where->count;
}

static bool is_column(const vxt_test *t, int which)
{
    uint32_t size = t->size[which];

    return (size == 1 || size == 2 || size == 4 || size == 8 || size == VXT_MACLEN || size == WIDE) &&
           t->at[which] + size <= sizeof(vxt_packet);
}

/* The spans of a test lie within all words, and in order. */
static bool are_spans(const vxt_where *where, const vxt_test *t)
{
    bool is_wide = t->size[0] == WIDE;
    uint32_t step = is_wide ? WIDE_WORDS : WORDS, half = step / 2;
    wide before = {0, 0};

    if ((uint64_t)t->first + (uint64_t)t->count * step > where->word_count)
        return false;
    for (uint32_t i = 0; i < t->count; i++) {
        const uint64_t *span = &where->words[t->first + i * step];
        wide first = {is_wide ? span[0] : 0, span[half - 1]}, last = {is_wide ? span[half] : 0, span[step - 1]};
        if (is_less(last, first) || (i && !is_less(before, first)))
            return false;
        before = last;
    }
    return true;
}

static bool is_sound(const vxt_where *where, uint32_t i)
{
    const vxt_test *t = &where->tests[i];

    if (t->then <= i || t->then > where->count + 1 || t->otherwise <= i || t->otherwise > where->count + 1)
        return false;
    if (!is_column(t, 0))
        return false;
    switch (t->kind) {
    case VXT_IN_SPANS:
        return are_spans(where, t);
    case VXT_SIGNED_IN_SPANS:
        return t->size[0] != WIDE && are_spans(where, t);
    case VXT_EQUALS:
        return is_column(t, 1) && (t->size[0] == WIDE) == (t->size[1] == WIDE);
    case VXT_IS_LESS:
        return is_column(t, 1) && t->size[0] != WIDE && t->size[1] != WIDE;
    default:
        return false;
    }
}

bool vxt_where_check(const vxt_where *where)
{
    if (where->count > VXT_MAX_TESTS)
        return false;
    for (uint32_t i = 0; i < where->count; i++)
        if (!is_sound(where, i))
            return false;
    return true;
}
