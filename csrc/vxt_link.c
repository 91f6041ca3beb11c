#include "vxt_link.h"

#include "vxt_bytes.h"

enum { SLL_LEN = 16, SLL2_LEN = 20, LOOP_LEN = 4, TAG_LEN = 4 };
enum { COOKED_OUTGOING = 4 }; /* PACKET_OUTGOING of <linux/if_packet.h> */

const vxt_name vxt_link_names[] = {
#define X(number, name, kind) {#name, #kind, "", "", number},
    VXT_LINK_TYPES(X)
#undef X
        {NULL, NULL, NULL, NULL, 0}};

vxt_link_kind vxt_link_kind_of(uint32_t linktype)
{
    switch (linktype) {
#define X(number, name, kind)                                                                                          \
    case number:                                                                                                       \
        return VXT_LINK_##kind;
        VXT_LINK_TYPES(X)
#undef X
    default:
        return VXT_LINK_UNKNOWN;
    }
}

static bool is_vlan(uint16_t ethertype) { return ethertype == 0x8100 || ethertype == 0x88a8 || ethertype == 0x9100; }

vxt_status vxt_link_vlans(vxt_span *span, vxt_link *link)
{
    while (is_vlan(link->ethertype) && link->vlan_tags < VXT_MAX_VLANS) {
        const uint8_t *tag = vxt_span_take(span, TAG_LEN);
        if (!tag)
            return vxt_span_why(*span, TAG_LEN);
        if (link->vlan_tags++ == 0)
            link->vlan = vxt_be16(tag) & 0x0fff;
        link->ethertype = vxt_be16(tag + 2);
    }
    return VXT_OK;
}

/* BSD loopback: an address family, NULL in the byte order of the machine that captured, LOOP in network order. The
 * families in use fit one byte, so either order is told from the other. */
static uint16_t ethertype_of_family(uint32_t family)
{
    switch ((family & 0xffffff) == 0 ? family >> 24 : family) {
    case 2: /* AF_INET everywhere */
        return VXT_ETHERTYPE_IPV4;
    case 10: /* AF_INET6: Linux; NetBSD and OpenBSD; FreeBSD; macOS */
    case 24:
    case 28:
    case 30:
        return VXT_ETHERTYPE_IPV6;
    default:
        return 0;
    }
}

static uint16_t ethertype_of_version(uint8_t first)
{
    return first >> 4 == 4 ? VXT_ETHERTYPE_IPV4 : first >> 4 == 6 ? VXT_ETHERTYPE_IPV6 : 0;
}

static uint32_t header_len(vxt_link_kind kind)
{
    switch (kind) {
    case VXT_LINK_ETHERNET:
        return VXT_ETH_LEN;
    case VXT_LINK_SLL:
        return SLL_LEN;
    case VXT_LINK_SLL2:
        return SLL2_LEN;
    case VXT_LINK_LOOP:
        return LOOP_LEN;
    default:
        return 0;
    }
}

static vxt_status parse_raw(const vxt_span *span, vxt_link *link)
{
    const uint8_t *first = vxt_peek(span->s, 1);
    if (!first)
        return vxt_span_why(*span, 1);
    link->ethertype = ethertype_of_version(*first);
    return VXT_OK;
}

vxt_status vxt_link_parse(vxt_link_kind kind, vxt_span *span, vxt_link *link)
{
    uint32_t len = header_len(kind);
    const uint8_t *h = vxt_span_take(span, len);
    *link = (vxt_link){0};
    if (!h)
        return vxt_span_why(*span, len);
    switch (kind) {
    case VXT_LINK_ETHERNET:
        link->ethertype = vxt_be16(h + 12);
        break;
    case VXT_LINK_SLL:
        link->outgoing = vxt_be16(h) == COOKED_OUTGOING;
        link->ethertype = vxt_be16(h + 14);
        break;
    case VXT_LINK_SLL2:
        link->has_interface = true;
        link->interface = vxt_be32(h + 4);
        link->outgoing = h[10] == COOKED_OUTGOING;
        link->ethertype = vxt_be16(h);
        break;
    case VXT_LINK_LOOP:
        link->ethertype = ethertype_of_family(vxt_be32(h));
        return VXT_OK;
    case VXT_LINK_RAW:
        return parse_raw(span, link);
    case VXT_LINK_IPV4:
        link->ethertype = VXT_ETHERTYPE_IPV4;
        return VXT_OK;
    case VXT_LINK_IPV6:
        link->ethertype = VXT_ETHERTYPE_IPV6;
        return VXT_OK;
    default:
        return VXT_LINK_TYPE;
    }
    return vxt_link_vlans(span, link);
}
