/* vxt_pass.h: one pass over a capture: the next frame, what became of it, and the books that every frame goes into.
 * Scan and rewrite are its two consumers. */
#ifndef VXT_PASS_H
#define VXT_PASS_H

#include "vxt_decap.h"
#include "vxt_reader.h"
#include "vxt_table.h"

/* What a capture held beyond its frames; costs a look-up a frame, so it is kept where it was asked for. */
typedef struct vxt_census {
    vxt_tunnels tunnels;
    vxt_counters interfaces; /* frames by SLL2 interface index */
    vxt_counters ports;      /* UDP ports that carry what looks like VXLAN but were not asked for */
    uint64_t unreachables;   /* ICMP errors that say so of a tunnel's end */
} vxt_census;

/* Rows that were written and are still at hand, to correct the status of fragments that turn out to be lost: one a
 * frame, the last for the last frame counted. */
typedef struct vxt_recent {
    uint8_t *status; /* that of the first row, or NULL: rows have none */
    size_t count, row_size;
} vxt_recent;

typedef struct vxt_pass {
    vxt_reader reader;
    vxt_options options;
    vxt_memory memory;
    vxt_census *census;              /* memory of the caller, or NULL */
    uint64_t outcomes[VXT_OUTCOMES]; /* frames by status */
    uint64_t kept[VXT_OUTCOMES];     /* of those with VXT_KEPT: what they would have been */
    uint64_t timeless;               /* frames without a time */
    int64_t first, last;             /* earliest and latest time of a frame */
    vxt_recent recent;
    bool ending; /* the caller knows of no more input: what waits is given up */
} vxt_pass;

/* A frame between being decided and being counted. */
typedef struct vxt_step {
    vxt_frame frame;
    vxt_span inner; /* see vxt_decap */
    bool telling;   /* OTHER_PORT: what came to that port looks like VXLAN; NOT_UDP, for a census: vxt_icmp_refuses */
} vxt_step;

/* No frame of the input, but the first fragment of a datagram that is given up. */
typedef struct vxt_late {
    vxt_packet r;
    vxt_span inner; /* its inner frame */
    bool fine;      /* its times can have digits below a microsecond */
} vxt_late;

/* Describe the next frame of `in` in step->frame where it is one of a plain pcap and of the usual shape, and nothing
 * has to be done before it: its link layer, for vxt_pass_next_as. Else VXT_LINK_UNKNOWN: ask vxt_pass_next. */
vxt_link_kind vxt_pass_usual(vxt_pass *pass, vxt_slice in, vxt_step *step);

/* vxt_pass_next for such a frame, `usual` being a constant: whether it is decapsulated, and the outcome VXT_OK. If not,
 * vxt_pass_next is to be asked. The caller asks the options' `where`. */
bool vxt_pass_next_as(vxt_link_kind usual, vxt_pass *pass, vxt_step *step, vxt_packet *r);

/* Decide the next frame of `in` into `r`. Nothing is counted yet: what does not fit an output can be asked for again.
 * Returns as vxt_reader_next, or MORE_SIGHTS, MORE_HISTORY, MORE_FRAGMENTS; the outcome is r->status. GIVE_UP: a
 * datagram has to be given up first (vxt_pass_give_up); then ask again. While the pass is ending, `in` is not looked
 * at, and MORE_INPUT says that nothing is left. */
vxt_status vxt_pass_next(vxt_pass *pass, vxt_slice *in, vxt_step *step, vxt_packet *r);

/* Take a census of the frame, if one was asked for: before it is counted. */
void vxt_pass_census(vxt_pass *pass, const vxt_step *step, const vxt_packet *r, vxt_status outcome);

/* Count the frame, as `outcome` (what it was decided to be, or VXT_KEPT), and move past it. */
void vxt_pass_count(vxt_pass *pass, vxt_slice *in, const vxt_step *step, const vxt_packet *r, vxt_status outcome);

/* After GIVE_UP: false, and the datagram is settled; or true where its first fragment goes on alone, and is wanted:
 * `late`. Then nothing is counted yet, and it may be asked for again. */
bool vxt_pass_give_up(vxt_pass *pass, vxt_late *late);

/* Count it, as `outcome`. */
void vxt_pass_count_late(vxt_pass *pass, const vxt_late *late, vxt_status outcome);

/* The row of frame `number`, counted from pass->recent.status, or SIZE_MAX where it is not at hand. */
size_t vxt_pass_recent(const vxt_pass *pass, uint64_t number);

#endif
