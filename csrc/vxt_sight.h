/* vxt_sight.h: packets that one machine records on several of its interfaces, and the second sights among them.
 *
 * What tells a second sight is a hash of all bytes of the packet, which costs about as much as decapsulating it. Most
 * captures have one interface, or one at a time, and there nothing can be a second sight: so the hashing is put off
 * while only one interface is heard of, where the caller can bring the bytes of the last millisecond back.
 */
#ifndef VXT_SIGHT_H
#define VXT_SIGHT_H

#include "vxt_hash.h"

enum {
    VXT_SIGHT_INTERFACES = 64,   /* told apart at a time: when there is one more, all is forgotten */
    VXT_SIGHT_STEPS = 64,        /* packets that are looked at for one: of more with the same bytes, the last so many */
    VXT_SIGHT_WINDOW = 1000000,  /* ns */
    VXT_SIGHT_CROWD = 32,        /* packets looked at for one, from which on it matters how long the ring is */
    VXT_SIGHT_QUIET = 1 << 14,   /* packets of one interface, at least, after which hashing is put off again */
    VXT_SIGHT_HISTORY = 1 << 20, /* bytes that are asked for at a time, if no single packet has more */
    VXT_SIGHT_SURE = 1 << 10,    /* packets that any memory has room for */
    VXT_SIGHT_DOUBTS = 1 << 16   /* times in a vxt_doubts */
};

/* For a memory that did not begin with the capture: which packets it may have taken for what they are not, since they
 * can be second sights of what came before, or of packets of which that is so. */
typedef struct vxt_doubts {
    int64_t *times; /* memory of the caller, or NULL: of packets in doubt, the latest time by their hash */
    int64_t until;  /* packets of this time and earlier are in doubt */
    int64_t latest; /* time of any packet */
    uint64_t last;  /* offset of the last packet in doubt, */
    int64_t when;   /* and its time */
    bool unsure;    /* another memory of the same packets might have found something else last */
} vxt_doubts;

/* A packet that was kept. They lie in a ring, in the order in which they came. */
typedef struct vxt_sight {
    uint64_t hash;   /* of all its captured bytes, from the IP header on, and of its length on the wire */
    uint64_t seen;   /* on these interfaces, by their number in vxt_sights.interfaces; all ones: forgotten */
    uint64_t offset; /* of those bytes in the capture */
    int64_t ts;
    uint32_t captured, wire;
    uint32_t head; /* the last packet whose hash falls here; nothing to do with this one */
    uint32_t next; /* the packet before in the chain of this one's hash */
} vxt_sight;

typedef struct vxt_sights {
    vxt_sight *items;  /* memory of the caller, `capacity` of them, a power of two */
    uint32_t capacity; /* 0 before there is any */
    uint32_t count;    /* packets so far: number n lies at n % capacity, as long as no later one does; may wrap */
    uint32_t filled;   /* places of the ring in use */
    uint32_t unhashed; /* the last so many have no hash yet */
    uint32_t quiet;    /* packets since one came from another interface than the one before */
    bool can_recall;   /* whether the caller can bring bytes back */
    bool keep_all;     /* the table grows to its limit rather than forget anything */
    bool forgot;       /* it did, or another memory of the same packets might have found something else */
    uint32_t farthest; /* 1 + the age of the oldest packet that a second sight was of; 0 where there was none */
    bool second;       /* of `frame`: what came out */
    uint32_t interface_count, recent;
    uint64_t interfaces[VXT_SIGHT_INTERFACES];
    uint64_t last;  /* the interface of the last packet, as a bit */
    uint64_t frame; /* the last one that was looked at: it may be asked for again */
    vxt_key key;    /* random */
    uint64_t
        digest; /* stands for the second sights so far, by their offsets: a sum, so that stretches can be compared */
    vxt_doubts doubts;
} vxt_sights;

/* One packet: its bytes from the IP header to the end that its length gives, where they lie in the capture, where it
 * was seen, and in which frame. */
typedef struct vxt_sighting {
    vxt_slice bytes;
    uint32_t wire;
    int64_t ts;
    uint64_t offset, interface, frame;
} vxt_sighting;

/* A stretch of the capture. */
typedef struct vxt_stretch {
    uint64_t offset, length;
} vxt_stretch;

/* Whether this is a second sight, which is remembered either way. VXT_OK, SECOND_SIGHT; MORE_SIGHTS where the table
 * would forget a packet of the last millisecond: grow it, and ask again; MORE_HISTORY: bring back what
 * vxt_sights_history says, and ask again. */
vxt_status vxt_sights_look(vxt_sights *sights, const vxt_sighting *packet);

/* The bytes that are missing for the next hashes that were put off. */
vxt_stretch vxt_sights_history(const vxt_sights *sights);

/* They are these; or fewer, where the capture no longer has them: then a packet is forgotten. */
void vxt_sights_recall(vxt_sights *sights, vxt_slice bytes);

/* The entry of packet number n, of those that have not been overwritten. */
static inline vxt_sight *vxt_sights_at(const vxt_sights *sights, uint32_t number)
{
    return &sights->items[number & (sights->capacity - 1)];
}

/* The number of an interface, or interface_count where it has none yet. */
static inline uint32_t vxt_sights_interface(const vxt_sights *sights, uint64_t interface)
{
    uint32_t i = 0;

    while (i < sights->interface_count && sights->interfaces[i] != interface)
        i++;
    return i;
}

/* One more packet that was kept, after all others; `hashed` where it has its hash, and all before it have. VXT_OK, or
 * MORE_SIGHTS: grow, and ask again. */
vxt_status vxt_sights_keep(vxt_sights *sights, const vxt_sight *packet, bool hashed);

/* Move to memory of `capacity` items, a larger power of two than before; the old memory is the caller's again. */
void vxt_sights_move(vxt_sights *sights, vxt_sight *items, uint32_t capacity);

#endif
