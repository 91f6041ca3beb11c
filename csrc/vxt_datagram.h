/* vxt_datagram.h: datagrams that wait for their fragments, and the memory of the caller that they lie in. */
#ifndef VXT_DATAGRAM_H
#define VXT_DATAGRAM_H

#include "vxt_hash.h"
#include "vxt_packet.h"

enum {
    VXT_FRAG_PAGE = 2048, /* bytes: the two fragments of a full frame fit one page */
    VXT_FRAG_UNIT = 8,    /* bytes: all offsets are multiples */
    VXT_FRAG_WORDS = VXT_FRAG_PAGE / VXT_FRAG_UNIT / 64,
    VXT_FRAG_PAGES = (VXT_MAX_DATAGRAM + VXT_FRAG_PAGE) / VXT_FRAG_PAGE,
    VXT_FRAG_HELD = 8,       /* fragments that a slot of memory has room for */
    VXT_FRAG_LEAST = 64,     /* slots: pages for any one datagram, of at most 512 fragments */
    VXT_FRAG_REMEMBERED = 64 /* pages of complete datagrams that are kept, to know their fragments again */
};
#define VXT_FRAG_NONE UINT32_MAX

typedef enum vxt_datagram_state {
    VXT_DATAGRAM_OPEN,    /* bytes are missing */
    VXT_DATAGRAM_REFUSED, /* two of its fragments overlap: nothing is kept but its key */
    VXT_DATAGRAM_DONE     /* complete, and remembered */
} vxt_datagram_state;

typedef struct vxt_datagram {
    vxt_packet first;  /* the row that its first fragment would be alone, where `has_first` */
    uint32_t first_at; /* where that row's inner frame starts in the datagram */
    bool has_first, first_fine;
    uint8_t version, proto; /* of the key; proto is 0 in IPv6 */
    uint8_t inside;         /* the protocol that the fragment with the beginning names */
    uint8_t src[VXT_IPLEN], dst[VXT_IPLEN];
    uint32_t id;
    vxt_datagram_state state;
    int64_t ts;            /* when its first fragment came; VXT_NAT where nobody knows */
    uint64_t begun;        /* and in which frame */
    uint32_t next;         /* in the chain of its hash */
    uint32_t older, newer; /* in the list that it is in */
    uint32_t total;        /* bytes on the wire, 0 until the last fragment has come */
    uint32_t have;         /* of which so many have come */
    uint32_t reach;        /* end of the fragment that reaches furthest */
    uint32_t cut;          /* a snaplen cut bytes off from here on; UINT32_MAX where none did */
    uint32_t frames;       /* that have come, those that came again among them */
    uint32_t held; /* the list of them, the last to come first; where memory is short, not all that came again */
    uint32_t pages[VXT_FRAG_PAGES];
} vxt_datagram;

typedef struct vxt_page {
    uint64_t have[VXT_FRAG_WORDS], starts[VXT_FRAG_WORDS]; /* bits of units: has come; is the first of a fragment */
    uint8_t data[VXT_FRAG_PAGE];
} vxt_page;

/* A frame that a fragment came in. */
typedef struct vxt_held {
    uint64_t frame;
    uint32_t next;
} vxt_held;

/* A slot of memory: one of each, which have nothing to do with each other beyond having the same number. */
typedef struct vxt_slot {
    uint32_t head; /* of a hash chain */
    uint32_t next_free_page, next_free_datagram;
    vxt_datagram datagram;
    vxt_held held[VXT_FRAG_HELD];
    vxt_page page;
} vxt_slot;

/* Things of one kind that are free: used once and given back, or never used. */
typedef struct vxt_spares {
    uint32_t used, first, count;
} vxt_spares;

typedef struct vxt_frag_list {
    uint32_t oldest, newest;
} vxt_frag_list;

typedef struct vxt_frags {
    vxt_slot *slots;         /* memory of the caller, who grows it when asked */
    uint8_t *whole;          /* the same: VXT_MAX_DATAGRAM bytes */
    uint32_t capacity, most; /* slots there are, and how many there may be */
    vxt_spares pages, datagrams, held;
    vxt_frag_list waiting, done; /* open and refused ones by their first fragment; complete ones */
    uint32_t done_pages;
    uint64_t seed;    /* random */
    uint64_t timeout; /* ns */
    int64_t clock;    /* time of the last frame that has one */
    int64_t deadline; /* behind this time the oldest that waits has waited too long */
    uint64_t frame;   /* the last one that was decided, and how: it may be asked for again */
    vxt_status result;
    uint64_t earliest;     /* in which frame one began that a later fragment was compared with: the first such; */
    uint64_t lost;         /* the last frame of which the fragment was lost, or refused; */
    uint64_t pushed;       /* and how many others had to go for want of memory, since the caller has set these two */
    uint32_t current;      /* the datagram that it was added to, or VXT_FRAG_NONE */
    uint32_t leaving;      /* the datagram to be given up */
    vxt_status leaving_as; /* what its fragments are then: FRAGMENT_LOST or FRAGMENT_OVERLAP */
} vxt_frags;

/* A fragment as its IP header describes it. */
typedef struct vxt_fragment {
    const uint8_t *src, *dst; /* VXT_IPLEN bytes each */
    uint32_t id;
    uint8_t version, proto; /* proto: of the key, 0 in IPv6 */
    uint8_t inside;         /* the protocol of the data: in IPv6 fragments may differ in it */
    bool more;
    uint32_t offset, length; /* bytes on the wire */
    vxt_slice data;          /* those that were captured */
    int64_t ts;
    uint64_t frame;
} vxt_fragment;

static inline vxt_datagram *vxt_frags_at(const vxt_frags *frags, uint32_t i) { return &frags->slots[i].datagram; }

static inline vxt_datagram *vxt_frags_leaving(const vxt_frags *frags) { return vxt_frags_at(frags, frags->leaving); }

static inline vxt_held *vxt_frags_held(const vxt_frags *frags, uint32_t i)
{
    return &frags->slots[i / VXT_FRAG_HELD].held[i % VXT_FRAG_HELD];
}

#endif
