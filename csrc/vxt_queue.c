#include "vxt_queue.h"

static bool is_before(const vxt_next *a, const vxt_next *b)
{
    if (a->at != b->at)
        return a->at < b->at;
    if (a->place.lane != b->place.lane)
        return a->place.lane < b->place.lane;
    return a->place.at < b->place.at;
}

void vxt_queue_put(vxt_queue *queue, vxt_next next)
{
    size_t i = queue->count++;

    while (i > 0 && is_before(&next, &queue->items[(i - 1) / 2])) {
        queue->items[i] = queue->items[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    queue->items[i] = next;
}

void vxt_queue_replace(vxt_queue *queue, vxt_next next)
{
    size_t i = 0, child;

    while ((child = 2 * i + 1) < queue->count) {
        if (child + 1 < queue->count && is_before(&queue->items[child + 1], &queue->items[child]))
            child++;
        if (!is_before(&queue->items[child], &next))
            break;
        queue->items[i] = queue->items[child];
        i = child;
    }
    queue->items[i] = next;
}

void vxt_queue_pop(vxt_queue *queue)
{
    queue->count--;
    if (queue->count > 0)
        vxt_queue_replace(queue, queue->items[queue->count]);
}
