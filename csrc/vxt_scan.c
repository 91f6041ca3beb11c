#include "vxt_scan.h"

/* Copies of constant size are one or two instructions; memcpy of a size that is known only here is a call. */
static VXT_HOT void copy_column(uint8_t *to, const uint8_t *from, size_t size)
{
    switch (size) {
    case 1:
        *to = *from;
        break;
    case 2:
        memcpy(to, from, 2);
        break;
    case 4:
        memcpy(to, from, 4);
        break;
    case 8:
        memcpy(to, from, 8);
        break;
    case VXT_IPLEN: /* in the parts that vxt_put_mapped wrote */
        memcpy(to, from, 8);
        memcpy(to + 8, from + 8, 4);
        memcpy(to + 12, from + 12, 4);
        break;
    default:
        memcpy(to, from, size);
    }
}

static VXT_HOT void copy_columns(const vxt_scan *scan, const vxt_packet *r, uint8_t *row)
{
    const uint8_t *from = (const uint8_t *)r;

    for (uint32_t i = 0; i < scan->column_count; i++) {
        const vxt_column *column = &scan->columns[i];
        copy_column(row + column->to, from + column->from, column->size);
    }
}

/* Whole records are parsed where they will stay, projected ones beside it. */
static VXT_HOT vxt_status scan_one(vxt_scan *scan, vxt_slice *in, vxt_room *out)
{
    vxt_packet packet, *r = &packet;
    vxt_room row = *out;
    vxt_step step;
    vxt_status status;
    uint8_t *p = vxt_claim(&row, scan->row_size);

    if (!p)
        return VXT_MORE_OUTPUT;
    if (scan->column_count == 0)
        r = (vxt_packet *)(void *)p;
    if ((status = vxt_pass_next(&scan->pass, in, &step, r)) != VXT_OK)
        return status;
    vxt_pass_count(&scan->pass, in, &step, r, (vxt_status)r->status);
    if (r->status != VXT_OK && !scan->pass.options.skipped_rows)
        return VXT_OK;
    if (r == &packet)
        copy_columns(scan, r, p);
    *out = row;
    return VXT_OK;
}

vxt_status vxt_scan_run(vxt_scan *scan, const uint8_t *in, size_t length, void *out, size_t size, size_t *used,
                        size_t *rows)
{
    vxt_slice start = vxt_slice_of(in, length), rest = start;
    vxt_room all = vxt_room_of(out, size), room = all;
    vxt_status status = VXT_OK;

    while (status == VXT_OK)
        status = scan_one(scan, &rest, &room);
    *used = vxt_behind(rest, start);
    *rows = vxt_written(room, all) / scan->row_size;
    return status;
}
