/*
 * The floor: what any reader of a capture has to do.
 *
 *     walk FILE [STORE_BYTES] [--map]
 *
 * Walks the record headers of a classic pcap (little-endian) and, with STORE_BYTES, stores that many bytes
 * for each packet in fresh memory: the record's first bytes, zeros behind a shorter record. The file is read
 * in blocks of 256 KiB into one reused buffer, or mapped. Prints packets, captured bytes, a checksum and the
 * seconds the walk took: opening the file and getting the memory are in them, starting the process and
 * checking the rows are not.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "floor.h"

enum { BLOCK = 256 * 1024, FILE_HEADER = 24, RECORD = 16 };

struct walk {
    uint8_t *rows, *row_end; /* fresh memory, or NULL; row_end is where the next row goes */
    size_t store;
    uint64_t packets, bytes, checksum;
};

static uint32_t le32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store_row(struct walk *w, const uint8_t *record, size_t size)
{
    if (size >= w->store) {
        memcpy(w->row_end, record, w->store);
    } else {
        memcpy(w->row_end, record, size);
        memset(w->row_end + size, 0, w->store - size);
    }
    w->row_end += w->store;
}

/* Walks the whole records in [p, end) and returns where the first that is not whole starts. */
static const uint8_t *walk_records(struct walk *w, const uint8_t *p, const uint8_t *end)
{
    while ((size_t)(end - p) >= RECORD) {
        size_t caplen = le32(p + 8);
        if (caplen > (size_t)(end - p) - RECORD)
            break;
        if (w->store)
            store_row(w, p, RECORD + caplen);
        w->packets++;
        w->bytes += caplen;
        w->checksum = w->checksum * 31 + (caplen ^ le32(p + 4));
        p += RECORD + caplen;
    }
    return p;
}

static void check_header(const uint8_t *p, size_t size)
{
    uint32_t magic = size < FILE_HEADER ? 0 : le32(p);
    if (magic != 0xa1b2c3d4 && magic != 0xa1b23c4d) {
        fprintf(stderr, "walk: not a little-endian classic pcap\n");
        exit(1);
    }
}

static size_t read_block(int file, uint8_t *to)
{
    size_t have = 0;
    while (have < BLOCK) {
        ssize_t got = read(file, to + have, BLOCK - have);
        if (got < 0)
            fail("walk: read");
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return have;
}

/* Every block is read to the same place, the second half of the buffer; what is left of the block before it
 * is moved to just below. Returns the bytes behind the last whole record. */
static size_t walk_blocks(struct walk *w, int file)
{
    static uint8_t buffer[2 * BLOCK];
    uint8_t *const middle = buffer + BLOCK;
    size_t left = 0, got = read_block(file, middle);
    const uint8_t *p = middle + FILE_HEADER;

    check_header(middle, got);
    while (got > 0) {
        const uint8_t *end = middle + got;
        p = walk_records(w, p, end);
        left = (size_t)(end - p);
        if (left > BLOCK)
            break; /* a record larger than the buffer */
        memmove(middle - left, p, left);
        p = middle - left;
        got = read_block(file, middle);
    }
    return left;
}

static size_t walk_map(struct walk *w, int file, size_t size)
{
    uint8_t *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
    if (map == MAP_FAILED)
        fail("walk: mmap");
    check_header(map, size);
    return (size_t)(map + size - walk_records(w, map + FILE_HEADER, map + size));
}

/* Room for as many rows as the file can hold records; what is not touched costs nothing. */
static void take_rows(struct walk *w, size_t file_size)
{
    size_t most = (file_size / RECORD + 1) * w->store;
    w->rows = mmap(NULL, most, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (w->rows == MAP_FAILED)
        fail("walk: memory for the rows");
    madvise(w->rows, most, MADV_HUGEPAGE); /* a wish: its failure only costs time */
    w->row_end = w->rows;
}

int main(int argc, char **argv)
{
    struct walk w = {0};
    bool map = argc > 2 && strcmp(argv[argc - 1], "--map") == 0;
    if (argc < 2 || argc - map > 3) {
        fprintf(stderr, "usage: walk FILE [STORE_BYTES] [--map]\n");
        return 2;
    }
    w.store = argc - map > 2 ? strtoul(argv[2], NULL, 10) : 0;

    double start = now();
    struct stat info;
    int file = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &info) < 0)
        fail(argv[1]);
    if (w.store)
        take_rows(&w, (size_t)info.st_size);
    size_t left = map ? walk_map(&w, file, (size_t)info.st_size) : walk_blocks(&w, file);
    double seconds = now() - start;

    for (const uint8_t *row = w.rows; row < w.row_end; row += w.store)
        w.checksum = w.checksum * 31 + row[0] + row[w.store - 1]; /* so that the stores are needed */
    printf("packets %" PRIu64 " bytes %" PRIu64 " checksum %016" PRIx64 " seconds %.6f\n", w.packets, w.bytes,
           w.checksum, seconds);
    if (left > 0)
        fprintf(stderr, "walk: %zu bytes behind the last whole record\n", left);
    return left > 0;
}
