#include "vxt_link.h"

#include "vxt_bytes.h"

enum { SLL_LEN = 16, LOOP_LEN = 4, TAG_LEN = 4 };
enum { COOKED_OUTGOING = 4 }; /* PACKET_OUTGOING of <linux/if_packet.h> */

const vxt_name vxt_link_names[] = {
#define X(number, name, kind) {#name, #kind, "", "", number, 0},
    VXT_LINK_TYPES(X)
#undef X
        {NULL, NULL, NULL, NULL, 0, 0}};

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

static bool is_vlan(uint16_t ethertype)
{
    return ethertype >= 0x8100 && (ethertype == 0x8100 || ethertype == 0x88a8 || ethertype == 0x9100);
}

VXT_HOT vxt_status vxt_link_vlans(vxt_span *span, vxt_link *link)
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

static vxt_status parse_cooked(vxt_span *span, vxt_link *link)
{
    const uint8_t *h = vxt_span_take(span, SLL_LEN);

    if (!h)
        return vxt_span_why(*span, SLL_LEN);
    link->outgoing = vxt_be16(h) == COOKED_OUTGOING;
    link->ethertype = vxt_be16(h + 14);
    return vxt_link_vlans(span, link);
}

static VXT_HOT vxt_status parse_cooked2(bool plain, vxt_span *span, vxt_link *link)
{
    const uint8_t *h = vxt_span_take(span, VXT_SLL2_LEN);

    if (!h)
        return vxt_span_why(*span, VXT_SLL2_LEN);
    link->has_interface = true;
    link->interface = vxt_be32(h + 4);
    link->outgoing = h[10] == COOKED_OUTGOING;
    link->ethertype = plain ? VXT_ETHERTYPE_IPV4 : vxt_be16(h);
    return vxt_link_vlans(span, link);
}

static vxt_status parse_loop(vxt_span *span, vxt_link *link)
{
    const uint8_t *h = vxt_span_take(span, LOOP_LEN);

    if (!h)
        return vxt_span_why(*span, LOOP_LEN);
    link->ethertype = ethertype_of_family(vxt_be32(h));
    return VXT_OK;
}

static vxt_status parse_raw(const vxt_span *span, vxt_link *link)
{
    const uint8_t *first = vxt_span_peek(*span, 1);

    if (!first)
        return vxt_span_why(*span, 1);
    link->ethertype = ethertype_of_version(*first);
    return VXT_OK;
}

VXT_HOT vxt_status vxt_link_ethernet(bool plain, vxt_span *span, vxt_link *link)
{
    const uint8_t *h = vxt_span_take(span, VXT_ETH_LEN);

    *link = (vxt_link){0};
    if (!h)
        return vxt_span_why(*span, VXT_ETH_LEN);
    link->ethertype = plain ? VXT_ETHERTYPE_IPV4 : vxt_be16(h + 12);
    return vxt_link_vlans(span, link);
}

static vxt_status parse_rare(vxt_link_kind kind, vxt_span *span, vxt_link *link)
{
    switch (kind) {
    case VXT_LINK_SLL:
        return parse_cooked(span, link);
    case VXT_LINK_LOOP:
        return parse_loop(span, link);
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
}

VXT_HOT vxt_status vxt_link_parse(vxt_link_kind kind, bool plain, vxt_span *span, vxt_link *link)
{
    vxt_span span2;
    vxt_link link2 = {0};
    vxt_status status;

    *link = link2;
    if (kind == VXT_LINK_ETHERNET)
        return vxt_link_ethernet(plain, span, link);
    if (kind == VXT_LINK_SLL2)
        return parse_cooked2(plain, span, link);
    span2 = *span; /* copies: see VXT_HOT */
    status = parse_rare(kind, &span2, &link2);
    *span = span2;
    *link = link2;
    return status;
}
