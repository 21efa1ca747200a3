"""netdsl: a language for neural networks, and the compiler and trainer after it.

    program = netdsl.check ("networks/convnet_mnist.net")    # raises Failure with every mistake
    result  = netdsl.train (program, out="runs/mine")         # as `netdsl run`, with the same options
    found   = netdsl.test (program, "runs/mine")
    answers = netdsl.predict (program, "photos/", "runs/mine")
    netdsl.export (program, "onnx", "runs/mine")              # for other programs
    drawing = netdsl.graph (program)
    changes = netdsl.diff ("digits.net", "wider.net")         # print (changes); changes.picture ("diff.svg")
    module  = netdsl.compile (program)                        # an nn.Module: module (images) -> scores
    netdsl.load_weights (module, "runs/mine")

docs/python.md has them all.
"""

from __future__ import annotations

from ._version import __version__
from .api.comparing import diff
from .api.functions import compile, export, graph, load_weights, predict, test, train
from .api.importing import import_file
from .base.diagnostics import Diagnostic
from .base.failure import Failure
from .base.source import Files, Source
from .compiler import CheckResult, check, load
from .ir.program import CheckedProgram

__all__ = [
    "CheckResult",
    "CheckedProgram",
    "Diagnostic",
    "Failure",
    "Files",
    "Source",
    "__version__",
    "check",
    "compile",
    "diff",
    "export",
    "graph",
    "import_file",
    "load",
    "load_weights",
    "predict",
    "test",
    "train",
]


def __dir__() -> list[str]:
    """The public names; the rooms are for those who change netdsl."""
    return __all__
