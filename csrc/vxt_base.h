/* vxt_base.h: what every other file of the core builds on: status codes, limits.
 *
 * The core is plain C11: no Python.h, no stdio, no malloc, no globals that change. Callers own all memory.
 */
#ifndef VXT_BASE_H
#define VXT_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* VXT_INLINE: the small things of headers, always worth it. VXT_HOT: steps that every frame takes, worth being inlined
 * whatever their size, so that what one finds stays in registers for the next. All of the core is compiled as one file
 * (vxtap.c) for the same reason. A local whose address goes to a function that is not inlined lives in memory from then
 * on, so the rare ways are given copies of it. */
#if defined(__has_feature)
#define VXT_HAS(feature) __has_feature(feature)
#else
#define VXT_HAS(feature) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || VXT_HAS(address_sanitizer) || !defined(__GNUC__)
#define VXT_INLINE static inline /* a sanitizer checks every load: functions that large take minutes to compile */
#define VXT_HOT
#elif defined(__clang__)
#define VXT_INLINE static inline __attribute__((always_inline))
#define VXT_HOT __attribute__((always_inline))
#else
#define VXT_INLINE static inline __attribute__((always_inline))
#define VXT_HOT inline __attribute__((always_inline))
#endif

/* A way of its own beside the usual one: inlined there, compilers would take it for one that hardly matters. */
#if defined(__GNUC__)
#define VXT_APART __attribute__((noinline))
#else
#define VXT_APART
#endif

/* What is nearly always so: the usual way is what compilers spend their care on. */
#if defined(__GNUC__)
#define VXT_LIKELY(condition) __builtin_expect(!!(condition), 1)
#else
#define VXT_LIKELY(condition) (condition)
#endif

/* What a test has made sure of before: compilers leave out the ways that it excludes, and sanitizers stop where it does
 * not hold. */
#if defined(__GNUC__)
#define VXT_KNOWN(condition)                                                                                           \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            __builtin_unreachable();                                                                                   \
    } while (0)
#else
#define VXT_KNOWN(condition) ((void)0)
#endif

/* What will be needed soon: have it come into the cache. */
#if defined(__GNUC__)
#define VXT_FETCH(pointer) __builtin_prefetch(pointer, 1)
#else
#define VXT_FETCH(pointer) ((void)(pointer))
#endif

/* Limits, all in one place. A capture that exceeds one is refused or counted, never followed. */
enum {
    VXT_MAX_CAPLEN = 4 << 20,     /* bytes of one frame: BIG TCP reaches 512 KiB, a damaged length 4 GiB */
    VXT_MAX_BLOCK = 8 << 20,      /* bytes of a pcapng block that must be held whole (not of a skipped one) */
    VXT_MAX_VLANS = 32,           /* VLAN tags in a row */
    VXT_MAX_EXTENSIONS = 16,      /* IPv6 extension headers in a row */
    VXT_MAX_NSH = 4,              /* NSH headers in a row */
    VXT_MAX_DEPTH = 8,            /* tunnels within each other */
    VXT_MAX_PORTS = 32,           /* UDP ports that are taken for a tunnel's */
    VXT_MAX_TESTS = 4096,         /* comparisons of a `where` */
    VXT_MAX_INTERFACES = 1 << 16, /* pcapng interfaces remembered at a time */
    VXT_MAX_TUNNELS = 4096,       /* (VNI, tunnel endpoints, source) told apart */
    VXT_MAX_COUNTERS = 64,        /* keys of a small table of counts: ports, SLL2 interfaces */
    VXT_MAX_SIGHTS = 1 << 16,     /* packets remembered for a second sight, of the last millisecond */
    VXT_MAX_DATAGRAM = 65535,     /* bytes of a datagram put together from fragments */
};

/* Every status there is: X(NAME, family, slug, meaning).
 *
 * FRAME: the outcome of one frame. It is data: it goes into the record's `status` column and the report's counts (under
 *        the slug), and never stops a scan. OK comes first.
 * STEP:  what a call over a buffer wants next.
 * FAULT: the file cannot be read on from here. FORMAT, TRUNCATED and UNSUPPORTED name the Python exception.
 */
#define VXT_STATUS(X)                                                                                                  \
    X(OK, FRAME, decapsulated, "a tunnel header was found and its inner frame is the row's")                           \
    X(NOT_IP, FRAME, not_ip, "the link layer carries no IP: ARP, LLDP, LLC, ...")                                      \
    X(NOT_UDP, FRAME, not_udp, "IP without UDP (or GRE, where asked for): TCP, ICMP (whatever it quotes), ...")        \
    X(OTHER_PORT, FRAME, other_port, "UDP to a port that is not taken for a tunnel's")                                 \
    X(NO_VNI_FLAG, FRAME, no_vni_flag, "the port of a tunnel, but the VXLAN I flag is not set")                        \
    X(TRUNCATED_OUTER, FRAME, truncated_outer, "the capture cut a header up to and including the tunnel's")            \
    X(LINK_TYPE, FRAME, link_type, "a link layer that vxtap does not know")                                            \
    X(NO_INTERFACE, FRAME, no_interface, "a pcapng frame of an interface that its section does not declare")           \
    X(MALFORMED, FRAME, malformed, "an outer header contradicts itself or the lengths around it")                      \
    X(SECOND_SIGHT, FRAME, second_sight, "the very same packet was seen on another interface before")                  \
    X(FRAGMENT_JOINED, FRAME, fragment_joined, "a fragment of a datagram that another frame completes, or may yet")    \
    X(FRAGMENT_LOST, FRAME, fragment_lost, "a fragment of a datagram of which other fragments are missing")            \
    X(FRAGMENT_OVERLAP, FRAME, fragment_overlap, "a fragment of a datagram that was refused: two of them overlap")     \
    X(INNER_TYPE, FRAME, inner_type, "a tunnel, but not of Ethernet or IP, or a kind of GRE that was not asked for")   \
    X(FILTERED, FRAME, filtered, "a tunnel, but its VNI was not asked for, or `where` does not hold")                  \
    X(NO_ETHERNET, FRAME, no_ethernet, "an inner packet without Ethernet, for which the output has no place")          \
    X(KEPT, FRAME, kept, "not decapsulated and written as it was (`keep_others`)")                                     \
    X(MORE_INPUT, STEP, more_input, "the buffer ends within a record: call again with more bytes")                     \
    X(MORE_OUTPUT, STEP, more_output, "the output is full: call again with room")                                      \
    X(AT_STOP, STEP, at_stop, "the next record begins where the caller wanted to stop, or behind that")                \
    X(MORE_INTERFACES, STEP, more_interfaces, "the interface table is full: grow it and call again")                   \
    X(MORE_SIGHTS, STEP, more_sights, "the table of packets seen is full: grow it and call again")                     \
    X(MORE_HISTORY, STEP, more_history,                                                                                \
      "bytes of packets that were passed are needed: bring them back and call again")                                  \
    X(MORE_FRAGMENTS, STEP, more_fragments, "the memory for fragments is full: grow it and call again")                \
    X(GIVE_UP, STEP, give_up, "a datagram has to be given up before the frame is decided (within the core only)")      \
    X(EMPTY, TRUNCATED, empty, "the file is empty")                                                                    \
    X(CUT_HEADER, TRUNCATED, cut_header, "the file ends within its own header")                                        \
    X(NOT_CAPTURE, FORMAT, not_capture, "not a capture: it starts with no pcap or pcapng magic")                       \
    X(BAD_VERSION, UNSUPPORTED, bad_version, "a version of the file format that nothing is known about")               \
    X(BAD_RECORD, FORMAT, bad_record, "a record length beyond all captures")                                           \
    X(BAD_BLOCK, FORMAT, bad_block, "a pcapng block whose lengths contradict each other")                              \
    X(SHORT_BLOCK, FORMAT, short_block, "a pcapng block too short for its fixed fields")                               \
    X(LONG_BLOCK, FORMAT, long_block, "a pcapng block longer than any reader takes")                                   \
    X(BAD_MAGIC, FORMAT, bad_magic, "a pcapng section without a byte-order magic")                                     \
    X(BAD_COMPRESSED, FORMAT, bad_compressed, "the compressed data is damaged")

typedef enum vxt_status {
#define X(name, family, slug, text) VXT_##name,
    VXT_STATUS(X)
#undef X
        VXT_STATUS_COUNT
} vxt_status;

enum { VXT_OUTCOMES = VXT_KEPT + 1 }; /* the FRAME statuses, from 0 */

#endif
