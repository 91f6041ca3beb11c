/* vxt_pcapng.h: pcapng files (draft-ietf-opsawg-pcapng): sections, interfaces, packets of three kinds. */
#ifndef VXT_PCAPNG_H
#define VXT_PCAPNG_H

#include "vxt_frame.h"
#include "vxt_interface.h"

/* Blocks that are read: X(type, NAME). All others are skipped. */
#define VXT_BLOCKS(X)                                                                                                  \
    X(0x0a0d0d0a, SECTION)                                                                                             \
    X(1, INTERFACE)                                                                                                    \
    X(2, OLD_PACKET)                                                                                                   \
    X(3, SIMPLE_PACKET)                                                                                                \
    X(6, PACKET)

typedef enum vxt_block {
#define X(type, name) VXT_BLOCK_##name = type,
    VXT_BLOCKS(X)
#undef X
} vxt_block;

/* Options that are read, and options that are written. */
enum {
    VXT_OPTION_END = 0,
    VXT_OPTION_COMMENT = 1,
    VXT_OPTION_IF_NAME = 2,
    VXT_OPTION_USERAPPL = 4,
    VXT_OPTION_IF_TSRESOL = 9,
    VXT_OPTION_IF_TSOFFSET = 14,
    VXT_OPTION_PACKET_FLAGS = 2
};

enum { VXT_BYTE_ORDER_MAGIC = 0x1a2b3c4d };

typedef struct vxt_pcapng {
    bool big;     /* byte order of the current section */
    bool section; /* one has begun */
    uint16_t major, minor;
    uint32_t skipping; /* total length of a block of no interest that is being passed over, 0 where none is */
    uint32_t passed;   /* bytes of it that have been passed */
} vxt_pcapng;

/* Pass blocks until `in` starts with a packet's, and describe that, without moving past it: VXT_OK and `frame` but its
 * number, with its offset counted from the start of `in`. AT_STOP where the next block begins `stop` bytes behind the
 * start of `in`, or more. Else MORE_INPUT, MORE_INTERFACES, or a fault of the block that `in` starts with (or, while
 * one is skipped, of the block that started `passed` bytes before it). */
vxt_status vxt_pcapng_next(vxt_pcapng *file, vxt_interfaces *table, uint64_t stop, vxt_slice *in, vxt_frame *frame);

#endif
