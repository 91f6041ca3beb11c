/* vxt_flows.h: packets in time order -> conversations, in bounded memory of the caller.
 *
 * The table holds what is still going on. A conversation leaves it as a row when it has been idle, when the table is as
 * large as it may be and another one needs its place (the one that was silent for longest goes), when another
 * connection begins between the same ports, and at the end. Every step costs the same however many there are: places
 * are found by a keyed hash, and the order of silence is a list.
 */
#ifndef VXT_FLOWS_H
#define VXT_FLOWS_H

#include "vxt_conversation.h"

enum {
    VXT_MAX_FLOWS = 1 << 20, /* conversations in the table at a time */
    VXT_FLOWS_LEFT = 1 << 20 /* those that are known again when they go on; of two with one place the later one is */
};

/* What a place of the table needs to be found and to be in order: apart from the conversation, so that many fit into a
 * cache. Numbers of places; UINT32_MAX is none. */
typedef struct vxt_flow_link {
    uint64_t hash;
    int64_t touched;        /* time of its last packet, or of the last one that had a time */
    uint32_t before, after; /* who was silent for longer, and who for less */
    uint32_t next;          /* in the chain of those with the same low bits of the hash, or among the free places */
    uint32_t unused;
} vxt_flow_link;

typedef struct vxt_flows {
    vxt_conversation *places;
    vxt_flow_link *links;
    uint32_t *heads; /* of the chains: as many as there are places */
    uint64_t *left;  /* VXT_FLOWS_LEFT hashes of conversations that left and may go on, each at its place of its own */
    int64_t now;     /* time of the last packet that had one */
    uint64_t seed;   /* random, by the caller: who sends the packets must not know where their keys fall */
    int64_t idle;    /* nanoseconds of silence */
    uint32_t capacity, most; /* places, a power of two; conversations at most */
    uint32_t count, open;    /* places that were ever taken, and are */
    uint32_t free, oldest, newest;
    uint64_t packets, not_ip, skipped; /* rows in all; those without IP; those that no inner frame was found for */
    uint64_t steps;                    /* places looked at, for tests of the cost */
} vxt_flows;

typedef enum vxt_flows_status {
    VXT_FLOWS_DONE,
    VXT_FLOWS_FULL, /* no room for a row: call again with some, and what is left of the packets */
    VXT_FLOWS_GROW  /* the table is full and may be larger: grow it and call again */
} vxt_flows_status;

/* An empty table; `left` is zero. */
void vxt_flows_begin(vxt_flows *flows, uint64_t *left, uint64_t seed, int64_t idle, uint32_t most);

/* It has moved to memory of `capacity` places, a larger power of two than before: places and links with what they held,
 * and heads of any content. */
void vxt_flows_grown(vxt_flows *flows, uint32_t capacity);

/* Take packets[*at] and those behind it; *at and *made, the rows written, go on. */
vxt_flows_status vxt_flows_add(vxt_flows *flows, const vxt_packet *packets, size_t count, size_t *at, vxt_flow *rows,
                               size_t room, size_t *made);

/* Nothing more comes: rows of what is left, the one that was silent for longest first. VXT_FLOWS_FULL where there are
 * more. */
vxt_flows_status vxt_flows_end(vxt_flows *flows, vxt_flow *rows, size_t room, size_t *made);

#endif
