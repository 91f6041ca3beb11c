/* vxt_geneve.h: Geneve (RFC 8926). */
#ifndef VXT_GENEVE_H
#define VXT_GENEVE_H

#include "vxt_encap.h"

/* See vxt_encap.h. */
vxt_status vxt_geneve_parse(uint32_t gre, vxt_span *span, vxt_encap *encap);

#endif
