/* replay.c: runs a target over files, once each, without libFuzzer. */
#include "harness.h"

static void replay(const char *name)
{
    FILE *file = fopen(name, "rb");
    fuzz_bytes bytes = {0};
    uint8_t block[4096], *data;
    size_t n;

    if (!file) {
        perror(name);
        exit(2);
    }
    fprintf(stderr, "%s\n", name);
    while ((n = fread(block, 1, sizeof block, file)) > 0)
        fuzz_append(&bytes, block, n);
    fclose(file);
    data = fuzz_move(bytes.p, bytes.size, bytes.size);
    LLVMFuzzerTestOneInput(data, bytes.size);
    free(data);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    return 0;
}
