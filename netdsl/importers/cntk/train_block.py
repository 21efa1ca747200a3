"""`SGD = { ... }` of a configuration -> the `SGD` record of a `.net` file, key by key."""

from __future__ import annotations

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Label
from ...base.failure import failure
from ...base.suggest import did_you_mean
from ...optimizers.block import AutoAdjust, TrainingBlock
from ...spec import Choice, Flag, Kind, Number, Optional, ScheduleKind, Spec
from ...syntax import ast
from ..building import Builder
from ..import_format import not_supported
from ..mapped_text import MappedText
from .config_context import ConfigContext
from .config_keys import ADJUST_KEYS, SGD_KEYS, KeyTable, State
from .config_section import Item, Section, items_of
from .config_values import boolean_of, number_of, read_number

#: Names that mean a key of the block where they stand in it.
_KEYS = frozenset(option.name for row in (TrainingBlock, AutoAdjust) for option in row.options())


def sgd_member(context: ConfigContext) -> ast.Assign | None:
    """`SGD = { ... }`; None where the section that trains has none."""
    section = context.action.nearest("SGD")
    if section is None:
        return None
    block = _Block(context, section, TrainingBlock, SGD_KEYS)
    members = block.members()
    adjust = section.section("AutoAdjust") or section.nearest("AutoAdjust")
    rules = _Block(context, adjust, AutoAdjust, ADJUST_KEYS).members() if adjust is not None else []
    if adjust is not None and rules:
        record = Builder(adjust.text.span(0, len(adjust.text.text))).record(_in_order(rules))
        members.append(Builder(adjust.span).assign("AutoAdjust", record))
    members += _precision(context)
    place = Builder(section.text.span(0, len(section.text.text)))
    return Builder(section.span).assign("SGD", place.record(_in_order(members)))


def _in_order(members: list[ast.Member]) -> list[ast.Member]:
    """Members by their places in the file; those of other files and of the command line come last."""
    first = members[0].span.source if members else None
    return sorted(members, key=lambda m: (m.span.source is not first, m.span.source.name, m.span.start))


def _precision(context: ConfigContext) -> list[ast.Member]:
    """`precision = "float"` is what a block has anyway; double is computed as float, with a note."""
    value = context.top.value("precision")
    if value is not None and value.text.casefold() == "double":
        context.notes.append(Diagnostic(
            Code.NO_EFFECT, "`precision = \"double\"` is computed in float32",
            Label(value.span(0, len(value.text)), "netdsl has no double precision"), severity="note"))
    return []


class _Block:
    """A section whose keys are those of a row."""

    def __init__(self, context: ConfigContext, section: Section, row: type[Spec], table: KeyTable) -> None:
        self.context, self.section, self.table = context, section, table
        self.options = {option.name.casefold(): option for option in row.options()}

    def members(self) -> list[ast.Member]:
        found: list[ast.Member] = []
        for key in self.table.keys.values():
            if key.state is not State.SAME or key.name == "AutoAdjust":
                continue
            holder = self.section.holder(key.name)
            value = holder.own(key.name) if holder is not None else None
            if holder is None or value is None:
                continue
            option = self.options[key.name.casefold()]
            place = holder.entry_span(key.name)
            expression = self._expression(option.kind, value, option.name)
            if expression is not None:
                found.append(ast.Assign(ast.Identifier(option.name, holder.key_span(key.name)), expression, place))
        found += self._other_names()
        self.context.report_keys(self.section, self.table)
        return found

    def _other_names(self) -> list[ast.Member]:
        """Keys that netdsl says by another one."""
        if "useAdagrad" in self.section and "gradUpdateType" not in self.section:
            value = self.section.own("useAdagrad")
            if value is not None and boolean_of(value, "useAdagrad"):
                return [Builder(self.section.key_span("useAdagrad")).assign("gradUpdateType", "adagrad")]
        return []

    def _expression(self, kind: Kind, value: MappedText, key: str) -> ast.Expression | None:
        span = value.span(0, len(value.text))
        if isinstance(kind, Optional):
            kind = kind.item
        if isinstance(kind, ScheduleKind):
            return self._schedule(value, key)
        if isinstance(kind, Flag):
            return Builder(span).value(boolean_of(value, key))
        if isinstance(kind, Choice):
            return self._choice(kind, value, key)
        assert isinstance(kind, Number), key
        return self._number(value, key)

    def _number(self, value: MappedText, key: str) -> ast.Expression:
        span = value.span(0, len(value.text))
        number = number_of(value, key)
        if number in (float("inf"), float("-inf")):
            return ast.Name("Infinity", span)
        return self.context.variables.expression(value, _KEYS)

    def _schedule(self, value: MappedText, key: str) -> ast.Expression:
        """`0.1*2:0.05`, which is written alike in a `.net` file."""
        steps = [self._step(item, key) for item in items_of(value)]
        span = value.span(0, len(value.text))
        return steps[0] if len(steps) == 1 else ast.List(tuple(steps), span)

    def _step(self, item: Item, key: str) -> ast.Expression:
        """`0.1` or `0.1*25`."""
        place = item.value.span(0, len(item.value.text))
        if read_number(item.value.text) is None:
            raise failure(Code.BAD_SCHEDULE, f"`{key}` takes numbers", place, f"this is `{item.value.text}`",
                          hint="a schedule is a list of numbers such as `0.1*5:0.05`, one for each epoch.")
        value = self._number(item.value, key)
        if item.repeat is None or item.star is None:
            return value
        count = item.repeat.span(0, len(item.repeat.text))
        whole = place.to(count) if place.source is count.source else place
        return ast.Binary("*", value, Builder(count).value(item.count), whole, item.star)

    def _choice(self, kind: Choice, value: MappedText, key: str) -> ast.Expression | None:
        span = value.span(0, len(value.text))
        if not value.text:
            return None
        known = {name.casefold(): name for name in kind.choices}
        if value.text.casefold() in known:
            return Builder(span).value(known[value.text.casefold()])
        if value.text.casefold() == "searchbeforeepoch":
            self.context.refuse(not_supported(
                "search for a learning rate before each epoch", span, "`searchBeforeEpoch` is not supported",
                hint="give the rates as a schedule, or use `adjustAfterEpoch`."))
            return None
        raise failure(Code.OPTION_TYPE, f"`{key}` takes {', '.join(kind.choices)}", span,
                      did_you_mean(value.text, kind.choices) or f"this is `{value.text}`")
