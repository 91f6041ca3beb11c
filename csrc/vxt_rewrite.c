#include "vxt_rewrite.h"

#include "vxt_write.h"

enum {
    PREFACE_LEN = VXT_WRITE_SECTION_LEN + VXT_WRITE_INTERFACE_LEN,
    LINKTYPE_ETHERNET = 1,
    PCAPNG_LINKTYPES = 1 << 16
};

/* One frame on its way out. `preface` is what its record needs before it, a file header or a new interface: built
 * aside, since nothing counts as written until there is room for all of it. */
typedef struct emission {
    vxt_slice data;
    vxt_write_packet packet;
    uint32_t *slot; /* where 1 + the number of its interface is remembered */
    size_t preface_len;
    uint8_t preface[PREFACE_LEN];
    char comment[VXT_WRITE_NAME_LEN];
} emission;

/* A classic pcap has one resolution: the finest that the input has declared when the first frame is written. */
static bool any_fine(const vxt_interfaces *table)
{
    for (uint32_t i = 0; i < table->count; i++)
        if (vxt_interface_is_fine(&table->items[i]))
            return true;
    return false;
}

static size_t put_file_header(vxt_rewrite *w, uint8_t *p)
{
    if (w->format == VXT_FORMAT_PCAPNG)
        return vxt_write_section(p);
    w->nano = any_fine(&w->pass.reader.interfaces);
    return vxt_write_pcap_header(p, w->nano, LINKTYPE_ETHERNET);
}

static void add_interface(emission *e, uint32_t linktype, const char *name, size_t name_len)
{
    e->preface_len += vxt_write_interface(e->preface + e->preface_len, linktype, e->packet.fine, name, name_len);
}

/* The interface of a decapsulated frame: one for each tunnel, and one for all tunnels beyond those that are told apart.
 */
static void use_tunnel(vxt_rewrite *w, const vxt_step *step, const vxt_packet *r, emission *e)
{
    char name[VXT_WRITE_NAME_LEN];
    vxt_tunnel_key key;
    vxt_tunnel_row *row;

    vxt_pass_tunnel_key(&w->pass, step, r, &key);
    if ((row = vxt_tunnels_find(&w->pass.census->tunnels, &key))) {
        e->slot = &row->output;
        if (*e->slot == 0)
            add_interface(e, LINKTYPE_ETHERNET, name, vxt_write_tunnel_name(name, &key));
        return;
    }
    e->slot = &w->other[e->packet.fine];
    if (*e->slot == 0)
        add_interface(e, LINKTYPE_ETHERNET, "other", 5);
    e->packet.comment = e->comment;
    e->packet.comment_len = vxt_write_tunnel_name(e->comment, &key);
}

/* The interface of a frame that is kept as it was: that of the input again. */
static void use_input(vxt_interface *it, emission *e)
{
    char name[5 + VXT_NAME_LEN] = "kept ";

    e->slot = &it->output;
    if (*e->slot)
        return;
    memcpy(name + 5, it->name, it->name_len);
    add_interface(e, it->linktype, name, it->name_len ? 5u + it->name_len : 4u);
}

static void plan(vxt_rewrite *w, const vxt_step *step, const vxt_packet *r, emission *e)
{
    vxt_interface *it = &w->pass.reader.interfaces.items[step->frame.interface];

    e->data = r->status == VXT_OK ? step->inner.s : step->frame.data;
    e->slot = NULL;
    e->packet = (vxt_write_packet){.ts = r->ts, .caplen = r->caplen, .wirelen = r->wirelen};
    e->packet.fine = vxt_interface_is_fine(it);
    e->preface_len = w->started ? 0 : put_file_header(w, e->preface);
    if (w->format == VXT_FORMAT_PCAP)
        return;
    if (r->status == VXT_OK)
        use_tunnel(w, step, r, e);
    else
        use_input(it, e);
    e->packet.interface = *e->slot ? *e->slot - 1 : w->interfaces;
}

/* The data moves first: it may lie where its own header will be. */
static bool put(const vxt_rewrite *w, const emission *e, vxt_room *room)
{
    bool pcap = w->format == VXT_FORMAT_PCAP;
    size_t header = pcap ? (size_t)VXT_PCAP_RECORD_LEN : (size_t)VXT_WRITE_PACKET_LEN;
    size_t size = pcap ? header + e->packet.caplen : vxt_write_packet_size(&e->packet);
    uint8_t *p = vxt_claim(room, e->preface_len + size);

    if (!p)
        return false;
    memmove(p + e->preface_len + header, e->data.p, e->packet.caplen);
    memcpy(p, e->preface, e->preface_len);
    if (pcap)
        vxt_write_pcap_record(p + e->preface_len, w->nano, e->packet.ts, e->packet.caplen, e->packet.wirelen);
    else
        vxt_write_packet_around(p + e->preface_len, &e->packet);
    return true;
}

static void account(vxt_rewrite *w, const emission *e)
{
    bool pcap = w->format == VXT_FORMAT_PCAP;

    w->started = true;
    if (e->slot && *e->slot == 0)
        *e->slot = ++w->interfaces;
    if (pcap ? !vxt_write_fits_pcap(e->packet.ts) : e->packet.ts < 0)
        w->unwritable++;
    else if (pcap && !w->nano && e->packet.ts % 1000 != 0)
        w->rounded++;
}

static bool is_kept(const vxt_rewrite *w, const vxt_step *step, const vxt_packet *r)
{
    if (!w->keep_others || r->status == VXT_FILTERED || r->status == VXT_NO_INTERFACE)
        return false;
    return w->pass.reader.interfaces.items[step->frame.interface].linktype < PCAPNG_LINKTYPES;
}

static vxt_status rewrite_one(vxt_rewrite *w, vxt_slice *in, vxt_room *out, bool in_place)
{
    vxt_packet packet;
    vxt_step step;
    vxt_status status = vxt_pass_next(&w->pass, in, &step, &packet), outcome;

    if (status != VXT_OK)
        return status;
    outcome = packet.status != VXT_OK && is_kept(w, &step, &packet) ? VXT_KEPT : (vxt_status)packet.status;
    if (outcome == VXT_OK || outcome == VXT_KEPT) {
        emission e;
        vxt_room room = in_place ? vxt_room_before(*out, step.frame.rest) : *out;
        plan(w, &step, &packet, &e);
        if (!put(w, &e, &room))
            return VXT_MORE_OUTPUT;
        account(w, &e);
        out->p = room.p;
    }
    vxt_pass_count(&w->pass, in, &step, &packet, outcome);
    return VXT_OK;
}

vxt_status vxt_rewrite_run(vxt_rewrite *w, const uint8_t *in, size_t length, uint8_t *out, size_t size, bool in_place,
                           vxt_progress *progress)
{
    vxt_slice start = vxt_slice_of(in, length), rest = start;
    vxt_room all = vxt_room_of(out, size), room = all;
    vxt_status status = VXT_OK;

    while (status == VXT_OK)
        status = rewrite_one(w, &rest, &room, in_place);
    progress->used = vxt_behind(rest, start);
    progress->made = vxt_written(room, all);
    return status;
}

size_t vxt_rewrite_end(vxt_rewrite *w, uint8_t *out)
{
    if (w->started)
        return 0;
    w->started = true;
    return put_file_header(w, out);
}
