#include "vxt_table.h"

#include "vxt_bytes.h"

static uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 32;
}

static uint32_t slot_of(const vxt_tunnels *table, const vxt_tunnel_key *key)
{
    uint64_t h = table->seed;

    h = mix(h, vxt_le64(key->outer_src));
    h = mix(h, vxt_le64(key->outer_src + 8));
    h = mix(h, vxt_le64(key->outer_dst));
    h = mix(h, vxt_le64(key->outer_dst + 8));
    h = mix(h, (uint64_t)key->vni << 32 | key->source);
    h = mix(h, key->fine ^ table->seed);
    return (uint32_t)(h % VXT_TUNNEL_SLOTS);
}

static bool is_key(const vxt_tunnel_row *row, const vxt_tunnel_key *key)
{
    return memcmp(&row->key, key, sizeof *key) == 0;
}

vxt_tunnel_row *vxt_tunnels_find(vxt_tunnels *table, const vxt_tunnel_key *key)
{
    uint32_t slot;

    if (table->last < table->count && is_key(&table->rows[table->last], key))
        return &table->rows[table->last];
    slot = slot_of(table, key);
    while (table->slots[slot]) {
        uint32_t i = table->slots[slot] - 1u;
        if (is_key(&table->rows[i], key)) {
            table->last = i;
            return &table->rows[i];
        }
        slot = (slot + 1) % VXT_TUNNEL_SLOTS;
    }
    if (table->count == VXT_MAX_TUNNELS)
        return NULL;
    table->last = table->count++;
    table->slots[slot] = (uint16_t)table->count;
    table->rows[table->last] = (vxt_tunnel_row){.key = *key};
    return &table->rows[table->last];
}

void vxt_counters_add(vxt_counters *table, uint32_t key)
{
    uint32_t i = table->last;

    if (i >= table->count || table->rows[i].key != key)
        for (i = 0; i < table->count && table->rows[i].key != key; i++)
            ;
    if (i == table->count) {
        if (i == VXT_MAX_COUNTERS) {
            table->other++;
            return;
        }
        table->rows[i] = (vxt_counter){.key = key};
        table->count++;
    }
    table->last = i;
    table->rows[i].count++;
}
