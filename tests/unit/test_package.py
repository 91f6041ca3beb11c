"""The package as it is installed: its names, what importing it costs, its types."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import vxtap
from vxtap import _columns, _core, _facts, _flows

FOLDER = Path(vxtap.__file__).parent
HEAVY = {"numpy", "rich", "hypothesis", "pyarrow", "tempfile", "gzip", "glob", "select"}
HEAVY |= {"shutil", "bz2", "lzma", "pathlib", "json", "queue", "datetime"}


def in_a_fresh_interpreter(code: str, *options: str) -> str:
    """What a program prints that has just started."""
    code = f"import sys; sys.path.insert(0, {str(FOLDER.parent)!r})\n{code}"
    ran = subprocess.run([sys.executable, *options, "-c", code], check=True, capture_output=True, text=True, timeout=20)
    return ran.stdout.strip()


def loaded_by(code: str) -> set[str]:
    """Which heavy modules a program has loaded in the end, but for what it runs in: no site, which may load some."""
    listed = in_a_fresh_interpreter(f"before = set(sys.modules)\n{code}\nprint(*(set(sys.modules) - before))", "-S")
    return HEAVY & {name.split(".")[0] for name in listed.splitlines()[-1].split()}


def test_version() -> None:
    try:
        installed = importlib.metadata.version("vxtap")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("vxtap is not installed, only built in place")
    assert installed == vxtap.__version__


def test_every_public_name_is_there() -> None:
    assert vxtap.__all__ == sorted(vxtap.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert set(vxtap.__all__) | set(vxtap._PARTS) == set(dir(vxtap))
    for name in vxtap.__all__:
        assert getattr(vxtap, name) is not None
    with pytest.raises(AttributeError, match="module 'vxtap' has no attribute 'frobnicate'"):
        vxtap.frobnicate  # noqa: B018
    with pytest.raises(ImportError):
        from vxtap import frobnicate  # noqa: F401


@pytest.mark.parametrize(
    "first", [*sorted(path.stem for path in FOLDER.glob("[a-z]*.py")), "cli.decap", "cli.flows", "cli.info"]
)
def test_public_names_do_not_depend_on_what_was_imported_before(first: str) -> None:
    """A module must not take the place of a function of its name (`decap`, `info`)."""
    code = f"import vxtap.{first}, vxtap\nprint(*(type(getattr(vxtap, name)).__name__ for name in vxtap.__all__))"
    kinds = dict(zip(vxtap.__all__, in_a_fresh_interpreter(code).split(), strict=True))
    assert [name for name, kind in kinds.items() if kind == "module"] == []
    for name in ("decap", "info", "open", "read", "parse_ip"):
        assert kinds[name] == "function"


@pytest.mark.parametrize("name", ["arrow", "dask", "polars", "where"])
def test_modules_that_are_used_by_name_are_loaded_then(name: str) -> None:
    assert in_a_fresh_interpreter(f"import vxtap\nprint(vxtap.{name}.__name__, {name!r} in dir(vxtap))") == (
        f"vxtap.{name} True"
    )


def test_names_for_type_checkers_are_the_same() -> None:
    """What the package declares for them is what it gives at run time."""
    tree = ast.parse((FOLDER / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    declared = {
        alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert set(declared) == set(vxtap.__all__) - {"__version__"}
    for name, module in declared.items():
        assert getattr(importlib.import_module(module or ""), name) is getattr(vxtap, name)


def test_public_functions_are_documented() -> None:
    for name in vxtap.__all__:
        value = getattr(vxtap, name)
        if inspect.isfunction(value) or inspect.isclass(value):
            assert (inspect.getdoc(value) or "").strip(), name


@pytest.mark.parametrize(
    "code",
    [
        "import vxtap",
        "import vxtap; vxtap.__version__; dir(vxtap)",
        "import vxtap; vxtap.Status; vxtap.FormatError",
        "from vxtap.cli.parser import build_parser; build_parser()",
        "from vxtap.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
        "from vxtap.cli import main\ntry: main(['decap'])\nexcept SystemExit: pass",
    ],
)
def test_start_is_light(code: str) -> None:
    assert loaded_by(code) == set()


def test_decap_needs_no_numpy() -> None:
    """The command turns a small capture around in the time that numpy alone would take to load."""
    data = Path(__file__).parent.parent / "data" / "01-curl-nva1.pcap"
    code = f"from vxtap.cli import main; main(['decap', {str(data)!r}, '-o', '/dev/null', '-q'])"
    assert loaded_by(code) == set()


def test_typed() -> None:
    assert (FOLDER / "py.typed").read_bytes() == b""


def stubbed(module: ModuleType) -> list[ast.stmt]:
    """What the stub of a module declares, but for the shapes of dictionaries, which only type checkers know."""
    return [
        node
        for node in ast.parse((FOLDER / f"{module.__name__.split('.')[-1]}.pyi").read_text()).body
        if not (isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "TypedDict" for base in node.bases))
    ]


@pytest.mark.parametrize("module", [_columns, _core, _facts, _flows])
def test_stub_has_every_name_of_the_core(module: ModuleType) -> None:
    names = {
        getattr(node, "name", None) or getattr(getattr(node, "target", None), "id", None) for node in stubbed(module)
    }
    public = {name for name, value in vars(module).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert public == {name for name in names if name and not name.startswith("_")}


def test_stub_has_every_member_of_the_core_s_classes() -> None:
    for node in stubbed(_core):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            theirs = {name for name in vars(getattr(_core, node.name)) if not name.startswith("_")}
            ours = {getattr(one, "name", None) or getattr(getattr(one, "target", None), "id", "") for one in node.body}
            assert theirs == {name for name in ours if not name.startswith("_")}


# ---------------------------------------------------------------- the border: wrong calls raise, they do not crash

SCANNER = "_core.Scanner(WANTED, source=0, level=0, skipped_rows=False, columns=[], row_size=176)"
COLUMNS = "_columns.Columns([(0, 0, 7)], 16, 0)"
REWRITER = "_core.Rewriter(WANTED, pcapng=False, keep_others=False)"


@pytest.mark.parametrize(
    "call",
    [
        "_core.Pass().frames",
        "_core.Pass().interfaces()",
        f"{SCANNER}.tunnels()",
        f"{SCANNER}.counters(True)",
        f"{SCANNER}.scan(b'', 0, 1, bytearray(176), 0)",
        f"{SCANNER}.scan(b'', 1, 0, bytearray(176), 0)",
        f"{SCANNER}.scan(b'', 0, 0, bytearray(176), 2)",
        f"{SCANNER}.scan(b'', 0, 0, bytearray(176), 1 << 62)",
        f"{SCANNER}.scan(b'', 0, 0, bytes(176), 0)",
        f"{SCANNER}.scan(b'', 0, 0, memoryview(bytearray(184))[1:177], 0)",
        f"{REWRITER}.rewrite(bytes(10), 0, 10, None)",
        f"{REWRITER}.rewrite(bytearray(10), 0, 11, None)",
        f"{REWRITER}.rewrite(bytearray(10), 5, 4, None)",
        f"{SCANNER[:-1]}, census=True).scan(None, 0, 0, None, 0)",
        SCANNER.replace("row_size=176", "row_size=10"),
        SCANNER.replace("columns=[]", "columns=[(170, 16, 0)]"),
        SCANNER.replace("columns=[]", "columns=[(0, 8, 170)]"),
        SCANNER.replace("columns=[]", "columns=[(0, 1, 0)] * 65"),
        SCANNER.replace("WANTED", "WANTED | {'ports': tuple((port, 1) for port in range(33))}"),
        SCANNER.replace("WANTED", "WANTED | {'ports': ((65536, 1),)}"),
        SCANNER.replace("WANTED", "WANTED | {'vnis': (1 << 32,)}"),
        SCANNER.replace("WANTED", "WANTED | {'depth': None}"),
        f"{SCANNER}.scan(b'', 0, 0, bytearray(176), 0, bytes(100))",
        f"{SCANNER}.history",
        "_flows.Table(seed=0, idle=-1, most=1)",
        "_flows.Table(seed=0, idle=0, most=0)",
        "_flows.Table(seed=0, idle=0, most=(1 << 20) + 1)",
        "_flows.Table(seed=0, idle=0, most=1).add(bytes(175), 0, bytearray(184))",
        "_flows.Table(seed=0, idle=0, most=1).add(bytes(176), 0, bytearray(183))",
        "_flows.Table(seed=0, idle=0, most=1).add(bytes(176), 2, bytearray(184))",
        "_flows.Table(seed=0, idle=0, most=1).add(bytes(176), 0, bytes(184))",
        "_flows.Table(seed=0, idle=0, most=1).add(memoryview(bytearray(184))[1:177], 0, bytearray(184))",
        "_flows.Table(seed=0, idle=0, most=1).end(bytearray(183))",
        "_columns.Columns([(0, 0, 4)], 7, 0)",
        "_columns.Columns([(9, 0, 4)], 16, 0)",
        "_columns.Columns([(0, 1, 7)], 16, 0)",
        "_columns.Columns([(-1, 0, 4)], 16, 0)",
        "_columns.Columns([(0, 0, 9)], 16, 0)",
        "_columns.Columns([(0, 0, -1)], 16, 0)",
        "_columns.Columns([], 0, 0)",
        "_columns.Columns([(0, 0, 1)] * 65, 16, 0)",
        f"{COLUMNS}.add(bytes(31), 2, [bytearray(8), bytearray(1)])",
        f"{COLUMNS}.add(bytes(32), 2, [bytearray(7), bytearray(1)])",
        f"{COLUMNS}.add(bytes(144), 9, [bytearray(36), bytearray(1)])",
        f"{COLUMNS}.add(bytes(32), 2, [bytes(8), bytearray(1)])",
        f"{COLUMNS}.add(bytes(32), 2, [bytearray(8), None])",
        f"{COLUMNS}.add(bytes(32), 2, [bytearray(8)])",
        f"{COLUMNS}.add(bytes(32), 2, [memoryview(bytearray(16))[1:9], bytearray(1)])",
        f"{COLUMNS}.add(bytes(32), 1 << 60, [bytearray(8), bytearray(1)])",
        f"{COLUMNS}.terms_of(1)",
        "_columns.Columns([(0, 0, 4)], 16, 0).terms_of(0)",
        f"{COLUMNS}.format(0, bytearray(3), bytearray(0))",
        f"filled({COLUMNS}).format(0, bytearray(4), bytearray(39))",
        f"filled({COLUMNS}).format(0, bytearray(8), bytearray(38))",
        f"filled({COLUMNS}).format(0, bytes(8), bytearray(39))",
        "_facts.format_addresses(bytes(16), 16, 2, 16, bytearray(1000), 39)",
        "_facts.format_addresses(bytes(16), 16, 1, 16, bytearray(10), 39)",
        "_facts.format_addresses(bytes(16), 16, 1, 16, bytearray(1000), 3)",
        "_facts.format_addresses(bytes(16), 16, 1, 15, bytearray(1000), 39)",
        "_facts.format_addresses(bytes(16), 1 << 62, 5, 16, bytearray(1000), 39)",
        "_facts.format_addresses(bytes(16), 16, 1, 16, bytearray(1000), 1 << 62)",
        "_facts.parse_addresses(bytes(16), 4, 2, 16, bytearray(100))",
        "_facts.parse_addresses(bytes(16), 4, 1, 16, bytearray(10))",
        "_facts.parse_addresses(bytes(16), 1 << 62, 4, 16, bytearray(100))",
        "_facts.text_width(bytes(16), 16, 2)",
        "_facts.text_width(bytes(16), 1 << 60, 17)",
    ],
)
def test_border_refuses(call: str) -> None:
    """In a process of its own, since the other outcome is the end of it."""
    setting = "from vxtap import _columns, _core, _facts, _flows\nfrom vxtap.options import Options\n"
    setting += "WANTED = Options().wanted\n"
    setting += "def filled(columns): columns.add(b'1' * 16, 1, [bytearray(8), bytearray(1)]); return columns\n"
    code = f"{setting}\ntry:\n    {call}\nexcept Exception as error:\n    print(type(error).__name__)"
    assert in_a_fresh_interpreter(code) in ("ValueError", "TypeError", "BufferError", "OverflowError")
