#include "vxt_tunnel.h"

#include "vxt_geneve.h"
#include "vxt_gre.h"
#include "vxt_vxlan.h"

VXT_HOT bool vxt_tunnel_carries(const vxt_options *options, const vxt_ip *ip)
{
    return ip->proto == VXT_IP_UDP || (options->gre && ip->proto == VXT_IP_GRE);
}

/* Pass the UDP header: ports into `r`, the tunnel that its port is for into `*tunnel`; `span` becomes its payload,
 * clipped and counted by the UDP length. */
static VXT_HOT vxt_status pass_udp(const vxt_options *options, uint32_t usual, const vxt_ip *ip, vxt_span *span,
                                   vxt_packet *r, uint8_t *tunnel)
{
    const uint8_t *p = vxt_span_take(span, VXT_UDP_LEN);
    uint64_t h;
    uint32_t length;

    if (!p)
        return vxt_span_why(*span, VXT_UDP_LEN);
    h = vxt_be64(p);
    if (usual)
        VXT_KNOWN(vxt_tunnel_is_usual(options, h, usual));
    r->outer_sport = (uint16_t)(h >> 48);
    r->outer_dport = (uint16_t)(h >> 32);
    length = (uint16_t)(h >> 16);
    /* The first fragment of a datagram is shorter than the UDP length, which tells what the inner frame has in whole.
     */
    if (length >= VXT_UDP_LEN && (ip->fragment || length - VXT_UDP_LEN < vxt_span_wire(*span)))
        vxt_span_set(span, length - VXT_UDP_LEN);
    *tunnel = usual ? VXT_TUNNEL_VXLAN : vxt_tunnel_at(options, r->outer_dport);
    if (!*tunnel)
        return VXT_OTHER_PORT;
    return length == 0 || length >= VXT_UDP_LEN ? VXT_OK : VXT_MALFORMED;
}

static vxt_status vxt_none_parse(uint32_t gre, vxt_span *span, vxt_encap *encap)
{
    (void)gre, (void)span, (void)encap;
    return VXT_INNER_TYPE;
}

/* Any tunnel. */
static vxt_status pass_any(uint32_t gre, uint8_t tunnel, vxt_span *span, vxt_encap *encap)
{
    switch (tunnel) {
#define X(name, value, option, carrier, port, parser, text)                                                            \
    case VXT_TUNNEL_##name:                                                                                            \
        return vxt_##parser##_parse(gre, span, encap);
        VXT_TUNNELS(X)
#undef X
    default:
        return VXT_INNER_TYPE;
    }
}

static VXT_HOT vxt_status pass_header(const vxt_options *options, uint8_t tunnel, vxt_span *span, vxt_encap *encap)
{
    vxt_span span2;
    vxt_encap encap2 = {0};
    vxt_status status;

    if (tunnel == VXT_TUNNEL_VXLAN)
        return vxt_vxlan_parse(options->gre, span, encap);
    span2 = *span; /* copies: see VXT_HOT */
    status = pass_any(options->gre, tunnel, &span2, &encap2);
    *span = span2;
    *encap = encap2;
    if (status == VXT_OK && (encap2.inside == VXT_LINK_UNKNOWN || encap2.tunnel == VXT_TUNNEL_NONE))
        return VXT_INNER_TYPE;
    return status;
}

VXT_HOT vxt_status vxt_tunnel_parse(const vxt_options *options, uint32_t usual, const vxt_ip *ip, vxt_span *span,
                                    vxt_packet *r, vxt_link_kind *inside)
{
    uint8_t tunnel = VXT_TUNNEL_GRE;
    vxt_encap encap;
    vxt_status status = VXT_OK;

    if (usual)
        VXT_KNOWN(ip->proto == VXT_IP_UDP);
    if (!vxt_tunnel_carries(options, ip))
        return VXT_NOT_UDP;
    if (ip->proto == VXT_IP_UDP)
        status = pass_udp(options, usual, ip, span, r, &tunnel);
    if (status != VXT_OK || (status = pass_header(options, tunnel, span, &encap)) != VXT_OK)
        return status;
    r->tunnel = encap.tunnel;
    r->vni = encap.vni;
    if (!vxt_wants_vni(options, encap.vni))
        return VXT_FILTERED;
    r->flags |= encap.flags;
    r->gbp = encap.gbp;
    *inside = encap.inside;
    return VXT_OK;
}
