#include "vxt_scan.h"

#include "vxt_bytes.h"

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

/* An inner frame that is not in one piece is copied out; false where there is no room for it. */
static bool keep_piece(vxt_pieces *pieces, vxt_span inner, const vxt_packet *r)
{
    vxt_slice data = vxt_span_rest(inner);
    const uint8_t *p = vxt_take(&data, r->caplen);
    vxt_room room = vxt_room_of(pieces->data, pieces->size);
    size_t size = vxt_piece_size(r->caplen);
    uint8_t *to;

    if (!pieces->data || r->status != VXT_OK)
        return true;
    vxt_claim(&room, pieces->used);
    if (!p || !(to = vxt_claim(&room, size)))
        return false;
    vxt_put_le64(to, r->offset);
    vxt_put_le64(to + 8, r->caplen);
    memcpy(to + VXT_PIECE_HEADER, p, r->caplen);
    memset(to + VXT_PIECE_HEADER + r->caplen, 0, size - VXT_PIECE_HEADER - r->caplen);
    pieces->used += size;
    return true;
}

/* A late row, in the next free one, or, where skipped frames have rows too, in the one that its frame has, if that is
 * still at hand. */
static vxt_status scan_late(vxt_scan *scan, uint8_t *rows, uint8_t *next, vxt_room row, vxt_room *out)
{
    vxt_late late;
    size_t at;

    if (!vxt_pass_give_up(&scan->pass, &late))
        return VXT_OK;
    if (!keep_piece(&scan->pieces, late.inner, &late.r))
        return VXT_MORE_OUTPUT;
    vxt_pass_count_late(&scan->pass, &late, VXT_OK);
    at = vxt_pass_recent(&scan->pass, late.r.frame);
    if (at != SIZE_MAX) {
        next = &rows[at * scan->row_size];
    } else {
        *out = row;
        scan->broken = true;
        scan->pass.recent.count = 0;
    }
    if (scan->column_count)
        copy_columns(scan, &late.r, next);
    else
        memcpy(next, &late.r, sizeof late.r);
    return VXT_OK;
}

static VXT_HOT vxt_packet *place(const vxt_scan *scan, uint8_t *row, vxt_packet *packet)
{
    return scan->column_count ? packet : (vxt_packet *)(void *)row;
}

/* `r` has been decided, at the row's own place or beside it. */
static VXT_HOT void finish_row(vxt_scan *scan, const vxt_packet *r, uint8_t *row)
{
    if (scan->column_count)
        copy_columns(scan, r, row);
    if (scan->pass.options.skipped_rows && !scan->broken)
        scan->pass.recent.count++;
}

static VXT_APART vxt_status scan_any(vxt_scan *scan, vxt_slice *in, uint8_t *rows, vxt_room *out)
{
    vxt_packet packet, *r;
    vxt_room room = *out;
    vxt_step step;
    vxt_status status;
    uint8_t *row = vxt_claim(&room, scan->row_size);

    if (!row)
        return VXT_MORE_OUTPUT;
    r = place(scan, row, &packet);
    if ((status = vxt_pass_next(&scan->pass, in, &step, r)) != VXT_OK)
        return status == VXT_GIVE_UP ? scan_late(scan, rows, row, room, out) : status;
    if (r->flags & VXT_FLAG_REASSEMBLED && !keep_piece(&scan->pieces, step.inner, r))
        return VXT_MORE_OUTPUT;
    vxt_pass_census(&scan->pass, &step, r, (vxt_status)r->status);
    vxt_pass_count(&scan->pass, in, &step, r, (vxt_status)r->status);
    if (r->status != VXT_OK && !scan->pass.options.skipped_rows)
        return VXT_OK;
    finish_row(scan, r, row);
    *out = room;
    return VXT_OK;
}

/* A frame of the usual shape, where no census is taken, as it seldom is of rows. False: nothing was done, and scan_any
 * is to be asked. */
static VXT_HOT bool scan_as(vxt_link_kind usual, bool filters, vxt_scan *scan, vxt_slice *in, vxt_step *step,
                            vxt_room *out)
{
    vxt_packet packet, *r;
    vxt_room room = *out;
    uint8_t *row = vxt_claim(&room, scan->row_size);

    if (!row || scan->pass.census)
        return false;
    r = place(scan, row, &packet);
    if (!vxt_pass_next_as(usual, &scan->pass, step, r))
        return false;
    if (filters && !vxt_where_holds(&scan->pass.options.where, r)) {
        if (scan->pass.options.skipped_rows)
            return false;
        vxt_pass_count(&scan->pass, in, step, r, VXT_FILTERED);
        return true;
    }
    vxt_pass_count(&scan->pass, in, step, r, VXT_OK);
    finish_row(scan, r, row);
    *out = room;
    return true;
}

/* Whole records are parsed where they will stay, projected ones beside it. */
static VXT_HOT vxt_status scan_one(bool filters, vxt_scan *scan, vxt_slice *in, uint8_t *rows, vxt_room *out)
{
    vxt_link_kind usual;
    vxt_step step;
    vxt_slice in2;
    vxt_room out2;
    vxt_status status;

    usual = vxt_pass_usual(&scan->pass, *in, &step);
    if (usual == VXT_LINK_ETHERNET && scan_as(VXT_LINK_ETHERNET, filters, scan, in, &step, out))
        return VXT_OK;
    if (usual == VXT_LINK_SLL2 && scan_as(VXT_LINK_SLL2, filters, scan, in, &step, out))
        return VXT_OK;
    in2 = *in; /* copies: see VXT_HOT */
    out2 = *out;
    status = scan_any(scan, &in2, rows, &out2);
    *in = in2;
    *out = out2;
    return status;
}

/* The rows at hand, whose statuses can still be corrected. */
static void set_recent(vxt_scan *scan, uint8_t *rows, size_t count)
{
    vxt_recent *recent = &scan->pass.recent;
    size_t at = offsetof(vxt_packet, status);

    if (count == 0)
        scan->broken = false;
    recent->status = scan->column_count == 0 ? &rows[at] : NULL;
    for (uint32_t i = 0; i < scan->column_count; i++)
        if (scan->columns[i].from == at)
            recent->status = &rows[scan->columns[i].to];
    recent->row_size = scan->row_size;
    recent->count = scan->pass.options.skipped_rows && !scan->broken ? count : 0;
}

vxt_status vxt_scan_run(vxt_scan *scan, const uint8_t *in, size_t length, void *rows, size_t size, size_t *used,
                        size_t *count)
{
    vxt_slice start = vxt_slice_of(in, length), rest = start;
    vxt_room all = vxt_room_of(rows, size), room = all;
    vxt_status status = VXT_OK;

    set_recent(scan, rows, *count);
    vxt_claim(&room, *count * scan->row_size);
    if (scan->pass.options.where.count == 0)
        while (status == VXT_OK)
            status = scan_one(false, scan, &rest, rows, &room);
    while (status == VXT_OK)
        status = scan_one(true, scan, &rest, rows, &room);
    *used = vxt_behind(rest, start);
    *count = vxt_written(room, all) / scan->row_size;
    return status;
}
