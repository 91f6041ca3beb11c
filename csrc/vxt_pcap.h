/* vxt_pcap.h: classic pcap files (https://www.tcpdump.org/manpages/pcap-savefile.5.html) and their relatives. */
#ifndef VXT_PCAP_H
#define VXT_PCAP_H

#include "vxt_frame.h"
#include "vxt_interface.h"

/* Magics: X(magic, nanoseconds, extra bytes in each record header). The modified one is of Alexey Kuznetzov's
 * patches to libpcap 0.4, still written by some appliances. */
#define VXT_PCAP_MAGICS(X)                                                                                             \
    X(0xa1b2c3d4, false, 0)                                                                                            \
    X(0xa1b23c4d, true, 0)                                                                                             \
    X(0xa1b2cd34, false, 8)

enum { VXT_PCAP_HEADER_LEN = 24, VXT_PCAP_RECORD_LEN = 16 };

/* Which of a record's two lengths comes first: old writers disagreed. */
typedef enum vxt_swap { VXT_SWAP_NO, VXT_SWAP_YES, VXT_SWAP_MAYBE } vxt_swap;

typedef struct vxt_pcap {
    bool plain; /* VXT_PCAP_PLAIN in all but its version */
    bool big;   /* byte order of the file */
    vxt_swap lengths;
    uint32_t record_len; /* bytes of a record header */
    uint32_t tick;       /* nanoseconds: 1000 or 1 */
    vxt_link_kind link;
    uint16_t major, minor;
} vxt_pcap;

/* What nearly all files are, with a tick and a link layer that vary. */
#define VXT_PCAP_PLAIN(tick, link) ((vxt_pcap){true, false, VXT_SWAP_NO, VXT_PCAP_RECORD_LEN, tick, link, 2, 4})

/* Whether a file that starts with these four bytes is a classic pcap. */
bool vxt_pcap_is(const uint8_t *magic);

/* Pass the file header and set up the only interface, or find it where the current one is the same already. VXT_OK,
 * MORE_INPUT, MORE_INTERFACES, BAD_VERSION; `in` moves only on OK. */
vxt_status vxt_pcap_open(vxt_pcap *file, vxt_interfaces *table, vxt_slice *in);

/* The record at the start of `in`, which does not move. VXT_OK and `frame` but its number and interface, with its
 * offset counted from the start of `in`; MORE_INPUT; BAD_RECORD. */
vxt_status vxt_pcap_next(const vxt_pcap *file, vxt_slice in, vxt_frame *frame);

#endif
