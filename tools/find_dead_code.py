"""Names of the package that nothing in it uses: `python tools/find_dead_code.py`. Exit status 1 if there are any.

vulture finds them; what is used by its name in a table (rows and what a row may define), by Lark, by click or by
Python is no finding. Tests do not count as a use: code that only they need does not belong into the package.
"""

from __future__ import annotations

import sys
from pathlib import Path

from vulture import Vulture  # type: ignore[import-untyped]

from netdsl import layers, optimizers, readers
from netdsl.importers.caffe import layer_rows as caffe_rows
from netdsl.layers.layer import Layer
from netdsl.optimizers.block import TrainingBlock

ROOT = Path(__file__).resolve().parent.parent

#: Used from outside of the package's own code, and by whom.
USED = {
    "pytest's battery over the rows": {"invariants", "parameter_inputs"},
    "a notebook": {"_repr_mimebundle_", "_repr_html_", "_repr_svg_", "_render_traceback_"},
    "Python": {"__dir__", "_value_", "__call__"},
    "pickle": {"find_class", "persistent_load", "pid"},
    "click": {"format_commands"},
    "torch": {"extra_repr"},
    "onnx and onnxruntime": {"doc_string", "log_severity_level"},
    "tests that look at a decision or a layout from outside": {"rate_factor", "lay_out_diagram", "example_lines"},
    "vars () of a class": {"_reader_options", "_known_fields"},
    "the order of an enum": {"NOTHING"},
    "Lark, by the names of the grammar's rules": {"assign", "define", "assign_elements", "include", "member_of",
                                                  "call_braces", "postfix_function", "false"},
    "csv": {"delimiter"},
    "string.Template": {"delimiter"},
}


def main() -> int:
    rows = {row.__name__ for table in (layers.NAMES, optimizers.NAMES, readers.NAMES) for row in table.values()}
    tables = (TrainingBlock, *layers.NAMES.values())
    rows |= {type(row).__name__ for row in caffe_rows.ROWS}
    options = {field for row in tables for field in vars(row).get("__annotations__", {})}
    known = rows | options | set(vars(Layer)) | {name for names in USED.values() for name in names}
    vulture = Vulture(ignore_decorators=["@*.command", "@*.command(*)", "@*.option", "@click.*"])
    vulture.scavenge([str(ROOT / folder) for folder in ("netdsl", "tools", "benchmarks")])
    templates = "".join(path.read_text() for path in (ROOT / "netdsl").rglob("*.j2"))
    found = [item for item in vulture.get_unused_code(min_confidence=60)
             if item.name not in known and item.typ != "import" and item.name not in templates]
    for item in found:
        print(f"{item.filename}:{item.first_lineno}: nothing uses the {item.typ} `{item.name}`")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
