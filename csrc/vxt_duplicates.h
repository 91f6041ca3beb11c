/* vxt_duplicates.h: packets that were seen from several vantage points, and the sights that are one too many.
 *
 * A sight is a duplicate of a packet whose first sight lies within the window, which it equals in all that routers
 * leave alone (vxt_same.h), and of which its own vantage point has no sight yet. So one point never duplicates itself:
 * what it sees twice was sent twice. */
#ifndef VXT_DUPLICATES_H
#define VXT_DUPLICATES_H

#include "vxt_lane.h"
#include "vxt_vantage.h"

enum {
    VXT_TWIN_CHAINS = 1 << 16,
    VXT_TWIN_STEPS = 256 /* sights that are looked at for one: where there are more, it is kept, and undecided */
};

typedef struct vxt_duplicates {
    uint64_t seed;
    int64_t window;     /* ns */
    uint64_t instances; /* packets so far */
    uint64_t undecided; /* packets whose headers are cut, or of more vantage points than are told apart */
    uint64_t forgotten; /* sights that had to go before the window was over: memory is bounded */
    uint64_t supers;    /* sights of data that another point saw in other pieces: segmentation offload */
    vxt_place *chains;  /* memory of the caller, VXT_TWIN_CHAINS of them: the last sight of each */
    vxt_vantages *vantages;
    vxt_pairs *pairs;
} vxt_duplicates;

/* Begin, with memory set. */
void vxt_duplicates_begin(vxt_duplicates *duplicates);

/* What is needed to look for this one; done once for each. */
void vxt_duplicates_read(vxt_duplicates *duplicates, vxt_lane *lane, vxt_entry *entry);

/* Whether an entry is one sight too many. Its twin tells of which packet it is a sight either way; nothing else
 * changes. */
bool vxt_duplicates_look(const vxt_duplicates *duplicates, const vxt_lane *lanes, vxt_entry *entry);

/* It has come out, or was dropped: remember it. */
void vxt_duplicates_note(vxt_duplicates *duplicates, const vxt_lane *lanes, vxt_place place, bool dropped);

#endif
