#include "vxt_gre.h"

#include "vxt_bytes.h"

enum { GRE_LEN = 4, ERSPAN_II_LEN = 8, ERSPAN_III_LEN = 12, ERSPAN_PLATFORM_LEN = 8 };
enum {
    GRE_CHECKSUM = 0x8000,
    GRE_ROUTING = 0x4000,
    GRE_KEY = 0x2000,
    GRE_SEQUENCE = 0x1000,
    GRE_VERSION = 0x0007,
    GRE_RESERVED = 0x0ff8
};
enum { PROTO_ERSPAN = 0x88be, PROTO_ERSPAN_III = 0x22eb, ERSPAN_CUT = 0x0400, ERSPAN_SESSION = 0x03ff };

/* Which kind of GRE this is, as far as that kind was asked for; VXT_TUNNEL_NONE where it was not. */
static uint8_t kind_of(uint32_t wanted, uint16_t bits, uint16_t proto)
{
    bool nvgre = proto == VXT_ETHERTYPE_BRIDGED && (bits & (GRE_CHECKSUM | GRE_KEY | GRE_SEQUENCE)) == GRE_KEY;
    uint8_t kind = VXT_TUNNEL_GRE;

    if (proto == PROTO_ERSPAN)
        kind = bits & GRE_SEQUENCE ? VXT_TUNNEL_ERSPAN_II : VXT_TUNNEL_ERSPAN_I;
    else if (proto == PROTO_ERSPAN_III)
        kind = VXT_TUNNEL_ERSPAN_III;
    else if (nvgre && wanted >> VXT_TUNNEL_NVGRE & 1)
        kind = VXT_TUNNEL_NVGRE;
    return wanted >> kind & 1 ? kind : VXT_TUNNEL_NONE;
}

/* Pass the header of type II or III; type I has none. */
static vxt_status pass_erspan(vxt_span *span, vxt_encap *encap)
{
    uint32_t length = encap->tunnel == VXT_TUNNEL_ERSPAN_II ? ERSPAN_II_LEN : ERSPAN_III_LEN;
    const uint8_t *h = vxt_span_take(span, length);

    if (!h)
        return vxt_span_why(*span, length);
    encap->vni = vxt_be16(h + 2) & ERSPAN_SESSION;
    if (vxt_be16(h + 2) & ERSPAN_CUT)
        encap->flags |= VXT_FLAG_TRUNCATED;
    if (length == ERSPAN_III_LEN && (h[11] & 1) && !vxt_span_take(span, ERSPAN_PLATFORM_LEN))
        return vxt_span_why(*span, ERSPAN_PLATFORM_LEN);
    return VXT_OK;
}

/* Pass the optional words behind the first; the key into `*key`. */
static vxt_status pass_words(uint16_t bits, vxt_span *span, uint32_t *key)
{
    static const uint16_t words[] = {GRE_CHECKSUM, GRE_KEY, GRE_SEQUENCE}; /* in this order */

    *key = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const uint8_t *h;
        if (!(bits & words[i]))
            continue;
        if (!(h = vxt_span_take(span, 4)))
            return vxt_span_why(*span, 4);
        if (words[i] == GRE_KEY)
            *key = vxt_be32(h);
    }
    return VXT_OK;
}

vxt_status vxt_gre_parse(uint32_t gre, vxt_span *span, vxt_encap *encap)
{
    const uint8_t *h = vxt_span_take(span, GRE_LEN);
    uint16_t bits, proto;
    vxt_status status;
    uint32_t key;

    if (!h)
        return vxt_span_why(*span, GRE_LEN);
    bits = vxt_be16(h);
    proto = vxt_be16(h + 2);
    if (bits & GRE_VERSION) /* version 1 is PPTP's, with a header of its own */
        return VXT_INNER_TYPE;
    if (bits & GRE_ROUTING)
        return VXT_MALFORMED;
    if ((status = pass_words(bits, span, &key)) != VXT_OK)
        return status;
    *encap = (vxt_encap){kind_of(gre, bits, proto), vxt_encap_inside(proto), key,
                         vxt_encap_reserved(bits & GRE_RESERVED), 0};
    switch (encap->tunnel) {
    case VXT_TUNNEL_NVGRE:
        encap->vni = key >> 8;
        return VXT_OK;
    case VXT_TUNNEL_ERSPAN_I:
        encap->inside = VXT_LINK_ETHERNET;
        encap->vni = 0;
        return VXT_OK;
    case VXT_TUNNEL_ERSPAN_II:
    case VXT_TUNNEL_ERSPAN_III:
        encap->inside = VXT_LINK_ETHERNET;
        return pass_erspan(span, encap);
    default:
        return VXT_OK;
    }
}
