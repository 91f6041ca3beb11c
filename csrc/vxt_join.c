#include "vxt_join.h"

#include "vxt_datagrams.h"
#include "vxt_pages.h"

/* ---------------------------------------------------------------- framing */

void vxt_join_framing(const vxt_reader *reader, vxt_framing *framing)
{
    memset(framing, 0, sizeof *framing);
    memcpy(&framing->pcap, &reader->pcap, sizeof reader->pcap);
    memcpy(&framing->pcapng, &reader->pcapng, sizeof reader->pcapng);
    framing->format = reader->format;
    memcpy(&framing->table, &reader->interfaces, sizeof reader->interfaces);
    framing->table.items = NULL;
    framing->table.capacity = 0;
}

vxt_interface vxt_join_interface(const vxt_reader *reader, uint32_t i)
{
    vxt_interface it;

    memcpy(&it, &reader->interfaces.items[i], sizeof it);
    it.frames = 0;
    it.output = 0;
    return it;
}

void vxt_join_assume(vxt_reader *reader, const vxt_framing *framing, uint64_t offset)
{
    vxt_interfaces memory = reader->interfaces;

    reader->pcap = framing->pcap;
    reader->pcapng = framing->pcapng;
    reader->format = framing->format;
    reader->interfaces = framing->table;
    reader->interfaces.items = memory.items;
    reader->interfaces.capacity = memory.capacity;
    reader->offset = reader->start = offset;
}

/* ---------------------------------------------------------------- fragments */

/* Where the fragments of a datagram began, and their bytes. */
static uint64_t mix_datagram(uint64_t h, vxt_memory *memory, const vxt_datagram *d)
{
    uint32_t captured = d->cut < d->total ? d->cut : d->total;
    const uint8_t *data = vxt_pages_gather(&memory->frags, d, 0, captured);

    h = vxt_mix(vxt_datagrams_mix(h, d->src, d->dst, d->id, (uint32_t)d->version << 8 | d->proto), d->inside);
    h = vxt_mix(vxt_mix(h, (uint64_t)d->ts), (uint64_t)d->total << 32 | d->cut);
    for (uint32_t i = 0; i < vxt_pages_of(d); i++)
        for (uint32_t k = 0; k < VXT_FRAG_WORDS; k++)
            h = vxt_mix(h, memory->frags.slots[d->pages[i]].page.starts[k]);
    return vxt_mix(h, vxt_hash_bytes(&memory->sights.key, vxt_slice_of(data, captured)));
}

/* Stands for the complete datagrams that are remembered: what a repeated fragment is compared with. */
static uint64_t digest(vxt_memory *memory)
{
    const vxt_frags *frags = &memory->frags;
    uint64_t h = frags->seed;

    for (uint32_t i = frags->done.oldest; i != VXT_FRAG_NONE; i = vxt_frags_at(frags, i)->newer)
        h = mix_datagram(h, memory, vxt_frags_at(frags, i));
    return h;
}

bool vxt_join_waits(const vxt_pass *part)
{
    const vxt_frags *frags = &part->memory.frags;

    for (uint32_t i = frags->waiting.oldest; i != VXT_FRAG_NONE; i = vxt_frags_at(frags, i)->newer)
        if (vxt_pages_any(frags, vxt_frags_at(frags, i), 0, VXT_FRAG_UNIT))
            return true;
    return false;
}

static bool has_frame(const vxt_frags *frags, const vxt_datagram *d, uint64_t from, uint64_t to)
{
    for (uint32_t i = d->held; i != VXT_FRAG_NONE; i = vxt_frags_held(frags, i)->next)
        if (vxt_frags_held(frags, i)->frame >= from && vxt_frags_held(frags, i)->frame < to)
            return true;
    return false;
}

bool vxt_join_open(const vxt_pass *pass, uint64_t from, uint64_t to, bool alone)
{
    const vxt_frags *frags = &pass->memory.frags;

    for (uint32_t i = frags->waiting.oldest; i != VXT_FRAG_NONE; i = vxt_frags_at(frags, i)->newer) {
        const vxt_datagram *d = vxt_frags_at(frags, i);
        if (alone ? d->has_first && d->first.frame >= from && d->first.frame < to : has_frame(frags, d, from, to))
            return true;
    }
    return false;
}

/* With rows for skipped frames, those of fragments that wait are corrected later, and of which that can be done depends
 * on memory: such captures are not joined. */
static bool fragments_fit(vxt_pass *whole, const vxt_pass *part, const vxt_known *known)
{
    if (whole->memory.frags.waiting.oldest != VXT_FRAG_NONE)
        return false;
    if (part->memory.frags.capacity == 0) /* it has seen none */
        return true;
    if (digest(&whole->memory) != known->datagrams)
        return false;
    if (part->timeless && whole->memory.frags.clock != known->clock)
        return false;
    return !part->options.skipped_rows;
}

/* Numbers of frames in the memory of a part, which counts from where it began. Of complete datagrams nobody asks. */
static void renumber(vxt_frags *frags, uint64_t before)
{
    for (uint32_t i = frags->waiting.oldest; i != VXT_FRAG_NONE; i = vxt_frags_at(frags, i)->newer) {
        vxt_datagram *d = vxt_frags_at(frags, i);
        d->first.frame += before;
        d->begun += before;
        for (uint32_t j = d->held; j != VXT_FRAG_NONE; j = vxt_frags_held(frags, j)->next)
            vxt_frags_held(frags, j)->frame += before;
    }
}

static void join_fragments(vxt_pass *whole, vxt_pass *part)
{
    vxt_frags *to = &whole->memory.frags, *from = &part->memory.frags, old = *to;

    if (part->reader.frames > part->timeless) /* what was read ahead may be no frames at all */
        to->clock = from->clock;
    if (from->capacity == 0) /* there was none */
        return;
    renumber(from, whole->reader.frames);
    from->clock = to->clock;
    *to = *from;
    *from = old;
    to->frame = 0;
}

/* ---------------------------------------------------------------- second sights */

/* Which bits of `whole` stand for the interfaces that bits of `part` stand for; those that it does not know are 0. */
static uint64_t translate(const vxt_sights *whole, const vxt_sights *part, uint64_t seen)
{
    uint64_t bits = 0;

    for (uint32_t i = 0; i < part->interface_count; i++) {
        uint32_t k = vxt_sights_interface(whole, part->interfaces[i]);
        if (seen >> i & 1 && k < whole->interface_count)
            bits |= UINT64_C(1) << k;
    }
    return bits;
}

static uint32_t count_new_interfaces(const vxt_sights *whole, const vxt_sights *part)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < part->interface_count; i++)
        count += vxt_sights_interface(whole, part->interfaces[i]) == whole->interface_count;
    return count;
}

static bool is_same_sight(const vxt_sights *whole, const vxt_sight *theirs, const vxt_sights *part,
                          const vxt_sight *ours, uint64_t seen)
{
    return ours->offset == theirs->offset && ours->ts == theirs->ts && ours->captured == theirs->captured &&
           ours->wire == theirs->wire && translate(whole, part, seen) == theirs->seen;
}

/* How many of the packets that the part remembered when it began, the last ones, are the last that the whole remembers,
 * seen on the same interfaces. */
static uint32_t count_same(const vxt_sights *whole, const vxt_sights *part, const vxt_known *known)
{
    uint32_t same = 0;

    while (same < known->sights && same < whole->filled) {
        uint32_t i = known->sights - 1 - same;
        if (!is_same_sight(whole, vxt_sights_at(whole, whole->count - 1 - same), part, vxt_sights_at(part, i),
                           known->seen[i]))
            break;
        same++;
    }
    return same;
}

static int64_t minus(int64_t a, int64_t b) { return a < INT64_MIN + b ? INT64_MIN : a - b; }
static int64_t plus(int64_t a, int64_t b) { return a > INT64_MAX - b ? INT64_MAX : a + b; }

/* The times of packets that can be near one that the part kept or dropped; `*low` is above `*high` where there are
 * none. What was dropped is near the one that it is the second sight of. */
static void span_of_times(const vxt_sights *part, const vxt_known *known, int64_t *low, int64_t *high)
{
    *low = INT64_MAX;
    *high = INT64_MIN;
    for (uint32_t i = 0; i < part->count; i++) {
        int64_t ts = vxt_sights_at(part, i)->ts;
        if (i < known->sights && vxt_sights_at(part, i)->seen == known->seen[i])
            continue;
        *low = ts < *low ? ts : *low;
        *high = ts > *high ? ts : *high;
    }
    if (*low > *high)
        return;
    *low = minus(*low, 2 * VXT_SIGHT_WINDOW);
    *high = plus(*high, 2 * VXT_SIGHT_WINDOW);
}

/* None of the packets that only one of the two remembers can be the first sight of one in the part: they are not near
 * in time, or the whole saw them on the one interface that the part has heard of. */
static bool others_do_not_matter(const vxt_sights *whole, const vxt_sights *part, const vxt_known *known)
{
    uint64_t only = part->interface_count == 1 ? translate(whole, part, 1) : 0;
    int64_t low, high;

    span_of_times(part, known, &low, &high);
    for (uint32_t i = known->same; i < whole->filled; i++) {
        const vxt_sight *it = vxt_sights_at(whole, whole->count - 1 - i);
        if (it->ts >= low && it->ts <= high && it->seen != only)
            return false;
    }
    for (uint32_t i = 0; i < known->sights - known->same; i++) {
        const vxt_sight *it = vxt_sights_at(part, i);
        if (it->ts >= low && it->ts <= high)
            return false;
    }
    return true;
}

static bool sights_fit(const vxt_sights *whole, const vxt_sights *part, vxt_known *known)
{
    known->same = 0;
    if (part->capacity == 0)
        return true;
    if (part->forgot || part->farthest > whole->capacity)
        return false;
    if (whole->interface_count + count_new_interfaces(whole, part) > VXT_SIGHT_INTERFACES)
        return false;
    known->same = count_same(whole, part, known);
    return others_do_not_matter(whole, part, known);
}

vxt_status vxt_join_sights(vxt_pass *whole, const vxt_pass *part, const vxt_known *known, uint32_t *done)
{
    vxt_sights *to = &whole->memory.sights;
    const vxt_sights *from = &part->memory.sights;

    if (from->capacity == 0)
        return VXT_OK;
    if (to->capacity == 0)
        return VXT_MORE_SIGHTS;
    for (uint32_t i = 0; i < from->interface_count; i++)
        if (vxt_sights_interface(to, from->interfaces[i]) == to->interface_count)
            to->interfaces[to->interface_count++] = from->interfaces[i];
    if (*done < known->sights - known->same)
        *done = known->sights - known->same;
    for (; *done < from->count; ++*done) {
        vxt_sight it = *vxt_sights_at(from, *done);
        bool hashed = to->unhashed == 0 && from->count - *done > from->unhashed;
        it.seen = translate(to, from, it.seen);
        if (*done < known->sights)
            vxt_sights_at(to, to->count - known->sights + *done)->seen = it.seen;
        else if (vxt_sights_keep(to, &it, hashed) != VXT_OK)
            return VXT_MORE_SIGHTS;
    }
    to->last = translate(to, from, from->last);
    to->quiet = from->quiet;
    return VXT_OK;
}

/* ---------------------------------------------------------------- all of it */

void vxt_join_begin(vxt_pass *part, vxt_known *known)
{
    vxt_sights *sights = &part->memory.sights;
    vxt_frags *frags = &part->memory.frags;
    vxt_interfaces *table = &part->reader.interfaces;

    while (frags->waiting.oldest != VXT_FRAG_NONE)
        vxt_datagrams_drop(frags, frags->waiting.oldest);
    known->offset = part->reader.offset;
    known->sights = sights->filled;
    for (uint32_t i = 0; i < known->sights; i++)
        known->seen[i] = vxt_sights_at(sights, i)->seen;
    known->datagrams = digest(&part->memory);
    known->clock = part->memory.frags.clock;
    sights->farthest = 0;
    sights->frame = part->memory.frags.frame = 0;
    memset(part->outcomes, 0, sizeof part->outcomes);
    part->timeless = 0;
    part->first = INT64_MAX;
    part->last = INT64_MIN;
    part->reader.frames = part->reader.before = 0;
    for (uint32_t i = 0; i < table->count; i++)
        table->items[i].frames = 0;
}

bool vxt_join_fits(vxt_pass *whole, const vxt_pass *part, vxt_known *known)
{
    return whole->reader.offset == known->offset &&
           whole->reader.interfaces.forgotten == part->reader.interfaces.forgotten &&
           sights_fit(&whole->memory.sights, &part->memory.sights, known) && fragments_fit(whole, part, known);
}

/* The part has the same interfaces, and those that were declared in it. */
static void join_reader(vxt_reader *whole, vxt_reader *part)
{
    vxt_interfaces old = whole->interfaces;

    for (uint32_t i = 0; i < old.count; i++)
        part->interfaces.items[i].frames += old.items[i].frames;
    whole->interfaces = part->interfaces;
    part->interfaces = old;
    whole->pcap = part->pcap;
    whole->pcapng = part->pcapng;
    whole->offset = part->offset;
    whole->frames += part->frames;
}

void vxt_join(vxt_pass *whole, vxt_pass *part)
{
    join_fragments(whole, part);
    for (int i = 0; i < VXT_OUTCOMES; i++)
        whole->outcomes[i] += part->outcomes[i];
    whole->timeless += part->timeless;
    whole->first = part->first < whole->first ? part->first : whole->first;
    whole->last = part->last > whole->last ? part->last : whole->last;
    whole->memory.sights.frame = 0;
    join_reader(&whole->reader, &part->reader);
}
