/* vxt_tunnel.h: UDP (RFC 768) and VXLAN (RFC 7348) up to the inner frame. */
#ifndef VXT_TUNNEL_H
#define VXT_TUNNEL_H

#include "vxt_ip.h"
#include "vxt_options.h"

/* Pass the UDP header: ports into `r`, `span` becomes its payload, clipped and counted by the UDP length. VXT_OK,
 * NOT_UDP, FRAGMENT_LOST, TRUNCATED_OUTER or MALFORMED, or OTHER_PORT with `span` at the payload all the same. */
vxt_status vxt_udp_parse(const vxt_ip *ip, const vxt_options *options, vxt_span *span, vxt_packet *r);

/* Pass the VXLAN header: tunnel, vni, gbp and flags into `r`, `span` becomes the inner frame. VXT_OK, TRUNCATED_OUTER,
 * MALFORMED, NO_VNI_FLAG or FILTERED. */
vxt_status vxt_vxlan_parse(const vxt_options *options, vxt_span *span, vxt_packet *r);

/* Whether the payload of a UDP datagram to some other port looks like VXLAN: a guess, to answer a wrong `ports`. */
bool vxt_vxlan_plausible(vxt_span payload);

#endif
