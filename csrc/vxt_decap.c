#include "vxt_decap.h"

#include "vxt_inner.h"
#include "vxt_tunnel.h"
#include "vxt_vxlan.h"

/* The bytes of a usual frame that are known to be there: of the inner frame, and with ever more headers around it. */
enum {
    USUAL_INNER = VXT_ETH_LEN + VXT_IPV4_LEN,
    USUAL_PAYLOAD = VXT_VXLAN_LEN + USUAL_INNER,
    USUAL_PACKET = VXT_IPV4_LEN + VXT_UDP_LEN + USUAL_PAYLOAD
};

/* Flags that are about the frame around the tunnel. */
enum { OUTER_FLAGS = VXT_FLAG_NO_TIME | VXT_FLAG_OUTGOING | VXT_FLAG_OUTER_VLAN | VXT_FLAG_REASSEMBLED };

static VXT_HOT bool is_plain_ip(const uint8_t *h, uint32_t least)
{
    return vxt_ip_is_plain(vxt_be32(h), vxt_be32(h + 4), least);
}

static VXT_HOT bool is_usual(vxt_link_kind link, vxt_slice frame, const vxt_options *options)
{
    const uint8_t *h = vxt_peek(frame, vxt_link_len(link) + USUAL_PACKET), *ip, *udp, *inner;

    if (!VXT_LIKELY(h))
        return false;
    ip = h + vxt_link_len(link);
    udp = ip + VXT_IPV4_LEN;
    inner = udp + VXT_UDP_LEN + VXT_VXLAN_LEN;
    return VXT_LIKELY(vxt_link_names_ipv4(link, h)) && VXT_LIKELY(is_plain_ip(ip, USUAL_PACKET)) &&
           VXT_LIKELY(vxt_ip_proto(ip) == VXT_IP_UDP) &&
           VXT_LIKELY(vxt_tunnel_is_usual(options, vxt_be64(udp), USUAL_PAYLOAD)) &&
           VXT_LIKELY(vxt_link_names_ipv4(VXT_LINK_ETHERNET, inner)) &&
           VXT_LIKELY(is_plain_ip(inner + VXT_ETH_LEN, VXT_IPV4_LEN));
}

VXT_HOT vxt_link_kind vxt_decap_usual(const vxt_frame *frame, const vxt_options *options)
{
    if (frame->status != VXT_OK || options->depth > 1)
        return VXT_LINK_UNKNOWN;
    if (frame->link == VXT_LINK_ETHERNET && is_usual(VXT_LINK_ETHERNET, frame->data, options))
        return VXT_LINK_ETHERNET;
    if (frame->link == VXT_LINK_SLL2 && is_usual(VXT_LINK_SLL2, frame->data, options))
        return VXT_LINK_SLL2;
    return VXT_LINK_UNKNOWN;
}

static VXT_HOT vxt_status outer_link(vxt_link_kind usual, const vxt_frame *frame, vxt_span *span, vxt_link *link,
                                     vxt_packet *r)
{
    vxt_status status = vxt_link_parse(usual ? usual : frame->link, usual, span, link);

    if (link->vlan_tags)
        r->flags |= VXT_FLAG_OUTER_VLAN;
    if (link->outgoing)
        r->flags |= VXT_FLAG_OUTGOING;
    if (link->has_interface)
        r->interface = link->interface;
    return status;
}

static VXT_HOT vxt_status outer_ip(vxt_link_kind usual, uint16_t ethertype, vxt_span *span, vxt_ip *ip, vxt_packet *r)
{
    vxt_status status = vxt_ip_parse(ethertype, VXT_IP_TO_FRAGMENT, usual ? USUAL_PACKET : 0, span, ip);

    if (ip->src) {
        vxt_ip_address(r->outer_src, ip, ip->src);
        vxt_ip_address(r->outer_dst, ip, ip->dst);
    }
    return status;
}

/* Frames of captures that tell interfaces apart; one without a time is nobody's second sight. */
static VXT_HOT bool is_looked_at(const vxt_frame *frame, const vxt_options *options)
{
    return options->once && (frame->link == VXT_LINK_SLL2 || frame->several) && frame->ts != VXT_NAT;
}

/* `packet` stands at the IP header, `rest` behind it. */
static VXT_HOT vxt_status look(const vxt_frame *frame, vxt_sights *sights, vxt_span packet, vxt_span rest,
                               const vxt_link *link)
{
    vxt_span whole = vxt_span_whole(packet, rest);
    vxt_sighting sighting = {
        .bytes = vxt_span_rest(whole),
        .wire = vxt_span_wire(whole),
        .ts = frame->ts,
        .offset = frame->offset + packet.at,
        .interface = (uint64_t)frame->interface_id << 32 | (link->has_interface ? link->interface : 0),
        .frame = frame->number,
    };

    return vxt_sights_look(sights, &sighting);
}

/* The innermost of several tunnels, as far as all their headers are whole and sound. */
static void go_deeper(const vxt_options *options, vxt_span *span, vxt_link_kind *inside, vxt_packet *r)
{
    vxt_options any = *options;

    any.vni_count = 0; /* the filter is for the outermost */
    for (uint32_t depth = 1; depth < options->depth; depth++) {
        vxt_packet scratch = {0};
        vxt_span inner = *span;
        vxt_link_kind kind;
        vxt_link link;
        vxt_ip ip;
        if (vxt_link_parse(*inside, false, &inner, &link) != VXT_OK ||
            vxt_ip_parse(link.ethertype, VXT_IP_ALL, 0, &inner, &ip) != VXT_OK || ip.fragment ||
            vxt_tunnel_parse(&any, 0, &ip, &inner, &scratch, &kind) != VXT_OK)
            return;
        *span = inner;
        *inside = kind;
        r->flags |= VXT_FLAG_NESTED | (scratch.flags & VXT_FLAG_TRUNCATED);
    }
}

/* From the IP payload to the inner frame. */
static vxt_status open_tunnels(const vxt_options *options, const vxt_ip *ip, vxt_span *span, vxt_link_kind *inside,
                               vxt_packet *r)
{
    vxt_status status = vxt_tunnel_parse(options, 0, ip, span, r, inside);

    if (status == VXT_OK)
        go_deeper(options, span, inside, r);
    return status;
}

/* The outcome, and what the row is about: the inner frame, or the whole one. */
static VXT_HOT void set_outcome(const vxt_frame *frame, vxt_status status, vxt_span span, vxt_packet *r)
{
    vxt_span whole = status == VXT_OK ? span : vxt_span_of(frame->data, frame->wirelen);

    r->status = (uint8_t)status;
    r->offset = frame->offset + (r->flags & VXT_FLAG_REASSEMBLED ? 0 : whole.at);
    r->caplen = vxt_span_left(whole);
    r->wirelen = vxt_span_wire(whole);
    if (r->caplen < r->wirelen)
        r->flags |= VXT_FLAG_TRUNCATED;
}

void vxt_decap_filter(const vxt_frame *frame, vxt_packet *r, vxt_span *inner)
{
    vxt_packet known = *r;

    vxt_packet_clear(r);
    r->ts = known.ts;
    r->frame = known.frame;
    r->source = known.source;
    r->interface = known.interface;
    r->flags = known.flags & OUTER_FLAGS;
    r->vni = known.vni;
    r->tunnel = known.tunnel;
    memcpy(r->outer_src, known.outer_src, VXT_IPLEN);
    memcpy(r->outer_dst, known.outer_dst, VXT_IPLEN);
    r->outer_sport = known.outer_sport;
    r->outer_dport = known.outer_dport;
    *inner = vxt_span_of(frame->data, frame->wirelen);
    set_outcome(frame, VXT_FILTERED, *inner, r);
}

/* Fill what is left of the row, whose outcome is known. `span` is where the stages got to. */
static VXT_HOT void settle(vxt_link_kind usual, const vxt_frame *frame, const vxt_options *options, vxt_status status,
                           vxt_span span, vxt_link_kind inside, vxt_packet *r)
{
    set_outcome(frame, status, span, r);
    if (status != VXT_OK)
        return;
    if (inside != VXT_LINK_ETHERNET) {
        r->flags |= VXT_FLAG_INNER_RAW;
        r->ethertype = inside == VXT_LINK_IPV4 ? VXT_ETHERTYPE_IPV4 : VXT_ETHERTYPE_IPV6;
    }
    vxt_inner_parse(span, options->level, usual, r);
}

/* With `partial`: the row that the first fragment of a datagram, whose data is `data`, is alone. */
static void note_first(const vxt_frame *frame, const vxt_options *options, vxt_frags *frags, vxt_span data, vxt_ip ip,
                       vxt_packet r)
{
    vxt_span span = data;
    vxt_link_kind inside;

    if (vxt_ip_hides_protocol(&ip) && vxt_ip_resume(&span, &ip) != VXT_OK)
        return;
    ip.fragment = true;
    if (open_tunnels(options, &ip, &span, &inside, &r) != VXT_OK)
        return;
    settle(VXT_LINK_UNKNOWN, frame, options, VXT_OK, span, inside, &r);
    r.flags |= VXT_FLAG_TRUNCATED; /* whatever the UDP length says */
    vxt_frags_set_first(frags, &r, span.at - data.at, frame->fine);
}

/* A fragment, whose data is `span`: VXT_OK, and `span` is the whole datagram, where it completes one. */
static vxt_status join(const vxt_frame *frame, const vxt_options *options, vxt_frags *frags, vxt_span *span, vxt_ip *ip,
                       vxt_packet *r)
{
    vxt_fragment fragment = {
        .src = r->outer_src,
        .dst = r->outer_dst,
        .id = ip->id,
        .version = ip->version,
        .proto = ip->version == 4 ? ip->proto : 0,
        .inside = ip->proto,
        .more = ip->more,
        .offset = ip->fragment_offset * 8u,
        .length = vxt_span_wire(*span),
        .data = vxt_span_rest(*span),
        .ts = frame->ts,
        .frame = frame->number,
    };
    vxt_status status;

    if (!vxt_tunnel_carries(options, ip) && !vxt_ip_hides_protocol(ip))
        return VXT_NOT_UDP;
    status = vxt_frags_add(frags, &fragment);
    if (status == VXT_FRAGMENT_JOINED && options->partial && fragment.offset == 0)
        note_first(frame, options, frags, *span, *ip, *r);
    if (status != VXT_OK)
        return status;
    r->flags |= VXT_FLAG_REASSEMBLED;
    *span = vxt_frags_whole(frags, &ip->proto);
    return vxt_ip_resume(span, ip);
}

/* What framing knows. */
static VXT_HOT void begin_row(const vxt_frame *frame, const vxt_options *options, vxt_packet *r)
{
    vxt_packet_clear(r);
    r->ts = frame->ts;
    r->frame = frame->number;
    r->source = options->source;
    r->interface = frame->interface_number;
    r->flags = frame->flags;
}

/* That, and the stages up to second sight. */
static VXT_HOT vxt_status outer(vxt_link_kind usual, const vxt_frame *frame, const vxt_options *options,
                                vxt_memory *memory, vxt_span *span, vxt_ip *ip, vxt_packet *r)
{
    vxt_status status = frame->status;
    vxt_link link;
    vxt_span packet;

    begin_row(frame, options, r);
    *span = vxt_span_of(frame->data, frame->wirelen);
    if (status != VXT_OK || (status = outer_link(usual, frame, span, &link, r)) != VXT_OK)
        return status;
    packet = *span;
    status = outer_ip(usual, link.ethertype, span, ip, r);
    if (status == VXT_OK && is_looked_at(frame, options))
        status = look(frame, &memory->sights, packet, *span, &link);
    return status;
}

static VXT_HOT void finish(const vxt_frame *frame, const vxt_options *options, vxt_status status, vxt_span span,
                           vxt_link_kind inside, vxt_packet *r, vxt_span *inner)
{
    settle(VXT_LINK_UNKNOWN, frame, options, status, span, inside, r);
    *inner = status == VXT_OK || status == VXT_OTHER_PORT ? span : vxt_span_of(frame->data, frame->wirelen);
}

/* The way of fragments, and of tunnels in tunnels, from its start once more: so the other ways have nothing to hand
 * over, which would keep all that they know in memory. */
static vxt_status go_round(const vxt_frame *frame, const vxt_options *options, vxt_memory *memory, vxt_packet *r,
                           vxt_span *inner)
{
    vxt_link_kind inside = VXT_LINK_UNKNOWN;
    vxt_span span;
    vxt_ip ip;
    vxt_status status = outer(VXT_LINK_UNKNOWN, frame, options, memory, &span, &ip, r);

    if (status == VXT_OK && ip.fragment)
        status = join(frame, options, &memory->frags, &span, &ip, r);
    if (status == VXT_OK)
        status = open_tunnels(options, &ip, &span, &inside, r);
    if (status > VXT_KEPT) /* a step */
        return status;
    finish(frame, options, status, span, inside, r, inner);
    return VXT_OK;
}

/* Second sights among frames that are their own inner frames: as everywhere, of IP packets with sound headers. */
static vxt_status look_plain(const vxt_frame *frame, const vxt_options *options, vxt_sights *sights, vxt_span packet,
                             const vxt_link *link)
{
    vxt_span rest = packet;
    vxt_ip ip;

    if (!is_looked_at(frame, options) || vxt_ip_parse(link->ethertype, VXT_IP_TO_FRAGMENT, 0, &rest, &ip) != VXT_OK)
        return VXT_OK;
    return look(frame, sights, packet, rest, link);
}

/* Without tunnels: all of an Ethernet frame; behind another link header, what it is the header of. */
static VXT_APART vxt_status take_plain(const vxt_frame *frame, const vxt_options *options, vxt_memory *memory,
                                       vxt_packet *r, vxt_span *inner)
{
    vxt_span whole = vxt_span_of(frame->data, frame->wirelen), packet = whole;
    bool raw = frame->link != VXT_LINK_ETHERNET;
    vxt_link link = {0};
    vxt_status status = frame->status;

    begin_row(frame, options, r);
    if (status == VXT_OK && (status = outer_link(VXT_LINK_UNKNOWN, frame, &packet, &link, r)) == VXT_OK)
        status = look_plain(frame, options, &memory->sights, packet, &link);
    if (status > VXT_KEPT) /* a step */
        return status;
    *inner = status == VXT_OK && raw ? packet : whole;
    set_outcome(frame, status, *inner, r);
    if (!raw)
        r->flags &= ~(uint32_t)VXT_FLAG_OUTER_VLAN; /* the tag is the inner frame's, and told there */
    if (status != VXT_OK)
        return VXT_OK;
    if (raw) {
        r->flags |= VXT_FLAG_INNER_RAW;
        r->ethertype = link.ethertype;
    }
    vxt_inner_parse(*inner, options->level, false, r);
    return VXT_OK;
}

VXT_APART vxt_status vxt_decap_any(const vxt_frame *frame, const vxt_options *options, vxt_memory *memory,
                                   vxt_packet *r, vxt_span *inner)
{
    vxt_link_kind inside = VXT_LINK_UNKNOWN;
    vxt_span span;
    vxt_ip ip;
    vxt_status status;

    if (options->plain)
        return take_plain(frame, options, memory, r, inner);
    status = outer(VXT_LINK_UNKNOWN, frame, options, memory, &span, &ip, r);
    if (status > VXT_KEPT) /* a step */
        return status;
    if (status == VXT_OK && (ip.fragment || options->depth > 1))
        return go_round(frame, options, memory, r, inner);
    if (status == VXT_OK)
        status = vxt_tunnel_parse(options, 0, &ip, &span, r, &inside);
    finish(frame, options, status, span, inside, r, inner);
    return VXT_OK;
}

VXT_HOT bool vxt_decap_as(vxt_link_kind usual, const vxt_frame *frame, const vxt_options *options, vxt_memory *memory,
                          vxt_packet *r, vxt_span *inner)
{
    vxt_link_kind inside;
    vxt_ip ip;

    VXT_KNOWN(vxt_left(frame->data) >= vxt_link_len(usual) + USUAL_PACKET);
    VXT_KNOWN(vxt_left(frame->data) <= VXT_MAX_CAPLEN);
    if (outer(usual, frame, options, memory, inner, &ip, r) != VXT_OK ||
        vxt_tunnel_parse(options, USUAL_PAYLOAD, &ip, inner, r, &inside) != VXT_OK)
        return false;
    settle(usual, frame, options, VXT_OK, *inner, inside, r);
    return true;
}

vxt_status vxt_decap(const vxt_frame *frame, const vxt_options *options, vxt_memory *memory, vxt_packet *r,
                     vxt_span *inner)
{
    vxt_link_kind usual = vxt_decap_usual(frame, options);

    if (usual == VXT_LINK_ETHERNET && vxt_decap_as(VXT_LINK_ETHERNET, frame, options, memory, r, inner))
        return VXT_OK;
    if (usual == VXT_LINK_SLL2 && vxt_decap_as(VXT_LINK_SLL2, frame, options, memory, r, inner))
        return VXT_OK;
    return vxt_decap_any(frame, options, memory, r, inner);
}
