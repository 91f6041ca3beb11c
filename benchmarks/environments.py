"""What a peer needs: a virtual environment of its own, a program of the system, or a compiled source.

Each is made once, in a folder of its own, and kept. What cannot be had raises `MissingError` with the reason, which the
report shows in place of a time. Packages of the system are installed where that asks nobody: on Debian, as root.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PEERS = Path(__file__).with_name("peers")
PATIENCE = 300  # seconds for one environment


class MissingError(Exception):
    """A peer cannot be had here; says why."""


@dataclass(frozen=True, slots=True)
class Ready:
    """How a peer is started, and which one it is."""

    command: list[str]
    version: str


def said(command: list[str]) -> str:
    """What a command prints; a failure is `MissingError` with its last line."""
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingError(f"{command[0]}: {error}") from None
    if done.returncode:
        last = done.stdout.strip().rpartition("\n")[2]
        raise MissingError(f"{Path(command[0]).name} failed: {last}"[:200])
    return done.stdout.strip()


def apt(package: str) -> None:
    if shutil.which("apt-get") and os.geteuid() == 0:
        install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", package]
        try:
            said(install)
        except MissingError:  # the lists of packages may be old, or not there at all
            said(["apt-get", "update", "-qq"])
            said(install)


@dataclass(frozen=True, slots=True)
class Venv:
    """A script of `peers/` in a virtual environment with these packages, the first of which gives the version."""

    script: str
    packages: tuple[str, ...] = ()
    program: str = ""  # of the environment, instead of a script
    tools: tuple["Program", ...] = ()  # that it starts

    def prepare(self, folder: Path) -> Ready:
        tools = [tool.prepare(folder).version for tool in self.tools]
        home = folder / (self.packages[0] if self.packages else "python")
        python = home / "bin" / "python"
        stamp, wanted = home / "ready", " ".join(self.packages)
        if not stamp.exists() or stamp.read_text() != wanted:
            said([sys.executable, "-m", "venv", "--clear", str(home)])
            if self.packages:
                said([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *self.packages])
            stamp.write_text(wanted)
        ask = "import platform; print('Python', platform.python_version())"
        if self.packages:
            ask = f"import importlib.metadata as m; print('{self.packages[0]}', m.version('{self.packages[0]}'))"
        command = [str(home / "bin" / self.program)] if self.program else [str(python), str(PEERS / self.script)]
        return Ready(command, ", ".join([said([str(python), "-c", ask]), *tools]))


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the system, in a package of Debian of that name unless told otherwise."""

    name: str
    package: str = ""

    def prepare(self, _: Path) -> Ready:
        if shutil.which(self.name) is None:
            apt(self.package or self.name)
        if shutil.which(self.name) is None:
            raise MissingError(f"{self.name} is not installed")
        version = re.search(
            rf"^{self.name}\D*(\d[\w.-]*\d)", said([self.name, "--version"]), re.IGNORECASE | re.MULTILINE
        )
        return Ready([self.name], f"{self.name} {version[1] if version else 'unknown'}")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A source of `peers/`, compiled here against a library that pkg-config knows."""

    source: str
    library: str
    package: str  # of Debian, with the library's headers

    def prepare(self, folder: Path) -> Ready:
        if not self.version():
            apt(self.package)
        version = self.version()
        if not version:
            raise MissingError(f"{self.library} and its headers are not installed")
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / self.source.partition(".")[0]
        cc = shlex.split(os.environ.get("CC", "cc")) if self.source.endswith(".c") else ["c++", "-std=c++17"]
        flags = said(["pkg-config", "--cflags", "--libs", self.library]).split()
        said([*cc, "-O2", "-o", str(target), str(PEERS / self.source), *flags])
        return Ready([str(target)], f"{self.library} {version}")

    def version(self) -> str:
        try:
            return said(["pkg-config", "--modversion", self.library])
        except MissingError:
            return ""


Need = Venv | Program | Compiled
