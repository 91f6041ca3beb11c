/* vxt_gre.h: GRE (RFC 2784, 2890) and what is built on it: NVGRE (RFC 7637), ERSPAN (draft-foschiano-erspan). */
#ifndef VXT_GRE_H
#define VXT_GRE_H

#include "vxt_encap.h"

/* See vxt_encap.h. */
vxt_status vxt_gre_parse(uint32_t gre, vxt_span *span, vxt_encap *encap);

#endif
