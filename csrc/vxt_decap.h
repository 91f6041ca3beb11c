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

/* Decide what becomes of a frame. VXT_OK: all of `r` is written, and r->status is the outcome. `inner` is the inner
 * frame where that is VXT_OK; the UDP payload where it is VXT_OTHER_PORT; else the frame as captured. Else MORE_SIGHTS,
 * MORE_HISTORY, MORE_FRAGMENTS or GIVE_UP (see vxt_frag.h): nothing is decided, and the frame may be asked for again,
 * as it may after VXT_OK, until another one is. */
vxt_status vxt_decap(const vxt_frame *frame, const vxt_options *options, vxt_memory *memory, vxt_packet *r,
                     vxt_span *inner);

/* It has two ways, for those who know which one a frame takes. There is a shape that nearly all frames have: Ethernet
 * or SLL2, plain IPv4, UDP and VXLAN, and in it Ethernet and plain IPv4, with all these headers whole. This gives the
 * link layer of such a frame; VXT_LINK_UNKNOWN where it has another shape, or the options ask for more. */
vxt_link_kind vxt_decap_usual(const vxt_frame *frame, const vxt_options *options);

/* That way, for a link layer that is a constant: the same steps, inlined, without what the shape excludes. False where
 * the outcome is not VXT_OK: then the other way is to be taken. */
bool vxt_decap_as(vxt_link_kind usual, const vxt_frame *frame, const vxt_options *options, vxt_memory *memory,
                  vxt_packet *r, vxt_span *inner);

/* The other way, which any frame can take. */
vxt_status vxt_decap_any(const vxt_frame *frame, const vxt_options *options, vxt_memory *memory, vxt_packet *r,
                         vxt_span *inner);

/* A frame that was decapsulated is not wanted after all: `r` and `inner` become what they are of one of another VNI. */
void vxt_decap_filter(const vxt_frame *frame, vxt_packet *r, vxt_span *inner);

#endif
