/* Tables at their limits: tunnels, counters, interfaces. */
#include "check.h"

#include <stdlib.h>

#include "vxt_bytes.h"
#include "vxt_interface.h"
#include "vxt_table.h"

/* A packet of a tunnel of its own; the low bits of the VNI come round again, so that all ways of finding one are used.
 */
static vxt_packet packet_of(uint32_t i)
{
    vxt_packet r = {.vni = i % 1000, .source = i / 1000 % 3, .tunnel = VXT_TUNNEL_VXLAN};

    vxt_put_le32(r.outer_src + 12, i);
    vxt_put_le32(r.outer_dst + 4, i / 7);
    return r;
}

/* As many as there is room for, then none more; those that are there stay where they are. */
static void check_full_of_tunnels(uint64_t seed)
{
    vxt_tunnels *table = calloc(1, sizeof *table);

    if (!table)
        abort();
    table->seed = seed;
    for (uint32_t i = 0; i < VXT_MAX_TUNNELS; i++) {
        vxt_packet r = packet_of(i);
        vxt_tunnel_row *row = vxt_tunnels_find(table, &r, i % 2);
        CHECK(row == &table->rows[i] && row->frames == 0 && table->count == i + 1);
        if (row)
            row->frames = i;
    }
    for (uint32_t i = VXT_MAX_TUNNELS; i < VXT_MAX_TUNNELS + 100; i++) {
        vxt_packet r = packet_of(i);
        CHECK(vxt_tunnels_find(table, &r, i % 2) == NULL);
    }
    for (uint32_t i = VXT_MAX_TUNNELS; i-- > 0;) {
        vxt_packet r = packet_of(i);
        vxt_tunnel_row *row = vxt_tunnels_find(table, &r, i % 2);
        CHECK(row == &table->rows[i] && row->frames == i);
        CHECK(vxt_tunnels_find(table, &r, i % 2) == row); /* the quick way too */
        CHECK(vxt_tunnels_find(table, &r, !(i % 2)) == NULL);
    }
    CHECK(table->count == VXT_MAX_TUNNELS);
    free(table);
}

/* Everything in a key tells tunnels apart, and nothing else of a packet does. */
static void check_tunnel_keys(void)
{
    enum { CASES = 7 };
    vxt_tunnels *table = calloc(1, sizeof *table);
    vxt_packet packets[CASES];
    vxt_tunnel_key key;

    if (!table)
        abort();
    for (size_t i = 0; i < CASES; i++)
        packets[i] = packet_of(1);
    packets[1].outer_src[15] ^= 1;
    packets[2].outer_dst[0] ^= 1;
    packets[3].vni ^= VXT_TUNNEL_RECENT; /* the same place among the recent ones */
    packets[4].source ^= 1;
    packets[5].tunnel ^= 1;
    for (uint32_t round = 0; round < 3; round++)
        for (size_t i = 0; i < CASES; i++) {
            packets[i].frame += round; /* no part of it */
            CHECK(vxt_tunnels_find(table, &packets[i], i == 6) == &table->rows[i]);
        }
    CHECK(table->count == CASES);
    key = vxt_tunnel_key_of(&packets[4], true);
    CHECK(key.fine == 1 && key.source == packets[4].source && key.vni == 1 && key.tunnel == VXT_TUNNEL_VXLAN);
    CHECK(memcmp(key.outer_src, packets[4].outer_src, VXT_IPLEN) == 0);
    CHECK(memcmp(&key, &table->rows[4].key, sizeof key) != 0 && table->rows[4].key.fine == 0);
    free(table);
}

static void check_counters(void)
{
    vxt_counters table = {0};

    for (uint32_t round = 0; round < 3; round++)
        for (uint32_t key = 0; key < VXT_MAX_COUNTERS + 5; key++)
            vxt_counters_add(&table, key * 0x01000001u);
    CHECK(table.count == VXT_MAX_COUNTERS);
    CHECK(table.other == 15);
    for (uint32_t i = 0; i < VXT_MAX_COUNTERS; i++)
        CHECK(table.rows[i].key == i * 0x01000001u && table.rows[i].count == 3);
    vxt_counters_add(&table, 0);
    vxt_counters_add(&table, 0);
    CHECK(table.rows[0].count == 5);
    vxt_counters_add(&table, UINT32_MAX);
    CHECK(table.other == 16);
}

static void add(vxt_interfaces *table, uint32_t number)
{
    vxt_interface *it = NULL;

    CHECK(vxt_interface_add(table, &it) == VXT_OK);
    CHECK(it != NULL && it->number == number && it->frames == 0 && it->name_len == 0);
    if (it)
        it->frames = 7; /* the next one in this place starts at 0 */
}

/* A table grows by its caller, up to the limit; then earlier sections make room, and what has none is forgotten. */
static void check_interfaces(void)
{
    vxt_interfaces table = {0};
    vxt_interface *it;

    CHECK(vxt_interface_add(&table, &it) == VXT_MORE_INTERFACES && it == NULL && table.declared == 0);
    table.items = calloc(VXT_MAX_INTERFACES, sizeof *table.items);
    if (!table.items)
        abort();
    table.capacity = 3;
    for (uint32_t i = 0; i < 3; i++)
        add(&table, i);
    CHECK(vxt_interface_add(&table, &it) == VXT_MORE_INTERFACES && it == NULL && table.declared == 3);
    table.capacity = VXT_MAX_INTERFACES;
    CHECK(vxt_interface_find(&table, 2) == &table.items[2] && vxt_interface_find(&table, 3) == NULL);
    vxt_interface_section(&table);
    CHECK(vxt_interface_find(&table, 0) == NULL);
    for (uint32_t i = 3; i < VXT_MAX_INTERFACES; i++)
        add(&table, i);
    CHECK(table.count == VXT_MAX_INTERFACES && table.forgotten == 0);
    add(&table, VXT_MAX_INTERFACES); /* the first section's three make room */
    CHECK(table.forgotten == 3 && table.first == 0 && table.count == VXT_MAX_INTERFACES - 2);
    CHECK(vxt_interface_find(&table, 0) == &table.items[0] && table.items[0].number == 3);
    add(&table, VXT_MAX_INTERFACES + 1);
    add(&table, VXT_MAX_INTERFACES + 2);
    for (uint32_t i = 0; i < 5; i++)
        CHECK(vxt_interface_add(&table, &it) == VXT_OK && it == NULL);
    CHECK(table.forgotten == 8 && table.declared == VXT_MAX_INTERFACES + 8);
    CHECK(vxt_interface_find(&table, VXT_MAX_INTERFACES - 1) != NULL);
    CHECK(vxt_interface_find(&table, VXT_MAX_INTERFACES) == NULL && vxt_interface_find(&table, UINT32_MAX) == NULL);
    vxt_interface_section(&table);
    add(&table, VXT_MAX_INTERFACES + 8);
    CHECK(table.count == 1 && vxt_interface_find(&table, 0) == &table.items[0]);
    free(table.items);
}

int main(void)
{
    check_full_of_tunnels(0);
    check_full_of_tunnels(0x0123456789abcdefu);
    check_tunnel_keys();
    check_counters();
    check_interfaces();
    return done();
}
