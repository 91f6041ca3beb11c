#include "vxt_pass.h"

#include "vxt_icmp.h"
#include "vxt_vxlan.h"

size_t vxt_pass_recent(const vxt_pass *pass, uint64_t number)
{
    uint64_t back = pass->reader.frames - number;

    return back < pass->recent.count ? pass->recent.count - 1 - (size_t)back : SIZE_MAX;
}

/* The fragments of the leaving datagram wait no longer: what was counted as joined becomes what they are now. */
static void settle_leaving(vxt_pass *pass)
{
    const vxt_frags *frags = &pass->memory.frags;
    const vxt_datagram *d = vxt_frags_leaving(frags);

    pass->outcomes[VXT_FRAGMENT_JOINED] -= d->frames;
    pass->outcomes[frags->leaving_as] += d->frames;
    for (uint32_t i = pass->recent.status ? d->held : VXT_FRAG_NONE; i != VXT_FRAG_NONE;
         i = vxt_frags_held(frags, i)->next) {
        size_t row = vxt_pass_recent(pass, vxt_frags_held(frags, i)->frame);
        if (row != SIZE_MAX)
            pass->recent.status[row * pass->recent.row_size] = (uint8_t)frags->leaving_as;
    }
    vxt_frags_drop_leaving(&pass->memory.frags);
}

/* It was counted as joined when it came, and as lost with the others of its datagram. */
static void count_again(vxt_pass *pass, vxt_status outcome)
{
    settle_leaving(pass);
    pass->outcomes[VXT_FRAGMENT_LOST]--;
    pass->outcomes[outcome]++;
}

/* A first fragment that would go on alone, but is not wanted. Its row is that of the frame, which has been given. */
static void filter_late(vxt_pass *pass, uint64_t frame)
{
    size_t row = vxt_pass_recent(pass, frame);

    count_again(pass, VXT_FILTERED);
    if (pass->recent.status && row != SIZE_MAX)
        pass->recent.status[row * pass->recent.row_size] = VXT_FILTERED;
}

bool vxt_pass_give_up(vxt_pass *pass, vxt_late *late)
{
    vxt_frags *frags = &pass->memory.frags;
    const vxt_datagram *d = vxt_frags_leaving(frags);

    if (frags->leaving_as != VXT_FRAGMENT_LOST || !d->has_first) {
        settle_leaving(pass);
        return false;
    }
    *late = (vxt_late){d->first, vxt_frags_first(frags), d->first_fine};
    if (!vxt_where_holds(&pass->options.where, &late->r)) {
        filter_late(pass, late->r.frame);
        return false;
    }
    return true;
}

VXT_HOT vxt_link_kind vxt_pass_usual(vxt_pass *pass, vxt_slice in, vxt_step *step)
{
    if (!VXT_LIKELY(!pass->ending && vxt_reader_plain(&pass->reader, in, &step->frame) &&
                    !vxt_frags_tick(&pass->memory.frags, step->frame.ts)))
        return VXT_LINK_UNKNOWN;
    return vxt_decap_usual(&step->frame, &pass->options);
}

VXT_HOT bool vxt_pass_next_as(vxt_link_kind usual, vxt_pass *pass, vxt_step *step, vxt_packet *r)
{
    step->telling = false;
    return vxt_decap_as(usual, &step->frame, &pass->options, &pass->memory, r, &step->inner);
}

/* Whether a frame that is no tunnel says of one that it leads nowhere. */
static VXT_APART bool is_refusal(const vxt_frame *frame, const vxt_options *options)
{
    vxt_span span = vxt_span_of(frame->data, frame->wirelen);
    vxt_link link;
    vxt_ip ip;

    return vxt_link_parse(frame->link, false, &span, &link) == VXT_OK &&
           vxt_ip_parse(link.ethertype, VXT_IP_ALL, 0, &span, &ip) == VXT_OK && vxt_icmp_refuses(options, &ip, span);
}

vxt_status vxt_pass_next(vxt_pass *pass, vxt_slice *in, vxt_step *step, vxt_packet *r)
{
    vxt_frags *frags = &pass->memory.frags;
    vxt_status status;

    step->telling = false;
    if (pass->ending)
        return vxt_frags_leave_oldest(frags) ? VXT_GIVE_UP : VXT_MORE_INPUT;
    if ((status = vxt_reader_next(&pass->reader, in, &step->frame)) != VXT_OK)
        return status;
    if (vxt_frags_tick(frags, step->frame.ts) && vxt_frags_expire(frags, step->frame.number) == VXT_GIVE_UP)
        return VXT_GIVE_UP;
    if (pass->reader.pcap.plain) /* the usual way is not its, or vxt_pass_usual would have found it */
        status = vxt_decap_any(&step->frame, &pass->options, &pass->memory, r, &step->inner);
    else
        status = vxt_decap(&step->frame, &pass->options, &pass->memory, r, &step->inner);
    if (status == VXT_OK && r->status == VXT_OTHER_PORT) /* now: once the frame is kept, its bytes may be overwritten */
        step->telling = vxt_vxlan_plausible(step->inner);
    else if (status == VXT_OK && r->status == VXT_NOT_UDP && pass->census)
        step->telling = is_refusal(&step->frame, &pass->options);
    else if (pass->options.where.count && status == VXT_OK && r->status == VXT_OK &&
             !vxt_where_holds(&pass->options.where, r))
        vxt_decap_filter(&step->frame, r, &step->inner);
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

static VXT_HOT void count_tunnel(vxt_pass *pass, const vxt_packet *r, bool fine)
{
    vxt_tunnel_row *row = vxt_tunnels_find(&pass->census->tunnels, r, fine);

    if (row) {
        row->frames++;
        row->bytes += r->wirelen;
    } else {
        pass->census->tunnels.other++;
    }
}

/* `step` stays in registers: only parts of it are handed on. */
VXT_HOT void vxt_pass_census(vxt_pass *pass, const vxt_step *step, const vxt_packet *r, vxt_status outcome)
{
    if (!pass->census)
        return;
    if (step->frame.link == VXT_LINK_SLL2 && vxt_left(step->frame.data) >= VXT_SLL2_LEN)
        vxt_counters_add(&pass->census->interfaces, r->interface);
    if (outcome == VXT_OK)
        count_tunnel(pass, r, step->frame.fine);
    else if (r->status == VXT_OTHER_PORT && step->telling)
        vxt_counters_add(&pass->census->ports, r->outer_dport);
    else if (r->status == VXT_NOT_UDP && step->telling)
        pass->census->unreachables++;
}

VXT_HOT void vxt_pass_count(vxt_pass *pass, vxt_slice *in, const vxt_step *step, const vxt_packet *r,
                            vxt_status outcome)
{
    pass->outcomes[outcome]++;
    if (outcome == VXT_KEPT)
        pass->kept[r->status]++;
    count_time(pass, r->ts);
    vxt_reader_pass(&pass->reader, in, &step->frame);
}

void vxt_pass_count_late(vxt_pass *pass, const vxt_late *late, vxt_status outcome)
{
    count_again(pass, outcome);
    if (pass->census && outcome == VXT_OK)
        count_tunnel(pass, &late->r, late->fine);
}
