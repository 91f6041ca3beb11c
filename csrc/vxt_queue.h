/* vxt_queue.h: which of the packets that are at hand comes next: by time, then by source, then as the source has them.
 * A binary heap of one packet a source, the next in its turn, and of those that are out of turn. */
#ifndef VXT_QUEUE_H
#define VXT_QUEUE_H

#include "vxt_lane.h"

typedef struct vxt_next {
    int64_t at;
    vxt_place place;
} vxt_next;

typedef struct vxt_queue {
    vxt_next *items; /* memory of the caller */
    size_t room;     /* items that it holds: the caller sees to it that all that are put in do fit */
    size_t count;
} vxt_queue;

void vxt_queue_put(vxt_queue *queue, vxt_next next);

/* Take the first one out. */
void vxt_queue_pop(vxt_queue *queue);

/* The same as taking out the first one and putting in another, at half the cost. */
void vxt_queue_replace(vxt_queue *queue, vxt_next next);

#endif
