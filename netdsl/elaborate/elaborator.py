"""Module -> Program: the file is evaluated, its network collected, its blocks read."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from .. import layers, optimizers, readers
from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Edit, Label
from ..base.failure import Failure
from ..base.recursion import run_deep
from ..base.render import in_file_order
from ..base.source import Files, Source, Span
from ..base.suggest import did_you_mean, suggest
from ..ir.network import Network
from ..ir.program import SPECIAL, Budget, Phase, Program, Readers
from ..optimizers.block import TrainingBlock
from ..spec import Applicable, show_value
from ..syntax import ast
from . import errors
from .blocks import prepare_reader, read_plan, read_readers, sample_warning, take_sample
from .budget import read_budget
from .builtins import environment
from .evaluator import ExpressionEvaluator
from .limits import LimitReached, metered
from .values import Environment, FunctionValue, Lazy, ListValue, NamedPlace, RecordValue, Ref, Scope, Thunk

#: Names with a meaning at the top of a file.
BLOCKS = ("network", "reader", "SGD")
#: Keys of CNTK's configuration files, and what stands for them.
CONFIGURATION = {
    **dict.fromkeys(("command", "action"), "remove it: the command says what to do, as in `netdsl run FILE`."),
    "modelPath": "remove it: a run keeps its checkpoints in its own folder, `netdsl run FILE -o FOLDER`.",
    "deviceId": "remove it: the device is an option of the command, as in `netdsl run FILE --device cpu`.",
    **dict.fromkeys(("BrainScriptNetworkBuilder", "SimpleNetworkBuilder", "NDLNetworkBuilder"),
                    "the network is `network = { ... }`, at the top of the file."),
    **dict.fromkeys(("Train", "train", "Test", "test"),
                    "`network`, `reader` and `SGD` go at the top of the file, without a block around them."),
}
#: Rows of the other tables are no part of a network; `Linear` there is a misspelt layer, not a schedule.
NOT_IN_NETWORKS = frozenset({*readers.NAMES, *optimizers.NAMES} - set(layers.NAMES))


def elaborate(module: ast.Module, files: Files | None = None, sample: str | None = None
              ) -> tuple[Program | None, list[Diagnostic]]:
    """The program that a file means, as far as it could be read, and every mistake and warning found.

    With `sample`, the name that the sample row replaces (`dataDir`) is that folder, and the keys of
    `SGD.sample` take the place of those of `SGD`.
    """
    return run_deep(lambda: _elaborate(module, files or Files(), sample))


def _elaborate(module: ast.Module, files: Files, sample: str | None) -> tuple[Program | None, list[Diagnostic]]:
    with metered():
        elaboration = _Elaboration(module, files, sample)
        try:
            return elaboration.run()
        except LimitReached as reached:
            return None, in_file_order([*elaboration.problems, reached.diagnostic])


def evaluate(expression: ast.Expression, module: ast.Module, files: Files | None = None) -> Any:
    """The value of an expression in the scope of a file; for documentation and tests."""

    def work() -> Any:
        evaluator = ExpressionEvaluator(files or Files(), environment())
        with metered():
            return value_of(evaluator)

    def value_of(evaluator: ExpressionEvaluator) -> Any:
        record = evaluator.record_of(module.members, module.span, evaluator.root, NamedPlace(Scope()), "the file")
        return _forced(evaluator.evaluate(expression, _inside(record), NamedPlace(Scope("value"))))

    return run_deep(work)


def _inside(record: RecordValue) -> Environment:
    return Environment(dict(record.members), record.environment.outer, "the file")


def _forced(value: Any) -> Any:
    """Lists as Python lists, all the way down."""
    if isinstance(value, ListValue):
        return [_forced(item.force()) for item in value.flat()]
    if isinstance(value, RecordValue):
        return {name: _forced(member.force()) for name, member in value.members.items()}
    return value


class _Elaboration:
    """One run over one file."""

    def __init__(self, module: ast.Module, files: Files, sample: str | None) -> None:
        self.module, self.sample = module, sample
        self.evaluator = ExpressionEvaluator(files, environment())
        self.problems: list[Diagnostic] = []
        self.special: dict[str, tuple[str, ...]] = {}
        self.written: dict[str, Span] = {}
        self.spans: dict[str, Span] = {}
        self.aliases: dict[str, str] = {}
        self.settings: dict[str, object] = {}
        self.budgets: tuple[Budget, ...] = ()

    def run(self) -> tuple[Program | None, list[Diagnostic]]:
        try:
            top = self.evaluator.record_of(self.module.members, self.module.span, self.evaluator.root,
                                           NamedPlace(Scope()), "the file")
        except Failure as failed:
            return None, list(failed.diagnostics)
        prepare_reader(top)
        if self.sample is not None:
            self._try(lambda: take_sample(top, self.sample))
        network = self._try(lambda: self._network(top))
        self._plain_members(top)
        readers, plan = Readers(), None
        if "reader" in top.members:
            found = self._try(lambda: read_readers(self.evaluator, top.members["reader"], self.problems))
            readers = readers if found is None else found
            warning = self._try(lambda: sample_warning(top, readers.sample))
            self.problems += [warning] if warning is not None else []
        if "SGD" in top.members:
            plan = self._try(lambda: read_plan(self.evaluator, top.members["SGD"], self.problems,
                                               self.sample is not None))
        if network is not None and "SGD" in top.members and not self.special.get("criterionNodes"):
            self._no_criterion(network)
        self._foreign(top)
        self._unused(top, network)
        if network is None:
            return None, in_file_order(self.problems)
        self.problems += self.evaluator.warnings
        warnings = tuple(p for p in self.problems if not p.is_error)
        program = Program(
            source=self.module.span.source, network=Network(self.evaluator.nodes.values()), special=self.special,
            spans=self.spans, aliases=self.aliases, readers=readers, plan=plan, settings=self.settings,
            budgets=self.budgets, warnings=warnings, written=self.written)
        return program, in_file_order(self.problems)

    def _foreign(self, top: RecordValue) -> None:
        """Keys of CNTK's configuration files, and blocks that are misspelt: nothing would ever read them."""
        for name, span in top.names.items():
            lazy = top.members[name]
            if name in BLOCKS or span in self.evaluator.used or not isinstance(lazy, Thunk):
                continue
            record = isinstance(lazy.expression, ast.Record)
            near = next((b for b in BLOCKS if b not in top.members and name.casefold().rstrip("s") == b.casefold()), "")
            if name in CONFIGURATION and (record or name not in ("Train", "train", "Test", "test")):
                self.problems.append(Diagnostic(Code.UNKNOWN_KEY, f"`{name}` belongs to CNTK's configuration files",
                                                Label(span, "nothing reads it here"), hint=CONFIGURATION[name]))
            elif record and (near or (near := _block_of(lazy.expression, top.members))) and near != "network":
                self.problems.append(_not_a_block(name, span, near, lazy.expression))

    def _try(self, work: Any) -> Any:
        return self.evaluator.diagnostics_of(work, self.problems)

    # -- the network --------------------------------------------------------------------------------

    def _network(self, top: RecordValue) -> RecordValue:
        if "network" not in top.members:
            near = next((n for n in top.names if n.endswith("NetworkBuilder")), None) or suggest("network", top.members)
            span = top.names[near] if near else Span.nowhere(self.module.span.source.name)
            label = "is this the network? it has to be called `network`" if near else ""
            raise Failure([Diagnostic(Code.NO_NETWORK, "the file has no `network`", Label(span, label),
                                      hint="a file describes its network in `network = { ... }`.")])
        thunk = top.members["network"]
        if isinstance(thunk, Thunk):
            # Its members' names are the nodes' names: no `network.` in front of each.
            thunk.place = NamedPlace(Scope())
            thunk.environment = Environment({}, thunk.environment, hides=NOT_IN_NETWORKS)
        record = thunk.force()
        if not isinstance(record, RecordValue):
            raise errors.wrong_type("`network` has to be a record", thunk.span, record)
        self._misspelt(record)
        for name in SPECIAL:
            if name in record.members:
                self.spans[name] = record.names[name]
                self._try(lambda name=name: self._special(name, record))
        if "budget" in record.members and isinstance(record.members["budget"], Thunk):
            budget = record.members["budget"]
            self.budgets = self._try(lambda: read_budget(self.evaluator, budget)) or ()
        for name, member in record.members.items():
            if name not in SPECIAL and name != "budget" and isinstance(member, Thunk):
                self._member(name, member)
        self._names(record)
        return record

    def _misspelt(self, record: RecordValue) -> None:
        for name, span in record.names.items():
            if name in SPECIAL or not name.casefold().endswith(("nodes", "node")):
                continue
            near = did_you_mean(name, SPECIAL)
            if near:
                self.problems.append(Diagnostic(
                    Code.UNKNOWN_KEY, f"`{name}` is not one of the lists of nodes with a meaning", Label(span, near),
                    body=(f"They are {', '.join(SPECIAL)}.",)))

    def _special(self, name: str, record: RecordValue) -> None:
        lazy = record.members[name]
        if isinstance(lazy, Thunk):
            lazy.place = NamedPlace(Scope(), False)
        value = lazy.force()
        items: list[Lazy] = value.flat() if isinstance(value, ListValue) else [lazy]
        names = []
        for item in items:
            node = item.force()
            if isinstance(node, str):
                names.append(self._by_name(node, item.span, record))
            elif isinstance(node, Ref):
                names.append(node.node)
                self.written.setdefault(node.node, item.span)
            else:
                raise errors.wrong_type(f"`{name}` is a list of nodes of the network", item.span, node, None,
                                        errors.APPLY
                                        if isinstance(node, Applicable) else "")
        self.special[name] = tuple(dict.fromkeys(names))

    def _by_name(self, node: str, span: Span, record: RecordValue) -> str:
        if node in record.members:
            value = record.members[node].force()
            if isinstance(value, Ref):
                return value.node
        for member in record.members.values():  # a node is there only once something has made it
            if isinstance(member, Thunk):
                self._try(member.force)
        if node not in self.evaluator.nodes:
            near = did_you_mean(node, [*self.evaluator.nodes, *record.members])
            raise Failure([Diagnostic(Code.UNKNOWN_NAME, f"there is no node called `{node}`", Label(span, near),
                                      hint="" if near else "`netdsl check` lists the nodes with their names.")])
        return node

    def _member(self, name: str, member: Thunk) -> None:
        """Every plain member is evaluated, so that each of its mistakes is found."""
        value = self._try(member.force)
        if isinstance(value, Ref):
            self.aliases[name] = value.node

    def _names(self, record: RecordValue) -> None:
        """Elements of the special lists that are members already have a name; aliases cover the rest."""
        for name in SPECIAL:
            member = record.members.get(name)
            if isinstance(member, Thunk):
                self._try(lambda member=member: member.force())

    def _no_criterion(self, network: RecordValue) -> None:
        if any(p.code == Code.UNKNOWN_KEY and "`criterionNodes`" in p.primary.text for p in self.problems):
            return
        if any(p.primary.span == self.spans.get("criterionNodes") for p in self.problems) or (
                "criterionNodes" in network.members and any(p.is_error for p in self.problems)):
            return
        self.problems.append(Diagnostic(
            Code.NO_CRITERION, "the network has no criterion, so it cannot be trained",
            Label(network.span, "in this network"),
            hint="name what to minimize: `criterionNodes = CrossEntropyWithSoftmax (labels, z)`."))

    # -- the rest of the file ------------------------------------------------------------------------

    def _plain_members(self, top: RecordValue) -> None:
        for name, member in top.members.items():
            if name in BLOCKS or name in CONFIGURATION or not isinstance(member, Thunk):
                continue
            value = self._try(member.force)
            if isinstance(value, bool | float | str):
                self.settings[name] = value
            elif isinstance(value, ListValue):
                plain = self._try(lambda value=value: _forced(value))
                if isinstance(plain, list) and all(isinstance(v, bool | float | str) for v in plain):
                    self.settings[name] = tuple(plain)

    def _unused(self, top: RecordValue, network: RecordValue | None) -> None:
        """A name of this file that nothing uses is most likely a mistake."""
        if any(p.is_error for p in self.problems) or network is None:
            return
        alive = Network(self.evaluator.nodes.values()).ancestors(n for names in self.special.values() for n in names)
        for record, reserved in ((top, BLOCKS), (network, (*SPECIAL, "budget"))):
            for name, span in record.names.items():
                if name in reserved or span.source is not self.module.span.source or name.startswith("_"):
                    continue
                member = record.members[name]
                node = self.aliases.get(name) if record is network else None
                used = span in self.evaluator.used and (node is None or node in alive)
                if not used and not (node is not None and node in alive):
                    self.problems.append(_unused_warning(name, span, node, isinstance(member.force(), FunctionValue)))


def _block_of(record: Any, there: Container[str]) -> str:
    """The block, not in the file yet, that a record's keys belong to; empty if it is none."""
    keys = {member.name.text for member in record.members if isinstance(member, ast.Assign | ast.Define)}
    known = {"SGD": {option.name for option in TrainingBlock.options()}, "reader": {*Phase, "sample"}}
    return next((name for name, own in known.items() if name not in there and keys & own), "")


def _not_a_block(name: str, span: Span, meant: str, record: Any) -> Diagnostic:
    """`data = {`, `Adam = {`: nothing would ever read it."""
    hint, fix = f"call it `{meant}`", [Edit(span, meant)]
    if name in optimizers.OPTIMIZERS:
        brace = record.span.start + 1
        hint += f", and choose the rule in it: `optimizer = {name} {{}}`"
        fix.append(Edit(span.source.span(brace, brace), f" optimizer = {name} {{}} ;"))
    return Diagnostic(Code.UNKNOWN_KEY, f"`{name}` is not a block of the file",
                      Label(span, f"its keys are those of `{meant}`"), body=(f"The blocks are {', '.join(BLOCKS)}.",),
                      hint=f"{hint}.", fix=tuple(fix))


def _unused_warning(name: str, span: Span, node: str | None, function: bool) -> Diagnostic:
    why = "it is computed, but no criterion, metric or output needs it" if node else "nothing uses it"
    hint = "name it in `evaluationNodes` or `outputNodes`, or remove it." if node else \
        "remove it, or begin its name with `_`."
    return Diagnostic(Code.UNUSED_NAME, f"`{name}` is not used", Label(span, why), hint=hint, severity="warning")


__all__ = ["Source", "elaborate", "evaluate", "show_value"]
