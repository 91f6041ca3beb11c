"""Sources and numbers that make trouble where several sources are taken."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

import vxtap
from build import pcap
from unit.conftest import T0, frame

CAPTURE = pcap([(T0 + number * 1000, frame(number)) for number in range(5)])


@pytest.mark.parametrize("how", ["merge", "health", "flows", "set", "compare", "mirror"])
def test_a_file_object_is_read_once(how: str) -> None:
    file = io.BytesIO(CAPTURE)
    jobs: dict[str, Any] = {
        "merge": lambda: vxtap.merge([file, file], io.BytesIO()),
        "health": lambda: vxtap.health([file, file]),
        "flows": lambda: vxtap.flows([file, file]),
        "set": lambda: vxtap.merge([[file], file]),
        "compare": lambda: vxtap.compare(file, file),
        "mirror": lambda: vxtap.compare(file, [CAPTURE, file]),
    }
    with pytest.raises(vxtap.OptionError, match="a file object was given twice"):
        jobs[how]()
    assert file.tell() == 0


def test_standard_input_is_not_both_sides() -> None:
    with pytest.raises(vxtap.OptionError, match="'-' was given twice"):
        vxtap.compare("-", "-")


def test_the_same_buffer_twice() -> None:
    """It is two sights of the same, and can be read as often as one likes."""
    assert vxtap.merge([CAPTURE, CAPTURE], io.BytesIO(), dedup="2ms").duplicates == 5
    assert vxtap.compare(CAPTURE, CAPTURE, tunnels="none").complete


@pytest.mark.parametrize("value", [np.timedelta64(5, "ms"), np.timedelta64("NaT")], ids=str)
def test_a_time_span_of_numpy_is_no_number_of_seconds(value: Any) -> None:
    with pytest.raises(vxtap.OptionError, match="window: expected seconds"):
        vxtap.merge([CAPTURE], window=value)
    with pytest.raises(vxtap.OptionError, match="idle: expected seconds"):
        vxtap.flows(CAPTURE, idle=value)


@pytest.mark.parametrize("size", [1 << 40, 1 << 62, np.uint64(1 << 63)], ids=str)
def test_batches_as_large_as_can_be(size: int) -> None:
    with vxtap.merge([CAPTURE, CAPTURE]) as merged:
        assert [len(batch) for batch in merged.batches(size)] == [10]
