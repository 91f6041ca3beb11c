"""A program for test_cuts: reads captures at the end of readable memory. Touching a byte behind them kills it."""

from __future__ import annotations

import ctypes
import io
import mmap
import struct
import sys
from pathlib import Path
from typing import Any

import vxtap

PAGE = mmap.PAGESIZE
EVERYTHING: Any = {"tunnels": ("vxlan", "vxlan-gpe", "geneve", "gre", "nvgre", "erspan"), "depth": 3, "partial": True}
ROOM = 16 * PAGE


def guarded() -> mmap.mmap:
    """Memory whose last page may not be touched."""
    memory = mmap.mmap(-1, ROOM + PAGE)
    libc = ctypes.CDLL(None, use_errno=True)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    if libc.mprotect(ctypes.c_void_p(start + ROOM), ctypes.c_size_t(PAGE), 0):
        raise OSError(ctypes.get_errno(), "mprotect")
    return memory


def main() -> None:
    files = memoryview(Path(sys.argv[1]).read_bytes())
    memory = guarded()
    count = 0
    while files:
        (size,) = struct.unpack_from("<I", files)
        memory[ROOM - size : ROOM] = bytes(files[4 : 4 + size])
        capture = memoryview(memory)[ROOM - size : ROOM]
        for form in ("pcap", "pcapng"):
            try:
                if form == "pcap":
                    vxtap.read(capture, frames="all", **EVERYTHING)
                vxtap.decap(capture, io.BytesIO(), format=form, keep_others=form == "pcapng", **EVERYTHING)
            except vxtap.VxtapError:
                pass
        files = files[4 + size :]
        count += 1
    print(count)


if __name__ == "__main__":
    main()
