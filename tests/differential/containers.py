"""Files that are hard to read: every difference from tshark 4.0 over their framing, and every file that is refused.

Tests assert that each entry still holds and that there are no others; docs/robustness.md shows them.
"""

from __future__ import annotations

from typing import NamedTuple


class Difference(NamedTuple):
    """Where the two do not say the same of a file."""

    file: str
    frames: str  # "3" or "60-159"; empty where it is about the file
    column: str
    reason: str


class Refusal(NamedTuple):
    """A file that cannot be read on from some byte."""

    file: str
    status: str
    offset: int
    frames: int  # that come before


FUZZ = "PcapPlusPlus__clusterfuzz-testcase-FuzzTarget-"
SMALL = "PcapPlusPlus__clusterfuzz-testcase-minimized-FuzzTarget-"
CAST = "PcapPlusPlus__crash-exception-cast-constructed-record.pcap"
BLOCKS = "pcapng-test-generator__output_"

WRAPPED = (
    "more than a second of microseconds: tshark multiplies them by 1,000 in signed 32 bits, which overflow;"
    " vxtap carries them into the seconds"
)
SIGNED = "2^31 nanoseconds, which tshark takes for a negative number; vxtap carries them into the seconds"
FAR = "after 2262, which 64 bits of nanoseconds do not reach: vxtap gives no time (NaT, `NO_TIME`)"
CAPPED = "a length on the wire of more than 2^31 - 1, where tshark stops counting; vxtap gives what the file says"
BELOW = "a length on the wire below the captured one: vxtap raises it, since what was captured was on the wire"
PSEUDO = "SunATM: tshark takes its four-byte header off both lengths; vxtap does not read this link type"
GUESS = (
    "an odd record makes tshark guess at a variant of Red Hat 6.1, whose record headers are longer;"
    " vxtap goes by the magic number alone"
)
RESERVED = (
    "reserved bits are set beside the link type: tshark refuses the file; in vxtap they are part of the number of a"
    " link type that it does not know, and it counts the frames (`link_type`)"
)
MINOR = (
    "pcapng 1.1, which nobody has defined: tshark refuses it; vxtap reads the blocks that it knows, since only another"
    " major version changes what is there"
)
CUSTOM = "tshark shows custom blocks as frames, and numbers them; vxtap skips them"
BEYOND = (
    "a packet block that claims more data than it holds: tshark stops; vxtap counts the frame (`malformed`) and reads"
    " on behind the block, whose own length is sound"
)
ODD = "a block length that is no multiple of four, as the format demands: tshark rounds it up; vxtap refuses it"

DIFFERENCES = (
    Difference(f"{FUZZ}5188876846235648.pcap", "1", "time", WRAPPED),
    Difference(f"{FUZZ}5781142119907328.pcap", "1", "time", WRAPPED),
    Difference(f"{SMALL}4981601846820864.pcap", "1", "time", WRAPPED),
    Difference(f"{SMALL}5114733584449536.pcap", "1", "time", WRAPPED),
    Difference(f"{SMALL}5165927376355328.pcap", "1", "time", WRAPPED),
    Difference(f"{SMALL}5165927376355328.pcap", "1", "wire", CAPPED),
    Difference(f"{SMALL}5204104585674752.pcap", "1", "time", WRAPPED),
    Difference(f"{SMALL}5204104585674752.pcap", "1", "wire", CAPPED),
    Difference(f"{SMALL}5631583764873216.pcap", "", "end", RESERVED),
    Difference(f"{SMALL}5631583764873216.pcap", "1", "frame", RESERVED),
    Difference(f"{SMALL}5654053026791424.pcap", "1", "time", WRAPPED),
    Difference(f"{SMALL}5669109772845056.pcap", "1", "time", WRAPPED),
    Difference(f"{SMALL}5696447256461312.pcap", "2", "time", WRAPPED),
    Difference(f"{SMALL}5723611632762880.pcap", "1", "time", WRAPPED),
    Difference(f"{SMALL}5723611632762880.pcap", "1", "wire", CAPPED),
    Difference(f"{SMALL}5752969003008000.pcap", "", "end", RESERVED),
    Difference(f"{SMALL}5752969003008000.pcap", "1", "frame", RESERVED),
    Difference(f"{SMALL}5766899836387328.pcap", "", "format", GUESS),
    Difference(f"{SMALL}5766899836387328.pcap", "", "end", GUESS),
    Difference(f"{SMALL}5766899836387328.pcap", "1", "frame", GUESS),
    Difference(f"{SMALL}5766939894087680.pcap", "1", "time", WRAPPED),
    Difference(f"{SMALL}6303070823907328.pcap", "1", "time", WRAPPED),
    Difference(f"{SMALL}6604968558198784.pcap", "1", "time", WRAPPED),
    Difference(f"{SMALL}6604968558198784.pcap", "1", "wire", CAPPED),
    Difference("PcapPlusPlus__crash-eec28dafde1f1ac2299674a75a914ae16d4046fa.pcap", "1", "time", WRAPPED),
    Difference(CAST, "", "format", GUESS),
    Difference(CAST, "", "end", GUESS),
    Difference(CAST, "2", "frame", GUESS),
    Difference("PcapPlusPlus__crash-pcapng-epb-unbounded-length.pcapng", "", "end", BEYOND),
    Difference("PcapPlusPlus__crash-pcapng-epb-unbounded-length.pcapng", "1", "frame", BEYOND),
    Difference("libpcap__pcapng-invalid-vers-2.pcapng", "", "end", MINOR),
    Difference("libpcap__pcapng-invalid-vers-2.pcapng", "1", "frame", MINOR),
    Difference("tcpdump__timestamp_invalid_micro.pcap", "3", "time", WRAPPED),
    Difference("LightPcapNg__packets.merged.pcapng", "494-497", "time", FAR),
    Difference("PcapPlusPlus__pcapng-example.pcapng", "60-159", "time", FAR),
    Difference("brimcap__bad-caplen.pcap", "1", "wire", BELOW),
    Difference(f"{BLOCKS}be_advanced_test102.pcapng", "", "blocks", CUSTOM),
    Difference(f"{BLOCKS}be_basic_test017.pcapng", "", "blocks", CUSTOM),
    Difference(f"{BLOCKS}be_basic_test018.pcapng", "", "blocks", CUSTOM),
    Difference(f"{BLOCKS}le_basic_test017.pcapng", "", "blocks", CUSTOM),
    Difference(f"{BLOCKS}le_basic_test018.pcapng", "", "blocks", CUSTOM),
    Difference(f"{BLOCKS}le_difficult_test202.pcapng", "", "blocks", CUSTOM),
    Difference("python-pcapng__test006.ntar", "", "end", ODD),
    Difference("python-pcapng__test006.ntar", "1", "frame", ODD),
    Difference("tcpdump__atm-oam-loopback-print-overrun.pcap", "1", "time", WRAPPED),
    Difference("tcpdump__atm-oam-loopback-print-overrun.pcap", "1", "captured", PSEUDO),
    Difference("tcpdump__atm-oam-loopback-print-overrun.pcap", "1", "wire", PSEUDO),
    Difference("tcpdump__timestamp_invalid_nano.pcap", "3", "time", SIGNED),
)

REFUSALS = (
    Refusal(f"{FUZZ}5188876846235648.pcap", "BAD_RECORD", 1064, 1),
    Refusal(f"{FUZZ}5781142119907328.pcap", "BAD_RECORD", 224, 1),
    Refusal(f"{SMALL}5165538295939072.pcap", "BAD_RECORD", 30760, 1),
    Refusal(f"{SMALL}5204104585674752.pcap", "BAD_RECORD", 84, 1),
    Refusal(f"{SMALL}5723611632762880.pcap", "BAD_RECORD", 295, 1),
    Refusal("PcapPlusPlus__crash-eec28dafde1f1ac2299674a75a914ae16d4046fa.pcap", "BAD_RECORD", 111, 1),
    Refusal(CAST, "BAD_RECORD", 574, 2),
    Refusal("PcapPlusPlus__radiuslayer.pcap", "BAD_RECORD", 440, 5),
    Refusal("libpcap__pcapng-invalid-vers-1.pcapng", "BAD_VERSION", 0, 0),
    Refusal("libpcap__shb-option-too-long.pcapng", "BAD_BLOCK", 0, 0),
    Refusal("gopacket__be__test901.pcapng", "BAD_VERSION", 480, 1),
    Refusal("python-pcapng__test006.ntar", "BAD_BLOCK", 96, 0),
    Refusal("python-pcapng__test007.ntar", "BAD_BLOCK", 96, 0),
    Refusal("suricata-verify__10.7.29.101_49898-178.63.41.150_25.pcap", "BAD_RECORD", 3695, 18),
    Refusal("suricata-verify__tls_DER-incomplete-content.pcap", "BAD_RECORD", 5035, 6),
)
