"""Addresses as text and back, against Python's own ipaddress module."""

from __future__ import annotations

import ipaddress
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import vxtap

Array = np.ndarray[Any, np.dtype[Any]]

V4 = [ipaddress.IPv4Address(text) for text in ("0.0.0.0", "1.2.3.4", "10.90.0.36", "255.255.255.255", "192.0.2.100")]
# RFC 5952 4.2 and 5: what is shortened, and what is not.
RFC5952 = [
    "::",
    "::1",
    "1::",
    "2001:db8::1",
    "2001:db8::1:0:0:1",
    "2001:db8:0:1:1:1:1:1",
    "2001:0:0:1::1",
    "fe80::abcd:ef01",
    "0:0:1::",
    "64:ff9b::c000:221",
    "::fffe:0:1",
    "::102:304",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
]
addresses = st.ip_addresses()
# Texts that are nearly addresses, which find more than any text does.
nearly = st.one_of(
    st.text(max_size=20),
    st.text("0123456789abcdefABCDEFg:.%/ ", max_size=48),
    st.lists(st.sampled_from(["", "0", "1", "00", "ffff", "abcde", ":", "1.2.3.4", "1.2.3", "::"]), max_size=10).map(
        ":".join
    ),
    st.lists(st.sampled_from(["", "0", "1", "01", "255", "256", "0x1", " 1", "1\0", "٣"]), max_size=6).map(".".join),
    addresses.map(str),
    addresses.map(lambda address: address.exploded.upper()),
    st.tuples(addresses.map(str), st.text(max_size=2)).map("".join),
)


def packed(address: ipaddress.IPv4Address | ipaddress.IPv6Address | str) -> bytes:
    """What a column holds of it."""
    address = ipaddress.ip_address(address)
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed


def column(texts: list[Any]) -> Array:
    return np.frombuffer(b"".join(map(packed, texts)), "V16")


def expected_text(raw: bytes) -> str:
    """RFC 5952, but IPv4 where the address is mapped."""
    address = ipaddress.IPv6Address(raw)
    return str(address.ipv4_mapped or address)


# ---------------------------------------------------------------- IP to text


@pytest.mark.parametrize("text", RFC5952)
def test_rfc5952(text: str) -> None:
    assert str(ipaddress.ip_address(text)) == text  # the case itself is right
    assert vxtap.format_ip(packed(text)) == text
    assert vxtap.format_ip(vxtap.parse_ip(text)) == text


@given(st.lists(st.binary(min_size=16, max_size=16) | st.sampled_from(V4).map(packed), max_size=5))
def test_format_any(raw: list[bytes]) -> None:
    array = np.frombuffer(b"".join(raw), "V16")
    assert vxtap.format_ip(array).tolist() == [expected_text(one) for one in raw]


@given(st.lists(st.sampled_from([0, 0, 1, 0xFFFF, 0xABC]), min_size=8, max_size=8))
def test_format_runs_of_zeros(groups: list[int]) -> None:
    raw = b"".join(group.to_bytes(2, "big") for group in groups)
    assert vxtap.format_ip(np.void(raw)) == expected_text(raw)


def test_mapped_addresses_are_ipv4() -> None:
    array = column([*V4, "::ffff:9.8.7.6"])
    assert vxtap.format_ip(array).tolist() == [*map(str, V4), "9.8.7.6"]
    assert vxtap.format_ip(array).dtype == np.dtype("U15")
    assert vxtap.format_ip(column(["::1", "1.2.3.4"])).dtype == np.dtype("U39")


# ---------------------------------------------------------------- text to IP


def python_takes(text: str) -> bytes | None:
    try:
        return None if "%" in text else packed(text)
    except ValueError:
        return None


@given(nearly)
@example("1.2.3.4\0junk")
@example("::1\0")
@example("1:2:3:4:5:6:7::")
@example("::2:3:4:5:6:7:8")
@example("1::2::3")
@example(":::")
@example("1:2:3:4:5:6:1.2.3.4")
@example("1:2:3:4:5:6:7:1.2.3.4")
@example("::1.2.3.4")
@example("1.2.3.4::")
@example("fe80::1%eth0")
@example("0" * 60 + "::1")
@example("")
def test_takes_what_python_takes(text: str) -> None:
    """Except zones, which no packet carries; a numpy text cannot end with NUL, so those at the end are not seen."""
    expected = python_takes(text.rstrip("\0"))
    if expected is None:
        with pytest.raises(vxtap.OptionError, match="not an IP address"):
            vxtap.parse_ip(text)
    else:
        assert bytes(vxtap.parse_ip(text)) == expected


@given(st.lists(addresses, max_size=5))
def test_there_and_back(some: list[ipaddress.IPv4Address | ipaddress.IPv6Address]) -> None:
    raw = [packed(one) for one in some]
    for form in (str, lambda one: one.exploded, lambda one: str(one).upper()):
        parsed = vxtap.parse_ip([form(one) for one in some])
        assert [bytes(one) for one in parsed] == raw
    texts = vxtap.format_ip(np.frombuffer(b"".join(raw), "V16"))
    assert [bytes(one) for one in vxtap.parse_ip(texts)] == raw


def test_error_names_the_text_and_its_number() -> None:
    texts = ["1.2.3.4"] * 1500 + ["1.2.3.400"] + ["x"]
    with pytest.raises(vxtap.OptionError, match=r"^not an IP address: '1\.2\.3\.400' \(number 1,501 of 1,502\)$"):
        vxtap.parse_ip(texts)
    with pytest.raises(vxtap.OptionError, match=r"^not an IP address: 'x'$"):
        vxtap.parse_ip("x")
    with pytest.raises(vxtap.OptionError, match=r"^not a MAC address: 'x' \(number 1 of 1\)$"):
        vxtap.parse_mac(["x"])


# ---------------------------------------------------------------- MACs


@given(st.lists(st.binary(min_size=6, max_size=6), max_size=5))
def test_mac_there_and_back(raw: list[bytes]) -> None:
    texts = vxtap.format_mac(np.frombuffer(b"".join(raw), "V6"))
    assert texts.tolist() == [one.hex(":") for one in raw]
    for form in (texts.tolist(), np.char.upper(texts), [text.replace(":", "-") for text in texts.tolist()]):
        assert [bytes(one) for one in vxtap.parse_mac(form)] == raw


NO_MACS = """
02 02:00:5e:10:00 02:00:5e:10:00:01:02 02005e100001 0200.5e10.0001 02:00:5e:10:00:0g 02:00-5e:10:00:01 2:0:5e:10:0:1
02:00:5e:10:00:\u06601 02:00:5e:10:00:+1
"""


@pytest.mark.parametrize("text", ["", " 02:00:5e:10:00:01", "02:00:5e:10:00:01 ", *NO_MACS.split()])
def test_no_mac(text: str) -> None:
    with pytest.raises(vxtap.OptionError, match="MAC address: "):
        vxtap.parse_mac(text)


# ---------------------------------------------------------------- shapes and kinds of input


@pytest.mark.parametrize("shape", [(), (0,), (6,), (2, 3), (3, 1, 2), (0, 4), (2, 0)])
def test_shapes(shape: tuple[int, ...]) -> None:
    count = int(np.prod(shape))
    array = column([f"10.0.0.{i}" for i in range(count)] or ["::"])[:count].reshape(shape)
    texts = vxtap.format_ip(array)
    assert np.shape(texts) == shape
    back = vxtap.parse_ip(texts)
    assert np.shape(back) == shape
    assert back.dtype == np.dtype("V16")
    assert (np.asarray(back) == array).all()


def test_columns_of_records() -> None:
    """Strided as they lie in the record, forwards, backwards and thinned out."""
    rows = np.zeros(5, vxtap.PACKET)
    rows["src"] = vxtap.parse_ip([f"10.0.0.{i}" for i in range(5)])
    rows["eth_src"] = vxtap.parse_mac([f"02:00:00:00:00:0{i}" for i in range(5)])
    assert vxtap.format_ip(rows["src"]).tolist() == [f"10.0.0.{i}" for i in range(5)]
    assert vxtap.format_ip(rows["src"][::-2]).tolist() == ["10.0.0.4", "10.0.0.2", "10.0.0.0"]
    assert vxtap.format_mac(rows["eth_src"][1:3]).tolist() == ["02:00:00:00:00:01", "02:00:00:00:00:02"]
    assert vxtap.format_ip(rows["src"][3]) == vxtap.format_ip(rows[3]["src"]) == "10.0.0.3"
    assert rows[rows["src"] == vxtap.parse_ip("10.0.0.2")].size == 1


def test_scalars() -> None:
    raw = packed("10.90.0.36")
    for one in (raw, bytearray(raw), np.void(raw), np.frombuffer(raw, "V16")[0]):
        assert vxtap.format_ip(one) == "10.90.0.36"
        assert type(vxtap.format_ip(one)) is str
    assert vxtap.format_mac(bytes(6)) == "00:00:00:00:00:00"
    assert isinstance(vxtap.parse_ip("::"), np.void)


def test_sequences() -> None:
    raw = [packed("10.0.0.1"), packed("::"), packed("::1")]
    for some in (raw, tuple(raw), [np.void(one) for one in raw], np.array(raw, dtype=object)):
        assert vxtap.format_ip(some).tolist() == ["10.0.0.1", "::", "::1"]
    assert vxtap.format_mac([bytes(6), b"abcdef"]).tolist() == ["00:00:00:00:00:00", "61:62:63:64:65:66"]
    assert vxtap.format_ip(np.empty(0, "V16")).shape == (0,)
    assert vxtap.parse_ip([]).dtype == np.dtype("V16")
    assert vxtap.parse_ip(np.empty((0, 2), "U5")).shape == (0, 2)


def test_texts_of_any_kind() -> None:
    """Fixed or variable width, either byte order, strided, not aligned."""
    texts = ["10.0.0.1", "fe80::1", "::"]
    expected = column(texts)
    kinds = [np.dtypes.StringDType(), "U39", ">U39", "<U39"]
    for kind in kinds:
        assert (vxtap.parse_ip(np.array(texts, dtype=kind)) == expected).all()
    assert (vxtap.parse_ip(np.array(texts * 2).reshape(3, 2).T[:, ::-1][0][:1]) == expected[1]).all()
    raw = np.array(texts, "U7")
    shifted = np.frombuffer(b"\0" + raw.tobytes(), "U7", offset=1)
    with pytest.raises(vxtap.OptionError, match=r"'10\.0\.0\.'"):
        vxtap.parse_ip(shifted)
    raw = np.array(texts, "U8")
    shifted = np.frombuffer(b"\0" + raw.tobytes(), "U8", offset=1)
    assert not shifted.flags.aligned
    assert (vxtap.parse_ip(shifted) == expected).all()


@pytest.mark.parametrize(
    "values", [np.zeros(3, "u4"), np.zeros(3, "V6"), np.zeros(2, vxtap.PACKET), ["10.0.0.1"], 5, 1.5]
)
def test_format_refuses_other_kinds(values: Any) -> None:
    with pytest.raises(
        vxtap.OptionError, match=r"^expected IP addresses of dtype V16, a column of the record, got dtype"
    ):
        vxtap.format_ip(values)


def test_format_refuses_other_sizes() -> None:
    with pytest.raises(vxtap.OptionError, match="expected MAC addresses of dtype V6"):
        vxtap.format_mac(np.zeros(1, "V16"))
    for some in (b"", bytes(4), bytes(17), [bytes(16), bytes(4)]):
        with pytest.raises(vxtap.OptionError, match="expected IP addresses"):
            vxtap.format_ip(some)


@pytest.mark.parametrize("texts", [5, None, b"10.0.0.1", [b"10.0.0.1"], np.zeros(3), [1, 2]])
def test_parse_refuses_other_kinds(texts: Any) -> None:
    with pytest.raises(vxtap.OptionError, match="expected IP addresses as text, got dtype"):
        vxtap.parse_ip(texts)


def test_results_are_new_memory() -> None:
    texts = np.array(["10.0.0.1"])
    array = vxtap.parse_ip(texts)
    texts[0] = "x"
    assert array.flags.writeable
    array[0] = packed("::1")
    assert vxtap.format_ip(array).flags.owndata or vxtap.format_ip(array).base is not array


# ---------------------------------------------------------------- networks

POINTS = ["0.0.0.0", "10.90.0.0", "10.90.0.255", "10.90.1.0", "255.255.255.255", "::", "::1", "fd00::1", "::ffff:0:0"]


def expected_in(raw: bytes, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    address = ipaddress.IPv6Address(raw)
    if network.version == 4:
        return address.ipv4_mapped is not None and address.ipv4_mapped in network
    return address in network


@given(st.lists(addresses, max_size=4), st.ip_addresses(), st.integers(0, 128), st.booleans())
def test_in_network(some: list[Any], base: Any, bits: int, near: bool) -> None:
    bits = min(bits, base.max_prefixlen)
    network = ipaddress.ip_network(f"{base}/{bits}", strict=False)
    if near:  # its edges, and what lies just outside of them
        first, last = int(network.network_address), int(network.broadcast_address)
        values = [first, last, max(0, first - 1), min(last + 1, 2**base.max_prefixlen - 1)]
        some = [*some, *(type(base)(value) for value in values)]
    raw = [packed(one) for one in some]
    array = np.frombuffer(b"".join(raw), "V16")
    wanted = [expected_in(one, network) for one in raw]
    assert vxtap.in_network(array, f"{base}/{bits}").tolist() == wanted  # host bits are ignored
    assert vxtap.in_network(array, str(network)).tolist() == wanted


@pytest.mark.parametrize(
    ("network", "inside"),
    [
        ("0.0.0.0/0", POINTS[:5] + POINTS[8:]),
        ("::/0", POINTS),
        ("10.90.0.7/24", POINTS[1:3]),
        ("10.90.0.255/32", POINTS[2:3]),
        ("10.90.0.255", POINTS[2:3]),
        ("10.90.0.0/255.255.254.0", POINTS[1:4]),
        ("::1/128", POINTS[6:7]),
        ("::1", POINTS[6:7]),
        ("fd00::/8", POINTS[7:8]),
        ("::ffff:0:0/96", POINTS[:5] + POINTS[8:]),
        ("::/96", POINTS[5:7]),
    ],
)
def test_networks(network: str, inside: list[str]) -> None:
    array = column(POINTS)
    assert [text for text, is_in in zip(POINTS, vxtap.in_network(array, network), strict=True) if is_in] == inside


def test_in_network_shapes() -> None:
    rows = np.zeros(4, vxtap.PACKET)
    rows["dst"][2] = packed("10.0.0.1")
    assert vxtap.in_network(rows["dst"], "10.0.0.0/8").tolist() == [False, False, True, False]
    assert vxtap.in_network(rows["dst"].reshape(2, 2), "10.0.0.0/8").tolist() == [[False, False], [True, False]]
    assert vxtap.in_network(rows["dst"][:0], "10.0.0.0/8").shape == (0,)
    found = vxtap.in_network(rows["dst"], "10.0.0.0/8")
    assert found.dtype == np.bool_


@pytest.mark.parametrize("text", ["", "x", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/-1"])
def test_no_network(text: str) -> None:
    with pytest.raises(vxtap.OptionError, match=r"^not a"):
        vxtap.in_network(np.zeros(1, "V16"), text)


def test_in_network_refuses_other_columns() -> None:
    with pytest.raises(vxtap.OptionError, match="expected IP addresses"):
        vxtap.in_network(np.zeros(1, "V6"), "10.0.0.0/8")
