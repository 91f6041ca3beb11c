/* vxt_decap.h: one frame -> one record. Written once; scan and rewrite both stand on it. */
#ifndef VXT_DECAP_H
#define VXT_DECAP_H

#include "vxt_frame.h"
#include "vxt_options.h"

/* Decide what becomes of a frame. All of `r` is written; its status is returned too. `inner` is the inner frame where
 * it is VXT_OK; the UDP payload where it is VXT_OTHER_PORT; else the frame as captured. */
vxt_status vxt_decap(const vxt_frame *frame, const vxt_options *options, vxt_packet *r, vxt_span *inner);

#endif
