/* vxt_geneve.h: Geneve (RFC 8926). */
#ifndef VXT_GENEVE_H
#define VXT_GENEVE_H

#include "vxt_encap.h"

/* Pass the header and its options: `encap` is filled and `span` becomes the inner frame. VXT_OK, TRUNCATED_OUTER,
 * MALFORMED. */
vxt_status vxt_geneve_parse(vxt_span *span, vxt_encap *encap);

#endif
