/* Packets -> conversations: what the rows count is what went in, whatever the room for them; places are in order and
 * bounded; and which bytes of a stream were seen. */
#include "harness.h"

#include "vxt_flows.h"

enum { SETUP = 4, COMMAND = 8, MOST_PACKETS = 300, MILLISECOND = 1000000, SMALL = 64, TCP = 6, UDP = 17, ICMP = 1 };

typedef struct sums {
    uint64_t packets, bytes, payload;
} sums;

typedef struct run {
    vxt_flows flows;
    uint32_t most;
    size_t room;
    bool singly; /* packet by packet */
    fuzz_bytes rows;
} run;

static vxt_packet packets[MOST_PACKETS];
static uint64_t left[VXT_FLOWS_LEFT]; /* zero between runs: what was noted is cleared by its hash */
static uint64_t hashes[MOST_PACKETS];

/* ---------------------------------------------------------------- packets */

static uint8_t protocol_of(uint8_t code) { return code < 5 ? TCP : code == 5 ? UDP : code == 6 ? ICMP : 58; }

/* Numbers close to each other, around where they wrap, and far off. */
static uint32_t number_of(uint8_t code, uint8_t fine)
{
    static const uint32_t bases[] = {UINT32_MAX - 300, 0, 1u << 30, 1u << 31};

    return bases[code >> 6] + (code & 63u) * 16 + (fine & 15u);
}

static int64_t time_of(int64_t *clock, uint8_t step)
{
    static const int64_t odd[] = {INT64_MAX, INT64_MIN + 1, 0, -1};

    if (step == 255)
        return VXT_NAT;
    if (step >= 251)
        return odd[step - 251];
    *clock += (step - 50) * (int64_t)MILLISECOND;
    return *clock;
}

static void read_packet(vxt_packet *r, const uint8_t *p, int64_t *clock)
{
    static const uint32_t lengths[] = {0, 1, 2, 10, 100, 1460, 1u << 30, UINT32_MAX};

    memset(r, 0, sizeof *r);
    r->ts = time_of(clock, p[0]);
    r->src[15] = p[1] & 3;
    r->dst[15] = p[1] >> 2 & 3;
    r->proto = protocol_of(p[1] >> 4 & 7);
    r->sport = p[2] & 3;
    r->dport = p[2] >> 2 & 3;
    r->vni = p[2] >> 4 & 1;
    r->flow = p[2] >> 5 & 1;
    r->status = p[2] >> 6 == 3 ? VXT_NOT_IP : VXT_OK;
    r->flags = p[3] >> 6 == 3 ? VXT_FLAG_INNER_FRAGMENT : 0;
    r->outer_src[15] = p[3] & 7;
    r->source = p[3] & 8 ? 60u + (p[3] >> 4 & 3) * 3 : 0;
    r->tcp_flags = p[4];
    r->tcp_seq = number_of(p[5], p[7]);
    r->tcp_ack = number_of(p[6], 0);
    r->payload_len = lengths[p[7] >> 4 & 7];
    r->payload = p[7] & 128 ? 0 : 54;
    r->wirelen = 64 + p[7];
}

/* ---------------------------------------------------------------- the table */

static void grow(run *it)
{
    vxt_flows *flows = &it->flows;
    uint32_t before = flows->capacity, capacity = before ? 2 * before : 1;

    REQUIRE(flows->open == before && before < it->most);
    flows->places = fuzz_move(flows->places, before * sizeof *flows->places, capacity * sizeof *flows->places);
    flows->links = fuzz_move(flows->links, before * sizeof *flows->links, capacity * sizeof *flows->links);
    free(flows->heads);
    flows->heads = fuzz_allocate(capacity * sizeof *flows->heads);
    vxt_flows_grown(flows, capacity);
}

/* Every open place is in the order of silence once, both ways, and once in its chain. */
static void check_links(const vxt_flows *flows)
{
    uint32_t count = 0, before = UINT32_MAX, chained = 0;

    for (uint32_t i = flows->oldest; i != UINT32_MAX; before = i, i = flows->links[i].after) {
        REQUIRE(i < flows->count && flows->links[i].before == before && ++count <= flows->open);
    }
    REQUIRE(count == flows->open && flows->newest == before);
    for (uint32_t head = 0; head < flows->capacity; head++)
        for (uint32_t i = flows->heads[head]; i != UINT32_MAX; i = flows->links[i].next) {
            REQUIRE(i < flows->count && (flows->links[i].hash & (flows->capacity - 1)) == head);
            REQUIRE(++chained <= flows->open);
        }
    REQUIRE(chained == flows->open);
    for (uint32_t i = flows->free; i != UINT32_MAX; i = flows->links[i].next)
        REQUIRE(i < flows->count && ++chained <= flows->count);
    REQUIRE(chained == flows->count && flows->count <= flows->capacity);
}

/* Holes lie in order between `low` and `next`, and none touches another. */
static void check_stream(const vxt_stream *stream)
{
    uint32_t at = 0;

    if (!stream->begun)
        return;
    REQUIRE(stream->count <= VXT_STREAM_HOLES && stream->next - stream->low <= VXT_STREAM_REACH);
    for (uint32_t i = 0; i < stream->count; i++) {
        uint32_t from = stream->holes[i].from - stream->low, to = stream->holes[i].to - stream->low;
        REQUIRE(from >= at && from < to && to <= stream->next - stream->low);
        at = to + 1;
    }
}

static void check_table(const run *it)
{
    const vxt_flows *flows = &it->flows;

    REQUIRE(flows->open <= it->most && flows->count <= it->most);
    REQUIRE(flows->not_ip + flows->skipped <= flows->packets);
    check_links(flows);
    for (uint32_t i = flows->oldest; i != UINT32_MAX; i = flows->links[i].after)
        for (int side = 0; side < 2; side++)
            check_stream(&flows->places[i].sides[side].stream);
}

/* ---------------------------------------------------------------- a run */

static void add_all(run *it, size_t count)
{
    vxt_flow *rows = fuzz_allocate(it->room * sizeof *rows);
    size_t at = 0, made;
    vxt_flows_status status;

    while (at < count) {
        size_t before = at, upto = it->singly ? at + 1 : at + 1 + at % 17;
        made = 0;
        status = vxt_flows_add(&it->flows, packets, upto < count ? upto : count, &at, rows, it->room, &made);
        REQUIRE(made <= it->room && it->flows.packets == at);
        REQUIRE(status != VXT_FLOWS_FULL || made == it->room);
        REQUIRE(at > before || made || status == VXT_FLOWS_GROW);
        fuzz_append(&it->rows, rows, made * sizeof *rows);
        if (status == VXT_FLOWS_GROW)
            grow(it);
        if (it->singly && at > before)
            hashes[before] = it->flows.open ? it->flows.links[it->flows.newest].hash : 0;
        check_table(it);
    }
    do {
        made = 0;
        status = vxt_flows_end(&it->flows, rows, it->room, &made);
        fuzz_append(&it->rows, rows, made * sizeof *rows);
        check_table(it);
    } while (status != VXT_FLOWS_DONE);
    REQUIRE(it->flows.open == 0);
    free(rows);
}

static void run_all(run *it, const uint8_t *p, size_t room, size_t count)
{
    static const int64_t idles[] = {0, 1, 50 * MILLISECOND, 1000 * MILLISECOND, INT64_MAX, 7};

    it->room = room;
    it->singly = room < SMALL;
    it->rows = (fuzz_bytes){0};
    it->most = 1 + p[0] % 16;
    vxt_flows_begin(&it->flows, left, p[2], idles[p[1] % 6], it->most);
    add_all(it, count);
}

static void end(run *it)
{
    free(it->flows.places);
    free(it->flows.links);
    free(it->flows.heads);
    free(it->rows.p);
}

/* Forget which conversations left; runs over the same packets have the same hashes. */
static void clear_left(size_t count)
{
    for (size_t i = 0; i < count; i++)
        left[hashes[i] >> 32 & (VXT_FLOWS_LEFT - 1)] = 0;
}

/* ---------------------------------------------------------------- what went in */

static sums sums_in(const run *it, size_t count)
{
    sums all = {0};
    uint64_t not_ip = 0, skipped = 0;

    for (size_t i = 0; i < count; i++) {
        const vxt_packet *r = &packets[i];
        bool ours = r->status == VXT_OK && vxt_flow_has_key(r);
        skipped += r->status != VXT_OK;
        not_ip += r->status == VXT_OK && !ours;
        all.packets += ours;
        all.bytes += ours ? r->wirelen : 0;
        all.payload += ours ? r->payload_len : 0;
    }
    REQUIRE(it->flows.packets == count && it->flows.not_ip == not_ip && it->flows.skipped == skipped);
    return all;
}

static void check_row(const vxt_flow *row)
{
    REQUIRE(row->packets_out + row->packets_in > 0 && row->collectors);
    REQUIRE((row->first == VXT_NAT) == (row->last == VXT_NAT) && row->first <= row->last);
    REQUIRE(row->rtt == VXT_NAT || (row->proto == TCP && row->rtt >= 0));
    REQUIRE((row->one_way == VXT_BOTH_WAYS) == (row->packets_out && row->packets_in));
    REQUIRE(row->tunnel_srcs >= 1 && row->tunnel_srcs <= VXT_MOST_TUNNEL_SRCS + 1 && row->ended <= VXT_ENDED_BY_SYN);
    REQUIRE(row->proto == TCP ||
            row->missing_out + row->missing_in + row->retransmitted_out + row->retransmitted_in == 0);
    /* what is missing are numbers that one packet went ahead by; none goes further than the reach, twice */
    REQUIRE(row->missing_out <= (row->packets_out + row->packets_in) * (UINT64_C(2) * VXT_STREAM_REACH));
    REQUIRE(row->missing_in <= (row->packets_out + row->packets_in) * (UINT64_C(2) * VXT_STREAM_REACH));
    REQUIRE(row->retransmitted_out <= row->payload_out + row->packets_out * 2);
    REQUIRE(row->retransmitted_in <= row->payload_in + row->packets_in * 2);
}

static void check_rows(const run *it, size_t count)
{
    sums in = sums_in(it, count), out = {0};

    for (size_t i = 0; i < it->rows.size / sizeof(vxt_flow); i++) {
        vxt_flow row;
        memcpy(&row, it->rows.p + i * sizeof row, sizeof row);
        check_row(&row);
        out.packets += row.packets_out + row.packets_in;
        out.bytes += row.bytes_out + row.bytes_in;
        out.payload += row.payload_out + row.payload_in;
    }
    REQUIRE(in.packets == out.packets && in.bytes == out.bytes && in.payload == out.payload);
}

/* Rows are compared without the padding behind their last column. */
static void same_rows(const run *a, const run *b)
{
    size_t bytes = offsetof(vxt_flow, ended) + sizeof(((vxt_flow *)0)->ended);

    REQUIRE(a->rows.size == b->rows.size);
    for (size_t at = 0; at < a->rows.size; at += sizeof(vxt_flow))
        REQUIRE(memcmp(a->rows.p + at, b->rows.p + at, bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vxt_slice input = vxt_slice_of(data, size);
    const uint8_t *setup = vxt_take(&input, SETUP), *p;
    int64_t clock = INT64_C(1700000000) * 1000 * MILLISECOND;
    size_t count = 0;
    run small, whole;

    if (!setup)
        return 0;
    while (count < MOST_PACKETS && (p = vxt_take(&input, COMMAND)))
        read_packet(&packets[count++], p, &clock);
    run_all(&small, setup, 1 + setup[3] % 4, count);
    check_rows(&small, count);
    clear_left(count);
    run_all(&whole, setup, SMALL, count);
    clear_left(count);
    same_rows(&small, &whole);
    end(&small);
    end(&whole);
    return 0;
}
