#include "harness.h"

void *fuzz_allocate(size_t size)
{
    void *p = malloc(size);

    if (!p) {
        fprintf(stderr, "no memory: %zu bytes\n", size);
        abort();
    }
    return p;
}

void *fuzz_move(void *old, size_t used, size_t size)
{
    void *p = fuzz_allocate(size);

    if (used)
        memcpy(p, old, used);
    free(old);
    return p;
}

void fuzz_append(fuzz_bytes *bytes, const void *more, size_t size)
{
    if (bytes->size + size > bytes->room) {
        bytes->room = 2 * (bytes->size + size);
        bytes->p = fuzz_move(bytes->p, bytes->size, bytes->room);
    }
    if (size)
        memcpy(bytes->p + bytes->size, more, size);
    bytes->size += size;
}

void fuzz_same(const fuzz_bytes *a, const fuzz_bytes *b)
{
    REQUIRE(a->size == b->size);
    REQUIRE(a->size == 0 || memcmp(a->p, b->p, a->size) == 0);
}

uint64_t fuzz_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* ---------------------------------------------------------------- options */

static void add_port(vxt_options *options, uint16_t port, uint8_t tunnel)
{
    options->ports[options->port_count++] = (vxt_port){port, tunnel};
}

static void set_ports(vxt_options *options, uint8_t bits)
{
    for (const vxt_name *row = vxt_tunnel_names; row->name; row++)
        if (row->port && (row->value == VXT_TUNNEL_VXLAN || bits >> row->value & 1))
            add_port(options, (uint16_t)row->port, (uint8_t)row->value);
    if (bits & 1)
        add_port(options, 8472, VXT_TUNNEL_VXLAN);
}

/* Byte 0: switches. 1: depth, level, whether VNIs are chosen. 2: ports in the low four bits, kinds of GRE in the others.
 * 3: time-out and memory for fragments. 4: a census. 5 to 7: seeds. */
bool fuzz_setup_of(fuzz_setup *setup, vxt_slice *input)
{
    static const uint64_t timeouts[] = {30000000000, 0, 1, 1000000, 1000000000, INT64_MAX, 1000, UINT64_MAX};
    const uint8_t *p = vxt_take(input, FUZZ_OPTION_BYTES);
    vxt_options *options = &setup->options;

    memset(setup, 0, sizeof *setup);
    if (!p)
        return false;
    options->once = p[0] & 1;
    options->partial = p[0] >> 1 & 1;
    options->skipped_rows = p[0] >> 2 & 1;
    setup->pcapng = p[0] >> 3 & 1;
    setup->keep_others = setup->pcapng && p[0] >> 4 & 1;
    setup->ethernet = p[0] >> 5 & 1;
    options->source = p[0] >> 6 & 1;
    options->plain = p[0] >> 7 & 1;
    options->depth = 1 + p[1] % VXT_MAX_DEPTH;
    options->level = (vxt_level)((p[1] >> 3) % (VXT_LEVEL_FLOW + 1));
    setup->vnis[0] = 7;
    setup->vnis[1] = 4096;
    options->vni_count = p[1] >> 6 == 3 ? 2 : 0;
    if (!options->plain)
        set_ports(options, p[2] & 15);
    options->gre = (uint32_t)(p[2] >> 4) << VXT_TUNNEL_GRE & ~(1u << VXT_TUNNEL_ERSPAN_I);
    if (options->gre >> VXT_TUNNEL_ERSPAN_II & 1) /* one option stands for all three */
        options->gre |= 1u << VXT_TUNNEL_ERSPAN_I | 1u << VXT_TUNNEL_ERSPAN_III;
    if (options->plain)
        options->gre = 0;
    setup->timeout = timeouts[p[3] & 7];
    setup->most = (uint32_t)VXT_FRAG_LEAST << (p[3] >> 3 & 3);
    setup->census = setup->pcapng || p[4] & 1;
    setup->random = (uint64_t)p[5] << 8 | p[6];
    setup->seed = p[7];
    return true;
}

void fuzz_pass_begin(vxt_pass *pass, const fuzz_setup *setup)
{
    pass->first = INT64_MAX;
    pass->last = INT64_MIN;
    pass->options = setup->options;
    pass->options.vnis = setup->vnis;
    vxt_key_set(&pass->memory.sights.key, setup->seed);
    vxt_frags_begin(&pass->memory.frags, setup->seed, setup->timeout, setup->most);
    if (!setup->census)
        return;
    pass->census = calloc(1, sizeof *pass->census);
    REQUIRE(pass->census);
    pass->census->tunnels.seed = setup->seed;
}

void fuzz_pass_end(vxt_pass *pass)
{
    free(pass->census);
    free(pass->reader.interfaces.items);
    free(pass->memory.sights.items);
    free(pass->memory.frags.slots);
    free(pass->memory.frags.whole);
}

/* ---------------------------------------------------------------- growing */

void fuzz_grow_interfaces(vxt_interfaces *table)
{
    REQUIRE(table->count == table->capacity && table->capacity < VXT_MAX_INTERFACES);
    table->capacity = table->capacity ? 2 * table->capacity : 1;
    table->items = fuzz_move(table->items, table->count * sizeof *table->items, table->capacity * sizeof *table->items);
}

static void grow_sights(vxt_sights *table)
{
    uint32_t capacity = table->capacity ? 4 * table->capacity : 1;
    vxt_sight *items = fuzz_allocate(capacity * sizeof *items), *before = table->items;

    REQUIRE(capacity <= VXT_MAX_SIGHTS);
    vxt_sights_move(table, items, capacity);
    free(before);
}

void fuzz_grow_fragments(vxt_frags *frags)
{
    uint32_t capacity = frags->capacity ? 2 * frags->capacity : VXT_FRAG_LEAST;

    REQUIRE(frags->capacity < frags->most && capacity <= frags->most);
    frags->slots = fuzz_move(frags->slots, frags->capacity * sizeof *frags->slots, capacity * sizeof *frags->slots);
    if (!frags->whole)
        frags->whole = fuzz_allocate(VXT_MAX_DATAGRAM);
    vxt_frags_grown(frags, capacity);
}

/* Bytes that were passed, in memory of their own. */
static void recall(vxt_sights *sights, vxt_slice capture)
{
    vxt_stretch stretch = vxt_sights_history(sights);
    uint32_t unhashed = sights->unhashed;
    uint8_t *bytes;

    vxt_skip(&capture, stretch.offset);
    vxt_clip(&capture, stretch.length);
    REQUIRE(vxt_left(capture) == stretch.length);
    bytes = fuzz_allocate(stretch.length);
    memcpy(bytes, capture.p, stretch.length);
    vxt_sights_recall(sights, vxt_slice_of(bytes, stretch.length));
    free(bytes);
    REQUIRE(sights->unhashed < unhashed);
}

bool fuzz_grow(vxt_pass *pass, vxt_status status, vxt_slice capture)
{
    switch (status) {
    case VXT_MORE_INTERFACES:
        fuzz_grow_interfaces(&pass->reader.interfaces);
        return true;
    case VXT_MORE_SIGHTS:
        grow_sights(&pass->memory.sights);
        return true;
    case VXT_MORE_HISTORY:
        recall(&pass->memory.sights, capture);
        return true;
    case VXT_MORE_FRAGMENTS:
        fuzz_grow_fragments(&pass->memory.frags);
        return true;
    default:
        return false;
    }
}

/* ---------------------------------------------------------------- books */

static uint64_t sum(const uint64_t *counts)
{
    uint64_t all = 0;

    for (int i = 0; i < VXT_OUTCOMES; i++)
        all += counts[i];
    return all;
}

/* Each count on its own: a sum alone would also add up where one has gone below zero. */
void fuzz_check_books(const vxt_pass *pass)
{
    for (int i = 0; i < VXT_OUTCOMES; i++)
        REQUIRE(pass->outcomes[i] <= pass->reader.frames && pass->kept[i] <= pass->reader.frames);
    REQUIRE(sum(pass->outcomes) == pass->reader.frames);
    REQUIRE(sum(pass->kept) == pass->outcomes[VXT_KEPT]);
    REQUIRE(pass->timeless <= pass->reader.frames);
}

static void check_same_counters(const vxt_counters *a, const vxt_counters *b)
{
    REQUIRE(a->count == b->count && a->other == b->other);
    for (uint32_t i = 0; i < a->count; i++)
        REQUIRE(a->rows[i].key == b->rows[i].key && a->rows[i].count == b->rows[i].count);
}

static void check_same_census(const vxt_census *a, const vxt_census *b)
{
    check_same_counters(&a->interfaces, &b->interfaces);
    check_same_counters(&a->ports, &b->ports);
    REQUIRE(a->unreachables == b->unreachables);
    REQUIRE(a->tunnels.count == b->tunnels.count && a->tunnels.other == b->tunnels.other);
    for (uint32_t i = 0; i < a->tunnels.count; i++) {
        const vxt_tunnel_row *x = &a->tunnels.rows[i], *y = &b->tunnels.rows[i];
        REQUIRE(x->key.vni == y->key.vni && x->key.tunnel == y->key.tunnel && x->key.source == y->key.source);
        REQUIRE(x->frames == y->frames && x->bytes == y->bytes && x->output == y->output);
    }
}

void fuzz_check_same_books(const vxt_pass *a, const vxt_pass *b)
{
    REQUIRE(memcmp(a->outcomes, b->outcomes, sizeof a->outcomes) == 0);
    REQUIRE(memcmp(a->kept, b->kept, sizeof a->kept) == 0);
    REQUIRE(a->reader.frames == b->reader.frames);
    REQUIRE(vxt_reader_fault_offset(&a->reader) == vxt_reader_fault_offset(&b->reader));
    REQUIRE(a->timeless == b->timeless && a->first == b->first && a->last == b->last);
    REQUIRE(a->reader.interfaces.declared == b->reader.interfaces.declared);
    REQUIRE(a->reader.format == b->reader.format);
    REQUIRE(!a->census == !b->census);
    if (a->census)
        check_same_census(a->census, b->census);
}

bool fuzz_is_fault(vxt_status status) { return status > VXT_GIVE_UP && status < VXT_STATUS_COUNT; }

size_t fuzz_record_bytes(void)
{
    size_t end = 0;

    for (const vxt_field *field = vxt_fields; field->name; field++)
        if (end < (size_t)field->offset + field->size)
            end = (size_t)field->offset + field->size;
    return end;
}

/* ---------------------------------------------------------------- input */

fuzz_window fuzz_window_of(vxt_slice input, fuzz_pace pace, uint64_t random)
{
    return (fuzz_window){.input = input, .pace = pace, .random = random, .data = fuzz_allocate(0)};
}

/* Most blocks are small, some are not. */
static size_t block_size(fuzz_window *window)
{
    uint64_t random = fuzz_random(&window->random);

    switch (window->pace) {
    case FUZZ_BYTES:
        return 1;
    case FUZZ_RANDOM:
        return 1 + (size_t)((random >> 8) % (UINT64_C(1) << (random & 15) % 12));
    default:
        return vxt_left(window->input);
    }
}

bool fuzz_window_more(fuzz_window *window, size_t used)
{
    size_t left = window->size - used, more = block_size(window);
    uint8_t *data;

    REQUIRE(used <= window->size);
    if (vxt_left(window->input) == 0)
        return false;
    if (more > vxt_left(window->input))
        more = vxt_left(window->input);
    data = fuzz_allocate(left + more);
    memcpy(data, window->data + used, left);
    memcpy(data + left, vxt_take(&window->input, more), more);
    free(window->data);
    window->data = data;
    window->size = left + more;
    return true;
}
