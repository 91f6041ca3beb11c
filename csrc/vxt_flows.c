#include "vxt_flows.h"

#include "vxt_hash.h"

enum { NO_PLACE = UINT32_MAX, LINE = 64 };

/* Packets whose places are fetched into the cache together: with a million conversations none is there, and waiting for
 * one after the other takes ten times as long. */
enum { AHEAD = 8 };

void vxt_flows_begin(vxt_flows *flows, uint64_t *left, uint64_t seed, int64_t idle, uint32_t most)
{
    *flows = (vxt_flows){.left = left, .seed = seed, .now = VXT_NAT, .idle = idle, .most = most};
    flows->free = flows->oldest = flows->newest = NO_PLACE;
}

static uint64_t hash_of(const vxt_flows *flows, const vxt_flow_key *key)
{
    uint64_t hash = flows->seed;

    hash = vxt_mix(hash, vxt_le64(key->ends[0]));
    hash = vxt_mix(hash, vxt_le64(key->ends[0] + 8));
    hash = vxt_mix(hash, vxt_le64(key->ends[1]));
    hash = vxt_mix(hash, vxt_le64(key->ends[1] + 8));
    hash = vxt_mix(hash, (uint64_t)key->ports[0] << 48 | (uint64_t)key->ports[1] << 32 | key->vni);
    hash = vxt_mix(hash, key->proto);
    return hash ? hash : 1; /* 0 is none */
}

static uint32_t *head_of(const vxt_flows *flows, uint64_t hash) { return &flows->heads[hash & (flows->capacity - 1)]; }

/* Where it is noted that one with this hash has left; its upper bits, since the lower ones choose the chain. */
static uint64_t *note_of(const vxt_flows *flows, uint64_t hash)
{
    return &flows->left[hash >> 32 & (VXT_FLOWS_LEFT - 1)];
}

static void enter_chain(vxt_flows *flows, uint32_t place)
{
    uint32_t *head = head_of(flows, flows->links[place].hash);

    flows->links[place].next = *head;
    *head = place;
}

static void leave_chain(vxt_flows *flows, uint32_t place)
{
    uint32_t *next = head_of(flows, flows->links[place].hash);

    while (*next != place) {
        next = &flows->links[*next].next;
        flows->steps++;
    }
    *next = flows->links[place].next;
}

/* ---------------------------------------------------------------- the order of silence */

static void leave_order(vxt_flows *flows, uint32_t place)
{
    const vxt_flow_link *it = &flows->links[place];

    if (it->before == NO_PLACE)
        flows->oldest = it->after;
    else
        flows->links[it->before].after = it->after;
    if (it->after == NO_PLACE)
        flows->newest = it->before;
    else
        flows->links[it->after].before = it->before;
}

static void enter_order(vxt_flows *flows, uint32_t place)
{
    vxt_flow_link *it = &flows->links[place];

    it->before = flows->newest;
    it->after = NO_PLACE;
    if (flows->newest == NO_PLACE)
        flows->oldest = place;
    else
        flows->links[flows->newest].after = place;
    flows->newest = place;
}

/* ---------------------------------------------------------------- coming and going */

static uint32_t find_place(vxt_flows *flows, const vxt_flow_key *key, uint64_t hash)
{
    uint32_t place = *head_of(flows, hash);

    for (; place != NO_PLACE; place = flows->links[place].next) {
        flows->steps++;
        if (flows->links[place].hash == hash && memcmp(&flows->places[place].key, key, sizeof *key) == 0)
            break;
    }
    return place;
}

static void emit(vxt_flows *flows, uint32_t place, uint8_t why, vxt_flow *row)
{
    uint64_t hash = flows->links[place].hash;

    vxt_conversation_end(&flows->places[place], why, row);
    leave_chain(flows, place);
    leave_order(flows, place);
    if (why == VXT_ENDED_IDLE || why == VXT_ENDED_FULL)
        *note_of(flows, hash) = hash;
    flows->links[place].next = flows->free;
    flows->free = place;
    flows->open--;
}

/* A free place for a conversation; there is one. */
static uint32_t take_place(vxt_flows *flows, uint64_t hash)
{
    uint32_t place = flows->free;

    if (place == NO_PLACE)
        place = flows->count++;
    else
        flows->free = flows->links[place].next;
    flows->links[place].hash = hash;
    enter_chain(flows, place);
    enter_order(flows, place);
    flows->open++;
    return place;
}

/* Whether it has been silent for too long, or a time so far from the present is an error. What came before there was
 * any time came now. */
static bool is_idle(vxt_flows *flows, uint32_t place)
{
    int64_t *touched = &flows->links[place].touched;
    uint64_t now = (uint64_t)flows->now, then;

    if (*touched == VXT_NAT)
        *touched = flows->now;
    then = (uint64_t)*touched;
    return (*touched < flows->now ? now - then : then - now) > (uint64_t)flows->idle;
}

/* ---------------------------------------------------------------- packets */

/* What is on its way through the table. */
typedef struct vxt_arrival {
    const vxt_packet *packet;
    vxt_flow_key key;
    uint64_t hash;
    uint32_t sender;
    bool ours; /* it belongs to a conversation */
} vxt_arrival;

/* Whether a conversation can begin: VXT_FLOWS_GROW where the table has to be larger, VXT_FLOWS_FULL where a row has to
 * be written before. */
static vxt_flows_status make_room(vxt_flows *flows, vxt_flow *row)
{
    if (flows->open < flows->capacity && flows->open < flows->most)
        return VXT_FLOWS_DONE;
    if (flows->open < flows->most)
        return VXT_FLOWS_GROW;
    if (!row)
        return VXT_FLOWS_FULL;
    emit(flows, flows->oldest, VXT_ENDED_FULL, row);
    return VXT_FLOWS_DONE;
}

static uint32_t begin(vxt_flows *flows, const vxt_arrival *it, bool goes_on)
{
    uint32_t place = take_place(flows, it->hash);
    vxt_conversation *fresh = &flows->places[place];

    vxt_conversation_begin(fresh, &it->key, it->packet, it->sender);
    fresh->continued = goes_on && *note_of(flows, it->hash) == it->hash;
    return place;
}

/* One packet; where a row has to be written for it, to `row`, NULL where there is no room. *made tells that one was. */
static vxt_flows_status add(vxt_flows *flows, const vxt_arrival *it, vxt_flow *row, bool *made)
{
    uint32_t open = flows->open, place = flows->capacity ? find_place(flows, &it->key, it->hash) : NO_PLACE;
    vxt_flows_status status = VXT_FLOWS_DONE;

    if (place == NO_PLACE) {
        if ((status = make_room(flows, row)) != VXT_FLOWS_DONE)
            return status;
        *made = flows->open < open;
        place = begin(flows, it, true);
    } else if (vxt_conversation_is_over(&flows->places[place], it->packet, it->sender)) {
        if (!row)
            return VXT_FLOWS_FULL;
        emit(flows, place, VXT_ENDED_BY_SYN, row);
        *made = true;
        place = begin(flows, it, false);
    } else if (place != flows->newest) {
        leave_order(flows, place);
        enter_order(flows, place);
    }
    flows->links[place].touched = flows->now;
    vxt_conversation_add(&flows->places[place], it->packet, it->sender, flows->seed);
    return VXT_FLOWS_DONE;
}

/* Write rows of those that are idle by now; false where there is no room for one. */
static bool emit_idle(vxt_flows *flows, vxt_flow *rows, size_t room, size_t *made)
{
    while (flows->oldest != NO_PLACE && is_idle(flows, flows->oldest)) {
        if (*made == room)
            return false;
        emit(flows, flows->oldest, VXT_ENDED_IDLE, &rows[(*made)++]);
        flows->steps++;
    }
    return true;
}

/* The first of a chain that has this hash. */
static uint32_t find_hash(const vxt_flows *flows, uint64_t hash)
{
    uint32_t place = *head_of(flows, hash);

    while (place != NO_PLACE && flows->links[place].hash != hash)
        place = flows->links[place].next;
    return place;
}

/* Fetch what the packets will touch, as far as it can be told, in steps, of which each needs what the one before it
 * fetched. */
static void fetch_places(const vxt_flows *flows, const vxt_arrival *its, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (its[i].ours && *head_of(flows, its[i].hash) != NO_PLACE)
            VXT_FETCH(&flows->links[*head_of(flows, its[i].hash)]);
    for (size_t i = 0; i < count; i++) {
        uint32_t place = its[i].ours ? find_hash(flows, its[i].hash) : NO_PLACE;
        const vxt_flow_link *link;
        if (place == NO_PLACE)
            continue;
        for (size_t at = 0; at < sizeof(vxt_conversation); at += LINE)
            VXT_FETCH(&((const uint8_t *)&flows->places[place])[at]);
        link = &flows->links[place];
        if (link->before != NO_PLACE)
            VXT_FETCH(&flows->links[link->before]);
        if (link->after != NO_PLACE)
            VXT_FETCH(&flows->links[link->after]);
    }
}

/* Find out where packets belong. */
static void look_at(vxt_flows *flows, vxt_arrival *its, const vxt_packet *packets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        vxt_arrival *it = &its[i];
        it->packet = &packets[i];
        it->ours = it->packet->status == VXT_OK && vxt_flow_has_key(it->packet);
        if (!it->ours)
            continue;
        it->sender = vxt_flow_key_of(&it->key, it->packet);
        it->hash = hash_of(flows, &it->key);
        if (flows->capacity)
            VXT_FETCH(head_of(flows, it->hash));
    }
    if (flows->capacity)
        fetch_places(flows, its, count);
}

/* One packet, and the rows that it makes. */
static vxt_flows_status take(vxt_flows *flows, const vxt_arrival *it, vxt_flow *rows, size_t room, size_t *made)
{
    const vxt_packet *packet = it->packet;
    vxt_flows_status status;
    bool wrote = false;

    if (!it->ours) {
        *(packet->status == VXT_OK ? &flows->not_ip : &flows->skipped) += 1;
        return VXT_FLOWS_DONE;
    }
    if (packet->ts != VXT_NAT) {
        flows->now = packet->ts;
        if (!emit_idle(flows, rows, room, made))
            return VXT_FLOWS_FULL;
    }
    status = add(flows, it, *made < room ? &rows[*made] : NULL, &wrote);
    *made += wrote;
    return status;
}

vxt_flows_status vxt_flows_add(vxt_flows *flows, const vxt_packet *packets, size_t count, size_t *at, vxt_flow *rows,
                               size_t room, size_t *made)
{
    while (*at < count) {
        size_t ahead = count - *at < AHEAD ? count - *at : AHEAD;
        vxt_arrival its[AHEAD];
        look_at(flows, its, &packets[*at], ahead);
        for (size_t i = 0; i < ahead; i++, (*at)++, flows->packets++) {
            vxt_flows_status status = take(flows, &its[i], rows, room, made);
            if (status != VXT_FLOWS_DONE)
                return status;
        }
    }
    return VXT_FLOWS_DONE;
}

vxt_flows_status vxt_flows_end(vxt_flows *flows, vxt_flow *rows, size_t room, size_t *made)
{
    while (flows->oldest != NO_PLACE && *made < room)
        emit(flows, flows->oldest, VXT_ENDED, &rows[(*made)++]);
    return flows->oldest == NO_PLACE ? VXT_FLOWS_DONE : VXT_FLOWS_FULL;
}

void vxt_flows_grown(vxt_flows *flows, uint32_t capacity)
{
    flows->capacity = capacity;
    for (uint32_t i = 0; i < capacity; i++)
        flows->heads[i] = NO_PLACE;
    for (uint32_t place = flows->oldest; place != NO_PLACE; place = flows->links[place].after)
        enter_chain(flows, place);
}
