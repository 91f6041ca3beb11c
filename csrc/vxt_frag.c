#include "vxt_frag.h"

#include "vxt_datagrams.h"
#include "vxt_pages.h"

static bool is_malformed(const vxt_fragment *f)
{
    return f->length == 0 || (f->more && f->length % VXT_FRAG_UNIT != 0) || f->length > VXT_MAX_DATAGRAM - f->offset;
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

/* Whether this very fragment has come before. Pages count units: what ends behind the datagram, but in its last unit,
 * has not. */
static bool is_again(const vxt_frags *frags, const vxt_datagram *d, const vxt_fragment *f)
{
    uint32_t end = f->offset + f->length;

    if (d->total && end > d->total)
        return false;
    return f->more != (d->total == end) && vxt_pages_is_fragment(frags, d, f->offset, f->length) &&
           vxt_pages_is_data(frags, d, f);
}

static void note_lost(vxt_frags *frags, uint64_t frame)
{
    if (frame > frags->lost)
        frags->lost = frame;
}

static vxt_status leave(vxt_frags *frags, uint32_t i, vxt_status as)
{
    const vxt_datagram *d = vxt_frags_at(frags, i);

    if (d->held != VXT_FRAG_NONE)
        note_lost(frags, vxt_frags_held(frags, d->held)->frame);
    frags->leaving = i;
    frags->leaving_as = as;
    return VXT_GIVE_UP;
}

/* The oldest of those that wait has to go; refused ones just do. */
static vxt_status leave_one(vxt_frags *frags)
{
    uint32_t i = frags->waiting.oldest;

    if (vxt_frags_at(frags, i)->state == VXT_DATAGRAM_OPEN)
        return leave(frags, i, VXT_FRAGMENT_LOST);
    vxt_datagrams_drop(frags, i);
    return VXT_OK;
}

/* The next time at which one has waited too long. */
static void set_deadline(vxt_frags *frags)
{
    uint32_t i = frags->waiting.oldest;
    int64_t ts = i == VXT_FRAG_NONE ? VXT_NAT : vxt_frags_at(frags, i)->ts;

    if (ts == VXT_NAT || frags->timeout > (uint64_t)INT64_MAX - (uint64_t)(ts < 0 ? 0 : ts))
        frags->deadline = INT64_MAX;
    else
        frags->deadline = ts + (int64_t)frags->timeout;
}

vxt_status vxt_frags_expire(vxt_frags *frags, uint64_t frame)
{
    vxt_status status = VXT_OK;

    if (frame == frags->frame) /* asked for again: what came to the head of the list behind it waits for the next one */
        return VXT_OK;
    while (status == VXT_OK && frags->waiting.oldest != VXT_FRAG_NONE &&
           is_old(frags, vxt_frags_at(frags, frags->waiting.oldest)))
        status = leave_one(frags);
    set_deadline(frags);
    return status;
}

/* Room for one more fragment, of this datagram or (NULL) a new one. */
static vxt_status make_room(vxt_frags *frags, const vxt_datagram *d, const vxt_fragment *f)
{
    uint32_t pages = vxt_pages_wanted(d, f), datagrams = d ? 0 : 1;
    vxt_status status = VXT_OK;

    while (status == VXT_OK) {
        if (vxt_datagrams_left(frags, &frags->pages, 1) >= pages &&
            vxt_datagrams_left(frags, &frags->datagrams, 1) >= datagrams &&
            vxt_datagrams_left(frags, &frags->held, VXT_FRAG_HELD))
            return VXT_OK;
        if (frags->capacity < frags->most) { /* first: what is remembered depends on no memory that there was */
            status = VXT_MORE_FRAGMENTS;
            break;
        }
        frags->pushed++;
        if (frags->done.oldest != VXT_FRAG_NONE)
            vxt_datagrams_drop(frags, frags->done.oldest);
        else
            status = leave_one(frags);
    }
    return status;
}

/* A fragment that has come before. Who repeats one for ever must not push others out of memory: of all that there may
 * be, half is for those that are noted, whatever there is so far. */
static vxt_status note_again(vxt_frags *frags, vxt_datagram *d, const vxt_fragment *f)
{
    if (frags->held.used - frags->held.count < frags->most * VXT_FRAG_HELD / 2) {
        if (!vxt_datagrams_left(frags, &frags->held, VXT_FRAG_HELD))
            return VXT_MORE_FRAGMENTS;
        vxt_datagrams_hold(frags, d, f->frame);
    }
    d->frames++;
    return VXT_FRAGMENT_JOINED;
}

static vxt_status store(vxt_frags *frags, uint32_t i, const vxt_fragment *f)
{
    vxt_datagram *d = vxt_frags_at(frags, i);
    uint32_t captured = (uint32_t)vxt_left(f->data), end = f->offset + f->length;

    if (f->offset == 0)
        d->inside = f->inside;
    vxt_datagrams_hold(frags, d, f->frame);
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
    vxt_datagrams_free_held(frags, d);
    vxt_datagrams_take_out(frags, &frags->waiting, i);
    vxt_datagrams_append(frags, &frags->done, i);
    frags->done_pages += vxt_pages_of(d);
    while (frags->done_pages > VXT_FRAG_REMEMBERED && frags->done.oldest != i)
        vxt_datagrams_drop(frags, frags->done.oldest);
    return VXT_OK;
}

/* What a fragment is to the datagram that has its key; VXT_OK where it is new to it. `*i` becomes VXT_FRAG_NONE where
 * that turns out to be another one's. */
static vxt_status compare(vxt_frags *frags, uint32_t *i, const vxt_fragment *f)
{
    vxt_datagram *d = vxt_frags_at(frags, *i);
    bool again = d->state != VXT_DATAGRAM_REFUSED && is_again(frags, d, f);

    if (is_old(frags, d) && d->state == VXT_DATAGRAM_OPEN)
        return leave(frags, *i, VXT_FRAGMENT_LOST);
    if (is_old(frags, d) || (d->state == VXT_DATAGRAM_DONE && !again)) { /* identifications come round again */
        vxt_datagrams_drop(frags, *i);
        *i = VXT_FRAG_NONE;
        return VXT_OK;
    }
    if (d->begun < frags->earliest)
        frags->earliest = d->begun;
    if (again)
        return d->state == VXT_DATAGRAM_OPEN ? note_again(frags, d, f) : VXT_FRAGMENT_JOINED;
    if (d->state != VXT_DATAGRAM_REFUSED && !is_clash(frags, d, f))
        return VXT_OK;
    note_lost(frags, f->frame);
    return d->state == VXT_DATAGRAM_REFUSED ? VXT_FRAGMENT_OVERLAP : leave(frags, *i, VXT_FRAGMENT_OVERLAP);
}

static vxt_status decide(vxt_frags *frags, const vxt_fragment *f)
{
    uint32_t i = vxt_datagrams_find(frags, f);
    vxt_status status;

    frags->current = VXT_FRAG_NONE;
    if (i != VXT_FRAG_NONE && (status = compare(frags, &i, f)) != VXT_OK)
        return status;
    if ((status = make_room(frags, i == VXT_FRAG_NONE ? NULL : vxt_frags_at(frags, i), f)) != VXT_OK)
        return status;
    if (i == VXT_FRAG_NONE)
        i = vxt_datagrams_add(frags, f);
    frags->current = i;
    return store(frags, i, f);
}

void vxt_frags_begin(vxt_frags *frags, uint64_t seed, uint64_t timeout, uint32_t most)
{
    static const vxt_frag_list empty = {VXT_FRAG_NONE, VXT_FRAG_NONE};

    memset(frags, 0, sizeof *frags);
    frags->seed = seed;
    frags->timeout = timeout;
    frags->most = most < VXT_FRAG_LEAST ? VXT_FRAG_LEAST : most;
    frags->clock = VXT_NAT;
    frags->deadline = INT64_MAX;
    frags->waiting = frags->done = empty;
}

void vxt_frags_grown(vxt_frags *frags, uint32_t capacity)
{
    frags->capacity = capacity;
    vxt_datagrams_rehash(frags);
}

vxt_status vxt_frags_add(vxt_frags *frags, const vxt_fragment *f)
{
    vxt_status status;

    if (f->frame == frags->frame)
        return frags->result;
    if (is_malformed(f))
        return VXT_MALFORMED;
    status = decide(frags, f);
    set_deadline(frags);
    if (status == VXT_GIVE_UP || status == VXT_MORE_FRAGMENTS)
        return status;
    frags->frame = f->frame;
    return frags->result = status;
}

vxt_span vxt_frags_whole(vxt_frags *frags, uint8_t *inside)
{
    const vxt_datagram *d = vxt_frags_at(frags, frags->current);
    uint32_t captured = d->cut < d->total ? d->cut : d->total;

    *inside = d->inside;
    return (vxt_span){vxt_pages_gather(frags, d, 0, captured), 0, captured, d->total};
}

void vxt_frags_set_first(vxt_frags *frags, const vxt_packet *r, uint32_t inner_at, bool fine)
{
    vxt_datagram *d;

    if (frags->current == VXT_FRAG_NONE)
        return;
    d = vxt_frags_at(frags, frags->current);
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

    if (frags->leaving_as == VXT_FRAGMENT_OVERLAP) {
        d->state = VXT_DATAGRAM_REFUSED; /* those of its fragments that are still to come are refused too */
        d->frames = 0;
        vxt_pages_free(frags, d);
        vxt_datagrams_free_held(frags, d);
    } else {
        vxt_datagrams_drop(frags, frags->leaving);
    }
    set_deadline(frags);
}
