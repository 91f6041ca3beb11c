/* vxt_text.h: addresses as text and back: IPv4 dotted, IPv6 by RFC 5952, MACs with colons. */
#ifndef VXT_TEXT_H
#define VXT_TEXT_H

#include "vxt_packet.h"

enum { VXT_IPV4_TEXT = 15, VXT_IP_TEXT = 39, VXT_MAC_TEXT = 17 }; /* longest texts, without a terminator */

/* Write an address; returns the length. An IPv4-mapped one is written as IPv4. `text` has room for VXT_IP_TEXT. */
size_t vxt_format_ip(const uint8_t *address, char *text);

/* Write a MAC address, always VXT_MAC_TEXT characters. */
size_t vxt_format_mac(const uint8_t *mac, char *text);

/* Read an IPv4 (into ::ffff:a.b.c.d) or IPv6 address of `length` characters; false where it is none. Strict: no leading
 * zeros in IPv4 (octal to some), no zone, no prefix length. */
bool vxt_parse_ip(const char *text, size_t length, uint8_t *address);

/* Read six bytes in hex, with ':' or '-' between them. */
bool vxt_parse_mac(const char *text, size_t length, uint8_t *mac);

/* The same over arrays: `count` addresses of `size` bytes (16: IP, 6: MAC), `stride` bytes apart, to or from UCS-4
 * texts of `width` characters, filled up with zeros, as numpy's U type has them. */
void vxt_format_array(const uint8_t *in, size_t stride, size_t count, size_t size, uint32_t *out, size_t width);

/* Returns how many were read: fewer than `count` where the next one is no address. */
size_t vxt_parse_array(const uint32_t *in, size_t width, size_t count, size_t size, uint8_t *out);

/* Whether every address is IPv4, so that VXT_IPV4_TEXT characters do. */
bool vxt_all_ipv4(const uint8_t *in, size_t stride, size_t count);

#endif
