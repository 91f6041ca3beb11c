"""The architecture, held in place: who may include or import whom, how long things are, what the core avoids.

A file uses only what lies in a lower layer of the table here (its own header aside), so nothing can be circular.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES, MOST_OF_A_FUNCTION = 400, 60

# From the bottom to the top. Files of one layer do not know each other.
LAYERS = (
    "vxt_base",
    "vxt_bytes vxt_slice vxt_packet vxt_stream vxt_piece",
    "vxt_hash vxt_where vxt_link vxt_text vxt_flow",
    "vxt_options",
    "vxt_terms vxt_ip vxt_frame vxt_interface vxt_encap vxt_table vxt_sight vxt_datagram",
    "vxt_columns vxt_vxlan vxt_geneve vxt_gre vxt_icmp vxt_inner vxt_pages vxt_pcap vxt_pcapng",
    "vxt_tunnel vxt_datagrams vxt_conversation",
    "vxt_frag vxt_flows",
    "vxt_decap vxt_reader vxt_write",
    "vxt_pass vxt_find vxt_output vxt_same",
    "vxt_lane vxt_vantage vxt_twins",
    "vxt_queue vxt_duplicates",
    "vxt_merge",
    "vxt_merging",
    "vxt_scan vxt_rewrite vxt_join",
    "vxtap",
    "vxtap._csrc",
    "vxtap._cmerge",
    "vxtap._core vxtap._facts vxtap._merge vxtap._flows vxtap._columns",
    "vxtap._parts",
    "vxtap._version vxtap.forms vxtap.encoding vxtap.errors vxtap.enums vxtap.memory vxtap.layout vxtap.groups"
    " vxtap.blocks",
    "vxtap.codecs vxtap.ahead",
    "vxtap.compressed vxtap.extras vxtap.constraints vxtap.happenings vxtap.lengths vxtap.advice",
    "vxtap.tables vxtap.source vxtap.address vxtap.community vxtap.tunnels vxtap.evidence vxtap.corridor vxtap.roughly"
    " vxtap.sides",
    "vxtap.predicate vxtap.tokens",
    "vxtap.literals",
    "vxtap.grammar",
    "vxtap.where",
    "vxtap.timelines vxtap.changes vxtap.window vxtap.options vxtap.report vxtap.sink",
    "vxtap.rotation vxtap.clocks vxtap.packing vxtap.shapes vxtap.pushdown",
    "vxtap.ends vxtap.follow vxtap.splits vxtap.stores",
    "vxtap.parts",
    "vxtap.middle",
    "vxtap.passes vxtap.pipeline",
    "vxtap.pieces vxtap.ranges vxtap.batches vxtap.strips",
    "vxtap.borders vxtap.frames",
    "vxtap.attempts",
    "vxtap.capture vxtap.reading vxtap.arrow vxtap.rewrite vxtap.survey vxtap.proven",
    "vxtap.alignment vxtap.polars vxtap.tunnel_books vxtap.holes vxtap.oneway",
    "vxtap.lanes",
    "vxtap.merge_report vxtap.dask",
    "vxtap.gather",
    "vxtap.merging",
    "vxtap.endpoints vxtap.comparison vxtap.conversations vxtap.health_report",
    "vxtap.checkup vxtap.observed",
    "vxtap.matching",
    "vxtap.delays vxtap.sequences",
    "vxtap.streams",
    "vxtap.comparing",
    "vxtap.crew vxtap.manifest vxtap.hive",
    "vxtap.inputs vxtap.targets",
    "vxtap.converting vxtap.convert_report",
    "vxtap.parquet",
    "vxtap.conversion",
    "vxtap.__init__",
    "vxtap.cli.text vxtap.cli.progress vxtap.cli.tables",
    "vxtap.cli.decap vxtap.cli.info vxtap.cli.merge vxtap.cli.compare vxtap.cli.health vxtap.cli.flows"
    " vxtap.cli.convert",
    "vxtap.cli.parser",
    "vxtap.cli.__init__",
    "vxtap.__main__",
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names.split()}
# Modules that load others by a name made at run time, and how those names stand in them; what they reach must be below
# them like anything else.
LOADERS = {
    "vxtap.__init__": ("vxtap", r'^    "(\w+)": \('),
    "vxtap.cli.parser": ("vxtap.cli", r'_lazily\("(\w+)"\)'),
}
THIRD_PARTY = {"numpy", "rich"}
# What comes with an extra: imported within functions, or in modules that are about it.
EXTRAS = {"pyarrow", "pandas", "polars", "dask", "distributed", "fsspec", "lz4", "backports", "compression", "isal"}
# The last one only behind an #ifdef of the compiler's own: what every 64-bit x86 has.
C_HEADERS = {"assert.h", "stdbool.h", "stddef.h", "stdint.h", "string.h", "emmintrin.h"}


def name_of(path: Path) -> str:
    """The name of a file in the table: vxt_base for the core's, a module's for Python's."""
    if path.suffix in (".c", ".h"):
        return path.stem
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


C_FILES = sorted((ROOT / "csrc").glob("*.[ch]"))
CYTHON_FILES = sorted((ROOT / "vxtap").glob("**/*.p[yx][xd]"))
PYTHON_FILES = sorted((ROOT / "vxtap").glob("**/*.py"))
LIBRARY = [*C_FILES, *CYTHON_FILES, *PYTHON_FILES]
OTHERS = sorted(
    path
    for folder in ("tests", "benchmarks")
    for kind in ("py", "c", "h")
    for path in (ROOT / folder).glob(f"**/*.{kind}")
)
SOURCES = [*LIBRARY, *OTHERS, ROOT / "setup.py"]


def ident(path: Path) -> str:
    return str(path.relative_to(ROOT))


# ---------------------------------------------------------------- who knows whom


def c_uses(text: str) -> set[str]:
    return {Path(name).stem for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', text, re.MULTILINE)}


def cython_uses(text: str) -> set[str]:
    found = {f"vxtap.{name}" for name in re.findall(r"^\s*from\s+vxtap\s+c?import\s+(\w+)", text, re.MULTILINE)}
    found |= set(re.findall(r"^\s*(?:from|c?import)\s+(vxtap\.[\w.]+)", text, re.MULTILINE))
    return found | {Path(name).stem for name in re.findall(r'^\s*cdef extern from "([^"]+)"', text, re.MULTILINE)}


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports(tree: ast.AST, *, typing: bool = False) -> Iterator[tuple[str, bool]]:
    """Every import, at the top or within a function: (module, only for type checkers)."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, typing) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            whole = [f"{module}.{alias.name}" for alias in node.names]
            yield from ((name if name in LEVEL else module, typing) for name in whole)
        elif is_type_checking(node):
            assert isinstance(node, ast.If)
            yield from ((name, True) for part in node.body for name, _ in imports(ast.Module([part], [])))
            yield from imports(ast.Module(node.orelse, []), typing=typing)
        else:
            yield from imports(node, typing=typing)


def as_listed(module: str) -> str:
    """A package is its __init__."""
    return f"{module}.__init__" if f"{module}.__init__" in LEVEL else module


def loaded_by_name(name: str, text: str) -> set[str]:
    if name not in LOADERS:
        return set()
    package, pattern = LOADERS[name]
    return {f"{package}.{module}" for module in re.findall(pattern, text, re.MULTILINE)}


def uses(path: Path) -> set[str]:
    """Names in the table that a file needs when it is compiled or run."""
    text = path.read_text()
    if path.suffix in (".c", ".h"):
        return c_uses(text) - {path.stem if path.suffix == ".c" else ""}
    if path.suffix == ".py":
        found = {as_listed(name) for name, typing in imports(ast.parse(text)) if not typing}
        found |= loaded_by_name(name_of(path), text)
        return {name for name in found if name.split(".")[0] in ("vxtap", "")}
    return cython_uses(text)


def test_table_has_every_file() -> None:
    there = {name_of(path) for path in LIBRARY}
    assert there - set(LEVEL) == set(), "files that are in no layer"
    assert set(LEVEL) - there == set(), "layers without a file"


@pytest.mark.parametrize("path", LIBRARY, ids=ident)
def test_uses_only_lower_layers(path: Path) -> None:
    name = name_of(path)
    for other in sorted(uses(path)):
        assert other in LEVEL, f"{ident(path)} uses {other}, which is in no layer"
        assert LEVEL[other] < LEVEL[name], f"{ident(path)} uses {other}, which does not lie below it"


def test_no_circle() -> None:
    """The layers allow none; this looks for one without them."""
    graph: dict[str, set[str]] = {}
    for path in LIBRARY:
        graph.setdefault(name_of(path), set()).update(uses(path))
    done: set[str] = set()
    while ready := {name for name, needs in graph.items() if name not in done and needs <= done}:
        done |= ready
    assert set(graph) - done == set(), "these use each other in a circle"


@pytest.mark.parametrize("path", PYTHON_FILES, ids=ident)
def test_imports_for_type_checkers_stay_theirs(path: Path) -> None:
    """They may point anywhere, upwards too, since nothing of them runs: annotations are not evaluated."""
    text = path.read_text()
    found = list(imports(ast.parse(text)))
    if any(typing for _, typing in found):
        assert "from __future__ import annotations" in text
    for module, typing in found:
        top = module.split(".")[0]
        assert typing or top in THIRD_PARTY | EXTRAS | {"vxtap"} | set(sys.stdlib_module_names), f"imports {module}"
        assert not module.startswith("."), f"{module}: say vxtap"


def test_modules_loaded_by_name() -> None:
    """Only the modules of the table do that, and the table sees what they load."""
    assert {name_of(path) for path in PYTHON_FILES if "import_module" in path.read_text()} == set(LOADERS)
    for path in PYTHON_FILES:
        if name_of(path) in LOADERS:
            assert len(loaded_by_name(name_of(path), path.read_text())) >= 2


# ---------------------------------------------------------------- how long


@pytest.mark.parametrize("path", SOURCES, ids=ident)
def test_length_of_file(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES


def python_functions(text: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def cython_functions(text: str) -> Iterator[tuple[str, int]]:
    """A block goes on while lines are empty or stand further in; empty ones at its end are not part of it."""
    lines = text.splitlines()
    for start, line in enumerate(lines):
        head = re.match(r"( *)(?:def|cdef|cpdef)\s.*?(\w+)\(", line)
        if not head or line.lstrip().startswith("cdef class"):
            continue
        inside = len(head[1])
        last = start
        for at in range(start + 1, len(lines)):
            if (
                lines[at].strip()
                and len(lines[at]) - len(lines[at].lstrip()) <= inside
                and not lines[at].lstrip().startswith(")")
            ):
                break
            last = at if lines[at].strip() else last
        yield head[2], last - start + 1


def without_comments(text: str) -> str:
    """C without comments, and without what is in quotes; lines stay where they are."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''

    def blank(found: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", found[0])

    return re.sub(pattern, blank, text, flags=re.DOTALL)


def without_preprocessor(text: str) -> str:
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda found: "\n" * found[0].count("\n"), text, flags=re.MULTILINE)


def c_items(text: str) -> Iterator[str]:
    """What stands at file level: definitions of functions with their bodies, declarations up to their semicolons."""
    item, depth = "", 0
    for char in without_preprocessor(without_comments(text)):
        item += char
        depth += (char == "{") - (char == "}")
        head = item.split("{")[0]
        ends_body = char == "}" and depth == 0 and "(" in head and "=" not in head
        if (char == ";" and depth == 0) or ends_body:
            yield item.strip()
            item = ""


def is_function(item: str) -> bool:
    return item.endswith("}") and "(" in item.split("{", maxsplit=1)[0]


def c_functions(text: str) -> Iterator[tuple[str, int]]:
    for item in c_items(text):
        if is_function(item):
            name = re.search(r"(\w+)\s*\(", item)
            yield name[1] if name else "?", item.count("\n") + 1


FUNCTIONS = {".py": python_functions, ".pyx": cython_functions, ".c": c_functions, ".h": c_functions}


@pytest.mark.parametrize("path", [path for path in SOURCES if path.suffix in FUNCTIONS], ids=ident)
def test_length_of_functions(path: Path) -> None:
    long = {name: lines for name, lines in FUNCTIONS[path.suffix](path.read_text()) if lines > MOST_OF_A_FUNCTION}
    assert long == {}


def test_functions_are_found() -> None:
    """The tests above would pass too if they saw nothing."""
    for suffix, fewest in ((".c", 80), (".h", 20), (".pyx", 20), (".py", 80)):
        found = [one for path in LIBRARY if path.suffix == suffix for one in FUNCTIONS[suffix](path.read_text())]
        assert len(found) >= fewest
    assert dict(c_functions("static int f(void)\n{\n  if (1) {\n  }\n}\n\nint x;\n")) == {"f": 5}
    assert dict(cython_functions("cdef int f(int a,\n           int b):\n    return a\n\n\nx = 1\n")) == {"f": 3}


# ---------------------------------------------------------------- what the core avoids


@pytest.mark.parametrize("path", C_FILES, ids=ident)
def test_core_is_plain(path: Path) -> None:
    """No Python.h, no stdio, no memory of its own, nothing but what any C11 compiler without a system has."""
    text = path.read_text()
    assert set(re.findall(r"#\s*include\s+<([^>]+)>", text)) <= C_HEADERS
    banned = r"\b(malloc|calloc|realloc|free|alloca|printf|fprintf|puts|abort|exit|errno|time|Py\w+)\s*\("
    assert re.findall(banned, without_comments(text)) == []


def is_mutable(declaration: str) -> bool:
    """Whether a variable can change: no const, or a const that belongs to what a pointer points to."""
    head = re.split(r"[={\[;]", declaration)[0]
    return "const" not in head.split() if "*" not in head else not re.search(r"\*\s*const\b", head)


@pytest.mark.parametrize("path", C_FILES, ids=ident)
def test_core_has_no_globals_that_change(path: Path) -> None:
    for item in c_items(path.read_text()):
        if is_function(item):
            inner = re.findall(r"\bstatic\b[^;]*;", item.split("{", 1)[1])
            assert [one for one in inner if is_mutable(one)] == []
        elif not re.match(r"(?:__extension__ )?(typedef|enum|struct|union|static_assert|extern \"C\")\b", item):
            prototype = "(" in item.split("=")[0].split("{")[0]
            assert prototype or not is_mutable(item), item


ADVANCED = r"\+\+|--|[-+]=(?!=)"
# Of a slice or a room: its end by any use, its start by arithmetic or comparison.
MEMBERS = rf"(?:\.|->)end\b|(?:\.|->)p\s*(?:{ADVANCED}|[-+<>]|[<>]=)|(?:\+\+|--)[\w.>-]*(?:\.|->)p\b"


def pointer_moves(function: str) -> list[str]:
    """Places where a function advances or compares one of its pointers, or the inside of a slice."""
    found = re.findall(MEMBERS, function)
    names = set(re.findall(r"\b(?:\w+_t|char|void|vxt_\w+)\s+\*(?:const\s+)?(\w+)", function))
    names |= set(re.findall(r"(?<=, )\*(\w+)(?= ?[=;,])", function))  # a second one in a declaration
    for name in names:
        moved = rf"(?<![\w.>*]){name}\s*(?:{ADVANCED}|[<>]=?\s*(?![<>=])\w)|(?:\+\+|--){name}\b(?!\s*(?:->|\.|\[))"
        found += re.findall(moved, function)
    return found


@pytest.mark.parametrize("path", [path for path in C_FILES if path.name != "vxt_slice.h"], ids=ident)
def test_only_slices_move_pointers(path: Path) -> None:
    """As far as a simple look at the text can tell; adding a constant to what `take` returned is fine."""
    for item in c_items(path.read_text()):
        if is_function(item):
            assert pointer_moves(item) == [], item


def test_pointer_lint_sees_what_it_should() -> None:
    text = without_comments((ROOT / "csrc" / "vxt_slice.h").read_text())
    assert sum(bool(pointer_moves(item)) for item in c_items(text)) >= 8
    assert pointer_moves("void f(const uint8_t *q) { while (q < r) q++; }")
    assert pointer_moves("void f(char *q) { ++q; }")
    assert pointer_moves("void f(vxt_slice s) { g(s.p + 4); }")
    assert pointer_moves("void f(vxt_slice *s) { s->p += 4; }")
    assert not pointer_moves("void f(const uint8_t *q, size_t *at) { (*at)++; x = q[3] < 4 || q == NULL; }")
