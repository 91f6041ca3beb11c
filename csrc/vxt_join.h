/* vxt_join.h: a stretch of a capture that was read by itself, without what came before it, becomes part of the pass
 * that did read that, where it can be proven that this one would have made the same of it.
 *
 * The one by itself (`part`) reads some frames ahead of its stretch, from nothing; then it begins (vxt_join_begin).
 */
#ifndef VXT_JOIN_H
#define VXT_JOIN_H

#include "vxt_pass.h"

/* What the framing of a capture rests on at one place: two that are equal, byte for byte, read the same from there. Its
 * interfaces follow it. */
typedef struct vxt_framing {
    vxt_pcap pcap;
    vxt_pcapng pcapng;
    vxt_format format;
    vxt_interfaces table; /* without memory: what it counts */
} vxt_framing;

/* The framing that holds where a reader stands, between two records; and its interfaces without what was counted. */
void vxt_join_framing(const vxt_reader *reader, vxt_framing *framing);
vxt_interface vxt_join_interface(const vxt_reader *reader, uint32_t i);

/* Take up a framing at a byte of the capture. The reader's table has room for all of its interfaces, which the caller
 * has put there. */
void vxt_join_assume(vxt_reader *reader, const vxt_framing *framing, uint64_t offset);

/* What a part knew of earlier frames when it began. */
typedef struct vxt_known {
    uint64_t offset;    /* where it began */
    uint64_t *seen;     /* of each packet that it remembered, the interfaces: memory of the caller */
    uint32_t sights;    /* how many those were, the oldest in its ring */
    uint32_t same;      /* the last so many of them the whole remembers too */
    uint64_t datagrams; /* stands for the complete datagrams that it remembered */
    int64_t clock;
} vxt_known;

/* Whether a datagram waits for its later fragments. One that lacks its beginning has most likely been completed by what
 * the part has not seen. */
bool vxt_join_waits(const vxt_pass *part);

/* Whether a datagram is incomplete of which a fragment came in one of the frames from number `from` to before `to`;
 * with `alone` only those count that go on alone where the rest is lost. */
bool vxt_join_open(const vxt_pass *pass, uint64_t from, uint64_t to, bool alone);

/* Everything starts at nothing but the memory: frames count from 1 here. Datagrams that wait are dropped; it fits only
 * where none really does. known->seen has room for all packets that are remembered. */
void vxt_join_begin(vxt_pass *part, vxt_known *known);

/* Whether `whole`, which has come to where the part began, would have made of its frames what the part has. */
bool vxt_join_fits(vxt_pass *whole, const vxt_pass *part, vxt_known *known);

/* Then the sights of the part become those of the whole, `*done` of them so far: VXT_OK, or MORE_SIGHTS, where that one
 * has to grow. */
vxt_status vxt_join_sights(vxt_pass *whole, const vxt_pass *part, const vxt_known *known, uint32_t *done);

/* And then all the rest. Nothing is to be asked of the part afterwards. */
void vxt_join(vxt_pass *whole, vxt_pass *part);

#endif
