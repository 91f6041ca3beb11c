/* vxt_piece.h: inner frames that lie nowhere in one piece, as they are handed on: reassembled ones, and late ones,
 * which the input has left behind. Before each stand its row's `offset`, by which it is known, and `caplen`, 8 bytes
 * each and little-endian; behind it, up to the next multiple of 8, zeros. */
#ifndef VXT_PIECE_H
#define VXT_PIECE_H

#include "vxt_base.h"

enum { VXT_PIECE_HEADER = 16, VXT_PIECE_ALIGN = 8 };

/* All bytes of a piece. */
static inline size_t vxt_piece_size(uint32_t caplen)
{
    return VXT_PIECE_HEADER + (caplen + (size_t)VXT_PIECE_ALIGN - 1) / VXT_PIECE_ALIGN * VXT_PIECE_ALIGN;
}

#endif
