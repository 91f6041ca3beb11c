/* flood.h: counts what the core does. It is included before the core, which is compiled so that it reports each piece of
 * straight code that it runs; what it copies and clears is counted here. */
#ifndef FLOOD_H
#define FLOOD_H

#include <stdint.h>
#include <string.h>

extern uint64_t flood_steps;

enum { FLOOD_BYTES = 32 /* that are copied in about the time of a step */ };

#define FLOOD_COUNT(n) (flood_steps += (n) / FLOOD_BYTES)
#define memcpy(to, from, n) (FLOOD_COUNT(n), memcpy(to, from, n))
#define memmove(to, from, n) (FLOOD_COUNT(n), memmove(to, from, n))
#define memset(to, byte, n) (FLOOD_COUNT(n), memset(to, byte, n))
#define memcmp(a, b, n) (FLOOD_COUNT(n), memcmp(a, b, n))

#endif
