#include "vxt_same.h"

#include "vxt_ip.h"
#include "vxt_link.h"

/* Where things stand in a head. What is no IP has its ethertype where IP has addresses, and the rest empty. */
enum {
    AT_SRC = 0,
    AT_DST = 16,
    AT_PROTO = 32,
    AT_VERSION = 33,
    AT_FRAGMENT = 34,
    AT_ID = 36,
    AT_PAYLOAD_LEN = 40,
    AT_HEADER = 48,
    MOST_HEADER = 60,
    TCP_LEAST = 20,
    ETHERTYPE_ARP = 0x0806,
    ARP_LEN = 28 /* for IPv4 over Ethernet */
};
static_assert(AT_HEADER + MOST_HEADER <= VXT_SAME_HEAD && VXT_SAME_HEAD % 8 == 0, "a head holds the longest header");

typedef struct head_bytes {
    uint8_t bytes[VXT_SAME_HEAD];
    vxt_span payload;
    bool whole, data;
} head_bytes;

/* An L4 header: how long it is, and where its checksum of two or four bytes stands. */
typedef struct l4_layout {
    uint32_t header, checksum, checksum_len;
} l4_layout;

static l4_layout layout_of(uint8_t proto, vxt_span l4)
{
    const uint8_t *h;

    switch (proto) {
    case VXT_IP_TCP:
        h = vxt_span_peek(l4, TCP_LEAST);
        return (l4_layout){h && h[12] >> 4 > 5 ? (h[12] >> 4) * 4u : TCP_LEAST, 16, 2};
    case VXT_IP_UDP:
        return (l4_layout){VXT_UDP_LEN, 6, 2};
    case VXT_IP_ICMP:
    case VXT_IP_ICMPV6:
        return (l4_layout){8, 2, 2};
    case VXT_IP_SCTP:
        return (l4_layout){12, 8, 4};
    default:
        return (l4_layout){0, 0, 0};
    }
}

/* The L4 header; one that contradicts its length counts as payload. */
static void put_l4(head_bytes *head, const vxt_ip *ip, vxt_span l4)
{
    l4_layout layout = ip->later ? (l4_layout){0, 0, 0} : layout_of(ip->proto, l4);
    const uint8_t *h = NULL;

    if (layout.header > vxt_span_wire(l4))
        layout = (l4_layout){0, 0, 0};
    if (layout.header)
        h = vxt_span_take(&l4, layout.header);
    head->whole = h || layout.header == 0;
    head->payload = l4;
    if (!h)
        return;
    memcpy(&head->bytes[AT_HEADER], h, layout.header);
    memset(&head->bytes[AT_HEADER + layout.checksum], 0, layout.checksum_len);
    head->data = ip->proto == VXT_IP_TCP && vxt_span_wire(l4) > 0;
}

static void put_ip(head_bytes *head, const vxt_ip *ip, vxt_span l4)
{
    put_l4(head, ip, l4);
    vxt_ip_address(&head->bytes[AT_SRC], ip, ip->src);
    vxt_ip_address(&head->bytes[AT_DST], ip, ip->dst);
    head->bytes[AT_PROTO] = ip->proto;
    head->bytes[AT_VERSION] = ip->version;
    vxt_put_le16(&head->bytes[AT_FRAGMENT], (uint16_t)(ip->fragment_offset << 1 | ip->more));
    vxt_put_le32(&head->bytes[AT_ID], ip->id);
}

static void read_head(vxt_slice frame, const vxt_packet *r, head_bytes *head)
{
    vxt_span span = vxt_span_of(frame, r->wirelen), packet;
    vxt_link link = {.ethertype = r->ethertype};
    vxt_status status = VXT_OK;
    vxt_ip ip;

    memset(head->bytes, 0, sizeof head->bytes);
    head->whole = head->data = false;
    if (!(r->flags & VXT_FLAG_INNER_RAW))
        status = vxt_link_ethernet(false, &span, &link);
    if (status == VXT_OK && link.ethertype == ETHERTYPE_ARP && vxt_span_wire(span) > ARP_LEN)
        vxt_span_set(&span, ARP_LEN); /* behind it comes padding, which the sender's own capture does not have */
    packet = head->payload = span;
    if (status == VXT_OK && vxt_ip_parse(link.ethertype, VXT_IP_ALL, 0, &packet, &ip) == VXT_OK) {
        put_ip(head, &ip, packet);
    } else {
        vxt_put_le16(head->bytes, link.ethertype);
        head->whole = status != VXT_TRUNCATED_OUTER && vxt_span_left(span) == vxt_span_wire(span);
    }
    vxt_put_le32(&head->bytes[AT_PAYLOAD_LEN], vxt_span_wire(head->payload));
}

static uint64_t hash_of(uint64_t seed, const uint8_t *bytes, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i += 8)
        seed = vxt_mix(seed, vxt_le64(&bytes[i]));
    return seed;
}

vxt_same vxt_same_of(uint64_t seed, vxt_slice frame, const vxt_packet *r)
{
    head_bytes head;
    uint64_t place;
    vxt_same same;

    read_head(frame, r, &head);
    place = hash_of(seed, head.bytes, AT_SRC, AT_PROTO);
    same = (vxt_same){
        .payload = head.payload.at,
        .captured = vxt_span_left(head.payload),
        .payload_len = vxt_span_wire(head.payload),
        .identity = hash_of(place, head.bytes, AT_PROTO, VXT_SAME_HEAD),
        .whole = head.whole,
        .data = head.data,
    };
    same.key =
        head.data ? vxt_mix(place, vxt_le64(&head.bytes[AT_HEADER])) : same.identity; /* ports, sequence number */
    return same;
}

uint64_t vxt_same_digest(const vxt_key *key, vxt_slice frame, const vxt_same *same)
{
    vxt_skip(&frame, same->payload);
    vxt_clip(&frame, same->captured);
    return vxt_hash_bytes(key, frame);
}
