/* vxt_reader.h: a capture of any format, in one file or in several, as a sequence of frames, resumable at any byte.
 *
 * The caller hands over bytes in pieces of any size. What a call leaves unconsumed is presented again, followed by
 * more.
 */
#ifndef VXT_READER_H
#define VXT_READER_H

#include "vxt_pcap.h"
#include "vxt_pcapng.h"

typedef enum vxt_format { VXT_FORMAT_UNKNOWN, VXT_FORMAT_PCAP, VXT_FORMAT_PCAPNG } vxt_format;

typedef struct vxt_reader {
    vxt_interfaces interfaces;
    vxt_pcap pcap;
    vxt_pcapng pcapng;
    vxt_format format;
    uint64_t offset; /* bytes of the capture consumed so far, over all its files */
    uint64_t frames; /* and frames */
    uint64_t start;  /* what `offset` was when the current file began */
    uint64_t before; /* and `frames` */
    uint64_t stop;   /* records and blocks that begin here or behind are not read; 0: all are */
} vxt_reader;

/* Describe the next frame; `in` moves past what comes before it (headers, other blocks) but not past the frame itself.
 * VXT_OK, MORE_INPUT, MORE_INTERFACES, AT_STOP, or a fault. */
vxt_status vxt_reader_next(vxt_reader *reader, vxt_slice *in, vxt_frame *frame);

/* The same for the next record of a plain pcap, and nothing else: false, and nothing is known, where there is none. */
bool vxt_reader_plain(const vxt_reader *reader, vxt_slice in, vxt_frame *frame);

/* The frame has been dealt with: move past it. */
void vxt_reader_pass(vxt_reader *reader, vxt_slice *in, const vxt_frame *frame);

/* The current file is at its end with `left` bytes unconsumed, and another one of the same capture follows: framing
 * starts anew; offset, frames and the numbers of interfaces count on. */
void vxt_reader_next_file(vxt_reader *reader, size_t left);

/* The current file is at its end with `left` bytes unconsumed. VXT_OK, or EMPTY or CUT_HEADER where not even a header
 * was there; `*tail` becomes the number of its bytes behind the last whole record. */
vxt_status vxt_reader_end(const vxt_reader *reader, size_t left, uint64_t *tail);

/* Where in the current file the record or block starts at which a fault was found. */
uint64_t vxt_reader_fault_offset(const vxt_reader *reader);

/* Frames of the interface that stands at `index` in the table. */
uint64_t vxt_reader_interface_frames(const vxt_reader *reader, uint32_t index);

#endif
