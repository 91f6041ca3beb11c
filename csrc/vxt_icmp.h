/* vxt_icmp.h: what ICMP (RFC 792) and ICMPv6 (RFC 4443) say about tunnels. */
#ifndef VXT_ICMP_H
#define VXT_ICMP_H

#include "vxt_ip.h"
#include "vxt_options.h"

/* Whether the payload of `ip`, which is `message`, says 'destination unreachable' of a packet that was on its way into
 * a tunnel: nobody listens where it ends. */
bool vxt_icmp_refuses(const vxt_options *options, const vxt_ip *ip, vxt_span message);

#endif
