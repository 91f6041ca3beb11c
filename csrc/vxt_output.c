#include "vxt_output.h"

#include "vxt_pcap.h"
#include "vxt_write.h"

enum {
    PREFACE_LEN = VXT_WRITE_SECTION_LEN + VXT_WRITE_INTERFACE_LEN,
    LINKTYPE_ETHERNET = 1,
    LINKTYPE_RAW = 101,
    LEAST_ETHERTYPE = 0x600 /* below that, the two bytes are a length */
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

static size_t put_file_header(vxt_output *w, uint8_t *p)
{
    if (w->pcapng)
        return vxt_write_section(p);
    return vxt_write_pcap_header(p, w->nano, LINKTYPE_ETHERNET);
}

static VXT_HOT vxt_status put_pcap(vxt_output *w, const outgoing *frame, vxt_room *out)
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
static void use_tunnel(vxt_output *w, const vxt_packet *r, uint32_t linktype, emission *e)
{
    vxt_tunnel_row *row = vxt_tunnels_find(w->tunnels, r, e->packet.fine);
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
static void plan(vxt_output *w, vxt_interface *it, const outgoing *frame, emission *e)
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

static vxt_status put_pcapng(vxt_output *w, vxt_interface *it, const outgoing *frame, vxt_room *out)
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

/* The place of an inner packet without Ethernet: behind a header that is made up, or, of IP, the link type RAW. */
static bool has_place(const vxt_output *w, uint16_t ethertype)
{
    if (w->ethernet)
        return ethertype >= LEAST_ETHERTYPE;
    return w->pcapng && (ethertype == VXT_ETHERTYPE_IPV4 || ethertype == VXT_ETHERTYPE_IPV6);
}

VXT_HOT vxt_status vxt_output_fit(const vxt_output *w, const vxt_packet *r)
{
    return is_raw(r) && !has_place(w, r->ethertype) ? VXT_NO_ETHERNET : VXT_OK;
}

VXT_HOT vxt_status vxt_output_put(vxt_output *w, vxt_interface *it, vxt_slice data, const vxt_packet *r, bool fine,
                                  vxt_room *out)
{
    outgoing frame = {data, r, w->ethernet && is_raw(r) ? VXT_ETH_LEN : 0, fine};
    vxt_room room = *out; /* a copy: see VXT_HOT */
    vxt_status status;

    if (!w->pcapng)
        return put_pcap(w, &frame, out);
    status = put_pcapng(w, it, &frame, &room);
    *out = room;
    return status;
}

size_t vxt_output_end(vxt_output *w, uint8_t *out)
{
    if (w->started)
        return 0;
    w->started = true;
    return put_file_header(w, out);
}
