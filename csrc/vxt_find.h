/* vxt_find.h: where in the middle of a capture a record begins: a guess, by headers that follow each other and make
 * sense. Payloads can hold whole captures: whoever reads on from there has to prove that others arrive there too. */
#ifndef VXT_FIND_H
#define VXT_FIND_H

#include "vxt_reader.h"

/* The first place in `in` from which on headers make sense, up to its end or for long enough, counted from its start;
 * SIZE_MAX where there is none. `offset` is that of `in` in its file; `last`: the file ends with it. */
size_t vxt_find_record(const vxt_reader *reader, vxt_slice in, uint64_t offset, bool last);

#endif
