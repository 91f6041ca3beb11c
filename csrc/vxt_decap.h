/* vxt_decap.h: one frame -> one record. Written once; scan and rewrite both stand on it. The stages, in this order:
 * link, IP, second sight, reassembly, UDP or GRE, tunnel, inner. */
#ifndef VXT_DECAP_H
#define VXT_DECAP_H

#include "vxt_frag.h"
#include "vxt_frame.h"
#include "vxt_options.h"
#include "vxt_sight.h"

/* What has to be remembered from frame to frame. */
typedef struct vxt_memory {
    vxt_sights sights;
    vxt_frags frags;
} vxt_memory;

/* The link layer of a frame of the usual shape: Ethernet or SLL2, plain IPv4, UDP and VXLAN, and in it Ethernet and plain
 * IPv4, with all these headers whole. VXT_LINK_UNKNOWN: it has another shape, or the options ask for more. */
vxt_link_kind vxt_decap_usual(const vxt_frame *frame, const vxt_options *options);

/* Decide what becomes of a frame. VXT_OK: all of `r` is written, and r->status is the outcome. `inner` is the inner
 * frame where that is VXT_OK; the UDP payload where it is VXT_OTHER_PORT; else the frame as captured. Else MORE_SIGHTS,
 * MORE_HISTORY, MORE_FRAGMENTS or GIVE_UP (see vxt_frag.h): nothing is decided, and the frame may be asked for again,
 * as it may after VXT_OK, until another one is. */
vxt_status vxt_decap(const vxt_frame *frame, const vxt_options *options, vxt_memory *memory, vxt_packet *r,
                     vxt_span *inner);

/* The same for a frame of the usual shape, whose link layer is given as a constant: the same steps, inlined, without
 * what that shape excludes. False where the outcome is not VXT_OK, and vxt_decap is to be asked. */
bool vxt_decap_as(vxt_link_kind usual, const vxt_frame *frame, const vxt_options *options, vxt_memory *memory,
                  vxt_packet *r, vxt_span *inner);

#endif
