#include "vxt_conversation.h"

#include "vxt_hash.h"
#include "vxt_ip.h"

enum { FIN = 1, SYN = 2, RST = 4, ACK = 0x10 };
enum { NO_HANDSHAKE, SYN_SEEN, SYN_ACK_SEEN, HANDSHAKE_DONE };

static bool is_address(const uint8_t *a, const uint8_t *b)
{
    return vxt_le64(a + 8) == vxt_le64(b + 8) && vxt_le64(a) == vxt_le64(b);
}

static bool is_zero(const uint8_t *address) { return (vxt_le64(address) | vxt_le64(address + 8)) == 0; }

bool vxt_flow_has_key(const vxt_packet *packet)
{
    return packet->flow || !is_zero(packet->src) || !is_zero(packet->dst);
}

/* ---------------------------------------------------------------- the key */

/* Types of ICMP messages that ask, and those that answer them: what Zeek and the Community ID take for one
 * conversation.
 */
static const uint8_t icmp_pairs[][2] = {{8, 0}, {10, 9}, {13, 14}, {15, 16}, {17, 18}};
static const uint8_t icmpv6_pairs[][2] = {{128, 129}, {130, 131}, {133, 134}, {135, 136}, {139, 140}, {144, 145}};

/* The type at the other end, or -1. */
static int counterpart(const uint8_t (*pairs)[2], size_t count, uint16_t type)
{
    for (size_t i = 0; i < count; i++) {
        if (pairs[i][0] == type)
            return pairs[i][1];
        if (pairs[i][1] == type)
            return pairs[i][0];
    }
    return -1;
}

/* ICMP: the port of the other end is the type that answers, or the code of a message that none does; whether one does.
 * A later fragment has no type, and looks like the type and code 0 of one: it stays so. */
static bool set_icmp_ports(vxt_flow_key *key, const vxt_packet *packet)
{
    int other;

    if ((packet->flags & VXT_FLAG_INNER_FRAGMENT) && !packet->sport && !packet->dport)
        return true;
    if (packet->proto == VXT_IP_ICMP)
        other = counterpart(icmp_pairs, sizeof icmp_pairs / 2, packet->sport);
    else
        other = counterpart(icmpv6_pairs, sizeof icmpv6_pairs / 2, packet->sport);
    if (other >= 0)
        key->ports[1] = (uint16_t)other;
    return other >= 0;
}

/* Whether the sender comes second. Any order will do. */
static bool is_second(const vxt_packet *p, const uint16_t *ports)
{
    uint64_t src = vxt_le64(p->src + 8), dst = vxt_le64(p->dst + 8);

    if (VXT_LIKELY(src != dst))
        return src > dst;
    src = vxt_le64(p->src);
    dst = vxt_le64(p->dst);
    return src != dst ? src > dst : ports[0] > ports[1];
}

uint32_t vxt_flow_key_of(vxt_flow_key *key, const vxt_packet *packet)
{
    uint32_t sender = 0;
    bool turns = true;
    uint16_t port;

    *key = (vxt_flow_key){.ports = {packet->sport, packet->dport}, .vni = packet->vni, .proto = packet->proto};
    if (packet->proto == VXT_IP_ICMP || packet->proto == VXT_IP_ICMPV6)
        turns = set_icmp_ports(key, packet);
    if (turns && is_second(packet, key->ports)) {
        sender = 1;
        port = key->ports[0];
        key->ports[0] = key->ports[1];
        key->ports[1] = port;
    }
    memcpy(key->ends[sender], packet->src, VXT_IPLEN);
    memcpy(key->ends[!sender], packet->dst, VXT_IPLEN);
    return sender;
}

/* ---------------------------------------------------------------- TCP */

/* Whether all is known that the count of bytes needs: flags, numbers, and the length of the data. */
static bool is_whole_segment(const vxt_packet *p)
{
    return p->payload && p->tcp_flags && !(p->flags & VXT_FLAG_INNER_FRAGMENT) && p->payload_len < VXT_STREAM_REACH;
}

/* A probe whether the other end still lives: a byte, or none, that it has long had. */
static bool is_keep_alive(const vxt_stream *stream, const vxt_packet *p)
{
    return p->payload_len <= 1 && p->tcp_seq + 1 == stream->next && !(p->tcp_flags & (SYN | FIN));
}

/* Who opened the connection, and how long the handshake took: the first SYN, and the first ACK that completes it. */
static void shake_hands(vxt_conversation *it, const vxt_packet *p, uint32_t sender)
{
    bool syn = p->tcp_flags & SYN, ack = p->tcp_flags & ACK;

    if (syn && it->handshake == NO_HANDSHAKE)
        it->opener = (uint8_t)(ack ? !sender : sender);
    if (syn && !ack && it->handshake == NO_HANDSHAKE) {
        it->handshake = SYN_SEEN;
        it->syn = p->ts;
        it->expected = p->tcp_seq + 1;
    } else if (syn && ack && it->handshake == NO_HANDSHAKE) {
        it->handshake = HANDSHAKE_DONE; /* its SYN was not seen */
    } else if (it->handshake == SYN_SEEN && syn && ack && sender != it->opener && p->tcp_ack == it->expected) {
        it->handshake = SYN_ACK_SEEN;
        it->expected = p->tcp_seq + 1;
    } else if (it->handshake == SYN_ACK_SEEN && !syn && ack && sender == it->opener && p->tcp_ack == it->expected) {
        it->handshake = HANDSHAKE_DONE;
        if (it->syn != VXT_NAT && p->ts != VXT_NAT && p->ts >= it->syn)
            it->rtt = vxt_time_minus(p->ts, it->syn);
    }
}

static void count_bytes(vxt_side *mine, vxt_side *theirs, const vxt_packet *p)
{
    vxt_stream *stream = &mine->stream;
    uint32_t from = p->tcp_seq, length = p->payload_len;

    length += (p->tcp_flags & SYN ? 1u : 0u) + (p->tcp_flags & FIN ? 1u : 0u);
    if ((p->tcp_flags & SYN) && stream->begun && from + 1 == stream->low) { /* it comes late, behind what follows it */
        stream->low = from++;
        length--;
    }
    if (is_keep_alive(stream, p)) {
        vxt_tally filled = {0};
        vxt_stream_add(stream, from, length, &filled);
        mine->tally.missing += filled.missing;
    } else {
        vxt_stream_add(stream, from, length, &mine->tally);
    }
    if (p->tcp_flags & ACK)
        vxt_stream_acked(&theirs->stream, p->tcp_ack, &theirs->tally);
}

static void add_segment(vxt_conversation *it, const vxt_packet *p, uint32_t sender)
{
    vxt_side *mine = &it->sides[sender];

    mine->tcp_flags = (uint16_t)(mine->tcp_flags | p->tcp_flags);
    if (!is_whole_segment(p)) {
        mine->stream.begun = false; /* what it held is neither seen nor missing: the count begins anew behind it */
        return;
    }
    if (p->tcp_flags & RST) /* its numbers may be anything */
        return;
    shake_hands(it, p, sender);
    count_bytes(mine, &it->sides[!sender], p);
}

bool vxt_conversation_is_over(const vxt_conversation *it, const vxt_packet *p, uint32_t sender)
{
    const vxt_stream *stream = &it->sides[sender].stream;

    if (p->proto != VXT_IP_TCP || !(p->tcp_flags & SYN) || (p->tcp_flags & RST) || !is_whole_segment(p))
        return false;
    return stream->begun && p->tcp_seq != stream->low && p->tcp_seq + 1 != stream->low;
}

/* ---------------------------------------------------------------- all protocols */

static void add_tunnel(vxt_conversation *it, const vxt_packet *p, uint64_t seed)
{
    uint64_t hash;

    if (VXT_LIKELY(is_address(p->outer_src, it->tunnel_src)) || it->tunnel_count > VXT_MOST_TUNNEL_SRCS)
        return;
    hash = vxt_mix(vxt_mix(seed, vxt_le64(p->outer_src)), vxt_le64(p->outer_src + 8));
    for (int i = 0; i < it->tunnel_count - 1; i++)
        if (it->tunnel_srcs[i] == hash)
            return;
    if (it->tunnel_count < VXT_MOST_TUNNEL_SRCS)
        it->tunnel_srcs[it->tunnel_count - 1] = hash;
    it->tunnel_count++;
}

static void add_time(vxt_conversation *it, int64_t ts)
{
    if (ts == VXT_NAT)
        return;
    if (it->first == VXT_NAT || ts < it->first)
        it->first = ts;
    if (ts > it->last) /* NaT is the least number */
        it->last = ts;
}

void vxt_conversation_begin(vxt_conversation *it, const vxt_flow_key *key, const vxt_packet *packet, uint32_t sender)
{
    memset(it, 0, sizeof *it);
    it->key = *key;
    it->first = it->last = it->syn = it->rtt = VXT_NAT;
    it->opener = (uint8_t)sender;
    it->tunnel_count = 1;
    memcpy(it->tunnel_src, packet->outer_src, VXT_IPLEN);
}

void vxt_conversation_add(vxt_conversation *it, const vxt_packet *p, uint32_t sender, uint64_t seed)
{
    vxt_side *mine = &it->sides[sender];

    add_time(it, p->ts);
    add_tunnel(it, p, seed);
    it->collectors |= UINT64_C(1) << (p->source < VXT_MOST_COLLECTORS ? p->source : VXT_MOST_COLLECTORS - 1);
    it->egress |= is_address(p->outer_src, p->src);
    it->ingress |= is_address(p->outer_src, p->dst);
    mine->packets++;
    mine->bytes += p->wirelen;
    mine->payload += p->payload_len;
    if (p->proto == VXT_IP_TCP)
        add_segment(it, p, sender);
}

static uint8_t ways_of(const vxt_conversation *it)
{
    if (it->sides[0].packets && it->sides[1].packets)
        return VXT_BOTH_WAYS;
    if (it->egress == it->ingress)
        return VXT_SOME_WAY;
    return it->egress ? VXT_EGRESS : VXT_INGRESS;
}

void vxt_conversation_end(const vxt_conversation *it, uint8_t why, vxt_flow *row)
{
    uint32_t out = it->opener, in = !out;
    const vxt_side *sent = &it->sides[out], *got = &it->sides[in];

    *row = (vxt_flow){.first = it->first,
                      .last = it->last,
                      .rtt = it->rtt,
                      .collectors = it->collectors,
                      .packets_out = sent->packets,
                      .packets_in = got->packets,
                      .bytes_out = sent->bytes,
                      .bytes_in = got->bytes,
                      .payload_out = sent->payload,
                      .payload_in = got->payload,
                      .retransmitted_out = sent->tally.retransmitted,
                      .retransmitted_in = got->tally.retransmitted,
                      .missing_out = sent->tally.missing,
                      .missing_in = got->tally.missing,
                      .vni = it->key.vni,
                      .sport = it->key.ports[out],
                      .dport = it->key.ports[in],
                      .tcp_flags_out = sent->tcp_flags,
                      .tcp_flags_in = got->tcp_flags,
                      .proto = (uint8_t)it->key.proto,
                      .tunnel_srcs = it->tunnel_count,
                      .one_way = ways_of(it),
                      .continued = it->continued,
                      .ended = why};
    memcpy(row->src, it->key.ends[out], VXT_IPLEN);
    memcpy(row->dst, it->key.ends[in], VXT_IPLEN);
    memcpy(row->tunnel_src, it->tunnel_src, VXT_IPLEN);
}
