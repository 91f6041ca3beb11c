/*
 * The floor of writing: a copy of the size of the output.
 *
 *     copy FILE OUT BYTES
 *
 * Copies the first BYTES bytes of a file through one buffer of 256 KiB, and prints how many, and the seconds: opening
 * both files is in them, starting the process is not.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <unistd.h>

#include "floor.h"

enum { BLOCK = 256 * 1024 };

static void write_all(int file, const uint8_t *p, size_t size)
{
    while (size > 0) {
        ssize_t put = write(file, p, size);
        if (put < 0)
            fail("copy: write");
        p += put;
        size -= (size_t)put;
    }
}

int main(int argc, char **argv)
{
    static uint8_t buffer[BLOCK];
    if (argc != 4) {
        fprintf(stderr, "usage: copy FILE OUT BYTES\n");
        return 2;
    }
    uint64_t left = strtoull(argv[3], NULL, 10), copied = 0;

    double start = now();
    int in = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (in < 0)
        fail(argv[1]);
    int out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (out < 0)
        fail(argv[2]);
    while (left > 0) {
        ssize_t got = read(in, buffer, left < BLOCK ? (size_t)left : BLOCK);
        if (got < 0)
            fail("copy: read");
        if (got == 0)
            break;
        write_all(out, buffer, (size_t)got);
        copied += (uint64_t)got;
        left -= (uint64_t)got;
    }
    if (close(out) < 0)
        fail(argv[2]);
    double seconds = now() - start;

    printf("bytes %" PRIu64 " seconds %.6f\n", copied, seconds);
    return left > 0;
}
