#include "vxt_tunnel.h"

#include "vxt_bytes.h"
#include "vxt_link.h"

enum { VXLAN_LEN = 8, ETHERTYPE_AT = VXLAN_LEN + 12 };
enum { FLAG_I = 0x08, FLAG_G = 0x80, FLAGS_GBP_D_A = 0x48 }; /* G, D, A: draft-smith-vxlan-group-policy */

vxt_status vxt_udp_parse(const vxt_ip *ip, const vxt_options *options, vxt_span *span, vxt_packet *r)
{
    const uint8_t *h;
    uint32_t length;

    if (ip->proto != VXT_IP_UDP && !ip->hidden)
        return VXT_NOT_UDP;
    if (ip->later)
        return VXT_FRAGMENT_LOST;
    if (!(h = vxt_span_take(span, VXT_UDP_LEN)))
        return vxt_span_why(*span, VXT_UDP_LEN);
    r->outer_sport = vxt_be16(h);
    r->outer_dport = vxt_be16(h + 2);
    length = vxt_be16(h + 4);
    /* The first fragment of a datagram is shorter than the UDP length, which tells what the inner frame has in whole.
     */
    if (length >= VXT_UDP_LEN && (ip->fragment || length - VXT_UDP_LEN < span->wire))
        vxt_span_set(span, length - VXT_UDP_LEN);
    if (!vxt_wants_port(options, r->outer_dport))
        return VXT_OTHER_PORT;
    return length == 0 || length >= VXT_UDP_LEN ? VXT_OK : VXT_MALFORMED;
}

static void set_flags(const uint8_t *h, vxt_packet *r)
{
    bool gbp = (h[0] & FLAG_G) != 0;
    uint32_t reserved;

    if (gbp) {
        r->flags |= VXT_FLAG_GBP;
        r->gbp = vxt_be16(h + 2);
        reserved = (h[0] & ~(uint32_t)(FLAG_I | FLAG_G)) | (h[1] & ~(uint32_t)FLAGS_GBP_D_A) | h[7];
    } else {
        reserved = (h[0] & ~(uint32_t)FLAG_I) | vxt_be24(h + 1) | h[7];
    }
    if (reserved)
        r->flags |= VXT_FLAG_RESERVED_BITS;
}

vxt_status vxt_vxlan_parse(const vxt_options *options, vxt_span *span, vxt_packet *r)
{
    const uint8_t *h = vxt_span_take(span, VXLAN_LEN);

    if (!h)
        return vxt_span_why(*span, VXLAN_LEN);
    if (!(h[0] & FLAG_I))
        return VXT_NO_VNI_FLAG;
    r->tunnel = VXT_TUNNEL_VXLAN;
    r->vni = vxt_be24(h + 4);
    if (!vxt_wants_vni(options, r->vni))
        return VXT_FILTERED;
    set_flags(h, r);
    return VXT_OK;
}

bool vxt_vxlan_plausible(vxt_span payload)
{
    const uint8_t *h = vxt_span_take(&payload, ETHERTYPE_AT + 2);

    if (!h || h[0] != FLAG_I || vxt_be24(h + 1) != 0 || h[7] != 0)
        return false;
    switch (vxt_be16(h + ETHERTYPE_AT)) {
    case VXT_ETHERTYPE_IPV4:
    case VXT_ETHERTYPE_IPV6:
    case 0x0806: /* ARP */
    case 0x8100: /* VLAN tags */
    case 0x88a8:
        return true;
    default:
        return false;
    }
}
