#include "merging.h"

#include "vxt_bytes.h"
#include "vxt_pcap.h"

/* ---------------------------------------------------------------- books */

static void check_lanes(const fuzz_merged *it)
{
    uint64_t pushed[FUZZ_LANES] = {0}, given = 0, dropped = 0;

    for (size_t i = 0; i < it->items->count; i++) {
        REQUIRE(it->items->items[i].pushed);
        pushed[it->items->items[i].lane]++;
    }
    for (uint32_t i = 0; i < it->setup->lanes; i++) {
        const vxt_lane *lane = &it->merge->lanes[i];
        REQUIRE(lane->given + lane->dropped + lane->unfit == pushed[i] && lane->late <= lane->given);
        REQUIRE(vxt_lane_used(lane) == 0 && lane->waits == 0);
        given += lane->given;
        dropped += lane->dropped;
    }
    REQUIRE(it->merge->queue.count == 0);
    REQUIRE(it->setup->dedup || dropped == 0);
    if (!it->setup->capture)
        REQUIRE(it->count == given + (it->setup->mark ? dropped : 0));
}

static void check_unfit(const fuzz_merged *it)
{
    uint64_t unfit[FUZZ_LANES] = {0};

    for (size_t i = 0; i < it->items->count; i++) {
        const fuzz_item *item = &it->items->items[i];
        unfit[item->lane] += it->setup->capture && vxt_output_fit(it->output, &item->r) != VXT_OK;
    }
    for (uint32_t i = 0; i < it->setup->lanes; i++)
        REQUIRE(it->merge->lanes[i].unfit == unfit[i]);
}

/* ---------------------------------------------------------------- order */

/* Those that came out late aside, times rise: there is a rising row of as many as all others. */
static void check_rising(const fuzz_merged *it)
{
    int64_t ends[FUZZ_MOST_ITEMS]; /* of rising rows of each length the least last time */
    size_t longest = 0, given = 0, late = 0;

    for (size_t i = 0; i < it->count; i++) {
        const fuzz_item *item = &it->items->items[it->order[i]];
        size_t at = longest;
        if (item->duplicate)
            continue;
        given++;
        while (at > 0 && ends[at - 1] > item->at)
            at--;
        ends[at] = item->at;
        longest += at == longest;
    }
    for (uint32_t i = 0; i < it->setup->lanes; i++)
        late += it->merge->lanes[i].late;
    REQUIRE(longest + late >= given);
}

/* Whether no lane goes back by more than the window. */
static bool is_within_window(const fuzz_merged *it)
{
    int64_t before[FUZZ_LANES], newest[FUZZ_LANES];
    bool begun[FUZZ_LANES] = {false};

    for (size_t i = 0; i < it->items->count; i++) {
        const fuzz_item *item = &it->items->items[i];
        uint32_t lane = item->lane;
        int64_t sure = item->at < before[lane] ? item->at : before[lane];
        if (!begun[lane])
            newest[lane] = INT64_MIN;
        else if (sure > newest[lane])
            newest[lane] = sure;
        if (begun[lane] && item->at < vxt_time_minus(newest[lane], it->setup->window))
            return false;
        begun[lane] = true;
        before[lane] = item->at;
    }
    return true;
}

/* By time, by lane, and as the lane has them. */
static bool is_before(const fuzz_item *a, const fuzz_item *b)
{
    if (a->at != b->at)
        return a->at < b->at;
    return a->lane != b->lane ? a->lane < b->lane : a->r.frame < b->r.frame;
}

static void check_order(const fuzz_merged *it)
{
    check_rising(it);
    if (it->filled || !is_within_window(it))
        return;
    for (uint32_t i = 0; i < it->setup->lanes; i++)
        REQUIRE(it->merge->lanes[i].late == 0);
    for (size_t i = 1; i < it->count; i++)
        REQUIRE(is_before(&it->items->items[it->order[i - 1]], &it->items->items[it->order[i]]));
}

/* ---------------------------------------------------------------- duplicates */

static bool is_comparable(const fuzz_item *item) { return item->same.whole && item->r.ts != VXT_NAT; }

static bool is_near(int64_t a, int64_t b, int64_t window)
{
    return (a > b ? vxt_time_minus(a, b) : vxt_time_minus(b, a)) <= window;
}

/* A duplicate is one of something: seen elsewhere, within the window, and given. */
static void check_duplicate(const fuzz_merged *it, const fuzz_item *item)
{
    bool found = false;

    REQUIRE(is_comparable(item));
    for (size_t i = 0; i < it->items->count && !found; i++) {
        const fuzz_item *one = &it->items->items[i];
        found = !one->duplicate && is_comparable(one) && one->vantage != item->vantage &&
                one->same.identity == item->same.identity && is_near(one->at, item->at, it->setup->dedup_window);
    }
    REQUIRE(found);
}

/* What one vantage point sees are all different packets: so many were given at least. */
static void check_sights(const fuzz_merged *it, const fuzz_item *item)
{
    size_t given = 0, sights = 0;

    for (size_t i = 0; i < it->items->count; i++) {
        const fuzz_item *one = &it->items->items[i];
        if (!is_comparable(one) || one->same.identity != item->same.identity)
            continue;
        given += !one->duplicate;
        sights += one->vantage == item->vantage;
    }
    REQUIRE(given >= sights);
}

/* Whether all is remembered and can be told apart by its hash. */
static bool is_plain(const fuzz_merged *it)
{
    bool plain = !it->filled && it->setup->dedup_window == INT64_MAX && it->merge->duplicates->forgotten == 0;

    for (size_t i = 0; i < it->items->count && plain; i++) {
        const fuzz_item *item = &it->items->items[i];
        plain = is_comparable(item) && item->same.captured == item->same.payload_len && item->at > 0 &&
                item->at < INT64_MAX / 2;
    }
    return plain;
}

/* Then just as many packets alike are given as the point that saw most of them saw. */
static void check_exactly(const fuzz_merged *it, const fuzz_item *item)
{
    size_t given = 0, sights[FUZZ_LANES * 4] = {0}, most = 0;

    for (size_t i = 0; i < it->items->count; i++) {
        const fuzz_item *one = &it->items->items[i];
        if (one->group != item->group)
            continue;
        given += !one->duplicate;
        if (++sights[one->vantage] > most)
            most = sights[one->vantage];
    }
    REQUIRE(given == most);
}

static void check_tables(const fuzz_merged *it)
{
    const vxt_vantages *vantages = it->merge->duplicates->vantages;
    const vxt_pairs *pairs = it->merge->duplicates->pairs;
    uint64_t frames = 0, count = pairs->other, dropped = 0;

    for (uint32_t i = 0; i < vantages->count; i++)
        frames += vantages->rows[i].frames;
    for (uint32_t i = 0; i < pairs->count; i++) {
        const vxt_pair *pair = &pairs->rows[i];
        uint64_t binned = 0;
        for (uint32_t bin = 0; bin < VXT_DELAY_BINS; bin++)
            binned += pair->bins[bin];
        REQUIRE(pair->first != pair->second && pair->count == binned && pair->least <= pair->most);
        REQUIRE(is_near(pair->least, 0, it->setup->dedup_window) && is_near(pair->most, 0, it->setup->dedup_window));
        count += pair->count;
    }
    for (uint32_t i = 0; i < it->setup->lanes; i++)
        dropped += it->merge->lanes[i].dropped;
    REQUIRE(frames == it->items->count && count == dropped);
}

static void check_duplicates(const fuzz_merged *it)
{
    bool plain = is_plain(it);

    check_tables(it);
    if (it->setup->capture) /* it does not tell which */
        return;
    for (size_t i = 0; i < it->items->count; i++)
        it->items->items[i].duplicate |= !it->items->items[i].seen;
    for (size_t i = 0; i < it->items->count; i++) {
        const fuzz_item *item = &it->items->items[i];
        if (item->duplicate)
            check_duplicate(it, item);
        check_sights(it, item);
        if (plain)
            check_exactly(it, item);
    }
}

/* ---------------------------------------------------------------- a capture */

/* The next frame's record or block, from the first one on: false at the end. */
static bool next_record(const fuzz_merge_setup *setup, vxt_slice *rest, bool *is_packet)
{
    size_t length_at = setup->pcapng ? 4 : 8, header = setup->pcapng ? 0 : VXT_PCAP_RECORD_LEN;
    const uint8_t *p = vxt_peek(*rest, 16);

    if (vxt_left(*rest) == 0)
        return false;
    REQUIRE(p || setup->pcapng);
    p = vxt_peek(*rest, 12);
    REQUIRE(p);
    *is_packet = !setup->pcapng || vxt_le32(p) == 6;
    REQUIRE(vxt_take(rest, header + vxt_le32(p + length_at)));
    return true;
}

static void check_capture(const fuzz_merged *it)
{
    vxt_slice rest = vxt_slice_of(it->written->p, it->written->size);
    uint64_t given = 0, packets = 0;
    bool is_packet;

    if (!it->setup->pcapng)
        REQUIRE(vxt_take(&rest, VXT_PCAP_HEADER_LEN));
    while (next_record(it->setup, &rest, &is_packet))
        packets += is_packet;
    for (uint32_t i = 0; i < it->setup->lanes; i++)
        given += it->merge->lanes[i].given;
    REQUIRE(packets == given);
}

void fuzz_merge_check(const fuzz_merged *it)
{
    check_lanes(it);
    check_unfit(it);
    if (!it->setup->capture)
        check_order(it);
    if (it->setup->dedup)
        check_duplicates(it);
    if (it->setup->capture)
        check_capture(it);
}
