/* vxt_tunnel.h: from the IP payload to the inner frame: UDP (RFC 768) or GRE, and the tunnel header on it. */
#ifndef VXT_TUNNEL_H
#define VXT_TUNNEL_H

#include "vxt_encap.h"
#include "vxt_ip.h"
#include "vxt_options.h"

/* Whether a packet of this protocol may carry a tunnel that is asked for. */
bool vxt_tunnel_carries(const vxt_options *options, const vxt_ip *ip);

/* Pass the carrier's header and the tunnel's: outer ports and tunnel columns into `r`, `span` becomes the inner frame,
 * which starts with `*inside`. VXT_OK; NOT_UDP, TRUNCATED_OUTER, MALFORMED, NO_VNI_FLAG, INNER_TYPE, FILTERED; or
 * OTHER_PORT with `span` at the UDP payload. */
vxt_status vxt_tunnel_parse(const vxt_options *options, const vxt_ip *ip, vxt_span *span, vxt_packet *r,
                            vxt_link_kind *inside);

#endif
