"""What the measurements run on: the facts to print with them, the memory file system, the compiled floor."""

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

FLOOR = Path(__file__).with_name("floor")
FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Wconversion"]


def compiler() -> list[str]:
    return shlex.split(os.environ.get("CC", "cc"))


def build_floor(name: str, folder: Path) -> Path:
    """Compile one program of `floor/` with $CC into `folder`."""
    program = folder / name
    subprocess.run([*compiler(), *FLAGS, "-o", str(program), str(FLOOR / f"{name}.c")], check=True)
    return program


def first_line(command: list[str]) -> str:
    if shutil.which(command[0]) is None:
        return f"no {command[0]}"
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return said.partition("\n")[0]


def processor() -> str:
    """The processor's name, as Linux tells it."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.machine()


def memory_folder(room: int) -> Path | None:
    """A memory file system with so many bytes free, if there is one."""
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > room else None


def facts() -> list[str]:
    """One line each; nothing that names the machine."""
    cores = len(os.sched_getaffinity(0))
    implementation = platform.python_implementation()
    return [
        f"processor: {processor()}, {cores} cores for this process",
        f"kernel: {platform.system()} {platform.release()}",
        f"Python: {implementation} {platform.python_version()}, built with {platform.python_compiler()}",
        f"compiler of the floor: {first_line([*compiler(), '--version'])}",
        f"cp: {first_line(['cp', '--version'])}",
    ]


def load() -> float:
    """How many processes ran or waited for a core, in the last minute."""
    return os.getloadavg()[0]


def version_of(module: str) -> str:
    """A module's version, and whether it is the source tree's, without importing it here."""
    script = f"import {module} as m; print(getattr(m, '__version__', 'unknown')); print(m.__file__)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    if said.returncode:
        raise SystemExit(f"cannot import {module}: {said.stderr.strip().rpartition(chr(10))[2]}")
    version, _, where = said.stdout.strip().partition("\n")
    path = Path(where)
    source = path.is_relative_to(FLOOR.parents[1]) and not path.is_relative_to(sys.prefix)
    return f"{version}, from the source tree" if source else version
