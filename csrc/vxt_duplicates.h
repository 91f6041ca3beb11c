/* vxt_duplicates.h: packets that were seen from several vantage points, and the sights that are one too many.
 *
 * A sight is a duplicate of a packet whose first sight lies within the window, which it equals in all that routers
 * leave alone (vxt_same.h), and of which its own vantage point has no sight yet. So one point never duplicates itself:
 * what it sees twice was sent twice. Of several packets alike it is the oldest, since paths keep their order.
 *
 * Packets are compared by keyed hashes of 64 bits, and by their bytes where one of two sights is cut. What cannot be
 * decided is kept. */
#ifndef VXT_DUPLICATES_H
#define VXT_DUPLICATES_H

#include "vxt_lane.h"
#include "vxt_twins.h"
#include "vxt_vantage.h"

typedef struct vxt_duplicates {
    uint64_t seed;
    int64_t window;     /* ns */
    uint64_t undecided; /* sights that could not be compared with all that they might equal */
    uint64_t forgotten; /* sights that had to go before the window was over: memory is bounded */
    uint64_t supers;    /* sights of data that another point saw in other pieces: segmentation offload */
    bool any_cut;       /* some payload is cut: bytes are kept to compare with */
    vxt_twins twins;
    vxt_vantages *vantages; /* memory of the caller, as the next one */
    vxt_pairs *pairs;
} vxt_duplicates;

/* What is asked of a sight that has come up, and the answer. */
typedef struct vxt_question {
    uint64_t instance; /* the packet of which it is a sight, 0 where it is a first one */
    bool undecided;
} vxt_question;

/* Begin, with memory set. */
void vxt_duplicates_begin(vxt_duplicates *duplicates);

/* What is needed to look for this one, whose mark has `same` and `digest`; done once for each, when it comes in. */
void vxt_duplicates_read(vxt_duplicates *duplicates, vxt_lane *lane, vxt_entry *entry);

/* Forget what is older than the window, and tell whether there is room for one more: VXT_OK, or MORE_SIGHTS: give it
 * some (vxt_twins_move), or let one go (vxt_duplicates_forget); MORE_HISTORY: memory for payloads is needed. */
vxt_status vxt_duplicates_room(vxt_duplicates *duplicates, int64_t now);
void vxt_duplicates_forget(vxt_duplicates *duplicates);

/* Whether a sight is one too many. Nothing changes. */
bool vxt_duplicates_look(const vxt_duplicates *duplicates, const vxt_entry *entry, vxt_question *question);

/* It has come out, or was dropped, at the time `now`: remember it. */
void vxt_duplicates_note(vxt_duplicates *duplicates, const vxt_entry *entry, const vxt_question *question, int64_t now);

#endif
