#include "vxt_duplicates.h"

void vxt_duplicates_begin(vxt_duplicates *duplicates)
{
    duplicates->vantages->seed = duplicates->seed;
    vxt_twins_begin(&duplicates->twins);
}

static bool is_cut(const vxt_entry *entry) { return entry->mark.same.captured < entry->mark.same.payload_len; }

/* What has no time may be anywhere; what was seen from more points than are told apart cannot be compared, since two of
 * them would pass for one. */
static bool is_comparable(const vxt_entry *entry)
{
    return entry->mark.same.whole && entry->r.ts != VXT_NAT && entry->mark.vantage < VXT_MAX_VANTAGES;
}

void vxt_duplicates_read(vxt_duplicates *duplicates, vxt_lane *lane, vxt_entry *entry)
{
    vxt_mark *mark = &entry->mark;

    mark->vantage = lane->vantage = vxt_vantage_of(duplicates->vantages, &entry->r, lane->vantage);
    mark->group = vxt_mix(mark->same.identity, mark->digest);
    if (mark->same.whole && is_cut(entry))
        duplicates->any_cut = true;
}

void vxt_duplicates_forget(vxt_duplicates *duplicates)
{
    duplicates->forgotten++;
    vxt_twins_drop(&duplicates->twins);
}

vxt_status vxt_duplicates_room(vxt_duplicates *duplicates, int64_t now)
{
    vxt_twins *twins = &duplicates->twins;
    int64_t least = vxt_time_minus(now, duplicates->window);

    while (twins->tail < twins->head && vxt_twins_at(twins, twins->tail)->out < least)
        vxt_twins_drop(twins);
    if (duplicates->any_cut && !twins->payloads)
        return VXT_MORE_HISTORY;
    return vxt_twins_full(twins) ? VXT_MORE_SIGHTS : VXT_OK;
}

static bool is_near(const vxt_duplicates *duplicates, int64_t a, int64_t b)
{
    int64_t apart = a > b ? vxt_time_minus(a, b) : vxt_time_minus(b, a);

    return apart <= duplicates->window;
}

static uint64_t point_of(const vxt_entry *entry) { return vxt_mix(entry->mark.group, entry->mark.vantage); }

/* Of packets that are alike to the last byte, a vantage point has seen all up to some one, and none behind it: each of
 * its sights was taken for the oldest one that it had not seen. So that one's successor is the only one to ask. */
static uint64_t find_alike(const vxt_duplicates *duplicates, const vxt_entry *entry)
{
    const vxt_twins *twins = &duplicates->twins;
    uint64_t newest = vxt_twins_find(twins, VXT_TWIN_GROUP, entry->mark.group), own, next;

    if (!newest)
        return 0;
    own = vxt_twins_find(twins, VXT_TWIN_POINT, point_of(entry));
    next = vxt_twins_at(twins, newest)->oldest;
    if (own && vxt_twins_has(twins, vxt_twins_at(twins, own)->upto))
        next = vxt_twins_at(twins, vxt_twins_at(twins, own)->upto)->newer;
    for (uint32_t step = 0; step < VXT_TWIN_STEPS && vxt_twins_has(twins, next); step++) {
        const vxt_twin *one = vxt_twins_at(twins, next);
        if (is_near(duplicates, one->first, entry->at))
            return next;
        next = one->newer;
    }
    return 0;
}

/* What a chain tells of packets with the same identity, where some sights are cut. */
typedef struct acquaintance {
    uint64_t out[VXT_TWIN_STEPS]; /* packets that it is none of: seen already, or others */
    uint64_t maybe[VXT_TWIN_STEPS];
    uint32_t out_count, maybe_count;
    size_t compared; /* bytes */
    bool undecided;
} acquaintance;

typedef enum likeness { ALIKE, UNLIKE, UNKNOWN } likeness;

static likeness compare(const vxt_twins *twins, const vxt_twin *one, const vxt_entry *entry, size_t *compared)
{
    const vxt_same *same = &entry->mark.same;
    vxt_slice theirs = vxt_twins_payload(twins, one), ours = vxt_entry_frame(entry);
    const uint8_t *p, *q;
    size_t n;

    if (one->captured == same->captured)
        return one->keys[VXT_TWIN_GROUP] == entry->mark.group ? ALIKE : UNLIKE;
    if (!one->bytes || *compared > VXT_TWIN_COMPARED)
        return UNKNOWN;
    vxt_skip(&ours, same->payload);
    n = same->captured < vxt_left(theirs) ? same->captured : vxt_left(theirs);
    *compared += n;
    p = vxt_peek(ours, n);
    q = vxt_peek(theirs, n);
    return p && q && (n == 0 || memcmp(p, q, n) == 0) ? ALIKE : UNLIKE;
}

static void meet(const vxt_duplicates *duplicates, const vxt_twin *one, const vxt_entry *entry, acquaintance *found)
{
    likeness like;

    if (one->identity != entry->mark.same.identity)
        return;
    like = compare(&duplicates->twins, one, entry, &found->compared);
    if (one->vantage == entry->mark.vantage || like == UNLIKE)
        found->out[found->out_count++] = one->instance;
    else if (like == ALIKE && is_near(duplicates, one->first, entry->at))
        found->maybe[found->maybe_count++] = one->instance;
    if (like == UNKNOWN)
        found->undecided = true;
}

static bool is_out(const acquaintance *found, uint64_t instance)
{
    for (uint32_t i = 0; i < found->out_count; i++)
        if (found->out[i] == instance)
            return true;
    return false;
}

/* Where sights are cut, two that equal a third one may be different: all of a packet's sights are asked. */
static uint64_t find_cut(const vxt_duplicates *duplicates, const vxt_entry *entry, bool *undecided)
{
    const vxt_twins *twins = &duplicates->twins;
    acquaintance found = {.out_count = 0};
    uint64_t number = vxt_twins_last(twins, VXT_TWIN_PLACE, entry->mark.same.key), best = 0;

    for (uint32_t step = 0; step < VXT_TWIN_STEPS && vxt_twins_has(twins, number); step++) {
        meet(duplicates, vxt_twins_at(twins, number), entry, &found);
        number = vxt_twins_at(twins, number)->next[VXT_TWIN_PLACE];
    }
    *undecided = found.undecided || vxt_twins_has(twins, number);
    if (*undecided)
        return 0;
    for (uint32_t i = 0; i < found.maybe_count; i++)
        if ((!best || found.maybe[i] < best) && !is_out(&found, found.maybe[i]))
            best = found.maybe[i];
    return vxt_twins_has(twins, best) ? best : 0;
}

/* The last sight with the same identity. */
static uint64_t find_identity(const vxt_twins *twins, const vxt_entry *entry)
{
    uint64_t number = vxt_twins_last(twins, VXT_TWIN_PLACE, entry->mark.same.key);

    for (uint32_t step = 0; step < VXT_TWIN_STEPS && vxt_twins_has(twins, number); step++) {
        const vxt_twin *one = vxt_twins_at(twins, number);
        if (one->identity == entry->mark.same.identity)
            return number;
        number = one->next[VXT_TWIN_PLACE];
    }
    return 0;
}

/* Whether it, or another one with the same identity, is cut. */
static bool is_of_cut_ones(const vxt_duplicates *duplicates, const vxt_entry *entry)
{
    uint64_t last;

    if (!duplicates->any_cut)
        return false;
    if (is_cut(entry))
        return true;
    last = find_identity(&duplicates->twins, entry);
    return last && vxt_twins_has(&duplicates->twins, vxt_twins_at(&duplicates->twins, last)->last_cut);
}

bool vxt_duplicates_look(const vxt_duplicates *duplicates, const vxt_entry *entry, vxt_question *question)
{
    *question = (vxt_question){0, false};
    if (!is_comparable(entry))
        question->undecided = true;
    else if (is_of_cut_ones(duplicates, entry))
        question->instance = find_cut(duplicates, entry, &question->undecided);
    else
        question->instance = find_alike(duplicates, entry);
    return question->instance != 0;
}

/* Whether another point has seen data that begins here in pieces of another size. */
static bool is_in_pieces(const vxt_twins *twins, const vxt_entry *entry)
{
    uint64_t number = vxt_twins_last(twins, VXT_TWIN_PLACE, entry->mark.same.key);

    for (uint32_t step = 0; step < VXT_TWIN_STEPS && vxt_twins_has(twins, number); step++) {
        const vxt_twin *one = vxt_twins_at(twins, number);
        if (one->keys[VXT_TWIN_PLACE] == entry->mark.same.key && one->vantage != entry->mark.vantage &&
            one->payload_len != entry->mark.same.payload_len)
            return true;
        number = one->next[VXT_TWIN_PLACE];
    }
    return false;
}

/* The sight as it is remembered. */
static vxt_twin twin_of(const vxt_duplicates *duplicates, const vxt_entry *entry, const vxt_question *question,
                        int64_t now)
{
    const vxt_twins *twins = &duplicates->twins;
    const vxt_mark *mark = &entry->mark;
    uint64_t own = vxt_twins_find(twins, VXT_TWIN_POINT, point_of(entry));
    const vxt_twin *first = question->instance ? vxt_twins_at(twins, question->instance) : NULL;
    vxt_twin twin = {
        .keys = {mark->same.key, mark->group, point_of(entry)},
        .identity = mark->same.identity,
        .instance = question->instance ? question->instance : twins->head,
        .first = first ? first->first : entry->at,
        .out = now,
        .vantage = mark->vantage,
        .first_from = first ? first->first_from : mark->vantage,
        .captured = mark->same.captured,
        .payload_len = mark->same.payload_len,
    };

    twin.upto = own && vxt_twins_at(twins, own)->upto > twin.instance ? vxt_twins_at(twins, own)->upto : twin.instance;
    return twin;
}

/* A packet of its own: the newest of those that are alike. */
static void link_newest(vxt_twins *twins, uint64_t number)
{
    vxt_twin *twin = vxt_twins_at(twins, number);
    uint64_t before = vxt_twins_find(twins, VXT_TWIN_GROUP, twin->keys[VXT_TWIN_GROUP]);

    twin->oldest = before ? vxt_twins_at(twins, before)->oldest : number;
    if (before)
        vxt_twins_at(twins, before)->newer = number;
    vxt_twins_link(twins, VXT_TWIN_GROUP, number, true);
}

static void keep_payload(vxt_duplicates *duplicates, const vxt_entry *entry, uint64_t number)
{
    vxt_twins *twins = &duplicates->twins;
    uint64_t last = find_identity(twins, entry);
    vxt_slice payload = vxt_entry_frame(entry);

    vxt_twins_at(twins, number)->last_cut = is_cut(entry) ? number : last ? vxt_twins_at(twins, last)->last_cut : 0;
    vxt_skip(&payload, entry->mark.same.payload);
    vxt_clip(&payload, entry->mark.same.captured);
    duplicates->forgotten += vxt_twins_keep(twins, payload);
}

void vxt_duplicates_note(vxt_duplicates *duplicates, const vxt_entry *entry, const vxt_question *question, int64_t now)
{
    vxt_twins *twins = &duplicates->twins;
    vxt_twin twin;
    uint64_t number;

    duplicates->undecided += question->undecided;
    if (!is_comparable(entry))
        return;
    twin = twin_of(duplicates, entry, question, now);
    if (question->instance)
        vxt_pairs_add(duplicates->pairs, duplicates->seed, twin.first_from, twin.vantage,
                      vxt_time_minus(entry->at, twin.first));
    else if (entry->mark.same.data && is_in_pieces(twins, entry))
        duplicates->supers++;
    number = vxt_twins_add(twins, &twin);
    if (duplicates->any_cut)
        keep_payload(duplicates, entry, number);
    if (!question->instance)
        link_newest(twins, number);
    vxt_twins_link(twins, VXT_TWIN_POINT, number, true);
    vxt_twins_link(twins, VXT_TWIN_PLACE, number, false);
}
