#include "vxt_pass.h"

#include "vxt_tunnel.h"

VXT_HOT vxt_status vxt_pass_next(vxt_pass *pass, vxt_slice *in, vxt_step *step, vxt_packet *r)
{
    vxt_status status = vxt_reader_next(&pass->reader, in, &step->frame);

    if (status == VXT_OK)
        vxt_decap(&step->frame, &pass->options, r, &step->inner);
    return status;
}

static VXT_HOT void count_time(vxt_pass *pass, int64_t ts)
{
    if (ts == VXT_NAT) {
        pass->timeless++;
        return;
    }
    if (ts < pass->first)
        pass->first = ts;
    if (ts > pass->last)
        pass->last = ts;
}

static void count_tunnel(vxt_pass *pass, const vxt_packet *r, uint32_t interface)
{
    bool fine = vxt_interface_is_fine(&pass->reader.interfaces.items[interface]);
    vxt_tunnel_row *row = vxt_tunnels_find(&pass->census->tunnels, r, fine);

    if (row) {
        row->frames++;
        row->bytes += r->wirelen;
    } else {
        pass->census->tunnels.other++;
    }
}

/* `step` stays in registers: only parts of it are handed on. */
static VXT_HOT void take_census(vxt_pass *pass, const vxt_step *step, const vxt_packet *r)
{
    if (step->frame.link == VXT_LINK_SLL2 && vxt_left(step->frame.data) >= VXT_SLL2_LEN)
        vxt_counters_add(&pass->census->interfaces, r->interface);
    if (r->status == VXT_OK)
        count_tunnel(pass, r, step->frame.interface);
    else if (r->status == VXT_OTHER_PORT && vxt_vxlan_plausible(step->inner))
        vxt_counters_add(&pass->census->ports, r->outer_dport);
}

VXT_HOT void vxt_pass_count(vxt_pass *pass, vxt_slice *in, const vxt_step *step, const vxt_packet *r,
                            vxt_status outcome)
{
    pass->outcomes[outcome]++;
    if (outcome == VXT_KEPT)
        pass->kept[r->status]++;
    count_time(pass, r->ts);
    if (pass->census)
        take_census(pass, step, r);
    vxt_reader_pass(&pass->reader, in, &step->frame);
}
