#include "vxt_write.h"

#include "vxt_bytes.h"
#include "vxt_text.h"

enum { TSRESOL_NANO = 9 };

static const int64_t NS_A_SECOND = 1000000000;

static size_t put32(uint8_t *p, size_t at, uint32_t value)
{
    vxt_put_le32(p + at, value);
    return at + 4;
}

static size_t put16(uint8_t *p, size_t at, uint16_t value)
{
    vxt_put_le16(p + at, value);
    return at + 2;
}

static size_t pad(size_t length) { return (4 - length % 4) % 4; }

size_t vxt_write_pcap_header(uint8_t *p, bool nano, uint32_t linktype)
{
    size_t n = put32(p, 0, nano ? 0xa1b23c4d : 0xa1b2c3d4);
    n = put16(p, n, 2);
    n = put16(p, n, 4);
    n = put32(p, n, 0); /* time zone and accuracy: always 0 */
    n = put32(p, n, 0);
    n = put32(p, n, VXT_WRITE_SNAPLEN);
    return put32(p, n, linktype);
}

bool vxt_write_fits_pcap(int64_t ts) { return ts >= 0 && ts / NS_A_SECOND <= UINT32_MAX; }

size_t vxt_write_pcap_record(uint8_t *p, bool nano, int64_t ts, uint32_t caplen, uint32_t wirelen)
{
    size_t n;

    if (!vxt_write_fits_pcap(ts))
        ts = 0;
    n = put32(p, 0, (uint32_t)(ts / NS_A_SECOND));
    n = put32(p, n, (uint32_t)(ts % NS_A_SECOND) / (nano ? 1 : 1000));
    n = put32(p, n, caplen);
    return put32(p, n, wirelen);
}

/* An option with its padding. */
static size_t put_option(uint8_t *p, size_t at, uint16_t code, const void *value, size_t length)
{
    at = put16(p, at, code);
    at = put16(p, at, (uint16_t)length);
    memcpy(p + at, value, length);
    memset(p + at + length, 0, pad(length));
    return at + length + pad(length);
}

/* The end of options, and a block's total length at both its ends. */
static size_t end_block(uint8_t *p, size_t at, bool options)
{
    if (options)
        at = put32(p, at, VXT_OPTION_END);
    vxt_put_le32(p + 4, (uint32_t)at + 4);
    return put32(p, at, (uint32_t)at + 4);
}

size_t vxt_write_section(uint8_t *p)
{
    size_t n = put32(p, 0, VXT_BLOCK_SECTION) + 4;
    n = put32(p, n, VXT_BYTE_ORDER_MAGIC);
    n = put16(p, n, 1);
    n = put16(p, n, 0);
    n = put32(p, n, UINT32_MAX); /* section length: not given */
    n = put32(p, n, UINT32_MAX);
    n = put_option(p, n, VXT_OPTION_USERAPPL, "vxtap", 5);
    return end_block(p, n, true);
}

size_t vxt_write_interface(uint8_t *p, uint32_t linktype, bool fine, const char *name, size_t name_len)
{
    static const uint8_t nano = TSRESOL_NANO;
    size_t n = put32(p, 0, VXT_BLOCK_INTERFACE) + 4;

    n = put16(p, n, (uint16_t)linktype);
    n = put16(p, n, 0);
    n = put32(p, n, 0); /* snaplen: no limit */
    n = put_option(p, n, VXT_OPTION_IF_NAME, name, name_len);
    if (fine)
        n = put_option(p, n, VXT_OPTION_IF_TSRESOL, &nano, 1);
    return end_block(p, n, true);
}

static size_t put_text(char *text, size_t at, const char *more)
{
    size_t length = strlen(more);
    memcpy(text + at, more, length);
    return at + length;
}

static size_t put_number(char *text, size_t at, uint32_t value)
{
    char digits[10];
    size_t n = sizeof digits;

    do {
        digits[--n] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    memcpy(text + at, digits + n, sizeof digits - n);
    return at + sizeof digits - n;
}

/* 'vni' for VXLAN, the name as an option for others. */
static const char *label_of(uint32_t tunnel)
{
    return tunnel == VXT_TUNNEL_VXLAN ? "vni" : tunnel == VXT_TUNNEL_NONE ? "plain" : vxt_tunnel_names[tunnel].slug;
}

size_t vxt_write_tunnel_name(char *name, const vxt_tunnel_key *key)
{
    size_t n = put_text(name, 0, label_of(key->tunnel));

    if (key->tunnel == VXT_TUNNEL_NONE)
        return key->source ? put_number(name, put_text(name, n, " source "), key->source) : n;
    n = put_number(name, put_text(name, n, " "), key->vni);
    n = put_text(name, n, " ");
    n += vxt_format_ip(key->outer_src, name + n);
    n = put_text(name, n, " > ");
    n += vxt_format_ip(key->outer_dst, name + n);
    if (key->source)
        n = put_number(name, put_text(name, n, " source "), key->source);
    return n;
}

size_t vxt_write_packet_size(const vxt_write_packet *packet)
{
    size_t options = packet->comment_len ? 4 + packet->comment_len + pad(packet->comment_len) : 0;
    options += packet->outgoing ? 8 : 0;
    return VXT_WRITE_PACKET_LEN + packet->caplen + pad(packet->caplen) + options + (options ? 4 : 0) + 4;
}

void vxt_write_packet_around(uint8_t *p, const vxt_write_packet *packet)
{
    static const uint8_t outbound[4] = {2, 0, 0, 0};
    int64_t ts = packet->ts < 0 ? 0 : packet->ts; /* ticks have no sign; VXT_NAT is negative too */
    uint64_t ticks = (uint64_t)(packet->fine ? ts : ts / 1000);
    size_t n = put32(p, 0, VXT_BLOCK_PACKET) + 4;

    n = put32(p, n, packet->interface);
    n = put32(p, n, (uint32_t)(ticks >> 32));
    n = put32(p, n, (uint32_t)ticks);
    n = put32(p, n, packet->caplen);
    n = put32(p, n, packet->wirelen) + packet->caplen;
    memset(p + n, 0, pad(packet->caplen));
    n += pad(packet->caplen);
    if (packet->comment_len)
        n = put_option(p, n, VXT_OPTION_COMMENT, packet->comment, packet->comment_len);
    if (packet->outgoing)
        n = put_option(p, n, VXT_OPTION_PACKET_FLAGS, outbound, sizeof outbound);
    end_block(p, n, packet->comment_len || packet->outgoing);
}
