/* vxt_write.h: the bytes of captures that vxtap writes: little-endian pcap and pcapng. */
#ifndef VXT_WRITE_H
#define VXT_WRITE_H

#include "vxt_pcapng.h"
#include "vxt_table.h"

enum {
    VXT_WRITE_SNAPLEN = 262144, /* what tcpdump writes for 'all' */
    VXT_WRITE_NAME_LEN = 128,   /* "vni 16777215 IPv6 > IPv6 source 4294967295", with room */
    VXT_WRITE_SECTION_LEN = 44,
    VXT_WRITE_PACKET_LEN = 28,                                        /* of an enhanced packet block before its data */
    VXT_WRITE_INTERFACE_LEN = 16 + 4 + VXT_WRITE_NAME_LEN + 8 + 4 + 4 /* at most */
};

/* Each writes to `p` and returns how many bytes. */

size_t vxt_write_pcap_header(uint8_t *p, bool nano, uint32_t linktype);
size_t vxt_write_pcap_record(uint8_t *p, bool nano, int64_t ts, uint32_t caplen, uint32_t wirelen);
size_t vxt_write_section(uint8_t *p);
size_t vxt_write_interface(uint8_t *p, uint32_t linktype, bool fine, const char *name, size_t name_len);

/* The name of a tunnel's interface; returns its length. */
size_t vxt_write_tunnel_name(char *name, const vxt_tunnel_key *key);

/* An enhanced packet block around data that already stands VXT_WRITE_PACKET_LEN bytes behind `p`, with a comment where
 * comment_len is not 0. */
typedef struct vxt_write_packet {
    int64_t ts;
    uint32_t interface, caplen, wirelen;
    bool fine;     /* ticks are nanoseconds, else microseconds */
    bool outgoing; /* with the direction flag */
    const char *comment;
    size_t comment_len;
} vxt_write_packet;

/* All of the block's bytes, data included. */
size_t vxt_write_packet_size(const vxt_write_packet *packet);
void vxt_write_packet_around(uint8_t *p, const vxt_write_packet *packet);

/* Whether a classic pcap's unsigned seconds hold this time; others are written as 0, as is 'no time' in both formats.
 */
bool vxt_write_fits_pcap(int64_t ts);

#endif
