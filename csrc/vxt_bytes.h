/* vxt_bytes.h: loads and stores of integers at any address, by shifts.
 *
 * Compilers turn each into one instruction; casts would be undefined behaviour on odd addresses.
 */
#ifndef VXT_BYTES_H
#define VXT_BYTES_H

#include "vxt_base.h"

VXT_INLINE uint16_t vxt_be16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
VXT_INLINE uint16_t vxt_le16(const uint8_t *p) { return (uint16_t)(p[1] << 8 | p[0]); }
VXT_INLINE uint32_t vxt_be24(const uint8_t *p) { return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2]; }

VXT_INLINE uint32_t vxt_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

VXT_INLINE uint32_t vxt_le32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

VXT_INLINE uint64_t vxt_be64(const uint8_t *p) { return (uint64_t)vxt_be32(p) << 32 | vxt_be32(p + 4); }
VXT_INLINE uint64_t vxt_le64(const uint8_t *p) { return (uint64_t)vxt_le32(p + 4) << 32 | vxt_le32(p); }

/* Loads of files, whose byte order is known only when they are read. */
VXT_INLINE uint16_t vxt_load16(const uint8_t *p, bool big) { return big ? vxt_be16(p) : vxt_le16(p); }
VXT_INLINE uint32_t vxt_load32(const uint8_t *p, bool big) { return big ? vxt_be32(p) : vxt_le32(p); }
VXT_INLINE uint64_t vxt_load64(const uint8_t *p, bool big) { return big ? vxt_be64(p) : vxt_le64(p); }

/* What vxtap writes is little-endian. On machines that are too, whole numbers are copied: compilers that see bytes put
 * those of neighbours together in ways that cost more. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && !defined(VXT_PLAIN)
VXT_INLINE void vxt_put_le16(uint8_t *p, uint16_t v) { memcpy(p, &v, sizeof v); }
VXT_INLINE void vxt_put_le32(uint8_t *p, uint32_t v) { memcpy(p, &v, sizeof v); }
VXT_INLINE void vxt_put_le64(uint8_t *p, uint64_t v) { memcpy(p, &v, sizeof v); }
#else
VXT_INLINE void vxt_put_le16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

VXT_INLINE void vxt_put_le32(uint8_t *p, uint32_t v)
{
    vxt_put_le16(p, (uint16_t)v);
    vxt_put_le16(p + 2, (uint16_t)(v >> 16));
}

VXT_INLINE void vxt_put_le64(uint8_t *p, uint64_t v)
{
    vxt_put_le32(p, (uint32_t)v);
    vxt_put_le32(p + 4, (uint32_t)(v >> 32));
}
#endif

/* IPv4 as an IPv6 address: ::ffff:a.b.c.d, RFC 4291 2.5.5.2. What reads it back at once does so in parts of 8, 4 and 4
 * bytes, as they are written here: a processor hands on no wider load. */
VXT_INLINE void vxt_put_mapped(uint8_t *p, const uint8_t *ipv4)
{
    static const uint8_t prefix[4] = {0, 0, 0xff, 0xff};

    memset(p, 0, 8);
    memcpy(p + 8, prefix, 4);
    memcpy(p + 12, ipv4, 4);
}

#endif
