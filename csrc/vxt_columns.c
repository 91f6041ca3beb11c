#include "vxt_columns.h"

const vxt_shape_row vxt_shapes[VXT_SHAPE_COUNT] = {
#define X(name, size, width, nulls, terms, text) {#name, size, width, nulls, terms},
    VXT_SHAPES(X)
#undef X
};

/* The rows of a call, as a column sees them: its bytes of the first, how far it is to those of the next. */
typedef struct view {
    const uint8_t *first;
    size_t step, count;
} view;

/* ---------------------------------------------------------------- numbers */

/* Unsigned, into a signed type that is wider: what reads Arrow seldom knows unsigned ones. */
#define WIDEN(name, narrow, wide)                                                                                      \
    static void name(view in, wide *out)                                                                               \
    {                                                                                                                  \
        for (size_t i = 0; i < in.count; i++) {                                                                        \
            narrow value;                                                                                              \
            memcpy(&value, &in.first[i * in.step], sizeof value);                                                      \
            out[i] = (wide)value;                                                                                      \
        }                                                                                                              \
    }

WIDEN(widen_byte, uint8_t, int16_t)
WIDEN(widen_short, uint16_t, int32_t)
WIDEN(widen_int, uint32_t, int64_t)
WIDEN(copy_long, uint64_t, uint64_t)

/* ---------------------------------------------------------------- values that may be none */

/* All of the rows behind the first `rows` have a value, until one is found to have none. */
static void begin_bits(uint8_t *valid, size_t rows, size_t count)
{
    size_t begin = (rows + 7) / 8, end = (rows + count + 7) / 8;

    memset(&valid[begin], 0xff, end - begin);
}

static void set_null(vxt_out *out, size_t row)
{
    out->valid[row / 8] &= (uint8_t)~(1u << row % 8);
    out->nulls++;
}

static void copy_times(vxt_out *out, view in, size_t rows)
{
    for (size_t i = 0; i < in.count; i++) {
        int64_t time;
        memcpy(&time, &in.first[i * in.step], sizeof time);
        memcpy(&out->values[(rows + i) * sizeof time], &time, sizeof time);
        if (time == VXT_NAT)
            set_null(out, rows + i);
    }
}

static VXT_HOT bool is_zero(vxt_term key) { return (key.words[0] | key.words[1]) == 0; }

/* Rarely more than a look at the address itself. */
static VXT_HOT bool is_none(vxt_term key, const uint8_t *other, size_t size)
{
    return is_zero(key) && is_zero(vxt_term_of(other, size));
}

static VXT_HOT void copy_addresses(vxt_out *out, view in, const uint8_t *others, size_t rows, size_t size)
{
    for (size_t i = 0; i < in.count; i++) {
        const uint8_t *from = &in.first[i * in.step];
        memcpy(&out->values[(rows + i) * size], from, size);
        if (is_none(vxt_term_of(from, size), &others[i * in.step], size))
            set_null(out, rows + i);
    }
}

/* Returns the rows done: fewer than all where the terms have to grow. One collector, and packets that come in a row
 * from one sender, are common: the last address is not looked up again. */
static VXT_HOT size_t number_addresses(vxt_out *out, view in, const uint8_t *others, size_t rows, size_t size)
{
    uint32_t *numbers = (uint32_t *)(void *)out->values, number = 0;
    vxt_terms terms = *out->terms; /* a copy: stores to the numbers could change what a pointer leads to */
    vxt_term last = {{0, 0}};      /* which always is looked at, since it can be none */
    size_t i;

    for (i = 0; i < in.count; i++) {
        vxt_term key = vxt_term_of(&in.first[i * in.step], size);
        if (is_zero(key) || !vxt_term_same(key, last)) {
            last = key;
            number = 0;
            if (is_none(key, &others[i * in.step], size))
                set_null(out, rows + i);
            else if ((number = vxt_terms_find(&terms, key)) == VXT_NO_TERM)
                break;
        }
        numbers[rows + i] = number;
    }
    *out->terms = terms;
    return i;
}

/* ---------------------------------------------------------------- a column, and all of them */

/* Returns the rows done. */
static size_t add_column(vxt_out *out, view in, const uint8_t *others, size_t rows)
{
    uint8_t *to = &out->values[rows * vxt_shapes[out->shape].width];

    switch (out->shape) {
    case VXT_SHAPE_TIME:
        copy_times(out, in, rows);
        break;
    case VXT_SHAPE_BYTE:
        widen_byte(in, (int16_t *)(void *)to);
        break;
    case VXT_SHAPE_SHORT:
        widen_short(in, (int32_t *)(void *)to);
        break;
    case VXT_SHAPE_INT:
        widen_int(in, (int64_t *)(void *)to);
        break;
    case VXT_SHAPE_LONG:
        copy_long(in, (uint64_t *)(void *)to);
        break;
    case VXT_SHAPE_IP:
        copy_addresses(out, in, others, rows, VXT_IPLEN);
        break;
    case VXT_SHAPE_MAC:
        copy_addresses(out, in, others, rows, VXT_MACLEN);
        break;
    case VXT_SHAPE_IP_TERM:
        return number_addresses(out, in, others, rows, VXT_IPLEN);
    case VXT_SHAPE_MAC_TERM:
        return number_addresses(out, in, others, rows, VXT_MACLEN);
    case VXT_SHAPE_COUNT:
        break;
    }
    return in.count;
}

uint32_t vxt_columns_add(vxt_columns *columns, const uint8_t *rows, size_t count)
{
    for (; columns->column < columns->count; columns->column++, columns->row = 0) {
        vxt_out *out = &columns->items[columns->column];
        size_t row = columns->row, place = row * columns->row_size;
        view in = {&rows[place + out->from], columns->row_size, count - row};
        if (row == 0 && out->valid)
            begin_bits(out->valid, columns->rows, count);
        columns->row += add_column(out, in, &rows[place + out->other], columns->rows + row);
        if (columns->row < count)
            return columns->column;
    }
    columns->rows += count;
    columns->column = 0;
    return columns->count;
}
