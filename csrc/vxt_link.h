/* vxt_link.h: link layers, up to the network layer's first byte. */
#ifndef VXT_LINK_H
#define VXT_LINK_H

#include "vxt_bytes.h"
#include "vxt_packet.h"
#include "vxt_slice.h"

/* Link types: X(number in files, NAME, kind of header). Numbers: https://www.tcpdump.org/linktypes.html;
 * 12 and 14 are what BSD systems write for RAW. */
#define VXT_LINK_TYPES(X)                                                                                              \
    X(1, ETHERNET, ETHERNET)                                                                                           \
    X(113, LINUX_SLL, SLL)                                                                                             \
    X(276, LINUX_SLL2, SLL2)                                                                                           \
    X(0, NULL, LOOP)                                                                                                   \
    X(108, LOOP, LOOP)                                                                                                 \
    X(101, RAW, RAW)                                                                                                   \
    X(12, RAW_BSD, RAW)                                                                                                \
    X(14, RAW_OPENBSD, RAW)                                                                                            \
    X(228, IPV4, IPV4)                                                                                                 \
    X(229, IPV6, IPV6)

typedef enum vxt_link_kind {
    VXT_LINK_UNKNOWN,
    VXT_LINK_ETHERNET,
    VXT_LINK_SLL,
    VXT_LINK_SLL2,
    VXT_LINK_LOOP,
    VXT_LINK_RAW, /* IPv4 or IPv6, by its version */
    VXT_LINK_IPV4,
    VXT_LINK_IPV6
} vxt_link_kind;

enum { VXT_ETH_LEN = 14, VXT_SLL2_LEN = 20 };
enum { VXT_ETHERTYPE_IPV4 = 0x0800, VXT_ETHERTYPE_IPV6 = 0x86dd };

/* The table again, for those who build an enum; `value` is the number. Ends with a NULL name. */
extern const vxt_name vxt_link_names[];

/* What kind of header frames of this link type start with. */
vxt_link_kind vxt_link_kind_of(uint32_t linktype);

typedef struct vxt_link {
    uint16_t ethertype; /* of what follows: VXT_ETHERTYPE_IPV4, _IPV6, or anything */
    uint16_t vlan_tags; /* how many were passed */
    uint16_t vlan;      /* id of the outermost tag */
    bool outgoing;      /* a cooked header that says: sent by this machine */
    bool has_interface; /* SLL2: `interface` is set */
    uint32_t interface;
} vxt_link;

/* The bytes of a link header that is Ethernet's or SLL2's, and whether it names IPv4, without a VLAN tag before that. */
VXT_INLINE uint32_t vxt_link_len(vxt_link_kind kind) { return kind == VXT_LINK_SLL2 ? VXT_SLL2_LEN : VXT_ETH_LEN; }

VXT_INLINE bool vxt_link_names_ipv4(vxt_link_kind kind, const uint8_t *header)
{
    return vxt_be16(kind == VXT_LINK_SLL2 ? header : header + 12) == VXT_ETHERTYPE_IPV4;
}

/* Pass the link header (with `plain`, which is known to be there and to name IPv4). VXT_OK and `span` at the network layer; else why not (TRUNCATED_OUTER, MALFORMED, NOT_IP,
 * LINK_TYPE), and `link` holds what was reached. OK does not promise that the ethertype is IP's. */
vxt_status vxt_link_parse(vxt_link_kind kind, bool plain, vxt_span *span, vxt_link *link);

/* The same for Ethernet alone, inner or outer. */
vxt_status vxt_link_ethernet(bool plain, vxt_span *span, vxt_link *link);

/* Pass VLAN tags (IEEE 802.1Q, 802.1ad, and 0x9100 of switches before it) while `link->ethertype` is one. */
vxt_status vxt_link_vlans(vxt_span *span, vxt_link *link);

#endif
