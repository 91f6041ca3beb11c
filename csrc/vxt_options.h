/* vxt_options.h: what a caller wants. */
#ifndef VXT_OPTIONS_H
#define VXT_OPTIONS_H

#include "vxt_where.h"

/* A UDP destination port, and what is taken to come to it. */
typedef struct vxt_port {
    uint16_t port;
    uint8_t tunnel;
} vxt_port;

typedef struct vxt_options {
    vxt_port ports[VXT_MAX_PORTS];
    uint32_t port_count;
    uint32_t gre;   /* tunnels over GRE that are looked for: bit n for the tunnel with value n */
    uint32_t depth; /* tunnels within each other that are followed; 1: only the outermost */
    uint32_t vni_count;
    const uint32_t *vnis; /* only these, in rising order; all where vni_count is 0. Memory of the caller. */
    vxt_where where;      /* only frames for whose record this holds */
    uint32_t source;      /* the number of this source, for the record */
    vxt_level level;      /* how far inner frames are parsed */
    bool skipped_rows;    /* rows of skipped frames too */
    bool once;            /* drop second sights */
    bool partial;         /* of a datagram that is given up, its first fragment goes on alone */
    bool plain;           /* no tunnels, and no ports then: every frame is itself the inner frame */
} vxt_options;

/* What comes to a UDP port: an enum vxt_tunnel, VXT_TUNNEL_NONE for a port that nobody asked for. */
VXT_INLINE uint8_t vxt_tunnel_at(const vxt_options *o, uint16_t port)
{
    if (o->ports[0].port == port)
        return o->ports[0].tunnel;
    for (uint32_t i = 1; i < o->port_count; i++)
        if (o->ports[i].port == port)
            return o->ports[i].tunnel;
    return VXT_TUNNEL_NONE;
}

VXT_INLINE bool vxt_wants_vni(const vxt_options *o, uint32_t vni)
{
    uint32_t low = 0, high = o->vni_count;

    if (high == 0)
        return true;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (o->vnis[middle] < vni)
            low = middle + 1;
        else
            high = middle;
    }
    return low < o->vni_count && o->vnis[low] == vni;
}

#endif
