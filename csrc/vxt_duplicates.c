#include "vxt_duplicates.h"

void vxt_duplicates_begin(vxt_duplicates *duplicates)
{
    for (uint32_t i = 0; i < VXT_TWIN_CHAINS; i++)
        duplicates->chains[i] = (vxt_place){0, VXT_NO_LANE};
    duplicates->vantages->seed = duplicates->seed;
}

/* What was seen from more points than are told apart cannot be compared: two points would pass for one. */
static bool is_comparable(const vxt_entry *entry)
{
    return entry->twin.same.whole && entry->twin.vantage < VXT_MAX_VANTAGES;
}

void vxt_duplicates_read(vxt_duplicates *duplicates, vxt_lane *lane, vxt_entry *entry)
{
    vxt_twin *twin = &entry->twin;

    twin->same = vxt_same_of(duplicates->seed, vxt_entry_frame(entry), &entry->r);
    twin->vantage = lane->vantage = vxt_vantage_of(duplicates->vantages, &entry->r, lane->vantage);
    if (!is_comparable(entry))
        duplicates->undecided++;
}

static vxt_place *chain_of(const vxt_duplicates *duplicates, const vxt_entry *entry)
{
    return &duplicates->chains[entry->twin.same.key >> 16 & (VXT_TWIN_CHAINS - 1)];
}

static bool is_near(const vxt_duplicates *duplicates, int64_t a, int64_t b)
{
    int64_t apart = a > b ? vxt_time_minus(a, b) : vxt_time_minus(b, a);

    return apart <= duplicates->window;
}

static bool is_same(const vxt_entry *a, const vxt_entry *b)
{
    return vxt_same_payload(vxt_entry_frame(a), &a->twin.same, vxt_entry_frame(b), &b->twin.same) &&
           vxt_same_head(vxt_entry_frame(a), &a->r, vxt_entry_frame(b), &b->r);
}

/* The packets that a chain tells of: those that the vantage point has seen, and those that it may be seeing now. */
typedef struct acquaintance {
    uint64_t seen[VXT_TWIN_STEPS];
    const vxt_entry *others[VXT_TWIN_STEPS];
    uint32_t seen_count, other_count;
    bool whole; /* the chain has come to its end */
} acquaintance;

static void walk(const vxt_duplicates *duplicates, const vxt_lane *lanes, const vxt_entry *entry, acquaintance *found)
{
    const vxt_twin *twin = &entry->twin;
    vxt_place place = *chain_of(duplicates, entry);

    found->seen_count = found->other_count = 0;
    found->whole = true;
    for (uint32_t step = 0; step < VXT_TWIN_STEPS; step++) {
        const vxt_entry *one;
        if (place.lane == VXT_NO_LANE || !vxt_lane_has(&lanes[place.lane], place.at))
            return;
        one = vxt_lane_at(&lanes[place.lane], place.at);
        if (one->twin.same.key == twin->same.key && one->twin.same.identity == twin->same.identity) {
            if (one->twin.vantage == twin->vantage)
                found->seen[found->seen_count++] = one->twin.instance;
            else if (is_near(duplicates, one->twin.first, entry->at))
                found->others[found->other_count++] = one;
        }
        place = one->twin.next;
    }
    found->whole = false;
}

static bool has_seen(const acquaintance *found, uint64_t instance)
{
    for (uint32_t i = 0; i < found->seen_count; i++)
        if (found->seen[i] == instance)
            return true;
    return false;
}

/* Paths keep the order of packets: so it is the oldest of them. */
static const vxt_entry *oldest(const acquaintance *found, const vxt_entry *entry)
{
    const vxt_entry *best = NULL;

    for (uint32_t i = 0; i < found->other_count; i++) {
        const vxt_entry *one = found->others[i];
        if ((!best || one->twin.instance < best->twin.instance) && !has_seen(found, one->twin.instance) &&
            is_same(one, entry))
            best = one;
    }
    return best;
}

bool vxt_duplicates_look(const vxt_duplicates *duplicates, const vxt_lane *lanes, vxt_entry *entry)
{
    vxt_twin *twin = &entry->twin;
    const vxt_entry *best = NULL;
    acquaintance found;

    if (is_comparable(entry)) {
        walk(duplicates, lanes, entry, &found);
        best = found.whole ? oldest(&found, entry) : NULL;
        twin->crowded = !found.whole;
    }
    if (best) {
        twin->instance = best->twin.instance;
        twin->first = best->twin.first;
        twin->first_from = best->twin.first_from;
        return true;
    }
    twin->instance = duplicates->instances;
    twin->first = entry->at;
    twin->first_from = twin->vantage;
    return false;
}

/* Data that begins where that of another point began and is the same as far as both go, in pieces of another size. */
static bool is_in_pieces(const vxt_duplicates *duplicates, const vxt_lane *lanes, const vxt_entry *entry)
{
    vxt_place place = *chain_of(duplicates, entry);

    for (uint32_t step = 0; step < VXT_TWIN_STEPS; step++) {
        const vxt_entry *one;
        if (place.lane == VXT_NO_LANE || !vxt_lane_has(&lanes[place.lane], place.at))
            return false;
        one = vxt_lane_at(&lanes[place.lane], place.at);
        if (one->twin.same.key == entry->twin.same.key && one->twin.vantage != entry->twin.vantage &&
            one->twin.same.payload_len != entry->twin.same.payload_len && is_near(duplicates, one->at, entry->at) &&
            vxt_same_payload(vxt_entry_frame(one), &one->twin.same, vxt_entry_frame(entry), &entry->twin.same))
            return true;
        place = one->twin.next;
    }
    return false;
}

void vxt_duplicates_note(vxt_duplicates *duplicates, const vxt_lane *lanes, vxt_place place, bool dropped)
{
    vxt_entry *entry = vxt_lane_at(&lanes[place.lane], place.at);
    vxt_twin *twin = &entry->twin;
    vxt_place *chain = chain_of(duplicates, entry);

    if (dropped)
        vxt_pairs_add(duplicates->pairs, duplicates->seed, twin->first_from, twin->vantage,
                      vxt_time_minus(entry->at, twin->first));
    else
        duplicates->instances++;
    if (!is_comparable(entry))
        return;
    duplicates->undecided += twin->crowded;
    if (!dropped && twin->same.data && is_in_pieces(duplicates, lanes, entry))
        duplicates->supers++;
    twin->next = *chain;
    *chain = place;
}
