#include "vxt_decap.h"

#include "vxt_inner.h"
#include "vxt_tunnel.h"

static VXT_HOT vxt_status outer_ip(const vxt_link *link, vxt_span *span, vxt_ip *ip, vxt_packet *r)
{
    vxt_status status = vxt_ip_parse(link->ethertype, span, ip);

    if (ip->src) {
        vxt_ip_address(r->outer_src, ip, ip->src);
        vxt_ip_address(r->outer_dst, ip, ip->dst);
    }
    return status;
}

static VXT_HOT vxt_status outer(const vxt_frame *frame, const vxt_options *options, vxt_span *span, vxt_packet *r)
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

VXT_HOT vxt_status vxt_decap(const vxt_frame *frame, const vxt_options *options, vxt_packet *r, vxt_span *inner)
{
    vxt_span whole = vxt_span_of(frame->data, frame->wirelen);
    vxt_status status = frame->status;

    vxt_packet_clear(r);
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
    r->offset = frame->offset + whole.at;
    r->caplen = vxt_span_left(whole);
    r->wirelen = vxt_span_wire(whole);
    if (r->caplen < r->wirelen)
        r->flags |= VXT_FLAG_TRUNCATED;
    if (status == VXT_OK)
        vxt_inner_parse(*inner, options->level, r);
    return status;
}
