"""Every difference between the library and tshark 4.0, with its reason. A test asserts that each one still is there."""

from __future__ import annotations

from typing import NamedTuple


class Difference(NamedTuple):
    """Where the two do not say the same."""

    file: str
    frame: int | None  # None: in all frames of the file that have one
    column: str  # "frame": only one of the two takes the frame for VXLAN
    reason: str
    others: bool = False  # in the comparison of tunnels other than VXLAN, whatever the depth


LAB = "PcapFlowLab__"  # the project whose captures these are
NO_FLAG = "tshark takes what stands on the port for VXLAN without asking for the I flag (RFC 7348: it MUST be set)"
CUT_HEADER = "tshark shows what there is of a VXLAN header; vxtap asks for all eight bytes of it"
CUT_GENEVE = "tshark shows what there is of a Geneve header; vxtap asks for all of it, options too"
FROM_PORT = (
    "tshark takes what comes from port 6081 for Geneve; RFC 8926 defines the destination port, and so does vxtap"
)
CARRIES = "neither Ethernet nor IP inside: tshark shows the tunnel, vxtap counts it as `inner_type`"
INNER_PIECES = (
    "fragments of the inner packet: tshark puts them together too, and shows the ICMP header with the last;"
    " vxtap joins fragments of the outer packet only, and shows it where it is, in the first"
)
CUT_IP = "a cut inner IPv4 header: tshark shows its fields one by one, vxtap none before all 20 bytes are there"
CUT_ETHERNET = "the inner Ethernet header is cut after the destination, which only vxtap gives"
WHOLE = "a UDP length beyond the IP length: here it is taken as it stands, in vxtap the IP packet is the end"
BIG_TCP = "IP and UDP length 0 mean 'to the end of the frame'; tshark 4.0 takes the UDP header for malformed"

DIFFERENCES = (
    Difference(f"{LAB}04_sll_vlan_ipv4_udp_unsupported.pcap", 1, "frame", NO_FLAG),
    Difference(f"{LAB}05_vxlan_truncated_header.pcap", 1, "frame", CUT_HEADER),
    Difference(f"{LAB}06_vxlan_invalid_flags_or_reserved_bits.pcap", 1, "frame", NO_FLAG),
    Difference(f"{LAB}08_vxlan_truncated_inner_ipv4.pcap", 1, "proto", CUT_IP),
    Difference(f"{LAB}08_vxlan_truncated_inner_ipv4.pcap", 1, "ttl", CUT_IP),
    Difference(f"{LAB}08_vxlan_truncated_inner_ipv4.pcap", 1, "ip_id", CUT_IP),
    Difference(f"{LAB}25_vxlan_outer_ipv6_fragmentation.pcap", 3, "wirelen", WHOLE),
    Difference(f"{LAB}29_vxlan_capture_truncation_matrix.pcap", 2, "frame", CUT_HEADER),
    Difference(f"{LAB}29_vxlan_capture_truncation_matrix.pcap", 3, "eth_dst", CUT_ETHERNET),
    Difference(f"{LAB}29_vxlan_capture_truncation_matrix.pcap", 4, "ip_id", CUT_IP),
    Difference("tcpdump__bigtcp-ipv4-vxlan-ipv4.pcap", 1, "frame", BIG_TCP),
    Difference("tcpdump__bigtcp-ipv6-vxlan-ipv6.pcap", 1, "frame", BIG_TCP),
    Difference("03-lb-mixed-nva2.pcap", 14, "sport", INNER_PIECES),
    Difference("03-lb-mixed-nva2.pcap", 16, "sport", INNER_PIECES),
    Difference(f"{LAB}05_geneve_truncated_base_header.pcap", 1, "frame", CUT_GENEVE, others=True),
    Difference(f"{LAB}07_geneve_options_length_truncated.pcap", 1, "frame", CUT_GENEVE, others=True),
    Difference(f"{LAB}08_geneve_truncated_inner_ethernet.pcap", 1, "eth_dst", CUT_ETHERNET, others=True),
    *(
        Difference(f"{LAB}09_geneve_truncated_inner_ipv4.pcap", 1, column, CUT_IP, others=True)
        for column in ("proto", "ttl", "ip_id")
    ),
    Difference(f"{LAB}18_geneve_udp_port_direction_matrix.pcap", 2, "frame", FROM_PORT, others=True),
    *(
        Difference(f"{LAB}23_geneve_outer_ipv4_fragmentation.pcap", 2, column, CUT_IP, others=True)
        for column in ("src", "proto", "ttl")
    ),
    Difference(f"{LAB}29_geneve_capture_truncation_matrix.pcap", 1, "frame", CUT_GENEVE, others=True),
    Difference(f"{LAB}29_geneve_capture_truncation_matrix.pcap", 2, "frame", CUT_GENEVE, others=True),
    Difference(f"{LAB}29_geneve_capture_truncation_matrix.pcap", 3, "eth_dst", CUT_ETHERNET, others=True),
    *(
        Difference(f"{LAB}29_geneve_capture_truncation_matrix.pcap", 4, column, CUT_IP, others=True)
        for column in ("proto", "ttl")
    ),
    Difference("zeek__geneve-arp.pcap", 1, "frame", CARRIES, others=True),
    Difference("zeek__gre-aruba-ccmp.pcap", None, "frame", CARRIES, others=True),
    Difference("zeek__gre-aruba.pcap", None, "frame", CARRIES, others=True),
)
