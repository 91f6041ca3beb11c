/* vxt_ip.h: IPv4 (RFC 791) and IPv6 with its extension headers (RFC 8200), outer and inner alike. */
#ifndef VXT_IP_H
#define VXT_IP_H

#include "vxt_bytes.h"
#include "vxt_slice.h"

enum { VXT_IP_ICMP = 1, VXT_IP_TCP = 6, VXT_IP_UDP = 17, VXT_IP_GRE = 47, VXT_IP_ICMPV6 = 58, VXT_IP_SCTP = 132 };
enum { VXT_IPV4_LEN = 20, VXT_UDP_LEN = 8 };

typedef struct vxt_ip {
    const uint8_t *src, *dst; /* 4 or 16 bytes of the header; NULL where there is no sound header */
    uint32_t id;              /* identification, of IPv6 that of the fragment header; 0 without one */
    uint16_t fragment_offset; /* in units of 8 bytes */
    uint8_t version, proto, ttl, dscp;
    uint8_t extensions; /* how many IPv6 extension headers were passed */
    bool fragment;      /* more fragments, or an offset */
    bool more;          /* more fragments */
    bool later;         /* an offset: no L4 header here */
    bool beyond;        /* its length reaches behind what the lengths around it promise */
} vxt_ip;

/* What of a fragment's packet is wanted: all that can be read in it; its own part and no more, because it will be put
 * together with the others; or what follows in the whole, in which another fragment header is malformed. */
typedef enum vxt_ip_reach { VXT_IP_ALL, VXT_IP_TO_FRAGMENT, VXT_IP_BEHIND_FRAGMENT } vxt_ip_reach;

/* Pass the IP header that `ethertype` names, and IPv6 extension headers; with `plain`, which is known to be plain IPv4
 * and of so many bytes at least (0: nothing is known). VXT_OK and `span` holds the payload, clipped
 * and counted by the header's length; else NOT_IP, TRUNCATED_OUTER or MALFORMED, and `ip` holds what was reached. */
vxt_status vxt_ip_parse(uint16_t ethertype, vxt_ip_reach reach, uint32_t plain, vxt_span *span, vxt_ip *ip);

/* What plain IPv4 is, by the first eight bytes of its header as two numbers: without options, no fragment, and `least`
 * bytes long or more. */
VXT_INLINE bool vxt_ip_is_plain(uint32_t first, uint32_t second, uint32_t least)
{
    return first >> 24 == 0x45 && (second & 0x3fff) == 0 && (first & 0xffff) >= least;
}

/* The protocol that an IPv4 header names. */
VXT_INLINE uint8_t vxt_ip_proto(const uint8_t *header) { return header[9]; }

/* Go on where VXT_IP_TO_FRAGMENT stopped, in the whole datagram: the extension headers behind the fragment's. */
vxt_status vxt_ip_resume(vxt_span *span, vxt_ip *ip);

/* Whether an IPv6 extension header comes next, behind which the protocol is: so in some fragments. */
bool vxt_ip_hides_protocol(const vxt_ip *ip);

/* An address as two big-endian numbers, IPv4 as if it were mapped: from the packet, which is there already. */
VXT_INLINE uint64_t vxt_ip_high(const vxt_ip *ip, const uint8_t *address)
{
    return ip->version == 6 ? vxt_be64(address) : 0;
}

VXT_INLINE uint64_t vxt_ip_low(const vxt_ip *ip, const uint8_t *address)
{
    return ip->version == 6 ? vxt_be64(address + 8) : UINT64_C(0xffff) << 32 | vxt_be32(address);
}

/* Write an address of `ip` into a column: IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2). */
void vxt_ip_address(uint8_t *column, const vxt_ip *ip, const uint8_t *address);

#endif
