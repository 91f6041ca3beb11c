// With libtins, which knows no VXLAN: its Ethernet is started again behind the eight bytes.
//
//     libtins fields IN [ROWS]     the fields of every packet, in memory; written to ROWS as traffic.FIELDS if named
//     libtins inner IN OUT         a capture of the inner frames
//
// Prints how many packets there were, and the seconds.
#include <tins/tins.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

using namespace Tins;

namespace {

constexpr uint16_t port = 4789;
constexpr size_t vxlan_size = 8;

struct __attribute__((packed)) Row {
    uint64_t ts;
    uint32_t vni, src, dst;
    uint8_t proto;
    uint16_t sport, dport;
};

// The VXLAN header and the inner frame, or nullptr.
const RawPDU::payload_type *tunnel(const PDU &pdu)
{
    const UDP *udp = pdu.find_pdu<UDP>();
    if (udp == nullptr || udp->dport() != port)
        return nullptr;
    const RawPDU *raw = udp->find_pdu<RawPDU>();
    return raw != nullptr && raw->payload_size() > vxlan_size && raw->payload()[0] & 8 ? &raw->payload() : nullptr;
}

Row row_of(const Timestamp &time, const RawPDU::payload_type &data)
{
    Row row{};
    row.ts = static_cast<uint64_t>(time.seconds()) * 1000000 + static_cast<uint64_t>(time.microseconds());
    row.vni = static_cast<uint32_t>(data[4] << 16 | data[5] << 8 | data[6]);
    EthernetII frame(&data[vxlan_size], static_cast<uint32_t>(data.size() - vxlan_size));
    if (const IP *ip = frame.find_pdu<IP>()) {
        row.src = Endian::be_to_host(static_cast<uint32_t>(ip->src_addr()));
        row.dst = Endian::be_to_host(static_cast<uint32_t>(ip->dst_addr()));
        row.proto = ip->protocol();
        if (const TCP *tcp = ip->find_pdu<TCP>())
            row.sport = tcp->sport(), row.dport = tcp->dport();
        else if (const UDP *udp = ip->find_pdu<UDP>())
            row.sport = udp->sport(), row.dport = udp->dport();
    }
    return row;
}

double now()
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

} // namespace

int main(int argc, char **argv)
{
    bool inner = argc == 4 && std::strcmp(argv[1], "inner") == 0;
    if (argc < 3) {
        std::fprintf(stderr, "usage: libtins fields IN [ROWS] | inner IN OUT\n");
        return 2;
    }
    double start = now();
    size_t count = 0;
    std::vector<Row> rows;
    {
        FileSniffer capture(argv[2]);
        std::unique_ptr<PacketWriter> out;
        if (inner)
            out = std::make_unique<PacketWriter>(argv[3], DataLinkType<EthernetII>());
        while (Packet packet = capture.next_packet()) {
            const RawPDU::payload_type *data = tunnel(*packet.pdu());
            if (data == nullptr)
                continue;
            count++;
            if (inner) {
                RawPDU frame(&(*data)[vxlan_size], static_cast<uint32_t>(data->size() - vxlan_size));
                Packet whole(&frame, packet.timestamp());
                out->write(whole);
            } else {
                rows.push_back(row_of(packet.timestamp(), *data));
            }
        }
    }
    double seconds = now() - start;

    if (!inner && argc == 4) {
        std::FILE *file = std::fopen(argv[3], "wb");
        if (file == nullptr || std::fwrite(rows.data(), sizeof(Row), rows.size(), file) != rows.size())
            return 1;
        std::fclose(file);
    }
    std::printf("packets %zu seconds %.6f\n", count, seconds);
    return 0;
}
