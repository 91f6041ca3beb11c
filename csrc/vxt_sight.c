#include "vxt_sight.h"

/* The bit that stands for an interface; 0 where there are more than are told apart. */
static uint64_t bit_of(vxt_sights *sights, uint64_t interface)
{
    uint32_t i = sights->recent;

    if (i >= sights->interface_count || sights->interfaces[i] != interface)
        for (i = 0; i < sights->interface_count && sights->interfaces[i] != interface; i++)
            ;
    if (i == VXT_SIGHT_INTERFACES)
        return 0;
    if (i == sights->interface_count)
        sights->interfaces[sights->interface_count++] = interface;
    sights->recent = i;
    return UINT64_C(1) << i;
}

static bool is_near(int64_t a, int64_t b)
{
    uint64_t apart = a < b ? (uint64_t)b - (uint64_t)a : (uint64_t)a - (uint64_t)b;
    return apart <= VXT_SIGHT_WINDOW;
}

static vxt_sight *bucket_of(const vxt_sights *sights, uint64_t hash)
{
    return &sights->items[hash & (sights->capacity - 1) & ~(uint64_t)(VXT_SIGHT_WAYS - 1)];
}

/* The earliest packet that this is a second sight of, or NULL. */
static vxt_sight *find_sight(vxt_sight *bucket, const vxt_sighting *packet, uint64_t hash, uint64_t bit)
{
    vxt_sight *best = NULL;

    for (int i = 0; i < VXT_SIGHT_WAYS; i++) {
        vxt_sight *it = &bucket[i];
        if (it->hash != hash || it->seen == 0 || it->seen & bit || it->wire != packet->wire ||
            it->captured != vxt_left(packet->bytes) || !is_near(it->ts, packet->ts))
            continue;
        if (!best || it->ts < best->ts)
            best = it;
    }
    return best;
}

/* The place to remember a packet in: a free one, or that of the one that is longest ago. */
static vxt_sight *oldest(vxt_sight *bucket)
{
    vxt_sight *best = bucket;

    for (int i = 1; i < VXT_SIGHT_WAYS && best->seen; i++)
        if (!bucket[i].seen || bucket[i].ts < best->ts)
            best = &bucket[i];
    return best;
}

vxt_status vxt_sights_look(vxt_sights *sights, const vxt_sighting *packet)
{
    uint64_t hash, bit;
    vxt_sight *bucket, *it;

    if (packet->frame == sights->frame)
        return sights->second ? VXT_SECOND_SIGHT : VXT_OK;
    if (sights->capacity == 0)
        return VXT_MORE_SIGHTS;
    if (!(bit = bit_of(sights, packet->interface)))
        return VXT_OK;
    hash = vxt_hash_bytes(&sights->key, packet->bytes);
    bucket = bucket_of(sights, hash);
    it = find_sight(bucket, packet, hash, bit);
    sights->second = it != NULL;
    if (it) {
        it->seen |= bit;
    } else {
        it = oldest(bucket);
        if (it->seen && is_near(it->ts, packet->ts) && sights->capacity < VXT_MAX_SIGHTS)
            return VXT_MORE_SIGHTS;
        *it = (vxt_sight){hash, bit, packet->ts, (uint32_t)vxt_left(packet->bytes), packet->wire};
    }
    sights->frame = packet->frame;
    return sights->second ? VXT_SECOND_SIGHT : VXT_OK;
}

void vxt_sights_move(vxt_sights *sights, vxt_sight *items, uint32_t capacity)
{
    vxt_sights old = *sights;

    sights->items = items;
    sights->capacity = capacity;
    for (uint32_t i = 0; i < old.capacity; i++)
        if (old.items[i].seen)
            *oldest(bucket_of(sights, old.items[i].hash)) = old.items[i];
}
