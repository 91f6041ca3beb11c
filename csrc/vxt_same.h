/* vxt_same.h: what two sights of one packet have in common, whatever a router between them changed.
 *
 * Counted in: addresses, protocol, IP id and fragment, the L4 header without its checksum, lengths, payload. Left out,
 * because hops and offloads change them: MAC addresses, VLAN tags, TTL, DSCP and ECN, all checksums, IPv4 options. */
#ifndef VXT_SAME_H
#define VXT_SAME_H

#include "vxt_hash.h"
#include "vxt_packet.h"

/* The heads that are compared: addresses, numbers, an L4 header. */
enum { VXT_SAME_HEAD = 112 };

typedef struct vxt_same {
    uint64_t key;         /* hash of where it belongs: of a TCP packet with data, where that begins; else as identity */
    uint64_t identity;    /* hash of the head */
    uint32_t payload;     /* where the payload starts in the frame: that of L4; of what is no IP, behind Ethernet */
    uint32_t captured;    /* bytes of it that are here */
    uint32_t payload_len; /* and that were on the wire */
    bool whole;           /* all of the head is here; else nothing is known to be the same */
    bool data;            /* TCP with data */
} vxt_same;

/* Of an inner frame, which starts with IP where INNER_RAW is set among r->flags. A seed for hashes that meet. */
vxt_same vxt_same_of(uint64_t seed, vxt_slice frame, const vxt_packet *r);

/* Hash of the captured payload. */
uint64_t vxt_same_digest(const vxt_key *key, vxt_slice frame, const vxt_same *same);

#endif
