"""tshark as text, read by pandas: what is done where a table is wanted and Wireshark is there."""

import subprocess

import answer
import pandas

# Of each the innermost; both kinds of ports, since a TCP packet has the outer UDP's too.
ENDS = ["tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport"]
FIELDS = ["frame.time_epoch", "vxlan.vni", "ip.src", "ip.dst", "ip.proto", *ENDS]
OPTIONS = ["-n", "-Y", "vxlan", "-T", "fields", "-E", "separator=,", "-E", "header=y", "-E", "occurrence=l"]
FASTER = ["-o", "tcp.analyze_sequence_numbers:FALSE"]


def parquet(path: str, target: str) -> int:
    command = ["tshark", "-r", path, *OPTIONS, *FASTER, *(word for name in FIELDS for word in ("-e", name))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        text = pandas.read_csv(running.stdout)
    if running.returncode:
        raise SystemExit(f"tshark failed: {running.returncode}")
    is_tcp = text["ip.proto"] == 6
    table = pandas.DataFrame(
        {
            "ts": pandas.to_datetime((text["frame.time_epoch"] * 1e6).round().astype("int64"), unit="us", utc=True),
            "vni": text["vxlan.vni"],
            "src": text["ip.src"],
            "dst": text["ip.dst"],
            "proto": text["ip.proto"],
            "sport": text["tcp.srcport"].where(is_tcp, text["udp.srcport"]).astype("int64"),
            "dport": text["tcp.dstport"].where(is_tcp, text["udp.dstport"]).astype("int64"),
        }
    )
    table.to_parquet(target, index=False)
    return len(table)


if __name__ == "__main__":
    answer.main(parquet=parquet, imports=answer.PANDAS)
