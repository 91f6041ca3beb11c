/* vxt_vxlan.h: VXLAN (RFC 7348) with group policy (draft-smith-vxlan-group-policy), and its generic protocol extension
 * (draft-ietf-nvo3-vxlan-gpe) with NSH (RFC 8300) inside. */
#ifndef VXT_VXLAN_H
#define VXT_VXLAN_H

#include "vxt_encap.h"

enum { VXT_VXLAN_LEN = 8 };

/* See vxt_encap.h. */
vxt_status vxt_vxlan_parse(uint32_t gre, vxt_span *span, vxt_encap *encap);
vxt_status vxt_gpe_parse(uint32_t gre, vxt_span *span, vxt_encap *encap);

/* Whether the payload of a UDP datagram to some other port looks like VXLAN: a guess, to answer a wrong `ports`. */
bool vxt_vxlan_plausible(vxt_span payload);

#endif
