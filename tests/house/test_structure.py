"""The house rules: direction of imports, who may import what, no torch in `check`, sizes."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import networkx
import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "netdsl"
FILES = sorted(PACKAGE.rglob("*.py"))

#: From the ground up; a file may import from its own group's folder and from groups before it.
GROUPS = [
    ["source", "deep", "seeds", "cache", "version", "fetch"],
    ["diagnostics"],
    ["spec"],
    ["syntax", "layers", "readers", "optimizers"],
    ["network"],
    ["program"],
    ["elaborate"],
    ["estimate"],
    ["passes", "overrides", "declared", "template", "sheet", "runs", "formats", "lower", "averaging", "doubts"],
    ["program_check"],
    ["compiler", "predictions", "reference"],
    ["resolve", "summary", "training"],
    ["__init__"],
    ["samples", "network_pages"],
    ["report"],
    ["cli"],
    ["docs", "__main__"],
]
LEVEL = {name: level for level, names in enumerate(GROUPS) for name in names}


def group(path: Path) -> str:
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


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_lower_modules_do_not_import_upper_ones(path: Path) -> None:
    own = LEVEL[group(path)]
    for module, line in imports(path):
        parts = module.split(".")
        if parts[0] != "netdsl":
            continue
        wanted = parts[1] if len(parts) > 1 and parts[1] in LEVEL else "__init__"  # `from .. import load`
        assert wanted == group(path) or LEVEL[wanted] < own, f"{path}:{line} imports {module}"


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
    "lark": lambda p: group(p) == "syntax",
    "click": lambda p: group(p) == "cli" or p.name == "docs.py",
    "torchvision": lambda p: False,
    "pickle": lambda p: p.name == "cifarpython.py",  # a restricted unpickler: arrays, bytes, lists, numbers
}


@pytest.mark.parametrize("name", ALLOWED)
def test_who_imports(name: str) -> None:
    for path in FILES:
        for module, line in imports(path):
            assert module.split(".")[0] != name or ALLOWED[name](path), f"{path}:{line} imports {name}"


def test_torch_is_imported_at_the_top_of_the_upper_storeys_only() -> None:
    below = {"source", "deep", "seeds", "diagnostics", "spec", "syntax", "layers", "readers", "optimizers", "network",
             "program", "elaborate", "passes", "overrides", "estimate", "program_check", "compiler", "__init__",
             "formats", "cli", "summary", "reference", "resolve", "samples"}
    for path in FILES:
        if group(path) in below:
            for module, line in imports(path, top_only=True):
                lazily_loaded = "_torch" in path.stem or path.stem == "update"
                assert module.split(".")[0] != "torch" or lazily_loaded, f"{path}:{line} imports torch"


def test_only_the_command_line_prints_or_exits() -> None:
    for path in FILES:
        if group(path) in ("cli", "__main__", "docs"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                text = ast.unparse(node.func)
                assert text not in ("print", "sys.exit", "exit", "quit"), f"{path}:{node.lineno} calls {text}"


def test_check_does_not_import_torch() -> None:
    code = ("import sys; from netdsl.cli import run; run(['check', '-q', 'networks/convnet_mnist.net']); "
            "loaded = {'torch', 'PIL', 'safetensors'} & set(sys.modules); assert not loaded, loaded")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_layer_is_special_outside_the_table() -> None:
    """No comparison of a layer's name outside `layers/`: what differs by layer is in its row."""
    for path in FILES:
        if group(path) == "layers":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare):
                text = ast.unparse(node)
                assert ".layer.name() ==" not in text, f"{path}:{node.lineno}: {text}"


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
