/* vxt_rewrite.h: buffer -> inner capture, in the same buffer or in another. */
#ifndef VXT_REWRITE_H
#define VXT_REWRITE_H

#include "vxt_output.h"
#include "vxt_pass.h"

typedef struct vxt_rewrite {
    vxt_pass pass;     /* its census is needed for pcapng output */
    vxt_output output; /* its tunnels are those of the census */
    bool keep_others;  /* frames that are not decapsulated are written as they are (pcapng only) */
} vxt_rewrite;

/* What one call did. */
typedef struct vxt_progress {
    size_t used; /* bytes of the input consumed */
    size_t made; /* bytes of output */
} vxt_progress;

/* Rewrite `in` from its start into `out`. Returns MORE_INPUT, MORE_OUTPUT, what the pass wants (vxt_pass_next), or a
 * fault; always after all that came before it.
 *
 * `in_place`: out is the start of the very buffer that `in` lies in, at or before `in`. Output is then written only
 * over what has been consumed, and MORE_OUTPUT means that the next frame grows beyond it (a new interface, a kept
 * frame in pcapng, a frame put together from fragments): take the output away, and call again; if still nothing was
 * consumed, with other memory that has room. */
vxt_status vxt_rewrite_run(vxt_rewrite *w, const uint8_t *in, size_t length, uint8_t *out, size_t size, bool in_place,
                           vxt_progress *progress);

/* At the end of input: the file header if none was needed so far, so that an empty capture is one too. `out` has room
 * for 64 bytes. Returns how many were written. */
size_t vxt_rewrite_end(vxt_rewrite *w, uint8_t *out);

#endif
