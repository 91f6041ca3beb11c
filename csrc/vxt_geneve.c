#include "vxt_geneve.h"

#include "vxt_bytes.h"

enum { GENEVE_LEN = 8 };

/* Options are passed unread, also critical ones: nobody here acts on the packet. */
vxt_status vxt_geneve_parse(uint32_t gre, vxt_span *span, vxt_encap *encap)
{
    const uint8_t *h = vxt_span_take(span, GENEVE_LEN);
    uint32_t options;

    (void)gre;
    if (!h)
        return vxt_span_why(*span, GENEVE_LEN);
    if (h[0] >> 6 != 0)
        return VXT_MALFORMED;
    options = (h[0] & 0x3fu) * 4;
    *encap = (vxt_encap){VXT_TUNNEL_GENEVE, vxt_encap_inside(vxt_be16(h + 2)), vxt_be24(h + 4), 0, 0};
    encap->flags = vxt_encap_reserved((h[1] & 0x3fu) | h[7]);
    return vxt_span_take(span, options) ? VXT_OK : vxt_span_why(*span, options);
}
