#include "vxt_table.h"

#include "vxt_hash.h"

static VXT_HOT bool is_raw_row(const vxt_packet *r) { return r->flags & VXT_FLAG_INNER_RAW; }

static uint32_t slot_of(const vxt_tunnels *table, const vxt_packet *r, bool fine)
{
    uint64_t h = vxt_mix(table->seed, vxt_le64(r->outer_src));

    h = vxt_mix(h, vxt_le64(r->outer_src + 8));
    h = vxt_mix(h, vxt_le64(r->outer_dst));
    h = vxt_mix(h, vxt_le64(r->outer_dst + 8));
    h = vxt_mix(h, (uint64_t)r->vni << 32 | r->source);
    h = vxt_mix(h, (uint64_t)r->tunnel << 2 | (uint64_t)is_raw_row(r) << 1 | fine);
    return (uint32_t)(h % VXT_TUNNEL_SLOTS);
}

static VXT_HOT bool is_address(const uint8_t *a, const uint8_t *b)
{
    return vxt_le32(a + 12) == vxt_le32(b + 12) && vxt_le32(a + 8) == vxt_le32(b + 8) && vxt_le64(a) == vxt_le64(b);
}

/* Compared field by field: nearly every frame comes through the tunnel of the one before, and building a key costs
 * more. */
static VXT_HOT bool is_tunnel(const vxt_tunnel_key *key, const vxt_packet *r, bool fine)
{
    return key->vni == r->vni && is_address(key->outer_src, r->outer_src) && is_address(key->outer_dst, r->outer_dst) &&
           key->source == r->source && key->fine == fine && key->raw == is_raw_row(r) && key->tunnel == r->tunnel;
}

vxt_tunnel_key vxt_tunnel_key_of(const vxt_packet *r, bool fine)
{
    vxt_tunnel_key key = {.vni = r->vni, .source = r->source, .fine = fine, .raw = is_raw_row(r), .tunnel = r->tunnel};

    memcpy(key.outer_src, r->outer_src, VXT_IPLEN);
    memcpy(key.outer_dst, r->outer_dst, VXT_IPLEN);
    return key;
}

static vxt_tunnel_row *search(vxt_tunnels *table, const vxt_packet *r, bool fine)
{
    uint32_t slot = slot_of(table, r, fine);

    while (table->slots[slot]) {
        vxt_tunnel_row *row = &table->rows[table->slots[slot] - 1u];
        if (is_tunnel(&row->key, r, fine))
            return row;
        slot = (slot + 1) % VXT_TUNNEL_SLOTS;
    }
    if (table->count == VXT_MAX_TUNNELS)
        return NULL;
    table->slots[slot] = (uint16_t)(table->count + 1);
    table->rows[table->count] = (vxt_tunnel_row){.key = vxt_tunnel_key_of(r, fine)};
    return &table->rows[table->count++];
}

VXT_HOT vxt_tunnel_row *vxt_tunnels_find(vxt_tunnels *table, const vxt_packet *r, bool fine)
{
    uint16_t *recent = &table->recent[r->vni % VXT_TUNNEL_RECENT];
    vxt_tunnel_row *row = &table->rows[*recent];
    vxt_packet packet;

    if (VXT_LIKELY(*recent < table->count && is_tunnel(&row->key, r, fine)))
        return row;
    packet = *r; /* a copy: see VXT_HOT */
    if ((row = search(table, &packet, fine)))
        *recent = (uint16_t)(row - table->rows);
    return row;
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
