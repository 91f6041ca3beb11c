#include "vxt_decap.h"

#include "vxt_inner.h"
#include "vxt_tunnel.h"

/* A frame on its way, and what the stages so far found. */
typedef struct passage {
    vxt_span span;
    vxt_ip ip;
    vxt_link_kind inside; /* what the inner frame starts with */
} passage;

static VXT_HOT vxt_status outer_link(const vxt_frame *frame, vxt_span *span, vxt_link *link, vxt_packet *r)
{
    vxt_status status = vxt_link_parse(frame->link, span, link);

    if (link->vlan_tags)
        r->flags |= VXT_FLAG_OUTER_VLAN;
    if (link->outgoing)
        r->flags |= VXT_FLAG_OUTGOING;
    if (link->has_interface)
        r->interface = link->interface;
    return status;
}

static VXT_HOT vxt_status outer_ip(uint16_t ethertype, passage *p, vxt_packet *r)
{
    vxt_status status = vxt_ip_parse(ethertype, VXT_IP_TO_FRAGMENT, &p->span, &p->ip);

    if (p->ip.src) {
        vxt_ip_address(r->outer_src, &p->ip, p->ip.src);
        vxt_ip_address(r->outer_dst, &p->ip, p->ip.dst);
    }
    return status;
}

/* Frames of captures that tell interfaces apart; one without a time is nobody's second sight. */
static VXT_HOT bool is_looked_at(const vxt_frame *frame, const vxt_options *options)
{
    return options->once && (frame->link == VXT_LINK_SLL2 || frame->several) && frame->ts != VXT_NAT;
}

/* `packet` stands at the IP header, `rest` behind it. */
static vxt_status look(const vxt_frame *frame, vxt_sights *sights, vxt_span packet, vxt_span rest, uint32_t interface)
{
    vxt_sighting sighting = {.ts = frame->ts, .frame = frame->number};
    vxt_span whole = vxt_span_whole(packet, rest);

    sighting.bytes = vxt_span_rest(whole);
    sighting.wire = vxt_span_wire(whole);
    sighting.offset = frame->offset + packet.at;
    sighting.interface = (uint64_t)frame->interface_id << 32 | (frame->link == VXT_LINK_SLL2 ? interface : 0);
    return vxt_sights_look(sights, &sighting);
}

/* The innermost of several tunnels, as far as all their headers are whole and sound. */
static void nested(const vxt_options *options, passage *p, vxt_packet *r)
{
    for (uint32_t depth = 1; depth < options->depth; depth++) {
        passage inner = {.span = p->span};
        vxt_packet scratch = {0};
        vxt_options any = *options;
        vxt_link link;
        any.vni_count = 0; /* the filter is for the outermost */
        if (vxt_link_parse(p->inside, &inner.span, &link) != VXT_OK ||
            vxt_ip_parse(link.ethertype, VXT_IP_ALL, &inner.span, &inner.ip) != VXT_OK || inner.ip.fragment ||
            vxt_tunnel_parse(&any, &inner.ip, &inner.span, &scratch, &inner.inside) != VXT_OK)
            return;
        *p = inner;
        r->flags |= VXT_FLAG_NESTED | (scratch.flags & VXT_FLAG_TRUNCATED);
    }
}

/* From the IP payload to the inner frame. */
static VXT_HOT vxt_status open_tunnel(const vxt_options *options, passage *p, vxt_packet *r)
{
    vxt_status status = vxt_tunnel_parse(options, &p->ip, &p->span, r, &p->inside);

    if (status == VXT_OK && options->depth > 1) {
        passage copy = *p; /* see VXT_HOT */
        nested(options, &copy, r);
        *p = copy;
    }
    return status;
}

/* Fill what is left of the row, whose outcome is known. `whole` is the frame as captured. */
static VXT_HOT void settle(const vxt_frame *frame, const vxt_options *options, vxt_status status, const passage *p,
                           vxt_span whole, vxt_packet *r)
{
    r->status = (uint8_t)status;
    if (status == VXT_OK)
        whole = p->span;
    r->offset = frame->offset + (r->flags & VXT_FLAG_REASSEMBLED ? 0 : whole.at);
    r->caplen = vxt_span_left(whole);
    r->wirelen = vxt_span_wire(whole);
    if (r->caplen < r->wirelen)
        r->flags |= VXT_FLAG_TRUNCATED;
    if (status != VXT_OK)
        return;
    if (p->inside != VXT_LINK_ETHERNET) {
        r->flags |= VXT_FLAG_INNER_RAW;
        r->ethertype = p->inside == VXT_LINK_IPV4 ? VXT_ETHERTYPE_IPV4 : VXT_ETHERTYPE_IPV6;
    }
    vxt_inner_parse(whole, options->level, r);
}

/* With `partial`: the row that the first fragment of a datagram is alone. */
static void note_first(const vxt_frame *frame, const vxt_options *options, vxt_frags *frags, const passage *fragment,
                       const vxt_packet *outer)
{
    passage p = *fragment;
    vxt_packet r = *outer;
    vxt_status status = VXT_OK;

    if (vxt_ip_hides_protocol(&p.ip)) {
        vxt_ip ip = p.ip;
        status = vxt_ip_resume(&p.span, &ip);
        p.ip = ip;
        p.ip.fragment = true;
    }
    if (status == VXT_OK)
        status = open_tunnel(options, &p, &r);
    if (status != VXT_OK)
        return;
    settle(frame, options, status, &p, p.span, &r);
    r.flags |= VXT_FLAG_TRUNCATED; /* whatever the UDP length says */
    vxt_frags_set_first(frags, &r, p.span.at - fragment->span.at, frame->fine);
}

/* A fragment: VXT_OK and the whole datagram in `p` where it completes one. */
static vxt_status join(const vxt_frame *frame, const vxt_options *options, vxt_frags *frags, passage *p, vxt_packet *r)
{
    vxt_fragment fragment = {
        .src = r->outer_src,
        .dst = r->outer_dst,
        .id = p->ip.id,
        .version = p->ip.version,
        .proto = p->ip.version == 4 ? p->ip.proto : 0,
        .inside = p->ip.proto,
        .more = p->ip.more,
        .offset = p->ip.fragment_offset * 8u,
        .length = vxt_span_wire(p->span),
        .data = vxt_span_rest(p->span),
        .ts = frame->ts,
        .frame = frame->number,
    };
    vxt_status status;

    if (!vxt_tunnel_carries(options, &p->ip) && !vxt_ip_hides_protocol(&p->ip))
        return VXT_NOT_UDP;
    status = vxt_frags_add(frags, &fragment);
    if (status == VXT_FRAGMENT_JOINED && options->partial && fragment.offset == 0)
        note_first(frame, options, frags, p, r);
    if (status != VXT_OK)
        return status;
    r->flags |= VXT_FLAG_REASSEMBLED;
    p->span = vxt_frags_whole(frags, &p->ip.proto);
    return vxt_ip_resume(&p->span, &p->ip);
}

static VXT_HOT vxt_status outer(const vxt_frame *frame, const vxt_options *options, vxt_memory *memory, passage *p,
                                vxt_packet *r)
{
    vxt_link link;
    vxt_span packet;
    vxt_status status = outer_link(frame, &p->span, &link, r);

    if (status != VXT_OK)
        return status;
    packet = p->span;
    if ((status = outer_ip(link.ethertype, p, r)) != VXT_OK)
        return status;
    if (is_looked_at(frame, options) &&
        (status = look(frame, &memory->sights, packet, p->span, link.interface)) != VXT_OK)
        return status;
    if (p->ip.fragment) {
        passage copy = *p; /* see VXT_HOT */
        status = join(frame, options, &memory->frags, &copy, r);
        *p = copy;
        if (status != VXT_OK)
            return status;
    }
    return open_tunnel(options, p, r);
}

VXT_HOT vxt_status vxt_decap(const vxt_frame *frame, const vxt_options *options, vxt_memory *memory, vxt_packet *r,
                             vxt_span *inner)
{
    vxt_span whole = vxt_span_of(frame->data, frame->wirelen);
    passage p = {.span = whole};
    vxt_status status = frame->status;

    vxt_packet_clear(r);
    r->ts = frame->ts;
    r->frame = frame->number;
    r->source = options->source;
    r->interface = frame->interface_number;
    r->flags = frame->flags;
    if (status == VXT_OK)
        status = outer(frame, options, memory, &p, r);
    if (status > VXT_KEPT) /* a step */
        return status;
    settle(frame, options, status, &p, whole, r);
    *inner = status == VXT_OK || status == VXT_OTHER_PORT ? p.span : whole;
    return VXT_OK;
}
