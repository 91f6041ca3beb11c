/* vxt_options.h: what a caller wants. */
#ifndef VXT_OPTIONS_H
#define VXT_OPTIONS_H

#include "vxt_packet.h"

typedef struct vxt_options {
    uint16_t ports[VXT_MAX_PORTS]; /* UDP destination ports that are taken for VXLAN */
    uint32_t port_count;
    uint32_t vni_count;
    const uint32_t *vnis; /* only these, in rising order; all where vni_count is 0. Memory of the caller. */
    uint32_t source;      /* the number of this source, for the record */
    vxt_level level;      /* how far inner frames are parsed */
    bool skipped_rows;    /* rows of skipped frames too */
} vxt_options;

static inline bool vxt_wants_port(const vxt_options *o, uint16_t port)
{
    if (o->ports[0] == port)
        return true;
    for (uint32_t i = 1; i < o->port_count; i++)
        if (o->ports[i] == port)
            return true;
    return false;
}

static inline bool vxt_wants_vni(const vxt_options *o, uint32_t vni)
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
