#include "vxt_stream.h"

/* How far a number lies before (negative) or behind another. */
static int64_t distance(uint32_t number, uint32_t from)
{
    uint32_t ahead = number - from;
    return ahead < UINT32_C(1) << 31 ? (int64_t)ahead : (int64_t)ahead - (INT64_C(1) << 32);
}

static uint32_t above(const vxt_stream *stream, uint32_t number) { return number - stream->low; }

static void remove_hole(vxt_stream *stream, uint32_t i)
{
    for (stream->count--; i < stream->count; i++)
        stream->holes[i] = stream->holes[i + 1];
}

/* The lowest hole stays what it is. */
static void give_up_lowest(vxt_stream *stream)
{
    stream->low = stream->holes[0].to;
    remove_hole(stream, 0);
}

/* `low` stays within reach of `next`. */
static void raise_low(vxt_stream *stream)
{
    uint32_t low = stream->next - VXT_STREAM_REACH;

    if (above(stream, stream->next) <= VXT_STREAM_REACH)
        return;
    while (stream->count && above(stream, stream->holes[0].to) <= above(stream, low))
        remove_hole(stream, 0);
    if (stream->count && above(stream, stream->holes[0].from) < above(stream, low))
        stream->holes[0].from = low;
    stream->low = low;
}

/* Numbers up to before `to`, which lies behind all others, were sent and not seen. */
static void open_hole(vxt_stream *stream, uint32_t to, vxt_tally *tally)
{
    tally->missing += to - stream->next;
    if (stream->count && stream->holes[stream->count - 1].to == stream->next) {
        stream->holes[stream->count - 1].to = to;
    } else {
        if (stream->count == VXT_STREAM_HOLES)
            give_up_lowest(stream);
        stream->holes[stream->count++] = (vxt_hole){stream->next, to};
    }
    stream->next = to;
    raise_low(stream);
}

/* Hole i, with [from, to) taken out of its middle: it becomes two. Where there is no room the lowest is given up, which
 * may be the first of the two. */
static void split_hole(vxt_stream *stream, uint32_t i, uint32_t from, uint32_t to)
{
    if (stream->count == VXT_STREAM_HOLES && i == 0) {
        stream->low = from;
        stream->holes[0].from = to;
        return;
    }
    if (stream->count == VXT_STREAM_HOLES) {
        give_up_lowest(stream);
        i--;
    }
    for (uint32_t j = stream->count++; j > i; j--)
        stream->holes[j] = stream->holes[j - 1];
    stream->holes[i].to = from;
    stream->holes[i + 1].from = to;
}

/* Take [from, to), which lies between low and next, out of all holes; returns how many numbers of it were in one. */
static uint32_t fill_holes(vxt_stream *stream, uint32_t from, uint32_t to)
{
    uint32_t filled = 0;

    for (uint32_t i = 0; i < stream->count;) {
        vxt_hole *hole = &stream->holes[i];
        uint32_t begin = above(stream, from) > above(stream, hole->from) ? from : hole->from;
        uint32_t end = above(stream, to) < above(stream, hole->to) ? to : hole->to;
        if (above(stream, begin) >= above(stream, end)) {
            i++;
            continue;
        }
        filled += end - begin;
        if (begin == hole->from && end == hole->to) {
            remove_hole(stream, i);
        } else if (begin == hole->from) {
            hole->from = end;
            break; /* holes are in order: it reaches no other one */
        } else if (end == hole->to) {
            hole->to = begin;
            i++;
        } else {
            split_hole(stream, i, begin, end);
            break;
        }
    }
    return filled;
}

/* Numbers that lie between low and next: they fill holes, or were seen before. */
static void add_again(vxt_stream *stream, uint32_t from, uint32_t to, vxt_tally *tally)
{
    uint32_t filled = stream->count ? fill_holes(stream, from, to) : 0;

    tally->missing -= filled;
    tally->retransmitted += to - from - filled;
}

static void begin(vxt_stream *stream, uint32_t from, uint32_t to)
{
    stream->begun = true;
    stream->count = 0;
    stream->low = from;
    stream->next = to;
}

void vxt_stream_add(vxt_stream *stream, uint32_t from, uint32_t length, vxt_tally *tally)
{
    uint32_t to = from + length, next = stream->next;
    int64_t ahead = distance(from, next);

    if (stream->begun && ahead == 0) { /* what comes in order, as nearly everything does */
        stream->next = to;
        raise_low(stream);
        return;
    }
    if (!stream->begun || ahead > VXT_STREAM_REACH || ahead < -VXT_STREAM_REACH) {
        begin(stream, from, to);
        return;
    }
    if (ahead > 0)
        open_hole(stream, from, tally);
    if (distance(from, stream->low) < 0) {
        if (distance(to, stream->low) <= 0)
            return;
        from = stream->low;
    }
    if (distance(to, stream->next) > 0) {
        if (ahead < 0)
            add_again(stream, from, next, tally);
        stream->next = to;
        raise_low(stream);
    } else if (ahead < 0) {
        add_again(stream, from, to, tally);
    }
}

void vxt_stream_acked(vxt_stream *stream, uint32_t ack, vxt_tally *tally)
{
    int64_t ahead = distance(ack, stream->next);

    if (stream->begun && ahead > 0 && ahead <= VXT_STREAM_REACH)
        open_hole(stream, ack, tally);
}
