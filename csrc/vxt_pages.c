#include "vxt_pages.h"

enum { UNITS = VXT_FRAG_PAGE / VXT_FRAG_UNIT, WORD = 64 };

static vxt_page *page_of(const vxt_frags *frags, const vxt_datagram *d, uint32_t i)
{
    return d->pages[i] == VXT_FRAG_NONE ? NULL : &frags->slots[d->pages[i]].page;
}

void vxt_pages_begin(vxt_datagram *d)
{
    for (int i = 0; i < VXT_FRAG_PAGES; i++)
        d->pages[i] = VXT_FRAG_NONE;
}

/* No fragment reaches behind d->reach, and no page does. */
static uint32_t end_of(const vxt_datagram *d) { return (d->reach + VXT_FRAG_PAGE - 1) / VXT_FRAG_PAGE; }

uint32_t vxt_pages_of(const vxt_datagram *d)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < end_of(d); i++)
        count += d->pages[i] != VXT_FRAG_NONE;
    return count;
}

uint32_t vxt_pages_free(vxt_frags *frags, vxt_datagram *d)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < end_of(d); i++) {
        if (d->pages[i] == VXT_FRAG_NONE)
            continue;
        frags->slots[d->pages[i]].next_free_page = frags->pages.first;
        frags->pages.first = d->pages[i];
        frags->pages.count++;
        d->pages[i] = VXT_FRAG_NONE;
        count++;
    }
    return count;
}

static uint32_t first_page(const vxt_fragment *f) { return f->offset / VXT_FRAG_PAGE; }
static uint32_t last_page(const vxt_fragment *f) { return (f->offset + f->length - 1) / VXT_FRAG_PAGE; }

uint32_t vxt_pages_wanted(const vxt_datagram *d, const vxt_fragment *f)
{
    uint32_t count = 0;

    for (uint32_t i = first_page(f); i <= last_page(f); i++)
        count += !d || d->pages[i] == VXT_FRAG_NONE;
    return count;
}

static void add_page(vxt_frags *frags, vxt_datagram *d, uint32_t i)
{
    uint32_t number = frags->pages.first;
    vxt_page *page;

    if (frags->pages.count) {
        frags->pages.first = frags->slots[number].next_free_page;
        frags->pages.count--;
    } else {
        number = frags->pages.used++;
    }
    d->pages[i] = number;
    page = &frags->slots[number].page;
    memset(page->have, 0, sizeof page->have);
    memset(page->starts, 0, sizeof page->starts);
}

/* A stretch of units that lies in one word of one page's bits. */
typedef struct stretch {
    uint32_t page, word, until; /* `until`: the unit behind it */
    uint64_t mask;
} stretch;

static stretch stretch_at(uint32_t unit, uint32_t end)
{
    stretch s = {unit / UNITS, unit % UNITS / WORD, (unit / WORD + 1) * WORD, 0};

    if (s.until > end)
        s.until = end;
    s.mask = UINT64_MAX >> (WORD - (s.until - unit)) << unit % WORD;
    return s;
}

static uint32_t unit_end(uint32_t end) { return (end + VXT_FRAG_UNIT - 1) / VXT_FRAG_UNIT; }

void vxt_pages_store(vxt_frags *frags, vxt_datagram *d, const vxt_fragment *f)
{
    uint32_t first = f->offset / VXT_FRAG_UNIT, end = unit_end(f->offset + f->length), at = f->offset;
    vxt_slice data = f->data;

    for (uint32_t i = first_page(f); i <= last_page(f); i++) {
        uint32_t room = (i + 1) * VXT_FRAG_PAGE - at;
        size_t n = vxt_left(data) < room ? vxt_left(data) : room;
        const uint8_t *p = vxt_take(&data, n);
        if (d->pages[i] == VXT_FRAG_NONE)
            add_page(frags, d, i);
        if (p)
            memcpy(&page_of(frags, d, i)->data[at % VXT_FRAG_PAGE], p, n);
        at += room;
    }
    for (uint32_t unit = first; unit < end;) {
        stretch s = stretch_at(unit, end);
        page_of(frags, d, s.page)->have[s.word] |= s.mask;
        unit = s.until;
    }
    page_of(frags, d, first / UNITS)->starts[first % UNITS / WORD] |= UINT64_C(1) << first % WORD;
}

bool vxt_pages_any(const vxt_frags *frags, const vxt_datagram *d, uint32_t offset, uint32_t length)
{
    uint32_t end = unit_end(offset + length);

    for (uint32_t unit = offset / VXT_FRAG_UNIT; unit < end;) {
        stretch s = stretch_at(unit, end);
        const vxt_page *page = page_of(frags, d, s.page);
        if (page && page->have[s.word] & s.mask)
            return true;
        unit = s.until;
    }
    return false;
}

/* Whether one unit is the first of a fragment, or nothing has come of it. */
static bool is_border(const vxt_frags *frags, const vxt_datagram *d, uint32_t unit)
{
    const vxt_page *page = unit / UNITS < VXT_FRAG_PAGES ? page_of(frags, d, unit / UNITS) : NULL;
    uint64_t bit = UINT64_C(1) << unit % WORD;

    return !page || !(page->have[unit % UNITS / WORD] & bit) || page->starts[unit % UNITS / WORD] & bit;
}

bool vxt_pages_is_fragment(const vxt_frags *frags, const vxt_datagram *d, uint32_t offset, uint32_t length)
{
    uint32_t first = offset / VXT_FRAG_UNIT, end = unit_end(offset + length);

    if (!is_border(frags, d, first) || !is_border(frags, d, end))
        return false;
    for (uint32_t unit = first; unit < end;) {
        stretch s = stretch_at(unit, end);
        const vxt_page *page = page_of(frags, d, s.page);
        uint64_t inside = unit == first ? s.mask & (s.mask - 1) : s.mask; /* without the first unit of all */
        if (!page || (page->have[s.word] & s.mask) != s.mask || page->starts[s.word] & inside)
            return false;
        unit = s.until;
    }
    return true;
}

bool vxt_pages_is_data(const vxt_frags *frags, const vxt_datagram *d, const vxt_fragment *f)
{
    vxt_slice data = f->data;
    uint32_t at = f->offset;

    vxt_clip(&data, d->cut > at ? d->cut - at : 0); /* what is behind the cut is of no use to anybody */
    while (vxt_left(data)) {
        uint32_t room = VXT_FRAG_PAGE - at % VXT_FRAG_PAGE;
        size_t n = vxt_left(data) < room ? vxt_left(data) : room;
        const uint8_t *p = vxt_take(&data, n);
        if (memcmp(&page_of(frags, d, at / VXT_FRAG_PAGE)->data[at % VXT_FRAG_PAGE], p, n) != 0)
            return false;
        at += room;
    }
    return true;
}

const uint8_t *vxt_pages_gather(vxt_frags *frags, const vxt_datagram *d, uint32_t offset, uint32_t length)
{
    uint32_t at = offset, end = offset + length;

    if (length && at / VXT_FRAG_PAGE == (end - 1) / VXT_FRAG_PAGE)
        return &page_of(frags, d, at / VXT_FRAG_PAGE)->data[at % VXT_FRAG_PAGE];
    while (at < end) {
        uint32_t stop = (at / VXT_FRAG_PAGE + 1) * VXT_FRAG_PAGE;
        if (stop > end)
            stop = end;
        memcpy(&frags->whole[at - offset], &page_of(frags, d, at / VXT_FRAG_PAGE)->data[at % VXT_FRAG_PAGE], stop - at);
        at = stop;
    }
    return frags->whole;
}
