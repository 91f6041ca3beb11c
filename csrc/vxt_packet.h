/* vxt_packet.h: the record, one line a column. Struct, numpy dtype, projection and docs all come from this table. */
#ifndef VXT_PACKET_H
#define VXT_PACKET_H

#include "vxt_base.h"

enum { VXT_IPLEN = 16, VXT_MACLEN = 6 };
#define VXT_NAT INT64_MIN /* numpy's 'not a time' */

/* a - b, or the nearest time there is; never the value that stands for no time. */
static inline int64_t vxt_time_minus(int64_t a, int64_t b)
{
    if (b > 0 && a <= INT64_MIN + 1 + b)
        return INT64_MIN + 1;
    if (b < 0 && a > INT64_MAX + b)
        return INT64_MAX;
    return a - b;
}

/* How far a frame must be parsed for a column to be right. The parser stops at the level that the caller needs. */
typedef enum vxt_level {
    VXT_LEVEL_FRAME, /* framing, outcome, where the inner frame lies, the tunnel's facts: always known */
    VXT_LEVEL_ETH,   /* inner link layer */
    VXT_LEVEL_IP,    /* inner network layer */
    VXT_LEVEL_L4,    /* inner transport layer; also the flags, which every layer can set */
    VXT_LEVEL_FLOW   /* the label over the inner 5-tuple: everything */
} vxt_level;

/* X(C type, count, name, numpy kind, level, unit, meaning); widest first, so that there is no padding within. */
#define VXT_PACKET_FIELDS(X)                                                                                           \
    X(int64_t, 1, ts, "M8[ns]", FRAME, "ns since 1970 UTC", "capture time; NaT where the file has none")               \
    X(uint64_t, 1, frame, "u8", FRAME, "count", "number of the frame in its capture, from 1")                          \
    X(uint64_t, 1, offset, "u8", FRAME, "bytes", "where the inner frame starts in the (decompressed) capture")         \
    X(uint64_t, 1, flow, "u8", FLOW, "", "label of the inner 5-tuple, the same for both directions; 0 without IP")     \
    X(uint32_t, 1, caplen, "u4", FRAME, "bytes", "inner frame: captured")                                              \
    X(uint32_t, 1, wirelen, "u4", FRAME, "bytes", "inner frame: on the wire, by the outer lengths, without padding")   \
    X(uint32_t, 1, source, "u4", FRAME, "", "which of the sources of a read, from 0")                                  \
    X(uint32_t, 1, interface, "u4", FRAME, "", "SLL2 interface index, or number of the pcapng interface")              \
    X(uint32_t, 1, flags, "u4", L4, "bits", "see Flag")                                                                \
    X(uint32_t, 1, vni, "u4", FRAME, "24 bits", "network identifier; GRE: the key, 32 bits; ERSPAN: the session")      \
    X(uint32_t, 1, ip_id, "u4", IP, "", "inner IPv4 identification, or that of an IPv6 fragment; 0 without one")       \
    X(uint32_t, 1, tcp_seq, "u4", L4, "", "inner TCP sequence number")                                                 \
    X(uint32_t, 1, tcp_ack, "u4", L4, "", "inner TCP acknowledgement number")                                          \
    X(uint32_t, 1, payload_len, "u4", L4, "bytes", "inner L4 payload by the headers, even when cut")                   \
    X(uint8_t, VXT_IPLEN, outer_src, "V16", FRAME, "network order", "tunnel source; IPv4 as ::ffff:a.b.c.d")           \
    X(uint8_t, VXT_IPLEN, outer_dst, "V16", FRAME, "network order", "tunnel destination")                              \
    X(uint8_t, VXT_IPLEN, src, "V16", IP, "network order", "inner source address; zero without IP")                    \
    X(uint8_t, VXT_IPLEN, dst, "V16", IP, "network order", "inner destination address")                                \
    X(uint8_t, VXT_MACLEN, eth_src, "V6", ETH, "network order", "inner source MAC")                                    \
    X(uint8_t, VXT_MACLEN, eth_dst, "V6", ETH, "network order", "inner destination MAC")                               \
    X(uint16_t, 1, gbp, "u2", FRAME, "", "group policy id; 0 unless the GBP flag is set")                              \
    X(uint16_t, 1, outer_sport, "u2", FRAME, "", "outer UDP source port")                                              \
    X(uint16_t, 1, outer_dport, "u2", FRAME, "", "outer UDP destination port")                                         \
    X(uint16_t, 1, vlan, "u2", ETH, "", "id of the outermost inner VLAN tag (ask INNER_VLAN: a tag's id can be 0)")    \
    X(uint16_t, 1, ethertype, "u2", ETH, "", "inner ethertype after VLAN tags; below 0x600 an 802.3 length")           \
    X(uint16_t, 1, sport, "u2", L4, "", "inner source port of TCP, UDP, SCTP; ICMP type")                              \
    X(uint16_t, 1, dport, "u2", L4, "", "inner destination port; ICMP code")                                           \
    X(uint16_t, 1, tcp_flags, "u2", L4, "bits", "inner TCP flags, FIN 1 to CWR 0x80, NS 0x100")                        \
    X(uint16_t, 1, tcp_window, "u2", L4, "", "inner TCP window, not scaled")                                           \
    X(uint16_t, 1, payload, "u2", L4, "bytes", "where the L4 payload starts in the inner frame; 0 without one")        \
    X(uint8_t, 1, tunnel, "u1", FRAME, "", "see Tunnel")                                                               \
    X(uint8_t, 1, status, "u1", FRAME, "", "see Status; OK unless frames=\"all\"")                                     \
    X(uint8_t, 1, proto, "u1", IP, "", "inner IP protocol after extension headers")                                    \
    X(uint8_t, 1, ttl, "u1", IP, "", "inner TTL or hop limit")                                                         \
    X(uint8_t, 1, dscp, "u1", IP, "", "inner differentiated services code point, 6 bits")

/* The type of one column: a scalar, or an array of bytes. */
#define VXT_FIELD_1(type, name) type name;
#define VXT_FIELD_VXT_IPLEN(type, name) type name[VXT_IPLEN];
#define VXT_FIELD_VXT_MACLEN(type, name) type name[VXT_MACLEN];

typedef struct vxt_packet {
#define X(type, count, name, kind, level, unit, text) VXT_FIELD_##count(type, name)
    VXT_PACKET_FIELDS(X)
#undef X
} vxt_packet;

static_assert(sizeof(vxt_packet) == 176, "the record is as small as its columns allow; change this on purpose only");

/* Zero a record. In pieces: compilers turn one large memset into a string instruction that takes 20 cycles to start. */
VXT_INLINE void vxt_packet_clear(vxt_packet *r)
{
    uint8_t *p = (uint8_t *)r;

    memset(p, 0, 64);
    memset(p + 64, 0, 64);
    memset(p + 128, 0, sizeof *r - 128);
}

/* Flags of a record: X(NAME, bit, meaning). */
#define VXT_FLAGS(X)                                                                                                   \
    X(TRUNCATED, 0, "the inner frame is longer than what is here: a snaplen, or the first fragment of a datagram")     \
    X(MALFORMED_INNER, 1, "an inner header contradicts itself or the lengths around it")                               \
    X(OUTER_VLAN, 2, "the outer frame has a VLAN tag")                                                                 \
    X(INNER_VLAN, 3, "the inner frame has a VLAN tag")                                                                 \
    X(INNER_FRAGMENT, 4, "the inner packet is a fragment")                                                             \
    X(GBP, 5, "the G bit is set: `gbp` holds a group policy id")                                                       \
    X(RESERVED_BITS, 6, "a reserved bit of the tunnel header is set")                                                  \
    X(OUTGOING, 7, "the collector itself sent the frame, by its link layer or pcapng flags")                           \
    X(NO_TIME, 8, "the frame has no time, or one that 64 bits of nanoseconds do not hold")                             \
    X(REASSEMBLED, 9, "the frame completed a datagram of several fragments: the inner frame is not in one piece")      \
    X(NESTED, 10, "the inner frame came out of a tunnel within a tunnel (`depth`)")                                    \
    X(INNER_RAW, 11, "the inner frame has no Ethernet header: it starts with the network layer's")                     \
    X(DUPLICATE, 12, "another vantage point has seen the packet before (`vxtap.merging.Merged` with `mark`)")

enum vxt_flag {
#define X(name, bit, text) VXT_FLAG_##name = 1 << bit,
    VXT_FLAGS(X)
#undef X
};

/* Tunnels: X(NAME, value, name as an option, what carries it, UDP port by default, who parses it, meaning). */
#define VXT_TUNNELS(X)                                                                                                 \
    X(NONE, 0, "none", NONE, 0, none, "no tunnel: every frame of a plain capture is itself the inner frame")           \
    X(VXLAN, 1, "vxlan", UDP, 4789, vxlan, "VXLAN, RFC 7348")                                                          \
    X(VXLAN_GPE, 2, "vxlan-gpe", UDP, 4790, gpe, "generic protocol extension of VXLAN, draft-ietf-nvo3-vxlan-gpe")     \
    X(GENEVE, 3, "geneve", UDP, 6081, geneve, "Geneve, RFC 8926")                                                      \
    X(GRE, 4, "gre", GRE, 0, gre, "GRE, RFC 2784 and 2890, of Ethernet or IP")                                         \
    X(NVGRE, 5, "nvgre", GRE, 0, gre, "NVGRE, RFC 7637: GRE of Ethernet with a network in its key")                    \
    X(ERSPAN_I, 6, "erspan", GRE, 0, gre, "ERSPAN type I, draft-foschiano-erspan: GRE and nothing else")               \
    X(ERSPAN_II, 7, "erspan", GRE, 0, gre, "ERSPAN type II")                                                           \
    X(ERSPAN_III, 8, "erspan", GRE, 0, gre, "ERSPAN type III")

enum vxt_tunnel {
#define X(name, value, option, carrier, port, parser, text) VXT_TUNNEL_##name = value,
    VXT_TUNNELS(X)
#undef X
};

/* A column, for those who build a dtype or copy some columns only. */
typedef struct vxt_field {
    const char *name, *kind, *unit, *text;
    uint16_t offset, size;
    vxt_level level;
} vxt_field;

/* A named value of any of the tables above, for those who build enums and docs. */
typedef struct vxt_name {
    const char *name, *family, *slug, *text;
    uint32_t value, port;
} vxt_name;

/* Each table ends with a row whose name is NULL. */
extern const vxt_field vxt_fields[];
extern const vxt_name vxt_status_names[];
extern const vxt_name vxt_flag_names[];
extern const vxt_name vxt_tunnel_names[];

#endif
