"""The row of bare NDL files, without the configuration that names them."""

from __future__ import annotations

import re
from typing import ClassVar

from ....base.codes import Code
from ....base.diagnostics import Diagnostic, Label
from ....base.source import Source, Span
from ....syntax import ast
from ...building import Builder
from ...import_format import Imported, ImportFormat, ImportRequest
from ...mapped_text import MappedText
from ..config_context import ConfigContext
from ..config_section import Section
from ..config_text import without_comments
from .ndl_network import network_record
from .read_ndl import macro_files, read_text

_RUNS = re.compile(r"(?im)^\s*run\s*=\s*\w+\s*$")
_MAKES = re.compile(r"(?im)^\s*\w+\s*=\s*(Input(Value)?|SparseInput|ImageInput|LearnableParameter|Parameter)\s*\(")
#: An override in our own form: a path with a dot.
_OURS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+=.*", re.DOTALL)
_LAYOUT = "imageLayout"


class NDLFile(ImportFormat):
    """A network in NDL by itself. The command line gives the `$x$` that a configuration would, and `ndlMacros=FILE`."""

    name: ClassVar[str] = "ndl"
    title: ClassVar[str] = "a network in CNTK's NDL"
    suffixes: ClassVar[tuple[str, ...]] = (".ndl",)

    def recognises(self, text: str) -> bool:
        return _RUNS.search(text) is not None and _MAKES.search(text) is not None

    def read(self, request: ImportRequest) -> Imported:
        ours = tuple(text for text in request.overrides if _OURS.fullmatch(text))
        theirs = [text for text in request.overrides if text not in ours]
        notes: list[Diagnostic] = []
        text, _ = without_comments(request.source)
        if not any(_is_layout(given) for given in theirs):  # its macros may ask for it, too
            theirs.append(f'{_LAYOUT} = "cudnn"')
            notes = [_assumed(text)] if f"${_LAYOUT}$".lower() in text.text.lower() else []
        given = MappedText.join(MappedText.whole(Source("command line", f"{one}\n")) for one in theirs)
        section = Section("", given)
        context = ConfigContext(request.files, section, section, [request.source])
        texts = [*macro_files(section, context), read_text(request.source, section)]
        whole = request.source.span(0, len(request.source.text))
        record, more = network_record([member for one in texts for member in one.members], whole, context.variables)
        network = Builder(whole).assign("network", record)
        comments = tuple(comment for one in texts for comment in one.written_comments(record))
        module = ast.Module((*context.variables.members(), network), whole, comments,
                            tuple((0, one.source) for one in texts[:-1]))
        return Imported(module, ours, (*notes, *more))


def _is_layout(override: str) -> bool:
    return override.partition("=")[0].strip().lower() == _LAYOUT.lower()


def _assumed(text: MappedText) -> Diagnostic:
    at = text.text.lower().index(f"${_LAYOUT}$".lower())
    span: Span = text.span(at, at + len(_LAYOUT) + 2)
    return Diagnostic(Code.NO_EFFECT, f"`${_LAYOUT}$` is taken as \"cudnn\"", Label(span, "a configuration says it"),
                      severity="note", hint=f"`{_LAYOUT}=HWC` on the command line is the other one.")
