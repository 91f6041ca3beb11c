/* vxt_pages.h: the bytes of a datagram whose fragments come in any order, in pages with a bit for every 8 bytes. */
#ifndef VXT_PAGES_H
#define VXT_PAGES_H

#include "vxt_datagram.h"

/* A datagram without pages. */
void vxt_pages_begin(vxt_datagram *d);

/* Give its pages back; returns how many they were. */
uint32_t vxt_pages_free(vxt_frags *frags, vxt_datagram *d);

/* How many it has. */
uint32_t vxt_pages_of(const vxt_datagram *d);

/* How many more a fragment needs; `d` is NULL for a new datagram. */
uint32_t vxt_pages_wanted(const vxt_datagram *d, const vxt_fragment *f);

/* Put a fragment in, for whose pages there is room. */
void vxt_pages_store(vxt_frags *frags, vxt_datagram *d, const vxt_fragment *f);

/* Whether any of these bytes have come. */
bool vxt_pages_any(const vxt_frags *frags, const vxt_datagram *d, uint32_t offset, uint32_t length);

/* Whether just these bytes have come as one fragment. */
bool vxt_pages_is_fragment(const vxt_frags *frags, const vxt_datagram *d, uint32_t offset, uint32_t length);

/* Whether it had the same bytes, as far as the captured bytes of the datagram reach without one that was cut off. */
bool vxt_pages_is_data(const vxt_frags *frags, const vxt_datagram *d, const vxt_fragment *f);

/* `length` bytes from `offset` on in one piece: of a page, or copied to frags->whole. */
const uint8_t *vxt_pages_gather(vxt_frags *frags, const vxt_datagram *d, uint32_t offset, uint32_t length);

#endif
