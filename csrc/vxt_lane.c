#include "vxt_lane.h"

uint64_t vxt_entry_size(uint32_t caplen) { return (sizeof(vxt_entry) + (uint64_t)caplen + 7) / 8 * 8; }

/* What an entry would be, were it claimed: its place, behind a gap where it does not fit before the ring's end. */
static uint64_t next_place(const vxt_lane *lane, uint64_t size)
{
    uint64_t left = lane->size - (lane->head & (lane->size - 1));

    return size <= left ? lane->head : lane->head + left;
}

vxt_entry *vxt_lane_claim(vxt_lane *lane, uint32_t caplen)
{
    uint64_t size = vxt_entry_size(caplen), place;
    vxt_entry *entry;

    if (lane->tail == lane->head && lane->size) { /* nothing is here: begin at the ring's start, where all fits in */
        lane->tail = lane->head = (lane->head + lane->size - 1) / lane->size * lane->size;
        if (!lane->queued)
            lane->turn = lane->head;
    }
    if (size > lane->size || (place = next_place(lane, size)) + size - lane->tail > lane->size)
        return NULL;
    if (place != lane->head) {
        entry = vxt_lane_at(lane, lane->head);
        entry->size = (uint32_t)(place - lane->head);
        entry->state = VXT_ENTRY_GAP;
        if (lane->turn == lane->head)
            lane->turn = place;
        lane->head = place;
    }
    entry = vxt_lane_at(lane, place);
    entry->size = (uint32_t)size;
    entry->caplen = caplen;
    return entry;
}

/* A single time far ahead, as damaged clocks and cards make them, says nothing of how far the source has come: the
 * packet after it would be as far. */
static void come_further(vxt_lane *lane, int64_t at)
{
    int64_t sure = at < lane->before ? at : lane->before;

    if (lane->begun && sure > lane->newest)
        lane->newest = sure;
}

void vxt_lane_add(vxt_lane *lane, vxt_entry *entry)
{
    int64_t ts = entry->r.ts;

    if (ts != VXT_NAT)
        entry->r.ts = ts = vxt_lane_time(lane, ts);
    entry->at = ts != VXT_NAT ? ts : lane->begun ? lane->before : INT64_MIN + 1;
    if (!lane->begun)
        lane->latest = lane->newest = INT64_MIN;
    come_further(lane, entry->at);
    entry->state = entry->at < lane->latest ? VXT_ENTRY_STRAY : VXT_ENTRY_IN_TURN;
    if (entry->at > lane->latest)
        lane->latest = entry->at;
    lane->before = entry->at;
    lane->begun = true;
    lane->waits += entry->size;
    lane->head += entry->size;
}

uint64_t vxt_lane_turn(const vxt_lane *lane, uint64_t at)
{
    if (at < lane->tail)
        at = lane->tail;
    while (at < lane->head && vxt_lane_at(lane, at)->state != VXT_ENTRY_IN_TURN)
        at += vxt_lane_at(lane, at)->size;
    return at;
}

/* Nothing that lay in one piece crosses the end of a ring of twice the size. */
void vxt_lane_move(vxt_lane *lane, uint8_t *ring, uint64_t size)
{
    uint64_t at = lane->tail;

    while (at < lane->head) {
        uint64_t here = at & (lane->size - 1), end = lane->head - at;
        if (end > lane->size - here)
            end = lane->size - here;
        memcpy(&ring[at & (size - 1)], &lane->ring[here], end);
        at += end;
    }
    lane->ring = ring;
    lane->size = size;
}

int64_t vxt_lane_time(vxt_lane *lane, int64_t ts)
{
    const vxt_knot *knots = lane->knots;
    uint32_t i = lane->knot, last = lane->knot_count - 1;
    double part;

    if (lane->knot_count == 0)
        return ts;
    while (i < last && ts >= knots[i + 1].ts)
        i++;
    while (i > 0 && ts < knots[i].ts)
        i--;
    lane->knot = i;
    if (i == last || ts < knots[i].ts)
        return vxt_time_minus(ts, knots[i].ahead);
    part = (double)(ts - knots[i].ts) / (double)(knots[i + 1].ts - knots[i].ts);
    return vxt_time_minus(ts, knots[i].ahead + (int64_t)((double)(knots[i + 1].ahead - knots[i].ahead) * part));
}
