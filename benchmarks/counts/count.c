/* One job of the core over one capture in memory, for counting its instructions:
 *
 *     count rows|columns|pcap|pcapng FILE
 *
 * As the library asks for it: whole records, four columns, or the inner capture, second sights looked for. All of the
 * work is in `job`, and nothing else is. Prints the frames and what came of them. */
#include "harness.h"

enum { BLOCK = 256 << 10, ROOM = 1 << 20, FRAGMENT_SLOTS = 16384 };

static const char *const FOUR[] = {"ts", "vni", "src", "dst"};

typedef struct output {
    fuzz_bytes bytes;
    size_t made; /* rows, or bytes */
} output;

static fuzz_bytes read_all(const char *path)
{
    FILE *file = fopen(path, "rb");
    fuzz_bytes all = {0};
    static uint8_t block[BLOCK];
    size_t got;

    if (!file) {
        perror(path);
        exit(1);
    }
    while ((got = fread(block, 1, sizeof block, file)) > 0)
        fuzz_append(&all, block, got);
    fclose(file);
    return all;
}

static void add_column(vxt_scan *scan, vxt_pass *pass, const char *name)
{
    for (const vxt_field *field = vxt_fields; field->name; field++) {
        if (strcmp(field->name, name) != 0)
            continue;
        scan->columns[scan->column_count++] = (vxt_column){field->offset, field->size, (uint16_t)scan->row_size};
        scan->row_size += field->size;
        if (pass->options.level < field->level)
            pass->options.level = field->level;
        return;
    }
    REQUIRE(!"a column of this name");
}

__attribute__((noinline)) static void job(vxt_scan *scan, vxt_rewrite *rewrite, vxt_slice in, output *out)
{
    vxt_pass *pass = scan ? &scan->pass : &rewrite->pass;
    vxt_slice rest = in;
    vxt_status status = VXT_OK;

    while (status != VXT_MORE_INPUT) {
        vxt_progress progress = {0};
        if (scan)
            status = vxt_scan_run(scan, rest.p, vxt_left(rest), out->bytes.p, out->bytes.room, &progress.used, &out->made);
        else
            status = vxt_rewrite_run(rewrite, rest.p, vxt_left(rest), out->bytes.p + out->made,
                                     out->bytes.room - out->made, false, &progress);
        vxt_skip(&rest, progress.used);
        out->made += progress.made;
        REQUIRE(status == VXT_MORE_INPUT || fuzz_grow(pass, status, in));
    }
    REQUIRE(vxt_left(rest) == 0);
}

static const fuzz_setup *setup_of(bool rewriting)
{
    static fuzz_setup setup = {.seed = 1, .timeout = 30000000000, .most = FRAGMENT_SLOTS};

    setup.options.ports[0] = (vxt_port){4789, VXT_TUNNEL_VXLAN};
    setup.options.port_count = 1;
    setup.options.depth = 1;
    setup.options.once = true;
    setup.census = rewriting;
    return &setup;
}

int main(int argc, char **argv)
{
    static vxt_scan scan;
    static vxt_rewrite rewrite;
    const char *name = argc == 3 ? argv[1] : "";
    bool rows = strcmp(name, "rows") == 0, columns = strcmp(name, "columns") == 0, scans = rows || columns;
    vxt_pass *pass = scans ? &scan.pass : &rewrite.pass;
    fuzz_bytes in;
    output out = {0};

    if (!scans && strcmp(name, "pcap") != 0 && strcmp(name, "pcapng") != 0) {
        fprintf(stderr, "usage: count rows|columns|pcap|pcapng FILE\n");
        return 2;
    }
    in = read_all(argv[2]);
    fuzz_pass_begin(pass, setup_of(!scans));
    pass->memory.sights.can_recall = true;
    if (rows)
        scan.row_size = sizeof(vxt_packet);
    if (rows)
        pass->options.level = VXT_LEVEL_FLOW;
    for (size_t i = 0; columns && i < sizeof FOUR / sizeof *FOUR; i++)
        add_column(&scan, pass, FOUR[i]);
    rewrite.output.pcapng = strcmp(name, "pcapng") == 0;
    rewrite.output.tunnels = scans ? NULL : &pass->census->tunnels;
    out.bytes.room = 2 * in.size + ROOM;
    out.bytes.p = fuzz_allocate(out.bytes.room);
    job(scans ? &scan : NULL, scans ? NULL : &rewrite, vxt_slice_of(in.p, in.size), &out);
    fuzz_check_books(pass);
    printf("frames %llu made %zu\n", (unsigned long long)pass->reader.frames, out.made);
    free(out.bytes.p);
    free(in.p);
    fuzz_pass_end(pass);
    return 0;
}
