"""The house rules: rooms and their order (read from docs/architecture.md), who may import what, sizes."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import networkx
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "netdsl"
FILES = sorted(PACKAGE.rglob("*.py"))


def read_map() -> dict[str, int]:
    """The rooms and loose files of the package with their floors, from the map in docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    block = re.search(r"```map\n(.*?)```", text, re.DOTALL)
    assert block, "docs/architecture.md has no ```map block"
    floors: dict[str, int] = {}
    for line in block.group(1).splitlines():
        found = re.match(r"\s*(\d+)\s+(\S+)\s+\S", line)
        if found:
            floors[found.group(2).removesuffix("/").removesuffix(".py")] = int(found.group(1))
    return floors


FLOOR = read_map()
ROOMS_OF_DRAWING = [path.parent.name for path in (PACKAGE / "drawing").glob("*/__init__.py")]


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path, top_only: bool = False) -> list[tuple[str, int]]:
    """Modules that a file imports, absolute (`netdsl.layers.layer`), with the line."""
    tree = ast.parse(path.read_text())
    found = []
    package = ("netdsl", *path.relative_to(PACKAGE).with_suffix("").parts)
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level] if node.level else ()
            module = ".".join([*base, node.module] if node.module else base)
            found += [(f"{module}.{alias.name}", node.lineno) for alias in node.names]
    return found


def test_the_map_names_every_room_and_nothing_else() -> None:
    there = {path.stem if path.suffix == ".py" else path.name for path in PACKAGE.iterdir()
             if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert there == set(FLOOR)


def test_nothing_loose_at_the_top() -> None:
    loose = {path.name for path in PACKAGE.glob("*.py")}
    assert loose == {"__init__.py", "__main__.py", "_version.py", "compiler.py", "lower.py"}


def test_every_room_says_what_it_is_for() -> None:
    for init in PACKAGE.rglob("__init__.py"):
        doc = ast.get_docstring(ast.parse(init.read_text()))
        assert doc, f"{init} needs one sentence"
        assert doc.split("\n\n")[0].rstrip().endswith("."), f"{init} needs a whole sentence"


def test_every_room_says_what_it_may_import() -> None:
    for init in PACKAGE.glob("*/__init__.py"):
        doc = ast.get_docstring(ast.parse(init.read_text())) or ""
        assert re.search(r"\b[Ii]mports?\s", doc.split("\n\n")[0]), f"{init} does not say what the room may import"


def test_an_init_holds_a_sentence_and_names_and_nothing_that_works() -> None:
    """What works is in a file with a name; an `__init__` re-exports it."""
    for init in PACKAGE.rglob("__init__.py"):
        for node in ast.parse(init.read_text()).body:
            is_doc = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            is_all = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
            is_protocol = isinstance(node, ast.FunctionDef) and node.name == "__dir__"
            assert is_doc or is_all or is_protocol or isinstance(node, ast.Import | ast.ImportFrom), \
                f"{init}:{node.lineno} holds more than imports"


def test_no_file_name_twice() -> None:
    names = Counter(path.name for path in FILES if path.name != "__init__.py")
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_imports_from_its_own_room_and_from_lower_floors(path: Path) -> None:
    for module, line in imports(path):
        parts = module.split(".")
        if parts[0] != "netdsl":
            continue
        wanted = parts[1] if len(parts) > 1 and parts[1] in FLOOR else "__init__"  # `from .. import load`
        assert wanted == room(path) or FLOOR[wanted] < FLOOR[room(path)], f"{path}:{line} imports {module}"


def test_nothing_inside_imports_the_front_door() -> None:
    """`import netdsl` is for users; inside, a module is imported from where it is defined."""
    for path in FILES:
        if room(path) == "__main__":
            continue
        for module, line in imports(path):
            parts = module.split(".")
            assert parts[0] != "netdsl" or (len(parts) > 1 and parts[1] in FLOOR), f"{path}:{line} imports {module}"


def test_drawing_has_one_door() -> None:
    """How diagrams are built, laid out and written is the drawing room's own business."""
    for path in FILES:
        for module, line in imports(path):
            inside = (module.startswith("netdsl.drawing.") and (PACKAGE / "drawing" / module.split(".")[2]).with_suffix(
                ".py").exists()) or module.split(".")[1:3] in (["drawing", room] for room in ROOMS_OF_DRAWING)
            assert room(path) == "drawing" or not inside, f"{path}:{line} imports {module}"


def test_no_import_cycles() -> None:
    """Of files, wherever in them the import stands (in a function, for the type checker)."""
    modules = {".".join(("netdsl", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
               for path in FILES}
    graph = networkx.DiGraph()
    for name, path in modules.items():
        for imported, _ in imports(path):
            target = imported if imported in modules else imported.rpartition(".")[0]
            if target in modules and target != name:
                graph.add_edge(name, target)
    assert [sorted(circle) for circle in networkx.strongly_connected_components(graph) if len(circle) > 1] == []


ALLOWED = {
    "networkx": lambda p: p.name == "network.py",
    "lark": lambda p: room(p) == "syntax",
    "click": lambda p: room(p) == "cli",
    "jinja2": lambda p: room(p) in ("report", "scaffold"),
    "torchvision": lambda p: False,
    "pickle": lambda p: p.name == "array_pickle.py",  # a restricted unpickler: arrays, bytes, lists, numbers
}


@pytest.mark.parametrize("name", ALLOWED)
def test_who_imports(name: str) -> None:
    for path in FILES:
        for module, line in imports(path):
            assert module.split(".")[0] != name or ALLOWED[name](path), f"{path}:{line} imports {name}"


#: Where torch may be imported at the top; everywhere else it is imported inside the function that runs on it.
RUNS_ON_TORCH = {"exporters", "lower", "training"}
RUNS_ON_TORCH_FILES = {"optimizers/update.py", "optimizers/weight_average.py", "runs/checkpoint.py", "runs/inspect.py"}


def test_torch_is_imported_at_the_top_of_few_files() -> None:
    for path in FILES:
        if room(path) in RUNS_ON_TORCH or path.relative_to(PACKAGE).as_posix() in RUNS_ON_TORCH_FILES:
            continue
        for module, line in imports(path, top_only=True):
            assert module.split(".")[0] != "torch", f"{path}:{line} imports torch"


def test_only_the_command_line_prints_or_exits() -> None:
    for path in FILES:
        if room(path) in ("cli", "__main__"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                text = ast.unparse(node.func)
                assert text not in ("print", "sys.exit", "exit", "quit"), f"{path}:{node.lineno} calls {text}"


def test_check_does_not_import_torch() -> None:
    code = ("import sys; from netdsl.cli import run; run(['check', '-q', 'networks/convnet_mnist.net']); "
            "loaded = {'torch', 'PIL', 'safetensors', 'jinja2'} & set(sys.modules); assert not loaded, loaded")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_layer_is_special_outside_the_table() -> None:
    """No comparison of a layer's name outside `layers/`: what differs by layer is in its row."""
    for path in FILES:
        if room(path) == "layers":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare):
                text = ast.unparse(node)
                assert ".layer.name() ==" not in text, f"{path}:{node.lineno}: {text}"


#: Where `getattr` with a default asks an object of Python, of the system or of another package; never a row.
ASKS_OTHERS = {
    "lower.py": "notes of an exception", "base/atomic_files.py": "the number of a system's error",
    "base/recursion.py": "a thread's own state", "data/fetch.py": "the reason of a network's error",
    "training/step.py": "torch.cpu", "training/device.py": "torch.backends, the C library",
    "training/interrupt.py": "signals that not every system has", "training/progress.py": "a stream's encoding",
    "cli/entry.py": "notes of an exception", "optimizers/block.py": "the evaluator's records, which are defined above",
}


def test_nothing_is_asked_what_it_can() -> None:
    """No `hasattr`, no `getattr` with a default: what a row can do is a method with a default on its base."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            assert node.func.id != "hasattr", f"{path}:{node.lineno} asks with hasattr"
            guesses = node.func.id == "getattr" and len(node.args) > 2
            known = path.relative_to(PACKAGE).as_posix() in ASKS_OTHERS
            assert not guesses or known, f"{path}:{node.lineno} asks with getattr"


def test_sizes() -> None:
    """Files under about 400 lines, functions under 60."""
    for path in FILES:
        lines = path.read_text().count("\n")
        assert lines <= 460, f"{path} has {lines} lines: it is two ideas"
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                assert length <= 70, f"{path}:{node.lineno} {node.name} has {length} lines"


def test_the_grammar_is_strict() -> None:
    pytest.importorskip("interegular")
    from lark import Lark

    Lark((ROOT / "grammars" / "net.lark").read_text(), parser="lalr", start=["start", "expression"], strict=True)
