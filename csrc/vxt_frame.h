/* vxt_frame.h: what framing knows of a frame before anyone looks into it. */
#ifndef VXT_FRAME_H
#define VXT_FRAME_H

#include "vxt_link.h"

typedef struct vxt_frame {
    vxt_slice data;            /* as captured, from the link layer on */
    vxt_slice rest;            /* the bytes behind its record, where the next one starts */
    uint64_t number;           /* from 1 */
    uint64_t offset;           /* of `data` in the capture */
    int64_t ts;                /* nanoseconds since 1970, or VXT_NAT */
    uint32_t wirelen;          /* never less than what was captured */
    uint32_t interface;        /* index into the interface table */
    uint32_t interface_id;     /* in its section */
    uint32_t interface_number; /* for the record: counted over all sections of a pcapng */
    uint32_t flags;            /* VXT_FLAG_OUTGOING, VXT_FLAG_NO_TIME */
    bool several;              /* the capture tells interfaces apart: a pcapng section with more than one, so far */
    bool fine;                 /* its interface's times can have digits below a microsecond */
    vxt_link_kind link;
    vxt_status status; /* VXT_OK, or what framing found wrong with this one frame */
} vxt_frame;

#endif
