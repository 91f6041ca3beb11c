#include "vxt_interface.h"

static const uint64_t SECOND = 1000000000;
/* 64 bits of nanoseconds are 292 years either way. */
static const uint64_t LAST_SECOND = INT64_MAX / 1000000000, LAST_NS = INT64_MAX % 1000000000;

static uint64_t power_of_ten(unsigned n)
{
    uint64_t power = 1;
    while (n--)
        power *= 10;
    return power;
}

void vxt_interface_clock(vxt_interface *it, uint8_t ts_resol, int64_t ts_offset)
{
    unsigned n = ts_resol & 0x7f;

    it->ts_resol = ts_resol;
    it->ts_offset = ts_offset;
    it->quick = 0;
    if (ts_resol & 0x80) {
        it->unit = VXT_UNIT_BINARY;
        it->factor = n;
    } else if (n <= 9) {
        it->unit = VXT_UNIT_MULTIPLY;
        it->factor = power_of_ten(9 - n);
        if (ts_offset == 0)
            it->quick = INT64_MAX / it->factor + 1;
    } else {
        it->unit = VXT_UNIT_DIVIDE;
        it->factor = n - 9 <= 19 ? power_of_ten(n - 9) : UINT64_MAX; /* 10^20 and more: all ticks round down to 0 */
    }
}

/* The nanoseconds of `ticks`, each 2^-n seconds: whole seconds, and the fraction's 64 x 30 bit product by halves. */
static void binary_time(uint64_t ticks, unsigned n, uint64_t *seconds, uint64_t *ns)
{
    uint64_t fraction = n < 64 ? ticks & ((UINT64_C(1) << n) - 1) : ticks;
    uint64_t high = (fraction >> 32) * SECOND + (((fraction & 0xffffffff) * SECOND) >> 32); /* the product / 2^32 */

    *seconds = n < 64 ? ticks >> n : 0;
    if (n <= 32)
        *ns = (fraction * SECOND) >> n;
    else
        *ns = n - 32 < 64 ? high >> (n - 32) : 0;
}

/* seconds + offset in nanoseconds, to the last one that 64 bits hold. */
static int64_t add_offset(uint64_t seconds, uint64_t ns, int64_t offset)
{
    uint64_t size = offset < 0 ? 0 - (uint64_t)offset : (uint64_t)offset;

    if (offset >= 0 || seconds >= size) {
        if (offset >= 0 && size > UINT64_MAX - seconds)
            return VXT_NAT;
        seconds = offset >= 0 ? seconds + size : seconds - size;
        if (seconds > LAST_SECOND || (seconds == LAST_SECOND && ns > LAST_NS))
            return VXT_NAT;
        return (int64_t)(seconds * SECOND + ns);
    }
    size -= seconds + 1; /* whole seconds before 1970, and in the one that is left 1 to 10^9 nanoseconds */
    ns = SECOND - ns;
    if (size > LAST_SECOND || (size == LAST_SECOND && ns > LAST_NS))
        return VXT_NAT;
    return -(int64_t)(size * SECOND + ns);
}

int64_t vxt_interface_time(const vxt_interface *it, uint64_t ticks)
{
    uint64_t seconds, ns;

    if (ticks < it->quick)
        return (int64_t)(ticks * it->factor);
    switch (it->unit) {
    case VXT_UNIT_MULTIPLY: {
        uint64_t per_second = SECOND / it->factor;
        seconds = ticks / per_second;
        ns = ticks % per_second * it->factor;
        break;
    }
    case VXT_UNIT_DIVIDE:
        ns = it->factor == UINT64_MAX ? 0 : ticks / it->factor;
        seconds = ns / SECOND;
        ns %= SECOND;
        break;
    default:
        binary_time(ticks, (unsigned)it->factor, &seconds, &ns);
    }
    return add_offset(seconds, ns, it->ts_offset);
}

vxt_status vxt_interface_add(vxt_interfaces *table, vxt_interface **it)
{
    *it = NULL;
    if (table->count == table->capacity) {
        if (table->capacity < VXT_MAX_INTERFACES)
            return VXT_MORE_INTERFACES;
        /* Full: interfaces of earlier sections are not needed for reading on. */
        if (table->first == 0) {
            table->forgotten++;
            table->declared++;
            return VXT_OK;
        }
        table->count -= table->first;
        table->forgotten += table->first;
        memmove(table->items, table->items + table->first, table->count * sizeof *table->items);
        table->first = 0;
    }
    *it = &table->items[table->count++];
    memset(*it, 0, sizeof **it);
    (*it)->number = table->declared;
    table->declared++;
    return VXT_OK;
}

void vxt_interface_section(vxt_interfaces *table)
{
    table->first = table->count;
    table->section = table->declared;
}

vxt_interface *vxt_interface_find(const vxt_interfaces *table, uint32_t id)
{
    return id < table->count - table->first ? &table->items[table->first + id] : NULL;
}
