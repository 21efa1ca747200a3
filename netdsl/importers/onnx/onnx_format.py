"""The row of the table of formats for ONNX models."""

from __future__ import annotations

from pathlib import Path

from ...base.source import Span
from ...syntax import ast
from ..building import Builder
from ..import_format import Imported, ImportFormat, ImportRequest
from .translation import translate_file


class OnnxModel(ImportFormat):
    """A model in ONNX: the network, and (`onnx_weights.py`) its weights in the same file."""

    name = "onnx"
    title = "an ONNX model"
    suffixes = (".onnx",)
    binary = True

    def recognises(self, text: str) -> bool:
        return False

    def read(self, request: ImportRequest) -> Imported:
        translation = translate_file(Path(request.source.name))
        build = Builder(Span.nowhere(request.source.name))
        members: list[ast.Member] = [build.assign(member.name, build.parsed(member.text))
                                     for member in translation.members]
        outputs = " : ".join(translation.outputs)
        members.append(build.assign("outputNodes", build.parsed(outputs)))
        network = build.assign("network", build.record(members))
        return Imported(ast.Module((network,), build.span), request.overrides)
