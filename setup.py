"""Only the extensions; everything else is in pyproject.toml."""

import os
import sysconfig
from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup

# One wheel serves every CPython from 3.11 on (stable ABI), except free-threaded ones, which have none yet.
STABLE_ABI = not sysconfig.get_config_var("Py_GIL_DISABLED")
# More flags for the compiler and the linker, for a build with sanitizers.
EXTRA = os.environ.get("VXTAP_CFLAGS", "").split()

# The core as one translation unit, and the parts of it that hold tables and texts, or work on records.
SOURCES = {
    "_core": ["vxtap.c"],
    "_parts": ["vxtap.c"],
    "_merge": ["vxt_merging.c"],
    "_facts": ["vxt_packet.c", "vxt_link.c", "vxt_text.c"],
    "_columns": ["vxt_columns.c", "vxt_terms.c", "vxt_text.c"],
    "_flows": ["vxt_flow.c", "vxt_stream.c", "vxt_conversation.c", "vxt_flows.c"],
}


def extension(name: str, sources: list[str]) -> Extension:
    """One module of the border."""
    return Extension(
        f"vxtap.{name}",
        [f"vxtap/{name}.pyx", *(f"csrc/{source}" for source in sources)],
        include_dirs=["csrc"],
        depends=[*glob("csrc/*.[ch]"), *glob("vxtap/*.pxd")],
        extra_compile_args=["-std=c11", "-O3", "-fvisibility=hidden", *EXTRA],
        extra_link_args=EXTRA,
        define_macros=[("Py_LIMITED_API", "0x030B0000")] if STABLE_ABI else [],
        py_limited_api=STABLE_ABI,
    )


setup(
    ext_modules=cythonize([extension(name, sources) for name, sources in SOURCES.items()]),
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if STABLE_ABI else {},
)
