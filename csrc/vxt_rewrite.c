#include "vxt_rewrite.h"

#include "vxt_write.h"

enum {
    PREFACE_LEN = VXT_WRITE_SECTION_LEN + VXT_WRITE_INTERFACE_LEN,
    LINKTYPE_ETHERNET = 1,
    LINKTYPE_RAW = 101,
    LEAST_ETHERTYPE = 0x600, /* below that, the two bytes are a length */
    PCAPNG_LINKTYPES = 1 << 16
};

/* One frame on its way out: what it holds, and how long it is with the Ethernet header that is made up for it. */
typedef struct outgoing {
    vxt_slice data;
    const vxt_packet *r;
    uint32_t made_up; /* bytes of that header, or 0 */
    bool fine;
} outgoing;

static VXT_HOT bool is_raw(const vxt_packet *r) { return r->status == VXT_OK && r->flags & VXT_FLAG_INNER_RAW; }

/* The data moves before anything else is written, here and below: it may lie where its own headers will be. */
static VXT_HOT void put_data(uint8_t *p, const outgoing *frame)
{
    memmove(p + frame->made_up, frame->data.p, frame->r->caplen);
    if (!frame->made_up)
        return;
    memset(p, 0, 2 * VXT_MACLEN);
    p[2 * VXT_MACLEN] = (uint8_t)(frame->r->ethertype >> 8);
    p[2 * VXT_MACLEN + 1] = (uint8_t)frame->r->ethertype;
}

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
    w->nano = w->nano || any_fine(&w->pass.reader.interfaces);
    return vxt_write_pcap_header(p, w->nano, LINKTYPE_ETHERNET);
}

static VXT_HOT vxt_status put_pcap(vxt_rewrite *w, const outgoing *frame, vxt_room *out)
{
    const vxt_packet *r = frame->r;
    size_t header = w->started ? 0 : VXT_PCAP_HEADER_LEN; /* that of the file, which goes with the first frame */
    uint8_t *p = vxt_claim(out, header + VXT_PCAP_RECORD_LEN + r->caplen + frame->made_up);

    if (!p)
        return VXT_MORE_OUTPUT;
    put_data(p + header + VXT_PCAP_RECORD_LEN, frame);
    if (header)
        put_file_header(w, p);
    vxt_write_pcap_record(p + header, w->nano, r->ts, r->caplen + frame->made_up, r->wirelen + frame->made_up);
    if (!vxt_write_fits_pcap(r->ts))
        w->unwritable++;
    else if (!w->nano && r->ts % 1000 != 0)
        w->rounded++;
    w->started = true;
    return VXT_OK;
}

/* One frame on its way into pcapng. `preface` is what its block needs before it, a section header or a new interface:
 * built aside, since nothing counts as written until there is room for all of it. */
typedef struct emission {
    vxt_write_packet packet;
    uint32_t *slot; /* where 1 + the number of its interface is remembered */
    size_t preface_len;
    uint8_t preface[PREFACE_LEN];
    char comment[VXT_WRITE_NAME_LEN];
} emission;

static void announce(emission *e, uint32_t linktype, const char *name, size_t name_len)
{
    e->preface_len += vxt_write_interface(e->preface + e->preface_len, linktype, e->packet.fine, name, name_len);
}

/* The interface of a decapsulated frame: one for each tunnel, and one for all tunnels beyond those that are told apart.
 */
static void use_tunnel(vxt_rewrite *w, const vxt_packet *r, uint32_t linktype, emission *e)
{
    vxt_tunnel_row *row = vxt_tunnels_find(&w->pass.census->tunnels, r, e->packet.fine);
    vxt_tunnel_key key;
    char name[VXT_WRITE_NAME_LEN];

    if (row) {
        e->slot = &row->output;
        if (*e->slot == 0)
            announce(e, linktype, name, vxt_write_tunnel_name(name, &row->key));
        return;
    }
    key = vxt_tunnel_key_of(r, e->packet.fine);
    e->slot = &w->other[linktype == LINKTYPE_RAW][e->packet.fine];
    if (*e->slot == 0)
        announce(e, linktype, "other", 5);
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
    announce(e, it->linktype, name, it->name_len ? 5u + it->name_len : 4u);
}

/* Cooked headers say the direction themselves. */
static bool is_cooked(const vxt_interface *it) { return it->link == VXT_LINK_SLL || it->link == VXT_LINK_SLL2; }

/* `it` is the interface of the input, of a frame that is kept. */
static void plan(vxt_rewrite *w, vxt_interface *it, const outgoing *frame, emission *e)
{
    const vxt_packet *r = frame->r;

    e->slot = NULL;
    e->packet = (vxt_write_packet){
        .ts = r->ts, .caplen = r->caplen + frame->made_up, .wirelen = r->wirelen + frame->made_up, .fine = frame->fine};
    e->preface_len = w->started ? 0 : put_file_header(w, e->preface);
    e->packet.outgoing = r->status != VXT_OK && (r->flags & VXT_FLAG_OUTGOING) && !is_cooked(it);
    if (r->status == VXT_OK)
        use_tunnel(w, r, is_raw(r) && !frame->made_up ? LINKTYPE_RAW : LINKTYPE_ETHERNET, e);
    else
        use_input(it, e);
    e->packet.interface = *e->slot ? *e->slot - 1 : w->interfaces;
}

static vxt_status put_pcapng(vxt_rewrite *w, vxt_interface *it, const outgoing *frame, vxt_room *out)
{
    emission e;
    uint8_t *p;

    plan(w, it, frame, &e);
    if (!(p = vxt_claim(out, e.preface_len + vxt_write_packet_size(&e.packet))))
        return VXT_MORE_OUTPUT;
    put_data(p + e.preface_len + VXT_WRITE_PACKET_LEN, frame);
    memcpy(p, e.preface, e.preface_len);
    vxt_write_packet_around(p + e.preface_len, &e.packet);
    w->started = true;
    if (*e.slot == 0)
        *e.slot = ++w->interfaces;
    if (frame->r->ts < 0)
        w->unwritable++;
    return VXT_OK;
}

/* Frames that are never written as they were: those that were not wanted, and fragments, whose bytes are in a
 * decapsulated frame or may yet be. */
static bool is_left_out(const vxt_packet *r)
{
    switch (r->status) {
    case VXT_FILTERED:
    case VXT_NO_INTERFACE:
    case VXT_SECOND_SIGHT:
    case VXT_FRAGMENT_JOINED:
    case VXT_FRAGMENT_LOST:
    case VXT_FRAGMENT_OVERLAP:
        return true;
    default:
        return r->flags & VXT_FLAG_REASSEMBLED;
    }
}

static bool is_kept(const vxt_rewrite *w, uint32_t interface, const vxt_packet *r)
{
    if (!w->keep_others || is_left_out(r))
        return false;
    if (r->caplen > VXT_MAX_CAPLEN) /* what no reader takes back is not written */
        return false;
    return w->pass.reader.interfaces.items[interface].linktype < PCAPNG_LINKTYPES;
}

/* The place of an inner packet without Ethernet: behind a header that is made up, or, of IP, the link type RAW. */
static bool has_place(const vxt_rewrite *w, uint16_t ethertype)
{
    if (w->ethernet)
        return ethertype >= LEAST_ETHERTYPE;
    return w->format == VXT_FORMAT_PCAPNG && (ethertype == VXT_ETHERTYPE_IPV4 || ethertype == VXT_ETHERTYPE_IPV6);
}

/* What becomes of a decapsulated frame. */
static VXT_HOT vxt_status fit(const vxt_rewrite *w, const vxt_packet *r)
{
    return is_raw(r) && !has_place(w, r->ethertype) ? VXT_NO_ETHERNET : VXT_OK;
}

/* `it` is the interface of the input, of a frame that is kept. */
static VXT_HOT vxt_status put_frame(vxt_rewrite *w, vxt_interface *it, vxt_slice data, const vxt_packet *r, bool fine,
                                    vxt_room *out)
{
    outgoing frame = {data, r, w->ethernet && is_raw(r) ? VXT_ETH_LEN : 0, fine};
    vxt_room room = *out; /* a copy: see VXT_HOT */
    vxt_status status;

    if (w->format == VXT_FORMAT_PCAP)
        return put_pcap(w, &frame, out);
    status = put_pcapng(w, it, &frame, &room);
    *out = room;
    return status;
}

/* The first fragment of a datagram that is given up. */
static vxt_status rewrite_late(vxt_rewrite *w, vxt_slice in, vxt_room *out, bool in_place)
{
    vxt_late late;
    vxt_status status, outcome;

    if (!vxt_pass_give_up(&w->pass, &late))
        return VXT_OK;
    if ((outcome = fit(w, &late.r)) == VXT_OK) {
        vxt_room room = in_place ? vxt_room_before(*out, in) : *out;
        if ((status = put_frame(w, NULL, vxt_span_rest(late.inner), &late.r, late.fine, &room)) != VXT_OK)
            return status;
        out->p = room.p;
    }
    vxt_pass_count_late(&w->pass, &late, outcome);
    return VXT_OK;
}

/* Write a frame that has been decided to be `outcome`; `room` is all that there is. */
static VXT_HOT vxt_status put_outcome(vxt_rewrite *w, const vxt_step *step, const vxt_packet *r, vxt_status outcome,
                                      vxt_room *out, bool in_place)
{
    vxt_slice data = outcome == VXT_OK ? vxt_span_rest(step->inner) : step->frame.data;
    vxt_interface *it = outcome == VXT_OK ? NULL : &w->pass.reader.interfaces.items[step->frame.interface];
    vxt_room room = in_place ? vxt_room_before(*out, step->frame.rest) : *out;
    vxt_status status = put_frame(w, it, data, r, step->frame.fine, &room);

    if (status == VXT_OK)
        out->p = room.p;
    return status;
}

static VXT_APART vxt_status rewrite_any(vxt_rewrite *w, vxt_slice *in, vxt_room *out, bool in_place)
{
    vxt_packet packet;
    vxt_step step;
    vxt_status status = vxt_pass_next(&w->pass, in, &step, &packet), outcome;

    if (status == VXT_GIVE_UP)
        return rewrite_late(w, *in, out, in_place);
    if (status != VXT_OK)
        return status;
    if (packet.status == VXT_OK)
        outcome = fit(w, &packet);
    else
        outcome = is_kept(w, step.frame.interface, &packet) ? VXT_KEPT : (vxt_status)packet.status;
    if ((outcome == VXT_OK || outcome == VXT_KEPT) &&
        (status = put_outcome(w, &step, &packet, outcome, out, in_place)) != VXT_OK)
        return status;
    vxt_pass_census(&w->pass, &step, &packet, outcome);
    vxt_pass_count(&w->pass, in, &step, &packet, outcome);
    return VXT_OK;
}

/* A frame of the usual shape. False: nothing was done, and rewrite_any is to be asked. */
static VXT_HOT bool rewrite_as(vxt_link_kind usual, vxt_rewrite *w, vxt_slice *in, vxt_step *step, vxt_room *out,
                               bool in_place)
{
    vxt_packet packet;

    if (!vxt_pass_next_as(usual, &w->pass, step, &packet) ||
        put_outcome(w, step, &packet, VXT_OK, out, in_place) != VXT_OK)
        return false;
    vxt_pass_census(&w->pass, step, &packet, VXT_OK);
    vxt_pass_count(&w->pass, in, step, &packet, VXT_OK);
    return true;
}

static VXT_HOT vxt_status rewrite_one(vxt_rewrite *w, vxt_slice *in, vxt_room *out, bool in_place)
{
    vxt_link_kind usual;
    vxt_step step;
    vxt_slice in2;
    vxt_room out2;
    vxt_status status;

    usual = vxt_pass_usual(&w->pass, *in, &step);
    if (usual == VXT_LINK_ETHERNET && rewrite_as(VXT_LINK_ETHERNET, w, in, &step, out, in_place))
        return VXT_OK;
    if (usual == VXT_LINK_SLL2 && rewrite_as(VXT_LINK_SLL2, w, in, &step, out, in_place))
        return VXT_OK;
    in2 = *in; /* copies: see VXT_HOT */
    out2 = *out;
    status = rewrite_any(w, &in2, &out2, in_place);
    *in = in2;
    *out = out2;
    return status;
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
