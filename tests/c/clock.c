/* Reads lines of 'if_tsresol if_tsoffset ticks', and writes the nanoseconds of each, or NaT. */
#include <inttypes.h>
#include <stdio.h>

#include "vxt_interface.h"

int main(void)
{
    unsigned resolution;
    int64_t offset, ns;
    uint64_t ticks;

    while (scanf("%u %" SCNd64 " %" SCNu64, &resolution, &offset, &ticks) == 3) {
        vxt_interface it = {0};
        vxt_interface_clock(&it, (uint8_t)resolution, offset);
        ns = vxt_interface_time(&it, ticks);
        if (ns == VXT_NAT)
            puts("NaT");
        else
            printf("%" PRId64 " %d\n", ns, vxt_interface_is_fine(&it));
    }
    return 0;
}
