"""Every difference between the library and tshark 4.0, with its reason. A test asserts that each one still is there."""

from __future__ import annotations

from typing import NamedTuple


class Difference(NamedTuple):
    """Where the two do not say the same."""

    file: str
    frame: int | None  # None: in all frames of the file that have one
    column: str  # "frame": only one of the two takes the frame for VXLAN
    reason: str


LAB = "PcapFlowLab__"  # the project whose captures these are
NO_FLAG = "tshark takes what stands on the port for VXLAN without asking for the I flag (RFC 7348: it MUST be set)"
CUT_HEADER = "tshark shows what there is of a VXLAN header; vxtap asks for all eight bytes of it"
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
)
