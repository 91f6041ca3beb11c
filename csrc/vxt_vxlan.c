#include "vxt_vxlan.h"

#include "vxt_bytes.h"

enum { ETHERTYPE_AT = VXT_VXLAN_LEN + 12, NSH_LEN = 8 };

/* Bits of the eight bytes as a number: flags, then (with G) a group policy id, then the VNI, then eight reserved bits.
 */
static const uint64_t FLAG_I = UINT64_C(0x08) << 56, FLAG_G = UINT64_C(0x80) << 56;
static const uint64_t RESERVED = UINT64_C(0xf7ffffff000000ff), RESERVED_GBP = UINT64_C(0x77b70000000000ff);
static const uint64_t FLAG_P = UINT64_C(0x04) << 56, GPE_VERSION = UINT64_C(0x30) << 56;
static const uint64_t RESERVED_GPE = UINT64_C(0xc0ffff00000000ff), GPE_PROTOCOL = UINT64_C(0xff) << 32;

static VXT_HOT uint32_t vni_of(uint64_t header) { return (uint32_t)(header >> 8) & 0xffffff; }

VXT_HOT vxt_status vxt_vxlan_parse(uint32_t gre, vxt_span *span, vxt_encap *encap)
{
    const uint8_t *p = vxt_span_take(span, VXT_VXLAN_LEN);
    uint64_t h;

    (void)gre;
    if (!p)
        return vxt_span_why(*span, VXT_VXLAN_LEN);
    h = vxt_be64(p);
    if (!(h & FLAG_I))
        return VXT_NO_VNI_FLAG;
    *encap = (vxt_encap){VXT_TUNNEL_VXLAN, VXT_LINK_ETHERNET, vni_of(h), 0, 0};
    if (h & FLAG_G) {
        encap->flags = VXT_FLAG_GBP | vxt_encap_reserved(h & RESERVED_GBP);
        encap->gbp = (uint16_t)(h >> 32);
    } else {
        encap->flags = vxt_encap_reserved(h & RESERVED);
    }
    return VXT_OK;
}

typedef enum gpe_protocol { GPE_IPV4 = 1, GPE_IPV6, GPE_ETHERNET, GPE_NSH } gpe_protocol;

static vxt_link_kind gpe_inside(uint8_t protocol)
{
    switch (protocol) {
    case GPE_IPV4:
        return VXT_LINK_IPV4;
    case GPE_IPV6:
        return VXT_LINK_IPV6;
    case GPE_ETHERNET:
        return VXT_LINK_ETHERNET;
    default:
        return VXT_LINK_UNKNOWN;
    }
}

/* Pass NSH headers; `protocol` goes from NSH to what is behind them. */
static vxt_status pass_nsh(vxt_span *span, uint8_t *protocol)
{
    for (int i = 0; *protocol == GPE_NSH && i < VXT_MAX_NSH; i++) {
        const uint8_t *h = vxt_span_take(span, NSH_LEN);
        uint32_t rest;
        if (!h)
            return vxt_span_why(*span, NSH_LEN);
        rest = (h[1] & 0x3fu) * 4;
        if (rest < NSH_LEN)
            return VXT_MALFORMED;
        rest -= NSH_LEN;
        *protocol = h[3];
        if (!vxt_span_take(span, rest))
            return vxt_span_why(*span, rest);
    }
    return VXT_OK;
}

vxt_status vxt_gpe_parse(uint32_t gre, vxt_span *span, vxt_encap *encap)
{
    const uint8_t *p = vxt_span_take(span, VXT_VXLAN_LEN);
    uint8_t protocol = GPE_ETHERNET;
    vxt_status status;
    uint64_t h;

    (void)gre;
    if (!p)
        return vxt_span_why(*span, VXT_VXLAN_LEN);
    h = vxt_be64(p);
    if (h & GPE_VERSION)
        return VXT_MALFORMED;
    if (!(h & FLAG_I))
        return VXT_NO_VNI_FLAG;
    if (h & FLAG_P)
        protocol = (uint8_t)(h >> 32);
    if ((status = pass_nsh(span, &protocol)) != VXT_OK)
        return status;
    *encap = (vxt_encap){VXT_TUNNEL_VXLAN_GPE, gpe_inside(protocol), vni_of(h), 0, 0};
    encap->flags = vxt_encap_reserved(h & (h & FLAG_P ? RESERVED_GPE : RESERVED_GPE | GPE_PROTOCOL));
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
