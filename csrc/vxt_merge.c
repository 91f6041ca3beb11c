#include "vxt_merge.h"

enum { FETCHED = 64, MOST_FETCHED = 1024 };

void vxt_merge_begin(vxt_merge *merge)
{
    merge->now = INT64_MIN;
    merge->stale = true;
    if (merge->duplicates)
        vxt_duplicates_begin(merge->duplicates);
}

/* ---------------------------------------------------------------- in */

/* Give back the room of what has come out. */
static void free_front(vxt_lane *lane)
{
    while (lane->tail < lane->head) {
        const vxt_entry *entry = vxt_lane_at(lane, lane->tail);
        if (entry->state != VXT_ENTRY_DONE && entry->state != VXT_ENTRY_GAP)
            return;
        lane->tail += entry->size;
    }
}

/* Whether the next piece is the row's inner frame; else that lies in the window. */
static bool is_piece(const vxt_packet *r, const vxt_supply *supply)
{
    const uint8_t *head = vxt_peek(supply->pieces, VXT_PIECE_HEADER);

    return head && vxt_le64(head) == r->offset && vxt_le64(head + 8) == r->caplen;
}

/* The bytes of a row's inner frame. */
static const uint8_t *frame_of(const vxt_packet *r, const vxt_supply *supply, bool piece)
{
    vxt_slice rest = piece ? supply->pieces : supply->window;
    uint64_t before = piece ? VXT_PIECE_HEADER : r->offset - supply->offset;

    if (!piece && r->offset < supply->offset)
        return NULL;
    return vxt_skip(&rest, before) == before ? vxt_peek(rest, r->caplen) : NULL;
}

/* A new entry is in its lane: if it is out of turn, or the only one, the queue has to know. */
static void queue_new(vxt_merge *merge, uint32_t number, const vxt_entry *entry, uint64_t at)
{
    vxt_lane *lane = &merge->lanes[number];

    if (entry->state == VXT_ENTRY_IN_TURN) {
        if (lane->queued)
            return;
        lane->queued = true;
        lane->turn = at;
    }
    vxt_queue_put(&merge->queue, (vxt_next){entry->at, {at, number}});
}

/* What tells the packet elsewhere. */
static void describe(const vxt_merge *merge, vxt_entry *entry)
{
    vxt_slice frame = vxt_entry_frame(entry);

    entry->mark.same = vxt_same_of(merge->seed, frame, &entry->r);
    entry->mark.digest = vxt_same_digest(merge->key, frame, &entry->mark.same);
}

static vxt_status push_one(vxt_merge *merge, uint32_t number, const vxt_packet *r, vxt_supply *supply)
{
    vxt_lane *lane = &merge->lanes[number];
    bool piece = is_piece(r, supply);
    const uint8_t *frame = merge->frames ? frame_of(r, supply, piece) : NULL;
    vxt_entry *entry;

    if (merge->frames && !frame)
        return VXT_MALFORMED;
    if (!(entry = vxt_lane_claim(lane, merge->frames ? r->caplen : 0)))
        return VXT_MORE_OUTPUT;
    entry->r = *r;
    if (frame)
        memcpy(entry + 1, frame, r->caplen);
    if (piece)
        vxt_skip(&supply->pieces, vxt_piece_size(r->caplen));
    if (merge->duplicates || merge->identify)
        describe(merge, entry);
    if (merge->duplicates)
        vxt_duplicates_read(merge->duplicates, lane, entry);
    vxt_lane_add(lane, entry);
    queue_new(merge, number, entry, lane->head - entry->size);
    return VXT_OK;
}

vxt_status vxt_merge_push(vxt_merge *merge, uint32_t lane, const vxt_packet *rows, size_t count, vxt_supply *supply,
                          size_t *taken)
{
    vxt_status status = VXT_OK;

    merge->lanes[lane].full = false;
    merge->stale = true;
    for (*taken = 0; *taken < count; ++*taken)
        if ((status = push_one(merge, lane, &rows[*taken], supply)) != VXT_OK)
            break;
    return status;
}

/* A lane that is full of what came out, behind one packet that waits for its time: that has to come out early. */
static bool is_blocked(const vxt_lane *lane)
{
    return lane->full && lane->waits <= lane->size / 4 && vxt_lane_used(lane) > lane->size / 2;
}

void vxt_merge_full(vxt_merge *merge, uint32_t lane)
{
    free_front(&merge->lanes[lane]);
    merge->lanes[lane].full = true;
    merge->stale = true;
    if (is_blocked(&merge->lanes[lane]))
        merge->forced = lane + 1;
}

void vxt_merge_ended(vxt_merge *merge, uint32_t lane)
{
    merge->lanes[lane].ended = true;
    merge->stale = true;
}

/* ---------------------------------------------------------------- out */

static void find_safe(vxt_merge *merge)
{
    merge->stale = false;
    merge->safe = INT64_MAX;
    merge->wanted = VXT_NO_LANE;
    for (uint32_t i = 0; i < merge->lane_count; i++) {
        const vxt_lane *lane = &merge->lanes[i];
        int64_t sure = lane->begun ? vxt_time_minus(lane->newest, merge->window) : INT64_MIN;
        if (lane->ended || lane->full || (merge->wanted != VXT_NO_LANE && sure >= merge->safe))
            continue;
        merge->safe = sure;
        merge->wanted = i;
    }
}

static void make_room(vxt_merge *merge, uint32_t number)
{
    vxt_lane *lane = &merge->lanes[number];

    free_front(lane);
    if (!lane->full)
        return;
    if (is_blocked(lane)) {
        merge->forced = number + 1;
    } else if (lane->waits <= lane->size / 2) {
        lane->full = false;
        merge->stale = true;
    }
}

/* Have the first lines of an entry, and the one behind it, in the cache by the time that it comes out. */
static void fetch(const vxt_lane *lane, const vxt_entry *entry)
{
    uint64_t end = lane->turn + (entry->size + FETCHED < MOST_FETCHED ? entry->size + FETCHED : MOST_FETCHED);

    for (uint64_t at = lane->turn + 64; at < end; at += 64)
        VXT_FETCH(vxt_lane_at(lane, at));
}

static bool is_gone(const vxt_merge *merge, vxt_place place)
{
    const vxt_lane *lane = &merge->lanes[place.lane];

    return !vxt_lane_has(lane, place.at) || vxt_lane_at(lane, place.at)->state == VXT_ENTRY_DONE;
}

void vxt_merge_tidy(vxt_merge *merge)
{
    vxt_queue *queue = &merge->queue;
    size_t count = queue->count;

    queue->count = 0;
    for (size_t i = 0; i < count; i++)
        if (!is_gone(merge, queue->items[i].place))
            vxt_queue_put(queue, queue->items[i]);
}

/* The lane's next entry in turn takes the place of one that has come out: in the queue, too, where that was `first` in
 * it; else that stays there, as one that is gone. */
static void queue_turn(vxt_merge *merge, uint32_t number, bool first)
{
    vxt_lane *lane = &merge->lanes[number];
    vxt_next next;

    lane->turn = vxt_lane_turn(lane, lane->turn);
    lane->queued = lane->turn < lane->head;
    if (!lane->queued) {
        if (first)
            vxt_queue_pop(&merge->queue);
        return;
    }
    next = (vxt_next){vxt_lane_at(lane, lane->turn)->at, {lane->turn, number}};
    fetch(lane, vxt_lane_at(lane, lane->turn));
    if (first) {
        vxt_queue_replace(&merge->queue, next);
        return;
    }
    if (merge->queue.count == merge->queue.room)
        vxt_merge_tidy(merge); /* at least the one that has come out goes */
    vxt_queue_put(&merge->queue, next);
}

/* What has become of a packet. */
typedef enum fate { GIVEN, DROPPED, UNFIT } fate;

/* The packet that comes next, and what it will be settled as. */
typedef struct candidate {
    vxt_place place;
    vxt_question question;
    fate fate;
} candidate;

static void settle(vxt_merge *merge, const candidate *next)
{
    vxt_place place = next->place;
    vxt_lane *lane = &merge->lanes[place.lane];
    vxt_entry *entry = vxt_lane_at(lane, place.at);
    bool first = !merge->forced, in_turn = entry->state == VXT_ENTRY_IN_TURN;
    fate what = next->fate;

    lane->given += what == GIVEN;
    lane->dropped += what == DROPPED;
    lane->unfit += what == UNFIT;
    if (merge->forced || entry->at < merge->now)
        lane->late += what == GIVEN;
    else
        merge->now = entry->at;
    if (merge->duplicates && what != UNFIT)
        vxt_duplicates_note(merge->duplicates, entry, &next->question, merge->now);
    merge->forced = 0;
    entry->state = VXT_ENTRY_DONE;
    lane->waits -= entry->size;
    if (in_turn && place.at == lane->turn)
        queue_turn(merge, place.lane, first);
    else if (first)
        vxt_queue_pop(&merge->queue);
    make_room(merge, place.lane);
}

/* Where the next packet is: VXT_OK, or MORE_INPUT. */
static vxt_status find_next(vxt_merge *merge, vxt_place *place)
{
    vxt_queue *queue = &merge->queue;

    if (merge->stale)
        find_safe(merge);
    if (merge->forced) {
        *place = (vxt_place){merge->lanes[merge->forced - 1].tail, merge->forced - 1};
        return VXT_OK;
    }
    while (queue->count && is_gone(merge, queue->items[0].place))
        vxt_queue_pop(queue);
    if (queue->count == 0 || (merge->wanted != VXT_NO_LANE && queue->items[0].at >= merge->safe))
        return VXT_MORE_INPUT;
    *place = queue->items[0].place;
    return VXT_OK;
}

static bool is_duplicate(const vxt_merge *merge, candidate *next)
{
    const vxt_entry *entry = vxt_lane_at(&merge->lanes[next->place.lane], next->place.at);

    return merge->duplicates && vxt_duplicates_look(merge->duplicates, entry, &next->question);
}

static bool is_unfit(const vxt_merge *merge, const vxt_output *output, vxt_place place)
{
    return output && vxt_output_fit(output, &vxt_lane_at(&merge->lanes[place.lane], place.at)->r) != VXT_OK;
}

/* The next packet that comes out: what an output has no place for, and duplicates, are settled on the way. */
static vxt_status next_out(vxt_merge *merge, const vxt_output *output, candidate *next)
{
    vxt_status status;

    while ((status = find_next(merge, &next->place)) == VXT_OK) {
        if (merge->duplicates && (status = vxt_duplicates_room(merge->duplicates, merge->now)) != VXT_OK)
            return status;
        next->fate = is_unfit(merge, output, next->place) ? UNFIT : is_duplicate(merge, next) ? DROPPED : GIVEN;
        if (next->fate == GIVEN || (next->fate == DROPPED && merge->mark))
            return VXT_OK;
        settle(merge, next);
    }
    return status;
}

static vxt_status put_row(const vxt_merge *merge, const candidate *next, vxt_room *room)
{
    const vxt_entry *entry = vxt_lane_at(&merge->lanes[next->place.lane], next->place.at);
    uint8_t *p = vxt_claim(room, merge->identify ? sizeof(vxt_identified) : sizeof(vxt_packet));
    vxt_identified *row = (vxt_identified *)(void *)p;

    if (!p)
        return VXT_MORE_OUTPUT;
    row->r = entry->r;
    if (next->fate == DROPPED)
        row->r.flags |= VXT_FLAG_DUPLICATE;
    if (merge->identify) {
        row->identity = entry->mark.same.identity;
        row->digest = entry->mark.digest;
    }
    return VXT_OK;
}

vxt_status vxt_merge_rows(vxt_merge *merge, void *rows, size_t size, size_t *count)
{
    vxt_room all = vxt_room_of(rows, size), room = all;
    candidate next;
    vxt_status status;

    while ((status = next_out(merge, NULL, &next)) == VXT_OK && (status = put_row(merge, &next, &room)) == VXT_OK)
        settle(merge, &next);
    *count = vxt_written(room, all) / (merge->identify ? sizeof(vxt_identified) : sizeof(vxt_packet));
    return status;
}

vxt_status vxt_merge_capture(vxt_merge *merge, vxt_output *output, uint8_t *out, size_t size, size_t *made)
{
    vxt_room all = vxt_room_of(out, size), room = all;
    candidate next;
    vxt_status status;

    while ((status = next_out(merge, output, &next)) == VXT_OK) {
        const vxt_lane *lane = &merge->lanes[next.place.lane];
        const vxt_entry *entry = vxt_lane_at(lane, next.place.at);
        status = vxt_output_put(output, NULL, vxt_entry_frame(entry), &entry->r, lane->fine, &room);
        if (status != VXT_OK)
            break;
        settle(merge, &next);
    }
    *made = vxt_written(room, all);
    return status;
}
