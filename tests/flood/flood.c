/* Floods the core with as many frames or blocks as are asked for, all made to be expensive, and tells what that cost:
 * `flood KIND COUNT` prints steps (see flood.h), the bytes of its tables at their largest, and how many they may be. */
#include <stdio.h>
#include <stdlib.h>

#include "vxt_bytes.h"
#include "vxtap.h"

enum { BLOCK = 1 << 20, MOST_SLOTS = 1024, FRAME = 14 + 20 + 8, ROOM = 512 };

uint64_t flood_steps;
void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void) { flood_steps++; }

typedef struct flood {
    vxt_scan scan;
    uint8_t block[BLOCK];
    size_t filled;
    size_t memory;
    vxt_packet rows[16];
} flood;

static void *get(void *old, size_t size)
{
    void *p = realloc(old, size);

    if (!p)
        abort();
    return p;
}

static bool grow(vxt_pass *pass, vxt_status status)
{
    vxt_interfaces *interfaces = &pass->reader.interfaces;
    vxt_frags *frags = &pass->memory.frags;
    vxt_sights *sights = &pass->memory.sights;

    if (status == VXT_MORE_INTERFACES) {
        interfaces->capacity = interfaces->capacity ? 4 * interfaces->capacity : 16;
        interfaces->items = get(interfaces->items, interfaces->capacity * sizeof *interfaces->items);
    } else if (status == VXT_MORE_FRAGMENTS) {
        uint32_t capacity = frags->capacity ? 4 * frags->capacity : VXT_FRAG_LEAST;
        frags->slots = get(frags->slots, capacity * sizeof *frags->slots);
        frags->whole = get(frags->whole, VXT_MAX_DATAGRAM);
        vxt_frags_grown(frags, capacity);
    } else if (status == VXT_MORE_SIGHTS) {
        uint32_t capacity = sights->capacity ? 4 * sights->capacity : 1024;
        vxt_sight *before = sights->items;
        vxt_sights_move(sights, get(NULL, capacity * sizeof *before), capacity);
        free(before);
    } else {
        return false;
    }
    return true;
}

/* All that has been put together goes through the core; what is left of the block stays. */
static void run(flood *f)
{
    vxt_pass *pass = &f->scan.pass;
    size_t at = 0, memory;
    vxt_status status;

    do {
        size_t used, count = 0;
        status = vxt_scan_run(&f->scan, f->block + at, f->filled - at, f->rows, sizeof f->rows, &used, &count);
        at += used;
    } while (grow(pass, status) || status == VXT_MORE_OUTPUT);
    if (status != VXT_MORE_INPUT)
        abort();
    f->filled -= at;
    memmove(f->block, f->block + at, f->filled);
    memory = pass->reader.interfaces.capacity * sizeof(vxt_interface) + pass->memory.frags.capacity * sizeof(vxt_slot) +
             pass->memory.sights.capacity * sizeof(vxt_sight);
    if (memory > f->memory)
        f->memory = memory;
}

static uint8_t *put(flood *f, size_t size)
{
    uint8_t *p;

    if (f->filled + ROOM > BLOCK)
        run(f);
    p = f->block + f->filled;
    memset(p, 0, size);
    f->filled += size;
    return p;
}

/* ---------------------------------------------------------------- what it is flooded with */

/* An IPv4 fragment of eight bytes in a pcap record; `captured` of its bytes are there. */
static void put_fragment(flood *f, uint32_t key, uint16_t unit, bool more, uint32_t captured)
{
    uint32_t size = FRAME - 8 + captured;
    uint8_t *p = put(f, VXT_PCAP_RECORD_LEN + size), *ip = p + VXT_PCAP_RECORD_LEN + 14;

    vxt_put_le32(p + 8, size);
    vxt_put_le32(p + 12, FRAME);
    ip[-2] = 8;
    ip[0] = 0x45;
    ip[3] = 28;
    vxt_put_le16(ip + 4, (uint16_t)key);
    ip[6] = (uint8_t)((more ? 0x20 : 0) | unit >> 8);
    ip[7] = (uint8_t)unit;
    ip[8] = 64;
    ip[9] = 17;
    vxt_put_le32(ip + 12, key >> 16);
    vxt_put_le32(ip + 16, 1);
}

/* Every one begins a datagram. */
static void distinct(flood *f, uint32_t i) { put_fragment(f, i, 0, true, 8); }

/* Two of every three clash, and the datagram is refused. */
static void clashing(flood *f, uint32_t i) { put_fragment(f, i / 3, i % 3 == 2, i % 3 != 1, 8); }

/* Datagrams of as many fragments as there can be, from the last to the first, which never comes. */
static void many(flood *f, uint32_t i) { put_fragment(f, i / 8000, (uint16_t)(8000 - i % 8000), i % 8000 != 0, 8); }

/* The same again and again, of a datagram of many, some of which were cut. */
static void again(flood *f, uint32_t i)
{
    if (i < 4000)
        put_fragment(f, 1, (uint16_t)(i + 1), true, i == 3999 ? 4 : 8);
    else
        put_fragment(f, 1, 1, true, 8);
}

/* Pairs that complete each other. */
static void complete(flood *f, uint32_t i) { put_fragment(f, i / 2, i % 2, i % 2 == 0, 8); }

static void section(flood *f)
{
    uint8_t *p = put(f, 28);

    vxt_put_le32(p, VXT_BLOCK_SECTION);
    vxt_put_le32(p + 4, 28);
    vxt_put_le32(p + 8, VXT_BYTE_ORDER_MAGIC);
    p[12] = 1;
    vxt_put_le32(p + 24, 28);
}

static void interface(flood *f, uint32_t i)
{
    uint8_t *p;

    (void)i;
    p = put(f, 20);
    vxt_put_le32(p, VXT_BLOCK_INTERFACE);
    vxt_put_le32(p + 4, 20);
    p[8] = 1;
    vxt_put_le32(p + 16, 20);
}

/* Sections of one interface, and now and then one of as many as are remembered. */
static void sections(flood *f, uint32_t i)
{
    if (i % 131072 < 65536)
        section(f);
    interface(f, i);
}

/* One packet on two interfaces by turns, or of two by turns: see sights. */
static void put_packet(flood *f, uint32_t number, uint32_t which)
{
    enum { SIZE = 20 + 28 };
    uint8_t *p = put(f, VXT_PCAP_RECORD_LEN + SIZE), *sll = p + VXT_PCAP_RECORD_LEN, *ip = sll + VXT_SLL2_LEN;

    vxt_put_le32(p + 8, SIZE);
    vxt_put_le32(p + 12, SIZE);
    sll[0] = 8;
    sll[7] = (uint8_t)number;
    ip[0] = 0x45;
    ip[3] = 28;
    ip[9] = 17;
    vxt_put_le32(ip + 12, which);
}

static void sights(flood *f, uint32_t i) { put_packet(f, i % 2, i); }
static void same_sights(flood *f, uint32_t i) { put_packet(f, i % 16 == 0, i % 16 == 0 ? i : 7); }

/* Every frame is of a tunnel of its own. */
static void tunnels(flood *f, uint32_t i)
{
    enum { SIZE = 14 + 20 + 8 + 8 };
    uint8_t *p = put(f, VXT_PCAP_RECORD_LEN + SIZE), *ip = p + VXT_PCAP_RECORD_LEN + 14, *udp = ip + 20;

    vxt_put_le32(p + 8, SIZE);
    vxt_put_le32(p + 12, SIZE);
    ip[-2] = 8;
    ip[0] = 0x45;
    ip[3] = SIZE - 14;
    ip[9] = 17;
    vxt_put_le32(ip + 12, i);
    udp[2] = 4789 >> 8;
    udp[3] = 4789 & 0xff;
    udp[5] = SIZE - 14 - 20;
    udp[8] = 8;
    vxt_put_le16(udp + 12, (uint16_t)(i >> 4));
}

typedef struct kind {
    const char *name;
    void (*make)(flood *, uint32_t);
    bool pcapng;
    uint32_t linktype;
} kind;

static const kind kinds[] = {
    {"distinct", distinct, false, 1}, {"clashing", clashing, false, 1},
    {"many", many, false, 1},         {"again", again, false, 1},
    {"complete", complete, false, 1}, {"tunnels", tunnels, false, 1},
    {"interfaces", interface, true, 0}, {"sections", sections, true, 0},
    {"sights", sights, false, 276},   {"same-sights", same_sights, false, 276},
};

static void put_header(flood *f, const kind *k)
{
    uint8_t *p;

    if (k->pcapng) {
        section(f);
        return;
    }
    p = put(f, VXT_PCAP_HEADER_LEN);
    vxt_put_le32(p, 0xa1b2c3d4);
    vxt_put_le16(p + 4, 2);
    vxt_put_le16(p + 6, 4);
    vxt_put_le32(p + 20, k->linktype);
}

static void flood_with(const kind *k, uint32_t count)
{
    const size_t limit = VXT_MAX_INTERFACES * sizeof(vxt_interface) + MOST_SLOTS * sizeof(vxt_slot) +
                         VXT_MAX_SIGHTS * sizeof(vxt_sight);
    flood *f = calloc(1, sizeof *f);

    if (!f)
        abort();
    f->scan.row_size = sizeof(vxt_packet);
    f->scan.pass.options.once = true;
    f->scan.pass.options.depth = 1;
    vxt_key_set(&f->scan.pass.memory.sights.key, 1);
    vxt_frags_begin(&f->scan.pass.memory.frags, 1, UINT64_C(30000000000), MOST_SLOTS);
    f->scan.pass.options.ports[0] = (vxt_port){4789, VXT_TUNNEL_VXLAN};
    f->scan.pass.options.port_count = 1;
    f->scan.pass.census = get(NULL, sizeof *f->scan.pass.census);
    memset(f->scan.pass.census, 0, sizeof *f->scan.pass.census);
    put_header(f, k);
    for (uint32_t i = 0; i < count; i++)
        k->make(f, i);
    run(f);
    printf("%llu %zu %zu\n", (unsigned long long)flood_steps, f->memory, limit);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 3 && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, argv[1]) == 0) {
            flood_with(&kinds[i], (uint32_t)strtoul(argv[2], NULL, 10));
            return 0;
        }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        puts(kinds[i].name);
    return 0;
}
