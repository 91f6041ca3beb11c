#include "vxt_twins.h"

void vxt_twins_begin(vxt_twins *twins)
{
    memset(twins->chains, 0, (size_t)VXT_TWIN_KEYS * VXT_TWIN_CHAINS * sizeof *twins->chains);
    twins->tail = twins->head = 1;
}

void vxt_twins_move(vxt_twins *twins, vxt_twin *items, uint64_t capacity)
{
    for (uint64_t i = twins->tail; i < twins->head; i++)
        items[i & (capacity - 1)] = *vxt_twins_at(twins, i);
    twins->items = items;
    twins->capacity = capacity;
}

static uint64_t *chain_of(const vxt_twins *twins, vxt_twin_key chain, uint64_t key)
{
    return &twins->chains[(size_t)chain * VXT_TWIN_CHAINS + (key >> 16 & (VXT_TWIN_CHAINS - 1))];
}

uint64_t vxt_twins_last(const vxt_twins *twins, vxt_twin_key chain, uint64_t key)
{
    uint64_t number = *chain_of(twins, chain, key);

    return vxt_twins_has(twins, number) ? number : 0;
}

/* Chains are in the order in which sights came, the last one first: behind one that is not known any more there is no
 * other. */
static uint64_t *slot_with(const vxt_twins *twins, vxt_twin_key chain, uint64_t key)
{
    uint64_t *slot = chain_of(twins, chain, key);

    for (uint32_t step = 0; step < VXT_TWIN_STEPS && vxt_twins_has(twins, *slot); step++) {
        vxt_twin *twin = vxt_twins_at(twins, *slot);
        if (twin->keys[chain] == key)
            return slot;
        slot = &twin->next[chain];
    }
    return NULL;
}

uint64_t vxt_twins_find(const vxt_twins *twins, vxt_twin_key chain, uint64_t key)
{
    const uint64_t *slot = slot_with(twins, chain, key);

    return slot ? *slot : 0;
}

uint64_t vxt_twins_add(vxt_twins *twins, const vxt_twin *twin)
{
    *vxt_twins_at(twins, twins->head) = *twin;
    return twins->head++;
}

void vxt_twins_link(vxt_twins *twins, vxt_twin_key chain, uint64_t number, bool alone)
{
    vxt_twin *twin = vxt_twins_at(twins, number);
    uint64_t *slot = alone ? slot_with(twins, chain, twin->keys[chain]) : NULL;

    if (slot)
        *slot = vxt_twins_at(twins, *slot)->next[chain];
    slot = chain_of(twins, chain, twin->keys[chain]);
    twin->next[chain] = *slot;
    *slot = number;
}

void vxt_twins_drop(vxt_twins *twins)
{
    const vxt_twin *twin = vxt_twins_at(twins, twins->tail);
    uint64_t newest =
        twin->instance == twins->tail ? vxt_twins_find(twins, VXT_TWIN_GROUP, twin->keys[VXT_TWIN_GROUP]) : 0;

    if (newest && vxt_twins_at(twins, newest)->oldest == twins->tail)
        vxt_twins_at(twins, newest)->oldest = twin->newer;
    twins->tail++;
}

uint64_t vxt_twins_keep(vxt_twins *twins, vxt_slice payload)
{
    uint64_t before = twins->tail, size, left;
    vxt_twin *twin = vxt_twins_at(twins, twins->head - 1);

    vxt_clip(&payload, VXT_TWIN_PAYLOAD);
    size = vxt_left(payload);
    left = VXT_TWIN_BYTES - twins->bytes_head % VXT_TWIN_BYTES;
    if (size > left)
        twins->bytes_head += left;
    twin->bytes = twins->bytes_head + 1;
    twins->bytes_head += size;
    if (size)
        memcpy(&twins->payloads[(twin->bytes - 1) % VXT_TWIN_BYTES], payload.p, size);
    while (twins->tail < twins->head - 1 && vxt_twins_at(twins, twins->tail)->bytes &&
           vxt_twins_at(twins, twins->tail)->bytes + VXT_TWIN_BYTES <= twins->bytes_head)
        vxt_twins_drop(twins);
    return twins->tail - before;
}

vxt_slice vxt_twins_payload(const vxt_twins *twins, const vxt_twin *twin)
{
    size_t size = twin->captured < VXT_TWIN_PAYLOAD ? twin->captured : VXT_TWIN_PAYLOAD;

    if (twin->bytes == 0)
        return (vxt_slice){0};
    return vxt_slice_of(&twins->payloads[(twin->bytes - 1) % VXT_TWIN_BYTES], size);
}
