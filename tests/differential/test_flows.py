"""Community IDs beside those that tshark gives the same inner packets."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import compare
import vxtap
from compare import DATA, LAB

from .fields import run

pytestmark = [
    pytest.mark.needs_tshark,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not in PATH"),
]
FILES = {path.name: path for folder in (LAB, DATA) for path in compare.captures_in(folder)}
# tshark puts fragments together, and does without an ID where a header is cut.
UNLIKE = vxtap.Flag.INNER_FRAGMENT | vxtap.Flag.TRUNCATED | vxtap.Flag.MALFORMED_INNER
PRINTED = ("-T", "fields", "-e", "frame.number", "-e", "communityid", "--enable-protocol", "communityid")


@pytest.mark.parametrize("name", FILES)
def test_community_ids(name: str, tmp_path: Path) -> None:
    inner = tmp_path / "inner.pcapng"
    vxtap.decap(FILES[name], inner)
    packets = vxtap.read(FILES[name])
    lines = run(inner, *PRINTED).splitlines()
    assert len(lines) == len(packets)
    same = (packets["flags"] & UNLIKE == 0).tolist()
    theirs = [line.partition("\t")[2] for line in lines]
    ours = vxtap.community_id(packets).tolist()
    assert [one for one, wanted in zip(ours, same, strict=True) if wanted] == [
        one for one, wanted in zip(theirs, same, strict=True) if wanted
    ]
