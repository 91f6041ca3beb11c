#include "vxt_rewrite.h"

enum { PCAPNG_LINKTYPES = 1 << 16 };

/* A classic pcap has one resolution: the finest that the input has declared when the first frame is written. */
static bool any_fine(const vxt_interfaces *table)
{
    for (uint32_t i = 0; i < table->count; i++)
        if (vxt_interface_is_fine(&table->items[i]))
            return true;
    return false;
}

/* The output, ready for a frame. */
static VXT_HOT vxt_output *begin(vxt_rewrite *w)
{
    if (!w->output.started)
        w->output.nano = w->output.nano || any_fine(&w->pass.reader.interfaces);
    return &w->output;
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

/* The first fragment of a datagram that is given up. */
static vxt_status rewrite_late(vxt_rewrite *w, vxt_slice in, vxt_room *out, bool in_place)
{
    vxt_late late;
    vxt_status status, outcome;

    if (!vxt_pass_give_up(&w->pass, &late))
        return VXT_OK;
    if ((outcome = vxt_output_fit(&w->output, &late.r)) == VXT_OK) {
        vxt_room room = in_place ? vxt_room_before(*out, in) : *out;
        if ((status = vxt_output_put(begin(w), NULL, vxt_span_rest(late.inner), &late.r, late.fine, &room)) != VXT_OK)
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
    vxt_status status = vxt_output_put(begin(w), it, data, r, step->frame.fine, &room);

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
        outcome = vxt_output_fit(&w->output, &packet);
    else
        outcome = is_kept(w, step.frame.interface, &packet) ? VXT_KEPT : (vxt_status)packet.status;
    if ((outcome == VXT_OK || outcome == VXT_KEPT) &&
        (status = put_outcome(w, &step, &packet, outcome, out, in_place)) != VXT_OK)
        return status;
    vxt_pass_census(&w->pass, &step, &packet, outcome);
    vxt_pass_count(&w->pass, in, &step, &packet, outcome);
    return VXT_OK;
}

/* A frame of the usual shape. False: nothing was done, and rewrite_any is to be asked. `filters` is a constant: without
 * a `where` nothing is left of it. */
static VXT_HOT bool rewrite_as(vxt_link_kind usual, bool filters, vxt_rewrite *w, vxt_slice *in, vxt_step *step,
                               vxt_room *out, bool in_place)
{
    vxt_packet packet;

    if (!vxt_pass_next_as(usual, &w->pass, step, &packet))
        return false;
    if (filters && !vxt_where_holds(&w->pass.options.where, &packet)) {
        vxt_pass_census(&w->pass, step, &packet, VXT_FILTERED);
        vxt_pass_count(&w->pass, in, step, &packet, VXT_FILTERED);
        return true;
    }
    if (put_outcome(w, step, &packet, VXT_OK, out, in_place) != VXT_OK)
        return false;
    vxt_pass_census(&w->pass, step, &packet, VXT_OK);
    vxt_pass_count(&w->pass, in, step, &packet, VXT_OK);
    return true;
}

static VXT_HOT vxt_status rewrite_one(bool filters, vxt_rewrite *w, vxt_slice *in, vxt_room *out, bool in_place)
{
    vxt_link_kind usual;
    vxt_step step;
    vxt_slice in2;
    vxt_room out2;
    vxt_status status;

    usual = vxt_pass_usual(&w->pass, *in, &step);
    if (usual == VXT_LINK_ETHERNET && rewrite_as(VXT_LINK_ETHERNET, filters, w, in, &step, out, in_place))
        return VXT_OK;
    if (usual == VXT_LINK_SLL2 && rewrite_as(VXT_LINK_SLL2, filters, w, in, &step, out, in_place))
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

    if (w->pass.options.where.count == 0)
        while (status == VXT_OK)
            status = rewrite_one(false, w, &rest, &room, in_place);
    while (status == VXT_OK)
        status = rewrite_one(true, w, &rest, &room, in_place);
    progress->used = vxt_behind(rest, start);
    progress->made = vxt_written(room, all);
    return status;
}

size_t vxt_rewrite_end(vxt_rewrite *w, uint8_t *out) { return vxt_output_end(begin(w), out); }
