/* Slices, spans and rooms at their edges, and loads and stores at every address. */
#include "check.h"

#include "vxt_bytes.h"
#include "vxt_slice.h"

static const uint8_t BYTES[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                  0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

static void check_take(void)
{
    vxt_slice s = vxt_slice_of(BYTES, 4), before = s;

    CHECK(vxt_left(s) == 4);
    CHECK(vxt_take(&s, 5) == NULL && vxt_left(s) == 4);
    CHECK(vxt_take(&s, SIZE_MAX) == NULL && vxt_left(s) == 4);
    CHECK(vxt_peek(s, 4) == BYTES && vxt_peek(s, 5) == NULL && vxt_peek(s, SIZE_MAX) == NULL);
    CHECK(vxt_take(&s, 0) == BYTES && vxt_left(s) == 4);
    CHECK(vxt_take(&s, 3) == BYTES && vxt_left(s) == 1);
    CHECK(vxt_behind(s, before) == 3);
    CHECK(vxt_take(&s, 1) == BYTES + 3 && vxt_left(s) == 0);
    CHECK(vxt_take(&s, 1) == NULL);
    CHECK(vxt_take(&s, 0) == BYTES + 4);
    CHECK(vxt_peek(s, 0) == BYTES + 4);
}

static void check_clip_and_skip(void)
{
    vxt_slice s = vxt_slice_of(BYTES, 8);

    vxt_clip(&s, 9);
    CHECK(vxt_left(s) == 8);
    vxt_clip(&s, UINT64_MAX);
    CHECK(vxt_left(s) == 8);
    vxt_clip(&s, 8);
    CHECK(vxt_left(s) == 8);
    vxt_clip(&s, 5);
    CHECK(vxt_left(s) == 5);
    CHECK(vxt_skip(&s, 0) == 0 && vxt_skip(&s, 2) == 2 && vxt_left(s) == 3);
    CHECK(vxt_skip(&s, UINT64_MAX) == 3 && vxt_left(s) == 0);
    CHECK(vxt_skip(&s, 1) == 0);
    vxt_clip(&s, 0);
    CHECK(vxt_left(s) == 0);
}

static void check_empty(void)
{
    vxt_slice s = vxt_slice_of(BYTES, 0);

    CHECK(vxt_left(s) == 0);
    CHECK(vxt_take(&s, 1) == NULL && vxt_peek(s, 1) == NULL && vxt_skip(&s, 7) == 0);
}

static void check_span(void)
{
    vxt_span span = vxt_span_of(vxt_slice_of(BYTES, 8), 20);

    CHECK(vxt_span_left(span) == 8 && vxt_span_wire(span) == 20);
    CHECK(vxt_span_peek(span, 8) == BYTES && vxt_span_peek(span, 9) == NULL);
    CHECK(vxt_span_take(&span, 3) == BYTES && vxt_span_wire(span) == 17 && vxt_span_left(span) == 5);
    CHECK(vxt_span_take(&span, 6) == NULL && vxt_span_wire(span) == 17 && vxt_span_left(span) == 5);
    CHECK(vxt_span_take(&span, 0xffff) == NULL);
    CHECK(vxt_span_rest(span).p == BYTES + 3 && vxt_left(vxt_span_rest(span)) == 5);
    CHECK(vxt_span_why(span, 17) == VXT_TRUNCATED_OUTER);
    CHECK(vxt_span_why(span, 18) == VXT_MALFORMED);
    vxt_span_set(&span, 10);
    CHECK(vxt_span_wire(span) == 10 && vxt_span_left(span) == 5);
    vxt_span_set(&span, 4);
    CHECK(vxt_span_wire(span) == 4 && vxt_span_left(span) == 4);
    vxt_span_set(&span, 0xffff);
    CHECK(vxt_span_wire(span) == 0xffff && vxt_span_left(span) == 4);
    CHECK(vxt_span_take(&span, 4) == BYTES + 3 && vxt_span_left(span) == 0);
    CHECK(vxt_span_take(&span, 1) == NULL && vxt_span_take(&span, 0) == BYTES + 7);
    vxt_span_set(&span, 0);
    CHECK(vxt_span_wire(span) == 0 && vxt_span_why(span, 1) == VXT_MALFORMED);
    span = vxt_span_of(vxt_slice_of(BYTES, 0), UINT32_MAX);
    CHECK(vxt_span_left(span) == 0 && vxt_span_wire(span) == UINT32_MAX && vxt_span_peek(span, 1) == NULL);
}

static void check_room(void)
{
    uint8_t memory[16] = {0};
    vxt_room room = vxt_room_of(memory, 10), before = room, in_place;
    vxt_slice rest = vxt_slice_of(memory, 16);

    CHECK(vxt_free(room) == 10);
    CHECK(vxt_claim(&room, 11) == NULL && vxt_claim(&room, SIZE_MAX) == NULL && vxt_free(room) == 10);
    CHECK(vxt_claim(&room, 4) == memory && vxt_free(room) == 6 && vxt_written(room, before) == 4);
    CHECK(vxt_claim(&room, 6) == memory + 4 && vxt_free(room) == 0);
    CHECK(vxt_claim(&room, 1) == NULL);
    room = before;
    vxt_skip(&rest, 7);
    in_place = vxt_room_before(room, rest);
    CHECK(vxt_free(in_place) == 7);
    CHECK(vxt_claim(&in_place, 8) == NULL && vxt_claim(&in_place, 7) == memory);
}

static void check_loads(void)
{
    for (size_t at = 0; at < 8; at++) { /* every alignment */
        const uint8_t *p = BYTES + at;
        uint64_t big = 0, little = 0;
        for (size_t i = 0; i < 8; i++) {
            big = big << 8 | p[i];
            little |= (uint64_t)p[i] << (8 * i);
        }
        CHECK(vxt_be16(p) == big >> 48 && vxt_le16(p) == (little & 0xffff));
        CHECK(vxt_be24(p) == big >> 40);
        CHECK(vxt_be32(p) == big >> 32 && vxt_le32(p) == (little & 0xffffffff));
        CHECK(vxt_be64(p) == big && vxt_le64(p) == little);
        CHECK(vxt_load16(p, true) == vxt_be16(p) && vxt_load16(p, false) == vxt_le16(p));
        CHECK(vxt_load32(p, true) == vxt_be32(p) && vxt_load32(p, false) == vxt_le32(p));
        CHECK(vxt_load64(p, true) == vxt_be64(p) && vxt_load64(p, false) == vxt_le64(p));
    }
}

static void check_stores(void)
{
    for (size_t at = 0; at < 4; at++) {
        uint8_t memory[24] = {0};
        vxt_put_le16(memory + at, 0xfedc);
        CHECK(vxt_le16(memory + at) == 0xfedc && memory[at + 2] == 0);
        vxt_put_le32(memory + at, 0xfedcba98);
        CHECK(vxt_le32(memory + at) == 0xfedcba98 && memory[at + 4] == 0);
        memset(memory, 0x5a, sizeof memory);
        vxt_put_mapped(memory + at, BYTES + 12);
        CHECK(vxt_be64(memory + at) == 0 && vxt_be64(memory + at + 8) == 0xffffccddeeffu);
        CHECK(memory[at + 16] == 0x5a);
    }
}

int main(void)
{
    check_take();
    check_clip_and_skip();
    check_empty();
    check_span();
    check_room();
    check_loads();
    check_stores();
    return done();
}
