/* vxt_inner.h: the inner frame, Ethernet to L4, into the columns of a record. docs/record.md has the rules. */
#ifndef VXT_INNER_H
#define VXT_INNER_H

#include "vxt_packet.h"
#include "vxt_slice.h"

/* Fill the inner columns of `r`, which are zero, up to `level`; with INNER_RAW the frame starts with IP, and
 * `ethertype` says which. `plain`: it is known to be plain IPv4 on Ethernet, with a whole header. Whatever the bytes say, this cannot fail: it sets flags. */
void vxt_inner_parse(vxt_span frame, vxt_level level, bool plain, vxt_packet *r);

#endif
