/* vxt_stream.h: which bytes of one direction of a TCP connection were seen, by their sequence numbers. */
#ifndef VXT_STREAM_H
#define VXT_STREAM_H

#include "vxt_base.h"

enum {
    VXT_STREAM_HOLES = 4,      /* holes that can still be filled, in each direction */
    VXT_STREAM_REACH = 1 << 30 /* numbers: the largest window that TCP has; what is farther off belongs elsewhere */
};

/* Numbers from `from` up to before `to`, of which none was seen. */
typedef struct vxt_hole {
    uint32_t from, to;
} vxt_hole;

/* Numbers wrap around, so they are compared by their distance from `low`, which is at most 2^30 behind `next`. */
typedef struct vxt_stream {
    uint32_t low;  /* what lies before is not looked at any more: its holes stay, and what comes there does not count */
    uint32_t next; /* behind the highest number that was seen, or acknowledged */
    vxt_hole holes[VXT_STREAM_HOLES]; /* between the two, in order */
    uint8_t count;
    bool begun;
} vxt_stream;

/* What became known of bytes. */
typedef struct vxt_tally {
    uint64_t retransmitted, missing;
} vxt_tally;

/* A segment took the numbers [from, from + length), length at most 2^30: bytes, SYN and FIN alike. The first segment
 * begins the count, and so does one that is more than 2^30 away from those before. */
void vxt_stream_add(vxt_stream *stream, uint32_t from, uint32_t length, vxt_tally *tally);

/* The other end has all numbers before `ack`. */
void vxt_stream_acked(vxt_stream *stream, uint32_t ack, vxt_tally *tally);

#endif
