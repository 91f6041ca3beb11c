#include "vxt_icmp.h"

#include "vxt_link.h"

enum { ERROR_LEN = 8, UNREACHABLE = 3, UNREACHABLE_V6 = 1 };

/* Whether the packet that is quoted goes into a tunnel, as far as its first bytes tell. */
static bool is_of_tunnel(const vxt_options *options, uint16_t ethertype, vxt_span quote)
{
    const uint8_t *ports;
    vxt_ip ip;

    if (vxt_ip_parse(ethertype, VXT_IP_ALL, 0, &quote, &ip) != VXT_OK || ip.later)
        return false;
    if (ip.proto == VXT_IP_GRE)
        return options->gre != 0;
    ports = ip.proto == VXT_IP_UDP ? vxt_span_take(&quote, 4) : NULL;
    return ports && vxt_tunnel_at(options, vxt_be16(ports + 2)) != VXT_TUNNEL_NONE;
}

bool vxt_icmp_refuses(const vxt_options *options, const vxt_ip *ip, vxt_span message)
{
    bool v6 = ip->version == 6;
    const uint8_t *h;

    if (ip->later || ip->proto != (v6 ? VXT_IP_ICMPV6 : VXT_IP_ICMP))
        return false;
    h = vxt_span_take(&message, ERROR_LEN);
    return h && h[0] == (v6 ? UNREACHABLE_V6 : UNREACHABLE) &&
           is_of_tunnel(options, v6 ? VXT_ETHERTYPE_IPV6 : VXT_ETHERTYPE_IPV4, message);
}
