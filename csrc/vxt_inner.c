#include "vxt_inner.h"

#include "vxt_bytes.h"
#include "vxt_ip.h"
#include "vxt_link.h"

enum { TCP_LEN = 20, SCTP_LEN = 12, ICMP_LEN = 8 };

static VXT_HOT void flag(vxt_packet *r, uint32_t bit) { r->flags |= bit; }

/* The L4 header is `header` bytes long, of what starts `at` bytes into the frame and is `wire` bytes by the IP length.
 */
static VXT_HOT void set_payload(vxt_packet *r, uint32_t at, uint32_t wire, uint32_t header)
{
    if (header > wire) {
        flag(r, VXT_FLAG_MALFORMED_INNER);
        return;
    }
    r->payload = (uint16_t)(at + header);
    r->payload_len = wire - header;
}

/* Of every L4 header with ports, the first four bytes. */
static VXT_HOT bool set_ports(vxt_packet *r, vxt_span l4)
{
    const uint8_t *h = vxt_span_peek(l4, 4);
    if (!h)
        return false;
    r->sport = vxt_be16(h);
    r->dport = vxt_be16(h + 2);
    return true;
}

/* RFC 9293, each column as far as the capture goes: a snaplen of 96 leaves six bytes of TCP behind VXLAN. */
static void parse_cut_tcp(vxt_packet *r, vxt_span l4)
{
    const uint8_t *h;

    if ((h = vxt_span_peek(l4, 8)))
        r->tcp_seq = vxt_be32(h + 4);
    if ((h = vxt_span_peek(l4, 12)))
        r->tcp_ack = vxt_be32(h + 8);
    if ((h = vxt_span_peek(l4, 14)))
        r->tcp_flags = vxt_be16(h + 12) & 0x01ff;
    if ((h = vxt_span_peek(l4, 16)))
        r->tcp_window = vxt_be16(h + 14);
}

static VXT_HOT void parse_tcp(vxt_packet *r, vxt_span l4, uint32_t at)
{
    const uint8_t *h = vxt_span_peek(l4, TCP_LEN);

    if (vxt_span_wire(l4) < TCP_LEN)
        flag(r, VXT_FLAG_MALFORMED_INNER);
    if (!set_ports(r, l4))
        return;
    if (h) {
        uint64_t numbers = vxt_be64(h + 4);
        uint32_t rest = vxt_be32(h + 12); /* data offset, flags, window */
        r->tcp_seq = (uint32_t)(numbers >> 32);
        r->tcp_ack = (uint32_t)numbers;
        r->tcp_flags = (uint16_t)(rest >> 16 & 0x01ff);
        r->tcp_window = (uint16_t)rest;
    } else {
        parse_cut_tcp(r, l4);
    }
    if ((h = vxt_span_peek(l4, 13))) {
        uint32_t header = (uint32_t)(h[12] >> 4) * 4;
        if (header < TCP_LEN)
            flag(r, VXT_FLAG_MALFORMED_INNER);
        else
            set_payload(r, at, vxt_span_wire(l4), header);
    }
}

static VXT_HOT void parse_udp(vxt_packet *r, vxt_span l4, uint32_t at)
{
    const uint8_t *h;
    uint32_t length;

    if (vxt_span_wire(l4) < VXT_UDP_LEN)
        flag(r, VXT_FLAG_MALFORMED_INNER);
    if (!set_ports(r, l4) || !(h = vxt_span_peek(l4, 6)) || vxt_span_wire(l4) < VXT_UDP_LEN)
        return;
    length = vxt_be16(h + 4);
    if (length > vxt_span_wire(l4) && !(r->flags & VXT_FLAG_INNER_FRAGMENT))
        flag(r, VXT_FLAG_MALFORMED_INNER);
    if (length == 0 || length > vxt_span_wire(l4))
        length = vxt_span_wire(l4);
    set_payload(r, at, length, VXT_UDP_LEN);
}

static void parse_icmp(vxt_packet *r, vxt_span l4, uint32_t at)
{
    const uint8_t *h = vxt_span_peek(l4, 2);

    if (h) {
        r->sport = h[0];
        r->dport = h[1];
    }
    set_payload(r, at, vxt_span_wire(l4), ICMP_LEN);
}

static VXT_HOT void parse_l4(vxt_packet *r, vxt_span l4, uint32_t at)
{
    switch (r->proto) {
    case VXT_IP_TCP:
        parse_tcp(r, l4, at);
        break;
    case VXT_IP_UDP:
        parse_udp(r, l4, at);
        break;
    case VXT_IP_SCTP:
        set_ports(r, l4);
        set_payload(r, at, vxt_span_wire(l4), SCTP_LEN);
        break;
    case VXT_IP_ICMP:
    case VXT_IP_ICMPV6:
        parse_icmp(r, l4, at);
        break;
    default:
        set_payload(r, at, vxt_span_wire(l4), 0);
    }
}

/* Cut headers say nothing: TRUNCATED is set already where bytes are missing. */
static void note(vxt_packet *r, vxt_status status)
{
    if (status == VXT_MALFORMED)
        flag(r, VXT_FLAG_MALFORMED_INNER);
}

static VXT_HOT bool parse_eth(vxt_packet *r, bool plain, vxt_span *frame)
{
    const uint8_t *h = vxt_span_peek(*frame, 2 * VXT_MACLEN);
    vxt_link link;
    vxt_status status;

    if (h) {
        memcpy(r->eth_dst, h, VXT_MACLEN);
        memcpy(r->eth_src, h + VXT_MACLEN, VXT_MACLEN);
    } else if ((h = vxt_span_peek(*frame, VXT_MACLEN))) {
        memcpy(r->eth_dst, h, VXT_MACLEN);
    }
    status = vxt_link_ethernet(plain, frame, &link);
    r->ethertype = link.ethertype;
    r->vlan = link.vlan;
    if (link.vlan_tags)
        flag(r, VXT_FLAG_INNER_VLAN);
    note(r, status);
    return status == VXT_OK;
}

static VXT_HOT bool parse_ip(vxt_packet *r, bool plain, vxt_span *span, vxt_ip *ip)
{
    vxt_status status = vxt_ip_parse(r->ethertype, VXT_IP_ALL, plain ? VXT_IPV4_LEN : 0, span, ip);

    note(r, status);
    if (!ip->src)
        return false;
    vxt_ip_address(r->src, ip, ip->src);
    vxt_ip_address(r->dst, ip, ip->dst);
    r->ip_id = ip->id;
    r->proto = ip->proto;
    r->ttl = ip->ttl;
    r->dscp = ip->dscp;
    if (ip->beyond)
        flag(r, VXT_FLAG_MALFORMED_INNER);
    if (ip->fragment)
        flag(r, VXT_FLAG_INNER_FRAGMENT);
    return status == VXT_OK;
}

/* One end of a conversation. The shifts keep sums of two ends from cancelling: (A:1, B:2) is not (A:2, B:1), and
 * neighbouring addresses and ports, which real networks are full of, do not meet. */
static VXT_HOT uint64_t hash_end(const vxt_ip *ip, const uint8_t *address, uint32_t port)
{
    uint64_t x = vxt_ip_high(ip, address) * 0x9e3779b97f4a7c15u + vxt_ip_low(ip, address) * 0xbf58476d1ce4e5b9u +
                 (port + 1u) * 0x94d049bb133111ebu;
    x = (x ^ x >> 32) * 0xff51afd7ed558ccdu;
    return x ^ x >> 29;
}

/* The sum makes it the same for both directions. docs/record.md defines it: it must not change. */
static VXT_HOT uint64_t flow_of(const vxt_packet *r, const vxt_ip *ip)
{
    bool ports = r->proto == VXT_IP_TCP || r->proto == VXT_IP_UDP || r->proto == VXT_IP_SCTP;
    uint64_t x = hash_end(ip, ip->src, ports ? r->sport : 0) + hash_end(ip, ip->dst, ports ? r->dport : 0) + r->proto;

    x = (x ^ x >> 29) * 0xc4ceb9fe1a85ec53u;
    x ^= x >> 32;
    return x ? x : 1;
}

VXT_HOT void vxt_inner_parse(vxt_span frame, vxt_level level, bool plain, vxt_packet *r)
{
    uint32_t start = frame.at;
    vxt_ip ip;

    if (level < VXT_LEVEL_ETH)
        return;
    if ((plain || !(r->flags & VXT_FLAG_INNER_RAW)) && !parse_eth(r, plain, &frame))
        return;
    if (level < VXT_LEVEL_IP)
        return;
    if (parse_ip(r, plain, &frame, &ip) && level >= VXT_LEVEL_L4) {
        if (ip.later)
            set_payload(r, frame.at - start, vxt_span_wire(frame), 0);
        else
            parse_l4(r, frame, frame.at - start);
    }
    if (level >= VXT_LEVEL_FLOW && ip.src)
        r->flow = flow_of(r, &ip);
}
