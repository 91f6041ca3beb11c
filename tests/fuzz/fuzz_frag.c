/* Reassembly, driven by small commands, beside a naive model that keeps every fragment as it came. */
#include "harness.h"

#include "vxt_bytes.h"
#include "vxt_frag.h"

enum { COMMAND = 6, MOST_COMMANDS = 300, KEYS = 8, SOURCE = 4096 };

/* A fragment as it came, with bytes of its own. */
typedef struct piece {
    uint32_t offset, length, captured;
    bool more;
    uint8_t *data;
    uint8_t inside; /* the protocol that it names */
    uint64_t frame;
} piece;

typedef struct datagram {
    vxt_datagram_state state;
    bool there;
    int64_t ts;
    uint64_t order; /* of arrival */
    size_t again; /* how many came again while it waited */
    size_t count;
    piece pieces[MOST_COMMANDS];
    bool has_first;
    vxt_packet first;
    uint32_t first_at;
    size_t first_piece;
} datagram;

typedef struct model {
    vxt_frags frags;
    datagram datagrams[KEYS];
    bool partial;
    uint64_t frame, timeout;
    int64_t ts;    /* of the last fragment */
    int64_t clock; /* of the last one that has any */
    uint8_t source[SOURCE]; /* all fragments' bytes are cut out of this */
} model;

/* ---------------------------------------------------------------- what the core still knows */

static uint32_t key_of(const vxt_datagram *d) { return d->id; }

static bool is_in(const vxt_frags *frags, uint32_t i, uint32_t key)
{
    for (; i != VXT_FRAG_NONE; i = frags->slots[i].datagram.newer)
        if (key_of(&frags->slots[i].datagram) == key)
            return true;
    return false;
}

/* ---------------------------------------------------------------- the model */

static void forget(datagram *d)
{
    for (size_t i = 0; i < d->count; i++)
        free(d->pieces[i].data);
    d->count = d->again = 0;
    d->there = d->has_first = false;
}

static bool is_malformed(const vxt_fragment *f)
{
    return f->length == 0 || (f->more && f->length % 8) || (uint64_t)f->offset + f->length > VXT_MAX_DATAGRAM;
}

static bool is_old(const model *m, const datagram *d)
{
    return d->ts != VXT_NAT && m->clock > d->ts && (uint64_t)m->clock - (uint64_t)d->ts > m->timeout;
}

static uint32_t total_of(const datagram *d)
{
    for (size_t i = 0; i < d->count; i++)
        if (!d->pieces[i].more)
            return d->pieces[i].offset + d->pieces[i].length;
    return 0;
}

/* Where the first byte is missing that a fragment should have brought: behind it bytes are of no use, and not compared. */
static uint32_t cut_of(const datagram *d)
{
    uint32_t cut = UINT32_MAX;

    for (size_t i = 0; i < d->count; i++)
        if (d->pieces[i].captured < d->pieces[i].length && d->pieces[i].offset + d->pieces[i].captured < cut)
            cut = d->pieces[i].offset + d->pieces[i].captured;
    return cut;
}

static bool is_again(const datagram *d, const vxt_fragment *f)
{
    uint32_t cut = cut_of(d);

    for (size_t i = 0; i < d->count; i++) {
        const piece *p = &d->pieces[i];
        size_t both = p->captured < vxt_left(f->data) ? p->captured : vxt_left(f->data);
        if (both > (cut > f->offset ? cut - f->offset : 0))
            both = cut > f->offset ? cut - f->offset : 0;
        if (p->offset == f->offset && p->length == f->length && p->more == f->more &&
            (both == 0 || memcmp(p->data, f->data.p, both) == 0))
            return true;
    }
    return false;
}

static bool is_clash(const datagram *d, const vxt_fragment *f)
{
    uint32_t end = f->offset + f->length, total = total_of(d);

    if (total && (end > total || (!f->more && end != total)))
        return true;
    for (size_t i = 0; i < d->count; i++) {
        const piece *p = &d->pieces[i];
        if (f->offset < p->offset + p->length && p->offset < end)
            return true;
        if (!f->more && p->offset + p->length > end)
            return true;
    }
    return false;
}

static bool is_complete(const datagram *d)
{
    uint32_t have = 0, total = total_of(d);

    for (size_t i = 0; i < d->count; i++)
        have += d->pieces[i].length;
    return total && have == total;
}

static void keep(model *m, datagram *d, const vxt_fragment *f)
{
    piece *p;

    if (!d->there) {
        d->there = true;
        d->state = VXT_DATAGRAM_OPEN;
        d->ts = m->clock;
        d->order = f->frame;
    }
    REQUIRE(d->count < MOST_COMMANDS);
    p = &d->pieces[d->count++];
    *p = (piece){f->offset, f->length, (uint32_t)vxt_left(f->data), f->more, NULL, f->inside, f->frame};
    p->data = fuzz_allocate(p->captured);
    memcpy(p->data, f->data.p, p->captured);
}

/* What must come out for a fragment, once all that has to be given up before it has been. */
static vxt_status expect(model *m, datagram *d, const vxt_fragment *f)
{
    if (is_malformed(f))
        return VXT_MALFORMED;
    if (d->there && d->state == VXT_DATAGRAM_DONE && (is_old(m, d) || !is_again(d, f)))
        forget(d);
    if (d->there && d->state == VXT_DATAGRAM_REFUSED && is_old(m, d))
        forget(d);
    if (d->there && d->state == VXT_DATAGRAM_REFUSED)
        return VXT_FRAGMENT_OVERLAP;
    if (d->there && is_again(d, f)) {
        d->again++;
        return VXT_FRAGMENT_JOINED;
    }
    REQUIRE(!d->there || (!is_old(m, d) && !is_clash(d, f))); /* the core should have given it up */
    keep(m, d, f);
    if (!is_complete(d))
        return VXT_FRAGMENT_JOINED;
    d->state = VXT_DATAGRAM_DONE;
    return VXT_OK;
}

/* ---------------------------------------------------------------- the two side by side */

/* The datagram is the bytes of its fragments, up to the first one that was not captured. */
static void check_whole(model *m, const datagram *d)
{
    uint8_t inside;
    vxt_span whole = vxt_frags_whole(&m->frags, &inside);
    uint32_t end = total_of(d) < cut_of(d) ? total_of(d) : cut_of(d);

    REQUIRE(whole.at == 0 && whole.end == end && whole.wire_end == total_of(d));
    for (size_t i = 0; i < d->count; i++) {
        const piece *p = &d->pieces[i];
        uint32_t n = p->offset >= end ? 0 : p->captured < end - p->offset ? p->captured : end - p->offset;
        REQUIRE(n == 0 || memcmp(whole.frame + p->offset, p->data, n) == 0);
        REQUIRE(p->offset != 0 || p->inside == inside);
    }
}

/* The list of its frames, the last to come first. Those that came again may be missing where memory is short. */
static void check_held(const model *m, const vxt_datagram *leaving, const datagram *d)
{
    size_t count = d->count, again = d->again;
    uint64_t before = UINT64_MAX;

    REQUIRE(leaving->frames == count + again);
    for (uint32_t i = leaving->held; i != VXT_FRAG_NONE; i = vxt_frags_held(&m->frags, i)->next) {
        uint64_t frame = vxt_frags_held(&m->frags, i)->frame;
        REQUIRE(frame < before);
        before = frame;
        if (count > 0 && frame == d->pieces[count - 1].frame)
            count--;
        else
            REQUIRE(again-- > 0);
    }
    REQUIRE(count == 0);
}

/* The first fragment of a datagram that is given up, alone. */
static void check_first(model *m, const vxt_datagram *leaving, const datagram *d)
{
    vxt_span first;

    REQUIRE(leaving->has_first == d->has_first);
    if (!d->has_first)
        return;
    REQUIRE(leaving->first.frame == d->first.frame && leaving->first.caplen == d->first.caplen);
    first = vxt_frags_first(&m->frags);
    REQUIRE(first.end - first.at == d->first.caplen && first.wire_end - first.at == d->first.wirelen);
    REQUIRE(d->first.caplen == 0 ||
            memcmp(first.frame + first.at, d->pieces[d->first_piece].data + d->first_at, d->first.caplen) == 0);
}

/* Of those that wait; with or without refused ones. */
static const datagram *oldest_of(const model *m, bool open)
{
    const datagram *best = NULL;

    for (int i = 0; i < KEYS; i++) {
        const datagram *d = &m->datagrams[i];
        if (d->there && d->state != VXT_DATAGRAM_DONE && (!open || d->state == VXT_DATAGRAM_OPEN) &&
            (!best || d->order < best->order))
            best = d;
    }
    return best;
}

/* A datagram leaves; `f` is the fragment that is being added, NULL at the end. */
static void check_leaving(model *m, const vxt_fragment *f)
{
    const vxt_datagram *leaving = vxt_frags_leaving(&m->frags);
    datagram *d = &m->datagrams[key_of(leaving)];

    REQUIRE(d->there && d->state == VXT_DATAGRAM_OPEN && leaving->state == VXT_DATAGRAM_OPEN);
    check_held(m, leaving, d);
    if (m->frags.leaving_as == VXT_FRAGMENT_OVERLAP) {
        REQUIRE(f && f->id == leaving->id && !is_old(m, d) && !is_again(d, f) && is_clash(d, f));
        for (size_t i = 0; i < d->count; i++)
            free(d->pieces[i].data);
        d->count = d->again = 0;
        d->state = VXT_DATAGRAM_REFUSED;
    } else {
        REQUIRE(m->frags.leaving_as == VXT_FRAGMENT_LOST);
        /* By its time, or for room, or at the end: then the oldest. */
        REQUIRE(is_old(m, d) || (d == oldest_of(m, true) && (!f || m->frags.capacity == m->frags.most)));
        check_first(m, leaving, d);
        forget(d);
    }
    vxt_frags_drop_leaving(&m->frags);
}

/* As the core does for a first fragment, with a row that is made up. */
static void set_first(model *m, datagram *d, const vxt_fragment *f)
{
    uint32_t captured = (uint32_t)vxt_left(f->data), at = captured / 3;
    vxt_packet r = {.frame = f->frame, .caplen = captured - at, .wirelen = f->length - at};

    vxt_frags_set_first(&m->frags, &r, at, false);
    if (d->count && d->pieces[d->count - 1].frame == f->frame) {
        d->has_first = true;
        d->first = r;
        d->first_at = at;
        d->first_piece = d->count - 1;
    }
}

/* Complete and refused datagrams are remembered as long as there is room: how long is not the model's business. */
static void forget_what_it_forgot(model *m)
{
    for (uint32_t key = 0; key < KEYS; key++) {
        datagram *d = &m->datagrams[key];
        if (d->there && d->state != VXT_DATAGRAM_OPEN && !is_in(&m->frags, m->frags.waiting.oldest, key) &&
            !is_in(&m->frags, m->frags.done.oldest, key))
            forget(d);
    }
}

/* The time goes on, and who has waited too long goes. */
static void tick(model *m, const vxt_fragment *f)
{
    const datagram *oldest;

    if (f->ts != VXT_NAT)
        m->clock = f->ts;
    forget_what_it_forgot(m);
    if (vxt_frags_tick(&m->frags, f->ts))
        while (vxt_frags_expire(&m->frags, f->frame) == VXT_GIVE_UP)
            check_leaving(m, f);
    forget_what_it_forgot(m);
    oldest = oldest_of(m, false);
    REQUIRE(!oldest || f->ts == VXT_NAT || !is_old(m, oldest));
}

static void add(model *m, const vxt_fragment *f)
{
    datagram *d = &m->datagrams[f->id];
    vxt_status status;
    int steps = 0;

    tick(m, f);
    while ((status = vxt_frags_add(&m->frags, f)) == VXT_GIVE_UP || status == VXT_MORE_FRAGMENTS) {
        REQUIRE(steps++ < 2 * KEYS);
        if (status == VXT_GIVE_UP)
            check_leaving(m, f);
        else
            fuzz_grow_fragments(&m->frags);
    }
    REQUIRE(status == expect(m, d, f));
    if (status == VXT_FRAGMENT_JOINED && f->offset == 0 && m->partial)
        set_first(m, d, f);
    REQUIRE(vxt_frags_add(&m->frags, f) == status); /* asked again */
    if (status == VXT_OK)
        check_whole(m, d);
}

/* ---------------------------------------------------------------- commands */

/* Byte 0: key, whether more follow, how the time moves, large or small. 1 and 2: offset. 3: length. 4: how much of it was
 * captured, mostly all. 5: which bytes, mostly the same. */
static void run_command(model *m, const uint8_t *c)
{
    static const int64_t steps[] = {0, 1000, 400000000, 20000000000};
    vxt_fragment f = {.src = m->source, .dst = m->source + 1, .id = c[0] % KEYS, .version = 4, .proto = 17};
    bool large = c[0] >> 6 & 1;
    uint8_t *data;
    uint32_t captured;

    f.more = c[0] >> 3 & 1;
    f.inside = c[5];
    m->ts += c[0] & 0x80 ? -steps[1] : steps[c[0] >> 4 & 3];
    f.ts = c[5] == 0xff ? VXT_NAT : m->ts;
    f.frame = ++m->frame;
    f.offset = (large ? vxt_be16(c + 1) & 0x1fffu : c[1] % 24u) * VXT_FRAG_UNIT;
    f.length = large ? c[3] * 256u + c[4] : c[3];
    if (c[4] & 1) /* mostly a length that may be */
        f.length = f.length / VXT_FRAG_UNIT * VXT_FRAG_UNIT + VXT_FRAG_UNIT;
    if (c[5] == 0xfe)
        f.length += UINT32_MAX - VXT_MAX_DATAGRAM;
    captured = f.length;
    if (c[4] >> 5 == 7 || captured > VXT_MAX_DATAGRAM)
        captured = f.length % 65536 * (c[4] >> 1 & 15) / 16;
    data = fuzz_allocate(captured);
    for (uint32_t i = 0; i < captured; i++)
        data[i] = m->source[(f.offset + i + (c[5] & 0xf0 ? 0u : c[5])) % SOURCE];
    f.data = vxt_slice_of(data, captured);
    add(m, &f);
    free(data);
}

static void end(model *m)
{
    while (vxt_frags_leave_oldest(&m->frags))
        check_leaving(m, NULL);
    for (int i = 0; i < KEYS; i++) {
        REQUIRE(!m->datagrams[i].there || m->datagrams[i].state != VXT_DATAGRAM_OPEN);
        forget(&m->datagrams[i]);
    }
    free(m->frags.slots);
    free(m->frags.whole);
    free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vxt_slice input = vxt_slice_of(data, size);
    const uint8_t *p = vxt_take(&input, 2);
    model *m;
    uint64_t random = 1;

    if (!p)
        return 0;
    m = calloc(1, sizeof *m);
    REQUIRE(m);
    m->partial = p[0] & 1;
    m->timeout = p[0] & 2 ? 30000000000 : 500000000;
    m->clock = INT64_MIN;
    for (size_t i = 0; i < SOURCE; i++)
        m->source[i] = (uint8_t)fuzz_random(&random);
    vxt_frags_begin(&m->frags, p[1], m->timeout, (uint32_t)VXT_FRAG_LEAST << (p[0] >> 2 & 1));
    for (int i = 0; i < MOST_COMMANDS && (p = vxt_take(&input, COMMAND)); i++)
        run_command(m, p);
    end(m);
    return 0;
}
