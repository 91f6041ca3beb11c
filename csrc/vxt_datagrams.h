/* vxt_datagrams.h: datagrams by their keys, in a hash table, and by their age, in lists. */
#ifndef VXT_DATAGRAMS_H
#define VXT_DATAGRAMS_H

#include "vxt_datagram.h"

/* The key of a datagram, into a hash; `kind` is its IP version and protocol. */
uint64_t vxt_datagrams_mix(uint64_t hash, const uint8_t *src, const uint8_t *dst, uint32_t id, uint32_t kind);

/* The datagram that a fragment belongs to by its key, or VXT_FRAG_NONE. */
uint32_t vxt_datagrams_find(const vxt_frags *frags, const vxt_fragment *f);

/* A new one for a fragment, for which there is room. */
uint32_t vxt_datagrams_add(vxt_frags *frags, const vxt_fragment *f);

/* Forget one for good. */
void vxt_datagrams_drop(vxt_frags *frags, uint32_t i);

/* Make one the newest of a list, or take it out of that. */
void vxt_datagrams_append(vxt_frags *frags, vxt_frag_list *list, uint32_t i);
void vxt_datagrams_take_out(vxt_frags *frags, vxt_frag_list *list, uint32_t i);

/* Note the frame that a fragment came in, for which there is room; and give back all that were noted. */
void vxt_datagrams_hold(vxt_frags *frags, vxt_datagram *d, uint64_t frame);
void vxt_datagrams_free_held(vxt_frags *frags, vxt_datagram *d);

/* How many things of a kind are left, of which a slot has `each`. */
uint32_t vxt_datagrams_left(const vxt_frags *frags, const vxt_spares *things, uint32_t each);

/* Build the hash table anew: the capacity has changed. */
void vxt_datagrams_rehash(vxt_frags *frags);

#endif
