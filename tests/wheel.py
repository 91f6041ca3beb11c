"""What a wheel holds: `python tests/wheel.py FILE.whl`, for `make package`, which has made one."""

from __future__ import annotations

import re
import sys
import zipfile


def check(path: str) -> None:
    """Complain about anything that should not be shipped, or is missing."""
    names = [name for name in zipfile.ZipFile(path).namelist() if not name.startswith("vxtap-")]
    strangers = [
        name for name in names if not re.fullmatch(r"vxtap/(\w+/)*\w+(\.abi3)?\.(py|pyi|so)|vxtap/py\.typed", name)
    ]
    assert not strangers, f"not for users: {strangers}"
    assert {"vxtap/py.typed", "vxtap/_core.pyi", "vxtap/enums.pyi", "vxtap/_core.abi3.so"} <= set(names), names
    assert "cp311-abi3" in path, f"not for every Python from 3.11 on: {path}"
    print(f"{path}: {len(names)} files, as it should be")


if __name__ == "__main__":
    check(sys.argv[1])
