/* vxt_interface.h: the interfaces of a capture, in memory of the caller, and their clocks. A classic pcap has one. */
#ifndef VXT_INTERFACE_H
#define VXT_INTERFACE_H

#include "vxt_link.h"

enum { VXT_NAME_LEN = 47 };

typedef enum vxt_unit { VXT_UNIT_MULTIPLY, VXT_UNIT_DIVIDE, VXT_UNIT_BINARY } vxt_unit;

typedef struct vxt_interface {
    uint64_t frames;   /* seen of it; of a pcap being read, in the files before it: see vxt_reader_interface_frames */
    uint64_t factor;   /* ns a tick, ticks a ns, or the exponent of two ticks a second: see `unit` */
    uint64_t quick;    /* below this tick count, time is ticks * factor and nothing else */
    int64_t ts_offset; /* seconds added to every time */
    uint32_t number;   /* counted over all sections */
    uint32_t linktype;
    uint32_t snaplen;
    uint32_t output;  /* 1 + number of the interface it has in an output, 0 where it has none */
    uint8_t link;     /* vxt_link_kind */
    uint8_t unit;     /* vxt_unit */
    uint8_t ts_resol; /* if_tsresol as in the file; 6 and 9 for a classic pcap */
    uint8_t name_len;
    char name[VXT_NAME_LEN + 1]; /* if_name, cut; empty where there is none */
} vxt_interface;

typedef struct vxt_interfaces {
    vxt_interface *items; /* memory of the caller, who may move and grow it between calls */
    uint32_t capacity;
    uint32_t count;
    uint32_t first;     /* where the current section's interfaces start */
    uint32_t declared;  /* since the start of the file: the next one's number */
    uint32_t section;   /* `declared` when the current section began */
    uint32_t forgotten; /* of earlier sections, dropped to make room, or beyond VXT_MAX_INTERFACES in one section */
} vxt_interfaces;

/* Set the clock of an interface from if_tsresol and if_tsoffset (pcapng 4.2). */
void vxt_interface_clock(vxt_interface *it, uint8_t ts_resol, int64_t ts_offset);

/* Nanoseconds of a tick count, rounded down; VXT_NAT where 64 bits do not hold them. */
int64_t vxt_interface_time(const vxt_interface *it, uint64_t ticks);

/* Whether its times can have digits below a microsecond. */
static inline bool vxt_interface_is_fine(const vxt_interface *it) { return it->ts_resol > 6; }

/* A place for one more interface, zeroed and numbered, in `*it`. VXT_OK; VXT_MORE_INTERFACES where the caller must grow
 * the table first; VXT_OK with NULL where the section has more than VXT_MAX_INTERFACES and this one is forgotten. */
vxt_status vxt_interface_add(vxt_interfaces *table, vxt_interface **it);

/* A new section: interface ids start at 0 again. */
void vxt_interface_section(vxt_interfaces *table);

/* The current section's interface with this id, or NULL. */
vxt_interface *vxt_interface_find(const vxt_interfaces *table, uint32_t id);

#endif
