#include "vxt_pass.h"

#include "vxt_tunnel.h"

vxt_status vxt_pass_next(vxt_pass *pass, vxt_slice *in, vxt_step *step, vxt_packet *r)
{
    vxt_status status = vxt_reader_next(&pass->reader, in, &step->frame);

    if (status == VXT_OK)
        vxt_decap(&step->frame, &pass->options, r, &step->inner);
    return status;
}

void vxt_pass_tunnel_key(const vxt_pass *pass, const vxt_step *step, const vxt_packet *r, vxt_tunnel_key *key)
{
    memcpy(key->outer_src, r->outer_src, VXT_IPLEN);
    memcpy(key->outer_dst, r->outer_dst, VXT_IPLEN);
    key->vni = r->vni;
    key->source = r->source;
    key->fine = vxt_interface_is_fine(&pass->reader.interfaces.items[step->frame.interface]);
    key->tunnel = r->tunnel;
}

static void count_time(vxt_pass *pass, int64_t ts)
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

static void take_census(vxt_pass *pass, const vxt_step *step, const vxt_packet *r)
{
    vxt_tunnel_key key;
    vxt_tunnel_row *row;

    if (step->frame.link == VXT_LINK_SLL2)
        vxt_counters_add(&pass->census->interfaces, r->interface);
    if (r->status == VXT_OTHER_PORT && vxt_vxlan_plausible(step->inner))
        vxt_counters_add(&pass->census->ports, r->outer_dport);
    if (r->status != VXT_OK)
        return;
    vxt_pass_tunnel_key(pass, step, r, &key);
    if ((row = vxt_tunnels_find(&pass->census->tunnels, &key))) {
        row->frames++;
        row->bytes += r->wirelen;
    } else {
        pass->census->tunnels.other++;
    }
}

void vxt_pass_count(vxt_pass *pass, vxt_slice *in, const vxt_step *step, const vxt_packet *r, vxt_status outcome)
{
    pass->outcomes[outcome]++;
    if (outcome == VXT_KEPT)
        pass->kept[r->status]++;
    count_time(pass, r->ts);
    if (pass->census)
        take_census(pass, step, r);
    vxt_reader_pass(&pass->reader, in, &step->frame);
}
