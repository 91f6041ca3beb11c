#include "vxt_datagrams.h"

#include "vxt_pages.h"

uint64_t vxt_datagrams_mix(uint64_t hash, const uint8_t *src, const uint8_t *dst, uint32_t id, uint32_t kind)
{
    hash = vxt_mix(hash, vxt_le64(src));
    hash = vxt_mix(hash, vxt_le64(src + 8));
    hash = vxt_mix(hash, vxt_le64(dst));
    hash = vxt_mix(hash, vxt_le64(dst + 8));
    return vxt_mix(hash, (uint64_t)id << 32 | kind);
}

static uint32_t hash_of(const vxt_frags *frags, const uint8_t *src, const uint8_t *dst, uint32_t id, uint32_t kind)
{
    return (uint32_t)(vxt_datagrams_mix(frags->seed, src, dst, id, kind) % frags->capacity);
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

uint32_t vxt_datagrams_find(const vxt_frags *frags, const vxt_fragment *f)
{
    uint32_t i;

    if (frags->capacity == 0)
        return VXT_FRAG_NONE;
    i = frags->slots[hash_of(frags, f->src, f->dst, f->id, (uint32_t)f->version << 8 | f->proto)].head;
    while (i != VXT_FRAG_NONE && !is_key(vxt_frags_at(frags, i), f))
        i = vxt_frags_at(frags, i)->next;
    return i;
}

void vxt_datagrams_append(vxt_frags *frags, vxt_frag_list *list, uint32_t i)
{
    vxt_frags_at(frags, i)->older = list->newest;
    vxt_frags_at(frags, i)->newer = VXT_FRAG_NONE;
    if (list->newest == VXT_FRAG_NONE)
        list->oldest = i;
    else
        vxt_frags_at(frags, list->newest)->newer = i;
    list->newest = i;
}

void vxt_datagrams_take_out(vxt_frags *frags, vxt_frag_list *list, uint32_t i)
{
    const vxt_datagram *d = vxt_frags_at(frags, i);

    if (d->older == VXT_FRAG_NONE)
        list->oldest = d->newer;
    else
        vxt_frags_at(frags, d->older)->newer = d->newer;
    if (d->newer == VXT_FRAG_NONE)
        list->newest = d->older;
    else
        vxt_frags_at(frags, d->newer)->older = d->older;
}

void vxt_datagrams_free_held(vxt_frags *frags, vxt_datagram *d)
{
    while (d->held != VXT_FRAG_NONE) {
        uint32_t i = d->held;
        d->held = vxt_frags_held(frags, i)->next;
        vxt_frags_held(frags, i)->next = frags->held.first;
        frags->held.first = i;
        frags->held.count++;
    }
}

void vxt_datagrams_drop(vxt_frags *frags, uint32_t i)
{
    vxt_datagram *d = vxt_frags_at(frags, i);
    uint32_t *link = chain_of(frags, d), pages = vxt_pages_free(frags, d);

    while (*link != i)
        link = &vxt_frags_at(frags, *link)->next;
    *link = d->next;
    if (d->state == VXT_DATAGRAM_DONE)
        frags->done_pages -= pages;
    vxt_datagrams_take_out(frags, d->state == VXT_DATAGRAM_DONE ? &frags->done : &frags->waiting, i);
    vxt_datagrams_free_held(frags, d);
    frags->slots[i].next_free_datagram = frags->datagrams.first;
    frags->datagrams.first = i;
    frags->datagrams.count++;
}

uint32_t vxt_datagrams_add(vxt_frags *frags, const vxt_fragment *f)
{
    uint32_t i = frags->datagrams.first, *head;
    vxt_datagram *d;

    if (frags->datagrams.count) {
        frags->datagrams.first = frags->slots[i].next_free_datagram;
        frags->datagrams.count--;
    } else {
        i = frags->datagrams.used++;
    }
    d = vxt_frags_at(frags, i);
    d->has_first = false;
    d->version = f->version;
    d->proto = f->proto;
    memcpy(d->src, f->src, VXT_IPLEN);
    memcpy(d->dst, f->dst, VXT_IPLEN);
    d->id = f->id;
    d->state = VXT_DATAGRAM_OPEN;
    d->ts = frags->clock;
    d->begun = f->frame;
    d->total = d->have = d->reach = d->frames = 0;
    d->cut = UINT32_MAX;
    d->held = VXT_FRAG_NONE;
    vxt_pages_begin(d);
    head = chain_of(frags, d);
    d->next = *head;
    *head = i;
    vxt_datagrams_append(frags, &frags->waiting, i);
    return i;
}

void vxt_datagrams_hold(vxt_frags *frags, vxt_datagram *d, uint64_t frame)
{
    uint32_t i = frags->held.first;

    if (frags->held.count) {
        frags->held.first = vxt_frags_held(frags, i)->next;
        frags->held.count--;
    } else {
        i = frags->held.used++;
    }
    *vxt_frags_held(frags, i) = (vxt_held){frame, d->held};
    d->held = i;
}

uint32_t vxt_datagrams_left(const vxt_frags *frags, const vxt_spares *things, uint32_t each)
{
    return frags->capacity * each - things->used + things->count;
}

void vxt_datagrams_rehash(vxt_frags *frags)
{
    const vxt_frag_list *lists[] = {&frags->waiting, &frags->done};

    for (uint32_t i = 0; i < frags->capacity; i++)
        frags->slots[i].head = VXT_FRAG_NONE;
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        for (uint32_t i = lists[k]->oldest; i != VXT_FRAG_NONE; i = vxt_frags_at(frags, i)->newer) {
            uint32_t *head = chain_of(frags, vxt_frags_at(frags, i));
            vxt_frags_at(frags, i)->next = *head;
            *head = i;
        }
    }
}
