/* Packets of several sources -> one sequence: each comes out once or is counted, in order, and no vantage point
 * duplicates itself; with as little memory as is asked for. */
#include "merging.h"

#include "vxt_bytes.h"

enum { PIECE = 16, MOST_STEPS = 20 * FUZZ_MOST_ITEMS, ELSEWHERE = 1 << 30 };

typedef struct run {
    fuzz_merge_setup setup;
    fuzz_items items;
    vxt_merge merge;
    vxt_lane lanes[FUZZ_LANES];
    vxt_output output;
    vxt_duplicates duplicates;
    vxt_key key;
    size_t next[FUZZ_LANES];       /* the first item that may still have to be pushed */
    size_t order[FUZZ_MOST_ITEMS]; /* items as they came out */
    size_t count;
    bool filled; /* some lane was full: what comes out then may be late */
    fuzz_bytes written;
} run;

/* Memory that is large, and need not be fresh. */
typedef struct tables {
    uint64_t chains[VXT_TWIN_KEYS * VXT_TWIN_CHAINS];
    uint8_t payloads[VXT_TWIN_BYTES];
    vxt_vantages vantages;
    vxt_pairs pairs;
    vxt_tunnels tunnels;
} tables;

static tables large;
static run it;

/* ---------------------------------------------------------------- begin and end */

static void begin_duplicates(void)
{
    memset(&large.vantages, 0, sizeof large.vantages);
    memset(&large.pairs, 0, sizeof large.pairs);
    it.duplicates = (vxt_duplicates){.seed = it.setup.seed, .window = it.setup.dedup_window};
    it.duplicates.twins.chains = large.chains;
    it.duplicates.vantages = &large.vantages;
    it.duplicates.pairs = &large.pairs;
    it.merge.duplicates = &it.duplicates;
}

static void begin(void)
{
    const fuzz_merge_setup *setup = &it.setup;

    memset(it.lanes, 0, sizeof it.lanes);
    memset(it.next, 0, sizeof it.next);
    it.count = 0;
    it.filled = false;
    it.written = (fuzz_bytes){0};
    vxt_key_set(&it.key, setup->seed);
    it.merge = (vxt_merge){.lanes = it.lanes,
                           .lane_count = setup->lanes,
                           .window = setup->window,
                           .frames = setup->frames,
                           .identify = setup->identify,
                           .mark = setup->mark,
                           .key = &it.key,
                           .seed = setup->seed};
    for (uint32_t i = 0; i < setup->lanes; i++) {
        it.lanes[i].knots = setup->knots[i];
        it.lanes[i].knot_count = setup->knot_count[i];
        it.lanes[i].fine = i & 1;
    }
    memset(&large.tunnels, 0, sizeof large.tunnels);
    it.output = (vxt_output){
        .pcapng = setup->pcapng, .ethernet = setup->ethernet, .nano = setup->nano, .tunnels = &large.tunnels};
    if (setup->dedup)
        begin_duplicates();
    vxt_merge_begin(&it.merge);
}

static void end(void)
{
    for (uint32_t i = 0; i < it.setup.lanes; i++)
        free(it.lanes[i].ring);
    free(it.merge.queue.items);
    free(it.duplicates.twins.items);
    free(it.written.p);
    it.duplicates = (vxt_duplicates){0};
}

/* ---------------------------------------------------------------- memory */

/* The queue has room for so many more packets, and one a lane, and no more. */
static void have_places(size_t more)
{
    vxt_queue *queue = &it.merge.queue;

    queue->items = fuzz_move(queue->items, queue->count * sizeof *queue->items,
                             (queue->count + more + it.setup.lanes) * sizeof *queue->items);
    queue->room = queue->count + more + it.setup.lanes;
}

/* A larger ring, within the limit, or where nothing lies in it. */
static bool grow(vxt_lane *lane)
{
    uint64_t size = lane->size ? 2 * lane->size : it.setup.ring;
    uint8_t *before = lane->ring, *ring;

    if (size > it.setup.most_ring && vxt_lane_used(lane) > 0)
        return false;
    ring = fuzz_allocate(size);
    vxt_lane_move(lane, ring, size);
    free(before);
    return true;
}

static bool remember(vxt_status status)
{
    vxt_twins *twins = &it.duplicates.twins;
    vxt_twin *before = twins->items, *items;
    uint64_t capacity = twins->capacity ? 2 * twins->capacity : 1;

    if (status == VXT_MORE_HISTORY) {
        REQUIRE(!twins->payloads);
        twins->payloads = large.payloads;
        return true;
    }
    if (status != VXT_MORE_SIGHTS)
        return false;
    REQUIRE(it.setup.dedup && vxt_twins_full(twins));
    if (capacity > it.setup.most_twins) {
        vxt_duplicates_forget(&it.duplicates);
        return true;
    }
    items = fuzz_allocate(capacity * sizeof *items);
    vxt_twins_move(twins, items, capacity);
    free(before);
    return true;
}

/* ---------------------------------------------------------------- in */

/* The rows of a push, and the bytes that their frames lie in. */
typedef struct batch {
    size_t numbers[FUZZ_MOST_ITEMS], count;
    fuzz_bytes rows, window, pieces;
} batch;

static void add_piece(batch *b, vxt_packet *r, const fuzz_item *item)
{
    static const uint8_t padding[7];
    uint8_t head[PIECE];

    r->offset = ELSEWHERE + r->frame;
    vxt_put_le32(head, (uint32_t)r->offset);
    vxt_put_le32(head + 4, 0);
    vxt_put_le32(head + 8, r->caplen);
    vxt_put_le32(head + 12, 0);
    fuzz_append(&b->pieces, head, sizeof head);
    fuzz_append(&b->pieces, item->frame, r->caplen);
    fuzz_append(&b->pieces, padding, (8 - r->caplen % 8) % 8);
}

static void fill(batch *b, uint32_t lane, size_t upto)
{
    for (size_t i = it.next[lane]; i < upto; i++) {
        fuzz_item *item = &it.items.items[i];
        vxt_packet r = item->r;
        if (item->lane != lane || item->pushed)
            continue;
        r.offset = 1000 + b->window.size;
        if (item->in_piece)
            add_piece(b, &r, item);
        else
            fuzz_append(&b->window, item->frame, r.caplen);
        fuzz_append(&b->rows, &r, sizeof r);
        b->numbers[b->count++] = i;
    }
}

static vxt_slice exactly(fuzz_bytes *bytes)
{
    bytes->p = fuzz_move(bytes->p, bytes->size, bytes->size);
    return vxt_slice_of(bytes->p, bytes->size);
}

/* Push what has not been pushed of a lane's items before number `upto`; returns how many remain. */
static size_t push(uint32_t lane, size_t upto)
{
    batch b = {.count = 0};
    vxt_supply supply = {.offset = 1000};
    size_t all = 0, taken;
    vxt_status status = VXT_OK;

    fill(&b, lane, upto);
    supply.window = exactly(&b.window);
    supply.pieces = exactly(&b.pieces);
    have_places(b.count);
    do {
        const vxt_packet *rows = (const vxt_packet *)(const void *)b.rows.p;
        status = vxt_merge_push(&it.merge, lane, rows ? rows + all : rows, b.count - all, &supply, &taken);
        all += taken;
        REQUIRE(all <= b.count && status == (all == b.count ? VXT_OK : VXT_MORE_OUTPUT));
    } while (status != VXT_OK && grow(&it.lanes[lane]));
    for (size_t i = 0; i < all; i++)
        it.items.items[b.numbers[i]].pushed = true;
    if (b.count)
        it.next[lane] = all < b.count ? b.numbers[all] : b.numbers[all - 1] + 1;
    if (status != VXT_OK) {
        it.filled = true;
        vxt_merge_full(&it.merge, lane);
    }
    free(b.rows.p);
    free(b.window.p);
    free(b.pieces.p);
    return b.count - all;
}

/* ---------------------------------------------------------------- out */

static void check_identified(const fuzz_item *item, const vxt_identified *row)
{
    REQUIRE(row->identity == item->same.identity);
    REQUIRE(vxt_mix(row->identity, row->digest) == item->group);
}

static void take_row(const uint8_t *p)
{
    vxt_packet r, expected;
    fuzz_item *item;

    memcpy(&r, p, sizeof r);
    REQUIRE(r.frame >= 1 && r.frame <= it.items.count);
    item = &it.items.items[r.frame - 1];
    REQUIRE(item->pushed && !item->seen);
    item->seen = true;
    item->duplicate = r.flags & VXT_FLAG_DUPLICATE;
    REQUIRE(!item->duplicate || it.setup.mark);
    expected = item->r;
    expected.offset = r.offset;
    expected.ts = item->r.ts == VXT_NAT ? VXT_NAT : item->at;
    expected.flags |= r.flags & VXT_FLAG_DUPLICATE;
    REQUIRE(memcmp(&r, &expected, fuzz_record_bytes()) == 0);
    if (it.setup.identify)
        check_identified(item, (const vxt_identified *)(const void *)p);
    it.order[it.count++] = r.frame - 1;
}

static vxt_status pull_rows(void)
{
    size_t row = it.setup.identify ? sizeof(vxt_identified) : sizeof(vxt_packet);
    size_t size = row + it.setup.room * 3 + it.setup.room / 8 % 8, count;
    uint8_t *rows = fuzz_allocate(size);
    vxt_status status = vxt_merge_rows(&it.merge, rows, size, &count);

    REQUIRE(count <= size / row && (status != VXT_MORE_OUTPUT || count == size / row));
    for (size_t i = 0; i < count; i++)
        take_row(rows + i * row);
    free(rows);
    return status;
}

static vxt_status pull_capture(size_t *room)
{
    uint8_t *out = fuzz_allocate(*room);
    size_t made;
    vxt_status status = vxt_merge_capture(&it.merge, &it.output, out, *room, &made);

    REQUIRE(made <= *room);
    fuzz_append(&it.written, out, made);
    if (status == VXT_MORE_OUTPUT && made == 0)
        *room += it.setup.room;
    free(out);
    return status;
}

/* All that comes out by now. */
static void pull(void)
{
    size_t room = it.setup.room;
    vxt_status status;

    do {
        have_places(0);
        status = it.setup.capture ? pull_capture(&room) : pull_rows();
        REQUIRE(it.duplicates.twins.capacity <= it.setup.most_twins);
    } while (remember(status) || status == VXT_MORE_OUTPUT);
    REQUIRE(status == VXT_MORE_INPUT);
}

/* ---------------------------------------------------------------- a whole merge */

static void end_capture(void)
{
    uint8_t rest[64];

    fuzz_append(&it.written, rest, vxt_output_end(&it.output, rest));
}

static void merge_all(void)
{
    uint32_t steps = 0;

    for (size_t i = 0; i < it.items.count; i++) {
        const fuzz_item *item = &it.items.items[i];
        size_t left = item->push || item->end ? push(item->lane, i + 1) : 1;
        if (item->end && left == 0)
            vxt_merge_ended(&it.merge, item->lane);
        if (item->pull)
            pull();
    }
    for (pull(); it.merge.wanted != VXT_NO_LANE; pull()) {
        uint32_t lane = it.merge.wanted;
        REQUIRE(lane < it.setup.lanes && ++steps < MOST_STEPS);
        if (push(lane, it.items.count) == 0)
            vxt_merge_ended(&it.merge, lane);
    }
    end_capture();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!fuzz_merge_input(&it.setup, &it.items, vxt_slice_of(data, size)))
        return 0;
    begin();
    merge_all();
    fuzz_merge_check(
        &(fuzz_merged){&it.setup, &it.items, &it.merge, &it.output, it.order, it.count, it.filled, &it.written});
    end();
    return 0;
}
