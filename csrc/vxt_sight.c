#include "vxt_sight.h"

/* ---------------------------------------------------------------- doubts */

static int64_t *doubt_of(const vxt_sights *sights, uint64_t hash)
{
    return &sights->doubts.times[hash & (VXT_SIGHT_DOUBTS - 1)];
}

static int64_t after(int64_t ts) { return ts > INT64_MAX - VXT_SIGHT_WINDOW ? INT64_MAX : ts + VXT_SIGHT_WINDOW; }

static void raise_time(int64_t *time, int64_t to) { *time = to > *time ? to : *time; }

/* A packet that was forgotten: one of a time near it may be its second sight. */
static VXT_APART void doubt_after(vxt_sights *sights, int64_t ts)
{
    if (sights->doubts.times)
        raise_time(&sights->doubts.until, after(ts));
}

static void note_doubt(vxt_sights *sights, const vxt_sighting *packet)
{
    sights->doubts.last = packet->offset;
    raise_time(&sights->doubts.when, packet->ts);
}

/* Where another one of the same hash, and not much earlier, is in doubt, so is this. */
static VXT_APART void look_for_doubt(vxt_sights *sights, const vxt_sighting *packet, uint64_t hash)
{
    int64_t *time = doubt_of(sights, hash);

    if (!sights->doubts.unsure && packet->ts > sights->doubts.until && packet->ts > after(*time))
        return;
    sights->doubts.unsure = false;
    raise_time(time, packet->ts);
    note_doubt(sights, packet);
}

/* Before it is looked for. It may never be hashed, where there was one interface only. */
static VXT_APART void note_time(vxt_sights *sights, const vxt_sighting *packet)
{
    raise_time(&sights->doubts.latest, packet->ts);
    if (packet->ts <= sights->doubts.until)
        note_doubt(sights, packet);
}

/* A packet gets its hash, by which it is in doubt. */
static VXT_APART void note_hash(vxt_sights *sights, const vxt_sight *it)
{
    if (it->ts <= sights->doubts.until)
        raise_time(doubt_of(sights, it->hash), it->ts);
}

/* ---------------------------------------------------------------- packets that were kept */

/* The bit that stands for an interface. */
static uint64_t bit_of(vxt_sights *sights, uint64_t interface)
{
    uint32_t i = sights->recent;

    if (i >= sights->interface_count || sights->interfaces[i] != interface)
        i = vxt_sights_interface(sights, interface);
    if (i == VXT_SIGHT_INTERFACES) {
        i = sights->interface_count = sights->filled = sights->unhashed = 0;
        sights->forgot = true;
        doubt_after(sights, sights->doubts.latest);
    }
    if (i == sights->interface_count)
        sights->interfaces[sights->interface_count++] = interface;
    sights->recent = i;
    return UINT64_C(1) << i;
}

static bool is_near(int64_t a, int64_t b)
{
    uint64_t apart = a < b ? (uint64_t)b - (uint64_t)a : (uint64_t)a - (uint64_t)b;
    return apart <= VXT_SIGHT_WINDOW;
}

/* Where the chain of a hash starts: at a place of the ring, but not at the packet that lies there. */
static uint32_t *head_of(const vxt_sights *sights, uint64_t hash)
{
    return &vxt_sights_at(sights, (uint32_t)(hash >> 32))->head;
}

/* How long ago a packet was, in packets; one that has been overwritten was longer ago than the ring is long. */
static uint32_t age_of(const vxt_sights *sights, uint32_t number) { return sights->count - 1 - number; }

/* The first packet of all that this is a second sight of, or NULL. */
static vxt_sight *find_sight(vxt_sights *sights, const vxt_sighting *packet, uint64_t hash, uint64_t bit)
{
    uint32_t number = *head_of(sights, hash), age = age_of(sights, number), found = 0;
    vxt_sight *best = NULL;

    for (int steps = 0; age < sights->filled && steps < VXT_SIGHT_STEPS; steps++) {
        vxt_sight *it = vxt_sights_at(sights, number);
        uint32_t before = age;
        if (it->hash == hash && !(it->seen & bit) && is_near(it->ts, packet->ts) && it->wire == packet->wire &&
            it->captured == vxt_left(packet->bytes)) {
            best = it;
            found = age + 1;
        }
        if (steps == VXT_SIGHT_CROWD) {
            sights->forgot = true;
            sights->doubts.unsure = true;
        }
        number = it->next;
        age = age_of(sights, number);
        if (age <= before) /* the chain has been overwritten from here on */
            break;
    }
    if (found > sights->farthest)
        sights->farthest = found;
    if (found > VXT_SIGHT_SURE && !is_near(best->ts, sights->doubts.latest))
        sights->doubts.unsure = true;
    return best;
}

/* The oldest packet of those without a hash. */
static vxt_sight *first_unhashed(const vxt_sights *sights)
{
    return vxt_sights_at(sights, sights->count - sights->unhashed);
}

/* It gets its hash, and its place in a chain: behind all that came before it. */
static void link(vxt_sights *sights, uint64_t hash)
{
    uint32_t number = sights->count - sights->unhashed--, *head = head_of(sights, hash);
    vxt_sight *it = vxt_sights_at(sights, number);

    it->hash = hash;
    it->next = *head;
    *head = number;
    if (sights->doubts.times)
        note_hash(sights, it);
}

static void forget_first(vxt_sights *sights)
{
    doubt_after(sights, first_unhashed(sights)->ts);
    first_unhashed(sights)->seen = UINT64_MAX;
    sights->unhashed--;
    sights->forgot = true;
}

static void append_sight(vxt_sights *sights, const vxt_sight *packet)
{
    vxt_sight *it = vxt_sights_at(sights, sights->count++);
    uint32_t head = it->head;

    *it = *packet;
    it->head = head;
    sights->unhashed++;
    if (sights->filled < sights->capacity)
        sights->filled++;
    if (sights->unhashed > sights->filled)
        sights->unhashed = sights->filled;
}

/* Whether there is room for one more: a packet that is forgotten must not be near this time. */
static bool has_room(vxt_sights *sights, int64_t ts)
{
    if (sights->filled < sights->capacity)
        return true;
    if (sights->capacity == VXT_MAX_SIGHTS) {
        sights->forgot = true;
        doubt_after(sights, vxt_sights_at(sights, sights->count)->ts);
        return true;
    }
    if (sights->capacity == 0 || sights->keep_all || is_near(vxt_sights_at(sights, sights->count)->ts, ts))
        return false;
    sights->forgot = true;
    return true;
}

static VXT_HOT vxt_status keep(vxt_sights *sights, const vxt_sight *packet, bool hashed)
{
    if (!has_room(sights, packet->ts))
        return VXT_MORE_SIGHTS;
    append_sight(sights, packet);
    if (hashed)
        link(sights, packet->hash);
    return VXT_OK;
}

vxt_status vxt_sights_keep(vxt_sights *sights, const vxt_sight *packet, bool hashed)
{
    return keep(sights, packet, hashed);
}

static uint64_t hash_sight(const vxt_sights *sights, vxt_slice bytes, uint32_t wire)
{
    return vxt_mix(vxt_hash_bytes(&sights->key, bytes), wire);
}

/* Whether hashing can be put off: nothing is heard of another interface, and has not been for so long that bringing
 * back what the ring holds will have cost little. */
static bool is_lazy(const vxt_sights *sights, uint64_t bit)
{
    bool quiet = sights->last == bit && sights->quiet >= VXT_SIGHT_QUIET && sights->quiet / 4 >= sights->capacity;

    return sights->can_recall && (quiet || sights->interface_count == 1);
}

static void count_quiet(vxt_sights *sights, uint64_t bit)
{
    if (sights->last != bit)
        sights->quiet = 0;
    else if (sights->quiet < UINT32_MAX)
        sights->quiet++;
    sights->last = bit;
}

/* What is remembered of a packet, on the interface that a bit stands for. */
static VXT_HOT vxt_sight sight_of(const vxt_sighting *packet, uint64_t bit)
{
    return (vxt_sight){.ts = packet->ts,
                       .seen = bit,
                       .offset = packet->offset,
                       .wire = packet->wire,
                       .captured = (uint32_t)vxt_left(packet->bytes)};
}

/* Look for it now. VXT_OK, SECOND_SIGHT, or what is needed for that. */
static VXT_APART vxt_status find_or_keep(vxt_sights *sights, const vxt_sighting *packet, uint64_t bit)
{
    vxt_sight it = sight_of(packet, bit), *first;

    if (sights->unhashed)
        return VXT_MORE_HISTORY;
    it.hash = hash_sight(sights, packet->bytes, packet->wire);
    first = find_sight(sights, packet, it.hash, bit);
    if (sights->doubts.times)
        look_for_doubt(sights, packet, it.hash);
    if (!first)
        return keep(sights, &it, true);
    first->seen |= bit;
    sights->digest += vxt_mix(packet->offset, 1);
    return VXT_SECOND_SIGHT;
}

static VXT_HOT vxt_status keep_unhashed(vxt_sights *sights, const vxt_sighting *packet, uint64_t bit)
{
    vxt_sight it = sight_of(packet, bit);

    return keep(sights, &it, false);
}

vxt_status vxt_sights_look(vxt_sights *sights, const vxt_sighting *packet)
{
    vxt_status status;
    uint64_t bit;

    if (packet->frame == sights->frame)
        return sights->second ? VXT_SECOND_SIGHT : VXT_OK;
    if (sights->capacity == 0)
        return VXT_MORE_SIGHTS;
    if (sights->doubts.times)
        note_time(sights, packet);
    bit = bit_of(sights, packet->interface);
    status = is_lazy(sights, bit) ? keep_unhashed(sights, packet, bit) : find_or_keep(sights, packet, bit);
    if (status != VXT_OK && status != VXT_SECOND_SIGHT)
        return status;
    count_quiet(sights, bit);
    sights->frame = packet->frame;
    sights->second = status == VXT_SECOND_SIGHT;
    return status;
}

vxt_stretch vxt_sights_history(const vxt_sights *sights)
{
    const vxt_sight *first = first_unhashed(sights), *last = vxt_sights_at(sights, sights->count - 1);
    uint64_t length = last->offset + last->captured - first->offset;

    if (length > VXT_SIGHT_HISTORY)
        length = first->captured > VXT_SIGHT_HISTORY ? first->captured : VXT_SIGHT_HISTORY;
    return (vxt_stretch){first->offset, length};
}

void vxt_sights_recall(vxt_sights *sights, vxt_slice bytes)
{
    uint32_t before = sights->unhashed;
    uint64_t start = vxt_sights_history(sights).offset;

    while (sights->unhashed) {
        const vxt_sight *it = first_unhashed(sights);
        vxt_slice packet = bytes;
        if (it->offset < start || vxt_skip(&packet, it->offset - start) < it->offset - start ||
            vxt_left(packet) < it->captured)
            break;
        vxt_clip(&packet, it->captured);
        link(sights, hash_sight(sights, packet, it->wire));
    }
    if (before && sights->unhashed == before)
        forget_first(sights);
}

void vxt_sights_move(vxt_sights *sights, vxt_sight *items, uint32_t capacity)
{
    vxt_sights old = *sights;

    sights->items = items;
    sights->capacity = capacity;
    sights->count = sights->filled = sights->unhashed = 0;
    for (uint32_t i = 0; i < capacity; i++)
        items[i].head = UINT32_MAX;
    for (uint32_t i = old.filled; i > 0; i--) {
        const vxt_sight *it = vxt_sights_at(&old, old.count - i);
        append_sight(sights, it);
        if (i > old.unhashed)
            link(sights, it->hash);
    }
}
