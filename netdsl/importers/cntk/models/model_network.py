"""The row of CNTK's model files as networks: the graph of a model becomes a `.net` module.

The file has no text. What stands for it is the `.net` text that the graph is written as, so messages have a line to
point at; it has the name of the file.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from ....base.diagnostics import Diagnostic
from ....base.failure import Failure
from ....base.source import Source, Span
from ....base.units import first_of
from ....syntax import ast
from ....syntax.format.printer import format_module
from ....syntax.parser import parse
from ...building import Builder
from ...import_format import Imported, ImportFormat, ImportRequest, not_supported
from .model_file import ModelFile, ModelNode, ModelTensor
from .model_rules import step_of
from .model_steps import GraphView, Step, Unsupported
from .read_model import TITLE, looks_like_model, read_model

#: Words that a name must not be: those of the language, and the special lists of a network.
_TAKEN = frozenset(("if", "then", "else", "array", "true", "false", "include", "network", "reader", "SGD",
                    "featureNodes", "labelNodes", "criterionNodes", "evaluationNodes", "outputNodes"))


class CNTKModelGraph(ImportFormat):
    """Models that CNTK saved, as networks."""

    name: ClassVar[str] = "cntk_model"
    title: ClassVar[str] = TITLE
    suffixes: ClassVar[tuple[str, ...]] = (".model", ".dnn", ".cmf")
    binary: ClassVar[bool] = True

    def recognises(self, text: str) -> bool:
        return False

    def begins(self, start: bytes) -> bool:
        return looks_like_model(start)

    def read(self, request: ImportRequest) -> Imported:
        name = request.source.name
        module = GraphWriter(read_model(Path(name)), name).module()
        source = Source(name, format_module(module, Source(name, "")))
        return Imported(parse(source), request.overrides)


class GraphWriter:
    """Writes the graph of a model with the rows of netdsl."""

    def __init__(self, model: ModelFile, file: str) -> None:
        self._model = model
        self._span = Span.nowhere(file)
        self._view = GraphView(model, Builder(self._span))
        self._steps, self._roots = self._needed_steps()
        self._names = _Names(self._steps)
        self._written: dict[str, ast.Expression] = {}
        #: uid of a tensor -> its full name in the network
        self.tensor_names: dict[str, str] = {}

    def module(self) -> ast.Module:
        """The whole file: a network and nothing else."""
        build = self._view.build
        members = [build.assign("network", build.record(list(self._members())))]
        return ast.Module(tuple(members), self._span)

    def _needed_steps(self) -> tuple[dict[str, Step], list[str]]:
        """The step of every node that the roots are made from, in order. Raises Failure with all that has no row."""
        roots = list(dict.fromkeys(uid for uids in self._model.groups.values() for uid in uids
                                   if uid in self._model.nodes))
        roots += [uid for uid in self._model.nodes if uid not in self._model.users and uid not in roots]
        waiting, steps, problems = list(roots), dict[str, Step](), dict[str, Diagnostic]()
        while waiting:
            uid = waiting.pop()
            node = self._model.nodes.get(uid)
            if node is None or uid in steps or uid in problems:
                continue
            try:
                step = step_of(self._view, node)
                step.make([self._view.build.name("x")] * len(step.operands))  # to see whether it can be written
                steps[uid] = step
                waiting += step.operands
            except Unsupported as wrong:
                problems[uid] = self._no_row(wrong, node)
                waiting += node.inputs
            except (ValueError, TypeError, IndexError) as error:
                form = Unsupported(f"operation `{node.operation}` of this form")
                problems[uid] = self._no_row(form, node, str(error))
        order = {uid: place for place, uid in enumerate(self._model.nodes)}
        if problems:
            raise Failure(_once(problems[uid] for uid in sorted(problems, key=order.__getitem__)))
        return {uid: steps[uid] for uid in sorted(steps, key=order.__getitem__)}, roots

    def _no_row(self, wrong: Unsupported, node: ModelNode, why: str = "") -> Diagnostic:
        body = (f"The node is `{node.name or node.uid}`, at byte {node.at:,} of the file.",)
        return not_supported(wrong.what, self._span, body=(*body, f"Reading says: {why}.") if why else body,
                             hint="its weights can be used all the same: `netdsl info` lists them, and a network "
                                  "that you write takes them with --weights.")

    # --- members ------------------------------------------------------------------------------------

    def _members(self) -> Iterator[ast.Member]:
        build = self._view.build
        operands = {uid for step in self._steps.values() for uid in step.operands}
        for value in self._model.inputs.values():
            if value.uid in operands:
                if any(extent < 0 for extent in value.dims):
                    raise Failure([not_supported("input of an extent that only the data say", self._span,
                                                 body=(f"The input is `{value.name}`.",))])
                name = self._names.given(value.name, "x")
                self._written[value.uid] = build.name(name)
                yield build.assign(name, build.make("Input", _bare(build.value(value.dims or (1,)))))
        for uid, step in self._steps.items():
            for operand in step.operands:
                if operand in self._model.tensors and operand not in self._written:
                    yield from self._tensor(self._model.tensors[operand])
            expression = step.make([self._written[operand] for operand in step.operands])
            node = self._model.nodes[uid]
            named = bool(node.name) and not node.name.startswith("_")
            users = [user for user in self._steps if uid in self._steps[user].operands] if step.small else []
            if step.small and not named and len(users) == 1 and uid not in self._roots:
                self._written[uid] = expression
                continue
            name = self._names.given(node.name if named else "", step.stem or "value")
            for tensor, own in step.tensors.items():
                self.tensor_names[tensor] = f"{name}.{own}"
            if f"{uid}.value" in self._model.tensors:
                self.tensor_names[f"{uid}.value"] = f"{name}.value"
            self._written[uid] = build.name(name)
            yield build.assign(name, expression)
        yield from self._lists()

    def _tensor(self, tensor: ModelTensor) -> Iterator[ast.Member]:
        """A tensor that stands by itself: a number, or a parameter."""
        build, number = self._view.build, self._view.number(tensor.uid)
        if number is not None:
            self._written[tensor.uid] = build.value(number)
            return
        own = tensor.path.rpartition(".")[2]
        name = self._names.given("" if own == tensor.uid else own, "W")
        self.tensor_names[tensor.uid] = f"{name}.value"
        self._written[tensor.uid] = build.name(name)
        fixed = {} if tensor.learned else {"learningRateMultiplier": 0}
        yield build.assign(name, build.make("ParameterTensor", _bare(build.value(tensor.dims or (1,))), **fixed))

    def _lists(self) -> Iterator[ast.Member]:
        """`criterionNodes` and its like: as the file says, else by what the roots are."""
        groups: dict[str, list[str]] = {"criterion": [], "evaluation": [], "output": []}
        said = {uid: group for group, uids in self._model.groups.items() if group in ("criterion", "evaluation")
                for uid in uids}
        for uid in self._roots:
            if uid in self._steps:
                groups[said.get(uid, self._steps[uid].group)].append(uid)
        for group, uids in groups.items():
            if uids:
                yield self._view.build.assign(f"{group}Nodes", _bare(self._view.build.list(
                    [self._written[uid] for uid in uids])))


class _Names:
    """Names for members: those of the file as far as the language has them, each once."""

    def __init__(self, steps: Mapping[str, Step]) -> None:
        self._taken = set(_TAKEN)
        for step in steps.values():
            self._taken |= set(_called(step))

    def given(self, wanted: str, stem: str) -> str:
        """A name for something that the file calls so; without one, the stem and a number."""
        clean = re.sub(r"[^A-Za-z0-9_]+", "_", wanted).strip("_") if wanted else ""
        if clean and not clean[0].isalpha():
            clean = f"n{clean}"
        numbered = (f"{clean or stem}{number}" for number in itertools.count(2 if clean else 1))
        candidates = itertools.chain([clean], numbered) if clean else numbered
        name = next(name for name in candidates if name not in self._taken)
        self._taken.add(name)
        return name


def _called(step: Step) -> Iterator[str]:
    """The rows that a step is written with: a member of that name would hide them."""
    waiting: list[ast.Expression] = [step.make([ast.Name("x", Span.nowhere(""))] * len(step.operands))]
    while waiting:
        expression = waiting.pop()
        match expression:
            case ast.Call(callee, arguments):
                if isinstance(callee, ast.Name):
                    yield callee.text
                else:
                    waiting.append(callee)
                waiting += [argument.value for argument in arguments]
            case ast.Binary(_, left, right):
                waiting += [left, right]
            case ast.Unary(_, operand):
                waiting.append(operand)
            case ast.Parentheses(value):
                waiting.append(value)


def _bare(value: ast.Expression) -> ast.Expression:
    """A list without its parentheses: in braces of its own, or as a whole value, it needs none."""
    return value.value if isinstance(value, ast.Parentheses) else value


def _once(problems: Iterator[Diagnostic]) -> list[Diagnostic]:
    """A page for each kind of thing that is missing; the others of a kind are counted in it."""
    found: dict[str, list[Diagnostic]] = {}
    for problem in problems:
        found.setdefault(problem.title, []).append(problem)
    pages = []
    for alike in found.values():
        first = alike[0]
        if len(alike) > 1:
            names = [page.body[0].split("`")[1] for page in alike[1:]]
            more = f"It is also at {first_of([f'`{name}`' for name in names], 4)}."
            first = Diagnostic(first.code, first.title, first.primary, body=(*first.body, more), hint=first.hint)
        pages.append(first)
    return pages
