#include "vxt_find.h"

#include "vxt_bytes.h"

enum {
    ENOUGH = 16,        /* headers in a row that are believed whatever follows */
    FEWEST = 2,         /* where the last of them reaches behind the bytes at hand */
    FEW = 4,            /* that a chain has to the end of a window, if it is to be one */
    LONGEST = 1 << 18,  /* bytes of a frame: what tcpdump takes at most by default */
    BLOCK_LENGTHS = 12, /* a block's type, and its length twice */
    BLOCK_ALIGN = 4,
    APART = 24 * 60 * 60 /* seconds between one record and the next */
};

/* What is carried from one header to the next. */
typedef struct chain {
    uint32_t seconds;
    uint32_t count;
} chain;

/* The lengths of a record, of which old writers had the longer one first. */
static bool is_sane_length(const vxt_pcap *file, const uint8_t *h, uint32_t *caplen)
{
    uint32_t first = vxt_load32(h + 8, file->big), second = vxt_load32(h + 12, file->big);
    bool swap = file->lengths == VXT_SWAP_YES || (file->lengths == VXT_SWAP_MAYBE && first > second);
    uint32_t wirelen = swap ? first : second;

    *caplen = swap ? second : first;
    return *caplen <= LONGEST && wirelen >= *caplen && wirelen > 0 && wirelen <= VXT_MAX_CAPLEN;
}

/* Pass the record at the start of `in`: whether it makes sense behind those of the chain. It may reach behind the end,
 * where `in` becomes empty. */
static bool pass_record(const vxt_pcap *file, vxt_slice *in, chain *c)
{
    const uint8_t *h = vxt_take(in, file->record_len);
    uint32_t seconds = vxt_load32(h, file->big), caplen;
    uint32_t apart = seconds > c->seconds ? seconds - c->seconds : c->seconds - seconds;

    if (vxt_load32(h + 4, file->big) >= (file->tick == 1 ? 1000000000u : 1000000u) || !is_sane_length(file, h, &caplen))
        return false;
    if (c->count > 0 && apart > APART)
        return false;
    c->seconds = seconds;
    vxt_skip(in, caplen);
    return true;
}

/* The same for a block: its length stands at both its ends. */
static bool pass_block(const vxt_pcapng *file, vxt_slice *in)
{
    const uint8_t *h = vxt_peek(*in, 8), *trailer;
    uint32_t total = vxt_load32(h + 4, file->big);

    if (total < BLOCK_LENGTHS || total % BLOCK_ALIGN != 0 || total > VXT_MAX_BLOCK)
        return false;
    if (total > vxt_left(*in)) {
        vxt_skip(in, total);
        return true;
    }
    vxt_skip(in, total - 4);
    trailer = vxt_take(in, 4);
    return vxt_load32(trailer, file->big) == total;
}

static size_t header_of(const vxt_reader *reader)
{
    return reader->format == VXT_FORMAT_PCAPNG ? 8 : reader->pcap.record_len;
}

/* One more link of a chain, of which there is a whole header. */
static bool pass_one(const vxt_reader *reader, vxt_slice *in, chain *c)
{
    if (reader->format == VXT_FORMAT_PCAPNG ? !pass_block(&reader->pcapng, in) : !pass_record(&reader->pcap, in, c))
        return false;
    c->count++;
    return true;
}

static bool is_chain(const vxt_reader *reader, vxt_slice in, bool last)
{
    chain c = {0, 0};

    while (c.count < ENOUGH && vxt_left(in) >= header_of(reader))
        if (!pass_one(reader, &in, &c))
            return false;
    return c.count >= FEWEST || (last && c.count > 0 && vxt_left(in) == 0);
}

size_t vxt_find_record(const vxt_reader *reader, vxt_slice in, uint64_t offset, bool last)
{
    bool blocks = reader->format == VXT_FORMAT_PCAPNG;
    size_t step = blocks ? BLOCK_ALIGN : 1, at = blocks ? (size_t)(-offset % BLOCK_ALIGN) : 0;

    vxt_skip(&in, at);
    while (vxt_left(in) > 0) {
        if (is_chain(reader, in, last))
            return at;
        at += step;
        vxt_skip(&in, step);
    }
    return SIZE_MAX;
}

typedef enum found_mark { UNSEEN, SEEN, MAIN } found_mark;

/* Follow a chain from `at` on, over places that are marked less than `as`. SIZE_MAX: it goes to the end of `in`; 0,
 * which is none: it breaks, or is short; or the place, plus 1, where it comes to one that is marked already. */
static size_t follow(const vxt_reader *reader, vxt_slice in, size_t at, uint8_t *marks, found_mark as)
{
    vxt_slice rest = in;
    chain c = {0, 0};

    vxt_skip(&rest, at);
    while (vxt_left(rest) >= header_of(reader)) {
        size_t place = vxt_behind(rest, in);
        if (marks[place] >= (uint8_t)as)
            return place + 1;
        marks[place] = (uint8_t)as;
        if (!pass_one(reader, &rest, &c))
            return 0;
    }
    return c.count < FEW ? 0 : SIZE_MAX;
}

size_t vxt_find_meeting(const vxt_reader *reader, vxt_slice in, uint64_t offset, size_t until, uint8_t *marks)
{
    size_t step = reader->format == VXT_FORMAT_PCAPNG ? BLOCK_ALIGN : 1, meeting = SIZE_MAX, end;
    vxt_slice rest = in;

    for (size_t at = (size_t)(-offset % step); at < vxt_left(in) && at < until; at += step) {
        vxt_skip(&rest, at - vxt_behind(rest, in));
        if (marks[at] != UNSEEN || !is_chain(reader, rest, false))
            continue;
        end = follow(reader, in, at, marks, SEEN);
        if (end == SIZE_MAX && meeting != SIZE_MAX)
            return SIZE_MAX;
        if (end == SIZE_MAX) {
            follow(reader, in, at, marks, MAIN);
            meeting = at;
        } else if (end > 0 && marks[end - 1] == MAIN && end - 1 > meeting) {
            meeting = end - 1;
        }
    }
    return meeting;
}
