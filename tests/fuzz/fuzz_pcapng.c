/* Containers: the same frames whatever the blocks, all of them within the file; and pcapng files built block by block by
 * small commands, whose frames are known. The first byte says which. */
#include "harness.h"

#include "vxt_bytes.h"

enum { SHORT = 2048, COMMAND = 4, MOST_COMMANDS = 400, MOST_INTERFACES = 512 };

/* What a frame is, in a form that can be compared; its data follows. */
typedef struct seen {
    uint64_t number, offset;
    int64_t ts;
    uint64_t caplen;
    uint32_t wirelen, interface_number, flags, status, link, marks;
} seen;

typedef struct reading {
    vxt_reader reader;
    fuzz_bytes frames;
    vxt_status status;
    uint64_t tail;
} reading;

static void check_frame(const vxt_reader *reader, const vxt_frame *frame, vxt_slice input)
{
    size_t caplen = vxt_left(frame->data);

    REQUIRE(frame->number == reader->frames + 1);
    REQUIRE(frame->offset <= vxt_left(input) && caplen <= vxt_left(input) - frame->offset);
    REQUIRE(caplen == 0 || memcmp(frame->data.p, input.p + frame->offset, caplen) == 0);
    REQUIRE(frame->wirelen >= caplen && caplen <= VXT_MAX_BLOCK);
    REQUIRE(frame->status == VXT_OK || frame->status == VXT_MALFORMED || frame->status == VXT_NO_INTERFACE);
    REQUIRE((frame->ts == VXT_NAT) == !!(frame->flags & VXT_FLAG_NO_TIME));
    REQUIRE(frame->status == VXT_NO_INTERFACE || frame->interface < reader->interfaces.count);
}

static void note(reading *run, const vxt_frame *frame)
{
    seen s = {frame->number, frame->offset, frame->ts, vxt_left(frame->data), frame->wirelen, frame->interface_number,
              frame->flags, frame->status, frame->link, (uint32_t)frame->several << 1 | frame->fine};

    fuzz_append(&run->frames, &s, sizeof s);
}

static void read_all(reading *run, vxt_slice input, fuzz_pace pace, uint64_t random)
{
    fuzz_window window = fuzz_window_of(input, pace, random);
    vxt_slice in = vxt_slice_of(window.data, 0);
    vxt_frame frame;

    memset(run, 0, sizeof *run);
    for (;;) {
        run->status = vxt_reader_next(&run->reader, &in, &frame);
        REQUIRE(run->reader.offset + vxt_left(in) + vxt_left(window.input) == vxt_left(input));
        if (run->status == VXT_OK) {
            check_frame(&run->reader, &frame, input);
            note(run, &frame);
            vxt_reader_pass(&run->reader, &in, &frame);
        } else if (run->status == VXT_MORE_INTERFACES) {
            fuzz_grow_interfaces(&run->reader.interfaces);
        } else if (run->status == VXT_MORE_INPUT && fuzz_window_more(&window, window.size - vxt_left(in))) {
            in = vxt_slice_of(window.data, window.size);
        } else {
            break;
        }
    }
    if (run->status == VXT_MORE_INPUT)
        run->status = vxt_reader_end(&run->reader, vxt_left(in), &run->tail);
    REQUIRE(run->tail <= vxt_left(input) && vxt_reader_fault_offset(&run->reader) <= vxt_left(input));
    free(window.data);
}

static void read_free(reading *run)
{
    free(run->reader.interfaces.items);
    free(run->frames.p);
}

static void check_interfaces(const vxt_interfaces *a, const vxt_interfaces *b)
{
    REQUIRE(a->count == b->count && a->declared == b->declared && a->forgotten == b->forgotten);
    for (uint32_t i = 0; i < a->count; i++) {
        const vxt_interface *x = &a->items[i], *y = &b->items[i];
        REQUIRE(x->number == y->number && x->linktype == y->linktype && x->frames == y->frames);
        REQUIRE(x->snaplen == y->snaplen && x->ts_resol == y->ts_resol && x->ts_offset == y->ts_offset);
        REQUIRE(x->name_len == y->name_len && memcmp(x->name, y->name, x->name_len) == 0);
    }
}

static void check_way(const reading *whole, vxt_slice input, fuzz_pace pace, uint64_t random)
{
    reading run;

    read_all(&run, input, pace, random);
    REQUIRE(run.status == whole->status && run.tail == whole->tail);
    REQUIRE(vxt_reader_fault_offset(&run.reader) == vxt_reader_fault_offset(&whole->reader));
    fuzz_same(&run.frames, &whole->frames);
    check_interfaces(&run.reader.interfaces, &whole->reader.interfaces);
    read_free(&run);
}

/* ---------------------------------------------------------------- files built by commands */

typedef struct builder {
    fuzz_bytes file;
    fuzz_bytes expected; /* `seen`, as far as it is known: see check_built */
    bool big;
    uint32_t declared, first; /* interfaces so far, and before this section */
    uint32_t linktypes[MOST_INTERFACES], snaplens[MOST_INTERFACES];
    uint64_t frames;
} builder;

static void put32(builder *b, uint32_t value)
{
    uint8_t p[4];

    vxt_put_le32(p, value);
    if (b->big)
        vxt_put_le32(p, vxt_be32(p));
    fuzz_append(&b->file, p, sizeof p);
}

/* Two halves of a word, in the order of the file. */
static void put16s(builder *b, uint32_t first, uint32_t second)
{
    put32(b, b->big ? first << 16 | second : second << 16 | first);
}

static void put_zeros(builder *b, size_t n)
{
    static const uint8_t zeros[1024];

    REQUIRE(n <= sizeof zeros);
    fuzz_append(&b->file, zeros, n);
}

static void put_section(builder *b, const uint8_t *c)
{
    b->big = c[1] & 1;
    put32(b, VXT_BLOCK_SECTION);
    put32(b, 28);
    put32(b, VXT_BYTE_ORDER_MAGIC);
    put16s(b, 1, c[2]);
    put32(b, UINT32_MAX);
    put32(b, UINT32_MAX);
    put32(b, 28);
    b->first = b->declared;
}

static void put_interface(builder *b, const uint8_t *c)
{
    static const uint32_t linktypes[] = {1, 113, 276, 0, 101, 228, 147, 65535};
    uint32_t options = c[1] & 1 ? 8 : 0;

    if (b->declared == MOST_INTERFACES)
        return;
    put32(b, VXT_BLOCK_INTERFACE);
    put32(b, 20 + options);
    put16s(b, linktypes[c[2] & 7], 0);
    put32(b, c[3]);
    if (options) {
        put16s(b, VXT_OPTION_IF_TSRESOL, 1);
        fuzz_append(&b->file, &c[3], 1);
        put_zeros(b, 3);
    }
    put32(b, 20 + options);
    b->linktypes[b->declared] = linktypes[c[2] & 7];
    b->snaplens[b->declared++] = c[3];
}

/* Byte 1: the interface; 2: bytes of data; 3: how much more the lengths say. */
static void put_packet(builder *b, const uint8_t *c, uint32_t type)
{
    bool simple = type == VXT_BLOCK_SIMPLE_PACKET;
    uint32_t id = simple ? 0 : c[1], size = c[2], padding = (4 - size % 4) % 4, wirelen = size + c[3];
    uint32_t total = (simple ? 16 : 32) + size + padding, data = simple ? size + padding : size;
    bool known = id < b->declared - b->first;
    seen s = {.number = ++b->frames, .wirelen = wirelen, .interface_number = b->first + id};

    put32(b, type);
    put32(b, total);
    if (type == VXT_BLOCK_PACKET)
        put32(b, id);
    else if (!simple)
        put16s(b, id, 0);
    if (!simple) {
        put32(b, 0);
        put32(b, c[3]);
        put32(b, size);
    }
    put32(b, wirelen);
    s.offset = b->file.size;
    put_zeros(b, size + padding);
    put32(b, total);
    s.status = known ? VXT_OK : VXT_NO_INTERFACE;
    s.link = known ? vxt_link_kind_of(b->linktypes[b->first + id]) : VXT_LINK_UNKNOWN;
    if (data > wirelen)
        data = wirelen;
    if (simple && known && b->snaplens[b->first] && data > b->snaplens[b->first])
        data = b->snaplens[b->first];
    s.caplen = data;
    fuzz_append(&b->expected, &s, sizeof s);
}

static void put_unknown(builder *b, const uint8_t *c)
{
    uint32_t total = 12 + c[2] * 4u;

    put32(b, 0x80000000u | c[1]);
    put32(b, total);
    put_zeros(b, c[2] * 4u);
    put32(b, total);
}

static void build(builder *b, vxt_slice commands)
{
    static const uint8_t little[COMMAND];
    const uint8_t *c = little;

    put_section(b, c);
    for (int i = 0; i < MOST_COMMANDS && (c = vxt_take(&commands, COMMAND)); i++) {
        switch (c[0] & 7) {
        case 0:
            put_section(b, c);
            break;
        case 1:
        case 2:
            put_interface(b, c);
            break;
        case 3:
            put_unknown(b, c);
            break;
        case 4:
            put_packet(b, c, VXT_BLOCK_SIMPLE_PACKET);
            break;
        case 5:
            put_packet(b, c, VXT_BLOCK_OLD_PACKET);
            break;
        default:
            put_packet(b, c, VXT_BLOCK_PACKET);
        }
    }
}

/* All that was built is there, and nothing else. */
static void check_built(const builder *b, const reading *run)
{
    REQUIRE(run->status == VXT_OK && run->tail == 0);
    REQUIRE(run->frames.size == b->expected.size && run->reader.interfaces.declared == b->declared);
    for (size_t i = 0; i * sizeof(seen) < b->expected.size; i++) {
        const seen *x = (const seen *)(const void *)b->expected.p + i, *y = (const seen *)(const void *)run->frames.p + i;
        REQUIRE(x->number == y->number && x->offset == y->offset && x->caplen == y->caplen && x->wirelen == y->wirelen);
        REQUIRE(x->interface_number == y->interface_number && x->status == y->status && x->link == y->link);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vxt_slice input = vxt_slice_of(data, size);
    const uint8_t *p = vxt_take(&input, 1);
    builder b = {0};
    reading whole;

    if (!p)
        return 0;
    if (*p & 1) {
        build(&b, input);
        input = vxt_slice_of(b.file.p, b.file.size);
    }
    read_all(&whole, input, FUZZ_WHOLE, 0);
    if (*p & 1)
        check_built(&b, &whole);
    check_way(&whole, input, FUZZ_RANDOM, *p);
    if (vxt_left(input) <= SHORT)
        check_way(&whole, input, FUZZ_BYTES, 0);
    read_free(&whole);
    free(b.file.p);
    free(b.expected.p);
    return 0;
}
