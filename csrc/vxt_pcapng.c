#include "vxt_pcapng.h"

#include "vxt_bytes.h"

enum { LENGTHS = 12, ALIGN = 4 }; /* a block's type, total length, and total length again */
enum { DIRECTION_MASK = 3, DIRECTION_OUT = 2 };

static uint32_t padding(uint32_t length) { return (ALIGN - length % ALIGN) % ALIGN; }

/* The next option of a block (3.5): code and value; false at the end of options, or where they are cut. */
static bool next_option(vxt_slice *options, bool big, uint16_t *code, vxt_slice *value)
{
    const uint8_t *h = vxt_take(options, 4), *p;
    uint16_t length;

    if (!h)
        return false;
    *code = vxt_load16(h, big);
    length = vxt_load16(h + 2, big);
    if (*code == VXT_OPTION_END || !(p = vxt_take(options, length)))
        return false;
    *value = vxt_slice_of(p, length);
    vxt_skip(options, padding(length));
    return true;
}

/* A new section, whose byte order only its body tells. */
static vxt_status begin_section(vxt_pcapng *file, vxt_interfaces *table, vxt_slice body)
{
    const uint8_t *h = vxt_peek(body, 16);

    if (!h)
        return VXT_SHORT_BLOCK;
    file->major = vxt_load16(h + 4, file->big);
    file->minor = vxt_load16(h + 6, file->big);
    if (file->major != 1)
        return VXT_BAD_VERSION;
    file->section = true;
    vxt_interface_section(table);
    return VXT_OK;
}

static void set_name(vxt_interface *it, vxt_slice value)
{
    const uint8_t *p;

    vxt_clip(&value, VXT_NAME_LEN);
    it->name_len = (uint8_t)vxt_left(value);
    if ((p = vxt_peek(value, it->name_len)))
        memcpy(it->name, p, it->name_len);
}

static vxt_status add_interface(const vxt_pcapng *file, vxt_interfaces *table, vxt_slice body)
{
    const uint8_t *h = vxt_take(&body, 8);
    uint8_t ts_resol = 6;
    int64_t ts_offset = 0;
    uint16_t code;
    vxt_slice value;
    vxt_interface *it;
    vxt_status status;

    if (!h)
        return VXT_SHORT_BLOCK;
    if ((status = vxt_interface_add(table, &it)) != VXT_OK || !it)
        return status;
    it->linktype = vxt_load16(h, file->big);
    it->link = (uint8_t)vxt_link_kind_of(it->linktype);
    it->snaplen = vxt_load32(h + 4, file->big);
    while (next_option(&body, file->big, &code, &value)) {
        if (code == VXT_OPTION_IF_NAME)
            set_name(it, value);
        else if (code == VXT_OPTION_IF_TSRESOL && vxt_left(value) == 1)
            ts_resol = value.p[0];
        else if (code == VXT_OPTION_IF_TSOFFSET && vxt_left(value) == 8)
            ts_offset = (int64_t)vxt_load64(value.p, file->big);
    }
    vxt_interface_clock(it, ts_resol, ts_offset);
    return VXT_OK;
}

/* What the three kinds of packet block say, in one shape. */
typedef struct packet_block {
    uint32_t interface, caplen, wirelen;
    uint64_t ticks;
    bool timed;
} packet_block;

static bool read_fixed(const vxt_pcapng *file, uint32_t type, vxt_slice *body, packet_block *block)
{
    const uint8_t *h = vxt_take(body, type == VXT_BLOCK_SIMPLE_PACKET ? 4 : 20);

    if (!h)
        return false;
    block->timed = type != VXT_BLOCK_SIMPLE_PACKET;
    if (!block->timed) {
        block->interface = 0;
        block->wirelen = vxt_load32(h, file->big);
        block->caplen = (uint32_t)vxt_left(*body);
        if (block->caplen > block->wirelen)
            block->caplen = block->wirelen;
        return true;
    }
    /* The obsolete block's second half-word counts drops. */
    block->interface = type == VXT_BLOCK_PACKET ? vxt_load32(h, file->big) : vxt_load16(h, file->big);
    block->ticks = (uint64_t)vxt_load32(h + 4, file->big) << 32 | vxt_load32(h + 8, file->big);
    block->caplen = vxt_load32(h + 12, file->big);
    block->wirelen = vxt_load32(h + 16, file->big);
    return true;
}

static bool is_outgoing(const vxt_pcapng *file, vxt_slice options)
{
    bool outgoing = false;
    uint16_t code;
    vxt_slice value;

    while (next_option(&options, file->big, &code, &value))
        if (code == VXT_OPTION_PACKET_FLAGS && vxt_left(value) == 4)
            outgoing = (vxt_load32(value.p, file->big) & DIRECTION_MASK) == DIRECTION_OUT;
    return outgoing;
}

/* The interface's part of a frame. */
static void set_interface(const vxt_interfaces *table, packet_block *block, vxt_frame *frame)
{
    const vxt_interface *it = vxt_interface_find(table, block->interface);

    frame->interface_id = block->interface;
    frame->interface_number = table->section + block->interface;
    frame->several = table->count - table->first > 1;
    frame->ts = VXT_NAT;
    if (!it) {
        frame->status = VXT_NO_INTERFACE;
        return;
    }
    frame->interface = table->first + block->interface;
    frame->link = (vxt_link_kind)it->link;
    frame->fine = vxt_interface_is_fine(it);
    if (block->timed)
        frame->ts = vxt_interface_time(it, block->ticks);
    else if (it->snaplen && block->caplen > it->snaplen)
        block->caplen = it->snaplen; /* a simple packet block does not say how much was captured */
}

static vxt_status read_packet(const vxt_pcapng *file, const vxt_interfaces *table, uint32_t type, vxt_slice body,
                              vxt_frame *frame)
{
    packet_block block = {0};
    vxt_slice options;

    if (!read_fixed(file, type, &body, &block))
        return VXT_SHORT_BLOCK;
    frame->status = VXT_OK;
    frame->flags = 0;
    frame->link = VXT_LINK_UNKNOWN;
    frame->fine = false;
    frame->interface = 0;
    set_interface(table, &block, frame);
    if (frame->ts == VXT_NAT)
        frame->flags |= VXT_FLAG_NO_TIME;
    if ((block.caplen > vxt_left(body) || block.caplen > VXT_MAX_CAPLEN) && frame->status == VXT_OK)
        frame->status = VXT_MALFORMED;
    options = body;
    vxt_clip(&body, block.caplen);
    frame->data = body;
    block.caplen = (uint32_t)vxt_left(body);
    frame->wirelen = block.wirelen < block.caplen ? block.caplen : block.wirelen;
    vxt_skip(&options, (uint64_t)block.caplen + padding(block.caplen));
    if (block.timed && is_outgoing(file, options))
        frame->flags |= VXT_FLAG_OUTGOING;
    return VXT_OK;
}

/* Pass over the rest of a block that nobody reads, however long, and check its trailing length. */
static vxt_status skip_block(vxt_pcapng *file, vxt_slice *in)
{
    uint32_t body = file->skipping - 4;
    const uint8_t *trailer;

    if (file->passed < body)
        file->passed += (uint32_t)vxt_skip(in, body - file->passed);
    if (file->passed < body || !(trailer = vxt_peek(*in, 4)))
        return VXT_MORE_INPUT;
    if (vxt_load32(trailer, file->big) != file->skipping)
        return VXT_BAD_BLOCK;
    vxt_skip(in, 4);
    file->skipping = file->passed = 0;
    return VXT_OK;
}

static bool is_read(uint32_t type)
{
    switch (type) {
#define X(value, name) case value:
        VXT_BLOCKS(X)
#undef X
        return true;
    default:
        return false;
    }
}

/* The type and length at the start of a block, and what they alone give away. */
static vxt_status read_lengths(vxt_pcapng *file, vxt_slice in, uint32_t *type, uint32_t *total)
{
    const uint8_t *h = vxt_peek(in, 8);

    if (!h)
        return VXT_MORE_INPUT;
    *type = vxt_load32(h, file->big);
    if (*type == VXT_BLOCK_SECTION) { /* the same in both byte orders; what follows need not be */
        if (!(h = vxt_peek(in, 12)))
            return VXT_MORE_INPUT;
        if (vxt_le32(h + 8) != VXT_BYTE_ORDER_MAGIC && vxt_be32(h + 8) != VXT_BYTE_ORDER_MAGIC)
            return VXT_BAD_MAGIC;
        file->big = vxt_be32(h + 8) == VXT_BYTE_ORDER_MAGIC;
    } else if (!file->section) {
        return VXT_BAD_BLOCK;
    }
    *total = vxt_load32(h + 4, file->big);
    if (*total < LENGTHS || *total % ALIGN != 0)
        return VXT_BAD_BLOCK;
    return is_read(*type) && *total > VXT_MAX_BLOCK ? VXT_LONG_BLOCK : VXT_OK;
}

/* One block that is in `in` whole. VXT_OK with frame->rest set where it was a packet's, else with `in` moved past it.
 */
static vxt_status read_block(vxt_pcapng *file, vxt_interfaces *table, uint32_t type, uint32_t total, vxt_slice *in,
                             vxt_frame *frame)
{
    vxt_slice rest = *in, body;
    const uint8_t *block = vxt_take(&rest, total);
    vxt_status status;

    if (!block)
        return VXT_MORE_INPUT;
    body = vxt_slice_of(block, total);
    vxt_skip(&body, total - 4);
    if (vxt_load32(body.p, file->big) != total)
        return VXT_BAD_BLOCK;
    body = vxt_slice_of(block, total - 4);
    vxt_skip(&body, 8);
    if (type == VXT_BLOCK_SECTION || type == VXT_BLOCK_INTERFACE) {
        status = type == VXT_BLOCK_SECTION ? begin_section(file, table, body) : add_interface(file, table, body);
        if (status == VXT_OK)
            *in = rest;
        return status;
    }
    if ((status = read_packet(file, table, type, body, frame)) != VXT_OK)
        return status;
    frame->offset = vxt_behind(frame->data, *in);
    frame->rest = rest;
    return VXT_OK;
}

vxt_status vxt_pcapng_next(vxt_pcapng *file, vxt_interfaces *table, uint64_t stop, vxt_slice *in, vxt_frame *frame)
{
    vxt_slice start = *in;
    vxt_status status = VXT_OK;
    uint32_t type, total;

    frame->rest.p = NULL;
    while (status == VXT_OK && !frame->rest.p) {
        if (file->skipping)
            status = skip_block(file, in);
        else if (vxt_behind(*in, start) >= stop)
            status = VXT_AT_STOP;
        else if ((status = read_lengths(file, *in, &type, &total)) != VXT_OK)
            break;
        else if (is_read(type))
            status = read_block(file, table, type, total, in, frame);
        else
            file->skipping = total;
    }
    return status;
}
