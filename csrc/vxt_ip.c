#include "vxt_ip.h"

#include "vxt_bytes.h"
#include "vxt_link.h"

enum { IPV6_LEN = 40, UNIT = 8 };

/* A length field has been read, and says that `length` bytes follow here. A field of 0 is what segmentation offload and
 * BIG TCP leave behind: the packet goes to the end of the frame. */
static VXT_HOT void apply_length(vxt_span *span, uint32_t field, uint32_t length)
{
    if (field != 0)
        vxt_span_set(span, length);
}

static VXT_HOT vxt_status parse_ipv4(uint32_t plain, vxt_span *span, vxt_ip *ip)
{
    const uint8_t *h = vxt_span_take(span, VXT_IPV4_LEN);
    uint32_t first, second, header_len, total_len, fragment;

    if (!h)
        return vxt_span_why(*span, VXT_IPV4_LEN);
    first = vxt_be32(h);      /* version, header length, DSCP and ECN, total length */
    second = vxt_be32(h + 4); /* identification, flags, fragment offset */
    if (plain)
        VXT_KNOWN(vxt_ip_is_plain(first, second, plain));
    header_len = (first >> 24 & 0xf) * 4;
    total_len = first & 0xffff;
    fragment = second & 0x3fff;
    if (first >> 28 != 4 || header_len < VXT_IPV4_LEN)
        return VXT_MALFORMED;
    ip->version = 4;
    ip->dscp = (uint8_t)(first >> 18 & 0x3f);
    ip->id = second >> 16;
    ip->fragment = fragment != 0;
    ip->more = (fragment & 0x2000) != 0;
    ip->fragment_offset = (uint16_t)(fragment & 0x1fff);
    ip->later = ip->fragment_offset != 0;
    ip->ttl = h[8];
    ip->proto = h[9];
    ip->src = h + 12;
    ip->dst = h + 16;
    if (total_len != 0 && total_len < header_len)
        return VXT_MALFORMED;
    ip->beyond = total_len > vxt_span_wire(*span) + VXT_IPV4_LEN; /* known also where the options are cut */
    if (header_len > VXT_IPV4_LEN && !vxt_span_take(span, header_len - VXT_IPV4_LEN))
        return vxt_span_why(*span, header_len - VXT_IPV4_LEN); /* by the lengths outside: its own counts from here on */
    apply_length(span, total_len, total_len - header_len);
    return VXT_OK;
}

typedef enum extension { NONE, GENERIC, AUTH, FRAGMENT } extension;

/* IANA's list of IPv6 extension header types, without ESP, behind which all is encrypted. */
static extension extension_of(uint8_t proto)
{
    switch (proto) {
    case 0:   /* hop-by-hop options */
    case 43:  /* routing */
    case 60:  /* destination options */
    case 135: /* mobility */
    case 139: /* HIP */
    case 140: /* shim6 */
        return GENERIC;
    case 51: /* authentication: counts its length differently, RFC 4302 2.2 */
        return AUTH;
    case 44:
        return FRAGMENT;
    default:
        return NONE;
    }
}

/* Pass one extension header; ip->proto goes from its number to the next. */
static vxt_status pass_extension(extension kind, vxt_span *span, vxt_ip *ip)
{
    const uint8_t *h = vxt_span_take(span, UNIT);
    uint32_t rest;

    if (!h)
        return vxt_span_why(*span, UNIT);
    if (kind == FRAGMENT) {
        uint16_t fragment = vxt_be16(h + 2);
        ip->id = vxt_be32(h + 4);
        ip->fragment |= (fragment & 0xfff9) != 0; /* one header that says so is enough */
        ip->more = fragment & 1;
        ip->fragment_offset = fragment >> 3;
        ip->later = ip->fragment_offset != 0;
        ip->proto = h[0];
        return VXT_OK;
    }
    rest = (kind == AUTH ? (h[1] + 2u) * 4u : (h[1] + 1u) * 8u) - UNIT;
    if (!vxt_span_take(span, rest))
        return vxt_span_why(*span, rest);
    ip->proto = h[0];
    return VXT_OK;
}

static vxt_status pass_extensions(vxt_ip_reach reach, vxt_span *span, vxt_ip *ip)
{
    extension kind;

    while ((kind = extension_of(ip->proto)) != NONE) {
        vxt_status status;
        if (ip->extensions++ == VXT_MAX_EXTENSIONS || (kind == FRAGMENT && reach == VXT_IP_BEHIND_FRAGMENT))
            return VXT_MALFORMED;
        if ((status = pass_extension(kind, span, ip)) != VXT_OK)
            return status;
        if (ip->later || (ip->fragment && reach == VXT_IP_TO_FRAGMENT)) /* what follows is a part of something */
            return VXT_OK;
    }
    return VXT_OK;
}

static vxt_status parse_ipv6(vxt_ip_reach reach, vxt_span *span, vxt_ip *ip)
{
    const uint8_t *h = vxt_span_take(span, IPV6_LEN);
    uint32_t payload_len;

    if (!h)
        return vxt_span_why(*span, IPV6_LEN);
    if (h[0] >> 4 != 6)
        return VXT_MALFORMED;
    ip->version = 6;
    ip->dscp = (uint8_t)((vxt_be16(h) >> 6) & 0x3f);
    ip->proto = h[6];
    ip->ttl = h[7];
    ip->src = h + 8;
    ip->dst = h + 24;
    payload_len = vxt_be16(h + 4);
    ip->beyond = payload_len > vxt_span_wire(*span);
    apply_length(span, payload_len, payload_len);
    return pass_extensions(reach, span, ip);
}

VXT_HOT vxt_status vxt_ip_parse(uint16_t ethertype, vxt_ip_reach reach, uint32_t plain, vxt_span *span, vxt_ip *ip)
{
    vxt_status status = VXT_NOT_IP;

    *ip = (vxt_ip){0};
    if (ethertype == VXT_ETHERTYPE_IPV4)
        return parse_ipv4(plain, span, ip);
    if (ethertype == VXT_ETHERTYPE_IPV6) {
        vxt_span span6 = *span; /* copies: see VXT_HOT */
        vxt_ip ip6 = *ip;
        status = parse_ipv6(reach, &span6, &ip6);
        *span = span6;
        *ip = ip6;
    }
    return status;
}

vxt_status vxt_ip_resume(vxt_span *span, vxt_ip *ip)
{
    ip->fragment = ip->later = false;
    ip->extensions = 0;
    return ip->version == 6 ? pass_extensions(VXT_IP_BEHIND_FRAGMENT, span, ip) : VXT_OK;
}

bool vxt_ip_hides_protocol(const vxt_ip *ip) { return ip->version == 6 && extension_of(ip->proto) != NONE; }

VXT_HOT void vxt_ip_address(uint8_t *column, const vxt_ip *ip, const uint8_t *address)
{
    if (ip->version == 6)
        memcpy(column, address, 16);
    else
        vxt_put_mapped(column, address);
}
