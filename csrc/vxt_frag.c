#include "vxt_frag.h"

#include "vxt_pages.h"

static vxt_datagram *at(const vxt_frags *frags, uint32_t i) { return &frags->slots[i].datagram; }

/* ---------------------------------------------------------------- the tables */

static uint32_t hash_of(const vxt_frags *frags, const uint8_t *src, const uint8_t *dst, uint32_t id, uint32_t kind)
{
    uint64_t h = vxt_mix(frags->seed, vxt_le64(src));

    h = vxt_mix(h, vxt_le64(src + 8));
    h = vxt_mix(h, vxt_le64(dst));
    h = vxt_mix(h, vxt_le64(dst + 8));
    h = vxt_mix(h, (uint64_t)id << 32 | kind);
    return (uint32_t)(h % frags->capacity);
}

static uint32_t *chain_of(const vxt_frags *frags, const vxt_datagram *d)
{
    return &frags->slots[hash_of(frags, d->src, d->dst, d->id, (uint32_t)d->version << 8 | d->proto)].head;
}

static bool is_key(const vxt_datagram *d, const vxt_fragment *f)
{
    return d->id == f->id && d->version == f->version && d->proto == f->proto &&
           memcmp(d->src, f->src, VXT_IPLEN) == 0 && memcmp(d->dst, f->dst, VXT_IPLEN) == 0;
}

static uint32_t find(const vxt_frags *frags, const vxt_fragment *f)
{
    uint32_t i;

    if (frags->capacity == 0)
        return VXT_FRAG_NONE;
    i = frags->slots[hash_of(frags, f->src, f->dst, f->id, (uint32_t)f->version << 8 | f->proto)].head;
    while (i != VXT_FRAG_NONE && !is_key(at(frags, i), f))
        i = at(frags, i)->next;
    return i;
}

static void append(vxt_frags *frags, vxt_frag_list *list, uint32_t i)
{
    at(frags, i)->older = list->newest;
    at(frags, i)->newer = VXT_FRAG_NONE;
    if (list->newest == VXT_FRAG_NONE)
        list->oldest = i;
    else
        at(frags, list->newest)->newer = i;
    list->newest = i;
}

static void take_out(vxt_frags *frags, vxt_frag_list *list, uint32_t i)
{
    const vxt_datagram *d = at(frags, i);

    if (d->older == VXT_FRAG_NONE)
        list->oldest = d->newer;
    else
        at(frags, d->older)->newer = d->newer;
    if (d->newer == VXT_FRAG_NONE)
        list->newest = d->older;
    else
        at(frags, d->newer)->older = d->older;
}

static void free_held(vxt_frags *frags, vxt_datagram *d)
{
    while (d->held != VXT_FRAG_NONE) {
        uint32_t i = d->held;
        d->held = vxt_frags_held(frags, i)->next;
        vxt_frags_held(frags, i)->next = frags->held.first;
        frags->held.first = i;
        frags->held.count++;
    }
}

/* Forget a datagram for good. */
static void drop(vxt_frags *frags, uint32_t i)
{
    vxt_datagram *d = at(frags, i);
    uint32_t *link = chain_of(frags, d), pages = vxt_pages_free(frags, d);

    while (*link != i)
        link = &at(frags, *link)->next;
    *link = d->next;
    if (d->state == VXT_DATAGRAM_DONE)
        frags->done_pages -= pages;
    take_out(frags, d->state == VXT_DATAGRAM_DONE ? &frags->done : &frags->waiting, i);
    free_held(frags, d);
    frags->slots[i].next_free_datagram = frags->datagrams.first;
    frags->datagrams.first = i;
    frags->datagrams.count++;
}

static uint32_t add_datagram(vxt_frags *frags, const vxt_fragment *f)
{
    uint32_t i = frags->datagrams.first, *head;
    vxt_datagram *d;

    if (frags->datagrams.count) {
        frags->datagrams.first = frags->slots[i].next_free_datagram;
        frags->datagrams.count--;
    } else {
        i = frags->datagrams.used++;
    }
    d = at(frags, i);
    d->has_first = false;
    d->version = f->version;
    d->proto = f->proto;
    memcpy(d->src, f->src, VXT_IPLEN);
    memcpy(d->dst, f->dst, VXT_IPLEN);
    d->id = f->id;
    d->state = VXT_DATAGRAM_OPEN;
    d->ts = frags->clock;
    d->total = d->have = d->reach = d->frames = 0;
    d->cut = UINT32_MAX;
    d->held = VXT_FRAG_NONE;
    vxt_pages_begin(d);
    head = chain_of(frags, d);
    d->next = *head;
    *head = i;
    append(frags, &frags->waiting, i);
    return i;
}

/* ---------------------------------------------------------------- decisions */

static bool is_malformed(const vxt_fragment *f)
{
    return f->length == 0 || (f->more && f->length % VXT_FRAG_UNIT != 0) || f->offset + f->length > VXT_MAX_DATAGRAM;
}

static bool is_old(const vxt_frags *frags, const vxt_datagram *d)
{
    return d->ts != VXT_NAT && frags->clock > d->ts && (uint64_t)frags->clock - (uint64_t)d->ts > frags->timeout;
}

/* Whether a fragment contradicts those that are here. */
static bool is_clash(const vxt_frags *frags, const vxt_datagram *d, const vxt_fragment *f)
{
    uint32_t end = f->offset + f->length;

    if (d->total && (end > d->total || (!f->more && end != d->total)))
        return true;
    if (!f->more && d->reach > end)
        return true;
    return vxt_pages_any(frags, d, f->offset, f->length);
}

/* Whether this very fragment has come before. */
static bool is_again(const vxt_frags *frags, const vxt_datagram *d, const vxt_fragment *f)
{
    uint32_t end = f->offset + f->length;

    return f->more != (d->total == end) && vxt_pages_is_fragment(frags, d, f->offset, f->length) &&
           vxt_pages_is_data(frags, d, f);
}

static vxt_status leave(vxt_frags *frags, uint32_t i, vxt_status as)
{
    frags->leaving = i;
    frags->leaving_as = as;
    return VXT_GIVE_UP;
}

/* The oldest of those that wait has to go; refused ones just do. */
static vxt_status leave_one(vxt_frags *frags)
{
    uint32_t i = frags->waiting.oldest;

    if (at(frags, i)->state == VXT_DATAGRAM_OPEN)
        return leave(frags, i, VXT_FRAGMENT_LOST);
    drop(frags, i);
    return VXT_OK;
}

static vxt_status expire(vxt_frags *frags)
{
    vxt_status status = VXT_OK;

    while (status == VXT_OK && frags->waiting.oldest != VXT_FRAG_NONE && is_old(frags, at(frags, frags->waiting.oldest)))
        status = leave_one(frags);
    return status;
}

static uint32_t left(const vxt_frags *frags, const vxt_spares *things, uint32_t each)
{
    return frags->capacity * each - things->used + things->count;
}

/* Room for one more fragment, of this datagram or (NULL) a new one. */
static vxt_status make_room(vxt_frags *frags, const vxt_datagram *d, const vxt_fragment *f)
{
    uint32_t pages = vxt_pages_wanted(d, f), datagrams = d ? 0 : 1;
    vxt_status status = VXT_OK;

    while (status == VXT_OK) {
        if (left(frags, &frags->pages, 1) >= pages && left(frags, &frags->datagrams, 1) >= datagrams &&
            left(frags, &frags->held, VXT_FRAG_HELD))
            return VXT_OK;
        if (frags->done.oldest != VXT_FRAG_NONE)
            drop(frags, frags->done.oldest);
        else if (frags->capacity < frags->most)
            status = VXT_MORE_FRAGMENTS;
        else
            status = leave_one(frags);
    }
    return status;
}

static void hold(vxt_frags *frags, vxt_datagram *d, uint64_t frame, uint32_t unit, size_t captured)
{
    uint32_t i = frags->held.first;

    if (frags->held.count) {
        frags->held.first = vxt_frags_held(frags, i)->next;
        frags->held.count--;
    } else {
        i = frags->held.used++;
    }
    *vxt_frags_held(frags, i) = (vxt_held){frame, d->held, (uint16_t)unit, (uint16_t)captured};
    d->held = i;
}

/* A fragment that has come before. Who repeats one for ever must not push others out of memory. */
static void note_again(vxt_frags *frags, vxt_datagram *d, const vxt_fragment *f)
{
    d->frames++;
    if (left(frags, &frags->held, VXT_FRAG_HELD) > frags->capacity * VXT_FRAG_HELD / 2)
        hold(frags, d, f->frame, VXT_FRAG_AGAIN, 0);
}

static vxt_status store(vxt_frags *frags, uint32_t i, const vxt_fragment *f)
{
    vxt_datagram *d = at(frags, i);
    uint32_t captured = (uint32_t)vxt_left(f->data), end = f->offset + f->length;

    if (f->offset == 0)
        d->inside = f->inside;
    hold(frags, d, f->frame, f->offset / VXT_FRAG_UNIT, captured);
    d->frames++;
    vxt_pages_store(frags, d, f);
    if (captured < f->length && f->offset + captured < d->cut)
        d->cut = f->offset + captured;
    if (!f->more)
        d->total = end;
    if (end > d->reach)
        d->reach = end;
    d->have += f->length;
    if (d->have != d->total)
        return VXT_FRAGMENT_JOINED;
    d->state = VXT_DATAGRAM_DONE;
    take_out(frags, &frags->waiting, i);
    append(frags, &frags->done, i);
    frags->done_pages += vxt_pages_of(d);
    while (frags->done_pages > VXT_FRAG_REMEMBERED && frags->done.oldest != i)
        drop(frags, frags->done.oldest);
    return VXT_OK;
}

/* What a fragment is to the datagram that has its key; VXT_OK where it is new to it. `*i` becomes VXT_FRAG_NONE where
 * that turns out to be another one's. */
static vxt_status compare(vxt_frags *frags, uint32_t *i, const vxt_fragment *f)
{
    vxt_datagram *d = at(frags, *i);
    bool again = d->state != VXT_DATAGRAM_REFUSED && is_again(frags, d, f);

    if (is_old(frags, d) && d->state == VXT_DATAGRAM_OPEN)
        return leave(frags, *i, VXT_FRAGMENT_LOST);
    if (is_old(frags, d) || (d->state == VXT_DATAGRAM_DONE && !again)) { /* identifications come round again */
        drop(frags, *i);
        *i = VXT_FRAG_NONE;
        return VXT_OK;
    }
    if (again) {
        if (d->state == VXT_DATAGRAM_OPEN)
            note_again(frags, d, f);
        return VXT_FRAGMENT_JOINED;
    }
    if (d->state == VXT_DATAGRAM_REFUSED)
        return VXT_FRAGMENT_OVERLAP;
    return is_clash(frags, d, f) ? leave(frags, *i, VXT_FRAGMENT_OVERLAP) : VXT_OK;
}

static vxt_status decide(vxt_frags *frags, const vxt_fragment *f)
{
    vxt_status status = expire(frags);
    uint32_t i;

    frags->current = VXT_FRAG_NONE;
    if (status != VXT_OK)
        return status;
    i = find(frags, f);
    if (i != VXT_FRAG_NONE && (status = compare(frags, &i, f)) != VXT_OK)
        return status;
    if ((status = make_room(frags, i == VXT_FRAG_NONE ? NULL : at(frags, i), f)) != VXT_OK)
        return status;
    if (i == VXT_FRAG_NONE)
        i = add_datagram(frags, f);
    frags->current = i;
    return store(frags, i, f);
}

/* ---------------------------------------------------------------- the interface */

void vxt_frags_begin(vxt_frags *frags, uint64_t seed, uint64_t timeout, uint32_t most)
{
    static const vxt_frag_list empty = {VXT_FRAG_NONE, VXT_FRAG_NONE};

    memset(frags, 0, sizeof *frags);
    frags->seed = seed;
    frags->timeout = timeout;
    frags->most = most < VXT_FRAG_LEAST ? VXT_FRAG_LEAST : most;
    frags->clock = VXT_NAT;
    frags->waiting = frags->done = empty;
}

void vxt_frags_grown(vxt_frags *frags, uint32_t capacity)
{
    const vxt_frag_list *lists[] = {&frags->waiting, &frags->done};

    frags->capacity = capacity;
    for (uint32_t i = 0; i < capacity; i++)
        frags->slots[i].head = VXT_FRAG_NONE;
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        for (uint32_t i = lists[k]->oldest; i != VXT_FRAG_NONE; i = at(frags, i)->newer) {
            uint32_t *head = chain_of(frags, at(frags, i));
            at(frags, i)->next = *head;
            *head = i;
        }
    }
}

vxt_status vxt_frags_add(vxt_frags *frags, const vxt_fragment *f)
{
    vxt_status status;

    if (f->frame == frags->frame)
        return frags->result;
    if (is_malformed(f))
        return VXT_MALFORMED;
    if (f->ts != VXT_NAT)
        frags->clock = f->ts;
    status = decide(frags, f);
    if (status == VXT_GIVE_UP || status == VXT_MORE_FRAGMENTS)
        return status;
    frags->frame = f->frame;
    return frags->result = status;
}

vxt_span vxt_frags_whole(vxt_frags *frags, uint8_t *inside)
{
    const vxt_datagram *d = at(frags, frags->current);
    uint32_t captured = d->cut < d->total ? d->cut : d->total;

    *inside = d->inside;
    return (vxt_span){vxt_pages_gather(frags, d, 0, captured), 0, captured, d->total};
}

void vxt_frags_set_first(vxt_frags *frags, const vxt_packet *r, uint32_t inner_at, bool fine)
{
    vxt_datagram *d;

    if (frags->current == VXT_FRAG_NONE)
        return;
    d = at(frags, frags->current);
    d->first = *r;
    d->first_at = inner_at;
    d->first_fine = fine;
    d->has_first = true;
}

bool vxt_frags_leave_oldest(vxt_frags *frags)
{
    while (frags->waiting.oldest != VXT_FRAG_NONE)
        if (leave_one(frags) == VXT_GIVE_UP)
            return true;
    return false;
}

vxt_span vxt_frags_first(vxt_frags *frags)
{
    const vxt_datagram *d = vxt_frags_leaving(frags);
    const uint8_t *data = vxt_pages_gather(frags, d, d->first_at, d->first.caplen);

    return (vxt_span){data, 0, d->first.caplen, d->first.wirelen};
}

void vxt_frags_drop_leaving(vxt_frags *frags)
{
    vxt_datagram *d = vxt_frags_leaving(frags);

    if (frags->leaving_as != VXT_FRAGMENT_OVERLAP) {
        drop(frags, frags->leaving);
        return;
    }
    d->state = VXT_DATAGRAM_REFUSED; /* those of its fragments that are still to come are refused too */
    d->frames = 0;
    vxt_pages_free(frags, d);
    free_held(frags, d);
}
