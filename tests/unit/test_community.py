"""Community IDs: the values that the specification publishes, and an independent reading of it."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import struct
from typing import Any

import numpy as np
import pytest

import vxtap
from talks import GRE, ICMP, ICMPV6, SCTP, TCP, UDP, A, B, packet, rows_of

HOST, OTHER, ROUTER = "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", "3ffe:507:0:1:200:86ff:fe05:80da"
MAIL = ("2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a")

# Protocol, ends, ports (of ICMP: type and code) -> the IDs with the seeds 0 and 1. The packets are those of the
# specification's own captures, the values those of its baseline.
PUBLISHED = [
    (ICMPV6, HOST, OTHER, 135, 0, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=", "1:kHa1FhMYIT6Ym2Vm2AOtoOARDzY="),
    (ICMPV6, OTHER, HOST, 136, 0, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=", "1:kHa1FhMYIT6Ym2Vm2AOtoOARDzY="),
    (ICMPV6, OTHER, HOST, 135, 0, "1:zavyT/cezQr1fmImYCwYnMXbgck=", "1:2hSqmsDZ2kdcY9kbiUzOEBic0iM="),
    (ICMPV6, HOST, OTHER, 136, 0, "1:zavyT/cezQr1fmImYCwYnMXbgck=", "1:2hSqmsDZ2kdcY9kbiUzOEBic0iM="),
    (ICMPV6, "3ffe:501:1800:2345::2", ROUTER, 3, 0, "1:2ObVBgIn28oZvibYZhZMBgh7WdQ=", "1:lVEtCZpYu84Xqaa++3lXFyuu2n4="),
    (
        *(ICMPV6, "3ffe:501:410:0:2c0:dfff:fe47:33e", ROUTER, 1, 4),
        *("1:hLZd0XGWojozrvxqE0dWB1iM6R0=", "1:W8MHwXpWzpoSTD+cGcaJr4u0ys8="),
    ),
    (ICMPV6, ROUTER, "3ffe:501:0:1001::2", 128, 0, "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg=", "1:GfZxjAkDk2MkegpBYHV6tadtFXQ="),
    (ICMPV6, "3ffe:501:0:1001::2", ROUTER, 129, 0, "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg=", "1:GfZxjAkDk2MkegpBYHV6tadtFXQ="),
    (ICMPV6, HOST, "ff02::2", 133, 0, "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0=", "1:L7Ka0ZMYu+J3bL4ulW2PrqyXNo8="),
    (ICMPV6, OTHER, "ff02::1", 134, 0, "1:pkvHqCL88/tg1k4cPigmZXUtL00=", "1:K/ee5UCqAMAQXDorP5nSa2CGLjc="),
    (ICMP, "192.168.0.89", "192.168.0.1", 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=", "1:03g6IloqVBdcZlPyX8r0hgoE7kA="),
    (ICMP, "192.168.0.1", "192.168.0.89", 0, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=", "1:03g6IloqVBdcZlPyX8r0hgoE7kA="),
    (ICMP, "10.0.0.1", "10.0.0.2", 11, 0, "1:YHxtAirCG//0OzkcVAukqKQN9xM=", "1:XjUibYHaafLQ3pxQeiMI8g25q20="),
    (TCP, *MAIL, 63943, 25, "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=", "1:eJYTW6AOzFLlSUoESovMjnu7rMw="),
    (TCP, *MAIL[::-1], 25, 63943, "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=", "1:eJYTW6AOzFLlSUoESovMjnu7rMw="),
    (
        TCP,
        "128.232.110.120",
        "66.35.250.204",
        34855,
        80,
        "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
        "1:3V71V58M3Ksw/yuFALMcW0LAHvc=",
    ),
    (
        TCP,
        "66.35.250.204",
        "128.232.110.120",
        80,
        34855,
        "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
        "1:3V71V58M3Ksw/yuFALMcW0LAHvc=",
    ),
    (SCTP, "192.168.170.8", "192.168.170.56", 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=", "1:5w3ZRjeKBzqT3zsaEECDGjUbYeg="),
    (SCTP, "192.168.170.56", "192.168.170.8", 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=", "1:5w3ZRjeKBzqT3zsaEECDGjUbYeg="),
    (UDP, "192.168.1.52", "8.8.8.8", 54585, 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=", "1:Q9We8WO3piVF8yEQBNJF4uiSVrI="),
    (UDP, "8.8.8.8", "192.168.1.52", 53, 54585, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=", "1:Q9We8WO3piVF8yEQBNJF4uiSVrI="),
    (46, "10.1.12.1", "10.1.12.2", 0, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=", "1:rYir8gphR31noO9iDRQmF/BteEI="),
    (46, "10.1.12.2", "10.1.12.1", 0, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=", "1:rYir8gphR31noO9iDRQmF/BteEI="),
]


def published_rows() -> Any:
    return rows_of(
        packet(0, src, dst, proto=proto, sport=sport, dport=dport, flags=0)
        for proto, src, dst, sport, dport, *_ in PUBLISHED
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_published(seed: int) -> None:
    assert vxtap.community_id(published_rows(), seed).tolist() == [row[5 + seed] for row in PUBLISHED]


def test_rows_of_conversations_have_the_ids_of_their_packets() -> None:
    rows = published_rows()
    flows = vxtap.flows(rows)
    assert set(vxtap.community_id(flows)) == {row[5] for row in PUBLISHED}
    assert len(flows) == len({row[5] for row in PUBLISHED})


def test_not_ip() -> None:
    ids = vxtap.community_id(rows_of([packet(0, "", "", proto=0, sport=0, dport=0), packet()]))
    assert ids.dtype == np.dtype("U30")
    assert ids[0] == ""
    assert ids[1].startswith("1:")


def reference(one: dict[str, Any], seed: int) -> str:
    """Of protocols with ports and of those without: the specification in as few words as it has."""
    ends = [(ipaddress.ip_address(one[name]), one[port]) for name, port in (("src", "sport"), ("dst", "dport"))]
    (src, sport), (dst, dport) = sorted(ends, key=lambda end: (end[0].packed, end[1]))
    data = struct.pack(">H", seed) + src.packed + dst.packed + bytes([one["proto"], 0])
    data += struct.pack(">HH", sport, dport) if one["proto"] in (TCP, UDP, SCTP) else b""
    return "1:" + base64.b64encode(hashlib.sha1(data).digest()).decode()


def test_an_independent_reading() -> None:
    chance = np.random.default_rng(1)
    hosts = [*(f"10.{i}.0.{i}" for i in range(9)), *(f"2001:db8::{i:x}" for i in range(9))]
    packets = []
    for _ in range(300):
        family = chance.integers(2) * 9
        src, dst = (hosts[family + chance.integers(9)] for _ in range(2))
        proto = int(chance.choice([TCP, UDP, SCTP, GRE]))
        ports = [int(chance.integers(65536)) if proto != GRE else 0 for _ in range(2)]
        packets.append(packet(0, src, dst, proto=proto, sport=ports[0], dport=ports[1], flags=0))
    found = vxtap.community_id(rows_of(packets), 65535).tolist()
    assert found == [reference(one, 65535) for one in packets]


def test_shapes_and_columns() -> None:
    rows = rows_of([packet(), packet(0, B, A, sport=80, dport=1000)] * 3)
    ids = vxtap.community_id(rows.reshape(2, 3))
    assert ids.shape == (2, 3)
    assert len(set(ids.ravel())) == 1
    few = rows[["src", "dst", "proto", "sport", "dport"]]
    assert (vxtap.community_id(few) == ids.ravel()).all()
    assert vxtap.community_id(rows[:0]).shape == (0,)
    assert vxtap.community_id(rows[0]).shape == ()


@pytest.mark.parametrize("seed", [-1, 65536, "0", 1.5, None])
def test_bad_seeds(seed: Any) -> None:
    with pytest.raises(vxtap.OptionError, match=r"seed: expected a number within 0 to 65535"):
        vxtap.community_id(rows_of([packet()]), seed)


@pytest.mark.parametrize("what", [np.zeros(3), rows_of([packet()])[["src", "dst", "proto", "sport"]], "x", None])
def test_what_is_no_packets(what: Any) -> None:
    with pytest.raises(vxtap.OptionError, match=r"community_id: expected rows with the columns .*; \w+ is missing"):
        vxtap.community_id(what)
