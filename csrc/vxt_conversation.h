/* vxt_conversation.h: one conversation: who talks with whom, and what is known of it after each packet. */
#ifndef VXT_CONVERSATION_H
#define VXT_CONVERSATION_H

#include "vxt_flow.h"
#include "vxt_stream.h"

/* What tells conversations apart. The ends are in an order of their own, so that both directions have one key. */
typedef struct vxt_flow_key {
    uint8_t ends[2][VXT_IPLEN];
    uint16_t ports[2];
    uint32_t vni, proto, unused;
} vxt_flow_key;

static_assert(sizeof(vxt_flow_key) == 48, "without padding: keys are compared as a whole");

/* What one end sent. */
typedef struct vxt_side {
    uint64_t packets, bytes, payload;
    vxt_tally tally;
    vxt_stream stream;
    uint16_t tcp_flags;
} vxt_side;

/* Five lines of a cache; what every packet touches comes first. */
typedef struct vxt_conversation {
    vxt_flow_key key;
    int64_t first, last; /* NaT where there is none, as below */
    vxt_side sides[2];
    uint64_t collectors;
    uint8_t tunnel_src[VXT_IPLEN];
    int64_t syn, rtt;
    uint32_t expected; /* the ACK number that the handshake waits for */
    uint8_t handshake;
    uint8_t opener; /* which side opened it, or sent the first packet */
    uint8_t tunnel_count;
    bool egress, ingress;                           /* a packet came from its tunnel source, or went to it */
    bool continued;                                 /* an earlier part of it is a row already */
    uint64_t tunnel_srcs[VXT_MOST_TUNNEL_SRCS - 1]; /* keyed hashes of further ones */
} vxt_conversation;

static_assert(sizeof(vxt_conversation) == 320, "whole lines of a cache");

/* The key of a packet; returns which of its ends sent it, 0 or 1. */
uint32_t vxt_flow_key_of(vxt_flow_key *key, const vxt_packet *packet);

/* Whether the inner packet is IP: others belong to no conversation. */
bool vxt_flow_has_key(const vxt_packet *packet);

/* A new one, without its first packet. */
void vxt_conversation_begin(vxt_conversation *it, const vxt_flow_key *key, const vxt_packet *packet, uint32_t sender);

/* Whether this packet is the SYN of another connection between the same ports. */
bool vxt_conversation_is_over(const vxt_conversation *it, const vxt_packet *packet, uint32_t sender);

/* A packet of it; `seed` for what has to be hashed. */
void vxt_conversation_add(vxt_conversation *it, const vxt_packet *packet, uint32_t sender, uint64_t seed);

/* Its row. */
void vxt_conversation_end(const vxt_conversation *it, uint8_t why, vxt_flow *row);

#endif
