#include "vxt_tunnel.h"

#include "vxt_bytes.h"
#include "vxt_link.h"

enum { VXLAN_LEN = 8, ETHERTYPE_AT = VXLAN_LEN + 12 };

/* Bits of the eight bytes as a number. I and VNI: RFC 7348; G, D, A and the group id: draft-smith-vxlan-group-policy.
 */
static const uint64_t FLAG_I = UINT64_C(0x08) << 56, FLAG_G = UINT64_C(0x80) << 56;
static const uint64_t RESERVED = UINT64_C(0xf7ffffff000000ff), RESERVED_GBP = UINT64_C(0x77b70000000000ff);

VXT_HOT vxt_status vxt_udp_parse(const vxt_ip *ip, const vxt_options *options, vxt_span *span, vxt_packet *r)
{
    const uint8_t *p;
    uint64_t h;
    uint32_t length;

    if (ip->proto != VXT_IP_UDP && !ip->hidden)
        return VXT_NOT_UDP;
    if (ip->later)
        return VXT_FRAGMENT_LOST;
    if (!(p = vxt_span_take(span, VXT_UDP_LEN)))
        return vxt_span_why(*span, VXT_UDP_LEN);
    h = vxt_be64(p);
    r->outer_sport = (uint16_t)(h >> 48);
    r->outer_dport = (uint16_t)(h >> 32);
    length = (uint16_t)(h >> 16);
    /* The first fragment of a datagram is shorter than the UDP length, which tells what the inner frame has in whole.
     */
    if (length >= VXT_UDP_LEN && (ip->fragment || length - VXT_UDP_LEN < vxt_span_wire(*span)))
        vxt_span_set(span, length - VXT_UDP_LEN);
    if (!vxt_wants_port(options, r->outer_dport))
        return VXT_OTHER_PORT;
    return length == 0 || length >= VXT_UDP_LEN ? VXT_OK : VXT_MALFORMED;
}

/* The header as one number: flags, then (with G) a group policy id, then the VNI, then eight reserved bits. */
static VXT_HOT void set_flags(uint64_t h, vxt_packet *r)
{
    if (h & FLAG_G) {
        r->flags |= VXT_FLAG_GBP;
        r->gbp = (uint16_t)(h >> 32);
    }
    if (h & (h & FLAG_G ? RESERVED_GBP : RESERVED))
        r->flags |= VXT_FLAG_RESERVED_BITS;
}

VXT_HOT vxt_status vxt_vxlan_parse(const vxt_options *options, vxt_span *span, vxt_packet *r)
{
    const uint8_t *p = vxt_span_take(span, VXLAN_LEN);
    uint64_t h;

    if (!p)
        return vxt_span_why(*span, VXLAN_LEN);
    h = vxt_be64(p);
    if (!(h & FLAG_I))
        return VXT_NO_VNI_FLAG;
    r->tunnel = VXT_TUNNEL_VXLAN;
    r->vni = (uint32_t)(h >> 8) & 0xffffff;
    if (!vxt_wants_vni(options, r->vni))
        return VXT_FILTERED;
    set_flags(h, r);
    return VXT_OK;
}

bool vxt_vxlan_plausible(vxt_span payload)
{
    const uint8_t *h = vxt_span_take(&payload, ETHERTYPE_AT + 2);

    if (!h || (vxt_be64(h) & ~UINT64_C(0xffffff00)) != FLAG_I)
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
