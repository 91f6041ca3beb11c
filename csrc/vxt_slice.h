/* vxt_slice.h: the only file that compares or advances pointers.
 *
 * A slice is readable bytes, a room is writable ones. Sizes are compared, never pointers with an unchecked sum: a
 * length from a packet may only clip a slice, and what `take` returns is readable for the constant number of bytes
 * asked for.
 */
#ifndef VXT_SLICE_H
#define VXT_SLICE_H

#include "vxt_base.h"

typedef struct vxt_slice {
    const uint8_t *p, *end;
} vxt_slice;

VXT_INLINE vxt_slice vxt_slice_of(const uint8_t *p, size_t n) { return (vxt_slice){p, p + n}; }

/* Bytes that are left. */
VXT_INLINE size_t vxt_left(vxt_slice s) { return (size_t)(s.end - s.p); }

/* The first n bytes, and s moves behind them; NULL, and s unchanged, where fewer are left. */
VXT_INLINE const uint8_t *vxt_take(vxt_slice *s, size_t n)
{
    const uint8_t *p = s->p;
    if (n > vxt_left(*s))
        return NULL;
    VXT_KNOWN(p || n == 0);
    s->p += n;
    return p;
}

/* The first n bytes without moving; NULL where fewer are left. */
VXT_INLINE const uint8_t *vxt_peek(vxt_slice s, size_t n) { return n > vxt_left(s) ? NULL : s.p; }

/* The last n bytes; NULL where there are fewer. */
VXT_INLINE const uint8_t *vxt_last(vxt_slice s, size_t n) { return n > vxt_left(s) ? NULL : s.end - n; }

/* Shrink s to its first n bytes; a slice that is shorter stays as it is. */
VXT_INLINE void vxt_clip(vxt_slice *s, uint64_t n)
{
    if (n < vxt_left(*s))
        s->end = s->p + n;
}

/* Move past n bytes, or to the end where fewer are left. Returns how many were passed. */
VXT_INLINE size_t vxt_skip(vxt_slice *s, uint64_t n)
{
    size_t step = n < vxt_left(*s) ? (size_t)n : vxt_left(*s);
    s->p += step;
    return step;
}

/* How far s.p lies behind the start of the slice that s was taken from. */
VXT_INLINE size_t vxt_behind(vxt_slice s, vxt_slice from) { return (size_t)(s.p - from.p); }

/* A frame on its way through the headers, in bytes from its start: where parsing stands, where the captured bytes end,
 * and where they ended on the wire by the lengths read so far. What is captured never reaches behind what was on the
 * wire. */
typedef struct vxt_span {
    const uint8_t *frame;
    uint32_t at, end, wire_end;
} vxt_span;

VXT_INLINE vxt_span vxt_span_of(vxt_slice frame, uint32_t wire)
{
    return (vxt_span){frame.p, 0, (uint32_t)vxt_left(frame), wire};
}

/* Bytes that are left, captured and on the wire. */
VXT_INLINE uint32_t vxt_span_left(vxt_span span) { return span.end - span.at; }
VXT_INLINE uint32_t vxt_span_wire(vxt_span span) { return span.wire_end - span.at; }
VXT_INLINE vxt_slice vxt_span_rest(vxt_span span)
{
    return (vxt_slice){span.frame + span.at, span.frame + span.end};
}

/* The next n bytes, or NULL where fewer are left. */
VXT_INLINE const uint8_t *vxt_span_peek(vxt_span span, uint32_t n)
{
    return span.at + n > span.end ? NULL : span.frame + span.at;
}

/* The same, and span moves behind them. n is less than 64 KiB, a frame less than VXT_MAX_CAPLEN: sums do not overflow.
 */
VXT_INLINE const uint8_t *vxt_span_take(vxt_span *span, uint32_t n)
{
    const uint8_t *p = vxt_span_peek(*span, n);
    if (p)
        span->at += n;
    return p;
}

/* A length field has spoken: n bytes follow on the wire, of which at most n captured ones belong here. */
VXT_INLINE void vxt_span_set(vxt_span *span, uint32_t n)
{
    span->wire_end = span->at + n;
    if (span->wire_end < span->end)
        span->end = span->wire_end;
}

/* Why n bytes could not be taken: the capture cut them off, or they never were there. */
VXT_INLINE vxt_status vxt_span_why(vxt_span span, uint32_t n)
{
    return vxt_span_wire(span) >= n ? VXT_TRUNCATED_OUTER : VXT_MALFORMED;
}

/* All of a packet, of which `packet` stands at the first byte and `rest`, whose end its length has set, behind the
 * header.
 */
VXT_INLINE vxt_span vxt_span_whole(vxt_span packet, vxt_span rest)
{
    return (vxt_span){packet.frame, packet.at, rest.end, rest.wire_end};
}

typedef struct vxt_room {
    uint8_t *p, *end;
} vxt_room;

VXT_INLINE vxt_room vxt_room_of(uint8_t *p, size_t n) { return (vxt_room){p, p + n}; }

VXT_INLINE size_t vxt_free(vxt_room r) { return (size_t)(r.end - r.p); }

/* n writable bytes, and r moves behind them; NULL, and r unchanged, where there is less room. */
VXT_INLINE uint8_t *vxt_claim(vxt_room *r, size_t n)
{
    uint8_t *p = r->p;
    if (n > vxt_free(*r))
        return NULL;
    VXT_KNOWN(p || n == 0);
    r->p += n;
    return p;
}

/* Bytes written to r since it was `from`. */
VXT_INLINE size_t vxt_written(vxt_room r, vxt_room from) { return (size_t)(r.p - from.p); }

/* Room for rewriting a buffer in place: from where `r` stands up to the first byte of `s` that has not been consumed
 * yet. Both lie in the same buffer, r before s. */
VXT_INLINE vxt_room vxt_room_before(vxt_room r, vxt_slice s)
{
    return (vxt_room){r.p, r.p + (s.p - (const uint8_t *)r.p)};
}

#endif
