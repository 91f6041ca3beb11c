/* vxt_find.h: where in the middle of a capture a record begins: a guess, by headers that follow each other and make
 * sense. Payloads can hold whole captures: whoever reads on from there has to prove that others arrive there too. */
#ifndef VXT_FIND_H
#define VXT_FIND_H

#include "vxt_reader.h"

/* The first place in `in` from which on headers make sense, up to its end or for long enough, counted from its start;
 * SIZE_MAX where there is none. `offset` is that of `in` in its file; `last`: the file ends with it. */
size_t vxt_find_record(const vxt_reader *reader, vxt_slice in, uint64_t offset, bool last);

/* The place in `in` where all chains of headers that begin before `until` and make sense up to its end have met:
 * whoever of them is true, that is a record. SIZE_MAX where two do not meet, or there is none. `marks` has a zero for
 * every byte. */
size_t vxt_find_meeting(const vxt_reader *reader, vxt_slice in, uint64_t offset, size_t until, uint8_t *marks);

#endif
