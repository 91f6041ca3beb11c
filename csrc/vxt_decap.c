#include "vxt_decap.h"

#include "vxt_inner.h"
#include "vxt_tunnel.h"

static vxt_status outer_ip(const vxt_link *link, vxt_span *span, vxt_ip *ip, vxt_packet *r)
{
    vxt_status status = vxt_ip_parse(link->ethertype, span, ip);

    if (ip->src) {
        vxt_ip_address(r->outer_src, ip, ip->src);
        vxt_ip_address(r->outer_dst, ip, ip->dst);
    }
    return status;
}

static vxt_status outer(const vxt_frame *frame, const vxt_options *options, vxt_span *span, vxt_packet *r)
{
    vxt_link link;
    vxt_ip ip;
    vxt_status status = vxt_link_parse(frame->link, span, &link);

    if (link.vlan_tags)
        r->flags |= VXT_FLAG_OUTER_VLAN;
    if (link.outgoing)
        r->flags |= VXT_FLAG_OUTGOING;
    if (link.has_interface)
        r->interface = link.interface;
    if (status != VXT_OK)
        return status;
    if ((status = outer_ip(&link, span, &ip, r)) != VXT_OK)
        return status;
    if ((status = vxt_udp_parse(&ip, options, span, r)) != VXT_OK)
        return status;
    return vxt_vxlan_parse(options, span, r);
}

vxt_status vxt_decap(const vxt_frame *frame, const vxt_options *options, vxt_packet *r, vxt_span *inner)
{
    vxt_span whole = {frame->data, frame->wirelen};
    vxt_status status = frame->status;

    memset(r, 0, sizeof *r);
    r->ts = frame->ts;
    r->frame = frame->number;
    r->source = options->source;
    r->interface = frame->interface_number;
    r->flags = frame->flags;
    *inner = whole;
    if (status == VXT_OK)
        status = outer(frame, options, inner, r);
    r->status = (uint8_t)status;
    if (status == VXT_OK)
        whole = *inner;
    else if (status != VXT_OTHER_PORT)
        *inner = whole;
    r->offset = frame->offset + vxt_behind(whole.s, frame->data);
    r->caplen = (uint32_t)vxt_left(whole.s);
    r->wirelen = whole.wire;
    if (r->caplen < r->wirelen)
        r->flags |= VXT_FLAG_TRUNCATED;
    if (status == VXT_OK)
        vxt_inner_parse(*inner, options->level, r);
    return status;
}
