/* vxt_sight.h: packets that one machine records on several of its interfaces, and the second sights among them. */
#ifndef VXT_SIGHT_H
#define VXT_SIGHT_H

#include "vxt_hash.h"

enum { VXT_SIGHT_WAYS = 4, VXT_SIGHT_INTERFACES = 64, VXT_SIGHT_WINDOW = 1000000 /* ns */ };

/* A packet that was kept. */
typedef struct vxt_sight {
    uint64_t hash; /* of all its captured bytes, from the IP header on */
    uint64_t seen; /* on these interfaces, by their number in vxt_sights.interfaces; 0: an empty place */
    int64_t ts;
    uint32_t captured, wire; /* bytes */
} vxt_sight;

typedef struct vxt_sights {
    vxt_sight *items;  /* memory of the caller, `capacity` of them: a power of two, at least VXT_SIGHT_WAYS */
    uint32_t capacity; /* 0 before there is any */
    uint32_t interface_count, recent;
    uint64_t interfaces[VXT_SIGHT_INTERFACES];
    uint64_t frame; /* the last one that was looked at, and what came out: it may be asked for again */
    bool second;
    vxt_key key; /* random */
} vxt_sights;

/* One packet: its bytes from the IP header to the end that its length gives, where it was seen, and in which frame. */
typedef struct vxt_sighting {
    vxt_slice bytes;
    uint32_t wire;
    int64_t ts;
    uint64_t interface, frame;
} vxt_sighting;

/* Whether this is a second sight, which is remembered either way. VXT_OK, SECOND_SIGHT, or MORE_SIGHTS where the table
 * would forget a packet of the last millisecond: then the caller grows it, and asks again. */
vxt_status vxt_sights_look(vxt_sights *sights, const vxt_sighting *packet);

/* Move to memory of `capacity` zeroed items, more than before; what the old memory is for is over. */
void vxt_sights_move(vxt_sights *sights, vxt_sight *items, uint32_t capacity);

#endif
