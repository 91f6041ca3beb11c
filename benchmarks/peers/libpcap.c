/*
 * By hand in C, on libpcap: what somebody with an afternoon would write.
 *
 *     libpcap fields IN [ROWS]     the fields of every packet, in memory; written to ROWS as traffic.FIELDS if named
 *     libpcap inner IN OUT         a capture of the inner frames
 *
 * IPv4 without fragments outside; Ethernet or Linux cooked v2. Prints how many packets there were, and the seconds.
 */
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PORT = 4789, SLL2 = 276, SLL2_SIZE = 20, ETHERNET_SIZE = 14 };

struct __attribute__((packed)) row {
    uint64_t ts;
    uint32_t vni, src, dst;
    uint8_t proto;
    uint16_t sport, dport;
};

struct job {
    size_t link;         /* bytes of the outer link layer */
    pcap_dumper_t *dump; /* or NULL */
    struct row *rows;
    size_t count, room;
};

static uint16_t be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)be16(p) << 16 | be16(p + 2);
}

/* The VXLAN header, or NULL. */
static const uint8_t *tunnel(const struct job *job, const uint8_t *p, size_t size)
{
    size_t ip = job->link;
    if (size < ip + 20 || be16(p + (ip == SLL2_SIZE ? 0 : 12)) != 0x0800 || p[ip] >> 4 != 4 || p[ip + 9] != 17)
        return NULL;
    size_t udp = ip + 4 * (size_t)(p[ip] & 15);
    if (size < udp + 16 || be16(p + udp + 2) != PORT || !(p[udp + 8] & 8))
        return NULL;
    return p + udp + 8;
}

static void keep(struct job *job, const struct pcap_pkthdr *head, const uint8_t *vxlan, const uint8_t *end)
{
    if (job->count == job->room) {
        job->room = job->room ? 2 * job->room : 4096;
        job->rows = realloc(job->rows, job->room * sizeof *job->rows);
        if (job->rows == NULL)
            exit(1);
    }
    struct row *row = &job->rows[job->count];
    const uint8_t *ip = vxlan + 8 + ETHERNET_SIZE;
    memset(row, 0, sizeof *row);
    row->ts = (uint64_t)head->ts.tv_sec * 1000000 + (uint64_t)head->ts.tv_usec;
    row->vni = be32(vxlan + 4) >> 8;
    if (end - ip >= 20 && be16(ip - 2) == 0x0800) {
        const uint8_t *above = ip + 4 * (ip[0] & 15);
        row->src = be32(ip + 12);
        row->dst = be32(ip + 16);
        row->proto = ip[9];
        if ((row->proto == 6 || row->proto == 17) && end - above >= 4) {
            row->sport = be16(above);
            row->dport = be16(above + 2);
        }
    }
    job->count++;
}

static void take(u_char *user, const struct pcap_pkthdr *head, const u_char *p)
{
    struct job *job = (struct job *)(void *)user;
    const uint8_t *vxlan = tunnel(job, p, head->caplen);
    if (vxlan == NULL)
        return;
    if (job->dump == NULL) {
        keep(job, head, vxlan, p + head->caplen);
        return;
    }
    uint32_t outer = (uint32_t)(vxlan + 8 - p);
    struct pcap_pkthdr inner = {.ts = head->ts, .caplen = head->caplen - outer, .len = head->len - outer};
    pcap_dump((u_char *)job->dump, &inner, vxlan + 8);
    job->count++;
}

static double now(void)
{
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    char error[PCAP_ERRBUF_SIZE];
    struct job job = {0};
    int inner = argc == 4 && strcmp(argv[1], "inner") == 0;
    if (argc < 3 || argc > 4 || (!inner && strcmp(argv[1], "fields") != 0)) {
        fprintf(stderr, "usage: libpcap fields IN [ROWS] | inner IN OUT\n");
        return 2;
    }
    double start = now();
    pcap_t *in = pcap_open_offline(argv[2], error);
    if (in == NULL) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    job.link = pcap_datalink(in) == SLL2 ? SLL2_SIZE : ETHERNET_SIZE;
    if (inner && (job.dump = pcap_dump_open(pcap_open_dead(DLT_EN10MB, 262144), argv[3])) == NULL)
        return 1;
    if (pcap_loop(in, -1, take, (u_char *)&job) < 0)
        return 1;
    if (job.dump != NULL)
        pcap_dump_close(job.dump);
    double seconds = now() - start;

    if (!inner && argc == 4) {
        FILE *rows = fopen(argv[3], "wb");
        if (rows == NULL || fwrite(job.rows, sizeof *job.rows, job.count, rows) != job.count || fclose(rows) != 0)
            return 1;
    }
    printf("packets %zu seconds %.6f\n", job.count, seconds);
    return 0;
}
