#include "vxt_text.h"

#include "vxt_bytes.h"

static const char DIGITS[] = "0123456789abcdef";

enum { GROUPS = 8 };

static bool is_ipv4(const uint8_t *address) { return vxt_be64(address) == 0 && vxt_be32(address + 8) == 0xffff; }

static size_t put_decimal(char *text, uint8_t value)
{
    size_t n = 0;
    if (value >= 100)
        text[n++] = DIGITS[value / 100];
    if (value >= 10)
        text[n++] = DIGITS[value / 10 % 10];
    text[n++] = DIGITS[value % 10];
    return n;
}

static size_t put_group(char *text, uint16_t value)
{
    size_t n = 0;
    for (int shift = 12; shift >= 0; shift -= 4)
        if (n || value >> shift || shift == 0)
            text[n++] = DIGITS[value >> shift & 0xf];
    return n;
}

/* RFC 5952 4.2: the longest run of two or more zero groups, the first of equals, becomes "::". */
static int longest_zeros(const uint8_t *address, int *start)
{
    int best = 1, run = 0;

    *start = GROUPS;
    for (int i = 0; i < GROUPS; i++) {
        run = vxt_be16(address + 2 * i) ? 0 : run + 1;
        if (run > best) {
            best = run;
            *start = i + 1 - run;
        }
    }
    return *start == GROUPS ? 0 : best;
}

static size_t format_ipv6(const uint8_t *address, char *text)
{
    int start, zeros = longest_zeros(address, &start);
    size_t n = 0;

    for (int i = 0; i < GROUPS;) {
        if (zeros && i == start) {
            text[n++] = ':';
            text[n++] = ':';
            i += zeros;
            continue;
        }
        if (i > 0 && text[n - 1] != ':')
            text[n++] = ':';
        n += put_group(text + n, vxt_be16(address + 2 * i++));
    }
    return n;
}

size_t vxt_format_ip(const uint8_t *address, char *text)
{
    size_t n;

    if (!is_ipv4(address))
        return format_ipv6(address, text);
    n = put_decimal(text, address[12]);
    for (int i = 13; i < VXT_IPLEN; i++) {
        text[n++] = '.';
        n += put_decimal(text + n, address[i]);
    }
    return n;
}

size_t vxt_format_mac(const uint8_t *mac, char *text)
{
    for (size_t i = 0; i < VXT_MACLEN; i++) {
        text[3 * i] = DIGITS[mac[i] >> 4];
        text[3 * i + 1] = DIGITS[mac[i] & 0xf];
        if (i + 1 < VXT_MACLEN)
            text[3 * i + 2] = ':';
    }
    return VXT_MAC_TEXT;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

static bool read_ipv4(const char *text, size_t length, uint8_t *out)
{
    size_t at = 0;

    for (int part = 0; part < 4; part++) {
        int value = 0;
        size_t start = at;
        while (at < length && at - start < 3 && digit(text[at]) < 10)
            value = value * 10 + digit(text[at++]);
        if (at == start || value > 255 || (at - start > 1 && text[start] == '0'))
            return false;
        out[part] = (uint8_t)value;
        if (part < 3 && (at == length || text[at++] != '.'))
            return false;
    }
    return at == length;
}

/* One group of hex digits at text[*at]; false where there is none. */
static bool read_group(const char *text, size_t length, size_t *at, uint8_t *out)
{
    unsigned value = 0;
    size_t start = *at;

    while (*at < length && *at - start < 4 && digit(text[*at]) < 16)
        value = value << 4 | (unsigned)digit(text[(*at)++]);
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
    return *at > start;
}

static bool has_dot(const char *text, size_t length)
{
    for (size_t i = 0; i < length && text[i] != ':'; i++)
        if (text[i] == '.')
            return true;
    return false;
}

/* Groups fill `out` from the left; at "::" the place is remembered, and what came after it moves to the right end. */
static bool read_ipv6(const char *text, size_t length, uint8_t *out)
{
    size_t at = 0, filled = 0, gap = VXT_IPLEN + 1;

    if (length >= 2 && text[0] == ':' && text[1] == ':') {
        gap = 0;
        at = 2;
    }
    while (at < length && filled < VXT_IPLEN) {
        if (has_dot(text + at, length - at)) { /* the last four bytes may be written as IPv4 */
            if (filled > VXT_IPLEN - 4 || !read_ipv4(text + at, length - at, out + filled))
                return false;
            filled += 4;
            at = length;
            break;
        }
        if (!read_group(text, length, &at, out + filled))
            return false;
        filled += 2;
        if (at == length)
            break;
        if (text[at++] != ':' || at == length)
            return false;
        if (text[at] == ':') {
            if (gap <= VXT_IPLEN)
                return false;
            gap = filled;
            at++;
        }
    }
    if (at < length || (gap > VXT_IPLEN ? filled < VXT_IPLEN : filled > VXT_IPLEN - 2))
        return false;
    if (gap <= VXT_IPLEN) {
        memmove(out + VXT_IPLEN - (filled - gap), out + gap, filled - gap);
        memset(out + gap, 0, VXT_IPLEN - filled);
    }
    return true;
}

bool vxt_parse_ip(const char *text, size_t length, uint8_t *address)
{
    uint8_t ipv4[4];

    if (!has_dot(text, length))
        return read_ipv6(text, length, address);
    if (!read_ipv4(text, length, ipv4))
        return false;
    vxt_put_mapped(address, ipv4);
    return true;
}

bool vxt_parse_mac(const char *text, size_t length, uint8_t *mac)
{
    if (length != VXT_MAC_TEXT)
        return false;
    for (size_t i = 0; i < VXT_MACLEN; i++) {
        const char *p = text + 3 * i;
        if (digit(p[0]) > 15 || digit(p[1]) > 15)
            return false;
        if (i + 1 < VXT_MACLEN && (p[2] != text[2] || (p[2] != ':' && p[2] != '-')))
            return false;
        mac[i] = (uint8_t)(digit(p[0]) << 4 | digit(p[1]));
    }
    return true;
}

void vxt_format_array(const uint8_t *in, size_t stride, size_t count, size_t size, uint32_t *out, size_t width)
{
    char text[VXT_IP_TEXT];

    for (size_t i = 0; i < count; i++) {
        const uint8_t *address = in + i * stride;
        size_t n = size == VXT_IPLEN ? vxt_format_ip(address, text) : vxt_format_mac(address, text);
        for (size_t k = 0; k < width; k++)
            out[i * width + k] = k < n ? (uint8_t)text[k] : 0;
    }
}

size_t vxt_parse_array(const uint32_t *in, size_t width, size_t count, size_t size, uint8_t *out)
{
    char text[VXT_IP_TEXT + 7]; /* "0000:...:255.255.255.255" is the longest form there is */

    for (size_t i = 0; i < count; i++) {
        const uint32_t *from = in + i * width;
        size_t n = 0, k;
        while (n < width && from[n] && n < sizeof text) {
            text[n] = from[n] < 0x80 ? (char)from[n] : '?';
            n++;
        }
        for (k = n; k < width && !from[k]; k++)
            ;
        if (k < width) /* too long, or something behind a NUL */
            return i;
        if (!(size == VXT_IPLEN ? vxt_parse_ip(text, n, out + i * size) : vxt_parse_mac(text, n, out + i * size)))
            return i;
    }
    return count;
}

bool vxt_all_ipv4(const uint8_t *in, size_t stride, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!is_ipv4(in + i * stride))
            return false;
    return true;
}
