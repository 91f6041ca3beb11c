/* vxt_flow.h: the row of a conversation, one line a column. Struct, numpy dtype and docs all come from this table. */
#ifndef VXT_FLOW_H
#define VXT_FLOW_H

#include "vxt_packet.h"

/* X(C type, count, name, numpy kind, unit, meaning); widest first, so that there is no padding within. Of a pair of
 * columns `out` is what src sent, `in` what it was sent. */
#define VXT_FLOW_FIELDS(X)                                                                                             \
    X(int64_t, 1, first, "M8[ns]", "ns since 1970 UTC", "time of the earliest packet; NaT where none had a time")      \
    X(int64_t, 1, last, "M8[ns]", "ns since 1970 UTC", "time of the latest packet")                                    \
    X(int64_t, 1, rtt, "m8[ns]", "ns", "TCP: from the SYN to the ACK that completes the handshake; NaT without")       \
    X(uint64_t, 1, collectors, "u8", "bits", "numbers of the sources that saw it; bit 63: of 63 and above")            \
    X(uint64_t, 1, packets_out, "u8", "count", "packets that src sent")                                                \
    X(uint64_t, 1, packets_in, "u8", "count", "packets that src was sent")                                             \
    X(uint64_t, 1, bytes_out, "u8", "bytes", "inner frames on the wire, sent by src")                                  \
    X(uint64_t, 1, bytes_in, "u8", "bytes", "inner frames on the wire, sent to src")                                   \
    X(uint64_t, 1, payload_out, "u8", "bytes", "L4 payload by the headers, sent by src")                               \
    X(uint64_t, 1, payload_in, "u8", "bytes", "L4 payload by the headers, sent to src")                                \
    X(uint64_t, 1, retransmitted_out, "u8", "bytes", "TCP: sent by src and seen more than once")                       \
    X(uint64_t, 1, retransmitted_in, "u8", "bytes", "TCP: sent to src and seen more than once")                        \
    X(uint64_t, 1, missing_out, "u8", "bytes", "TCP: sent by src, by its numbers or an ACK, and not seen")             \
    X(uint64_t, 1, missing_in, "u8", "bytes", "TCP: sent to src, by its numbers or an ACK, and not seen")              \
    X(uint8_t, VXT_IPLEN, src, "V16", "network order", "who opened it: by a SYN, else by the first packet")            \
    X(uint8_t, VXT_IPLEN, dst, "V16", "network order", "the other end")                                                \
    X(uint8_t, VXT_IPLEN, tunnel_src, "V16", "network order", "tunnel source of the first packet")                     \
    X(uint32_t, 1, vni, "u4", "24 bits", "network identifier: the same ends in another one are another row")           \
    X(uint16_t, 1, sport, "u2", "", "port of src, 0 without one; ICMP: the type that src sends")                       \
    X(uint16_t, 1, dport, "u2", "", "port of dst; ICMP: the type that answers it, or the code where none does")        \
    X(uint16_t, 1, tcp_flags_out, "u2", "bits", "TCP flags that src set in any packet: FIN 1, SYN 2, RST 4, ...")      \
    X(uint16_t, 1, tcp_flags_in, "u2", "bits", "TCP flags of the packets to src")                                      \
    X(uint8_t, 1, proto, "u1", "", "IP protocol after extension headers")                                              \
    X(uint8_t, 1, tunnel_srcs, "u1", "count", "different tunnel sources; 5: more than 4")                              \
    X(uint8_t, 1, one_way, "u1", "", "0 both directions seen; else one: 1 egress, 2 ingress, 3 not known which")       \
    X(uint8_t, 1, continued, "u1", "", "1: an earlier part of it was a row already, see `ended`")                      \
    X(uint8_t, 1, ended, "u1", "", "why the row ends: 0 the input did, 1 idle, 2 no more room, 3 a new SYN")

typedef struct vxt_flow {
#define X(type, count, name, kind, unit, text) VXT_FIELD_##count(type, name)
    VXT_FLOW_FIELDS(X)
#undef X
} vxt_flow;

static_assert(sizeof(vxt_flow) == 184, "the row is as small as its columns allow; change this on purpose only");

enum { VXT_BOTH_WAYS, VXT_EGRESS, VXT_INGRESS, VXT_SOME_WAY };        /* one_way */
enum { VXT_ENDED, VXT_ENDED_IDLE, VXT_ENDED_FULL, VXT_ENDED_BY_SYN }; /* ended */
enum { VXT_MOST_COLLECTORS = 64, VXT_MOST_TUNNEL_SRCS = 4 };

/* Ends with a row whose name is NULL. */
extern const vxt_field vxt_flow_fields[];

#endif
