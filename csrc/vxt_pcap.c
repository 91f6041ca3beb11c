#include "vxt_pcap.h"

#include "vxt_bytes.h"

enum { LINKTYPE_MASK = 0x03ffffff }; /* above it: length of the frame check sequence */

typedef struct pcap_magic {
    uint32_t magic;
    bool nano;
    uint8_t extra;
} pcap_magic;

static const pcap_magic magics[] = {
#define X(magic, nano, extra) {magic, nano, extra},
    VXT_PCAP_MAGICS(X)
#undef X
};

static const pcap_magic *find_magic(uint32_t magic)
{
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (magics[i].magic == magic)
            return &magics[i];
    return NULL;
}

bool vxt_pcap_is(const uint8_t *magic) { return find_magic(vxt_le32(magic)) || find_magic(vxt_be32(magic)); }

/* Before 2.3 a record had its wire length first; 2.3 was written both ways; 543.0 is DG/UX, before 2.3 in truth. */
static vxt_status set_version(vxt_pcap *file)
{
    if (file->major == 543 && file->minor == 0)
        file->lengths = VXT_SWAP_YES;
    else if (file->major != 2 || file->minor > 4)
        return VXT_BAD_VERSION;
    else
        file->lengths = file->minor < 3 ? VXT_SWAP_YES : file->minor == 3 ? VXT_SWAP_MAYBE : VXT_SWAP_NO;
    return VXT_OK;
}

/* The interface that a file header describes: that of the file before it where they are alike, so that any number of
 * rotated files does not grow the table; else a new one, which starts a section. */
static vxt_status use_interface(vxt_interfaces *table, const vxt_interface *described)
{
    vxt_interface *it = vxt_interface_find(table, 0);
    vxt_status status;
    uint32_t number;

    if (it && it->linktype == described->linktype && it->snaplen == described->snaplen &&
        it->ts_resol == described->ts_resol)
        return VXT_OK;
    vxt_interface_section(table);
    if ((status = vxt_interface_add(table, &it)) != VXT_OK)
        return status;
    number = it->number;
    *it = *described;
    it->number = number;
    return VXT_OK;
}

vxt_status vxt_pcap_open(vxt_pcap *file, vxt_interfaces *table, vxt_slice *in)
{
    const uint8_t *h = vxt_peek(*in, VXT_PCAP_HEADER_LEN);
    const pcap_magic *magic;
    vxt_interface it = {0};
    vxt_status status;

    if (!h)
        return VXT_MORE_INPUT;
    file->big = find_magic(vxt_be32(h)) != NULL;
    magic = find_magic(vxt_load32(h, file->big));
    file->record_len = VXT_PCAP_RECORD_LEN + magic->extra;
    file->tick = magic->nano ? 1 : 1000;
    file->major = vxt_load16(h + 4, file->big);
    file->minor = vxt_load16(h + 6, file->big);
    if ((status = set_version(file)) != VXT_OK)
        return status;
    vxt_interface_clock(&it, magic->nano ? 9 : 6, 0);
    it.snaplen = vxt_load32(h + 16, file->big);
    it.linktype = vxt_load32(h + 20, file->big) & LINKTYPE_MASK;
    it.link = (uint8_t)vxt_link_kind_of(it.linktype);
    if ((status = use_interface(table, &it)) != VXT_OK)
        return status;
    file->link = (vxt_link_kind)it.link;
    file->plain = !file->big && file->lengths == VXT_SWAP_NO && magic->extra == 0;
    vxt_skip(in, VXT_PCAP_HEADER_LEN);
    return VXT_OK;
}

VXT_HOT vxt_status vxt_pcap_next(const vxt_pcap *file, vxt_slice in, vxt_frame *frame)
{
    const uint8_t *h = vxt_take(&in, file->record_len), *data;
    uint32_t caplen, wirelen;

    if (!h)
        return VXT_MORE_INPUT;
    caplen = vxt_load32(h + 8, file->big);
    wirelen = vxt_load32(h + 12, file->big);
    if (file->lengths == VXT_SWAP_YES || (file->lengths == VXT_SWAP_MAYBE && caplen > wirelen)) {
        uint32_t other = caplen;
        caplen = wirelen;
        wirelen = other;
    }
    if (caplen > VXT_MAX_CAPLEN)
        return VXT_BAD_RECORD;
    if (!(data = vxt_take(&in, caplen)))
        return VXT_MORE_INPUT;
    frame->data = vxt_slice_of(data, caplen);
    frame->rest = in;
    frame->offset = file->record_len;
    frame->ts = (int64_t)vxt_load32(h, file->big) * 1000000000 + (int64_t)vxt_load32(h + 4, file->big) * file->tick;
    frame->wirelen = wirelen < caplen ? caplen : wirelen;
    frame->link = file->link;
    frame->fine = file->tick == 1;
    frame->flags = 0;
    frame->status = VXT_OK;
    return VXT_OK;
}
