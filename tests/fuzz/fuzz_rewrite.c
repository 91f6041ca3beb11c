/* A capture -> an inner capture: the same in place and beside, whatever the blocks and the room; and what the library's
 * own reader finds in it is what a scan of the input gives. */
#include "scanning.h"

#include "vxt_write.h"

enum { SPARE = 64, ETHERNET = 1, RAW = 101, MOST_OUTPUT = 16 << 20 };

typedef struct rewriting {
    vxt_rewrite state;
    vxt_slice input;
    fuzz_bytes output;
    vxt_status status; /* what ended it */
    bool in_place;
    uint8_t *out; /* where it is not in place, or where in place there is no room */
    size_t room;
} rewriting;

/* One call: in place where that is asked for, but not with `spare`. What it makes is taken away at once. */
static vxt_status rewrite_some(rewriting *run, uint8_t *data, size_t at, size_t size, bool spare, vxt_progress *progress)
{
    bool in_place = run->in_place && !spare;
    uint8_t *out = in_place ? data : run->out;
    vxt_status status = vxt_rewrite_run(&run->state, data + at, size - at, out, in_place ? size : run->room, in_place,
                                        progress);

    REQUIRE(progress->used <= size - at && progress->made <= (in_place ? at + progress->used : run->room));
    fuzz_append(&run->output, out, progress->made);
    REQUIRE(run->output.size < MOST_OUTPUT);
    fuzz_check_books(&run->state.pass);
    return status;
}

/* MORE_OUTPUT, and nothing was done: other memory, and more of it each time. Returns whether the spare is next. */
static bool make_room(rewriting *run, const vxt_progress *progress, bool spare)
{
    if (progress->used || progress->made)
        return false;
    if (spare || !run->in_place) {
        REQUIRE(run->room < 2 * (size_t)VXT_MAX_BLOCK);
        run->room *= 2;
        run->out = fuzz_move(run->out, 0, run->room);
    }
    return true;
}

static void run_to_the_end(rewriting *run, fuzz_window *window)
{
    vxt_pass *pass = &run->state.pass;
    bool spare = false;
    size_t at = 0;

    for (;;) {
        vxt_progress progress;
        vxt_status status = rewrite_some(run, window->data, at, window->size, spare, &progress);
        at += progress.used;
        if (fuzz_grow(pass, status, run->input))
            continue;
        if (status == VXT_MORE_OUTPUT) {
            spare = make_room(run, &progress, spare);
            continue;
        }
        spare = false;
        if (pass->ending) {
            REQUIRE(status == VXT_MORE_INPUT && progress.used == 0);
            return;
        }
        if (status == VXT_MORE_INPUT && fuzz_window_more(window, at)) {
            at = 0;
            continue;
        }
        REQUIRE(status == VXT_MORE_INPUT || fuzz_is_fault(status));
        run->status = status;
        pass->ending = true;
    }
}

static void rewrite_all(rewriting *run, const fuzz_setup *setup, vxt_slice input, fuzz_pace pace, bool in_place,
                        size_t room)
{
    fuzz_window window = fuzz_window_of(input, pace, setup->random + in_place);
    uint8_t end[64];

    memset(run, 0, sizeof *run);
    fuzz_pass_begin(&run->state.pass, setup);
    run->state.output.pcapng = setup->pcapng;
    run->state.output.tunnels = run->state.pass.census ? &run->state.pass.census->tunnels : NULL;
    run->state.keep_others = setup->keep_others;
    run->state.output.ethernet = setup->ethernet;
    run->input = input;
    run->in_place = in_place;
    run->state.pass.memory.sights.can_recall = pace == FUZZ_WHOLE;
    run->room = room;
    run->out = fuzz_allocate(room);
    run_to_the_end(run, &window);
    fuzz_append(&run->output, end, vxt_rewrite_end(&run->state, end));
    free(window.data);
}

static void rewrite_free(rewriting *run)
{
    fuzz_pass_end(&run->state.pass);
    free(run->output.p);
    free(run->out);
}

static void check_same(const rewriting *a, const rewriting *b)
{
    REQUIRE(a->status == b->status);
    REQUIRE(a->state.output.rounded == b->state.output.rounded && a->state.output.unwritable == b->state.output.unwritable);
    fuzz_check_same_books(&a->state.pass, &b->state.pass);
    fuzz_same(&a->output, &b->output);
}

/* ---------------------------------------------------------------- what was written */

/* The output as the library's own reader sees it, beside the rows that it was made from. */
typedef struct comparison {
    const rewriting *run;
    const fuzz_scan_run *inner;  /* rows of decapsulated frames, with their bytes */
    const fuzz_scan_run *frames; /* rows of all frames */
    vxt_slice input;
    size_t at, bytes_at;         /* in `inner` */
    size_t kept_at;              /* in `frames` */
    uint64_t written, kept, rounded, unwritable;
} comparison;

static bool is_raw(const comparison *reading, const vxt_packet *r)
{
    return r->flags & VXT_FLAG_INNER_RAW && !reading->run->state.output.ethernet;
}

/* Times as the output can hold them; what is lost is counted. */
static void check_time(comparison *reading, const vxt_packet *r, const vxt_frame *frame)
{
    bool pcapng = reading->run->state.output.pcapng;
    int64_t held = frame->fine ? r->ts : r->ts / 1000 * 1000;

    if (pcapng ? r->ts < 0 : !vxt_write_fits_pcap(r->ts)) {
        reading->unwritable++;
        REQUIRE(frame->ts == 0);
        return;
    }
    reading->rounded += held != r->ts;
    REQUIRE(frame->ts == held && (held == r->ts || !pcapng));
}

static void check_bytes(const vxt_frame *frame, uint32_t made_up, const uint8_t *bytes, const vxt_packet *r)
{
    static const uint8_t nobody[2 * VXT_MACLEN];
    const uint8_t *p = frame->data.p;

    REQUIRE(vxt_left(frame->data) == r->caplen + made_up && frame->wirelen == r->wirelen + made_up);
    if (made_up) {
        REQUIRE(memcmp(p, nobody, sizeof nobody) == 0);
        REQUIRE(p[12] == r->ethertype >> 8 && p[13] == (r->ethertype & 0xff));
    }
    REQUIRE(r->caplen == 0 || memcmp(p + made_up, bytes, r->caplen) == 0);
}

static bool has_place(const comparison *reading, const vxt_packet *r)
{
    bool ip = r->ethertype == VXT_ETHERTYPE_IPV4 || r->ethertype == VXT_ETHERTYPE_IPV6;

    if (!(r->flags & VXT_FLAG_INNER_RAW))
        return true;
    if (reading->run->state.output.ethernet)
        return r->ethertype >= 0x600;
    return ip && reading->run->state.output.pcapng;
}

/* The next decapsulated frame; those that the output has no place for are passed. */
static void check_inner(comparison *reading, const vxt_frame *frame, const vxt_interface *it)
{
    const vxt_packet *r;
    uint32_t made_up;

    for (;; reading->at++) {
        REQUIRE(reading->at < reading->inner->count);
        r = fuzz_row(reading->inner, reading->at);
        if (has_place(reading, r))
            break;
        reading->bytes_at += r->caplen;
    }
    made_up = r->flags & VXT_FLAG_INNER_RAW && reading->run->state.output.ethernet ? VXT_ETH_LEN : 0;
    REQUIRE(it->linktype == (is_raw(reading, r) ? RAW : ETHERNET));
    REQUIRE(reading->bytes_at + r->caplen <= reading->inner->inner.size);
    check_bytes(frame, made_up, r->caplen ? reading->inner->inner.p + reading->bytes_at : NULL, r);
    check_time(reading, r, frame);
    reading->bytes_at += r->caplen;
    reading->at++;
    reading->written++;
}

static bool may_be_kept(const vxt_packet *r)
{
    switch (r->status) {
    case VXT_OK:
    case VXT_FILTERED:
    case VXT_NO_INTERFACE:
    case VXT_SECOND_SIGHT:
    case VXT_FRAGMENT_JOINED:
    case VXT_FRAGMENT_LOST:
    case VXT_FRAGMENT_OVERLAP:
        return false;
    default:
        return !(r->flags & VXT_FLAG_REASSEMBLED);
    }
}

/* The next frame that was kept as it was. */
static void check_kept(comparison *reading, const vxt_frame *frame)
{
    const vxt_packet *r;

    do {
        REQUIRE(reading->kept_at < reading->frames->count);
        r = fuzz_row(reading->frames, reading->kept_at++);
    } while (!may_be_kept(r));
    REQUIRE(r->offset + r->caplen <= vxt_left(reading->input));
    check_bytes(frame, 0, reading->input.p + r->offset, r);
    check_time(reading, r, frame);
    reading->kept++;
}

static void check_output(comparison *reading)
{
    vxt_slice in = vxt_slice_of(reading->run->output.p, reading->run->output.size);
    vxt_reader reader = {0};
    vxt_frame frame;
    vxt_status status;
    uint64_t tail;

    while ((status = vxt_reader_next(&reader, &in, &frame)) == VXT_OK || status == VXT_MORE_INTERFACES) {
        const vxt_interface *it;
        if (status == VXT_MORE_INTERFACES) {
            fuzz_grow_interfaces(&reader.interfaces);
            continue;
        }
        REQUIRE(frame.status == VXT_OK);
        it = &reader.interfaces.items[frame.interface];
        if (it->name_len >= 4 && memcmp(it->name, "kept", 4) == 0)
            check_kept(reading, &frame);
        else
            check_inner(reading, &frame, it);
        vxt_reader_pass(&reader, &in, &frame);
    }
    REQUIRE(status == VXT_MORE_INPUT && vxt_left(in) == 0 && vxt_reader_end(&reader, 0, &tail) == VXT_OK && tail == 0);
    REQUIRE((reader.format == VXT_FORMAT_PCAPNG) == reading->run->state.output.pcapng);
    REQUIRE(reader.interfaces.declared == (reader.format == VXT_FORMAT_PCAP ? 1 : reading->run->state.output.interfaces));
    free(reader.interfaces.items);
}

/* The inner capture holds just what a scan finds, in the same order, with the bytes that the scan points to. */
static void check_written(const rewriting *run, const fuzz_setup *setup, vxt_slice input)
{
    const vxt_pass *pass = &run->state.pass;
    fuzz_setup scan_setup = *setup;
    fuzz_scan_run inner, frames;
    comparison reading = {.run = run, .inner = &inner, .frames = &frames, .input = input};

    scan_setup.options.skipped_rows = false;
    fuzz_scan_all(&inner, &scan_setup, input, &(fuzz_way){FUZZ_RANDOM, setup->random + 7, true, NULL});
    scan_setup.options.skipped_rows = true;
    fuzz_scan_all(&frames, &scan_setup, input, &(fuzz_way){FUZZ_WHOLE, 0, false, NULL});
    check_output(&reading);
    REQUIRE(run->status == inner.status && pass->reader.frames == inner.scan.pass.reader.frames);
    REQUIRE(reading.written == pass->outcomes[VXT_OK] && reading.kept == pass->outcomes[VXT_KEPT]);
    REQUIRE(reading.written + pass->outcomes[VXT_NO_ETHERNET] == inner.count);
    REQUIRE(reading.rounded == run->state.output.rounded && reading.unwritable == run->state.output.unwritable);
    for (int i = 1; i < VXT_OUTCOMES; i++)
        if (i != VXT_KEPT && i != VXT_NO_ETHERNET)
            REQUIRE(pass->outcomes[i] + pass->kept[i] == inner.scan.pass.outcomes[i]);
    fuzz_scan_free(&inner);
    fuzz_scan_free(&frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vxt_slice input = vxt_slice_of(data, size);
    fuzz_setup setup;
    rewriting whole, other;

    if (!fuzz_setup_of(&setup, &input))
        return 0;
    rewrite_all(&whole, &setup, input, FUZZ_WHOLE, false, 2 * size + VXT_MAX_DATAGRAM);
    check_written(&whole, &setup, input);
    rewrite_all(&other, &setup, input, FUZZ_WHOLE, true, SPARE);
    check_same(&whole, &other);
    rewrite_free(&other);
    rewrite_all(&other, &setup, input, FUZZ_RANDOM, true, SPARE);
    check_same(&whole, &other);
    rewrite_free(&other);
    rewrite_all(&other, &setup, input, FUZZ_RANDOM, false, SPARE);
    check_same(&whole, &other);
    rewrite_free(&other);
    rewrite_free(&whole);
    return 0;
}
