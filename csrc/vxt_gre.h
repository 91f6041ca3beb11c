/* vxt_gre.h: GRE (RFC 2784, 2890) and what is built on it: NVGRE (RFC 7637), ERSPAN (draft-foschiano-erspan). */
#ifndef VXT_GRE_H
#define VXT_GRE_H

#include "vxt_encap.h"

/* Pass the headers of the kinds in `wanted` (bit n for the tunnel with value n): `encap` is filled and `span` becomes
 * the inner frame. VXT_OK, TRUNCATED_OUTER, MALFORMED, INNER_TYPE. */
vxt_status vxt_gre_parse(uint32_t wanted, vxt_span *span, vxt_encap *encap);

#endif
