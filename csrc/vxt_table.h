/* vxt_table.h: bounded tables of what a capture holds: tunnels, and small counts by a number. Memory of the caller. */
#ifndef VXT_TABLE_H
#define VXT_TABLE_H

#include "vxt_packet.h"

/* A tunnel as the outer headers tell it apart, and what came through it. */
typedef struct vxt_tunnel_key {
    uint8_t outer_src[VXT_IPLEN], outer_dst[VXT_IPLEN];
    uint32_t vni, source;
    /* An output interface has one clock and one link type: */
    uint16_t fine; /* 1 where its times have digits below a microsecond */
    uint16_t raw;  /* 1 where its inner frames start with IP */
    uint32_t tunnel;
} vxt_tunnel_key;

typedef struct vxt_tunnel_row {
    vxt_tunnel_key key;
    uint64_t frames, bytes; /* inner frames, and their bytes on the wire */
    uint32_t output;        /* 1 + number of its interface in an output, 0 where it has none */
} vxt_tunnel_row;

enum { VXT_TUNNEL_SLOTS = 2 * VXT_MAX_TUNNELS, VXT_TUNNEL_RECENT = 16 };

typedef struct vxt_tunnels {
    uint64_t seed;  /* random, by the caller: who sends the packets must not know where their keys fall */
    uint64_t other; /* frames of tunnels beyond VXT_MAX_TUNNELS */
    uint32_t count;
    uint16_t recent[VXT_TUNNEL_RECENT]; /* the row that was last found for a VNI with these low bits: mostly the one */
    uint16_t slots[VXT_TUNNEL_SLOTS];   /* 1 + index of a row, open addressing; at most half are ever taken */
    vxt_tunnel_row rows[VXT_MAX_TUNNELS];
} vxt_tunnels;

/* The key of the tunnel that a decapsulated frame came through. */
vxt_tunnel_key vxt_tunnel_key_of(const vxt_packet *r, bool fine);

/* Its row, new ones added; NULL where the table is full and does not have it. */
vxt_tunnel_row *vxt_tunnels_find(vxt_tunnels *table, const vxt_packet *r, bool fine);

/* Counts by a number that takes few values: an interface index, a port. */
typedef struct vxt_counter {
    uint64_t key, count;
} vxt_counter;

typedef struct vxt_counters {
    uint32_t count, last;
    uint64_t other; /* counts of keys beyond VXT_MAX_COUNTERS */
    vxt_counter rows[VXT_MAX_COUNTERS];
} vxt_counters;

void vxt_counters_add(vxt_counters *table, uint32_t key);

#endif
