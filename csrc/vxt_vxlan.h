/* vxt_vxlan.h: VXLAN (RFC 7348) with group policy (draft-smith-vxlan-group-policy), and its generic protocol extension
 * (draft-ietf-nvo3-vxlan-gpe) with NSH (RFC 8300) inside. */
#ifndef VXT_VXLAN_H
#define VXT_VXLAN_H

#include "vxt_encap.h"

/* Each passes a tunnel header: `encap` is filled and `span` becomes the inner frame. VXT_OK, TRUNCATED_OUTER,
 * MALFORMED, NO_VNI_FLAG. */
vxt_status vxt_vxlan_parse(vxt_span *span, vxt_encap *encap);
vxt_status vxt_gpe_parse(vxt_span *span, vxt_encap *encap);

/* Whether the payload of a UDP datagram to some other port looks like VXLAN: a guess, to answer a wrong `ports`. */
bool vxt_vxlan_plausible(vxt_span payload);

#endif
