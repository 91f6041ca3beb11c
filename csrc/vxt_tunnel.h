/* vxt_tunnel.h: from the IP payload to the inner frame: UDP (RFC 768) or GRE, and the tunnel header on it. */
#ifndef VXT_TUNNEL_H
#define VXT_TUNNEL_H

#include "vxt_encap.h"
#include "vxt_ip.h"
#include "vxt_options.h"

/* Whether a packet of this protocol may carry a tunnel that is asked for. */
bool vxt_tunnel_carries(const vxt_options *options, const vxt_ip *ip);

/* A UDP header of the usual tunnel, VXLAN to the first of the ports, with `least` bytes of payload or more. */
VXT_INLINE bool vxt_tunnel_is_usual(const vxt_options *options, uint64_t udp, uint32_t least)
{
    return (uint16_t)(udp >> 32) == options->ports[0].port && options->ports[0].tunnel == VXT_TUNNEL_VXLAN &&
           (uint16_t)(udp >> 16) >= VXT_UDP_LEN + least;
}

/* Pass the carrier's header and the tunnel's: outer ports and tunnel columns into `r`, `span` becomes the inner frame,
 * which starts with `*inside`. VXT_OK; NOT_UDP, TRUNCATED_OUTER, MALFORMED, NO_VNI_FLAG, INNER_TYPE, FILTERED; or
 * OTHER_PORT with `span` at the UDP payload. `usual`: known to be UDP, and a usual tunnel with so many bytes of payload
 * at least (0: nothing is known). */
vxt_status vxt_tunnel_parse(const vxt_options *options, uint32_t usual, const vxt_ip *ip, vxt_span *span, vxt_packet *r,
                            vxt_link_kind *inside);

#endif
