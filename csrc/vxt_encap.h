/* vxt_encap.h: what a tunnel header says, whichever tunnel it is, and the numbers that several of them share. */
#ifndef VXT_ENCAP_H
#define VXT_ENCAP_H

#include "vxt_link.h"

enum { VXT_ETHERTYPE_BRIDGED = 0x6558 }; /* Ethernet in GRE and Geneve */

typedef struct vxt_encap {
    uint8_t tunnel;       /* enum vxt_tunnel */
    vxt_link_kind inside; /* what the inner frame starts with: Ethernet, IPv4, IPv6; VXT_LINK_UNKNOWN: anything else */
    uint32_t vni;
    uint32_t flags; /* of the record: GBP, RESERVED_BITS, TRUNCATED */
    uint16_t gbp;
} vxt_encap;

/* Every parser of a tunnel header is called vxt_PARSER_parse, by its name in VXT_TUNNELS, and gets the tunnels over GRE
 * that are asked for (bit n for the tunnel with value n). It fills `encap`, and `span` becomes the inner frame. Returns
 * VXT_OK, TRUNCATED_OUTER, MALFORMED, NO_VNI_FLAG, INNER_TYPE. */

/* What an ethertype in a tunnel header says of the inside. */
VXT_INLINE vxt_link_kind vxt_encap_inside(uint16_t ethertype)
{
    switch (ethertype) {
    case VXT_ETHERTYPE_BRIDGED:
        return VXT_LINK_ETHERNET;
    case VXT_ETHERTYPE_IPV4:
        return VXT_LINK_IPV4;
    case VXT_ETHERTYPE_IPV6:
        return VXT_LINK_IPV6;
    default:
        return VXT_LINK_UNKNOWN;
    }
}

VXT_INLINE uint32_t vxt_encap_reserved(uint64_t bits) { return bits ? VXT_FLAG_RESERVED_BITS : 0; }

#endif
