/* vxt_frag.h: fragments of outer IP packets (RFC 791, RFC 8200 4.5), put together in bounded memory of the caller.
 *
 * A datagram's bytes lie in pages, each with a bit for every 8 bytes that have come, so that any fragment costs only
 * its own bytes, in whatever order and number they come. When memory runs out, or time, the oldest datagram goes.
 */
#ifndef VXT_FRAG_H
#define VXT_FRAG_H

#include "vxt_datagram.h"

/* Set up, without memory so far. */
void vxt_frags_begin(vxt_frags *frags, uint64_t seed, uint64_t timeout, uint32_t most);

/* The caller has grown `slots` to `capacity`, which must be no less than VXT_FRAG_LEAST. */
void vxt_frags_grown(vxt_frags *frags, uint32_t capacity);

/* The time of a frame, fragment or not, before anything else is done with it: whether vxt_frags_expire has to be asked.
 */
static inline bool vxt_frags_tick(vxt_frags *frags, int64_t ts)
{
    if (ts == VXT_NAT)
        return false;
    frags->clock = ts;
    return ts > frags->deadline;
}

/* Before frame number `frame`: VXT_OK, or GIVE_UP: settle and drop the datagram that is leaving, which has waited too
 * long, and ask again. */
vxt_status vxt_frags_expire(vxt_frags *frags, uint64_t frame);

/* Take a fragment. VXT_OK: it completes the datagram that vxt_frags_whole gives. FRAGMENT_JOINED, FRAGMENT_OVERLAP or
 * MALFORMED: what it is. MORE_FRAGMENTS: grow and ask again. GIVE_UP: settle and drop the datagram that is leaving, and
 * ask again. */
vxt_status vxt_frags_add(vxt_frags *frags, const vxt_fragment *fragment);

/* The datagram that was completed last, until the next fragment is added, and the protocol of what is in it. */
vxt_span vxt_frags_whole(vxt_frags *frags, uint8_t *inside);

/* The last fragment has the beginning of its datagram, and this is the row that it would be alone. Nothing is done
 * where it came before. */
void vxt_frags_set_first(vxt_frags *frags, const vxt_packet *r, uint32_t inner_at, bool fine);

/* At the end of input: whether a datagram is left, which then is leaving. */
bool vxt_frags_leave_oldest(vxt_frags *frags);

/* The inner frame of the row that the leaving datagram's first fragment is alone. */
vxt_span vxt_frags_first(vxt_frags *frags);

/* The leaving datagram has been settled. */
void vxt_frags_drop_leaving(vxt_frags *frags);

#endif
