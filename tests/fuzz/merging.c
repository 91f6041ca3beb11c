#include "merging.h"

#include "vxt_bytes.h"

enum { SETUP = 6, COMMAND = 5, MICROSECOND = 1000, START = 1000000000, TCP = 6, UDP = 17 };

/* ---------------------------------------------------------------- the setup */

static int64_t window_of(uint8_t code)
{
    static const int64_t windows[] = {0,         1,  10 * MICROSECOND, 50 * MICROSECOND, 1000 * MICROSECOND, START,
                                      INT64_MAX, 999};

    return windows[code & 7];
}

/* A clock that is right, one that is ahead, and two that drift. */
static void set_clock(fuzz_merge_setup *setup, uint32_t lane, uint8_t code)
{
    static const int64_t ahead[3][FUZZ_KNOTS] = {
        {5 * MICROSECOND, 0, 0}, {-3, 40 * MICROSECOND, 7}, {90 * MICROSECOND, -90 * MICROSECOND, 0}};

    setup->knot_count[lane] = code & 3;
    for (uint32_t i = 0; i < setup->knot_count[lane]; i++)
        setup->knots[lane][i] = (vxt_knot){START + (int64_t)i * 100 * MICROSECOND, ahead[(code & 3) - 1][i]};
}

/* Byte 0: lanes and switches. 1: windows, and the format of output. 2: rings, and sights. 3: clocks. 4: room for
 * output. 5: a seed. */
static bool read_setup(fuzz_merge_setup *setup, vxt_slice *input)
{
    const uint8_t *p = vxt_take(input, SETUP);

    memset(setup, 0, sizeof *setup);
    if (!p)
        return false;
    setup->lanes = 1 + (p[0] & 3);
    setup->dedup = p[0] >> 2 & 1;
    setup->capture = p[0] >> 3 & 1;
    setup->identify = !setup->capture && p[0] >> 4 & 1;
    setup->mark = setup->dedup && !setup->capture && p[0] >> 5 & 1;
    setup->pcapng = p[0] >> 6 & 1;
    setup->ethernet = p[0] >> 7 & 1;
    setup->frames = setup->dedup || setup->capture || setup->identify || setup->pcapng;
    setup->window = window_of(p[1]);
    setup->dedup_window = window_of(p[1] >> 3);
    setup->nano = p[1] >> 6 & 1;
    setup->ring = UINT64_C(256) << (p[2] & 3);
    setup->most_ring = setup->ring << (p[2] >> 2 & 3) << (p[1] >> 7) * 4;
    setup->most_twins = UINT64_C(1) << (p[2] >> 4 & 7) << (p[2] >> 7) * 5;
    for (uint32_t i = 0; i < setup->lanes; i++)
        set_clock(setup, i, p[3] >> 2 * i & 3);
    setup->room = 8 + (uint64_t)p[4] * 8;
    setup->seed = p[5];
    return true;
}

/* ---------------------------------------------------------------- frames */

static void put(vxt_room *room, const void *bytes, size_t n)
{
    uint8_t *p = vxt_claim(room, n);

    REQUIRE(p);
    memcpy(p, bytes, n);
}

/* What a hop changes, `hop` says: MAC addresses, TTL, the checksum. */
static void put_ethernet(vxt_room *room, uint16_t ethertype, bool tag, uint8_t hop)
{
    const uint8_t macs[12] = {2, 0, 0, 0, 0, hop, 2, 0, 0, 0, 1, hop}, vlan[4] = {0x81, 0, 0, hop};
    const uint8_t type[2] = {(uint8_t)(ethertype >> 8), (uint8_t)ethertype};

    put(room, macs, sizeof macs);
    if (tag)
        put(room, vlan, sizeof vlan);
    put(room, type, sizeof type);
}

static void put_ip(vxt_room *room, uint8_t proto, uint8_t id, uint8_t length, uint8_t hop)
{
    const uint8_t ip[20] = {
        0x45, 0, 0, (uint8_t)(20 + length), 0, id, 0, 0, (uint8_t)(64 - hop), proto, hop, hop, 10, 0, 0, 1, 10,
        0,    0, 2};

    put(room, ip, sizeof ip);
}

/* TCP or UDP in IPv4. Bits of `content`: 0 and 1 an id, 2 to 4 how much data, 5 and 6 what is in it, 7 its last byte.
 */
static void put_packet(vxt_room *room, uint8_t proto, uint8_t content, uint8_t hop)
{
    uint8_t data[64], size = (uint8_t)((content >> 2 & 7) * 9), header = proto == TCP ? 20 : 8;
    const uint8_t tcp[20] = {0, 80, 0, 90, 0, 0, 0, content & 1, 0, 0, 0, 0, 0x50, 0x18, 1, 0, hop, 0, 0, 0};
    const uint8_t udp[8] = {0, 53, 0, 54, 0, (uint8_t)(8 + size), hop, 0};

    memset(data, content >> 5 & 3, sizeof data);
    if (size)
        data[size - 1] = content >> 7;
    put_ip(room, proto, content & 3, (uint8_t)(header + size), hop);
    put(room, proto == TCP ? tcp : udp, header);
    put(room, data, size);
}

static void put_arp(vxt_room *room, uint8_t content)
{
    const uint8_t padding[18] = {0};
    uint8_t arp[28] = {0, 1, 8, 0, 6, 4, 0, 1};

    arp[27] = content;
    put(room, arp, sizeof arp);
    put(room, padding, content >> 5 & 1 ? sizeof padding : 0);
}

static uint32_t build(fuzz_item *item, uint8_t kind, uint8_t content, uint8_t hop)
{
    vxt_room all = vxt_room_of(item->frame, sizeof item->frame), room = all;
    bool raw = kind == 3 || kind == 5;

    item->r.ethertype = kind == 2 ? 0x0806 : kind == 4 ? 0x86dd : kind == 5 ? 0x88cc : VXT_ETHERTYPE_IPV4;
    if (raw)
        item->r.flags |= VXT_FLAG_INNER_RAW;
    else
        put_ethernet(&room, item->r.ethertype, kind == 6, hop);
    if (kind == 2)
        put_arp(&room, content);
    else
        put_packet(&room, kind == 0 || kind == 6 ? TCP : UDP, content, hop);
    if (kind == 7)
        for (size_t i = 0; i < vxt_written(room, all); i++)
            item->frame[i] = (uint8_t)(item->frame[i] ^ (i % 7 == 0 ? content : 0));
    return (uint32_t)vxt_written(room, all);
}

/* ---------------------------------------------------------------- packets */

/* Most steps are small, some go back; a few go anywhere. */
static int64_t time_of(int64_t *clock, uint8_t step)
{
    static const int64_t odd[] = {INT64_MIN + 1, INT64_MAX, -1, 0, START, START - 1, START + 100 * MICROSECOND};

    if (step == 255)
        return VXT_NAT;
    if (step >= 248)
        return odd[step - 248];
    if (step >= 240)
        return *clock + (int64_t)(step - 239) * 1000 * MICROSECOND; /* ahead, and the next one is not */
    *clock += (step - 60) * (int64_t)MICROSECOND / 4;
    return *clock;
}

static void read_item(fuzz_item *item, const fuzz_merge_setup *setup, int64_t *clocks, const uint8_t *p, size_t number)
{
    uint8_t vni = p[0] >> 2 & 1, endpoint = p[0] >> 3 & 1;

    memset(item, 0, sizeof *item);
    item->lane = (p[0] & 3) % setup->lanes;
    item->r.ts = time_of(&clocks[item->lane], p[1]);
    item->r.frame = number + 1;
    item->r.source = item->lane;
    item->r.vni = vni;
    item->r.outer_src[15] = endpoint;
    item->r.tunnel = VXT_TUNNEL_VXLAN;
    item->vantage = item->lane << 2 | (uint32_t)(vni << 1) | endpoint;
    item->r.wirelen = build(item, p[0] >> 4 & 7, p[2], (uint8_t)(item->lane + endpoint));
    item->r.caplen = p[3] & 128 && (p[3] & 127) < item->r.wirelen ? p[3] & 127 : item->r.wirelen;
    if (item->r.caplen < item->r.wirelen)
        item->r.flags |= VXT_FLAG_TRUNCATED;
    item->pull = p[0] >> 7;
    item->in_piece = p[4] & 1;
    item->push = p[4] >> 1 & 1;
    item->end = p[4] >> 2 == 63;
}

/* What the core is to make of the time: by the same clock, as if the lane were alone. */
static void order(fuzz_items *items, const fuzz_merge_setup *setup)
{
    vxt_lane clocks[FUZZ_LANES] = {{0}};

    for (uint32_t i = 0; i < setup->lanes; i++) {
        clocks[i].knots = setup->knots[i];
        clocks[i].knot_count = setup->knot_count[i];
        clocks[i].before = INT64_MIN + 1;
    }
    for (size_t i = 0; i < items->count; i++) {
        fuzz_item *item = &items->items[i];
        vxt_lane *clock = &clocks[item->lane];
        item->at = item->r.ts == VXT_NAT ? clock->before : vxt_lane_time(clock, item->r.ts);
        clock->before = item->at;
    }
}

bool fuzz_merge_input(fuzz_merge_setup *setup, fuzz_items *items, vxt_slice input)
{
    int64_t clocks[FUZZ_LANES] = {START, START, START, START};
    bool ended[FUZZ_LANES] = {false};
    const uint8_t *p;
    vxt_key key;

    items->count = 0;
    if (!read_setup(setup, &input))
        return false;
    vxt_key_set(&key, setup->seed);
    while (items->count < FUZZ_MOST_ITEMS && (p = vxt_take(&input, COMMAND))) {
        fuzz_item *item = &items->items[items->count];
        vxt_slice frame;
        read_item(item, setup, clocks, p, items->count);
        if (ended[item->lane])
            continue;
        ended[item->lane] = item->end;
        frame = vxt_slice_of(item->frame, item->r.caplen);
        item->same = vxt_same_of(setup->seed, frame, &item->r);
        item->group = vxt_mix(item->same.identity, vxt_same_digest(&key, frame, &item->same));
        items->count++;
    }
    order(items, setup);
    return true;
}
