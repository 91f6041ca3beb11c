#include "vxt_inner.h"

#include "vxt_bytes.h"
#include "vxt_ip.h"
#include "vxt_link.h"

enum { TCP_LEN = 20, SCTP_LEN = 12, ICMP_LEN = 8 };

static void flag(vxt_packet *r, uint32_t bit) { r->flags |= bit; }

/* The L4 header is `header` bytes long, of what starts `at` bytes into the frame and is `wire` bytes by the IP length.
 */
static void set_payload(vxt_packet *r, uint32_t at, uint32_t wire, uint32_t header)
{
    if (header > wire) {
        flag(r, VXT_FLAG_MALFORMED_INNER);
        return;
    }
    r->payload = (uint16_t)(at + header);
    r->payload_len = wire - header;
}

/* Of every L4 header with ports, the first four bytes. */
static bool set_ports(vxt_packet *r, vxt_slice l4)
{
    const uint8_t *h = vxt_peek(l4, 4);
    if (!h)
        return false;
    r->sport = vxt_be16(h);
    r->dport = vxt_be16(h + 2);
    return true;
}

/* RFC 9293. Each column as far as the capture goes: a snaplen of 96 leaves six bytes of TCP behind VXLAN. */
static void parse_tcp(vxt_packet *r, vxt_span l4, uint32_t at)
{
    const uint8_t *h;

    if (l4.wire < TCP_LEN)
        flag(r, VXT_FLAG_MALFORMED_INNER);
    if (!set_ports(r, l4.s))
        return;
    if ((h = vxt_peek(l4.s, 8)))
        r->tcp_seq = vxt_be32(h + 4);
    if ((h = vxt_peek(l4.s, 12)))
        r->tcp_ack = vxt_be32(h + 8);
    if ((h = vxt_peek(l4.s, 14)))
        r->tcp_flags = vxt_be16(h + 12) & 0x01ff;
    if ((h = vxt_peek(l4.s, 16)))
        r->tcp_window = vxt_be16(h + 14);
    if ((h = vxt_peek(l4.s, 13))) {
        uint32_t header = (uint32_t)(h[12] >> 4) * 4;
        if (header < TCP_LEN)
            flag(r, VXT_FLAG_MALFORMED_INNER);
        else
            set_payload(r, at, l4.wire, header);
    }
}

static void parse_udp(vxt_packet *r, vxt_span l4, uint32_t at)
{
    const uint8_t *h;
    uint32_t length;

    if (l4.wire < VXT_UDP_LEN)
        flag(r, VXT_FLAG_MALFORMED_INNER);
    if (!set_ports(r, l4.s) || !(h = vxt_peek(l4.s, 6)) || l4.wire < VXT_UDP_LEN)
        return;
    length = vxt_be16(h + 4);
    if (length > l4.wire && !(r->flags & VXT_FLAG_INNER_FRAGMENT))
        flag(r, VXT_FLAG_MALFORMED_INNER);
    if (length == 0 || length > l4.wire)
        length = l4.wire;
    set_payload(r, at, length, VXT_UDP_LEN);
}

static void parse_icmp(vxt_packet *r, vxt_span l4, uint32_t at)
{
    const uint8_t *h = vxt_peek(l4.s, 2);

    if (h) {
        r->sport = h[0];
        r->dport = h[1];
    }
    set_payload(r, at, l4.wire, ICMP_LEN);
}

static void parse_l4(vxt_packet *r, vxt_span l4, uint32_t at)
{
    switch (r->proto) {
    case VXT_IP_TCP:
        parse_tcp(r, l4, at);
        break;
    case VXT_IP_UDP:
        parse_udp(r, l4, at);
        break;
    case VXT_IP_SCTP:
        set_ports(r, l4.s);
        set_payload(r, at, l4.wire, SCTP_LEN);
        break;
    case VXT_IP_ICMP:
    case VXT_IP_ICMPV6:
        parse_icmp(r, l4, at);
        break;
    default:
        set_payload(r, at, l4.wire, 0);
    }
}

/* Cut headers say nothing: TRUNCATED is set already where bytes are missing. */
static void note(vxt_packet *r, vxt_status status)
{
    if (status == VXT_MALFORMED)
        flag(r, VXT_FLAG_MALFORMED_INNER);
}

static bool parse_eth(vxt_packet *r, vxt_span *frame)
{
    const uint8_t *h = vxt_peek(frame->s, VXT_MACLEN);
    vxt_link link;
    vxt_status status;

    if (h)
        memcpy(r->eth_dst, h, VXT_MACLEN);
    if ((h = vxt_peek(frame->s, 2 * VXT_MACLEN)))
        memcpy(r->eth_src, h + VXT_MACLEN, VXT_MACLEN);
    status = vxt_link_parse(VXT_LINK_ETHERNET, frame, &link);
    r->ethertype = link.ethertype;
    r->vlan = link.vlan;
    if (link.vlan_tags)
        flag(r, VXT_FLAG_INNER_VLAN);
    note(r, status);
    return status == VXT_OK;
}

static bool parse_ip(vxt_packet *r, vxt_span *span, vxt_ip *ip)
{
    vxt_status status = vxt_ip_parse(r->ethertype, span, ip);

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

/* The finalizer of MurmurHash3 (public domain): every input bit reaches every output bit. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdu;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53u;
    return x ^ x >> 33;
}

static uint64_t hash_end(const uint8_t *address, uint32_t port)
{
    return mix(vxt_be64(address) * 0x9e3779b97f4a7c15u + vxt_be64(address + 8) * 0xbf58476d1ce4e5b9u +
               (port + 1u) * 0x94d049bb133111ebu);
}

/* The sum makes it the same for both directions. */
static uint64_t flow_of(const vxt_packet *r)
{
    bool ports = r->proto == VXT_IP_TCP || r->proto == VXT_IP_UDP || r->proto == VXT_IP_SCTP;
    uint64_t flow = mix(hash_end(r->src, ports ? r->sport : 0) + hash_end(r->dst, ports ? r->dport : 0) +
                        r->proto * 0xd6e8feb86659fd93u);
    return flow ? flow : 1;
}

void vxt_inner_parse(vxt_span frame, vxt_level level, vxt_packet *r)
{
    vxt_slice start = frame.s;
    vxt_ip ip;

    if (level < VXT_LEVEL_ETH || !parse_eth(r, &frame))
        return;
    if (level < VXT_LEVEL_IP)
        return;
    if (parse_ip(r, &frame, &ip) && level >= VXT_LEVEL_L4) {
        if (ip.later)
            set_payload(r, (uint32_t)vxt_behind(frame.s, start), frame.wire, 0);
        else
            parse_l4(r, frame, (uint32_t)vxt_behind(frame.s, start));
    }
    if (level >= VXT_LEVEL_FLOW && ip.src)
        r->flow = flow_of(r);
}
