#include "vxt_reader.h"

#include "vxt_bytes.h"

/* Whether what comes next begins at the stop or behind it; one that is 0 is behind everything. */
static VXT_HOT bool is_at_stop(const vxt_reader *reader) { return reader->offset > reader->stop - 1; }

/* Bytes from here to the stop. */
static uint64_t left_to_stop(const vxt_reader *reader)
{
    return reader->stop == 0 ? UINT64_MAX : is_at_stop(reader) ? 0 : reader->stop - reader->offset;
}

static vxt_status open_capture(vxt_reader *reader, vxt_slice *in)
{
    const uint8_t *magic = vxt_peek(*in, 4);
    vxt_status status;

    if (!magic)
        return VXT_MORE_INPUT;
    if (vxt_le32(magic) == VXT_BLOCK_SECTION) {
        reader->format = VXT_FORMAT_PCAPNG;
        return VXT_OK;
    }
    if (!vxt_pcap_is(magic))
        return VXT_NOT_CAPTURE;
    if ((status = vxt_pcap_open(&reader->pcap, &reader->interfaces, in)) == VXT_OK)
        reader->format = VXT_FORMAT_PCAP;
    return status;
}

static VXT_HOT vxt_status next_of_pcap(const vxt_reader *reader, const vxt_pcap *pcap, vxt_slice in, vxt_frame *frame)
{
    const vxt_interfaces *table = &reader->interfaces;

    frame->interface = table->first;
    frame->interface_id = 0;
    frame->interface_number = table->section;
    frame->several = false;
    if (is_at_stop(reader))
        return VXT_AT_STOP;
    return vxt_pcap_next(pcap, in, frame);
}

static vxt_status next_of_any(vxt_reader *reader, vxt_slice *in, vxt_frame *frame)
{
    vxt_slice start = *in;
    vxt_status status = VXT_OK;

    if (reader->format == VXT_FORMAT_UNKNOWN) {
        status = open_capture(reader, in);
        reader->offset += vxt_behind(*in, start);
        start = *in;
    }
    if (status == VXT_OK && reader->format == VXT_FORMAT_PCAPNG)
        status = vxt_pcapng_next(&reader->pcapng, &reader->interfaces, left_to_stop(reader), in, frame);
    else if (status == VXT_OK)
        status = next_of_pcap(reader, &reader->pcap, *in, frame);
    reader->offset += vxt_behind(*in, start);
    return status;
}

VXT_HOT bool vxt_reader_plain(const vxt_reader *reader, vxt_slice in, vxt_frame *frame)
{
    vxt_pcap plain = VXT_PCAP_PLAIN(reader->pcap.tick, reader->pcap.link); /* constants, in all but these */

    if (!reader->pcap.plain)
        return false;
    if (next_of_pcap(reader, &plain, in, frame) != VXT_OK)
        return false;
    frame->number = reader->frames + 1;
    frame->offset += reader->offset;
    return true;
}

vxt_status vxt_reader_next(vxt_reader *reader, vxt_slice *in, vxt_frame *frame)
{
    vxt_status status = next_of_any(reader, in, frame);

    frame->number = reader->frames + 1;
    frame->offset += reader->offset;
    return status;
}

VXT_HOT void vxt_reader_pass(vxt_reader *reader, vxt_slice *in, const vxt_frame *frame)
{
    reader->frames++;
    reader->offset += vxt_behind(frame->rest, *in);
    if (reader->format == VXT_FORMAT_PCAPNG && frame->status != VXT_NO_INTERFACE)
        reader->interfaces.items[frame->interface].frames++;
    *in = frame->rest;
}

uint64_t vxt_reader_interface_frames(const vxt_reader *reader, uint32_t index)
{
    uint64_t frames = reader->interfaces.items[index].frames;

    if (reader->format == VXT_FORMAT_PCAP && index == reader->interfaces.first)
        frames += reader->frames - reader->before;
    return frames;
}

/* The interface of a pcap stays the current one, for a next pcap that has the same; those of a pcapng do not. */
void vxt_reader_next_file(vxt_reader *reader, size_t left)
{
    vxt_interfaces *table = &reader->interfaces;

    if (reader->format == VXT_FORMAT_PCAP)
        table->items[table->first].frames = vxt_reader_interface_frames(reader, table->first);
    else if (reader->format == VXT_FORMAT_PCAPNG)
        vxt_interface_section(table);
    reader->format = VXT_FORMAT_UNKNOWN;
    reader->pcap = (vxt_pcap){0};
    reader->pcapng = (vxt_pcapng){0};
    reader->offset += left;
    reader->start = reader->offset;
    reader->before = reader->frames;
}

vxt_status vxt_reader_end(const vxt_reader *reader, size_t left, uint64_t *tail)
{
    *tail = reader->pcapng.passed + (uint64_t)left;
    if (reader->format == VXT_FORMAT_PCAP || reader->pcapng.section)
        return VXT_OK;
    return reader->offset - reader->start + left == 0 ? VXT_EMPTY : VXT_CUT_HEADER;
}

uint64_t vxt_reader_fault_offset(const vxt_reader *reader)
{
    return reader->offset - reader->start - reader->pcapng.passed;
}
