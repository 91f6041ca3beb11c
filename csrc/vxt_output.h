/* vxt_output.h: an inner capture as it is written, frame after frame: a pcap, or a pcapng with an interface for each
 * tunnel. */
#ifndef VXT_OUTPUT_H
#define VXT_OUTPUT_H

#include "vxt_interface.h"
#include "vxt_table.h"

typedef struct vxt_output {
    bool pcapng;          /* the format; else a classic pcap */
    bool ethernet;        /* an inner frame without Ethernet is written behind a made-up Ethernet header */
    bool started;         /* the file header has been written */
    bool nano;            /* a classic pcap's times are nanoseconds: to be set before the first frame */
    uint32_t interfaces;  /* pcapng interfaces written so far */
    uint32_t other[2][2]; /* 1 + number of an interface `other`: [starts with IP][nanoseconds] */
    uint64_t rounded;     /* times that lost digits: finer interfaces came after a pcap's header */
    uint64_t unwritable;  /* times that the output has no way to hold, written as 0 */
    vxt_tunnels *tunnels; /* memory of the caller: those of pcapng output */
} vxt_output;

/* What becomes of a decapsulated frame: for an inner packet without Ethernet there may be no place. */
vxt_status vxt_output_fit(const vxt_output *w, const vxt_packet *r);

/* Write a frame, `data`, of which r->caplen bytes count; before the first one, the file header. `it` is the interface
 * of the input of one that is kept as it was, else NULL; `fine`: its times can have digits below a microsecond. `data`
 * may lie in `out`, at or behind the place where it will be. VXT_OK, or MORE_OUTPUT and nothing is done. */
vxt_status vxt_output_put(vxt_output *w, vxt_interface *it, vxt_slice data, const vxt_packet *r, bool fine,
                          vxt_room *out);

/* At the end: the file header if none was needed so far, so that an empty capture is one too. `out` has room for 64
 * bytes. Returns how many were written. */
size_t vxt_output_end(vxt_output *w, uint8_t *out);

#endif
