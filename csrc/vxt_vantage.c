#include "vxt_vantage.h"

#include "vxt_hash.h"

static bool is_there(const vxt_vantage *row, const vxt_packet *r)
{
    return row->vni == r->vni && row->source == r->source && memcmp(row->outer_src, r->outer_src, VXT_IPLEN) == 0;
}

static uint32_t find_vantage(vxt_vantages *table, const vxt_packet *r)
{
    uint64_t h = vxt_mix(vxt_mix(table->seed, vxt_le64(r->outer_src)), vxt_le64(r->outer_src + 8));
    uint32_t slot = (uint32_t)(vxt_mix(h, (uint64_t)r->vni << 32 | r->source) % VXT_VANTAGE_SLOTS);
    vxt_vantage *row;

    for (; table->slots[slot]; slot = (slot + 1) % VXT_VANTAGE_SLOTS)
        if (is_there(&table->rows[table->slots[slot] - 1u], r))
            return table->slots[slot] - 1u;
    if (table->count == VXT_MAX_VANTAGES)
        return VXT_MAX_VANTAGES;
    row = &table->rows[table->count];
    *row = (vxt_vantage){.vni = r->vni, .source = r->source};
    memcpy(row->outer_src, r->outer_src, VXT_IPLEN);
    table->slots[slot] = (uint16_t)(table->count + 1);
    return table->count++;
}

uint32_t vxt_vantage_of(vxt_vantages *table, const vxt_packet *r, uint32_t guess)
{
    uint32_t found = guess < table->count && is_there(&table->rows[guess], r) ? guess : find_vantage(table, r);

    table->rows[found].frames++;
    return found;
}

uint32_t vxt_delay_bin(int64_t delay)
{
    uint64_t rest = delay > 0 ? (uint64_t)delay : 0;
    uint32_t power = 0, bin;

    if (rest < VXT_DELAY_PARTS)
        return (uint32_t)rest;
    while (rest >= 2 * VXT_DELAY_PARTS) {
        rest >>= 1;
        power++;
    }
    bin = (power + 1) * VXT_DELAY_PARTS + (uint32_t)(rest - VXT_DELAY_PARTS);
    return bin < VXT_DELAY_BINS ? bin : VXT_DELAY_BINS - 1;
}

int64_t vxt_delay_least(uint32_t bin)
{
    uint32_t power = bin / VXT_DELAY_PARTS;

    if (power < 2)
        return bin;
    return (int64_t)(VXT_DELAY_PARTS + bin % VXT_DELAY_PARTS) << (power - 1);
}

static vxt_pair *find_pair(vxt_pairs *table, uint64_t seed, uint32_t first, uint32_t second)
{
    uint32_t slot = (uint32_t)(vxt_mix(seed, (uint64_t)first << 32 | second) % VXT_PAIR_SLOTS);

    for (; table->slots[slot]; slot = (slot + 1) % VXT_PAIR_SLOTS) {
        vxt_pair *row = &table->rows[table->slots[slot] - 1u];
        if (row->first == first && row->second == second)
            return row;
    }
    if (table->count == VXT_MAX_PAIRS)
        return NULL;
    table->rows[table->count] = (vxt_pair){.first = first, .second = second, .least = INT64_MAX, .most = INT64_MIN};
    table->slots[slot] = (uint16_t)(table->count + 1);
    return &table->rows[table->count++];
}

void vxt_pairs_add(vxt_pairs *table, uint64_t seed, uint32_t first, uint32_t second, int64_t delay)
{
    vxt_pair *pair = find_pair(table, seed, first, second);

    if (!pair) {
        table->other++;
        return;
    }
    pair->count++;
    if (delay < pair->least)
        pair->least = delay;
    if (delay > pair->most)
        pair->most = delay;
    pair->bins[vxt_delay_bin(delay)]++;
}
